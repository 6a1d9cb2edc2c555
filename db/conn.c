#define _GNU_SOURCE /* clock_gettime, strdup */
#include "db/conn.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "db/dataset.h"
#include "db/hash.h"
#include "db/pages.h"
#include "db/query_memory.h"
#include "db/schema.h"
#include "db/search.h"
#include "db/sql_fold.h"
#include "db/sql_label.h"
#include "db/sql_recall.h"
#include "db/sql_tally.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum {
    CONN_STATEMENTS = 64,  /* prepared statements kept; the least recently used goes */
    CONN_STEPS = 2000,     /* virtual machine steps between two looks at the clock: some 20 us */
    CONN_MMAP = 256 << 20, /* bytes of the file that are read through memory mapping; SPEED.md: 20%
                              on large sets */
    CONN_CACHE =
        -1024, /* page cache in KiB (negative: SQLite's way to say so); mapped pages need none */
};

/** A slot of the statement cache. Zeroed: free. */
struct slot {
    char *key; /* the SQL, or what it follows from; NULL: free */
    size_t len;
    uint64_t hash; /* of the key */
    sqlite3_stmt *stmt;
    uint64_t used; /* tick of the last use */
};

struct conn {
    sqlite3 *db;
    const struct state *state; /* borrowed */
    struct slot slots[CONN_STATEMENTS];
    struct sql_labels *labels;
    struct recall *recall;
    uint64_t tick;
    struct timespec deadline; /* on CLOCK_MONOTONIC; both 0: never */
    struct guard *guard;     /* borrowed from state; NULL: nobody looks whether the file is right */
    struct timespec changed; /* when the file was changed last, as it was opened */
    off_t size;              /* of the file then */
    bool is_spoilt;          /* what it remembers may be wrong */
};

/* Whether the file is as it was when the connection was opened. Whoever writes into a file changes
 * its time before its bytes. */
static bool look_at_file(struct conn *conn, bool is_first)
{
    struct stat status;

    if (conn->guard == NULL)
        return true;
    if (fstat(conn->guard->descriptor, &status) != 0)
        return false;
    if (is_first) {
        conn->changed = status.st_mtim;
        conn->size = status.st_size;
    }
    return status.st_size == conn->size && status.st_mtim.tv_sec == conn->changed.tv_sec
           && status.st_mtim.tv_nsec == conn->changed.tv_nsec;
}

/* Says what the dataset suffers from, to everybody: what is behind it is for the log. */
static bool damaged(struct conn *conn, struct error *err, const char *why)
{
    conn->is_spoilt = true;
    if (conn->guard != NULL)
        atomic_store(&conn->guard->is_damaged, true);
    return error_set(err, ERR_DAMAGED, NULL,
                     "The dataset file is damaged: %s. Its keeper has to put a whole one in its "
                     "place.",
                     why);
}

static pthread_once_t sqlite_once = PTHREAD_ONCE_INIT;

static void prepare_sqlite(void)
{
    /* Nobody asks SQLite how much memory it took, and counting it costs a lock on each piece:
     * query_memory counts by thread. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    query_memory_install();
}

void conn_set_up(void)
{
    pthread_once(&sqlite_once, prepare_sqlite);
}

/* What is wrong with the pages that were read, if anything is. */
static bool has_bad_page(struct conn *conn, struct error *err)
{
    char why[64];
    uint32_t page;
    enum pages_fault fault = pages_look(conn->db, &page);

    if (fault == PAGES_GOOD)
        return false;
    if (page == 0)
        snprintf(why, sizeof(why), "a page cannot be read");
    else
        snprintf(why, sizeof(why), "page %u %s", page,
                 fault == PAGES_WRONG ? "is not what was written" : "cannot be read");
    *err = (struct error){ .code = ERR_NONE };
    damaged(conn, err, why);
    return true;
}

static int is_past_deadline(void *data)
{
    const struct conn *conn = data;
    struct timespec now;

    if (conn->deadline.tv_sec == 0 && conn->deadline.tv_nsec == 0)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > conn->deadline.tv_sec
           || (now.tv_sec == conn->deadline.tv_sec && now.tv_nsec >= conn->deadline.tv_nsec);
}

static bool read_integer(sqlite3 *db, const char *sql, int *ret)
{
    sqlite3_stmt *stmt = NULL;
    bool is_read = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK
                   && sqlite3_step(stmt) == SQLITE_ROW;

    if (is_read)
        *ret = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return is_read;
}

/* Why a file cannot be opened: that may be the file's fault, or that there is nothing left to open
 * it with. */
static bool open_failed(sqlite3 *db, const char *file, struct error *err)
{
    int status = db != NULL ? sqlite3_errcode(db) & 0xff : SQLITE_NOMEM;
    int errnum = db != NULL ? sqlite3_system_errno(db) : 0;

    if (status == SQLITE_NOMEM)
        return error_set(err, ERR_INTERNAL, NULL, "%s: no memory", file);
    if (status == SQLITE_CANTOPEN && (errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM))
        return error_set(err, ERR_OVERLOAD, NULL,
                         "%s: The server has nothing left to open the dataset with: %s.", file,
                         strerror(errnum));
    return error_set(err, ERR_INPUT, NULL,
                     "%s: %s; a dataset file that 'bluehelm build' made would be right.", file,
                     sqlite3_errmsg(db));
}

/* Refuses what is not a dataset of this schema, before any query meets it. */
static bool check_header(sqlite3 *db, const char *file, struct error *err)
{
    int application_id = 0, version = 0;

    if (!read_integer(db, "PRAGMA application_id", &application_id)
        || !read_integer(db, "PRAGMA user_version", &version))
        return open_failed(db, file, err);
    if (application_id != SCHEMA_APPLICATION_ID)
        return error_set(
            err, ERR_INPUT, NULL,
            "%s: not a bluehelm dataset (application_id %d); make one with 'bluehelm build'.", file,
            application_id);
    if (version != SCHEMA_VERSION)
        return error_set(err, ERR_INPUT, NULL,
                         "%s: schema version %d, and this program reads version %d; rebuild the "
                         "dataset with this program.",
                         file, version, SCHEMA_VERSION);
    return true;
}

/*
 * What a statement may do: read, by the functions that there are. Statements are ours alone; this
 * is for the day on which one of them is not what it seems, and for views and triggers that a
 * forged file may hold.
 */
static int authorize(void *data, int action, const char *first, const char *second,
                     const char *database, const char *source)
{
    (void)data;
    (void)second;
    (void)database;
    (void)source;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_PRAGMA: /* what full-text search asks of itself */
        return strcmp(first, "data_version") == 0 ? SQLITE_OK : SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

/* Ceilings on what a statement may come to; no statement of ours is near them. */
static void set_limits(sqlite3 *db)
{
    static const struct {
        int id, most;
    } limits[] = {
        { SQLITE_LIMIT_LENGTH, 64 << 20 },         /* bytes of a text, a blob or a row */
        { SQLITE_LIMIT_SQL_LENGTH, 1 << 20 },      /* bytes of a statement */
        { SQLITE_LIMIT_ATTACHED, 0 },              /* other files */
        { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },         /* there are no triggers */
        { SQLITE_LIMIT_WORKER_THREADS, 0 },        /* a query is its worker's alone */
        { SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256 }, /* bytes; GLOB stands in views alone */
    };

    for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
        sqlite3_limit(db, limits[i].id, limits[i].most);
}

/* A connection that cannot be made, to a file that was whole: tells the page that is to blame. */
static void blame_page(struct conn *conn, struct error *err)
{
    if (conn->guard != NULL && conn->guard->is_sealed)
        has_bad_page(conn, err);
}

bool conn_open(const char *file, const struct state *state, struct conn **ret, struct error *err)
{
    defer(buffer_done) struct buffer uri = BUFFER_INIT(8192);
    struct conn *conn = calloc(1, sizeof(*conn));
    const char *layer;
    int status;

    if (conn == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a connection");
    conn->state = state;
    conn->guard = state != NULL ? state->guard : NULL;
    conn_set_up();
    layer = pages_layer();
    buffer_text(&uri, "file:");
    buffer_percent(&uri, file, "/");
    if (!buffer_text(&uri, "?mode=ro&immutable=1")) {
        conn_close(conn);
        return error_set(err, ERR_INPUT, NULL, "%s: the path is too long.", file);
    }
    status = sqlite3_open_v2(uri.data, &conn->db,
                             SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, layer);
    if (layer == NULL || status != SQLITE_OK) {
        open_failed(layer != NULL ? conn->db : NULL, file, err);
        conn_close(conn);
        return false;
    }
    if (!look_at_file(conn, true)
        || (conn->guard != NULL && conn->guard->is_sealed
            && !pages_verify(conn->db, &conn->guard->seal))) {
        error_set(err, ERR_INTERNAL, NULL, "no memory for the pages of %s", file);
        conn_close(conn);
        return false;
    }
    sqlite3_extended_result_codes(conn->db, 1);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(conn->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    sqlite3_progress_handler(conn->db, CONN_STEPS, is_past_deadline, conn);
    if (!check_header(conn->db, file, err)) {
        blame_page(conn, err);
        conn_close(conn);
        return false;
    }
    if (!sql_fold_register(conn->db) || !sql_tally_register(conn->db) || !search_register(conn->db)
        || !sql_label_register(conn->db, &conn->labels) || !recall_register(conn->db, &conn->recall)
        || sqlite3_exec(conn->db, "PRAGMA query_only=1; PRAGMA temp_store=memory", NULL, NULL, NULL)
               != SQLITE_OK) {
        error_set(err, ERR_INTERNAL, NULL, "%s: %s", file, sqlite3_errmsg(conn->db));
        blame_page(conn, err);
        conn_close(conn);
        return false;
    }
    {
        char pragmas[96];

        sqlite3_snprintf(sizeof(pragmas), pragmas, "PRAGMA mmap_size=%d; PRAGMA cache_size=%d",
                         CONN_MMAP, CONN_CACHE);
        sqlite3_exec(conn->db, pragmas, NULL, NULL,
                     NULL); /* hints: without them it is slower, not wrong */
    }
    set_limits(conn->db);
    /* Virtual tables declare themselves when they are met first, which would look like CREATE. */
    if (sqlite3_exec(conn->db, "SELECT 1 FROM json_each('[]'), search LIMIT 0", NULL, NULL, NULL)
        != SQLITE_OK) {
        open_failed(conn->db, file, err);
        blame_page(conn, err);
        conn_close(conn);
        return false;
    }
    sqlite3_set_authorizer(conn->db, authorize, NULL);
    *ret = conn;
    return true;
}

void conn_close(struct conn *conn)
{
    if (conn == NULL)
        return;
    for (size_t i = 0; i < CONN_STATEMENTS; i++) {
        sqlite3_finalize(conn->slots[i].stmt);
        free(conn->slots[i].key);
    }
    sql_label_free(conn->labels);
    recall_free(conn->recall);
    sqlite3_close(conn->db);
    free(conn);
}

const struct state *conn_state(const struct conn *conn)
{
    return conn->state;
}

static bool fail(sqlite3 *db, int status, struct error *err)
{
    if ((status & 0xff) == SQLITE_INTERRUPT)
        return error_set(err, ERR_TIMEOUT, NULL,
                         "The query took longer than the server allows; ask for less: more "
                         "filters, a smaller limit.");
    if ((status & 0xff) == SQLITE_CORRUPT || (status & 0xff) == SQLITE_NOTADB
        || ((status & 0xff) == SQLITE_IOERR && status != SQLITE_IOERR_NOMEM))
        return error_set(err, ERR_DAMAGED, NULL, "SQLite %d: %s", status, sqlite3_errmsg(db));
    return error_set(err, ERR_INTERNAL, NULL, "SQLite %d: %s", status, sqlite3_errmsg(db));
}

bool conn_is_sound(struct conn *conn, bool is_good, struct error *err)
{
    char why[128];

    if (has_bad_page(conn, err))
        return false;
    if (!is_good && err->code == ERR_DAMAGED) {
        snprintf(why, sizeof(why), "%.120s", err->detail);
        *err = (struct error){ .code = ERR_NONE };
        return damaged(conn, err, why);
    }
    if (!look_at_file(conn, false)) {
        conn->is_spoilt = true; /* opened anew, it verifies all that it reads */
        *err = (struct error){ .code = ERR_NONE };
        return error_set(err, ERR_NOT_READY, NULL,
                         "The dataset file was written to while it was read; ask again.");
    }
    if (!is_good && query_memory_was_short()) {
        *err = (struct error){ .code = ERR_NONE };
        return error_set(err, ERR_MEMORY, NULL,
                         "The query wants more memory than the server allows; ask for less: more "
                         "filters, fewer groups.");
    }
    return is_good;
}

bool conn_is_spoilt(const struct conn *conn)
{
    return conn->is_spoilt;
}

bool conn_find(struct conn *conn, const char *key, size_t len, sqlite3_stmt **ret)
{
    uint64_t hash = hash_bytes(key, len, 0);

    for (size_t i = 0; i < CONN_STATEMENTS; i++) {
        struct slot *slot = &conn->slots[i];

        /* A statement that is lent out is busy: the same text twice at once needs a second one. */
        if (slot->hash == hash && slot->key != NULL && slot->len == len
            && memcmp(slot->key, key, len) == 0 && !sqlite3_stmt_busy(slot->stmt)) {
            slot->used = ++conn->tick;
            *ret = slot->stmt;
            return true;
        }
    }
    return false;
}

/* The slot that the next statement takes; NULL: all are lent out. */
static struct slot *oldest_slot(struct conn *conn)
{
    struct slot *oldest = NULL;

    for (size_t i = 0; i < CONN_STATEMENTS; i++) {
        struct slot *slot = &conn->slots[i];

        if ((oldest == NULL || slot->used < oldest->used)
            && (slot->stmt == NULL || !sqlite3_stmt_busy(slot->stmt)))
            oldest = slot;
    }
    return oldest;
}

bool conn_prepare(struct conn *conn, const char *key, size_t len, const char *sql,
                  sqlite3_stmt **ret, struct error *err)
{
    struct slot *slot = oldest_slot(conn);
    sqlite3_stmt *stmt;
    char *copy;
    int status;

    if (slot == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "all %d statements are in use", CONN_STATEMENTS);
    status = sqlite3_prepare_v3(conn->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (status != SQLITE_OK)
        return fail(conn->db, status, err);
    copy = malloc(len + 1);
    if (copy == NULL) {
        sqlite3_finalize(stmt);
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
    }
    memcpy(copy, key, len);
    sqlite3_finalize(slot->stmt);
    free(slot->key);
    *slot = (struct slot){ copy, len, hash_bytes(key, len, 0), stmt, ++conn->tick };
    *ret = stmt;
    return true;
}

bool conn_stmt(struct conn *conn, const char *sql, sqlite3_stmt **ret, struct error *err)
{
    size_t len = strlen(sql);

    return conn_find(conn, sql, len, ret) || conn_prepare(conn, sql, len, sql, ret, err);
}

void stmt_return(sqlite3_stmt **stmt)
{
    if (*stmt == NULL)
        return;
    sqlite3_reset(*stmt);
    sqlite3_clear_bindings(*stmt);
    *stmt = NULL;
}

bool stmt_step(sqlite3_stmt *stmt, bool *ret_row, struct error *err)
{
    int status = sqlite3_step(stmt);

    if (status != SQLITE_ROW && status != SQLITE_DONE)
        return fail(sqlite3_db_handle(stmt), status, err);
    *ret_row = status == SQLITE_ROW;
    return true;
}

void conn_deadline(struct conn *conn, unsigned ms)
{
    if (ms == 0) {
        conn->deadline = (struct timespec){ 0 };
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &conn->deadline);
    conn->deadline.tv_sec += (time_t)(ms / 1000);
    conn->deadline.tv_nsec += (long)(ms % 1000) * 1000000;
    if (conn->deadline.tv_nsec >= 1000000000) {
        conn->deadline.tv_sec++;
        conn->deadline.tv_nsec -= 1000000000;
    }
}

void conn_unmap(struct conn *conn)
{
    sqlite3_int64 none = 0;

    sqlite3_file_control(conn->db, NULL, SQLITE_FCNTL_MMAP_SIZE,
                         &none); /* a hint, as mapping was */
}
