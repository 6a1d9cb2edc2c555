#include "server/stats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/fold.h"
#include "server/fingerprint.h"
#include "server/flat.h"
#include "server/param.h"
#include "server/render_json.h"
#include "server/query.h"
#include "server/route.h"
#include "server/target.h"
#include "server/type.h"

enum {
    NAME_SIZE = 80,
    CURSOR_PART = 16,  /* characters of a fingerprint that a cursor carries */
    LABEL_MOST = 4096, /* most bytes of the label of a line */
};

/** Everything that reading one parameter needs. */
struct reader {
    const struct state *state;
    const struct target *target;
    const struct route *route;
    const struct resource *resource;
    struct stats_request *request;
    struct error *err;
    bool is_flat; /* rows of plain columns are asked for */
};

static const char *const rule_names[STATS_RULE__MAX + 1] = {
    [STATS_PREFERRED] = "preferred",
    [STATS_OFFICIAL] = "official",
    [STATS_LATEST] = "latest",
    [STATS_MIN] = "min",
    [STATS_MAX] = "max",
    [STATS_ALL] = "all",
    [STATS_SOURCE] = "source:ID",
};

/* ---- parameters ---- */

static bool invalid(const struct reader *reader, const char *name, const char *value)
{
    return error_set(reader->err, ERR_PARAM_INVALID, name, "'%s' does not take '%.60s'.", name,
                     value);
}

bool stats_groups_by(const struct field *field, bool *ret_is_date)
{
    *ret_is_date = field->type == FIELD_DATE || field->type == FIELD_DAY;
    if (!(field->flags & FIELD_FILTER) || (field->flags & FIELD_HIDDEN))
        return false;
    return *ret_is_date || field->type == FIELD_CODE
           || (field->type == FIELD_REF && field->kind_sql == NULL);
}

/* What a group key is called in a row. */
static const char *group_name(const struct stats_group *group)
{
    return group->bucket == STATS_VALUE ? group->field->name : stats_bucket_name(group->bucket);
}

static void allow_groups(const struct reader *reader, const char *given, bool with_dates)
{
    bool is_date;

    for (const struct field *field = reader->resource->fields; field->name != NULL; field++) {
        if (!stats_groups_by(field, &is_date) || (is_date && !with_dates))
            continue;
        for (int bucket = is_date ? STATS_YEAR : STATS_VALUE;
             bucket <= (is_date ? STATS_MONTH : STATS_VALUE); bucket++) {
            char right[NAME_SIZE];

            snprintf(right, sizeof(right), is_date ? "%s(%s)" : "%s%s",
                     is_date ? stats_bucket_name((enum stats_bucket)bucket) : "", field->name);
            error_allow(reader->err, given, right);
        }
    }
}

/* Reads `cause` or `year(date)`. */
static bool find_group(const struct reader *reader, const char *item, struct stats_group *ret)
{
    const char *open = strchr(item, '(');
    size_t len = strlen(item);
    bool is_date = false;
    char name[NAME_SIZE];

    if (open == NULL) {
        *ret = (struct stats_group){ .field = resource_field(reader->resource, item) };
        return ret->field != NULL && stats_groups_by(ret->field, &is_date) && !is_date;
    }
    if (item[len - 1] != ')')
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)(len - (size_t)(open - item) - 2), open + 1);
    *ret = (struct stats_group){ .field = resource_field(reader->resource, name) };
    for (int bucket = STATS_YEAR; bucket < STATS_BUCKET__MAX; bucket++) {
        const char *function = stats_bucket_name((enum stats_bucket)bucket);

        if (strlen(function) == (size_t)(open - item)
            && strncmp(function, item, strlen(function)) == 0)
            ret->bucket = (enum stats_bucket)bucket;
    }
    return ret->field != NULL && ret->bucket != STATS_VALUE && stats_groups_by(ret->field, &is_date)
           && is_date;
}

static bool read_group_by(const struct reader *reader, const char *value)
{
    struct stats *stats = &reader->request->stats;
    char item[NAME_SIZE];

    while (param_item(&value, item, sizeof(item))) {
        struct stats_group group;

        if (!find_group(reader, item, &group)) {
            error_set(reader->err, ERR_PARAM_INVALID, "group_by",
                      "Rows cannot be grouped by '%.60s'.", item);
            allow_groups(reader, item, true);
            return false;
        }
        for (size_t i = 0; i < stats->n_groups; i++) {
            if (strcmp(group_name(&stats->groups[i]), group_name(&group)) == 0)
                return error_set(reader->err, ERR_PARAM_INVALID, "group_by",
                                 "'group_by' names '%s' twice.", group_name(&group));
        }
        if (stats->n_groups == STATS_GROUPS)
            return error_set(reader->err, ERR_PARAM_INVALID, "group_by",
                             "'group_by' takes at most %d keys.", STATS_GROUPS);
        stats->groups[stats->n_groups++] = group;
    }
    return true;
}

static bool read_measure(const struct reader *reader, const char *value)
{
    const struct field *field = resource_field(reader->resource, value);

    if (field != NULL && (field->flags & FIELD_SUM)) {
        reader->request->stats.measure = field;
        return true;
    }
    invalid(reader, "measure", value);
    for (field = reader->resource->fields; field->name != NULL; field++) {
        if (field->flags & FIELD_SUM)
            error_allow(reader->err, value, field->name);
    }
    return false;
}

/* A sort key needs the groups: it is read when all else is. */
static bool read_later(const struct reader *reader, const char *value)
{
    (void)reader;
    (void)value;
    return true;
}

static bool read_limit(const struct reader *reader, const char *value)
{
    return param_count("limit", value, 1, QUERY_LIMIT_MAX, &reader->request->stats.limit,
                       reader->err);
}

static bool read_offset(const struct reader *reader, const char *value)
{
    if (target_param(reader->target, "cursor") != NULL)
        return error_set(reader->err, ERR_PARAM_INVALID, "offset",
                         "'offset' and 'cursor' exclude each other.");
    return param_count("offset", value, 0, QUERY_OFFSET_MAX, &reader->request->stats.offset,
                       reader->err);
}

void stats_cursor_write(uint32_t offset, const char *owner, const char *known,
                        char ret[STATS_CURSOR_SIZE])
{
    snprintf(ret, STATS_CURSOR_SIZE, "%u.%.*s.%.*s", offset, CURSOR_PART, owner, CURSOR_PART,
             known);
}

static bool read_cursor(const struct reader *reader, const char *value)
{
    struct stats *stats = &reader->request->stats;
    char owner[FINGERPRINT_SIZE], right[STATS_CURSOR_SIZE];
    const char *digest = strrchr(value, '.');
    char *end;
    unsigned long offset = strtoul(value, &end, 10);

    if (!query_owner(reader->route, reader->target, owner))
        return error_set(reader->err, ERR_INTERNAL, NULL, "no memory for the name of a query");
    stats_cursor_write((uint32_t)offset, owner, digest != NULL ? digest + 1 : "", right);
    if (digest == NULL || offset > UINT32_MAX || *end != '.' || strcmp(value, right) != 0)
        return error_set(reader->err, ERR_PARAM_INVALID, "cursor",
                         "'cursor' takes the 'next' of a page of the same request.");
    /* Whether it fits is told when it is known as of which day the sums are. */
    snprintf(reader->request->cursor_known, sizeof(reader->request->cursor_known), "%s",
             digest + 1);
    stats->offset = (uint32_t)offset;
    return true;
}

static bool read_fill(const struct reader *reader, const char *value)
{
    size_t index;

    if (!param_word("fill", value, (const char *const[]){ "none", "null", "zero", NULL }, &index,
                    reader->err))
        return false;
    reader->request->stats.fill = (enum stats_fill)index;
    return true;
}

static bool read_resolve(const struct reader *reader, const char *value)
{
    struct stats_request *request = reader->request;
    size_t index;

    if (strncmp(value, "source:", 7) == 0
        && fold_name(value + 7, request->source, sizeof(request->source)) > 0) {
        request->stats.rule = STATS_SOURCE;
        request->stats.source = request->source;
        return true;
    }
    if (!param_word("resolve", value, rule_names, &index, reader->err) || index == STATS_SOURCE)
        return invalid(reader, "resolve", value);
    request->stats.rule = (enum stats_rule)index;
    return true;
}

static bool read_explain(const struct reader *reader, const char *value)
{
    size_t index;

    if (!param_word("explain", value, (const char *const[]){ "0", "1", NULL }, &index, reader->err))
        return false;
    reader->request->is_explained = index == 1;
    return true;
}

/** Where a parameter of sums is taken. */
enum taken {
    TAKEN_BY_GROUPS = 1 << 0, /* where sums are told in full */
    TAKEN_BY_LINES = 1 << 1,  /* where they are lines over time */
    TAKEN_BY_BOTH = TAKEN_BY_GROUPS | TAKEN_BY_LINES,
    NOT_FLAT = 1 << 2, /* what it adds has no column */
};

/** The parameters of sums. */
static const struct {
    const char *name;
    bool (*read)(const struct reader *reader, const char *value);
    unsigned taken; /* of enum taken */
} params[] = {
    { "group_by", read_group_by, TAKEN_BY_GROUPS },
    { "measure", read_measure, TAKEN_BY_BOTH },
    { "bucket", read_later, TAKEN_BY_LINES },
    { "by", read_later, TAKEN_BY_LINES },
    { "resolve", read_resolve, TAKEN_BY_BOTH },
    { "sort", read_later, TAKEN_BY_GROUPS },
    { "limit", read_limit, TAKEN_BY_BOTH },
    { "cursor", read_cursor, TAKEN_BY_BOTH },
    { "offset", read_offset, TAKEN_BY_BOTH },
    { "fill", read_fill, TAKEN_BY_BOTH },
    { "explain", read_explain, TAKEN_BY_GROUPS | NOT_FLAT },
};
enum { N_PARAMS = sizeof(params) / sizeof(*params) };

static bool is_taken(size_t index, const struct reader *reader)
{
    unsigned by = reader->request->lines != NULL ? TAKEN_BY_LINES : TAKEN_BY_GROUPS;

    return (params[index].taken & by) != 0
           && !(reader->is_flat && (params[index].taken & NOT_FLAT));
}

static bool read_sort(const struct reader *reader, const char *value)
{
    struct stats *stats = &reader->request->stats;
    char item[NAME_SIZE];

    while (param_item(&value, item, sizeof(item))) {
        bool descending = item[0] == '-';
        const char *name = item + (descending ? 1 : 0);
        struct stats_sort sort = { .descending = descending };
        struct stats_group group;
        size_t i = 0;

        while (i < stats->n_groups && strcmp(group_name(&stats->groups[i]), name) != 0)
            i++;
        /* year(date) is sorted by year, as it is called in a row, and by its own name. */
        for (size_t j = 0; i == stats->n_groups && find_group(reader, name, &group) && j < i; j++) {
            if (stats->groups[j].field == group.field && stats->groups[j].bucket == group.bucket)
                i = j;
        }
        sort.is_group = i < stats->n_groups;
        sort.index = i;
        for (size_t j = 0; !sort.is_group && j < STATS_COLUMN__MAX; j++) {
            if (strcmp(stats_column_name(j), name) == 0)
                sort.index = j;
        }
        if (!sort.is_group
            && (sort.index >= STATS_COLUMN__MAX
                || strcmp(stats_column_name(sort.index), name) != 0)) {
            error_set(reader->err, ERR_PARAM_INVALID, "sort", "Groups cannot be sorted by '%.60s'.",
                      name);
            for (i = 0; i < stats->n_groups; i++)
                error_allow(reader->err, name, group_name(&stats->groups[i]));
            for (i = 0; i < STATS_COLUMN__MAX; i++)
                error_allow(reader->err, name, stats_column_name(i));
            return false;
        }
        if (stats->n_sorts == QUERY_SORTS)
            return error_set(reader->err, ERR_PARAM_INVALID, "sort",
                             "'sort' takes at most %d keys.", QUERY_SORTS);
        stats->sorts[stats->n_sorts++] = sort;
    }
    return true;
}

/* Whether a parameter is a condition on a sum, such as best__gte. */
static bool is_condition(const char *name, enum stats_column *ret_column, const char **ret_op)
{
    for (int i = 0; i < STATS_COLUMN__MAX; i++) {
        size_t len = strlen(stats_column_name(i));

        if (strncmp(name, stats_column_name(i), len) == 0
            && (name[len] == '\0' || strncmp(name + len, "__", 2) == 0)) {
            *ret_column = (enum stats_column)i;
            *ret_op = name[len] == '\0' ? "" : name + len + 2;
            return true;
        }
    }
    return false;
}

static bool read_condition(const struct reader *reader, const char *name, const char *op_name,
                           enum stats_column column, const char *value)
{
    static const enum operator taken[] = { OPERATOR_NOT, OPERATOR_GT,  OPERATOR_GTE,
                                           OPERATOR_LT,  OPERATOR_LTE, OPERATOR_ISNULL };
    struct stats *stats = &reader->request->stats;
    struct stats_condition condition = { .column = column, .op = OPERATOR_EQUAL };
    bool is_taken = *op_name == '\0';
    size_t index;

    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken) && !is_taken; i++) {
        is_taken = strcmp(operator_name(taken[i]), op_name) == 0;
        condition.op = taken[i];
    }
    if (!is_taken) {
        error_set(reader->err, ERR_PARAM_UNKNOWN, name, "'%.60s' is no condition on '%s'.", name,
                  stats_column_name(column));
        for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
            char right[NAME_SIZE];

            snprintf(right, sizeof(right), "%s__%s", stats_column_name(column),
                     operator_name(taken[i]));
            error_allow(reader->err, name, right);
        }
        return false;
    }
    if (condition.op == OPERATOR_ISNULL) {
        if (!param_word(name, value, (const char *const[]){ "false", "true", "0", "1", NULL },
                        &index, reader->err))
            return false;
        condition.is_null = index % 2 == 1;
    } else if (!param_integer(value, &condition.value)) {
        return error_set(reader->err, ERR_PARAM_INVALID, name,
                         "'%s' takes a whole number, not '%.60s'.", name, value);
    }
    if (stats->n_conditions == STATS_CONDITIONS)
        return error_set(reader->err, ERR_PARAM_INVALID, name,
                         "A request takes at most %d conditions on sums.", STATS_CONDITIONS);
    stats->conditions[stats->n_conditions++] = condition;
    return true;
}

/* Reads a parameter of sums. False also for one that is none, which leaves *ret_is_ours false. */
static bool read_param(const struct reader *reader, size_t index, bool *ret_is_ours)
{
    const char *name = reader->target->params[index].name;
    const char *value = reader->target->params[index].value, *op;
    enum stats_column column;

    *ret_is_ours = true;
    if (is_condition(name, &column, &op))
        return read_condition(reader, name, op, column, value);
    for (size_t i = 0; i < N_PARAMS; i++) {
        if (strcmp(params[i].name, name) != 0 || !is_taken(i, reader))
            continue;
        for (size_t j = 0; j < index; j++) {
            if (strcmp(reader->target->params[j].name, name) == 0)
                return error_set(reader->err, ERR_PARAM_REPEATED, name, "'%s' may stand only once.",
                                 name);
        }
        return params[i].read(reader, value);
    }
    *ret_is_ours = false;
    return true;
}

/* The groups of lines: a bucket of time, and what tells lines apart. */
static bool read_lines(const struct reader *reader)
{
    static const char *const buckets[] = { "year", "quarter", "month", NULL };
    struct stats *stats = &reader->request->stats;
    const char *bucket = target_param(reader->target, "bucket");
    const char *by = target_param(reader->target, "by");
    struct stats_group group;
    size_t index = 0;

    stats->time_param = "bucket";
    stats->keys_param = "by";
    if (target_param(reader->target, "measure") == NULL)
        return error_set(reader->err, ERR_PARAM_INVALID, "measure",
                         "'measure' is missing, as in measure=%s: the number that is added up.",
                         stats->measure->name);
    if (bucket != NULL && !param_word("bucket", bucket, buckets, &index, reader->err))
        return false;
    stats->groups[stats->n_groups++] = (struct stats_group){
        .field = resource_field(reader->resource, reader->request->lines->date),
        .bucket = (enum stats_bucket)(STATS_YEAR + (int)index),
    };
    if (by == NULL || strcmp(by, "none") == 0)
        return true;
    if (find_group(reader, by, &group) && group.bucket == STATS_VALUE) {
        stats->groups[stats->n_groups++] = group;
        return true;
    }
    invalid(reader, "by", by);
    error_allow(reader->err, by, "none");
    allow_groups(reader, by, false);
    return false;
}

/* Series that stand side by side must not fall into one group. */
static bool group_by_series(const struct reader *reader)
{
    static const char *const names[] = { "series", "definition" };
    struct stats *stats = &reader->request->stats;

    for (size_t i = 0; i < 2; i++) {
        const struct field *field = resource_field(reader->resource, names[i]);
        size_t j = 0;

        while (j < stats->n_groups && stats->groups[j].field != field)
            j++;
        if (j < stats->n_groups)
            continue;
        if (stats->n_groups == STATS_GROUPS)
            return error_set(reader->err, ERR_PARAM_INVALID, "group_by",
                             "With resolve=all, groups are of one series and definition as well: "
                             "'group_by' takes %d "
                             "keys then.",
                             STATS_GROUPS - 2);
        stats->groups[stats->n_groups++] = (struct stats_group){ .field = field };
    }
    return true;
}

static bool check_fill(const struct reader *reader)
{
    const struct stats *stats = &reader->request->stats;
    size_t n_times = 0;

    for (size_t i = 0; i < stats->n_groups; i++)
        n_times += stats->groups[i].bucket != STATS_VALUE ? 1 : 0;
    if (stats->fill == STATS_LEAVE || n_times == 1)
        return true;
    return error_set(
        reader->err, ERR_PARAM_INVALID, "fill",
        "'fill' fills the empty buckets of one key such as year(date), and 'group_by' has %zu.",
        n_times);
}

/*
 * series=a,b and definition=a,b name several, as if the parameter stood as often: no id holds a
 * comma. Hands the pieces to what reads filters.
 */
static bool take_apart(const struct reader *reader, const struct target_param *param,
                       struct target *rest)
{
    struct stats_request *request = reader->request;
    const char *list = param->value;
    char item[NAME_SIZE * 2];

    if (strchr(list, ',') == NULL
        || (strcmp(param->name, "series") != 0 && strcmp(param->name, "definition") != 0)) {
        if (rest->n_params == TARGET_PARAMS)
            return error_set(reader->err, ERR_PARAM_INVALID, param->name,
                             "There are more than %d parameters.", TARGET_PARAMS);
        rest->params[rest->n_params++] = *param;
        return true;
    }
    while (param_item(&list, item, sizeof(item))) {
        size_t len = strlen(item) + 1;

        if (rest->n_params == TARGET_PARAMS || request->lists_len + len > sizeof(request->lists))
            return error_set(reader->err, ERR_PARAM_INVALID, param->name, "'%s' names too many.",
                             param->name);
        memcpy(request->lists + request->lists_len, item, len);
        rest->params[rest->n_params++] =
            (struct target_param){ param->name, request->lists + request->lists_len };
        request->lists_len += len;
    }
    return true;
}

bool stats_parse(const struct resource *const *catalogue, const struct state *state,
                 const struct target *target, const struct route *route, struct query *query,
                 struct stats_request *ret, struct error *err)
{
    struct reader reader = {
        state, target, route, route->resource, ret, err, format_is_flat(route->format)
    };
    struct target rest; /* without our parameters; its text is the target's */
    const char *sort = target_param(target, "sort");

    *ret = (struct stats_request){ .stats = { .query = query, .limit = QUERY_LIMIT_MAX } };
    ret->told = route->lines;
    ret->lines = route->lines != NULL ? route->lines->lines : NULL;
    for (const struct field *field = route->resource->fields; ret->stats.measure == NULL; field++) {
        if (field->flags & FIELD_SUM)
            ret->stats.measure = field;
    }
    rest.n_segments = target->n_segments;
    memcpy(rest.segments, target->segments, sizeof(rest.segments));
    rest.has_slash = target->has_slash;
    rest.n_params = 0;
    for (size_t i = 0; i < target->n_params; i++) {
        bool is_ours;

        if (!read_param(&reader, i, &is_ours))
            return false;
        if (!is_ours && !take_apart(&reader, &target->params[i], &rest))
            return false;
    }
    if (ret->lines != NULL && !read_lines(&reader))
        return false;
    if (ret->stats.rule == STATS_ALL && !group_by_series(&reader))
        return false;
    if ((sort != NULL && ret->lines == NULL && !read_sort(&reader, sort)) || !check_fill(&reader))
        return false;
    if (reader.is_flat && !query_is_paged(target))
        ret->stats.limit = UINT32_MAX; /* all groups */
    if (query_parse(catalogue, state, &rest, route, query, err)) {
        query->unindexed = resource_field(route->resource, "series");
        return true;
    }
    if (err->code == ERR_PARAM_UNKNOWN) {
        for (size_t i = 0; i < N_PARAMS; i++) {
            if (is_taken(i, &reader))
                error_allow(err, err->param, params[i].name);
        }
    }
    return false;
}

/* A page of the same request belongs to what was known when it began. */
static bool check_cursor(struct conn *conn, const struct query *query,
                         const struct stats_request *request, struct error *err)
{
    char known[FINGERPRINT_SIZE];

    query_known(conn_state(conn), query->as_of, known);
    return request->cursor_known[0] == '\0'
           || strncmp(request->cursor_known, known, CURSOR_PART) == 0
           || error_set(err, ERR_CURSOR_STALE, "cursor",
                        "Another day's knowledge answers now than on that page; begin again "
                        "without 'cursor'.");
}

static bool resolve_source(struct conn *conn, struct query *query, struct stats_request *request,
                           struct error *err)
{
    char day[DATE_DAY_SIZE];
    bool is_known;

    if (request->stats.rule != STATS_SOURCE)
        return true;
    if (!select_name(conn, "source", request->source, &is_known, request->source, err))
        return false;
    if (is_known) {
        if (!stats_source_day(conn, request->source, day, err))
            return false;
        if (day[0] != '\0' && query->as_of[0] != '\0' && strcmp(day, query->as_of) > 0)
            return error_set(err, ERR_PARAM_INVALID, "resolve",
                             "'source:%.60s' is the state of %s, which was not known on %s.",
                             request->source, day, query->as_of);
        if (day[0] != '\0') /* what a state of a data set says is what was known on its day */
            memcpy(query->as_of, day, sizeof(day));
        return true;
    }
    error_set(err, ERR_PARAM_INVALID, "resolve", "'source:%.60s' names no source here.",
              request->source);
    select_suggest(conn, "source", request->source, err);
    return false;
}

bool stats_resolve(struct conn *conn, struct query *query, struct stats_request *request,
                   struct error *err)
{
    return query_resolve(conn, query, err) && resolve_source(conn, query, request, err)
           && check_cursor(conn, query, request, err);
}

/* ---- groups ---- */

/* A text of a row, "" for a null. Without memory for it, what it goes into is not whole. */
static const char *text_of(sqlite3_stmt *row, int column, struct buffer *into)
{
    bool is_said = sqlite3_column_type(row, column) != SQLITE_NULL;
    const char *text = (const char *)sqlite3_column_text(row, column);

    if (is_said && text == NULL)
        into->broken = true;
    return text != NULL ? text : "";
}

/* {"id", "name"} of two texts, with "iso3" for a country; NULL: it is none. */
static void add_place(const char *id, const char *name, const char *iso3, struct buffer *body)
{
    buffer_text(body, "{\"id\":");
    buffer_literal(body, id);
    buffer_text(body, ",\"name\":");
    buffer_literal(body, name);
    if (iso3 != NULL) {
        buffer_text(body, ",\"iso3\":");
        buffer_literal(body, iso3);
    }
    buffer_byte(body, '}');
}

static void add_ref(const char *id, const char *name, struct buffer *body)
{
    add_place(id, name, NULL, body);
}

static void add_key(const struct stats_group *group, sqlite3_stmt *row, int column,
                    struct buffer *body)
{
    char bucket[STATS_BUCKET_SIZE];

    if (render_json_is_null(row, column)) {
        buffer_text(body, "null");
    } else if (group->bucket != STATS_VALUE) {
        stats_bucket_text(group->bucket, sqlite3_column_int64(row, column), bucket);
        buffer_literal(body, bucket);
    } else if (group->field->type == FIELD_REF) {
        add_place(text_of(row, column, body), text_of(row, column + 1, body),
                  render_json_is_null(row, column + 2) ? NULL : text_of(row, column + 2, body),
                  body);
    } else {
        buffer_literal(body, text_of(row, column, body));
    }
}

/* JSON that the database made. */
static void add_ready(sqlite3_stmt *row, int column, struct buffer *body)
{
    const char *text = text_of(row, column, body);

    buffer_add(body, text, (size_t)sqlite3_column_bytes(row, column));
}

/* The sums and their status, behind what they begin with. */
static void add_sums(sqlite3_stmt *row, int at, struct buffer *body)
{
    for (int column = 0; column < STATS_COLUMN__MAX; column++) {
        buffer_byte(body, '"');
        buffer_text(body, stats_column_name((enum stats_column)column));
        buffer_text(body, "\":");
        render_json_integer(row, at + column, body); /* they come first, in this order */
        buffer_byte(body, ',');
    }
    buffer_text(body, "\"status\":\"");
    add_ready(row, at + STATS_AT_STATUS, body); /* a code: nothing in it is to be escaped */
    buffer_byte(body, '"');
}

static void add_group(const struct stats *stats, sqlite3_stmt *row, struct buffer *body)
{
    int at = (int)stats->n_groups * STATS_KEY_WIDTH;

    buffer_byte(body, '{');
    for (size_t i = 0; i < stats->n_groups; i++) {
        /* resolve=all groups by series and definition as well: they stand below, as in every group.
         */
        if (stats->groups[i].bucket == STATS_VALUE
            && (strcmp(stats->groups[i].field->name, "series") == 0
                || strcmp(stats->groups[i].field->name, "definition") == 0))
            continue;
        buffer_literal(body, group_name(&stats->groups[i]));
        buffer_byte(body, ':');
        add_key(&stats->groups[i], row, (int)i * STATS_KEY_WIDTH, body);
        buffer_byte(body, ',');
    }
    add_sums(row, at, body);
    buffer_text(body, ",\"series\":");
    add_ready(row, at + STATS_AT_SERIES, body);
    buffer_text(body, ",\"definition\":");
    if (render_json_is_null(row, at + STATS_AT_DEFINITION))
        buffer_text(body, "null");
    else
        add_ref(text_of(row, at + STATS_AT_DEFINITION, body),
                text_of(row, at + STATS_AT_DEFINITION_NAME, body), body);
    buffer_text(body, ",\"sources\":");
    add_ready(row, at + STATS_AT_SOURCES, body);
    buffer_text(body, ",\"independent_sources\":");
    render_json_integer(row, at + STATS_AT_INDEPENDENT, body);
    buffer_text(body, ",\"flags\":");
    add_ready(row, at + STATS_AT_FLAGS, body);
}

/* ---- lines ---- */

/* What the value of a key is called; NULL: it is not said. */
static const char *key_label(const struct state *state, const struct stats_group *group,
                             sqlite3_stmt *row, int column, struct buffer *into)
{
    const struct code *code;

    if (render_json_is_null(row, column))
        return NULL;
    if (group->field->type == FIELD_REF)
        return text_of(row, column + 1, into);
    code = state_code(state, group->field->codes, text_of(row, column, into));
    return code != NULL ? code->name : text_of(row, column, into);
}

/* "2013-q2-minusma". */
static void add_line_id(const struct stats *stats, sqlite3_stmt *row, struct buffer *body)
{
    char bucket[STATS_BUCKET_SIZE] = "undated";

    if (!render_json_is_null(row, 0))
        stats_bucket_text(stats->groups[0].bucket, sqlite3_column_int64(row, 0), bucket);
    for (char *at = bucket; *at != '\0'; at++)
        *at = *at == 'Q' ? 'q' : *at;
    buffer_text(body, bucket);
    /* Ids and codes are slugs: nothing in them is to be escaped. */
    for (size_t i = 1; i < stats->n_groups; i++) {
        int column = (int)i * STATS_KEY_WIDTH;

        buffer_byte(body, '-');
        buffer_text(body, render_json_is_null(row, column) ? "none" : text_of(row, column, body));
    }
}

/* What tells lines apart; where nothing does, the series that answer, which all points share. */
static void add_line_label(const struct state *state, const struct stats *stats, sqlite3_stmt *row,
                           const struct stats_choice *choice, struct buffer *label)
{
    const char *last = "";

    for (size_t i = 1; i < stats->n_groups; i++) {
        const char *text =
            key_label(state, &stats->groups[i], row, (int)i * STATS_KEY_WIDTH, label);

        buffer_text(label, text != NULL && label->len > 0 ? ", " : "");
        buffer_text(label, text != NULL ? text : "");
    }
    for (size_t i = 0; i < choice->n && stats->n_groups == 1; i++) {
        if (choice->candidates[i].verdict != STATS_ANSWERS
            || strcmp(choice->candidates[i].series, last) == 0)
            continue;
        last = choice->candidates[i].series;
        buffer_text(label, label->len > 0 ? ", " : "");
        buffer_text(label, choice->candidates[i].series_name);
    }
}

static void add_line(const struct state *state, const struct stats *stats, sqlite3_stmt *row,
                     const struct stats_choice *choice, struct buffer *body)
{
    defer(buffer_done) struct buffer label = BUFFER_INIT(LABEL_MOST);
    int at = (int)stats->n_groups * STATS_KEY_WIDTH;
    char day[STATS_BUCKET_SIZE];

    buffer_text(body, "{\"id\":\"");
    add_line_id(stats, row, body);
    buffer_text(body, "\",\"time\":");
    if (render_json_is_null(row, 0)) {
        buffer_text(body, "null");
    } else {
        stats_bucket_day(stats->groups[0].bucket, sqlite3_column_int64(row, 0), day);
        buffer_literal(body, day);
    }
    buffer_text(body, ",\"series\":");
    add_line_label(state, stats, row, choice, &label);
    if (label.len > 0 || label.broken)
        buffer_literal_of(body, &label);
    else
        buffer_text(body, "null");
    buffer_byte(body, ',');
    add_sums(row, at, body);
}

/* The values of a group's keys as one text. step: columns from key to key. */
static bool key_text(const struct stats *stats, sqlite3_stmt *row, int step, struct buffer *ret)
{
    buffer_clear(ret);
    for (size_t i = 0; i < stats->n_groups; i++) {
        int column = (int)i * step;

        buffer_format(ret, "%d%s\n", sqlite3_column_type(row, column), text_of(row, column, ret));
    }
    buffer_byte(ret, '.');
    return !ret->broken;
}

static void add_derived_row(sqlite3_stmt *row, int at, struct buffer *to)
{
    buffer_text(to, "{\"id\":");
    buffer_literal(to, text_of(row, at, to));
    buffer_text(to, ",\"low\":");
    render_json_integer(row, at + 1, to);
    buffer_text(to, ",\"best\":");
    render_json_integer(row, at + 2, to);
    buffer_text(to, ",\"high\":");
    render_json_integer(row, at + 3, to);
    buffer_format(
        to, ",\"certain\":%s,\"series\":", sqlite3_column_int(row, at + 4) ? "true" : "false");
    buffer_literal(to, text_of(row, at + 5, to));
    buffer_text(to, ",\"source\":");
    add_ref(text_of(row, at + 6, to), text_of(row, at + 7, to), to);
    buffer_format(to, ",\"claims\":%s}", text_of(row, at + 8, to));
}

/*
 * The rows behind each group: an object of JSON texts, by the text of the group's keys. One
 * statement for all groups, since one for each would walk the rows as often.
 */
static bool read_derivation(struct conn *conn, const struct stats *stats,
                            const struct stats_choice *choice, size_t most, json_t *ret,
                            struct error *err)
{
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    defer(buffer_done) struct buffer key = BUFFER_INIT(4096);
    defer(buffer_done) struct buffer last = BUFFER_INIT(4096);
    defer(buffer_done) struct buffer list = BUFFER_INIT(most);
    bool is_row;

    if (!stats_open_rows(conn, stats, choice, &rows, err))
        return false;
    for (size_t n = 0;; n++) {
        if (!stmt_step(rows, &is_row, err))
            return false;
        if (is_row && n == STATS_ROWS)
            return error_set(err, ERR_PARAM_INVALID, "explain",
                             "More than %d rows were added up; a derivation is told of that many: "
                             "narrow the filters.",
                             STATS_ROWS);
        if (is_row && !key_text(stats, rows, 1, &key))
            return error_set(err, ERR_INTERNAL, NULL, "no room for the keys of a group");
        if (n > 0 && (!is_row || strcmp(key.data, last.data) != 0)) {
            if (list.broken
                || json_object_set_new(ret, last.data, json_stringn(list.data, list.len)) != 0)
                return error_set(err, list.overflow ? ERR_TOO_LARGE : ERR_INTERNAL, "explain",
                                 "The derivation is too large; narrow the filters.");
            buffer_clear(&list);
        }
        if (!is_row)
            return true;
        buffer_text(&list, list.len > 0 ? "," : "");
        add_derived_row(rows, (int)stats->n_groups, &list);
        buffer_clear(&last);
        if (!buffer_text(&last, key.data))
            return error_set(err, ERR_INTERNAL, NULL, "no memory for the keys of a group");
    }
}

/* Steps to the next group of the page. Behind its last one there is none, and all are counted. */
static bool next_group(const struct stats *stats, sqlite3_stmt *rows, struct stats_result *result,
                       bool *ret_is_group, struct error *err)
{
    for (;;) {
        if (!stmt_step(rows, ret_is_group, err))
            return false;
        if (!*ret_is_group)
            return true;
        if (result->total++ < stats->offset || result->n == stats->limit || result->is_truncated)
            continue;
        result->n++;
        return true;
    }
}

bool stats_render(struct conn *conn, const struct stats_request *request, size_t most,
                  struct buffer *body, struct stats_result *ret, struct error *err)
{
    const struct stats *stats = &request->stats;
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    defer(buffer_done) struct buffer key = BUFFER_INIT(4096);
    json_auto_t *derivation = json_object();
    bool is_group;

    ret->total = 0;
    ret->n = 0;
    ret->is_truncated = false;
    if (derivation == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a derivation");
    if (!stats_choose(conn, stats, &ret->choice, err)
        || (request->is_explained
            && !read_derivation(conn, stats, &ret->choice, most, derivation, err))
        || !stats_open(conn, stats, &ret->choice, &rows, err))
        return false;
    for (;;) {
        if (!next_group(stats, rows, ret, &is_group, err))
            return false;
        if (!is_group)
            return true;
        if (body->len > most) {
            ret->is_truncated = true;
            ret->n--;
            continue;
        }
        buffer_text(body, ret->n > 1 ? "," : "");
        if (request->lines != NULL)
            add_line(conn_state(conn), stats, rows, &ret->choice, body);
        else
            add_group(stats, rows, body);
        if (request->is_explained) {
            const char *list = key_text(stats, rows, STATS_KEY_WIDTH, &key)
                                   ? json_string_value(json_object_get(derivation, key.data))
                                   : NULL;

            if (key.broken)
                body->broken = true; /* better no reply than a sum of nothing */
            buffer_text(body, ",\"rows\":[");
            buffer_text(body, list != NULL ? list : ""); /* a filled bucket has none */
            buffer_byte(body, ']');
        }
        buffer_byte(body, '}');
    }
}

/* ---- flat rows ---- */

/* What a group says behind its keys and numbers, as fields. */
static const struct field numbers[STATS_COLUMN__MAX] = {
    { .name = "low",
      .type = FIELD_INTEGER,
      .flags = FIELD_NULLABLE,
      .text = "Sum of the lows; null where no row has one." },
    { .name = "best",
      .type = FIELD_INTEGER,
      .flags = FIELD_NULLABLE,
      .text = "Sum of the best figures; null where some row has none." },
    { .name = "high",
      .type = FIELD_INTEGER,
      .flags = FIELD_NULLABLE,
      .text = "Sum of the highs; null where some row has none." },
    { .name = "records", .type = FIELD_INTEGER, .text = "Rows that were added up." },
    { .name = "unknown",
      .type = FIELD_INTEGER,
      .text = "Rows among them without any number, apart from zero." },
};
static const struct field buckets[STATS_BUCKET__MAX] = {
    [STATS_YEAR] = { .name = "year",
                     .type = FIELD_DATE,
                     .flags = FIELD_NULLABLE,
                     .text = "The year, with group_by=year(...)." },
    [STATS_QUARTER] = { .name = "quarter",
                        .type = FIELD_TEXT,
                        .flags = FIELD_NULLABLE,
                        .text = "The quarter, with group_by=quarter(...)." },
    [STATS_MONTH] = { .name = "month",
                      .type = FIELD_DATE,
                      .flags = FIELD_NULLABLE,
                      .text = "The month, with group_by=month(...)." },
};
static const struct field sum_status = {
    .name = "status",
    .type = FIELD_CODE,
    .codes = "sum_status",
    .text = "Whether anything was reported, and whether it was none.",
};
static const struct field sum_series = { .name = "series",
                                         .type = FIELD_REFS,
                                         .text = "Series of the rows." };
static const struct field sum_definition = {
    .name = "definition",
    .type = FIELD_REF,
    .kind = "definition",
    .flags = FIELD_NULLABLE,
    .text = "Who and what is counted; null: several definitions that may be added.",
};
static const struct field sum_sources = { .name = "sources",
                                          .type = FIELD_REFS,
                                          .text = "Sources of the rows." };
static const struct field sum_independent = {
    .name = "independent_sources",
    .type = FIELD_INTEGER,
    .text = "Sources that do not repeat one another.",
};
static const struct field sum_flags = { .name = "flags",
                                        .type = FIELD_TEXTS,
                                        .text = "What must not be overlooked about some row." };

/* The sums, which begin at a column of the statement. */
static void add_sum_columns(struct flat *flat, int at)
{
    for (int i = 0; i < STATS_COLUMN__MAX; i++)
        flat_add_field(flat, &numbers[i], at + i);
    flat_add_field(flat, &sum_status, at + STATS_AT_STATUS);
}

static void add_group_columns(struct flat *flat, int at)
{
    add_sum_columns(flat, at);
    flat_add_field(flat, &sum_series, at + STATS_AT_SERIES);
    flat_add_field(flat, &sum_definition, at + STATS_AT_DEFINITION);
    flat_add_field(flat, &sum_sources, at + STATS_AT_SOURCES);
    flat_add_field(flat, &sum_independent, at + STATS_AT_INDEPENDENT);
    flat_add_field(flat, &sum_flags, at + STATS_AT_FLAGS);
}

/* A key: its id and name, of a place its code as well. Any key may be null: a row need not say. */
static void add_key_columns(struct flat *flat, const struct field *field, int at)
{
    flat_add(flat, field, "", FLAT_TEXT, at, true);
    if (field->type != FIELD_REF)
        return;
    flat_add(flat, field, "name", FLAT_TEXT, at + 1, true);
    if (select_width(field) == 3)
        flat_add(flat, field, "iso3", FLAT_TEXT, at + 2, true);
}

/* Series and definition stand behind the sums of every group. */
static bool is_told_behind(const struct field *field)
{
    return strcmp(field->name, sum_series.name) == 0
           || strcmp(field->name, sum_definition.name) == 0;
}

static void add_line_columns(struct flat *flat, const struct resource *lines, int at)
{
    static const char *const given[] = { "id", "time", "series" };

    for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++) {
        const struct field *field = resource_field(lines, given[i]);

        flat_add(flat, field, "", FLAT_TEXT, FLAT_GIVEN_AT(i),
                 (field->flags & FIELD_NULLABLE) != 0);
    }
    add_sum_columns(flat, at);
}

void stats_flat_of(const struct resource *resource, const struct resource *lines, struct flat *ret)
{
    bool is_date;

    flat_init(ret);
    if (lines != NULL) {
        add_line_columns(ret, lines, 0);
        return;
    }
    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (stats_groups_by(field, &is_date) && !is_date && !is_told_behind(field))
            add_key_columns(ret, field, 0);
    }
    for (int bucket = STATS_YEAR; bucket < STATS_BUCKET__MAX; bucket++)
        flat_add(ret, &buckets[bucket], "", FLAT_TEXT, 0, true);
    add_group_columns(ret, 0);
}

static void add_columns(const struct stats_request *request, const struct resource *lines,
                        struct flat *flat)
{
    const struct stats *stats = &request->stats;
    int at = (int)stats->n_groups * STATS_KEY_WIDTH;

    if (lines != NULL) {
        add_line_columns(flat, lines, at);
        return;
    }
    for (size_t i = 0; i < stats->n_groups; i++) {
        const struct stats_group *group = &stats->groups[i];

        if (group->bucket != STATS_VALUE)
            flat_add(flat, &buckets[group->bucket], "", FLAT_TEXT, FLAT_GIVEN_AT(i), true);
        else if (!is_told_behind(group->field))
            add_key_columns(flat, group->field, (int)i * STATS_KEY_WIDTH);
    }
    add_group_columns(flat, at);
}

/** Texts of one row that no column of the statement holds. */
struct given {
    char buckets[STATS_GROUPS][STATS_BUCKET_SIZE];
    struct buffer id, label;
};

static void given_done(struct given *given)
{
    buffer_done(&given->id);
    buffer_done(&given->label);
}

static const char *whole_text(struct buffer *text, struct buffer *body)
{
    buffer_byte(text, '\0');
    if (!text->broken)
        return text->data;
    body->broken = true;
    return NULL;
}

static void give_texts(const struct state *state, const struct stats_request *request,
                       const struct stats_choice *choice, sqlite3_stmt *row, struct given *given,
                       struct flat *flat, struct buffer *body)
{
    const struct stats *stats = &request->stats;

    for (size_t i = 0; i < stats->n_groups && request->lines == NULL; i++) {
        int column = (int)i * STATS_KEY_WIDTH;

        flat->given[i] = NULL;
        if (stats->groups[i].bucket == STATS_VALUE || render_json_is_null(row, column))
            continue;
        stats_bucket_text(stats->groups[i].bucket, sqlite3_column_int64(row, column),
                          given->buckets[i]);
        flat->given[i] = given->buckets[i];
    }
    if (request->lines == NULL)
        return;
    buffer_clear(&given->id);
    buffer_clear(&given->label);
    add_line_id(stats, row, &given->id);
    flat->given[0] = whole_text(&given->id, body);
    flat->given[1] = NULL;
    if (!render_json_is_null(row, 0)) {
        stats_bucket_day(stats->groups[0].bucket, sqlite3_column_int64(row, 0), given->buckets[0]);
        flat->given[1] = given->buckets[0];
    }
    add_line_label(state, stats, row, choice, &given->label);
    flat->given[2] = given->label.len > 0 ? whole_text(&given->label, body) : NULL;
    body->broken = body->broken || given->label.broken;
}

bool stats_render_flat(struct conn *conn, const struct stats_request *request, enum format format,
                       struct buffer *body, struct stats_result *ret, struct error *err)
{
    const struct stats *stats = &request->stats;
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    defer(flat_writer_done) struct flat_writer writer;
    defer(given_done) struct given given = { .id = BUFFER_INIT(LABEL_MOST),
                                             .label = BUFFER_INIT(LABEL_MOST) };
    bool is_group;

    ret->total = 0;
    ret->n = 0;
    ret->is_truncated = false;
    flat_writer_bare(&writer, stats->query, format);
    add_columns(request, request->told, &writer.flat);
    flat_writer_begin(&writer, body);
    if (!stats_choose(conn, stats, &ret->choice, err)
        || !stats_open(conn, stats, &ret->choice, &rows, err))
        return false;
    for (;;) {
        if (!next_group(stats, rows, ret, &is_group, err))
            return false;
        if (!is_group || body->broken)
            break;
        give_texts(conn_state(conn), request, &ret->choice, rows, &given, &writer.flat, body);
        flat_writer_row(&writer, rows, body);
    }
    flat_writer_end(&writer, body);
    return true;
}

/* ---- what was added, and what was not ---- */

/** A verdict in the words of the API. */
static const struct {
    const char *reason;
    const char *text; /* %1$s: the series, %2$s: the other one or the field */
} verdicts[STATS_VERDICT__MAX] = {
    [STATS_ANSWERS] = { "answers", "%1$s answers." },
    [STATS_COARSE] = { "not_broken_down", "%1$s is not broken down by %2$s." },
    [STATS_TIMELESS] = { "tells_no_time",
                         "The dates of %1$s are too coarse for the time that is asked for." },
    [STATS_STALE] = { "older_state", "%2$s holds a later state of the same data set." },
    [STATS_OVERLAPS] = { "overlaps", "%1$s counts again, in part or in whole, what %2$s counts." },
    [STATS_INCOMPATIBLE] = { "definition_differs",
                             "Its definition may not be added to that of %2$s." },
    [STATS_UNOFFICIAL] = { "not_official", "%1$s is not published by the body that it is about." },
    [STATS_BEATEN] = { "rule", "The rule chose %2$s." },
};

static void add_sentence(enum stats_verdict verdict, const char *series, const char *other,
                         struct buffer *body)
{
    defer(buffer_done) struct buffer text = BUFFER_INIT(2048);

    for (const char *at = verdicts[verdict].text; *at != '\0';) {
        if (strncmp(at, "%1$s", 4) == 0 || strncmp(at, "%2$s", 4) == 0) {
            buffer_text(&text, at[1] == '1' ? series : other);
            at += 4;
        } else {
            buffer_byte(&text, *at++);
        }
    }
    buffer_literal_of(body, &text);
}

/* One series with its definition, as a member of a list. */
static void add_candidate(const struct stats_candidate *candidate, struct buffer *body)
{
    buffer_text(body, "{\"series\":");
    add_ref(candidate->series, candidate->series_name, body);
    buffer_text(body, ",\"definition\":");
    add_ref(candidate->definition, candidate->definition_name, body);
    buffer_format(body, ",\"records\":%lld,\"state\":", (long long)candidate->records);
    if (candidate->state[0] != '\0')
        buffer_literal(body, candidate->state);
    else
        buffer_text(body, "null");
}

static void add_excluded_candidates(const struct stats_choice *choice, struct buffer *body,
                                    size_t *n)
{
    for (size_t i = 0; i < choice->n; i++) {
        const struct stats_candidate *candidate = &choice->candidates[i];
        const struct stats_candidate *other = candidate->other;

        if (candidate->verdict == STATS_ANSWERS)
            continue;
        buffer_text(body, (*n)++ > 0 ? "," : "");
        add_candidate(candidate, body);
        buffer_format(
            body, ",\"id\":null,\"reason\":\"%s\",\"other\":", verdicts[candidate->verdict].reason);
        if (other != NULL)
            add_ref(other->series, other->series_name, body);
        else
            buffer_text(body, "null");
        buffer_text(body, ",\"text\":");
        add_sentence(candidate->verdict, candidate->series,
                     other != NULL              ? other->series
                     : candidate->field != NULL ? candidate->field
                                                : "",
                     body);
        buffer_byte(body, '}');
    }
}

/* Rows, or things, that are counted by others: id, then what counts it. */
static bool add_excluded_rows(sqlite3_stmt *rows, const char *reason, const char *text,
                              struct buffer *body, size_t *n, struct error *err)
{
    bool is_row;

    while (rows != NULL) {
        defer(buffer_done) struct buffer sentence = BUFFER_INIT(2048);

        if (!stmt_step(rows, &is_row, err))
            return false;
        if (!is_row)
            return true;
        buffer_format(&sentence, "%s %s %s.", text_of(rows, 0, body), text, text_of(rows, 1, body));
        buffer_text(body, (*n)++ > 0 ? "," : "");
        buffer_text(body,
                    "{\"series\":null,\"definition\":null,\"records\":null,\"state\":null,\"id\":");
        buffer_literal(body, text_of(rows, 0, body));
        buffer_format(body, ",\"reason\":\"%s\",\"other\":null,\"text\":", reason);
        buffer_literal_of(body, &sentence);
        buffer_byte(body, '}');
    }
    return true;
}

bool stats_render_meta(struct conn *conn, const struct stats_request *request,
                       const struct stats_result *result, struct buffer *body, struct error *err)
{
    const struct stats *stats = &request->stats;
    const struct stats_choice *choice = &result->choice;
    defer(stmt_return) sqlite3_stmt *parts = NULL;
    defer(stmt_return) sqlite3_stmt *beside = NULL;
    size_t n = 0;

    buffer_format(body, "\"measure\":\"%s\",\"unit\":", stats->measure->name);
    buffer_literal(body, stats->measure->unit);
    buffer_text(body, ",\"rule\":");
    if (stats->rule == STATS_SOURCE)
        buffer_format(body, "\"source:%s\"", request->source);
    else
        buffer_literal(body, rule_names[stats->rule]);
    buffer_text(body, ",\"series\":[");
    for (size_t i = 0; i < choice->n; i++) {
        if (choice->candidates[i].verdict != STATS_ANSWERS)
            continue;
        buffer_text(body, n++ > 0 ? "," : "");
        add_candidate(&choice->candidates[i], body);
        buffer_byte(body, '}');
    }
    buffer_text(body, "],\"excluded\":[");
    n = 0;
    add_excluded_candidates(choice, body, &n);
    if (!stats_open_parts(conn, stats, choice, &parts, err)
        || !add_excluded_rows(parts, "part_of_another", "is counted in another row of", body, &n,
                              err)
        || !stats_open_beside(conn, stats, &beside, err)
        || !add_excluded_rows(beside, "counted_together",
                              "is counted only together with others, as", body, &n, err))
        return false;
    buffer_text(body, "],");
    return true;
}

void stats_render_rules(const struct stats_result *result, const char *as_of, struct buffer *body)
{
    static const char *const always[] = {
        "Rows are added inside one series, and across series only where none overlaps another and "
        "their definitions "
        "may be added.",
        "low is the sum of the rows' lows, a low that is not said counting as 0 where another row "
        "says one; best and "
        "high are null where some row has none.",
        "A row without any number is counted in unknown and in no sum.",
        "A row that only possibly meets the conditions on time counts as nobody in low, leaves "
        "best open, and counts in "
        "full in high.",
    };
    const struct stats_choice *choice = &result->choice;

    buffer_text(body, "\"explain\":{\"rules\":[");
    {
        defer(buffer_done) struct buffer known = BUFFER_INIT(256);

        buffer_format(&known, "Rows are those that were known on %s.", as_of);
        buffer_literal_of(body, &known);
    }
    for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++) {
        buffer_byte(body, ',');
        buffer_literal(body, always[i]);
    }
    buffer_text(body, "],\"series\":[");
    for (size_t i = 0; i < choice->n; i++) {
        const struct stats_candidate *candidate = &choice->candidates[i];

        buffer_text(body, i > 0 ? "," : "");
        add_candidate(candidate, body);
        buffer_format(body,
                      ",\"rank\":%lld,\"frequency\":\"%s\",\"dimensions\":%s,\"verdict\":\"%s\"}",
                      (long long)candidate->rank, candidate->frequency, candidate->dimensions,
                      verdicts[candidate->verdict].reason);
    }
    buffer_text(body, "]},");
}
