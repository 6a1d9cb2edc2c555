#include "db/digest.h"

#include <stdint.h>
#include <string.h>

#include <nettle/sha2.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum { ROW_MOST = 1 << 28 /* bytes of one row */ };

static void finalize(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
}

static bool fail(sqlite3 *db, struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "digest: %s", sqlite3_errmsg(db));
}

/* Eight bytes, the lowest first. */
static void add_bits(struct buffer *row, uint64_t bits)
{
    char bytes[8];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(bits >> 8 * i);
    buffer_add(row, bytes, sizeof(bytes));
}

/* One value: a letter for its type, its length or the number itself, its bytes. Nothing else can be
 * written the same way. */
static void add_value(struct buffer *row, sqlite3_stmt *stmt, int column)
{
    static const char types[] = "?irtbn"; /* by SQLite's type numbers, 1 to 5 */
    int type = sqlite3_column_type(stmt, column);
    uint64_t bits = 0;
    double real;

    buffer_byte(row, types[type]);
    if (type == SQLITE_INTEGER) {
        add_bits(row, (uint64_t)sqlite3_column_int64(stmt, column));
    } else if (type == SQLITE_FLOAT) {
        real = sqlite3_column_double(stmt, column);
        memcpy(&bits, &real, sizeof(bits));
        add_bits(row, bits);
    } else if (type != SQLITE_NULL) {
        const char *bytes = sqlite3_column_blob(stmt, column);

        bits = (uint64_t)sqlite3_column_bytes(stmt, column);
        add_bits(row, bits);
        if (bits > 0)
            buffer_add(row, bytes, bits);
    }
}

/** The rows of a table, whatever their order: the sum of their hashes, as one number of 256 bits.
 */
struct row_sum {
    uint8_t bytes[SHA256_DIGEST_SIZE]; /* the lowest first */
};

static void add_hash(struct row_sum *sum, const struct buffer *row)
{
    struct sha256_ctx context;
    uint8_t hash[SHA256_DIGEST_SIZE];
    unsigned carry = 0;

    sha256_init(&context);
    sha256_update(&context, row->len, (const uint8_t *)row->data);
    sha256_digest(&context, sizeof(hash), hash);
    for (size_t i = 0; i < sizeof(hash); i++) {
        carry += (unsigned)sum->bytes[i] + hash[i];
        sum->bytes[i] = (uint8_t)carry;
        carry >>= 8;
    }
}

static bool add_table(sqlite3 *db, const char *table, struct sha256_ctx *context, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(1024);
    defer(buffer_done) struct buffer row = BUFFER_INIT(ROW_MOST);
    defer(finalize) sqlite3_stmt *rows = NULL;
    struct row_sum sum = { { 0 } };
    int status;

    if (!buffer_format(&sql, "SELECT * FROM \"%s\"", table))
        return error_set(err, ERR_INTERNAL, NULL, "digest: no memory");
    if (sqlite3_prepare_v2(db, sql.data, -1, &rows, NULL) != SQLITE_OK)
        return fail(db, err);
    while ((status = sqlite3_step(rows)) == SQLITE_ROW) {
        int n = sqlite3_column_count(rows);

        buffer_clear(&row);
        for (int i = 0; i < n; i++)
            add_value(&row, rows, i);
        if (row.broken)
            return error_set(err, ERR_INTERNAL, NULL, "digest: no memory");
        add_hash(&sum, &row);
    }
    sha256_update(context, strlen(table) + 1, (const uint8_t *)table);
    sha256_update(context, sizeof(sum.bytes), sum.bytes);
    return status == SQLITE_DONE || fail(db, err);
}

bool digest_compute(sqlite3 *db, char ret[DIGEST_SIZE], struct error *err)
{
    static const char hex[] = "0123456789abcdef";
    defer(finalize) sqlite3_stmt *tables = NULL;
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    int status;

    if (sqlite3_prepare_v2(
            db,
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
            " AND name <> 'dataset' ORDER BY name",
            -1, &tables, NULL)
        != SQLITE_OK)
        return fail(db, err);
    sha256_init(&context);
    while ((status = sqlite3_step(tables)) == SQLITE_ROW) {
        if (!add_table(db, (const char *)sqlite3_column_text(tables, 0), &context, err))
            return false;
    }
    if (status != SQLITE_DONE)
        return fail(db, err);
    sha256_digest(&context, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        ret[2 * i] = hex[digest[i] >> 4];
        ret[2 * i + 1] = hex[digest[i] & 15];
    }
    ret[DIGEST_SIZE - 1] = '\0';
    return true;
}
