/* db/sql_recall.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db/conn.h"
#include "tests/unit/support.h"

/* Asserts the one text that a query answers; NULL: a null. */
static void assert_answer(const struct world *world, const char *sql, const char *expected)
{
    struct error err = { 0 };
    sqlite3_stmt *stmt = NULL;
    const char *text;
    bool is_row;

    if (!conn_stmt(world_conn(world), sql, &stmt, &err) || !stmt_step(stmt, &is_row, &err))
        fail_msg("%s: %s", sql, err.detail);
    assert_true(is_row);
    text = (const char *)sqlite3_column_text(stmt, 0);
    if (expected == NULL)
        assert_null(text);
    else
        assert_string_equal(text, expected);
    stmt_return(&stmt);
}

static void things_are_named_by_their_ids(void **state)
{
    for (int i = 0; i < 2; i++) { /* the second time from memory */
        assert_answer(*state, "SELECT named('series', '[\"roll\",\"raids\",\"roll\",\"nothing\"]')",
                      "[{\"id\":\"raids\",\"name\":\"Raids\"},{\"id\":\"roll\",\"name\":\"Roll of "
                      "the dead\"}]");
        assert_answer(*state, "SELECT named('source', '[\"roll\"]')", "[]");
        assert_answer(*state, "SELECT named('series', '[]')", "[]");
    }
}

static void states_of_one_set_are_one_independent_source(void **state)
{
    for (int i = 0; i < 2; i++) {
        assert_answer(*state, "SELECT independent('[\"roll-2020\",\"roll-2021\"]')", "1");
        assert_answer(*state, "SELECT independent('[\"roll-2020\",\"herald-2019\"]')", "2");
        assert_answer(*state, "SELECT independent('[]')", "0");
    }
}

static void lists_of_lists_are_merged(void **state)
{
    for (int i = 0; i < 2; i++)
        assert_answer(*state, "SELECT merged('[\"[]\",\"[\\\"b\\\",\\\"a\\\"]\",\"[\\\"b\\\"]\"]')",
                      "[\"a\",\"b\"]");
}

static void nothing_is_known_of_a_null(void **state)
{
    assert_answer(*state, "SELECT named('series', NULL)", NULL);
    assert_answer(*state, "SELECT independent(NULL)", NULL);
}

/* More lists than are remembered, each asked for again when others have taken its place. */
static void what_is_forgotten_is_asked_for_again(void **state)
{
    assert_answer(*state,
                  "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1999)"
                  " SELECT sum(merged(json_array(json_array('a' || (i % 700)))) ="
                  " json_array('a' || (i % 700))) FROM n",
                  "2000");
}

static void a_list_that_is_none_fails_the_query(void **state)
{
    struct error err = { 0 };
    sqlite3_stmt *stmt = NULL;
    bool is_row;

    assert_true(conn_stmt(world_conn(*state), "SELECT merged('[')", &stmt, &err));
    assert_false(stmt_step(stmt, &is_row, &err));
    assert_int_equal(err.code, ERR_INTERNAL);
    stmt_return(&stmt);
    assert_answer(*state, "SELECT merged('[]')", "[]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_are_named_by_their_ids),
        cmocka_unit_test(states_of_one_set_are_one_independent_source),
        cmocka_unit_test(lists_of_lists_are_merged),
        cmocka_unit_test(nothing_is_known_of_a_null),
        cmocka_unit_test(what_is_forgotten_is_asked_for_again),
        cmocka_unit_test(a_list_that_is_none_fails_the_query),
    };

    return cmocka_run_group_tests(tests, world_open, world_close);
}
