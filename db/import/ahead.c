#include "db/import/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum {
    BATCHES = 4,       /* that are read ahead at most */
    BATCH_ROWS = 256,  /* rows of a batch at most */
    BATCH_BYTES = 1 << 18, /* bytes of a batch from which it is full */
    BATCH_MOST = 4 * ROW_BYTES_MOST, /* bytes of a batch at most: it ends behind the row that fills it */
};

#define NO_TEXT SIZE_MAX

/** A row of a batch. */
struct batch_row {
    struct import_row row;
    size_t problem; /* place of the text; NO_TEXT: none */
};

/** Some rows, one behind the other. */
struct batch {
    struct buffer text;
    struct batch_row rows[BATCH_ROWS];
    size_t n;
    size_t *places;     /* of the text of each cell of each row; NO_TEXT: empty */
    const char **cells; /* the same, once the text stays where it is */
    size_t *lines;
    long long bytes;    /* of the file, up to its last row */
    struct error err;   /* of what comes behind the last row */
    bool is_last;       /* nothing comes behind it, or an error */
};

struct ahead {
    struct reader *reader; /* borrowed; the thread's until it is joined */
    size_t n_fields;
    pthread_t thread;
    pthread_mutex_t mutex;  /* for the three below */
    pthread_cond_t changed; /* one of them has changed */
    size_t n_filled, n_emptied; /* batches so far */
    bool is_stopped;        /* nobody wants more */

    struct batch batches[BATCHES];
    struct batch *batch; /* being taken; NULL: none */
    size_t at;           /* row of it that comes next */
    long long bytes;
};

static size_t keep(struct batch *batch, const char *text)
{
    size_t place = batch->text.len;

    if (text == NULL)
        return NO_TEXT;
    buffer_add(&batch->text, text, strlen(text) + 1);
    return place;
}

static void keep_row(const struct ahead *ahead, struct batch *batch, const struct import_row *row)
{
    struct batch_row *kept = &batch->rows[batch->n];
    size_t first = batch->n * ahead->n_fields;

    kept->row = *row;
    kept->problem = keep(batch, row->problem);
    for (size_t i = 0; i < ahead->n_fields; i++) {
        batch->places[first + i] = keep(batch, row->cells[i]);
        batch->lines[first + i] = row->lines[i];
    }
    batch->n++;
}

static const char *text_at(const struct batch *batch, size_t place)
{
    return place != NO_TEXT ? batch->text.data + place : NULL;
}

static void fill_batch(struct ahead *ahead, struct batch *batch)
{
    const struct import_row *row = NULL;
    long long unused;

    buffer_clear(&batch->text);
    batch->n = 0;
    batch->is_last = false;
    while (batch->n < BATCH_ROWS && batch->text.len < BATCH_BYTES) {
        batch->is_last = !reader_next(ahead->reader, &row, &batch->err) || row == NULL;
        if (batch->is_last)
            break;
        keep_row(ahead, batch, row);
    }
    if (batch->text.broken) {
        batch->n = 0;
        batch->is_last = true;
        batch->err = (struct error){ .code = ERR_NONE };
        error_set(&batch->err, ERR_INTERNAL, NULL, "no memory for rows");
    }
    for (size_t i = 0; i < batch->n * ahead->n_fields; i++)
        batch->cells[i] = text_at(batch, batch->places[i]);
    for (size_t i = 0; i < batch->n; i++) {
        struct import_row *kept = &batch->rows[i].row;

        kept->cells = batch->cells + i * ahead->n_fields;
        kept->lines = batch->lines + i * ahead->n_fields;
        kept->problem = text_at(batch, batch->rows[i].problem);
    }
    batch->bytes = reader_bytes(ahead->reader, &unused);
}

/* Waits for room; false: nobody wants more. */
static bool wait_for_room(struct ahead *ahead)
{
    bool is_wanted;

    pthread_mutex_lock(&ahead->mutex);
    while (!ahead->is_stopped && ahead->n_filled - ahead->n_emptied == BATCHES)
        pthread_cond_wait(&ahead->changed, &ahead->mutex);
    is_wanted = !ahead->is_stopped;
    pthread_mutex_unlock(&ahead->mutex);
    return is_wanted;
}

static void *read_ahead(void *data)
{
    struct ahead *ahead = data;
    bool is_last = false;

    for (size_t i = 0; !is_last && wait_for_room(ahead); i++) {
        struct batch *batch = &ahead->batches[i % BATCHES];

        fill_batch(ahead, batch);
        is_last = batch->is_last;
        pthread_mutex_lock(&ahead->mutex);
        ahead->n_filled++;
        pthread_cond_signal(&ahead->changed);
        pthread_mutex_unlock(&ahead->mutex);
    }
    return NULL;
}

/* Gives back the batch that was taken, and waits for the next one. */
static void take_batch(struct ahead *ahead)
{
    pthread_mutex_lock(&ahead->mutex);
    if (ahead->batch != NULL) {
        ahead->n_emptied++;
        pthread_cond_signal(&ahead->changed);
    }
    while (ahead->n_filled == ahead->n_emptied)
        pthread_cond_wait(&ahead->changed, &ahead->mutex);
    pthread_mutex_unlock(&ahead->mutex);
    ahead->batch = &ahead->batches[ahead->n_emptied % BATCHES];
    ahead->at = 0;
    ahead->bytes = ahead->batch->bytes;
}

bool ahead_next(struct ahead *ahead, const struct import_row **ret, struct error *err)
{
    if (ahead->batch == NULL)
        take_batch(ahead);
    while (ahead->at == ahead->batch->n && !ahead->batch->is_last)
        take_batch(ahead);
    if (ahead->at < ahead->batch->n) {
        *ret = &ahead->batch->rows[ahead->at++].row;
        return true;
    }
    *ret = NULL;
    if (ahead->batch->err.code == ERR_NONE)
        return true;
    *err = ahead->batch->err;
    return false;
}

long long ahead_bytes(const struct ahead *ahead)
{
    return ahead->bytes;
}

static void free_ahead(struct ahead *ahead)
{
    for (size_t i = 0; i < BATCHES; i++) {
        buffer_done(&ahead->batches[i].text);
        free(ahead->batches[i].places);
        free(ahead->batches[i].cells);
        free(ahead->batches[i].lines);
    }
    free(ahead);
}

void ahead_close(struct ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->mutex);
    ahead->is_stopped = true;
    pthread_cond_signal(&ahead->changed);
    pthread_mutex_unlock(&ahead->mutex);
    pthread_join(ahead->thread, NULL);
    pthread_mutex_destroy(&ahead->mutex);
    pthread_cond_destroy(&ahead->changed);
    free_ahead(ahead);
}

static bool allocate(struct ahead *ahead)
{
    bool is_done = true;

    for (size_t i = 0; i < BATCHES; i++) {
        struct batch *batch = &ahead->batches[i];
        size_t n = BATCH_ROWS * (ahead->n_fields + 1);

        batch->text = BUFFER_INIT(BATCH_MOST);
        batch->places = calloc(n, sizeof(*batch->places));
        batch->cells = calloc(n, sizeof(*batch->cells));
        batch->lines = calloc(n, sizeof(*batch->lines));
        is_done = is_done && batch->places != NULL && batch->cells != NULL && batch->lines != NULL;
    }
    return is_done;
}

bool ahead_open(struct reader *reader, struct ahead **ret, struct error *err)
{
    struct ahead *ahead = calloc(1, sizeof(*ahead));

    if (ahead == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for rows");
    ahead->reader = reader;
    ahead->n_fields = reader_fields(reader);
    if (!allocate(ahead)) {
        free_ahead(ahead);
        return error_set(err, ERR_INTERNAL, NULL, "no memory for rows");
    }
    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    if (pthread_create(&ahead->thread, NULL, read_ahead, ahead) != 0) {
        pthread_mutex_destroy(&ahead->mutex);
        pthread_cond_destroy(&ahead->changed);
        free_ahead(ahead);
        return error_set(err, ERR_INTERNAL, NULL, "no thread to read the file");
    }
    *ret = ahead;
    return true;
}
