/* How SQLite finds the rows of every documented filter and sort: the plan of the very SQL that
 * select_open() asks, on a dataset in which one series is large. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "db/query.h"
#include "db/schema.h"
#include "db/select.h"
#include "db/way.h"
#include "handlers/catalogue.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/query.h"
#include "server/route.h"
#include "server/target.h"
#include "server/type.h"
#include "tests/unit/support.h"

enum {
    PLAN = 16384,    /* bytes of a plan */
    SQL = 256 << 10, /* bytes of a statement */
};

static struct world wide; /* the fixture and the large series; shares the fixture's directory */
static struct query query;
static struct way way;
static char plan[PLAN]; /* of the last query: a step a line */
static bool is_sorted;  /* its rows, and not only those of a subquery */

/* Rows of every year from 1990 on, all of one kind, place and cause. */
static const char wide_sql[] =
    "INSERT INTO series (id, name, kind, definition, official, rank, frequency, text)"
    " VALUES ('wide', 'Wide', 'record', 'event-dead', 0, 9, 'day', 'Many.');"
    "INSERT INTO names VALUES ('series', 'wide', 'wide');"
    "INSERT INTO casualties (id, version, series, kind, place, date, date_min, date_max, end_min,"
    " end_max, victim_group, cause, harm, low, best, high, qualifier, text, unit, definition,"
    " source, known_from)"
    " WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < 30000)"
    " SELECT 'wide-' || (i * 7919 % 30000), 1, 'wide', 'record', 'nga', day, day, day, day, day,"
    " 'civilians', 'armed_conflict', 'killed', i % 40, i % 40, i % 40, 'exactly', '1', 'person',"
    " 'event-dead', 'atlas', '2020-06-01' FROM (SELECT i, date('1990-01-01', (i * 31 % 10000) ||"
    " ' days') AS day FROM n);";

static int open_wide(void **state)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL);
    struct error err = { 0 };
    const struct world *fixture;

    world_open(state);
    fixture = *state;
    wide = *fixture;
    buffer_text(&sql, wide_sql);
    buffer_text(&sql, derive_groups_sql);
    assert_true(buffer_text(&sql, "; ANALYZE"));
    world_variant(fixture, "wide.db", sql.data, wide.file);
    wide.dataset = wide.service.dataset = dataset_new();
    if (!dataset_publish(wide.dataset, wide.file, &err))
        fail_msg("%s", err.detail);
    return 0;
}

static int close_wide(void **state)
{
    dataset_free(wide.dataset);
    return world_close(state);
}

/* Reads the plan of the page that is asked for in `query`. */
static void read_plan(void)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(SQL);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    struct conn *conn = world_conn(&wide);
    struct error err = { 0 };
    bool is_row;
    size_t len = 0;

    if (!way_choose(conn, &query, &way, &err))
        fail_msg("%s", err.detail);
    buffer_text(&sql, "EXPLAIN QUERY PLAN ");
    assert_true(select_sql(&query, &way, &sql));
    if (!conn_stmt(conn, sql.data, &stmt, &err))
        fail_msg("%s", err.detail);
    plan[0] = '\0';
    is_sorted = false;
    while (stmt_step(stmt, &is_row, &err) && is_row && len < sizeof(plan)) {
        is_sorted = is_sorted
                    || (sqlite3_column_int(stmt, 1) == 0
                        && strstr((const char *)sqlite3_column_text(stmt, 3), "FOR ORDER BY"));
        len += (size_t)snprintf(plan + len, sizeof(plan) - len, "%s\n",
                                (const char *)sqlite3_column_text(stmt, 3));
    }
    assert_in_range(len, 1, sizeof(plan) - 1);
}

static void ask(const char *raw)
{
    static struct target target;
    static struct route route;
    struct conn *conn = world_conn(&wide);
    struct error err = { 0 };

    if (!target_parse(raw, &target, &err) || !route_find(catalogue, &target, &route, &err)
        || !query_parse(catalogue, conn_state(conn), &target, &route, &query, &err)
        || !query_resolve(conn, &query, &err))
        fail_msg("%s: %s", raw, err.detail);
    read_plan();
}

/* Whether the plan goes through the rows of what is called `alias`; `is_bare`: without an index. */
static bool is_scanned(const char *alias, bool is_bare)
{
    char step[64];
    size_t len = (size_t)snprintf(step, sizeof(step), "SCAN %s", alias);

    for (const char *line = plan; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (strncmp(line, step, len) == 0 && (line[len] == '\n' || (line[len] == ' ' && !is_bare)))
            return true;
    }
    return false;
}

/* What the main table of a resource is called in its FROM; false: it has none. */
static bool alias_of(const struct resource *resource, char ret[16])
{
    return resource->from != NULL && resource->graph == NULL && resource->lines == NULL
           && sscanf(resource->from, "%*[a-z_] %15[a-z]", ret) == 1;
}

/* ---- default sorts ---- */

/* Collections whose rows are worked out from those of others, or are so few that they are sorted.
 */
static const struct {
    const char *name, *why;
} sorted[] = {
    { "claims", "two ways: by fact, and the latest first; some hundreds written by hand" },
    { "releases", "the states of the dataset, one for each import" },
    { "meta/series", "a table of some dozens" },
    { "meta/codes", "closed lists, summed up" },
    { "meta/fields", "declarations of this program, read from JSON" },
    { "annotations", "what is marked in rows of other collections" },
    { "coverage", "sums of other collections" },
    { "reconcile", "a comparison of two sums" },
    { "disagreements", "pairs of claims on one fact" },
    { "timeline", "what is dated about one actor" },
    { "search", "the best of what the words find" },
    { "changes", "what changed between two days" },
    { "graph/diff", "edges of two days" },
};

static bool is_listed_sorted(const char *name)
{
    for (size_t i = 0; i < sizeof(sorted) / sizeof(*sorted); i++) {
        if (strcmp(sorted[i].name, name) == 0)
            return true;
    }
    return false;
}

static void no_default_sort_is_a_sort(void **state)
{
    size_t n = 0;

    (void)state;
    for (size_t i = 0; catalogue[i] != NULL; i++) {
        char raw[256], besides[128], alias[16];

        if (!alias_of(catalogue[i], alias) || is_listed_sorted(catalogue[i]->name))
            continue;
        world_besides(catalogue[i], besides, sizeof(besides));
        snprintf(raw, sizeof(raw), "/v1/%s?%scount=none", catalogue[i]->name, besides);
        ask(raw);
        if (is_sorted || is_scanned(alias, true))
            fail_msg("%s:\n%s", raw, plan);
        n++;
    }
    assert_in_range(n, 6, 30);
}

/* ---- casualties, of which there may be millions ---- */

/* By which way the rows of a request are found, and a step that its plan has. */
static const struct {
    const char *target;
    enum way_kind kind;
    const char *step;
} ways[] = {
    { "", WAY_WALK, "SCAN k USING INDEX casualties_by_id" },
    /* Many rows, so that a page is soon full; and few. */
    { "series=wide", WAY_ALONG, "casualties_by_series (series=?)" },
    { "series=roll", WAY_ALONG, "casualties_by_series (series=?)" },
    { "kind=record", WAY_GROUPS, "casualties_by_series (series=?)" },
    { "kind=total", WAY_SEARCH, "casualties_by_series (series=?)" },
    { "kind__not=total", WAY_GROUPS, "casualties_by_series (series=?)" },
    { "kind__not=record", WAY_SEARCH, "casualties_by_series (series=?)" },
    { "cause=armed_conflict", WAY_GROUPS, "casualties_by_series (series=?)" },
    { "cause=illness", WAY_SEARCH, "casualties_by_series (series=?)" },
    { "cause__isnull=true", WAY_SEARCH, "casualties_by_series (series=?)" },
    { "harm=injured", WAY_SEARCH, "casualties_by_series (series=?)" },
    { "place=nga", WAY_WALK, "SCAN k USING INDEX casualties_by_id" },
    { "place=ner", WAY_SEARCH, "casualties_by_place (place=?)" },
    { "date__gte=1991", WAY_WALK, "SCAN k USING INDEX casualties_by_id" },
    { "date__gte=2017-05", WAY_SEARCH, "casualties_by_date (date_min>?)" },
    { "date__lt=1990-02", WAY_SEARCH, "casualties_by_date (date_min<?)" },
    { "date=2013-04-25", WAY_SEARCH, "MULTI-INDEX OR" },
    { "deaths__gte=2", WAY_WALK, "SCAN k USING INDEX casualties_by_id" },
    { "deaths__gte=39", WAY_SEARCH, "casualties_by_most_deaths (<expr>>?)" },
    { "injured__gte=1", WAY_SEARCH, "casualties_by_other_harm (harm=?)" },
    { "at=2013-04-25", WAY_SEARCH, "casualties_by_long (date_min<?)" },
    { "during=2013-04", WAY_SEARCH, "casualties_by_date (date_min>? AND date_min<?)" },
    { "from=1990", WAY_WALK, "SCAN k USING INDEX casualties_by_id" },
    { "as_of=2020-03-01", WAY_SEARCH, "casualties_by_known_from (known_from<?)" },
    { "as_of=2020-07-01", WAY_WALK, "SCAN k USING INDEX casualties_by_id" },
    { "changed_since=2020-12-01", WAY_SEARCH, "casualties_by_known_from (known_from>?)" },
    /* Of one thing, in the order of their ids; of several they are sorted. */
    { "mission=unfix", WAY_ALONG, "casualties_of_mission (mission=?)" },
    { "mission=unfix&sort=-id&harm=killed", WAY_ALONG, "casualties_of_mission (mission=?)" },
    { "mission__in=unfix,uniga", WAY_SEARCH, "_mission (mission=?)" },
    { "mission=unfix&sort=-date", WAY_SEARCH, "_mission (mission=?)" },
    { "nationality=nam", WAY_ALONG, "casualties_by_nationality (nationality=?)" },
    { "perpetrators=niger-army", WAY_SEARCH, "casualty_perpetrators_by_actor (actor=?)" },
    /* The rarest of several conditions leads. */
    { "series=wide&place=ner", WAY_SEARCH, "casualties_by_place (place=?)" },
    { "place=nga&kind=total", WAY_SEARCH, "casualties_by_series (series=?)" },
    { "place=nga&series=wide", WAY_GROUPS, "casualties_by_series (series=?)" },
    /* Other orders. */
    { "place=nga&sort=-date", WAY_WALK, "SCAN k USING INDEX casualties_by_date" },
    { "place=ner&sort=-date", WAY_SEARCH, "casualties_by_place (place=?)" },
    { "date__gte=2000&sort=date", WAY_WALK, "casualties_by_date (date_min>?)" },
    { "during=1995&sort=-deaths", WAY_SEARCH, "casualties_by_date (date_min>? AND date_min<?)" },
    { "series=wide&sort=-deaths", WAY_WALK, "casualties_by_deaths (<expr>=?)" },
    { "sort=kind", WAY_GROUPS, "casualties_by_series (series=?)" },
    { "sort=kind,mission", WAY_PLAIN, "FOR ORDER BY" }, /* no index has that order */
};

static void the_cheaper_way_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        char raw[256];

        snprintf(raw, sizeof(raw), "/v1/casualties?%s%scount=none", ways[i].target,
                 *ways[i].target != '\0' ? "&" : "");
        ask(raw);
        if (way.kind != ways[i].kind || strstr(plan, ways[i].step) == NULL)
            fail_msg("%s: way %d instead of %d with '%s':\n%s", ways[i].target, (int)way.kind,
                     (int)ways[i].kind, ways[i].step, plan);
        if (way.kind == WAY_ALONG && is_sorted)
            fail_msg("%s: all that are found are sorted:\n%s", ways[i].target, plan);
        if (way.kind == WAY_SEARCH && is_scanned("k", false))
            fail_msg("%s: all rows are read:\n%s", ways[i].target, plan);
        if (way.kind == WAY_WALK && query.n_sorts == 1 && query.sorts[0].field->type == FIELD_DATE
            && is_sorted)
            fail_msg("%s: the walk is sorted:\n%s", ways[i].target, plan);
    }
}

/* Behind a row as well, each order begins at its place in an index, and no rows are sorted but
 * those of a page (in each group, or part). */
static void every_order_of_casualties_begins_in_an_index(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct field *field = casualties.fields; field->name != NULL; field++) {
        for (int shape = 0; (field->flags & FIELD_SORT) && shape < 6; shape++) {
            bool is_null = shape / 2 == 2;

            if (is_null && !(field->flags & FIELD_NULLABLE))
                continue;
            memset(&query, 0, sizeof(query));
            query.resource = &casualties;
            query.limit = 100;
            query.fields[query.n_fields++] = casualties.fields;
            query.sorts[query.n_sorts++] =
                (struct sort){ .field = field, .descending = shape % 2 == 1 };
            query.keyset = (struct keyset){ .is_set = shape >= 2,
                                            .n = field->type == FIELD_ID ? 1 : 2,
                                            .is_null = { is_null },
                                            .is_integer = { field->type == FIELD_NUMBER },
                                            .integers = { 7 },
                                            .texts = { "wide", "wide-777" } };
            read_plan();
            if (way.kind == WAY_PLAIN || way.kind == WAY_SEARCH || is_scanned("k", true))
                fail_msg("%s, shape %d, way %d:\n%s", field->name, shape, (int)way.kind, plan);
            if (shape >= 2 && shape < 4 && way.kind == WAY_WALK && is_scanned("k", false)
                && !(field->flags & FIELD_NULLABLE))
                fail_msg("%s, shape %d: it begins with the first row:\n%s", field->name, shape,
                         plan);
            if (!(field->flags & FIELD_NULLABLE) && way.kind == WAY_WALK && is_sorted)
                fail_msg("%s, shape %d: all rows are sorted:\n%s", field->name, shape, plan);
            n++;
        }
    }
    assert_in_range(n, 60, 200);
}

/* ---- every filter that compares by value ---- */

/* Fields of casualties that no index can serve, or need not. */
static const struct {
    const char *name, *why;
} unsearched[] = {
    { "location", "words, compared without case and accents" },
    { "nationality_text", "words, compared without case and accents" },
    { "note", "words, compared without case and accents" },
    { "latitude", "half of a place: both together would want a grid" },
    { "longitude", "half of a place" },
    { "flags", "a list of words as JSON" },
    { "end", "null for most rows, and then as the date" },
    { "known_to", "as it was known on the day that is asked for: no column" },
};

static bool is_unsearched(const struct field *field, enum operator op)
{
    for (size_t i = 0; i < sizeof(unsearched) / sizeof(*unsearched); i++) {
        if (strcmp(unsearched[i].name, field->name) == 0)
            return true;
    }
    /* Of ids only the equal one is sought, and of deaths few are so many, but most are so few. */
    return strcmp(field->name, "deaths") == 0 && (op == OPERATOR_LT || op == OPERATOR_LTE);
}

static void ask_by_field(const struct resource *resource, const struct field *field,
                         enum operator op)
{
    struct value *value = &query.values[0];
    bool is_before = op == OPERATOR_LT || op == OPERATOR_LTE;

    memset(&query, 0, sizeof(query));
    query.resource = resource;
    query.limit = 100;
    query.fields[query.n_fields++] = resource->fields;
    for (size_t i = 0; resource->params != NULL && resource->params[i].name != NULL; i++)
        query.params[i] = resource->params[i].choices[0];
    query.sorts[query.n_sorts++] = (struct sort){ .field = resource_field(resource, "id") };
    value->text = "x";
    value->integer = 70;
    value->span = is_before ? (struct date_span){ "1931-01-01", "1931-12-31" }
                            : (struct date_span){ "2031-01-01", "2031-12-31" };
    query.terms[query.n_terms++] = (struct term){ .field = field, .op = op, .n_values = 1 };
    query.n_values = 1;
    read_plan();
}

static void every_filter_of_casualties_is_a_search(void **state)
{
    static const enum operator ops[] = { OPERATOR_EQUAL, OPERATOR_IN, OPERATOR_GT,
                                         OPERATOR_GTE,   OPERATOR_LT, OPERATOR_LTE };
    size_t n = 0;

    (void)state;
    for (const struct field *field = casualties.fields; field->name != NULL; field++) {
        for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
            bool is_search;

            if (!type_takes(field, ops[i]))
                continue;
            ask_by_field(&casualties, field, ops[i]);
            is_search = way.kind == WAY_SEARCH && !is_scanned("k", false)
                        && strstr(plan, "SEARCH k USING") != NULL;
            if (is_search == is_unsearched(field, ops[i]))
                fail_msg("%s %s, way %d:\n%s", field->name, operator_name(ops[i]), (int)way.kind,
                         plan);
            n++;
        }
    }
    assert_in_range(n, 40, 120);
}

/* ---- the other collections: tables of hundreds of rows, written or read by hand ---- */

/* Filters by which a whole table is read, and why that is not much. A field NULL: all of them. */
static const struct {
    const char *name, *field, *why;
} whole[] = {
    { "annotations", NULL, "what is marked in rows of other collections" },
    { "timeline", NULL, "what is dated about one actor" },
    { "disagreements", "place", "a place holds others; of some hundred facts" },
    { "relationships", "claims", "of the links of one claim, each names its row" },
    { "relationships", "sources", "of the links of one source, each names its row" },
    { "actors", "sources", "of the links of one source, each names its row" },
    { "missions", "places", "a place holds others; of a hundred missions" },
    { "missions", "place", "the same" },
    { "missions", "components", "of some dozen links" },
    { "missions", "sources", "of the links of one source, each names its row" },
};

static bool is_whole(const struct resource *resource, const struct field *field)
{
    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
        if (strcmp(whole[i].name, resource->name) == 0
            && (whole[i].field == NULL || strcmp(whole[i].field, field->name) == 0))
            return true;
    }
    return false;
}

/* By a search, or along an index in the order that is asked for, which ends when the page is full.
 */
static void every_filter_of_every_collection_goes_by_an_index(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct resource *const *at = catalogue; *at != NULL; at++) {
        char alias[16];

        if (!alias_of(*at, alias) || (*at)->changes_of != NULL || *at == &casualties)
            continue;
        for (const struct field *field = (*at)->fields; field->name != NULL; field++) {
            if (!type_takes(field, OPERATOR_EQUAL))
                continue;
            ask_by_field(*at, field, OPERATOR_EQUAL);
            if (is_scanned(alias, true) != is_whole(*at, field))
                fail_msg("%s by %s:\n%s", (*at)->name, field->name, plan);
            n++;
        }
    }
    assert_in_range(n, 150, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_default_sort_is_a_sort),
        cmocka_unit_test(the_cheaper_way_is_taken),
        cmocka_unit_test(every_order_of_casualties_begins_in_an_index),
        cmocka_unit_test(every_filter_of_casualties_is_a_search),
        cmocka_unit_test(every_filter_of_every_collection_goes_by_an_index),
    };

    return cmocka_run_group_tests(tests, open_wide, close_wide);
}
