/* What text_read() makes of bytes: rows with their lines, and each thing that is wrong with its
 * line. */

#define _GNU_SOURCE /* mkdtemp, mkfifo */

#include <setjmp.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db/text.h"
#include "tests/unit/little_text.h"

/** One text and what becomes of it. */
struct text_case {
    const char *name;
    const char *bytes;
    size_t len;         /* 0: as long as the text */
    const char *faults; /* lines without the path; "": none */
    const char *rows;   /* line|cell|cell of each row, separated by '/'; NULL: not looked at */
};

static const struct text_case cases[] = {
    { "cells_and_lines_are_kept", "a,b\n1,2\n3,4\n", 0, "", "1|a|b/2|1|2/3|3|4" },
    { "an_empty_cell_is_null", "a,b\n,\n\"\",x\n", 0, "", "1|a|b/2|NULL|NULL/3|NULL|x" },
    { "quotes_hold_commas_quotes_and_lines", "a,b\n\"1,\n\"\"2\"\"\",x\n3,4\n", 0, "",
      "1|a|b/2|1,\n\"2\"|x/4|3|4" },
    { "letters_of_any_script_are_kept", "a\nГолубой\n", 0, "", "1|a/2|Голубой" },
    { "an_empty_file_is_a_fault", "", 0, "1: the file is empty", NULL },
    { "a_byte_order_mark_is_a_fault",
      "\xEF\xBB\xBF"
      "a\n1\n",
      0, "1: a byte order mark", NULL },
    { "carriage_returns_are_one_fault_of_the_file", "a\r\n1\r\n2\r\n", 0, "1: a carriage return",
      NULL },
    { "a_nul_byte_is_a_fault",
      "a\n1\0"
      "2\n",
      6, "2: a NUL byte", NULL },
    { "a_control_character_is_a_fault", "a\n1\t2\n", 0, "2: a control character", NULL },
    { "bytes_that_are_not_utf8_are_a_fault_of_each_line", "a\n\xE9t\xE9\nb\n\xFF\n", 0,
      "2: a byte that is not UTF-8/4: a byte that is not UTF-8", NULL },
    { "a_surrogate_is_not_utf8", "a\n\xED\xA0\x80\n", 0, "2: a byte that is not UTF-8", NULL },
    { "a_missing_last_line_end_is_a_fault", "a\n1", 0, "2: the last line does not end", NULL },
    { "an_empty_line_is_a_fault", "a\n1\n\n2\n", 0, "3: an empty line", "1|a/2|1/4|2" },
    { "a_leading_blank_is_a_fault", "a,b\n1, 2\n", 0, "2: cell 2 begins or ends with a blank",
      "1|a|b/2|1|2" },
    { "a_trailing_blank_is_a_fault", "a,b\n1 ,2\n", 0, "2: cell 1 begins or ends with a blank",
      "1|a|b/2|1|2" },
    { "a_blank_alone_is_a_fault", "a,b\n1, \n", 0, "2: cell 2 begins or ends with a blank",
      "1|a|b/2|1|NULL" },
    { "a_quote_never_closed_is_a_fault_where_its_row_begins", "a,b\n1,\"2\n3,4\n5,6\n", 0,
      "2: cell 2 opens a quote that is never closed", "1|a|b" },
    { "a_quote_inside_a_bare_cell_is_a_fault", "a,b\n1,2\"3\n4,5\n", 0,
      "2: a quote inside or behind cell 2", "1|a|b" },
    { "words_behind_a_quote_are_a_fault", "a,b\n\"1\" ,2\n", 0,
      "2: a quote inside or behind cell 1", "1|a|b" },
    { "the_line_is_where_the_row_begins", "a\n\"x\ny\nz\"\n q\n", 0, "5: cell 1 begins or ends",
      "1|a/2|x\ny\nz/5|q" },
};

static void put(const struct little *little, const char *bytes, size_t len)
{
    little_write_bytes(little, "x.csv", bytes, len);
}

/* Reads x.csv; the faults end up in little->faults. */
static bool read_x(const struct little *little, struct text_memory *memory, struct faults *faults,
                   struct text *ret, char path[LITTLE_PATH])
{
    struct error err = { 0 };
    bool is_read;

    snprintf(path, LITTLE_PATH, "%s/x.csv", little->text);
    faults->out = fopen(little->faults, "w");
    assert_non_null(faults->out);
    is_read = text_read(path, memory, faults, ret, &err);
    fclose(faults->out);
    return is_read;
}

static void check_rows(const struct text *text, const char *expected)
{
    char got[1024] = "";
    size_t len = 0;

    for (size_t i = 0; i < text->n_rows; i++) {
        len += (size_t)snprintf(got + len, sizeof(got) - len, "%s%zu", i > 0 ? "/" : "",
                                text->rows[i].line);
        for (size_t j = 0; j < text->rows[i].n_cells; j++)
            len += (size_t)snprintf(got + len, sizeof(got) - len, "|%s",
                                    text->rows[i].cells[j] ? text->rows[i].cells[j] : "NULL");
    }
    assert_string_equal(got, expected);
}

static void check_case(void **state)
{
    const struct text_case *it = *state;
    struct text_memory memory = { 0 };
    struct faults faults = { 0 };
    struct little little;
    struct text text;
    char path[LITTLE_PATH];
    const char *expected = it->faults;
    char *lines, *line;
    size_t n = 0;

    little_make(&little);
    put(&little, it->bytes, it->len ? it->len : strlen(it->bytes));
    assert_true(read_x(&little, &memory, &faults, &text, path));
    lines = little_read(little.faults, NULL);
    line = lines;
    while (*expected != '\0') {
        size_t len = strcspn(expected, "/");

        assert_true(strncmp(line, path, strlen(path)) == 0 && line[strlen(path)] == ':');
        assert_true(strncmp(line + strlen(path) + 1, expected, len) == 0);
        line = strchr(line, '\n') + 1;
        expected += len + (expected[len] == '/');
        n++;
    }
    assert_string_equal(line, "");
    assert_int_equal(faults.n, n);
    if (it->rows != NULL)
        check_rows(&text, it->rows);
    if (n == 0)
        assert_true(text.is_whole);
    free(lines);
    text_done(&text);
    text_memory_done(&memory);
    little_free(&little);
}

static void a_cell_of_more_than_64_kib_is_a_fault(void **state)
{
    struct text_memory memory = { 0 };
    struct faults faults = { 0 };
    struct little little;
    struct text text;
    char path[LITTLE_PATH], *lines;
    size_t len = (64 << 10) + 3;
    char *bytes = malloc(len);

    (void)state;
    memset(bytes, 'x', len);
    memcpy(bytes, "a\n", 2);
    little_make(&little);
    bytes[len - 2] = '\n'; /* 65,536 bytes less one: room for all of it */
    put(&little, bytes, len - 1);
    assert_true(read_x(&little, &memory, &faults, &text, path));
    assert_int_equal(faults.n, 0);
    assert_true(text.is_whole);
    text_done(&text);

    free(bytes);
    len = (64 << 10) + 4;
    bytes = malloc(len);
    memset(bytes, 'x', len);
    memcpy(bytes, "a\n", 2);
    bytes[len - 1] = '\n';
    put(&little, bytes, len);
    assert_true(read_x(&little, &memory, &faults, &text, path));
    assert_int_equal(faults.n, 1);
    lines = little_read(little.faults, NULL);
    assert_non_null(strstr(lines, ":2: cell 1 is longer than 65536 bytes"));
    free(lines);
    free(bytes);
    text_done(&text);
    text_memory_done(&memory);
    little_free(&little);
}

static void a_missing_file_is_a_fault_of_its_path(void **state)
{
    struct text_memory memory = { 0 };
    struct faults faults = { 0 };
    struct little little;
    struct text text;
    char path[LITTLE_PATH], *lines;

    (void)state;
    little_make(&little);
    assert_true(read_x(&little, &memory, &faults, &text, path));
    lines = little_read(little.faults, NULL);
    assert_int_equal(faults.n, 1);
    assert_false(text.is_whole);
    assert_non_null(strstr(lines, "x.csv:1: No such file or directory; "));
    free(lines);
    text_done(&text);
    text_memory_done(&memory);
    little_free(&little);
}

static void a_fifo_is_a_fault_and_does_not_block(void **state)
{
    struct text_memory memory = { 0 };
    struct faults faults = { 0 };
    struct little little;
    struct text text;
    char path[LITTLE_PATH], *lines;

    (void)state;
    little_make(&little);
    snprintf(path, sizeof(path), "%s/x.csv", little.text);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_true(read_x(&little, &memory, &faults, &text, path));
    lines = little_read(little.faults, NULL);
    assert_non_null(strstr(lines, "x.csv:1: not a regular file"));
    free(lines);
    text_done(&text);
    text_memory_done(&memory);
    little_free(&little);
}

static void a_row_of_a_thousand_cells_is_a_fault(void **state)
{
    struct text_memory memory = { 0 };
    struct faults faults = { 0 };
    struct little little;
    struct text text;
    char path[LITTLE_PATH], *lines, bytes[1003] = "a\n";

    (void)state;
    little_make(&little);
    memset(bytes + 2, ',', 1000);
    bytes[1002] = '\n';
    put(&little, bytes, sizeof(bytes));
    assert_true(read_x(&little, &memory, &faults, &text, path));
    lines = little_read(little.faults, NULL);
    assert_int_equal(faults.n, 1);
    assert_non_null(strstr(lines, "x.csv:2: the row has 1001 cells"));
    free(lines);
    text_done(&text);
    text_memory_done(&memory);
    little_free(&little);
}

static void what_was_lent_since_a_mark_is_taken_back_and_lent_zeroed_again(void **state)
{
    enum { BIG = 3 << 20 };
    struct text_memory memory = { 0 };
    const char *kept;
    unsigned char *again;
    struct text_mark mark;

    (void)state;
    mark = text_mark(&memory);
    text_alloc(&memory, BIG);
    text_release(&memory, mark);
    assert_null(memory.last);
    kept = text_keep(&memory, "kept");
    mark = text_mark(&memory);
    for (size_t i = 0; i < 3; i++) { /* in the block of the mark, and in one behind it */
        memset(text_alloc(&memory, 100), 0xFF, 100);
        memset(text_alloc(&memory, BIG), 0xFF, BIG);
        text_keep(&memory, "gone");
        text_release(&memory, mark);
        assert_ptr_equal(memory.last, mark.last);
        assert_int_equal(memory.left, mark.left);
    }
    again = text_alloc(&memory, 100);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(again[i], 0);
    assert_string_equal(kept, "kept");
    text_memory_done(&memory);
}

static void equal_cells_are_told_apart_from_their_beginnings(void **state)
{
    struct text_memory memory = { 0 };
    struct faults faults = { 0 };
    struct error err = { 0 };
    struct text text;
    static const char bytes[] = "a,b\nfought,fought\nfoug,foughts\nfought,f\n";

    (void)state;
    assert_true(text_parse("x", bytes, sizeof(bytes) - 1, &memory, &faults, &text, &err));
    check_rows(&text, "1|a|b/2|fought|fought/3|foug|foughts/4|fought|f");
    text_done(&text);
    text_done(&text);
    text_memory_done(&memory);
}

static void faults_are_counted_without_a_place_to_go(void **state)
{
    struct faults faults = { 0 };

    (void)state;
    fault_at(&faults, "x", 1, "wrong");
    fault_in(&faults, "x", "wrong");
    assert_int_equal(faults.n, 2);
}

static void control_characters_do_not_reach_the_terminal(void **state)
{
    struct faults faults = { 0 };
    char *text = NULL;
    size_t len = 0;

    (void)state;
    faults.out = open_memstream(&text, &len);
    fault_at(&faults, "x", 7, "it is '%s'", "\x1b[31m\n");
    fclose(faults.out);
    assert_string_equal(text, "x:7: it is '?[31m?'\n");
    free(text);
}

static void memory_is_zeroed_and_aligned_whatever_its_size(void **state)
{
    struct text_memory memory = { 0 };
    static const size_t sizes[] = { 1, 3, 8, 100, 1 << 20, (1 << 20) + 1, 5 };

    (void)state;
    text_memory_done(NULL);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *bytes = text_alloc(&memory, sizes[i]);

        assert_non_null(bytes);
        assert_int_equal((uintptr_t)bytes % alignof(max_align_t), 0);
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(bytes[j], 0);
        memset(bytes, 0xFF, sizes[i]);
    }
    text_memory_done(&memory);
    text_memory_done(&memory);
}

int main(void)
{
    enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };
    struct CMUnitTest tests[N_CASES + 9] = {
        cmocka_unit_test(a_cell_of_more_than_64_kib_is_a_fault),
        cmocka_unit_test(a_missing_file_is_a_fault_of_its_path),
        cmocka_unit_test(a_fifo_is_a_fault_and_does_not_block),
        cmocka_unit_test(a_row_of_a_thousand_cells_is_a_fault),
        cmocka_unit_test(what_was_lent_since_a_mark_is_taken_back_and_lent_zeroed_again),
        cmocka_unit_test(equal_cells_are_told_apart_from_their_beginnings),
        cmocka_unit_test(faults_are_counted_without_a_place_to_go),
        cmocka_unit_test(control_characters_do_not_reach_the_terminal),
        cmocka_unit_test(memory_is_zeroed_and_aligned_whatever_its_size),
    };

    for (size_t i = 0; i < N_CASES; i++)
        tests[9 + i] = (struct CMUnitTest){ cases[i].name, check_case, NULL, NULL,
                                            (void *)(uintptr_t)&cases[i] };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
