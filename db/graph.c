#include "db/graph.h"

#include <stdlib.h>
#include <string.h>

#include "db/conn.h"
#include "db/select.h"
#include "db/walk.h"
#include "server/base/cleanup.h"

enum {
    FOUND_NODES = 4 << 20, /* most bytes of the list of nodes: GRAPH_NODES_MAX of the longest ids */
    FOUND_EDGES = 1 << 20, /* most bytes of the list of edges */
    WHOLE_SQL = 64 << 10,  /* most bytes of one statement */
};

void graph_found_done(struct graph_found *found)
{
    buffer_done(&found->nodes);
    buffer_done(&found->edges);
}

/** What the answer says of a node. */
struct told {
    bool is_found; /* it is in near.order */
    int depth;     /* steps from the focus; -1: there is none */
    uint32_t n;    /* edges of the answer that it is an end of */
};

/** A search under way. */
struct near {
    struct walk walk;
    const struct graph_ask *ask;
    struct graph_found *found;
    uint32_t *order; /* nodes in the order in which they were found */
    uint32_t order_size;
    struct told *told; /* by node */
    uint32_t told_size;
};

static void near_done(struct near *near)
{
    walk_done(&near->walk);
    free(near->order);
    free(near->told);
}

static bool no_memory(struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "no memory for a walk");
}

static bool is_node_found(const struct near *near, uint32_t node)
{
    return node < near->told_size && near->told[node].is_found;
}

/* Takes a node into the answer. False without memory. */
static bool add_node(struct near *near, uint32_t node, int depth)
{
    struct graph_found *found = near->found;
    void *told = near->told, *order = near->order;
    uint32_t had = near->told_size;

    if (!walk_grow(&told, node, &near->told_size, sizeof(*near->told)))
        return false;
    near->told = told;
    memset(near->told + had, 0, (near->told_size - had) * sizeof(*near->told));
    if (!walk_grow(&order, found->n_nodes, &near->order_size, sizeof(*near->order)))
        return false;
    near->told[node] = (struct told){ .is_found = true, .depth = depth };
    near->order = order;
    near->order[found->n_nodes++] = node;
    return true;
}

/* Takes an edge into the answer; its ends are there. */
static void add_row(struct near *near, int64_t row, uint32_t from, uint32_t to)
{
    struct graph_found *found = near->found;

    buffer_byte(&found->edges, found->n_edges == 0 ? '[' : ',');
    buffer_integer(&found->edges, row);
    found->n_edges++;
    near->told[from].n++;
    near->told[to].n += from != to;
}

static void write_nodes(const struct near *near)
{
    struct buffer *out = &near->found->nodes;

    buffer_byte(out, '[');
    for (uint32_t i = 0; i < near->found->n_nodes; i++) {
        const struct told *told = &near->told[near->order[i]];

        buffer_text(out, i > 0 ? ",[" : "[");
        buffer_literal(out, walk_id(&near->walk, near->order[i]));
        if (told->depth < 0)
            buffer_text(out, ",null");
        else
            buffer_format(out, ",%d", told->depth);
        buffer_format(out, ",%u]", told->n);
    }
    buffer_byte(out, ']');
}

/* Adds the edges of one node; false without memory or where a bound was met, said in found->cut. */
static bool add_edges(struct near *near, uint32_t node, int depth, struct error *err)
{
    const struct walk *walk = &near->walk;
    struct graph_found *found = near->found;
    const struct walk_node *opened = &walk->nodes[node];

    for (uint32_t i = 0; i < opened->count[WALK_ONWARD]; i++) {
        const struct walk_edge *edge = &walk->edges[opened->first[WALK_ONWARD] + i];

        /* It was told when the other end was opened. */
        if (walk->direction == GRAPH_BOTH && edge->other != node
            && walk->nodes[edge->other].is_open[WALK_ONWARD])
            continue;
        if (found->n_edges == near->ask->edges) {
            found->cut = GRAPH_CUT_EDGES;
            return true;
        }
        if (!is_node_found(near, edge->other)) {
            if (found->n_nodes == near->ask->nodes) {
                found->cut = GRAPH_CUT_NODES;
                return true;
            }
            if (!add_node(near, edge->other, depth + 1))
                return no_memory(err);
        }
        add_row(near, edge->row, node, edge->other);
    }
    return true;
}

/* Walks level by level. */
static bool near_focus(struct near *near, struct error *err)
{
    struct graph_found *found = near->found;
    uint32_t first = 0;

    for (int depth = 0; depth < (int)near->ask->depth && found->cut == GRAPH_WHOLE; depth++) {
        uint32_t end = found->n_nodes;

        if (first == end)
            return true;
        walk_sort(&near->walk, near->order + first, end - first);
        for (; first < end && found->cut == GRAPH_WHOLE; first++) {
            uint32_t node = near->order[first];

            if (!walk_look(&near->walk, node, WALK_ONWARD, err)
                || !add_edges(near, node, depth, err))
                return false;
            if (near->walk.is_spent && found->cut == GRAPH_WHOLE)
                found->cut = GRAPH_CUT_LOOKS;
        }
    }
    return true;
}

/* The first edges by id, and their ends. */
static bool whole(struct near *near, struct conn *conn, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(WHOLE_SQL);
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    const struct resource *resource = near->ask->query->resource;
    struct graph_found *found = near->found;
    bool is_row;

    buffer_text(&sql, "SELECT ");
    buffer_format(&sql, "%s, %s, %s", resource->graph->row, resource->graph->from,
                  resource->graph->to);
    select_rows(&sql, near->ask->query);
    buffer_text(&sql, " ORDER BY ");
    if (!buffer_text(&sql, resource->key))
        return error_set(err, ERR_INTERNAL, NULL, "no room for the SQL of a graph");
    if (!conn_stmt(conn, sql.data, &rows, err))
        return false;
    select_bind(rows, near->ask->query);
    for (;;) {
        uint32_t ends[2], n_new = 0;

        if (!stmt_step(rows, &is_row, err))
            return false;
        if (!is_row)
            return true;
        for (int i = 0; i < 2; i++) {
            const char *id = (const char *)sqlite3_column_text(rows, i + 1);

            ends[i] = id != NULL ? walk_node(&near->walk, id) : WALK_NONE;
            if (ends[i] == WALK_NONE)
                return no_memory(err);
            n_new += !is_node_found(near, ends[i]) && (i == 0 || ends[1] != ends[0]);
        }
        if (found->n_edges == near->ask->edges)
            found->cut = GRAPH_CUT_EDGES;
        else if (found->n_nodes + n_new > near->ask->nodes)
            found->cut = GRAPH_CUT_NODES;
        if (found->cut != GRAPH_WHOLE)
            return true;
        for (int i = 0; i < 2; i++) {
            if (!is_node_found(near, ends[i]) && !add_node(near, ends[i], -1))
                return no_memory(err);
        }
        add_row(near, sqlite3_column_int64(rows, 0), ends[0], ends[1]);
    }
}

bool graph_near(struct conn *conn, const struct graph_ask *ask, struct graph_found *ret,
                struct error *err)
{
    defer(near_done) struct near near = { .ask = ask, .found = ret };
    uint32_t focus;

    ret->nodes = BUFFER_INIT(FOUND_NODES);
    ret->edges = BUFFER_INIT(FOUND_EDGES);
    if (!walk_open(&near.walk, conn, ask, err))
        return false;
    if (ask->focus != NULL) {
        focus = walk_node(&near.walk, ask->focus);
        if (focus == WALK_NONE || !add_node(&near, focus, 0))
            return no_memory(err);
        if (!near_focus(&near, err))
            return false;
    } else if (!whole(&near, conn, err)) {
        return false;
    }
    write_nodes(&near);
    buffer_text(&ret->edges, ret->n_edges == 0 ? "[]" : "]");
    return (!ret->nodes.broken && !ret->edges.broken) || no_memory(err);
}
