/* $filter of OData -> a tree -> SQL, and the plans that SQLite makes of it. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/conn.h"
#include "db/select.h"
#include "handlers/catalogue.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/flat.h"
#include "server/odata.h"
#include "server/odata_filter.h"
#include "server/query.h"
#include "server/route.h"
#include "tests/unit/support.h"

/* One reading, which stays until the next. */
static struct flat columns;
static struct filter filter;
static struct error err;

static bool parse(const struct resource *resource, const char *text)
{
    err = (struct error){ 0 };
    memset(&filter, 0x55, sizeof(filter)); /* whatever was in it before does not matter */
    flat_of_resource(resource, &columns);
    return odata_filter_parse(text, &columns, &filter, &err);
}

/* The tree in words: "(and (eq name 'x') true)". */
static void describe(int index, struct buffer *out)
{
    static const char *const words[] = { "and", "or", "not", "eq", "ne",       "gt",
                                         "ge",  "lt", "le",  "in", "contains", "startswith" };
    const struct filter_node *node = &filter.nodes[index];

    switch (node->kind) {
    case FILTER_COLUMN:
        buffer_format(out, "%s.%zu", node->field->name, node->part);
        break;
    case FILTER_NULL:
        buffer_text(out, "null");
        break;
    case FILTER_TEXT_VALUE:
        buffer_format(out, "'%s'", node->text);
        break;
    case FILTER_REAL:
        buffer_format(out, "%g", node->real);
        break;
    case FILTER_INTEGER:
    case FILTER_BOOLEAN:
        buffer_format(out, "%s%lld", node->kind == FILTER_BOOLEAN ? "b" : "",
                      (long long)node->integer);
        break;
    default:
        buffer_format(out, "(%s ", words[node->kind]);
        describe(node->left, out);
        for (int i = node->right; i != FILTER_NONE;
             i = node->kind == FILTER_IN ? filter.nodes[i].right : FILTER_NONE) {
            buffer_byte(out, ' ');
            describe(i, out);
        }
        buffer_byte(out, ')');
    }
}

static void assert_tree(const char *text, const char *wanted)
{
    defer(buffer_done) struct buffer words = BUFFER_INIT(4096);

    if (!parse(&missions, text))
        fail_msg("%s: %s", text, err.detail);
    describe(filter.root, &words);
    assert_string_equal(words.data, wanted);
}

static void assert_refused(const char *text, enum error_code code, const char *begin)
{
    if (parse(&missions, text))
        fail_msg("%s is taken", text);
    if (err.code != code || strncmp(err.detail, begin, strlen(begin)) != 0
        || strcmp(err.param, "$filter") != 0)
        fail_msg("%s: code %d, '%s': %s", text, err.code, err.param, err.detail);
}

static void an_expression_becomes_the_tree_that_it_means(void **state)
{
    (void)state;
    assert_tree("name eq 'x'", "(eq name.0 'x')");
    assert_tree("  name   eq   'O''Neill'  ", "(eq name.0 'O'Neill')");
    assert_tree("version ge -5 and version lt 1.5e2", "(and (ge version.0 -5) (lt version.0 150))");
    assert_tree("name eq 'a' or name eq 'b' and name eq 'c'",
                "(or (eq name.0 'a') (and (eq name.0 'b') (eq name.0 'c')))");
    assert_tree("(name eq 'a' or name eq 'b') and not contains(name,'c')",
                "(and (or (eq name.0 'a') (eq name.0 'b')) (not (contains name.0 'c')))");
    assert_tree("name in ('a',null, 'b')", "(in name.0 'a' null 'b')");
    assert_tree("startswith(name, 'a') eq true", "(eq (startswith name.0 'a') b1)");
    assert_tree("known_from le 2021-06-10", "(le known_from.0 '2021-06-10')");
    assert_tree("end ne null", "(ne end.0 null)");
    assert_tree("true", "b1");
    assert_tree("version eq 99999999999999999999", "(eq version.0 1e+20)");
}

static void a_column_is_found_by_its_flat_name(void **state)
{
    (void)state;
    assert_true(parse(&casualties, "mission eq 'a' and mission_name eq 'b' and deaths_high gt 2"));
    assert_int_equal(filter.nodes[0].kind, FILTER_COLUMN);
    for (size_t i = 0; i < filter.n; i++) {
        if (filter.nodes[i].kind == FILTER_COLUMN
            && strcmp(filter.nodes[i].field->name, "deaths") == 0)
            assert_int_equal(filter.nodes[i].part, 2);
    }
    assert_refused("casualties eq 1", ERR_PARAM_INVALID, "At character 1: there is no property");
    assert_refused("nam eq 'x'", ERR_PARAM_INVALID, "At character 1: ");
    assert_string_equal(err.did_you_mean, "name");
}

static void a_mistake_is_named_with_its_character(void **state)
{
    (void)state;
    assert_refused("", ERR_PARAM_INVALID, "At character 1: ");
    assert_refused("name eq 5", ERR_PARAM_INVALID, "At character 9: text (in single quotes)");
    assert_refused("name eq 'é' x", ERR_PARAM_INVALID, "At character 13: ");
    assert_refused("name eq 'x", ERR_PARAM_INVALID, "At character 9: the text that begins here");
    assert_refused("((true)", ERR_PARAM_INVALID, "At character 8: ')' is missing.");
    assert_refused("known_from eq 2021-02-29", ERR_PARAM_INVALID, "At character 15: '2021-02-29'");
}

static void what_is_beyond_is_unsupported_and_no_mistake(void **state)
{
    static const char *const texts[] = { "tolower(name) eq 'x'",     "sources/any(s:true)",
                                         "version add 1 eq 2",       "-version eq 1",
                                         "version eq INF",           "@a eq 1",
                                         "known_from eq date'2021'", "version in (version)" };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_refused(texts[i], ERR_UNSUPPORTED, "At character ");
}

static void repeat(char *text, size_t size, const char *begin, const char *part, int n,
                   const char *end)
{
    size_t len = (size_t)snprintf(text, size, "%s", begin);

    for (int i = 0; i < n && len < size; i++)
        len += (size_t)snprintf(text + len, size - len, "%s", part);
    assert_true(len + strlen(end) < size);
    snprintf(text + len, size - len, "%s", end);
}

static void size_and_depth_have_ceilings(void **state)
{
    char text[8192], ends[64];

    (void)state;
    memset(ends, ')', FILTER_DEPTH);
    ends[FILTER_DEPTH] = '\0';
    repeat(text, sizeof(text), "", "(", FILTER_DEPTH, "true");
    snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", ends);
    assert_true(parse(&missions, text));
    repeat(text, sizeof(text), "", "(", 8000, "true");
    assert_refused(text, ERR_PARAM_INVALID, "At character 33: more than 32 parentheses");
    repeat(text, sizeof(text), "", "not ", 1500, "true");
    assert_refused(text, ERR_PARAM_INVALID, "At character ");
    repeat(text, sizeof(text), "true", " or true", FILTER_NODES / 2 - 1, "");
    assert_true(parse(&missions, text));
    assert_int_equal(filter.n, FILTER_NODES - 1);
    repeat(text, sizeof(text), "true", " or true", FILTER_NODES / 2, "");
    assert_refused(text, ERR_PARAM_INVALID, "At character ");
    repeat(text, sizeof(text), "name eq '", "x", 8000, "'");
    assert_true(parse(&missions, text));
}

/* The widest tree that the parser lets through still is a statement. */
static void the_largest_tree_can_be_asked(void **state)
{
    struct conn *conn = world_conn(*state);
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    static struct query query;
    char text[8192];
    bool is_row;

    repeat(text, sizeof(text), "contains(cause,'a')", " or contains(cause,'a')", 60, "");
    assert_true(parse(&casualties, text));
    query = (struct query){ .resource = &casualties, .filter = &filter, .limit = 10 };
    query.fields[query.n_fields++] = casualties.fields;
    assert_true(select_open(conn, &query, &rows, &err));
    assert_true(stmt_step(rows, &is_row, &err));
}

/* How SQLite finds the rows that a filter asks for. */
static bool plan_says(struct conn *conn, const char *text, const char *word)
{
    defer(buffer_done) struct buffer sql = BUFFER_INIT(256 << 10);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    static struct query query;
    bool is_row, is_said = false;

    assert_true(parse(&casualties, text));
    query = (struct query){ .resource = &casualties, .filter = &filter, .limit = 10 };
    query.fields[query.n_fields++] = casualties.fields;
    buffer_text(&sql, "EXPLAIN QUERY PLAN ");
    assert_true(select_sql(&query, NULL, &sql));
    assert_true(conn_stmt(conn, sql.data, &stmt, &err));
    while (stmt_step(stmt, &is_row, &err) && is_row)
        is_said = is_said || strstr((const char *)sqlite3_column_text(stmt, 3), word) != NULL;
    return is_said;
}

/* Of a million casualties, as SQLite believes. */
static void a_simple_filter_is_sought_in_an_index(void **state)
{
    static const char by_mission[] = "_mission (mission=?"; /* one of two indexes */
    struct conn *conn = NULL;
    char file[WORLD_PATH];

    world_variant(*state, "million.db",
                  "UPDATE sqlite_stat1 SET stat = '1000000 ' || CASE idx WHEN 'casualties_by_id'"
                  " THEN '1 1' WHEN 'casualties_by_known_from' THEN '1000000' ELSE '1000 100 10'"
                  " END WHERE tbl = 'casualties'",
                  file);
    assert_true(conn_open(file, NULL, &conn, &err));
    assert_true(plan_says(conn, "mission eq 'minusma'", by_mission));
    assert_true(plan_says(conn, "'minusma' eq mission", by_mission));
    assert_true(plan_says(conn, "mission eq 'minusma' and deaths_best gt 2 and not (id eq 'x')",
                          by_mission));
    assert_true(plan_says(conn, "mission in ('minusma','unifil')", by_mission));
    assert_true(plan_says(conn, "id eq 'x'", "USING INDEX casualties_by_id (id=?"));
    /* Behind not, where a null counts as well, it cannot be. */
    assert_false(plan_says(conn, "not (mission eq 'minusma')", by_mission));
    conn_close(conn);
}

static void sets_are_the_collections_that_need_nothing(void **state)
{
    char name[64];

    (void)state;
    assert_true(odata_set_name(&meta_codes, name, sizeof(name)));
    assert_string_equal(name, "meta_codes");
    assert_false(odata_set_name(&graph, name, sizeof(name)));
    assert_false(odata_set_name(&series, name, sizeof(name)));
    assert_false(odata_set_name(&changes, name, sizeof(name)));
    assert_false(odata_set_name(&search, name, sizeof(name)));
    assert_true(odata_is_target("/odata") && odata_is_target("/odata/x")
                && odata_is_target("/odata?x"));
    assert_false(odata_is_target("/odatas") || odata_is_target("/v1/odata")
                 || odata_is_target(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_expression_becomes_the_tree_that_it_means),
        cmocka_unit_test(a_column_is_found_by_its_flat_name),
        cmocka_unit_test(a_mistake_is_named_with_its_character),
        cmocka_unit_test(what_is_beyond_is_unsupported_and_no_mistake),
        cmocka_unit_test(size_and_depth_have_ceilings),
        cmocka_unit_test(the_largest_tree_can_be_asked),
        cmocka_unit_test(a_simple_filter_is_sought_in_an_index),
        cmocka_unit_test(sets_are_the_collections_that_need_nothing),
    };

    return cmocka_run_group_tests(tests, world_open, world_close);
}
