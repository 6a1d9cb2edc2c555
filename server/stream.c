#define _GNU_SOURCE /* strdup */
#include "server/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "db/query_memory.h"
#include "db/select.h"
#include "server/base/cleanup.h"
#include "server/cursor.h"
#include "server/fingerprint.h"
#include "server/flat.h"
#include "server/query.h"
#include "server/render_json.h"
#include "server/row_source.h"
#include "server/route.h"

enum {
    STREAM_PIECE = 64 << 10,      /* bytes that are made at once */
    STREAM_PIECE_MOST = 16 << 20, /* most bytes of a piece: one that ends in the largest row */
};

struct stream {
    struct dataset *dataset;
    struct loan *loan; /* NULL: the connection is the thread's */
    struct conn *conn;
    struct query query;
    char *fields; /* what query.fields_json points to; NULL: nothing */
    sqlite3_stmt *rows;
    struct flat_writer writer;
    struct row_place place;   /* where rows of other collections come from */
    struct row_source source; /* the same, for the renderers */
    unsigned deadline_ms;
    size_t n;
    bool has_begun;  /* what comes before the rows is told */
    bool is_limited; /* the client said how many rows it wants */
    bool is_done;
    char cursor[CURSOR_SIZE]; /* behind the last row of a page or of the first piece; "": that was
                                 all */
    char owner[FINGERPRINT_SIZE], known[FINGERPRINT_SIZE];
    struct buffer piece; /* made and not yet sent */
    size_t sent;         /* bytes of it that are */
    struct error fault;
};

bool stream_open(const struct stream_ask *ask, struct stream **ret, struct error *err)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    const struct state *state = conn_state(ask->conn);

    if (stream == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a stream");
    stream->dataset = ask->dataset;
    stream->conn = ask->conn;
    stream->deadline_ms = ask->deadline_ms;
    stream->piece = BUFFER_INIT(STREAM_PIECE_MOST);
    if (ask->fields != NULL)
        stream->fields = strdup(ask->fields);
    /* A query points into itself: it is read where it stays. */
    if ((ask->fields != NULL && stream->fields == NULL)
        || !query_owner(ask->route, ask->target, stream->owner)
        || !query_parse(ask->catalogue, state, ask->target, ask->route, &stream->query, err)
        || !query_resolve(ask->conn, &stream->query, err)) {
        stream_free(stream);
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a stream");
    }
    stream->query.fields_json = stream->fields;
    stream->is_limited = query_is_paged(ask->target);
    if (!stream->is_limited)
        stream->query.limit = UINT32_MAX;
    stream->query.has_geometry = ask->format == FORMAT_GEOJSON;
    query_known(state, stream->query.as_of, stream->known);
    stream->place = (struct row_place){ ask->catalogue, ask->conn, &stream->query, &stream->fault };
    stream->source = row_source_of(&stream->place);
    flat_writer_init(&stream->writer, &stream->query, ask->format, &stream->source);
    if (!select_open(ask->conn, &stream->query, &stream->rows, err)) {
        stream_free(stream);
        return false;
    }
    *ret = stream;
    return true;
}

/* Tells one row, or that there are no more. */
static bool add_row(struct stream *stream, size_t most, struct buffer *out, struct error *err)
{
    bool is_row, is_full = stream->is_limited && stream->n == stream->query.limit;

    if (!stmt_step(stream->rows, &is_row, err))
        return false;
    if (!is_row || is_full) {
        if (!is_row)
            stream->cursor[0] = '\0';
        flat_writer_end(&stream->writer, out);
        stream->is_done = true;
        return true;
    }
    flat_writer_row(&stream->writer, stream->rows, out);
    stream->n++;
    /* Where a page ends the next begins, and where a piece ends the stream may have to begin anew.
     */
    if ((stream->is_limited ? stream->n == stream->query.limit
                            : stream->loan == NULL && out->len >= most)
        && !cursor_write(stream->rows, render_width(&stream->query), stream->owner, stream->known,
                         stream->cursor))
        return error_set(err, ERR_INTERNAL, NULL, "no room for a cursor");
    return true;
}

bool stream_fill(struct stream *stream, size_t most, struct buffer *out, bool *ret_done,
                 struct error *err)
{
    bool is_good = true;

    query_memory_begin();
    conn_deadline(stream->conn, stream->deadline_ms);
    if (!stream->has_begun)
        flat_writer_begin(&stream->writer, out);
    stream->has_begun = true;
    while (is_good && !stream->is_done && out->len < most && !out->broken)
        is_good = add_row(stream, most, out, err);
    conn_deadline(stream->conn, 0);
    *ret_done = stream->is_done;
    if (is_good && out->broken && stream->fault.code != ERR_NONE) {
        *err = stream->fault;
        is_good = false;
    }
    return conn_is_sound(stream->conn, is_good, err);
}

bool stream_next(const struct stream *stream, const char **ret_cursor)
{
    *ret_cursor = stream->cursor;
    return stream->is_limited && stream->cursor[0] != '\0';
}

size_t stream_rows(const struct stream *stream)
{
    return stream->n;
}

bool stream_keep(struct stream *stream, struct buffer *written, struct error *err)
{
    stmt_return(&stream->rows);
    if (!dataset_lend(stream->dataset, &stream->loan, err))
        return false;
    stream->conn = loan_conn(stream->loan);
    stream->place.conn = stream->conn;
    stream->query.offset = 0;
    if (!cursor_read(stream->cursor, stream->owner, stream->known, &stream->query, err)
        || !select_open(stream->conn, &stream->query, &stream->rows, err))
        return false;
    buffer_done(&stream->piece);
    stream->piece = *written;
    *written = BUFFER_INIT(0);
    return true;
}

static ssize_t read_rest(void *context, char *to, size_t size)
{
    struct stream *stream = context;
    size_t left;
    bool is_done = stream->is_done;

    if (stream->fault.code != ERR_NONE)
        return -1;
    if (stream->sent == stream->piece.len) {
        if (is_done)
            return 0;
        /* The first piece is several times as large as the others: a slow reader is not to keep its
         * room for as long as it reads. */
        if (stream->piece.size > 4 * STREAM_PIECE)
            buffer_done(&stream->piece);
        stream->piece.limit = STREAM_PIECE_MOST;
        buffer_clear(&stream->piece);
        stream->sent = 0;
        if (!stream_fill(stream, STREAM_PIECE, &stream->piece, &is_done, &stream->fault))
            return -1;
        if (stream->piece.broken) {
            error_set(&stream->fault, ERR_INTERNAL, NULL, "no memory for a piece of a stream");
            return -1;
        }
    }
    left = stream->piece.len - stream->sent;
    if (left > size)
        left = size;
    memcpy(to, stream->piece.data + stream->sent, left);
    stream->sent += left;
    return (ssize_t)left;
}

static const char *fault_of(const void *context)
{
    const struct stream *stream = context;

    return stream->fault.detail;
}

static void free_stream(void *context)
{
    stream_free(context);
}

struct reply_source stream_source(struct stream *stream)
{
    return (struct reply_source){ read_rest, fault_of, free_stream, stream };
}

void stream_free(struct stream *stream)
{
    if (stream == NULL)
        return;
    stmt_return(&stream->rows);
    flat_writer_done(&stream->writer);
    dataset_give(stream->loan);
    buffer_done(&stream->piece);
    free(stream->fields);
    free(stream);
}
