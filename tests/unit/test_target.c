/* A request target taken apart. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/target.h"

/* A target with something behind it that must stay as it is. */
struct guarded {
    struct target target;
    char guard[16];
};

static void assert_refused(const char *raw, enum error_code code)
{
    static struct target target;
    struct error err = { 0 };

    if (target_parse(raw, &target, &err))
        fail_msg("'%.80s' is taken", raw);
    if (err.code != code)
        fail_msg("'%.80s' is refused as %d and not %d: %s", raw, err.code, code, err.detail);
    assert_int_not_equal(err.detail[0], 0);
}

static void assert_taken(const char *raw, struct target *ret)
{
    struct error err = { 0 };

    if (!target_parse(raw, ret, &err))
        fail_msg("'%.80s' is refused: %s", raw, err.detail);
}

static void path_and_parameters_are_decoded(void **state)
{
    struct target target;

    (void)state;
    assert_taken("/v1/places/T%C3%AFnville?name=a%2Cb+c&x&y=%26%3d=", &target);
    assert_int_equal(target.n_segments, 3);
    assert_string_equal(target.segments[0], "v1");
    assert_string_equal(target.segments[2], "Tïnville");
    assert_false(target.has_slash);
    assert_int_equal(target.n_params, 3);
    assert_string_equal(target_param(&target, "name"), "a,b c");
    assert_string_equal(target_param(&target, "x"), "");
    assert_string_equal(target_param(&target, "y"), "&==");
    assert_null(target_param(&target, "z"));
}

static void a_plus_is_a_space_in_the_query_alone(void **state)
{
    struct target target;

    (void)state;
    assert_taken("/a+b?c+d=e%2Bf", &target);
    assert_string_equal(target.segments[0], "a+b");
    assert_string_equal(target.params[0].name, "c d");
    assert_string_equal(target.params[0].value, "e+f");
}

static void a_second_question_mark_is_part_of_a_value(void **state)
{
    struct target target;

    (void)state;
    assert_taken("/a?b=c?d", &target);
    assert_string_equal(target_param(&target, "b"), "c?d");
}

static void an_encoded_slash_does_not_part_segments(void **state)
{
    struct target target;

    (void)state;
    assert_taken("/v1/missions/a%2Fb", &target);
    assert_int_equal(target.n_segments, 3);
    assert_string_equal(target.segments[2], "a/b");
}

static void a_slash_at_the_end_is_noticed(void **state)
{
    struct target target;

    (void)state;
    assert_taken("/v1/", &target);
    assert_int_equal(target.n_segments, 1);
    assert_true(target.has_slash);
    assert_taken("/", &target);
    assert_int_equal(target.n_segments, 0);
}

static void tracking_parameters_are_ignored_and_no_others(void **state)
{
    struct target target;

    (void)state;
    assert_taken("/a?utm_source=x&_=123&utm_=&utm=1&__=2&_x=3", &target);
    assert_int_equal(target.n_params, 3);
    assert_non_null(target_param(&target, "utm"));
    assert_non_null(target_param(&target, "__"));
    assert_non_null(target_param(&target, "_x"));
}

static void empty_pairs_are_no_parameters(void **state)
{
    struct target target;

    (void)state;
    assert_taken("/a?&&b=1&", &target);
    assert_int_equal(target.n_params, 1);
    assert_taken("/a?", &target);
    assert_int_equal(target.n_params, 0);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    static const char *const raws[] = {
        "/a%",        "/a%2",       "/a%zz",     "/a%0",       "/?a=%",    "/?a=%4",
        "/?a=%4&b",   "/?%g0=1",    "/a%00",     "/?a=%00b",   "/?a=%0A",  "/?a=%7F",
        "/?a=\x01",   "/a%FF",      "/?a=%C3",   "/?a=%C0%AF", "/?a=\xff", "/?a=%ED%A0%80",
        "/?a=%F5%80", "/%80%2F%80", "/?%C3=%A9",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(raws) / sizeof(*raws); i++)
        assert_refused(raws[i], ERR_REQUEST_MALFORMED);
}

static void a_target_begins_with_a_slash(void **state)
{
    (void)state;
    assert_refused("", ERR_REQUEST_MALFORMED);
    assert_refused("v1/missions", ERR_REQUEST_MALFORMED);
    assert_refused("?a=b", ERR_REQUEST_MALFORMED);
    assert_refused("http://localhost/v1/", ERR_REQUEST_MALFORMED);
}

static void empty_and_too_many_segments_are_no_path(void **state)
{
    (void)state;
    assert_refused("//", ERR_PATH_UNKNOWN);
    assert_refused("//evil.example/", ERR_PATH_UNKNOWN);
    assert_refused("/v1//missions", ERR_PATH_UNKNOWN);
    assert_refused("/a/b/c/d/e/f/g", ERR_PATH_UNKNOWN);
}

static void more_than_64_parameters_are_refused_not_dropped(void **state)
{
    char raw[1024] = "/a?utm_x=1";
    struct target target;

    (void)state;
    for (size_t i = 0; i < TARGET_PARAMS; i++)
        strcat(raw, "&a=1");
    assert_taken(raw, &target);
    assert_int_equal(target.n_params, TARGET_PARAMS);
    strcat(raw, "&a=1");
    assert_refused(raw, ERR_PARAM_INVALID);
}

static void a_target_longer_than_its_room_is_refused(void **state)
{
    char raw[3 * TARGET_TEXT + 16] = "/";

    (void)state;
    memset(raw + 1, 'a', TARGET_TEXT + 1);
    assert_refused(raw, ERR_TARGET_TOO_LONG);
    strcpy(raw, "/?");
    for (size_t i = 0; i <= TARGET_TEXT; i++)
        memcpy(raw + 2 + 3 * i, "%41", 3);
    raw[2 + 3 * (TARGET_TEXT + 1)] = '\0';
    assert_refused(raw, ERR_TARGET_TOO_LONG);
}

/* Every part ends in a NUL that takes room, even where nothing stands before it. */
static void empty_parts_in_a_full_target_write_nothing_outside(void **state)
{
    char raw[TARGET_TEXT + 256];

    (void)state;
    for (size_t len = TARGET_TEXT - 8; len < TARGET_TEXT + 2; len++) {
        struct guarded guarded;
        struct error err = { 0 };

        memset(&guarded, 0x55, sizeof(guarded));
        memset(raw, 'a', sizeof(raw));
        raw[0] = '/';
        memcpy(raw + len, "?=&=&=&=&=&=&=&=", 17);
        if (target_parse(raw, &guarded.target, &err)) {
            assert_in_range(guarded.target.len, 1, TARGET_TEXT);
            for (size_t i = 0; i < guarded.target.n_params; i++) {
                const char *value = guarded.target.params[i].value;

                assert_in_range(value - guarded.target.text, 0, TARGET_TEXT - 1);
                assert_string_equal(value, "");
            }
        } else {
            assert_int_equal(err.code, ERR_TARGET_TOO_LONG);
        }
        for (size_t i = 0; i < sizeof(guarded.guard); i++)
            assert_int_equal(guarded.guard[i], 0x55);
    }
}

static void the_canonical_spelling_is_the_same_in_any_order(void **state)
{
    static const char *const raws[] = { "/v1/a%20b?y=2&x=b&x=a", "/v1/%61 b?x=a&x=b&y=%32",
                                        "/v1/a b?x=b&utm_q=1&y=2&_=7&x=a" };
    defer(buffer_done) struct buffer canonical = BUFFER_INIT(1000);
    struct target target;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_taken(raws[i], &target);
        buffer_clear(&canonical);
        target_canonical(&target, NULL, &canonical);
        assert_string_equal(canonical.data, "/v1/a%20b?x=a&x=b&y=2");
    }
}

static void names_and_values_that_hold_separators_stay_apart(void **state)
{
    defer(buffer_done) struct buffer one = BUFFER_INIT(1000);
    defer(buffer_done) struct buffer other = BUFFER_INIT(1000);
    struct target target;

    (void)state;
    assert_taken("/a?b=c%26d%3De", &target);
    target_canonical(&target, NULL, &one);
    assert_taken("/a?b=c&d=e", &target);
    target_canonical(&target, NULL, &other);
    assert_string_not_equal(one.data, other.data);
}

static void what_is_written_reads_the_same(void **state)
{
    static const char raw[] = "/v1/T%C3%AFn%2F/?b=%26&a=x,y:z&a=+%2B%25&c";
    static const char *const without[] = { "c", NULL };
    defer(buffer_done) struct buffer written = BUFFER_INIT(1000);
    defer(buffer_done) struct buffer again = BUFFER_INIT(1000);
    struct target target;

    (void)state;
    assert_taken(raw, &target);
    target_canonical(&target, without, &written);
    assert_string_equal(written.data, "/v1/T%C3%AFn%2F/?a=%20%2B%25&a=x,y:z&b=%26");
    assert_taken(written.data, &target);
    assert_string_equal(target_param(&target, "a"), " +%");
    target_canonical(&target, NULL, &again);
    assert_string_equal(again.data, written.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(path_and_parameters_are_decoded),
        cmocka_unit_test(a_plus_is_a_space_in_the_query_alone),
        cmocka_unit_test(a_second_question_mark_is_part_of_a_value),
        cmocka_unit_test(an_encoded_slash_does_not_part_segments),
        cmocka_unit_test(a_slash_at_the_end_is_noticed),
        cmocka_unit_test(tracking_parameters_are_ignored_and_no_others),
        cmocka_unit_test(empty_pairs_are_no_parameters),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(a_target_begins_with_a_slash),
        cmocka_unit_test(empty_and_too_many_segments_are_no_path),
        cmocka_unit_test(more_than_64_parameters_are_refused_not_dropped),
        cmocka_unit_test(a_target_longer_than_its_room_is_refused),
        cmocka_unit_test(empty_parts_in_a_full_target_write_nothing_outside),
        cmocka_unit_test(the_canonical_spelling_is_the_same_in_any_order),
        cmocka_unit_test(names_and_values_that_hold_separators_stay_apart),
        cmocka_unit_test(what_is_written_reads_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
