#include "db/select.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/cells.h"
#include "db/changes.h"
#include "db/conn.h"
#include "db/way.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/base/fold.h"

enum {
    SELECT_SQL = 128 << 10, /* most bytes of one statement */
    SELECT_KEY = 900,       /* bytes that the keys of most statements fit */
};

/* The parts of a claimed number, in the order of the columns. */
const char *const select_number_parts[SELECT_NUMBER_PARTS] = { "low",       "best", "high",
                                                               "qualifier", "text", "unit" };

static bool is_place(const struct field *field)
{
    return field->kind_sql == NULL && field->kind[0] == 'p' && strcmp(field->kind, "place") == 0;
}

size_t select_width(const struct field *field)
{
    if (field->type == FIELD_NUMBER)
        return SELECT_NUMBER_PARTS;
    if (field->type == FIELD_REF)
        return is_place(field) || field->kind_sql != NULL ? 3 : 2;
    return 1;
}

struct select_place select_next(struct select_walk *walk, const struct field *field)
{
    struct select_place ret = { .at = walk->column, .only = -1 };

    if (field->type != FIELD_NUMBER || field->only == NULL) {
        walk->column += (int)select_width(field);
        return ret;
    }
    ret.only = walk->column++;
    if (walk->numbers == NULL || strcmp(walk->numbers, field->sql) != 0) {
        walk->numbers = field->sql;
        walk->numbers_at = walk->column;
        walk->column += SELECT_NUMBER_PARTS;
    }
    ret.at = walk->numbers_at;
    return ret;
}

/* One part of a number: NULL where the row's number is not this field's. */
static void add_part(struct buffer *sql, const struct field *field, const char *part)
{
    if (field->only != NULL)
        buffer_format(sql, "CASE WHEN %s THEN %s%s END", field->only, field->sql, part);
    else
        buffer_format(sql, "%s%s", field->sql, part);
}

/* Kinds of things of which a new version may bear another name, and where that stands. */
static const struct {
    const char *kind, *table, *column;
} renamed[] = {
    { "actor", "actors", "name" },
    { "mission", "missions", "acronym" },
};
enum { N_RENAMED = sizeof(renamed) / sizeof(*renamed) };

/* Whether what a field names may have been called something else on the day that is asked for. */
static bool has_names_then(const struct query *query, const struct field *field)
{
    for (size_t i = 0; i < N_RENAMED && query->as_of[0] != '\0'; i++) {
        if (strstr(field->kind, renamed[i].kind) != NULL)
            return true;
    }
    return false;
}

/* The kind of what a field names, as SQL. */
static void add_kind(struct buffer *sql, const struct field *field)
{
    if (field->kind_sql != NULL)
        buffer_text(sql, field->kind_sql);
    else
        buffer_format(sql, "'%s'", field->kind);
}

void select_label(struct buffer *sql, const struct query *query, const struct field *field,
                  const char *id)
{
    bool is_then = has_names_then(query, field);

    buffer_text(sql, is_then ? "coalesce(" : "");
    for (size_t i = 0; i < N_RENAMED && is_then; i++) {
        if (strstr(field->kind, renamed[i].kind) == NULL)
            continue;
        buffer_format(sql, "(SELECT %s FROM %s WHERE ", renamed[i].column, renamed[i].table);
        if (field->kind_sql != NULL)
            buffer_format(sql, "%s = '%s' AND ", field->kind_sql, renamed[i].kind);
        buffer_format(sql, "id = %s AND known_from <= :as_of ORDER BY version DESC LIMIT 1), ", id);
    }
    buffer_text(sql, "label(");
    add_kind(sql, field);
    buffer_text(sql, ", ");
    buffer_text(sql, id);
    buffer_text(sql, is_then ? "))" : ")");
}

void select_column(struct buffer *sql, const struct query *query, const struct field *field,
                   size_t part)
{
    switch (field->type) {
    case FIELD_NUMBER:
        add_part(sql, field, select_number_parts[part]);
        break;
    case FIELD_REF:
        if (part == 0)
            buffer_text(sql, field->sql);
        else if (part == 1)
            select_label(sql, query, field, field->sql);
        else if (field->kind_sql != NULL)
            buffer_text(sql, field->kind_sql);
        else
            buffer_format(sql, "iso3(%s)", field->sql);
        break;
    case FIELD_REFS:
        /* The names stand in the list as they are now. */
        if (field->kind_sql == NULL && has_names_then(query, field)) {
            buffer_text(sql, "(SELECT json_group_array(json_set(value, '$.name', ");
            select_label(sql, query, field, "value ->> '$.id'");
            buffer_format(sql, ")) FROM json_each(%s))", field->sql);
        } else {
            buffer_text(sql, field->sql);
        }
        break;
    default:
        buffer_text(sql, field->sql);
    }
}

/* The columns of a field as select_next() places them. With the condition in each part of each
 * number, the numbers took half of the time of a row of casualties. */
static void add_columns(struct buffer *sql, const struct query *query, const struct field *field,
                        struct select_walk *walk)
{
    struct select_place place = select_next(walk, field);

    if (place.only < 0) {
        for (size_t i = 0; i < select_width(field); i++) {
            buffer_text(sql, i > 0 ? ", " : "");
            select_column(sql, query, field, i);
        }
        return;
    }
    buffer_text(sql, field->only);
    for (size_t i = 0; i < SELECT_NUMBER_PARTS && place.at > place.only; i++)
        buffer_format(sql, ", %s%s", field->sql, select_number_parts[i]);
}

/* The kinds "actor,place" as 'actor', 'place'. */
static void add_kinds(struct buffer *sql, const char *kinds)
{
    buffer_byte(sql, '\'');
    for (; *kinds != '\0'; kinds++)
        *kinds == ',' ? buffer_text(sql, "', '") : buffer_byte(sql, *kinds);
    buffer_byte(sql, '\'');
}

/* Subselect of the things that any value of a term names. */
static void add_named(struct buffer *sql, const struct term *term, const char *columns)
{
    buffer_format(sql, "(SELECT %s FROM names WHERE kind IN (", columns);
    add_kinds(sql, term->field->kind);
    buffer_text(sql, ") AND name IN (");
    for (size_t i = 0; i < term->n_values; i++)
        buffer_format(sql, "%s:v%zu", i > 0 ? ", " : "", term->first + i);
    buffer_text(sql, "))");
}

/* "The row's thing is one that a value names", from .match or as <sql> IN @ids. */
static void add_match(struct buffer *sql, const struct term *term, bool is_indexed)
{
    const char *at = term->field->match;

    if (at == NULL) {
        buffer_format(sql, "%s%s IN ", is_indexed ? "" : "+", term->field->sql);
        add_named(sql, term, "id");
        return;
    }
    while (*at != '\0') {
        const char *mark = strchr(at, '@');

        if (mark == NULL)
            mark = at + strlen(at);
        buffer_add(sql, at, (size_t)(mark - at));
        at = mark;
        if (strncmp(at, "@ids", 4) == 0) {
            add_named(sql, term, "id");
            at += 4;
        } else if (strncmp(at, "@things", 7) == 0) {
            add_named(sql, term, "kind, id");
            at += 7;
        }
    }
}

/* The ids of a kind that q= finds, as they were known. */
static void add_hits(struct buffer *sql, const char *kind, size_t len)
{
    buffer_format(sql,
                  "(SELECT d.id FROM search CROSS JOIN documents d ON d.document = search.rowid"
                  " WHERE search MATCH search_expression(:q, 0) AND d.kind = '%.*s'"
                  " AND d.known_from <= :as_of AND (d.known_to IS NULL OR d.known_to > :as_of))",
                  (int)len, kind);
}

/* .search of a resource, with what its @hits(KIND) stand for. */
static void add_search(struct buffer *sql, const char *search)
{
    static const char mark[] = "@hits(";
    const char *at;

    buffer_text(sql, " AND (");
    while ((at = strstr(search, mark)) != NULL) {
        size_t len = strcspn(at + sizeof(mark) - 1, ")");

        buffer_add(sql, search, (size_t)(at - search));
        add_hits(sql, at + sizeof(mark) - 1, len);
        search = at + sizeof(mark) - 1 + len + 1;
    }
    buffer_text(sql, search);
    buffer_byte(sql, ')');
}

/* An imprecise date against the days v (first) and w (last) of a value. */
static void add_date(struct buffer *sql, const char *min, const char *max, enum operator op,
                     size_t value, bool definite)
{
    switch (op) {
    case OPERATOR_GT:
        buffer_format(sql, "%s > :w%zu", definite ? min : max, value);
        break;
    case OPERATOR_GTE:
        buffer_format(sql, "%s >= :v%zu", definite ? min : max, value);
        break;
    case OPERATOR_LT:
        buffer_format(sql, "%s < :v%zu", definite ? max : min, value);
        break;
    case OPERATOR_LTE:
        buffer_format(sql, "%s <= :w%zu", definite ? max : min, value);
        break;
    default:
        if (definite)
            buffer_format(sql, "(%s >= :v%zu AND %s <= :w%zu)", min, value, max, value);
        else
            buffer_format(sql, "(%s <= :w%zu AND %s >= :v%zu)", min, value, max, value);
    }
}

/* The most that a claimed number may be, as add_number() has it. */
static void add_most(struct buffer *sql, const struct field *field)
{
    buffer_text(sql, "coalesce(max(");
    add_part(sql, field, "high");
    buffer_text(sql, ", coalesce(");
    add_part(sql, field, "best");
    buffer_text(sql, ", ");
    add_part(sql, field, "high");
    buffer_text(sql, ")), CASE WHEN ");
    add_part(sql, field, "low");
    buffer_text(sql, " IS NULL THEN ");
    add_part(sql, field, "best");
    buffer_format(sql, " END, %lld)", LLONG_MAX);
}

/*
 * A claimed number against a value. Possibly: the value lies where the number may lie; a bound that
 * is not given is open, except that a bare best ("about 1,000") stands for both. Certainly: the
 * bounds that are given settle it.
 */
static void add_number(struct buffer *sql, const struct field *field, enum operator op,
                       size_t value, bool definite)
{
    defer(buffer_done) struct buffer low = BUFFER_INIT(SELECT_SQL);
    defer(buffer_done) struct buffer best = BUFFER_INIT(SELECT_SQL);
    defer(buffer_done) struct buffer high = BUFFER_INIT(SELECT_SQL);
    defer(buffer_done) struct buffer least = BUFFER_INIT(SELECT_SQL);
    defer(buffer_done) struct buffer most = BUFFER_INIT(SELECT_SQL);

    add_part(&low, field, "low");
    add_part(&best, field, "best");
    add_part(&high, field, "high");
    if (low.broken || best.broken || high.broken) {
        sql->broken = true;
        return;
    }
    if (definite) {
        buffer_format(&least, "min(%s, coalesce(%s, %s))", low.data, best.data, low.data);
        buffer_format(&most, "max(%s, coalesce(%s, %s))", high.data, best.data, high.data);
    } else {
        buffer_format(&least,
                      "coalesce(min(%s, coalesce(%s, %s)), CASE WHEN %s IS NULL THEN %s END, %lld)",
                      low.data, best.data, low.data, high.data, best.data, LLONG_MIN + 1);
        buffer_format(&most,
                      "coalesce(max(%s, coalesce(%s, %s)), CASE WHEN %s IS NULL THEN %s END, %lld)",
                      high.data, best.data, high.data, low.data, best.data, LLONG_MAX);
    }
    if (least.broken || most.broken) {
        sql->broken = true;
        return;
    }
    /* No number: null, also behind NOT. A number whose bounds do not settle it: false. */
    buffer_format(sql, "CASE WHEN coalesce(%s, %s, %s) IS NOT NULL THEN coalesce(", low.data,
                  best.data, high.data);
    switch (op) {
    case OPERATOR_GT:
    case OPERATOR_GTE:
        buffer_format(sql, "%s %s :v%zu", definite ? least.data : most.data,
                      op == OPERATOR_GT ? ">" : ">=", value);
        break;
    case OPERATOR_LT:
    case OPERATOR_LTE:
        buffer_format(sql, "%s %s :v%zu", definite ? most.data : least.data,
                      op == OPERATOR_LT ? "<" : "<=", value);
        break;
    default:
        if (definite)
            buffer_format(sql, "%s = :v%zu AND %s = :v%zu", least.data, value, most.data, value);
        else
            buffer_format(sql, "%s <= :v%zu AND %s >= :v%zu", least.data, value, most.data, value);
    }
    buffer_text(sql, ", 0) END");
}

static const char *sign_of(enum operator op)
{
    switch (op) {
    case OPERATOR_GT:
        return ">";
    case OPERATOR_GTE:
        return ">=";
    case OPERATOR_LT:
        return "<";
    case OPERATOR_LTE:
        return "<=";
    default:
        return "=";
    }
}

/* Words: a folded column against a folded value. */
static void add_words(struct buffer *sql, const char *column, enum operator op, size_t value)
{
    if (op == OPERATOR_CONTAINS)
        buffer_format(sql, "instr(fold(%s), :v%zu) > 0", column, value);
    else if (op == OPERATOR_STARTSWITH)
        buffer_format(sql, "substr(fold(%s), 1, length(:v%zu)) = :v%zu", column, value, value);
    else
        buffer_format(sql, "fold(%s) = :v%zu", column, value);
}

/* One value of a term that is not about names. */
static void add_value(struct buffer *sql, const struct term *term, size_t value, bool definite)
{
    const struct field *field = term->field;
    char min[96], max[96];

    switch (field->type) {
    case FIELD_DATE:
        snprintf(min, sizeof(min), "%s_min", field->sql);
        snprintf(max, sizeof(max), "%s_max", field->sql);
        add_date(sql, min, max, term->op, value, definite);
        break;
    case FIELD_DAY:
        add_date(sql, field->sql, field->sql, term->op, value, definite);
        break;
    case FIELD_NUMBER:
        add_number(sql, field, term->op, value, definite);
        break;
    case FIELD_TEXTS:
        buffer_format(sql, "EXISTS (SELECT 1 FROM json_each(%s) WHERE ", field->sql);
        add_words(sql, "json_each.value", term->op, value);
        buffer_byte(sql, ')');
        break;
    case FIELD_TEXT:
        add_words(sql, field->sql, term->op, value);
        break;
    case FIELD_ID:
        if (term->op == OPERATOR_CONTAINS || term->op == OPERATOR_STARTSWITH)
            add_words(sql, field->sql, term->op, value);
        else
            buffer_format(sql, "%s = :v%zu", field->sql, value);
        break;
    default:
        buffer_format(sql, "%s %s :v%zu", field->sql, sign_of(term->op), value);
    }
}

static void add_is_null(struct buffer *sql, const struct field *field)
{
    if (field->type == FIELD_NUMBER) {
        buffer_text(sql, "coalesce(");
        for (size_t i = 0; i < 3; i++) {
            buffer_text(sql, i > 0 ? ", " : "");
            add_part(sql, field, select_number_parts[i]);
        }
        buffer_text(sql, ") IS NULL");
    } else if (field->type == FIELD_REFS || field->type == FIELD_TEXTS) {
        buffer_format(sql, "%s = '[]'", field->sql);
    } else {
        buffer_format(sql, "%s IS NULL", field->sql);
    }
}

static bool is_by_name(const struct term *term)
{
    return term->field->kind != NULL && term->op != OPERATOR_CONTAINS
           && term->op != OPERATOR_STARTSWITH;
}

static void add_term(struct buffer *sql, const struct term *term, bool definite, bool is_indexed)
{
    /* What is certainly not so is what is not even possibly so, and the other way round. */
    bool negated = term->op == OPERATOR_NOT || term->op == OPERATOR_NOTIN;

    if (term->op == OPERATOR_ISNULL) {
        buffer_text(sql, term->is_null ? "(" : "NOT (");
        add_is_null(sql, term->field);
        buffer_byte(sql, ')');
        return;
    }
    /* Whoever has no name has not another one either; a list without the thing may well be empty.
     */
    if (negated && is_by_name(term) && term->field->sql != NULL
        && (term->field->flags & FIELD_NULLABLE))
        buffer_format(sql, "%s IS NOT NULL AND ", term->field->sql);
    buffer_text(sql, negated ? "NOT (" : "(");
    if (is_by_name(term)) {
        add_match(sql, term, is_indexed);
    } else {
        for (size_t i = 0; i < term->n_values; i++) {
            buffer_text(sql, i > 0 ? " OR " : "");
            add_value(sql, term, term->first + i, definite != negated);
        }
    }
    buffer_byte(sql, ')');
}

/* The expression that rows are sorted by. */
static void add_sort_key(struct buffer *sql, const struct query *query, const struct sort *sort)
{
    const struct field *field = sort->field;

    if (sort->is_column) {
        select_column(sql, query, field, sort->part);
    } else if (field->type == FIELD_NUMBER) {
        buffer_text(sql, "coalesce(");
        add_part(sql, field, "best");
        buffer_text(sql, ", ");
        add_part(sql, field, "low");
        buffer_text(sql, ", ");
        add_part(sql, field, "high");
        buffer_byte(sql, ')');
    } else if (field->type == FIELD_DATE && (field->flags & FIELD_NULLABLE)) {
        /* The day columns of an unknown date are at the ends of time; sorted, it is a null. */
        buffer_format(sql, "CASE WHEN %s IS NOT NULL THEN %s_min END", field->sql, field->sql);
    } else if (field->type == FIELD_DATE) {
        buffer_format(sql, "%s_min", field->sql);
    } else {
        buffer_text(sql, field->sql);
    }
}

static bool is_sort_nullable(const struct sort *sort)
{
    return sort->is_column ? sort->is_nullable : (sort->field->flags & FIELD_NULLABLE) != 0;
}

/* Nulls are last whichever way, but for columns, where they are the least. */
static bool has_nulls_first(const struct sort *sort)
{
    return sort->is_column && !sort->descending;
}

/* The id is appended unless it stands there; it goes the way of the key before it, so that an index
 * serves both. */
static bool is_id_descending(const struct query *query)
{
    return query->n_sorts > 0 && query->sorts[query->n_sorts - 1].descending;
}

static bool has_id_key(const struct query *query)
{
    return query->n_sorts > 0 && query->sorts[query->n_sorts - 1].field->type == FIELD_ID;
}

/* `sign`: "+" keeps SQLite from walking all rows in their order, where few are to be sorted. */
static void add_order(struct buffer *sql, const struct query *query, const char *sign)
{
    buffer_text(sql, " ORDER BY ");
    for (size_t i = 0; i < query->n_sorts; i++) {
        const struct sort *sort = &query->sorts[i];

        buffer_text(sql, i > 0 ? ", " : "");
        if (is_sort_nullable(sort)) {
            add_sort_key(sql, query, sort);
            buffer_text(sql, has_nulls_first(sort) ? " IS NOT NULL, " : " IS NULL, ");
        }
        buffer_text(sql, sign);
        add_sort_key(sql, query, sort);
        buffer_text(sql, sort->descending ? " DESC" : "");
    }
    if (!has_id_key(query))
        buffer_format(sql, "%s%s%s%s", query->n_sorts > 0 ? ", " : "", sign, query->resource->key,
                      is_id_descending(query) ? " DESC" : "");
}

/* Rows behind the keyset. Keys that are never null and go one way compare as one row value, which
 * an index can seek. */
static void add_keyset(struct buffer *sql, const struct query *query, const char *sign)
{
    const struct keyset *keyset = &query->keyset;
    size_t n = query->n_sorts + (has_id_key(query) ? 0 : 1);
    bool is_plain = true;

    for (size_t i = 0; i < query->n_sorts; i++)
        is_plain = is_plain && !is_sort_nullable(&query->sorts[i])
                   && query->sorts[i].descending == query->sorts[0].descending;
    buffer_format(sql, " AND %s(", sign);
    if (is_plain) {
        buffer_byte(sql, '(');
        for (size_t i = 0; i < query->n_sorts; i++) {
            buffer_text(sql, i > 0 ? ", " : "");
            add_sort_key(sql, query, &query->sorts[i]);
        }
        if (!has_id_key(query))
            buffer_format(sql, "%s%s", query->n_sorts > 0 ? ", " : "", query->resource->key);
        buffer_format(sql, ") %s (", is_id_descending(query) ? "<" : ">");
        for (size_t i = 0; i < n; i++)
            buffer_format(sql, "%s:k%zu", i > 0 ? ", " : "", i);
        buffer_text(sql, "))");
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct sort *sort = i < query->n_sorts ? &query->sorts[i] : NULL;
        bool descending = sort != NULL ? sort->descending : is_id_descending(query);

        if (keyset->is_null[i] && sort != NULL && has_nulls_first(sort)) {
            add_sort_key(sql, query, sort);
            buffer_text(sql, " IS NOT NULL");
        } else if (keyset->is_null[i]) {
            buffer_text(sql, "0"); /* nothing comes behind a null but by the next keys */
        } else {
            if (sort != NULL)
                add_sort_key(sql, query, sort);
            else
                buffer_text(sql, query->resource->key);
            buffer_format(sql, " %s :k%zu", descending ? "<" : ">", i);
            if (sort != NULL && is_sort_nullable(sort) && !has_nulls_first(sort)) {
                buffer_text(sql, " OR ");
                add_sort_key(sql, query, sort);
                buffer_text(sql, " IS NULL");
            }
        }
        if (i + 1 < n) {
            buffer_text(sql, " OR (");
            add_sort_key(sql, query, sort);
            buffer_format(sql, " IS :k%zu AND (", i);
        }
    }
    for (size_t i = 0; i + 1 < n; i++)
        buffer_text(sql, "))");
    buffer_byte(sql, ')');
}

static void add_known(struct buffer *sql, const struct query *query)
{
    const char *known = query->resource->known;

    if (known == NULL)
        return;
    if (query->changed_since[0] != '\0')
        buffer_format(sql, " AND %sknown_from > :changed_since", known);
    if (query->is_history)
        buffer_format(sql, " AND %sknown_from <= :as_of", known);
    else if (query->as_of[0] != '\0')
        buffer_format(
            sql,
            /* Most rows meet it: an index on it would be the wrong way in. */
            " AND +%sknown_from <= :as_of AND (%sknown_to IS NULL OR %sknown_to > :as_of)", known,
            known, known);
    else
        buffer_format(sql, " AND %sknown_to IS NULL", known);
}

/* ---- what follows from a condition, said so that an index finds it ---- */

/* The least or the most of a term's values: v or w of each. */
static void add_extreme(struct buffer *sql, const struct term *term, const char *which, char part)
{
    buffer_text(sql, term->n_values > 1 ? which : "");
    buffer_byte(sql, '(');
    for (size_t i = 0; i < term->n_values; i++)
        buffer_format(sql, "%s:%c%zu", i > 0 ? ", " : "", part, term->first + i);
    buffer_byte(sql, ')');
}

static bool has_lower_bound(const struct term *term)
{
    return term->op != OPERATOR_LT && term->op != OPERATOR_LTE;
}

static bool has_upper_bound(const struct term *term)
{
    return term->op != OPERATOR_GT && term->op != OPERATOR_GTE;
}

/* Bounds of the first day, so that the walk in its order begins and ends there. An imprecise date
 * is a day, a month or a year: one that may be of a day, or later, begins in that day's year. */
static void add_first_day(struct buffer *sql, const struct term *term, bool has_low, bool has_high)
{
    const char *column = term->field->sql;

    if (has_lower_bound(term) && has_low) {
        buffer_format(sql, " AND %s_min >= substr(", column);
        add_extreme(sql, term, "min", 'v');
        buffer_text(sql, ", 1, 4) || '-01-01'");
    }
    if (has_upper_bound(term) && has_high) {
        buffer_format(sql, " AND %s_min <= ", column);
        add_extreme(sql, term, "max", 'w');
    }
}

/* The same for a search, and narrower: before the day itself, it begins only with the month or the
 * year. */
static void add_first_days(struct buffer *sql, const struct term *term)
{
    const char *column = term->field->sql;

    if (has_lower_bound(term)) {
        buffer_format(sql, " AND (%s_min >= ", column);
        add_extreme(sql, term, "min", 'v');
        buffer_format(sql, " OR %s_min IN (", column);
        for (size_t i = 0; i < term->n_values; i++)
            buffer_format(sql, "%ssubstr(:v%zu, 1, 7) || '-01', substr(:v%zu, 1, 4) || '-01-01'",
                          i > 0 ? ", " : "", term->first + i, term->first + i);
        buffer_text(sql, "))");
    }
    add_first_day(sql, term, false, true);
}

/* The groups in which rows meet a term on a field of few values. */
static void add_group_condition(struct buffer *sql, const struct term *term)
{
    bool negated = term->op == OPERATOR_NOT || term->op == OPERATOR_NOTIN;

    if (term->op == OPERATOR_ISNULL) {
        buffer_format(sql, "g.%s IS %sNULL", term->field->name, term->is_null ? "" : "NOT ");
        return;
    }
    buffer_format(sql, "g.%s %sIN ", term->field->name, negated ? "NOT " : "");
    if (term->field->kind != NULL) {
        add_named(sql, term, "id");
        return;
    }
    buffer_byte(sql, '(');
    for (size_t i = 0; i < term->n_values; i++)
        buffer_format(sql, "%s:v%zu", i > 0 ? ", " : "", term->first + i);
    buffer_byte(sql, ')');
}

/* What a condition that an index finds rows by implies. */
static void add_implied(struct buffer *sql, const struct query *query, const struct term *term)
{
    const struct ways *ways = query->resource->ways;
    const struct field *field = term->field;

    if (way_is_grouped(query, term)) {
        buffer_format(sql, " AND %s%s IN (SELECT g.%s FROM %s g WHERE ", ways->row, ways->group,
                      ways->group, ways->groups);
        add_group_condition(sql, term);
        buffer_byte(sql, ')');
    } else if (field->type == FIELD_DATE && !(field->flags & FIELD_NULLABLE)) {
        add_first_days(sql, term);
    } else if (field->type == FIELD_NUMBER && way_lists(ways->most, field->name)) {
        buffer_text(sql, " AND ");
        add_most(sql, field);
        buffer_text(sql, " >= ");
        add_extreme(sql, term, "min", 'v');
    } else if (field->type == FIELD_NUMBER && field->only != NULL) {
        buffer_format(sql, " AND %s", field->only);
    }
}

static void add_world(struct buffer *sql, const struct query *query, const char *sign)
{
    if (query->is_definite)
        buffer_format(sql, " AND %s%s_max <= :world_max AND %s%s_min >= :world_min", sign,
                      query->resource->start, sign, query->resource->end);
    else
        buffer_format(sql, " AND %s%s_min <= :world_max AND %s%s_max >= :world_min", sign,
                      query->resource->start, sign, query->resource->end);
}

static void add_from(struct buffer *sql, const struct resource *resource)
{
    buffer_text(sql, " FROM ");
    if (resource->changes_of != NULL)
        changes_from(resource, sql);
    else
        buffer_text(sql, resource->from);
}

/* Selects what `what` says of the rows in world time: of short periods, those that begin in it or
 * not long before; of the few long ones, those that begin before it ends. */
static void add_in_world(struct buffer *sql, const struct query *query, const char *what,
                         bool is_exact)
{
    const struct ways *ways = query->resource->ways;

    buffer_format(sql, "SELECT %s", what);
    add_from(sql, query->resource);
    buffer_format(sql,
                  " WHERE %s_min BETWEEN date(:world_min, 'start of month', '-1 month') AND "
                  ":world_max",
                  query->resource->start);
    if (is_exact)
        add_world(sql, query, "+");
    buffer_format(sql, " UNION ALL SELECT %s", what);
    add_from(sql, query->resource);
    buffer_format(sql,
                  " WHERE %s AND %s_min <= :world_max AND +%s_min < date(:world_min, 'start of "
                  "month', '-1 month')",
                  ways->is_long, query->resource->start, query->resource->start);
    if (is_exact)
        add_world(sql, query, "+");
}

/* Whether a term is on the date that rows are sorted by: then the walk begins and ends there. */
static bool is_sorted_by(const struct query *query, const struct field *field)
{
    return query->n_sorts == 1 && query->sorts[0].field == field && field->type == FIELD_DATE
           && !(field->flags & FIELD_NULLABLE);
}

/* Whether what an index says of a condition is all of it; of a date, a number or a group it says
 * what follows from it. */
static bool is_exact_lead(const struct query *query, const struct term *term)
{
    return !way_is_grouped(query, term) && term->field->type != FIELD_DATE
           && term->field->type != FIELD_NUMBER;
}

/* One condition, behind a sign that keeps SQLite from any index for it where the way is another. */
static void add_condition(struct buffer *sql, const struct query *query, const struct way *way,
                          const struct term *term)
{
    bool is_free = way->kind == WAY_PLAIN;

    if (way->lead == term && (way->kind == WAY_ALONG || is_exact_lead(query, term)))
        return;
    buffer_text(sql, is_free ? " AND " : " AND +(");
    add_term(sql, term, query->is_definite, term->field != query->unindexed);
    buffer_text(sql, is_free ? "" : ")");
    /* Of two bounds on one side SQLite takes one, and behind a keyset that has to be the keyset. */
    if (way->kind == WAY_WALK && is_sorted_by(query, term->field) && way_is_found(query, term))
        add_first_day(sql, term, !query->keyset.is_set || query->sorts[0].descending,
                      !query->keyset.is_set || !query->sorts[0].descending);
}

/* Selects what `what` says of all rows that the one condition of a search finds, by its index
 * alone. `is_exact`: of world time, those alone that are in it. */
static void add_found(struct buffer *sql, const struct query *query, const struct way *way,
                      const char *what, bool is_exact)
{
    if (way->is_world) {
        add_in_world(sql, query, what, is_exact);
        return;
    }
    buffer_format(sql, "SELECT %s", what);
    add_from(sql, query->resource);
    buffer_text(sql, " WHERE 1");
    if (way->is_changed)
        buffer_format(sql, " AND %sknown_from > :changed_since", query->resource->known);
    if (way->is_known)
        buffer_format(sql, " AND %sknown_from <= :as_of", query->resource->known);
    if (way->lead == NULL)
        return;
    if (is_exact_lead(query, way->lead)) {
        buffer_text(sql, " AND ");
        add_term(sql, way->lead, query->is_definite, true);
    } else {
        add_implied(sql, query, way->lead);
    }
}

/* FROM and WHERE of the rows, by a way. */
static void add_rows(struct buffer *sql, const struct query *query, const struct way *way,
                     const struct cells *cells)
{
    const struct resource *resource = query->resource;
    char rowid[64];

    if (cells != NULL)
        buffer_format(sql, " FROM %s", cells->from);
    else
        add_from(sql, resource);
    buffer_format(sql, " WHERE %s", resource->where != NULL ? resource->where : "1");
    if (cells == NULL) /* they are of what is known now */
        add_known(sql, query);
    if (query->has_world)
        add_world(sql, query, way->kind == WAY_PLAIN ? "" : "+");
    /* A walk by the first day ends there, or begins there, unless it begins behind a row. */
    if (query->has_world && way->kind == WAY_WALK && query->n_sorts == 1
        && is_sorted_by(query, query->sorts[0].field)
        && strcmp(query->sorts[0].field->sql, resource->start) == 0
        && (!query->keyset.is_set || !query->sorts[0].descending))
        buffer_format(sql, " AND %s_min <= :world_max", resource->start);
    if (way->kind == WAY_ALONG) {
        buffer_format(sql, " AND %s = ", way->lead->field->sql);
        select_named(sql, way->lead);
    }
    /* By their rowids: SQLite weighs no index against reading all rows then. */
    if (way->kind == WAY_SEARCH) {
        buffer_format(sql, " AND %srowid IN (", resource->ways->row);
        snprintf(rowid, sizeof(rowid), "%srowid", resource->ways->row);
        add_found(sql, query, way, rowid, true);
        buffer_byte(sql, ')');
    }
    for (size_t i = 0; i < query->n_terms; i++)
        add_condition(sql, query, way, &query->terms[i]);
    if (query->filter != NULL) {
        buffer_text(sql, " AND ");
        filter_write(sql, query, query->filter);
    }
    if (query->search != NULL)
        add_search(sql, resource->search);
    if (query->key != NULL)
        buffer_format(sql, " AND %s = :key", resource->key);
}

void select_cells(struct buffer *sql, const struct query *query, const struct cells *cells)
{
    add_rows(sql, query, &(struct way){ .kind = WAY_PLAIN }, cells);
}

void select_rows(struct buffer *sql, const struct query *query)
{
    select_cells(sql, query, NULL);
}

/* Months, counted on, of a day. */
static long month_of(const char *day)
{
    return strlen(day) < strlen("YYYY-MM") ? 0
                                           : 12 * strtol(day, NULL, 10) + strtol(day + 5, NULL, 10);
}

void select_lead(struct buffer *sql, const struct query *query, const struct way *way)
{
    /* Of the rows from a month before to the end of a long time most are in it: counted by the
     * index alone, that is right enough. */
    add_found(sql, query, way, "1", month_of(query->world.max) - month_of(query->world.min) < 2);
}

/* The definite side of one condition on time. */
static void add_certain(struct buffer *sql, bool *is_any, const struct term *term)
{
    buffer_text(sql, *is_any ? " AND " : "");
    *is_any = true;
    add_term(sql, term, true, true);
}

bool select_certain(struct buffer *sql, const struct query *query)
{
    bool is_any = false;

    if (query->is_definite)
        return false; /* all rows are certain: the others were left out */
    if (query->has_world) {
        buffer_format(sql, "%s_max <= :world_max AND %s_min >= :world_min", query->resource->start,
                      query->resource->end);
        is_any = true;
    }
    for (size_t i = 0; i < query->n_terms; i++) {
        if (query->terms[i].field->type == FIELD_DATE && query->terms[i].op != OPERATOR_ISNULL)
            add_certain(sql, &is_any, &query->terms[i]);
    }
    return is_any;
}

void select_named(struct buffer *sql, const struct term *term)
{
    add_named(sql, term, "id");
}

static void add_fields(struct buffer *sql, const struct query *query)
{
    struct select_walk walk = { .column = 0 };

    buffer_text(sql, "SELECT ");
    for (size_t i = 0; i < query->n_fields; i++) {
        buffer_text(sql, i > 0 ? ", " : "");
        add_columns(sql, query, query->fields[i], &walk);
    }
    if (query->has_geometry)
        buffer_format(sql, ", %s", query->resource->geometry);
}

/* What stands behind the fields of a row: the keys that the cursor carries. */
static void add_keys(struct buffer *sql, const struct query *query)
{
    for (size_t i = 0; i < query->n_sorts; i++) {
        buffer_text(sql, ", ");
        add_sort_key(sql, query, &query->sorts[i]);
    }
    if (!has_id_key(query))
        buffer_format(sql, ", %s", query->resource->key);
    if (query->is_history)
        buffer_format(sql, ", CASE WHEN %sknown_to <= :as_of THEN %sknown_to END",
                      query->resource->known, query->resource->known);
}

static void add_page(struct buffer *sql, const struct query *query, const char *sign)
{
    if (query->key == NULL) {
        add_order(sql, query, sign);
        buffer_text(sql, " LIMIT :limit OFFSET :offset");
    }
}

/* ---- a page in groups: see WAY_GROUPS ---- */

/* The groups in which there may be rows, with the value by which they are sorted. */
static void add_groups(struct buffer *sql, const struct query *query)
{
    const struct ways *ways = query->resource->ways;
    bool is_sorted = way_sorts_groups(query);

    buffer_format(sql, "(SELECT DISTINCT g.%s AS id", ways->group);
    if (is_sorted)
        buffer_format(sql, ", g.%s AS value", query->sorts[0].field->name);
    buffer_format(sql, " FROM %s g WHERE 1", ways->groups);
    for (size_t i = 0; i < query->n_terms; i++) {
        if (way_is_grouped(query, &query->terms[i])) {
            buffer_text(sql, " AND ");
            add_group_condition(sql, &query->terms[i]);
        }
    }
    if (is_sorted && query->keyset.is_set) {
        const char *name = query->sorts[0].field->name;

        if (query->keyset.is_null[0])
            buffer_format(sql, " AND g.%s IS NULL", name);
        else
            buffer_format(sql, " AND (g.%s %s :k0 OR g.%s IS NULL)", name,
                          query->sorts[0].descending ? "<=" : ">=", name);
    }
    buffer_text(sql, ") g");
}

/* Rowids of the first rows of one group g, by their ids. */
static void add_of_group(struct buffer *sql, const struct query *query, const struct way *way)
{
    const struct ways *ways = query->resource->ways;
    const char *key = query->resource->key;
    bool descending = is_id_descending(query);

    buffer_format(sql, "SELECT %srowid", ways->row);
    add_rows(sql, query, way, NULL);
    buffer_format(sql, " AND %s%s = g.id", ways->row, ways->group);
    if (way_sorts_groups(query)) {
        buffer_format(sql, " AND +%s IS g.value", query->sorts[0].field->sql);
        /* Behind the row before, in its group; the others from their beginning: texts are more than
         * '', and less than a blob. */
        if (query->keyset.is_set)
            buffer_format(sql, " AND %s %s CASE WHEN g.value IS :k0 THEN :k1 ELSE %s END", key,
                          descending ? "<" : ">", descending ? "x''" : "''");
    } else if (query->keyset.is_set) {
        add_keyset(sql, query, "");
    }
    buffer_format(sql, " ORDER BY %s%s LIMIT :limit + :offset", key, descending ? " DESC" : "");
}

/* ---- a page in parts: rows with a key that may be null ---- */

enum part { PART_TIE, PART_VALUE, PART_NULL };

/* Whether the walk is in the order of one field that may be null: an index has its nulls at the
 * other end, and can seek no place behind which both values and nulls come. */
static bool is_parted(const struct query *query, const struct way *way)
{
    return way->kind == WAY_WALK && query->limit <= QUERY_LIMIT_MAX && query->n_sorts == 1
           && is_sort_nullable(&query->sorts[0]) && !query->sorts[0].is_column;
}

static void add_has_value(struct buffer *sql, const struct query *query)
{
    const struct field *field = query->sorts[0].field;

    /* Said of the columns, so that an index of the rows that have one serves. */
    if (field->type == FIELD_NUMBER && field->only != NULL)
        buffer_format(sql, " AND %s", field->only);
    if (field->type == FIELD_DATE)
        buffer_format(sql, " AND %s IS NOT NULL", field->sql);
    if (query->resource->known != NULL && strcmp(field->name, "known_to") == 0)
        buffer_format(sql, " AND %sknown_to IS NOT NULL", query->resource->known);
}

static void add_part_key(struct buffer *sql, const struct query *query)
{
    if (query->sorts[0].field->type == FIELD_DATE)
        buffer_format(sql, "%s_min", query->sorts[0].field->sql);
    else
        add_sort_key(sql, query, &query->sorts[0]);
}

/* Rowids of the first rows of one part: those with the value of the row before, those with a value
 * behind it, those without any. */
static void add_part_rows(struct buffer *sql, const struct query *query, const struct way *way,
                          enum part part)
{
    const struct keyset *keyset = &query->keyset;
    const char *direction = query->sorts[0].descending ? " DESC" : "";
    const char *sign = query->sorts[0].descending ? "<" : ">";

    buffer_format(sql, "SELECT * FROM (SELECT %srowid", query->resource->ways->row);
    add_rows(sql, query, way, NULL);
    if (part != PART_NULL)
        add_has_value(sql, query);
    buffer_text(sql, " AND ");
    if (part == PART_NULL)
        add_sort_key(sql, query, &query->sorts[0]);
    else
        add_part_key(sql, query);
    if (part == PART_TIE)
        buffer_text(sql, " = :k0");
    else if (part == PART_NULL)
        buffer_text(sql, " IS NULL");
    else if (keyset->is_set)
        buffer_format(sql, " %s :k0", sign);
    else
        buffer_text(sql, " IS NOT NULL");
    if (part == PART_TIE || (part == PART_NULL && keyset->is_set && keyset->is_null[0]))
        buffer_format(sql, " AND %s %s :k1", query->resource->key, sign);
    buffer_text(sql, " ORDER BY ");
    if (part == PART_VALUE) {
        add_part_key(sql, query);
        buffer_format(sql, "%s, ", direction);
    }
    buffer_format(sql, "%s%s LIMIT :limit + :offset)", query->resource->key, direction);
}

/* SQLite takes the parts one after the other, and none that the page has no room for. */
static void add_parts(struct buffer *sql, const struct query *query, const struct way *way)
{
    if (!query->keyset.is_set || !query->keyset.is_null[0]) {
        if (query->keyset.is_set) {
            add_part_rows(sql, query, way, PART_TIE);
            buffer_text(sql, " UNION ALL ");
        }
        add_part_rows(sql, query, way, PART_VALUE);
        buffer_text(sql, " UNION ALL ");
    }
    add_part_rows(sql, query, way, PART_NULL);
    buffer_text(sql, " LIMIT :limit + :offset");
}

/* What stands behind the fields. */
static void add_rest(struct buffer *sql, const struct query *query, const struct way *way)
{
    add_keys(sql, query);
    if (way->kind == WAY_GROUPS || is_parted(query, way)) {
        buffer_text(sql, " FROM ");
        if (way->kind == WAY_GROUPS) {
            add_groups(sql, query);
            buffer_text(sql, " CROSS JOIN ");
        }
        buffer_format(sql, "%s WHERE %srowid IN (", query->resource->from,
                      query->resource->ways->row);
        if (way->kind == WAY_GROUPS)
            add_of_group(sql, query, way);
        else
            add_parts(sql, query, way);
        buffer_byte(sql, ')');
        add_page(sql, query, "");
        return;
    }
    add_rows(sql, query, way, NULL);
    if (query->keyset.is_set)
        add_keyset(sql, query, way->kind == WAY_SEARCH ? "+" : "");
    if (query->is_history)
        buffer_format(sql, " ORDER BY %sknown_from", query->resource->known);
    add_page(sql, query, way->kind == WAY_SEARCH ? "+" : "");
}

bool select_sql(const struct query *query, const struct way *way, struct buffer *sql)
{
    static const struct way plain;

    add_fields(sql, query);
    add_rest(sql, query, way != NULL ? way : &plain);
    return !sql->broken;
}

static void add_pointer(struct buffer *key, const void *pointer)
{
    uintptr_t number = (uintptr_t)pointer;

    buffer_add(key, (const char *)&number, sizeof(number));
}

/*
 * What the text of select_sql() follows from: all that add_fields() reads, and the rest as it is.
 * Some hundred bytes, where the fields take up thousands to write and to compare for each request.
 */
static void add_key(struct buffer *key, const struct query *query, const struct way *way)
{
    const char head[] = {
        '\x01',                              /* no SQL begins like that */
        query->as_of[0] != '\0' ? 'p' : 'n', /* some names are those of the day */
        query->has_geometry ? 'g' : '-',
        (char)query->n_fields,
    };

    buffer_add(key, head, sizeof(head));
    add_pointer(key, query->resource);
    for (size_t i = 0; i < query->n_fields; i++)
        add_pointer(key, query->fields[i]);
    add_rest(key, query, way);
}

void select_bind_text(sqlite3_stmt *stmt, const char *name, const char *text)
{
    int index = sqlite3_bind_parameter_index(stmt, name);

    if (index > 0 && text != NULL)
        sqlite3_bind_text(stmt, index, text, -1, SQLITE_STATIC);
}

enum { BINDER_NAMES = 24 /* most parameters that are looked up here */ };

/** The parameters of a statement. SQLite finds one by walking through all, for each name anew; most
 * names are those of no parameter. */
struct binder {
    sqlite3_stmt *stmt;
    int n;
    const char *names[BINDER_NAMES]; /* without their colons; only of the first ones */
};

static struct binder binder_of(sqlite3_stmt *stmt)
{
    struct binder ret = { .stmt = stmt, .n = sqlite3_bind_parameter_count(stmt) };

    for (int i = 0; i < ret.n && i < BINDER_NAMES; i++) {
        const char *name = sqlite3_bind_parameter_name(stmt, i + 1);

        ret.names[i] = name != NULL ? name + 1 : "";
    }
    return ret;
}

/* The index of the parameter that is called by a name and its end; 0: there is none. */
static int index_of(const struct binder *binder, const char *name, const char *end)
{
    size_t len = strlen(name);
    char whole[80];

    if (binder->n > BINDER_NAMES) {
        snprintf(whole, sizeof(whole), ":%s%s", name, end);
        return sqlite3_bind_parameter_index(binder->stmt, whole);
    }
    for (int i = 0; i < binder->n; i++) {
        const char *own = binder->names[i];

        if (*own == *name && strncmp(own, name, len) == 0 && strcmp(own + len, end) == 0)
            return i + 1;
    }
    return 0;
}

static void bind_text(const struct binder *binder, const char *name, const char *end,
                      const char *text)
{
    int index = text != NULL ? index_of(binder, name, end) : 0;

    if (index > 0)
        sqlite3_bind_text(binder->stmt, index, text, -1, SQLITE_STATIC);
}

static void bind_integer(const struct binder *binder, const char *name, const char *end,
                         int64_t value)
{
    int index = index_of(binder, name, end);

    if (index > 0)
        sqlite3_bind_int64(binder->stmt, index, value);
}

static void bind_real(const struct binder *binder, const char *name, const char *end, double value)
{
    int index = index_of(binder, name, end);

    if (index > 0)
        sqlite3_bind_double(binder->stmt, index, value);
}

static void bind_value(const struct binder *binder, const struct term *term,
                       const struct query *query, size_t i)
{
    const struct value *value = &query->values[i];
    char number[24];

    snprintf(number, sizeof(number), "%zu", i);
    switch (term->field->type) {
    case FIELD_DATE:
    case FIELD_DAY:
        bind_text(binder, "v", number, value->span.min);
        bind_text(binder, "w", number, value->span.max);
        break;
    case FIELD_BOOLEAN:
    case FIELD_INTEGER:
    case FIELD_NUMBER:
        bind_integer(binder, "v", number, value->integer);
        break;
    case FIELD_REAL:
        bind_real(binder, "v", number, value->real);
        break;
    default:
        bind_text(binder, "v", number, value->text);
    }
}

static void bind_keyset(const struct binder *binder, const struct keyset *keyset)
{
    for (size_t i = 0; keyset->is_set && i < keyset->n; i++) {
        char number[24];

        snprintf(number, sizeof(number), "%zu", i);
        if (keyset->is_null[i])
            continue;
        if (keyset->is_integer[i])
            bind_integer(binder, "k", number, keyset->integers[i]);
        else if (keyset->is_real[i])
            bind_real(binder, "k", number, keyset->reals[i]);
        else
            bind_text(binder, "k", number, keyset->texts[i]);
    }
}

static void bind_params(const struct binder *binder, const struct query *query)
{
    const struct param *params = query->resource->params;

    for (size_t i = 0; params != NULL && params[i].name != NULL; i++) {
        const char *value = query->params[i];

        if (params[i].type == PARAM_COUNT)
            bind_integer(binder, params[i].name, "", value != NULL ? strtoll(value, NULL, 10) : 0);
        else
            bind_text(binder, params[i].name, "", value);
        bind_text(binder, params[i].name, params[i].type == PARAM_DATE ? "_last" : "_id",
                  query->param_ids[i]);
    }
}

void select_bind(sqlite3_stmt *stmt, const struct query *query)
{
    const struct binder binder = binder_of(stmt);

    bind_text(&binder, "as_of", "", query->as_of[0] != '\0' ? query->as_of : DATE_LAST);
    bind_text(&binder, "since", "", query->since);
    bind_text(&binder, "changed_since", "", query->changed_since);
    bind_text(&binder, "fields", "", query->fields_json);
    bind_text(&binder, "nodes", "", query->nodes_json);
    bind_text(&binder, "edges", "", query->edges_json);
    bind_text(&binder, "key", "", query->key);
    bind_text(&binder, "q", "", query->search);
    if (query->has_world) {
        bind_text(&binder, "world_min", "", query->world.min);
        bind_text(&binder, "world_max", "", query->world.max);
    }
    bind_integer(&binder, "limit", "", (int64_t)query->limit + 1);
    bind_integer(&binder, "offset", "", query->offset);
    bind_integer(&binder, "is_definite", "", query->is_definite);
    bind_params(&binder, query);
    for (size_t i = 0; i < query->n_terms; i++) {
        for (size_t j = 0; j < query->terms[i].n_values; j++)
            bind_value(&binder, &query->terms[i], query, query->terms[i].first + j);
    }
    if (query->filter != NULL)
        filter_bind(stmt, query->filter);
    bind_keyset(&binder, &query->keyset);
}

static bool no_room(const struct query *query, struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "no room for the SQL of %s", query->resource->name);
}

static bool open_sql(struct conn *conn, const struct query *query, const struct buffer *sql,
                     sqlite3_stmt **ret, struct error *err)
{
    if (sql->broken)
        return no_room(query, err);
    if (!conn_stmt(conn, sql->data, ret, err))
        return false;
    select_bind(*ret, query);
    return true;
}

bool select_open(struct conn *conn, const struct query *query, sqlite3_stmt **ret,
                 struct error *err)
{
    defer(buffer_done) struct buffer key = BUFFER_INIT(SELECT_SQL);
    struct way way;

    if (!way_choose(conn, query, &way, err))
        return false;
    buffer_expect(&key, SELECT_KEY);
    add_key(&key, query, &way);
    if (key.broken)
        return no_room(query, err);
    if (!conn_find(conn, key.data, key.len, ret)) {
        defer(buffer_done) struct buffer sql = BUFFER_INIT(SELECT_SQL);

        if (!select_sql(query, &way, &sql))
            return no_room(query, err);
        if (!conn_prepare(conn, key.data, key.len, sql.data, ret, err))
            return false;
    }
    select_bind(*ret, query);
    return true;
}

bool select_count(struct conn *conn, const struct query *query, int64_t *ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SELECT_SQL);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    const struct cells *cells = cells_for(query, NULL, 0, false);
    bool is_row;

    buffer_text(&sql, cells != NULL ? "SELECT coalesce(sum(records), 0)" : "SELECT count(*)");
    select_cells(&sql, query, cells);
    if (!open_sql(conn, query, &sql, &stmt, err) || !stmt_step(stmt, &is_row, err))
        return false;
    *ret = sqlite3_column_int64(stmt, 0);
    return true;
}

bool select_by_ids(struct conn *conn, const struct query *query, const char *ids_json,
                   sqlite3_stmt **ret, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SELECT_SQL);

    add_fields(&sql, query);
    select_rows(&sql, query);
    buffer_format(&sql, " AND %s IN (SELECT value FROM json_each(:ids)) ORDER BY %s",
                  query->resource->key, query->resource->key);
    if (!open_sql(conn, query, &sql, ret, err))
        return false;
    select_bind_text(*ret, ":ids", ids_json);
    return true;
}

bool select_name(struct conn *conn, const char *kinds, const char *name, bool *ret_known,
                 char *ret_id, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SELECT_SQL);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;

    buffer_text(&sql, "SELECT id FROM names WHERE kind IN (");
    add_kinds(&sql, kinds);
    if (!buffer_text(&sql, ") AND name = :name ORDER BY id LIMIT 1"))
        return error_set(err, ERR_INTERNAL, NULL, "no room for the SQL of a name");
    if (!conn_stmt(conn, sql.data, &stmt, err))
        return false;
    select_bind_text(stmt, ":name", name);
    if (!stmt_step(stmt, ret_known, err))
        return false;
    if (*ret_known && ret_id != NULL)
        snprintf(ret_id, SELECT_ID_SIZE, "%s", (const char *)sqlite3_column_text(stmt, 0));
    return true;
}

void select_suggest(struct conn *conn, const char *kinds, const char *name, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SELECT_SQL);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    struct error scan = { 0 };
    bool is_row = true;

    buffer_text(&sql, "SELECT name FROM names WHERE kind IN (");
    add_kinds(&sql, kinds);
    if (!buffer_text(&sql, ")") || !conn_stmt(conn, sql.data, &stmt, &scan))
        return;
    while (stmt_step(stmt, &is_row, &scan) && is_row)
        error_allow(&scan, name, (const char *)sqlite3_column_text(stmt, 0));
    memcpy(err->did_you_mean, scan.did_you_mean, sizeof(err->did_you_mean));
}

/* Whether any version of the key exists, and whether one was known by as_of. */
static bool key_history(struct conn *conn, const struct query *query, bool *ret_any,
                        bool *ret_by_then, struct error *err)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SELECT_SQL);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    const struct resource *resource = query->resource;
    bool is_row;

    if (resource->known != NULL)
        buffer_format(&sql, "SELECT count(*), total(%sknown_from <= :as_of)", resource->known);
    else
        /* Facts are known through their claims: one that is to be seen today was not known yet. */
        buffer_format(&sql, "SELECT count(*), total(NOT (%s))",
                      resource->where != NULL ? resource->where : "1");
    add_from(&sql, resource);
    buffer_format(&sql, " WHERE %s = :key", resource->key);
    if (!open_sql(conn, query, &sql, &stmt, err))
        return false;
    if (resource->known == NULL)
        select_bind_text(stmt, ":as_of", DATE_LAST);
    if (!stmt_step(stmt, &is_row, err))
        return false;
    *ret_any = sqlite3_column_int64(stmt, 0) > 0;
    *ret_by_then = sqlite3_column_int64(stmt, 1) > 0;
    return true;
}

/* Whether more than one thing of a kind bears a folded name. */
static bool is_name_of_several(struct conn *conn, const char *kind, const char *name, bool *ret,
                               struct error *err)
{
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    bool is_row;

    if (!conn_stmt(conn, "SELECT count(*) > 1 FROM names WHERE kind = :kind AND name = :name",
                   &stmt, err))
        return false;
    select_bind_text(stmt, ":kind", kind);
    select_bind_text(stmt, ":name", name);
    if (!stmt_step(stmt, &is_row, err))
        return false;
    *ret = sqlite3_column_int(stmt, 0) != 0;
    return true;
}

bool select_absence(struct conn *conn, const struct query *query, enum select_absence *ret,
                    char ret_id[SELECT_ID_SIZE], struct error *err)
{
    bool is_any, is_by_then, is_named = false, is_several = false;

    if (!key_history(conn, query, &is_any, &is_by_then, err))
        return false;
    if (is_any) {
        *ret = is_by_then ? SELECT_GONE : SELECT_NOT_YET;
        return true;
    }
    if (query->resource->kind != NULL) {
        char folded[SELECT_ID_SIZE];

        if (fold_name(query->key, folded, sizeof(folded)) > 0
            && (!select_name(conn, query->resource->kind, folded, &is_named, ret_id, err)
                || (is_named
                    && !is_name_of_several(conn, query->resource->kind, folded, &is_several, err))))
            return false;
    }
    *ret = !is_named ? SELECT_UNKNOWN : is_several ? SELECT_SEVERAL : SELECT_RENAMED;
    return true;
}
