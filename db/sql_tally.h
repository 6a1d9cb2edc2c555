#pragma once

/* tally(A, B, ROWS, MARK, N) in SQL: how many rows there are of each pair of texts, whether any of
 * them is marked, and the sum of their numbers. */

#include <stdbool.h>

#include <sqlite3.h>

enum { TALLY_MOST = 256 /* pairs; more of them fail the query */ };

/**
 * Makes both known on a connection.
 *
 * Shape: tally: a JSON array of [A, B, total of ROWS, total of N, 1 or 0 for a MARK that is not 0],
 * in the order in which pairs are met; its texts are ids, which JSON need not escape. texts: a JSON
 * array of the texts, each once, by their bytes. GROUP BY and DISTINCT would sort all rows first,
 * which takes seconds for a million of them; here they are counted as they come. Errors: false
 * without memory.
 */
bool sql_tally_register(sqlite3 *db);
