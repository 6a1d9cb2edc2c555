#include "db/import/prefetch.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/buffer.h"

enum {
    BATCHES = 4,           /* in turn: one is taken from, the others are full or being filled */
    BATCH_ROWS = 512,      /* rows of a batch */
    BATCH_BYTES = 1 << 18, /* bytes of cells from which on a batch is full */
};

#define NO_CELL SIZE_MAX

/** Rows read ahead. */
struct batch {
    struct import_row rows[BATCH_ROWS];
    size_t n;
    size_t *offsets;             /* n_fields for each row: of its cells in `text`; NO_CELL: empty */
    size_t *lines;               /* n_fields for each row */
    size_t problems[BATCH_ROWS]; /* offsets as well; NO_CELL: none */
    struct buffer text;
    long long bytes;  /* of the file, behind the last row */
    bool is_last;     /* no batch follows: the file has ended, or cannot be read on */
    struct error err; /* why */
};

struct prefetch {
    struct reader *reader; /* borrowed; the thread's */
    size_t n_fields;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t n_filled, n_taken; /* batches, ever; guarded by lock */
    bool is_stopped;          /* guarded by lock */
    struct batch batches[BATCHES];
    size_t at;          /* next row of the batch that is taken from */
    bool is_begun;      /* there is such a batch */
    const char **cells; /* of the row that was given last */
};

static const struct batch *current(const struct prefetch *prefetch)
{
    return &prefetch->batches[prefetch->n_taken % BATCHES];
}

/* Keeps a text; its place is kept as an offset, since the buffer may move. */
static size_t keep(struct batch *batch, const char *text)
{
    size_t at = batch->text.len;

    if (text == NULL)
        return NO_CELL;
    buffer_add(&batch->text, text, strlen(text) + 1);
    return at;
}

static void keep_row(struct prefetch *prefetch, struct batch *batch, const struct import_row *row)
{
    size_t *offsets = batch->offsets + batch->n * prefetch->n_fields;
    size_t *lines = batch->lines + batch->n * prefetch->n_fields;
    struct import_row *kept = &batch->rows[batch->n];

    *kept = *row;
    batch->problems[batch->n++] = keep(batch, row->problem);
    for (size_t i = 0; i < prefetch->n_fields; i++) {
        offsets[i] = row->problem == NULL ? keep(batch, row->cells[i]) : NO_CELL;
        lines[i] = row->lines[i];
    }
    kept->lines = lines;
}

static void fill(struct prefetch *prefetch, struct batch *batch)
{
    long long size;

    batch->n = 0;
    buffer_clear(&batch->text);
    while (batch->n < BATCH_ROWS && batch->text.len < BATCH_BYTES && !batch->is_last) {
        const struct import_row *row;

        if (!reader_next(prefetch->reader, &row, &batch->err) || row == NULL)
            batch->is_last = true;
        else
            keep_row(prefetch, batch, row);
    }
    if (batch->text.broken) {
        batch->n = 0;
        batch->is_last = true;
        error_set(&batch->err, ERR_INTERNAL, NULL, "no memory for rows read ahead");
    }
    batch->bytes = reader_bytes(prefetch->reader, &size);
}

static void *run(void *data)
{
    struct prefetch *prefetch = data;
    bool is_last = false;

    while (!is_last) {
        struct batch *batch = &prefetch->batches[prefetch->n_filled % BATCHES];

        pthread_mutex_lock(&prefetch->lock);
        while (prefetch->n_filled - prefetch->n_taken == BATCHES && !prefetch->is_stopped)
            pthread_cond_wait(&prefetch->changed, &prefetch->lock);
        is_last = prefetch->is_stopped;
        pthread_mutex_unlock(&prefetch->lock);
        if (is_last)
            break;
        fill(prefetch, batch);
        is_last = batch->is_last;
        pthread_mutex_lock(&prefetch->lock);
        prefetch->n_filled++;
        pthread_cond_signal(&prefetch->changed);
        pthread_mutex_unlock(&prefetch->lock);
    }
    return NULL;
}

static void release(struct prefetch *prefetch)
{
    for (size_t i = 0; i < BATCHES; i++) {
        buffer_done(&prefetch->batches[i].text);
        free(prefetch->batches[i].offsets);
        free(prefetch->batches[i].lines);
    }
    free(prefetch->cells);
    free(prefetch);
}

bool prefetch_start(struct reader *reader, size_t n_fields, struct prefetch **ret,
                    struct error *err)
{
    struct prefetch *prefetch = calloc(1, sizeof(*prefetch));
    bool is_whole = prefetch != NULL;

    if (prefetch == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for rows read ahead");
    prefetch->reader = reader;
    prefetch->n_fields = n_fields;
    prefetch->cells = calloc(n_fields, sizeof(const char *));
    for (size_t i = 0; i < BATCHES; i++) {
        struct batch *batch = &prefetch->batches[i];

        batch->text = BUFFER_INIT((size_t)BATCH_BYTES + 4 * (size_t)ROW_BYTES_MOST);
        batch->offsets = calloc(BATCH_ROWS * n_fields, sizeof(*batch->offsets));
        batch->lines = calloc(BATCH_ROWS * n_fields, sizeof(*batch->lines));
        is_whole = is_whole && batch->offsets != NULL && batch->lines != NULL;
    }
    if (!is_whole || prefetch->cells == NULL) {
        release(prefetch);
        return error_set(err, ERR_INTERNAL, NULL, "no memory for rows read ahead");
    }
    pthread_mutex_init(&prefetch->lock, NULL);
    pthread_cond_init(&prefetch->changed, NULL);
    if (pthread_create(&prefetch->thread, NULL, run, prefetch) != 0) {
        release(prefetch);
        return error_set(err, ERR_INTERNAL, NULL, "no thread to read with");
    }
    *ret = prefetch;
    return true;
}

/* Gives the batch that was read through back, and waits for the next one. */
static void turn(struct prefetch *prefetch)
{
    pthread_mutex_lock(&prefetch->lock);
    if (prefetch->is_begun) {
        prefetch->n_taken++;
        pthread_cond_signal(&prefetch->changed);
    }
    prefetch->is_begun = true;
    while (prefetch->n_filled == prefetch->n_taken)
        pthread_cond_wait(&prefetch->changed, &prefetch->lock);
    pthread_mutex_unlock(&prefetch->lock);
    prefetch->at = 0;
}

bool prefetch_next(struct prefetch *prefetch, const struct import_row **ret, struct error *err)
{
    struct batch *batch = &prefetch->batches[prefetch->n_taken % BATCHES];
    const size_t *offsets;
    struct import_row *row;

    *ret = NULL;
    while (!prefetch->is_begun || prefetch->at == batch->n) {
        if (prefetch->is_begun && batch->is_last) {
            if (batch->err.code != ERR_NONE)
                *err = batch->err;
            return batch->err.code == ERR_NONE;
        }
        turn(prefetch);
        batch = &prefetch->batches[prefetch->n_taken % BATCHES];
    }
    row = &batch->rows[prefetch->at];
    offsets = batch->offsets + prefetch->at * prefetch->n_fields;
    for (size_t i = 0; i < prefetch->n_fields; i++)
        prefetch->cells[i] = offsets[i] != NO_CELL ? batch->text.data + offsets[i] : NULL;
    row->cells = prefetch->cells;
    if (row->problem != NULL)
        row->problem = batch->text.data + batch->problems[prefetch->at];
    prefetch->at++;
    *ret = row;
    return true;
}

long long prefetch_bytes(const struct prefetch *prefetch)
{
    return prefetch->is_begun ? current(prefetch)->bytes : 0;
}

void prefetch_stop(struct prefetch *prefetch)
{
    if (prefetch == NULL)
        return;
    pthread_mutex_lock(&prefetch->lock);
    prefetch->is_stopped = true;
    pthread_cond_signal(&prefetch->changed);
    pthread_mutex_unlock(&prefetch->lock);
    pthread_join(prefetch->thread, NULL);
    pthread_cond_destroy(&prefetch->changed);
    pthread_mutex_destroy(&prefetch->lock);
    release(prefetch);
}
