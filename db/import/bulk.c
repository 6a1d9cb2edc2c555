#include "db/import/bulk.h"

#include <string.h>

#include "db/finalize.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum {
    SQL_MOST = 16384,
    FIRST_CONTENT = 6, /* parameter of the first content column: TARGET_INSERT */
};

static bool fail(const struct bulk *bulk, struct error *err)
{
    int code = sqlite3_errcode(bulk->db) & 0xFF;

    return error_set(err, code == SQLITE_FULL || code == SQLITE_IOERR ? ERR_INPUT : ERR_INTERNAL,
                     NULL, "the dataset cannot be written: %s.", sqlite3_errmsg(bulk->db));
}

static bool run(const struct bulk *bulk, const char *sql, struct error *err)
{
    return sqlite3_exec(bulk->db, sql, NULL, NULL, NULL) == SQLITE_OK || fail(bulk, err);
}

static bool prepare(const struct bulk *bulk, const char *sql, sqlite3_stmt **ret, struct error *err)
{
    return sqlite3_prepare_v3(bulk->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK
           || fail(bulk, err);
}

static bool prepare_statements(struct bulk *bulk, struct error *err)
{
    const struct target *target = bulk->target;
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL_MOST);

    if (!target_sql(target, TARGET_INSERT, &sql))
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
    if (!prepare(bulk, sql.data, &bulk->insert, err))
        return false;
    for (size_t i = 0; i < TARGET_REFERENCES && target->references[i].table != NULL; i++) {
        buffer_clear(&sql);
        if (!target_reference_sql(target, i, &sql))
            return error_set(err, ERR_INTERNAL, NULL, "no memory for a statement");
        if (!prepare(bulk, sql.data, &bulk->references[i], err))
            return false;
    }
    return true;
}

bool bulk_begin(sqlite3 *db, const struct target *target, struct bulk *ret, struct error *err)
{
    static const char list[] =
        "SELECT name, sql, sql GLOB 'CREATE UNIQUE *' FROM sqlite_schema"
        " WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL AND sql NOT GLOB '* WHERE *'"
        " ORDER BY rowid";
    defer(finalize) sqlite3_stmt *stmt = NULL;
    char *drops[BULK_INDEXES_MOST];
    size_t n = 0;
    bool is_dropped = true;

    *ret = (struct bulk){ .db = db, .target = target };
    if (!prepare(ret, list, &stmt, err))
        return false;
    sqlite3_bind_text(stmt, 1, target->table, -1, SQLITE_STATIC);
    while (n < BULK_INDEXES_MOST && sqlite3_step(stmt) == SQLITE_ROW) {
        char *sql = sqlite3_mprintf("%s", (const char *)sqlite3_column_text(stmt, 1));

        drops[n++] =
            sqlite3_mprintf("DROP INDEX \"%w\"", (const char *)sqlite3_column_text(stmt, 0));
        if (sqlite3_column_int(stmt, 2) && ret->key == NULL)
            ret->key = sql;
        else
            ret->indexes[ret->n_indexes++] = sql;
    }
    finalize(&stmt);
    for (size_t i = 0; i < n; i++) {
        is_dropped = is_dropped && drops[i] != NULL && run(ret, drops[i], err);
        sqlite3_free(drops[i]);
    }
    /* A mapping gives what the CHECKs ask for; tried a million times, they cost more than the rows.
     */
    if (!is_dropped || !run(ret, "PRAGMA ignore_check_constraints = ON", err)
        || !prepare_statements(ret, err))
        return false;
    ret->is_on = true;
    return true;
}

void bulk_done(struct bulk *bulk)
{
    finalize(&bulk->insert);
    for (size_t i = 0; i < TARGET_REFERENCES; i++)
        finalize(&bulk->references[i]);
    for (size_t i = 0; i < bulk->n_indexes; i++)
        sqlite3_free(bulk->indexes[i]);
    sqlite3_free(bulk->key);
    *bulk = (struct bulk){ .is_on = false };
}

/* Tells whether a value that refers to a row finds one. */
static bool check_reference(struct bulk *bulk, size_t i, const struct value *value,
                            struct error *err)
{
    sqlite3_stmt *stmt = bulk->references[i];
    size_t at = i;
    int code;

    for (int j = 0; j < value->len; j++)
        at = at * 31 + (unsigned char)value->text[j];
    at %= BULK_KNOWN;
    if (bulk->known[at].reference == i && strcmp(bulk->known[at].value, value->text) == 0)
        return true;
    sqlite3_bind_text(stmt, 1, value->text, value->len, SQLITE_STATIC);
    code = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    if (code == SQLITE_DONE)
        return error_set(err, ERR_INTERNAL, NULL, "a row of %s refers to '%s', which is none of %s",
                         bulk->target->table, value->text, bulk->target->references[i].table);
    if (code != SQLITE_ROW)
        return fail(bulk, err);
    if (value->len < BULK_KNOWN_SIZE) {
        bulk->known[at].reference = i;
        memcpy(bulk->known[at].value, value->text, (size_t)value->len + 1);
    }
    return true;
}

static bool is_bound(const struct value *bound, const struct value *value)
{
    if (bound->type != value->type)
        return false;
    /* A text is bound by its address, so that other bytes there are bound as well. */
    return value->type == SQLITE_NULL
           || (value->type == SQLITE_INTEGER && bound->integer == value->integer)
           || (value->type == SQLITE_TEXT && bound->text == value->text
               && bound->len == value->len);
}

bool bulk_insert(struct bulk *bulk, const struct record *record, const char *from, const char *to,
                 const char *source, struct error *err)
{
    const struct target *target = bulk->target;
    sqlite3_stmt *stmt = bulk->insert;
    int code;

    for (size_t i = 0; i < TARGET_REFERENCES && target->references[i].table != NULL; i++) {
        const struct value *value = &record->values[target->references[i].column];

        if (value->type == SQLITE_TEXT && !check_reference(bulk, i, value, err))
            return false;
    }
    sqlite3_bind_text(stmt, 1, record->id, -1, SQLITE_STATIC);
    if (!bulk->is_bound) {
        sqlite3_bind_int(stmt, 2, 1);
        sqlite3_bind_text(stmt, 3, from, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 4, to, -1, SQLITE_STATIC);
        if (target->source != NULL)
            sqlite3_bind_text(stmt, 5, source, -1, SQLITE_STATIC);
    }
    for (size_t i = 0; i < target->n_columns; i++) {
        if (bulk->is_bound && is_bound(&bulk->bound[i], &record->values[i]))
            continue;
        value_bind(&record->values[i], stmt, FIRST_CONTENT + (int)i);
        bulk->bound[i] = record->values[i];
    }
    bulk->is_bound = true;
    code = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    return code == SQLITE_DONE || fail(bulk, err);
}

bool bulk_build_key(struct bulk *bulk, bool *ret_double, struct error *err)
{
    int code;

    *ret_double = false;
    if (bulk->key == NULL)
        return true;
    code = sqlite3_exec(bulk->db, bulk->key, NULL, NULL, NULL);
    *ret_double = (code & 0xFF) == SQLITE_CONSTRAINT;
    return code == SQLITE_OK || *ret_double || fail(bulk, err);
}

bool bulk_build_others(struct bulk *bulk, struct error *err)
{
    for (size_t i = 0; i < bulk->n_indexes; i++) {
        if (!run(bulk, bulk->indexes[i], err))
            return false;
    }
    bulk->is_on = false;
    return run(bulk, "PRAGMA ignore_check_constraints = OFF", err);
}
