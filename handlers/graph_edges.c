/* handlers/graph_edges.c: edges of the graph, in the columns of Grafana's node graph. */

#include "handlers/catalogue.h"
#include "handlers/graph.h"

#define NAME(list, of) "(SELECT c.name FROM codes c WHERE c.list = '" list "' AND c.id = " of ")"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .sql = "r.id",
      .text = "The relationship, as in /v1/relationships." },
    { .name = "source",
      .type = FIELD_TEXT,
      .sql = "r.from_actor",
      .text = "Id of the node from which the edge goes out." },
    { .name = "target",
      .type = FIELD_TEXT,
      .sql = "r.to_actor",
      .text = "Id of the node to which the edge goes." },
    { .name = "mainStat",
      .type = FIELD_TEXT,
      .sql = NAME("relationship_type", "r.type"),
      .text = "What the first actor does to, or is for, the second, in words." },
    { .name = "secondaryStat",
      .type = FIELD_TEXT,
      .sql = "coalesce(r.start, '') || ' to ' || coalesce(r.end, '')",
      .text = "When it began and ended; blank where that is open or not known." },
    { .name = "color",
      .type = FIELD_TEXT,
      .sql = GRAPH_COLOUR,
      .text = "Green for support, red for opposition, grey for neither, as #rrggbb." },
    { .name = "detail__status",
      .type = FIELD_TEXT,
      .sql = NAME("relationship_status", "r.status"),
      .text = "Whether it is asserted, disputed, denied or alleged, in words." },
    { .name = "detail__amount",
      .type = FIELD_TEXT,
      .flags = FIELD_NULLABLE,
      .sql = "r.text",
      .text = "Strength or amount in the words of the source." },
    { .name = "detail__claims",
      .type = FIELD_INTEGER,
      .sql = "(SELECT count(*) FROM relationship_claims k WHERE k.relationship = r.id"
             " AND k.version = r.version)",
      .unit = "claims",
      .text = "Claims that say so, or that deny it; /v1/relationships/{id} names them." },
    { 0 },
};

static const struct resource edge = {
    .name = "graph/edges",
    .item = "EdgeRow",
    .text = "A relationship in the graph, as Grafana's node graph reads it.",
    .from = GRAPH_EDGES_FROM,
    .key = "r.id",
    .order = "id",
    .known = "r.",
    .fields = fields,
};

static const struct graph report = { .report = GRAPH_EDGES_ALONE, GRAPH_ENDS, .links = &edge };

static const struct param params[] = { GRAPH_PARAMS };

const struct resource graph_edges = {
    .name = "graph/edges",
    .item = "GraphEdges",
    .text = "Edges of the graph, in the columns that Grafana's node graph expects.",
    GRAPH_REPORT,
    .params = params,
    .graph = &report,
};
