#pragma once

/* $filter of OData 4 -> a tree of conditions on columns. Pure: text in, tree out. */

#include <stdbool.h>
#include <stddef.h>

#include "db/filter.h"
#include "server/base/error.h"

struct flat;
struct flat_column;

/** What a column is to OData. */
enum odata_type {
    ODATA_STRING,
    ODATA_NUMBER, /* Edm.Int64 and Edm.Double: they compare with each other */
    ODATA_BOOLEAN,
    ODATA_DATE, /* one exact day */
    ODATA_NULL,
    ODATA_OPAQUE, /* told as text, but not known to the database as such: nothing compares it */
};

/** The type of a column. */
enum odata_type odata_type_of(const struct flat_column *column);

/** The column of that name, `len` bytes of it; -1: there is none. */
int odata_column(const struct flat *columns, const char *name, size_t len);

/** Which of the columns of its field a column is, as select_column() counts. */
size_t odata_part(const struct flat *columns, int index);

/**
 * Reads an expression into a tree.
 *
 * Shape: and, or, not, parentheses; eq ne gt ge lt le, in (...); contains(), startswith(); names of
 * columns; texts in single quotes, numbers, days, true, false, null.
 * Errors: ERR_PARAM_INVALID for what is no such expression, with the character at which it stops
 * being one; ERR_UNSUPPORTED for what OData has beyond it.
 * Lifetime: ret owns its texts.
 */
bool odata_filter_parse(const char *text, const struct flat *columns, struct filter *ret,
                        struct error *err);
