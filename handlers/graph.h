#pragma once

/* What the reports on the graph of relationships share. */

#include "db/resource.h"

/** Fields of /v1/relationships (handlers/relationships.c): every filter there is one of the graph.
 */
extern const struct field relationship_fields[];

/** Nodes, edges as /v1/relationships tells them, and links as a drawing wants them
 * (handlers/graph.c). */
extern const struct resource graph_node, graph_edge, graph_link;

/** What stands at /v1/actors/{id}/network, and nowhere else. */
extern const struct resource network;

/* The rows that a walk has found, as relationships r. */
#define GRAPH_EDGES_FROM "json_each(:edges) w CROSS JOIN relationships r ON r.rowid = w.value"

/* The nodes that a walk has found, as w, with the actor a as it was known; one that was not keeps
 * its id. */
#define GRAPH_NODES_FROM                                                                           \
    "json_each(:nodes) w LEFT JOIN actors a ON a.id = w.value ->> 0 AND a.known_from <= :as_of"    \
    " AND (a.known_to IS NULL OR a.known_to > :as_of)"

#define GRAPH_NODE_ID "w.value ->> 0"
#define GRAPH_NODE_EDGES "w.value ->> 2"
#define GRAPH_NODE_NAME                                                                            \
    "coalesce(a.name, (SELECT l.name FROM labels l WHERE l.kind = 'actor' AND l.id = "             \
    "w.value ->> 0))"

/* Green, red or grey, dark enough for white paper and light enough for black. */
#define GRAPH_COLOUR                                                                               \
    "CASE r.sign WHEN '+' THEN '#2e9e48' WHEN '-' THEN '#e0393e' ELSE '#8a8f98' END"

#define GRAPH_DEPTH(words)                                                                         \
    {                                                                                              \
        .name = "depth", .type = PARAM_COUNT, .least = 1, .most = GRAPH_DEPTH_MAX, .fallback = 1,  \
        .with = "focus", .text = words                                                             \
    }
#define GRAPH_DIRECTION(of)                                                                        \
    {                                                                                              \
        .name = "direction", .with = of, .choices = { "both", "out", "in", NULL },                 \
        .text = "Which way edges are walked: both, or only from the first actor to the second "    \
                "(out), or only the other way (in)."                                               \
    }
#define GRAPH_NODES                                                                                \
    {                                                                                              \
        .name = "nodes", .type = PARAM_COUNT, .least = 1, .most = GRAPH_NODES_MAX,                 \
        .fallback = 500,                                                                           \
        .text = "Most nodes of the answer; one that has more is cut there and says so."            \
    }
#define GRAPH_EDGES                                                                                \
    {                                                                                              \
        .name = "edges", .type = PARAM_COUNT, .least = 1, .most = GRAPH_EDGES_MAX,                 \
        .fallback = 2000,                                                                          \
        .text = "Most edges of the answer; one that has more is cut there and says so."            \
    }
#define GRAPH_FOCUS                                                                                \
    {                                                                                              \
        .name = "focus", .type = PARAM_REF, .kind = "actor", .example = "minusma",                 \
        .text = "Actor that the walk begins at; without one the answer is the whole graph."        \
    }

/* Parameters of /v1/graph, of its nodes and of its edges: the same question has the same graph. */
#define GRAPH_PARAMS                                                                               \
    GRAPH_FOCUS,                                                                                   \
        GRAPH_DEPTH("Steps from the focus: an edge is there where one of its ends is nearer."),    \
        GRAPH_DIRECTION("focus"), GRAPH_NODES, GRAPH_EDGES,                                        \
    {                                                                                              \
        0                                                                                          \
    }

/* Words find a relationship r by its ends, its claims and its note. */
#define RELATIONSHIP_SEARCH                                                                        \
    "(r.from_actor IN @hits(actor) OR r.to_actor IN @hits(actor)"                                  \
    " OR (r.id, r.version) IN (SELECT relationship, version FROM relationship_claims"              \
    " WHERE claim IN @hits(claim)) OR search_holds(:q, r.note))"

/* A report on relationships r. */
#define GRAPH_REPORT                                                                               \
    .source = "The claims in claims", .from = "relationships r", .key = "r.id", .order = "id",     \
    .known = "r.", .start = "r.start", .end = "r.end", .search = RELATIONSHIP_SEARCH,              \
    .fields = relationship_fields, .is_list = true, .is_derived = true

#define GRAPH_ENDS .row = "r.rowid", .from = "r.from_actor", .to = "r.to_actor", .kind = "actor"
