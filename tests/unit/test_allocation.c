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
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <sqlite3.h>

#include "db/build.h"
#include "db/check.h"
#include "db/dataset.h"
#include "db/import/import.h"
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

/* What is to fail: of the main thread alone. */
static _Thread_local bool is_main;
static struct {
    bool is_on;
    bool is_for_good; /* every later one fails as well */
    size_t left;      /* allocations that are still granted */
    size_t n_failed;
} plan;

static bool fails(void)
{
    if (!plan.is_on || !is_main)
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

    is_main = true;
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
    "/v1/missions.csv?limit=2",
    "/v1/export/missions.csv",
    "/v1/casualties/stats.csv?group_by=mission",
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

/* ---- the command line ---- */

/* Something that is done whole, or not at all with a reason. */
struct attempt {
    const struct world *world;
    bool (*run)(const struct attempt *attempt, struct error *err);
    /* Puts things as they are before the first attempt; NULL: nothing has to be. */
    void (*begin)(const struct attempt *attempt);
    /* Asserts that all of it is done; has memory. */
    void (*judge)(const struct attempt *attempt);
    const char *kind;                  /* of an import */
    char file[WORLD_PATH];             /* what is made or read */
    char input[WORLD_PATH], first[65]; /* of an import; the digest of what came of the first time */
};

/* Most allocations of such a thing are alike: the further they are, the fewer are tried. */
static void assert_whole_or_not(struct attempt *attempt)
{
    size_t n_left = 0;

    for (int is_for_good = 0; is_for_good <= 1; is_for_good++) {
        for (size_t n = 0;; n += 1 + n / (is_for_good ? 2 : 5)) {
            struct error err = { 0 };
            bool is_done;

            if (attempt->begin != NULL)
                attempt->begin(attempt);
            plan.left = n;
            plan.n_failed = 0;
            plan.is_for_good = is_for_good != 0;
            plan.is_on = true;
            is_done = attempt->run(attempt, &err);
            plan.is_on = false;
            if (is_done)
                attempt->judge(attempt);
            else if (err.code == ERR_NONE || err.detail[0] == '\0')
                fail_msg("allocation %zu: it failed without a reason", n);
            if (plan.n_failed == 0)
                break;
            n_left++;
        }
    }
    assert_true(n_left > 20);
}

static bool run_build(const struct attempt *attempt, struct error *err)
{
    struct build_summary summary;

    return build_dataset("tests/fixture", attempt->file, NULL, &summary, err);
}

static void assert_good(const struct attempt *attempt)
{
    struct check_summary summary;
    struct error err = { 0 };

    if (!check_dataset(attempt->file, stderr, &summary, &err))
        fail_msg("%s", err.detail);
}

static void a_build_is_whole_or_fails_with_a_reason(void **state)
{
    struct attempt attempt = { .world = *state, .run = run_build, .judge = assert_good };

    world_path(*state, "built.db", attempt.file);
    assert_whole_or_not(&attempt);
}

static bool run_check(const struct attempt *attempt, struct error *err)
{
    struct check_summary summary;

    return check_dataset(attempt->file, NULL, &summary, err);
}

static void nothing(const struct attempt *attempt)
{
    (void)attempt;
}

static void a_check_finds_a_good_dataset_good_or_fails_with_a_reason(void **state)
{
    struct attempt attempt = { .world = *state, .run = run_check, .judge = nothing };

    snprintf(attempt.file, sizeof(attempt.file), "%s", attempt.world->file);
    assert_whole_or_not(&attempt);
}

/* The name that an import is made into, anew each time. */
static void copy_base(const struct attempt *attempt)
{
    char copy[WORLD_PATH], base[WORLD_PATH];

    world_path(attempt->world, "base.db", base);
    world_path(attempt->world, "copy.db", copy);
    unlink(copy);
    assert_int_equal(link(base, copy), 0); /* an import replaces the name, and never writes to it */
}

static bool run_import(const struct attempt *attempt, struct error *err)
{
    const char *const files[] = { attempt->input };
    char copy[WORLD_PATH], report[WORLD_PATH];
    const struct import_options options = {
        .kind = attempt->kind,
        .files = files,
        .n_files = 1,
        .dataset = copy,
        .known_from = "2025-06-13",
        .report = report,
    };
    struct import_summary summary = { 0 };

    world_path(attempt->world, "copy.db", copy);
    world_path(attempt->world, "report.csv", report);
    return import_run(&options, &summary, err);
}

static const struct {
    const char *kind, *suffix, *text;
} imports[] = {
    { "un-missions", "csv",
      "id,mission_acronym,mission_name,lead_department,mission_isactive,start_date,end_date,"
      "mission_location,mission_longitude,mission_latitude,last_update\n"
      "1,UNGOOD,Good,DPO,No,2000-01-02,2001-02-03,,,,2024-02-19\n"
      "2,UNTEST,Test,DPO,Perhaps,2000-01-02,2001-02-03,Somewhere ,,,2024-02-19\n" },
    { "un-fatalities", "csv",
      "id,incident_date,casualty_id,mission_acronym,type_of_casualty,gender,casualty_nationality,"
      "casualty_personnel_type,type_of_incident,m49_code,isocode3,last_update\n"
      "1,2014-03-01,MINUSMA-2014-03-00001,MINUSMA,Fatality,M,Chad,Military,Illness,148.0,TCD,"
      "2025-04-04\n"
      "1,2014-03-02,UNNEW-2014-03-00002,UNNEW,Fatality,F,\"Nowhere, at all\",Military,Accident,,,"
      "2025-04-04\n"
      "1,yesterday,MINUSMA-2014-03-00003,MINUSMA,Fatality,M,Chad,Military,Illness,148.0,TCD,"
      "2025-04-04\n" },
    { "ucdp-ged", "csv",
      "id,country,type_of_violence,date_start,date_end,low,best,high,latitude,longitude,"
      "where_coordinates,dyad_name\n"
      "7,Mali,1,2013-01-10,2013-01-12,1,2,3,14.94,-3.84,Konna town,Government of Mali - Ansar "
      "Dine\n"
      "8,Mali,1,2013-01-10,2013-01-10,x,2,3,14.94,-3.84,Konna town,Government of Mali - Ansar "
      "Dine\n" },
    { "ucdp-actors", "csv",
      "ActorId,NameData,NameOrig,NameOrigFull,NameOrigFullEng,NewName,NewNameFullMotherTongue,"
      "NewNameFullEng,Org,ActorIdPrev,ActorIdSplitTemp,ActorIdAlliance,ActorIdGroup,NamePrev,"
      "DyadId,"
      "NSID,OSCoalitionID,NSCoalitionID,Location,Version\n"
      "9001,Band of Tests,Bande,,,New Band,,,1,,,,,,,,,,Mali,22.1\n"
      "9002,Second Band,,,,,,,1,9001,,,,,,,,,\"Mali, Niger\",22.1\n"
      "9003,Band without a kind,,,,,,,99,,,,,,,,,,Mali,22.1\n" },
    { "strength", "csv",
      "Date,Mission,Troops,Police,Observers,Total\n2005-05-31,ONUCI,1,2,3,6\n"
      "2005-06-30,UNOCI,1,2,3,6\n2005-06-30,ONUCI,1,2,3,6\n" },
    { "claims", "json",
      "[{\"id\":\"mine-1\",\"subject_kind\":\"place\",\"subject\":\"mli\",\"predicate\":\"deaths\","
      "\"fact_name\":\"Deaths\",\"low\":1001,\"qualifier\":\"more_than\",\"text\":\"more than "
      "1,000\","
      "\"unit\":\"person\",\"start\":\"2013-04-25\",\"reported_by\":\"my-book\",\"source_title\":"
      "\"A book\","
      "\"source_publisher\":\"A "
      "press\",\"source_kind\":\"reference\",\"source_published\":\"2024-05-06\"},"
      "{\"id\":\"mine-2\",\"subject_kind\":\"place\",\"subject\":\"nowhere\",\"predicate\":"
      "\"deaths\","
      "\"fact_name\":\"Deaths\",\"low\":1001,\"qualifier\":\"more_than\",\"text\":\"more than "
      "1,000\","
      "\"unit\":\"person\",\"start\":\"2013-04-25\",\"reported_by\":\"my-book\",\"source_title\":"
      "\"A book\","
      "\"source_publisher\":\"A "
      "press\",\"source_kind\":\"reference\",\"source_published\":\"2024-05-06\"}]" },
};

/* The datasets of two attempts are one and the same where both say that they succeeded. */
static void assert_same_import(const struct attempt *attempt)
{
    struct attempt *own = (struct attempt *)(uintptr_t)attempt;
    struct check_summary summary;
    struct error err = { 0 };
    char copy[WORLD_PATH];

    world_path(attempt->world, "copy.db", copy);
    if (!check_dataset(copy, stderr, &summary, &err))
        fail_msg("%s: %s", attempt->kind, err.detail);
    if (own->first[0] == '\0')
        snprintf(own->first, sizeof(own->first), "%s", summary.digest);
    assert_string_equal(summary.digest, own->first);
}

static void an_import_is_whole_or_fails_with_a_reason_and_leaves_the_old_dataset(void **state)
{
    static const char base_text[] =
        "Date,Mission,Troops,Police,Observers,Total\n2005-05-31,ONUCI,1,2,3,6\n";
    struct attempt attempt = { .world = *state };
    char base[WORLD_PATH];

    world_path(*state, "base.db", base);
    world_path(*state, "base.csv", attempt.input);
    write_file(attempt.input, base_text, sizeof(base_text) - 1);
    {
        const char *const files[] = { attempt.input };
        const struct import_options options = {
            .kind = "strength",
            .files = files,
            .n_files = 1,
            .dataset = base,
            .known_from = "2017-05-01",
        };
        struct import_summary summary = { 0 };
        struct error err = { 0 };

        if (!import_run(&options, &summary, &err))
            fail_msg("%s", err.detail);
    }
    for (size_t i = 0; i < sizeof(imports) / sizeof(*imports); i++) {
        struct error err = { 0 };
        char name[32];

        attempt = (struct attempt){ .world = *state,
                                    .run = run_import,
                                    .begin = copy_base,
                                    .judge = assert_same_import,
                                    .kind = imports[i].kind };
        snprintf(name, sizeof(name), "input.%s", imports[i].suffix);
        world_path(*state, name, attempt.input);
        write_file(attempt.input, imports[i].text, strlen(imports[i].text));
        copy_base(&attempt);
        if (!run_import(&attempt, &err)) /* what is to come of it */
            fail_msg("%s: %s", attempt.kind, err.detail);
        assert_same_import(&attempt);
        assert_whole_or_not(&attempt);
    }
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
        cmocka_unit_test(a_build_is_whole_or_fails_with_a_reason),
        cmocka_unit_test(a_check_finds_a_good_dataset_good_or_fails_with_a_reason),
        cmocka_unit_test(an_import_is_whole_or_fails_with_a_reason_and_leaves_the_old_dataset),
    };

    return cmocka_run_group_tests(tests, set_up, world_close);
}
