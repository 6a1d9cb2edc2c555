/* Path -> what is asked for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/catalogue.h"
#include "server/route.h"
#include "server/target.h"

static bool find(const char *raw, struct route *ret, struct error *err)
{
    static struct target target; /* the route borrows its text */

    if (!target_parse(raw, &target, err))
        return false;
    return route_find(catalogue, &target, ret, err);
}

static void assert_route(const char *raw, const char *right)
{
    struct error err = { 0 };
    struct route route;
    char template[96] = "";

    if (!find(raw, &route, &err))
        fail_msg("%s: %s", raw, err.detail);
    route_template(&route, template, sizeof(template));
    assert_string_equal(template, right);
}

static void assert_unknown(const char *raw, const char *meant)
{
    struct error err = { 0 };
    struct route route;

    if (find(raw, &route, &err))
        fail_msg("%s leads somewhere", raw);
    assert_int_equal(err.code, ERR_PATH_UNKNOWN);
    assert_string_equal(err.location, "");
    assert_string_equal(err.did_you_mean, meant);
}

static void assert_moved(const char *raw, const char *location)
{
    struct error err = { 0 };
    struct route route;

    assert_false(find(raw, &route, &err));
    assert_int_equal(err.code, ERR_PATH_UNKNOWN);
    assert_string_equal(err.location, location);
}

static void documents_are_found(void **state)
{
    (void)state;
    assert_route("/", "/v1/");
    assert_route("/v1/", "/v1/");
    assert_route("/openapi.json", "/openapi.json");
    assert_route("/healthz", "/healthz");
    assert_route("/readyz?pretty=1", "/readyz");
    assert_route("/metrics", "/metrics");
}

static void every_collection_has_a_path_and_its_items_too(void **state)
{
    (void)state;
    for (size_t i = 0; catalogue[i] != NULL; i++) {
        char raw[128], right[128];

        snprintf(raw, sizeof(raw), "/v1/%s", catalogue[i]->name);
        assert_route(raw, raw);
        snprintf(raw, sizeof(raw), "/v1/%s/some-id", catalogue[i]->name);
        if (catalogue[i]->is_list) {
            struct error err = { 0 };
            struct route route;

            assert_false(find(raw, &route, &err));
            assert_int_equal(err.code, ERR_PATH_UNKNOWN);
            continue;
        }
        snprintf(right, sizeof(right), "/v1/%s/{id}", catalogue[i]->name);
        assert_route(raw, right);
    }
}

static void every_child_leads_to_its_collection_and_filter(void **state)
{
    (void)state;
    for (size_t i = 0; catalogue[i] != NULL; i++) {
        const struct child *child = catalogue[i]->children;

        for (; child != NULL && child->name != NULL; child++) {
            struct error err = { 0 };
            struct route route;
            char raw[128];

            snprintf(raw, sizeof(raw), "/v1/%s/some-id/%s", catalogue[i]->name, child->name);
            assert_true(find(raw, &route, &err));
            assert_ptr_equal(route.parent, catalogue[i]);
            assert_string_equal(route.resource->name, child->name);
            assert_string_equal(route.id, "some-id");
            assert_int_equal(route.kind, child->report != NULL ? ROUTE_GRAPH : ROUTE_CHILD);
            if (child->report != NULL)
                assert_string_equal(route.param, child->filter);
            else
                assert_string_equal(route.filter->name, child->filter);
        }
    }
}

static void an_id_is_as_it_was_written(void **state)
{
    struct error err = { 0 };
    struct route route;

    (void)state;
    assert_true(find("/v1/missions/Tïn%2Fa%20b", &route, &err));
    assert_string_equal(route.id, "Tïn/a b");
}

static void unknown_paths_are_answered_with_what_was_meant(void **state)
{
    (void)state;
    assert_unknown("/v1/mision", "missions");
    assert_unknown("/v1/casualty", "casualties");
    assert_unknown("/v1/claim", "claims");
    assert_unknown("/v1/missions/unfix/fact", "facts");
    assert_unknown("/v1/missions/unfix/claims", "");
    assert_unknown("/v1/facts/a/claims", "");
    assert_unknown("/v1/missions/unfix/facts/a", "");
    assert_unknown("/v1/missions/unfix/facts/a/b", "");
    assert_unknown("/openapi.jsn", "openapi.json");
    assert_unknown("/health", "healthz");
    assert_unknown("/missions", "");
    assert_unknown("/v2/missions", "");
    assert_unknown("/V1/missions", "");
    assert_unknown("/v1/Missions", "missions");
    assert_unknown("/healthz/more", "");
}

static void an_unknown_path_lists_what_there_is(void **state)
{
    struct error err = { 0 };
    struct route route;

    (void)state;
    assert_false(find("/v1/nothing", &route, &err));
    for (size_t i = 0; catalogue[i] != NULL; i++)
        assert_non_null(strstr(err.allowed, catalogue[i]->name));
}

static void a_slash_too_many_moves_to_the_right_path_with_its_query(void **state)
{
    (void)state;
    assert_moved("/v1/missions/", "/v1/missions");
    assert_moved("/v1/missions/?category=pko", "/v1/missions?category=pko");
    assert_moved("/v1/missions/unfix/", "/v1/missions/unfix");
    assert_moved("/v1/missions/unfix/facts/?a=%2F", "/v1/missions/unfix/facts?a=%2F");
    assert_moved("/v1/missions/%2F%2Fevil.example/", "/v1/missions/%2F%2Fevil.example");
    assert_moved("/healthz/", "/healthz");
    assert_moved("/v1", "/v1/");
    assert_moved("/v1?pretty=1", "/v1/?pretty=1");
}

static void a_slash_too_many_on_an_unknown_path_is_still_unknown(void **state)
{
    (void)state;
    assert_unknown("/v1/nothing/", "");
    assert_unknown("/nothing/", "");
}

static void a_path_too_long_to_move_is_unknown(void **state)
{
    char raw[1024] = "/v1/missions/";
    size_t len = strlen(raw);

    (void)state;
    memset(raw + len, 'a', 600);
    strcpy(raw + len + 600, "/");
    assert_unknown(raw, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_found),
        cmocka_unit_test(every_collection_has_a_path_and_its_items_too),
        cmocka_unit_test(every_child_leads_to_its_collection_and_filter),
        cmocka_unit_test(an_id_is_as_it_was_written),
        cmocka_unit_test(unknown_paths_are_answered_with_what_was_meant),
        cmocka_unit_test(an_unknown_path_lists_what_there_is),
        cmocka_unit_test(a_slash_too_many_moves_to_the_right_path_with_its_query),
        cmocka_unit_test(a_slash_too_many_on_an_unknown_path_is_still_unknown),
        cmocka_unit_test(a_path_too_long_to_move_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
