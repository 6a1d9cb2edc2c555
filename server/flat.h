#pragma once

/* Rows without anything inside them: each field as one or more columns, each of one type in every
 * row. */

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "db/query.h"
#include "server/base/buffer.h"
#include "server/format.h"

struct row_source;

enum {
    FLAT_COLUMNS = QUERY_FIELDS * 6, /* most columns of a row: a number has six */
    FLAT_NAME = 96,                  /* bytes of a column's name and its NUL */
    FLAT_GIVEN = 16,                 /* most columns whose texts are given beside the statement */
};

/** What a column holds. */
enum flat_type {
    FLAT_TEXT, /* words, codes, ids and dates as they are */
    FLAT_INTEGER,
    FLAT_REAL,
    FLAT_BOOLEAN,
    FLAT_LIST, /* ids or words of a list, "; " between them, "" where there are none */
    FLAT_JSON, /* what has parts of its own: JSON text */
    FLAT_ROW,  /* a row of another collection: JSON text */
};

/** One column. */
struct flat_column {
    char name[FLAT_NAME]; /* "deaths_low", "place_name" */
    enum flat_type type;
    const struct field *field; /* whose part it is */
    int at;                    /* column of the statement that it shows; below 0: FLAT_GIVEN_AT(i),
                                  a text that is given */
    int only; /* column of the statement that is false where the value is null all the same; -1:
                 none is */
    bool is_nullable;
};

/** The place of given text number i among the columns of a statement. */
#define FLAT_GIVEN_AT(i) (-1 - (int)(i))

/** The columns of the rows of a query. flat_done() frees it. */
struct flat {
    struct flat_column columns[FLAT_COLUMNS];
    size_t n;
    const char *given[FLAT_GIVEN]; /* what the next row says where no column of the statement does;
                                      NULL: a null */
    struct buffer scratch;         /* one value that is not told as it stands */
};

/** Frees the scratch. Takes one that was never used. */
void flat_done(struct flat *flat);

/**
 * Lists the columns of a query's fields in their order: a number as _low, _best, _high, _qualifier,
 * _text and _unit, a reference as its id and _name, with _iso3 for a place and _kind where it may
 * be of several kinds; lists are one column.
 */
void flat_of(const struct query *query, struct flat *ret);

/** Begins a list of no columns, for flat_add(). */
void flat_init(struct flat *flat);

/** Adds a column of a field, called as the field, or <field>_<suffix> where suffix is not "".
 * Borrows the field. */
void flat_add(struct flat *flat, const struct field *field, const char *suffix, enum flat_type type,
              int at, bool is_nullable);

/** Adds the columns of a field that begins at a column of the statement. */
void flat_add_field(struct flat *flat, const struct field *field, int at);

/** Lists the columns that rows of a resource have, all fields together. */
void flat_of_resource(const struct resource *resource, struct flat *ret);

/** Writes the names of the columns as the first line of CSV. */
void flat_csv_head(const struct flat *flat, struct buffer *out);

/**
 * Writes a row as a line of CSV after RFC 4180: what needs no quotes has none, so that an empty
 * field is a null and "" an empty text.
 *
 * Shape: is_safe: texts that a spreadsheet would run as a formula have an apostrophe in front.
 */
void flat_csv_row(struct flat *flat, sqlite3_stmt *row, bool is_safe, const struct row_source *rows,
                  struct buffer *out);

/** Writes a row as a JSON object of plain values. */
void flat_json_row(struct flat *flat, sqlite3_stmt *row, const struct row_source *rows,
                   struct buffer *out);

/** Rows under way to a body in one of the flat forms. */
struct flat_writer {
    struct flat flat;
    enum format format;
    const struct query *query;
    const struct row_source *rows;
    size_t n; /* rows so far */
};

/** Begins with the rows of a query; borrows query and rows. flat_writer_done() ends it. */
void flat_writer_init(struct flat_writer *writer, const struct query *query, enum format format,
                      const struct row_source *rows);

/** Begins with rows that are those of no query: the columns are for the caller to add. */
void flat_writer_bare(struct flat_writer *writer, const struct query *query, enum format format);

/** Writes what comes before the first row. */
void flat_writer_begin(const struct flat_writer *writer, struct buffer *out);

/** Writes a row of the query's statement. */
void flat_writer_row(struct flat_writer *writer, sqlite3_stmt *row, struct buffer *out);

/** Writes what comes behind the last row: no body is empty, and each ends in a newline. */
void flat_writer_end(const struct flat_writer *writer, struct buffer *out);

/** Frees what it holds. Takes a zeroed one. */
void flat_writer_done(struct flat_writer *writer);
