#pragma once

/* Makes a dataset file out of its text: reads all of it, checks all of it, and only then writes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "db/digest.h"
#include "server/base/date.h"
#include "server/base/error.h"

/** What was built. */
struct build_summary {
    size_t n_files;              /* text files read */
    size_t n_rows;               /* rows of text, without the rows of column names */
    long long size;              /* bytes of the dataset file */
    char release[DATE_DAY_SIZE]; /* id of the newest release */
    char digest[DIGEST_SIZE];    /* SHA-256 of the content, hex */
};

/**
 * Builds the dataset file `file` from every *.csv of the directory `text_dir` (db/dataset/README.md
 * is the format).
 *
 * Shape: the same text gives the same bytes. The file appears whole or not at all: it is written
 * beside its place as `file.tmp-PID`, synced, and renamed; until then a file of that name stays as
 * it is. Errors: ERR_INPUT when the text has faults, each of which is one line in `faults` (NULL:
 * they are only counted): `path:line: what is wrong; what would be right`; ERR_INPUT as well for a
 * directory that cannot be read and a file that cannot be written (no space, no permission);
 * ERR_INTERNAL. Nothing is left behind then.
 */
bool build_dataset(const char *text_dir, const char *file, FILE *faults, struct build_summary *ret,
                   struct error *err);

/**
 * Fills the empty file at `path` with what the program carries: schema, code lists, definitions,
 * declarations of series, places and the sources that those name. An import into a dataset that is
 * not there begins with it.
 *
 * Errors: ERR_INPUT when the place takes no file; ERR_INTERNAL.
 */
bool build_base(const char *path, struct error *err);
