#pragma once

/* fold(text) in SQL: as fold_name(), so that names and words compare without case and accents. */

#include <stdbool.h>

#include <sqlite3.h>

/** Registers fold() on a connection; NULL for what cannot be folded. False, with SQLite's words in
 * sqlite3_errmsg(), without memory. */
bool sql_fold_register(sqlite3 *db);
