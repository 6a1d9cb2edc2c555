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
 * Shape: the coarsest of a resource that have each of the n fields, and those that the conditions
 * are on; has_parts: among those that do. NULL: there are none, and the rows must be asked: what is
 * asked for is not what is known now, the words of rows count, or a condition is on a field that
 * rows of a cell need not share, or on days.
 */
const struct cells *cells_for(const struct query *query, const struct field *const *fields,
                              size_t n, bool has_parts);

/** Finds the table of whole groups by just these n fields that stands for the rows of a query.
 * NULL: there is none. */
const struct cells *cells_groups_for(const struct query *query, const struct field *const *fields,
                                     size_t n);
