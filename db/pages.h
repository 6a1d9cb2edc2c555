#pragma once

/* How a dataset file is read: SQLite's own layer over files, with three things added. Names are
 * taken as they are; no page is used that is not what the file's seal says; and a page that the
 * system cannot read is a failed query, where reading mapped memory would otherwise end the
 * process. */

#include <stdbool.h>
#include <stdint.h>

#include <sqlite3.h>

struct seal;

/**
 * Registers the layer with SQLite.
 *
 * Shape: the name to open a database with; NULL when it cannot be registered. May be called any
 * number of times, from any thread.
 */
const char *pages_layer(void);

/**
 * Has each page of a database verified from now on, when it is read first.
 *
 * Shape: db was opened with the layer, and read nothing yet. False without memory. Lifetime:
 * borrows the seal until the database is closed.
 */
bool pages_verify(sqlite3 *db, const struct seal *seal);

/** What became of the pages that a database read. */
enum pages_fault {
    PAGES_GOOD,
    PAGES_WRONG,      /* one is not what was sealed */
    PAGES_UNREADABLE, /* the system cannot read one */
};

/**
 * Tells whether something was wrong with a page since the database was opened, and with which.
 *
 * Shape: *ret_page is its number, 0 when it is not known. To be asked in the thread that reads.
 */
enum pages_fault pages_look(sqlite3 *db, uint32_t *ret_page);
