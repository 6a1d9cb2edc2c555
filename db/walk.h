#pragma once

/* From node to node over the rows of a collection, one node's edges at a time. Shared by those who
 * look for what is near (graph.c) and for ways from one to another (chains.c). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/graph.h"
#include "server/base/buffer.h"

enum { WALK_NONE = UINT32_MAX /* no node */ };

/** Which ends a walk goes from. */
enum walk_side {
    WALK_ONWARD, /* from the start of the walk: along the edges */
    WALK_BACK,   /* from its goal: against them */
    WALK__SIDES,
};

/** A node that the walk has met. */
struct walk_node {
    size_t name;                 /* where its id begins in walk.names */
    uint32_t first[WALK__SIDES]; /* its first edge in walk.edges */
    uint32_t count[WALK__SIDES]; /* how many edges it has */
    bool is_open[WALK__SIDES];   /* its edges were looked at from that side */
};

/** An edge as it is seen from the node that it hangs on. */
struct walk_edge {
    int64_t row;       /* rowid */
    uint32_t other;    /* node at the other end */
    int32_t start;     /* first day, as the number 20130425 */
    int32_t end;       /* last day */
    bool is_backwards; /* the edge goes from the other end to this one */
};

/** A walk under way. Zeroed, then walk_open(); walk_done() frees it. */
struct walk {
    const struct query *query;
    enum graph_direction direction;
    sqlite3_stmt *from, *to; /* edges that go out from a node, and that come in; NULL: not asked for
                              */
    struct buffer names;     /* ids, each with its NUL */
    struct walk_node *nodes;
    uint32_t n_nodes, nodes_size;
    uint32_t *table; /* nodes by the hash of their ids; WALK_NONE: free */
    uint32_t table_size;
    struct walk_edge *edges;
    uint32_t n_edges, edges_size;
    uint32_t looks; /* edges that it may look at */
    bool is_spent;  /* it has looked at as many edges as one walk may */
};

/** Opens the statements of a walk. Errors: ERR_TIMEOUT, ERR_INTERNAL. */
bool walk_open(struct walk *walk, struct conn *conn, const struct graph_ask *ask,
               struct error *err);

/** Frees what a walk holds and gives its statements back. Takes a zeroed one. */
void walk_done(struct walk *walk);

/** The node of that id, met now or before; WALK_NONE without memory. */
uint32_t walk_node(struct walk *walk, const char *id);

/** The id of a node. Valid until the next node is met. */
const char *walk_id(const struct walk *walk, uint32_t node);

/**
 * Looks at the edges of a node, once for each side.
 *
 * Shape: they stand in walk->edges from node->first[side] on, sorted by the id of the other end and
 * then by row. A walk that is spent has no more of them, and says so in is_spent.
 * Errors: ERR_TIMEOUT, ERR_INTERNAL.
 */
bool walk_look(struct walk *walk, uint32_t node, enum walk_side side, struct error *err);

/** Sorts nodes by their ids. */
void walk_sort(const struct walk *walk, uint32_t *nodes, size_t n);

/** A day as a number: "2013-04-25" is 20130425; 0: no text. */
int32_t walk_day(const char *text);

/** Makes room for an element at `at`: *size is how many there is room for. False without memory. */
bool walk_grow(void **array, uint32_t at, uint32_t *size, size_t element);
