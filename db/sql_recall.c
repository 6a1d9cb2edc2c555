#include "db/sql_recall.h"

#include <stdlib.h>
#include <string.h>

#include "db/hash.h"

enum {
    ARGS_MOST = 2,    /* arguments of a question */
    SLOTS = 256,      /* answers that are kept of one; the next on the same place takes it */
    KEPT_MOST = 2048, /* bytes of what is kept of one answer: longer ones are asked for again */
};

/** The questions, as functions and as statements. */
static const struct {
    const char *function;
    int n_args;
    const char *sql;
} questions[] = {
    { "named", 2,
      "SELECT json_group_array(json_object('id', id, 'name', name)) FROM (SELECT id, name FROM"
      " labels WHERE kind = ?1 AND id IN (SELECT value FROM json_each(?2)) ORDER BY id)" },
    { "independent", 1,
      "SELECT count(DISTINCT coalesce(origin, id)) FROM sources"
      " WHERE id IN (SELECT value FROM json_each(?1))" },
    { "merged", 1,
      "SELECT json_group_array(text) FROM (SELECT DISTINCT f.value AS text FROM json_each(?1) l,"
      " json_each(l.value) f ORDER BY text)" },
};
enum { QUESTIONS = sizeof(questions) / sizeof(*questions) };

/** An answer, with the arguments behind one another, each with its NUL. */
struct answer {
    char *args; /* NULL: none is kept here */
    size_t len;
    sqlite3_value *value;
};

/** One question and its answers. */
struct question {
    sqlite3 *db;
    size_t index; /* of questions[] */
    sqlite3_stmt *stmt;
    struct answer answers[SLOTS];
};

struct recall {
    struct question questions[QUESTIONS];
};

static void forget(struct answer *answer)
{
    free(answer->args);
    sqlite3_value_free(answer->value);
    *answer = (struct answer){ .args = NULL };
}

/* Whether an answer is that of these texts. */
static bool is_of(const struct answer *answer, const char *const *texts, const size_t *lens, int n)
{
    const char *at = answer->args;
    size_t len = 0;

    for (int i = 0; i < n; i++)
        len += lens[i];
    if (at == NULL || answer->len != len)
        return false;
    for (int i = 0; i < n; i++) {
        if (memcmp(at, texts[i], lens[i]) != 0)
            return false;
        at += lens[i];
    }
    return true;
}

/* Without memory the answer is asked for again. */
static void keep(struct answer *answer, const char *const *texts, const size_t *lens, int n,
                 sqlite3_value *value)
{
    size_t len = 0;
    char *at;

    forget(answer);
    for (int i = 0; i < n; i++)
        len += lens[i];
    if (len + (size_t)sqlite3_value_bytes(value) > KEPT_MOST)
        return;
    answer->args = malloc(len + 1);
    answer->value = sqlite3_value_dup(value);
    if (answer->args == NULL || answer->value == NULL) {
        forget(answer);
        return;
    }
    answer->len = len;
    at = answer->args;
    for (int i = 0; i < n; i++) {
        memcpy(at, texts[i], lens[i]);
        at += lens[i];
    }
}

static void answer(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    struct question *question = sqlite3_user_data(context);
    const char *texts[ARGS_MOST] = { NULL };
    size_t lens[ARGS_MOST] = { 0 };
    uint64_t hash = 0;
    struct answer *slot;

    for (int i = 0; i < n_args; i++) {
        if (sqlite3_value_type(args[i]) == SQLITE_NULL)
            return;
        texts[i] = (const char *)sqlite3_value_text(args[i]);
        if (texts[i] == NULL) {
            sqlite3_result_error_nomem(context);
            return;
        }
        lens[i] = strlen(texts[i]) + 1;
        hash ^= hash_text(texts[i]);
    }
    slot = &question->answers[hash % SLOTS];
    if (is_of(slot, texts, lens, n_args)) {
        sqlite3_result_value(context, slot->value);
        return;
    }
    if (question->stmt == NULL
        && sqlite3_prepare_v3(question->db, questions[question->index].sql, -1,
                              SQLITE_PREPARE_PERSISTENT, &question->stmt, NULL)
               != SQLITE_OK) {
        sqlite3_result_error_code(context, sqlite3_errcode(question->db));
        return;
    }
    for (int i = 0; i < n_args; i++)
        sqlite3_bind_text(question->stmt, i + 1, texts[i], (int)lens[i] - 1, SQLITE_STATIC);
    if (sqlite3_step(question->stmt) == SQLITE_ROW) {
        sqlite3_value *value = sqlite3_column_value(question->stmt, 0);

        sqlite3_result_value(context, value);
        keep(slot, texts, lens, n_args, value);
    } else {
        sqlite3_result_error_code(context, sqlite3_extended_errcode(question->db));
    }
    sqlite3_reset(question->stmt);
    sqlite3_clear_bindings(question->stmt);
}

bool recall_register(sqlite3 *db, struct recall **ret)
{
    struct recall *recall = calloc(1, sizeof(*recall));

    *ret = recall;
    if (recall == NULL)
        return false;
    for (size_t i = 0; i < QUESTIONS; i++) {
        recall->questions[i].db = db;
        recall->questions[i].index = i;
        if (sqlite3_create_function(db, questions[i].function, questions[i].n_args,
                                    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                    &recall->questions[i], answer, NULL, NULL)
            != SQLITE_OK)
            return false;
    }
    return true;
}

void recall_free(struct recall *recall)
{
    for (size_t i = 0; recall != NULL && i < QUESTIONS; i++) {
        sqlite3_finalize(recall->questions[i].stmt);
        for (size_t j = 0; j < SLOTS; j++)
            forget(&recall->questions[i].answers[j]);
    }
    free(recall);
}
