#pragma once

/* Tables of sums made when the dataset is built (struct cells), and whether one of them can tell
 * what is asked of the rows. */

#include <stdbool.h>
#include <stddef.h>

#include "db/query.h"
#include "db/resource.h"

/**
 * Finds the cells that stand for the rows of a query, exactly.
 *
 * Shape: the coarsest that have each of the n fields, and those that the conditions are on. NULL:
 * there are none, and the rows must be asked: what is asked for is not what is known now, the words
 * of rows count, or a condition is on a field that rows of a cell need not share, or on days.
 */
const struct cells *cells_for(const struct query *query, const struct field *const *fields,
                              size_t n);

/** Whether the rows of a cell share what a field says; of a date, the years of its days. */
bool cells_have(const struct cells *cells, const struct field *field);
