#include "db/search.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "db/finalize.h"
#include "server/base/cleanup.h"

enum {
    PIECES = 32,            /* most code points that one decomposes into */
    TEXT_MOST = 16 << 20,   /* bytes of the words of one text */
    SNIPPET_MOST = 1 << 16, /* bytes of a snippet */
    LOOKED_AT = 1 << 16,    /* words of a text that are looked through */
};

/* Columns of the FTS5 table, in its order. */
enum search_column { COLUMN_TITLE, COLUMN_NAMES, COLUMN_TEXT, COLUMN_IDS, COLUMN__MAX };

/* ---- words ---- */

/* What a letter is written as where there is no mark to strip: people type what their keys have. */
static const char *plain(utf8proc_int32_t c)
{
    switch (c) {
    case 0x00E6: /* ae */
        return "ae";
    case 0x0153: /* oe */
        return "oe";
    case 0x00F8: /* o with stroke */
    case 0x0254: /* open o */
        return "o";
    case 0x0142: /* l with stroke */
        return "l";
    case 0x0131: /* dotless i */
        return "i";
    case 0x00F0: /* eth */
    case 0x0111: /* d with stroke */
    case 0x0257: /* d with hook */
        return "d";
    case 0x00FE: /* thorn */
        return "th";
    case 0x0127: /* h with stroke */
        return "h";
    case 0x0167: /* t with stroke */
        return "t";
    case 0x0253: /* b with hook */
        return "b";
    case 0x0199: /* k with hook */
        return "k";
    case 0x01B4: /* y with hook */
        return "y";
    case 0x014B: /* eng */
    case 0x0272: /* n with left hook */
        return "n";
    case 0x025B: /* open e */
        return "e";
    default:
        return NULL;
    }
}

/* Signs that transliterations write inside a word, and that most people leave out. */
static bool is_left_out(utf8proc_int32_t c)
{
    return c == 0x02B9 || c == 0x02BA || c == 0x02BB || c == 0x02BE || c == 0x02BF;
}

static bool is_in_word(utf8proc_int32_t c)
{
    utf8proc_category_t category = utf8proc_category(c);

    return c != 0x02BC /* an apostrophe that counts as a letter */
           && ((category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO)
               || (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO));
}

static void add_letter(struct search_token *token, size_t *len, utf8proc_int32_t c)
{
    const char *letters = plain(c);
    utf8proc_uint8_t bytes[4];
    size_t n;

    if (letters != NULL) {
        n = strlen(letters);
        memcpy(bytes, letters, n);
    } else {
        n = (size_t)utf8proc_encode_char(c, bytes);
    }
    if (*len + n < sizeof(token->word)) {
        memcpy(token->word + *len, bytes, n);
        *len += n;
    }
}

/* Folds one code point: adds its letters to the token. False where the word ends before it. */
static bool take_code_point(utf8proc_int32_t c, struct search_token *token, size_t *len)
{
    utf8proc_int32_t pieces[PIECES];
    int last = 0;
    utf8proc_ssize_t n =
        utf8proc_decompose_char(c, pieces, PIECES,
                                UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK
                                    | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE,
                                &last);

    bool is_taken = n == 0; /* a mark, or what is not to be seen */

    if (n < 0 || n > PIECES)
        return false;
    /* What parts words inside of a code point (the stroke of 1/2) is left out: a place in the text
     * has one end alone. */
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        is_taken = is_taken || is_in_word(pieces[i]) || is_left_out(pieces[i]);
        if (is_in_word(pieces[i]) && !is_left_out(pieces[i]))
            add_letter(token, len, pieces[i]);
    }
    return is_taken;
}

bool search_token(const char *text, size_t *at, struct search_token *ret)
{
    size_t len = 0, place = *at;

    ret->first = ret->end = place;
    while (text[place] != '\0') {
        utf8proc_int32_t c = -1;
        utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)text + place, -1, &c);
        bool is_taken = step > 0 && take_code_point(c, ret, &len);

        if (!is_taken && len > 0)
            break;
        place += step > 0 ? (size_t)step : 1;
        if (len == 0)
            ret->first = place;
        else
            ret->end = place;
    }
    /* The letter that began the word was passed when there was none yet. */
    *at = place;
    ret->word[len] = '\0';
    return len > 0;
}

/* ---- what a user wrote ---- */

static bool add_word(struct search *search, struct search_phrase *phrase, const char *word)
{
    if (search->n_words == SEARCH_WORDS)
        return false;
    memcpy(search->words[search->n_words++], word, SEARCH_WORD);
    phrase->n++;
    return true;
}

/* Reads the words of text from *at up to end as a phrase. False when they are too many. */
static bool add_phrase(struct search *search, const char *text, size_t at, size_t end,
                       bool is_unwanted, size_t *ret_last)
{
    struct search_phrase phrase = { .first = search->n_words, .is_unwanted = is_unwanted };
    struct search_token token;

    while (at < end && search_token(text, &at, &token) && token.first < end) {
        if (!add_word(search, &phrase, token.word))
            return false;
        *ret_last = token.end;
    }
    phrase.is_prefix = phrase.n > 0 && text[*ret_last] == '*' && *ret_last < end;
    if (phrase.n > 0)
        search->phrases[search->n_phrases++] = phrase;
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

/* Typographic quotes are quotes: a phone writes them by itself. */
static size_t quote_at(const char *text)
{
    static const char *const quotes[] = { "\"", "\u201c", "\u201d", "\u201e", "\u00ab", "\u00bb" };

    for (size_t i = 0; i < sizeof(quotes) / sizeof(*quotes); i++) {
        if (strncmp(text, quotes[i], strlen(quotes[i])) == 0)
            return strlen(quotes[i]);
    }
    return 0;
}

/* Reads one piece: a quoted phrase, or what stands up to the next space or quote. */
static bool add_piece(struct search *search, const char *text, size_t *at)
{
    bool is_unwanted = text[*at] == '-' && text[*at + 1] != '\0' && !is_space(text[*at + 1]);
    size_t quote, end, last = 0, n = search->n_phrases;

    *at += is_unwanted ? 1 : 0;
    quote = quote_at(text + *at);
    end = *at += quote;
    while (text[end] != '\0' && quote_at(text + end) == 0 && (quote > 0 || !is_space(text[end])))
        end++;
    if (!add_phrase(search, text, *at, end, is_unwanted, &last))
        return false;
    *at = end + (quote > 0 ? quote_at(text + end) : 0);
    if (quote > 0 && search->n_phrases > n)
        search->phrases[n].is_prefix = text[*at] == '*';
    return true;
}

bool search_parse(const char *param, const char *text, struct search *ret, struct error *err)
{
    bool is_wanted = false;

    memset(ret, 0, sizeof(*ret));
    for (size_t at = 0; text[at] != '\0';) {
        if (is_space(text[at]))
            at++;
        else if (!add_piece(ret, text, &at))
            return error_set(err, ERR_PARAM_INVALID, param, "'%s' takes at most %d words.", param,
                             SEARCH_WORDS);
    }
    for (size_t i = 0; i < ret->n_phrases; i++)
        is_wanted = is_wanted || !ret->phrases[i].is_unwanted;
    return is_wanted
           || error_set(err, ERR_PARAM_INVALID, param,
                        "'%s' has no word to look for; it takes words such as minusma, \"a "
                        "phrase\", the beginning of one (minus*), and -word for what is not "
                        "wanted.",
                        param);
}

void search_complete(struct search *search)
{
    for (size_t i = search->n_phrases; i-- > 0;) {
        if (search->phrases[i].is_unwanted)
            continue;
        search->phrases[i].is_prefix = true;
        return;
    }
}

static void add_phrases(const struct search *search, bool is_unwanted, struct buffer *ret)
{
    bool is_any = false;

    for (size_t i = 0; i < search->n_phrases; i++) {
        const struct search_phrase *phrase = &search->phrases[i];

        if (phrase->is_unwanted != is_unwanted)
            continue;
        buffer_text(ret, !is_any ? "(" : is_unwanted ? " OR " : " AND ");
        is_any = true;
        for (size_t j = 0; j < phrase->n; j++)
            buffer_format(ret, "%s%s", j > 0 ? " " : "\"", search->words[phrase->first + j]);
        buffer_text(ret, phrase->is_prefix ? "\" *" : "\"");
    }
    buffer_byte(ret, ')');
}

void search_expression(const struct search *search, bool is_name, struct buffer *ret)
{
    bool is_narrowed = false;

    for (size_t i = 0; i < search->n_phrases; i++)
        is_narrowed = is_narrowed || search->phrases[i].is_unwanted;
    buffer_text(ret, is_name ? "{title names} : (" : "");
    add_phrases(search, false, ret);
    if (is_narrowed) {
        buffer_text(ret, " NOT ");
        add_phrases(search, true, ret);
    }
    buffer_text(ret, is_name ? ")" : "");
}

/* ---- words of a text ---- */

/** A word of a text that is looked through. */
struct place {
    size_t first, end; /* bytes of the text */
    size_t word;       /* byte of .folded where it stands */
    uint32_t found;    /* bits of the wanted phrases that begin or go on here */
};

/** The words of a text. */
struct places {
    struct place *places;
    size_t n, size;
    struct buffer folded; /* words with a NUL behind each */
    uint32_t found;       /* bits of the phrases that are somewhere in it */
};

static void places_done(struct places *places)
{
    free(places->places);
    buffer_done(&places->folded);
}

static bool add_place(struct places *places, const struct search_token *token)
{
    if (places->n == places->size) {
        size_t size = places->size > 0 ? 2 * places->size : 64;
        struct place *grown = realloc(places->places, size * sizeof(*grown));

        if (grown == NULL)
            return false;
        places->places = grown;
        places->size = size;
    }
    places->places[places->n++] =
        (struct place){ .first = token->first, .end = token->end, .word = places->folded.len };
    return buffer_add(&places->folded, token->word, strlen(token->word) + 1);
}

static bool is_word_here(const struct search *search, const struct search_phrase *phrase, size_t i,
                         const char *word)
{
    const char *wanted = search->words[phrase->first + i];

    return phrase->is_prefix && i + 1 == phrase->n ? strncmp(wanted, word, strlen(wanted)) == 0
                                                   : strcmp(wanted, word) == 0;
}

static bool is_phrase_here(const struct search *search, const struct search_phrase *phrase,
                           const struct places *places, size_t at)
{
    size_t i = 0;

    if (at + phrase->n > places->n)
        return false;
    while (i < phrase->n
           && is_word_here(search, phrase, i, places->folded.data + places->places[at + i].word))
        i++;
    return i == phrase->n;
}

/* Finds each phrase wherever it is in the text. False without memory. */
static bool look_through(const struct search *search, const char *text, struct places *ret)
{
    struct search_token token;

    for (size_t at = 0; ret->n < LOOKED_AT && search_token(text, &at, &token);) {
        if (!add_place(ret, &token))
            return false;
    }
    for (size_t i = 0; i < search->n_phrases; i++) {
        const struct search_phrase *phrase = &search->phrases[i];

        for (size_t at = 0; at < ret->n; at++) {
            if (!is_phrase_here(search, phrase, ret, at))
                continue;
            ret->found |= 1U << i;
            for (size_t j = 0; j < phrase->n; j++)
                ret->places[at + j].found |= 1U << i;
        }
    }
    return true;
}

/* Bits of the phrases that are wanted. */
static uint32_t wanted_of(const struct search *search)
{
    uint32_t wanted = 0;

    for (size_t i = 0; i < search->n_phrases; i++)
        wanted |= search->phrases[i].is_unwanted ? 0 : 1U << i;
    return wanted;
}

static unsigned count_bits(uint32_t bits)
{
    return (unsigned)__builtin_popcount(bits);
}

bool search_holds(const struct search *search, const char *const *texts, size_t n)
{
    uint32_t found = 0;

    for (size_t i = 0; i < n; i++) {
        defer(places_done) struct places places = { .folded = BUFFER_INIT(TEXT_MOST) };

        if (texts[i] == NULL)
            continue;
        look_through(search, texts[i], &places);
        found |= places.found;
    }
    return found == wanted_of(search);
}

/* The first of SEARCH_SNIPPET words that hold the most of what is wanted, with a few words before
 * it where there is room. */
static size_t best_window(const struct places *places, uint32_t wanted)
{
    enum { BEFORE = 4 };
    size_t best = 0;
    unsigned most = 0;

    for (size_t i = 0; i < places->n; i++) {
        uint32_t found = 0;

        if ((places->places[i].found & wanted) == 0)
            continue;
        for (size_t j = i; j < places->n && j < i + SEARCH_SNIPPET; j++)
            found |= places->places[j].found & wanted;
        if (count_bits(found) > most) {
            most = count_bits(found);
            best = i;
        }
    }
    if (places->n <= SEARCH_SNIPPET)
        return 0;
    best = best > BEFORE ? best - BEFORE : 0;
    return best + SEARCH_SNIPPET > places->n ? places->n - SEARCH_SNIPPET : best;
}

/* The bytes of a text, with other brackets for those that mark found words here. */
static void add_plain(struct buffer *ret, const char *text, size_t first, size_t end)
{
    size_t len = strlen(SEARCH_MARK);

    while (first < end) {
        bool is_mark = end - first >= len && strncmp(text + first, SEARCH_MARK, len) == 0;
        bool is_end = end - first >= len && strncmp(text + first, SEARCH_MARK_END, len) == 0;

        if (is_mark || is_end)
            buffer_byte(ret, is_mark ? '[' : ']');
        else if (is_space(text[first]))
            buffer_byte(ret, ' ');
        else
            buffer_byte(ret, text[first]);
        first += is_mark || is_end ? len : 1;
    }
}

static void add_window(const char *text, const struct places *places, uint32_t wanted,
                       struct buffer *ret)
{
    size_t at = best_window(places, wanted);
    size_t n = at + SEARCH_SNIPPET < places->n ? at + SEARCH_SNIPPET : places->n;
    size_t from = at > 0 && places->n > 0 ? places->places[at].first : 0;

    if (from > 0)
        buffer_text(ret, "\u2026");
    for (; at < n; at++) {
        const struct place *place = &places->places[at];
        bool is_found = (place->found & wanted) != 0;

        add_plain(ret, text, from, place->first);
        buffer_text(ret, is_found ? SEARCH_MARK : "");
        add_plain(ret, text, place->first, place->end);
        buffer_text(ret, is_found ? SEARCH_MARK_END : "");
        from = place->end;
    }
    if (n < places->n)
        buffer_text(ret, "\u2026");
    else
        add_plain(ret, text, from, strlen(text));
}

bool search_snippet(const struct search *search, const char *const *texts, size_t n,
                    struct buffer *ret)
{
    uint32_t wanted = wanted_of(search);
    unsigned most = 0;
    size_t best = n;

    for (size_t i = 0; i < n; i++) {
        defer(places_done) struct places places = { .folded = BUFFER_INIT(TEXT_MOST) };

        if (texts[i] == NULL)
            continue;
        if (!look_through(search, texts[i], &places))
            return false;
        if (best == n || count_bits(places.found & wanted) > most) {
            most = count_bits(places.found & wanted);
            best = i;
        }
    }
    if (best < n) {
        defer(places_done) struct places places = { .folded = BUFFER_INIT(TEXT_MOST) };

        if (!look_through(search, texts[best], &places))
            return false;
        add_window(texts[best], &places, wanted, ret);
    }
    return !ret->broken;
}

/* ---- in SQL ---- */

/* The question, read once for each statement that asks it. NULL, with an error, where it is none:
 * server/query.c has looked at what users wrote. */
static struct search *question(sqlite3_context *context, sqlite3_value **args, bool is_name)
{
    struct search *search = sqlite3_get_auxdata(context, 0);
    const char *text = (const char *)sqlite3_value_text(args[0]);
    struct error err = { 0 };

    if (search != NULL)
        return search;
    search = malloc(sizeof(*search));
    if (search == NULL) {
        sqlite3_result_error_nomem(context);
        return NULL;
    }
    if (text == NULL || !search_parse("q", text, search, &err)) {
        free(search);
        /* A statement that is only prepared and looked at has no question yet. */
        if (text != NULL)
            sqlite3_result_error(context, err.detail, -1);
        return NULL;
    }
    if (is_name)
        search_complete(search);
    sqlite3_set_auxdata(context, 0, search, free);
    /* Without memory for it SQLite has freed it already. */
    return sqlite3_get_auxdata(context, 0);
}

static void sql_tokens(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    defer(buffer_done) struct buffer words = BUFFER_INIT(TEXT_MOST);
    const char *text = (const char *)sqlite3_value_text(args[0]);
    struct search_token token;

    (void)n_args;
    if (text == NULL)
        return;
    for (size_t at = 0; search_token(text, &at, &token);)
        buffer_format(&words, "%s%s", words.len > 0 ? " " : "", token.word);
    if (words.broken)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text(context, words.len > 0 ? words.data : "", (int)words.len,
                            SQLITE_TRANSIENT);
}

static void sql_expression(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    defer(buffer_done) struct buffer text = BUFFER_INIT(SEARCH_WORDS * (SEARCH_WORD + 16));
    bool is_name = sqlite3_value_int(args[1]) != 0;
    const struct search *search = question(context, args, is_name);

    (void)n_args;
    if (search == NULL)
        return;
    search_expression(search, is_name, &text);
    if (text.broken)
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text(context, text.data, (int)text.len, SQLITE_TRANSIENT);
}

static void sql_snippet(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    defer(buffer_done) struct buffer snippet = BUFFER_INIT(SNIPPET_MOST);
    const char *texts[COLUMN__MAX] = { NULL };
    const struct search *search = question(context, args, sqlite3_value_int(args[1]) != 0);
    size_t n = 0;

    for (int i = 2; i < n_args && n < COLUMN__MAX; i++)
        texts[n++] = (const char *)sqlite3_value_text(args[i]);
    if (search == NULL)
        return;
    if (!search_snippet(search, texts, n, &snippet))
        sqlite3_result_error_nomem(context);
    else
        sqlite3_result_text(context, snippet.len > 0 ? snippet.data : "", (int)snippet.len,
                            SQLITE_TRANSIENT);
}

static void sql_holds(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    const char *texts[COLUMN__MAX] = { NULL };
    const struct search *search = question(context, args, false);
    size_t n = 0;

    for (int i = 1; i < n_args && n < COLUMN__MAX; i++)
        texts[n++] = (const char *)sqlite3_value_text(args[i]);
    if (search != NULL)
        sqlite3_result_int(context, search_holds(search, texts, n));
}

/* ---- points ---- */

enum {
    POINTS_TITLE = 100, /* of a phrase that stands in the title */
    POINTS_NAME = 80,
    POINTS_TEXT = 20,
    POINTS_WHOLE = 100, /* of a title that is nothing but what was asked for; a part of it else */
    POINTS_OFTEN = 9,   /* most for words that stand there several times */
};

static int points_of(int column)
{
    return column == COLUMN_TITLE   ? POINTS_TITLE
           : column == COLUMN_NAMES ? POINTS_NAME
                                    : POINTS_TEXT;
}

static void sql_score(const Fts5ExtensionApi *fts, Fts5Context *row, sqlite3_context *context,
                      int n_args, sqlite3_value **args)
{
    int best[SEARCH_WORDS] = { 0 };
    int n, n_title = 0, in_title = 0, points = 0, found = 0, status = fts->xInstCount(row, &n);

    (void)n_args;
    (void)args;
    for (int i = 0; status == SQLITE_OK && i < n; i++) {
        int phrase, column, place;

        status = fts->xInst(row, i, &phrase, &column, &place);
        if (status != SQLITE_OK || phrase < 0 || phrase >= SEARCH_WORDS)
            continue;
        if (points_of(column) > best[phrase])
            best[phrase] = points_of(column);
        if (column == COLUMN_TITLE)
            in_title += fts->xPhraseSize(row, phrase);
    }
    if (status == SQLITE_OK)
        status = fts->xColumnSize(row, COLUMN_TITLE, &n_title);
    if (status != SQLITE_OK) {
        sqlite3_result_error_code(context, status);
        return;
    }
    for (size_t i = 0; i < SEARCH_WORDS; i++) {
        points += best[i];
        found += best[i] > 0;
    }
    points = found > 0 ? points / found : 0;
    if (in_title > 0 && n_title > 0)
        points += POINTS_WHOLE * (in_title < n_title ? in_title : n_title) / n_title;
    n -= found;
    points += n < POINTS_OFTEN ? n : POINTS_OFTEN;
    sqlite3_result_int(context, points);
}

static bool register_score(sqlite3 *db)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    fts5_api *fts = NULL;

    if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &stmt, NULL) != SQLITE_OK)
        return false;
    sqlite3_bind_pointer(stmt, 1, (void *)&fts, "fts5_api_ptr", NULL);
    sqlite3_step(stmt);
    return fts != NULL && fts->iVersion >= 2
           && fts->xCreateFunction(fts, "search_score", NULL, sql_score, NULL) == SQLITE_OK;
}

bool search_register(sqlite3 *db)
{
    enum { FLAGS = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS };
    static const struct {
        const char *name;
        int n_args;
        void (*call)(sqlite3_context *, int, sqlite3_value **);
    } functions[] = {
        { "search_tokens", 1, sql_tokens },
        { "search_expression", 2, sql_expression },
        { "search_snippet", -1, sql_snippet },
        { "search_holds", -1, sql_holds },
    };

    for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
        if (sqlite3_create_function(db, functions[i].name, functions[i].n_args, FLAGS, NULL,
                                    functions[i].call, NULL, NULL)
            != SQLITE_OK)
            return false;
    }
    return register_score(db);
}
