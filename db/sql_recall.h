#pragma once

/* Questions on lists, as functions in SQL that remember their answers: groups of sums name the same
 * few sources and flags again and again, and a dataset never changes. */

#include <stdbool.h>

#include <sqlite3.h>

struct recall;

/**
 * Makes them known on a connection to a dataset. LIST is a JSON array of texts.
 *
 * Shape: named(KIND, LIST): [{"id", "name"}, ...] of the things of a kind, by id, as ready JSON.
 * independent(LIST): how many of these sources do not repeat one another. merged(LIST): the texts
 * of arrays of texts, each once, as ready JSON. NULL of NULL. Errors: false, with SQLite's words in
 * sqlite3_errmsg(), or without memory. Lifetime: recall_free() before the connection is closed.
 */
bool recall_register(sqlite3 *db, struct recall **ret);

/** Frees answers and statements. Takes NULL. */
void recall_free(struct recall *recall);
