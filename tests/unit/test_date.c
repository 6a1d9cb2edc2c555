/* Dates as precise as they are known. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/date.h"

typedef bool reader(const char *text, struct date_span *ret);

static void assert_span(reader *read, const char *text, const char *min, const char *max)
{
    struct date_span span = { "", "" };

    if (!read(text, &span))
        fail_msg("'%s' is refused", text);
    if (strcmp(span.min, min) != 0 || strcmp(span.max, max) != 0)
        fail_msg("'%s' is %s to %s, not %s to %s", text, span.min, span.max, min, max);
}

static void assert_refused(reader *read, const char *text)
{
    struct date_span span = { "before", "before" };

    if (read(text, &span))
        fail_msg("'%s' is taken: %s to %s", text, span.min, span.max);
    assert_string_equal(span.min, "before");
    assert_string_equal(span.max, "before");
}

static void a_year_means_all_its_days(void **state)
{
    (void)state;
    assert_span(date_parse, "2013", "2013-01-01", "2013-12-31");
    assert_span(date_parse_request, "2013", "2013-01-01", "2013-12-31");
    assert_span(date_parse, "0001", "0001-01-01", "0001-12-31");
    assert_span(date_parse, "9999", "9999-01-01", "9999-12-31");
}

static void a_month_ends_with_its_last_day(void **state)
{
    (void)state;
    assert_span(date_parse, "2013-04", "2013-04-01", "2013-04-30");
    assert_span(date_parse, "2023-02", "2023-02-01", "2023-02-28");
    assert_span(date_parse, "2024-02", "2024-02-01", "2024-02-29");
    assert_span(date_parse, "1900-02", "1900-02-01", "1900-02-28");
    assert_span(date_parse, "2000-02", "2000-02-01", "2000-02-29");
}

static void a_day_means_itself(void **state)
{
    (void)state;
    assert_span(date_parse, "2013-04-25", "2013-04-25", "2013-04-25");
    assert_span(date_parse, "2024-02-29", "2024-02-29", "2024-02-29");
}

static void a_mark_of_doubt_changes_no_day(void **state)
{
    (void)state;
    assert_span(date_parse, "2013~", "2013-01-01", "2013-12-31");
    assert_span(date_parse, "2013-04?", "2013-04-01", "2013-04-30");
    assert_span(date_parse, "2013-04-25~", "2013-04-25", "2013-04-25");
}

static void a_request_takes_no_mark_of_doubt(void **state)
{
    (void)state;
    assert_refused(date_parse_request, "2013~");
    assert_refused(date_parse_request, "2013-04?");
}

static void days_that_no_calendar_has_are_refused(void **state)
{
    static const char *const texts[] = {
        "2023-02-30", "2023-02-29", "1900-02-29", "2023-13",    "2023-00",     "2023-04-31",
        "2023-04-00", "0000",       "0000-01-01", "2023-4-5",   "2023/04/05",  "202",
        "20230",      "",           "~",          "2013~~",     "2013-04-25x", " 2013",
        "2013 ",      "-2013",      "2013-",      "2013-04-",   "abcd",        "2013-0a",
        "20-13-04",   "2013_04",    "2013-04_25", "2013-04-2x", "x013-04-25",  "2013-04-25T",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_refused(date_parse, texts[i]);
        assert_refused(date_parse_request, texts[i]);
    }
}

static void only_a_whole_day_is_a_day(void **state)
{
    (void)state;
    assert_true(date_is_day("2013-04-25"));
    assert_false(date_is_day("2013-04-25~"));
    assert_false(date_is_day("2013-04"));
    assert_false(date_is_day("2013"));
    assert_false(date_is_day("2023-02-30"));
    assert_false(date_is_day(""));
}

static void an_instant_is_its_day_in_utc(void **state)
{
    (void)state;
    assert_span(date_parse_request, "2013-04-25T00:00:00Z", "2013-04-25", "2013-04-25");
    assert_span(date_parse_request, "2013-04-25t23:59:59z", "2013-04-25", "2013-04-25");
    assert_span(date_parse_request, "2013-04-25T23:30:00.123456-01:00", "2013-04-26", "2013-04-26");
    assert_span(date_parse_request, "2013-01-01T00:30:00+01:00", "2012-12-31", "2012-12-31");
    assert_span(date_parse_request, "2013-01-01T00:30:00 01:00", "2012-12-31", "2012-12-31");
    assert_span(date_parse_request, "1960-01-01T00:00:00Z", "1960-01-01", "1960-01-01");
}

static void a_leap_second_belongs_to_its_day(void **state)
{
    (void)state;
    assert_span(date_parse_request, "2016-12-31T23:59:60Z", "2016-12-31", "2016-12-31");
}

static void half_an_instant_is_refused(void **state)
{
    static const char *const texts[] = {
        "2013-04-25T00:00:00",       "2013-04-25T00:00Z",         "2013-04-25T24:00:00Z",
        "2013-04-25T00:60:00Z",      "2013-04-25T00:00:61Z",      "2013-04-25T00:00:00.Z",
        "2013-04-25T00:00:00+1:00",  "2013-04-25T00:00:00+01",    "2013-04-25T00:00:00+0100",
        "2013-04-25T00:00:00+24:00", "2013-04-25T00:00:00+01:60", "2013-04-25T00:00:00+01:00x",
        "2013-04-25T00:00:00Zx",     "2013-02-30T00:00:00Z",      "2013-04-25 00:00:00Z",
        "2013-04-25T1:02:03ZZ",      "2013-04-25T1:2:3.00000Z",   "2013-04-25T 1:02:03Z",
        "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2013-04-25T00:00:00+",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_refused(date_parse_request, texts[i]);
}

static void seconds_and_milliseconds_are_told_apart_by_length(void **state)
{
    (void)state;
    assert_span(date_parse_request, "1366848000", "2013-04-25", "2013-04-25");
    assert_span(date_parse_request, "1366847999", "2013-04-24", "2013-04-24");
    assert_span(date_parse_request, "1366848000000", "2013-04-25", "2013-04-25");
    assert_span(date_parse_request, "1366847999999", "2013-04-24", "2013-04-24");
    assert_span(date_parse_request, "999999999", "2001-09-09", "2001-09-09");
    assert_span(date_parse_request, "999999999999", "2001-09-09", "2001-09-09");
    assert_span(date_parse_request, "-1000000000", "1938-04-24", "1938-04-24");
    assert_span(date_parse_request, "-100000000001", "1966-10-31", "1966-10-31");
}

static void numbers_that_mean_no_day_are_refused(void **state)
{
    static const char *const texts[] = {
        "20130425",
        "12345678",
        "-",
        "-1",
        "1366848000.5",
        "1e9",
        "999999999999999",
        "-999999999999999",
        "1366848000000000",
        "99999999999999999",
        "+1366848000",
        "0x5178c0000",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_refused(date_parse_request, texts[i]);
}

static void every_day_of_four_centuries_is_itself(void **state)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    char text[64];
    int count = 0;

    (void)state;
    for (int year = 1800; year < 2200; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= 31; day++) {
                bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
                bool is_right = day <= days[month - 1] + (month == 2 && is_leap ? 1 : 0);

                snprintf(text, sizeof(text), "%04d-%02d-%02d", year, month, day);
                assert_int_equal(date_is_day(text), is_right);
                count += is_right ? 1 : 0;
            }
        }
    }
    assert_int_equal(count, 146097);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_year_means_all_its_days),
        cmocka_unit_test(a_month_ends_with_its_last_day),
        cmocka_unit_test(a_day_means_itself),
        cmocka_unit_test(a_mark_of_doubt_changes_no_day),
        cmocka_unit_test(a_request_takes_no_mark_of_doubt),
        cmocka_unit_test(days_that_no_calendar_has_are_refused),
        cmocka_unit_test(only_a_whole_day_is_a_day),
        cmocka_unit_test(an_instant_is_its_day_in_utc),
        cmocka_unit_test(a_leap_second_belongs_to_its_day),
        cmocka_unit_test(half_an_instant_is_refused),
        cmocka_unit_test(seconds_and_milliseconds_are_told_apart_by_length),
        cmocka_unit_test(numbers_that_mean_no_day_are_refused),
        cmocka_unit_test(every_day_of_four_centuries_is_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
