#pragma once

/* The collections as OData 4.0, read-only: what Excel, Power BI and Tableau take with types and
 * refresh. Entities are the flat rows; whatever is beyond this says so with 501. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/query.h"
#include "db/select.h"
#include "server/base/buffer.h"
#include "server/base/error.h"
#include "server/cursor.h"
#include "server/flat.h"
#include "server/fingerprint.h"
#include "server/target.h"

struct conn;
struct request;
struct route;
struct state;

enum {
    ODATA_PAGE = 1000,      /* rows of a page, where Prefer does not say */
    ODATA_ROOT_SIZE = 320,  /* bytes of the service's address and its NUL */
    ODATA_MOST = 1000000000 /* the largest $top and $skip */
};

/** What stands below /odata/. */
enum odata_kind {
    ODATA_SERVICE,  /* "/odata/": the list of the sets */
    ODATA_METADATA, /* "/odata/$metadata": their types */
    ODATA_SET,      /* "/odata/missions" */
    ODATA_COUNT,    /* "/odata/missions/$count" */
    ODATA_ENTITY,   /* "/odata/missions('minusma')" */
};

/** One request, read. Large: kept on the heap. */
struct odata {
    enum odata_kind kind;
    struct flat all;   /* columns of the set */
    struct flat shown; /* those that are told; .at counts the columns of the statement */
    struct filter filter;
    struct target base; /* what of the request query_parse() reads: points into the request's */
    char key[SELECT_ID_SIZE];
    char root[ODATA_ROOT_SIZE];    /* "https://host/odata/"; "": links are relative */
    char select[FLAT_COLUMNS * 8]; /* names of .shown with commas, where $select says; "": all, or
                                      too long to be told */
    bool has_select;
    bool has_top;
    bool is_counted;
    bool is_bare;           /* odata.metadata=none */
    uint32_t top;           /* has_top: most rows of all pages together */
    uint32_t page;          /* most rows of this page */
    bool is_page_by_client; /* Prefer said so */
    char owner[FINGERPRINT_SIZE];
    char manner[ODATA_ROOT_SIZE + 40]; /* what else than the target the answer depends on */
};

/** Whether a request target is below /odata. */
bool odata_is_target(const char *raw);

/** The name of a collection as an entity set: "meta_codes". False: it is none. */
bool odata_set_name(const struct resource *resource, char *ret, size_t size);

/**
 * Finds what a path below /odata leads to: route->odata, ->resource and, for an entity, ->id as the
 * text between the parentheses with the closing one.
 *
 * Errors: ERR_PATH_UNKNOWN, ERR_UNSUPPORTED.
 */
bool odata_route(const struct resource *const *catalogue, const struct target *target,
                 struct route *ret, struct error *err);

/** Writes the template of a path below /odata. */
void odata_template(const struct route *route, char *ret, size_t size);

/**
 * Reads the parameters of the service document and of $metadata, and how the answer is wanted.
 *
 * Errors: as odata_read().
 */
bool odata_read_document(const struct target *target, const struct route *route,
                         const struct request *request, const char *public_url, struct odata *ret,
                         struct error *err);

/**
 * Reads the parameters of a set, a count or an entity.
 *
 * Errors: ERR_PARAM_INVALID, ERR_PARAM_UNKNOWN, ERR_PARAM_REPEATED, ERR_UNSUPPORTED and
 * ERR_CURSOR_STALE with err->param set.
 * Lifetime: query borrows ret, and both borrow the target.
 */
bool odata_read(const struct resource *const *catalogue, const struct state *state,
                const struct target *target, const struct route *route,
                const struct request *request, const char *public_url, struct odata *ret,
                struct query *query, struct error *err);

/** The media type of the answer. Literal. */
const char *odata_type(const struct odata *odata);

/** Writes the service document. */
void odata_service(const struct resource *const *catalogue, const struct odata *odata,
                   struct buffer *body);

/** Writes the types of all sets as CSDL. */
void odata_metadata(const struct resource *const *catalogue, struct buffer *body);

/**
 * Writes a page of a set.
 *
 * Errors: ERR_UNSUPPORTED where it cannot be paged in the order asked for; as select_open().
 */
bool odata_page(const struct resource *const *catalogue, struct conn *conn,
                const struct target *target, struct odata *odata, const struct query *query,
                struct buffer *body, struct error *err);

/** Writes one entity; *ret_row: there is one. Errors: as select_open(). */
bool odata_entity(const struct resource *const *catalogue, struct conn *conn, struct odata *odata,
                  const struct query *query, struct buffer *body, bool *ret_row, struct error *err);

/** Writes a failure as OData tells it: {"error": {"code", "message", "target"}}. */
void odata_error(const struct error *err, const char *code, const char *message,
                 struct buffer *body);

/** Frees what it holds, and the struct. Takes NULL. */
void odata_free(struct odata *odata);
