#pragma once

/* Progress of a long command, as git shows it: on a terminal, after a second, four times a second
 * at most. Elsewhere one line at the end. */

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

/** Progress of one command. */
struct progress {
    const char *what;      /* what is done, in a few words; borrowed */
    bool is_terminal;      /* standard error is one */
    bool is_shown;         /* a line was written that the next one replaces */
    struct timespec start; /* when it began */
    double last;           /* seconds from there to the last line */
    size_t rows;           /* so far */
};

/** Begins: looks at the clock and at standard error. */
void progress_begin(struct progress *progress);

/**
 * Tells how far it is: `what:  45% (450000 rows), 152331 rows/s, 4 s left`.
 *
 * Shape: written to standard error when it is a terminal, a second has gone by, and a quarter of a
 * second since the last line; size 0: how much there is to do is not known.
 */
void progress_show(struct progress *progress, size_t rows, long long bytes, long long size);

/** Ends: completes the line on a terminal; elsewhere writes one, as the log has it. */
void progress_end(struct progress *progress, bool is_done);

/** The line itself, for rows and bytes after that many seconds. */
void progress_format(const char *what, size_t rows, long long bytes, long long size, double seconds,
                     char *ret, size_t ret_size);
