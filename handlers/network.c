/* handlers/network.c: whoever is near an actor, and what ties them. */

#include "handlers/catalogue.h"
#include "handlers/graph.h"

static const struct graph report = {
    .report = GRAPH_NETWORK,
    GRAPH_ENDS,
    .nodes = &graph_node,
    .links = &graph_edge,
};

static const struct param params[] = {
    { .name = "focus", .type = PARAM_REF, .kind = "actor", .text = "The actor of the path." },
    GRAPH_DEPTH("Steps from the actor: an edge is there where one of its ends is nearer."),
    GRAPH_DIRECTION(NULL),
    GRAPH_NODES,
    GRAPH_EDGES,
    { 0 },
};

const struct resource network = {
    .name = "network",
    .item = "Network",
    .text = "Actors within some steps of one, and the relationships that lead there.",
    GRAPH_REPORT,
    .params = params,
    .graph = &report,
};
