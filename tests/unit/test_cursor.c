/* The opaque cursor, bound to its query and its dataset. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <nettle/base64.h>
#include <sqlite3.h>

#include "db/conn.h"
#include "handlers/catalogue.h"
#include "server/base/cleanup.h"
#include "server/cursor.h"
#include "server/fingerprint.h"
#include "tests/unit/support.h"

static const char owner[] = "0123456789abcdef0123456789abcdef";
static const char digest[] = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

static struct query query;

/* A query of casualties, sorted by `n` of its fields. */
static void sort_by(size_t n)
{
    static const char *const names[] = { "series", "kind", "mission", "place", "date", "cause" };

    memset(&query, 0, sizeof(query));
    query.resource = &casualties;
    for (; query.n_sorts < n; query.n_sorts++)
        query.sorts[query.n_sorts].field = resource_field(&casualties, names[query.n_sorts]);
}

/* Writes the cursor behind the one row of a SELECT, whose first column is no sort key. */
static bool write_cursor(const struct world *world, const char *sql, char ret[CURSOR_SIZE])
{
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    struct error err = { 0 };
    bool is_row;

    assert_true(conn_stmt(world_conn(world), sql, &stmt, &err));
    assert_true(stmt_step(stmt, &is_row, &err));
    assert_true(is_row);
    return cursor_write(stmt, 1, owner, digest, ret);
}

static void assert_invalid(const char *text)
{
    struct error err = { 0 };

    query.keyset = (struct keyset){ 0 };
    query.text_len = 0;
    if (cursor_read(text, owner, digest, &query, &err))
        fail_msg("'%.80s' is taken", text);
    assert_int_equal(err.code, ERR_PARAM_INVALID);
    assert_string_equal(err.param, "cursor");
    assert_false(query.keyset.is_set);
}

static void what_is_written_is_read_with_its_types(void **state)
{
    char text[CURSOR_SIZE];
    struct error err = { 0 };

    assert_true(write_cursor(*state,
                             "SELECT 'not a key', NULL, -9223372036854775808, 9223372036854775807,"
                             " '', 'Tïn \"ville\"', 0.1, 'the-id'",
                             text));
    sort_by(6);
    assert_true(cursor_read(text, owner, digest, &query, &err));
    assert_true(query.keyset.is_set);
    assert_int_equal(query.keyset.n, 7);
    assert_true(query.keyset.is_null[0]);
    assert_true(query.keyset.is_integer[1]);
    assert_true(query.keyset.integers[1] == INT64_MIN);
    assert_true(query.keyset.integers[2] == INT64_MAX);
    assert_string_equal(query.keyset.texts[3], "");
    assert_string_equal(query.keyset.texts[4], "Tïn \"ville\"");
    assert_true(query.keyset.is_real[5]);
    assert_true(query.keyset.reals[5] == 0.1); /* to the last digit: it has to be found again */
    assert_string_equal(query.keyset.texts[6], "the-id");
}

static void a_cursor_needs_no_quoting_in_a_url(void **state)
{
    char text[CURSOR_SIZE];

    for (int i = 0; i < 50; i++) {
        char sql[128];

        snprintf(sql, sizeof(sql), "SELECT 0, '%.*s'", i, "ÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿÿ");
        if (i % 2 == 1)
            continue;
        assert_true(write_cursor(*state, sql, text));
        assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789-_"),
                         strlen(text));
    }
}

static void a_cursor_of_another_query_is_refused(void **state)
{
    char text[CURSOR_SIZE];
    struct error err = { 0 };

    sort_by(1);
    assert_true(write_cursor(*state, "SELECT 0, 'roll', 'the-id'", text));
    assert_false(cursor_read(text, "1123456789abcdef0123456789abcdef", digest, &query, &err));
    assert_int_equal(err.code, ERR_PARAM_INVALID);
    sort_by(2);
    assert_invalid(text);
    sort_by(0);
    assert_invalid(text);
}

static void a_cursor_of_another_dataset_is_stale(void **state)
{
    char text[CURSOR_SIZE];
    struct error err = { 0 };

    sort_by(1);
    assert_true(write_cursor(*state, "SELECT 0, 'roll', 'the-id'", text));
    assert_false(cursor_read(text, owner,
                             "0edcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
                             &query, &err));
    assert_int_equal(err.code, ERR_CURSOR_STALE);
    assert_string_equal(err.param, "cursor");
}

static void a_cursor_with_any_character_changed_is_refused(void **state)
{
    char text[CURSOR_SIZE], changed[CURSOR_SIZE];
    size_t len;

    sort_by(2);
    assert_true(write_cursor(*state, "SELECT 0, 'roll', 7, 'the-id'", text));
    len = strlen(text);
    for (size_t i = 0; i + 1 < len; i++) { /* the last may hold bits that mean nothing */
        memcpy(changed, text, len + 1);
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        assert_invalid(changed);
        changed[i] = '*';
        assert_invalid(changed);
        changed[i] = '\0';
        assert_invalid(changed);
    }
}

static void garbage_is_refused(void **state)
{
    static const char *const texts[] = {
        "",     "A",        "AA",     "AAA", "AAAA",   "=",          "====",
        "W10",  "bnVsbA",   "e30",    "MQ",  "W1tdXQ", "WyIiLCIiXQ", "not base64 at all",
        "ÿÿÿÿ", "WyJhIl0=", "IltdIg", "[]",  "null",
    };
    char text[4 * CURSOR_SIZE];
    unsigned seed = 1;

    (void)state;
    for (size_t n = 0; n < 3; n++) {
        sort_by(n);
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
            assert_invalid(texts[i]);
        for (int i = 0; i < 2000; i++) {
            size_t len = seed % (CURSOR_SIZE + 40);

            for (size_t j = 0; j < len; j++) {
                seed = seed * 1103515245 + 12345;
                text[j] =
                    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[seed >> 16
                                                                                       & 63];
            }
            seed = seed * 1103515245 + 12345;
            text[len] = '\0';
            assert_invalid(text);
        }
        memset(text, 'A', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        assert_invalid(text);
    }
}

/* Who knows how the mark is made may forge one; it must do no harm. */
static void a_forged_cursor_of_odd_types_is_refused(void **state)
{
    static const char *const rests[] = {
        "[\"fedcba9876543210\",[],\"a\"]",
        "[\"fedcba9876543210\",{},\"a\"]",
        "[\"fedcba9876543210\",true,\"a\"]",
        "[\"fedcba9876543210\",\"a\",false]",
    };

    (void)state;
    sort_by(1);
    for (size_t i = 0; i < sizeof(rests) / sizeof(*rests); i++) {
        char mark[FINGERPRINT_SIZE], plain[512], text[1024];
        struct base64_encode_ctx context;
        size_t len;

        fingerprint((const char *const[]){ owner, rests[i], NULL }, mark);
        snprintf(plain, sizeof(plain), "[\"%.16s\",%s", mark, rests[i] + 1);
        base64url_encode_init(&context);
        len = base64_encode_update(&context, text, strlen(plain), (const uint8_t *)plain);
        len += base64_encode_final(&context, text + len);
        text[len] = '\0';
        text[strcspn(text, "=")] = '\0';
        assert_invalid(text);
    }
}

static void a_row_too_long_for_a_cursor_is_a_failure_and_no_cut(void **state)
{
    char text[CURSOR_SIZE];

    assert_false(write_cursor(*state, "SELECT 0, hex(zeroblob(40000)), 'the-id'", text));
}

static void where_a_text_ends_counts_in_a_fingerprint(void **state)
{
    char one[FINGERPRINT_SIZE], other[FINGERPRINT_SIZE];

    (void)state;
    fingerprint((const char *const[]){ "ab", "c", NULL }, one);
    fingerprint((const char *const[]){ "a", "bc", NULL }, other);
    assert_int_equal(strlen(one), 32);
    assert_int_equal(strspn(one, "0123456789abcdef"), 32);
    assert_string_not_equal(one, other);
    fingerprint((const char *const[]){ "ab", "c", NULL }, other);
    assert_string_equal(one, other);
    fingerprint((const char *const[]){ "abc", NULL }, other);
    assert_string_not_equal(one, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_with_its_types),
        cmocka_unit_test(a_cursor_needs_no_quoting_in_a_url),
        cmocka_unit_test(a_cursor_of_another_query_is_refused),
        cmocka_unit_test(a_cursor_of_another_dataset_is_stale),
        cmocka_unit_test(a_cursor_with_any_character_changed_is_refused),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(a_forged_cursor_of_odd_types_is_refused),
        cmocka_unit_test(a_row_too_long_for_a_cursor_is_a_failure_and_no_cut),
        cmocka_unit_test(where_a_text_ends_counts_in_a_fingerprint),
    };

    return cmocka_run_group_tests(tests, world_open, world_close);
}
