/* Rows as columns of one type. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "handlers/catalogue.h"
#include "server/base/cleanup.h"
#include "server/flat.h"

static const struct field fields[] = {
    { .name = "id", .type = FIELD_ID },
    { .name = "words", .type = FIELD_TEXT, .flags = FIELD_NULLABLE },
    { .name = "size", .type = FIELD_INTEGER, .flags = FIELD_NULLABLE },
    { .name = "width", .type = FIELD_REAL },
    { .name = "is_open", .type = FIELD_BOOLEAN, .flags = FIELD_NULLABLE },
    { .name = "deaths", .type = FIELD_NUMBER },
    { .name = "place", .type = FIELD_REF, .kind = "place" },
    { .name = "thing", .type = FIELD_REF, .kind = "actor,place", .kind_sql = "x" },
    { .name = "actor", .type = FIELD_REF, .kind = "actor" },
    { .name = "sources", .type = FIELD_REFS, .kind = "source" },
    { .name = "flags", .type = FIELD_TEXTS },
    { .name = "list", .type = FIELD_LIST },
    { .name = "hidden", .type = FIELD_TEXT, .flags = FIELD_HIDDEN },
    { 0 },
};
static const struct resource things = { .name = "things", .fields = fields };

/* What a query of some fields, in a form, tells of the rows of SQL; a text that the next call
 * changes. */
static const char *tell(const char *sql, const char *const *names, enum format format,
                        bool is_excel, bool is_bom)
{
    static char text[16 << 10];
    static struct query query;
    defer(buffer_done) struct buffer body = BUFFER_INIT(sizeof(text) - 1);
    defer(flat_writer_done) struct flat_writer writer;
    sqlite3 *database;
    sqlite3_stmt *stmt;

    memset(&query, 0, sizeof(query));
    query.resource = &things;
    query.is_excel = is_excel;
    query.is_bom = is_bom;
    query.has_geometry = format == FORMAT_GEOJSON;
    for (; *names != NULL; names++)
        query.fields[query.n_fields++] = resource_field(&things, *names);
    assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(database, sql, -1, &stmt, NULL), SQLITE_OK);
    flat_writer_init(&writer, &query, format, NULL);
    flat_writer_begin(&writer, &body);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        flat_writer_row(&writer, stmt, &body);
    flat_writer_end(&writer, &body);
    assert_false(body.broken);
    snprintf(text, sizeof(text), "%.*s", (int)body.len, body.data != NULL ? body.data : "");
    sqlite3_finalize(stmt);
    sqlite3_close(database);
    return text;
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void each_type_has_its_columns(void **state)
{
    static const struct {
        const char *name;
        enum flat_type type;
        bool is_nullable;
        int at;
    } right[] = {
        { "id", FLAT_TEXT, false, 0 },
        { "words", FLAT_TEXT, true, 1 },
        { "size", FLAT_INTEGER, true, 2 },
        { "width", FLAT_REAL, false, 3 },
        { "is_open", FLAT_BOOLEAN, true, 4 },
        { "deaths_low", FLAT_INTEGER, true, 5 },
        { "deaths_best", FLAT_INTEGER, true, 6 },
        { "deaths_high", FLAT_INTEGER, true, 7 },
        { "deaths_qualifier", FLAT_TEXT, true, 8 },
        { "deaths_text", FLAT_TEXT, true, 9 },
        { "deaths_unit", FLAT_TEXT, true, 10 },
        { "place", FLAT_TEXT, false, 11 },
        { "place_name", FLAT_TEXT, false, 12 },
        { "place_iso3", FLAT_TEXT, true, 13 },
        { "thing", FLAT_TEXT, false, 14 },
        { "thing_name", FLAT_TEXT, false, 15 },
        { "thing_kind", FLAT_TEXT, false, 16 },
        { "actor", FLAT_TEXT, false, 17 },
        { "actor_name", FLAT_TEXT, false, 18 },
        { "sources", FLAT_LIST, false, 19 },
        { "flags", FLAT_LIST, false, 20 },
        { "list", FLAT_JSON, false, 21 },
    };
    defer(flat_done) struct flat flat;

    (void)state;
    flat_of_resource(&things, &flat);
    assert_int_equal(flat.n, sizeof(right) / sizeof(*right));
    for (size_t i = 0; i < flat.n; i++) {
        assert_string_equal(flat.columns[i].name, right[i].name);
        assert_int_equal(flat.columns[i].type, right[i].type);
        assert_int_equal(flat.columns[i].is_nullable, right[i].is_nullable);
        assert_int_equal(flat.columns[i].at, right[i].at);
    }
}

/* FLAT_COLUMNS and FLAT_NAME hold whatever is declared, and no two columns bear one name. */
static void the_columns_of_every_resource_fit_and_differ(void **state)
{
    (void)state;
    for (size_t at = 0; catalogue[at] != NULL; at++) {
        defer(flat_done) struct flat flat;

        flat_of_resource(catalogue[at], &flat);
        assert_true(flat.n < FLAT_COLUMNS);
        for (size_t i = 0; i < flat.n; i++) {
            assert_true(strlen(flat.columns[i].name) < FLAT_NAME - 1);
            for (size_t j = 0; j < i; j++)
                assert_string_not_equal(flat.columns[i].name, flat.columns[j].name);
        }
    }
}

static void a_null_is_empty_and_an_empty_text_is_quoted(void **state)
{
    (void)state;
    assert_string_equal(tell("VALUES ('a', NULL, NULL), ('b', '', 0)", NAMES("id", "words", "size"),
                             FORMAT_CSV, false, false),
                        "id,words,size\r\na,,\r\nb,\"\",0\r\n");
}

static void only_what_needs_quotes_has_them(void **state)
{
    (void)state;
    assert_string_equal(
        tell("VALUES ('a', 'x,y'), ('b', 'x\"y'), ('c', 'x' || char(10) || 'y'),"
             " ('d', 'x' || char(13)), ('e', ' x'), ('f', 'x '), ('g', 'x y; z'), ('h', '=x')",
             NAMES("id", "words"), FORMAT_CSV, false, false),
        "id,words\r\na,\"x,y\"\r\nb,\"x\"\"y\"\r\nc,\"x\ny\"\r\nd,\"x\r\"\r\ne,\" x\"\r\n"
        "f,\"x \"\r\ng,x y; z\r\nh,=x\r\n");
}

static void formulas_have_an_apostrophe_and_numbers_have_none(void **state)
{
    (void)state;
    assert_string_equal(tell("VALUES ('=a', '+1', -1), ('-b', '@c', 2), ('c', char(9) || 'd', 3),"
                             " ('d', char(13) || 'e', 4), ('e', 'f=g', 5)",
                             NAMES("id", "words", "size"), FORMAT_CSV, true, true),
                        "\xef\xbb\xbfid,words,size\r\n\"'=a\",\"'+1\",-1\r\n\"'-b\",\"'@c\",2\r\n"
                        "c,\"'\td\",3\r\nd,\"'\re\",4\r\ne,f=g,5\r\n");
}

static void lists_are_ids_or_texts_between_semicolons(void **state)
{
    (void)state;
    assert_string_equal(
        tell(
            "VALUES ('a', '[{\"id\":\"x\",\"name\":\"[\\\"id\\\":\"},{\"id\":\"y\",\"name\":\"\"}]'"
            ", '[\"one\",\"t\\\"wo\",\"\\u0001\\n\"]'), ('b', '[]', '[]')",
            NAMES("id", "sources", "flags"), FORMAT_ROWS, false, false),
        "[\n{\"id\":\"a\",\"sources\":\"x; y\",\"flags\":\"one; t\\\"wo; \\u0001\\n\"},\n"
        "{\"id\":\"b\",\"sources\":\"\",\"flags\":\"\"}\n]\n");
}

static void parts_of_numbers_and_references_are_columns(void **state)
{
    (void)state;
    assert_string_equal(tell("VALUES ('a', 1, NULL, 9007199254740993, 'about', NULL, 'person',"
                             " 'mli', 'Mali', 'MLI', 1)",
                             NAMES("id", "deaths", "place", "is_open"), FORMAT_NDJSON, false,
                             false),
                        "{\"id\":\"a\",\"deaths_low\":1,\"deaths_best\":null,\"deaths_high\":"
                        "9007199254740993,\"deaths_qualifier\":\"about\",\"deaths_text\":null,"
                        "\"deaths_unit\":\"person\",\"place\":\"mli\",\"place_name\":\"Mali\","
                        "\"place_iso3\":\"MLI\",\"is_open\":true}\n");
}

static void no_body_is_empty(void **state)
{
    static const struct {
        enum format format;
        const char *body;
    } rows[] = {
        { FORMAT_ROWS, "[]\n" },
        { FORMAT_CSV, "id\r\n" },
        { FORMAT_NDJSON, "\n" },
        { FORMAT_GEOJSON, "{\"type\":\"FeatureCollection\",\"features\":[]}\n" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_string_equal(tell("SELECT 'a' WHERE 0", NAMES("id"), rows[i].format, false, false),
                            rows[i].body);
}

static void a_place_is_a_point_several_are_points_and_none_is_null(void **state)
{
    (void)state;
    assert_string_equal(
        tell("VALUES ('a', '[[7.5,-16]]'), ('b', '[[1,2],[3,4]]'), ('c', '[]'), ('d', NULL)",
             NAMES("id"), FORMAT_GEOJSON, false, false),
        "{\"type\":\"FeatureCollection\",\"features\":[\n"
        "{\"type\":\"Feature\",\"id\":\"a\",\"geometry\":{\"type\":\"Point\",\"coordinates\":"
        "[7.5,-16]},\"properties\":{\"id\":\"a\"}},\n"
        "{\"type\":\"Feature\",\"id\":\"b\",\"geometry\":{\"type\":\"MultiPoint\",\"coordinates\":"
        "[[1,2],[3,4]]},\"properties\":{\"id\":\"b\"}},\n"
        "{\"type\":\"Feature\",\"id\":\"c\",\"geometry\":null,\"properties\":{\"id\":\"c\"}},\n"
        "{\"type\":\"Feature\",\"id\":\"d\",\"geometry\":null,\"properties\":{\"id\":\"d\"}}\n]}"
        "\n");
}

static void texts_that_no_statement_holds_are_given(void **state)
{
    static const struct field year = { .name = "year", .type = FIELD_DATE };
    defer(buffer_done) struct buffer body = BUFFER_INIT(1024);
    defer(flat_done) struct flat flat;

    (void)state;
    flat_init(&flat);
    flat_add(&flat, &year, "", FLAT_TEXT, FLAT_GIVEN_AT(1), true);
    flat_add(&flat, &year, "note", FLAT_TEXT, FLAT_GIVEN_AT(0), true);
    flat.given[0] = "a,b";
    flat_csv_head(&flat, &body);
    flat_csv_row(&flat, NULL, false, NULL, &body);
    flat.given[1] = "2013";
    flat_json_row(&flat, NULL, NULL, &body);
    buffer_byte(&body, '\0');
    assert_string_equal(body.data,
                        "year,year_note\r\n,\"a,b\"\r\n{\"year\":\"2013\",\"year_note\":\"a,b\"}");
}

/* A list that the database did not write as it should is no short list. */
static void a_list_that_cannot_be_read_breaks_the_body(void **state)
{
    static const char *const bad[] = { "[\"a\\x\"]", "[\"\\u00e9\"]", "[\"\\u00\"]" };
    sqlite3 *database;

    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        defer(buffer_done) struct buffer body = BUFFER_INIT(1024);
        defer(flat_done) struct flat flat;
        sqlite3_stmt *stmt;

        flat_init(&flat);
        flat_add_field(&flat, resource_field(&things, "flags"), 0);
        assert_int_equal(sqlite3_prepare_v2(database, "SELECT ?1", -1, &stmt, NULL), SQLITE_OK);
        sqlite3_bind_text(stmt, 1, bad[i], -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        flat_json_row(&flat, stmt, NULL, &body);
        assert_true(body.broken);
        sqlite3_finalize(stmt);
    }
    sqlite3_close(database);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_type_has_its_columns),
        cmocka_unit_test(the_columns_of_every_resource_fit_and_differ),
        cmocka_unit_test(a_null_is_empty_and_an_empty_text_is_quoted),
        cmocka_unit_test(only_what_needs_quotes_has_them),
        cmocka_unit_test(formulas_have_an_apostrophe_and_numbers_have_none),
        cmocka_unit_test(lists_are_ids_or_texts_between_semicolons),
        cmocka_unit_test(parts_of_numbers_and_references_are_columns),
        cmocka_unit_test(no_body_is_empty),
        cmocka_unit_test(a_place_is_a_point_several_are_points_and_none_is_null),
        cmocka_unit_test(texts_that_no_statement_holds_are_given),
        cmocka_unit_test(a_list_that_cannot_be_read_breaks_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
