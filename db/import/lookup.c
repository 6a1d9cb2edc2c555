#include "db/import/lookup.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/finalize.h"
#include "db/hash.h"
#include "server/base/cleanup.h"
#include "server/base/fold.h"
#include "server/base/nearest.h"

enum {
    NAME_MOST = 512, /* bytes of a name that is looked up; longer ones have no match */
    KEY_MOST = NAME_MOST + 32,
    SIZE_FIRST = 4096,       /* places of the first table */
    REMEMBERED_MOST = 65536, /* answers by the words as given: what varies more is not remembered */
};

/* What a key is: its first byte. */
enum {
    KEY_NAME = 'n',    /* folded */
    KEY_COMPACT = 'c', /* folded, without blanks, hyphens and apostrophes */
    KEY_GIVEN = 'g',   /* as it stood in a file */
    KEY_LABEL = 'l',   /* id */
};

struct lookup_entry {
    const char *key;   /* NULL: free */
    const char *value; /* NULL: there is none, or two */
};

/* The place of a key: its own, or the free one where it would stand. */
static struct lookup_entry *place(const struct lookup *lookup, const char *key)
{
    size_t at = (size_t)hash_text(key) & (lookup->size - 1);

    while (lookup->entries[at].key != NULL && strcmp(lookup->entries[at].key, key) != 0)
        at = (at + 1) & (lookup->size - 1);
    return &lookup->entries[at];
}

static bool grow(struct lookup *lookup)
{
    size_t size = lookup->size > 0 ? lookup->size * 2 : SIZE_FIRST;
    struct lookup old = *lookup;

    if (lookup->n * 2 < lookup->size)
        return true;
    lookup->entries = calloc(size, sizeof(*lookup->entries));
    if (lookup->entries == NULL) {
        lookup->entries = old.entries;
        return false;
    }
    lookup->size = size;
    for (size_t i = 0; i < old.size; i++) {
        if (old.entries[i].key != NULL)
            *place(lookup, old.entries[i].key) = old.entries[i];
    }
    free(old.entries);
    return true;
}

static size_t make_key(char ret[KEY_MOST], char what, const char *kind, const char *words)
{
    size_t n_kind = strlen(kind), n_words = strlen(words), len = n_kind + n_words + 2;

    if (len >= KEY_MOST)
        return 0;
    ret[0] = what;
    memcpy(ret + 1, kind, n_kind);
    ret[n_kind + 1] = '\x1F';
    memcpy(ret + n_kind + 2, words, n_words + 1);
    return len;
}

/* Puts a key; a second thing under it makes it nobody's, unless the first one is to keep it. */
static bool put(struct lookup *lookup, char what, const char *kind, const char *words,
                const char *id)
{
    char key[KEY_MOST];
    struct lookup_entry *entry;

    if (make_key(key, what, kind, words) == 0)
        return true;
    if (!grow(lookup))
        return false;
    entry = place(lookup, key);
    if (entry->key != NULL) {
        if (what == KEY_COMPACT && id != NULL && entry->value != NULL
            && strcmp(entry->value, id) != 0)
            entry->value = NULL;
        return true;
    }
    entry->value = id != NULL ? text_keep(&lookup->memory, id) : NULL;
    entry->key = text_keep(&lookup->memory, key);
    lookup->n++;
    return entry->key != NULL && (id == NULL || entry->value != NULL);
}

static void make_compact(char *folded)
{
    char *to = folded;

    for (const char *at = folded; *at != '\0'; at++) {
        if (strchr(" -'.", *at) == NULL)
            *to++ = *at;
    }
    *to = '\0';
}

static bool put_name(struct lookup *lookup, const char *kind, const char *id, const char *folded)
{
    char compact[NAME_MOST];

    if (strlen(folded) >= sizeof(compact))
        return true;
    snprintf(compact, sizeof(compact), "%s", folded);
    make_compact(compact);
    return put(lookup, KEY_NAME, kind, folded, id) && put(lookup, KEY_COMPACT, kind, compact, id);
}

static bool load(sqlite3 *db, const char *sql, struct lookup *lookup, bool is_label,
                 struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    int code;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        return error_set(err, ERR_INTERNAL, NULL, "names: %s", sqlite3_errmsg(db));
    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *kind = (const char *)sqlite3_column_text(stmt, 0);
        const char *id = (const char *)sqlite3_column_text(stmt, 1);
        const char *name = (const char *)sqlite3_column_text(stmt, 2);

        if (!(is_label ? put(lookup, KEY_LABEL, kind, id, name) : put_name(lookup, kind, id, name)))
            return error_set(err, ERR_INTERNAL, NULL, "no memory for names");
    }
    return code == SQLITE_DONE
           || error_set(err, ERR_INTERNAL, NULL, "names: %s", sqlite3_errmsg(db));
}

bool lookup_load(sqlite3 *db, struct lookup *ret, struct error *err)
{
    return load(db,
                "SELECT kind, id, name FROM names WHERE kind IN ('actor', 'mission', 'place')"
                " ORDER BY kind, name, id",
                ret, false, err)
           && load(db,
                   "SELECT kind, id, name FROM labels WHERE kind IN ('actor', 'mission', 'place')",
                   ret, true, err);
}

void lookup_done(struct lookup *lookup)
{
    free(lookup->entries);
    text_memory_done(&lookup->memory);
    *lookup = (struct lookup){ 0 };
}

static const struct lookup_entry *get(const struct lookup *lookup, char what, const char *kind,
                                      const char *words)
{
    char key[KEY_MOST];
    const struct lookup_entry *entry;

    if (lookup->size == 0 || make_key(key, what, kind, words) == 0)
        return NULL;
    entry = place(lookup, key);
    return entry->key != NULL ? entry : NULL;
}

const char *lookup_find(struct lookup *lookup, const char *kind, const char *words)
{
    const struct lookup_entry *entry = get(lookup, KEY_GIVEN, kind, words);
    char folded[NAME_MOST];
    const char *id;

    if (entry != NULL)
        return entry->value;
    if (fold_name(words, folded, sizeof(folded)) == 0)
        return NULL;
    entry = get(lookup, KEY_NAME, kind, folded);
    if (entry == NULL) {
        make_compact(folded);
        entry = get(lookup, KEY_COMPACT, kind, folded);
    }
    id = entry != NULL ? entry->value : NULL;
    if (id != NULL && lookup->n_remembered < REMEMBERED_MOST) {
        lookup->n_remembered++;
        put(lookup, KEY_GIVEN, kind, words, id);
    }
    return id;
}

const char *lookup_label(const struct lookup *lookup, const char *kind, const char *id)
{
    const struct lookup_entry *entry = get(lookup, KEY_LABEL, kind, id);

    return entry != NULL && entry->value != NULL ? entry->value : id;
}

bool lookup_add(struct lookup *lookup, const char *kind, const char *id, const char *name)
{
    char folded[NAME_MOST];

    if (fold_name(name, folded, sizeof(folded)) > 0 && !put_name(lookup, kind, id, folded))
        return false;
    return put_name(lookup, kind, id, id) && put(lookup, KEY_LABEL, kind, id, name);
}

const char *lookup_near(const struct lookup *lookup, const char *kind, const char *words, char *ret,
                        size_t size)
{
    char prefix[64], folded[NAME_MOST];
    int len = snprintf(prefix, sizeof(prefix), "%c%s\x1F", KEY_NAME, kind);

    *ret = '\0';
    if (fold_name(words, folded, sizeof(folded)) == 0)
        return ret;
    for (size_t i = 0; i < lookup->size; i++) {
        const char *key = lookup->entries[i].key;

        if (key != NULL && strncmp(key, prefix, (size_t)len) == 0
            && nearest_is_closer(folded, key + len, ret))
            snprintf(ret, size, "%s", key + len);
    }
    return ret;
}
