/* One thread's connection: what it opens, lends, stops and refuses. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "server/base/cleanup.h"
#include "tests/unit/support.h"

static sqlite3_stmt *lend(struct conn *conn, const char *sql)
{
    struct error err = { 0 };
    sqlite3_stmt *stmt = NULL;

    if (!conn_stmt(conn, sql, &stmt, &err))
        fail_msg("%s: %s", sql, err.detail);
    return stmt;
}

static int64_t one_integer(struct conn *conn, const char *sql)
{
    defer(stmt_return) sqlite3_stmt *stmt = lend(conn, sql);
    struct error err = { 0 };
    bool is_row;

    if (!stmt_step(stmt, &is_row, &err))
        fail_msg("%s: %s", sql, err.detail);
    assert_true(is_row);
    return sqlite3_column_int64(stmt, 0);
}

static void assert_not_opened(const char *file, const char *word)
{
    static const struct state nothing;
    struct error err = { 0 };
    struct conn *conn = NULL;

    assert_false(conn_open(file, &nothing, &conn, &err));
    assert_null(conn);
    assert_int_equal(err.code, ERR_INPUT);
    if (strstr(err.detail, word) == NULL)
        fail_msg("%s: '%s' does not say '%s'", file, err.detail, word);
}

static void a_query_past_its_deadline_is_stopped_and_the_connection_works_on(void **state)
{
    static const char endless[] = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
                                  " SELECT count(*) FROM n";
    struct conn *conn = world_conn(*state);

    for (int round = 0; round < 3; round++) {
        sqlite3_stmt *stmt = lend(conn, endless);
        struct error err = { 0 };
        bool is_row = true;

        conn_deadline(conn, 30);
        assert_false(stmt_step(stmt, &is_row, &err));
        assert_int_equal(err.code, ERR_TIMEOUT);
        stmt_return(&stmt);
        assert_null(stmt);
        conn_deadline(conn, 0);
        assert_int_equal(one_integer(conn, "SELECT 6 * 7"), 42);
    }
}

static void a_deadline_that_has_passed_stops_the_next_long_query_too(void **state)
{
    struct conn *conn = world_conn(*state);
    sqlite3_stmt *stmt = lend(conn, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM"
                                    " n LIMIT 10000000) SELECT max(i) FROM n");
    struct error err = { 0 };
    bool is_row;

    conn_deadline(conn, 1);
    assert_false(stmt_step(stmt, &is_row, &err));
    stmt_return(&stmt);
    stmt = lend(conn, "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n LIMIT"
                      " 10000000) SELECT max(i) FROM n");
    err = (struct error){ 0 };
    assert_false(stmt_step(stmt, &is_row, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    stmt_return(&stmt);
    conn_deadline(conn, 0);
}

static void a_statement_comes_back_without_its_bindings(void **state)
{
    struct conn *conn = world_conn(*state);
    sqlite3_stmt *stmt = lend(conn, "SELECT ?1 IS NULL");
    sqlite3_stmt *first = stmt;

    assert_int_equal(sqlite3_bind_int(stmt, 1, 5), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 0);
    stmt_return(&stmt);
    assert_null(stmt);
    stmt_return(&stmt);
    stmt = lend(conn, "SELECT ?1 IS NULL");
    assert_ptr_equal(stmt, first);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(stmt, 0), 1);
    stmt_return(&stmt);
}

static void the_same_text_twice_at_once_is_two_statements(void **state)
{
    struct conn *conn = world_conn(*state);
    sqlite3_stmt *a = lend(conn, "SELECT 1 UNION SELECT 2");
    sqlite3_stmt *b;

    assert_int_equal(sqlite3_step(a), SQLITE_ROW);
    b = lend(conn, "SELECT 1 UNION SELECT 2");
    assert_ptr_not_equal(a, b);
    assert_int_equal(sqlite3_step(b), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(b, 0), 1);
    assert_int_equal(sqlite3_column_int(a, 0), 1);
    stmt_return(&a);
    stmt_return(&b);
}

static void a_statement_is_found_under_its_key_unless_it_is_busy(void **state)
{
    static const char key[] = "\x01\0a", other[] = "\x01\0b"; /* any bytes are a key */
    struct conn *conn = world_conn(*state);
    sqlite3_stmt *stmt, *found = NULL;
    struct error err = { 0 };

    assert_false(conn_find(conn, key, 3, &found));
    assert_true(conn_prepare(conn, key, 3, "SELECT 1 UNION SELECT 2", &stmt, &err));
    assert_true(conn_find(conn, key, 3, &found));
    assert_ptr_equal(found, stmt);
    assert_false(conn_find(conn, key, 2, &found));
    assert_false(conn_find(conn, other, 3, &found));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_false(conn_find(conn, key, 3, &found));
    stmt_return(&stmt);
    assert_true(conn_find(conn, key, 3, &found));
    assert_false(conn_prepare(conn, other, 3, "SELEKT 1", &stmt, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_false(conn_find(conn, other, 3, &found));
}

static void a_cache_full_of_busy_statements_says_so_and_recovers(void **state)
{
    struct conn *conn = world_conn(*state);
    sqlite3_stmt *lent[200] = { NULL };
    struct error err = { 0 };
    size_t n = 0;

    for (; n < 200; n++) {
        char sql[64];

        snprintf(sql, sizeof(sql), "SELECT %zu UNION SELECT -1", n);
        if (!conn_stmt(conn, sql, &lent[n], &err))
            break;
        assert_int_equal(sqlite3_step(lent[n]), SQLITE_ROW);
    }
    assert_in_range(n, 8, 199);
    assert_int_equal(err.code, ERR_INTERNAL);
    for (size_t i = 0; i < n; i++)
        stmt_return(&lent[i]);
    assert_int_equal(one_integer(conn, "SELECT 7"), 7);
}

static void wrong_sql_is_our_own_failure(void **state)
{
    struct conn *conn = world_conn(*state);
    struct error err = { 0 };
    sqlite3_stmt *stmt = NULL;

    assert_false(conn_stmt(conn, "SELEKT 1", &stmt, &err));
    assert_null(stmt);
    assert_int_equal(err.code, ERR_INTERNAL);
}

static void nothing_can_be_done_but_reading(void **state)
{
    static const char *const sqls[] = {
        "DELETE FROM missions",
        "INSERT INTO dataset VALUES ('a', 'b')",
        "UPDATE names SET name = 'x'",
        "CREATE TABLE t (a)",
        "DROP TABLE names",
        "CREATE TEMP TABLE t (a)",
        "ATTACH ':memory:' AS other",
        "PRAGMA query_only = 0",
        "PRAGMA writable_schema = 1",
        "SELECT load_extension('x')",
        "VACUUM INTO 'x'",
        "REINDEX",
        "ANALYZE",
        "BEGIN",
        "SAVEPOINT s",
    };
    struct conn *conn = world_conn(*state);

    for (size_t i = 0; i < sizeof(sqls) / sizeof(*sqls); i++) {
        struct error err = { 0 };
        sqlite3_stmt *stmt = NULL;
        bool is_row;

        if (conn_stmt(conn, sqls[i], &stmt, &err))
            assert_false(stmt_step(stmt, &is_row, &err));
        assert_int_equal(err.code, ERR_INTERNAL);
        stmt_return(&stmt);
    }
    assert_true(one_integer(conn, "SELECT count(*) FROM missions") > 0);
}

static void folding_in_sql_is_the_folding_of_names(void **state)
{
    struct conn *conn = world_conn(*state);

    assert_int_equal(one_integer(conn, "SELECT fold('Tïnville') = 'tinville'"), 1);
    assert_int_equal(one_integer(conn, "SELECT fold(NULL) IS NULL"), 1);
    assert_int_equal(one_integer(conn, "SELECT fold('') IS NULL"), 1);
    assert_int_equal(one_integer(conn, "SELECT fold(x'ff') IS NULL"), 1);
    assert_int_equal(
        one_integer(conn, "SELECT fold(replace(hex(zeroblob(100000)), '0', 'A')) IS NULL"), 1);
    assert_int_equal(one_integer(conn, "SELECT fold(17) = '17'"), 1);
}

static void odd_characters_in_a_file_name_are_only_characters(void **state)
{
    static const char *const names[] = { "a b.db", "a?mode=rw.db", "a%41.db",
                                         "a#b.db", "Тин.db",       "a&b=c.db" };
    static const struct state nothing;

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        struct error err = { 0 };
        struct conn *conn = NULL;
        char path[WORLD_PATH];

        world_variant(*state, names[i], "", path);
        if (!conn_open(path, &nothing, &conn, &err))
            fail_msg("%s: %s", path, err.detail);
        assert_int_equal(one_integer(conn, "SELECT count(*) > 0 FROM missions"), 1);
        conn_close(conn);
    }
}

static void what_is_no_dataset_of_this_schema_is_not_opened(void **state)
{
    static const char noise[8192] = "not a database at all";
    char path[WORLD_PATH];

    world_path(*state, "missing.db", path);
    assert_not_opened(path, "missing.db");
    assert_not_opened("/tmp", "/tmp");
    world_path(*state, "noise.db", path);
    write_file(path, noise, sizeof(noise));
    assert_not_opened(path, "not a database");
    world_path(*state, "empty.db", path);
    write_file(path, "", 0);
    assert_not_opened(path, "not a bluehelm dataset");
    world_variant(*state, "newer.db", "PRAGMA user_version = 99", path);
    assert_not_opened(path, "schema version 99");
    world_variant(*state, "foreign.db", "PRAGMA application_id = 7", path);
    assert_not_opened(path, "application_id 7");
    conn_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_past_its_deadline_is_stopped_and_the_connection_works_on),
        cmocka_unit_test(a_deadline_that_has_passed_stops_the_next_long_query_too),
        cmocka_unit_test(a_statement_comes_back_without_its_bindings),
        cmocka_unit_test(the_same_text_twice_at_once_is_two_statements),
        cmocka_unit_test(a_statement_is_found_under_its_key_unless_it_is_busy),
        cmocka_unit_test(a_cache_full_of_busy_statements_says_so_and_recovers),
        cmocka_unit_test(wrong_sql_is_our_own_failure),
        cmocka_unit_test(nothing_can_be_done_but_reading),
        cmocka_unit_test(folding_in_sql_is_the_folding_of_names),
        cmocka_unit_test(odd_characters_in_a_file_name_are_only_characters),
        cmocka_unit_test(what_is_no_dataset_of_this_schema_is_not_opened),
    };

    return cmocka_run_group_tests(tests, world_open, world_close);
}
