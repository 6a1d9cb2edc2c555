/* Failures as values. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/base/error.h"

static void the_first_failure_wins(void **state)
{
    struct error err = { 0 };

    (void)state;
    assert_false(error_set(&err, ERR_PARAM_INVALID, "limit", "no %s", "first"));
    assert_false(error_set(&err, ERR_INTERNAL, NULL, "second"));
    assert_int_equal(err.code, ERR_PARAM_INVALID);
    assert_string_equal(err.param, "limit");
    assert_string_equal(err.detail, "no first");
}

static void no_parameter_is_an_empty_one(void **state)
{
    struct error err = { 0 };

    (void)state;
    error_set(&err, ERR_TIMEOUT, NULL, "late");
    assert_string_equal(err.param, "");
}

static void long_texts_are_cut(void **state)
{
    struct error err = { 0 };
    char text[2000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    error_set(&err, ERR_PARAM_UNKNOWN, text, "%s", text);
    assert_int_equal(strlen(err.param), sizeof(err.param) - 1);
    assert_int_equal(strlen(err.detail), sizeof(err.detail) - 1);
}

/* A problem document is JSON, and half a character is not. */
static void a_cut_never_leaves_half_a_character(void **state)
{
    static const char *const texts[] = { "é", "€", "\xf0\x9f\x95\x8a" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            struct error err = { 0 };
            json_t *param, *detail;
            char text[1200] = "xxxx";
            size_t len = shift;

            while (len + strlen(texts[i]) < sizeof(text))
                len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", texts[i]);
            error_set(&err, ERR_PARAM_UNKNOWN, text, "There is no '%.60s' here.%s", text, text);
            param = json_string(err.param);
            detail = json_string(err.detail);
            assert_non_null(param);
            assert_non_null(detail);
            assert_non_null(strstr(err.detail, "' here."));
            json_decref(param);
            json_decref(detail);
        }
    }
}

static void right_values_stand_in_lines(void **state)
{
    struct error err = { 0 };

    (void)state;
    error_allow(&err, "categry", "acronym");
    error_allow(&err, "categry", "category");
    error_allow(&err, "categry", "status");
    assert_string_equal(err.allowed, "acronym\ncategory\nstatus");
    assert_string_equal(err.did_you_mean, "category");
}

static void nothing_near_is_no_suggestion(void **state)
{
    struct error err = { 0 };

    (void)state;
    error_allow(&err, "weather", "acronym");
    error_allow(&err, NULL, "weather");
    assert_string_equal(err.did_you_mean, "");
    assert_string_equal(err.allowed, "acronym\nweather");
}

static void right_values_stand_whole_or_not_at_all(void **state)
{
    struct error err = { 0 };
    size_t n = 0;

    (void)state;
    for (size_t i = 0; i < 200; i++)
        error_allow(&err, "x", "personnel_type");
    for (const char *at = err.allowed; at != NULL; at = strchr(at, '\n'), n++) {
        at += *at == '\n' ? 1 : 0;
        assert_memory_equal(at, "personnel_type", 14);
    }
    assert_in_range(n, 60, 68);
    /* What no longer fits the list may still be what was meant. */
    error_allow(&err, "categry", "category");
    assert_string_equal(err.did_you_mean, "category");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_failure_wins),
        cmocka_unit_test(no_parameter_is_an_empty_one),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(a_cut_never_leaves_half_a_character),
        cmocka_unit_test(right_values_stand_in_lines),
        cmocka_unit_test(nothing_near_is_no_suggestion),
        cmocka_unit_test(right_values_stand_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
