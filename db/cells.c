#include "db/cells.h"

#include <string.h>

/* Whether the days of a year are all before a day or none is, or all behind it. */
static bool begins_year(const char *day)
{
    return strcmp(day + 4, "-01-01") == 0;
}

static bool ends_year(const char *day)
{
    return strcmp(day + 4, "-12-31") == 0;
}

/* Whether a condition on a date is met by all days of a year or by none. Some ask for the first day
 * of a value alone, some for the last. */
static bool is_of_years(const struct query *query, const struct term *term)
{
    bool has_first = term->op != OPERATOR_GT && term->op != OPERATOR_LTE;
    bool has_last = term->op != OPERATOR_GTE && term->op != OPERATOR_LT;

    if (term->op == OPERATOR_ISNULL)
        return false; /* cells have the days of a date, and not what is written */
    for (size_t i = term->first; i < term->first + term->n_values; i++) {
        const struct date_span *span = &query->values[i].span;

        if ((has_first && !begins_year(span->min)) || (has_last && !ends_year(span->max)))
            return false;
    }
    return true;
}

/* Whether a field is among the first n of cells. */
static bool have(const struct cells *cells, size_t n, const struct field *field)
{
    for (size_t i = 0; i < n && cells->fields[i] != NULL; i++) {
        if (strcmp(cells->fields[i], field->name) == 0)
            return true;
    }
    return false;
}

/* Whether the world time of rows is that of a field of the cells. */
static bool have_world(const struct cells *cells, const struct resource *resource)
{
    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (field->sql != NULL && resource->start != NULL
            && strcmp(field->sql, resource->start) == 0)
            return have(cells, CELLS_FIELDS, field);
    }
    return false;
}

/* Whether what any row says beyond cells of years, or what was known once, does not count. */
static bool is_plain(const struct query *query)
{
    if (query->as_of[0] != '\0' || query->changed_since[0] != '\0' || query->is_history
        || query->filter != NULL || query->search != NULL || query->key != NULL
        || (query->has_world && (!begins_year(query->world.min) || !ends_year(query->world.max))))
        return false;
    for (size_t i = 0; i < query->n_terms; i++) {
        if (query->terms[i].field->type == FIELD_DATE && !is_of_years(query, &query->terms[i]))
            return false;
    }
    return true;
}

static bool can_tell(const struct cells *cells, const struct query *query,
                     const struct field *const *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!have(cells, cells->n_keys > 0 ? cells->n_keys : CELLS_FIELDS, fields[i]))
            return false;
    }
    for (size_t i = 0; i < query->n_terms; i++) {
        if (!have(cells, CELLS_FIELDS, query->terms[i].field))
            return false;
    }
    return !query->has_world || have_world(cells, query->resource);
}

const struct cells *cells_for(const struct query *query, const struct field *const *fields,
                              size_t n, bool has_parts)
{
    const struct sums *sums = query->resource->sums;
    const struct cells *cells = sums != NULL ? sums->cells : NULL;

    if (cells == NULL || !is_plain(query))
        return NULL;
    for (; cells->from != NULL; cells++) {
        if (can_tell(cells, query, fields, n) && (!has_parts || cells->has_parts))
            return cells;
    }
    return NULL;
}

const struct cells *cells_groups_for(const struct query *query, const struct field *const *fields,
                                     size_t n)
{
    const struct sums *sums = query->resource->sums;
    const struct cells *groups = sums != NULL ? sums->groups : NULL;

    if (groups == NULL || !is_plain(query))
        return NULL;
    for (; groups->from != NULL; groups++) {
        if (n == groups->n_keys && can_tell(groups, query, fields, n))
            return groups;
    }
    return NULL;
}
