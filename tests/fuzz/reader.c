/*
 * Files that are imported, as rows: CSV or JSON, whatever bytes they are, end in a last row or in a
 * sentence with file and line. Rows begin where they say, and their cells are text.
 */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/import/reader.h"
#include "tests/fuzz/fuzz.h"

static const struct import_field fields[] = {
    { .name = "id", .is_required = true },
    { .name = "day", .is_date = true },
    { .name = "name", .is_required = true },
    { .name = "version", .is_version = true },
    { 0 },
};
enum { FIELDS = 4 };

static void check_row(const struct import_row *row, size_t before, size_t lines)
{
    must(row->line >= before && row->line <= lines, "a row in line %zu of %zu, behind %zu",
         row->line, lines, before);
    must(row->problem == NULL || row->right != NULL, "a problem has what would be right");
    for (size_t i = 0; row->problem == NULL && i < FIELDS; i++) {
        const char *cell = row->cells[i];
        size_t len = cell != NULL ? strlen(cell) : 0;

        if (cell == NULL)
            continue;
        must(len > 0 && len < ROW_BYTES_MOST && fuzz_is_utf8(cell, len), "a cell is text: '%s'",
             cell);
        must(strchr(" \t\n\r", cell[0]) == NULL && strchr(" \t\n\r", cell[len - 1]) == NULL,
             "'%s' has no blanks at its ends", cell);
        must(row->lines[i] >= row->line && row->lines[i] <= lines, "a cell stands in its row");
    }
}

static size_t read_all(const char *path, bool is_closed, size_t lines, struct error *err)
{
    struct reader *reader;
    const struct import_row *row = NULL;
    size_t n = 0, before = 1;

    if (!reader_open(path, fields, is_closed, &reader, err))
        return 0;
    must(reader_fields(reader) == FIELDS, "there are %d fields", FIELDS);
    while (reader_next(reader, &row, err) && row != NULL) {
        check_row(row, before, lines);
        before = row->line;
        n++;
    }
    reader_close(reader);
    return n;
}

static void one(const uint8_t *bytes, size_t len)
{
    struct error err = { 0 }, closed_err = { 0 };
    size_t lines = 2, n, n_closed;
    char path[64];
    int file = fuzz_file(bytes, len, path);

    for (size_t i = 0; i < len; i++)
        lines += bytes[i] == '\n' || bytes[i] == '\r';
    n = read_all(path, false, lines, &err);
    n_closed = read_all(path, true, lines, &closed_err);
    must(err.code == ERR_NONE || err.code == ERR_INPUT, "code %d: %s", (int)err.code, err.detail);
    if (err.code != ERR_NONE)
        must(strncmp(err.detail, path, strlen(path)) == 0, "'%s' names the file", err.detail);
    if (closed_err.code == ERR_NONE)
        must(err.code == ERR_NONE && n == n_closed, "%zu rows of %zu", n_closed, n);
    close(file);
}

const struct fuzz_target target_reader = {
    .name = "reader", .longest = 2000, .runs = 8000, .one = one
};
