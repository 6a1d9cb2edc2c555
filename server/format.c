#include "server/format.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *suffix, *name, *type;
    bool is_flat;
} formats[FORMAT__MAX] = {
    [FORMAT_JSON] = { "", "json", "application/json", false },
    [FORMAT_ROWS] = { ".json", "rows", "application/json", true },
    [FORMAT_CSV] = { ".csv", "csv", "text/csv; charset=utf-8; header=present", true },
    [FORMAT_NDJSON] = { ".ndjson", "ndjson", "application/x-ndjson", true },
    [FORMAT_GEOJSON] = { ".geojson", "geojson", "application/geo+json", true },
    [FORMAT_GRAPHML] = { ".graphml", "graphml", "application/graphml+xml", false },
    [FORMAT_DOT] = { ".dot", "dot", "text/vnd.graphviz", false },
};

const char *format_suffix(enum format format)
{
    return formats[format].suffix;
}

const char *format_name(enum format format)
{
    return formats[format].name;
}

const char *format_type(enum format format)
{
    return formats[format].type;
}

bool format_is_flat(enum format format)
{
    return formats[format].is_flat;
}

enum format format_of_suffix(const char *segment)
{
    const char *dot = strrchr(segment, '.');

    for (int i = FORMAT_JSON + 1; dot != NULL && dot != segment && i < FORMAT__MAX; i++) {
        if (strcmp(dot, formats[i].suffix) == 0)
            return (enum format)i;
    }
    return FORMAT_JSON;
}

bool format_find(const char *name, enum format *ret)
{
    for (int i = 0; i < FORMAT__MAX; i++) {
        if (strcmp(name, formats[i].name) == 0) {
            *ret = (enum format)i;
            return true;
        }
    }
    return false;
}

enum format format_accepted(const char *accept)
{
    static const enum format accepted[] = { FORMAT_CSV, FORMAT_NDJSON, FORMAT_GEOJSON };
    size_t len;

    if (accept == NULL)
        return FORMAT_JSON;
    accept += strspn(accept, " \t");
    len = strcspn(accept, ",; \t");
    for (size_t i = 0; i < sizeof(accepted) / sizeof(*accepted); i++) {
        const char *type = formats[accepted[i]].type;

        if (strcspn(type, ";") == len && strncasecmp(accept, type, len) == 0)
            return accepted[i];
    }
    return FORMAT_JSON;
}

bool format_fits(const struct resource *resource, enum format format, bool is_sums)
{
    enum graph_report report;

    if (format == FORMAT_JSON)
        return true;
    if (resource->graph == NULL)
        return format_is_flat(format)
               && (format != FORMAT_GEOJSON || (!is_sums && resource->geometry != NULL));
    report = resource->graph->report;
    if (report == GRAPH_LINKS)
        return format == FORMAT_GRAPHML || format == FORMAT_DOT;
    return (report == GRAPH_NODES_ALONE || report == GRAPH_EDGES_ALONE) && format_is_flat(format)
           && format != FORMAT_GEOJSON;
}
