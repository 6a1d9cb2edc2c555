#include "db/sql_alike.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "db/hash.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"

enum {
    ARG_NUMBERS = 1,       /* argument of the first number */
    NUMBERS = 3,           /* low, best, high */
    ARG_DAYS = 4,          /* argument of the first day */
    ARG_KEYS = 8,          /* argument of the first key */
    YEAR_LEN = 4,          /* bytes of the year of a day */
    SLOTS_FIRST = 1 << 10, /* slots of the hash table at first: a power of two */
    TEXT_MOST = 1 << 30,   /* bytes of all keys, or of the answer */
};

/** Rows that are alike. */
struct cell {
    sqlite3_int64 first; /* row */
    sqlite3_int64 rows;
    sqlite3_int64 sums[NUMBERS];
    bool is_said[NUMBERS];
    uint64_t hash;
    size_t key, len; /* where its key stands in the text of all of them */
};

/** What SQLite keeps between rows; zeroed at first. */
struct alike {
    struct cell *cells;
    size_t n, size;
    size_t *slots; /* index of a cell and 1; 0: free */
    size_t n_slots;
    struct buffer keys; /* of all cells */
    char *key;          /* of the row under way: a million of them are written */
    size_t key_len, key_size;
};

/* Room for so many more bytes of the key of the row under way; NULL without memory. */
static char *room_for(struct alike *alike, size_t len)
{
    if (alike->key_size - alike->key_len < len) {
        size_t size = 2 * (alike->key_size + len);
        char *grown = realloc(alike->key, size);

        if (grown == NULL)
            return NULL;
        alike->key = grown;
        alike->key_size = size;
    }
    return alike->key + alike->key_len;
}

/* Nothing else can be written the same way: a type, the length of a text, and the value, of a text
 * at most so many bytes. False without memory. */
static bool add_key(struct alike *alike, sqlite3_value *value, int most)
{
    int type = sqlite3_value_type(value), len = 0;
    const void *bytes = NULL;
    sqlite3_int64 integer;
    char *at;

    if (type == SQLITE_INTEGER) {
        integer = sqlite3_value_int64(value);
        bytes = &integer;
        len = sizeof(integer);
    } else if (type != SQLITE_NULL) {
        bytes = sqlite3_value_text(value);
        len = sqlite3_value_bytes(value);
        len = len < most ? len : most;
        if (bytes == NULL)
            return false;
    }
    at = room_for(alike, 1 + sizeof(len) + (size_t)len);
    if (at == NULL)
        return false;
    *at = (char)type;
    memcpy(at + 1, &len, sizeof(len));
    if (len > 0)
        memcpy(at + 1 + sizeof(len), bytes, (size_t)len);
    alike->key_len += 1 + sizeof(len) + (size_t)len;
    return true;
}

/* The key of a row: which numbers it says, the years of its days, and its keys. */
static bool write_key(struct alike *alike, int n_args, sqlite3_value **args)
{
    char *at;

    alike->key_len = 0;
    at = room_for(alike, NUMBERS);
    if (at == NULL)
        return false;
    for (int i = 0; i < NUMBERS; i++)
        at[i] = sqlite3_value_type(args[ARG_NUMBERS + i]) != SQLITE_NULL ? 'n' : '-';
    alike->key_len = NUMBERS;
    for (int i = ARG_DAYS; i < n_args; i++) {
        if (!add_key(alike, args[i], i < ARG_KEYS ? YEAR_LEN : INT_MAX))
            return false;
    }
    return true;
}

/* Puts the cells into twice as many slots. */
static bool spread(struct alike *alike)
{
    size_t n = alike->n_slots > 0 ? 2 * alike->n_slots : SLOTS_FIRST;
    size_t *slots = calloc(n, sizeof(*slots));

    if (slots == NULL)
        return false;
    free(alike->slots);
    alike->slots = slots;
    alike->n_slots = n;
    for (size_t i = 0; i < alike->n; i++) {
        size_t at = alike->cells[i].hash & (n - 1);

        while (slots[at] != 0)
            at = (at + 1) & (n - 1);
        slots[at] = i + 1;
    }
    return true;
}

static struct cell *add_cell(struct alike *alike, size_t slot, uint64_t hash)
{
    struct cell *cell;

    if (alike->n == alike->size) {
        size_t size = alike->size > 0 ? 2 * alike->size : SLOTS_FIRST / 2;
        struct cell *grown = realloc(alike->cells, size * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        alike->cells = grown;
        alike->size = size;
    }
    cell = &alike->cells[alike->n];
    *cell = (struct cell){ .hash = hash, .key = alike->keys.len, .len = alike->key_len };
    if (!buffer_add(&alike->keys, alike->key, alike->key_len))
        return NULL;
    alike->slots[slot] = ++alike->n;
    return cell;
}

/* The cell of the key of the row under way; NULL without memory. */
static struct cell *find_cell(struct alike *alike)
{
    uint64_t hash = hash_bytes(alike->key, alike->key_len, 0);
    size_t at;

    /* A third of the slots stays free. */
    if (3 * alike->n >= 2 * alike->n_slots && !spread(alike))
        return NULL;
    for (at = hash & (alike->n_slots - 1); alike->slots[at] != 0;
         at = (at + 1) & (alike->n_slots - 1)) {
        struct cell *cell = &alike->cells[alike->slots[at] - 1];

        if (cell->hash == hash && cell->len == alike->key_len
            && memcmp(alike->keys.data + cell->key, alike->key, cell->len) == 0)
            return cell;
    }
    return add_cell(alike, at, hash);
}

static void step(sqlite3_context *context, int n_args, sqlite3_value **args)
{
    struct alike *alike = sqlite3_aggregate_context(context, sizeof(*alike));
    struct cell *cell;

    if (alike == NULL || n_args < ARG_KEYS) {
        sqlite3_result_error_nomem(context);
        return;
    }
    alike->keys.limit = TEXT_MOST;
    cell = write_key(alike, n_args, args) ? find_cell(alike) : NULL;
    if (cell == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    if (cell->rows++ == 0)
        cell->first = sqlite3_value_int64(args[0]);
    for (int i = 0; i < NUMBERS; i++) {
        sqlite3_value *number = args[ARG_NUMBERS + i];

        cell->is_said[i] = sqlite3_value_type(number) != SQLITE_NULL;
        if (__builtin_add_overflow(cell->sums[i], sqlite3_value_int64(number), &cell->sums[i]))
            sqlite3_result_error(context, "integer overflow", -1);
    }
}

static void finish(sqlite3_context *context)
{
    struct alike *alike = sqlite3_aggregate_context(context, 0);
    defer(buffer_done) struct buffer json = BUFFER_INIT(TEXT_MOST);

    buffer_byte(&json, '[');
    for (size_t i = 0; alike != NULL && i < alike->n; i++) {
        const struct cell *cell = &alike->cells[i];

        buffer_text(&json, i > 0 ? ",[" : "[");
        buffer_integer(&json, cell->first);
        buffer_byte(&json, ',');
        buffer_integer(&json, cell->rows);
        for (int j = 0; j < NUMBERS; j++) {
            buffer_byte(&json, ',');
            if (cell->is_said[j])
                buffer_integer(&json, cell->sums[j]);
            else
                buffer_text(&json, "null");
        }
        buffer_byte(&json, ']');
    }
    if (alike != NULL) {
        free(alike->cells);
        free(alike->slots);
        buffer_done(&alike->keys);
        free(alike->key);
    }
    if (buffer_byte(&json, ']'))
        sqlite3_result_text(context, json.data, (int)json.len, SQLITE_TRANSIENT);
    else
        sqlite3_result_error_nomem(context);
}

bool sql_alike_register(sqlite3 *db)
{
    return sqlite3_create_function(db, "alike", -1,
                                   SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
                                   NULL, step, finish)
           == SQLITE_OK;
}
