/* server/param.c */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/param.h"

static void a_whole_number_has_digits_and_one_sign_at_most(void **state)
{
    static const char *const wrong[] = {
        "", "-", "+1", "1.0", " 1", "1 ", "0x1", "1e3", "--1", "one", "9223372036854775808"
    };
    int64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(param_integer(wrong[i], &value));
    assert_int_equal(value, 7);
    assert_true(param_integer("-9223372036854775808", &value));
    assert_true(value == INT64_MIN);
    assert_true(param_integer("007", &value));
    assert_int_equal(value, 7);
}

static void a_count_names_its_limits(void **state)
{
    struct error err = { 0 };
    uint32_t value = 0;

    (void)state;
    assert_true(param_count("limit", "10", 1, 10, &value, &err));
    assert_int_equal(value, 10);
    assert_false(param_count("limit", "11", 1, 10, &value, &err));
    assert_string_equal(err.param, "limit");
    assert_string_equal(err.detail, "'limit' takes a whole number from 1 to 10.");
}

static void a_word_that_is_none_is_answered_with_all_of_them(void **state)
{
    static const char *const words[] = { "zero", "null", NULL };
    struct error err = { 0 };
    size_t index = 9;

    (void)state;
    assert_true(param_word("fill", "null", words, &index, &err));
    assert_int_equal(index, 1);
    assert_false(param_word("fill", "nul", words, &index, &err));
    assert_string_equal(err.allowed, "zero\nnull");
    assert_string_equal(err.did_you_mean, "null");
}

static void items_of_a_list_may_be_empty_and_are_cut_at_their_room(void **state)
{
    const char *list = "a,,bcdefgh";
    char item[4];

    (void)state;
    assert_true(param_item(&list, item, sizeof(item)));
    assert_string_equal(item, "a");
    assert_true(param_item(&list, item, sizeof(item)));
    assert_string_equal(item, "");
    assert_true(param_item(&list, item, sizeof(item)));
    assert_string_equal(item, "bcd");
    assert_false(param_item(&list, item, sizeof(item)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_number_has_digits_and_one_sign_at_most),
        cmocka_unit_test(a_count_names_its_limits),
        cmocka_unit_test(a_word_that_is_none_is_answered_with_all_of_them),
        cmocka_unit_test(items_of_a_list_may_be_empty_and_are_cut_at_their_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
