#pragma once

/* The digest of a dataset: SHA-256 over the content of its tables, whatever bytes SQLite laid them
 * out in. */

#include <stdbool.h>

#include <sqlite3.h>

#include "server/base/error.h"

enum { DIGEST_SIZE = 65 /* SHA-256 in hexadecimal, and NUL */ };

/**
 * Computes the digest of a dataset's content.
 *
 * Shape: every table but `dataset` in the order of its name; of each the sum, modulo 2^256, of the
 * SHA-256 of its rows, so that the order of rows does not matter and nothing need be sorted; every
 * value of a row with its type and length. Errors: ERR_INTERNAL with SQLite's words.
 */
bool digest_compute(sqlite3 *db, char ret[DIGEST_SIZE], struct error *err);
