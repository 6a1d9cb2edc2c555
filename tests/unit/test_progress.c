/* What a person reads while a long command runs. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/progress.h"

static const char *line_of(size_t rows, long long bytes, long long size, double seconds)
{
    static char line[256];

    progress_format("un-fatalities", rows, bytes, size, seconds, line, sizeof(line));
    return line;
}

static void it_tells_the_share_the_rows_their_rate_and_the_time_that_is_left(void **state)
{
    (void)state;
    assert_string_equal(line_of(450000, 45, 100, 3),
                        "Importing un-fatalities:  45% (450000 rows), 150000 rows/s, 4 s left");
}

static void where_the_size_is_not_known_it_tells_rows_and_rate(void **state)
{
    (void)state;
    assert_string_equal(line_of(3000, 45, 0, 2), "Importing un-fatalities: 3000 rows, 1500 rows/s");
}

static void at_the_end_nothing_is_left(void **state)
{
    (void)state;
    assert_string_equal(line_of(10, 100, 100, 2),
                        "Importing un-fatalities: 100% (10 rows), 5 rows/s");
}

static void no_time_and_no_bytes_divide_nothing(void **state)
{
    (void)state;
    assert_string_equal(line_of(0, 0, 100, 0), "Importing un-fatalities:   0% (0 rows), 0 rows/s");
}

static void a_line_that_does_not_fit_is_cut(void **state)
{
    char line[24];

    (void)state;
    progress_format("un-fatalities", 1, 1, 2, 1, line, sizeof(line));
    assert_string_equal(line, "Importing un-fatalities");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_tells_the_share_the_rows_their_rate_and_the_time_that_is_left),
        cmocka_unit_test(where_the_size_is_not_known_it_tells_rows_and_rate),
        cmocka_unit_test(at_the_end_nothing_is_left),
        cmocka_unit_test(no_time_and_no_bytes_divide_nothing),
        cmocka_unit_test(a_line_that_does_not_fit_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
