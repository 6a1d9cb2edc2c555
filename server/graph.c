#include "server/graph.h"

#include <stdlib.h>
#include <string.h>

#include "db/conn.h"
#include "db/select.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/flat.h"
#include "server/query.h"
#include "server/render_drawing.h"
#include "server/render_json.h"

/** Writes one row of a statement; `context` is the caller's. */
typedef void write_row(const struct query *query, sqlite3_stmt *row, size_t index, void *context);

static const char *const cut_names[GRAPH_CUT__MAX] = {
    [GRAPH_CUT_NODES] = "nodes",
    [GRAPH_CUT_EDGES] = "edges",
    [GRAPH_CUT_LOOKS] = "looks",
    [GRAPH_CUT_CHAINS] = "chains",
};

const char *graph_cut_name(enum graph_cut cut)
{
    return cut_names[cut];
}

/* ---- what is asked ---- */

/* The value of a declared parameter; NULL: it is not given, or there is none of that name. */
static const char *value_of(const struct query *query, const char *name)
{
    const struct param *params = query->resource->params;

    for (size_t i = 0; params[i].name != NULL; i++) {
        if (strcmp(params[i].name, name) == 0)
            return query->params[i];
    }
    return NULL;
}

static uint32_t count_of(const struct query *query, const char *name)
{
    const char *value = value_of(query, name);

    return value != NULL ? (uint32_t)strtoul(value, NULL, 10) : 0;
}

static enum graph_direction direction_of(const struct query *query)
{
    const char *value = value_of(query, "direction");

    return strcmp(value, "out") == 0 ? GRAPH_OUT : strcmp(value, "in") == 0 ? GRAPH_IN : GRAPH_BOTH;
}

/* ---- rows of what was found ---- */

/* Gives each row to `write`, in the order of ids. */
static bool each_row(struct conn *conn, const struct resource *resource, const struct query *query,
                     const char *nodes, const char *edges, write_row *write, void *context,
                     struct error *err)
{
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    struct query told;
    bool is_row;

    query_included(resource, query, &told);
    told.nodes_json = nodes;
    told.edges_json = edges;
    told.limit = QUERY_LIMIT_MAX; /* which no bound passes */
    told.is_excel = query->is_excel;
    told.is_bom = query->is_bom;
    if (!select_open(conn, &told, &rows, err))
        return false;
    for (size_t i = 0;; i++) {
        if (!stmt_step(rows, &is_row, err))
            return false;
        if (!is_row)
            return true;
        write(&told, rows, i, context);
    }
}

static void write_json(const struct query *query, sqlite3_stmt *row, size_t index, void *body)
{
    buffer_text(body, index > 0 ? "," : "");
    render_json_row(query, row, body, NULL);
}

static bool add_nodes(struct conn *conn, const struct query *query, const struct graph_found *found,
                      struct buffer *body, struct error *err)
{
    buffer_byte(body, '[');
    if (!each_row(conn, query->resource->graph->nodes, query, found->nodes.data, found->edges.data,
                  write_json, body, err))
        return false;
    buffer_byte(body, ']');
    return true;
}

static bool add_links(struct conn *conn, const struct query *query, const char *edges,
                      struct buffer *body, struct error *err)
{
    buffer_byte(body, '[');
    if (!each_row(conn, query->resource->graph->links, query, NULL, edges, write_json, body, err))
        return false;
    buffer_byte(body, ']');
    return true;
}

/** Rows of plain columns under way to a body. */
struct flat_rows {
    struct flat_writer writer;
    struct buffer *body;
};

static void write_flat(const struct query *query, sqlite3_stmt *row, size_t index, void *context)
{
    struct flat_rows *rows = context;

    (void)index;
    rows->writer.query = query;
    flat_writer_row(&rows->writer, row, rows->body);
}

static void free_rows(struct flat_rows *rows)
{
    flat_writer_done(&rows->writer);
}

/* The rows of the one part that is told, as the flat forms have them. */
static bool add_flat(struct conn *conn, const struct query *query, const struct graph_found *found,
                     enum format format, struct buffer *body, struct error *err)
{
    const struct graph *graph = query->resource->graph;
    const struct resource *part = graph->nodes != NULL ? graph->nodes : graph->links;
    defer(free_rows) struct flat_rows rows = { .body = body };

    flat_writer_bare(&rows.writer, query, format);
    flat_of_resource(part, &rows.writer.flat);
    flat_writer_begin(&rows.writer, body);
    if (!each_row(conn, part, query, graph->nodes != NULL ? found->nodes.data : NULL,
                  found->edges.data, write_flat, &rows, err))
        return false;
    flat_writer_end(&rows.writer, body);
    return true;
}

/* ---- drawings ---- */

static void write_node(const struct query *query, sqlite3_stmt *row, size_t index, void *drawing)
{
    (void)index;
    render_drawing_node(drawing, query, row);
}

static void write_link(const struct query *query, sqlite3_stmt *row, size_t index, void *drawing)
{
    (void)index;
    render_drawing_link(drawing, query, row);
}

static bool draw(struct conn *conn, const struct query *query, const struct graph_found *found,
                 enum format format, struct buffer *body, struct error *err)
{
    const struct graph *graph = query->resource->graph;
    struct drawing drawing = { .format = format, .graph = graph, .body = body };

    render_drawing_begin(&drawing, graph_cut_name(found->cut));
    if (!each_row(conn, graph->nodes, query, found->nodes.data, found->edges.data, write_node,
                  &drawing, err)
        || !each_row(conn, graph->links, query, NULL, found->edges.data, write_link, &drawing, err))
        return false;
    render_drawing_end(&drawing);
    return true;
}

/* ---- nodes and edges ---- */

static bool add_found(struct conn *conn, const struct query *query, const struct graph_found *found,
                      struct buffer *body, struct error *err)
{
    switch (query->resource->graph->report) {
    case GRAPH_NODES_ALONE:
        return add_nodes(conn, query, found, body, err);
    case GRAPH_EDGES_ALONE:
        return add_links(conn, query, found->edges.data, body, err);
    case GRAPH_LINKS:
        buffer_text(body, "{\"directed\":true,\"multigraph\":true,\"graph\":{},\"nodes\":");
        break;
    default:
        buffer_text(body, "{\"nodes\":");
    }
    if (!add_nodes(conn, query, found, body, err))
        return false;
    buffer_text(body,
                query->resource->graph->report == GRAPH_LINKS ? ",\"links\":" : ",\"edges\":");
    if (!add_links(conn, query, found->edges.data, body, err))
        return false;
    buffer_byte(body, '}');
    return true;
}

static bool render_near(struct conn *conn, const struct query *query, enum format format,
                        struct buffer *body, struct graph_result *ret, struct error *err)
{
    defer(graph_found_done) struct graph_found found = { 0 };
    enum graph_report report = query->resource->graph->report;
    const struct graph_ask ask = {
        .query = query,
        .focus = value_of(query, "focus"),
        .direction = direction_of(query),
        .depth = count_of(query, "depth"),
        .nodes = count_of(query, "nodes"),
        .edges = count_of(query, "edges"),
    };

    if (!graph_near(conn, &ask, &found, err))
        return false;
    ret->cut = found.cut;
    ret->nodes = report != GRAPH_EDGES_ALONE ? (int64_t)found.n_nodes : -1;
    ret->edges = report != GRAPH_NODES_ALONE ? (int64_t)found.n_edges : -1;
    if (format == FORMAT_JSON)
        return add_found(conn, query, &found, body, err);
    return format_is_flat(format) ? add_flat(conn, query, &found, format, body, err)
                                  : draw(conn, query, &found, format, body, err);
}

/* ---- chains ---- */

static void add_day(const char *day, const char *none, struct buffer *body)
{
    if (strcmp(day, none) == 0)
        buffer_text(body, "null");
    else
        buffer_literal(body, day);
}

static bool add_chain(struct conn *conn, const struct query *query, const struct graph_chain *chain,
                      uint32_t hops, bool is_dated, struct buffer *body, struct error *err)
{
    buffer_text(body, "{\"nodes\":[");
    buffer_literal(body, chain->hops[0].from);
    for (uint32_t i = 0; i < hops; i++) {
        buffer_byte(body, ',');
        buffer_literal(body, chain->hops[i].to);
    }
    buffer_text(body, "],\"interval\":");
    if (is_dated) {
        buffer_text(body, "{\"start\":");
        add_day(chain->start, DATE_FIRST, body);
        buffer_text(body, ",\"end\":");
        add_day(chain->end, DATE_LAST, body);
        buffer_byte(body, '}');
    } else {
        buffer_text(body, "null");
    }
    buffer_text(body, ",\"hops\":[");
    for (uint32_t i = 0; i < hops; i++) {
        buffer_text(body, i > 0 ? ",{\"from\":" : "{\"from\":");
        buffer_literal(body, chain->hops[i].from);
        buffer_text(body, ",\"to\":");
        buffer_literal(body, chain->hops[i].to);
        buffer_text(body, ",\"edges\":");
        if (!add_links(conn, query, chain->hops[i].edges.data, body, err))
            return false;
        buffer_byte(body, '}');
    }
    buffer_text(body, "]}");
    return true;
}

static bool render_chains(struct conn *conn, const struct query *query, struct buffer *body,
                          struct graph_result *ret, struct error *err)
{
    defer(graph_chains_done) struct graph_chains found = { 0 };
    const struct graph_ask ask = {
        .query = query,
        .focus = value_of(query, "from"),
        .goal = value_of(query, "to"),
        .direction = direction_of(query),
        .depth = count_of(query, "max"),
        .chains = count_of(query, "chains"),
        .is_dated = strcmp(value_of(query, "dated"), "1") == 0,
    };

    if (ask.focus == NULL || ask.goal == NULL) /* both are required: query.c has seen to it */
        return error_set(err, ERR_INTERNAL, NULL, "chains without two ends");
    if (strcmp(ask.focus, ask.goal) == 0)
        return error_set(err, ERR_PARAM_INVALID, "to",
                         "'from' and 'to' are both '%.100s'; a chain leads from one to another.",
                         ask.goal);
    if (!graph_chains(conn, &ask, &found, err))
        return false;
    ret->cut = found.cut;
    ret->chains = found.n;
    ret->hops = found.hops;
    buffer_byte(body, '[');
    for (uint32_t i = 0; i < found.n; i++) {
        buffer_text(body, i > 0 ? "," : "");
        if (!add_chain(conn, query, &found.chains[i], found.hops, ask.is_dated, body, err))
            return false;
    }
    buffer_byte(body, ']');
    return true;
}

/* ---- the whole ---- */

bool graph_render(struct conn *conn, const struct query *query, enum format format,
                  struct buffer *body, struct graph_result *ret, struct error *err)
{
    *ret = (struct graph_result){ .nodes = -1, .edges = -1, .chains = -1 };
    return query->resource->graph->report == GRAPH_PATHS
               ? render_chains(conn, query, body, ret, err)
               : render_near(conn, query, format, body, ret, err);
}

bool graph_is_list(enum graph_report report)
{
    return report == GRAPH_NODES_ALONE || report == GRAPH_EDGES_ALONE || report == GRAPH_PATHS;
}

void graph_render_cut(const struct graph_result *result, struct buffer *body)
{
    const char *name = graph_cut_name(result->cut);

    buffer_format(body, "\"truncated\":%s,\"truncated_by\":", name != NULL ? "true" : "false");
    if (name != NULL)
        buffer_literal(body, name);
    else
        buffer_text(body, "null");
    buffer_byte(body, ',');
}

void graph_render_meta(const struct graph_result *result, struct buffer *body)
{
    if (result->nodes >= 0)
        buffer_format(body, "\"nodes\":%lld,", (long long)result->nodes);
    if (result->edges >= 0)
        buffer_format(body, "\"edges\":%lld,", (long long)result->edges);
    if (result->chains >= 0)
        buffer_format(body, "\"chains\":%lld,", (long long)result->chains);
    if (result->chains >= 0 && result->hops == 0)
        buffer_text(body, "\"hops\":null,");
    else if (result->chains >= 0)
        buffer_format(body, "\"hops\":%u,", result->hops);
}
