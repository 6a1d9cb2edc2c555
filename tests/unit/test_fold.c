/* Names without regard to case and accents. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/fold.h"

static void assert_folded(const char *text, const char *right)
{
    char folded[256];
    size_t len = fold_name(text, folded, sizeof(folded));

    if (len == 0)
        fail_msg("'%s' folds to nothing", text);
    assert_string_equal(folded, right);
    assert_int_equal(len, strlen(right));
}

static void case_and_accents_do_not_matter(void **state)
{
    (void)state;
    assert_folded("Goïta", "goita");
    assert_folded("GOI\xcc\x88TA", "goita");
    assert_folded("Голубой Фонарь", "голубои фонарь");
    assert_folded("Straße", "strasse");
    assert_folded("MINUSMA", "minusma");
    assert_folded("Côte d’Ivoire", "cote d'ivoire");
}

static void white_space_is_one_space_and_none_at_the_ends(void **state)
{
    (void)state;
    assert_folded("  Blue \t\n Lantern  ", "blue lantern");
    assert_folded("Blue\xc2\xa0Lantern", "blue lantern");
}

static void typographic_marks_become_the_plain_ones(void **state)
{
    (void)state;
    assert_folded("Guinea\xe2\x80\x93"
                  "Bissau",
                  "guinea-bissau");
    assert_folded("Guinea\xe2\x80\x91"
                  "Bissau",
                  "guinea-bissau");
    assert_folded("\xe2\x80\x98It\xca\xbcs\xe2\x80\x99", "'it's'");
}

static void different_names_stay_different(void **state)
{
    char a[64], b[64];

    (void)state;
    assert_int_not_equal(fold_name("Niger", a, sizeof(a)), 0);
    assert_int_not_equal(fold_name("Nigeria", b, sizeof(b)), 0);
    assert_string_not_equal(a, b);
}

static void what_is_folded_folds_to_itself(void **state)
{
    static const char *const texts[] = { "Goïta", "Straße", "Голубой", "ﬁ  Ⅷ", "İstanbul", "Å" };
    char once[128], twice[128];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        assert_int_not_equal(fold_name(texts[i], once, sizeof(once)), 0);
        assert_int_not_equal(fold_name(once, twice, sizeof(twice)), 0);
        assert_string_equal(once, twice);
    }
}

static void nothing_comes_of_nothing(void **state)
{
    char folded[8];

    (void)state;
    assert_int_equal(fold_name("", folded, sizeof(folded)), 0);
    assert_int_equal(fold_name(" \t\n", folded, sizeof(folded)), 0);
    assert_int_equal(fold_name("\xcc\x88", folded, sizeof(folded)), 0);
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    char folded[64];

    (void)state;
    assert_int_equal(fold_name("a\xff", folded, sizeof(folded)), 0);
    assert_int_equal(fold_name("a\xc3", folded, sizeof(folded)), 0);
    assert_int_equal(fold_name("\xed\xa0\x80", folded, sizeof(folded)), 0);
    assert_int_equal(fold_name("\xc0\x80", folded, sizeof(folded)), 0);
}

static void a_name_fits_to_the_byte_or_not_at_all(void **state)
{
    char folded[6];

    (void)state;
    assert_int_equal(fold_name("Niger", folded, 6), 5);
    assert_string_equal(folded, "niger");
    assert_int_equal(fold_name("Niger", folded, 5), 0);
    assert_int_equal(fold_name("a  b", folded, 3), 0);
    assert_int_equal(fold_name("a  b", folded, 4), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(case_and_accents_do_not_matter),
        cmocka_unit_test(white_space_is_one_space_and_none_at_the_ends),
        cmocka_unit_test(typographic_marks_become_the_plain_ones),
        cmocka_unit_test(different_names_stay_different),
        cmocka_unit_test(what_is_folded_folds_to_itself),
        cmocka_unit_test(nothing_comes_of_nothing),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(a_name_fits_to_the_byte_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
