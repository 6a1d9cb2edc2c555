#pragma once

/* struct query -> SELECT and bindings. The only place that composes SQL; every value of a request
 * is bound. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/query.h"
#include "server/base/error.h"

struct conn;
struct way;

enum { SELECT_ID_SIZE = 256 /* bytes of an id and its NUL */ };

enum { SELECT_NUMBER_PARTS = 6 /* columns of a claimed number */ };

/** The parts of a claimed number, in the order of their columns: low, best, high, ... */
extern const char *const select_number_parts[SELECT_NUMBER_PARTS];

/** Parts of a field in a row: 1, 2 or 3 for references, 6 for numbers. */
size_t select_width(const struct field *field);

/** A walk along the columns of a row, field by field in their order. Zeroed: at its start. */
struct select_walk {
    int column;          /* the next one */
    const char *numbers; /* .sql of the numbers with .only that were met last; NULL: none were */
    int numbers_at;      /* where these are */
};

/** Where a field stands in a row. */
struct select_place {
    int at;   /* its first part */
    int only; /* column that tells whether the number there is this field's; -1: it is */
};

/**
 * Goes on to the next field.
 *
 * Shape: select_width() columns, but that numbers with .only on the same .sql share their six, each
 * behind a column of its own with the condition: in one row they are one number.
 */
struct select_place select_next(struct select_walk *walk, const struct field *field);

/** Writes one of the columns that a field takes up in a row, `part` of select_width(). */
struct buffer;
void select_column(struct buffer *sql, const struct query *query, const struct field *field,
                   size_t part);

/**
 * Opens the rows of a page, or the one row of query->key.
 *
 * Shape: the columns of query->fields in their order (select_next() tells where; a number as low,
 * best, high, qualifier, text, unit; a reference as id, name and then iso3 for a place or kind
 * where it may be several), then the sort keys and the id as the cursor carries them. One row more
 * than query->limit, where there is one. Errors: ERR_TIMEOUT, ERR_INTERNAL. Lifetime: stmt_return()
 * gives the statement back; it borrows the query's texts until then.
 */
bool select_open(struct conn *conn, const struct query *query, sqlite3_stmt **ret,
                 struct error *err);

/** Counts the rows of all pages. Errors as in select_open(). */
bool select_count(struct conn *conn, const struct query *query, int64_t *ret, struct error *err);

/**
 * Opens the rows of query->resource with the ids of a JSON array, in the order of their ids, as in
 * select_open(); of the query, only fields, as_of and declared parameters count.
 */
bool select_by_ids(struct conn *conn, const struct query *query, const char *ids_json,
                   sqlite3_stmt **ret, struct error *err);

/** What is known of an id that select_open() found no row for. */
enum select_absence {
    SELECT_UNKNOWN, /* there never was one */
    SELECT_NOT_YET, /* it is known only from a later day on than as_of */
    SELECT_GONE,    /* it was withdrawn before as_of, or now */
    SELECT_RENAMED, /* it is another name of one thing; its id is in ret_id */
    SELECT_SEVERAL, /* it is another name of several things; the first one's id is in ret_id */
};

/** Tells why query->key has no row. Errors as in select_open(). */
bool select_absence(struct conn *conn, const struct query *query, enum select_absence *ret,
                    char ret_id[SELECT_ID_SIZE], struct error *err);

/**
 * Tells whether a folded name names a thing of one of the kinds ("actor,place"); ret_id gets the id
 * of the first, may be NULL.
 *
 * Errors: as in select_open().
 */
bool select_name(struct conn *conn, const char *kinds, const char *name, bool *ret_known,
                 char *ret_id, struct error *err);

/** Offers the names of the kinds to error_allow() for did_you_mean; keeps err->allowed as it was.
 */
void select_suggest(struct conn *conn, const char *kinds, const char *name, struct error *err);

/**
 * Writes the SQL of a query by a way (db/way.h; NULL: as SQLite finds its rows): what select_open()
 * asks, and what tests read the plan of.
 *
 * Errors: false when it does not fit the buffer.
 */
bool select_sql(const struct query *query, const struct way *way, struct buffer *sql);

/** Writes a query of a row for each one that the one condition of a WAY_SEARCH finds. */
void select_lead(struct buffer *sql, const struct query *query, const struct way *way);

/* Parts of a statement, for the one other composer of SQL (db/stats.c). Each breaks the buffer when
 * it does not fit. */

/** Writes FROM and WHERE of the query's rows, all pages together. */
void select_rows(struct buffer *sql, const struct query *query);

/** The same of the cells that stand for them (db/cells.h); NULL: of the rows. */
void select_cells(struct buffer *sql, const struct query *query, const struct cells *cells);

/** Writes the condition under which a row that possibly meets the query's conditions on time meets
 * them certainly; false when there are none, and nothing is written. */
bool select_certain(struct buffer *sql, const struct query *query);

/** Writes the name of what a field names, `id` being the SQL of its id: as of a day of the past,
 * what it was called then. */
void select_label(struct buffer *sql, const struct query *query, const struct field *field,
                  const char *id);

/** Writes a subselect of the ids that any value of a condition on names stands for. */
void select_named(struct buffer *sql, const struct term *term);

/** Binds the query's values, as_of and world time to a statement that was made of these parts. */
void select_bind(sqlite3_stmt *stmt, const struct query *query);

/** Binds one text by name; a name that the statement has not is left alone. */
void select_bind_text(sqlite3_stmt *stmt, const char *name, const char *text);
