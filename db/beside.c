#include "db/beside.h"

#include <string.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum { URI_MOST = 16384 };

static void tell_ready(struct beside *beside)
{
    pthread_mutex_lock(&beside->mutex);
    beside->is_ready = true;
    pthread_cond_signal(&beside->ready);
    pthread_mutex_unlock(&beside->mutex);
}

static void *compute(void *data)
{
    struct beside *beside = data;
    /* The schema is read here and kept, so that it does not matter what is added to it later. */
    bool is_begun = sqlite3_exec(beside->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK
                    && digest_begin(beside->db, &beside->digest, &beside->err);

    tell_ready(beside);
    beside->is_done = is_begun && digest_end(&beside->digest, beside->hex, &beside->err);
    return NULL;
}

/* Takes no locks: the file's owner has it for itself. */
static bool open_beside(const char *path, sqlite3 **ret, struct error *err)
{
    defer(buffer_done) struct buffer uri = BUFFER_INIT(URI_MOST);

    buffer_text(&uri, "file:");
    buffer_percent(&uri, path, "/");
    if (!buffer_text(&uri, "?mode=ro&immutable=1"))
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a path");
    return sqlite3_open_v2(uri.data, ret,
                           SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL)
               == SQLITE_OK
           || error_set(err, ERR_INTERNAL, NULL, "digest: %s", sqlite3_errmsg(*ret));
}

bool beside_begin(const char *path, struct beside *ret, struct error *err)
{
    *ret = (struct beside){ .err = { .code = ERR_NONE } };
    if (!open_beside(path, &ret->db, err))
        return false;
    pthread_mutex_init(&ret->mutex, NULL);
    pthread_cond_init(&ret->ready, NULL);
    ret->is_started = pthread_create(&ret->thread, NULL, compute, ret) == 0;
    if (!ret->is_started) {
        pthread_mutex_destroy(&ret->mutex);
        pthread_cond_destroy(&ret->ready);
        return error_set(err, ERR_INTERNAL, NULL, "no thread for the digest");
    }
    pthread_mutex_lock(&ret->mutex);
    while (!ret->is_ready)
        pthread_cond_wait(&ret->ready, &ret->mutex);
    pthread_mutex_unlock(&ret->mutex);
    return true;
}

static void join(struct beside *beside)
{
    if (!beside->is_started)
        return;
    pthread_join(beside->thread, NULL);
    pthread_mutex_destroy(&beside->mutex);
    pthread_cond_destroy(&beside->ready);
    beside->is_started = false;
}

bool beside_end(struct beside *beside, char ret[DIGEST_SIZE], struct error *err)
{
    join(beside);
    if (!beside->is_done) {
        if (beside->err.code == ERR_NONE)
            return error_set(err, ERR_INTERNAL, NULL, "digest: %s", sqlite3_errmsg(beside->db));
        *err = beside->err;
        return false;
    }
    memcpy(ret, beside->hex, DIGEST_SIZE);
    return true;
}

void beside_done(struct beside *beside)
{
    join(beside);
    digest_done(&beside->digest);
    sqlite3_close_v2(beside->db);
    beside->db = NULL;
}
