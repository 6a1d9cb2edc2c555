#pragma once

/* Which dataset file is current, and each worker's own connection to it. A dataset is immutable and
 * swapped whole. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/seal.h"
#include "server/base/error.h"

struct conn;

/** What tells whether an open file is still what was written. */
struct guard {
    int descriptor; /* of the file */
    struct seal seal;
    bool is_sealed;         /* pages are compared with the seal when they are read */
    uint32_t next;          /* page that dataset_watch() verifies next; behind the last: none */
    atomic_bool is_damaged; /* a page was found wrong, or could not be read */
    bool is_told;           /* dataset_watch() told so */
};

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
    struct guard *guard; /* NULL: the file is not looked after */
};

/** How far a file is proved to be what was written, before and while it is answered from. */
enum dataset_verify {
    DATASET_VERIFY_QUICK, /* each page when it is read first; all by and by, and all before a file
                             takes the place of another */
    DATASET_VERIFY_FULL,  /* all before the first answer as well */
    DATASET_VERIFY_OFF,   /* header and schema alone */
};

struct dataset;

/**
 * Makes the holder of the current dataset; nothing is open yet.
 *
 * Errors: NULL without memory. Lifetime: dataset_free() when no thread uses it any more.
 */
struct dataset *dataset_new(void);

/** Sets how files are verified from the next one on; DATASET_VERIFY_QUICK at first. */
void dataset_set_verify(struct dataset *dataset, enum dataset_verify verify);

/** Closes everything. Takes NULL. Connections of other threads must have been closed (their threads
 * ended). */
void dataset_free(struct dataset *dataset);

/**
 * Checks a file and makes it the current one; requests under way finish on the one they began with.
 *
 * Errors: ERR_INPUT with a sentence that says why (missing, not a dataset, newer schema, cut off,
 * a page that is not what was written): the old one stays. Safe in any thread.
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

/** What names the current dataset, without asking it anything. False: nothing was published. Safe
 * in any thread. */
bool dataset_name(struct dataset *dataset, char ret_release[11], char ret_digest[65]);

/** What dataset_watch() has to tell. */
enum dataset_news {
    DATASET_NO_NEWS,
    DATASET_VERIFIED, /* every page of the current dataset is what was written */
    DATASET_DAMAGED,  /* one is not, or cannot be read: *err says which and why */
    DATASET_HEALED,   /* one was not, or could not be read; now all are right */
};

/**
 * Verifies some more pages of the current dataset: all once, and all anew while it is damaged.
 *
 * Shape: to be called by the thread that publishes, again and again; *ret_wait tells in how many
 * milliseconds, *ret what is new. Takes under a millisecond where the file is in memory.
 */
void dataset_watch(struct dataset *dataset, enum dataset_news *ret, int *ret_wait,
                   struct error *err);

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
