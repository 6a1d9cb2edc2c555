#define _GNU_SOURCE /* fstat, O_CLOEXEC, TEMP_FAILURE_RETRY */
#include "db/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csv.h>
#include <utf8proc.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum {
    BLOCK_SIZE = 1 << 20, /* bytes taken from the system at once */
    FAULT_MOST = 1024,    /* bytes of one fault's line, without its path: a cell may be long */
    ROW_CELLS_MOST = 256, /* cells of one row that are kept; the widest table has 30 */
    SHARED_CELLS = 4096,  /* texts that stand again and again: codes, days, sources */
    SHARED_LEN = 32,      /* bytes of the longest of them: a cell of words is its row's own */
};

struct text_block {
    struct text_block *before;
    alignas(max_align_t) unsigned char bytes[];
};

/* Writes what a file holds without what a terminal would obey. */
static void put_words(struct faults *faults, const char *fmt, va_list args)
{
    char text[FAULT_MOST];

    vsnprintf(text, sizeof(text), fmt, args);
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7F)
            *at = '?';
    }
    fprintf(faults->out, "%s\n", text);
}

void fault_at(struct faults *faults, const char *path, size_t line, const char *fmt, ...)
{
    va_list args;

    faults->n++;
    if (faults->out == NULL)
        return;
    fprintf(faults->out, "%s:%zu: ", path, line);
    va_start(args, fmt);
    put_words(faults, fmt, args);
    va_end(args);
}

void fault_in(struct faults *faults, const char *path, const char *fmt, ...)
{
    va_list args;

    faults->n++;
    if (faults->out == NULL)
        return;
    fprintf(faults->out, "%s: ", path);
    va_start(args, fmt);
    put_words(faults, fmt, args);
    va_end(args);
}

/* Bytes at a multiple of align, with whatever stood there. */
static void *take(struct text_memory *memory, size_t len, size_t align)
{
    size_t size = len > BLOCK_SIZE ? len : BLOCK_SIZE;
    struct text_block *block = memory->last;

    if (block == NULL || len > memory->left) {
        block = malloc(sizeof(*block) + size);
        if (block == NULL) {
            memory->failed = true;
            return NULL;
        }
        block->before = memory->last;
        memory->last = block;
        memory->left = size;
    }
    /* Handed out from the end, so that the block needs no size of its own. */
    memory->left = (memory->left - len) / align * align;
    return block->bytes + memory->left;
}

void *text_alloc(struct text_memory *memory, size_t len)
{
    void *taken = take(memory, len, alignof(max_align_t));

    return taken != NULL ? memset(taken, 0, len) : NULL;
}

/* A text needs no alignment, and a large dataset has ten million of them. */
static char *keep(struct text_memory *memory, const char *text, size_t len)
{
    char *kept = take(memory, len + 1, 1);

    if (kept == NULL)
        return NULL;
    memcpy(kept, text, len);
    kept[len] = '\0';
    return kept;
}

const char *text_keep(struct text_memory *memory, const char *text)
{
    return keep(memory, text, strlen(text));
}

struct text_mark text_mark(const struct text_memory *memory)
{
    return (struct text_mark){ .last = memory->last, .left = memory->left };
}

void text_release(struct text_memory *memory, struct text_mark mark)
{
    while (memory->last != mark.last) {
        struct text_block *block = memory->last;

        memory->last = block->before;
        free(block);
    }
    memory->left = mark.left;
}

void text_memory_done(struct text_memory *memory)
{
    if (memory == NULL)
        return;
    while (memory->last != NULL) {
        struct text_block *block = memory->last;

        memory->last = block->before;
        free(block);
    }
    memory->left = 0;
}

/** The bytes of a file. */
struct span {
    const char *data;
    size_t len;
};

/** A file on its way through libcsv. */
struct reader {
    const char *path;
    struct text_memory *memory;
    struct faults *faults;
    size_t line;                       /* line in which the row under way began */
    const char *cells[ROW_CELLS_MOST]; /* of the row under way */
    size_t n_cells;
    const char *shared[SHARED_CELLS]; /* by hash, the last of each; NULL: none */
    struct text_row *rows;
    size_t n_rows, size; /* rows kept, rows there is room for */
    bool row_ended;
    bool is_whole;
    bool is_out_of_memory;
};

/* A cell that can be mended and read on: it is one fault, not the loss of the row. */
static void bad_cell(struct reader *reader, const char *what)
{
    fault_at(reader->faults, reader->path, reader->line, "cell %zu %s", reader->n_cells + 1, what);
}

/* Keeps a cell; one that was read before is lent again. */
static const char *keep_cell(struct reader *reader, const char *text, size_t len)
{
    const char **shared;
    size_t hash = len;

    if (len > SHARED_LEN)
        return keep(reader->memory, text, len);
    for (size_t i = 0; i < len; i++)
        hash = hash * 31 + (unsigned char)text[i];
    shared = &reader->shared[hash % SHARED_CELLS];
    if (*shared == NULL || strncmp(*shared, text, len) != 0 || (*shared)[len] != '\0')
        *shared = keep(reader->memory, text, len);
    return *shared;
}

/* libcsv has read one cell. */
static void on_cell(void *bytes, size_t len, void *data)
{
    struct reader *reader = data;
    static const char blanks[] = " \n";
    const char *text = bytes;

    if (reader->n_cells >= ROW_CELLS_MOST) {
        reader->n_cells++;
        return;
    }
    reader->cells[reader->n_cells] = NULL;
    if (len > TEXT_CELL_MOST) {
        bad_cell(reader,
                 "is longer than 65536 bytes; a quote that nobody closed, or a text to be cut.");
        len = TEXT_CELL_MOST;
    }
    if (len > 0 && (strchr(blanks, text[0]) != NULL || strchr(blanks, text[len - 1]) != NULL)) {
        bad_cell(reader, "begins or ends with a blank; without it, it would be right.");
        for (; len > 0 && strchr(blanks, *text) != NULL; text++)
            len--;
        while (len > 0 && strchr(blanks, text[len - 1]) != NULL)
            len--;
    }
    if (len > 0) {
        reader->cells[reader->n_cells] = keep_cell(reader, text, len);
        if (reader->cells[reader->n_cells] == NULL)
            reader->is_out_of_memory = true;
    }
    reader->n_cells++;
}

/* libcsv has read the last cell of a row. */
static void on_row(int terminator, void *data)
{
    struct reader *reader = data;
    size_t n = reader->n_cells;
    struct text_row *row;

    (void)terminator;
    reader->row_ended = true;
    reader->n_cells = 0;
    if (n > ROW_CELLS_MOST) {
        fault_at(reader->faults, reader->path, reader->line,
                 "the row has %zu cells; no table has so many.", n);
        reader->is_whole = false;
        return;
    }
    if (reader->n_rows == reader->size) {
        size_t size = reader->size ? reader->size * 2 : 64;
        struct text_row *rows = realloc(reader->rows, size * sizeof(*rows));

        if (rows == NULL) {
            reader->is_out_of_memory = true;
            return;
        }
        reader->rows = rows;
        reader->size = size;
    }
    row = &reader->rows[reader->n_rows];
    *row = (struct text_row){ .path = reader->path, .line = reader->line, .n_cells = n };
    row->cells = take(reader->memory, n * sizeof(*row->cells), alignof(const char *));
    if (row->cells == NULL) {
        reader->is_out_of_memory = true;
        return;
    }
    memcpy(row->cells, reader->cells, n * sizeof(*row->cells));
    reader->n_rows++;
}

static void reader_done(struct reader *reader)
{
    free(reader->rows);
}

void text_done(struct text *text)
{
    free(text->rows);
    *text = (struct text){ 0 };
}

/* Blanks are content here: libcsv would trim them away and nobody would know. */
static int is_space(unsigned char c)
{
    (void)c;
    return 0;
}

/* CR never reaches the parser. */
static int is_line_end(unsigned char c)
{
    return c == '\n';
}

/* Reads the whole file; what prevents it is a fault of the file. */
static bool slurp(const char *path, struct faults *faults, struct buffer *ret)
{
    /* Not blocking: a FIFO with a name like a table's must not stop the build. */
    defer(close_file) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char bytes[65536];
    struct stat status;
    ssize_t n;

    if (fd < 0 || fstat(fd, &status) != 0) {
        fault_at(faults, path, 1, "%s; a file that can be read would be right.", strerror(errno));
        return false;
    }
    if (!S_ISREG(status.st_mode)) {
        fault_at(faults, path, 1, "not a regular file; a file of text would be right.");
        return false;
    }
    while ((n = TEMP_FAILURE_RETRY(read(fd, bytes, sizeof(bytes)))) > 0) {
        if (!buffer_add(ret, bytes, (size_t)n))
            break;
    }
    if (n < 0)
        fault_at(faults, path, 1, "%s; a file that can be read would be right.", strerror(errno));
    else if (ret->overflow)
        fault_at(faults, path, 1,
                 "longer than %d bytes; several files of one table would be right.",
                 TEXT_FILE_MOST);
    return n == 0 && !ret->broken;
}

/* Looks for bytes that no text of ours has. False when the rest cannot be read for it. */
static bool check_bytes(const char *path, const struct span *file, struct faults *faults)
{
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)file->data;
    size_t before = faults->n, line = 1, bad_line = 0;

    if (file->len == 0) {
        fault_at(faults, path, 1,
                 "the file is empty; at least the row of column names would be right.");
        return false;
    }
    if (file->len >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        fault_at(faults, path, 1,
                 "a byte order mark; saved as UTF-8 without mark (BOM) it would be right.");
    for (size_t i = 0; i < file->len;) {
        utf8proc_int32_t c;
        utf8proc_ssize_t step = utf8proc_iterate(bytes + i, (utf8proc_ssize_t)(file->len - i), &c);
        const char *what = NULL;

        if (step < 0)
            what = "a byte that is not UTF-8; saved as UTF-8 it would be right.";
        else if (c == 0)
            what = "a NUL byte; without it, it would be right.";
        else if (c == '\r')
            what = "a carriage return; lines that end in LF alone (Unix) would be right.";
        else if ((c < 0x20 && c != '\n') || (c >= 0x7F && c < 0xA0))
            what = "a control character; a blank or nothing in its place would be right.";
        /* One for each line at most, and of carriage returns, which stand in all lines, the first
         * alone. */
        if (what != NULL && bad_line != line && !(c == '\r' && bad_line > 0)) {
            fault_at(faults, path, line, "%s", what);
            bad_line = line;
        }
        if (c == '\n' && step > 0)
            line++;
        i += step > 0 ? (size_t)step : 1;
    }
    if (bytes[file->len - 1] != '\n')
        fault_at(faults, path, line,
                 "the last line does not end in a line end; with one it would be right.");
    return faults->n == before;
}

/* Feeds libcsv line by line, so that each row knows where it began. False at the first thing that
 * is not CSV. */
static bool parse(struct reader *reader, struct csv_parser *parser, const struct span *file)
{
    size_t line = 1;
    bool is_open = false; /* a row began on an earlier line */

    for (size_t at = 0; at < file->len; line++) {
        size_t len = (size_t)((const char *)memchr(file->data + at, '\n', file->len - at)
                              - (file->data + at))
                     + 1;

        if (!is_open && len == 1) {
            fault_at(reader->faults, reader->path, line,
                     "an empty line; without it, it would be right.");
            reader->is_whole = false;
            at += len;
            continue;
        }
        if (!is_open)
            reader->line = line;
        reader->row_ended = false;
        if (csv_parse(parser, file->data + at, len, on_cell, on_row, reader) != len) {
            if (csv_error(parser) != CSV_EPARSE)
                reader->is_out_of_memory = true;
            else
                fault_at(reader->faults, reader->path, reader->line,
                         "a quote inside or behind cell %zu that does not belong; a cell in quotes "
                         "with each quote "
                         "inside written twice would be right.",
                         reader->n_cells + 1);
            return false;
        }
        if (reader->is_out_of_memory)
            return false;
        is_open = !reader->row_ended;
        at += len;
    }
    if (is_open) {
        fault_at(reader->faults, reader->path, reader->line,
                 "cell %zu opens a quote that is never closed; a closing quote would be right.",
                 reader->n_cells + 1);
        return false;
    }
    return true;
}

bool text_parse(const char *path, const char *bytes, size_t len, struct text_memory *memory,
                struct faults *faults, struct text *ret, struct error *err)
{
    defer(csv_free) struct csv_parser parser;
    defer(reader_done) struct reader reader = {
        .path = path, .memory = memory, .faults = faults, .is_whole = true
    };
    struct span file = { .data = bytes, .len = len };

    *ret = (struct text){ 0 };
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return error_set(err, ERR_INTERNAL, NULL, "libcsv cannot be set up");
    csv_set_space_func(&parser, is_space);
    csv_set_term_func(&parser, is_line_end);
    if (!check_bytes(path, &file, faults))
        return true;
    if (!parse(&reader, &parser, &file))
        reader.is_whole = false;
    if (reader.is_out_of_memory)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for %s", path);
    *ret =
        (struct text){ .rows = reader.rows, .n_rows = reader.n_rows, .is_whole = reader.is_whole };
    reader.rows = NULL;
    return true;
}

bool text_read(const char *path, struct text_memory *memory, struct faults *faults,
               struct text *ret, struct error *err)
{
    defer(buffer_done) struct buffer file = BUFFER_INIT(TEXT_FILE_MOST);

    *ret = (struct text){ 0 };
    if (!slurp(path, faults, &file))
        return !file.broken || file.overflow
               || error_set(err, ERR_INTERNAL, NULL, "no memory for %s", path);
    return text_parse(path, file.data, file.len, memory, faults, ret, err);
}
