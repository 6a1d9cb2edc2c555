#pragma once

/* Nodes and links -> GraphML and DOT, one row in memory at a time. Attributes are the fields of the
 * declarations. */

#include <sqlite3.h>

#include "db/query.h"
#include "server/format.h"

struct buffer;

/** A document under way. */
struct drawing {
    enum format format;        /* FORMAT_GRAPHML or FORMAT_DOT */
    const struct graph *graph; /* whose nodes and links are drawn */
    struct buffer *body;       /* broken where it does not fit */
};

/** Writes what comes before the nodes. cut: the bound at which the graph was cut; NULL: it is
 * whole.
 */
void render_drawing_begin(const struct drawing *drawing, const char *cut);

/** Writes a node: its first field is the id. */
void render_drawing_node(const struct drawing *drawing, const struct query *query,
                         sqlite3_stmt *row);

/** Writes a link: its first three fields are its id and those of its ends. */
void render_drawing_link(const struct drawing *drawing, const struct query *query,
                         sqlite3_stmt *row);

/** Writes what comes behind the links. */
void render_drawing_end(const struct drawing *drawing);
