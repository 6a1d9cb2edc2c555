#include "db/schema.h"

#include <ctype.h>
#include <string.h>

#include "db/conn.h"
#include "server/base/cleanup.h"

/* Whether what begins here is a comment. */
static bool is_comment(const char *at)
{
    return at[0] == '-' && at[1] == '-';
}

/* Compares one statement of ours, up to its semicolon, with text that SQLite kept of it. Comments
 * and white space mean nothing, and so may differ from one program to the next. */
static bool is_same(const char *ours, const char *kept)
{
    const char *sides[] = { ours, kept };

    for (;;) {
        for (size_t i = 0; i < 2; i++) {
            while (isspace((unsigned char)*sides[i]) || is_comment(sides[i]))
                sides[i] += is_comment(sides[i]) ? strcspn(sides[i], "\n") : 1;
        }
        if (*sides[0] == ';' || *sides[0] == '\0' || *sides[1] == '\0')
            return (*sides[0] == ';' || *sides[0] == '\0') && *sides[1] == '\0';
        if (*sides[0]++ != *sides[1]++)
            return false;
    }
}

/* Goes to the next statement, behind white space, comments and the one that begins here. */
static const char *next(const char *at, bool is_within)
{
    for (; *at != '\0'; at++) {
        if (is_comment(at))
            at += strcspn(at, "\n");
        else if (*at == ';' && is_within)
            is_within = false;
        else if (!isspace((unsigned char)*at) && !is_within)
            return at;
        if (*at == '\0')
            break;
    }
    return at;
}

/* What a statement creates: the word behind TABLE, INDEX or VIEW. NULL: nothing. */
static const char *created(const char *statement, size_t *ret_len)
{
    static const char *const kinds[] = { "CREATE TABLE ", "CREATE INDEX ", "CREATE UNIQUE INDEX ",
                                         "CREATE VIEW ", "CREATE VIRTUAL TABLE " };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        size_t len = strlen(kinds[i]);

        if (strncmp(statement, kinds[i], len) != 0)
            continue;
        *ret_len = strcspn(statement + len, " (\n");
        return statement + len;
    }
    return NULL;
}

bool schema_check(struct conn *conn, struct error *err)
{
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    const char *name;
    size_t len = 0;
    bool is_row;

    if (!conn_stmt(conn, "SELECT sql FROM sqlite_schema WHERE name = ?", &stmt, err))
        return false;
    for (const char *at = next(schema_sql, false); *at != '\0'; at = next(at, true)) {
        name = created(at, &len);
        if (name == NULL)
            continue;
        sqlite3_reset(stmt);
        sqlite3_bind_text(stmt, 1, name, (int)len, SQLITE_STATIC);
        if (!stmt_step(stmt, &is_row, err))
            return false;
        if (!is_row)
            return error_set(err, ERR_INPUT, NULL,
                             "%.*s is missing; rebuild the dataset with this program.", (int)len,
                             name);
        if (sqlite3_column_text(stmt, 0) == NULL
            || !is_same(at, (const char *)sqlite3_column_text(stmt, 0)))
            return error_set(err, ERR_INPUT, NULL,
                             "%.*s is not what this program makes; rebuild the dataset with it.",
                             (int)len, name);
    }
    return true;
}
