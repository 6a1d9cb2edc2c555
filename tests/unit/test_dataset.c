/* Publishing, swapping and refusing dataset files; the connection's deadline and statement cache.
 */

#include "tests/unit/engine.h"

#include <pthread.h>
#include <stdatomic.h>

#include "db/seal.h"

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void copy_file(const char *from, const char *to, size_t most)
{
    static char bytes[8 << 20];
    FILE *file = fopen(from, "rb");
    size_t len;

    assert_non_null(file);
    len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    write_file(to, bytes, len < most ? len : most);
}

/* As a program would that writes other datasets. */
static void change(const char *file, const char *sql)
{
    struct error err = { 0 };
    sqlite3 *db;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_true(seal_write(file, file, &err));
}

static void assert_refused(const char *file, const char *why)
{
    struct error err = { 0 };
    struct reply reply;

    assert_false(dataset_publish(dataset, file, &err));
    assert_int_equal(err.code, ERR_INPUT);
    if (strstr(err.detail, why) == NULL)
        fail_msg("'%s' does not say '%s'", err.detail, why);
    assert_null(strstr(err.detail, "/proc/self/fd"));
    reply = ask("/v1/missions"); /* the old one stays */
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
}

static void what_is_no_whole_dataset_is_refused_and_the_old_one_stays(void **state)
{
    char file[96];

    (void)state;
    snprintf(file, sizeof(file), "%s/bad.db", folder);
    assert_refused("/nowhere/at/all.db", "No such file");
    assert_refused(folder, "");
    write_file(file, "", 0);
    assert_refused(file, "not a bluehelm dataset");
    write_file(
        file,
        "this is no database, though it is long enough to look like one to somebody in a hurry",
        85);
    assert_refused(file, "not a database");
    copy_file(fixture, file, 20000);
    assert_refused(file, "");
    copy_file(fixture, file, SIZE_MAX);
    change(file, "PRAGMA user_version = 99");
    assert_refused(file, "schema version 99");
    copy_file(fixture, file, SIZE_MAX);
    change(file, "PRAGMA application_id = 7");
    assert_refused(file, "application_id 7");
    copy_file(fixture, file, SIZE_MAX);
    change(file, "ALTER TABLE claims RENAME TO assertions");
    assert_refused(file, "claims is missing");
    copy_file(fixture, file, SIZE_MAX);
    change(file, "ALTER TABLE events ADD COLUMN more TEXT");
    assert_refused(file, "events is not what this program makes");
    copy_file(fixture, file, SIZE_MAX);
    change(file, "DROP INDEX casualties_by_date");
    assert_refused(file, "casualties_by_date is missing");
    copy_file(fixture, file, SIZE_MAX);
    change(file, "DELETE FROM dataset");
    assert_refused(file, "digest");
    unlink(file);
}

static void a_name_that_is_replaced_or_removed_does_not_touch_what_was_published(void **state)
{
    char file[96];
    struct error err = { 0 };
    struct reply reply;

    (void)state;
    snprintf(file, sizeof(file), "%s/gone.db", folder);
    copy_file(fixture, file, SIZE_MAX);
    assert_true(dataset_publish(dataset, file, &err));
    unlink(file);
    reply = ask("/v1/missions"); /* opens its connection only now */
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    assert_true(dataset_publish(dataset, fixture, &err));
}

/* Descriptors of this process that lead to a file, by the name it has or had. */
static size_t n_open(const char *name)
{
    size_t n = 0;

    for (int fd = 0; fd < 256; fd++) {
        char link[64], path[512];
        ssize_t len;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        len = readlink(link, path, sizeof(path) - 1);
        if (len <= 0)
            continue;
        path[len] = '\0';
        n += strstr(path, name) != NULL;
    }
    return n;
}

static size_t n_missions(void)
{
    struct reply reply = ask("/v1/missions?fields=id");
    json_t *body = body_of(&reply);
    size_t n = json_array_size(json_object_get(body, "data"));

    json_decref(body);
    reply_done(&reply);
    return n;
}

static void the_last_user_of_a_file_closes_it(void **state)
{
    char file[96];
    struct error err = { 0 };

    (void)state;
    snprintf(file, sizeof(file), "%s/counted.db", folder);
    copy_file(fixture, file, SIZE_MAX);
    assert_int_equal(n_open("counted.db"), 0);
    assert_true(dataset_publish(dataset, file, &err));
    assert_int_equal(n_open("counted.db"), 1);
    assert_true(n_missions() > 0); /* this thread opens its own connection */
    assert_true(n_open("counted.db") >= 2);
    assert_true(dataset_publish(dataset, fixture, &err));
    assert_true(n_open("counted.db") >= 1); /* the thread has not asked since */
    assert_true(n_missions() > 0);
    assert_int_equal(n_open("counted.db"), 0);
    dataset_leave(dataset);
    dataset_leave(dataset);
    assert_true(n_missions() > 0);
    unlink(file);
}

static void a_refused_file_is_closed_again(void **state)
{
    char file[96];
    struct error err = { 0 };

    (void)state;
    snprintf(file, sizeof(file), "%s/refused.db", folder);
    copy_file(fixture, file, SIZE_MAX);
    change(file, "PRAGMA user_version = 99");
    assert_false(dataset_publish(dataset, file, &err));
    assert_int_equal(n_open("refused.db"), 0);
    unlink(file);
}

static void a_file_that_took_the_name_is_not_asked_until_it_is_published(void **state)
{
    char file[96], other[96];
    struct error err = { 0 };
    size_t n = n_missions();

    (void)state;
    snprintf(file, sizeof(file), "%s/named.db", folder);
    snprintf(other, sizeof(other), "%s/other.db", folder);
    copy_file(fixture, file, SIZE_MAX);
    copy_file(fixture, other, SIZE_MAX);
    change(other, "DELETE FROM missions WHERE id = 'unall'");
    assert_true(dataset_publish(dataset, file, &err));
    assert_int_equal(rename(other, file), 0);
    dataset_leave(dataset);
    assert_int_equal(n_missions(), n);
    assert_true(dataset_publish(dataset, file, &err));
    assert_int_equal(n_missions(), n - 1);
    assert_true(dataset_publish(dataset, fixture, &err));
    assert_int_equal(n_missions(), n);
    unlink(file);
}

static void what_is_no_file_at_all_is_refused_at_once(void **state)
{
    char pipe_name[96];

    (void)state;
    snprintf(pipe_name, sizeof(pipe_name), "%s/pipe", folder);
    assert_int_equal(mkfifo(pipe_name, 0600), 0);
    alarm(20); /* nobody will ever write into the pipe */
    assert_refused(pipe_name, "not a file");
    alarm(0);
    assert_refused(folder, "not a file");
    assert_refused("/dev/null", "not a file");
    assert_refused("", "No such file");
    unlink(pipe_name);
}

static void a_code_is_found_by_id_or_name_in_its_own_list(void **state)
{
    struct error err = { 0 };
    struct conn *conn;
    const struct state *now;

    (void)state;
    assert_true(dataset_conn(dataset, &conn, &err));
    now = conn_state(conn);
    assert_string_equal(state_code(now, "cause", "illness")->name, "Illness");
    assert_string_equal(state_code(now, "mission_category", "Peacekeeping operation")->id, "pko");
    assert_string_equal(state_code(now, "relationship_type", "pays")->inverse, "paid by");
    assert_null(state_code(now, "cause", "illness")->inverse);
    assert_null(state_code(now, "cause", "pko"));
    assert_null(state_code(now, "cause", ""));
    assert_null(state_code(now, "nothing", "illness"));
    assert_int_equal(strlen(now->digest), 64);
    assert_string_equal(now->release, "2021-01-01");
}

static atomic_bool is_over;
static atomic_int n_wrong;

static void *ask_on(void *unused)
{
    (void)unused;
    while (!atomic_load(&is_over)) {
        struct reply reply = ask("/v1/casualties?limit=3&sort=-deaths");

        if (reply.status != 200)
            atomic_fetch_add(&n_wrong, 1);
        reply_done(&reply);
    }
    dataset_leave(dataset);
    return NULL;
}

static void threads_see_a_swap_whole_and_leave_nothing_open(void **state)
{
    pthread_t threads[4];
    struct error err = { 0 };

    (void)state;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_on, NULL), 0);
    for (int i = 0; i < 50; i++) {
        assert_true(dataset_publish(dataset, fixture, &err));
        usleep(2000);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&n_wrong), 0);
}

static void a_query_past_its_deadline_is_stopped_and_the_next_one_runs(void **state)
{
    sqlite3_stmt *stmt = NULL;
    struct error err = { 0 };
    struct conn *conn;
    bool is_row;

    (void)state;
    assert_true(dataset_conn(dataset, &conn, &err));
    conn_deadline(conn, 20);
    assert_true(conn_stmt(
        conn,
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
        &stmt, &err));
    assert_false(stmt_step(stmt, &is_row, &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    stmt_return(&stmt);
    assert_null(stmt);
    err = (struct error){ 0 };
    conn_deadline(conn, 0);
    assert_true(conn_stmt(conn, "SELECT 7", &stmt, &err));
    assert_true(stmt_step(stmt, &is_row, &err));
    assert_int_equal(sqlite3_column_int(stmt, 0), 7);
    stmt_return(&stmt);
}

static void more_statements_than_the_cache_holds_are_all_answered(void **state)
{
    struct error err = { 0 };
    struct conn *conn;

    (void)state;
    assert_true(dataset_conn(dataset, &conn, &err));
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 200; i++) {
            sqlite3_stmt *stmt = NULL;
            char sql[32];
            bool is_row;

            snprintf(sql, sizeof(sql), "SELECT %d", i);
            assert_true(conn_stmt(conn, sql, &stmt, &err));
            assert_true(stmt_step(stmt, &is_row, &err));
            assert_int_equal(sqlite3_column_int(stmt, 0), i);
            stmt_return(&stmt);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_whole_dataset_is_refused_and_the_old_one_stays),
        cmocka_unit_test(a_name_that_is_replaced_or_removed_does_not_touch_what_was_published),
        cmocka_unit_test(the_last_user_of_a_file_closes_it),
        cmocka_unit_test(a_refused_file_is_closed_again),
        cmocka_unit_test(a_file_that_took_the_name_is_not_asked_until_it_is_published),
        cmocka_unit_test(what_is_no_file_at_all_is_refused_at_once),
        cmocka_unit_test(a_code_is_found_by_id_or_name_in_its_own_list),
        cmocka_unit_test(threads_see_a_swap_whole_and_leave_nothing_open),
        cmocka_unit_test(a_query_past_its_deadline_is_stopped_and_the_next_one_runs),
        cmocka_unit_test(more_statements_than_the_cache_holds_are_all_answered),
    };
    int failed;

    open_fixture();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_fixture();
    return failed;
}
