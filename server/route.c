#include "server/route.h"

#include <stdio.h>
#include <string.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/export.h"
#include "server/odata.h"
#include "server/target.h"

/** Paths of one segment. */
static const struct {
    const char *name;
    enum route_kind kind;
} documents[] = {
    { "openapi.json", ROUTE_OPENAPI }, { "docs", ROUTE_DOCS },    { "llms.txt", ROUTE_LLMS },
    { "healthz", ROUTE_HEALTH },       { "readyz", ROUTE_READY }, { "metrics", ROUTE_METRICS },
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
        ret->parent = ret->resource;
        if (child->report != NULL) {
            ret->kind = ROUTE_GRAPH;
            ret->resource = child->report;
            ret->param = child->filter;
            return true;
        }
        ret->kind = ROUTE_CHILD;
        ret->resource = resource_find(catalogue, child->name);
        ret->filter = resource_field(ret->resource, child->filter);
        return true;
    }
    unknown(name, err);
    for (child = ret->resource->children; child != NULL && child->name != NULL; child++)
        error_allow(err, name, child->name);
    return false;
}

/* The collection that two segments name together; NULL: none. */
static const struct resource *find_pair(const struct resource *const *catalogue, const char *first,
                                        const char *second)
{
    size_t len = strlen(first);

    for (; *catalogue != NULL; catalogue++) {
        const char *name = (*catalogue)->name;

        if (strncmp(name, first, len) == 0 && name[len] == '/'
            && strcmp(name + len + 1, second) == 0)
            return *catalogue;
    }
    return NULL;
}

/* The collection that a path begins with, which may take two segments; *ret_n is how many. */
static const struct resource *find_collection(const struct resource *const *catalogue,
                                              const struct target *target, size_t *ret_n)
{
    const struct resource *ret =
        target->n_segments > 2 ? find_pair(catalogue, target->segments[1], target->segments[2])
                               : NULL;

    *ret_n = ret != NULL ? 2 : 1;
    if (ret != NULL)
        return ret;
    /* A name of two segments is no name of one, whatever was decoded. */
    return strchr(target->segments[1], '/') == NULL ? resource_find(catalogue, target->segments[1])
                                                    : NULL;
}

static bool unknown_collection(const struct resource *const *catalogue, const struct target *target,
                               struct error *err)
{
    const char *first = target->segments[1];
    char name[128];

    snprintf(name, sizeof(name), "%s%s%s", first, target->n_segments > 2 ? "/" : "",
             target->n_segments > 2 ? target->segments[2] : "");
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        size_t len = strcspn((*at)->name, "/");

        /* The first segment is right: the second is the culprit. */
        if ((*at)->name[len] == '/' && strlen(first) == len
            && strncmp((*at)->name, first, len) == 0)
            first = name;
    }
    unknown(first, err);
    for (; *catalogue != NULL; catalogue++)
        error_allow(err, first, (*catalogue)->name);
    return false;
}

/* What stands behind a collection: nothing, an id, or an id and what belongs to it. */
static bool find_row(const struct resource *const *catalogue, const struct target *target,
                     size_t at, struct route *ret, struct error *err)
{
    size_t n = target->n_segments - at;
    const struct members *members = ret->resource->members;

    ret->kind = n > 0 ? ROUTE_ITEM : ret->resource->graph != NULL ? ROUTE_GRAPH : ROUTE_COLLECTION;
    /* No row is called so: ids of what has sums are made of more than one word. */
    if (n == 1 && ret->resource->sums != NULL && strcmp(target->segments[at], "stats") == 0) {
        ret->kind = ROUTE_STATS;
        return true;
    }
    if (n > 0 && ret->resource->is_list)
        return unknown(target->segments[at], err);
    if (ret->resource->lines != NULL) {
        ret->kind = ROUTE_STATS;
        ret->lines = ret->resource;
        ret->resource = ret->lines->lines->of;
        return true;
    }
    if (n > 0) {
        ret->id = target->segments[at];
        ret->id_segment = at;
    }
    if (n > 1 && !find_child(catalogue, target->segments[at + 1], ret, err))
        return false;
    if (n > 2)
        return unknown(target->segments[at + 2], err);
    if (n == 1 && members != NULL) {
        ret->kind = ROUTE_CHILD;
        ret->is_member = true;
        ret->parent = ret->resource;
        ret->resource = members->resource;
        ret->filter = resource_field(members->resource, members->filter);
    }
    return true;
}

bool route_is_list(const struct route *route)
{
    return route_fits(route, FORMAT_CSV);
}

bool route_fits(const struct route *route, enum format format)
{
    if (format == FORMAT_JSON)
        return true;
    return route->resource != NULL && route->kind != ROUTE_ITEM && route->kind != ROUTE_ODATA
           && format_fits(route->resource, format, route->kind == ROUTE_STATS);
}

/* The form that the path asks for, where the answer has it. */
static bool take_format(const struct target *target, struct route *ret, struct error *err)
{
    char name[128];

    ret->format = target->format;
    if (route_fits(ret, ret->format))
        return true;
    snprintf(name, sizeof(name), "%.100s%s", target->segments[target->n_segments - 1],
             format_suffix(target->format));
    return unknown(name, err);
}

/* A slash too many or too few: the same path with the right end. */
static bool wrong_slash(const struct target *target, bool is_wanted, struct error *err)
{
    defer(buffer_done) struct buffer path = BUFFER_INIT(sizeof(err->location) - 2);
    const char *query;
    int len;

    target_canonical(target, NULL, &path);
    if (path.broken && !path.overflow)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a redirect");
    if (path.broken)
        return unknown(target->segments[0], err);
    query = strchr(path.data, '?');
    len = query != NULL ? (int)(query - path.data) : (int)path.len;
    snprintf(err->location, sizeof(err->location), "%.*s%s%s", is_wanted ? len : len - 1, path.data,
             is_wanted ? "/" : "", query != NULL ? query : "");
    return error_set(err, ERR_PATH_UNKNOWN, NULL, "The path %s slash at its end.",
                     is_wanted ? "needs a" : "takes no");
}

/* What stands at /v1/export and behind it. */
static bool find_export(const struct resource *const *catalogue, const struct target *target,
                        struct route *ret, struct error *err)
{
    const char *name = target->n_segments > 2 ? target->segments[2] : "";
    char given[EXPORT_NAME], right[EXPORT_NAME];

    if (target->n_segments == 2 && target->format == FORMAT_JSON) {
        ret->kind = ROUTE_EXPORTS;
        return true;
    }
    snprintf(given, sizeof(given), "%.80s%s", name, format_suffix(target->format));
    ret->kind = ROUTE_COLLECTION;
    if (target->n_segments > 3) {
        snprintf(given, sizeof(given), "%.80s", target->segments[3]);
    } else if (strcmp(given, EXPORT_FILE_NAME) == 0) {
        ret->kind = ROUTE_DATABASE;
    } else if (strcmp(given, EXPORT_PACKAGE_NAME) == 0) {
        ret->kind = ROUTE_PACKAGE;
    } else if (target->format == FORMAT_CSV || target->format == FORMAT_NDJSON) {
        ret->resource = export_find(catalogue, name);
        ret->format = target->format;
        ret->is_export = ret->resource != NULL;
    }
    if (ret->kind != ROUTE_COLLECTION || ret->is_export)
        return true;
    error_set(err, ERR_PATH_UNKNOWN, NULL,
              "There is no '%.100s' here; /v1/export lists what there is.", given);
    for (size_t i = 0; export_file(catalogue, i, right); i++)
        error_allow(err, given, right);
    return false;
}

bool route_find(const struct resource *const *catalogue, const struct target *target,
                struct route *ret, struct error *err)
{
    size_t n = target->n_segments, n_names;
    struct route route = { .kind = ROUTE_INDEX };

    if (n == 0 || (n == 1 && strcmp(target->segments[0], "v1") == 0)) {
        if (n == 1 && !target->has_slash)
            return wrong_slash(target, true, err);
        *ret = route;
        return true;
    }
    if (strcmp(target->segments[0], "odata") == 0) {
        if (!odata_route(catalogue, target, &route, err))
            return false;
        if (n == 1 && !target->has_slash)
            return wrong_slash(target, true, err);
        if (n == 1) {
            *ret = route;
            return true;
        }
    } else if (n == 1) {
        if (!find_document(target->segments[0], &route, err))
            return false;
    } else if (strcmp(target->segments[0], "v1") == 0
               && strcmp(target->segments[1], "export") == 0) {
        if (!find_export(catalogue, target, &route, err))
            return false;
    } else {
        if (strcmp(target->segments[0], "v1") != 0)
            return unknown(target->segments[0], err);
        route.resource = find_collection(catalogue, target, &n_names);
        if (route.resource == NULL)
            return unknown_collection(catalogue, target, err);
        if (!find_row(catalogue, target, 1 + n_names, &route, err)
            || !take_format(target, &route, err))
            return false;
    }
    if (target->has_slash)
        return wrong_slash(target, false, err);
    *ret = route;
    return true;
}

void route_template(const struct route *route, char *ret, size_t size)
{
    const char *form = format_suffix(route->format);

    switch (route->kind) {
    case ROUTE_INDEX:
        snprintf(ret, size, "/v1/");
        break;
    case ROUTE_EXPORTS:
        snprintf(ret, size, "/v1/export");
        break;
    case ROUTE_DATABASE:
        snprintf(ret, size, "/v1/export/%s", EXPORT_FILE_NAME);
        break;
    case ROUTE_PACKAGE:
        snprintf(ret, size, "/v1/export/%s", EXPORT_PACKAGE_NAME);
        break;
    case ROUTE_ODATA:
        odata_template(route, ret, size);
        break;
    case ROUTE_COLLECTION:
        if (route->is_export)
            snprintf(ret, size, "/v1/export/{collection}%s", form);
        else
            snprintf(ret, size, "/v1/%s%s", route->resource->name, form);
        break;
    case ROUTE_GRAPH:
        if (route->parent != NULL)
            snprintf(ret, size, "/v1/%s/{id}/%s", route->parent->name, route->resource->name);
        else
            snprintf(ret, size, "/v1/%s%s", route->resource->name, form);
        break;
    case ROUTE_STATS:
        snprintf(ret, size, "/v1/%s%s%s",
                 route->lines != NULL ? route->lines->name : route->resource->name,
                 route->lines != NULL ? "" : "/stats", form);
        break;
    case ROUTE_ITEM:
        snprintf(ret, size, "/v1/%s/{id}", route->resource->name);
        break;
    case ROUTE_CHILD:
        snprintf(ret, size, "/v1/%s/{id}%s%s%s", route->parent->name, route->is_member ? "" : "/",
                 route->is_member ? "" : route->resource->name, form);
        break;
    default:
        for (size_t i = 0; i < N_DOCUMENTS; i++) {
            if (documents[i].kind == route->kind)
                snprintf(ret, size, "/%s", documents[i].name);
        }
    }
}
