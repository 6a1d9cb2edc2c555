/* The OpenAPI document follows the declarations, for our catalogue and for one made up here. */

#define _GNU_SOURCE /* strtok_r */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "db/dataset.h"
#include "handlers/catalogue.h"
#include "server/documents.h"
#include "server/openapi.h"
#include "server/type.h"

static const struct code codes[] = {
    { "colour", "red", "Red", "As blood.", NULL },
    { "colour", "blue", "Blue", "As helmets.", NULL },
    { "qualifier", "more_than", "More than", "More than the number.", NULL },
    { "unit", "person", "People", "People.", NULL },
};

static const struct state state = {
    .digest = "0123",
    .release = "2020-01-01",
    .codes = codes,
    .n_codes = sizeof(codes) / sizeof(codes[0]),
};

static const struct field inner[] = {
    { .name = "why", .type = FIELD_CODE, .codes = "colour", .text = "Why." },
    { .name = "deaths",
      .type = FIELD_NUMBER,
      .flags = FIELD_NULLABLE,
      .unit = "people",
      .text = "Deaths." },
    { 0 },
};

static const struct field outer[] = {
    { .name = "rows", .type = FIELD_LIST, .members = inner, .text = "Rows." },
    { 0 },
};

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "id",
      .text = "Id." },
    { .name = "words",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "words",
      .text = "Words." },
    { .name = "colour",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "colour",
      .codes = "colour",
      .text = "Colour." },
    { .name = "size",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER,
      .sql = "size",
      .unit = "metres",
      .text = "Size." },
    { .name = "width",
      .type = FIELD_REAL,
      .flags = FIELD_FILTER,
      .sql = "width",
      .unit = "degrees",
      .text = "Width." },
    { .name = "start",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "start",
      .text = "Start." },
    { .name = "day", .type = FIELD_DAY, .flags = FIELD_FILTER, .sql = "day", .text = "Day." },
    { .name = "deaths",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "",
      .unit = "people",
      .text = "Deaths." },
    { .name = "place",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "place",
      .kind = "place",
      .text = "Place." },
    { .name = "subject",
      .type = FIELD_REF,
      .flags = FIELD_FILTER,
      .sql = "subject",
      .kind = "actor,place",
      .kind_sql = "subject_kind",
      .text = "Subject." },
    { .name = "things",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = "things_json",
      .kind = "thing",
      .resource = "things",
      .text = "Things." },
    { .name = "thing",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER | FIELD_HIDDEN,
      .kind = "thing",
      .resource = "things",
      .match = "id IN @ids",
      .text = "One of the things." },
    { .name = "colours",
      .type = FIELD_TEXTS,
      .flags = FIELD_FILTER,
      .sql = "colours_json",
      .codes = "colour",
      .text = "Colours." },
    { .name = "shown", .type = FIELD_TEXT, .sql = "shown", .text = "Only shown." },
    { .name = "list",
      .type = FIELD_LIST,
      .flags = FIELD_NULLABLE,
      .sql = "list",
      .members = inner,
      .text = "List." },
    { .name = "object",
      .type = FIELD_OBJECT,
      .sql = "object",
      .members = outer,
      .param = "explain",
      .text = "Object." },
    { 0 },
};

static const struct param params[] = {
    { .name = "resolve",
      .choices = { "preferred", "latest", NULL },
      .id_choice = "source",
      .kind = "source",
      .text = "Rule." },
    { .name = "explain", .choices = { "0", "1", NULL }, .text = "Explained." },
    { 0 },
};

static const struct child children[] = { { .name = "things", .filter = "thing" }, { 0 } };

static const struct resource things = {
    .name = "things",
    .item = "Thing",
    .kind = "thing",
    .text = "A thing.",
    .source = "This test",
    .order = "-start",
    .start = "start",
    .fields = fields,
    .params = params,
    .children = children,
};

static const struct resource *const small[] = { &things, NULL };

static json_t *at(json_t *document, const char *path)
{
    char copy[256];
    char *rest = copy;

    snprintf(copy, sizeof(copy), "%s", path);
    for (char *key = strtok_r(copy, " ", &rest); key != NULL; key = strtok_r(NULL, " ", &rest)) {
        document = json_is_array(document) ? json_array_get(document, strtoul(key, NULL, 10))
                                           : json_object_get(document, key);
        if (document == NULL)
            fail_msg("nothing at '%s' of '%s'", key, path);
    }
    return document;
}

static void assert_json(json_t *value, const char *expected)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_string_equal(text, expected);
    free(text);
}

/* Every operator, as the table of the contract has it: "x" takes it. */
static void test_each_type_takes_its_operators(void **unused)
{
    static const struct {
        const char *field;
        const char *takes; /* EQUAL NOT GT GTE LT LTE IN NOTIN CONTAINS STARTSWITH ISNULL */
    } rows[] = {
        { "id", "xx    xxxx " },      { "words", "xx    xxxxx" },  { "colour", "xx    xx  x" },
        { "size", "xxxxxxxx   " },    { "width", "xxxxxxxx   " },  { "start", "xxxxxx     " },
        { "day", "xxxxxx     " },     { "deaths", "xxxxxxxx  x" }, { "place", "xx    xx  x" },
        { "subject", "xx    xx   " }, { "things", "xx    xx  x" }, { "thing", "xx    xx   " },
        { "colours", "xx    xxx x" }, { "shown", "           " },  { "list", "           " },
        { "object", "           " },
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct field *field = resource_field(&things, rows[i].field);

        for (enum operator op = OPERATOR_EQUAL; op < OPERATOR__MAX; op++) {
            if (type_takes(field, op) != (rows[i].takes[op] == 'x'))
                fail_msg("%s__%s", rows[i].field, operator_name(op));
        }
    }
}

static void test_operators_are_found_by_name(void **unused)
{
    enum operator found = OPERATOR__MAX;

    (void)unused;
    assert_false(operator_find("", &found));
    assert_false(operator_find("eq", &found));
    assert_false(operator_find("GTE", &found));
    assert_int_equal(found, OPERATOR__MAX);
    for (enum operator op = OPERATOR_NOT; op < OPERATOR__MAX; op++) {
        assert_true(operator_find(operator_name(op), &found));
        assert_int_equal(found, op);
    }
}

static void test_rows_are_described_by_their_types(void **unused)
{
    json_t *document = openapi_new(small, &state, "1.2.3");
    json_t *row = at(document, "components schemas Thing properties");

    (void)unused;
    assert_json(at(row, "id"), "{\"type\":\"string\",\"pattern\":\"" TYPE_ID_PATTERN
                               "\",\"description\":\"Id.\"}");
    assert_json(at(row, "words type"), "[\"string\",\"null\"]");
    assert_json(at(row, "colour enum"), "[\"red\",\"blue\",null]");
    assert_json(at(row, "size"), "{\"type\":\"integer\",\"description\":\"Size. Unit: metres.\"}");
    assert_json(at(row, "width type"), "\"number\"");
    assert_json(at(row, "day format"), "\"date\"");
    assert_json(at(row, "deaths oneOf"),
                "[{\"$ref\":\"#/components/schemas/Number\"},{\"type\":\"null\"}]");
    assert_json(at(row, "place oneOf 0"), "{\"$ref\":\"#/components/schemas/PlaceRef\"}");
    assert_json(at(row, "subject $ref"), "\"#/components/schemas/ThingRef\"");
    assert_json(at(row, "things items"), "{\"$ref\":\"#/components/schemas/Ref\"}");
    assert_json(at(row, "colours items enum"), "[\"red\",\"blue\"]");
    assert_null(json_object_get(row, "thing"));
    assert_json(at(document, "components schemas Thing required"), "[\"id\"]");
    assert_json(at(document, "components schemas Number properties qualifier enum"),
                "[\"more_than\",null]");
    assert_json(at(document, "info version"), "\"1.2.3\"");
    json_decref(document);
}

static void test_structures_are_described_by_their_members(void **unused)
{
    json_t *document = openapi_new(small, &state, "1");
    json_t *row = at(document, "components schemas Thing properties");

    (void)unused;
    assert_json(at(row, "list type"), "[\"array\",\"null\"]");
    assert_json(at(row, "list items type"), "\"object\"");
    assert_json(at(row, "list items required"), "[\"why\",\"deaths\"]");
    assert_json(at(row, "list items additionalProperties"), "false");
    assert_json(at(row, "list items properties why enum"), "[\"red\",\"blue\"]");
    assert_json(at(row, "list items properties deaths oneOf 1"), "{\"type\":\"null\"}");
    assert_json(at(row, "object type"), "\"object\"");
    assert_json(at(row, "object description"),
                "\"Object. Only there where explain= asks for it.\"");
    assert_json(at(row, "object properties rows items required"), "[\"why\",\"deaths\"]");
    json_decref(document);
}

static void test_parameters_follow_the_fields(void **unused)
{
    json_t *document = openapi_new(small, &state, "1");
    json_t *parameters = at(document, "components parameters");

    (void)unused;
    assert_json(at(parameters, "colour schema"),
                "{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"red\",\"blue\"]}}");
    assert_json(at(parameters, "colour explode"), "true");
    assert_json(at(parameters, "colour__in explode"), "false");
    assert_json(at(parameters, "deaths__gte schema"), "{\"type\":\"integer\"}");
    assert_json(at(parameters, "words__isnull schema"), "{\"type\":\"boolean\"}");
    assert_json(at(parameters, "id description"), "\"Id.\"");
    assert_json(at(parameters, "sort schema pattern"),
                "\"^-?(id|colour|start)(,-?(id|colour|start))*$\"");
    assert_json(at(parameters, "sort schema default"), "\"-start\"");
    assert_json(at(parameters, "include schema items enum"), "[\"things\"]");
    assert_json(at(parameters, "limit schema maximum"), "10000");
    assert_json(at(parameters, "resolve schema anyOf"),
                "[{\"enum\":[\"preferred\",\"latest\"]},{\"pattern\":\"^source:.+$\"}]");
    assert_null(json_object_get(parameters, "shown"));
    assert_null(json_object_get(parameters, "thing__isnull"));
    json_decref(document);
}

/* Without a dataset the closed lists are open, and nothing is an empty enum. */
static void test_without_codes_lists_stay_open(void **unused)
{
    json_t *document = openapi_new(small, NULL, "1");

    (void)unused;
    assert_null(
        json_object_get(at(document, "components schemas Thing properties colour"), "enum"));
    json_decref(document);
}

static bool has_param(json_t *document, const char *path, const char *name)
{
    json_t *list = at(document, path);
    json_t *ref;
    size_t i;

    json_array_foreach(list, i, ref)
    {
        const char *where = json_string_value(json_object_get(ref, "$ref"));
        json_t *param = ref; /* some stand where they are used */

        if (where != NULL)
            param = json_object_get(at(document, "components parameters"), strrchr(where, '/') + 1);

        if (strcmp(json_string_value(json_object_get(param, "name")), name) == 0)
            return true;
    }
    return false;
}

static void test_a_path_does_not_take_the_filter_it_sets(void **unused)
{
    json_t *document = openapi_new(small, &state, "1");

    (void)unused;
    assert_true(has_param(document, "paths /v1/things get parameters", "thing"));
    assert_true(has_param(document, "paths /v1/things/{id}/things get parameters", "colour"));
    assert_false(has_param(document, "paths /v1/things/{id}/things get parameters", "thing"));
    assert_false(has_param(document, "paths /v1/things/{id}/things get parameters", "thing__not"));
    assert_true(has_param(document, "paths /v1/things/{id} get parameters", "resolve"));
    assert_false(has_param(document, "paths /v1/things/{id} get parameters", "limit"));
    json_decref(document);
}

/* Walks the whole: references lead somewhere, and nothing of OpenAPI 3.0 is left. */
static void check_refs(json_t *document, json_t *node)
{
    const char *key;
    json_t *value;
    size_t i;

    json_array_foreach(node, i, value) check_refs(document, value);
    json_object_foreach(node, key, value)
    {
        if (strcmp(key, "$ref") == 0) {
            char path[256];

            assert_memory_equal(json_string_value(value), "#/", 2);
            snprintf(path, sizeof(path), "%s", json_string_value(value) + 2);
            for (char *slash = path; (slash = strchr(slash, '/')) != NULL;)
                *slash = ' ';
            at(document, path);
        }
        if (json_is_boolean(value)) /* a field may be called so */
            assert_string_not_equal(key, "nullable");
        check_refs(document, value);
    }
}

static void test_our_catalogue_makes_a_whole_document(void **unused)
{
    json_t *document = openapi_new(catalogue, &state, "1");
    json_t *ids = json_object();
    const char *path;
    json_t *item;

    (void)unused;
    check_refs(document, document);
    json_object_foreach(at(document, "paths"), path, item)
    {
        const char *id = json_string_value(at(item, "get operationId"));

        if (json_object_get(ids, id) != NULL)
            fail_msg("operationId %s stands twice", id);
        json_object_set_new(ids, id, json_true());
    }
    for (const struct resource *const *resource = catalogue; *resource != NULL; resource++) {
        char name[64];

        snprintf(name, sizeof(name), "/v1/%s", (*resource)->name);
        assert_non_null(json_object_get(at(document, "paths"), name));
        snprintf(name, sizeof(name), "/v1/%s/{id}", (*resource)->name);
        assert_int_equal(json_object_get(at(document, "paths"), name) == NULL,
                         (*resource)->is_list);
    }
    json_decref(ids);
    json_decref(document);
}

static void test_index_lists_the_catalogue(void **unused)
{
    json_t *index = index_new(catalogue, &state, "1.2.3");

    (void)unused;
    assert_json(at(index, "dataset"), "{\"release\":\"2020-01-01\",\"digest\":\"0123\"}");
    assert_json(at(index, "resources 0 href"), "\"/v1/missions\"");
    assert_json(at(index, "links openapi"), "\"/openapi.json\"");
    json_decref(index);
}

static void test_health_names_the_dataset_only_when_given(void **unused)
{
    json_t *health = health_new(NULL);
    json_t *ready = health_new(&state);

    (void)unused;
    assert_json(health, "{\"status\":\"ok\"}");
    assert_json(ready, "{\"status\":\"ok\",\"release\":\"2020-01-01\",\"digest\":\"0123\"}");
    json_decref(health);
    json_decref(ready);
}

/*
 * Tells whether two documents have the same parts. Texts are not compared: jansson 2.14's parser
 * drops a byte of a text when its buffer cannot grow, and says nothing.
 */
static bool has_same_parts(json_t *a, json_t *b)
{
    const char *key;
    json_t *value;
    size_t i;

    if (json_typeof(a) != json_typeof(b) || json_object_size(a) != json_object_size(b)
        || json_array_size(a) != json_array_size(b))
        return false;
    json_array_foreach(a, i, value)
    {
        if (!has_same_parts(value, json_array_get(b, i)))
            return false;
    }
    json_object_foreach(a, key, value)
    {
        if (json_object_get(b, key) == NULL || !has_same_parts(value, json_object_get(b, key)))
            return false;
    }
    return true;
}

static size_t n_left; /* allocations until the next one fails */

static void *scarce(size_t size)
{
    return n_left-- == 0 ? NULL : malloc(size);
}

/* Wherever memory runs out the document is NULL, never a part of it. ASan says whether all was
 * freed. */
static void test_without_memory_there_is_no_document(void **unused)
{
    json_t *whole = openapi_new(small, &state, "1");
    json_t *document = NULL;

    (void)unused;
    json_set_alloc_funcs(scarce, free);
    for (size_t n = 0; document == NULL; n++) {
        n_left = n;
        document = openapi_new(small, &state, "1");
        n_left = SIZE_MAX;
        if (document != NULL && !has_same_parts(document, whole))
            fail_msg("with %zu allocations a part of the document comes out", n);
    }
    json_decref(document);
    json_decref(whole);
    for (size_t n = 0, is_whole = 0; !is_whole; n++) {
        n_left = n;
        document = index_new(small, &state, "1");
        is_whole = document != NULL;
        n_left = SIZE_MAX;
        json_decref(document);
    }
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_type_takes_its_operators),
        cmocka_unit_test(test_operators_are_found_by_name),
        cmocka_unit_test(test_rows_are_described_by_their_types),
        cmocka_unit_test(test_structures_are_described_by_their_members),
        cmocka_unit_test(test_parameters_follow_the_fields),
        cmocka_unit_test(test_without_codes_lists_stay_open),
        cmocka_unit_test(test_a_path_does_not_take_the_filter_it_sets),
        cmocka_unit_test(test_our_catalogue_makes_a_whole_document),
        cmocka_unit_test(test_index_lists_the_catalogue),
        cmocka_unit_test(test_health_names_the_dataset_only_when_given),
        cmocka_unit_test(test_without_memory_there_is_no_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
