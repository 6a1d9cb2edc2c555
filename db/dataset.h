#pragma once

/* Which dataset file is current, and each worker's own connection to it. A dataset is immutable and
 * swapped whole. */

#include <stdbool.h>
#include <stddef.h>

#include "server/base/error.h"

struct conn;

/** One code of a closed list. Texts live as long as the dataset's state. */
struct code {
    const char *list;
    const char *id;
    const char *name;
    const char *text;
    const char *inverse; /* NULL: none */
};

/** One open dataset file: what never changes about it. Lives as long as somebody holds it. */
struct state {
    char digest[65];            /* SHA-256 of the content, hex */
    char release[11];           /* id of the newest release: a day */
    char modified[32];          /* the same as HTTP writes a day; "": it is none */
    const char (*releases)[11]; /* ids of all releases, oldest first */
    size_t n_releases;
    const struct code *codes; /* grouped by list, in the lists' order */
    size_t n_codes;
};

struct dataset;

/**
 * Makes the holder of the current dataset; nothing is open yet.
 *
 * Errors: NULL without memory. Lifetime: dataset_free() when no thread uses it any more.
 */
struct dataset *dataset_new(void);

/** Closes everything. Takes NULL. Connections of other threads must have been closed (their threads
 * ended). */
void dataset_free(struct dataset *dataset);

/**
 * Checks a file and makes it the current one; requests under way finish on the one they began with.
 *
 * Errors: ERR_INPUT with a sentence that says why (missing, not a dataset, newer schema, damaged):
 * the old one stays. Safe in any thread.
 */
bool dataset_publish(struct dataset *dataset, const char *file, struct error *err);

/**
 * Lends the calling thread its own connection to the current dataset; opens or reopens it when it
 * has changed.
 *
 * Shape: one thread, one connection; valid until the thread's next call.
 * Errors: ERR_NOT_READY when nothing was published, ERR_INTERNAL.
 */
bool dataset_conn(struct dataset *dataset, struct conn **ret, struct error *err);

/** Grows with each publication: what was made of an earlier one is not of the current dataset. Safe
 * in any thread. */
unsigned long dataset_serial(struct dataset *dataset);

/** A connection of its own, for an answer that outlives the call in which it began. */
struct loan;

/**
 * Opens another connection to the file that the calling thread's connection is of.
 *
 * Shape: reads the file without mapping it, so that whoever reads all of it takes no more memory
 * than who reads a page. Errors: ERR_INTERNAL. Lifetime: keeps the file alive, whatever is
 * published meanwhile; dataset_give() ends it, in any thread.
 */
bool dataset_lend(struct dataset *dataset, struct loan **ret, struct error *err);

/** The connection of a loan. */
struct conn *loan_conn(const struct loan *loan);

/** Closes the connection of a loan. All statements must have been returned. Takes NULL. */
void dataset_give(struct loan *loan);

/**
 * A descriptor of the very file that the calling thread's connection is of, whatever its name has
 * come to mean.
 *
 * Shape: for reading, at given places only: its position is shared. Errors: ERR_INTERNAL.
 * Lifetime: the caller closes it.
 */
bool dataset_descriptor(struct dataset *dataset, int *ret, struct error *err);

/** What never changes about the file behind a connection. Lives until the thread's next
 * dataset_conn(). */
const struct state *conn_state(const struct conn *conn);

/** Closes the calling thread's connection, if it has one (threads that end do this by themselves).
 */
void dataset_leave(struct dataset *dataset);

/** The release that was in force on a day: the newest that is not later; NULL: none was yet. */
const char *state_release(const struct state *state, const char *day);

/** Finds the code `id` (or the code named `id`) of a list; NULL: there is none. */
const struct code *state_code(const struct state *state, const char *list, const char *id);
