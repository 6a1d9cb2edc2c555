/* Parameters -> struct query. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "db/query.h"
#include "handlers/catalogue.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/query.h"
#include "server/route.h"
#include "server/target.h"
#include "tests/unit/support.h"

/* One reading, which stays until the next. */
static struct target target;
static struct route route;
static struct query query;
static struct error err;

static bool parse(const struct world *world, const char *raw)
{
    struct conn *conn = world_conn(world);

    err = (struct error){ 0 };
    memset(&query, 0x55, sizeof(query)); /* whatever was in it before does not matter */
    return target_parse(raw, &target, &err) && route_find(catalogue, &target, &route, &err)
           && query_parse(catalogue, conn_state(conn), &target, &route, &query, &err)
           && query_resolve(conn, &query, &err);
}

static void assert_taken(const struct world *world, const char *raw)
{
    if (!parse(world, raw))
        fail_msg("%s: %s", raw, err.detail);
}

static void assert_refused(const struct world *world, const char *raw, enum error_code code,
                           const char *param, const char *meant)
{
    if (parse(world, raw))
        fail_msg("%s is taken", raw);
    if (err.code != code || strcmp(err.param, param) != 0 || strcmp(err.did_you_mean, meant) != 0)
        fail_msg("%s: code %d, param '%s', did_you_mean '%s': %s", raw, err.code, err.param,
                 err.did_you_mean, err.detail);
    if (strlen(err.detail) < 10 || err.detail[strlen(err.detail) - 1] != '.')
        fail_msg("%s: '%s' is no sentence", raw, err.detail);
}

static void assert_invalid(const struct world *world, const char *raw, const char *param)
{
    assert_refused(world, raw, ERR_PARAM_INVALID, param, "");
}

static void nothing_said_means_the_defaults(void **state)
{
    assert_taken(*state, "/v1/missions");
    assert_ptr_equal(query.resource, &missions);
    assert_int_equal(query.limit, 100);
    assert_int_equal(query.offset, 0);
    assert_true(query.is_counted);
    assert_false(query.is_pretty);
    assert_false(query.is_definite);
    assert_false(query.has_world);
    assert_false(query.keyset.is_set);
    assert_string_equal(query.as_of, "");
    assert_int_equal(query.n_terms, 0);
    assert_int_equal(query.n_includes, 0);
    assert_int_equal(query.n_sorts, 1);
    assert_string_equal(query.sorts[0].field->name, "id");
    assert_string_equal(query.fields[0]->name, "id");
    for (size_t i = 0; i < query.n_fields; i++)
        assert_int_equal(query.fields[i]->flags & FIELD_HIDDEN, 0);
}

static void an_item_has_a_key_and_no_order(void **state)
{
    assert_taken(*state, "/v1/missions/unfix?fields=sources&pretty=1&as_of=2020&include=sources");
    assert_string_equal(query.key, "unfix");
    assert_int_equal(query.n_sorts, 0);
    assert_int_equal(query.n_fields, 2);
    assert_true(query.is_pretty);
    assert_string_equal(query.as_of, "2020-12-31");
    assert_int_equal(query.n_includes, 1);
}

static void an_item_takes_no_parameter_of_a_list(void **state)
{
    static const char *const names[] = { "limit",  "offset", "cursor", "sort",      "count",
                                         "at",     "during", "from",   "certainty", "to",
                                         "status", "id",     "name" };
    char raw[64];

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        snprintf(raw, sizeof(raw), "/v1/missions/unfix?%s=1", names[i]);
        assert_false(parse(*state, raw));
        assert_int_equal(err.code, ERR_PARAM_UNKNOWN);
        assert_string_equal(err.param, names[i]);
    }
}

static void limits_are_whole_numbers_in_their_range(void **state)
{
    static const char *const wrong[] = {
        "limit=0",     "limit=-1",  "limit=1e9",  "limit=",
        "limit=10001", "limit=1.5", "limit=ten",  "limit=%2B5",
        "limit= 5",    "limit=5 ",  "limit=0x10", "limit=99999999999999999999",
        "limit=-",     "limit",     "limit=1,2",
    };
    static const char *const wrong_offsets[] = { "-1", "100001", "", "x", "4294967296" };
    char raw[96];

    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        snprintf(raw, sizeof(raw), "/v1/missions?%s", wrong[i]);
        assert_invalid(*state, raw, "limit");
    }
    for (size_t i = 0; i < sizeof(wrong_offsets) / sizeof(*wrong_offsets); i++) {
        snprintf(raw, sizeof(raw), "/v1/missions?offset=%s", wrong_offsets[i]);
        assert_invalid(*state, raw, "offset");
    }
    assert_taken(*state, "/v1/missions?limit=1&offset=0");
    assert_int_equal(query.limit, 1);
    assert_taken(*state, "/v1/missions?limit=10000&offset=100000");
    assert_int_equal(query.limit, 10000);
    assert_int_equal(query.offset, 100000);
}

static void an_offset_and_a_cursor_exclude_each_other(void **state)
{
    assert_invalid(*state, "/v1/missions?offset=1&cursor=abc", "offset");
    assert_invalid(*state, "/v1/missions?cursor=abc&offset=1", "offset");
}

static void a_single_parameter_may_not_stand_twice(void **state)
{
    char raw[96];

    for (size_t i = 0; query_reserved(i) != NULL; i++) {
        static const char *const values[][2] = {
            { "sort", "id" },
            { "fields", "id" },
            { "include", "sources" },
            { "limit", "1" },
            { "offset", "1" },
            { "count", "none" },
            { "pretty", "1" },
            { "at", "2020" },
            { "during", "2020" },
            { "from", "2020" },
            { "to", "2020" },
            { "as_of", "2020" },
            { "certainty", "definite" },
        };
        const char *name = query_reserved(i);

        for (size_t j = 0; j < sizeof(values) / sizeof(*values); j++) {
            if (strcmp(values[j][0], name) != 0)
                continue;
            snprintf(raw, sizeof(raw), "/v1/missions?%s=%s&%s=%s", name, values[j][1], name,
                     values[j][1]);
            assert_refused(*state, raw, ERR_PARAM_REPEATED, name, "");
        }
    }
    assert_refused(*state, "/v1/facts?resolve=min&resolve=max", ERR_PARAM_REPEATED, "resolve", "");
    assert_refused(*state, "/v1/missions?end__isnull=true&end__isnull=true", ERR_PARAM_REPEATED,
                   "end__isnull", "");
}

static void unknown_parameters_are_named_with_what_was_meant(void **state)
{
    assert_refused(*state, "/v1/missions?categry=pko", ERR_PARAM_UNKNOWN, "categry", "category");
    assert_refused(*state, "/v1/missions?limt=5", ERR_PARAM_UNKNOWN, "limt", "limit");
    assert_refused(*state, "/v1/missions?Limit=5", ERR_PARAM_UNKNOWN, "Limit", "limit");
    assert_refused(*state, "/v1/facts?resolv=min", ERR_PARAM_UNKNOWN, "resolv", "resolve");
    assert_refused(*state, "/v1/missions?resolve=min", ERR_PARAM_UNKNOWN, "resolve", "");
    assert_refused(*state, "/v1/missions?weather=wet", ERR_PARAM_UNKNOWN, "weather", "");
    assert_refused(*state, "/v1/missions?=x", ERR_PARAM_UNKNOWN, "", "q");
    assert_refused(*state, "/v1/missions?__gte=x", ERR_PARAM_UNKNOWN, "__gte", "");
    assert_refused(*state, "/v1/missions?utm=x", ERR_PARAM_UNKNOWN, "utm", "");
}

static void world_time_is_only_taken_where_there_is_one(void **state)
{
    assert_refused(*state, "/v1/sources?during=2020", ERR_PARAM_UNKNOWN, "during", "");
    assert_refused(*state, "/v1/places?from=2020", ERR_PARAM_UNKNOWN, "from", "");
    assert_taken(*state, "/v1/events?during=2020");
}

static void unknown_operators_are_named_with_the_right_ones(void **state)
{
    assert_refused(*state, "/v1/missions?start__gt3=2020", ERR_PARAM_UNKNOWN, "start__gt3",
                   "start__gt");
    assert_non_null(strstr(err.allowed, "start__gte"));
    assert_null(strstr(err.allowed, "start__in\n"));
    assert_refused(*state, "/v1/missions?category__gte=pko", ERR_PARAM_UNKNOWN, "category__gte",
                   "category__not");
    assert_refused(*state, "/v1/missions?category__=pko", ERR_PARAM_UNKNOWN, "category__",
                   "category");
    assert_refused(*state, "/v1/missions?category__not__not=pko", ERR_PARAM_UNKNOWN,
                   "category__not__not", "category__notin");
    assert_false(parse(*state, "/v1/missions?version=1"));
    assert_int_equal(err.code, ERR_PARAM_UNKNOWN);
    assert_string_equal(err.param, "version");
}

static void unknown_sort_keys_fields_and_includes_are_named(void **state)
{
    assert_refused(*state, "/v1/missions?sort=strat", ERR_PARAM_INVALID, "sort", "start");
    assert_refused(*state, "/v1/missions?sort=-nam", ERR_PARAM_INVALID, "sort", "name");
    assert_invalid(*state, "/v1/missions?sort=", "sort");
    assert_invalid(*state, "/v1/missions?sort=name,", "sort");
    assert_invalid(*state, "/v1/missions?sort=name,name", "sort");
    assert_invalid(*state, "/v1/missions?sort=name,-name", "sort");
    assert_refused(*state, "/v1/missions?sort=--name", ERR_PARAM_INVALID, "sort", "name");
    assert_invalid(*state, "/v1/missions?sort=places", "sort");
    assert_invalid(*state, "/v1/casualties?sort=date,kind,series,mission,place,cause,harm", "sort");
    assert_refused(*state, "/v1/missions?fields=id,nam", ERR_PARAM_INVALID, "fields", "name");
    assert_invalid(*state, "/v1/missions?fields=", "fields");
    assert_false(parse(*state, "/v1/missions?fields=place")); /* a filter only */
    assert_string_equal(err.did_you_mean, "places");
    assert_refused(*state, "/v1/missions?include=source", ERR_PARAM_INVALID, "include", "sources");
    assert_invalid(*state, "/v1/missions?include=", "include");
    assert_invalid(*state, "/v1/missions?include=events", "include");
}

static void words_that_are_not_among_the_few_are_refused(void **state)
{
    static const char *const params[] = { "count", "pretty", "certainty", "end__isnull" };
    static const char *const values[] = { "", "yes", "NONE", "2", "definitely" };
    char raw[96];

    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 5; j++) {
            snprintf(raw, sizeof(raw), "/v1/missions?%s=%s", params[i], values[j]);
            assert_false(parse(*state, raw));
            assert_int_equal(err.code, ERR_PARAM_INVALID);
            assert_string_equal(err.param, params[i]);
            assert_int_not_equal(err.allowed[0], 0);
        }
    }
    assert_taken(*state, "/v1/missions?count=none&pretty=1&certainty=definite&end__isnull=true");
    assert_false(query.is_counted);
    assert_true(query.is_pretty && query.is_definite && query.terms[0].is_null);
    assert_taken(*state, "/v1/missions?count=exact&pretty=0&certainty=possible&end__isnull=0");
    assert_true(query.is_counted);
    assert_false(query.is_pretty || query.is_definite || query.terms[0].is_null);
}

static void values_stand_with_their_own_condition(void **state)
{
    assert_taken(*state, "/v1/missions?category=pko&status=ended&category=spm"
                         "&region__in=africa,europe");
    assert_int_equal(query.n_terms, 3);
    assert_int_equal(query.n_values, 5);
    assert_int_equal(query.terms[0].n_values, 2);
    assert_string_equal(query.values[query.terms[0].first].text, "pko");
    assert_string_equal(query.values[query.terms[0].first + 1].text, "spm");
    assert_int_equal(query.terms[1].n_values, 1);
    assert_string_equal(query.values[query.terms[1].first].text, "ended");
    assert_int_equal(query.terms[2].op, OPERATOR_IN);
    assert_int_equal(query.terms[2].n_values, 2);
}

static void a_code_may_be_given_by_its_name(void **state)
{
    assert_taken(*state, "/v1/missions?category=Peacekeeping operation");
    assert_string_equal(query.values[0].text, "pko");
    assert_taken(*state, "/v1/claims?flags=Bounds inconsistent");
    assert_string_equal(query.values[0].text, "bounds_inconsistent");
}

static void values_of_the_wrong_kind_are_refused(void **state)
{
    static const char *const raws[][2] = {
        { "/v1/casualties?deaths=1.5", "deaths" },
        { "/v1/casualties?deaths__gte=", "deaths__gte" },
        { "/v1/casualties?deaths__gte=many", "deaths__gte" },
        { "/v1/casualties?deaths__gte=9223372036854775808", "deaths__gte" },
        { "/v1/casualties?deaths__in=1,,2", "deaths__in" },
        { "/v1/casualties?deaths__in=1,", "deaths__in" },
        { "/v1/casualties?date=2023-02-30", "date" },
        { "/v1/casualties?date__gte=yesterday", "date__gte" },
        { "/v1/casualties?at=2023-02-30", "at" },
        { "/v1/casualties?as_of=2023-13", "as_of" },
        { "/v1/casualties?as_of=", "as_of" },
        { "/v1/casualties?mission=", "mission" },
        { "/v1/casualties?mission= ", "mission" },
        { "/v1/casualties?mission__in=unfix,", "mission__in" },
        { "/v1/places?latitude=north", "latitude" },
        { "/v1/places?latitude=1.2.3", "latitude" },
        { "/v1/places?latitude=-", "latitude" },
        { "/v1/places?latitude=1e3", "latitude" },
        { "/v1/places?latitude=nan", "latitude" },
        { "/v1/places?m49=5 62", "m49" },
    };

    for (size_t i = 0; i < sizeof(raws) / sizeof(*raws); i++)
        assert_invalid(*state, raws[i][0], raws[i][1]);
    assert_refused(*state, "/v1/missions?category=pk0", ERR_PARAM_INVALID, "category", "pko");
    assert_refused(*state, "/v1/missions?category__in=pko,spn", ERR_PARAM_INVALID, "category__in",
                   "spm");
}

static void a_thing_that_does_not_exist_is_a_mistake(void **state)
{
    assert_refused(*state, "/v1/casualties?mission=unfox", ERR_PARAM_INVALID, "mission", "unfix");
    assert_refused(*state, "/v1/casualties?place__not=tinvile", ERR_PARAM_INVALID, "place__not",
                   "tinville");
    assert_refused(*state, "/v1/facts?resolve=source:nowhere", ERR_PARAM_INVALID, "resolve", "");
    assert_refused(*state, "/v1/facts?resolve=source:", ERR_PARAM_INVALID, "resolve", "");
    assert_refused(*state, "/v1/facts?resolve=source", ERR_PARAM_INVALID, "resolve", "");
    assert_taken(*state, "/v1/facts?resolve=source:roll-2020");
    assert_string_equal(query.params[0], "source");
    assert_string_equal(query.param_ids[0], "roll-2020");
}

static void a_path_sets_the_filter_of_its_child(void **state)
{
    assert_taken(*state, "/v1/missions/unfix/casualties?cause=illness");
    assert_ptr_equal(query.resource, &casualties);
    assert_ptr_equal(query.parent, &missions);
    assert_null(query.key);
    assert_int_equal(query.n_terms, 2);
    assert_string_equal(query.terms[0].field->name, "mission");
    assert_string_equal(query.values[0].text, "unfix");
    assert_invalid(*state, "/v1/missions/unfix/casualties?mission=unfix", "mission");
    assert_invalid(*state, "/v1/missions/unfix/casualties?mission__not=unfix", "mission__not");
}

static void world_time_is_narrowed_by_each_parameter(void **state)
{
    assert_taken(*state, "/v1/events?at=2020");
    assert_string_equal(query.world.min, "2020-01-01");
    assert_string_equal(query.world.max, "2020-12-31");
    assert_taken(*state, "/v1/events?during=2019..2020-02");
    assert_string_equal(query.world.min, "2019-01-01");
    assert_string_equal(query.world.max, "2020-02-29");
    assert_taken(*state, "/v1/events?from=2019&to=2020&during=2018..2019-06");
    assert_string_equal(query.world.min, "2019-01-01");
    assert_string_equal(query.world.max, "2019-06-30");
    assert_taken(*state, "/v1/events?from=2019");
    assert_string_equal(query.world.max, DATE_LAST);
    assert_taken(*state, "/v1/events?to=2019");
    assert_string_equal(query.world.min, DATE_FIRST);
    assert_invalid(*state, "/v1/events?from=2020&to=2019", "to");
    assert_invalid(*state, "/v1/events?during=2020..2019", "during");
    assert_invalid(*state, "/v1/events?during=2020..", "during");
    assert_invalid(*state, "/v1/events?during=..2020", "during");
    assert_invalid(*state, "/v1/events?during=2019..2020..2021", "during");
    assert_invalid(*state, "/v1/events?at=2018&during=2019", "during");
    assert_invalid(*state, "/v1/events?during=2019-01-01T00:00:00.000000000%2B00:00x..2020",
                   "during");
}

static void more_conditions_or_values_than_there_is_room_for_are_refused(void **state)
{
    char raw[4096] = "/v1/casualties?id__in=a";
    size_t len;

    for (size_t i = 1; i < QUERY_VALUES; i++)
        strcat(raw, ",a");
    assert_taken(*state, raw);
    assert_int_equal(query.n_values, QUERY_VALUES);
    strcat(raw, ",a");
    assert_invalid(*state, raw, "id__in");
    strcpy(raw, "/v1/casualties?limit=1");
    len = strlen(raw);
    for (size_t i = 0, n = 0; casualties.fields[i].name != NULL && n <= QUERY_TERMS; i++) {
        static const char *const ops[] = { "gt", "gte", "lt", "lte", "not" };

        if (casualties.fields[i].type != FIELD_NUMBER)
            continue;
        for (size_t j = 0; j < 5; j++, n++) {
            len += (size_t)snprintf(raw + len, sizeof(raw) - len, "&%s__%s=1",
                                    casualties.fields[i].name, ops[j]);
        }
    }
    assert_taken(*state, raw);
    assert_int_equal(query.n_terms, 20);
    strcat(raw, "&date__gt=2000&date__gte=2000&date__lt=2030&date__lte=2030");
    assert_taken(*state, raw);
    strcat(raw, "&date__not=2010");
    assert_invalid(*state, raw, "date__not");
}

static void values_too_long_to_keep_are_refused_not_cut(void **state)
{
    char raw[2200] = "/v1/missions?acronym=";
    size_t len = strlen(raw);

    memset(raw + len, 'a', 2000);
    raw[len + 2000] = '\0';
    assert_invalid(*state, raw, "acronym");
    strcpy(raw, "/v1/missions?acronym__in=");
    len = strlen(raw);
    memset(raw + len, 'a', 1500);
    raw[len + 1500] = '\0';
    assert_invalid(*state, raw, "acronym__in");
}

static void what_only_shapes_an_answer_does_not_change_whose_cursor_it_is(void **state)
{
    char one[33], other[33];

    assert_taken(*state, "/v1/missions?category=pko&sort=-start");
    query_owner(&route, &target, one);
    assert_taken(*state, "/v1/missions?limit=5&sort=-start&fields=sources&category=pko&pretty=1"
                         "&count=none&include=sources&offset=2");
    query_owner(&route, &target, other);
    assert_string_equal(one, other);
    assert_taken(*state, "/v1/missions?category=pko&sort=-start&certainty=possible");
    query_owner(&route, &target, other);
    assert_string_equal(one, other);
    assert_taken(*state, "/v1/missions?category=spm&sort=-start");
    query_owner(&route, &target, other);
    assert_string_not_equal(one, other);
    /* What was known is told by the cursor itself, for an answer and its permalink alike. */
    assert_taken(*state, "/v1/missions?category=pko&sort=-start&as_of=2020");
    query_owner(&route, &target, other);
    assert_string_equal(one, other);
}

/* What is left of a target without what holds anyway. */
static void assert_bare(const struct world *world, const char *raw, const char *bare)
{
    defer(buffer_done) struct buffer canonical = BUFFER_INIT(1000);

    assert_taken(world, raw);
    query_drop_defaults(&route, conn_state(world_conn(world)), &target);
    target_canonical(&target, NULL, &canonical);
    assert_string_equal(canonical.data, bare);
}

static void what_holds_anyway_is_left_out(void **state)
{
    assert_bare(*state,
                "/v1/missions?limit=100&sort=id&count=exact&pretty=0&shape=envelope&offset=0",
                "/v1/missions");
    assert_bare(*state, "/v1/missions?status=active&limit=99&sort=-id&category=pko&pretty=1",
                "/v1/missions?category=pko&limit=99&pretty=1&sort=-id&status=active");
    assert_bare(*state, "/v1/facts/big-dead?explain=0&resolve=preferred", "/v1/facts/big-dead");
    /* There it asks for a page and not for all rows. */
    assert_bare(*state, "/v1/missions.csv?limit=100&bom=0", "/v1/missions.csv?limit=100");
}

static void until_a_day_that_is_not_known_yet_is_left_out_and_no_other(void **state)
{
    char one[33], other[33];

    assert_bare(*state, "/v1/changes?since=2020&until=2025", "/v1/changes?since=2020");
    assert_bare(*state, "/v1/changes?since=2020&until=2021-01-01",
                "/v1/changes?since=2020&until=2021-01-01");
    assert_bare(*state, "/v1/changes?since=2019&until=2020-06",
                "/v1/changes?since=2019&until=2020-06");
    /* The cursor behind a page is good with and without it. */
    assert_taken(*state, "/v1/changes?since=2020&until=2025");
    query_owner(&route, &target, one);
    assert_taken(*state, "/v1/changes?since=2020");
    query_owner(&route, &target, other);
    assert_string_equal(one, other);
}

static void a_cursor_is_of_what_was_known(void **state)
{
    const struct state *now = conn_state(world_conn(*state));
    char one[33], other[33];

    query_known(now, "", one);
    query_known(now, now->release, other);
    assert_string_equal(one, other);
    query_known(now, "9999-12-31", other);
    assert_string_equal(one, other);
    query_known(now, "2020-12-31", other);
    assert_string_not_equal(one, other);
}

static void included_rows_are_known_as_of_the_same_day(void **state)
{
    static struct query included;

    assert_taken(*state, "/v1/claims?as_of=2020-06&include=facts&status=normal&limit=3");
    memset(&included, 0x55, sizeof(included));
    query_included(&facts, &query, &included);
    assert_ptr_equal(included.resource, &facts);
    assert_string_equal(included.as_of, "2020-06-30");
    assert_int_equal(included.n_terms, 0);
    assert_string_equal(included.params[0], "preferred");
    assert_true(included.n_fields > 5);
}

static bool has_field(const char *name)
{
    for (size_t i = 0; i < query.n_fields; i++) {
        if (strcmp(query.fields[i]->name, name) == 0)
            return true;
    }
    return false;
}

static void a_field_is_only_there_where_its_parameter_asks_for_it(void **state)
{
    static struct query included;

    assert_taken(*state, "/v1/facts");
    assert_false(has_field("explain"));
    assert_taken(*state, "/v1/facts?explain=0");
    assert_false(has_field("explain"));
    assert_taken(*state, "/v1/facts/unfix-deaths?explain=1");
    assert_true(has_field("explain") && has_field("name"));
    assert_taken(*state, "/v1/actors/unfix/facts?explain=1");
    assert_true(has_field("explain"));
    assert_taken(*state, "/v1/facts?explain=1&fields=name");
    assert_int_equal(query.n_fields, 3);
    assert_string_equal(query.fields[2]->name, "explain");
    /* Which came first does not matter. */
    assert_taken(*state, "/v1/facts?fields=explain&explain=1");
    assert_int_equal(query.n_fields, 2);
    assert_invalid(*state, "/v1/facts?fields=explain", "fields");
    assert_invalid(*state, "/v1/facts?fields=explain&explain=0", "fields");
    assert_invalid(*state, "/v1/facts?explain=yes", "explain");

    assert_taken(*state, "/v1/claims?include=facts");
    query_included(&facts, &query, &included);
    for (size_t i = 0; i < included.n_fields; i++)
        assert_null(included.fields[i]->param);
}

static void one_parameter_may_stand_in_place_of_another(void **state)
{
    const size_t actor = 0, mission = 1;

    assert_string_equal(timeline.params[actor].instead, timeline.params[mission].name);
    assert_taken(*state, "/v1/timeline?actor=ministry");
    assert_string_equal(query.params[actor], "ministry");
    assert_null(query.params[mission]);
    assert_taken(*state, "/v1/timeline?mission=UNFIX");
    assert_string_equal(query.params[actor], "unfix");
    assert_taken(*state, "/v1/timeline?mission=UNFIX&actor=minufix");
    assert_string_equal(query.params[actor], "unfix");
    assert_string_equal(query.params[mission], "unfix");
    assert_invalid(*state, "/v1/timeline", "actor");
    assert_invalid(*state, "/v1/timeline?kind=event", "actor");
    assert_invalid(*state, "/v1/timeline?actor=ministry&mission=unfix", "mission");
    assert_invalid(*state, "/v1/timeline?mission=ministry", "mission");
}

static void declared_parameters_are_given_together_or_not_at_all(void **state)
{
    assert_taken(*state, "/v1/graph/diff?from=2019&to=2021-03");
    assert_string_equal(query.params[0], "2019-01-01");
    assert_string_equal(query.param_ids[0], "2019-12-31");
    assert_false(query.has_world); /* they are no condition on the time of a row */
    assert_taken(*state, "/v1/graph/diff?known_from=2019&known_to=2021&at=2019");
    assert_taken(*state, "/v1/graph/diff?from=2019&to=2021&focus=unfix");
    assert_taken(*state, "/v1/graph/diff?depth=3&from=2019&to=2021&focus=unfix");

    assert_invalid(*state, "/v1/graph/diff", "from");
    assert_invalid(*state, "/v1/graph/diff?to=2021", "from");
    assert_invalid(*state, "/v1/graph/diff?from=2019", "to");
    assert_invalid(*state, "/v1/graph/diff?known_from=2019", "known_from");
    assert_invalid(*state, "/v1/graph/diff?known_to=2019", "known_to");
    assert_invalid(*state, "/v1/graph/diff?from=2019&to=2021&known_from=2019&known_to=2021",
                   "from");
    assert_invalid(*state, "/v1/graph/diff?from=2019&known_to=2021", "known_to");
    assert_invalid(*state, "/v1/graph/diff?from=2019&to=2021&at=2020", "at");
    assert_invalid(*state, "/v1/graph/diff?from=2019&to=2021&depth=2", "depth");
    assert_invalid(*state, "/v1/graph/diff?from=2019&to=2021&focus=unfix&depth=5", "depth");
    assert_invalid(*state, "/v1/graph/diff?from=2019&to=2021&focus=unfix&depth=0", "depth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_said_means_the_defaults),
        cmocka_unit_test(an_item_has_a_key_and_no_order),
        cmocka_unit_test(an_item_takes_no_parameter_of_a_list),
        cmocka_unit_test(limits_are_whole_numbers_in_their_range),
        cmocka_unit_test(an_offset_and_a_cursor_exclude_each_other),
        cmocka_unit_test(a_single_parameter_may_not_stand_twice),
        cmocka_unit_test(unknown_parameters_are_named_with_what_was_meant),
        cmocka_unit_test(world_time_is_only_taken_where_there_is_one),
        cmocka_unit_test(unknown_operators_are_named_with_the_right_ones),
        cmocka_unit_test(unknown_sort_keys_fields_and_includes_are_named),
        cmocka_unit_test(words_that_are_not_among_the_few_are_refused),
        cmocka_unit_test(values_stand_with_their_own_condition),
        cmocka_unit_test(a_code_may_be_given_by_its_name),
        cmocka_unit_test(values_of_the_wrong_kind_are_refused),
        cmocka_unit_test(a_thing_that_does_not_exist_is_a_mistake),
        cmocka_unit_test(a_path_sets_the_filter_of_its_child),
        cmocka_unit_test(world_time_is_narrowed_by_each_parameter),
        cmocka_unit_test(more_conditions_or_values_than_there_is_room_for_are_refused),
        cmocka_unit_test(values_too_long_to_keep_are_refused_not_cut),
        cmocka_unit_test(what_only_shapes_an_answer_does_not_change_whose_cursor_it_is),
        cmocka_unit_test(what_holds_anyway_is_left_out),
        cmocka_unit_test(until_a_day_that_is_not_known_yet_is_left_out_and_no_other),
        cmocka_unit_test(a_cursor_is_of_what_was_known),
        cmocka_unit_test(included_rows_are_known_as_of_the_same_day),
        cmocka_unit_test(a_field_is_only_there_where_its_parameter_asks_for_it),
        cmocka_unit_test(one_parameter_may_stand_in_place_of_another),
        cmocka_unit_test(declared_parameters_are_given_together_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, world_open, world_close);
}
