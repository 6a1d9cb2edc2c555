#pragma once

/* The tables that imports fill, and one row on its way there. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "server/base/buffer.h"
#include "server/base/date.h"
#include "server/base/error.h"

enum {
    CONTENT_MOST = 40,     /* content columns of a table */
    LINKS_MOST = 16,       /* things that one row is linked to */
    SCRATCH_SIZE = 4096,   /* bytes of texts made for one row */
    TARGET_REFERENCES = 6, /* content columns that refer to rows, with the NULL behind them */
};

/** A table that is filled. */
struct target {
    const char *table;
    const char *const *columns; /* what a version says: all but id, version, clocks and source */
    size_t n_columns;
    const char *source; /* column with the state that said it first; NULL: none, or it is content */
    bool is_source_linked; /* that state stands in the link table instead, and nothing else does */
    const char *links;     /* link table; NULL: none */
    const char *self;      /* its column for the row's id */
    const char *linked;    /* its column for what is linked */
    const char *kind;      /* kind of thing that is linked */
    size_t links_column;   /* content column with the links, ready to send */
    const char *const *initial; /* texts that columns have when nothing else is said; NULL: NULL */
    struct {
        size_t column;     /* content column that refers to a row */
        const char *table; /* by its id; NULL: no more */
    } references[TARGET_REFERENCES];
};

/** Content columns of `casualties`. */
enum casualty_column {
    CASUALTY_SERIES,
    CASUALTY_KIND,
    CASUALTY_MISSION,
    CASUALTY_PLACE,
    CASUALTY_LATITUDE,
    CASUALTY_LONGITUDE,
    CASUALTY_LOCATION,
    CASUALTY_DATE, /* with _MIN and _MAX: record_date() */
    CASUALTY_DATE_MIN,
    CASUALTY_DATE_MAX,
    CASUALTY_END, /* record_date(); where nothing is said, the date says it all */
    CASUALTY_END_MIN,
    CASUALTY_END_MAX,
    CASUALTY_VICTIM_GROUP,
    CASUALTY_PERSONNEL_TYPE,
    CASUALTY_CAUSE,
    CASUALTY_NATIONALITY,
    CASUALTY_NATIONALITY_TEXT,
    CASUALTY_HARM,
    CASUALTY_LOW,
    CASUALTY_BEST,
    CASUALTY_HIGH,
    CASUALTY_QUALIFIER,
    CASUALTY_TEXT,
    CASUALTY_UNIT,
    CASUALTY_DEFINITION,
    CASUALTY_FLAGS,
    CASUALTY_NOTE,
    CASUALTY_PERPETRATORS, /* made from the links */
    CASUALTY__MAX,
};

/** Content columns of `strengths`. */
enum strength_column {
    STRENGTH_MISSION,
    STRENGTH_DATE,
    STRENGTH_DATE_MIN,
    STRENGTH_DATE_MAX,
    STRENGTH_CATEGORY,
    STRENGTH_LOW,
    STRENGTH_BEST,
    STRENGTH_HIGH,
    STRENGTH_QUALIFIER,
    STRENGTH_TEXT,
    STRENGTH_UNIT,
    STRENGTH_DEFINITION,
    STRENGTH_FLAGS,
    STRENGTH_NOTE,
    STRENGTH__MAX,
};

/** Content columns of `claims`. */
enum claim_column {
    CLAIM_FACT,
    CLAIM_SUBJECT_KIND,
    CLAIM_SUBJECT,
    CLAIM_PREDICATE,
    CLAIM_OBJECT_KIND,
    CLAIM_OBJECT,
    CLAIM_OBJECT_TEXT,
    CLAIM_LOW,
    CLAIM_BEST,
    CLAIM_HIGH,
    CLAIM_QUALIFIER,
    CLAIM_TEXT,
    CLAIM_UNIT,
    CLAIM_START,
    CLAIM_START_MIN,
    CLAIM_START_MAX,
    CLAIM_END,
    CLAIM_END_MIN,
    CLAIM_END_MAX,
    CLAIM_PLACE,
    CLAIM_DEFINITION,
    CLAIM_MODALITY,
    CLAIM_ASSERTED_BY,
    CLAIM_QUOTE,
    CLAIM_LOCATOR_UNIT,
    CLAIM_LOCATOR_START,
    CLAIM_LOCATOR_END,
    CLAIM_STATUS,
    CLAIM_SUPERSEDED_BY,
    CLAIM_VERDICT,
    CLAIM_NOTE,
    CLAIM_FLAGS,
    CLAIM_REPORTED_BY, /* of target_claims alone: in target_state_claims the state is it */
    CLAIM__MAX,
};

/** Content columns of `actors`. */
enum actor_column {
    ACTOR_NAME,
    ACTOR_TYPE,
    ACTOR_ISO3,
    ACTOR_UCDP_ID,
    ACTOR_NOTE,
    ACTOR__MAX,
};

extern const struct target target_actors;
extern const struct target target_casualties;
extern const struct target target_strengths;
/** Claims of which each names its own source. */
extern const struct target target_claims;
/** Claims that the state of a data set makes: the state is their source. */
extern const struct target target_state_claims;

/** A value of a column. Borrows its text. */
struct value {
    int type; /* SQLITE_NULL, SQLITE_INTEGER, SQLITE_FLOAT or SQLITE_TEXT */
    union {
        int64_t integer;
        double real;
        struct {
            const char *text;
            int len;
        };
    };
};

/** What a state says of one row. Texts are borrowed until it is put, or lie in `scratch`. */
struct record {
    const struct target *target;
    const char *id; /* slug; the key of the row in its table */
    struct value values[CONTENT_MOST];
    const char *links[LINKS_MOST]; /* ids */
    size_t n_links;
    const void *data; /* the kind's own; kept with held records */
    size_t row;       /* number of the file's row it is made of; set by the engine */
    char *scratch;    /* SCRATCH_SIZE bytes, borrowed */
    size_t n_scratch;
};

/** Empties a record, but for the initial values of its table. */
void record_begin(struct record *record, const struct target *target, char *scratch);

/** Sets a text; NULL: nothing is said. */
void record_text(struct record *record, size_t column, const char *text);
/** Sets a whole number. */
void record_integer(struct record *record, size_t column, int64_t value);
/** Sets a real number. */
void record_real(struct record *record, size_t column, double value);

/**
 * Sets an imprecise date (2013, 2013-04, 2013-04-25) and the two columns behind it, its first and
 * last day.
 *
 * Errors: false when text is no date.
 */
bool record_date(struct record *record, size_t column, const char *text);

/** Sets a text and the two days behind it as they are told: for open and unknown ends. */
void record_span(struct record *record, size_t column, const char *text, const char *min,
                 const char *max);

/** Formats a text that lives as long as the record; "" when there is no room. */
const char *record_format(struct record *record, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/** Joins texts, up to a NULL, into one that lives as long as the record; "" when there is no room.
 */
const char *record_join(struct record *record, const char *first, ...) __attribute__((sentinel));

/** The digits of a number from 0, as a text that lives as long as the record. */
const char *record_number(struct record *record, int64_t number);

/** Makes a slug of words: lower-case letters and digits, single hyphens for all between, accents
 * dropped. "" when there is no room. */
const char *record_slug(struct record *record, const char *words);

/** Tells whether two values are the same. */
bool value_is(const struct value *value, sqlite3_stmt *row, int column);

/** Binds a value; its text must outlive the step. */
void value_bind(const struct value *value, sqlite3_stmt *stmt, int parameter);

/** The statements of a target, in the order of enum target_sql. Written into sql: false (broken)
 * without memory. */
enum target_sql {
    TARGET_SELECT,      /* versions of ?1: rowid, known_from, known_to, source, content */
    TARGET_INSERT,      /* id, version, known_from, known_to, source, content */
    TARGET_DELETE,      /* all versions of ?1 */
    TARGET_LINK_SELECT, /* links of id ?1, version ?2 */
    TARGET_LINK_INSERT, /* id, version, linked, position */
    TARGET_LINK_DELETE, /* all links of ?1 */
    TARGET_SQL__MAX,
};
bool target_sql(const struct target *target, enum target_sql which, struct buffer *sql);

/** The statement that finds what reference i refers to, by its id ?1. False as above. */
bool target_reference_sql(const struct target *target, size_t i, struct buffer *sql);
