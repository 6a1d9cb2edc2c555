/* What things are called, looked up once. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db/sql_label.h"

enum { N_CLAIMS = 5000 /* several times as many as are kept */ };

struct labelled {
    sqlite3 *db;
    struct sql_labels *labels;
};

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static int open_labels(void **state)
{
    static struct labelled labelled;

    assert_int_equal(sqlite3_open(":memory:", &labelled.db), SQLITE_OK);
    run(labelled.db, "CREATE TABLE labels (kind TEXT, id TEXT, name TEXT, PRIMARY KEY (kind, id))"
                     " WITHOUT ROWID;"
                     "CREATE TABLE places (id TEXT PRIMARY KEY, iso3 TEXT);"
                     "INSERT INTO labels VALUES ('place', 'mli', 'Mali'), ('actor', 'mli', "
                     "'Army of Mali'), ('actor', 'empty', '');"
                     "INSERT INTO places VALUES ('mli', 'MLI'), ('tinville', NULL)");
    assert_true(sql_label_register(labelled.db, &labelled.labels));
    *state = &labelled;
    return 0;
}

static int close_labels(void **state)
{
    struct labelled *labelled = *state;

    sql_label_free(labelled->labels);
    sql_label_free(NULL);
    /* Not busy: no statement of the labels is left. */
    assert_int_equal(sqlite3_close(labelled->db), SQLITE_OK);
    return 0;
}

/* Asserts the one text that an expression is; NULL: that it is null. */
static void assert_is(const struct labelled *labelled, const char *expression, const char *expected)
{
    sqlite3_stmt *stmt = NULL;
    char sql[600];

    snprintf(sql, sizeof(sql), "SELECT %s", expression);
    assert_int_equal(sqlite3_prepare_v2(labelled->db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    if (expected == NULL)
        assert_int_equal(sqlite3_column_type(stmt, 0), SQLITE_NULL);
    else
        assert_string_equal((const char *)sqlite3_column_text(stmt, 0), expected);
    sqlite3_finalize(stmt);
}

static void things_are_called_by_kind_and_id(void **state)
{
    for (int i = 0; i < 2; i++) { /* looked up, and kept */
        assert_is(*state, "label('place', 'mli')", "Mali");
        assert_is(*state, "label('actor', 'mli')", "Army of Mali");
        assert_is(*state, "label('actor', 'empty')", "");
        assert_is(*state, "iso3('mli')", "MLI");
    }
}

static void what_has_no_name_or_no_code_is_null(void **state)
{
    for (int i = 0; i < 2; i++) {
        assert_is(*state, "label('place', 'nowhere')", NULL);
        assert_is(*state, "label('place', NULL)", NULL);
        assert_is(*state, "label(NULL, 'mli')", NULL);
        assert_is(*state, "iso3('tinville')", NULL);
        assert_is(*state, "iso3('nowhere')", NULL);
        assert_is(*state, "iso3(NULL)", NULL);
    }
}

static void what_was_found_is_kept(void **state)
{
    const struct labelled *labelled = *state;

    run(labelled->db, "INSERT INTO labels VALUES ('actor', 'kept', 'Kept')");
    assert_is(labelled, "label('actor', 'kept')", "Kept");
    assert_is(labelled, "label('actor', 'missed')", NULL);
    /* A dataset never changes; here it does, to show who is asked. */
    run(labelled->db, "DELETE FROM labels WHERE id = 'kept';"
                      "INSERT INTO labels VALUES ('actor', 'missed', 'Missed')");
    assert_is(labelled, "label('actor', 'kept')", "Kept");
    assert_is(labelled, "label('actor', 'missed')", NULL);
}

static void more_names_than_are_kept_are_right_as_well(void **state)
{
    const struct labelled *labelled = *state;
    char sql[300];

    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO labels SELECT 'claim', 'claim-' || i, printf('Claim %%0*d', 1 + i / 8, "
             "i) FROM n",
             N_CLAIMS);
    run(labelled->db, sql);
    /* In one row several, of which a later one may take the place of an earlier one. */
    for (int i = 0; i < 2; i++)
        assert_is(labelled,
                  "count(*) FROM (SELECT name, label(kind, id) AS own,"
                  " label('claim', 'claim-' || (rowid % 7 + 1)) AS other,"
                  " label(kind, id) AS again FROM (SELECT *, row_number() OVER (ORDER BY id) AS"
                  " rowid FROM labels WHERE kind = 'claim'))"
                  " WHERE own = name AND again = name AND other LIKE 'Claim %'",
                  "5000");
}

static void a_look_up_that_fails_fails_the_query(void **state)
{
    sqlite3_stmt *stmt = NULL;
    struct sql_labels *labels;
    sqlite3 *db;

    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_true(sql_label_register(db, &labels));
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT label('a', 'b')", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ERROR); /* there is no table */
    sqlite3_finalize(stmt);
    sql_label_free(labels);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(things_are_called_by_kind_and_id),
        cmocka_unit_test(what_has_no_name_or_no_code_is_null),
        cmocka_unit_test(what_was_found_is_kept),
        cmocka_unit_test(more_names_than_are_kept_are_right_as_well),
        cmocka_unit_test(a_look_up_that_fails_fails_the_query),
    };

    return cmocka_run_group_tests(tests, open_labels, close_labels);
}
