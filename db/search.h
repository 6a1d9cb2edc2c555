#pragma once

/* Full-text search: what people write -> what FTS5 is asked, and words of a text with those found
 * marked. Nothing that a user wrote reaches FTS5's own syntax. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include "server/base/buffer.h"
#include "server/base/error.h"

enum {
    SEARCH_WORDS = 16,   /* most words of one search */
    SEARCH_WORD = 128,   /* bytes of a folded word and its NUL; of longer ones the rest is cut */
    SEARCH_SNIPPET = 24, /* words of a snippet */
};

/** What stands around a found word in a snippet. Where a text has them itself, it is shown with
 * square brackets. */
#define SEARCH_MARK "\u27e6"
#define SEARCH_MARK_END "\u27e7"

/** Words that follow each other. */
struct search_phrase {
    size_t first, n;  /* its words: n from words[first] on; n is at least 1 */
    bool is_prefix;   /* the last word is the beginning of one */
    bool is_unwanted; /* what has it is not found */
};

/** What is searched for. Owns nothing. */
struct search {
    char words[SEARCH_WORDS][SEARCH_WORD]; /* folded: letters and digits alone */
    size_t n_words;
    struct search_phrase phrases[SEARCH_WORDS]; /* all have to be found, but the unwanted */
    size_t n_phrases;
};

/** One word of a text. */
struct search_token {
    size_t first, end;      /* the bytes of the text from first up to end */
    char word[SEARCH_WORD]; /* folded */
};

/**
 * Cuts the next word off a text: letters and digits that follow each other, without case, accents
 * and other marks, and with plain letters for those that have no mark to strip (o for ø, ss for ß).
 *
 * Shape: *at is the byte to begin with, and afterwards the one behind the word. Bytes that are no
 * UTF-8 stand between words. False at the end.
 */
bool search_token(const char *text, size_t *at, struct search_token *ret);

/**
 * Reads what a user wrote: words, "a phrase", prefix*, -left-out. Everything else parts words, and
 * words with no space between them are a phrase.
 *
 * Errors: ERR_PARAM_INVALID with the parameter's name for no wanted word, or for more than
 * SEARCH_WORDS words.
 */
bool search_parse(const char *param, const char *text, struct search *ret, struct error *err);

/** Makes the last word that is wanted the beginning of one. */
void search_complete(struct search *search);

/** Appends the expression for FTS5's MATCH, every word quoted; is_name: in titles and names
 * alone. */
void search_expression(const struct search *search, bool is_name, struct buffer *ret);

/** Whether n texts together (NULL: none) hold everything that is wanted, and nothing that is not.
 */
bool search_holds(const struct search *search, const char *const *texts, size_t n);

/**
 * Appends a piece of the text that holds the most of what is wanted (of equals the first), around
 * where it does, the found words marked and cut ends shown by an ellipsis.
 *
 * Shape: plain text of at most SEARCH_SNIPPET words. False without memory.
 */
bool search_snippet(const struct search *search, const char *const *texts, size_t n,
                    struct buffer *ret);

/**
 * Registers on a connection what SQL asks, with q as a user wrote it and `names` 0, or 1 to find
 * the beginnings of names:
 *
 * search_tokens(text): its words as the index holds them, NULL for NULL;
 * search_expression(q, names), search_snippet(q, names, text, ...): as above;
 * search_holds(q, text, ...): as above, 1 or 0;
 * search_score(search): points of a row of that FTS5 table, of the row and the question alone: what
 * other rows say does not change them, so that the answer as of a day stays what it was.
 *
 * Errors: false, with SQLite's words in sqlite3_errmsg().
 */
bool search_register(sqlite3 *db);
