#pragma once

/* The seal of a dataset file: a sum of each of its pages, behind the last one. SQLite looks at as
 * many pages as its header says, and so never sees it. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "server/base/error.h"

/** What a file says of its pages. Zeroed: nothing. */
struct seal {
    uint32_t page_size; /* bytes */
    uint32_t n_pages;
    uint64_t *sums; /* of each page, bound to its number; owned: seal_done() */
};

/**
 * Seals a file that SQLite has written and closed: computes the sums of its pages and puts them
 * behind the last one, in the place of any that stand there.
 *
 * Shape: `file` is what the file at `path` will be called. Errors: ERR_INPUT without room on the
 * disk, ERR_INTERNAL when it is no whole SQLite file or without memory.
 */
bool seal_write(const char *path, const char *file, struct error *err);

/**
 * Reads the seal of an open file: whether the file is as long as it has to be, and the sums whole.
 *
 * Shape: reads the header and the seal, 1/512 of the file. Errors: ERR_INPUT with what is wrong,
 * without the file's name (it is shorter or longer than its header says, it has no seal, the seal
 * is damaged, it cannot be read); ERR_INTERNAL without memory.
 */
bool seal_read(int fd, struct seal *ret, struct error *err);

/** Whether the header of a file says that it is a dataset of this program's schema, whole or not.
 */
bool seal_is_dataset(int fd);

/** Whether the bytes are those of a page when it was sealed; pages are counted from 1. */
bool seal_holds(const struct seal *seal, uint32_t page, const void *bytes);

/**
 * Reads pages of a file, at most `most` from number *at on, and moves *at behind them.
 *
 * Shape: the file is at its end when *at is greater than seal->n_pages. Errors: ERR_INPUT with the
 * number of the first page that is not what was sealed, or why it cannot be read: *at is its
 * number; ERR_INTERNAL without memory.
 */
bool seal_verify_some(const struct seal *seal, int fd, uint32_t *at, uint32_t most,
                      struct error *err);

/** Reads the seal of a file and all of its pages. Errors: as the two above. */
bool seal_verify(int fd, struct error *err);

/** Frees the sums. Takes zeroed ones. */
void seal_done(struct seal *seal);
