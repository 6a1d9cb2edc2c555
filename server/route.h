#pragma once

/* Path -> what is asked for. */

#include <stdbool.h>

#include "db/resource.h"
#include "server/base/error.h"
#include "server/format.h"

struct target;

/** What a path leads to. */
enum route_kind {
    ROUTE_INDEX,      /* "/v1/" */
    ROUTE_OPENAPI,    /* "/openapi.json" */
    ROUTE_DOCS,       /* "/docs" */
    ROUTE_LLMS,       /* "/llms.txt" */
    ROUTE_HEALTH,     /* "/healthz": the process answers */
    ROUTE_READY,      /* "/readyz": a dataset is open */
    ROUTE_METRICS,    /* "/metrics": what the process counts */
    ROUTE_COLLECTION, /* "/v1/missions" */
    ROUTE_STATS,      /* "/v1/casualties/stats", or "/v1/series" */
    ROUTE_ITEM,       /* "/v1/missions/{id}" */
    ROUTE_CHILD,      /* "/v1/missions/{id}/facts", "/v1/meta/codes/{id}" */
    ROUTE_EXPORTS,    /* "/v1/export": what can be taken away whole */
    ROUTE_DATABASE,   /* "/v1/export/bluehelm.db": the dataset file */
    ROUTE_PACKAGE,    /* "/v1/export/datapackage.json": what the exports hold */
    ROUTE_ODATA,      /* "/odata/" and all below it */
    ROUTE_GRAPH,      /* "/v1/graph", "/v1/actors/{id}/network": a report on a graph */
};

/** A found route. Borrows the target's text. */
struct route {
    enum route_kind kind;
    enum format format;              /* that the path asks for, and that fits */
    const struct resource *resource; /* COLLECTION, STATS, ITEM, GRAPH: the one; CHILD: the child */
    const struct resource *lines;    /* STATS: the resource that tells the sums as lines; NULL: they
                                        are told in full */
    const struct resource *parent;   /* CHILD, and GRAPH below an item: whose; NULL: nobody's */
    const struct field *filter;      /* CHILD: field of the child that is set */
    int odata;                       /* ODATA: enum odata_kind of server/odata.h */
    const char *param;               /* GRAPH below an item: its declared parameter that is set */
    const char *id;                  /* ITEM, CHILD, GRAPH below an item: id in the path */
    size_t id_segment;               /* where there is an id: which segment of the path that is */
    bool is_export; /* COLLECTION: "/v1/export/missions.csv", all of it, to take away */
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

/** Whether a route leads to a list of rows, which other forms can tell. */
bool route_is_list(const struct route *route);

/** Whether the answer of a route can be told in a form. */
bool route_fits(const struct route *route, enum format format);

/** Writes the template of a route, as in the OpenAPI document: "/v1/missions/{id}". */
void route_template(const struct route *route, char *ret, size_t size);
