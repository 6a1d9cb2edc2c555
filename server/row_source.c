#include "server/row_source.h"

#include <stdio.h>
#include <string.h>

#include "db/conn.h"
#include "db/select.h"
#include "server/base/cleanup.h"
#include "server/query.h"

/* Writes a row of another collection, as it was known on a day. */
static bool write_row(void *context, const char *day, const char *collection, const char *id,
                      struct buffer *body)
{
    const struct row_place *place = context;
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    const struct resource *resource = resource_find(place->catalogue, collection);
    struct query query;
    bool is_row;

    if (resource == NULL)
        return error_set(place->err, ERR_INTERNAL, NULL, "there is no collection '%.60s'",
                         collection);
    query_included(resource, place->query, &query);
    snprintf(query.as_of, sizeof(query.as_of), "%s", strcmp(day, DATE_LAST) == 0 ? "" : day);
    query.key = id;
    if (!select_open(place->conn, &query, &rows, place->err)
        || !stmt_step(rows, &is_row, place->err))
        return false;
    if (!is_row)
        return error_set(place->err, ERR_INTERNAL, NULL, "%s '%.100s' was not known on %s",
                         collection, id, day);
    render_json_row(&query, rows, body, NULL);
    return true;
}

struct row_source row_source_of(const struct row_place *place)
{
    return (struct row_source){ write_row, (void *)(uintptr_t)place };
}
