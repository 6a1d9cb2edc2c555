#pragma once

/* The digest of a dataset, computed by a second thread while its owner adds indexes to it. */

#include <pthread.h>
#include <stdbool.h>

#include <sqlite3.h>

#include "db/digest.h"
#include "server/base/error.h"

/** A digest under way. */
struct beside {
    bool is_started; /* there is a thread */
    pthread_t thread;
    pthread_mutex_t mutex; /* for is_ready */
    pthread_cond_t ready;  /* it has changed */
    bool is_ready;         /* the thread has seen what tables there are, or has failed */
    sqlite3 *db;           /* the thread's */
    struct digest digest;
    char hex[DIGEST_SIZE];
    bool is_done; /* `hex` is the digest; else `err` says why not */
    struct error err;
};

/**
 * Starts to compute the digest of the file at `path`.
 *
 * Shape: the file must hold all rows, and until beside_end() no more than indexes may be added to
 * it. Errors: ERR_INTERNAL. beside_done() waits for it and frees it.
 */
bool beside_begin(const char *path, struct beside *ret, struct error *err);

/** Waits for the digest. Errors: as digest_compute(). */
bool beside_end(struct beside *beside, char ret[DIGEST_SIZE], struct error *err);

/** Waits for the thread, and frees everything. Takes zeroed ones. */
void beside_done(struct beside *beside);
