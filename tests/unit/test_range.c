/* Which part of a body a Range header asks for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/range.h"

/* A header against a body of 100 bytes. */
static void assert_part(const char *header, uint64_t first, uint64_t len)
{
    struct range range = { .first = 0 };

    if (range_read(header, 100, &range) != RANGE_PART)
        fail_msg("%s is no part", header);
    assert_int_equal(range.first, first);
    assert_int_equal(range.len, len);
}

static void assert_verdict(const char *header, uint64_t size, enum range_verdict verdict)
{
    struct range range = { .first = 7, .len = 7 };

    if (range_read(header, size, &range) != verdict)
        fail_msg("%s of %ju is not %d", header != NULL ? header : "no header", (uintmax_t)size,
                 (int)verdict);
    assert_int_equal(range.first, 7);
    assert_int_equal(range.len, 7);
}

static void a_range_is_from_a_byte_to_a_byte_or_to_the_end(void **state)
{
    (void)state;
    assert_part("bytes=0-0", 0, 1);
    assert_part("bytes=0-99", 0, 100);
    assert_part("bytes=10-19", 10, 10);
    assert_part("bytes=99-", 99, 1);
    assert_part("bytes=0-", 0, 100);
    assert_part("BYTES=1-2", 1, 2);
    assert_part("bytes= 1-2 ", 1, 2);
}

static void an_end_behind_the_body_is_the_end_of_the_body(void **state)
{
    (void)state;
    assert_part("bytes=90-1000", 90, 10);
    assert_part("bytes=90-18446744073709551615", 90, 10);
    assert_part("bytes=90-99999999999999999999999999", 90, 10);
}

static void a_suffix_is_the_last_so_many_bytes(void **state)
{
    (void)state;
    assert_part("bytes=-1", 99, 1);
    assert_part("bytes=-100", 0, 100);
    assert_part("bytes=-101", 0, 100);
    assert_part("bytes=-99999999999999999999999999", 0, 100);
}

static void what_begins_behind_the_body_is_not_satisfiable(void **state)
{
    (void)state;
    assert_verdict("bytes=100-", 100, RANGE_BEYOND);
    assert_verdict("bytes=100-200", 100, RANGE_BEYOND);
    assert_verdict("bytes=99999999999999999999999999-", 100, RANGE_BEYOND);
    assert_verdict("bytes=-0", 100, RANGE_BEYOND);
    assert_verdict("bytes=0-", 0, RANGE_BEYOND);
    assert_verdict("bytes=-5", 0, RANGE_BEYOND);
}

static void what_is_not_one_range_of_bytes_asks_for_the_whole(void **state)
{
    static const char *const others[] = {
        "",           "bytes",         "bytes=",      "bytes=-",   "bytes=5",
        "bytes=5-4",  "bytes=0-1,3-4", "bytes=0-1,",  "bytes=a-b", "bytes=1-x",
        "bytes=--1",  "bytes=+1-2",    "bytes 0-1/2", "lines=0-1", "bytes=1 - 2",
        "bytes=0x1-2"
    };

    (void)state;
    assert_verdict(NULL, 100, RANGE_WHOLE);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
        assert_verdict(others[i], 100, RANGE_WHOLE);
}

static void if_range_is_the_strong_tag_alone(void **state)
{
    (void)state;
    assert_true(range_is_current(NULL, "\"a\""));
    assert_true(range_is_current("\"a\"", "\"a\""));
    assert_false(range_is_current("\"b\"", "\"a\""));
    assert_false(range_is_current("W/\"a\"", "\"a\""));
    assert_false(range_is_current("\"a-gzip\"", "\"a\""));
    assert_false(range_is_current("Tue, 24 Nov 2026 00:00:00 GMT", "\"a\""));
    assert_false(range_is_current("", "\"a\""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_is_from_a_byte_to_a_byte_or_to_the_end),
        cmocka_unit_test(an_end_behind_the_body_is_the_end_of_the_body),
        cmocka_unit_test(a_suffix_is_the_last_so_many_bytes),
        cmocka_unit_test(what_begins_behind_the_body_is_not_satisfiable),
        cmocka_unit_test(what_is_not_one_range_of_bytes_asks_for_the_whole),
        cmocka_unit_test(if_range_is_the_strong_tag_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
