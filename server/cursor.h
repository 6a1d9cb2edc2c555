#pragma once

/* The opaque cursor: where the next page begins, bound to its query and its dataset. */

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "db/query.h"
#include "server/base/error.h"

enum { CURSOR_SIZE = 1536 /* bytes of a cursor's text and its NUL */ };

/**
 * Writes the cursor behind a row.
 *
 * Shape: column is that of the first sort key in the row; owner names the query, digest the
 * dataset. Errors: false without memory, or when the row's values do not fit.
 */
bool cursor_write(sqlite3_stmt *row, int column, const char *owner, const char *digest,
                  char ret[CURSOR_SIZE]);

/**
 * Reads a cursor into query->keyset; its texts go into query->text.
 *
 * Errors: ERR_PARAM_INVALID for anything that cursor_write() did not write for this query,
 * ERR_CURSOR_STALE when it was written for another dataset.
 */
bool cursor_read(const char *text, const char *owner, const char *digest, struct query *query,
                 struct error *err);
