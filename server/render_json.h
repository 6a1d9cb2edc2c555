#pragma once

/* Rows -> JSON bytes, one row in memory at a time. */

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>
#include <sqlite3.h>

#include "db/query.h"
#include "server/base/error.h"

struct buffer;

struct row_source;

/** Other things that rows name: ids to be included, and where whole rows come from. Zeroed: none.
 */
struct mentions {
    json_t *ids[QUERY_INCLUDES]; /* one object for each of query->includes, ids as keys; NULL: none
                                    yet */
    const struct row_source *rows; /* NULL: no field is a FIELD_ROW */
};

/** What render_json_row() asks for the rows of other collections that FIELD_ROW names. */
struct row_source {
    /** Writes the row as its collection renders it, as it was known on the day; false: it failed,
     * and the source has told why. */
    bool (*write)(void *context, const char *day, const char *collection, const char *id,
                  struct buffer *body);
    void *context;
};

/** Frees the ids. Takes zeroed mentions. */
void mentions_done(struct mentions *mentions);

/**
 * Writes one row as a JSON object.
 *
 * Shape: the fields of query->fields in their order; a number as {low, best, high, qualifier, text,
 * unit} or null, a reference as {id, name} and iso3 for a place, kind where it may be several;
 * lists and objects as the database made them. Errors: the buffer is broken when it does not fit;
 * ids that are to be included go to mentions (NULL: nobody asks).
 */
void render_json_row(const struct query *query, sqlite3_stmt *row, struct buffer *body,
                     struct mentions *mentions);

/**
 * Writes a document of jansson's, by its flags (JSON_COMPACT, JSON_INDENT(n)).
 *
 * Errors: false, and the buffer broken, when it does not fit or there was no memory for it (NULL as
 * well). json_dumps() would not do: where its memory runs out it leaves characters out and says
 * nothing.
 */
bool render_json_document(const json_t *document, size_t flags, struct buffer *body);

/** Columns that the fields of a query take up: where the sort keys begin. */
int render_width(const struct query *query);

/** Writes the row of another collection that a column of FIELD_ROW names; false: it names none. The
 * buffer is broken where there is no telling it. */
bool render_json_row_of(sqlite3_stmt *row, int column, const struct row_source *rows,
                        struct buffer *body);

/** Tells whether a column of a row is NULL. */
bool render_json_is_null(sqlite3_stmt *row, int column);

/** Writes a whole number of a row, or null. */
void render_json_integer(sqlite3_stmt *row, int column, struct buffer *body);
