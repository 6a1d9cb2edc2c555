#pragma once

/* Reads a large file in a second thread, some rows ahead of who takes them. */

#include <stdbool.h>

#include "db/import/reader.h"
#include "server/base/error.h"

struct ahead;

/**
 * Starts to read.
 *
 * Shape: nobody else may take rows from the reader until ahead_close(), which must come before
 * reader_close(). Errors: ERR_INTERNAL. Lifetime: borrows reader.
 */
bool ahead_open(struct reader *reader, struct ahead **ret, struct error *err);

/** The next row, as reader_next() has it. */
bool ahead_next(struct ahead *ahead, const struct import_row **ret, struct error *err);

/** Bytes of the file up to the rows that were taken. */
long long ahead_bytes(const struct ahead *ahead);

/** Ends the thread. Takes NULL. */
void ahead_close(struct ahead *ahead);
