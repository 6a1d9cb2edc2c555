#pragma once

/* Path -> what is asked for. */

#include <stdbool.h>

#include "db/resource.h"
#include "server/base/error.h"

struct target;

/** What a path leads to. */
enum route_kind {
    ROUTE_INDEX,      /* "/v1/" */
    ROUTE_OPENAPI,    /* "/openapi.json" */
    ROUTE_HEALTH,     /* "/healthz": the process answers */
    ROUTE_READY,      /* "/readyz": a dataset is open */
    ROUTE_COLLECTION, /* "/v1/missions" */
    ROUTE_STATS,      /* "/v1/casualties/stats", or "/v1/series" */
    ROUTE_ITEM,       /* "/v1/missions/{id}" */
    ROUTE_CHILD,      /* "/v1/missions/{id}/facts", "/v1/meta/codes/{id}" */
};

/** A found route. Borrows the target's text. */
struct route {
    enum route_kind kind;
    const struct resource *resource; /* COLLECTION, STATS, ITEM: the one; CHILD: the child */
    const struct resource *lines;    /* STATS: the resource that tells the sums as lines; NULL: they
                                        are told in full */
    const struct resource *parent;   /* CHILD: whose */
    const struct field *filter;      /* CHILD: field of the child that is set */
    const char *id;                  /* ITEM, CHILD: id in the path */
    size_t id_segment;               /* ITEM, CHILD: which segment of the path that is */
    bool is_member; /* CHILD: the rows stand at the id itself, as in "/v1/meta/codes/{id}" */
};

/**
 * Finds what a target's path leads to.
 *
 * Errors: ERR_PATH_UNKNOWN with a suggestion; for a path that is right but for a slash at its end,
 * err->location is the right one.
 */
bool route_find(const struct resource *const *catalogue, const struct target *target,
                struct route *ret, struct error *err);

/** Writes the template of a route, as in the OpenAPI document: "/v1/missions/{id}". */
void route_template(const struct route *route, char *ret, size_t size);
