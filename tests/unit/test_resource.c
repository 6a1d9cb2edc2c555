/* The vocabulary in which resources are declared. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/resource.h"
#include "handlers/catalogue.h"

static const struct field fields[] = {
    { .name = "id", .type = FIELD_ID },
    { .name = "home", .type = FIELD_REF, .resource = "places" },
    { .name = "grave", .type = FIELD_REF, .resource = "places" },
    { .name = "friend", .type = FIELD_REF, .flags = FIELD_HIDDEN, .resource = "actors" },
    { .name = "series", .type = FIELD_REF },
    { .name = "sources", .type = FIELD_REFS, .resource = "sources" },
    { 0 },
};

static const struct resource lives = { .name = "lives", .fields = fields };

static void a_field_is_found_by_its_whole_name(void **state)
{
    (void)state;
    assert_ptr_equal(resource_field(&lives, "home"), &fields[1]);
    assert_null(resource_field(&lives, "hom"));
    assert_null(resource_field(&lives, "homes"));
    assert_null(resource_field(&lives, "Home"));
    assert_null(resource_field(&lives, ""));
}

static void a_resource_is_found_by_its_whole_name(void **state)
{
    (void)state;
    assert_ptr_equal(resource_find(catalogue, "missions"), &missions);
    assert_null(resource_find(catalogue, "mission"));
    assert_null(resource_find(catalogue, ""));
}

static void each_collection_is_included_once_and_hidden_fields_lead_to_none(void **state)
{
    (void)state;
    assert_string_equal(resource_include(&lives, 0), "places");
    assert_string_equal(resource_include(&lives, 1), "sources");
    assert_null(resource_include(&lives, 2));
    assert_null(resource_include(&lives, 100));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_is_found_by_its_whole_name),
        cmocka_unit_test(a_resource_is_found_by_its_whole_name),
        cmocka_unit_test(each_collection_is_included_once_and_hidden_fields_lead_to_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
