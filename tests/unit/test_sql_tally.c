/* db/sql_tally.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/sql_tally.h"

/* Asserts the one text that a query answers; NULL: that it fails. */
static void assert_answer(const char *sql, const char *expected)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_true(sql_tally_register(db));
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    if (expected == NULL) {
        assert_int_equal(sqlite3_step(stmt), SQLITE_NOMEM);
    } else {
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(stmt, 0), expected);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void pairs_are_counted_and_their_numbers_added(void **state)
{
    (void)state;
    assert_answer(
        "SELECT tally(column1, column2, column3, column4, column5) FROM (VALUES"
        " ('a', 'x', 1, 0, 1), ('b', 'x', 10, 0, 2), ('a', 'x', 7, 1, 4), ('a', 'y', 1, 0, NULL))",
        "[[\"a\",\"x\",8,5,1],[\"b\",\"x\",10,2,0],[\"a\",\"y\",1,0,0]]");
}

static void no_rows_are_an_empty_list(void **state)
{
    (void)state;
    assert_answer("SELECT tally('a', 'b', 1, 0, 1) WHERE 0", "[]");
    assert_answer("SELECT texts('a') WHERE 0", "[]");
}

static void more_pairs_than_there_is_room_for_fail_the_query(void **state)
{
    (void)state;
    assert_answer("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300)"
                  " SELECT tally(i, 'x', 1, 0, 1) FROM n",
                  NULL);
}

static void texts_come_once_and_in_their_order(void **state)
{
    (void)state;
    assert_answer("SELECT texts(column1) FROM (VALUES ('b'), ('a\"'), ('b'), ('a'), ('a\"'))",
                  "[\"a\",\"a\\\"\",\"b\"]");
    assert_answer("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)"
                  " SELECT json_array_length(texts(i)) FROM n",
                  "999");
}

static void a_text_that_is_null_fails_the_query(void **state)
{
    (void)state;
    assert_answer("SELECT texts(NULL)", NULL);
    assert_answer("SELECT tally('a', NULL, 1, 0, 1)", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_counted_and_their_numbers_added),
        cmocka_unit_test(no_rows_are_an_empty_list),
        cmocka_unit_test(more_pairs_than_there_is_room_for_fail_the_query),
        cmocka_unit_test(texts_come_once_and_in_their_order),
        cmocka_unit_test(a_text_that_is_null_fails_the_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
