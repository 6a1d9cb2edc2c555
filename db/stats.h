#pragma once

/* Sums over rows, with bounds, and without counting anybody twice: which series may answer, which
 * of them go together, and the groups of their rows. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "db/query.h"
#include "db/select.h"
#include "server/base/error.h"

struct conn;

enum {
    STATS_GROUPS = 4,      /* most fields to group by */
    STATS_CONDITIONS = 8,  /* most conditions on sums */
    STATS_CANDIDATES = 64, /* most pairs of series and definition that one request can meet */
    STATS_ROWS = 10000,    /* most rows of which a derivation is told */
};

/** What of a field's value rows are grouped by. */
enum stats_bucket {
    STATS_VALUE,
    STATS_YEAR,
    STATS_QUARTER,
    STATS_MONTH,
    STATS_BUCKET__MAX,
};

/** One group key. */
struct stats_group {
    const struct field *field;
    enum stats_bucket bucket; /* other than VALUE: of a date */
};

/** What is told of a group, beside its keys. */
enum stats_column {
    STATS_LOW,
    STATS_BEST,
    STATS_HIGH,
    STATS_RECORDS,
    STATS_UNKNOWN,
    STATS_COLUMN__MAX,
};

/** A condition on a sum. */
struct stats_condition {
    enum stats_column column;
    enum operator op; /* EQUAL, NOT, GT, GTE, LT, LTE, ISNULL */
    int64_t value;
    bool is_null; /* ISNULL: which way */
};

/** A sort key: a group key or a sum. */
struct stats_sort {
    bool is_group;
    size_t index; /* of .groups, or enum stats_column */
    bool descending;
};

/** Which of several series answers. */
enum stats_rule {
    STATS_PREFERRED, /* the one of the lowest rank that can answer */
    STATS_OFFICIAL,  /* the same among those that the body itself publishes */
    STATS_LATEST,    /* the one that was read last */
    STATS_MIN,       /* the one with the least sum */
    STATS_MAX,       /* the one with the greatest sum */
    STATS_ALL,       /* each by itself, side by side */
    STATS_SOURCE,    /* as preferred, of the rows of one source alone */
    STATS_RULE__MAX,
};

/** How empty buckets of time are filled. */
enum stats_fill {
    STATS_LEAVE,
    STATS_FILL_NULL,
    STATS_FILL_ZERO,
};

/** A checked request for sums. Borrows the query. */
struct stats {
    const struct query *query; /* filters and clocks; its sort, page and fields do not count */
    const struct field *measure;
    struct stats_group groups[STATS_GROUPS];
    size_t n_groups;
    struct stats_condition conditions[STATS_CONDITIONS];
    size_t n_conditions;
    struct stats_sort sorts[QUERY_SORTS];
    size_t n_sorts;
    enum stats_rule rule;
    const char *source; /* SOURCE: its id; borrowed */
    enum stats_fill fill;
    const char *time_param; /* parameters that asked for the bucket and for the other keys, for */
    const char *keys_param; /* errors; NULL: group_by */
    uint32_t limit;
    uint32_t offset;
};

/** Why a series answers, or does not. */
enum stats_verdict {
    STATS_ANSWERS,
    STATS_COARSE,       /* it is not broken down by .field */
    STATS_TIMELESS,     /* its dates do not tell the buckets, or the period, that are asked for */
    STATS_STALE,        /* .other has a later state of the same data set */
    STATS_OVERLAPS,     /* it counts again what .other counts */
    STATS_INCOMPATIBLE, /* its definition may not be added to that of .other */
    STATS_UNOFFICIAL,   /* the rule asks for official series */
    STATS_BEATEN,       /* the rule chose .other */
    STATS_VERDICT__MAX,
};

/** One series with the rows of one definition that meet the request. */
struct stats_candidate {
    char series[SELECT_ID_SIZE];
    char series_name[256];
    char definition[SELECT_ID_SIZE];
    char definition_name[256];
    char frequency[16];
    char dimensions[512];        /* JSON array of codes */
    char state[DATE_DAY_SIZE];   /* newest state that was known; "": none is told */
    char origin[SELECT_ID_SIZE]; /* of that state's source; "": none */
    bool is_official;
    bool is_own; /* the definition is the series' own */
    int64_t rank;
    int64_t records;     /* rows that meet the request */
    double best;         /* sum of their best figures, for the rules MIN and MAX */
    bool may_have_parts; /* a row of it may be part of another one; false: none is */
    enum stats_verdict verdict;
    const char *field;                   /* COARSE: the dimension it lacks; literal */
    const struct stats_candidate *other; /* the one that it lost to; NULL: none */
};

/** All of them, in the order in which they were considered. */
struct stats_choice {
    struct stats_candidate candidates[STATS_CANDIDATES];
    size_t n;
};

/**
 * Chooses the series that answer, and says of every other one why it does not.
 *
 * Errors: ERR_PARAM_INVALID when the request names series, or definitions, that may not be added
 * (the two are named), and when no series can be grouped as asked (err->allowed: what can);
 * ERR_TIMEOUT, ERR_INTERNAL.
 */
bool stats_choose(struct conn *conn, const struct stats *stats, struct stats_choice *ret,
                  struct error *err);

/**
 * Opens the groups, those of all pages.
 *
 * Shape: for each of stats->groups its value, its name and its iso3 code (the last two NULL where
 * it is no reference; a bucket of time is a whole number, stats_bucket_text() writes it), then low,
 * best, high, records, unknown (each a whole number or NULL), status, series, definition,
 * definition name, sources, independent sources, flags (lists as ready JSON). Errors: ERR_TIMEOUT,
 * ERR_INTERNAL. Lifetime: stmt_return(); borrows stats and choice until then.
 */
bool stats_open(struct conn *conn, const struct stats *stats, const struct stats_choice *choice,
                sqlite3_stmt **ret, struct error *err);

/** The day of the state of a data set that a source is; "": it is none. Errors as in stats_open().
 */
bool stats_source_day(struct conn *conn, const char *source, char ret[DATE_DAY_SIZE],
                      struct error *err);

/** Columns that a group key takes up in stats_open(). */
enum { STATS_KEY_WIDTH = 3 };

/** The columns behind the group keys: first those of enum stats_column, in its order. */
enum stats_place {
    STATS_AT_LOW,
    STATS_AT_BEST,
    STATS_AT_HIGH,
    STATS_AT_RECORDS,
    STATS_AT_UNKNOWN,
    STATS_AT_STATUS,
    STATS_AT_SERIES,
    STATS_AT_DEFINITION,
    STATS_AT_DEFINITION_NAME,
    STATS_AT_SOURCES,
    STATS_AT_INDEPENDENT,
    STATS_AT_FLAGS,
};

/**
 * Opens the rows that were added up, in the order of the groups' values and their ids.
 *
 * Shape: the value of each group key, then id, low, best, high, whether it certainly meets the
 * conditions on time, series, source, the source's name, claims as ready JSON. At most STATS_ROWS
 * and one more. Errors and lifetime as in stats_open().
 */
bool stats_open_rows(struct conn *conn, const struct stats *stats,
                     const struct stats_choice *choice, sqlite3_stmt **ret, struct error *err);

/**
 * Opens the rows that were left out because another row of their series counts them, or the things
 * that are counted only together with others (struct sums).
 *
 * Shape: id, name, and the id of what counts it. *ret stays NULL where the declaration knows of
 * none.
 */
bool stats_open_parts(struct conn *conn, const struct stats *stats,
                      const struct stats_choice *choice, sqlite3_stmt **ret, struct error *err);
bool stats_open_beside(struct conn *conn, const struct stats *stats, sqlite3_stmt **ret,
                       struct error *err);

enum { STATS_BUCKET_SIZE = 32 /* bytes of the text of any bucket and its NUL */ };

/** Writes a bucket of time: 2013, 2013-Q2, 2013-04. */
void stats_bucket_text(enum stats_bucket bucket, int64_t value, char ret[STATS_BUCKET_SIZE]);

/** Writes the first day of a bucket of time: 2013-01-01, 2013-04-01. */
void stats_bucket_day(enum stats_bucket bucket, int64_t value, char ret[STATS_BUCKET_SIZE]);

/** What a sum is called: low, best, ... Literal. */
const char *stats_column_name(enum stats_column column);

/** What a bucket is called: year, quarter, month; NULL for a plain value. Literal. */
const char *stats_bucket_name(enum stats_bucket bucket);
