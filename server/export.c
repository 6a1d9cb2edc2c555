#define _GNU_SOURCE /* pthread_setname_np, TEMP_FAILURE_RETRY */
#include "server/export.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <nettle/base16.h>
#include <nettle/sha2.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "db/query.h"
#include "db/resource.h"
#include "server/base/cleanup.h"
#include "server/documents.h"
#include "server/flat.h"
#include "server/format.h"
#include "server/query.h"
#include "server/render_json.h"
#include "server/route.h"
#include "server/stream.h"
#include "server/target.h"

enum {
    EXPORT_PIECE = 64 << 10,       /* bytes that are hashed at once */
    EXPORT_PIECE_MOST = 16 << 20,  /* most bytes of a piece: one that ends in the largest row */
    EXPORT_PACKAGE_MOST = 4 << 20, /* bytes of a data package: some 100 columns are 20 KiB */
    EXPORT_HASHED = 64 << 20, /* bytes of a dataset file that are hashed while somebody waits: a
                                 quarter of a second */
    EXPORT_FIELDS_MOST = 8 << 20,
    EXPORT_HEX = 2 * SHA256_DIGEST_SIZE + 1,
};

#define EXPORT_FILE_TEXT "The dataset file itself: all of it, as SQLite."

static const enum format forms[] = { FORMAT_CSV, FORMAT_NDJSON };
enum { N_FORMS = sizeof(forms) / sizeof(*forms) };

/* ---- what there is ---- */

bool export_has(const struct resource *resource)
{
    if (resource->graph != NULL || resource->lines != NULL || resource->changes_of != NULL
        || !format_fits(resource, FORMAT_CSV, false))
        return false;
    for (const struct param *param = resource->params; param != NULL && param->name != NULL;
         param++) {
        if (param->is_required)
            return false;
    }
    return true;
}

void export_name(const struct resource *resource, char ret[EXPORT_NAME])
{
    snprintf(ret, EXPORT_NAME - 16, "%s", resource->name);
    for (char *at = ret; *at != '\0'; at++)
        *at = *at == '/' ? '-' : *at;
}

const struct resource *export_find(const struct resource *const *catalogue, const char *name)
{
    char own[EXPORT_NAME];

    for (; *catalogue != NULL; catalogue++) {
        export_name(*catalogue, own);
        if (export_has(*catalogue) && strcmp(own, name) == 0)
            return *catalogue;
    }
    return NULL;
}

bool export_file(const struct resource *const *catalogue, size_t index, char ret[EXPORT_NAME])
{
    for (; *catalogue != NULL; catalogue++) {
        if (!export_has(*catalogue))
            continue;
        if (index < N_FORMS) {
            export_name(*catalogue, ret);
            strncat(ret, format_suffix(forms[index]), 15);
            return true;
        }
        index -= N_FORMS;
    }
    if (index > 1)
        return false;
    snprintf(ret, EXPORT_NAME, "%s", index == 0 ? EXPORT_FILE_NAME : EXPORT_PACKAGE_NAME);
    return true;
}

static json_t *entry_new(const char *name, const char *type, const char *text)
{
    return json_pack("{s:s, s:s+, s:s, s:s}", "name", name, "href", "/v1/export/", name, "type",
                     type, "text", text);
}

json_t *export_index_new(const struct resource *const *catalogue, const struct state *state)
{
    json_t *files = json_array();
    char name[EXPORT_NAME];
    bool is_whole = files != NULL;

    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        for (size_t i = 0; export_has(*at) && i < N_FORMS; i++) {
            export_name(*at, name);
            strncat(name, format_suffix(forms[i]), 15);
            is_whole =
                json_array_append_new(files, entry_new(name, format_type(forms[i]), (*at)->text))
                    == 0
                && is_whole;
        }
    }
    is_whole = json_array_append_new(
                   files, entry_new(EXPORT_FILE_NAME, EXPORT_FILE_TYPE, EXPORT_FILE_TEXT))
                   == 0
               && is_whole;
    is_whole =
        json_array_append_new(files, entry_new(EXPORT_PACKAGE_NAME, "application/json",
                                               "What the files hold: columns, rows, bytes and "
                                               "SHA-256, licence and sources."))
            == 0
        && is_whole;
    if (!is_whole) {
        json_decref(files);
        return NULL;
    }
    return json_pack("{s:s, s:s, s:o}", "release", state->release, "digest", state->digest, "files",
                     files);
}

static void write_hex(const uint8_t *digest, char ret[EXPORT_HEX])
{
    base16_encode_update(ret, SHA256_DIGEST_SIZE, digest);
    ret[EXPORT_HEX - 1] = '\0';
}

/* ---- the data package ---- */

/** The work on one package. */
struct packing {
    const struct resource *const *catalogue;
    struct dataset *dataset;
    struct conn *conn;
    const atomic_bool *stop; /* NULL: nothing stops it */
    struct error *err;
};

/** One export under way. */
struct told {
    struct target target;
    struct route route;
    struct query query;
    struct flat flat;
    struct buffer fields; /* what query.fields_json points to; empty: not used */
    struct buffer piece;
    struct stream *stream;
    struct sha256_ctx hash;
    uint64_t bytes, rows;
};

static void free_told(struct told **told)
{
    if (*told == NULL)
        return;
    stream_free((*told)->stream);
    flat_done(&(*told)->flat);
    buffer_done(&(*told)->fields);
    buffer_done(&(*told)->piece);
    free(*told);
}

static bool no_memory(struct packing *packing)
{
    return error_set(packing->err, ERR_INTERNAL, NULL, "no memory for a data package");
}

/* Opens the rows of a path as whoever asks for it gets them. */
static bool open_told(struct packing *packing, const char *path, struct told *told)
{
    struct stream_ask ask = {
        .catalogue = packing->catalogue,
        .dataset = packing->dataset,
        .conn = packing->conn,
        .target = &told->target,
        .route = &told->route,
    };
    const struct resource *resource;
    json_auto_t *fields = NULL;

    told->fields = BUFFER_INIT(EXPORT_FIELDS_MOST);
    told->piece = BUFFER_INIT(EXPORT_PIECE_MOST);
    sha256_init(&told->hash);
    if (!target_parse(path, &told->target, packing->err)
        || !route_find(packing->catalogue, &told->target, &told->route, packing->err)
        || !query_parse(packing->catalogue, conn_state(packing->conn), &told->target, &told->route,
                        &told->query, packing->err))
        return false;
    resource = told->route.resource;
    if (resource->fields_of != NULL) {
        fields = fields_new(resource->fields_of);
        if (!render_json_document(fields, JSON_COMPACT, &told->fields)
            || !buffer_byte(&told->fields, '\0'))
            return no_memory(packing);
        ask.fields = told->fields.data;
    }
    flat_of(&told->query, &told->flat);
    ask.format = told->route.format;
    return stream_open(&ask, &told->stream, packing->err);
}

/* Reads the next piece of the rows. */
static bool read_told(struct packing *packing, struct told *told, size_t most, bool *ret_done)
{
    if (packing->stop != NULL && atomic_load(packing->stop))
        return error_set(packing->err, ERR_NOT_READY, NULL, "The server is about to end.");
    buffer_clear(&told->piece);
    if (!stream_fill(told->stream, most, &told->piece, ret_done, packing->err))
        return false;
    if (told->piece.broken)
        return no_memory(packing);
    sha256_update(&told->hash, told->piece.len, (const uint8_t *)told->piece.data);
    told->bytes += told->piece.len;
    told->rows = stream_rows(told->stream);
    return true;
}

/* What a column is to a table schema. Dates are texts: "2013" and "2013-04" are some as well. */
static const char *column_type(const struct flat_column *column)
{
    switch (column->type) {
    case FLAT_INTEGER:
        return "integer";
    case FLAT_REAL:
        return "number";
    case FLAT_BOOLEAN:
        return "boolean";
    default:
        return column->field->type == FIELD_DAY ? "date" : "string";
    }
}

static json_t *column_new(const struct flat_column *column)
{
    return json_pack("{s:s, s:s, s:s, s:s*, s:{s:b}}", "name", column->name, "type",
                     column_type(column), "description", column->field->text, "unit",
                     column->type == FLAT_INTEGER || column->type == FLAT_REAL ? column->field->unit
                                                                               : NULL,
                     "constraints", "required", column->field->type == FIELD_ID);
}

static json_t *schema_new(const struct flat *flat)
{
    json_t *columns = json_array();
    bool has_id = false, is_whole = columns != NULL;

    for (size_t i = 0; i < flat->n; i++) {
        has_id = has_id || strcmp(flat->columns[i].name, "id") == 0;
        is_whole = json_array_append_new(columns, column_new(&flat->columns[i])) == 0 && is_whole;
    }
    if (!is_whole) {
        json_decref(columns);
        return NULL;
    }
    return json_pack("{s:o, s:[s], s:s*}", "fields", columns, "missingValues", "", "primaryKey",
                     has_id ? "id" : NULL);
}

/* One collection as a resource of the package. */
static bool add_collection(struct packing *packing, const struct resource *resource, json_t *list)
{
    defer(free_told) struct told *told = calloc(1, sizeof(*told));
    char name[EXPORT_NAME], path[EXPORT_NAME + 32], hash[EXPORT_HEX];
    uint8_t digest[SHA256_DIGEST_SIZE];
    bool is_done = false;

    if (told == NULL)
        return no_memory(packing);
    export_name(resource, name);
    snprintf(path, sizeof(path), "/v1/export/%s.csv", name);
    if (!open_told(packing, path, told))
        return false;
    while (!is_done) {
        if (!read_told(packing, told, EXPORT_PIECE, &is_done))
            return false;
    }
    sha256_digest(&told->hash, sizeof(digest), digest);
    write_hex(digest, hash);
    if (json_array_append_new(
            list, json_pack("{s:s, s:s, s:s+, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s+, s:o}",
                            "profile", "tabular-data-resource", "name", name, "path", name, ".csv",
                            "title", resource->name, "description", resource->text, "format", "csv",
                            "mediatype", "text/csv", "encoding", "utf-8", "rows",
                            (json_int_t)told->rows, "bytes", (json_int_t)told->bytes, "hash",
                            "sha256:", hash, "schema", schema_new(&told->flat)))
        != 0)
        return no_memory(packing);
    return true;
}

static json_t *source_new(json_t *row)
{
    return json_pack("{s:O, s:O*, s:O*, s:O*, s:O*}", "title", json_object_get(row, "title"),
                     "path", json_object_get(row, "url"), "licence",
                     json_object_get(row, "licence"), "citation", json_object_get(row, "citation"),
                     "id", json_object_get(row, "id"));
}

/* Every document and data set that rows stand in, as the collection of them tells it. */
static bool add_sources(struct packing *packing, json_t *list)
{
    defer(free_told) struct told *told = calloc(1, sizeof(*told));
    bool is_done = false;

    if (told == NULL)
        return no_memory(packing);
    if (!open_told(packing, "/v1/sources.ndjson?fields=id,title,url,licence,citation", told))
        return false;
    while (!is_done) {
        const char *at, *end;

        if (!read_told(packing, told, EXPORT_PIECE, &is_done))
            return false;
        at = told->piece.data;
        /* Pieces end where rows do. */
        for (size_t left = told->piece.len; left > 0; left -= (size_t)(end - at), at = end) {
            const char *line = memchr(at, '\n', left);
            json_auto_t *row = NULL;

            end = line != NULL ? line + 1 : at + left;
            row = json_loadb(at, (size_t)(end - at), 0, NULL);
            if (row == NULL)
                continue; /* "" is what no rows are told as */
            for (void *next, *member = json_object_iter(row); member != NULL; member = next) {
                next = json_object_iter_next(row, member);
                if (json_is_null(json_object_iter_value(member)))
                    json_object_del(row, json_object_iter_key(member));
            }
            if (json_array_append_new(list, source_new(row)) != 0)
                return no_memory(packing);
        }
    }
    return true;
}

static bool hash_file(int descriptor, off_t size, uint8_t *ret)
{
    struct sha256_ctx hash;
    uint8_t piece[EXPORT_PIECE];
    off_t at = 0;

    sha256_init(&hash);
    while (at < size) {
        ssize_t n = TEMP_FAILURE_RETRY(pread(descriptor, piece, sizeof(piece), at));

        if (n <= 0)
            return false;
        sha256_update(&hash, (size_t)n, piece);
        at += n;
    }
    sha256_digest(&hash, SHA256_DIGEST_SIZE, ret);
    return true;
}

/* The dataset file as a resource of the package. */
static bool add_database(struct packing *packing, json_t *list)
{
    struct stat status = { .st_size = 0 };
    uint8_t digest[SHA256_DIGEST_SIZE];
    char hash[EXPORT_HEX];
    int descriptor;
    bool is_read;

    if (!dataset_descriptor(packing->dataset, &descriptor, packing->err))
        return false;
    is_read = fstat(descriptor, &status) == 0 && hash_file(descriptor, status.st_size, digest);
    close(descriptor);
    if (!is_read)
        return error_set(packing->err, ERR_INTERNAL, NULL, "the dataset file cannot be read");
    write_hex(digest, hash);
    if (json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:s+}", "name", "bluehelm", "path",
                            EXPORT_FILE_NAME, "title", "The dataset file", "description",
                            EXPORT_FILE_TEXT, "format", "sqlite", "mediatype", EXPORT_FILE_TYPE,
                            "bytes", (json_int_t)status.st_size, "hash", "sha256:", hash))
        != 0)
        return no_memory(packing);
    return true;
}

static bool pack(struct packing *packing, struct buffer *out)
{
    const struct state *state = conn_state(packing->conn);
    json_auto_t *resources = json_array(), *sources = json_array(), *package = NULL;

    for (const struct resource *const *at = packing->catalogue; *at != NULL; at++) {
        if (export_has(*at) && !add_collection(packing, *at, resources))
            return false;
    }
    if (!add_database(packing, resources) || !add_sources(packing, sources))
        return false;
    package = json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s+, s:[{s:s, s:s, s:s}], s:O, s:O}", "profile",
        "data-package", "name", "bluehelm", "title", "bluehelm dataset", "description",
        "Facts with who says so, in which source, and since when that was known. Every file is "
        "the dataset as it is known now; CSV after RFC 4180, where an empty field is a null.",
        "version", state->release, "id", state->digest, "created", state->release, "T00:00:00Z",
        "licenses", "name", "CC0-1.0", "path", "https://creativecommons.org/publicdomain/zero/1.0/",
        "title", "CC0 1.0 for the compilation; the licence of each source stands beside it",
        "sources", sources, "resources", resources);
    if (!render_json_document(package, JSON_COMPACT, out) || !buffer_byte(out, '\n'))
        return no_memory(packing);
    return true;
}

/* ---- what is kept ---- */

/** Which file something was worked out about. */
struct file_key {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct exports {
    const struct resource *const *catalogue;
    struct dataset *dataset;
    unsigned wait_ms;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t done;  /* the thread has ended its work */
    pthread_t thread;
    bool has_thread; /* it is to be joined */
    bool is_working;
    atomic_bool stop;
    char digest[65]; /* of the dataset that .package is of; "": there is none */
    struct buffer package;
    struct error fault;   /* why the last work came to nothing */
    struct file_key file; /* that .file_digest is of */
    bool has_file;
    uint8_t file_digest[SHA256_DIGEST_SIZE];
};

struct exports *exports_new(const struct resource *const *catalogue, struct dataset *dataset,
                            unsigned wait_ms)
{
    struct exports *exports = calloc(1, sizeof(*exports));
    pthread_condattr_t clock;

    if (exports == NULL)
        return NULL;
    exports->catalogue = catalogue;
    exports->dataset = dataset;
    exports->wait_ms = wait_ms;
    exports->package = BUFFER_INIT(EXPORT_PACKAGE_MOST);
    atomic_init(&exports->stop, false);
    pthread_mutex_init(&exports->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&exports->done, &clock);
    pthread_condattr_destroy(&clock);
    return exports;
}

void exports_free(struct exports *exports)
{
    if (exports == NULL)
        return;
    atomic_store(&exports->stop, true);
    if (exports->has_thread)
        pthread_join(exports->thread, NULL);
    pthread_cond_destroy(&exports->done);
    pthread_mutex_destroy(&exports->lock);
    buffer_done(&exports->package);
    free(exports);
}

/* Works out the package of the dataset that is current now, over the thread's own connection. */
static void *work_on_package(void *data)
{
    struct exports *exports = data;
    struct error err = { .code = ERR_NONE };
    struct packing packing = { .catalogue = exports->catalogue,
                               .dataset = exports->dataset,
                               .stop = &exports->stop,
                               .err = &err };
    struct buffer package = BUFFER_INIT(EXPORT_PACKAGE_MOST);
    char digest[sizeof(exports->digest)] = "";
    bool is_packed = dataset_conn(exports->dataset, &packing.conn, &err);

    pthread_setname_np(pthread_self(), "package");
    if (is_packed) {
        conn_unmap(
            packing.conn); /* all of the file is read: mapped, all of it would count as ours */
        memcpy(digest, conn_state(packing.conn)->digest, sizeof(digest));
        is_packed = pack(&packing, &package);
    }
    dataset_leave(exports->dataset);
    pthread_mutex_lock(&exports->lock);
    if (is_packed) {
        buffer_done(&exports->package);
        exports->package = package;
        memcpy(exports->digest, digest, sizeof(digest));
    } else {
        buffer_done(&package);
        exports->fault = err;
    }
    exports->is_working = false;
    pthread_cond_broadcast(&exports->done);
    pthread_mutex_unlock(&exports->lock);
    return NULL;
}

/* With the lock held: sees to it that the thread is at work. */
static bool begin_work(struct exports *exports, struct error *err)
{
    if (exports->is_working)
        return true;
    if (exports->has_thread)
        pthread_join(exports->thread, NULL); /* it ended its work: what is left takes no lock */
    exports->fault = (struct error){ .code = ERR_NONE };
    exports->has_thread = pthread_create(&exports->thread, NULL, work_on_package, exports) == 0;
    exports->is_working = exports->has_thread;
    return exports->has_thread
           || error_set(err, ERR_OVERLOAD, NULL, "There is no thread for this.");
}

/* With the lock held: waits for the package of a dataset. */
static bool wait_for_package(struct exports *exports, const char *digest, struct error *err)
{
    struct timespec end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += (time_t)(exports->wait_ms / 1000);
    end.tv_nsec += (long)(exports->wait_ms % 1000) * 1000000;
    if (end.tv_nsec >= 1000000000) {
        end.tv_sec++;
        end.tv_nsec -= 1000000000;
    }
    while (strcmp(exports->digest, digest) != 0) {
        if (!begin_work(exports, err))
            return false;
        if (pthread_cond_timedwait(&exports->done, &exports->lock, &end) == ETIMEDOUT)
            return error_set(err, ERR_NOT_READY, NULL,
                             "The data package of this dataset is being worked out; ask again.");
        if (exports->fault.code != ERR_NONE) {
            *err = exports->fault;
            return false;
        }
        if (!exports->is_working && strcmp(exports->digest, digest) != 0)
            return error_set(err, ERR_NOT_READY, NULL,
                             "Another dataset was published meanwhile; ask again.");
    }
    return true;
}

bool export_package(struct exports *exports, const struct resource *const *catalogue,
                    struct dataset *dataset, struct buffer *out, struct error *err)
{
    struct packing packing = { .catalogue = catalogue, .dataset = dataset, .err = err };
    bool is_there;

    if (!dataset_conn(dataset, &packing.conn, err))
        return false;
    if (exports == NULL) {
        conn_deadline(packing.conn, 0);
        return pack(&packing, out);
    }
    pthread_mutex_lock(&exports->lock);
    is_there = wait_for_package(exports, conn_state(packing.conn)->digest, err);
    if (is_there)
        buffer_add(out, exports->package.data, exports->package.len);
    pthread_mutex_unlock(&exports->lock);
    return is_there;
}

/* ---- the file ---- */

static bool is_same_file(const struct file_key *a, const struct file_key *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size
           && a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static bool recall(struct exports *exports, const struct file_key *key, uint8_t *ret)
{
    bool is_known;

    if (exports == NULL)
        return false;
    pthread_mutex_lock(&exports->lock);
    is_known = exports->has_file && is_same_file(&exports->file, key);
    if (is_known)
        memcpy(ret, exports->file_digest, SHA256_DIGEST_SIZE);
    pthread_mutex_unlock(&exports->lock);
    return is_known;
}

static void keep(struct exports *exports, const struct file_key *key, const uint8_t *digest)
{
    if (exports == NULL)
        return;
    pthread_mutex_lock(&exports->lock);
    exports->file = *key;
    exports->has_file = true;
    memcpy(exports->file_digest, digest, SHA256_DIGEST_SIZE);
    pthread_mutex_unlock(&exports->lock);
}

bool export_db(struct exports *exports, struct dataset *dataset, struct export_db *ret,
               struct error *err)
{
    struct stat status;
    struct file_key key;

    if (!dataset_descriptor(dataset, &ret->descriptor, err))
        return false;
    if (fstat(ret->descriptor, &status) != 0) {
        close(ret->descriptor);
        return error_set(err, ERR_INTERNAL, NULL, "the dataset file has no size");
    }
    key = (struct file_key){ status.st_dev, status.st_ino, status.st_size, status.st_mtim };
    ret->size = (uint64_t)status.st_size;
    ret->has_digest = recall(exports, &key, ret->digest);
    if (!ret->has_digest && status.st_size <= EXPORT_HASHED) {
        ret->has_digest = hash_file(ret->descriptor, status.st_size, ret->digest);
        if (ret->has_digest)
            keep(exports, &key, ret->digest);
    }
    if (ret->has_digest)
        write_hex(ret->digest, ret->stamp);
    else
        snprintf(ret->stamp, sizeof(ret->stamp), "%jd %jd.%09ld", (intmax_t)key.size,
                 (intmax_t)key.changed.tv_sec, key.changed.tv_nsec);
    return true;
}
