/* Rows -> JSON bytes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "db/conn.h"
#include "db/select.h"
#include "handlers/catalogue.h"
#include "server/base/cleanup.h"
#include "server/render_json.h"
#include "tests/unit/support.h"

static const struct field fields[] = {
    { .name = "id", .type = FIELD_ID },
    { .name = "words", .type = FIELD_TEXT },
    { .name = "size", .type = FIELD_INTEGER },
    { .name = "width", .type = FIELD_REAL },
    { .name = "deaths", .type = FIELD_NUMBER },
    { .name = "place", .type = FIELD_REF, .kind = "place", .resource = "places" },
    { .name = "thing", .type = FIELD_REF, .kind = "actor,place", .kind_sql = "x" },
    { .name = "actor", .type = FIELD_REF, .kind = "actor", .resource = "actors" },
    { .name = "sources", .type = FIELD_REFS, .kind = "source", .resource = "sources" },
    { .name = "flags", .type = FIELD_TEXTS },
    { .name = "list", .type = FIELD_LIST },
    { .name = "object", .type = FIELD_OBJECT },
    { 0 },
};

/* Renders one row of SQL with some of the fields; a text that the next call changes. */
static const char *render(const struct world *world, const char *sql, const char *const *names,
                          struct mentions *mentions)
{
    static char text[64 << 10];
    static struct query query;
    static const struct resource resource = { .name = "things", .fields = fields };
    defer(buffer_done) struct buffer body = BUFFER_INIT(sizeof(text) - 1);
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    struct error err = { 0 };
    bool is_row;

    memset(&query, 0, sizeof(query));
    query.resource = &resource;
    for (; *names != NULL; names++)
        query.fields[query.n_fields++] = resource_field(&resource, *names);
    if (mentions != NULL) {
        query.includes[query.n_includes++] = &sources;
        query.includes[query.n_includes++] = &places;
    }
    if (!conn_stmt(world_conn(world), sql, &stmt, &err))
        fail_msg("%s", err.detail);
    assert_int_equal(render_width(&query), sqlite3_column_count(stmt));
    assert_true(stmt_step(stmt, &is_row, &err));
    render_json_row(&query, stmt, &body, mentions);
    assert_false(body.broken);
    snprintf(text, sizeof(text), "%s", body.data);
    return text;
}

#define NAMES(...)                                                                                 \
    (const char *const[])                                                                          \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static void null_is_null_and_zero_is_zero(void **state)
{
    assert_string_equal(
        render(*state, "SELECT 'a', NULL, NULL, NULL", NAMES("id", "words", "size", "width"), NULL),
        "{\"id\":\"a\",\"words\":null,\"size\":null,\"width\":null}");
    assert_string_equal(
        render(*state, "SELECT 'a', '', 0, 0.0", NAMES("id", "words", "size", "width"), NULL),
        "{\"id\":\"a\",\"words\":\"\",\"size\":0,\"width\":0.0}");
}

static void whole_numbers_keep_every_digit(void **state)
{
    assert_string_equal(render(*state, "SELECT 9223372036854775807", NAMES("size"), NULL),
                        "{\"size\":9223372036854775807}");
    assert_string_equal(render(*state, "SELECT -9223372036854775808", NAMES("size"), NULL),
                        "{\"size\":-9223372036854775808}");
}

static void a_coordinate_is_written_as_it_stands(void **state)
{
    assert_string_equal(render(*state, "SELECT -12.6", NAMES("width"), NULL), "{\"width\":-12.6}");
    assert_string_equal(render(*state, "SELECT 17.0", NAMES("width"), NULL), "{\"width\":17.0}");
}

static void a_number_is_null_only_where_no_part_of_it_is_said(void **state)
{
    assert_string_equal(
        render(*state, "SELECT NULL, NULL, NULL, NULL, NULL, 'person'", NAMES("deaths"), NULL),
        "{\"deaths\":null}");
    assert_string_equal(
        render(*state, "SELECT 0, 0, 0, 'exactly', '0', 'person'", NAMES("deaths"), NULL),
        "{\"deaths\":{\"low\":0,\"best\":0,\"high\":0,\"qualifier\":\"exactly\","
        "\"text\":\"0\",\"unit\":\"person\"}}");
    assert_string_equal(
        render(*state, "SELECT 301, NULL, NULL, 'more_than', 'more than \"300\"', 'person'",
               NAMES("deaths"), NULL),
        "{\"deaths\":{\"low\":301,\"best\":null,\"high\":null,\"qualifier\":\"more_than\","
        "\"text\":\"more than \\\"300\\\"\",\"unit\":\"person\"}}");
    assert_string_equal(
        render(*state, "SELECT NULL, NULL, 5, 'up_to', '5', NULL", NAMES("deaths"), NULL),
        "{\"deaths\":{\"low\":null,\"best\":null,\"high\":5,\"qualifier\":"
        "\"up_to\",\"text\":\"5\",\"unit\":null}}");
}

static void code_and_label_stand_together(void **state)
{
    assert_string_equal(
        render(*state, "SELECT 'ner', 'Niger', 'NER', 'tinville', 'Tïnville', 'place'",
               NAMES("place", "thing"), NULL),
        "{\"place\":{\"id\":\"ner\",\"name\":\"Niger\",\"iso3\":\"NER\"},"
        "\"thing\":{\"id\":\"tinville\",\"name\":\"Tïnville\",\"kind\":\"place\"}}");
    assert_string_equal(render(*state, "SELECT 'tinville', 'Tïnville', NULL, NULL, NULL, NULL",
                               NAMES("place", "thing"), NULL),
                        "{\"place\":{\"id\":\"tinville\",\"name\":\"Tïnville\"},\"thing\":null}");
    assert_string_equal(render(*state, "SELECT 'x', NULL", NAMES("actor"), NULL),
                        "{\"actor\":{\"id\":\"x\",\"name\":null}}");
}

static void what_the_database_made_is_sent_as_it_is_or_as_null(void **state)
{
    assert_string_equal(
        render(*state, "SELECT '[{\"a\":1}]', '{\"b\":[]}'", NAMES("list", "object"), NULL),
        "{\"list\":[{\"a\":1}],\"object\":{\"b\":[]}}");
    assert_string_equal(render(*state, "SELECT NULL, NULL", NAMES("list", "object"), NULL),
                        "{\"list\":null,\"object\":null}");
}

static void columns_follow_their_fields_whatever_their_width(void **state)
{
    assert_string_equal(
        render(*state, "SELECT 1, 1, 1, 'exactly', '1', 'person', 'a', 'A', '[\"x\"]', 7",
               NAMES("deaths", "actor", "flags", "size"), NULL),
        "{\"deaths\":{\"low\":1,\"best\":1,\"high\":1,\"qualifier\":\"exactly\",\"text\":\"1\","
        "\"unit\":\"person\"},\"actor\":{\"id\":\"a\",\"name\":\"A\"},\"flags\":[\"x\"],"
        "\"size\":7}");
}

static void mentioned_ids_are_noted_once_for_the_collections_asked_for(void **state)
{
    defer(mentions_done) struct mentions mentions = { 0 };
    static const char sql[] = "SELECT '[{\"id\":\"b\",\"name\":\"B\"},{\"id\":\"a\",\"name\":"
                              "\"A\"}]', 'ner', 'Niger', 'NER', 'x', 'X'";

    render(*state, sql, NAMES("sources", "place", "actor"), &mentions);
    render(*state, sql, NAMES("sources", "place", "actor"), &mentions);
    render(*state, "SELECT '[]', NULL, NULL, NULL, 'x', 'X'", NAMES("sources", "place", "actor"),
           &mentions);
    assert_int_equal(json_object_size(mentions.ids[0]), 2);
    assert_non_null(json_object_get(mentions.ids[0], "a"));
    assert_int_equal(json_object_size(mentions.ids[1]), 1);
    assert_non_null(json_object_get(mentions.ids[1], "ner"));
    assert_null(mentions.ids[2]);
    mentions_done(&mentions);
    assert_null(mentions.ids[0]);
}

static void widths_are_those_of_the_columns(void **state)
{
    (void)state;
    assert_int_equal(select_width(&fields[0]), 1);
    assert_int_equal(select_width(&fields[4]), 6);
    assert_int_equal(select_width(&fields[5]), 3);
    assert_int_equal(select_width(&fields[6]), 3);
    assert_int_equal(select_width(&fields[7]), 2);
    assert_int_equal(select_width(&fields[8]), 1);
}

static void a_row_that_does_not_fit_breaks_the_body(void **state)
{
    defer(stmt_return) sqlite3_stmt *stmt = NULL;
    struct error err = { 0 };
    static struct query query = { .fields = { &fields[0], &fields[1] }, .n_fields = 2 };
    bool is_row;

    assert_true(conn_stmt(world_conn(*state), "SELECT 'an-id', 'some words'", &stmt, &err));
    assert_true(stmt_step(stmt, &is_row, &err));
    for (size_t limit = 0; limit < 40; limit++) {
        defer(buffer_done) struct buffer body = BUFFER_INIT(limit);

        render_json_row(&query, stmt, &body, NULL);
        assert_int_equal(body.broken,
                         limit < strlen("{\"id\":\"an-id\",\"words\":\"some words\"}"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_null_and_zero_is_zero),
        cmocka_unit_test(whole_numbers_keep_every_digit),
        cmocka_unit_test(a_coordinate_is_written_as_it_stands),
        cmocka_unit_test(a_number_is_null_only_where_no_part_of_it_is_said),
        cmocka_unit_test(code_and_label_stand_together),
        cmocka_unit_test(what_the_database_made_is_sent_as_it_is_or_as_null),
        cmocka_unit_test(columns_follow_their_fields_whatever_their_width),
        cmocka_unit_test(mentioned_ids_are_noted_once_for_the_collections_asked_for),
        cmocka_unit_test(widths_are_those_of_the_columns),
        cmocka_unit_test(a_row_that_does_not_fit_breaks_the_body),
    };

    return cmocka_run_group_tests(tests, world_open, world_close);
}
