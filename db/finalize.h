#pragma once

/* defer(finalize): a statement that ends with its scope. Those of a connection's cache are lent and
 * given back instead (conn.h). */

#include <sqlite3.h>

static inline void finalize(sqlite3_stmt **stmt)
{
    sqlite3_finalize(*stmt);
    *stmt = NULL;
}
