/*
 * The search syntax: whatever a user writes, full-text search takes the expression made of it, and
 * finds in that index what the program finds by itself; the words of a text are words again. The
 * first line is what is looked for, the rest a text.
 */

#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "db/search.h"
#include "tests/fuzz/fuzz.h"

enum { LINES = 2, ROOM = 64 << 10 };

static sqlite3 *db;
static sqlite3_stmt *insert, *find, *clear;

static void begin(void)
{
    must(sqlite3_open(":memory:", &db) == SQLITE_OK && search_register(db), "memory");
    must(sqlite3_exec(db,
                      "CREATE VIRTUAL TABLE search USING fts5(title, names, text, tokenize = "
                      "'ascii')",
                      NULL, NULL, NULL)
                 == SQLITE_OK
             && sqlite3_prepare_v2(
                    db,
                    "INSERT INTO search(title, names, text) VALUES (?1, NULL, search_tokens(?2))",
                    -1, &insert, NULL)
                    == SQLITE_OK
             && sqlite3_prepare_v2(db,
                                   "SELECT search_score(search) FROM search WHERE search MATCH ?1",
                                   -1, &find, NULL)
                    == SQLITE_OK
             && sqlite3_prepare_v2(db, "DELETE FROM search", -1, &clear, NULL) == SQLITE_OK,
         "%s", sqlite3_errmsg(db));
}

static void end(void)
{
    sqlite3_finalize(insert);
    sqlite3_finalize(find);
    sqlite3_finalize(clear);
    sqlite3_close(db);
}

/* A word of a text is one word, and the same when it is read again. */
static void check_words(const char *text)
{
    struct search_token token, again;
    size_t before = 0;

    for (size_t at = 0; search_token(text, &at, &token);) {
        size_t inner = 0;

        must(token.first >= before && token.end > token.first && token.end <= at
                 && at <= strlen(text),
             "words follow each other");
        before = token.end;
        must(token.word[0] != '\0' && strlen(token.word) < SEARCH_WORD
                 && fuzz_is_utf8(token.word, strlen(token.word)),
             "a word is text");
        must(search_token(token.word, &inner, &again) && strcmp(again.word, token.word) == 0
                 && again.first == 0 && again.end == strlen(token.word),
             "'%s' is one word, and becomes '%s'", token.word, again.word);
    }
}

/* A snippet is the text but for its marks, cut ends and brackets; fewer bytes than it, those
 * aside. */
static void check_snippet(const struct search *search, const char *text)
{
    struct buffer snippet = BUFFER_INIT(ROOM);
    int depth = 0;

    must(search_snippet(search, &text, 1, &snippet), "memory");
    for (const char *at = snippet.data; at != NULL && *at != '\0'; at++) {
        if (strncmp(at, SEARCH_MARK, strlen(SEARCH_MARK)) == 0)
            must(++depth == 1, "marks open one at a time");
        if (strncmp(at, SEARCH_MARK_END, strlen(SEARCH_MARK_END)) == 0)
            must(--depth == 0, "marks close what they opened");
    }
    must(depth == 0, "every mark is closed");
    if (fuzz_is_utf8(text, strlen(text)))
        must(snippet.len == 0 || fuzz_is_utf8(snippet.data, snippet.len), "a snippet is text");
    buffer_done(&snippet);
}

static bool is_found(const struct buffer *expression)
{
    bool is_row;
    int status;

    sqlite3_bind_text(find, 1, expression->data, (int)expression->len, SQLITE_STATIC);
    status = sqlite3_step(find);
    is_row = status == SQLITE_ROW;
    must(is_row || status == SQLITE_DONE, "%s: %s", expression->data, sqlite3_errmsg(db));
    if (is_row)
        must(sqlite3_column_int(find, 0) > 0, "what is found has points");
    sqlite3_reset(find);
    sqlite3_clear_bindings(find);
    return is_row;
}

static void one(const uint8_t *bytes, size_t len)
{
    char *lines[LINES];
    struct search search;
    struct error err = { 0 };
    struct buffer expression = BUFFER_INIT(SEARCH_WORDS * (SEARCH_WORD + 16));
    const char *text;

    fuzz_lines(bytes, len, lines, LINES);
    text = lines[1];
    check_words(lines[0]);
    check_words(text);
    if (search_parse("q", lines[0], &search, &err)) {
        must(search.n_words > 0 && search.n_words <= SEARCH_WORDS && search.n_phrases > 0
                 && search.n_phrases <= SEARCH_WORDS,
             "%zu words in %zu phrases", search.n_words, search.n_phrases);
        sqlite3_bind_text(insert, 2, text, -1, SQLITE_STATIC);
        must(sqlite3_step(insert) == SQLITE_DONE, "%s", sqlite3_errmsg(db));
        sqlite3_reset(insert);
        sqlite3_clear_bindings(insert);
        search_expression(&search, false, &expression);
        must(!expression.broken, "the expression has room");
        must(is_found(&expression) == search_holds(&search, &text, 1),
             "'%s' of '%s': the index says %d", lines[0], text, is_found(&expression));
        check_snippet(&search, text);
        search_complete(&search);
        buffer_clear(&expression);
        search_expression(&search, true, &expression);
        must(!expression.broken, "the expression has room");
        is_found(&expression);
        must(sqlite3_step(clear) == SQLITE_DONE, "%s", sqlite3_errmsg(db));
        sqlite3_reset(clear);
    } else {
        must(err.code == ERR_PARAM_INVALID && strcmp(err.param, "q") == 0, "code %d",
             (int)err.code);
    }
    buffer_done(&expression);
    fuzz_lines_free(lines, LINES);
}

const struct fuzz_target target_search = {
    .name = "search", .longest = 600, .runs = 4000, .begin = begin, .one = one, .end = end
};
