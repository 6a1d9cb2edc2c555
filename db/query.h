#pragma once

/* A checked request for rows of one resource. Made by server/query.c, turned into SQL by
 * db/select.c. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/filter.h"
#include "db/resource.h"
#include "server/base/date.h"

enum {
    QUERY_TERMS = 24,   /* most conditions of one request */
    QUERY_VALUES = 200, /* most values in all conditions together */
    QUERY_SORTS = 6,    /* most sort keys */
    QUERY_FIELDS = 48,  /* most fields of a resource */
    QUERY_INCLUDES = 6, /* most collections that are included */
    QUERY_PARAMS = 8,   /* most declared parameters of a resource */
    QUERY_TEXT = 8192,  /* bytes for all decoded values */
    QUERY_LIMIT = 100,  /* rows of a page, where the request does not say */
    QUERY_LIMIT_MAX = 10000,
    QUERY_OFFSET_MAX = 100000,
};

enum operator{
    OPERATOR_EQUAL,
    OPERATOR_NOT,
    OPERATOR_GT,
    OPERATOR_GTE,
    OPERATOR_LT,
    OPERATOR_LTE,
    OPERATOR_IN,
    OPERATOR_NOTIN,
    OPERATOR_CONTAINS,
    OPERATOR_STARTSWITH,
    OPERATOR_ISNULL,
    OPERATOR__MAX,
};

/** One value of a condition, read by its field's type. */
struct value {
    const char *text;      /* as the request wrote it, decoded; for REF and names: folded */
    int64_t integer;       /* INTEGER, NUMBER */
    double real;           /* REAL */
    struct date_span span; /* DATE, DAY */
};

/** One condition: field, operator, and the values of which any may hold. */
struct term {
    const struct field *field;
    enum operator op;
    size_t first; /* index of the first value */
    size_t n_values;
    bool is_null; /* ISNULL: which way */
};

/** One sort key. */
struct sort {
    const struct field *field;
    bool descending;
    bool is_column;   /* by one column of the field as it is told, .part of them; nulls are less
                         than all else */
    bool is_nullable; /* is_column: the column may be null */
    size_t part;      /* is_column: which */
};

/** Where a page begins: the sort values and the id of the row before it, as the cursor carries
 * them. */
struct keyset {
    bool is_set;
    bool is_null[QUERY_SORTS + 1];
    bool is_integer[QUERY_SORTS + 1];
    bool is_real[QUERY_SORTS + 1];
    int64_t integers[QUERY_SORTS + 1];
    double reals[QUERY_SORTS + 1];
    const char *texts[QUERY_SORTS + 1]; /* the last is the id */
    size_t n;
};

/** A checked query. Zeroed and then filled by query_parse(). Owns nothing: texts point into .text
 * or to literals. */
struct query {
    const struct resource *resource;
    const char *key;               /* one item: its id; NULL: the collection */
    const struct resource *parent; /* sub-collection: whose; NULL: none */
    const char *parent_key;        /* sub-collection: the id in the path */
    struct term terms[QUERY_TERMS];
    size_t n_terms;
    size_t n_values; /* of .values */
    struct sort sorts[QUERY_SORTS];
    size_t n_sorts;
    const struct field *fields[QUERY_FIELDS]; /* in the declared order */
    size_t n_fields;
    const struct resource *includes[QUERY_INCLUDES];
    size_t n_includes;
    const char *params[QUERY_PARAMS];    /* value of each declared parameter, in the declared order;
                                            NULL: not given, and no default */
    const char *param_ids[QUERY_PARAMS]; /* CHOICE: the id behind it; DATE: its last day; NULL: none
                                          */
    const struct filter *filter;         /* a condition that the client composed; NULL: none */
    const char *search;                  /* q=, as the request wrote it; NULL: not given */
    struct date_span world;              /* at=, during=, from=, to= */
    bool has_world;
    char as_of[DATE_DAY_SIZE]; /* "": as known now */
    char since[DATE_DAY_SIZE]; /* changes: what came to be known after that day; "": no changes are
                                  asked for */
    char changed_since[DATE_DAY_SIZE]; /* rows that came to be known after that day; "": all */
    bool is_history;                   /* every version that was known by as_of, oldest first */
    const char *fields_json;           /* bound as :fields; NULL: not used */
    const char *nodes_json;            /* bound as :nodes; NULL: not used */
    const char *edges_json;            /* bound as :edges; NULL: not used */
    bool is_definite;                  /* certainty=definite */
    bool is_counted;                   /* count= is not none */
    bool is_pretty;
    bool is_array;                 /* shape=array: rows without an envelope */
    bool is_bom;                   /* CSV begins with a byte order mark */
    bool is_excel;                 /* CSV has no formulas for a spreadsheet to run */
    bool is_download;              /* for a file, not for a window */
    bool has_geometry;             /* rows carry their coordinates, behind their fields */
    const struct field *unindexed; /* a condition on it is no way to find rows: most meet it; NULL:
                                      none is like that */
    struct keyset keyset;
    uint32_t limit;
    uint32_t offset;
    /* What follows is large, and not zeroed: the counts say how much of it there is. */
    size_t text_len;
    struct value values[QUERY_VALUES];
    char text[QUERY_TEXT]; /* decoded values */
};
