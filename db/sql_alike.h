#pragma once

/* alike(ROW, LOW, BEST, HIGH, DAY, DAY, DAY, DAY, KEY, ...) in SQL: rows that are alike in every
 * key and in the years of their days, and the sums of their numbers. */

#include <stdbool.h>

#include <sqlite3.h>

/**
 * Makes it known on a connection.
 *
 * Shape: a JSON array of [ROW of the first, rows, sum of LOW, of BEST, of HIGH], in the order in
 * which they are met. Rows that say a number are never alike with rows that do not say it: so a sum
 * is null where no row says the number, and else every row does. GROUP BY would sort a million rows
 * by all their keys, which takes five times as long, and substr() of four days as long as all else
 * here. Errors: false without memory; a sum that is
 * no 64-bit number fails the query.
 */
bool sql_alike_register(sqlite3 *db);
