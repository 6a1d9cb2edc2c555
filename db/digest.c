#define _GNU_SOURCE /* pread, pwrite */
#include "db/digest.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/base16.h>
#include <nettle/sha2.h>

#include "db/finalize.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum {
    SQL_MOST = 16384,
    ROW_MOST = 64 << 20,      /* bytes of one row */
    APART_FROM = 1 << 14,     /* rows from which a table is hashed in the order of its storage */
    HASHES_AT_ONCE = 1024,    /* hashes of rows that are written at once */
    IN_MEMORY_MOST = 1200000, /* hashes that are kept in memory, 32 bytes each */
    SPREAD_MOST = 4,          /* times as many rowids as rows that such a table may have */
};

/** Hashes of the rows of a table, by rowid. */
struct hashes {
    uint8_t *memory;        /* all of them, where they are few; NULL: they are in `file` */
    FILE *file;             /* disappears when it is closed; NULL: there is none */
    sqlite3_int64 first, n; /* first rowid, and how many there may be */
    sqlite3_int64 at;       /* rowid of the first hash in `block` */
    size_t len;             /* hashes in it */
    uint8_t block[HASHES_AT_ONCE][SHA256_DIGEST_SIZE];
};

static void close_hashes(struct hashes *hashes)
{
    free(hashes->memory);
    if (hashes->file != NULL)
        fclose(hashes->file);
}

static bool fail(sqlite3 *db, struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "digest: %s", sqlite3_errmsg(db));
}

static bool no_memory(struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "digest: no memory");
}

static void add_number(struct buffer *row, uint64_t number, size_t size)
{
    uint8_t bytes[sizeof(number)];

    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
    buffer_add(row, (const char *)bytes, size);
}

/* One value: a letter for its type, its length where that varies, its bytes. Nothing else can be
 * written the same way. */
static void add_value(struct buffer *row, sqlite3_stmt *stmt, int column)
{
    double real;
    uint64_t bits;
    int len;

    switch (sqlite3_column_type(stmt, column)) {
    case SQLITE_INTEGER:
        buffer_byte(row, 'i');
        add_number(row, (uint64_t)sqlite3_column_int64(stmt, column), sizeof(bits));
        break;
    case SQLITE_FLOAT:
        real = sqlite3_column_double(stmt, column);
        memcpy(&bits, &real, sizeof(bits));
        buffer_byte(row, 'r');
        add_number(row, bits, sizeof(bits));
        break;
    case SQLITE_NULL:
        buffer_byte(row, 'n');
        break;
    default: /* text and blobs */
        buffer_byte(row, sqlite3_column_type(stmt, column) == SQLITE_TEXT ? 't' : 'b');
        len = sqlite3_column_bytes(stmt, column);
        add_number(row, (uint64_t)len, 4);
        if (len > 0)
            buffer_add(row, sqlite3_column_blob(stmt, column), (size_t)len);
    }
}

static bool hash_row(sqlite3_stmt *stmt, int first, struct buffer *row,
                     uint8_t ret[SHA256_DIGEST_SIZE], struct error *err)
{
    struct sha256_ctx context;
    int n = sqlite3_column_count(stmt);

    buffer_clear(row);
    for (int i = first; i < n; i++)
        add_value(row, stmt, i);
    if (row->broken)
        return no_memory(err);
    sha256_init(&context);
    sha256_update(&context, row->len, (const uint8_t *)row->data);
    sha256_digest(&context, SHA256_DIGEST_SIZE, ret);
    return true;
}

/* The columns of the key: of the primary key, or of the first unique index. Without either all. */
static bool add_order(sqlite3 *db, const char *table, struct buffer *sql, struct error *err)
{
    static const char columns[] =
        "WITH keys (name, place) AS (SELECT name, pk FROM pragma_table_info(?1) WHERE pk > 0),"
        " uniques (name, place) AS (SELECT c.name, c.seqno FROM pragma_index_info("
        "(SELECT name FROM pragma_index_list(?1) WHERE \"unique\" ORDER BY name LIMIT 1)) c)"
        " SELECT name FROM (SELECT name, place FROM keys"
        " UNION ALL SELECT name, place FROM uniques WHERE NOT EXISTS (SELECT 1 FROM keys)"
        " UNION ALL SELECT name, cid FROM pragma_table_info(?1) WHERE NOT EXISTS (SELECT 1 FROM "
        "keys) AND NOT EXISTS (SELECT 1 FROM uniques)) ORDER BY place";
    defer(finalize) sqlite3_stmt *stmt = NULL;
    int n = 0;

    if (sqlite3_prepare_v2(db, columns, -1, &stmt, NULL) != SQLITE_OK)
        return fail(db, err);
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        buffer_format(sql, "%s\"%s\"", n++ > 0 ? ", " : " ORDER BY ",
                      (const char *)sqlite3_column_text(stmt, 0));
    return !sql->broken || no_memory(err);
}

static bool prepare(sqlite3 *db, const char *what, const char *table, bool is_ordered,
                    sqlite3_stmt **ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);

    buffer_format(&sql, "SELECT %s FROM \"%s\"", what, table);
    if (sql.broken)
        return no_memory(err);
    if (is_ordered && !add_order(db, table, &sql, err))
        return false;
    return sqlite3_prepare_v2(db, sql.data, -1, ret, NULL) == SQLITE_OK || fail(db, err);
}

/* ---- Tables that are hashed row by row in the order of their key ---- */

static bool add_in_order(sqlite3 *db, const char *table, struct sha256_ctx *context,
                         struct error *err)
{
    defer(buffer_done) struct buffer row = BUFFER_INIT(ROW_MOST);
    defer(finalize) sqlite3_stmt *rows = NULL;
    uint8_t hash[SHA256_DIGEST_SIZE];
    int status;

    if (!prepare(db, "*", table, true, &rows, err))
        return false;
    while ((status = sqlite3_step(rows)) == SQLITE_ROW) {
        if (!hash_row(rows, 0, &row, hash, err))
            return false;
        sha256_update(context, sizeof(hash), hash);
    }
    return status == SQLITE_DONE || fail(db, err);
}

/* ---- Large tables: the rows as they are stored, and then their hashes in the order of the key ---
 */

/* Looks whether a table is large and has rowids that lie close together; *ret_n is 0 otherwise. */
static bool look_at(sqlite3 *db, const char *table, struct hashes *ret, struct error *err)
{
    static const char kind[] = "SELECT wr FROM pragma_table_list(?1)";
    defer(finalize) sqlite3_stmt *stmt = NULL, *span = NULL;
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);
    sqlite3_int64 last;

    ret->n = 0;
    if (sqlite3_prepare_v2(db, kind, -1, &stmt, NULL) != SQLITE_OK)
        return fail(db, err);
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_ROW || sqlite3_column_int(stmt, 0) != 0)
        return true;
    /* Each by itself: the first two are seeks then. */
    buffer_format(&sql,
                  "SELECT (SELECT min(rowid) FROM \"%s\"), (SELECT max(rowid) FROM \"%s\"),"
                  " (SELECT count(*) FROM \"%s\")",
                  table, table, table);
    if (sql.broken)
        return no_memory(err);
    if (sqlite3_prepare_v2(db, sql.data, -1, &span, NULL) != SQLITE_OK
        || sqlite3_step(span) != SQLITE_ROW)
        return fail(db, err);
    ret->first = sqlite3_column_int64(span, 0);
    last = sqlite3_column_int64(span, 1);
    /* A file that strangers made may have any rowids. */
    if (ret->first > 0 && sqlite3_column_int64(span, 2) >= APART_FROM
        && (last - ret->first) / SPREAD_MOST < sqlite3_column_int64(span, 2))
        ret->n = last - ret->first + 1;
    return true;
}

static bool write_block(struct hashes *hashes, struct error *err)
{
    size_t len = hashes->len * SHA256_DIGEST_SIZE;
    off_t at = (off_t)(hashes->at - hashes->first) * SHA256_DIGEST_SIZE;

    hashes->len = 0;
    if (hashes->memory != NULL) {
        memcpy(hashes->memory + at, hashes->block, len);
        return true;
    }
    return len == 0 || pwrite(fileno(hashes->file), hashes->block, len, at) == (ssize_t)len
           || error_set(err, ERR_INPUT, NULL, "digest: no room for a temporary file.");
}

static bool read_hash(const struct hashes *hashes, sqlite3_int64 rowid,
                      uint8_t ret[SHA256_DIGEST_SIZE], struct error *err)
{
    off_t at = (off_t)(rowid - hashes->first) * SHA256_DIGEST_SIZE;

    if (hashes->memory != NULL) {
        memcpy(ret, hashes->memory + at, SHA256_DIGEST_SIZE);
        return true;
    }
    return pread(fileno(hashes->file), ret, SHA256_DIGEST_SIZE, at) == SHA256_DIGEST_SIZE
           || error_set(err, ERR_INTERNAL, NULL, "digest: a temporary file cannot be read");
}

static bool hash_rows(sqlite3 *db, const char *table, struct hashes *hashes, struct error *err)
{
    defer(buffer_done) struct buffer row = BUFFER_INIT(ROW_MOST);
    defer(finalize) sqlite3_stmt *rows = NULL;
    int status;

    if (!prepare(db, "rowid, *", table, false, &rows, err))
        return false;
    while ((status = sqlite3_step(rows)) == SQLITE_ROW) {
        sqlite3_int64 rowid = sqlite3_column_int64(rows, 0);

        if ((hashes->len == HASHES_AT_ONCE || rowid != hashes->at + (sqlite3_int64)hashes->len)
            && !write_block(hashes, err))
            return false;
        if (hashes->len == 0)
            hashes->at = rowid;
        if (!hash_row(rows, 1, &row, hashes->block[hashes->len++], err))
            return false;
    }
    return status == SQLITE_DONE ? write_block(hashes, err) : fail(db, err);
}

static bool add_apart(sqlite3 *db, const char *table, struct hashes *hashes,
                      struct sha256_ctx *context, struct error *err)
{
    defer(finalize) sqlite3_stmt *rows = NULL;
    uint8_t hash[SHA256_DIGEST_SIZE];
    int status;

    if (!hash_rows(db, table, hashes, err) || !prepare(db, "rowid", table, true, &rows, err))
        return false;
    while ((status = sqlite3_step(rows)) == SQLITE_ROW) {
        if (!read_hash(hashes, sqlite3_column_int64(rows, 0), hash, err))
            return false;
        sha256_update(context, sizeof(hash), hash);
    }
    return status == SQLITE_DONE || fail(db, err);
}

static bool add_table(sqlite3 *db, const char *table, struct sha256_ctx *context, struct error *err)
{
    defer(close_hashes) struct hashes hashes = { .file = NULL };
    struct sha256_ctx rows;
    uint8_t hash[SHA256_DIGEST_SIZE];

    sha256_init(&rows);
    if (!look_at(db, table, &hashes, err))
        return false;
    if (hashes.n > 0 && hashes.n <= IN_MEMORY_MOST)
        hashes.memory = calloc((size_t)hashes.n, SHA256_DIGEST_SIZE);
    if (hashes.n > 0 && hashes.memory == NULL)
        hashes.file = tmpfile();
    if (!(hashes.memory != NULL || hashes.file != NULL ? add_apart(db, table, &hashes, &rows, err)
                                                       : add_in_order(db, table, &rows, err)))
        return false;
    sha256_digest(&rows, sizeof(hash), hash);
    sha256_update(context, strlen(table) + 1, (const uint8_t *)table);
    sha256_update(context, sizeof(hash), hash);
    return true;
}

/* ---- The whole ---- */

void digest_done(struct digest *digest)
{
    for (size_t i = 0; i < digest->n; i++)
        sqlite3_free(digest->tables[i]);
    *digest = (struct digest){ .n = 0 };
}

bool digest_begin(sqlite3 *db, struct digest *ret, struct error *err)
{
    defer(finalize) sqlite3_stmt *tables = NULL;
    int status;

    *ret = (struct digest){ .db = db };
    if (sqlite3_prepare_v2(
            db,
            /* Neither the full-text index nor the tables in which it keeps itself: it says again
             * what is in others. */
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
            " AND name NOT LIKE 'sqlite%' AND name <> 'dataset' ORDER BY name",
            -1, &tables, NULL)
        != SQLITE_OK)
        return fail(db, err);
    while ((status = sqlite3_step(tables)) == SQLITE_ROW && ret->n < DIGEST_TABLES) {
        ret->tables[ret->n] = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(tables, 0));
        if (ret->tables[ret->n++] == NULL)
            return no_memory(err);
    }
    return status == SQLITE_DONE || fail(db, err);
}

bool digest_end(const struct digest *digest, char ret[DIGEST_SIZE], struct error *err)
{
    struct sha256_ctx context;
    uint8_t bytes[SHA256_DIGEST_SIZE];

    sha256_init(&context);
    for (size_t i = 0; i < digest->n; i++) {
        if (!add_table(digest->db, digest->tables[i], &context, err))
            return false;
    }
    sha256_digest(&context, sizeof(bytes), bytes);
    base16_encode_update(ret, sizeof(bytes), bytes);
    ret[DIGEST_SIZE - 1] = '\0';
    return true;
}

bool digest_compute(sqlite3 *db, char ret[DIGEST_SIZE], struct error *err)
{
    defer(digest_done) struct digest digest = { .n = 0 };

    return digest_begin(db, &digest, err) && digest_end(&digest, ret, err);
}
