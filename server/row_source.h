#pragma once

/* Where the rows of other collections come from that a row names (FIELD_ROW). */

#include "db/query.h"
#include "server/base/error.h"
#include "server/render_json.h"

struct conn;

/** Borrows everything. */
struct row_place {
    const struct resource *const *catalogue;
    struct conn *conn;
    const struct query *query; /* whose rows name the others */
    struct error *err;         /* gets why one cannot be told */
};

/** Makes the source for the renderers; it borrows the place. */
struct row_source row_source_of(const struct row_place *place);
