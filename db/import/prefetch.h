#pragma once

/* Reads the rows of a large file in a thread of its own, some batches ahead of who takes them. */

#include <stdbool.h>

#include "db/import/reader.h"
#include "server/base/error.h"

struct prefetch;

/**
 * Begins to read.
 *
 * Errors: ERR_INTERNAL. Lifetime: the reader is the thread's until prefetch_stop(), but for
 * reader_column().
 */
bool prefetch_start(struct reader *reader, size_t n_fields, struct prefetch **ret,
                    struct error *err);

/**
 * The next row, as reader_next() gives it.
 *
 * Shape: *ret is NULL behind the last one; it lives until the next call.
 */
bool prefetch_next(struct prefetch *prefetch, const struct import_row **ret, struct error *err);

/** Bytes of the file that the rows taken so far come from, to a batch. */
long long prefetch_bytes(const struct prefetch *prefetch);

/** Ends the thread, wherever it is. Takes NULL. */
void prefetch_stop(struct prefetch *prefetch);
