#include "db/sql_label.h"

#include <stdlib.h>
#include <string.h>

#include "db/hash.h"

enum {
    LABEL_SLOTS = 1024, /* labels kept; one that falls on another's place takes it */
    LABEL_MOST = 512,   /* most bytes of what is kept of one: longer ones are looked up each time */
};

/** What is kept of one look-up. */
struct label {
    uint64_t hash;
    size_t kind_len, id_len;
    bool is_null; /* there is no answer */
    char text[];  /* kind, id and answer, nothing between them, and a NUL */
};

/** One question, as a statement with the kind in ?1 and the id in ?2. */
struct question {
    struct sql_labels *labels;
    const char *sql;
    sqlite3_stmt *stmt; /* NULL: not asked yet */
};

struct sql_labels {
    sqlite3 *db;
    struct question name, iso3;
    struct label *slots[LABEL_SLOTS];
};

static const char iso3_kind[] = "iso3"; /* no kind of thing is called so */

static bool is_of(const struct label *label, uint64_t hash, const char *kind, size_t kind_len,
                  const char *id, size_t id_len)
{
    return label != NULL && label->hash == hash && label->kind_len == kind_len
           && label->id_len == id_len && memcmp(label->text, kind, kind_len) == 0
           && memcmp(label->text + kind_len, id, id_len) == 0;
}

/* Keeps an answer; without memory it is asked for again. */
static void keep(struct label **slot, uint64_t hash, const char *kind, size_t kind_len,
                 const char *id, size_t id_len, const char *answer)
{
    size_t len = answer != NULL ? strlen(answer) + 1 : 0;
    size_t size = kind_len + id_len + len;
    struct label *label = size <= LABEL_MOST ? malloc(sizeof(*label) + size) : NULL;

    if (label == NULL)
        return;
    *label = (struct label){ hash, kind_len, id_len, answer == NULL };
    memcpy(label->text, kind, kind_len);
    memcpy(label->text + kind_len, id, id_len);
    if (len > 0)
        memcpy(label->text + kind_len + id_len, answer, len);
    free(*slot);
    *slot = label;
}

/* Answers from the dataset; gives SQLite's status. */
static int ask(struct question *question, sqlite3_context *context, struct label **slot,
               uint64_t hash, const char *kind, size_t kind_len, const char *id, size_t id_len)
{
    const char *answer = NULL;
    int status = SQLITE_OK;

    if (question->stmt == NULL)
        status = sqlite3_prepare_v3(question->labels->db, question->sql, -1,
                                    SQLITE_PREPARE_PERSISTENT, &question->stmt, NULL);
    if (status != SQLITE_OK)
        return status;
    sqlite3_bind_text(question->stmt, 1, kind, (int)kind_len, SQLITE_STATIC);
    sqlite3_bind_text(question->stmt, 2, id, (int)id_len, SQLITE_STATIC);
    status = sqlite3_step(question->stmt);
    if (status == SQLITE_ROW) {
        answer = (const char *)sqlite3_column_text(question->stmt, 0);
        sqlite3_result_text(context, answer, -1, SQLITE_TRANSIENT); /* NULL: is one */
        if (answer == NULL && sqlite3_column_type(question->stmt, 0) != SQLITE_NULL)
            status = SQLITE_NOMEM;
    }
    if (status == SQLITE_ROW || status == SQLITE_DONE)
        keep(slot, hash, kind, kind_len, id, id_len, answer);
    sqlite3_reset(question->stmt);
    sqlite3_clear_bindings(question->stmt);
    return status == SQLITE_ROW || status == SQLITE_DONE ? SQLITE_OK : status;
}

static void answer_value(sqlite3_context *context, const char *kind, size_t kind_len,
                         sqlite3_value *value)
{
    struct question *question = sqlite3_user_data(context);
    const char *id = (const char *)sqlite3_value_text(value);
    size_t id_len = (size_t)sqlite3_value_bytes(value);
    struct label **slot;
    uint64_t hash;
    int status;

    if (kind == NULL || id == NULL)
        return; /* NULL */
    hash = hash_bytes(id, id_len, hash_bytes(kind, kind_len, 0));
    slot = &question->labels->slots[hash % LABEL_SLOTS];
    if (is_of(*slot, hash, kind, kind_len, id, id_len)) {
        /* Copied, as another may take its place in this very row; to its NUL, or SQLite would
         * copy it once more to end it in one. */
        if (!(*slot)->is_null)
            sqlite3_result_text(context, (*slot)->text + kind_len + id_len, -1, SQLITE_TRANSIENT);
        return;
    }
    status = ask(question, context, slot, hash, kind, kind_len, id, id_len);
    if (status != SQLITE_OK)
        sqlite3_result_error_code(context, status);
}

static void sql_label(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    const char *kind = (const char *)sqlite3_value_text(args[0]);

    (void)n_args;
    answer_value(context, kind, (size_t)sqlite3_value_bytes(args[0]), args[1]);
}

static void sql_iso3(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    (void)n_args;
    answer_value(context, iso3_kind, sizeof(iso3_kind) - 1, args[0]);
}

bool sql_label_register(sqlite3 *db, struct sql_labels **ret)
{
    enum { FLAGS = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY };
    struct sql_labels *labels = calloc(1, sizeof(*labels));

    *ret = labels;
    if (labels == NULL)
        return false;
    labels->db = db;
    labels->name =
        (struct question){ .labels = labels,
                           .sql = "SELECT name FROM labels WHERE kind = ?1 AND id = ?2" };
    labels->iso3 =
        (struct question){ .labels = labels,
                           .sql = "SELECT iso3 FROM places WHERE id = ?2 AND ?1 IS NOT NULL" };
    return sqlite3_create_function(db, "label", 2, FLAGS, &labels->name, sql_label, NULL, NULL)
               == SQLITE_OK
           && sqlite3_create_function(db, "iso3", 1, FLAGS, &labels->iso3, sql_iso3, NULL, NULL)
                  == SQLITE_OK;
}

void sql_label_free(struct sql_labels *labels)
{
    if (labels == NULL)
        return;
    sqlite3_finalize(labels->name.stmt);
    sqlite3_finalize(labels->iso3.stmt);
    for (size_t i = 0; i < LABEL_SLOTS; i++)
        free(labels->slots[i]);
    free(labels);
}
