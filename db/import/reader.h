#pragma once

/* Files that are imported, row by row: CSV through libcsv, JSON through jansson, both in constant
 * memory. */

#include <stdbool.h>
#include <stddef.h>

#include "server/base/error.h"

enum {
    FIELDS_MOST = 96,   /* fields of a kind; the widest layout (ucdp-country-year) has 74 columns */
    COLUMNS_MOST = 256, /* columns of a file */
    ROW_BYTES_MOST = 1 << 20, /* bytes of one row: a longer one is a quote that nobody closed */
};

/** A column that a kind of file has. */
struct import_field {
    const char *name; /* as in the file; case does not matter. NULL: no more */
    bool is_required; /* a file without it is not of this kind */
    bool is_date;     /* JSON: a number is a day in milliseconds since 1970 */
    bool is_version;  /* the publisher's version of the set, of which the source's id is made; the
                         same in every row */
    const char *without; /* what a file without the column is, and what would be right; NULL: not of
                            this kind */
};

/** One row of a file. Its texts live until the next one is read. */
struct import_row {
    const char *file;
    size_t line;              /* in which the row begins, from 1 */
    const char *const *cells; /* in the order of the kind's fields; blanks at the ends are gone;
                                 NULL: empty, or the file has no such column */
    const size_t *lines;      /* in which each cell begins */
    const char *problem;      /* why no cell can be used; NULL: they can */
    const char *right;        /* what would be right then */
};

struct reader;

/**
 * Opens a file, tells CSV from JSON by its first byte, and reads the header of CSV.
 *
 * Shape: UTF-8, with or without byte order mark; lines end in LF, CRLF or CR. Errors: ERR_INPUT,
 * with file:line, for a file that cannot be read, is empty, binary, or has not the columns of
 * `fields` (the detail names them) or, where is_closed, has others as well; ERR_INTERNAL. Lifetime:
 * borrows file and fields; reader_close() frees it.
 */
bool reader_open(const char *file, const struct import_field *fields, bool is_closed,
                 struct reader **ret, struct error *err);

/**
 * Reads the next row.
 *
 * Shape: *ret is NULL behind the last one. Errors: ERR_INPUT, with file:line, for what makes the
 * rest of the file unreadable: bytes that are not UTF-8, NUL, a quote that is never closed, a row
 * beyond ROW_BYTES_MOST, an end in the middle of a row; ERR_INTERNAL.
 */
bool reader_next(struct reader *reader, const struct import_row **ret, struct error *err);

/** How many fields each row has. */
size_t reader_fields(const struct reader *reader);

/** The name of a field as the file has it. */
const char *reader_column(const struct reader *reader, size_t field);

/** Bytes read so far, and bytes of the file (0: not known). */
long long reader_bytes(const struct reader *reader, long long *ret_size);

/** Closes the file. Takes NULL. */
void reader_close(struct reader *reader);

/** Tells whether a file with this header could be one with these fields: no required one is
 * missing. */
bool fields_match(const struct import_field *fields, const char *const *header, size_t n);

/**
 * Called for a header that is none of the expected kind: names the kind whose header it is.
 *
 * NULL: none.
 */
typedef const char *header_guess(const char *const *header, size_t n);

/** Who guesses; NULL: nobody. Set once, before the first file is opened. */
void reader_set_guess(header_guess *guess);
