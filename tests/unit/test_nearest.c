/* Which right name a mistyped one was meant to be. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/nearest.h"

static void edits_are_counted(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("", ""), 0);
    assert_int_equal(nearest_distance("cause", "cause"), 0);
    assert_int_equal(nearest_distance("cause", "CAUSE"), 0);
    assert_int_equal(nearest_distance("", "abc"), 3);
    assert_int_equal(nearest_distance("abc", ""), 3);
    assert_int_equal(nearest_distance("categry", "category"), 1);
    assert_int_equal(nearest_distance("caegtory", "category"), 2);
    assert_int_equal(nearest_distance("kitten", "sitting"), 3);
}

static void neighbours_that_changed_places_are_one_edit(void **state)
{
    (void)state;
    assert_int_equal(nearest_distance("misison", "mission"), 1);
    assert_int_equal(nearest_distance("ab", "ba"), 1);
}

static void the_way_back_is_as_long(void **state)
{
    static const char *const words[] = {
        "mission", "misson", "sort", "", "acronym", "nationality"
    };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        for (size_t j = 0; j < sizeof(words) / sizeof(*words); j++)
            assert_int_equal(nearest_distance(words[i], words[j]),
                             nearest_distance(words[j], words[i]));
    }
}

static void long_names_are_compared_by_their_beginnings(void **state)
{
    char a[5000], b[5000];

    (void)state;
    memset(a, 'a', sizeof(a) - 1);
    memset(b, 'a', sizeof(b) - 1);
    a[sizeof(a) - 1] = b[sizeof(b) - 1] = '\0';
    b[64] = 'b';
    assert_int_equal(nearest_distance(a, b), 0);
    b[62] = 'b';
    assert_int_equal(nearest_distance(a, b), 1);
}

static void a_third_of_the_letters_may_be_wrong(void **state)
{
    (void)state;
    assert_true(nearest_is_closer("misson", "mission", ""));
    assert_true(nearest_is_closer("categry", "category", ""));
    assert_true(nearest_is_closer("ta", "at", ""));
    assert_false(nearest_is_closer("xy", "at", ""));
    assert_false(nearest_is_closer("weather", "mission", ""));
    assert_false(nearest_is_closer("", "at", ""));
}

static void only_a_nearer_one_takes_the_place_of_the_best(void **state)
{
    (void)state;
    assert_true(nearest_is_closer("dates", "dates", "rates"));
    assert_false(nearest_is_closer("dates", "rates", "date"));
    assert_false(nearest_is_closer("date", "dates", "date"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_are_counted),
        cmocka_unit_test(neighbours_that_changed_places_are_one_edit),
        cmocka_unit_test(the_way_back_is_as_long),
        cmocka_unit_test(long_names_are_compared_by_their_beginnings),
        cmocka_unit_test(a_third_of_the_letters_may_be_wrong),
        cmocka_unit_test(only_a_nearer_one_takes_the_place_of_the_best),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
