#define _GNU_SOURCE /* strdup */
#include "db/sql_tally.h"

#include <stdlib.h>
#include <string.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum { TALLY_TEXT = 4 << 20 /* bytes of the answer */ };

/** One pair. Owns its texts. */
struct pair {
    char *a, *b;
    sqlite3_int64 n;
    double sum;
    bool is_marked;
};

/** What SQLite keeps between rows; zeroed at first. */
struct tally {
    struct pair *pairs; /* TALLY_MOST of them; NULL: none yet */
    size_t n;
    size_t last; /* the pair of the row before: rows of one pair come together */
};

static bool is_pair(const struct pair *pair, const char *a, const char *b)
{
    return strcmp(pair->a, a) == 0 && strcmp(pair->b, b) == 0;
}

static struct pair *add_pair(struct tally *tally, const char *a, const char *b)
{
    struct pair pair = { 0 };

    if (tally->pairs == NULL)
        tally->pairs = calloc(TALLY_MOST, sizeof(*tally->pairs));
    if (tally->pairs == NULL || tally->n == TALLY_MOST)
        return NULL;
    pair.a = strdup(a);
    pair.b = strdup(b);
    if (pair.a == NULL || pair.b == NULL) {
        free(pair.a);
        free(pair.b);
        return NULL;
    }
    tally->pairs[tally->n] = pair;
    tally->last = tally->n++;
    return &tally->pairs[tally->last];
}

/* Finds the pair, or adds it. NULL without memory or room. */
static struct pair *find_pair(struct tally *tally, const char *a, const char *b)
{
    if (tally->n > 0 && is_pair(&tally->pairs[tally->last], a, b))
        return &tally->pairs[tally->last];
    for (size_t i = 0; i < tally->n; i++) {
        if (is_pair(&tally->pairs[i], a, b)) {
            tally->last = i;
            return &tally->pairs[i];
        }
    }
    return add_pair(tally, a, b);
}

static void step(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    struct tally *tally = sqlite3_aggregate_context(context, sizeof(*tally));
    const char *a = (const char *)sqlite3_value_text(args[0]);
    const char *b = (const char *)sqlite3_value_text(args[1]);
    struct pair *pair = tally != NULL && a != NULL && b != NULL ? find_pair(tally, a, b) : NULL;

    (void)n_args;
    if (pair == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    pair->n += sqlite3_value_int64(args[2]);
    pair->is_marked = pair->is_marked || sqlite3_value_int(args[3]) != 0;
    if (sqlite3_value_type(args[4]) != SQLITE_NULL)
        pair->sum += sqlite3_value_double(args[4]);
}

static void finish(sqlite3_context *context)
{
    struct tally *tally = sqlite3_aggregate_context(context, 0);
    defer(buffer_done) struct buffer json = BUFFER_INIT(TALLY_TEXT);

    buffer_byte(&json, '[');
    for (size_t i = 0; tally != NULL && i < tally->n; i++) {
        struct pair *pair = &tally->pairs[i];

        buffer_format(&json, "%s[\"%s\",\"%s\",%lld,%.17g,%d]", i > 0 ? "," : "", pair->a, pair->b,
                      (long long)pair->n, pair->sum, pair->is_marked);
        free(pair->a);
        free(pair->b);
    }
    if (tally != NULL)
        free(tally->pairs);
    if (buffer_byte(&json, ']'))
        sqlite3_result_text(context, json.data, (int)json.len, SQLITE_TRANSIENT);
    else
        sqlite3_result_error_nomem(context);
}

/** What SQLite keeps between the rows of texts(); zeroed at first. Owns its texts. */
struct texts {
    char **texts;
    size_t n, size;
    size_t last; /* that of the row before */
};

/* Adds a text unless it is there. False without memory. */
static bool add_text(struct texts *texts, const char *text)
{
    if (texts->n > 0 && strcmp(texts->texts[texts->last], text) == 0)
        return true;
    for (size_t i = 0; i < texts->n; i++) {
        if (strcmp(texts->texts[i], text) == 0) {
            texts->last = i;
            return true;
        }
    }
    if (texts->n == texts->size) {
        size_t size = texts->size > 0 ? 2 * texts->size : 4;
        char **grown = realloc(texts->texts, size * sizeof(*grown));

        if (grown == NULL)
            return false;
        texts->texts = grown;
        texts->size = size;
    }
    texts->texts[texts->n] = strdup(text);
    if (texts->texts[texts->n] == NULL)
        return false;
    texts->last = texts->n++;
    return true;
}

static void step_texts(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    struct texts *texts = sqlite3_aggregate_context(context, sizeof(*texts));
    const char *text = (const char *)sqlite3_value_text(args[0]);

    (void)n_args;
    if (texts == NULL || text == NULL || !add_text(texts, text))
        sqlite3_result_error_nomem(context);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void finish_texts(sqlite3_context *context)
{
    struct texts *texts = sqlite3_aggregate_context(context, 0);
    defer(buffer_done) struct buffer json = BUFFER_INIT(TALLY_TEXT);

    if (texts != NULL && texts->n > 0)
        qsort(texts->texts, texts->n, sizeof(*texts->texts), compare_texts);
    buffer_byte(&json, '[');
    for (size_t i = 0; texts != NULL && i < texts->n; i++) {
        buffer_text(&json, i > 0 ? "," : "");
        buffer_literal(&json, texts->texts[i]);
        free(texts->texts[i]);
    }
    if (texts != NULL)
        free(texts->texts);
    if (buffer_byte(&json, ']'))
        sqlite3_result_text(context, json.data, (int)json.len, SQLITE_TRANSIENT);
    else
        sqlite3_result_error_nomem(context);
}

bool sql_tally_register(sqlite3 *db)
{
    return sqlite3_create_function(db, "tally", 5,
                                   SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
                                   NULL, step, finish)
               == SQLITE_OK
           && sqlite3_create_function(db, "texts", 1,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
                                      NULL, step_texts, finish_texts)
                  == SQLITE_OK;
}
