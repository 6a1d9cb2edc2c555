#pragma once

/* `bluehelm build`: the text of a dataset becomes one SQLite file, checked, deterministic, and in place at once. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "db/digest.h"
#include "server/base/error.h"

/** What a build made. */
struct build_summary {
    size_t n_files;           /* text files read */
    size_t n_rows;            /* rows in them */
    char digest[DIGEST_SIZE]; /* of the dataset's content */
    char release[11];         /* its newest release */
};

/**
 * Builds a dataset file from the text files of a folder.
 *
 * Shape: every *.csv of text_dir; the part of its name before the first hyphen or dot is its table. The same text gives
 * the same file, byte for byte.
 * Errors: ERR_INPUT when there were faults (each is a line in `faults`, all of them in one run) or a file cannot be
 * read or written; ERR_INTERNAL. The old file stays then, whole.
 */
bool build_dataset(const char *text_dir, const char *file, FILE *faults, struct build_summary *ret, struct error *err);
