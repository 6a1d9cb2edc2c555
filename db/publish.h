#pragma once

/* How a dataset file comes to its place: written beside it, sealed, synced, renamed. */

#include <stdbool.h>

#include "server/base/error.h"

/** The file under way, which disappears unless it is published. Zeroed: none. */
struct temporary {
    char *path; /* `FILE.tmp-PID`, in the directory of FILE; NULL: there is none */
};

/**
 * Makes an empty file beside the place of `file`.
 *
 * Errors: ERR_INPUT when the directory takes no file; ERR_INTERNAL. Lifetime: temporary_done()
 * removes it.
 */
bool temporary_make(const char *file, struct temporary *ret, struct error *err);

/** Removes the file, if it was not published, and frees the path. Takes zeroed ones. */
void temporary_done(struct temporary *temporary);

/**
 * Seals the file and puts it in its place, so that after a power cut there is the old one or the
 * new one.
 *
 * Shape: *ret_size is the file's size in bytes. Errors: ERR_INPUT when the place takes no file (the
 * old one is as it was) or its directory cannot be synced (the new one stands); ERR_INTERNAL.
 */
bool temporary_publish(struct temporary *temporary, const char *file, long long *ret_size,
                       struct error *err);

/** Removes what killed processes left beside `file`: each `FILE.tmp-PID` whose process is no more.
 */
void temporary_sweep(const char *file);
