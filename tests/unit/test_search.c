/* db/search.c: words, what FTS5 is asked, and found words marked. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "db/search.h"
#include "server/base/cleanup.h"

enum { TEXT_MOST = 1 << 16 };

/* The words of a text, as the index holds them. */
static void assert_words(const char *text, const char *expected)
{
    char words[512] = "";
    struct search_token token;
    size_t len = 0;

    for (size_t at = 0; search_token(text, &at, &token);) {
        assert_true(token.first < token.end && token.end <= strlen(text) && at >= token.end);
        len += (size_t)snprintf(words + len, sizeof(words) - len, "%s%s", len > 0 ? " " : "",
                                token.word);
    }
    assert_string_equal(words, expected);
}

static void words_have_no_case_no_accents_and_no_marks(void **state)
{
    (void)state;
    assert_words("Goïta GOÏTA goita Goi\xcc\x88ta", "goita goita goita goita");
    assert_words("Côte d'Ivoire", "cote d ivoire");
    assert_words("Voilà\u2026Tout", "voila tout");
    assert_words("S/RES/2690 (2023)", "s res 2690 2023");
    assert_words("Голубой ФОНАРЬ", "голубои фонарь");
    assert_words("\uff37agner", "wagner"); /* full width */
    assert_words("zero\u200dwidth soft\u00adhyphen", "zerowidth softhyphen");
}

static void letters_without_a_mark_to_strip_are_written_plainly(void **state)
{
    (void)state;
    assert_words("Sørensen Łódź Straße Æthelred œuvre Iğdır Đorđe Þór",
                 "sorensen lodz strasse aethelred oeuvre igdir dorde thor");
    assert_words("Sorensen Lodz Strasse", "sorensen lodz strasse");
    assert_words("Ɓagi Ɗan Ƙasa Bamanankan Sɛgu Kɔrɔ", "bagi dan kasa bamanankan segu koro");
    assert_words("Sharī\u02bfa N\u02bcDjamena N\u2019Djamena", "sharia n djamena n djamena");
}

static void bytes_that_are_no_utf8_part_words(void **state)
{
    (void)state;
    assert_words("a\xff"
                 "b",
                 "a b");
    assert_words("a\xc0\xaf"
                 "b",
                 "a b"); /* overlong */
    assert_words("a\xed\xa0\x80"
                 "b",
                 "a b");            /* half of a surrogate pair */
    assert_words("a\xf0\x9f", "a"); /* cut off */
    assert_words("\xe2\x80", "");
    assert_words("", "");
}

static void a_long_word_is_cut_and_still_one(void **state)
{
    char text[1000];
    struct search_token token;
    size_t at = 0;

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(search_token(text, &at, &token));
    assert_int_equal(strlen(token.word), SEARCH_WORD - 1);
    assert_int_equal(token.end, sizeof(text) - 1);
    assert_false(search_token(text, &at, &token));
}

static void assert_expression(const char *text, const char *expected)
{
    defer(buffer_done) struct buffer expression = BUFFER_INIT(TEXT_MOST);
    struct error err = { 0 };
    struct search search;

    if (!search_parse("q", text, &search, &err))
        fail_msg("%s: %s", text, err.detail);
    search_expression(&search, false, &expression);
    assert_string_equal(expression.data, expected);
}

static void words_are_all_wanted(void **state)
{
    (void)state;
    assert_expression("minusma", "(\"minusma\")");
    assert_expression("  MINUSMA\t Goïta ", "(\"minusma\" AND \"goita\")");
}

static void what_stands_in_quotes_or_without_a_space_is_a_phrase(void **state)
{
    (void)state;
    assert_expression("\"Wagner Group\" mali", "(\"wagner group\" AND \"mali\")");
    assert_expression("\u201cWagner Group\u201d", "(\"wagner group\")");
    assert_expression("\u00abWagner Group\u00bb", "(\"wagner group\")");
    assert_expression("\"never closed", "(\"never closed\")");
    assert_expression("al-Qaida", "(\"al qaida\")");
    assert_expression("S/RES/2100", "(\"s res 2100\")");
    assert_expression("a\"b c\"d", "(\"a\" AND \"b c\" AND \"d\")");
}

static void a_star_is_the_rest_of_a_word(void **state)
{
    (void)state;
    assert_expression("minu*", "(\"minu\" *)");
    assert_expression("al-qa*", "(\"al qa\" *)");
    assert_expression("\"wagner gr\"*", "(\"wagner gr\" *)");
    assert_expression("\"wagner gr*\"", "(\"wagner gr\")"); /* inside of quotes it parts words */
    assert_expression("mi*nu", "(\"mi nu\")");
    assert_expression("minu *", "(\"minu\")");
}

static void a_minus_leaves_out(void **state)
{
    (void)state;
    assert_expression("wagner -mali", "(\"wagner\") NOT (\"mali\")");
    assert_expression("-mali wagner -\"people killed\" -mou*",
                      "(\"wagner\") NOT (\"mali\" OR \"people killed\" OR \"mou\" *)");
    assert_expression("wagner - mali", "(\"wagner\" AND \"mali\")");
    assert_expression("wagner --mali", "(\"wagner\") NOT (\"mali\")");
}

static void nothing_of_the_syntax_of_fts5_is_left(void **state)
{
    (void)state;
    assert_expression("NEAR(a b, 2)", "(\"near a\" AND \"b\" AND \"2\")");
    assert_expression("title:x AND y OR NOT z",
                      "(\"title x\" AND \"and\" AND \"y\" AND \"or\" AND \"not\" AND \"z\")");
    assert_expression("^x + {a} : \"\"\"", "(\"x\" AND \"a\")");
    assert_expression("x' OR 1=1; --", "(\"x\" AND \"or\" AND \"1 1\")");
}

static void assert_refused(const char *text, const char *words)
{
    struct error err = { 0 };
    struct search search;

    if (search_parse("q", text, &search, &err))
        fail_msg("'%s' is taken", text);
    assert_int_equal(err.code, ERR_PARAM_INVALID);
    assert_string_equal(err.param, "q");
    if (strstr(err.detail, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, err.detail);
}

static void no_word_is_refused(void **state)
{
    static const char *const none[] = { "",    " ",     "\"\"",     "*",       "-",
                                        "?!.", "-mali", "\xff\xfe", "\xcc\x88" /* a mark alone */ };

    (void)state;
    for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
        assert_refused(none[i], "has no word to look for");
}

static void sixteen_words_are_taken_and_no_more(void **state)
{
    struct error err = { 0 };
    struct search search;

    (void)state;
    assert_true(search_parse("q", "a b c d e f g h i j k l m n o p", &search, &err));
    assert_int_equal(search.n_words, SEARCH_WORDS);
    assert_refused("a b c d e f g h i j k l m n o p q", "takes at most 16 words");
    assert_refused("\"a b c d e f g h i j k l m n o p q\"", "takes at most 16 words");
    assert_refused("a b c d e f g h -i j k l m n o p -q", "takes at most 16 words");
}

static void a_name_is_completed_by_its_last_word(void **state)
{
    defer(buffer_done) struct buffer expression = BUFFER_INIT(TEXT_MOST);
    struct error err = { 0 };
    struct search search;

    (void)state;
    assert_true(search_parse("q", "wagner gr -mali", &search, &err));
    search_complete(&search);
    search_expression(&search, true, &expression);
    assert_string_equal(expression.data,
                        "{title names} : ((\"wagner\" AND \"gr\" *) NOT (\"mali\"))");
}

static void assert_snippet(const char *q, const char *text, const char *other, const char *expected)
{
    defer(buffer_done) struct buffer snippet = BUFFER_INIT(TEXT_MOST);
    const char *const texts[] = { text, other };
    struct error err = { 0 };
    struct search search;

    assert_true(search_parse("q", q, &search, &err));
    assert_true(search_snippet(&search, texts, 2, &snippet));
    assert_string_equal(snippet.data != NULL ? snippet.data : "", expected);
}

static void found_words_are_marked_as_they_are_written(void **state)
{
    (void)state;
    assert_snippet("goita", "Colonel Assimi Goïta.", NULL, "Colonel Assimi ⟦Goïta⟧.");
    assert_snippet("goi*", "Goi\xcc\x88ta, GOÏTA", NULL, "⟦Goi\xcc\x88ta⟧, ⟦GOÏTA⟧");
    assert_snippet("\"the group\"", "the Wagner of the group", NULL, "the Wagner of ⟦the⟧ ⟦group⟧");
    assert_snippet("wagner -mali", "Wagner, Mali", NULL, "⟦Wagner⟧, Mali");
}

static void the_text_that_holds_the_most_is_shown(void **state)
{
    (void)state;
    assert_snippet("wagner mali", "Wagner", "Mali and Wagner", "⟦Mali⟧ and ⟦Wagner⟧");
    assert_snippet("wagner", "Wagner one", "Wagner two", "⟦Wagner⟧ one");
    assert_snippet("wagner", NULL, "Wagner two", "⟦Wagner⟧ two");
}

static void a_long_text_is_cut_around_what_was_found(void **state)
{
    char text[2000] = "";

    (void)state;
    for (int i = 0; i < 100; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "w%d ", i);
    assert_snippet("w50", text, NULL,
                   "…w46 w47 w48 w49 ⟦w50⟧ w51 w52 w53 w54 w55 w56 w57 w58 w59 w60 w61 w62 w63 "
                   "w64 w65 w66 w67 w68 w69…");
    assert_snippet("w99", text, NULL,
                   "…w76 w77 w78 w79 w80 w81 w82 w83 w84 w85 w86 w87 w88 w89 w90 w91 w92 w93 w94 "
                   "w95 w96 w97 w98 ⟦w99⟧ ");
    /* Where both are near each other, and not where one is first. */
    snprintf(text, 7, "w70 w7");
    text[6] = ' ';
    assert_snippet("w70 w71", text, NULL,
                   "…w66 w67 w68 w69 ⟦w70⟧ ⟦w71⟧ w72 w73 w74 w75 w76 w77 w78 w79 w80 w81 w82 w83 "
                   "w84 w85 w86 w87 w88 w89…");
}

static void brackets_of_a_text_are_no_marks(void **state)
{
    (void)state;
    assert_snippet("b", "⟦a⟧ b\n<c>", NULL, "[a] ⟦b⟧ <c>");
}

static void words_are_held_by_several_texts_together(void **state)
{
    const char *const texts[] = { "Wagner Group", NULL, "in Mali" };
    struct error err = { 0 };
    struct search search;

    (void)state;
    assert_true(search_parse("q", "wagner mali", &search, &err));
    assert_true(search_holds(&search, texts, 3));
    assert_false(search_holds(&search, texts, 1));
    assert_true(search_parse("q", "\"group in\"", &search, &err));
    assert_false(search_holds(&search, texts, 3));
    assert_true(search_parse("q", "wag* -mali", &search, &err));
    assert_false(search_holds(&search, texts, 3));
    assert_true(search_holds(&search, texts, 2));
}

/* What a table of three documents finds, the best first: "id points". */
static void assert_found(const char *q, int is_name, const char *expected)
{
    static const char fill[] =
        "CREATE VIRTUAL TABLE search USING fts5 (title, names, text, ids, content = '');"
        "INSERT INTO search (rowid, title, names, text, ids)"
        " SELECT column1, search_tokens(column2), search_tokens(column3), search_tokens(column4),"
        " search_tokens(column5) FROM (VALUES (1, 'MINUSMA', 'Mission in Mali', NULL, 'minusma'),"
        " (2, 'End of MINUSMA', NULL, 'Mali', 'end'),"
        " (3, 'Coup', NULL, 'MINUSMA said so; MINUSMA again', 'coup-in-mali'))";
    static const char ask[] =
        "SELECT coalesce(group_concat(rowid || ' ' || points, ', '), 'none') FROM ("
        "SELECT rowid, search_score(search) AS points FROM search"
        " WHERE search MATCH search_expression(?1, ?2) ORDER BY points DESC, rowid)";
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_true(search_register(db));
    assert_int_equal(sqlite3_exec(db, fill, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, ask, -1, &stmt, NULL), SQLITE_OK);
    sqlite3_bind_text(stmt, 1, q, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 2, is_name);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), expected);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

static void names_count_more_than_texts_and_whole_titles_more_than_parts(void **state)
{
    (void)state;
    assert_found("minusma", 0, "1 201, 2 133, 3 21");
    assert_found("mali", 0, "1 80, 2 20, 3 20");
    assert_found("minusma mali", 0, "1 191, 2 93, 3 21");
    assert_found("minu", 1, "1 200, 2 133");
    assert_found("minusma -coup", 0, "1 201, 2 133");
    assert_found("nothing", 0, "none");
}

/* The database fails at nothing that was taken, whatever was written. */
static void anything_at_all_is_a_question_or_refused(void **state)
{
    static const char alphabet[] = "ab*\"-():^{}+ \\'\xc3\xaf\xff\xe2\x80\x9c%;ANDORNOTNEAR";
    static const char ask[] =
        "SELECT count(*) FROM search WHERE search MATCH search_expression(?1, ?2)";
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    uint32_t seed = 7;
    int n_taken = 0;

    (void)state;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_true(search_register(db));
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE VIRTUAL TABLE search USING fts5 (title, names, text);"
                                  "INSERT INTO search VALUES ('a', 'b', 'a b ab and or not')",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, ask, -1, &stmt, NULL), SQLITE_OK);
    for (int i = 0; i < 3000; i++) {
        char text[40];
        struct search search;
        struct error err = { 0 };
        size_t len = 1 + (seed >> 8) % (sizeof(text) - 1);

        for (size_t j = 0; j < len; j++) {
            seed = seed * 1664525 + 1013904223;
            text[j] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }
        text[len] = '\0';
        if (!search_parse("q", text, &search, &err)) {
            assert_int_equal(err.code, ERR_PARAM_INVALID);
            continue;
        }
        n_taken++;
        sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
        sqlite3_bind_int(stmt, 2, i % 2);
        if (sqlite3_step(stmt) != SQLITE_ROW)
            fail_msg("'%s': %s", text, sqlite3_errmsg(db));
        sqlite3_reset(stmt);
    }
    assert_true(n_taken > 1000);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_have_no_case_no_accents_and_no_marks),
        cmocka_unit_test(letters_without_a_mark_to_strip_are_written_plainly),
        cmocka_unit_test(bytes_that_are_no_utf8_part_words),
        cmocka_unit_test(a_long_word_is_cut_and_still_one),
        cmocka_unit_test(words_are_all_wanted),
        cmocka_unit_test(what_stands_in_quotes_or_without_a_space_is_a_phrase),
        cmocka_unit_test(a_star_is_the_rest_of_a_word),
        cmocka_unit_test(a_minus_leaves_out),
        cmocka_unit_test(nothing_of_the_syntax_of_fts5_is_left),
        cmocka_unit_test(no_word_is_refused),
        cmocka_unit_test(sixteen_words_are_taken_and_no_more),
        cmocka_unit_test(a_name_is_completed_by_its_last_word),
        cmocka_unit_test(found_words_are_marked_as_they_are_written),
        cmocka_unit_test(the_text_that_holds_the_most_is_shown),
        cmocka_unit_test(a_long_text_is_cut_around_what_was_found),
        cmocka_unit_test(brackets_of_a_text_are_no_marks),
        cmocka_unit_test(words_are_held_by_several_texts_together),
        cmocka_unit_test(names_count_more_than_texts_and_whole_titles_more_than_parts),
        cmocka_unit_test(anything_at_all_is_a_question_or_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
