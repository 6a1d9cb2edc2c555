/* The log, through a pipe; and the ids of requests, which stand in it. */

#define _GNU_SOURCE /* pipe2 */

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/log.h"
#include "server/request_id.h"

static int ends[2];

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    log_open(LOG_LEVEL_INFO, ends[1]);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    close(ends[0]);
    close(ends[1]);
    return 0;
}

/* What was written so far. */
static const char *written(void)
{
    static char text[65536];
    ssize_t len = read(ends[0], text, sizeof(text) - 1);

    text[len > 0 ? len : 0] = '\0';
    return text;
}

static void a_line_begins_with_time_level_and_message(void **state)
{
    static const char shape[] =
        "time=dddd-dd-ddTdd:dd:dd.dddZ level=warning msg=\"two words\" n=-5\n";
    struct log_line line;
    const char *text;

    (void)state;
    log_begin(&line, LOG_LEVEL_WARNING, "two words");
    log_number(&line, "n", -5);
    log_end(&line);
    text = written();
    assert_int_equal(strlen(text), strlen(shape));
    for (size_t i = strlen("time="); i < sizeof(shape) - 1; i++) {
        if (shape[i] == 'd' && i < strlen("time=dddd-dd-ddTdd:dd:dd.ddd"))
            assert_in_range(text[i], '0', '9');
        else
            assert_int_equal(text[i], shape[i]);
    }
}

static void values_are_escaped_where_they_must_be(void **state)
{
    static const char *const cases[][2] = {
        { "plain/text?a%20b", " k=plain/text?a%20b\n" },
        { "a b", " k=\"a b\"\n" },
        { "a=b", " k=\"a=b\"\n" },
        { "say \"no\"", " k=\"say \\\"no\\\"\"\n" },
        { "back\\slash", " k=\"back\\\\slash\"\n" },
        { "a\nlevel=error", " k=\"a\\nlevel=error\"\n" },
        { "\r\t", " k=\"\\r\\t\"\n" },
        { "\033[31m", " k=\"\\x1b[31m\"\n" },
        { "\x7f", " k=\"\\x7f\"\n" },
        { "\xc3\xa9", " k=\"\\xc3\\xa9\"\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct log_line line;
        const char *text;

        log_begin(&line, LOG_LEVEL_INFO, "m");
        log_text(&line, "k", cases[i][0], 100);
        log_end(&line);
        text = written();
        assert_string_equal(strstr(text, " msg=m") + strlen(" msg=m"), cases[i][1]);
    }
}

static void empty_values_are_left_out(void **state)
{
    struct log_line line;

    (void)state;
    log_begin(&line, LOG_LEVEL_INFO, "m");
    log_text(&line, "a", NULL, 10);
    log_text(&line, "b", "", 10);
    log_end(&line);
    assert_non_null(strstr(written(), " msg=m\n"));
}

static void a_long_value_is_cut_and_says_so(void **state)
{
    struct log_line line;
    const char *text;

    (void)state;
    log_begin(&line, LOG_LEVEL_INFO, "m");
    log_text(&line, "a", "abcdef", 6);
    log_text(&line, "b", "abcdef", 5);
    log_text(&line, "c", "a cdef", 5);
    log_end(&line);
    text = written();
    assert_non_null(strstr(text, " a=abcdef b=abcde... c=\"a cde...\"\n"));
}

static void a_value_that_does_not_fit_is_left_out_and_the_line_still_ends(void **state)
{
    char big[LOG_LINE_SIZE];
    struct log_line line;
    const char *text;

    (void)state;
    memset(big, 1, sizeof(big));
    big[sizeof(big) - 1] = '\0';
    log_begin(&line, LOG_LEVEL_INFO, "m");
    log_text(&line, "big", big, sizeof(big));
    log_number(&line, "small", 1);
    log_end(&line);
    text = written();
    assert_null(strstr(text, "big"));
    assert_non_null(strstr(text, " msg=m small=1\n"));
}

static void a_line_never_grows_past_its_ceiling(void **state)
{
    struct log_line line;
    const char *text;

    (void)state;
    log_begin(&line, LOG_LEVEL_INFO, "m");
    for (int i = 0; i < 1000; i++)
        log_text(&line, "key", "a value", 100);
    log_end(&line);
    text = written();
    assert_true(strlen(text) <= LOG_LINE_SIZE);
    assert_true(strlen(text) <= PIPE_BUF);
    assert_int_equal(text[strlen(text) - 1], '\n');
}

static void levels_below_the_least_are_silent(void **state)
{
    (void)state;
    log_open(LOG_LEVEL_WARNING, ends[1]);
    log_event(LOG_LEVEL_INFO, "no", "%d", 1);
    assert_string_equal(written(), "");
    log_event(LOG_LEVEL_WARNING, "yes", "%d things", 2);
    assert_non_null(strstr(written(), "level=warning msg=yes detail=\"2 things\"\n"));
}

static void *write_lines(void *cls)
{
    (void)cls;
    for (int i = 0; i < 100; i++)
        log_event(LOG_LEVEL_INFO, "thread",
                  "a sentence of some length, so that lines could get in each other's way");
    return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
    pthread_t threads[4];
    char *rest;
    int n = 0;

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (char *line = strtok_r((char *)(uintptr_t)written(), "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest), n++) {
        assert_memory_equal(line, "time=", 5);
        assert_string_equal(strstr(line, "each other's"), "each other's way\"");
    }
    assert_int_equal(n, 400);
}

static void ids_are_sixteen_digits_and_differ(void **state)
{
    struct id_source source;
    char ids[100][REQUEST_ID_SIZE];

    (void)state;
    request_id_seed(&source);
    for (size_t i = 0; i < 100; i++) {
        request_id_next(&source, ids[i]);
        assert_int_equal(strlen(ids[i]), 16);
        assert_int_equal(strspn(ids[i], "0123456789abcdef"), 16);
        assert_true(request_id_is_good(ids[i]));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    }
}

static void ids_of_clients_are_plain_and_bounded(void **state)
{
    char longest[66];

    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[64] = '\0';
    assert_true(request_id_is_good(longest));
    longest[64] = 'a';
    longest[65] = '\0';
    assert_false(request_id_is_good(longest));
    assert_true(request_id_is_good("aZ09._-"));
    assert_false(request_id_is_good(""));
    assert_false(request_id_is_good("a b"));
    assert_false(request_id_is_good("a\"b"));
    assert_false(request_id_is_good("\xc3\xa9"));
}

static void lines_that_wait_are_written_together_and_whole(void **state)
{
    static struct log_batch batch; /* zeroed */
    struct log_line line;
    const char *text;
    char value[LOG_LINE_SIZE / 2];

    (void)state;
    log_flush(&batch);
    assert_string_equal(written(), "");
    for (int i = 0; i < 2; i++) {
        log_begin(&line, LOG_LEVEL_INFO, "one");
        log_number(&line, "n", i);
        log_end_later(&line, &batch);
    }
    assert_string_equal(written(), "");
    log_flush(&batch);
    text = written();
    assert_non_null(strstr(text, " msg=one n=0\ntime="));
    assert_string_equal(strstr(text, " msg=one n=1"), " msg=one n=1\n");
    /* Where there is no room for the next one, the others go first. */
    memset(value, 'x', sizeof(value));
    for (int i = 0; i < 5; i++) {
        log_begin(&line, LOG_LEVEL_INFO, "large");
        log_text(&line, "v", value, sizeof(value) - 1);
        log_end_later(&line, &batch);
        text = written();
        assert_true(strlen(text) <= PIPE_BUF);
        assert_true(text[0] == '\0' || text[strlen(text) - 1] == '\n');
    }
    log_flush(&batch);
    assert_true(written()[0] != '\0');
    log_begin(&line, LOG_LEVEL_DEBUG, "nobody");
    log_end_later(&line, &batch);
    log_flush(&batch);
    assert_string_equal(written(), "");
}

static void numbers_of_any_size_are_written(void **state)
{
    static const int64_t cases[] = { 0, 7, -1, 10, INT64_MAX, INT64_MIN };
    struct log_line line;
    char right[256] = "";

    (void)state;
    log_begin(&line, LOG_LEVEL_INFO, "m");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = strlen(right);

        log_number(&line, "n", cases[i]);
        snprintf(right + len, sizeof(right) - len, " n=%lld", (long long)cases[i]);
    }
    log_end(&line);
    assert_non_null(strstr(written(), right));
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FACT(a_line_begins_with_time_level_and_message),
        FACT(values_are_escaped_where_they_must_be),
        FACT(empty_values_are_left_out),
        FACT(a_long_value_is_cut_and_says_so),
        FACT(a_value_that_does_not_fit_is_left_out_and_the_line_still_ends),
        FACT(a_line_never_grows_past_its_ceiling),
        FACT(levels_below_the_least_are_silent),
        FACT(lines_of_threads_do_not_mix),
        FACT(lines_that_wait_are_written_together_and_whole),
        FACT(numbers_of_any_size_are_written),
        cmocka_unit_test(ids_are_sixteen_digits_and_differ),
        cmocka_unit_test(ids_of_clients_are_plain_and_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
