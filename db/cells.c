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

bool cells_have(const struct cells *cells, const struct field *field)
{
    for (const char *const *name = cells->fields; *name != NULL; name++) {
        if (strcmp(*name, field->name) == 0)
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
            return cells_have(cells, field);
    }
    return false;
}

static bool can_tell(const struct cells *cells, const struct query *query,
                     const struct field *const *fields, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!cells_have(cells, fields[i]))
            return false;
    }
    for (size_t i = 0; i < query->n_terms; i++) {
        if (!cells_have(cells, query->terms[i].field))
            return false;
    }
    return !query->has_world || have_world(cells, query->resource);
}

const struct cells *cells_for(const struct query *query, const struct field *const *fields,
                              size_t n)
{
    const struct sums *sums = query->resource->sums;

    if (sums == NULL || sums->cells == NULL || query->as_of[0] != '\0'
        || query->changed_since[0] != '\0' || query->is_history || query->filter != NULL
        || query->search != NULL || query->key != NULL
        || (query->has_world
            && (!begins_year(query->world.min) || !ends_year(query->world.max))))
        return NULL;
    for (size_t i = 0; i < query->n_terms; i++) {
        if (query->terms[i].field->type == FIELD_DATE && !is_of_years(query, &query->terms[i]))
            return NULL;
    }
    for (const struct cells *cells = sums->cells; cells->from != NULL; cells++) {
        if (can_tell(cells, query, fields, n))
            return cells;
    }
    return NULL;
}
