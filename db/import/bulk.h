#pragma once

/* The first, large load of a set: what a row costs less when a million of them come at once.
 *
 * The indexes of the table are dropped and built behind the last row, each by one sort instead of a
 * million searches (partial ones stay: the rows of such a set lack what they ask for); the rules of
 * the schema that a mapping keeps by itself are not tried on every row; and references are looked
 * up once for each value. */

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "db/import/target.h"
#include "server/base/error.h"

enum {
    BULK_INDEXES_MOST = 16, /* indexes of a table */
    BULK_KNOWN = 1024,      /* values of which it is remembered that they refer to something */
    BULK_KNOWN_SIZE = 48,   /* bytes of such a value and its NUL */
};

/** A load. Zeroed: none. */
struct bulk {
    bool is_on;  /* the table has no indexes now */
    sqlite3 *db; /* borrowed */
    const struct target *target;
    sqlite3_stmt *insert;
    bool is_bound;                    /* what is the same for all rows is bound to it */
    struct value bound[CONTENT_MOST]; /* what is bound to it now */
    char *indexes[BULK_INDEXES_MOST]; /* SQL that builds each */
    char *key;                        /* SQL that builds the one of the key; NULL: none */
    size_t n_indexes;
    sqlite3_stmt *references[TARGET_REFERENCES];
    struct {
        size_t reference;
        char value[BULK_KNOWN_SIZE];
    } known[BULK_KNOWN];
};

/** Drops the indexes. Errors: ERR_INTERNAL, ERR_INPUT for a full disk. bulk_done() frees it. */
bool bulk_begin(sqlite3 *db, const struct target *target, struct bulk *ret, struct error *err);

/** Frees everything. The indexes stay as they are. Takes zeroed ones. */
void bulk_done(struct bulk *bulk);

/**
 * Inserts the first version of a row.
 *
 * Shape: from, to and source must be the same texts in every call. That a row stands there twice
 * shows in bulk_build_key(). Errors: ERR_INTERNAL, for a reference to nothing as well; ERR_INPUT
 * for a full disk.
 */
bool bulk_insert(struct bulk *bulk, const struct record *record, const char *from, const char *to,
                 const char *source, struct error *err);

/**
 * Builds the index of the key.
 *
 * Shape: *ret_double: two rows have one id, and the load was in vain. Errors: as bulk_begin().
 */
bool bulk_build_key(struct bulk *bulk, bool *ret_double, struct error *err);

/** Builds the other indexes. Errors: as bulk_begin(). */
bool bulk_build_others(struct bulk *bulk, struct error *err);
