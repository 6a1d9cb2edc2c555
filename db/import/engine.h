#pragma once

/* What a kind of file is: one const declaration and one mapping function, in a file of its own.
 *
 * To add a kind: db/import/<kind>.c with its declaration, and its name in kinds.c. Header matching,
 * JSON, rejected rows, the two clocks, tombstones, summary and help follow. */

#include <stdbool.h>
#include <stddef.h>

#include "db/import/lookup.h"
#include "db/import/reader.h"
#include "db/import/target.h"

enum { KIND_SERIES = 8 /* most series of a kind, with the NULL behind them */ };

struct import;

/** What is said of the data set in `sources`. %s stands for the day of the state, or (a field
 * is_version) for "version 25.1". NULL: not said. */
struct import_origin {
    const char *id; /* without the day or version, which is added; NULL: each row names its own
                       source */
    const char *title;
    const char *publisher;
    const char *kind; /* code list source_kind */
    const char *url;
    const char *licence;
    const char *language;
    const char *citation;
    const char *note;
};

/** One kind of file. */
struct import_kind {
    const char *name;                  /* as typed */
    const char *text;                  /* what it is, in a sentence */
    const struct import_field *fields; /* ends with a NULL name */
    bool is_closed;                    /* a column that is none of them is a fault of the file */
    const struct target *target;       /* table that its rows go to */
    const char *data_set;              /* its states are known by this name */
    const char *scope; /* SQL condition: rows of the target that are of the set, so that those
                          missing in a state are withdrawn. NULL: each row is a set of its own, and
                          a file says nothing of rows that it does not hold */
    struct import_origin origin;
    const char *series[KIND_SERIES]; /* that its states are states of; NULL: no more */
    bool
        is_held; /* records are kept until `finish` has seen all: for files of some thousand rows */

    /** Called once before the first row; NULL: nothing to do. False with err: the import fails. */
    bool (*begin)(struct import *import, struct error *err);
    /** Makes records of a row: import_put() for each, or import_reject(). False with err: the
     * import fails. */
    bool (*row)(struct import *import, const struct import_row *row, struct error *err);
    /** Called once behind the last row, before held records are written; NULL: nothing to do. */
    bool (*finish)(struct import *import, struct error *err);
    /** Called for each held record before it is written, so that it can still be rejected; NULL:
     * nothing to do. */
    bool (*check)(struct import *import, struct record *record, struct error *err);
    /** Frees import_data(), however the import ended; NULL: nothing to do. */
    void (*end)(struct import *import);
};

/** Every kind; the one visible place is kinds.c. Ends with NULL. */
extern const struct import_kind *const import_kinds[];

/** An empty record of the kind's table, ready to be filled. It is the import's own. */
struct record *import_record(struct import *import);

/** Puts a record into the state, or keeps it when the kind holds records. Errors: ERR_INTERNAL. */
bool import_put(struct import *import, struct record *record, struct error *err);

/** The records that are held, in the order of the files; `finish` may change their values. */
struct record *import_held(struct import *import, size_t *ret_n);

/**
 * Rejects the row under way: nothing of it is imported.
 *
 * Shape: field is the cell at fault, -1 the whole row; hint says what would be right, as a phrase;
 * the first rejection of a row counts. Errors: ERR_INPUT when the report cannot be written.
 */
bool import_reject(struct import *import, int field, const char *hint, struct error *err,
                   const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** The same for a name that no thing has: the hint is the nearest name of that kind. */
bool import_reject_name(struct import *import, int field, const char *kind, const char *name,
                        struct error *err);

/** Names of missions, places and actors. */
struct lookup *import_lookup(struct import *import);

/** The day of the state. */
const char *import_day(const struct import *import);

/** The day of the next known state of the set, and its source; NULL: there is none. */
const char *import_next(const struct import *import, const char **ret_source);

/** The id of the source that the state is; NULL: each row names its own. */
const char *import_source(const struct import *import);

/** The dataset that is filled, for what the engine does not do. */
sqlite3 *import_database(struct import *import);

/** What the kind keeps between its functions; NULL at first. */
void **import_data(struct import *import);

/** Tells whether the row under way was rejected. Records that are put after that are dropped. */
bool import_is_rejected(const struct import *import);

/** Memory that lives as long as the import, for texts of held records. */
struct text_memory *import_memory(struct import *import);

/** Counts the row under way as inserted, because of rows that were added beside its own table. */
void import_count_inserted(struct import *import);

/**
 * Finds a mission by acronym or alias, and adds one that the dataset lacks: category `other`, with
 * a note that it comes from the file alone, known from the earliest state that names it.
 *
 * Shape: *ret is its id. Errors: ERR_INTERNAL.
 */
bool import_mission(struct import *import, const char *acronym, const char **ret,
                    struct error *err);

/**
 * Runs one statement with texts bound to ?1, ?2, ...; NULL binds NULL. The statement is kept for
 * the next call with the same `sql` pointer.
 *
 * Errors: ERR_INTERNAL.
 */
bool import_execute(struct import *import, const char *sql, const char *const *texts, size_t n,
                    struct error *err);
