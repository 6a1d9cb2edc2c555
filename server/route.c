#include "server/route.h"

#include <stdio.h>
#include <string.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/target.h"

/** Paths of one segment. */
static const struct {
    const char *name;
    enum route_kind kind;
} documents[] = {
    { "openapi.json", ROUTE_OPENAPI },
    { "healthz", ROUTE_HEALTH },
    { "readyz", ROUTE_READY },
};
enum { N_DOCUMENTS = sizeof(documents) / sizeof(*documents) };

static bool unknown(const char *given, struct error *err)
{
    return error_set(err, ERR_PATH_UNKNOWN, NULL,
                     "There is no '%.100s' here; /v1/ lists what there is.", given);
}

static bool find_document(const char *name, struct route *ret, struct error *err)
{
    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        if (strcmp(documents[i].name, name) == 0) {
            ret->kind = documents[i].kind;
            return true;
        }
    }
    unknown(name, err);
    for (size_t i = 0; i < N_DOCUMENTS; i++)
        error_allow(err, name, documents[i].name);
    error_allow(err, name, "v1");
    return false;
}

static bool find_child(const struct resource *const *catalogue, const char *name, struct route *ret,
                       struct error *err)
{
    const struct child *child = ret->resource->children;

    for (; child != NULL && child->name != NULL; child++) {
        if (strcmp(child->name, name) != 0)
            continue;
        ret->kind = ROUTE_CHILD;
        ret->parent = ret->resource;
        ret->resource = resource_find(catalogue, child->name);
        ret->filter = resource_field(ret->resource, child->filter);
        return true;
    }
    unknown(name, err);
    for (child = ret->resource->children; child != NULL && child->name != NULL; child++)
        error_allow(err, name, child->name);
    return false;
}

/* A slash too many or too few: the same path with the right end. */
static bool wrong_slash(const struct target *target, bool is_wanted, struct error *err)
{
    defer(buffer_done) struct buffer path = BUFFER_INIT(sizeof(err->location) - 2);
    const char *query;
    int len;

    target_write(target, NULL, &path);
    if (path.broken && !path.overflow)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a redirect");
    if (path.broken)
        return unknown(target->segments[0], err);
    query = strchr(path.data, '?');
    len = query != NULL ? (int)(query - path.data) : (int)path.len;
    snprintf(err->location, sizeof(err->location), "%.*s%s%s", is_wanted ? len : len - 1, path.data,
             is_wanted ? "/" : "", query != NULL ? query : "");
    return error_set(err, ERR_PATH_UNKNOWN, NULL, "The path %s a slash at its end.",
                     is_wanted ? "needs" : "takes no");
}

bool route_find(const struct resource *const *catalogue, const struct target *target,
                struct route *ret, struct error *err)
{
    size_t n = target->n_segments;
    struct route route = { .kind = ROUTE_INDEX };

    if (n == 0 || (n == 1 && strcmp(target->segments[0], "v1") == 0)) {
        if (n == 1 && !target->has_slash)
            return wrong_slash(target, true, err);
        *ret = route;
        return true;
    }
    if (n == 1) {
        if (!find_document(target->segments[0], &route, err))
            return false;
    } else {
        if (strcmp(target->segments[0], "v1") != 0)
            return unknown(target->segments[0], err);
        route.kind = n == 2 ? ROUTE_COLLECTION : ROUTE_ITEM;
        route.resource = resource_find(catalogue, target->segments[1]);
        if (route.resource == NULL) {
            unknown(target->segments[1], err);
            for (; *catalogue != NULL; catalogue++)
                error_allow(err, target->segments[1], (*catalogue)->name);
            return false;
        }
        /* No row is called so: ids of what has sums are made of more than one word. */
        if (n == 3 && route.resource->sums != NULL && strcmp(target->segments[2], "stats") == 0)
            route.kind = ROUTE_STATS;
        else if (n > 2)
            route.id = target->segments[2];
        if (n > 3 && !find_child(catalogue, target->segments[3], &route, err))
            return false;
        if (n > 4)
            return unknown(target->segments[4], err);
    }
    if (target->has_slash)
        return wrong_slash(target, false, err);
    *ret = route;
    return true;
}

void route_template(const struct route *route, char *ret, size_t size)
{
    switch (route->kind) {
    case ROUTE_INDEX:
        snprintf(ret, size, "/v1/");
        break;
    case ROUTE_COLLECTION:
        snprintf(ret, size, "/v1/%s", route->resource->name);
        break;
    case ROUTE_STATS:
        snprintf(ret, size, "/v1/%s/stats", route->resource->name);
        break;
    case ROUTE_ITEM:
        snprintf(ret, size, "/v1/%s/{id}", route->resource->name);
        break;
    case ROUTE_CHILD:
        snprintf(ret, size, "/v1/%s/{id}/%s", route->parent->name, route->resource->name);
        break;
    default:
        for (size_t i = 0; i < N_DOCUMENTS; i++) {
            if (documents[i].kind == route->kind)
                snprintf(ret, size, "/%s", documents[i].name);
        }
    }
}
