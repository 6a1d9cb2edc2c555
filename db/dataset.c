#define _GNU_SOURCE /* O_CLOEXEC, asprintf, strptime, timegm */
#include "db/dataset.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "db/conn.h"
#include "db/query.h"
#include "db/query_memory.h"
#include "db/schema.h"
#include "server/base/cleanup.h"

enum {
    WATCH_PAGES = 256,   /* pages that are verified at once: 1 MiB, some 0.2 ms */
    WATCH_PAUSE = 4,     /* milliseconds between two such: a processor is kept for those who ask */
    WATCH_EVERY = 2000,  /* milliseconds between two looks whether a worker met a damaged page */
    WATCH_AGAIN = 10000, /* milliseconds until a damaged file is verified again */
};

/** A published file. Shared by the holder and by each thread's connection to it; the last one
 * closes it. */
struct file {
    struct state state;
    atomic_size_t n_holders;
    struct guard guard;   /* its descriptor keeps the very file that was checked, whatever its name
                             comes to mean; state.guard points here */
    struct code *codes;   /* owned; state.codes points here */
    char (*releases)[11]; /* owned; state.releases points here */
};

struct dataset {
    pthread_mutex_t lock; /* guards file */
    struct file *file;    /* NULL: nothing was published */
    atomic_ulong serial;  /* grows with each publication; what a request looks at */
    enum dataset_verify verify;
    pthread_key_t thread; /* each thread's struct local */
};

/** What one thread has open. */
struct local {
    struct conn *conn; /* NULL: none */
    struct file *file;
    unsigned long serial; /* of the publication that conn belongs to */
};

static void file_release(struct file *file)
{
    if (file == NULL || atomic_fetch_sub(&file->n_holders, 1) != 1)
        return;
    if (file->guard.descriptor >= 0)
        close(file->guard.descriptor);
    for (size_t i = 0; i < file->state.n_codes; i++) {
        free((char *)file->codes[i].list);
        free((char *)file->codes[i].id);
        free((char *)file->codes[i].name);
        free((char *)file->codes[i].text);
        free((char *)file->codes[i].inverse);
    }
    free(file->codes);
    free(file->releases);
    seal_done(&file->guard.seal);
    free(file);
}

static void local_close(struct local *local)
{
    conn_close(local->conn);
    file_release(local->file);
    local->conn = NULL;
    local->file = NULL;
}

static void local_free(void *data)
{
    struct local *local = data;

    local_close(local);
    free(local);
}

struct dataset *dataset_new(void)
{
    struct dataset *dataset = calloc(1, sizeof(*dataset));
    char seed;

    if (dataset == NULL)
        return NULL;
    conn_set_up();
    /* SQLite reads /dev/urandom when it first wants chance, which a sandbox may not allow then. */
    sqlite3_randomness(sizeof(seed), &seed);
    if (pthread_key_create(&dataset->thread, local_free) != 0) {
        free(dataset);
        return NULL;
    }
    pthread_mutex_init(&dataset->lock, NULL);
    return dataset;
}

void dataset_free(struct dataset *dataset)
{
    if (dataset == NULL)
        return;
    dataset_leave(dataset);
    file_release(dataset->file);
    pthread_key_delete(dataset->thread);
    pthread_mutex_destroy(&dataset->lock);
    free(dataset);
}

/* SQLite opens the file anew through the descriptor, so a name that was replaced meanwhile does not
 * matter. */
static bool open_descriptor(const struct file *file, struct conn **ret, struct error *err)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", file->guard.descriptor);
    return conn_open(path, &file->state, ret, err);
}

static char *column_text(sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text != NULL ? strdup(text) : NULL;
}

static bool read_key(struct conn *conn, const char *key, char *ret, size_t size, struct error *err)
{
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    bool is_row;

    if (!conn_stmt(conn, "SELECT value FROM dataset WHERE key = ?", &stmt, err))
        return false;
    sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    if (!stmt_step(stmt, &is_row, err))
        return false;
    if (!is_row || sqlite3_column_bytes(stmt, 0) != (int)size - 1)
        return error_set(err, ERR_INPUT, NULL, "the dataset does not say its %s", key);
    memcpy(ret, sqlite3_column_text(stmt, 0), size);
    return true;
}

static bool read_codes(struct conn *conn, struct file *file, struct error *err)
{
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    size_t room = 0;
    bool is_row;

    if (!conn_stmt(conn, "SELECT list, id, name, text, inverse FROM codes ORDER BY list, position",
                   &stmt, err))
        return false;
    for (;;) {
        if (!stmt_step(stmt, &is_row, err))
            return false;
        if (!is_row)
            break;
        if (file->state.n_codes == room) {
            struct code *codes =
                realloc(file->codes, (room = room ? room * 2 : 128) * sizeof(*codes));

            if (codes == NULL)
                return error_set(err, ERR_INTERNAL, NULL, "no memory for the code lists");
            file->state.codes = file->codes = codes;
        }
        file->codes[file->state.n_codes++] = (struct code){
            .list = column_text(stmt, 0),
            .id = column_text(stmt, 1),
            .name = column_text(stmt, 2),
            .text = column_text(stmt, 3),
            .inverse = column_text(stmt, 4),
        };
        {
            const struct code *code = &file->codes[file->state.n_codes - 1];

            if (code->list == NULL || code->id == NULL || code->name == NULL || code->text == NULL)
                return error_set(err, ERR_INTERNAL, NULL, "no memory for the code lists");
        }
    }
    return true;
}

static bool read_releases(struct conn *conn, struct file *file, struct error *err)
{
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    bool is_row;

    if (!conn_stmt(conn, "SELECT id, count(*) OVER () FROM releases ORDER BY id", &stmt, err))
        return false;
    for (;;) {
        if (!stmt_step(stmt, &is_row, err))
            return false;
        if (!is_row)
            return true;
        if (file->releases == NULL)
            file->releases = calloc((size_t)sqlite3_column_int64(stmt, 1), sizeof(*file->releases));
        if (file->releases == NULL)
            return error_set(err, ERR_INTERNAL, NULL, "no memory for the releases");
        snprintf(file->releases[file->state.n_releases++], sizeof(*file->releases), "%s",
                 (const char *)sqlite3_column_text(stmt, 0));
        file->state.releases = (const char(*)[11])file->releases;
    }
}

/* The day of the release as every reply tells it. */
static void set_modified(struct state *state)
{
    struct tm day = { 0 };

    if (strptime(state->release, "%Y-%m-%d", &day) == NULL)
        return;
    timegm(&day); /* fills in the day of the week */
    strftime(state->modified, sizeof(state->modified), "%a, %d %b %Y 00:00:00 GMT", &day);
}

/* Reads the seal, and verifies all pages where they are to be before anybody reads them. A file
 * that is none of ours at all is told so, rather than that it lacks a seal. */
static bool read_seal(const struct dataset *dataset, struct file *file, struct error *err)
{
    struct guard *guard = &file->guard;
    struct error why = { .code = ERR_NONE };
    struct conn *conn = NULL;

    if (dataset->verify == DATASET_VERIFY_OFF)
        return true;
    guard->next = 1;
    guard->is_sealed = seal_read(guard->descriptor, &guard->seal, &why);
    if (guard->is_sealed
        && ((dataset->verify == DATASET_VERIFY_QUICK && dataset->file == NULL)
            || seal_verify_some(&guard->seal, guard->descriptor, &guard->next, UINT32_MAX, &why)))
        return true;
    guard->is_sealed = false;
    if (!seal_is_dataset(guard->descriptor) && !open_descriptor(file, &conn, err))
        return false;
    conn_close(conn);
    *err = why;
    return false;
}

/* Opens a file and reads what never changes about it. */
static bool open_file(const struct dataset *dataset, struct file *file, struct error *err)
{
    struct conn *conn = NULL;
    bool is_good = read_seal(dataset, file, err) && open_descriptor(file, &conn, err);

    if (!is_good)
        return false;
    is_good = schema_check(conn, err) && read_key(conn, "digest", file->state.digest, 65, err)
              && read_key(conn, "release", file->state.release, 11, err)
              && read_codes(conn, file, err) && read_releases(conn, file, err);
    is_good = conn_is_sound(conn, is_good, err);
    conn_close(conn);
    return is_good;
}

bool dataset_publish(struct dataset *dataset, const char *path, struct error *err)
{
    struct file *file = calloc(1, sizeof(*file));
    struct file *old;
    struct error why = { 0 };
    struct stat status;

    if (file == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a dataset");
    atomic_init(&file->n_holders, 1);
    /* Without O_NONBLOCK, the name of a pipe would hold us until somebody writes into it. */
    file->guard.descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->guard.descriptor < 0 || fstat(file->guard.descriptor, &status) != 0
        || !S_ISREG(status.st_mode)) {
        error_set(err, ERR_INPUT, NULL,
                  "%s: %s; a dataset file that 'bluehelm build' made would be right.", path,
                  file->guard.descriptor < 0 ? strerror(errno) : "not a file");
        file_release(file);
        return false;
    }
    file->state.guard = &file->guard;
    if (!open_file(dataset, file, &why)) {
        const char *name =
            strstr(why.detail, ": "); /* our name of the descriptor says nothing to anybody */
        bool is_named = strncmp(why.detail, "/proc/self/fd/", 14) == 0 && name != NULL;

        error_set(err, ERR_INPUT, NULL, "%s: %s", path, is_named ? name + 2 : why.detail);
        file_release(file);
        return false;
    }
    set_modified(&file->state);
    pthread_mutex_lock(&dataset->lock);
    old = dataset->file;
    dataset->file = file;
    atomic_fetch_add_explicit(&dataset->serial, 1, memory_order_release);
    pthread_mutex_unlock(&dataset->lock);
    file_release(old);
    return true;
}

void dataset_set_verify(struct dataset *dataset, enum dataset_verify verify)
{
    dataset->verify = verify;
}

/* Takes the verification of a guarded file a step on. True: it is at its end, good or bad. */
static bool verify_more(struct guard *guard, struct error *err)
{
    uint32_t before = guard->next;

    return !seal_verify_some(&guard->seal, guard->descriptor, &guard->next, WATCH_PAGES, err)
           || (guard->next > guard->seal.n_pages && before <= guard->seal.n_pages);
}

void dataset_watch(struct dataset *dataset, enum dataset_news *ret, int *ret_wait,
                   struct error *err)
{
    struct guard *guard = dataset->file != NULL ? &dataset->file->guard : NULL;
    bool is_damaged;

    *ret = DATASET_NO_NEWS;
    *ret_wait = WATCH_EVERY;
    if (guard == NULL || !guard->is_sealed)
        return;
    is_damaged = atomic_load(&guard->is_damaged);
    if (guard->next > guard->seal.n_pages && is_damaged)
        guard->next = 1;
    if (guard->next > guard->seal.n_pages)
        return;
    if (!verify_more(guard, err)) {
        *ret_wait = WATCH_PAUSE;
        return;
    }
    if (err->code == ERR_INTERNAL) /* no memory: later */
        return;
    if (err->code != ERR_NONE) { /* the next time it is verified from the beginning */
        guard->next = guard->seal.n_pages + 1;
        atomic_store(&guard->is_damaged, true);
        *ret = guard->is_told ? DATASET_NO_NEWS : DATASET_DAMAGED;
        *ret_wait = WATCH_AGAIN;
        guard->is_told = true;
        return;
    }
    *ret = is_damaged ? DATASET_HEALED : DATASET_VERIFIED;
    atomic_store(&guard->is_damaged, false);
    guard->is_told = false;
}

static struct local *local_get(struct dataset *dataset, struct error *err)
{
    struct local *local = pthread_getspecific(dataset->thread);

    if (local != NULL)
        return local;
    local = calloc(1, sizeof(*local));
    if (local == NULL || pthread_setspecific(dataset->thread, local) != 0) {
        free(local);
        error_set(err, ERR_INTERNAL, NULL, "no memory for a thread's connection");
        return NULL;
    }
    return local;
}

/* The file was good when it was published: that it cannot be opened any more is not the client's
 * fault. */
static void blame_file(struct file *file, struct error *err)
{
    char why[256];
    const char *name = strstr(err->detail, ": "); /* our name of the descriptor */

    if (err->code != ERR_INPUT)
        return;
    snprintf(why, sizeof(why), "%.250s", name != NULL ? name + 2 : err->detail);
    *err = (struct error){ .code = ERR_NONE };
    error_set(err, ERR_DAMAGED, NULL, "The dataset file is damaged: %s", why);
    atomic_store(&file->guard.is_damaged, true);
}

bool dataset_conn(struct dataset *dataset, struct conn **ret, struct error *err)
{
    struct local *local = local_get(dataset, err);

    if (local == NULL)
        return false;
    if (local->conn != NULL && local->serial == dataset_serial(dataset)
        && !conn_is_spoilt(local->conn)) {
        query_memory_begin();
        *ret = local->conn;
        return true;
    }
    local_close(local);
    query_memory_lift();
    pthread_mutex_lock(&dataset->lock);
    local->file = dataset->file;
    local->serial = atomic_load_explicit(&dataset->serial, memory_order_relaxed);
    if (local->file != NULL)
        atomic_fetch_add(&local->file->n_holders, 1);
    pthread_mutex_unlock(&dataset->lock);
    if (local->file == NULL)
        return error_set(err, ERR_NOT_READY, NULL, "No dataset is open yet.");
    if (!open_descriptor(local->file, &local->conn, err)) {
        blame_file(local->file, err);
        local_close(local);
        return false;
    }
    query_memory_begin();
    *ret = local->conn;
    return true;
}

bool dataset_name(struct dataset *dataset, char ret_release[11], char ret_digest[65])
{
    bool is_there;

    pthread_mutex_lock(&dataset->lock);
    is_there = dataset->file != NULL;
    if (is_there) {
        memcpy(ret_release, dataset->file->state.release, 11);
        memcpy(ret_digest, dataset->file->state.digest, 65);
    }
    pthread_mutex_unlock(&dataset->lock);
    return is_there;
}

unsigned long dataset_serial(struct dataset *dataset)
{
    return atomic_load_explicit(&dataset->serial, memory_order_acquire);
}

/* A loan is what a thread has open, and no thread's. */
bool dataset_lend(struct dataset *dataset, struct loan **ret, struct error *err)
{
    const struct local *own = pthread_getspecific(dataset->thread);
    struct local *local = calloc(1, sizeof(*local));

    if (local == NULL || own == NULL || own->file == NULL) {
        free(local);
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a connection, or none to copy");
    }
    local->file = own->file;
    local->serial = own->serial;
    atomic_fetch_add(&local->file->n_holders, 1);
    query_memory_lift();
    if (!open_descriptor(local->file, &local->conn, err)) {
        blame_file(local->file, err);
        local_free(local);
        return false;
    }
    conn_unmap(local->conn);
    query_memory_begin();
    *ret = (struct loan *)local;
    return true;
}

struct conn *loan_conn(const struct loan *loan)
{
    return ((const struct local *)loan)->conn;
}

void dataset_give(struct loan *loan)
{
    if (loan != NULL)
        local_free(loan);
}

bool dataset_descriptor(struct dataset *dataset, int *ret, struct error *err)
{
    const struct local *own = pthread_getspecific(dataset->thread);
    int descriptor = -1;

    if (own != NULL && own->file != NULL)
        descriptor = fcntl(own->file->guard.descriptor, F_DUPFD_CLOEXEC, 0);
    if (descriptor < 0)
        return error_set(err, ERR_INTERNAL, NULL, "no descriptor of the dataset file: %s",
                         strerror(errno));
    *ret = descriptor;
    return true;
}

void dataset_leave(struct dataset *dataset)
{
    struct local *local = pthread_getspecific(dataset->thread);

    if (local == NULL)
        return;
    pthread_setspecific(dataset->thread, NULL);
    local_free(local);
}

const char *state_release(const struct state *state, const char *day)
{
    for (size_t i = state->n_releases; i > 0; i--) {
        if (strcmp(state->releases[i - 1], day) <= 0)
            return state->releases[i - 1];
    }
    return NULL;
}

const struct code *state_code(const struct state *state, const char *list, const char *id)
{
    for (size_t i = 0; i < state->n_codes; i++) {
        const struct code *code = &state->codes[i];

        if (strcmp(code->list, list) == 0
            && (strcmp(code->id, id) == 0 || strcmp(code->name, id) == 0))
            return code;
    }
    return NULL;
}
