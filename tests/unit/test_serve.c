/* The pure function under the socket, where a socket would only be in the way: ceilings, tags,
 * failures. */

#include "tests/unit/engine.h"

/* Answers a request and gives its problem's code; "" for none. */
static const char *code_of(const char *target, int status)
{
    static char code[64];
    struct reply reply = ask(target);
    json_t *body = body_of(&reply);
    const char *text = json_string_value(json_object_get(body, "code"));

    if (reply.status != status)
        print_error("%s: %d and not %d\n", target, reply.status, status);
    assert_int_equal(reply.status, status);
    snprintf(code, sizeof(code), "%s", text != NULL ? text : "");
    json_decref(body);
    reply_done(&reply);
    return code;
}

static void each_kind_of_mistake_has_its_code(void **state)
{
    (void)state;
    assert_string_equal(code_of("/v1/missions?categry=pko", 400), "unknown_parameter");
    assert_string_equal(code_of("/v1/missions?category__gte=pko", 400), "unknown_parameter");
    assert_string_equal(code_of("/v1/missions?category=pk", 400), "invalid_parameter");
    assert_string_equal(code_of("/v1/missions?start=2023-02-30", 400), "invalid_parameter");
    assert_string_equal(code_of("/v1/missions?category=", 400), "invalid_parameter");
    assert_string_equal(code_of("/v1/missions?limit=1&limit=2", 400), "repeated_parameter");
    assert_string_equal(code_of("/v1/missions?x=%zz", 400), "malformed_request");
    assert_string_equal(code_of("/v1/missions?x=%00", 400), "malformed_request");
    assert_string_equal(code_of("/v1/missions?name=%C0%AF", 400), "malformed_request");
    assert_string_equal(code_of("/v1/mission", 404), "unknown_path");
    assert_string_equal(code_of("/v1/missions/nope", 404), "unknown_id");
    assert_string_equal(code_of("/v1/missions/", 308), "moved");
    assert_string_equal(code_of("/v1/missions/unfix", 200), "");
}

static void a_page_past_the_ceiling_ends_early_and_its_walk_sees_every_row_once(void **state)
{
    enum { CEILING = 66 << 10 }; /* 2 KiB for rows, past what a page keeps for its end */
    struct reply whole = ask("/v1/casualties?limit=10000");
    json_t *all = body_of(&whole);
    size_t n = 0, n_pages = 0;
    char target[2048] = "/v1/casualties?limit=10000";

    (void)state;
    while (target[0] != '\0') {
        struct reply reply = ask_as("GET", target, NULL, CEILING);
        json_t *page = body_of(&reply);
        const char *next = json_string_value(json_object_get(page, "next_url"));

        assert_int_equal(reply.status, 200);
        assert_true(reply.len <= CEILING);
        assert_int_equal(json_is_true(json_object_get(page, "truncated")), next != NULL);
        n += json_array_size(json_object_get(page, "data"));
        snprintf(target, sizeof(target), "%s", next != NULL ? next : "");
        json_decref(page);
        reply_done(&reply);
        n_pages++;
        assert_true(n_pages < 100);
    }
    assert_true(n_pages > 1);
    assert_int_equal(n, json_array_size(json_object_get(all, "data")));
    json_decref(all);
    reply_done(&whole);
}

static void the_tag_of_an_answer_gives_304_in_a_list_weak_or_strong(void **state)
{
    struct reply first = ask("/v1/missions");
    const char *tag = header_of(&first, "ETag");
    char list[128];
    struct reply again;

    (void)state;
    assert_non_null(tag);
    snprintf(list, sizeof(list), "\"other\", W/%s", tag);
    again = ask_as("GET", "/v1/missions", list, 8 << 20);
    assert_int_equal(again.status, 304);
    assert_null(again.body);
    assert_string_equal(header_of(&again, "ETag"), tag);
    reply_done(&again);
    again = ask_as("GET", "/v1/missions?limit=1", list, 8 << 20); /* another query, another tag */
    assert_int_equal(again.status, 200);
    reply_done(&again);
    reply_done(&first);
}

static void the_order_of_parameters_does_not_change_the_tag(void **state)
{
    struct reply a = ask("/v1/missions?limit=1&category=pko");
    struct reply b = ask("/v1/missions?category=pko&limit=1&utm_source=x");

    (void)state;
    assert_string_equal(header_of(&a, "ETag"), header_of(&b, "ETag"));
    reply_done(&a);
    reply_done(&b);
}

static void a_past_as_of_may_be_kept_for_ever_and_the_present_may_not(void **state)
{
    struct reply past = ask("/v1/missions?as_of=2020-06-01");
    struct reply now = ask("/v1/missions");

    (void)state;
    assert_non_null(strstr(header_of(&past, "Cache-Control"), "immutable"));
    assert_null(strstr(header_of(&now, "Cache-Control"), "immutable"));
    reply_done(&past);
    reply_done(&now);
}

static void a_method_that_is_not_taken_says_which_are(void **state)
{
    struct reply reply = ask_as("DELETE", "/v1/missions", NULL, 8 << 20);

    (void)state;
    assert_int_equal(reply.status, 405);
    assert_string_equal(header_of(&reply, "Allow"), "GET, HEAD, OPTIONS");
    reply_done(&reply);
}

static void without_a_dataset_only_health_and_metrics_answer(void **state)
{
    struct dataset *kept = dataset;
    struct reply reply;

    (void)state;
    dataset = dataset_new();
    reply = ask("/readyz");
    assert_int_equal(reply.status, 503);
    assert_non_null(header_of(&reply, "Retry-After"));
    reply_done(&reply);
    reply = ask("/healthz");
    assert_int_equal(reply.status, 200);
    reply_done(&reply);
    reply = ask("/metrics");
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.body, "\nbluehelm_build_info{"));
    assert_null(strstr(reply.body, "bluehelm_dataset_info"));
    reply_done(&reply);
    dataset_free(dataset);
    dataset = kept;
}

static void a_query_past_its_deadline_is_503_with_retry_after(void **state)
{
    const struct service service = {
        .catalogue = catalogue, .dataset = dataset, .deadline_ms = 1, .body_limit = 8 << 20
    };
    /* A line for each of ten thousand years takes some ten milliseconds. */
    static const char target[] = "/v1/casualties/stats?group_by=year(date),mission&fill=null"
                                 "&from=0002&to=9998&series=roll&limit=10000";
    const struct request request = { .method = "GET", .target = target, .id = "test" };
    struct reply reply;

    (void)state;
    serve(&service, &request, &reply);
    assert_int_equal(reply.status, 503);
    assert_non_null(header_of(&reply, "Retry-After"));
    reply_done(&reply);
}

static void ten_thousand_odd_targets_never_give_a_500(void **state)
{
    static const char *const seeds[] = {
        "/v1/missions?category=pko&sort=-start,name&limit=5&fields=id,name",
        "/v1/casualties?deaths__gte=1&certainty=definite&as_of=2020-06-01&during=2018..2019",
        "/v1/facts?resolve=source:roll-2020&include=claims,sources",
        "/v1/relationships/unfix/claims?at=2019-06&cursor=WyJhIl0",
        "/v1/actors/unfix/relationships?status__not=asserted&pretty=1",
    };
    static const char odd[] = "%&=?/,.-_~+'\"[]{}();:*\x01\x7f\xc3\xa9 0az";
    unsigned seed = 1;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        char target[256];
        struct reply reply;
        int n_changes = 1 + i % 4;

        snprintf(target, sizeof(target), "%s", seeds[i % 5]);
        for (int j = 0; j < n_changes; j++)
            target[(unsigned)rand_r(&seed) % strlen(target)] =
                odd[(unsigned)rand_r(&seed) % (sizeof(odd) - 1)];
        reply = ask(target);
        if (reply.status >= 500)
            print_error("%s: %d %s\n", target, reply.status, reply.log_detail);
        assert_true(reply.status >= 200 && reply.status < 500);
        reply_done(&reply);
    }
}

static size_t count(const char *target)
{
    struct reply reply = ask(target);
    json_t *body = body_of(&reply);
    size_t n = json_array_size(json_object_get(body, "data"));

    assert_int_equal(reply.status, 200);
    json_decref(body);
    reply_done(&reply);
    return n;
}

static void not_a_number_keeps_rows_that_are_only_bounded_and_drops_those_without_one(void **state)
{
    size_t n_numbers = count("/v1/claims?number__isnull=false");

    (void)state;
    assert_true(n_numbers > 0);
    /* Nothing has this number for certain, so possibly everything with a number is another one. */
    assert_int_equal(count("/v1/claims?number__not=987654321"), n_numbers);
    assert_int_equal(count("/v1/claims?number__not=11"),
                     n_numbers - count("/v1/claims?number=11&certainty=definite"));
    assert_int_equal(count("/v1/claims?number__not=11&certainty=definite"),
                     n_numbers - count("/v1/claims?number=11"));
}

static void a_value_that_is_too_long_is_refused_not_cut(void **state)
{
    char target[2048] = "/v1/missions?acronym__in=a,";

    (void)state;
    memset(target + strlen(target), 'b', 1500);
    assert_string_equal(code_of(target, 400), "invalid_parameter");
}

/* Asserts that a text stands, or does not stand, in a body. */
static void assert_says(const char *target, const char *text, bool is_said)
{
    struct reply reply = ask(target);
    char body[16 << 10];

    assert_int_equal(reply.status, 200);
    snprintf(body, sizeof(body), "%.*s", (int)reply.len, reply.body);
    if ((strstr(body, text) != NULL) != is_said)
        fail_msg("%s %s '%s': %s", target, is_said ? "does not say" : "says", text, body);
    reply_done(&reply);
}

static void pretty_changes_white_space_and_nothing_else(void **state)
{
    static const char *const targets[] = {
        "/v1/places?limit=10000",
        "/v1/casualties?limit=3",
        "/v1/missions/unfix?include=sources",
        "/v1/facts?limit=2",
        "/v1/",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        char target[128], plain_text[32], *from, *to;
        struct reply plain, pretty;
        json_t *a, *b;

        snprintf(target, sizeof(target), "%s%cpretty=1", targets[i],
                 strchr(targets[i], '?') != NULL ? '&' : '?');
        plain = ask(targets[i]);
        pretty = ask(target);
        assert_int_equal(pretty.status, 200);
        assert_int_equal(pretty.body[pretty.len - 1], '\n');
        a = body_of(&plain);
        b = body_of(&pretty);
        json_object_del(a, "meta"); /* its links tell the two apart */
        json_object_del(b, "meta");
        json_object_del(a, "next_url");
        json_object_del(b, "next_url");
        assert_true(json_equal(a, b));
        json_decref(a);
        json_decref(b);
        /* Equal as doubles is not enough: 12.6 must not become 12.600000000000001. */
        for (from = plain.body; (from = strstr(from, "tude\":")) != NULL; from = to) {
            from += 6;
            to = from + strspn(from, "-.0123456789");
            snprintf(plain_text, sizeof(plain_text), "tude\": %.*s", (int)(to - from), from);
            if (to > from
                && memmem(pretty.body, pretty.len, plain_text, strlen(plain_text)) == NULL)
                fail_msg("%s: no '%s'", target, plain_text);
        }
        reply_done(&plain);
        reply_done(&pretty);
    }
}

static void a_permalink_never_points_behind_the_release(void **state)
{
    (void)state;
    assert_says("/v1/missions?limit=1&as_of=2020-06",
                "\"permalink\":\"/v1/missions?limit=1&as_of=2020-06-30\"", true);
    assert_says("/v1/missions?limit=1&as_of=2050", "as_of=2021-01-01\"", true);
    assert_says("/v1/missions?limit=1&as_of=2050", "as known on 2021-01-01", true);
    assert_says("/v1/missions?limit=1&as_of=2021", "\"as_of\":\"2021-01-01\"", true);
}

static void an_included_collection_needs_a_field_that_leads_there(void **state)
{
    (void)state;
    assert_says("/v1/claims?id=unfix-deaths-2021&fields=fact&include=facts",
                "\"facts\":[{\"id\":\"unfix-deaths\"", true);
    assert_string_equal(code_of("/v1/claims?fields=id&include=facts", 400), "invalid_parameter");
    assert_string_equal(code_of("/v1/claims?include=facts,sources&fields=id,fact", 400),
                        "invalid_parameter");
    assert_string_equal(code_of("/v1/missions/unfix?fields=id&include=sources", 400),
                        "invalid_parameter");
}

static void any_tag_is_304_for_what_there_is_and_404_for_what_there_is_not(void **state)
{
    static const char *const targets[] = { "/v1/missions/unfix", "/v1/missions", "/v1/",
                                           "/openapi.json" };

    (void)state;
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        struct reply reply = ask_as("GET", targets[i], " *", 8 << 20);

        assert_int_equal(reply.status, 304);
        assert_null(reply.body);
        assert_int_equal(reply.len, 0);
        assert_null(reply.content_type);
        assert_non_null(header_of(&reply, "ETag"));
        reply_done(&reply);
    }
    {
        struct reply reply = ask_as("GET", "/v1/missions/nothing", "*", 8 << 20);

        assert_int_equal(reply.status, 404);
        reply_done(&reply);
    }
}

static void documents_take_pretty_once_and_nothing_else(void **state)
{
    static const char *const paths[] = { "/v1/", "/healthz", "/readyz", "/openapi.json" };

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        char target[64];

        snprintf(target, sizeof(target), "%s?pretty=1", paths[i]);
        assert_string_equal(code_of(target, 200), "");
        snprintf(target, sizeof(target), "%s?pretty=2", paths[i]);
        assert_string_equal(code_of(target, 400), "invalid_parameter");
        snprintf(target, sizeof(target), "%s?pretty=1&pretty=0", paths[i]);
        assert_string_equal(code_of(target, 400), "repeated_parameter");
        snprintf(target, sizeof(target), "%s?limit=1", paths[i]);
        assert_string_equal(code_of(target, 400), "unknown_parameter");
    }
}

static void head_and_options_are_answered(void **state)
{
    struct reply got = ask("/v1/missions?limit=1");
    struct reply reply = ask_as("HEAD", "/v1/missions?limit=1", NULL, 8 << 20);

    (void)state;
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.len, got.len);
    assert_int_equal(reply.n_headers, got.n_headers);
    assert_string_equal(header_of(&reply, "ETag"), header_of(&got, "ETag"));
    assert_string_equal(header_of(&reply, "X-Total-Count"), header_of(&got, "X-Total-Count"));
    assert_non_null(strstr(header_of(&reply, "Link"), "; rel=\"next\""));
    reply_done(&got);
    reply_done(&reply);
    reply = ask_as("OPTIONS", "/v1/missions", NULL, 8 << 20);
    assert_int_equal(reply.status, 204);
    assert_null(reply.body);
    assert_non_null(header_of(&reply, "Allow"));
    reply_done(&reply);
    reply = ask_as("OPTIONS", "*", NULL, 8 << 20);
    assert_int_equal(reply.status, 204);
    reply_done(&reply);
    reply = ask_as("OPTIONS", "/v1/nothing", NULL, 8 << 20);
    assert_int_equal(reply.status, 404);
    reply_done(&reply);
    reply = ask_as("get", "/v1/missions", NULL, 8 << 20);
    assert_int_equal(reply.status, 405);
    reply_done(&reply);
}

static void assert_location(const char *target, const char *location)
{
    struct reply reply = ask(target);

    assert_int_equal(reply.status, 308);
    assert_string_equal(header_of(&reply, "Location"), location);
    reply_done(&reply);
}

static void another_name_moves_to_the_id_with_all_that_was_asked(void **state)
{
    (void)state;
    assert_location("/v1/actors/lantern", "/v1/actors/blue-lantern");
    assert_location("/v1/missions/MINUFIX?pretty=1&fields=id,name",
                    "/v1/missions/unfix?fields=id,name&pretty=1");
    assert_location("/v1/missions/UNFIX/facts?limit=2", "/v1/missions/unfix/facts?limit=2");
    assert_location("/v1/places/T%C3%AFnville", "/v1/places/tinville");
    assert_location("/v1", "/v1/");
}

static void an_item_that_is_not_there_says_why(void **state)
{
    (void)state;
    assert_string_equal(code_of("/v1/casualties/unfix-2018-military-illness", 410), "withdrawn");
    assert_string_equal(code_of("/v1/missions/unfix?as_of=1990", 404), "unknown_id");
    assert_string_equal(code_of("/v1/missions/nothing/facts", 404), "unknown_id");
    assert_string_equal(code_of("/v1/missions/unfix/facts?as_of=1990", 404), "unknown_id");
    assert_string_equal(code_of("/v1/missions/%20", 404), "unknown_id");
    assert_string_equal(code_of("/v1/missions/%F0%9F%95%8A", 404), "unknown_id");
}

/* The problem document is JSON whatever the client wrote, and wherever it was cut. */
static void a_mistake_in_any_script_is_told_back_whole(void **state)
{
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        static const char *const heads[] = { "/v1/casualties?date=",    "/v1/casualties?",
                                             "/v1/casualties?mission=", "/v1/missions/",
                                             "/v1/casualties?sort=",    "/v1/",
                                             "/v1/casualties?date__" };

        for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
            char target[512];
            size_t len =
                (size_t)snprintf(target, sizeof(target), "%s%.*s", heads[i], (int)shift, "xxxx");
            struct reply reply;
            json_t *body;

            for (size_t j = 0; j < 40; j++)
                len += (size_t)snprintf(target + len, sizeof(target) - len, "%s",
                                        j % 2 == 0 ? "\xf0\x9f\x95\x8a" : "\xe2\x82\xac");
            reply = ask(target);
            assert_in_range(reply.status, 400, 404);
            body = body_of(&reply);
            assert_non_null(json_object_get(body, "detail"));
            json_decref(body);
            reply_done(&reply);
        }
    }
}

static void a_cursor_that_does_not_fit_is_refused(void **state)
{
    struct reply reply = ask("/v1/missions?limit=1&sort=start");
    json_t *body = body_of(&reply);
    char cursor[1600], target[2048];

    (void)state;
    snprintf(cursor, sizeof(cursor), "%s", json_string_value(json_object_get(body, "next")));
    json_decref(body);
    reply_done(&reply);
    snprintf(target, sizeof(target), "/v1/missions?limit=3&sort=start&cursor=%s", cursor);
    assert_string_equal(code_of(target, 200), "");
    snprintf(target, sizeof(target), "/v1/missions?limit=1&sort=-start&cursor=%s", cursor);
    assert_string_equal(code_of(target, 400), "invalid_parameter");
    snprintf(target, sizeof(target), "/v1/missions?limit=1&sort=start&as_of=2020&cursor=%s",
             cursor);
    assert_string_equal(code_of(target, 400), "invalid_parameter");
    snprintf(target, sizeof(target), "/v1/events?limit=1&sort=start&cursor=%s", cursor);
    assert_string_equal(code_of(target, 400), "invalid_parameter");
    assert_string_equal(code_of("/v1/missions?cursor=", 400), "invalid_parameter");
    assert_string_equal(code_of("/v1/missions?cursor=garbage", 400), "invalid_parameter");
}

static void what_is_left_out_is_not_there(void **state)
{
    (void)state;
    assert_says("/v1/missions?count=none&limit=1", "\"total\"", false);
    assert_says("/v1/missions?limit=1", "\"total\":4", true);
    assert_says("/v1/missions?fields=acronym&limit=1", "{\"id\":\"unall\",\"acronym\":\"UNALL\"}",
                true);
    assert_says("/v1/missions?category=other",
                "\"data\":[],\"next\":null,\"next_url\":null,\"truncated\":false", true);
    assert_says("/v1/missions?include=places&id=unall", "\"included\":{\"places\":[]}", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_of_mistake_has_its_code),
        cmocka_unit_test(a_page_past_the_ceiling_ends_early_and_its_walk_sees_every_row_once),
        cmocka_unit_test(the_tag_of_an_answer_gives_304_in_a_list_weak_or_strong),
        cmocka_unit_test(the_order_of_parameters_does_not_change_the_tag),
        cmocka_unit_test(a_past_as_of_may_be_kept_for_ever_and_the_present_may_not),
        cmocka_unit_test(a_method_that_is_not_taken_says_which_are),
        cmocka_unit_test(without_a_dataset_only_health_and_metrics_answer),
        cmocka_unit_test(a_query_past_its_deadline_is_503_with_retry_after),
        cmocka_unit_test(not_a_number_keeps_rows_that_are_only_bounded_and_drops_those_without_one),
        cmocka_unit_test(a_value_that_is_too_long_is_refused_not_cut),
        cmocka_unit_test(pretty_changes_white_space_and_nothing_else),
        cmocka_unit_test(a_permalink_never_points_behind_the_release),
        cmocka_unit_test(an_included_collection_needs_a_field_that_leads_there),
        cmocka_unit_test(any_tag_is_304_for_what_there_is_and_404_for_what_there_is_not),
        cmocka_unit_test(documents_take_pretty_once_and_nothing_else),
        cmocka_unit_test(head_and_options_are_answered),
        cmocka_unit_test(another_name_moves_to_the_id_with_all_that_was_asked),
        cmocka_unit_test(an_item_that_is_not_there_says_why),
        cmocka_unit_test(a_mistake_in_any_script_is_told_back_whole),
        cmocka_unit_test(a_cursor_that_does_not_fit_is_refused),
        cmocka_unit_test(what_is_left_out_is_not_there),
        cmocka_unit_test(ten_thousand_odd_targets_never_give_a_500),
    };
    int failed;

    open_fixture();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_fixture();
    return failed;
}
