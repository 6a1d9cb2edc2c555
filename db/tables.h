#pragma once

/* What the text of the dataset holds: one const declaration for each table, and the rows read into
 * it. */

#include <stdbool.h>
#include <stddef.h>

#include "db/text.h"

/** What the cells of a column are; each has one row in cell_kinds[] of db/build.c. */
enum column_kind {
    COLUMN_SLUG,    /* an id: lower-case letters, digits, single hyphens */
    COLUMN_TEXT,    /* words */
    COLUMN_INTEGER, /* a whole number from .min to .max */
    COLUMN_REAL,    /* degrees, from .min to .max */
    COLUMN_DAY,     /* one exact day */
    COLUMN_DATE,    /* an imprecise date; columns x, x_min, x_max */
    COLUMN_START,   /* the same; empty: not known */
    COLUMN_END,     /* the same; empty: open */
    COLUMN_LAST,    /* the same; empty: the row's `date` says it all */
    COLUMN_CODE,    /* a code of the list .codes */
    COLUMN_REF,     /* the id of a thing of the kind .things */
    COLUMN_TEXTS,   /* words, several; column x_json */
    COLUMN_CODES,   /* codes, several; column x_json */
    COLUMN_REFS,    /* ids, several; rows of the link table .link */
    COLUMN_NAMES,   /* names or former ids of the thing, several; rows of `aliases` */
    COLUMN__MAX,
};

/** One column of a text file. */
struct column {
    const char *name; /* as in the file's first row */
    enum column_kind kind;
    bool is_required;      /* an empty cell is a fault */
    bool is_name;          /* no other thing of the table's .named may go by the same name */
    const char *name_if;   /* type that the row must have for its cell to be a name; NULL: any */
    bool is_former;        /* NAMES: ids that were merged into this one */
    bool is_acyclic;       /* REF to the same table: following it never comes back */
    const char *sql;       /* column of the schema; NULL: as .name */
    const char *codes;     /* CODE, CODES: name of the list */
    const char *things;    /* REF, REFS: kind of thing; NULL: the row's cell .things_in says it */
    const char *things_in; /* REF: column that names the kind of thing; NULL: .things is it */
    const char *link;      /* REFS: link table */
    const char *linked;    /* REFS: its column for what is listed */
    const char *like;      /* TEXT: glob that cells match; NULL: any words */
    const char *right;     /* TEXT: what that is, in words */
    long long min, max;    /* INTEGER, REAL: bounds, included */
    const char *not_known; /* END: the row's `status` with which an empty end is not known; NULL:
                              always open */
};

enum {
    TABLE_COLUMNS = 32, /* most columns of a table */
    TABLE_KEYS = 2,     /* most columns of a key */
    TABLE_COPIES = 3,   /* most columns copied from another table */
    TABLE_RULES = 8,    /* most rules of a table */
};

/** A column of the schema that repeats what another row says. */
struct copy {
    const char *sql;  /* column of the schema; NULL: no copy */
    const char *via;  /* column with the other row's id */
    const char *from; /* column of the other row */
};

struct dataset_text;
struct table;

/** A rule that needs more than a type: reports to text->faults what breaks it. */
typedef void table_rule(struct dataset_text *text, const struct table *table,
                        const struct text_row *row);

/** One table of the text. */
struct table {
    const char *name;  /* of the files, and in the schema */
    const char *thing; /* kind of thing that its rows are; NULL: none that is referred to */
    const char *also;  /* kind of thing that they are as well; NULL: none */
    const char *named; /* kind inside which names are unique; NULL: they need not be */
    const char *self;  /* column of the link tables that holds its id; NULL: no links */
    const char
        *group; /* column whose equal values stand together, counted by `position`; NULL: none */
    const char *key[TABLE_KEYS];   /* columns of the key; the second may be NULL */
    const char *order[TABLE_KEYS]; /* columns that lines are sorted by; both NULL: by hand */
    bool is_required;              /* a dataset without a row of it makes no sense */
    bool is_versioned;             /* rows of one id have versions 1, 2, ... */
    bool is_revised; /* the same in the schema alone: the text has one version, imports make more */
    const struct column *columns; /* ends with a NULL name */
    struct copy copies[TABLE_COPIES];
    table_rule *rules[TABLE_RULES]; /* NULL: no more */
};

/** Places in tables[] that the code names. */
enum {
    TABLE_CODES,
    TABLE_SOURCES,
    TABLE_RELEASES,
    TABLES_N = 13,
};

/** Every table, in the order in which rows are written. */
extern const struct table tables[TABLES_N];

/** The rows of one table, from all of its files. */
struct table_rows {
    struct text_row *rows;          /* in the order of files and lines */
    size_t n_rows, size;            /* rows; rows there is room for */
    const struct text_row **sorted; /* the same by key */
    bool is_partial; /* a file could not be read whole: references into it prove nothing */
};

/** The whole text. */
struct dataset_text {
    struct text_memory memory;
    struct table_rows of[TABLES_N]; /* in the order of tables[] */
    struct faults *faults;          /* borrowed */
    const char *newest;             /* id of the newest release; NULL: none */
};

/** The place of a column in the table's files; -1: it has no such column. */
int table_column(const struct table *table, const char *name);

/** Tells whether the rows of a table are things of that kind (a mission is an actor as well). */
bool table_holds(const struct table *table, const char *thing);

/** The cell of a row in the column `name`; NULL: it is empty. */
const char *row_cell(const struct table *table, const struct text_row *row, const char *name);

/** Orders two cells of a column as keys: versions by number, others by bytes; NULL comes first. */
int cell_compare(const struct column *column, const char *a, const char *b);

/** Reports a fault of a row. */
#define row_fault(text, row, ...) fault_at((text)->faults, (row)->path, (row)->line, __VA_ARGS__)

/** The first row with that id in tables[i]; NULL: there is none. */
const struct text_row *text_find(const struct dataset_text *text, size_t i, const char *id);

/** The row of the thing of that kind (a mission is an actor as well); NULL: there is none. */
const struct text_row *text_find_thing(const struct dataset_text *text, const char *thing,
                                       const char *id, const struct table **ret_table);

/** The row of a code; NULL: there is none. */
const struct text_row *text_find_code(const struct dataset_text *text, const char *list,
                                      const char *id);

/**
 * Splits a list cell into its items, which are separated by `; `.
 *
 * Shape: number of items, each NUL-terminated, in *ret; 0 for an empty cell (and without memory:
 * text->memory.failed).
 */
size_t list_split(struct dataset_text *text, const char *cell, const char *const **ret);
