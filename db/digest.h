#pragma once

/* The digest of a dataset: SHA-256 over the content of its tables, whatever bytes SQLite laid them
 * out in. */

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "server/base/error.h"

enum { DIGEST_SIZE = 65 /* SHA-256 in hexadecimal, and NUL */ };

/**
 * Computes the digest of a dataset's content.
 *
 * Shape: the hash over the name and the hash of every table but `dataset`, in the order of their
 * names; that of a table is over the hashes of its rows in the order of its key, that of a row over
 * its values with their types and lengths. So a large table is read in the order in which it is
 * stored, which costs a tenth of the order of its key. Errors: ERR_INTERNAL with SQLite's words;
 * ERR_INPUT without room for a temporary file.
 */
bool digest_compute(sqlite3 *db, char ret[DIGEST_SIZE], struct error *err);

enum { DIGEST_TABLES = 64 /* most tables of a dataset */ };

/** A digest in two steps, for a dataset to which another connection adds indexes meanwhile. */
struct digest {
    sqlite3 *db;                 /* borrowed */
    char *tables[DIGEST_TABLES]; /* names, in order */
    size_t n;
};

/** Reads what tables there are. Errors: ERR_INTERNAL. digest_done() frees it. */
bool digest_begin(sqlite3 *db, struct digest *ret, struct error *err);

/** Reads their content. Errors: as digest_compute(). */
bool digest_end(const struct digest *digest, char ret[DIGEST_SIZE], struct error *err);

/** Frees the names. Takes zeroed ones. */
void digest_done(struct digest *digest);
