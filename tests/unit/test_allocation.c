/* Memory that runs out at every single allocation of a request: no crash, no leak, no half answer.
 *
 * The program is linked with --wrap for malloc, calloc, realloc and strdup; jansson and SQLite are
 * given the same counting functions. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "db/dataset.h"
#include "handlers/catalogue.h"
#include "server/serve.h"
#include "tests/unit/support.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

/* What is to fail. Only the main thread allocates in this program. */
static struct {
    bool is_on;
    bool is_for_good; /* every later one fails as well */
    size_t left;      /* allocations that are still granted */
    size_t n_failed;
} plan;

static bool fails(void)
{
    if (!plan.is_on)
        return false;
    if (plan.left > 0) {
        plan.left--;
        return false;
    }
    if (plan.n_failed > 0 && !plan.is_for_good)
        return false;
    plan.n_failed++;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

static sqlite3_mem_methods sqlite_own;

static void *sqlite_malloc(int size)
{
    return fails() ? NULL : sqlite_own.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
    return fails() ? NULL : sqlite_own.xRealloc(old, size);
}

static int set_up(void **state)
{
    sqlite3_mem_methods counted;

    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_own), SQLITE_OK);
    counted = sqlite_own;
    counted.xMalloc = sqlite_malloc;
    counted.xRealloc = sqlite_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &counted), SQLITE_OK);
    json_set_alloc_funcs(__wrap_malloc, free);
    return world_open(state);
}

/* Asks with the plan in force. */
static void ask(const struct world *world, const char *target, struct reply *ret)
{
    plan.is_on = true;
    world_ask(world, "GET", target, ret);
    plan.is_on = false;
}

static size_t first_difference(const struct reply *a, const struct reply *b)
{
    size_t i = 0;

    while (a->body != NULL && i < a->len && i < b->len && a->body[i] == b->body[i])
        i++;
    return i;
}

/* A reply may fail, but one that says it did not is the whole one. */
static void assert_sound(const struct reply *reply, const struct reply *whole, const char *target,
                         size_t n)
{
    if (reply->is_short) {
        if (reply->status != 503 || reply->body != NULL || reply->n_headers > 0)
            fail_msg("%s: the reply without allocation %zu is not to be sent, and holds something",
                     target, n);
        return;
    }
    if (reply->status == whole->status) {
        if (reply->n_headers != whole->n_headers)
            fail_msg("%s: the reply without allocation %zu has %zu headers and not %zu", target, n,
                     reply->n_headers, whole->n_headers);
        if (whole->status < 300
            && (reply->body == NULL || reply->len != whole->len
                || memcmp(reply->body, whole->body, whole->len) != 0))
            fail_msg(
                "%s: the reply without allocation %zu is %d and not whole, from byte %zu on: %.*s",
                target, n, reply->status, first_difference(reply, whole), 300,
                reply->body != NULL ? reply->body + first_difference(reply, whole) : "");
    } else if (reply->status != 500 && reply->status != 503) {
        fail_msg("%s: the reply without allocation %zu is %d and not %d", target, n, reply->status,
                 whole->status);
    }
    if (reply->body != NULL && (reply->len == 0 || reply->body[reply->len - 1] != '\n'))
        fail_msg("%s: the reply without allocation %zu does not end in a newline", target, n);
    /* What is no JSON was compared above; failures always are. */
    if (reply->body != NULL && strstr(reply->content_type, "json") != NULL) {
        json_t *document = json_loadb(reply->body, reply->len, 0, NULL);

        if (document == NULL)
            fail_msg("%s: the reply without allocation %zu is %d and no JSON: %.*s", target, n,
                     reply->status, (int)reply->len, reply->body);
        json_decref(document);
    }
    if (reply->body == NULL && reply->content_type != NULL)
        fail_msg("%s: the reply without allocation %zu has a type and no body", target, n);
}

/* Fails each allocation of a request in turn, until it needs none that is left to fail. */
static void assert_survives(const struct world *world, const char *target, size_t stride,
                            bool is_cold, bool is_for_good)
{
    struct reply whole, reply;
    size_t n = 0;

    world_ask(world, "GET", target, &whole);
    assert_in_range(whole.status, 200, 499);
    for (;; n += stride) {
        if (is_cold)
            dataset_leave(world->dataset);
        plan.left = n;
        plan.n_failed = 0;
        plan.is_for_good = is_for_good;
        ask(world, target, &reply);
        assert_sound(&reply, &whole, target, n);
        if (plan.n_failed == 0)
            break;
        reply_done(&reply);
        assert_true(n < 2000000);
    }
    assert_int_equal(reply.status, whole.status);
    assert_true(n > 0);
    reply_done(&reply);
    reply_done(&whole);
    /* The connection is as good as before. */
    json_decref(world_get(world, 200, "/v1/missions"));
}

static const char *const targets[] = {
    "/v1/missions?limit=2&sort=-start&category=pko",
    "/v1/missions/unfix?include=sources,places",
    "/v1/missions/UNFIX",
    "/v1/missions/unfixx",
    "/v1/missions?categry=pko",
    "/v1/casualties?mission=nothing",
    "/v1/facts?resolve=source:roll-2020&limit=1",
    "/v1/missions/unfix/casualties?deaths__gte=1&include=missions&limit=2",
    "/v1/places?limit=1&pretty=1",
    "/v1/casualties/stats?group_by=mission,year(date)&sort=-best&limit=1&explain=1",
    "/v1/casualties/stats?series=roll,roll-total",
    "/v1/casualties/unfix-2019-military-illness?history=true&include=missions",
    "/v1/meta/codes/cause?limit=1",
    "/v1/actors/unfix/network?depth=2",
    "/v1/graph/path?from=niger-army&to=blue-lantern&dated=1",
    "/v1/graph.graphml",
    "/v1/graph.dot?focus=ministry",
    "/v1/casualties/stats?group_by=year(date)&fill=zero&resolve=source:roll-2020",
    "/v1/",
    "/healthz",
    "/readyz",
    "/v1",
};

static void a_request_survives_any_one_allocation_that_fails(void **state)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
        assert_survives(*state, targets[i], 1, false, false);
}

static void a_request_survives_memory_that_is_gone_for_good(void **state)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
        assert_survives(*state, targets[i], 1, false, true);
}

static void a_request_on_a_new_connection_survives_too(void **state)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        if (strcmp(targets[i], "/healthz") == 0 || strcmp(targets[i], "/v1") == 0)
            continue; /* neither needs a connection */
        /* Most of what a new connection allocates is the schema, for every target alike. */
        assert_survives(*state, targets[i], 61, true, false);
        assert_survives(*state, targets[i], 83, true, true);
    }
}

static void changes_and_the_codebook_survive_too(void **state)
{
    assert_survives(*state, "/v1/changes?since=2020&collection=missions&limit=2", 61, false, false);
    assert_survives(*state, "/v1/changes?since=2020&limit=2", 67, false, true);
    assert_survives(*state, "/v1/meta/codes?limit=1", 31, false, false);
    assert_survives(*state, "/v1/meta/fields?limit=1", 37, false, true);
}

static void odata_survives_too(void **state)
{
    static const char *const asked[] = {
        "/odata/casualties?$top=2&$count=true&$select=id,mission_name,perpetrators",
        "/odata/missions?$filter=contains(sources,'a')%20or%20name%20eq%20'x'&$orderby=name",
        "/odata/missions('unfix')",
        "/odata/missions('UNFIX')",
        "/odata/missions/$count?$filter=end%20eq%20null",
        "/odata/missions?$filter=nam%20eq%201",
        "/odata/",
    };

    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        assert_survives(*state, asked[i], 1, false, false);
        assert_survives(*state, asked[i], 1, false, true);
        assert_survives(*state, asked[i], 67, true, false);
    }
}

static void searches_survive_too(void **state)
{
    assert_survives(*state, "/v1/search?q=niger+-raid&limit=2", 7, false, false);
    assert_survives(*state, "/v1/search?q=un&suggest=1&limit=2", 11, false, true);
    assert_survives(*state, "/v1/missions?q=niger", 7, false, false);
    assert_survives(*state, "/v1/meta/definitions?q=people", 11, false, true);
}

static void the_api_document_survives_too(void **state)
{
    assert_survives(*state, "/openapi.json", 3001, false, false);
    assert_survives(*state, "/openapi.json", 9973, false, true);
}

static void a_dataset_is_published_whole_or_not_at_all(void **state)
{
    const struct world *world = *state;
    size_t n = 0;

    /* Behind the first come some thousand copies of codes, all alike: some of them stand for all.
     */
    for (;; n += n < 100 ? 1 : 61) {
        struct dataset *dataset;
        struct error err = { 0 };
        bool is_published;

        plan.left = n;
        plan.n_failed = 0;
        plan.is_for_good = false;
        plan.is_on = true;
        dataset = dataset_new();
        is_published = dataset != NULL && dataset_publish(dataset, world->file, &err);
        plan.is_on = false;
        if (is_published) {
            struct world other = *world;

            other.dataset = other.service.dataset = dataset;
            json_decref(world_get(&other, 200, "/v1/missions?category=pko"));
        } else if (dataset != NULL) {
            assert_int_not_equal(err.code, ERR_NONE);
        }
        dataset_free(dataset);
        if (plan.n_failed == 0)
            break;
    }
    assert_true(n > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_survives_any_one_allocation_that_fails),
        cmocka_unit_test(a_request_survives_memory_that_is_gone_for_good),
        cmocka_unit_test(a_request_on_a_new_connection_survives_too),
        cmocka_unit_test(changes_and_the_codebook_survive_too),
        cmocka_unit_test(searches_survive_too),
        cmocka_unit_test(odata_survives_too),
        cmocka_unit_test(the_api_document_survives_too),
        cmocka_unit_test(a_dataset_is_published_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, set_up, world_close);
}
