#include "db/digest.h"

#include <stdint.h>
#include <string.h>

#include <nettle/sha2.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"

static void finalize(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
}

static bool fail(sqlite3 *db, struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "digest: %s", sqlite3_errmsg(db));
}

/* One value: a letter for its type, its length, its bytes. Nothing else can be written the same
 * way. */
static void add_value(struct sha256_ctx *context, sqlite3_stmt *row, int column)
{
    static const char types[] = "?irtbn"; /* by SQLite's type numbers, 1 to 5 */
    char head[32], real[64];
    int type =
        sqlite3_column_type(row, column); /* asked first: reading as text may change the answer */
    const char *text = (const char *)sqlite3_column_text(row, column);
    int len = sqlite3_column_bytes(row, column);

    if (type == SQLITE_FLOAT) {
        /* SQLite's own text has 15 digits, and two numbers may share it. */
        sqlite3_snprintf(sizeof(real), real, "%!.17g", sqlite3_column_double(row, column));
        text = real;
        len = (int)strlen(real);
    }
    sqlite3_snprintf(sizeof(head), head, "%c%d:", types[type], len);
    sha256_update(context, strlen(head), (const uint8_t *)head);
    if (len > 0)
        sha256_update(context, (size_t)len, (const uint8_t *)text);
}

/* The columns of the primary key, or all columns where there is none. */
static bool add_order(sqlite3 *db, const char *table, struct buffer *sql, struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    int n = 0;

    if (sqlite3_prepare_v2(db, "SELECT name FROM pragma_table_info(?1) ORDER BY pk = 0, pk, cid",
                           -1, &stmt, NULL)
        != SQLITE_OK)
        return fail(db, err);
    sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        buffer_format(sql, "%s\"%s\"", n++ > 0 ? ", " : " ORDER BY ",
                      (const char *)sqlite3_column_text(stmt, 0));
    return !sql->broken || error_set(err, ERR_INTERNAL, NULL, "digest: no memory");
}

static bool add_table(sqlite3 *db, const char *table, struct sha256_ctx *context, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(16384);
    defer(finalize) sqlite3_stmt *rows = NULL;
    int status;

    buffer_format(&sql, "SELECT * FROM \"%s\"", table);
    if (!add_order(db, table, &sql, err))
        return false;
    if (sqlite3_prepare_v2(db, sql.data, -1, &rows, NULL) != SQLITE_OK)
        return fail(db, err);
    sha256_update(context, strlen(table) + 1, (const uint8_t *)table);
    while ((status = sqlite3_step(rows)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(rows); i++)
            add_value(context, rows, i);
        sha256_update(context, 1, (const uint8_t *)"\n");
    }
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
