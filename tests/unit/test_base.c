/* The leaf helpers: buffer, date, fold, nearest, error. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/date.h"
#include "server/base/error.h"
#include "server/base/fold.h"
#include "server/base/nearest.h"

static void a_buffer_holds_its_limit_and_not_a_byte_more(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(5);

    (void)state;
    assert_true(buffer_text(&buffer, "12345"));
    assert_false(buffer_byte(&buffer, '6'));
    assert_true(buffer.broken && buffer.overflow);
    assert_null(buffer_steal(&buffer, NULL));
}

static void a_json_text_escapes_quotes_and_control_characters(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(100);

    (void)state;
    buffer_json(&buffer, "a\"b\\c\n\x01\xC3\xAF", 9);
    assert_string_equal(buffer.data, "\"a\\\"b\\\\c\\n\\u0001\xC3\xAF\"");
}

static void the_least_integer_is_written_whole(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(100);

    (void)state;
    buffer_integer(&buffer, INT64_MIN);
    buffer_percent(&buffer, " a/b", "/");
    assert_string_equal(buffer.data, "-9223372036854775808%20a/b");
}

static void assert_span(const char *text, const char *min, const char *max)
{
    struct date_span span;

    assert_true(date_parse_request(text, &span));
    assert_string_equal(span.min, min);
    assert_string_equal(span.max, max);
}

static void a_year_or_month_means_all_its_days(void **state)
{
    (void)state;
    assert_span("2013", "2013-01-01", "2013-12-31");
    assert_span("2024-02", "2024-02-01", "2024-02-29");
    assert_span("1900-02", "1900-02-01", "1900-02-28");
    assert_span("2013-04-25", "2013-04-25", "2013-04-25");
}

static void an_instant_means_its_day_in_utc(void **state)
{
    (void)state;
    assert_span("2013-04-25T23:30:00-02:00", "2013-04-26", "2013-04-26");
    assert_span("2013-04-25T00:30:00.5+01:00", "2013-04-24", "2013-04-24");
    assert_span("1366848000", "2013-04-25", "2013-04-25");
    assert_span("1366848000000", "2013-04-25", "2013-04-25");
    assert_span("-1000000000001", "1938-04-24", "1938-04-24");
}

static void what_is_no_day_of_the_calendar_is_no_date(void **state)
{
    static const char *const wrong[] = {
        "",         "2023-02-30",           "2023-13",    "0000",       "13", "2023-2-3",
        "tomorrow", "2023-02-01T25:00:00Z", "2023/02/01", "2023-02-01x"
    };
    struct date_span span;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(date_parse_request(wrong[i], &span));
    assert_true(date_parse("2013~", &span));
    assert_false(date_parse_request("2013~", &span));
    assert_false(date_is_day("2013-04"));
}

static void a_name_is_folded_without_case_accents_and_odd_blanks(void **state)
{
    char folded[64];

    (void)state;
    assert_int_equal(fold_name("  Assimi\tGo\xC3\xAFta ", folded, sizeof(folded)), 12);
    assert_string_equal(folded, "assimi goita");
    assert_true(fold_name("C\xC3\xB4te d\xE2\x80\x99Ivoire", folded, sizeof(folded)) > 0);
    assert_string_equal(folded, "cote d'ivoire");
    assert_int_equal(fold_name("\xFF\xFE", folded, sizeof(folded)), 0);
    assert_int_equal(fold_name("   ", folded, sizeof(folded)), 0);
    assert_int_equal(fold_name("0123456789", folded, 10), 0);
}

static void a_swap_of_neighbours_is_one_edit(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("categry", "category"), 1);
    assert_int_equal(nearest_distance("claen", "clean"), 1);
    assert_int_equal(nearest_distance("", "abc"), 3);
}

static void only_what_is_near_is_suggested(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_false(error_set(&err, ERR_PARAM_UNKNOWN, "categry", "No %s.", "x"));
    error_allow(&err, "categry", "status");
    assert_string_equal(err.did_you_mean, "");
    error_allow(&err, "categry", "category");
    assert_string_equal(err.did_you_mean, "category");
    assert_string_equal(err.allowed, "status\ncategory");
}

static void the_first_error_wins(void **state)
{
    struct error err = { 0 };

    (void)state;
    error_set(&err, ERR_TIMEOUT, NULL, "first");
    error_set(&err, ERR_INTERNAL, "x", "second");
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_string_equal(err.detail, "first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_holds_its_limit_and_not_a_byte_more),
        cmocka_unit_test(a_json_text_escapes_quotes_and_control_characters),
        cmocka_unit_test(the_least_integer_is_written_whole),
        cmocka_unit_test(a_year_or_month_means_all_its_days),
        cmocka_unit_test(an_instant_means_its_day_in_utc),
        cmocka_unit_test(what_is_no_day_of_the_calendar_is_no_date),
        cmocka_unit_test(a_name_is_folded_without_case_accents_and_odd_blanks),
        cmocka_unit_test(a_swap_of_neighbours_is_one_edit),
        cmocka_unit_test(only_what_is_near_is_suggested),
        cmocka_unit_test(the_first_error_wins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
