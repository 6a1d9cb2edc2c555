#define _GNU_SOURCE /* qsort_r */
#include "db/walk.h"

#include <stdlib.h>
#include <string.h>

#include "db/conn.h"
#include "db/hash.h"
#include "db/select.h"
#include "server/base/cleanup.h"

enum {
    WALK_SQL = 64 << 10,        /* most bytes of one statement */
    WALK_NAMES = 64 << 20,      /* most bytes of all ids: GRAPH_LOOKS of the longest */
    WALK_GROW_FIRST = 64,       /* elements of the first array */
    WALK_TABLE_FIRST = 1 << 10, /* places of the first table; a power of two */
};

/* The edges that go out from a node (or come in): row, the other end, first and last day. */
static bool open_side(struct walk *walk, struct conn *conn, const char *near, const char *far,
                      sqlite3_stmt **ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(WALK_SQL);
    const struct resource *resource = walk->query->resource;
    bool is_definite = walk->query->is_definite;

    buffer_text(&sql, "SELECT ");
    buffer_format(&sql, "%s, %s, %s%s, %s%s", resource->graph->row, far, resource->start,
                  is_definite ? "_max" : "_min", resource->end, is_definite ? "_min" : "_max");
    select_rows(&sql, walk->query);
    if (!buffer_format(&sql, " AND %s = :node", near))
        return error_set(err, ERR_INTERNAL, NULL, "no room for the SQL of a walk");
    if (!conn_stmt(conn, sql.data, ret, err))
        return false;
    select_bind(*ret, walk->query);
    return true;
}

bool walk_open(struct walk *walk, struct conn *conn, const struct graph_ask *ask, struct error *err)
{
    const struct graph *graph = ask->query->resource->graph;

    walk->query = ask->query;
    walk->direction = ask->direction;
    walk->looks = ask->looks > 0 ? ask->looks : GRAPH_LOOKS;
    walk->names = BUFFER_INIT(WALK_NAMES);
    return open_side(walk, conn, graph->from, graph->to, &walk->from, err)
           && open_side(walk, conn, graph->to, graph->from, &walk->to, err);
}

void walk_done(struct walk *walk)
{
    stmt_return(&walk->from);
    stmt_return(&walk->to);
    buffer_done(&walk->names);
    free(walk->nodes);
    free(walk->table);
    free(walk->edges);
}

bool walk_grow(void **array, uint32_t at, uint32_t *size, size_t element)
{
    uint32_t wanted = *size > 0 ? *size : WALK_GROW_FIRST;
    void *grown;

    if (at < *size)
        return true;
    while (wanted <= at)
        wanted *= 2;
    grown = realloc(*array, wanted * element);
    if (grown == NULL)
        return false;
    *array = grown;
    *size = wanted;
    return true;
}

/* ---- nodes by their ids ---- */

const char *walk_id(const struct walk *walk, uint32_t node)
{
    return walk->names.data + walk->nodes[node].name;
}

/* The place of an id: its own, or the free one where it would stand. */
static uint32_t *place(const struct walk *walk, const char *id)
{
    uint32_t at = (uint32_t)hash_text(id) & (walk->table_size - 1);

    while (walk->table[at] != WALK_NONE && strcmp(walk_id(walk, walk->table[at]), id) != 0)
        at = (at + 1) & (walk->table_size - 1);
    return &walk->table[at];
}

static bool grow_table(struct walk *walk)
{
    uint32_t size = walk->table_size > 0 ? walk->table_size * 2 : WALK_TABLE_FIRST;
    uint32_t *table;

    if (walk->n_nodes < walk->table_size / 2)
        return true;
    table = malloc(size * sizeof(*table));
    if (table == NULL)
        return false;
    memset(table, 0xff, size * sizeof(*table)); /* WALK_NONE everywhere */
    free(walk->table);
    walk->table = table;
    walk->table_size = size;
    for (uint32_t i = 0; i < walk->n_nodes; i++)
        *place(walk, walk_id(walk, i)) = i;
    return true;
}

uint32_t walk_node(struct walk *walk, const char *id)
{
    void *nodes = walk->nodes;
    uint32_t *at;

    if (!grow_table(walk))
        return WALK_NONE;
    at = place(walk, id);
    if (*at != WALK_NONE)
        return *at;
    if (!walk_grow(&nodes, walk->n_nodes, &walk->nodes_size, sizeof(*walk->nodes)))
        return WALK_NONE;
    walk->nodes = nodes;
    walk->nodes[walk->n_nodes] = (struct walk_node){ .name = walk->names.len };
    if (!buffer_add(&walk->names, id, strlen(id) + 1))
        return WALK_NONE;
    *at = walk->n_nodes;
    return walk->n_nodes++;
}

static int compare_nodes(const void *left, const void *right, void *walk)
{
    return strcmp(walk_id(walk, *(const uint32_t *)left), walk_id(walk, *(const uint32_t *)right));
}

void walk_sort(const struct walk *walk, uint32_t *nodes, size_t n)
{
    if (n > 0)
        qsort_r(nodes, n, sizeof(*nodes), compare_nodes, (void *)(uintptr_t)walk);
}

/* ---- edges of a node ---- */

static int compare_edges(const void *left, const void *right, void *walk)
{
    const struct walk_edge *one = left, *other = right;
    int order = one->other == other->other
                    ? 0
                    : strcmp(walk_id(walk, one->other), walk_id(walk, other->other));

    return order != 0 ? order : (one->row > other->row) - (one->row < other->row);
}

int32_t walk_day(const char *text)
{
    int32_t ret = 0;

    for (; text != NULL && *text != '\0'; text++) {
        if (*text != '-')
            ret = ret * 10 + (*text - '0');
    }
    return ret;
}

static bool add_edge(struct walk *walk, sqlite3_stmt *row, bool is_backwards, struct error *err)
{
    const char *other = (const char *)sqlite3_column_text(row, 1);
    uint32_t node = other != NULL ? walk_node(walk, other) : WALK_NONE;
    void *edges = walk->edges;

    if (node == WALK_NONE
        || !walk_grow(&edges, walk->n_edges, &walk->edges_size, sizeof(*walk->edges)))
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a walk");
    walk->edges = edges;
    walk->edges[walk->n_edges++] =
        (struct walk_edge){ .row = sqlite3_column_int64(row, 0),
                            .other = node,
                            .start = walk_day((const char *)sqlite3_column_text(row, 2)),
                            .end = walk_day((const char *)sqlite3_column_text(row, 3)),
                            .is_backwards = is_backwards };
    return true;
}

/* Adds the edges of one statement. An edge from a node to itself is one edge, however it is
 * walked: the second statement leaves it out. */
static bool look_along(struct walk *walk, uint32_t node, sqlite3_stmt *stmt, bool is_backwards,
                       bool is_second, struct error *err)
{
    int index = sqlite3_bind_parameter_index(stmt, ":node");
    bool is_row = true, is_good = true;

    /* The names may move while nodes are met. */
    if (sqlite3_bind_text(stmt, index, walk_id(walk, node), -1, SQLITE_TRANSIENT) != SQLITE_OK)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a walk");
    while (is_good) {
        is_good = stmt_step(stmt, &is_row, err);
        if (!is_good || !is_row)
            break;
        if (walk->n_edges == walk->looks) {
            walk->is_spent = true;
            break;
        }
        is_good = add_edge(walk, stmt, is_backwards, err);
        if (is_good && is_second && walk->edges[walk->n_edges - 1].other == node)
            walk->n_edges--;
    }
    sqlite3_reset(stmt);
    return is_good;
}

bool walk_look(struct walk *walk, uint32_t node, enum walk_side side, struct error *err)
{
    bool is_both = walk->direction == GRAPH_BOTH;
    bool is_along = (walk->direction == GRAPH_OUT) == (side == WALK_ONWARD);
    uint32_t first = walk->n_edges;

    if (walk->nodes[node].is_open[side])
        return true;
    if (is_both || is_along) {
        if (!look_along(walk, node, walk->from, false, false, err))
            return false;
    }
    if ((is_both || !is_along) && !look_along(walk, node, walk->to, true, is_both, err))
        return false;
    walk->nodes[node].is_open[side] = true;
    walk->nodes[node].first[side] = first;
    walk->nodes[node].count[side] = walk->n_edges - first;
    if (walk->n_edges > first)
        qsort_r(walk->edges + first, walk->n_edges - first, sizeof(*walk->edges), compare_edges,
                walk);
    return true;
}
