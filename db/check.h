#pragma once

/* `bluehelm check`: proves that a file is a whole dataset, whoever made it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "db/digest.h"
#include "server/base/error.h"

/** What a check found. */
struct check_summary {
    size_t n_faults;
    size_t n_rows;            /* rows of all tables */
    char digest[DIGEST_SIZE]; /* of the content, computed anew */
    char release[11];         /* the newest release */
};

/**
 * Verifies a dataset file: header, pages, schema, references, digest, and the rules that no CHECK can say.
 *
 * Errors: ERR_INPUT when it is not a whole dataset (each fault is a line in `faults`), ERR_INTERNAL.
 */
bool check_dataset(const char *file, FILE *faults, struct check_summary *ret, struct error *err);
