/* db/sql_alike.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/sql_alike.h"

/* Asserts the one text that a query answers; NULL: that it fails. */
static void assert_answer(const char *sql, const char *expected)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_true(sql_alike_register(db));
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    if (expected == NULL) {
        assert_int_equal(sqlite3_step(stmt), SQLITE_ERROR);
    } else {
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_string_equal((const char *)sqlite3_column_text(stmt, 0), expected);
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void rows_that_are_alike_are_added(void **state)
{
    (void)state;
    assert_answer("SELECT alike(column1, column2, column3, column4, "
                  "'2013-01-01', '2013-12-31', '', NULL, column5, column6) FROM (VALUES"
                  " (7, 1, 2, 3, 'a', NULL), (8, 10, 20, 30, 'a', 'x'), (9, -4, 5, 6, 'a', NULL))",
                  "[[7,2,-3,7,9],[8,1,10,20,30]]");
    assert_answer("SELECT alike(1, 2, 3, 4, '', '', '', '', 'a') WHERE 0", "[]");
}

static void a_number_that_is_not_said_keeps_rows_apart(void **state)
{
    (void)state;
    assert_answer("SELECT alike(column1, column2, column3, NULL, '', '', '', '', 'a') FROM (VALUES"
                  " (1, 1, 2), (2, NULL, 2), (3, 0, 2), (4, NULL, 3), (5, NULL, NULL))",
                  "[[1,2,1,4,null],[2,2,null,5,null],[5,1,null,null,null]]");
}

/* Where keys are written one behind the other, what ends one could begin the next. */
static void keys_are_alike_one_by_one(void **state)
{
    (void)state;
    assert_answer(
        "SELECT json_array_length(alike(1, 1, 1, 1, '', '', '', '', column1, column2)) FROM (VALUES"
        " ('ab', 'c'), ('a', 'bc'), ('abc', ''), ('abc', NULL), (NULL, 'abc'),"
        " ('1', 2), (1, '2'), (1, 2), ('', 'abc'))",
        "9");
}

static void days_are_alike_in_their_years(void **state)
{
    (void)state;
    assert_answer("SELECT alike(column1, 1, 1, 1, column2, column3, column2, column3, 'a') FROM"
                  " (VALUES (1, '2013-01-01', '2013-01-01'), (2, '2013-12-31', '2013-02-03'),"
                  " (3, '2013-12-31', '2014-01-01'), (4, '2014-01-01', '2013-12-31'))",
                  "[[1,2,2,2,2],[3,1,1,1,1],[4,1,1,1,1]]");
}

static void many_cells_are_kept_apart(void **state)
{
    (void)state;
    assert_answer(
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 29999)"
        " SELECT (SELECT count(*) || ' ' || sum(value ->> 1) || ' ' || sum(value ->> 2)"
        " || ' ' || max(value ->> 0) FROM json_each(a)) FROM (SELECT"
        " alike(i, i, 1, 1, '', '', '', '', 'key number ' || (i % 10000), i % 10000) AS a FROM n)",
        "10000 30000 449985000 9999");
}

static void a_sum_that_is_too_large_fails_the_query(void **state)
{
    (void)state;
    assert_answer("SELECT alike(1, column1, 1, 1, '', '', '', '', 'a') FROM (VALUES "
                  "(9223372036854775807), (1))",
                  NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_are_alike_are_added),
        cmocka_unit_test(a_number_that_is_not_said_keeps_rows_apart),
        cmocka_unit_test(keys_are_alike_one_by_one),
        cmocka_unit_test(days_are_alike_in_their_years),
        cmocka_unit_test(many_cells_are_kept_apart),
        cmocka_unit_test(a_sum_that_is_too_large_fails_the_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
