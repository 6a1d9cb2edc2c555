/* handlers/graph_path.c: how two actors hang together. */

#include "handlers/catalogue.h"
#include "handlers/graph.h"

static const struct graph report = {
    .report = GRAPH_PATHS,
    GRAPH_ENDS,
    .nodes = &graph_node,
    .links = &graph_edge,
};

static const struct param params[] = {
    { .name = "from",
      .type = PARAM_REF,
      .is_required = true,
      .kind = "actor",
      .example = "wagner-group",
      .text = "Actor that the chains begin at." },
    { .name = "to",
      .type = PARAM_REF,
      .is_required = true,
      .kind = "actor",
      .example = "minusma",
      .text = "Actor that the chains lead to." },
    { .name = "max",
      .type = PARAM_COUNT,
      .least = 1,
      .most = GRAPH_HOPS_MAX,
      .fallback = 6,
      .text = "Most edges in a chain." },
    GRAPH_DIRECTION(NULL),
    { .name = "dated",
      .choices = { "0", "1", NULL },
      .text = "1: only chains whose edges all held at the same time, each with that interval." },
    { .name = "chains",
      .type = PARAM_COUNT,
      .least = 1,
      .most = GRAPH_CHAINS_MAX,
      .fallback = 10,
      .text = "Most chains of the answer; where there are more that are as short, it is cut and "
              "says so." },
    { 0 },
};

const struct resource graph_path = {
    .name = "graph/path",
    .item = "Path",
    .text = "The shortest chains of relationships between two actors.",
    GRAPH_REPORT,
    .params = params,
    .graph = &report,
};
