#pragma once

/* The dataset's text files as rows of cells, each with the line where it stands; and the faults
 * found in them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "server/base/error.h"

enum {
    TEXT_CELL_MOST = 64 << 10, /* bytes of one cell: the longest texts of ours have some 600 */
    TEXT_FILE_MOST = 64 << 20, /* bytes of one file: thirty times the whole of what we ship */
};

/** Where faults go, and how many there were. */
struct faults {
    FILE *out; /* borrowed; NULL: they are only counted */
    size_t n;
};

/**
 * Reports one fault of a text file as `path:line: what is wrong; what would be right`.
 *
 * Shape: one line; control characters in what a file holds leave as `?`.
 */
void fault_at(struct faults *faults, const char *path, size_t line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** Reports one fault of a file without lines as `path: what is wrong; what would be right`, in the
 * same way. */
void fault_in(struct faults *faults, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Memory that is freed at once. Zeroed: none yet. */
struct text_memory {
    struct text_block *last; /* NULL: nothing was allocated */
    size_t left;             /* bytes free in `last` */
    bool failed;             /* there was none left once: what was made since is not whole */
};

/** Lends len zeroed bytes, aligned for any object, until text_memory_done(). NULL (and `failed`)
 * without memory. */
void *text_alloc(struct text_memory *memory, size_t len);

/** Lends a copy of a text until text_memory_done(). NULL (and `failed`) without memory. */
const char *text_keep(struct text_memory *memory, const char *text);

/** How much of a memory was lent at a moment. */
struct text_mark {
    struct text_block *last; /* NULL: nothing */
    size_t left;
};

/** The moment that text_release() goes back to. */
struct text_mark text_mark(const struct text_memory *memory);

/** Takes back what was lent since the mark; what was lent before stays. */
void text_release(struct text_memory *memory, struct text_mark mark);

/** Frees everything. Takes NULL and zeroed ones. */
void text_memory_done(struct text_memory *memory);

/** One row of a text file. Strings live as long as the memory they were read into. */
struct text_row {
    const char *path;   /* file, as it is named in faults */
    size_t line;        /* line in which the row begins, from 1 */
    const char **cells; /* n_cells texts; NULL: the cell is empty */
    size_t n_cells;
};

/** A text file. */
struct text {
    struct text_row *rows; /* the first is the header; owned; NULL: none */
    size_t n_rows;
    bool is_whole; /* false: something of it could not be read, and the faults say what */
};

/**
 * Reads a CSV file: RFC 4180 in its strict sense, UTF-8 without mark, LF, no blanks around cells.
 *
 * Shape: what is wrong with the bytes goes to faults, with its line, and leaves ret->is_whole
 * false; the rows before the first thing that cannot be read are in ret all the same, so that their
 * faults are found in the same run. Errors: ERR_INTERNAL without memory. Lifetime: cells live in
 * memory, and equal ones may be one text; ret borrows path and goes with text_done().
 */
bool text_read(const char *path, struct text_memory *memory, struct faults *faults,
               struct text *ret, struct error *err);

/**
 * Reads CSV that is in memory already, in the same way; `path` is what faults call it.
 *
 * Lifetime: copies what it keeps of `bytes`.
 */
bool text_parse(const char *path, const char *bytes, size_t len, struct text_memory *memory,
                struct faults *faults, struct text *ret, struct error *err);

/** Frees the rows; their cells stay. Takes zeroed ones. */
void text_done(struct text *text);
