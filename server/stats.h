#pragma once

/* /v1/{collection}/stats: its own parameters -> struct stats, and groups -> JSON. The same sums as
 * lines over time (struct lines) are rows of a bucket, a label and the numbers. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/stats.h"
#include "server/base/error.h"
#include "server/fingerprint.h"
#include "server/format.h"

struct buffer;
struct conn;
struct flat;
struct resource;
struct route;
struct state;
struct target;

/** A request for sums, as it was asked for. Zeroed and then filled by stats_parse(). */
struct stats_request {
    struct stats stats;
    const struct resource *told; /* the resource that tells them so; NULL with .lines */
    const struct lines *lines;   /* the sums are told as lines over time; NULL: in full */
    bool is_explained;           /* explain=1 */
    char source[SELECT_ID_SIZE]; /* resolve=source:ID: the name, and then the id */
    char lists[1024];            /* series=a,b taken apart */
    size_t lists_len;
    char cursor_known[FINGERPRINT_SIZE]; /* the knowledge that cursor= is of; "": no cursor */
};

/** What came out. */
struct stats_result {
    struct stats_choice choice;
    int64_t total;     /* groups on all pages */
    uint32_t n;        /* groups of this page */
    bool is_truncated; /* the page ended early, for its size */
};

/**
 * Reads the parameters of a target: those of sums here, filters and clocks through query_parse().
 *
 * Errors: as query_parse(). Lifetime: ret borrows query and target.
 */
bool stats_parse(const struct resource *const *catalogue, const struct state *state,
                 const struct target *target, const struct route *route, struct query *query,
                 struct stats_request *ret, struct error *err);

/** Proves the names in the request, as query_resolve() does. */
bool stats_resolve(struct conn *conn, struct query *query, struct stats_request *request,
                   struct error *err);

/**
 * Writes the groups of one page, with commas between them, into body.
 *
 * Shape: ends early, with ret->is_truncated, where the body would pass `most` bytes.
 * Errors: as stats_choose(), stats_open(); ERR_PARAM_INVALID for more rows than explain=1 tells of.
 */
bool stats_render(struct conn *conn, const struct stats_request *request, size_t most,
                  struct buffer *body, struct stats_result *ret, struct error *err);

/**
 * Writes all groups, or those of the page that was asked for, as a whole body in a flat form: each
 * key as its id and name, then what stats_flat_of() lists.
 *
 * Errors: as stats_render(); the body is broken where it does not fit.
 */
bool stats_render_flat(struct conn *conn, const struct stats_request *request, enum format format,
                       struct buffer *body, struct stats_result *ret, struct error *err);

/** Lists the columns that flat rows of sums can have: every key that may be grouped by, then the
 * sums. lines: the resource that tells them as lines; NULL: they are told in full. */
void stats_flat_of(const struct resource *resource, const struct resource *lines, struct flat *ret);

/** Writes the members of "meta" that say what was added and what was not, each with a comma behind.
 */
bool stats_render_meta(struct conn *conn, const struct stats_request *request,
                       const struct stats_result *result, struct buffer *body, struct error *err);

/** Writes "explain", the rules in sentences, with a comma behind. */
void stats_render_rules(const struct stats_result *result, const char *as_of, struct buffer *body);

enum { STATS_CURSOR_SIZE = 64 /* bytes of a cursor and its NUL */ };

/** Writes the cursor of the page that begins with group `offset`. */
void stats_cursor_write(uint32_t offset, const char *owner, const char *known,
                        char ret[STATS_CURSOR_SIZE]);

/** Tells whether a field can be grouped by: a code or one reference, or a date by its buckets. */
bool stats_groups_by(const struct field *field, bool *ret_is_date);

/** Walks the parameters of sums alone, without the conditions on them; NULL after the last. */
const char *stats_param(size_t index);
