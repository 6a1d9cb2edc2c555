#include "db/way.h"

#include <string.h>

#include "db/conn.h"
#include "db/select.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum {
    WAY_SQL = 32 << 10,          /* most bytes of a statement that counts */
    WAY_LEADS = QUERY_TERMS + 3, /* most conditions of a query */
};

bool way_lists(const char *names, const char *name)
{
    size_t len = strlen(name);
    const char *at = names;

    while (at != NULL && (at = strstr(at, name)) != NULL) {
        if (at > names && at[-1] == ' ' && at[len] == ' ')
            return true;
        at += len;
    }
    return false;
}

static bool is_equality(enum operator op)
{
    return op == OPERATOR_EQUAL || op == OPERATOR_IN;
}

static bool is_order(enum operator op)
{
    return op == OPERATOR_GT || op == OPERATOR_GTE || op == OPERATOR_LT || op == OPERATOR_LTE;
}

bool way_is_grouped(const struct query *query, const struct term *term)
{
    /* Of days only the order is told by groups: an imprecise one is a span. */
    return (is_equality(term->op) || term->op == OPERATOR_NOT || term->op == OPERATOR_NOTIN
            || term->op == OPERATOR_ISNULL)
           && term->field->type != FIELD_DAY
           && way_lists(query->resource->ways->grouped, term->field->name);
}

bool way_is_found(const struct query *query, const struct term *term)
{
    const struct ways *ways = query->resource->ways;
    const struct field *field = term->field;

    if (way_is_grouped(query, term))
        return true;
    if (!way_lists(ways->found, field->name))
        return false;
    if (field->type == FIELD_NUMBER && way_lists(ways->most, field->name))
        return is_equality(term->op) || term->op == OPERATOR_GT || term->op == OPERATOR_GTE;
    return is_equality(term->op)
           || (is_order(term->op)
               && (field->type == FIELD_DATE || field->type == FIELD_DAY
                   || field->type == FIELD_NUMBER));
}

/* The one field that rows are sorted by before their ids; NULL: none, or several. */
static const struct field *sort_of(const struct query *query)
{
    return query->n_sorts == 1 && !query->sorts[0].is_column ? query->sorts[0].field : NULL;
}

bool way_sorts_groups(const struct query *query)
{
    const struct field *field = sort_of(query);

    return field != NULL && way_lists(query->resource->ways->grouped, field->name);
}

static bool sorts_by_id(const struct query *query)
{
    return query->n_sorts == 0 || (sort_of(query) != NULL && sort_of(query)->type == FIELD_ID);
}

static bool is_walkable(const struct query *query)
{
    return query->n_sorts == 0
           || (sort_of(query) != NULL
               && way_lists(query->resource->ways->ordered, sort_of(query)->name));
}

/* How many rows there are, about: versions and all. */
static bool count_all(struct conn *conn, const struct ways *ways, int64_t *ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(WAY_SQL);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    bool is_row;

    buffer_text(&sql, "SELECT max(rowid) FROM ");
    if (!buffer_text(&sql, ways->table))
        return error_set(err, ERR_INTERNAL, NULL, "no room for the SQL of a count");
    if (!conn_stmt(conn, sql.data, &stmt, err) || !stmt_step(stmt, &is_row, err))
        return false;
    *ret = sqlite3_column_int64(stmt, 0);
    return true;
}

/* How many rows a way finds, counted up to `most`: from the index alone. */
static bool count_found(struct conn *conn, const struct query *query, const struct way *way,
                        int64_t most, int64_t *ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(WAY_SQL);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    bool is_row;

    buffer_text(&sql, "SELECT count(*) FROM (");
    select_lead(&sql, query, way);
    if (!buffer_text(&sql, " LIMIT :most)"))
        return error_set(err, ERR_INTERNAL, NULL, "no room for the SQL of a count");
    if (!conn_stmt(conn, sql.data, &stmt, err))
        return false;
    select_bind(stmt, query);
    sqlite3_bind_int64(stmt, sqlite3_bind_parameter_index(stmt, ":most"), most);
    if (!stmt_step(stmt, &is_row, err))
        return false;
    *ret = sqlite3_column_int64(stmt, 0);
    return true;
}

/*
 * A search costs as many rows as it finds. A walk finds one row of a page in every (all / found),
 * so that both cost the same where found is the root of all * page.
 */
static int64_t even_point(int64_t all)
{
    int64_t low = 1, high = INT32_MAX;

    while (low < high) {
        int64_t middle = (low + high + 1) / 2;

        if (middle * middle <= all * QUERY_LIMIT)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* Each condition that an index serves, as a way. */
static size_t list_leads(const struct query *query, struct way leads[WAY_LEADS])
{
    size_t n = 0;

    for (size_t i = 0; i < query->n_terms; i++) {
        if (way_is_found(query, &query->terms[i]))
            leads[n++] = (struct way){ .kind = WAY_SEARCH, .lead = &query->terms[i] };
    }
    if (query->has_world)
        leads[n++] = (struct way){ .kind = WAY_SEARCH, .is_world = true };
    if (query->changed_since[0] != '\0')
        leads[n++] = (struct way){ .kind = WAY_SEARCH, .is_changed = true };
    if (query->as_of[0] != '\0')
        leads[n++] = (struct way){ .kind = WAY_SEARCH, .is_known = true };
    return n;
}

/* Whether the rows of a condition stand in the order that is asked for: it names one thing, and by
 * no name that several have. */
static bool check_along(struct conn *conn, const struct query *query, const struct term *term,
                        bool *ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(WAY_SQL);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    bool is_row;

    *ret = term != NULL && is_equality(term->op) && term->n_values == 1 && sorts_by_id(query)
           && way_lists(query->resource->ways->along, term->field->name);
    if (!*ret)
        return true;
    buffer_text(&sql, "SELECT count(*) FROM ");
    select_named(&sql, term);
    if (sql.broken)
        return error_set(err, ERR_INTERNAL, NULL, "no room for the SQL of a count");
    if (!conn_stmt(conn, sql.data, &stmt, err))
        return false;
    select_bind(stmt, query);
    if (!stmt_step(stmt, &is_row, err))
        return false;
    *ret = sqlite3_column_int64(stmt, 0) == 1;
    return true;
}

/* The way in the order that is asked for, where an index has one. */
static enum way_kind walk_of(const struct query *query, bool has_group)
{
    /* All rows of a stream are sorted only where no index has them in order. */
    bool is_page = query->limit <= QUERY_LIMIT_MAX;

    if (is_page && (way_sorts_groups(query) || (has_group && sorts_by_id(query))))
        return WAY_GROUPS;
    return is_walkable(query) ? WAY_WALK : WAY_PLAIN;
}

/* The way that costs the least, but that it is not seen yet whether it has an order. */
static bool choose(struct conn *conn, const struct query *query, struct way *ret, struct error *err)
{
    const struct ways *ways = query->resource->ways;
    struct way leads[WAY_LEADS];
    bool has_group = false, is_along = false;
    int64_t all = 0, least;
    size_t n;

    *ret = (struct way){ .kind = WAY_PLAIN };
    if (ways == NULL || query->key != NULL || query->is_history || query->search != NULL
        || query->filter != NULL)
        return true;
    n = list_leads(query, leads);
    for (size_t i = 0; i < query->n_terms; i++)
        has_group = has_group || way_is_grouped(query, &query->terms[i]);
    ret->kind = walk_of(query, has_group);
    if (n == 0)
        return true;
    if (n == 1 && !check_along(conn, query, leads[0].lead, &is_along, err))
        return false;
    if (n == 1 && (ret->kind == WAY_PLAIN || is_along)) {
        *ret = leads[0];
        return true;
    }
    if (!count_all(conn, ways, &all, err))
        return false;
    least = even_point(all);
    if (ret->kind == WAY_PLAIN)
        *ret = leads[0];
    for (size_t i = 0; i < n; i++) {
        int64_t found = 0;

        if (!count_found(conn, query, &leads[i], least, &found, err))
            return false;
        if (found < least) {
            least = found;
            *ret = leads[i];
        }
    }
    return true;
}

bool way_choose(struct conn *conn, const struct query *query, struct way *ret, struct error *err)
{
    bool is_along;

    if (!choose(conn, query, ret, err) || !check_along(conn, query, ret->lead, &is_along, err))
        return false;
    if (is_along)
        ret->kind = WAY_ALONG;
    return true;
}
