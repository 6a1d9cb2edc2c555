#pragma once

/* A condition on the columns of rows, as a tree: what a client composed itself, where struct term
 * has one field, one operator and its values. Made by server/odata_filter.c, turned into SQL here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/resource.h"

struct buffer;
struct query;

enum {
    FILTER_NODES = 256, /* most nodes of a tree: a comparison has three */
    FILTER_DEPTH = 32,  /* most parentheses and negations inside one another */
    FILTER_TEXT = 8192, /* bytes of all its texts */
    FILTER_NONE = -1,   /* no node */
};

enum filter_kind {
    FILTER_AND,        /* left, right: conditions */
    FILTER_OR,         /* the same */
    FILTER_NOT,        /* left: a condition */
    FILTER_EQ,         /* left, right: values; two nulls are equal */
    FILTER_NE,         /* the same */
    FILTER_GT,         /* left, right: values; false where one is null */
    FILTER_GE,         /* the same */
    FILTER_LT,         /* the same */
    FILTER_LE,         /* the same */
    FILTER_IN,         /* left: a value; right: the first literal, which has the next as .right */
    FILTER_CONTAINS,   /* left, right: texts, to the letter */
    FILTER_STARTSWITH, /* the same */
    FILTER_COLUMN,     /* a column of the row */
    FILTER_NULL,       /* literals */
    FILTER_TEXT_VALUE,
    FILTER_INTEGER,
    FILTER_REAL,
    FILTER_BOOLEAN,
};

/** One node. */
struct filter_node {
    enum filter_kind kind;
    int left, right;           /* index of a node; FILTER_NONE: none */
    const struct field *field; /* COLUMN: whose part it is */
    size_t part;               /* COLUMN: which of its columns, as select_column() counts */
    bool is_list;              /* COLUMN: ids or words of a list, "; " between them */
    const char *text;          /* TEXT_VALUE; points into the tree's texts */
    int64_t integer;           /* INTEGER, BOOLEAN */
    double real;               /* REAL */
};

/** A tree. Zero-filled but for .root: none. Never copied: nodes point into .text. */
struct filter {
    struct filter_node nodes[FILTER_NODES];
    size_t n;
    int root;
    char text[FILTER_TEXT];
    size_t text_len;
};

/**
 * Writes a tree as a condition; its values as :f0, :f1, ... for filter_bind().
 *
 * Shape: three-valued, as OData has it: eq, ne, gt, ge, lt, le and in are true or false whatever is
 * null; contains and startswith of a null are null.
 */
void filter_write(struct buffer *sql, const struct query *query, const struct filter *filter);

/** Binds the values of a tree; texts stay borrowed. */
void filter_bind(sqlite3_stmt *stmt, const struct filter *filter);
