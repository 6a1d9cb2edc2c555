/* handlers/graph_nodes.c: nodes of the graph, in the columns of Grafana's node graph. */

#include "handlers/catalogue.h"
#include "handlers/graph.h"

/* Edges of the answer by sign, as d, of each node that has some. */
#define SIGNS                                                                                      \
    "SELECT end, count(*) AS edges, total(sign = '+') AS support,"                                 \
    " total(sign = '-') AS opposition, total(sign = '0') AS neutral FROM"                          \
    " (SELECT r.from_actor AS end, r.sign FROM " GRAPH_EDGES_FROM                                  \
    " UNION ALL SELECT r.to_actor, r.sign FROM " GRAPH_EDGES_FROM                                  \
    " WHERE r.to_actor <> r.from_actor) GROUP BY end"

#define ARC(what) "coalesce(d." what " / d.edges, 0.0)"

static const struct field fields[] = {
    { .name = "id", .type = FIELD_ID, .sql = GRAPH_NODE_ID, .text = "Actor, as in /v1/actors." },
    { .name = "title", .type = FIELD_TEXT, .sql = GRAPH_NODE_NAME, .text = "What to call it." },
    { .name = "subTitle",
      .type = FIELD_TEXT,
      .flags = FIELD_NULLABLE,
      .sql = "(SELECT c.name FROM codes c WHERE c.list = 'actor_type' AND c.id = a.type)",
      .text = "Kind of actor in words." },
    { .name = "mainStat",
      .type = FIELD_INTEGER,
      .sql = GRAPH_NODE_EDGES,
      .unit = "edges",
      .text = "Edges of this graph that it is an end of." },
    { .name = "secondaryStat",
      .type = FIELD_TEXT,
      .flags = FIELD_NULLABLE,
      .sql = "a.iso3",
      .text = "ISO 3166-1 alpha-3 code of the country it is or belongs to." },
    { .name = "arc__support",
      .type = FIELD_REAL,
      .sql = ARC("support"),
      .unit = "share of edges",
      .text = "Share of its edges that are support." },
    { .name = "arc__opposition",
      .type = FIELD_REAL,
      .sql = ARC("opposition"),
      .unit = "share of edges",
      .text = "Share of its edges that are opposition." },
    { .name = "arc__neutral",
      .type = FIELD_REAL,
      .sql = ARC("neutral"),
      .unit = "share of edges",
      .text = "Share of its edges that are neither." },
    { .name = "detail__depth",
      .type = FIELD_INTEGER,
      .flags = FIELD_NULLABLE,
      .sql = "w.value ->> 1",
      .unit = "steps",
      .text = "Steps from the focus; null where there is none." },
    { 0 },
};

static const struct resource node = {
    .name = "graph/nodes",
    .item = "NodeRow",
    .text = "An actor in the graph, as Grafana's node graph reads it.",
    .from = GRAPH_NODES_FROM " LEFT JOIN (" SIGNS ") d ON d.end = " GRAPH_NODE_ID,
    .key = GRAPH_NODE_ID,
    .order = "id",
    .fields = fields,
};

static const struct graph report = { .report = GRAPH_NODES_ALONE, GRAPH_ENDS, .nodes = &node };

static const struct param params[] = { GRAPH_PARAMS };

const struct resource graph_nodes = {
    .name = "graph/nodes",
    .item = "GraphNodes",
    .text = "Nodes of the graph, in the columns that Grafana's node graph expects.",
    GRAPH_REPORT,
    .params = params,
    .graph = &report,
};
