/* struct error -> RFC 9457 problem document. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/base/cleanup.h"
#include "server/problem.h"
#include "server/serve.h"
#include "tests/unit/support.h"

static const struct request request = { .method = "GET", .target = "/v1/x", .id = "abc123" };

/* Renders and reads a failure; for json_decref(). */
static json_t *render(const struct error *err, struct reply *reply)
{
    json_t *document;

    *reply = (struct reply){ 0 };
    problem_render(err, &request, reply);
    assert_string_equal(reply->content_type, "application/problem+json");
    assert_int_equal(reply->body[reply->len - 1], '\n');
    document = json_loadb(reply->body, reply->len, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(document);
    assert_int_equal(json_integer_value(json_object_get(document, "status")), reply->status);
    return document;
}

static void every_failure_has_a_status_a_code_and_a_title(void **state)
{
    (void)state;
    for (int code = ERR_NONE; code < ERR__MAX; code++) {
        const struct problem *problem = problem_of((enum error_code)code);

        assert_in_range(problem->status, 400, 505);
        assert_int_equal(strspn(problem->code, "abcdefghijklmnopqrstuvwxyz_"),
                         strlen(problem->code));
        assert_true(problem->title[0] >= 'A' && problem->title[0] <= 'Z');
        for (int other = ERR_NONE + 1; other < code; other++)
            assert_string_not_equal(problem->code, problem_of((enum error_code)other)->code);
    }
}

static void a_failure_that_passes_says_when_to_try_again(void **state)
{
    static const enum error_code codes[] = { ERR_TIMEOUT, ERR_NOT_READY, ERR_OVERLOAD };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        defer(reply_done) struct reply reply;
        struct error err = { .code = codes[i], .detail = "Later." };
        json_auto_t *document = render(&err, &reply);

        assert_int_equal(reply.status, 503);
        assert_non_null(header_of(&reply, "Retry-After"));
        assert_string_equal(string_of(document, "detail"), "Later.");
    }
}

static void a_client_error_says_all_that_is_known_of_it(void **state)
{
    defer(reply_done) struct reply reply;
    struct error err = { 0 };
    json_auto_t *document = NULL;

    (void)state;
    error_set(&err, ERR_PARAM_INVALID, "cause", "'%s' \"is\" not in the list.", "ill\\ness");
    error_allow(&err, "ilness", "illness");
    error_allow(&err, "ilness", "accident");
    document = render(&err, &reply);
    assert_int_equal(reply.status, 400);
    assert_string_equal(string_of(document, "detail"), "'ill\\ness' \"is\" not in the list.");
    assert_string_equal(string_of(document, "param"), "cause");
    assert_string_equal(string_of(document, "did_you_mean"), "illness");
    assert_string_equal(string_of(document, "request_id"), "abc123");
    assert_int_equal(json_array_size(json_object_get(document, "allowed")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(document, "allowed"), 1)),
                        "accident");
    assert_string_equal(header_of(&reply, "Cache-Control"), "no-store");
    assert_string_equal(reply.log_detail, "");
}

static void what_is_not_known_is_left_out(void **state)
{
    defer(reply_done) struct reply reply;
    struct error err = { .code = ERR_PATH_UNKNOWN, .detail = "Nothing." };
    json_auto_t *document = render(&err, &reply);

    (void)state;
    assert_null(json_object_get(document, "param"));
    assert_null(json_object_get(document, "allowed"));
    assert_null(json_object_get(document, "did_you_mean"));
    assert_null(json_object_get(document, "location"));
    assert_int_equal(json_object_size(document), 6);
}

static void our_own_failures_keep_their_words_for_the_log(void **state)
{
    defer(reply_done) struct reply reply;
    struct error err = { .code = ERR_INTERNAL, .detail = "secret of /var/lib" };
    json_auto_t *document = render(&err, &reply);

    (void)state;
    assert_int_equal(reply.status, 500);
    assert_null(strstr(string_of(document, "detail"), "secret"));
    assert_non_null(strstr(reply.log_detail, "secret"));
}

static void a_failure_without_a_code_is_ours(void **state)
{
    defer(reply_done) struct reply reply;
    struct error err = { 0 };
    json_auto_t *document = render(&err, &reply);

    (void)state;
    assert_int_equal(reply.status, 500);
    assert_string_equal(string_of(document, "code"), "internal_error");
    assert_int_equal(problem_of(ERR__MAX)->status, 500);
}

static void a_place_to_go_makes_it_a_redirect(void **state)
{
    defer(reply_done) struct reply reply;
    struct error err = { .code = ERR_ITEM_UNKNOWN,
                         .detail = "Elsewhere.",
                         .location = "/v1/missions/unfix" };
    json_auto_t *document = render(&err, &reply);

    (void)state;
    assert_int_equal(reply.status, 308);
    assert_string_equal(header_of(&reply, "Location"), "/v1/missions/unfix");
    assert_string_equal(string_of(document, "location"), "/v1/missions/unfix");
    assert_string_equal(string_of(document, "code"), "moved");
    assert_string_equal(string_of(document, "type"), "urn:bluehelm:problem:moved");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failure_has_a_status_a_code_and_a_title),
        cmocka_unit_test(a_failure_that_passes_says_when_to_try_again),
        cmocka_unit_test(a_client_error_says_all_that_is_known_of_it),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(our_own_failures_keep_their_words_for_the_log),
        cmocka_unit_test(a_failure_without_a_code_is_ours),
        cmocka_unit_test(a_place_to_go_makes_it_a_redirect),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
