/*
 * The dataset's text: what is read without a fault reads the same when it is written again, and
 * what has faults has them told in lines.
 */

#define _GNU_SOURCE /* open_memstream */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/text.h"
#include "server/base/buffer.h"
#include "tests/fuzz/fuzz.h"

static void write_rows(const struct text *text, struct buffer *ret)
{
    for (size_t i = 0; i < text->n_rows; i++) {
        const struct text_row *row = &text->rows[i];

        for (size_t j = 0; j < row->n_cells; j++) {
            buffer_text(ret, j > 0 ? ",\"" : "\"");
            for (const char *at = row->cells[j] != NULL ? row->cells[j] : ""; *at != '\0'; at++) {
                buffer_byte(ret, *at);
                if (*at == '"')
                    buffer_byte(ret, '"');
            }
            buffer_byte(ret, '"');
        }
        buffer_byte(ret, '\n');
    }
    must(!ret->broken, "memory");
}

static bool is_same(const struct text *a, const struct text *b)
{
    if (a->n_rows != b->n_rows)
        return false;
    for (size_t i = 0; i < a->n_rows; i++) {
        if (a->rows[i].n_cells != b->rows[i].n_cells)
            return false;
        for (size_t j = 0; j < a->rows[i].n_cells; j++) {
            const char *one = a->rows[i].cells[j], *other = b->rows[i].cells[j];

            if ((one == NULL) != (other == NULL) || (one != NULL && strcmp(one, other) != 0))
                return false;
        }
    }
    return true;
}

/* Every fault is a line of the file that it names, without what a terminal would obey. */
static void check_faults(const char *told, size_t len, size_t n, const char *bytes, size_t n_bytes)
{
    size_t lines = 1, n_told = 0;

    for (size_t i = 0; i < n_bytes; i++)
        lines += bytes[i] == '\n';
    for (const char *at = told; at < told + len; n_told++) {
        const char *end = memchr(at, '\n', len - (size_t)(at - told));
        unsigned long line;

        must(end != NULL && strncmp(at, "it.csv:", 7) == 0, "a fault names its file: %s", at);
        line = strtoul(at + 7, NULL, 10);
        must(line >= 1 && line <= lines, "line %lu of %zu", line, lines);
        for (; at < end; at++)
            must((unsigned char)*at >= 0x20 && *at != 0x7f, "a fault has no control character");
        at = end + 1;
    }
    must(n_told == n, "%zu faults are told of %zu", n_told, n);
}

static void one(const uint8_t *bytes, size_t len)
{
    struct text_memory memory = { 0 };
    char *told = NULL;
    size_t told_len = 0;
    FILE *out = open_memstream(&told, &told_len);
    struct faults faults = { .out = out }, none = { 0 };
    struct text text = { 0 }, again = { 0 };
    struct error err = { 0 };

    must(out != NULL, "memory");
    must(text_parse("it.csv", (const char *)bytes, len, &memory, &faults, &text, &err), "%s",
         err.detail);
    fclose(out);
    check_faults(told, told_len, faults.n, (const char *)bytes, len);
    must(text.is_whole || faults.n > 0, "what is not whole has a fault");
    for (size_t i = 1; i < text.n_rows; i++)
        must(text.rows[i].line > text.rows[i - 1].line, "rows begin on lines of their own");
    if (faults.n == 0) {
        struct buffer written = BUFFER_INIT(4 << 20);

        write_rows(&text, &written);
        must(text_parse("it.csv", written.data, written.len, &memory, &none, &again, &err)
                 && none.n == 0 && is_same(&text, &again),
             "the same rows are read again");
        buffer_done(&written);
    }
    text_done(&text);
    text_done(&again);
    text_memory_done(&memory);
    free(told);
}

const struct fuzz_target target_text = {
    .name = "text", .longest = 4000, .runs = 3000, .one = one
};
