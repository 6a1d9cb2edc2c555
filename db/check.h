#pragma once

/* `bluehelm check`: proves that a file is a whole dataset, whoever made it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "db/digest.h"
#include "server/base/date.h"
#include "server/base/error.h"

/** What was checked. */
struct check_summary {
    size_t n_rows;               /* rows of all tables */
    char digest[DIGEST_SIZE];    /* of the content, computed anew */
    char release[DATE_DAY_SIZE]; /* id of the newest release */
};

/**
 * Verifies a dataset file: header, seal, pages, schema, references, digest, and the rules that no
 * CHECK can say.
 *
 * Errors: ERR_INPUT with the reason when it is no dataset of this schema at all; ERR_INPUT with
 * their number when it has faults, each of which is one line in `faults` (NULL: they are only
 * counted): `file: table id: what is wrong; what would be right`; ERR_INTERNAL.
 */
bool check_dataset(const char *file, FILE *faults, struct check_summary *ret, struct error *err);
