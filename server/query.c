#include "server/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/dataset.h"
#include "db/search.h"
#include "db/select.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/fold.h"
#include "server/cursor.h"
#include "server/fingerprint.h"
#include "server/param.h"
#include "server/route.h"
#include "server/target.h"
#include "server/type.h"

/** Everything that reading one parameter needs. */
struct reader {
    const struct resource *const *catalogue;
    const struct state *state;
    const struct target *target;
    const struct route *route;
    struct query *query;
    struct error *err;
};

/** A parameter of the engine's own. */
struct reserved {
    const char *name;
    bool (*read)(const struct reader *reader, const char *value);
    const char *initial; /* what holds where it is not given; NULL: nothing that can be written */
    bool on_items;       /* one item takes it as well */
    bool is_world;       /* only where the resource has world time */
    bool is_known;       /* only where rows are kept in versions */
    bool is_changes;     /* only where rows are changes */
    bool is_search;      /* only where words find rows */
    bool no_lists;       /* items alone take it */
    bool on_stats;       /* sums take it as well */
    bool on_graph;       /* reports on a graph take it as well */
    bool is_json;        /* only where the answer is JSON */
    bool is_csv;         /* only where it is CSV */
    bool is_list;        /* only where the answer is a list of rows */
    bool is_paging;      /* where it is given, a flat answer is a page and not all rows */
};

/* ---- small readers ---- */

/* Keeps a text in the query; NULL when there is no room. */
static const char *keep(struct query *query, const char *text, size_t len)
{
    char *to = query->text + query->text_len;

    if (query->text_len + len + 1 > sizeof(query->text))
        return NULL;
    memcpy(to, text, len);
    to[len] = '\0';
    query->text_len += len + 1;
    return to;
}

/* ---- the engine's own parameters ---- */

static bool read_sort(const struct reader *reader, const char *value)
{
    struct query *query = reader->query;
    char item[80];

    query->n_sorts = 0;
    while (param_item(&value, item, sizeof(item))) {
        bool descending = item[0] == '-';
        const char *name = item + (descending ? 1 : 0);
        const struct field *field = resource_field(query->resource, name);

        if (field == NULL || !(field->flags & FIELD_SORT)) {
            error_set(reader->err, ERR_PARAM_INVALID, "sort", "Rows cannot be sorted by '%.60s'.",
                      name);
            for (field = query->resource->fields; field->name != NULL; field++) {
                if (field->flags & FIELD_SORT)
                    error_allow(reader->err, name, field->name);
            }
            return false;
        }
        if (query->n_sorts == QUERY_SORTS)
            return error_set(reader->err, ERR_PARAM_INVALID, "sort",
                             "'sort' takes at most %d keys.", QUERY_SORTS);
        for (size_t i = 0; i < query->n_sorts; i++) {
            if (query->sorts[i].field == field)
                return error_set(reader->err, ERR_PARAM_INVALID, "sort", "'sort' names '%s' twice.",
                                 name);
        }
        /* Nothing is left to sort behind an id. */
        if (query->n_sorts == 0 || query->sorts[query->n_sorts - 1].field->type != FIELD_ID)
            query->sorts[query->n_sorts++] =
                (struct sort){ .field = field, .descending = descending };
    }
    return true;
}

static bool read_limit(const struct reader *reader, const char *value)
{
    return param_count("limit", value, 1, QUERY_LIMIT_MAX, &reader->query->limit, reader->err);
}

static bool read_offset(const struct reader *reader, const char *value)
{
    if (target_param(reader->target, "cursor") != NULL)
        return error_set(reader->err, ERR_PARAM_INVALID, "offset",
                         "'offset' and 'cursor' exclude each other.");
    return param_count("offset", value, 0, QUERY_OFFSET_MAX, &reader->query->offset, reader->err);
}

/* The cursor needs the sort keys: it is read when all else is. */
static bool read_cursor(const struct reader *reader, const char *value)
{
    (void)reader;
    (void)value;
    return true;
}

static bool read_counted(const struct reader *reader, const char *value)
{
    size_t index;

    if (!param_word("count", value, (const char *const[]){ "none", "exact", NULL }, &index,
                    reader->err))
        return false;
    reader->query->is_counted = index == 1;
    return true;
}

/* What form the answer has is settled before the query is read (serve.c). */
static bool read_format(const struct reader *reader, const char *value)
{
    (void)reader;
    (void)value;
    return true;
}

static bool read_shape(const struct reader *reader, const char *value)
{
    size_t index;

    if (!param_word("shape", value, (const char *const[]){ "envelope", "array", NULL }, &index,
                    reader->err))
        return false;
    reader->query->is_array = index == 1;
    return true;
}

static bool read_flag(const struct reader *reader, const char *name, const char *value, bool *ret)
{
    size_t index;

    if (!param_word(name, value, (const char *const[]){ "0", "1", NULL }, &index, reader->err))
        return false;
    *ret = index == 1;
    return true;
}

static bool read_pretty(const struct reader *reader, const char *value)
{
    return read_flag(reader, "pretty", value, &reader->query->is_pretty);
}

static bool read_bom(const struct reader *reader, const char *value)
{
    return read_flag(reader, "bom", value, &reader->query->is_bom);
}

static bool read_excel(const struct reader *reader, const char *value)
{
    /* A spreadsheet takes UTF-8 for something else where there is no mark. */
    if (!read_flag(reader, "excel", value, &reader->query->is_excel))
        return false;
    reader->query->is_bom = reader->query->is_bom || reader->query->is_excel;
    return true;
}

static bool read_download(const struct reader *reader, const char *value)
{
    return read_flag(reader, "dl", value, &reader->query->is_download);
}

static bool read_certainty(const struct reader *reader, const char *value)
{
    size_t index;

    if (!param_word("certainty", value, (const char *const[]){ "possible", "definite", NULL },
                    &index, reader->err))
        return false;
    reader->query->is_definite = index == 1;
    return true;
}

static void take_field(struct query *query, const struct field *field)
{
    if (!(field->flags & FIELD_HIDDEN) && query->n_fields < QUERY_FIELDS)
        query->fields[query->n_fields++] = field;
}

/* Takes a field unless a parameter has to ask for it. */
static void take_common_field(struct query *query, const struct field *field)
{
    if (field->param == NULL)
        take_field(query, field);
}

static bool read_fields(const struct reader *reader, const char *value)
{
    struct query *query = reader->query;
    bool is_wanted[QUERY_FIELDS] = { true }; /* the id comes first, and always */
    char item[80];

    while (param_item(&value, item, sizeof(item))) {
        const struct field *field = resource_field(query->resource, item);

        if (field == NULL || (field->flags & FIELD_HIDDEN)) {
            error_set(reader->err, ERR_PARAM_INVALID, "fields", "There is no field '%.60s'.", item);
            for (field = query->resource->fields; field->name != NULL; field++) {
                if (!(field->flags & FIELD_HIDDEN))
                    error_allow(reader->err, item, field->name);
            }
            return false;
        }
        is_wanted[field - query->resource->fields] = true;
    }
    query->n_fields = 0;
    for (size_t i = 0; query->resource->fields[i].name != NULL; i++) {
        if (is_wanted[i])
            take_field(query, &query->resource->fields[i]);
    }
    return true;
}

static bool read_include(const struct reader *reader, const char *value)
{
    struct query *query = reader->query;
    char item[80];
    const char *name;

    while (param_item(&value, item, sizeof(item))) {
        size_t i = 0;

        while ((name = resource_include(query->resource, i)) != NULL && strcmp(name, item) != 0)
            i++;
        if (name == NULL) {
            error_set(reader->err, ERR_PARAM_INVALID, "include",
                      "'%.60s' cannot be included in %s.", item, query->resource->name);
            for (i = 0; (name = resource_include(query->resource, i)) != NULL; i++)
                error_allow(reader->err, item, name);
            return false;
        }
        for (i = 0; i < query->n_includes && strcmp(query->includes[i]->name, item) != 0; i++)
            ;
        if (i == query->n_includes && i < QUERY_INCLUDES)
            query->includes[query->n_includes++] = resource_find(reader->catalogue, item);
    }
    return true;
}

static bool read_date(const struct reader *reader, const char *name, const char *value,
                      struct date_span *ret)
{
    if (date_parse_request(value, ret))
        return true;
    return error_set(reader->err, ERR_PARAM_INVALID, name,
                     "'%s' takes a date of the calendar such as 2013, 2013-04, 2013-04-25, an RFC "
                     "3339 instant or Unix"
                     " seconds, not '%.60s'.",
                     name, value);
}

static bool read_as_of(const struct reader *reader, const char *value)
{
    struct date_span span;

    if (!read_date(reader, "as_of", value, &span))
        return false;
    /* As known by the end of the month or year, where no day is given. */
    memcpy(reader->query->as_of, span.max, sizeof(span.max));
    return true;
}

/* Reads the day after which, or up to which, changes are told. */
static bool read_release(const struct reader *reader, const char *name, const char *value,
                         char ret[DATE_DAY_SIZE])
{
    struct date_span span;

    if (date_parse_request(value, &span)) {
        memcpy(ret, span.max, sizeof(span.max));
        return true;
    }
    error_set(reader->err, ERR_PARAM_INVALID, name,
              "'%s' takes a release or another day such as 2013-04-25, not '%.60s'.", name, value);
    for (size_t i = 0; i < reader->state->n_releases; i++)
        error_allow(reader->err, value, reader->state->releases[i]);
    return false;
}

static bool read_since(const struct reader *reader, const char *value)
{
    return read_release(reader, "since", value, reader->query->since);
}

/* What came later than until= is not asked for: it is as_of= by another name. check_times() has the
 * last word on both. */
static bool read_until(const struct reader *reader, const char *value)
{
    char until[DATE_DAY_SIZE];

    return read_release(reader, "until", value, until);
}

static bool read_changed_since(const struct reader *reader, const char *value)
{
    struct date_span span;

    if (!read_date(reader, "changed_since", value, &span))
        return false;
    memcpy(reader->query->changed_since, span.max, sizeof(span.max));
    return true;
}

static bool read_history(const struct reader *reader, const char *value)
{
    size_t index;

    if (!param_word("history", value, (const char *const[]){ "false", "true", "0", "1", NULL },
                    &index, reader->err))
        return false;
    reader->query->is_history = index % 2 == 1;
    return true;
}

/* Looks whether there is something to search for, and keeps it. */
static bool keep_search(const struct reader *reader, const char *name, const char *value,
                        const char **ret)
{
    struct search search;

    if (!search_parse(name, value, &search, reader->err))
        return false;
    *ret = keep(reader->query, value, strlen(value));
    return *ret != NULL
           || error_set(reader->err, ERR_PARAM_INVALID, name,
                        "The values of all parameters are too long together.");
}

static bool read_search(const struct reader *reader, const char *value)
{
    return keep_search(reader, "q", value, &reader->query->search);
}

static bool narrow_world(const struct reader *reader, const char *name,
                         const struct date_span *span)
{
    struct query *query = reader->query;

    if (!query->has_world)
        query->world = (struct date_span){ DATE_FIRST, DATE_LAST };
    query->has_world = true;
    if (strcmp(span->min, query->world.min) > 0)
        memcpy(query->world.min, span->min, sizeof(span->min));
    if (strcmp(span->max, query->world.max) < 0)
        memcpy(query->world.max, span->max, sizeof(span->max));
    if (strcmp(query->world.min, query->world.max) > 0)
        return error_set(reader->err, ERR_PARAM_INVALID, name,
                         "'%s' leaves no day: the period would begin on %s and end on %s.", name,
                         query->world.min, query->world.max);
    return true;
}

static bool read_at(const struct reader *reader, const char *value)
{
    struct date_span span;

    return read_date(reader, "at", value, &span) && narrow_world(reader, "at", &span);
}

static bool read_during(const struct reader *reader, const char *value)
{
    const char *dots = strstr(value, "..");
    struct date_span first, last;
    char from[40];

    if (dots == NULL)
        return read_date(reader, "during", value, &first) && narrow_world(reader, "during", &first);
    snprintf(from, sizeof(from), "%.*s", (int)(dots - value), value);
    if (!read_date(reader, "during", from, &first) || !read_date(reader, "during", dots + 2, &last))
        return false;
    memcpy(first.max, last.max, sizeof(last.max));
    return narrow_world(reader, "during", &first);
}

static bool read_from(const struct reader *reader, const char *value)
{
    struct date_span span;

    if (!read_date(reader, "from", value, &span))
        return false;
    memcpy(span.max, DATE_LAST, sizeof(span.max));
    return narrow_world(reader, "from", &span);
}

static bool read_to(const struct reader *reader, const char *value)
{
    struct date_span span;

    if (!read_date(reader, "to", value, &span))
        return false;
    memcpy(span.min, DATE_FIRST, sizeof(span.min));
    return narrow_world(reader, "to", &span);
}

static const struct reserved reserved[] = {
    { .name = "q", .read = read_search, .is_search = true, .on_stats = true, .on_graph = true },
    { .name = "at", .read = read_at, .is_world = true, .on_stats = true, .on_graph = true },
    { .name = "during", .read = read_during, .is_world = true, .on_stats = true, .on_graph = true },
    { .name = "from", .read = read_from, .is_world = true, .on_stats = true, .on_graph = true },
    { .name = "to", .read = read_to, .is_world = true, .on_stats = true, .on_graph = true },
    { .name = "as_of", .read = read_as_of, .on_items = true, .on_stats = true, .on_graph = true },
    { .name = "since", .read = read_since, .on_items = true, .is_changes = true },
    { .name = "until", .read = read_until, .on_items = true, .is_changes = true },
    { .name = "changed_since", .read = read_changed_since, .is_known = true },
    { .name = "history",
      .read = read_history,
      .initial = "false",
      .on_items = true,
      .is_known = true,
      .no_lists = true },
    { .name = "certainty",
      .read = read_certainty,
      .initial = "possible",
      .on_stats = true,
      .on_graph = true },
    { .name = "sort", .read = read_sort },
    { .name = "limit", .read = read_limit, .initial = "100", .is_paging = true },
    { .name = "cursor", .read = read_cursor, .is_paging = true },
    { .name = "offset", .read = read_offset, .initial = "0", .is_paging = true },
    { .name = "count", .read = read_counted, .initial = "exact" },
    { .name = "fields", .read = read_fields, .on_items = true },
    { .name = "include", .read = read_include, .on_items = true, .is_json = true },
    { .name = "format", .read = read_format, .on_stats = true, .on_graph = true, .is_list = true },
    { .name = "shape",
      .read = read_shape,
      .initial = "envelope",
      .is_json = true,
      .is_list = true },
    { .name = "bom",
      .read = read_bom,
      .initial = "0",
      .on_stats = true,
      .on_graph = true,
      .is_csv = true },
    { .name = "excel",
      .read = read_excel,
      .initial = "0",
      .on_stats = true,
      .on_graph = true,
      .is_csv = true },
    { .name = "dl",
      .read = read_download,
      .initial = "0",
      .on_stats = true,
      .on_graph = true,
      .is_list = true },
    { .name = "pretty",
      .read = read_pretty,
      .initial = "0",
      .on_items = true,
      .on_stats = true,
      .on_graph = true,
      .is_json = true },
};
enum { N_RESERVED = sizeof(reserved) / sizeof(*reserved) };

bool query_is_paged(const struct target *target)
{
    for (size_t i = 0; i < N_RESERVED; i++) {
        if (reserved[i].is_paging && target_param(target, reserved[i].name) != NULL)
            return true;
    }
    return false;
}

const char *query_reserved(size_t index)
{
    return index < N_RESERVED ? reserved[index].name : NULL;
}

static bool is_taken(const struct reserved *param, const struct reader *reader)
{
    return (param->on_items || reader->query->key == NULL)
           && (param->on_stats || reader->route->kind != ROUTE_STATS)
           && (param->on_graph || reader->query->resource->graph == NULL)
           && (!param->is_csv || reader->route->format == FORMAT_CSV)
           && (!param->is_list || route_is_list(reader->route))
           && (!param->is_json || reader->route->format == FORMAT_JSON)
           && (!param->is_world || reader->query->resource->start != NULL)
           && (!param->is_known || resource_has_versions(reader->query->resource))
           && (!param->is_changes || reader->query->resource->changes_of != NULL)
           && (!param->is_search || reader->query->resource->search != NULL)
           && (!param->no_lists || reader->query->key != NULL);
}

/* ---- filters ---- */

static bool invalid_value(const struct reader *reader, const char *name, const struct field *field,
                          const char *text)
{
    return error_set(reader->err, ERR_PARAM_INVALID, name, "'%s' takes %s, not '%.60s'.", name,
                     type_expects(field), text);
}

static bool invalid_code(const struct reader *reader, const char *name, const struct field *field,
                         const char *text)
{
    error_set(reader->err, ERR_PARAM_INVALID, name,
              "'%s' takes one of a closed list, and '%.60s' is not in it.", name, text);
    for (size_t i = 0; i < reader->state->n_codes; i++) {
        if (strcmp(reader->state->codes[i].list, field->codes) == 0)
            error_allow(reader->err, text, reader->state->codes[i].id);
    }
    return false;
}

/* A collection that has rows here: in changes, those whose rows are dated by when they were known.
 */
static bool is_collection_here(const struct reader *reader, const struct resource *collection)
{
    if (collection->graph != NULL)
        return false;
    return reader->query->resource->changes_of == NULL || resource_has_versions(collection);
}

static const struct resource *read_collection(const struct reader *reader, const char *name,
                                              const char *text)
{
    const struct resource *found = resource_find(reader->catalogue, text);

    if (found != NULL && is_collection_here(reader, found))
        return found;
    if (found != NULL)
        error_set(reader->err, ERR_PARAM_INVALID, name,
                  "Rows of %s are not dated by when they were known: there are no changes of them.",
                  found->name);
    else
        error_set(reader->err, ERR_PARAM_INVALID, name, "There is no collection '%.60s'.", text);
    for (const struct resource *const *at = reader->catalogue; *at != NULL; at++) {
        if (is_collection_here(reader, *at))
            error_allow(reader->err, text, (*at)->name);
    }
    return NULL;
}

static bool keep_value(const struct reader *reader, const char *name, const char *text,
                       struct value *ret)
{
    ret->text = keep(reader->query, text, strlen(text));
    return ret->text != NULL
           || error_set(reader->err, ERR_PARAM_INVALID, name,
                        "The values of all conditions are too long together.");
}

/* Reads one value of a condition as its field's type wants it. */
static bool read_value(const struct reader *reader, const char *name, const struct term *term,
                       const char *text)
{
    const struct field *field = term->field;
    struct query *query = reader->query;
    struct value value = { .text = NULL };
    const struct code *code;
    char folded[1024];
    char *end;

    if (query->n_values == QUERY_VALUES)
        return error_set(reader->err, ERR_PARAM_INVALID, name,
                         "All conditions together take at most %d values.", QUERY_VALUES);
    if (*text == '\0')
        return error_set(
            reader->err, ERR_PARAM_INVALID, name,
            "'%s' has an empty value; it takes %s (and %s__isnull=true asks for rows without one).",
            name, type_expects(field), field->name);
    switch (field->type) {
    case FIELD_INTEGER:
    case FIELD_NUMBER:
        if (!param_integer(text, &value.integer))
            return invalid_value(reader, name, field, text);
        break;
    case FIELD_REAL:
        value.real = strtod(text, &end);
        if (*end != '\0' || strspn(text, "-+.0123456789") != strlen(text))
            return invalid_value(reader, name, field, text);
        break;
    case FIELD_DATE:
    case FIELD_DAY:
        if (!date_parse_request(text, &value.span))
            return invalid_value(reader, name, field, text);
        break;
    case FIELD_CODE:
        code = state_code(reader->state, field->codes, text);
        if (code == NULL)
            return invalid_code(reader, name, field, text);
        if (!keep_value(reader, name, code->id, &value))
            return false;
        break;
    case FIELD_BOOLEAN:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return invalid_value(reader, name, field, text);
        value.integer = text[0] == 't';
        break;
    case FIELD_COLLECTION: {
        const struct resource *collection = read_collection(reader, name, text);

        if (collection == NULL)
            return false;
        value.text = collection->name;
        break;
    }
    case FIELD_ID:
        if (field->kind == NULL && term->op != OPERATOR_CONTAINS
            && term->op != OPERATOR_STARTSWITH) {
            if (!keep_value(reader, name, text, &value))
                return false;
            break;
        }
        /* fall through */
    default:
        if (field->type == FIELD_TEXTS && field->codes != NULL && term->op != OPERATOR_CONTAINS) {
            code = state_code(reader->state, field->codes, text);
            if (code == NULL)
                return invalid_code(reader, name, field, text);
            text = code->id; /* the name of a code is taken as well, and rows hold ids */
        }
        if (fold_name(text, folded, sizeof(folded)) == 0)
            return invalid_value(reader, name, field, text);
        if (!keep_value(reader, name, folded, &value))
            return false;
    }
    query->values[query->n_values++] = value;
    return true;
}

static bool read_is_null(const struct reader *reader, const char *name, struct term *term,
                         const char *text)
{
    size_t index;

    if (!param_word(name, text, (const char *const[]){ "false", "true", "0", "1", NULL }, &index,
                    reader->err))
        return false;
    term->is_null = index % 2 == 1;
    return true;
}

/* Reads all values of one parameter: they stand together, and any of them may hold. */
static bool read_term(const struct reader *reader, const char *name, const struct field *field,
                      enum operator op)
{
    struct query *query = reader->query;
    struct term *term = &query->terms[query->n_terms];
    const struct target *target = reader->target;
    bool is_read = false;

    if (query->n_terms == QUERY_TERMS)
        return error_set(reader->err, ERR_PARAM_INVALID, name,
                         "A request takes at most %d conditions.", QUERY_TERMS);
    *term = (struct term){ .field = field, .op = op, .first = query->n_values };
    query->n_terms++;
    for (size_t i = 0; i < target->n_params; i++) {
        const char *value = target->params[i].value;

        if (strcmp(target->params[i].name, name) != 0)
            continue;
        if (op == OPERATOR_ISNULL) {
            if (is_read)
                return error_set(reader->err, ERR_PARAM_REPEATED, name, "'%s' may stand only once.",
                                 name);
            is_read = true;
            if (!read_is_null(reader, name, term, value))
                return false;
        } else if (op == OPERATOR_IN || op == OPERATOR_NOTIN) {
            char item[1024];

            while (value != NULL) {
                if (strcspn(value, ",") >= sizeof(item))
                    return error_set(reader->err, ERR_PARAM_INVALID, name,
                                     "A value of '%s' is longer than %zu bytes.", name,
                                     sizeof(item) - 1);
                param_item(&value, item, sizeof(item));
                if (!read_value(reader, name, term, item))
                    return false;
            }
        } else if (!read_value(reader, name, term, value)) {
            return false;
        }
    }
    term->n_values = query->n_values - term->first;
    return true;
}

static bool unknown_operator(const struct reader *reader, const char *name,
                             const struct field *field)
{
    char right[128];
    bool is_any = false;

    error_set(reader->err, ERR_PARAM_UNKNOWN, name, "'%.60s' is no way to filter by '%s'.", name,
              field->name);
    for (int op = 0; op < OPERATOR__MAX; op++) {
        if (!type_takes(field, (enum operator)op))
            continue;
        snprintf(right, sizeof(right), "%s%s%s", field->name, op == OPERATOR_EQUAL ? "" : "__",
                 operator_name((enum operator)op));
        error_allow(reader->err, name, right);
        is_any = true;
    }
    if (!is_any)
        snprintf(reader->err->detail, sizeof(reader->err->detail),
                 "Rows cannot be filtered by '%s'.", field->name);
    return false;
}

static bool unknown_param(const struct reader *reader, const char *name)
{
    const struct resource *resource = reader->query->resource;

    error_set(reader->err, ERR_PARAM_UNKNOWN, name, "There is no parameter '%.60s' here.", name);
    if (reader->query->key == NULL) {
        for (const struct field *field = resource->fields; field->name != NULL; field++) {
            if (type_takes(field, OPERATOR_EQUAL) && field != reader->route->filter)
                error_allow(reader->err, name, field->name);
        }
    }
    for (const struct param *param = resource->params; param != NULL && param->name != NULL;
         param++)
        error_allow(reader->err, name, param->name);
    for (size_t i = 0; i < N_RESERVED; i++) {
        if (is_taken(&reserved[i], reader))
            error_allow(reader->err, name, reserved[i].name);
    }
    return false;
}

/* A parameter of the engine's that has no meaning here, though it has elsewhere. */
static bool misplaced_param(const struct reader *reader, const struct reserved *param)
{
    const struct resource *resource = reader->query->resource;

    unknown_param(reader, param->name);
    if (param->is_known && !resource_has_versions(resource))
        snprintf(reader->err->detail, sizeof(reader->err->detail),
                 "'%s' has no meaning here: rows of /v1/%s are not dated by when they were known.",
                 param->name, resource->name);
    else if (param->is_search && resource->search == NULL)
        snprintf(reader->err->detail, sizeof(reader->err->detail),
                 "'%s' has no meaning here: rows of /v1/%s have no words to search for; /v1/search "
                 "searches everything.",
                 param->name, resource->name);
    else if (param->no_lists && reader->query->key == NULL)
        snprintf(reader->err->detail, sizeof(reader->err->detail),
                 "'%s' is asked of one row, as in /v1/%s/{id}?%s=true.", param->name,
                 resource->name, param->name);
    return false;
}

/* Reads a parameter that is a field, or a field with an operator. */
static bool read_filter(const struct reader *reader, const char *name)
{
    const char *mark = strstr(name, "__");
    enum operator op = OPERATOR_EQUAL;
    const struct field *field;
    char stem[64];

    snprintf(stem, sizeof(stem), "%.*s", (int)(mark != NULL ? (size_t)(mark - name) : strlen(name)),
             name);
    field = reader->query->key == NULL ? resource_field(reader->query->resource, stem) : NULL;
    if (field == NULL)
        return unknown_param(reader, name);
    if (field == reader->route->filter)
        return error_set(reader->err, ERR_PARAM_INVALID, name, "'%s' is set by the path here.",
                         name);
    if ((mark != NULL && !operator_find(mark + 2, &op)) || !type_takes(field, op))
        return unknown_operator(reader, name, field);
    return read_term(reader, name, field, op);
}

/* ---- declared parameters ---- */

static bool too_long(const struct reader *reader, const char *name)
{
    return error_set(reader->err, ERR_PARAM_INVALID, name,
                     "The values of all parameters are too long together.");
}

static bool read_choice(const struct reader *reader, size_t index, const char *value)
{
    const struct param *param = &reader->query->resource->params[index];
    struct query *query = reader->query;
    size_t len = param->id_choice != NULL ? strlen(param->id_choice) : 0;

    for (size_t i = 0; param->choices[i] != NULL; i++) {
        if (strcmp(param->choices[i], value) == 0) {
            query->params[index] = param->choices[i];
            return true;
        }
    }
    if (len > 0 && strncmp(value, param->id_choice, len) == 0 && value[len] == ':'
        && value[len + 1] != '\0') {
        char folded[SELECT_ID_SIZE];

        query->params[index] = param->id_choice;
        if (fold_name(value + len + 1, folded, sizeof(folded)) > 0)
            query->param_ids[index] = keep(query, folded, strlen(folded));
        if (query->param_ids[index] != NULL)
            return true;
    }
    error_set(reader->err, ERR_PARAM_INVALID, param->name, "'%s' does not take '%.60s'.",
              param->name, value);
    for (size_t i = 0; param->choices[i] != NULL; i++)
        error_allow(reader->err, value, param->choices[i]);
    if (len > 0) {
        char right[64];

        snprintf(right, sizeof(right), "%s:ID", param->id_choice);
        error_allow(reader->err, NULL, right);
    }
    return false;
}

static bool read_declared(const struct reader *reader, size_t index, const char *value)
{
    const struct param *param = &reader->query->resource->params[index];
    struct query *query = reader->query;
    char folded[SELECT_ID_SIZE];
    struct date_span span;
    uint32_t count;

    switch (param->type) {
    case PARAM_CHOICE:
        return read_choice(reader, index, value);
    case PARAM_DATE:
        if (!read_date(reader, param->name, value, &span))
            return false;
        query->params[index] = keep(query, span.min, strlen(span.min));
        query->param_ids[index] = keep(query, span.max, strlen(span.max));
        return query->param_ids[index] != NULL || too_long(reader, param->name);
    case PARAM_COUNT:
        if (!param_count(param->name, value, param->least, param->most, &count, reader->err))
            return false;
        query->params[index] = keep(query, value, strlen(value));
        break;
    case PARAM_REF:
        if (fold_name(value, folded, sizeof(folded)) == 0)
            return error_set(reader->err, ERR_PARAM_INVALID, param->name,
                             "'%s' takes an id or another exact name, not '%.60s'.", param->name,
                             value);
        query->params[index] = keep(query, folded, strlen(folded));
        break;
    case PARAM_SEARCH:
        return keep_search(reader, param->name, value, &query->params[index]);
    case PARAM_TEXT:
        query->params[index] = keep(query, value, strlen(value));
        break;
    }
    return query->params[index] != NULL || too_long(reader, param->name);
}

static bool find_declared(const struct resource *resource, const char *name, size_t *ret)
{
    const struct param *param = resource_param(resource, name);

    if (param != NULL)
        *ret = (size_t)(param - resource->params);
    return param != NULL;
}

/* Whether what may stand in place of a parameter does. */
static bool is_replaced(const struct query *query, const struct param *param)
{
    size_t other = 0;

    return param->instead != NULL && find_declared(query->resource, param->instead, &other)
           && query->params[other] != NULL;
}

static bool is_given(const struct reader *reader, const char *name)
{
    return name != NULL && target_param(reader->target, name) != NULL;
}

/* Which of the declared parameters go together. */
static bool check_together(const struct reader *reader)
{
    const struct query *query = reader->query;
    const struct param *params = query->resource->params;
    size_t with = 0;

    for (const struct param *param = params; param != NULL && param->name != NULL; param++) {
        if (is_given(reader, param->name) && is_given(reader, param->unless))
            return error_set(reader->err, ERR_PARAM_INVALID, param->name,
                             "'%s' and '%s' exclude each other.", param->name, param->unless);
    }
    for (const struct param *param = params; param != NULL && param->name != NULL; param++) {
        if (param->with != NULL && is_given(reader, param->name)
            && find_declared(query->resource, param->with, &with) && query->params[with] == NULL)
            return error_set(reader->err, ERR_PARAM_INVALID, param->name,
                             "'%s' has no meaning without '%s'.", param->name, param->with);
    }
    return true;
}

/* What has to be given. */
static bool check_required(const struct reader *reader)
{
    const struct query *query = reader->query;

    for (size_t i = 0; query->resource->params != NULL && query->resource->params[i].name != NULL;
         i++) {
        const struct param *param = &query->resource->params[i];

        if (!param->is_required || query->params[i] != NULL || is_given(reader, param->unless)
            || is_replaced(query, param))
            continue;
        if (param->instead != NULL)
            return error_set(reader->err, ERR_PARAM_INVALID, param->name,
                             "'%s' or '%s' is missing, as in %s=%s: %s", param->name,
                             param->instead, param->name, param->example, param->text);
        return error_set(reader->err, ERR_PARAM_INVALID, param->name,
                         "'%s' is missing, as in %s=%s: %s", param->name, param->name,
                         param->example, param->text);
    }
    return true;
}

/* ---- the whole ---- */

static bool is_first(const struct target *target, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(target->params[i].name, target->params[index].name) == 0)
            return false;
    }
    return true;
}

static bool read_param(const struct reader *reader, size_t index)
{
    const char *name = reader->target->params[index].name;
    const char *value = reader->target->params[index].value;
    const struct reserved *own = NULL;
    size_t declared = 0;

    for (size_t i = 0; i < N_RESERVED; i++) {
        if (strcmp(reserved[i].name, name) == 0)
            own = &reserved[i];
    }
    if (find_declared(reader->query->resource, name, &declared))
        own = NULL;
    else if (own != NULL && !is_taken(own, reader))
        return misplaced_param(reader, own);
    else if (own == NULL)
        return !is_first(reader->target, index) || read_filter(reader, name);
    if (!is_first(reader->target, index))
        return error_set(reader->err, ERR_PARAM_REPEATED, name, "'%s' may stand only once.", name);
    if (own == NULL && reader->route->param != NULL && strcmp(name, reader->route->param) == 0)
        return error_set(reader->err, ERR_PARAM_INVALID, name, "'%s' is set by the path here.",
                         name);
    return own != NULL ? own->read(reader, value) : read_declared(reader, declared, value);
}

/* What declared parameters are where they are not given. */
static void set_params(struct query *query)
{
    const struct param *params = query->resource->params;

    for (size_t i = 0; params != NULL && params[i].name != NULL; i++) {
        char number[24];

        if (params[i].type == PARAM_CHOICE)
            query->params[i] = params[i].choices[0];
        else if (params[i].type == PARAM_COUNT) {
            snprintf(number, sizeof(number), "%ld", params[i].fallback);
            query->params[i] = keep(query, number, strlen(number));
        }
    }
}

static void set_defaults(const struct reader *reader)
{
    struct query *query = reader->query;
    const struct resource *resource = query->resource;

    query->limit = QUERY_LIMIT;
    query->is_counted = query->key == NULL;
    for (const struct field *field = resource->fields; field->name != NULL; field++)
        take_common_field(query, field);
    set_params(query);
    if (query->key == NULL)
        read_sort(reader, resource->order);
}

/* The parameter that the path of a report sets. */
static bool set_focus(const struct reader *reader)
{
    struct query *query = reader->query;
    char folded[SELECT_ID_SIZE];
    size_t index = 0;

    find_declared(query->resource, reader->route->param, &index);
    if (fold_name(reader->route->id, folded, sizeof(folded)) == 0)
        return error_set(reader->err, ERR_ITEM_UNKNOWN, NULL, "There is no such id.");
    query->params[index] = keep(query, folded, strlen(folded));
    return true;
}

/* The condition that the path of a sub-collection sets. */
static bool set_parent(const struct reader *reader)
{
    struct query *query = reader->query;
    char folded[SELECT_ID_SIZE];

    query->parent = reader->route->parent;
    query->parent_key = reader->route->id;
    query->terms[query->n_terms++] = (struct term){ .field = reader->route->filter,
                                                    .op = OPERATOR_EQUAL,
                                                    .first = query->n_values,
                                                    .n_values = 1 };
    if (fold_name(query->parent_key, folded, sizeof(folded)) == 0)
        return error_set(reader->err, ERR_ITEM_UNKNOWN, NULL, "There is no such id.");
    query->values[query->n_values++] =
        (struct value){ .text = keep(query, folded, strlen(folded)) };
    return true;
}

/* Whether a parameter says what holds without it as well. */
static bool is_default(const struct route *route, const struct target_param *given)
{
    const struct param *param = resource_param(route->resource, given->name);
    char number[24];

    if (param != NULL && param->type == PARAM_COUNT) {
        snprintf(number, sizeof(number), "%ld", param->fallback);
        return strcmp(given->value, number) == 0;
    }
    if (param != NULL)
        return param->type == PARAM_CHOICE && strcmp(given->value, param->choices[0]) == 0;
    if (strcmp(given->name, "sort") == 0)
        return route->kind != ROUTE_STATS && strcmp(given->value, route->resource->order) == 0;
    for (size_t i = 0; i < N_RESERVED; i++) {
        const struct reserved *own = &reserved[i];

        if (own->initial != NULL && strcmp(own->name, given->name) == 0)
            return (own->on_stats || route->kind != ROUTE_STATS)
                   && (!own->is_paging || route->format == FORMAT_JSON)
                   && strcmp(given->value, own->initial) == 0;
    }
    return false;
}

/* Copies the parameters that say more than what holds anyway; gives their number. */
static size_t copy_asked(const struct route *route, const struct target *target,
                         struct target_param *to)
{
    size_t n = 0;

    for (size_t i = 0; i < target->n_params; i++) {
        if (!is_default(route, &target->params[i]))
            to[n++] = target->params[i];
    }
    return n;
}

/* Whether changes are told until a day behind all that is known: until= says nothing then, and
 * would be later than the as_of= of whatever link it stood in. */
static bool is_until_now(const struct route *route, const struct state *state,
                         const struct target_param *given)
{
    struct date_span span;

    return route->resource->changes_of != NULL && strcmp(given->name, "until") == 0
           && date_parse_request(given->value, &span) && strcmp(span.max, state->release) > 0;
}

void query_drop_defaults(const struct route *route, const struct state *state,
                         struct target *target)
{
    size_t n = copy_asked(route, target, target->params);

    target->n_params = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_until_now(route, state, &target->params[i]))
            target->params[target->n_params++] = target->params[i];
    }
}

bool query_owner(const struct route *route, const struct target *target, char ret[33])
{
    /* as_of is none of its query, nor is until: the cursor says by itself what was known when it
     * was given. */
    static const char *const shape[] = { "cursor", "limit",   "offset", "count",  "as_of",
                                         "fields", "include", "pretty", "format", "shape",
                                         "bom",    "excel",   "dl",     "until",  NULL };
    defer(buffer_done) struct buffer canonical = BUFFER_INIT(4 * TARGET_TEXT);
    struct target bare = { .n_segments = target->n_segments,
                           .format = target->format,
                           .has_slash = target->has_slash };

    memcpy(bare.segments, target->segments, sizeof(bare.segments));
    bare.n_params = copy_asked(route, target, bare.params);
    target_canonical(&bare, shape, &canonical);
    if (canonical.broken)
        return false;
    fingerprint((const char *const[]){ canonical.data, NULL }, ret);
    return true;
}

/* The declared parameter that asks for a field; NULL: none has to. */
static const struct param *asking_param(const struct query *query, const struct field *field,
                                        bool *ret_asked)
{
    size_t i = 0;

    if (field->param == NULL || !find_declared(query->resource, field->param, &i))
        return NULL;
    *ret_asked = query->params[i] != query->resource->params[i].choices[0];
    return &query->resource->params[i];
}

/*
 * Adds the fields that declared parameters ask for, in the declared order, whatever fields= names;
 * which of them there are is known only when all parameters are read.
 */
static bool ask_fields(const struct reader *reader)
{
    struct query *query = reader->query;
    bool is_wanted[QUERY_FIELDS] = { false };
    const struct field *fields = query->resource->fields;

    for (size_t i = 0; i < query->n_fields; i++)
        is_wanted[query->fields[i] - fields] = true;
    query->n_fields = 0;
    for (size_t i = 0; i < QUERY_FIELDS && fields[i].name != NULL; i++) {
        bool is_asked = false;
        const struct param *param = asking_param(query, &fields[i], &is_asked);

        if (param != NULL && !is_asked && is_wanted[i])
            return error_set(reader->err, ERR_PARAM_INVALID, "fields",
                             "Rows hold '%s' only where it is asked for; with %s=%s it would be.",
                             fields[i].name, param->name, param->choices[1]);
        if (is_asked || is_wanted[i])
            take_field(query, &fields[i]);
    }
    return true;
}

/* What is included is found through the fields of a row: without one of them it would be nothing.
 */
static bool check_includes(const struct reader *reader)
{
    const struct query *query = reader->query;

    for (size_t i = 0; i < query->n_includes; i++) {
        const char *name = query->includes[i]->name;
        size_t n = 0;

        while (n < query->n_fields
               && (query->fields[n]->resource == NULL
                   || strcmp(query->fields[n]->resource, name) != 0))
            n++;
        if (n < query->n_fields)
            continue;
        error_set(reader->err, ERR_PARAM_INVALID, "include",
                  "To include %s, 'fields' must name a field that leads there.", name);
        for (const struct field *field = query->resource->fields; field->name != NULL; field++) {
            if (field->resource != NULL && !(field->flags & FIELD_HIDDEN)
                && strcmp(field->resource, name) == 0)
                error_allow(reader->err, NULL, field->name);
        }
        return false;
    }
    return true;
}

void query_known(const struct state *state, const char *as_of, char ret[FINGERPRINT_SIZE])
{
    fingerprint((const char *const[]){ "known", query_day(state, as_of), NULL }, ret);
}

const char *query_day(const struct state *state, const char *as_of)
{
    return as_of[0] != '\0' && strcmp(as_of, state->release) < 0 ? as_of : state->release;
}

/* The days of knowledge, when all parameters are read. */
static bool check_times(const struct reader *reader)
{
    const char *text = target_param(reader->target, "until");
    struct query *query = reader->query;
    char until[DATE_DAY_SIZE];

    if (query->resource->changes_of != NULL && query->since[0] == '\0') {
        error_set(
            reader->err, ERR_PARAM_INVALID, "since",
            "'since' is missing: a release or another day, after which what changed is told.");
        for (size_t i = 0; i < reader->state->n_releases; i++)
            error_allow(reader->err, NULL, reader->state->releases[i]);
        return false;
    }
    if (query->resource->changes_of != NULL && text != NULL) {
        if (!read_release(reader, "until", text, until))
            return false;
        if (strcmp(until, query->since) < 0)
            return error_set(reader->err, ERR_PARAM_INVALID, "until",
                             "'until' (%s) is before 'since' (%s).", until, query->since);
        if (query->as_of[0] != '\0' && strcmp(until, query->as_of) > 0)
            return error_set(reader->err, ERR_PARAM_INVALID, "until",
                             "What came to be known until %s was not known yet on %s, the day of "
                             "'as_of'.",
                             until, query->as_of);
        memcpy(query->as_of, until, sizeof(until));
    }
    /* Nothing is known from a day behind the newest release: what is asked as of such a day, or of
     * the release itself, is what is known now. */
    if (strcmp(query->as_of, reader->state->release) >= 0)
        query->as_of[0] = '\0';
    return true;
}

bool query_parse(const struct resource *const *catalogue, const struct state *state,
                 const struct target *target, const struct route *route, struct query *ret,
                 struct error *err)
{
    const struct reader reader = { catalogue, state, target, route, ret, err };
    const char *cursor = target_param(target, "cursor");
    char owner[FINGERPRINT_SIZE], known[FINGERPRINT_SIZE];
    struct error why = { 0 };

    memset(ret, 0, offsetof(struct query, values));
    ret->resource = route->resource;
    ret->key = route->kind == ROUTE_ITEM ? route->id : NULL;
    set_defaults(&reader);
    if ((route->kind == ROUTE_CHILD && !set_parent(&reader))
        || (route->param != NULL && !set_focus(&reader)))
        return false;
    for (size_t i = 0; i < target->n_params; i++) {
        if (!read_param(&reader, i))
            return false;
    }
    if (!check_together(&reader) || !check_required(&reader) || !ask_fields(&reader)
        || !check_includes(&reader) || !check_times(&reader))
        return false;
    if (cursor == NULL)
        return true;
    if (!query_owner(route, target, owner))
        return error_set(err, ERR_INTERNAL, NULL, "no memory for the name of a query");
    query_known(state, ret->as_of, known);
    if (cursor_read(cursor, owner, known, ret, &why))
        return true;
    if (why.code == ERR_CURSOR_STALE && target_param(target, "as_of") != NULL)
        return error_set(err, ERR_PARAM_INVALID, "cursor",
                         "The cursor is of an answer as of another day than %s.",
                         query_day(state, ret->as_of));
    *err = why;
    return false;
}

/* What parameter a term came from. */
static void term_name(const struct term *term, char *ret, size_t size)
{
    snprintf(ret, size, "%s%s%s", term->field->name, term->op == OPERATOR_EQUAL ? "" : "__",
             operator_name(term->op));
}

static bool resolve_value(struct conn *conn, const char *param, const char *kinds, const char *text,
                          char *ret_id, struct error *err)
{
    bool is_known;

    if (!select_name(conn, kinds, text, &is_known, ret_id, err))
        return false;
    if (is_known)
        return true;
    error_set(err, ERR_PARAM_INVALID, param,
              "'%s' takes an id or another exact name (an acronym, an alias, an ISO or M49 code), "
              "and '%.60s' names"
              " nothing here.",
              param, text);
    select_suggest(conn, kinds, text, err);
    return false;
}

/* What stands in place of a parameter is bound as that parameter; both name the same, or the
 * request asks for two things at once. */
static bool resolve_instead(struct query *query, struct error *err)
{
    for (size_t i = 0; query->resource->params != NULL && query->resource->params[i].name != NULL;
         i++) {
        const struct param *param = &query->resource->params[i];
        size_t other = 0;

        if (param->instead == NULL || !find_declared(query->resource, param->instead, &other)
            || query->params[other] == NULL)
            continue;
        if (query->params[i] != NULL && strcmp(query->params[i], query->params[other]) != 0)
            return error_set(err, ERR_PARAM_INVALID, param->instead,
                             "'%s' names '%.60s' and '%s' '%.60s': one stands in place of the "
                             "other.",
                             param->name, query->params[i], param->instead, query->params[other]);
        query->params[i] = query->params[other];
    }
    return true;
}

bool query_resolve(struct conn *conn, struct query *query, struct error *err)
{
    for (size_t i = 0; i < query->n_terms; i++) {
        const struct term *term = &query->terms[i];
        char name[64];

        /* A name that no row has is an answer ("none"); a thing that does not exist is a mistake.
         */
        if (term->field->type != FIELD_REF && term->field->type != FIELD_REFS)
            continue;
        if (i == 0 && query->parent != NULL)
            continue;
        term_name(term, name, sizeof(name));
        for (size_t j = 0; j < term->n_values; j++) {
            if (!resolve_value(conn, name, term->field->kind, query->values[term->first + j].text,
                               NULL, err))
                return false;
        }
    }
    for (size_t i = 0; query->resource->params != NULL && query->resource->params[i].name != NULL;
         i++) {
        const struct param *param = &query->resource->params[i];
        const char **name = param->type == PARAM_REF ? &query->params[i] : &query->param_ids[i];
        char id[SELECT_ID_SIZE];

        if (*name == NULL || param->kind == NULL)
            continue;
        if (!resolve_value(conn, param->name, param->kind, *name, id, err))
            return false;
        *name = keep(query, id, strlen(id));
        if (*name == NULL)
            return error_set(err, ERR_PARAM_INVALID, param->name,
                             "The values of all parameters are too long together.");
    }
    return resolve_instead(query, err);
}

void query_included(const struct resource *resource, const struct query *query, struct query *ret)
{
    memset(ret, 0, offsetof(struct query, values));
    ret->resource = resource;
    memcpy(ret->as_of, query->as_of, sizeof(ret->as_of));
    for (const struct field *field = resource->fields; field->name != NULL; field++)
        take_common_field(ret, field);
    set_params(ret);
}
