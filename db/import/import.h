#pragma once

/* `bluehelm import`: takes published files as they are into a dataset, and keeps every state of
 * them. */

#include <stdbool.h>
#include <stddef.h>

#include "db/digest.h"
#include "server/base/error.h"

/** How far an import is. */
struct import_progress {
    size_t rows;     /* read so far */
    long long bytes; /* read so far, of all files */
    long long size;  /* bytes of all files; 0: not known */
};

/** What to import. Borrows its texts. */
struct import_options {
    const char *kind;         /* a name in import_kinds[] */
    const char *const *files; /* together one state of the data set */
    size_t n_files;
    const char *dataset;    /* file to import into; it may be missing */
    const char *known_from; /* the day of the state, ISO */
    const char *report;     /* file for rejected rows; NULL: DATASET-import-report.csv */
    bool is_strict;         /* a rejected row is a failure */
    bool is_dry_run;        /* everything but the last step */
    void (*progress)(const struct import_progress *progress, void *data); /* NULL: nobody asks */
    void *progress_data;
};

enum { IMPORT_PATH_SIZE = 4096 };

/** What an import did: n_read = n_inserted + n_unchanged + n_revised + n_rejected. */
struct import_summary {
    size_t n_read;      /* rows of the files */
    size_t n_inserted;  /* not known of that day before */
    size_t n_unchanged; /* known of that day, with the same content */
    size_t n_revised;   /* known of that day, with other content */
    size_t n_rejected;  /* could not be used; each is in the report */
    size_t n_withdrawn; /* known of that day before, and not in the files (these were not read) */
    bool is_changed;    /* the dataset has other content now (dry run: would have) */
    long long size;     /* bytes of the dataset file; 0: it was not written */
    char digest[DIGEST_SIZE];      /* of the new content; "": nothing changed */
    char report[IMPORT_PATH_SIZE]; /* file with the rejected rows; "": none was rejected */
};

/**
 * Imports files as one state of a data set.
 *
 * Shape: all or nothing. The dataset is copied beside its place, filled in one transaction, and
 * renamed over the old one; where nothing changes, the old file stays as it is, byte for byte. The
 * state holds from its day to the day before the next known state of the same set, so the order of
 * imports does not matter. *ret is filled as far as the import came, even when it fails.
 * Errors: ERR_INPUT for a file that cannot be used (file:line), a dataset that is none, rejected
 * rows under is_strict; ERR_INTERNAL. The old dataset is as it was then.
 */
bool import_run(const struct import_options *options, struct import_summary *ret,
                struct error *err);

/** Name and text of each kind, for help; NULL behind the last one. */
const char *import_kind_name(size_t i);
const char *import_kind_text(size_t i);
