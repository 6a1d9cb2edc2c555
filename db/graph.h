#pragma once

/* The rows of a collection as the edges of a graph: what is near a node, and how two nodes hang
 * together. Every condition of the query holds for every edge, so that the answer is what a walk
 * over the flat collection would find. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/query.h"
#include "server/base/buffer.h"
#include "server/base/error.h"

struct conn;

enum {
    GRAPH_LOOKS = 200000, /* edges that one walk may look at: a bound on its time that is the same
                             on every machine, so that the same question has the same answer */
};

/** Which way edges are walked. */
enum graph_direction {
    GRAPH_BOTH,
    GRAPH_OUT, /* from the first end to the second */
    GRAPH_IN,
};

/** Why an answer is not the whole graph. */
enum graph_cut {
    GRAPH_WHOLE,
    GRAPH_CUT_NODES,  /* it would have more nodes than were asked for */
    GRAPH_CUT_EDGES,  /* it would have more edges than were asked for */
    GRAPH_CUT_LOOKS,  /* the walk looked at GRAPH_LOOKS edges */
    GRAPH_CUT_CHAINS, /* there are more chains than were asked for */
    GRAPH_CUT__MAX,
};

/** What is asked of a graph. Borrows its texts. */
struct graph_ask {
    const struct query *query; /* of a resource with .graph: the conditions that edges meet */
    const char *focus;         /* id that the walk begins at; NULL: the whole graph */
    const char *goal;          /* id that chains lead to; NULL: none are asked for */
    enum graph_direction direction;
    uint32_t depth;        /* steps from the focus, or most edges in a chain */
    uint32_t nodes, edges; /* most of the answer */
    uint32_t chains;       /* most chains of the answer */
    uint32_t looks;        /* most edges that are looked at; 0: GRAPH_LOOKS */
    bool is_dated;         /* only chains whose edges all hold at one time */
};

/** Nodes and edges that were found, as JSON for the statements that tell them. */
struct graph_found {
    struct buffer nodes; /* [["id", steps from the focus or null, edges], ...] */
    struct buffer edges; /* [rowid, ...] */
    uint32_t n_nodes, n_edges;
    enum graph_cut cut;
};

/** Frees what was found. Takes a zeroed one. */
void graph_found_done(struct graph_found *found);

/**
 * Finds the nodes within ask->depth steps of ask->focus, and the edges that at least one of whose
 * ends is nearer than that; without a focus, the first edges by id and their ends.
 *
 * Shape: walks in the order of steps and then ids; ends at the first bound that it meets, and says
 * which in ret->cut. Errors: ERR_TIMEOUT, ERR_INTERNAL. Lifetime: ret is zeroed before;
 * graph_found_done() frees it.
 */
bool graph_near(struct conn *conn, const struct graph_ask *ask, struct graph_found *ret,
                struct error *err);

/** One step of a chain. */
struct graph_hop {
    const char *from, *to; /* ids, in the order of the chain */
    struct buffer edges;   /* [rowid, ...] of the edges that make the step */
};

/** One way from the focus to the goal. */
struct graph_chain {
    struct graph_hop hops[GRAPH_HOPS_MAX];
    char start[11], end[11]; /* dated: first and last day on which all edges hold */
};

/** The shortest ways. */
struct graph_chains {
    struct graph_chain *chains;
    uint32_t n;
    uint32_t hops;      /* edges in each; 0: there is no chain */
    struct buffer text; /* the ids that the hops name */
    enum graph_cut cut;
};

/** Frees the chains. Takes a zeroed one. */
void graph_chains_done(struct graph_chains *chains);

/**
 * Finds the shortest chains from ask->focus to ask->goal of at most ask->depth edges.
 *
 * Shape: in the order of their steps: the id that one leads to, then the edge. A step has all edges
 * that make it; of dated chains one, and the chain has the days on which all of them hold (with
 * certainty=definite: certainly hold). Errors: ERR_TIMEOUT, ERR_INTERNAL. Lifetime: ret is zeroed
 * before; graph_chains_done() frees it.
 */
bool graph_chains(struct conn *conn, const struct graph_ask *ask, struct graph_chains *ret,
                  struct error *err);
