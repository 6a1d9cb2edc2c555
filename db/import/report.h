#pragma once

/* The file that says which rows were rejected, and why. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "server/base/error.h"

/** A report. It is made with its first row: no file without a rejected row. */
struct report {
    const char *path; /* borrowed */
    FILE *out;        /* NULL: nothing was rejected so far */
};

/** One rejected row. */
struct rejection {
    const char *file;
    size_t line;
    const char *column; /* name as in the file; "": the whole row */
    const char *reason; /* what is wrong */
    const char *hint;   /* what would be right */
};

/** Writes a row. Errors: ERR_INPUT when the report cannot be written. */
bool report_row(struct report *report, const struct rejection *rejection, struct error *err);

/** Closes the file. Errors: ERR_INPUT when it is not whole. Takes reports without one. */
bool report_close(struct report *report, struct error *err);
