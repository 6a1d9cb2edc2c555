/* What the reader makes of files: rows with the line of every cell, and what it refuses, with its
 * line. */

#define _GNU_SOURCE /* mkdtemp */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/import/reader.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"

static const struct import_field fields[] = {
    { .name = "name", .is_required = true },
    { .name = "day", .is_required = true, .is_date = true },
    { .name = "count" },
    { 0 },
};

static char folder[] = "/tmp/bluehelm-test-XXXXXX";
static char file[64];

/** Bytes of a file, and what is read: `line|cell|cell|cell` of each row, then `!` and the error
 * without the file's name. A cell in another line than its row has `@line` in front. */
struct reader_case {
    const char *name;
    const char *bytes;
    size_t len; /* 0: as long as the text */
    const char *read;
};

#define BOM "\xEF\xBB\xBF"

static const struct reader_case cases[] = {
    { "columns_are_found_by_name_in_any_order_and_case", "Count,x,DAY,Name\n1,y,2,3\n", 0,
      "2|3|2|1" },
    { "a_column_that_is_not_required_may_be_missing", "name,day\na,b\n", 0, "2|a|b|" },
    { "a_byte_order_mark_is_survived", BOM "name,day\na,b\n", 0, "2|a|b|" },
    { "crlf_is_survived", "name,day\r\na,b\r\nc,d\r\n", 0, "2|a|b|/3|c|d|" },
    { "cr_alone_is_survived", "name,day\ra,b\rc,d", 0, "2|a|b|/3|c|d|" },
    { "no_final_newline_is_survived", "name,day\na,b", 0, "2|a|b|" },
    { "empty_lines_are_no_rows", "name,day\n\na,b\n\n\n", 0, "3|a|b|" },
    { "blanks_at_the_ends_of_a_cell_are_dropped", "name,day\nLocal , b\n", 0, "2|Local|b|" },
    { "line_breaks_in_quotes_stay_in_their_cell", "name,day,count\n\"a\nb\",c,d\ne,f,g\n", 0,
      "2|a\nb|@3c|@3d/4|e|f|g" },
    { "quotes_are_written_twice", "name,day\n\"\"\"a\"\"\",b\n", 0, "2|\"a\"|b|" },
    { "an_empty_cell_is_nothing", "name,day,count\n,\"\",c\n", 0, "2|||c" },
    { "a_decimal_comma_in_quotes_is_one_cell", "name,day\n\"15,9833\",b\n", 0, "2|15,9833|b|" },
    { "letters_of_any_script_are_kept", "name,day\nCôte d’Ivoire,Голубой\n", 0,
      "2|Côte d’Ivoire|Голубой|" },
    { "hxl_tags_behind_the_header_are_no_row", "name,day\n#adm1,#date\na,b\n", 0, "3|a|b|" },
    { "a_hash_sign_further_down_is_a_row", "name,day\na,b\n#c,#d\n", 0, "2|a|b|/3|#c|#d|" },
    { "a_row_with_too_few_cells_is_told_of", "name,day\na\nc,d\n", 0,
      "2?the row has 1 cells/3|c|d|" },
    { "a_row_with_too_many_cells_is_told_of", "name,day\na,b,c\n", 0, "2?the row has 3 cells" },

    { "a_missing_column_is_refused", "name,x\na,b\n", 0, "!:1: no column 'day'; a file with it" },
    { "a_mistyped_column_is_refused_with_the_one_meant", "name,dya\na,b\n", 0,
      "!:1: no column 'day', but one 'dya'" },
    { "a_column_twice_is_refused", "name,day,name\na,b,c\n", 0, "!:1: column 'name' stands twice" },
    { "an_empty_file_is_refused", "", 0, "!:1: the file is empty" },
    { "a_nul_byte_is_refused", "name,day\na,b\nc,\0d\n", 16, "2|a|b|!:3: a NUL byte" },
    { "invalid_utf8_is_refused", "name,day\na,b\n\xE9t\xE9,d\n", 0,
      "2|a|b|!:3: a byte that is not UTF-8" },
    { "an_overlong_form_is_refused", "name,day\n\xC0\xAF,d\n", 0, "!:2: a byte that is not UTF-8" },
    { "a_surrogate_is_refused", "name,day\n\xED\xA0\x80,d\n", 0, "!:2: a byte that is not UTF-8" },
    { "an_end_inside_a_character_is_refused", "name,day\na,\xE2\x82", 0,
      "!:2: the file ends inside a character" },
    { "a_quote_that_is_never_closed_is_refused", "name,day\na,b\nc,\"d\ne,f\n", 0,
      "2|a|b|!:3: the file ends inside a quote of cell 2" },
    { "a_quote_that_does_not_belong_is_refused", "name,day\na,b\"c\"\n", 0,
      "!:2: a quote inside or behind cell 2" },
    { "a_file_cut_off_in_a_row_is_refused", "name,day,count\na,b,c\nd,e", 0,
      "2|a|b|c!:3: the file ends in the middle of a row, behind cell 2 of 3" },
    { "a_zip_archive_is_refused", "PK\x03\x04 name,day\n", 0, "!:1: this is a zip archive" },
    { "a_packed_file_is_refused", "\x1F\x8B\x08 name,day\n", 0, "!:1: this is packed by gzip" },

    { "json_is_an_array_of_objects",
      "[{\"name\":\"a\",\"day\":\"b\"},\n {\"day\":\"d\",\"name\":\"c\"}]", 0, "1|a|b|/2|c|d|" },
    { "json_null_is_nothing", "[{\"name\":null,\"day\":\"b\",\"count\":null}]", 0, "1||b|" },
    { "json_numbers_are_texts", "[{\"name\":1,\"day\":\"b\",\"count\":250.0}]", 0, "1|1|b|250" },
    { "json_milliseconds_are_days", "[{\"name\":\"a\",\"day\":1701129600000}]", 0,
      "1|a|2023-11-28|" },
    { "negative_epoch_milliseconds_are_days_before_1970",
      "[{\"name\":\"a\",\"day\":-678153600000},{\"name\":\"b\",\"day\":-1}]", 0,
      "1|a|1948-07-06|/1|b|1969-12-31|" },
    { "json_days_of_leap_years_are_right",
      "[{\"name\":\"a\",\"day\":951782400000},{\"name\":\"b\",\"day\":0}]", 0,
      "1|a|2000-02-29|/1|b|1970-01-01|" },
    { "an_empty_array_has_no_rows", " [ ] \n", 0, "" },
    { "a_list_in_a_member_is_told_of", "[{\"name\":[1],\"day\":\"b\"}]", 0,
      "1?'name' is a list or an object" },
    { "an_element_that_is_no_object_is_refused", "[{\"name\":1,\"day\":2},3]", 0,
      "1|1|1970-01-01|!:1: no object" },
    { "truncated_json_is_refused", "[{\"name\":\"a\",\"day\":\"b\"},{\"name\":\"c", 0,
      "1|a|b|!:1: " },
    { "json_without_its_end_is_refused", "[{\"name\":\"a\",\"day\":\"b\"}\n", 0,
      "1|a|b|!:2: the file ends inside the array" },
    { "words_behind_the_array_are_refused", "[{\"name\":\"a\",\"day\":\"b\"}] x", 0,
      "1|a|b|!:1: something stands behind the array" },
    { "a_json_object_alone_is_refused", "{\"name\":\"a\"}", 0, "!:1: an object; an array" },
    { "json_of_another_kind_is_refused", "[{\"nme\":\"a\"}]", 0, "!:1: no member 'name'" },
    { "invalid_utf8_in_json_is_refused", "[{\"name\":\"\xE9\",\"day\":\"b\"}]", 0, "!:1: " },
};

static void write_bytes(const char *bytes, size_t len)
{
    FILE *out = fopen(file, "w");

    assert_non_null(out);
    assert_int_equal(fwrite(bytes, 1, len, out), len);
    assert_int_equal(fclose(out), 0);
}

static void drop_reader(struct reader **reader)
{
    reader_close(*reader);
}

static void add_row(struct buffer *read, const struct import_row *row)
{
    if (read->len > 0)
        buffer_byte(read, '/');
    buffer_format(read, "%zu", row->line);
    if (row->problem != NULL) {
        buffer_format(read, "?%s", row->problem);
        assert_non_null(row->right);
        return;
    }
    for (size_t i = 0; fields[i].name != NULL; i++) {
        buffer_byte(read, '|');
        if (row->cells[i] != NULL && row->lines[i] != row->line)
            buffer_format(read, "@%zu", row->lines[i]);
        if (row->cells[i] != NULL)
            buffer_text(read, row->cells[i]);
    }
}

static void read_all(struct buffer *read)
{
    defer(drop_reader) struct reader *reader = NULL;
    struct error err = { .code = ERR_NONE };
    const struct import_row *row = NULL;
    bool is_read = reader_open(file, fields, false, &reader, &err);

    while (is_read && (is_read = reader_next(reader, &row, &err)) && row != NULL)
        add_row(read, row);
    if (!is_read) {
        assert_int_equal(err.code, ERR_INPUT);
        assert_memory_equal(err.detail, file, strlen(file));
        buffer_format(read, "!%s", err.detail + strlen(file));
    }
}

static void is_read_or_refused(void **state)
{
    const struct reader_case *given = *state;
    defer(buffer_done) struct buffer read = BUFFER_INIT(65536);
    const char *refusal = strchr(given->read, '!');

    write_bytes(given->bytes, given->len > 0 ? given->len : strlen(given->bytes));
    read_all(&read);
    if (refusal == NULL) {
        assert_string_equal(read.data != NULL ? read.data : "", given->read);
        return;
    }
    /* What stands behind the reason is for people. */
    assert_non_null(read.data);
    assert_true(read.len >= strlen(given->read));
    read.data[strlen(given->read)] = '\0';
    assert_string_equal(read.data, given->read);
}

static void a_row_of_two_gigabytes_is_refused_before_it_is_read(void **state)
{
    defer(drop_reader) struct reader *reader = NULL;
    struct error err = { .code = ERR_NONE };
    const struct import_row *row;
    char block[4096], where[160];
    int fd;
    long long size;

    (void)state;
    write_bytes("name,day\na,b\n\"", 14);
    memset(block, 'x', sizeof(block));
    fd = open(file, O_WRONLY | O_APPEND | O_CLOEXEC);
    for (size_t i = 0; i < 2 * ROW_BYTES_MOST / sizeof(block); i++)
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    assert_int_equal(ftruncate(fd, 2LL << 30), 0); /* the rest is a hole */
    close(fd);
    assert_true(reader_open(file, fields, false, &reader, &err));
    assert_true(reader_next(reader, &row, &err));
    assert_false(reader_next(reader, &row, &err));
    snprintf(where, sizeof(where), "%s:3: a row of more than %d bytes", file, ROW_BYTES_MOST);
    assert_memory_equal(err.detail, where, strlen(where));
    assert_true(reader_bytes(reader, &size) < 2 * ROW_BYTES_MOST);
    assert_true(size == 2LL << 30);
}

static void a_file_that_is_not_there_and_a_folder_are_refused(void **state)
{
    struct reader *reader = NULL;
    struct error missing = { .code = ERR_NONE }, directory = { .code = ERR_NONE };

    (void)state;
    assert_false(reader_open("/nowhere/at/all.csv", fields, false, &reader, &missing));
    assert_non_null(strstr(missing.detail, "/nowhere/at/all.csv: No such file"));
    assert_false(reader_open(folder, fields, false, &reader, &directory));
    assert_non_null(strstr(directory.detail, "a directory"));
}

static void a_closed_kind_refuses_other_columns_with_the_one_meant(void **state)
{
    struct reader *reader = NULL;
    struct error err = { .code = ERR_NONE };

    (void)state;
    write_bytes("name,day,cuont\n", 15);
    assert_false(reader_open(file, fields, true, &reader, &err));
    assert_non_null(strstr(err.detail, ":1: there is no column 'cuont'; did you mean 'count'?"));
}

static const char *guess(const char *const *header, size_t n)
{
    return n > 0 && strcmp(header[0], "actor") == 0 ? "actors" : NULL;
}

static void a_header_of_another_kind_is_named(void **state)
{
    struct reader *reader = NULL;
    struct error err = { .code = ERR_NONE };

    (void)state;
    reader_set_guess(guess);
    write_bytes("actor,day\n", 10);
    assert_false(reader_open(file, fields, false, &reader, &err));
    reader_set_guess(NULL);
    assert_non_null(strstr(err.detail, "the header is that of 'actors'"));
}

static void rows_across_blocks_are_whole(void **state)
{
    defer(drop_reader) struct reader *reader = NULL;
    struct error err = { .code = ERR_NONE };
    FILE *out = fopen(file, "w");
    const struct import_row *row;

    (void)state;
    assert_non_null(out);
    fputs("name,day\n", out);
    for (int i = 0; i < 20000; i++)
        fprintf(out, "\"é%d\n\",%d\r\n", i, i * 7);
    assert_int_equal(fclose(out), 0);
    assert_true(reader_open(file, fields, false, &reader, &err));
    for (int i = 0; i < 20000; i++) {
        char name[32], day[32];

        snprintf(name, sizeof(name), "é%d", i);
        snprintf(day, sizeof(day), "%d", i * 7);
        assert_true(reader_next(reader, &row, &err));
        assert_int_equal(row->line, 2 + 2 * i);
        assert_string_equal(row->cells[0], name);
        assert_string_equal(row->cells[1], day);
    }
    assert_true(reader_next(reader, &row, &err));
    assert_null(row);
}

int main(void)
{
    struct CMUnitTest tests[sizeof(cases) / sizeof(cases[0]) + 6] = {
        cmocka_unit_test(a_row_of_two_gigabytes_is_refused_before_it_is_read),
        cmocka_unit_test(a_file_that_is_not_there_and_a_folder_are_refused),
        cmocka_unit_test(a_closed_kind_refuses_other_columns_with_the_one_meant),
        cmocka_unit_test(a_header_of_another_kind_is_named),
        cmocka_unit_test(rows_across_blocks_are_whole),
    };
    size_t n = 5;
    int failed;

    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(file, sizeof(file), "%s/file", folder);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        tests[n++] = (struct CMUnitTest){ .name = cases[i].name,
                                          .test_func = is_read_or_refused,
                                          .initial_state = (void *)(uintptr_t)&cases[i] };
    failed = _cmocka_run_group_tests("import_reader", tests, n, NULL, NULL);
    unlink(file);
    rmdir(folder);
    return failed;
}
