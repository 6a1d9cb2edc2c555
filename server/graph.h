#pragma once

/* Reports on a graph: its own parameters -> struct graph_ask, and what was found -> JSON, GraphML
 * or DOT. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/graph.h"
#include "db/resource.h"
#include "server/base/error.h"
#include "server/format.h"

struct buffer;
struct conn;

/** What came out. */
struct graph_result {
    enum graph_cut cut;
    int64_t nodes, edges; /* how many are told; -1: none are */
    int64_t chains;       /* -1: none are asked for */
    uint32_t hops;        /* edges in each chain; 0: there is none */
};

/**
 * Writes what a query of a resource with .graph asks for.
 *
 * Shape: JSON: the value of "data"; GraphML, DOT and flat forms: the whole document.
 * Errors: ERR_PARAM_INVALID for chains that lead nowhere, ERR_TIMEOUT, ERR_INTERNAL; the body is
 * broken where it does not fit.
 */
bool graph_render(struct conn *conn, const struct query *query, enum format format,
                  struct buffer *body, struct graph_result *ret, struct error *err);

/** Whether "data" is a list of rows, and not one object. */
bool graph_is_list(enum graph_report report);

/** Writes "truncated" and why, with a comma behind. */
void graph_render_cut(const struct graph_result *result, struct buffer *body);

/** Writes the members of "meta" that count what is told, each with a comma behind. */
void graph_render_meta(const struct graph_result *result, struct buffer *body);

/** What a bound is called in the answer, as "nodes"; NULL: the answer is whole. */
const char *graph_cut_name(enum graph_cut cut);
