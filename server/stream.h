#pragma once

/* All rows of a list, told one after the other in memory that does not grow with them. */

#include <stdbool.h>
#include <stddef.h>

#include "db/query.h"
#include "server/base/buffer.h"
#include "server/base/error.h"
#include "server/format.h"
#include "server/serve.h"

struct conn;
struct dataset;
struct resource;
struct route;
struct target;

/** What is told, and how. Borrows everything. */
struct stream_ask {
    const struct resource *const *catalogue;
    struct dataset *dataset;
    struct conn *conn;           /* the calling thread's */
    const struct target *target; /* a request that was read once, and found good */
    const struct route *route;
    enum format format; /* one that is flat */
    const char *fields; /* what query.fields_json is to be; NULL: not used */
    unsigned deadline_ms;
};

struct stream;

/**
 * Opens the rows of a request; nothing is read yet.
 *
 * Errors: as query_parse() and select_open(). Lifetime: borrows the thread's connection until
 * stream_keep(); stream_free() ends it.
 */
bool stream_open(const struct stream_ask *ask, struct stream **ret, struct error *err);

/**
 * Writes the next rows into out, until it holds at least `most` bytes or all is told.
 *
 * Shape: *ret_done: that was the last of it.
 * Errors: ERR_TIMEOUT where one such piece takes longer than the deadline, ERR_INTERNAL.
 */
bool stream_fill(struct stream *stream, size_t most, struct buffer *out, bool *ret_done,
                 struct error *err);

/** Whether it was the client that said how many rows it wants, and there are more; then ret_cursor
 * is where the next page begins. */
bool stream_next(const struct stream *stream, const char **ret_cursor);

/** Rows that were told. */
size_t stream_rows(const struct stream *stream);

/**
 * Makes a stream that is not at its end fit to outlive the request: it goes on behind its last row,
 * over a connection of its own; what was written so far comes first.
 *
 * Errors: as select_open().
 */
bool stream_keep(struct stream *stream, struct buffer *written, struct error *err);

/** The rest of a stream that was kept, as a reply tells it; the source owns the stream. */
struct reply_source stream_source(struct stream *stream);

/** Gives back what it holds. Takes NULL. */
void stream_free(struct stream *stream);
