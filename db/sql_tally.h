#pragma once

/* tally(A, B, N) in SQL: how many rows there are of each pair of texts, and the sum of their
 * numbers. */

#include <stdbool.h>

#include <sqlite3.h>

enum { TALLY_MOST = 256 /* pairs; more of them fail the query */ };

/**
 * Makes both known on a connection.
 *
 * Shape: tally: a JSON array of [A, B, rows, total of N], in the order in which pairs are met; its
 * texts are ids, which JSON need not escape. texts: a JSON array of the texts, each once, by their
 * bytes. GROUP BY and DISTINCT would sort all rows first, which takes seconds for a million of
 * them; here they are counted as they come. Errors: false without memory.
 */
bool sql_tally_register(sqlite3 *db);
