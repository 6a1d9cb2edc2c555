/* A growing text with a ceiling. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"

static void a_buffer_holds_what_was_added(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(1000);

    (void)state;
    assert_true(buffer_text(&buffer, "one"));
    assert_true(buffer_byte(&buffer, ' '));
    assert_true(buffer_add(&buffer, "two!", 3));
    assert_true(buffer_format(&buffer, " %s %d", "three", 4));
    assert_string_equal(buffer.data, "one two three 4");
    assert_int_equal(buffer.len, 15);
}

static void the_ceiling_is_reached_and_not_passed(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(4);

    (void)state;
    assert_true(buffer_text(&buffer, "four"));
    assert_false(buffer.broken);
    assert_false(buffer_byte(&buffer, '!'));
    assert_true(buffer.broken);
    assert_true(buffer.overflow);
    assert_string_equal(buffer.data, "four");
}

static void a_broken_buffer_stays_broken_until_it_is_cleared(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(4);

    (void)state;
    assert_false(buffer_text(&buffer, "fifth"));
    assert_false(buffer_text(&buffer, "a"));
    assert_null(buffer_steal(&buffer, NULL));
    buffer_clear(&buffer);
    assert_true(buffer_text(&buffer, "a"));
    assert_string_equal(buffer.data, "a");
}

static void a_format_past_the_ceiling_breaks_the_buffer(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(4);

    (void)state;
    assert_false(buffer_format(&buffer, "%s", "fifth"));
    assert_true(buffer.overflow);
}

/* The directives that are written without printf(), and some that are not, in one format each. */
static void formats_are_those_of_printf(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(1000);
    const char *volatile nothing = NULL;
    char expected[200];

    (void)state;
    buffer_format(&buffer, "a%s:v%zu%c%d|%s", "bc", SIZE_MAX, '%', INT32_MIN, "");
    assert_string_equal(buffer.data, "abc:v18446744073709551615%-2147483648|");
    buffer_clear(&buffer);
    buffer_format(&buffer, "%s %d%% %.2s %5zu %lld %04d %u", "one", 5, "three", (size_t)7, -9LL, 11,
                  13U);
    snprintf(expected, sizeof(expected), "%s %d%% %.2s %5zu %lld %04d %u", "one", 5, "three",
             (size_t)7, -9LL, 11, 13U);
    assert_string_equal(buffer.data, expected);
    buffer_clear(&buffer);
    buffer_format(&buffer, "%s%s", "no ", nothing);
    assert_string_equal(buffer.data, "no (null)");
}

static void a_format_stands_whole_or_not_at_all(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(8);

    (void)state;
    buffer_text(&buffer, "four");
    assert_false(buffer_format(&buffer, "%s%s", "six", "ten"));
    assert_true(buffer.overflow);
    assert_string_equal(buffer.data, "four");
}

static void a_buffer_never_holds_more_memory_than_its_ceiling(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(700);

    (void)state;
    for (size_t i = 0; i < 700; i++)
        assert_true(buffer_byte(&buffer, 'x'));
    assert_int_equal(buffer.size, 701);
    assert_false(buffer_byte(&buffer, 'x'));
    assert_int_equal(buffer.len, 700);
}

static void a_buffer_grows_over_many_sizes(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(100000);

    (void)state;
    for (size_t i = 0; i < 100000; i++)
        assert_true(buffer_byte(&buffer, (char)('a' + i % 26)));
    assert_int_equal(strlen(buffer.data), 100000);
    assert_int_equal(buffer.data[99999], 'a' + 99999 % 26);
}

static void whole_numbers_are_written_from_end_to_end(void **state)
{
    static const struct {
        int64_t value;
        const char *text;
    } numbers[] = {
        { 0, "0" },
        { -1, "-1" },
        { 10, "10" },
        { INT64_MAX, "9223372036854775807" },
        { INT64_MIN, "-9223372036854775808" },
    };
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(100);

    (void)state;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        buffer_clear(&buffer);
        assert_true(buffer_integer(&buffer, numbers[i].value));
        assert_string_equal(buffer.data, numbers[i].text);
    }
}

static void every_ascii_character_survives_json(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(4096);
    json_auto_t *read = NULL;
    char text[128];

    (void)state;
    for (int i = 0; i < 127; i++)
        text[i] = (char)(i + 1);
    text[127] = '\0';
    assert_true(buffer_json(&buffer, text, 127));
    read = json_loadb(buffer.data, buffer.len, JSON_DECODE_ANY, NULL);
    assert_non_null(read);
    assert_string_equal(json_string_value(read), text);
}

/* Bytes that need an escape at each place of a word, beside bytes that look like them in a sum. */
static void an_escape_is_found_wherever_it_stands(void **state)
{
    static const char odd[] = "\"\\\n\x01\x1f";
    static const char even[] = " !#[]\x7f\xc3\xa2\xc2\xa0";

    (void)state;
    for (size_t at = 0; at < 20; at++) {
        for (size_t i = 0; i < sizeof(odd) - 1; i++) {
            defer(buffer_done) struct buffer buffer = BUFFER_INIT(200);
            json_auto_t *read = NULL;
            char text[21] = "";

            for (size_t j = 0; j < 20; j++)
                text[j] = even[j % (sizeof(even) - 1)];
            text[at] = odd[i];
            assert_true(buffer_json(&buffer, text, 20));
            /* What jansson does not take as UTF-8 (a pair that was cut) is not looked at. */
            read = json_loadb(buffer.data, buffer.len, JSON_DECODE_ANY, NULL);
            if (read != NULL)
                assert_string_equal(json_string_value(read), text);
            for (size_t j = 0; j < buffer.len; j++)
                assert_true((unsigned char)buffer.data[j] >= 0x20);
        }
    }
}

static void quotes_and_other_scripts_survive_json(void **state)
{
    static const char text[] = "\"Tïn\" \\ Тинвиль \xf0\x9f\x95\x8a \xe2\x80\xa8";
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(4096);
    json_auto_t *read = NULL;

    (void)state;
    assert_true(buffer_json(&buffer, text, strlen(text)));
    read = json_loadb(buffer.data, buffer.len, JSON_DECODE_ANY, NULL);
    assert_non_null(read);
    assert_string_equal(json_string_value(read), text);
}

static void percent_encoding_leaves_the_unreserved_alone(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(4096);

    (void)state;
    assert_true(buffer_percent(&buffer, "aZ09-._~ /?&=#%+,:ï", ",:"));
    assert_string_equal(buffer.data, "aZ09-._~%20%2F%3F%26%3D%23%25%2B,:%C3%AF");
}

static void markup_escapes_what_would_end_a_text_or_an_attribute(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(4096);

    (void)state;
    assert_true(buffer_markup(&buffer, "<a b=\"c\"> & 'ï'\t\n\r"));
    assert_string_equal(buffer.data, "&lt;a b=&quot;c&quot;&gt; &amp; 'ï'\t\n\r");
}

static void markup_has_no_control_characters(void **state)
{
    defer(buffer_done) struct buffer buffer = BUFFER_INIT(4096);

    (void)state;
    assert_true(buffer_markup(&buffer, "a\x01z\x1f"));
    assert_string_equal(buffer.data, "a\xef\xbf\xbdz\xef\xbf\xbd");
}

static void a_stolen_text_is_the_callers(void **state)
{
    struct buffer buffer = BUFFER_INIT(10);
    size_t len = 7;
    char *text;

    (void)state;
    text = buffer_steal(&buffer, &len);
    assert_string_equal(text, "");
    assert_int_equal(len, 0);
    free(text);
    buffer_text(&buffer, "one");
    text = buffer_steal(&buffer, &len);
    assert_string_equal(text, "one");
    assert_int_equal(len, 3);
    assert_null(buffer.data);
    free(text);
    assert_true(buffer_text(&buffer, "two"));
    buffer_done(&buffer);
}

static void destructors_take_nothing_and_the_never_filled(void **state)
{
    struct buffer buffer = { 0 };

    (void)state;
    buffer_done(NULL);
    buffer_done(&buffer);
    buffer_done(&buffer);
    buffer_clear(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_holds_what_was_added),
        cmocka_unit_test(the_ceiling_is_reached_and_not_passed),
        cmocka_unit_test(a_broken_buffer_stays_broken_until_it_is_cleared),
        cmocka_unit_test(a_format_past_the_ceiling_breaks_the_buffer),
        cmocka_unit_test(formats_are_those_of_printf),
        cmocka_unit_test(a_format_stands_whole_or_not_at_all),
        cmocka_unit_test(a_buffer_never_holds_more_memory_than_its_ceiling),
        cmocka_unit_test(a_buffer_grows_over_many_sizes),
        cmocka_unit_test(whole_numbers_are_written_from_end_to_end),
        cmocka_unit_test(every_ascii_character_survives_json),
        cmocka_unit_test(an_escape_is_found_wherever_it_stands),
        cmocka_unit_test(quotes_and_other_scripts_survive_json),
        cmocka_unit_test(percent_encoding_leaves_the_unreserved_alone),
        cmocka_unit_test(markup_escapes_what_would_end_a_text_or_an_attribute),
        cmocka_unit_test(markup_has_no_control_characters),
        cmocka_unit_test(a_stolen_text_is_the_callers),
        cmocka_unit_test(destructors_take_nothing_and_the_never_filled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
