#include "db/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/cells.h"
#include "db/conn.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum { STATS_SQL = 128 << 10 /* most bytes of one statement */ };

static const char *const column_names[STATS_COLUMN__MAX] = {
    [STATS_LOW] = "low",         [STATS_BEST] = "best",       [STATS_HIGH] = "high",
    [STATS_RECORDS] = "records", [STATS_UNKNOWN] = "unknown",
};

static const char *const bucket_names[STATS_BUCKET__MAX] = {
    [STATS_YEAR] = "year", [STATS_QUARTER] = "quarter", [STATS_MONTH] = "month"
};

/* Buckets of a year. */
static const int bucket_parts[STATS_BUCKET__MAX] = {
    [STATS_YEAR] = 1, [STATS_QUARTER] = 4, [STATS_MONTH] = 12
};

const char *stats_column_name(enum stats_column column)
{
    return column_names[column];
}

const char *stats_bucket_name(enum stats_bucket bucket)
{
    return bucket_names[bucket];
}

void stats_bucket_text(enum stats_bucket bucket, int64_t value, char ret[STATS_BUCKET_SIZE])
{
    int year = (int)(value / bucket_parts[bucket]);
    int part = (int)(value % bucket_parts[bucket]) + 1;

    if (bucket == STATS_QUARTER)
        snprintf(ret, STATS_BUCKET_SIZE, "%04d-Q%d", year, part);
    else if (bucket == STATS_MONTH)
        snprintf(ret, STATS_BUCKET_SIZE, "%04d-%02d", year, part);
    else
        snprintf(ret, STATS_BUCKET_SIZE, "%04d", year);
}

void stats_bucket_day(enum stats_bucket bucket, int64_t value, char ret[STATS_BUCKET_SIZE])
{
    int parts = bucket_parts[bucket];

    snprintf(ret, STATS_BUCKET_SIZE, "%04d-%02d-01", (int)(value / parts),
             (int)(value % parts) * (12 / parts) + 1);
}

/* ---- parts of statements ---- */

static const struct field *field_of(const struct stats *stats, const char *name)
{
    return resource_field(stats->query->resource, name);
}

/* The number of the bucket in which a day lies. */
static void add_bucket_of(struct buffer *sql, enum stats_bucket bucket, const char *column)
{
    buffer_format(sql, "CAST(substr(%s, 1, 4) AS INTEGER)", column);
    if (bucket == STATS_YEAR)
        return;
    buffer_format(sql, " * %d + (", bucket_parts[bucket]);
    buffer_format(sql,
                  bucket == STATS_MONTH ? "CAST(substr(%s, 6, 2) AS INTEGER) - 1"
                                        : "(CAST(substr(%s, 6, 2) AS INTEGER) - 1) / 3",
                  column);
    buffer_byte(sql, ')');
}

/* A group key: the value, or the bucket that holds every day of the date; NULL where several do. */
static void add_key(struct buffer *sql, const struct stats *stats, const struct stats_group *group)
{
    const struct resource *resource = stats->query->resource;
    const char *column = group->field->sql;
    char min[96], max[96];

    if (group->bucket == STATS_VALUE) {
        buffer_text(sql, column);
        return;
    }
    /* A date that begins a period stands for the whole of it. */
    snprintf(min, sizeof(min), "%s%s", column, group->field->type == FIELD_DAY ? "" : "_min");
    snprintf(max, sizeof(max), "%s%s",
             resource->start != NULL && strcmp(resource->start, column) == 0 ? resource->end
                                                                             : column,
             group->field->type == FIELD_DAY ? "" : "_max");
    buffer_text(sql, "CASE WHEN ");
    add_bucket_of(sql, group->bucket, min);
    buffer_text(sql, " = ");
    add_bucket_of(sql, group->bucket, max);
    buffer_text(sql, " THEN ");
    add_bucket_of(sql, group->bucket, min);
    buffer_text(sql, " END");
}

/* FROM and WHERE of the rows that have the measure at all, or of the cells that stand for them. */
static void add_rows(struct buffer *sql, const struct stats *stats, const struct cells *cells)
{
    select_cells(sql, stats->query, cells);
    if (stats->measure->only != NULL)
        buffer_format(sql, " AND %s", stats->measure->only);
    /* A state of a data set says all rows that held in it, whichever state first said them. */
    if (stats->rule == STATS_SOURCE)
        buffer_format(sql,
                      " AND (%s = :stats_source OR %s IN (SELECT t.series FROM series_states t"
                      " JOIN series s ON s.id = t.series AND s.kind <> 'total' WHERE t.source = "
                      ":stats_source))",
                      field_of(stats, "source")->sql, field_of(stats, "series")->sql);
}

/* The one series that answers; choice->n: several do, or none. */
static size_t only_answer(const struct stats_choice *choice)
{
    size_t only = choice->n, n = 0;

    for (size_t i = 0; i < choice->n; i++) {
        if (choice->candidates[i].verdict == STATS_ANSWERS) {
            only = i;
            n++;
        }
    }
    return n == 1 ? only : choice->n;
}

/* FROM and WHERE of the rows that answer, or of the cells that stand for them. */
static void add_answering(struct buffer *sql, const struct stats *stats,
                          const struct stats_choice *choice, const struct cells *cells)
{
    /* Rows without an index: most may be of one series, and then the table is read faster. */
    const char *plain = cells != NULL ? "" : "+";
    size_t only = only_answer(choice);
    bool is_first = true;

    add_rows(sql, stats, cells);
    if (only < choice->n) {
        buffer_format(sql, " AND %s%s = :s%zu AND %s%s = :d%zu", plain,
                      field_of(stats, "series")->sql, only, plain,
                      field_of(stats, "definition")->sql, only);
        return;
    }
    buffer_format(sql, " AND (%s%s, %s%s) IN (VALUES ", plain, field_of(stats, "series")->sql,
                  plain, field_of(stats, "definition")->sql);
    for (size_t i = 0; i < choice->n; i++) {
        if (choice->candidates[i].verdict != STATS_ANSWERS)
            continue;
        buffer_format(sql, "%s(:s%zu, :d%zu)", is_first ? "" : ", ", i, i);
        is_first = false;
    }
    buffer_format(sql, "%s)", is_first ? "(NULL, NULL)" : "");
}

/* `picked`: every row that answers, with its keys g0, g1, ... and whether it certainly does; a cell
 * tells of how many rows it is (records), and a row is of one. */
static void add_picked(struct buffer *sql, const struct stats *stats,
                       const struct stats_choice *choice, const struct cells *cells)
{
    buffer_format(sql, "WITH RECURSIVE picked AS NOT MATERIALIZED (SELECT %s*%s",
                  stats->query->resource->sums->row, cells != NULL ? "" : ", 1 AS records");
    for (size_t i = 0; i < stats->n_groups; i++) {
        buffer_text(sql, ", ");
        add_key(sql, stats, &stats->groups[i]);
        buffer_format(sql, " AS g%zu", i);
    }
    buffer_text(sql, ", ");
    if (!select_certain(sql, stats->query))
        buffer_byte(sql, '1');
    buffer_text(sql, " AS is_certain");
    add_answering(sql, stats, choice, cells);
    buffer_byte(sql, ')');
}

/* Whether some row of a series that answers may be part of another one. */
static bool may_have_parts(const struct stats *stats, const struct stats_choice *choice)
{
    for (size_t i = 0; i < choice->n && stats->query->resource->sums->part != NULL; i++) {
        if (choice->candidates[i].verdict == STATS_ANSWERS && choice->candidates[i].may_have_parts)
            return true;
    }
    return false;
}

/* FROM picked p, without what another row counts already. */
static void add_from_picked(struct buffer *sql, const struct stats *stats,
                            const struct stats_choice *choice)
{
    buffer_text(sql, " FROM picked p");
    if (may_have_parts(stats, choice))
        buffer_format(sql, " WHERE NOT (%s)", stats->query->resource->sums->part);
}

/* The fields of the group keys; false: buckets are finer than years. */
static bool take_keys(const struct stats *stats, const struct field *ret[STATS_GROUPS])
{
    for (size_t i = 0; i < stats->n_groups; i++) {
        if (stats->groups[i].bucket > STATS_YEAR)
            return false;
        ret[i] = stats->groups[i].field;
    }
    return true;
}

/* The cells that can be grouped as asked and tell all that is told of a group; NULL: the rows must
 * be. */
static const struct cells *cells_of_groups(const struct stats *stats,
                                           const struct stats_choice *choice)
{
    static const char *const told[] = { "series", "definition", "source", "flags" };
    enum { TOLD = sizeof(told) / sizeof(*told) };
    const struct field *fields[STATS_GROUPS + TOLD];

    if (!take_keys(stats, fields))
        return NULL;
    for (size_t i = 0; i < TOLD; i++)
        fields[stats->n_groups + i] = field_of(stats, told[i]);
    return cells_for(stats->query, fields, stats->n_groups + TOLD, may_have_parts(stats, choice));
}

static bool asks_for_time(const struct query *query)
{
    for (size_t i = 0; i < query->n_terms; i++) {
        if (query->terms[i].field->type == FIELD_DATE)
            return true;
    }
    return query->has_world;
}

/* The table that has the groups ready; NULL: they are to be added up. It knows of no row that
 * counts only possibly, or not at all. */
static const struct cells *ready_groups(const struct stats *stats,
                                        const struct stats_choice *choice)
{
    const struct field *fields[STATS_GROUPS];

    if (only_answer(choice) == choice->n || may_have_parts(stats, choice)
        || stats->rule == STATS_SOURCE || asks_for_time(stats->query) || !take_keys(stats, fields))
        return NULL;
    return cells_groups_for(stats->query, fields, stats->n_groups);
}

static void add_keys(struct buffer *sql, const struct stats *stats, const char *alias)
{
    for (size_t i = 0; i < stats->n_groups; i++)
        buffer_format(sql, "%s%sg%zu", i > 0 ? ", " : "", alias, i);
}

/* The series and the definition of a group. */
static void add_series(struct buffer *sql, const struct stats_choice *choice)
{
    size_t only = only_answer(choice);

    if (only < choice->n)
        buffer_format(sql, "named('series', json_array(:s%zu)) AS series, :d%zu AS definition",
                      only, only);
    else
        buffer_text(sql, "named('series', texts(series)) AS series,"
                         " CASE WHEN min(definition) = max(definition) THEN max(definition) END"
                         " AS definition");
}

/*
 * `sums`, one row a group.
 *
 * A row that only possibly meets the conditions on time may count for nothing: its low is 0, and it
 * has no best. A low that is not said is 0 as well where another row says one, since nobody counts
 * less than nobody; a high or best that is not said leaves the sum's open.
 */
static void add_sums(struct buffer *sql, const struct stats *stats,
                     const struct stats_choice *choice)
{
    buffer_text(sql, ", sums AS (SELECT ");
    add_keys(sql, stats, "");
    buffer_format(
        sql,
        "%ssum(CASE WHEN is_certain THEN low WHEN low IS NOT NULL THEN 0 END) AS low,"
        " CASE WHEN count(CASE WHEN is_certain THEN best END) = count(*) THEN sum(best) END AS "
        "best,"
        " CASE WHEN count(high) = count(*) THEN sum(high) END AS high, sum(records) AS records,"
        " sum(CASE WHEN coalesce(low, best, high) IS NULL THEN records ELSE 0 END) AS unknown,"
        " CASE WHEN count(coalesce(low, best, high)) = 0 THEN 'not_reported'"
        " WHEN count(CASE WHEN is_certain THEN best END) = count(*) AND sum(best) = 0"
        " AND coalesce(sum(high), 0) = 0 THEN 'zero' ELSE 'reported' END AS status,"
        " named('source', texts(source)) AS sources, independent(texts(source)) AS independent,"
        " merged(texts(flags_json)) AS flags, ",
        stats->n_groups > 0 ? ", " : "");
    add_series(sql, choice);
    add_from_picked(sql, stats, choice);
    if (stats->n_groups > 0) {
        buffer_text(sql, " GROUP BY ");
        add_keys(sql, stats, "");
    } else {
        buffer_text(sql, " HAVING count(*) > 0");
    }
    buffer_byte(sql, ')');
}

/* The same, of groups that are ready. */
static void add_ready_sums(struct buffer *sql, const struct stats *stats,
                           const struct stats_choice *choice, const struct cells *groups)
{
    buffer_text(sql, "WITH RECURSIVE sums AS (SELECT ");
    for (size_t i = 0; i < stats->n_groups; i++) {
        if (stats->groups[i].bucket == STATS_VALUE)
            add_key(sql, stats, &stats->groups[i]);
        else
            buffer_text(sql, bucket_names[stats->groups[i].bucket]);
        buffer_format(sql, " AS g%zu, ", i);
    }
    buffer_text(sql, "low, best, high, records, unknown, status, sources, independent, flags, ");
    add_series(sql, choice);
    add_answering(sql, stats, choice, groups);
    buffer_byte(sql, ')');
}

/* The key that is a bucket of time; n_groups: none is. */
static size_t time_key(const struct stats *stats)
{
    size_t i = 0;

    while (i < stats->n_groups && stats->groups[i].bucket == STATS_VALUE)
        i++;
    return i;
}

/* An end of the filled span: the asked one, or that of the buckets that are there. */
static void add_span_end(struct buffer *sql, const struct stats *stats, const char *function,
                         const char *asked, bool is_asked)
{
    size_t key = time_key(stats);

    if (is_asked)
        add_bucket_of(sql, stats->groups[key].bucket, asked);
    else
        buffer_format(sql, "(SELECT %s(g%zu) FROM sums)", function, key);
}

/* `filled`: the groups, and one for each bucket of the span that has none beside the other keys. */
static void add_filled(struct buffer *sql, const struct stats *stats)
{
    const struct query *query = stats->query;
    size_t key = time_key(stats);
    const char *number = stats->fill == STATS_FILL_ZERO ? "0" : "NULL";

    buffer_text(sql, ", span (first, last) AS (SELECT ");
    add_span_end(sql, stats, "min", ":world_min",
                 query->has_world && strcmp(query->world.min, DATE_FIRST) != 0);
    buffer_text(sql, ", ");
    add_span_end(sql, stats, "max", ":world_max",
                 query->has_world && strcmp(query->world.max, DATE_LAST) != 0);
    buffer_format(sql,
                  "), buckets (bucket) AS (SELECT first FROM span "
                  "WHERE first <= last"
                  " UNION ALL SELECT bucket + 1 FROM buckets, span WHERE bucket < last LIMIT %d),"
                  " others AS (SELECT DISTINCT 1 AS one",
                  QUERY_OFFSET_MAX);
    for (size_t i = 0; i < stats->n_groups; i++) {
        if (i != key)
            buffer_format(sql, ", g%zu", i);
    }
    /* With no key but time there is one line to fill, also where no row is. */
    buffer_text(sql, stats->n_groups > 1 ? " FROM sums" : "");
    buffer_text(sql, "), filled AS (SELECT * FROM sums UNION ALL SELECT ");
    for (size_t i = 0; i < stats->n_groups; i++) {
        if (i == key)
            buffer_text(sql, "bucket, ");
        else
            buffer_format(sql, "o.g%zu, ", i);
    }
    buffer_format(sql,
                  "%s, %s, %s, 0, 0, 'not_reported', '[]', 0, '[]', '[]', NULL FROM others o CROSS "
                  "JOIN buckets"
                  " WHERE NOT EXISTS (SELECT 1 FROM sums WHERE g%zu = bucket",
                  number, number, number, key);
    for (size_t i = 0; i < stats->n_groups; i++) {
        if (i != key)
            buffer_format(sql, " AND sums.g%zu IS o.g%zu", i, i);
    }
    buffer_text(sql, "))");
}

static void add_conditions(struct buffer *sql, const struct stats *stats)
{
    static const char *const signs[OPERATOR__MAX] = {
        [OPERATOR_EQUAL] = "=", [OPERATOR_NOT] = "<>", [OPERATOR_GT] = ">",
        [OPERATOR_GTE] = ">=",  [OPERATOR_LT] = "<",   [OPERATOR_LTE] = "<=",
    };

    for (size_t i = 0; i < stats->n_conditions; i++) {
        const struct stats_condition *condition = &stats->conditions[i];
        const char *column = column_names[condition->column];

        buffer_text(sql, i > 0 ? " AND " : " WHERE ");
        if (condition->op == OPERATOR_ISNULL)
            buffer_format(sql, "x.%s IS %sNULL", column, condition->is_null ? "" : "NOT ");
        else
            buffer_format(sql, "x.%s %s :c%zu", column, signs[condition->op], i);
    }
}

static void add_order(struct buffer *sql, const struct stats *stats)
{
    bool is_any = false;

    buffer_text(sql, " ORDER BY ");
    for (size_t i = 0; i < stats->n_sorts; i++, is_any = true) {
        const struct stats_sort *sort = &stats->sorts[i];
        char key[32];

        if (sort->is_group)
            snprintf(key, sizeof(key), "x.g%zu", sort->index);
        else
            snprintf(key, sizeof(key), "x.%s", column_names[sort->index]);
        buffer_format(sql, "%s%s IS NULL, %s%s", is_any ? ", " : "", key, key,
                      sort->descending ? " DESC" : "");
    }
    for (size_t i = 0; i < stats->n_groups; i++, is_any = true)
        buffer_format(sql, "%sx.g%zu IS NULL, x.g%zu", is_any ? ", " : "", i, i);
    buffer_text(sql, is_any ? "" : "1");
}

/* What the thing of a key is called, or was on the day that is asked for. */
static void add_key_name(struct buffer *sql, const struct stats *stats, const struct field *field,
                         size_t index)
{
    char id[24];

    snprintf(id, sizeof(id), "x.g%zu", index);
    select_label(sql, stats->query, field, id);
    buffer_text(sql, ", ");
}

/* Value, name and iso3 of each key. */
static void add_key_columns(struct buffer *sql, const struct stats *stats)
{
    for (size_t i = 0; i < stats->n_groups; i++) {
        const struct field *field = stats->groups[i].field;

        buffer_format(sql, "x.g%zu, ", i);
        if (field->type != FIELD_REF)
            buffer_text(sql, "NULL, NULL, ");
        else
            add_key_name(sql, stats, field, i);
        if (field->type == FIELD_REF && select_width(field) == 3)
            buffer_format(sql, "(SELECT iso3 FROM places WHERE id = x.g%zu), ", i);
        else if (field->type == FIELD_REF)
            buffer_text(sql, "NULL, ");
    }
}

/* ---- binding and opening ---- */

static void bind_integer(sqlite3_stmt *stmt, const char *name, int64_t value)
{
    int index = sqlite3_bind_parameter_index(stmt, name);

    if (index > 0)
        sqlite3_bind_int64(stmt, index, value);
}

static bool open_sql(struct conn *conn, const struct stats *stats,
                     const struct stats_choice *choice, const struct buffer *sql,
                     sqlite3_stmt **ret, struct error *err)
{
    char name[24];

    if (sql->broken)
        return error_set(err, ERR_INTERNAL, NULL, "no room for the SQL of sums");
    if (!conn_stmt(conn, sql->data, ret, err))
        return false;
    select_bind(*ret, stats->query);
    select_bind_text(*ret, ":stats_source", stats->source);
    for (size_t i = 0; choice != NULL && i < choice->n; i++) {
        if (choice->candidates[i].verdict != STATS_ANSWERS)
            continue;
        snprintf(name, sizeof(name), ":s%zu", i);
        select_bind_text(*ret, name, choice->candidates[i].series);
        snprintf(name, sizeof(name), ":d%zu", i);
        select_bind_text(*ret, name, choice->candidates[i].definition);
    }
    for (size_t i = 0; i < stats->n_conditions; i++) {
        snprintf(name, sizeof(name), ":c%zu", i);
        bind_integer(*ret, name, stats->conditions[i].value);
    }
    return true;
}

bool stats_open(struct conn *conn, const struct stats *stats, const struct stats_choice *choice,
                sqlite3_stmt **ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(STATS_SQL);
    const struct cells *groups = ready_groups(stats, choice);
    size_t only = only_answer(choice);
    char id[24] = "definition";

    if (groups != NULL) {
        add_ready_sums(&sql, stats, choice, groups);
    } else {
        add_picked(&sql, stats, choice, cells_of_groups(stats, choice));
        add_sums(&sql, stats, choice);
    }
    if (stats->fill != STATS_LEAVE)
        add_filled(&sql, stats);
    buffer_text(&sql, " SELECT ");
    add_key_columns(&sql, stats);
    buffer_text(&sql, "low, best, high, records, unknown, status, series, definition, ");
    if (only < choice->n)
        snprintf(id, sizeof(id), ":d%zu", only); /* looked up once */
    buffer_format(&sql,
                  "CASE WHEN definition IS NOT NULL THEN"
                  " (SELECT name FROM labels WHERE kind = 'definition' AND id = %s) END,"
                  " sources, independent, flags FROM %s x",
                  id, stats->fill != STATS_LEAVE ? "filled" : "sums");
    add_conditions(&sql, stats);
    add_order(&sql, stats);
    return open_sql(conn, stats, choice, &sql, ret, err);
}

bool stats_open_rows(struct conn *conn, const struct stats *stats,
                     const struct stats_choice *choice, sqlite3_stmt **ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(STATS_SQL);

    add_picked(&sql, stats, choice, NULL);
    buffer_text(&sql, " SELECT ");
    add_keys(&sql, stats, "p.");
    buffer_format(
        &sql,
        "%sp.id, p.low, p.best, p.high, p.is_certain, p.series, p.source,"
        " (SELECT name FROM labels WHERE kind = 'source' AND id = p.source), p.claims_json",
        stats->n_groups > 0 ? ", " : "");
    add_from_picked(&sql, stats, choice);
    buffer_text(&sql, " ORDER BY ");
    add_keys(&sql, stats, "p.");
    buffer_format(&sql, "%sp.id LIMIT %d", stats->n_groups > 0 ? ", " : "", STATS_ROWS + 1);
    return open_sql(conn, stats, choice, &sql, ret, err);
}

static bool open_parts(struct conn *conn, const struct stats *stats,
                       const struct stats_choice *choice, const struct cells *cells,
                       sqlite3_stmt **ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(STATS_SQL);

    add_picked(&sql, stats, choice, cells);
    buffer_format(&sql, " SELECT p.id, p.series FROM picked p WHERE %s ORDER BY +p.id LIMIT %d",
                  stats->query->resource->sums->part, STATS_CANDIDATES);
    return open_sql(conn, stats, choice, &sql, ret, err);
}

bool stats_open_parts(struct conn *conn, const struct stats *stats,
                      const struct stats_choice *choice, sqlite3_stmt **ret, struct error *err)
{
    const struct cells *cells = cells_of_groups(stats, choice);
    bool is_row;

    if (!may_have_parts(stats, choice))
        return true;
    if (!open_parts(conn, stats, choice, cells, ret, err))
        return false;
    if (cells == NULL)
        return true;
    /* A cell of several rows has no id, and comes first: then the rows themselves are to be told.
     */
    if (!stmt_step(*ret, &is_row, err))
        return false;
    if (!is_row || sqlite3_column_type(*ret, 0) != SQLITE_NULL) {
        sqlite3_reset(*ret);
        return true;
    }
    stmt_return(ret);
    return open_parts(conn, stats, choice, NULL, ret, err);
}

/* The condition on a field by which a request names things outright. */
static const struct term *naming_term(const struct stats *stats, const struct field *field)
{
    for (size_t i = 0; i < stats->query->n_terms; i++) {
        const struct term *term = &stats->query->terms[i];

        if (term->field == field && (term->op == OPERATOR_EQUAL || term->op == OPERATOR_IN))
            return term;
    }
    return NULL;
}

bool stats_open_beside(struct conn *conn, const struct stats *stats, sqlite3_stmt **ret,
                       struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(STATS_SQL);
    const struct sums *sums = stats->query->resource->sums;
    const struct term *term =
        sums->beside != NULL ? naming_term(stats, field_of(stats, sums->beside_field)) : NULL;
    const char *at = sums->beside, *mark;

    if (term == NULL)
        return true;
    while ((mark = strstr(at, "@ids")) != NULL) {
        buffer_add(&sql, at, (size_t)(mark - at));
        select_named(&sql, term);
        at = mark + strlen("@ids");
    }
    buffer_text(&sql, at);
    return open_sql(conn, stats, NULL, &sql, ret, err);
}

bool stats_source_day(struct conn *conn, const char *source, char ret[DATE_DAY_SIZE],
                      struct error *err)
{
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    bool is_row;

    ret[0] = '\0';
    if (!conn_stmt(conn,
                   "SELECT max(t.known_on) FROM series_states t JOIN series s ON s.id = t.series"
                   " AND s.kind <> 'total' WHERE t.source = :source",
                   &stmt, err))
        return false;
    select_bind_text(stmt, ":source", source);
    if (!stmt_step(stmt, &is_row, err))
        return false;
    if (is_row && sqlite3_column_type(stmt, 0) == SQLITE_TEXT)
        snprintf(ret, DATE_DAY_SIZE, "%s", (const char *)sqlite3_column_text(stmt, 0));
    return true;
}

/* ---- which series answer ---- */

static void take_text(char *ret, size_t size, sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    snprintf(ret, size, "%s", text != NULL ? text : "");
}

static void read_candidate(sqlite3_stmt *row, struct stats_candidate *ret)
{
    *ret = (struct stats_candidate){ .verdict = STATS_ANSWERS };
    take_text(ret->series, sizeof(ret->series), row, 0);
    take_text(ret->series_name, sizeof(ret->series_name), row, 1);
    ret->is_official = sqlite3_column_int(row, 2) != 0;
    ret->rank = sqlite3_column_int64(row, 3);
    take_text(ret->frequency, sizeof(ret->frequency), row, 4);
    take_text(ret->dimensions, sizeof(ret->dimensions), row, 5);
    take_text(ret->definition, sizeof(ret->definition), row, 6);
    take_text(ret->definition_name, sizeof(ret->definition_name), row, 7);
    ret->is_own = sqlite3_column_int(row, 8) != 0;
    ret->records = sqlite3_column_int64(row, 9);
    ret->best = sqlite3_column_double(row, 10);
    ret->may_have_parts = sqlite3_column_int(row, 11) != 0;
    take_text(ret->state, sizeof(ret->state), row, 12);
    take_text(ret->origin, sizeof(ret->origin), row, 13);
}

static bool read_candidates(struct conn *conn, const struct stats *stats, struct stats_choice *ret,
                            struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(STATS_SQL);
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    /* Of one source alone rows are asked for by it. */
    const struct field *source = field_of(stats, "source");
    const struct cells *cells =
        cells_for(stats->query, &source, stats->rule == STATS_SOURCE ? 1 : 0, false);
    bool is_row;

    buffer_format(
        &sql,
        "SELECT s.id, s.name, s.official, s.rank, s.frequency, s.dimensions_json, n.definition,"
        " (SELECT name FROM labels WHERE kind = 'definition' AND id = n.definition),"
        " n.definition = s.definition, n.records, n.best, n.may_have_parts, t.known_on,"
        " (SELECT coalesce(origin, id) FROM sources WHERE id = t.source)"
        " FROM (SELECT value ->> 0 AS series, value ->> 1 AS definition, value ->> 2 AS records,"
        " value ->> 3 AS best, value ->> 4 AS may_have_parts FROM json_each((SELECT tally(%s, %s, "
        "%s, %sbest)",
        field_of(stats, "series")->sql, field_of(stats, "definition")->sql,
        cells != NULL ? "records, may_be_part" : "1, 1", stats->measure->sql);
    add_rows(&sql, stats, cells);
    buffer_text(
        &sql, "))) n JOIN series s ON s.id = n.series LEFT JOIN series_states t ON t.series = s.id"
              " AND t.known_on = (SELECT max(o.known_on) FROM series_states o WHERE o.series = s.id"
              " AND o.source IS NOT NULL AND o.known_on <= :as_of)"
              " ORDER BY s.rank, s.id, n.definition <> s.definition, n.records DESC, n.definition");
    if (!open_sql(conn, stats, NULL, &sql, &rows, err))
        return false;
    ret->n = 0;
    for (;;) {
        if (!stmt_step(rows, &is_row, err))
            return false;
        if (!is_row)
            return true;
        if (ret->n == STATS_CANDIDATES)
            return error_set(err, ERR_PARAM_INVALID, "series",
                             "More than %d series meet the request; name one of them.",
                             STATS_CANDIDATES);
        read_candidate(rows, &ret->candidates[ret->n++]);
    }
}

static bool has_code(const char *json, const char *code)
{
    char quoted[96];

    snprintf(quoted, sizeof(quoted), "\"%s\"", code);
    return strstr(json, quoted) != NULL;
}

static int fineness(const char *frequency)
{
    static const char *const all[] = { "day", "month", "year", "period" };
    int i = 0;

    while (i < 3 && strcmp(all[i], frequency) != 0)
        i++;
    return i;
}

/* Whether the dates of a series tell the buckets that are asked for. */
static bool tells_time(const struct stats *stats, const struct stats_candidate *candidate)
{
    for (size_t i = 0; i < stats->n_groups; i++) {
        enum stats_bucket bucket = stats->groups[i].bucket;

        if (bucket != STATS_VALUE
            && fineness(candidate->frequency) > (bucket == STATS_YEAR ? 2 : 1))
            return false;
    }
    return true;
}

/* The first dimension that is asked for and that a series is not broken down by; NULL: none. */
static const char *lacking(const struct stats *stats, const struct stats_candidate *candidate,
                           bool with_nulls)
{
    for (size_t i = 0; i < stats->n_groups; i++) {
        const struct field *field = stats->groups[i].field;

        if ((field->flags & FIELD_DIMENSION) && !has_code(candidate->dimensions, field->name))
            return field->name;
    }
    for (size_t i = 0; i < stats->query->n_terms; i++) {
        const struct field *field = stats->query->terms[i].field;

        if (stats->query->terms[i].op == OPERATOR_ISNULL && !with_nulls)
            continue;
        if ((field->flags & FIELD_DIMENSION) && !has_code(candidate->dimensions, field->name))
            return field->name;
    }
    return NULL;
}

static bool is_in_race(const struct stats_candidate *candidate)
{
    return candidate->verdict == STATS_ANSWERS;
}

static size_t count_in_race(const struct stats_choice *choice)
{
    size_t n = 0;

    for (size_t i = 0; i < choice->n; i++)
        n += is_in_race(&choice->candidates[i]) ? 1 : 0;
    return n;
}

/* The finest bucket of time that the dates of a series tell; NULL: they tell none. */
static const char *finest_bucket(const struct stats_candidate *candidate)
{
    return fineness(candidate->frequency) == 3   ? NULL
           : fineness(candidate->frequency) == 2 ? "year"
                                                 : "month";
}

/* What a series can be grouped by, as a client would write it. */
static void allow_groups(const struct stats_candidate *candidate, struct error *err)
{
    const char *bucket = finest_bucket(candidate);
    char right[640], *to = right;

    /* The codes of a JSON array, without its punctuation. */
    for (const char *at = candidate->dimensions; *at != '\0' && to < right + sizeof(right) - 16;
         at++) {
        if (*at != '[' && *at != ']' && *at != '"')
            *to++ = *at;
    }
    *to = '\0';
    if (bucket != NULL)
        snprintf(to, 16, "%s%s(date)", to > right ? "," : "", bucket);
    error_allow(err, NULL, right);
}

/* Whether that is allowed already: series that differ elsewhere tell the same buckets. */
static bool is_allowed(const struct error *err, const char *right)
{
    size_t len = strlen(right);

    for (const char *at = err->allowed; *at != '\0'; at += strspn(at, "\n")) {
        if (strncmp(at, right, len) == 0 && (at[len] == '\n' || at[len] == '\0'))
            return true;
        at += strcspn(at, "\n");
    }
    return false;
}

static void allow_once(struct error *err, const char *right)
{
    if (!is_allowed(err, right))
        error_allow(err, NULL, right);
}

/* The same for lines over time, of which one parameter asks for the bucket and one for the key. */
static void allow_lines(const struct stats *stats, const struct stats_candidate *candidate,
                        struct error *err)
{
    const char *bucket = finest_bucket(candidate), *at = candidate->dimensions;
    char right[64];

    if (candidate->field == NULL && bucket != NULL)
        allow_once(err, bucket);
    while (candidate->field != NULL && strcmp(err->param, stats->keys_param) == 0
           && (at = strchr(at, '"')) != NULL) {
        size_t len = strcspn(at + 1, "\"");
        const struct field *field;

        snprintf(right, sizeof(right), "%.*s", (int)len, at + 1);
        field = field_of(stats, right);
        if (field != NULL && field->type != FIELD_REFS) /* nobody groups by a list */
            allow_once(err, right);
        at += len + 2;
    }
}

/* Whether two series can be grouped alike. */
static bool is_alike(const struct stats_candidate *a, const struct stats_candidate *b)
{
    return strcmp(a->dimensions, b->dimensions) == 0 && strcmp(a->frequency, b->frequency) == 0;
}

/* The parameter that asks for more than a series can tell: what asks for groups, or a filter. */
static const char *culprit(const struct stats *stats, const struct stats_candidate *candidate)
{
    for (size_t i = 0; i < stats->n_groups && candidate->field != NULL; i++) {
        if (strcmp(stats->groups[i].field->name, candidate->field) == 0)
            return stats->keys_param != NULL ? stats->keys_param : "group_by";
    }
    if (candidate->field != NULL)
        return candidate->field;
    return stats->time_param != NULL ? stats->time_param : "group_by";
}

/* with_nulls: a condition that a dimension is null asks for a series that has the dimension. */
static void judge_fitness(const struct stats *stats, struct stats_choice *choice, bool with_nulls)
{
    for (size_t i = 0; i < choice->n; i++) {
        struct stats_candidate *candidate = &choice->candidates[i];

        candidate->field = lacking(stats, candidate, with_nulls);
        candidate->verdict = candidate->field != NULL        ? STATS_COARSE
                             : !tells_time(stats, candidate) ? STATS_TIMELESS
                                                             : STATS_ANSWERS;
    }
}

/* Leaves out what cannot be grouped or filtered as asked. */
static bool drop_unfit(const struct stats *stats, struct stats_choice *choice, struct error *err)
{
    size_t n_timeless = 0;

    judge_fitness(stats, choice, true);
    /* Who has no mission at all is asked for: series that know of none may tell. */
    if (count_in_race(choice) == 0)
        judge_fitness(stats, choice, false);
    if (choice->n > 0 && count_in_race(choice) == 0) {
        error_set(err, ERR_PARAM_INVALID, culprit(stats, &choice->candidates[0]),
                  "No series that meets the request is broken down like that: '%.100s' %s%.40s.",
                  choice->candidates[0].series,
                  choice->candidates[0].field != NULL ? "is not broken down by " : "tells time by ",
                  choice->candidates[0].field != NULL ? choice->candidates[0].field
                                                      : choice->candidates[0].frequency);
        for (size_t i = 0; i < choice->n; i++) {
            if (i > 0 && is_alike(&choice->candidates[i - 1], &choice->candidates[i]))
                continue;
            if (stats->keys_param != NULL)
                allow_lines(stats, &choice->candidates[i], err);
            else
                allow_groups(&choice->candidates[i], err);
        }
        return false;
    }
    /* Rows that span periods of their own answer a question about time only where no others can. */
    if (!asks_for_time(stats->query))
        return true;
    for (size_t i = 0; i < choice->n; i++)
        n_timeless +=
            is_in_race(&choice->candidates[i]) && fineness(choice->candidates[i].frequency) == 3;
    for (size_t i = 0; i < choice->n && n_timeless < count_in_race(choice); i++) {
        if (!is_in_race(&choice->candidates[i]) || fineness(choice->candidates[i].frequency) != 3)
            continue;
        choice->candidates[i].verdict = STATS_TIMELESS;
        n_timeless--;
    }
    return true;
}

/* Leaves out series of which a later state of the same data set stands in another one. */
static void drop_stale(struct stats_choice *choice)
{
    for (size_t i = 0; i < choice->n; i++) {
        struct stats_candidate *candidate = &choice->candidates[i];

        for (size_t j = 0; j < choice->n && is_in_race(candidate); j++) {
            const struct stats_candidate *other = &choice->candidates[j];

            if (!is_in_race(other) || candidate->origin[0] == '\0'
                || strcmp(candidate->origin, other->origin) != 0
                || strcmp(candidate->state, other->state) >= 0)
                continue;
            candidate->verdict = STATS_STALE;
            candidate->other = other;
        }
    }
}

/** What candidates are ordered by under the rules that do not go by rank. */
static double measure_of(enum stats_rule rule, const struct stats_candidate *candidate)
{
    return rule == STATS_MIN ? candidate->best : -candidate->best;
}

/* The candidate of the least figure, or of the latest state; among equals the first. */
static struct stats_candidate *first_by(enum stats_rule rule, struct stats_choice *choice)
{
    struct stats_candidate *first = NULL;

    for (size_t i = 0; i < choice->n; i++) {
        struct stats_candidate *candidate = &choice->candidates[i];

        if (!is_in_race(candidate))
            continue;
        if (first == NULL
            || (rule == STATS_LATEST ? strcmp(candidate->state, first->state) > 0
                                     : measure_of(rule, candidate) < measure_of(rule, first)))
            first = candidate;
    }
    return first;
}

static void apply_rule(enum stats_rule rule, struct stats_choice *choice)
{
    const struct stats_candidate *first;

    if (rule == STATS_OFFICIAL) {
        for (size_t i = 0; i < choice->n; i++) {
            if (is_in_race(&choice->candidates[i]) && !choice->candidates[i].is_official)
                choice->candidates[i].verdict = STATS_UNOFFICIAL;
        }
        return;
    }
    if (rule != STATS_LATEST && rule != STATS_MIN && rule != STATS_MAX)
        return;
    first = first_by(rule, choice);
    for (size_t i = 0; i < choice->n; i++) {
        struct stats_candidate *candidate = &choice->candidates[i];

        if (is_in_race(candidate) && candidate != first) {
            candidate->verdict = STATS_BEATEN;
            candidate->other = first;
        }
    }
}

/* Whether two things stand beside each other in a table of pairs. */
static bool is_pair(struct conn *conn, const char *sql, const char *a, const char *b, bool *ret,
                    struct error *err)
{
    defer(stmt_return) sqlite3_stmt *stmt = NULL;

    if (!conn_stmt(conn, sql, &stmt, err))
        return false;
    select_bind_text(stmt, ":a", a);
    select_bind_text(stmt, ":b", b);
    return stmt_step(stmt, ret, err);
}

/* Whether a candidate may be added to one that answers already. */
static bool judge_pair(struct conn *conn, const struct stats_candidate *chosen,
                       struct stats_candidate *candidate, struct error *err)
{
    bool is_overlap = false, is_addable = strcmp(chosen->definition, candidate->definition) == 0;

    if (strcmp(chosen->series, candidate->series) != 0
        && !is_pair(conn, "SELECT 1 FROM series_overlaps WHERE series = :a AND other = :b",
                    chosen->series, candidate->series, &is_overlap, err))
        return false;
    if (!is_addable
        && !is_pair(conn, "SELECT 1 FROM definition_sums WHERE definition = :a AND other = :b",
                    chosen->definition, candidate->definition, &is_addable, err))
        return false;
    if (!is_overlap && is_addable)
        return true;
    candidate->verdict = is_overlap ? STATS_OVERLAPS : STATS_INCOMPATIBLE;
    candidate->other = chosen;
    return true;
}

/* Whether the request names more than one thing of a field: what it names it wants added. */
static bool insists(const struct stats *stats, const char *field)
{
    const struct term *term = naming_term(stats, field_of(stats, field));

    return term != NULL && term->n_values > 1;
}

static bool refuse(const struct stats_candidate *candidate, struct error *err)
{
    if (candidate->verdict == STATS_OVERLAPS)
        return error_set(err, ERR_PARAM_INVALID, "series",
                         "'%.100s' and '%.100s' count the same in part or in whole and are "
                         "never added; name "
                         "one of them, or ask resolve=all to see them side by side.",
                         candidate->other->series, candidate->series);
    return error_set(
        err, ERR_PARAM_INVALID,
        strcmp(candidate->other->series, candidate->series) == 0 ? "definition" : "series",
        "'%.100s' counts %.100s and '%.100s' %.100s, which may not be added; name one of them.",
        candidate->other->series, candidate->other->definition, candidate->series,
        candidate->definition);
}

/* Series that are named together and overlap are refused also where one of them has no row. */
static bool check_named(struct conn *conn, const struct stats *stats, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(STATS_SQL);
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    const struct term *term = naming_term(stats, field_of(stats, "series"));
    struct stats_candidate a = { .verdict = STATS_ANSWERS },
                           b = { .verdict = STATS_OVERLAPS, .other = &a };
    bool is_row;

    if (term == NULL || term->n_values < 2)
        return true;
    buffer_text(&sql, "SELECT series, other FROM series_overlaps WHERE series IN ");
    select_named(&sql, term);
    buffer_text(&sql, " AND other IN ");
    select_named(&sql, term);
    buffer_text(&sql, " ORDER BY series, other LIMIT 1");
    if (!open_sql(conn, stats, NULL, &sql, &rows, err) || !stmt_step(rows, &is_row, err))
        return false;
    if (!is_row)
        return true;
    take_text(a.series, sizeof(a.series), rows, 0);
    take_text(b.series, sizeof(b.series), rows, 1);
    return refuse(&b, err);
}

/* From the first on: who may be added to all before it answers with them. */
static bool choose_together(struct conn *conn, const struct stats *stats,
                            struct stats_choice *choice, struct error *err)
{
    for (size_t i = 0; i < choice->n; i++) {
        struct stats_candidate *candidate = &choice->candidates[i];

        for (size_t j = 0; j < i && is_in_race(candidate); j++) {
            if (is_in_race(&choice->candidates[j])
                && !judge_pair(conn, &choice->candidates[j], candidate, err))
                return false;
        }
        if ((candidate->verdict == STATS_OVERLAPS || candidate->verdict == STATS_INCOMPATIBLE)
            && (insists(stats, "series") || insists(stats, "definition")))
            return refuse(candidate, err);
    }
    return true;
}

bool stats_choose(struct conn *conn, const struct stats *stats, struct stats_choice *ret,
                  struct error *err)
{
    if ((stats->rule != STATS_ALL && !check_named(conn, stats, err))
        || !read_candidates(conn, stats, ret, err) || !drop_unfit(stats, ret, err))
        return false;
    if (stats->rule == STATS_ALL) /* nothing is added to anything: each is a group of its own */
        return true;
    drop_stale(ret);
    apply_rule(stats->rule, ret);
    return choose_together(conn, stats, ret, err);
}
