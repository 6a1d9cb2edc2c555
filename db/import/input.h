#pragma once

/* The bytes of a file that is imported, block by block, with their lines. */

#include <stdbool.h>
#include <stddef.h>

#include "server/base/error.h"

enum { INPUT_BLOCK = 1 << 16 /* bytes read at once */ };

/** A file being read. */
struct input {
    const char *file;        /* borrowed */
    int fd;                  /* -1: closed */
    long long size;          /* bytes of the file; 0: not known (a pipe) */
    long long read;          /* bytes taken from the file */
    size_t line;             /* of the next byte, from 1 */
    size_t at, len;          /* next byte of `block`, bytes in it */
    bool is_end;             /* the file has no more */
    bool is_after_cr;        /* the byte before was CR: an LF now begins no line */
    unsigned left;           /* bytes of a UTF-8 sequence still due */
    unsigned char low, high; /* range of the next of them */
    char block[INPUT_BLOCK];
};

/** Opens a file and steps over a byte order mark. Errors: ERR_INPUT. input_close() closes it. */
bool input_open(const char *file, struct input *ret, struct error *err);

/** Closes the file. Takes closed ones. */
void input_close(struct input *input);

/** Makes sure that there is a byte to read, or that the end was reached. Errors: ERR_INPUT. */
bool input_fill(struct input *input, struct error *err);

/**
 * Lends the bytes up to and including the next line end, or up to the end of the block.
 *
 * Shape: checked to be UTF-8 without NUL; *ret_len is 0 at the end of the file. Counts the line.
 * Errors: ERR_INPUT with file:line.
 */
bool input_line(struct input *input, const char **ret, size_t *ret_len, struct error *err);
