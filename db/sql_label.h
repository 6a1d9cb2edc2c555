#pragma once

/* label(kind, id) and iso3(id) in SQL: what a thing is called, and the code of a place. A page
 * names the same few things in every row, and a dataset never changes: what was once looked up is
 * kept. */

#include <stdbool.h>

#include <sqlite3.h>

struct sql_labels;

/**
 * Registers both on a connection to a dataset.
 *
 * Shape: NULL for what has no label, or no code. Errors: false, with SQLite's words in
 * sqlite3_errmsg(), without memory. Lifetime: sql_label_free() before the connection is closed and
 * after its last statement.
 */
bool sql_label_register(sqlite3 *db, struct sql_labels **ret);

/** Frees what was kept. Takes NULL. */
void sql_label_free(struct sql_labels *labels);
