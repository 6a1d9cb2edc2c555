/*
 * Cursors: any text is read without harm; values that make one come back as they were, and no other
 * text is taken in its place. The first byte says which; then an input is a row of values.
 */

#define _GNU_SOURCE /* strnlen */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "handlers/catalogue.h"
#include "server/cursor.h"
#include "tests/fuzz/fuzz.h"

static const char owner[] = "0123456789abcdef0123456789abcdef";
static const char digest[] = "fedcba9876543210fedcba9876543210";

enum { SORTS = 3, VALUES = SORTS + 1 /* and the id */ };

static sqlite3 *db;
static sqlite3_stmt *row;
static struct query query, taken;

static void begin(void)
{
    static const char *const names[SORTS] = { "series", "mission", "date" };

    must(sqlite3_open(":memory:", &db) == SQLITE_OK
             && sqlite3_prepare_v2(db, "SELECT 'before', ?, ?, ?, ?", -1, &row, NULL) == SQLITE_OK,
         "memory");
    for (query.n_sorts = 0; query.n_sorts < SORTS; query.n_sorts++)
        query.sorts[query.n_sorts].field = resource_field(&casualties, names[query.n_sorts]);
}

static void end(void)
{
    sqlite3_finalize(row);
    sqlite3_close(db);
}

static bool read_cursor(const char *text)
{
    struct error err = { 0 };
    bool is_read;

    taken = query;
    taken.text_len = 0;
    is_read = cursor_read(text, owner, digest, &taken, &err);
    must(is_read == (err.code == ERR_NONE), "a refusal has a reason");
    if (!is_read)
        must(err.code == ERR_PARAM_INVALID || err.code == ERR_CURSOR_STALE, "code %d",
             (int)err.code);
    return is_read;
}

/* Binds a value out of the bytes: its kind, then what it is. */
static const uint8_t *bind(int parameter, const uint8_t *bytes, const uint8_t *behind)
{
    uint8_t kind = bytes < behind ? *bytes++ % 4 : 0;
    size_t left = (size_t)(behind - bytes), len;
    sqlite3_int64 integer = 0;
    double real = 0;

    switch (kind) {
    case 1:
    case 2:
        len = left < 8 ? left : 8;
        memcpy(&integer, bytes, len);
        memcpy(&real, bytes, len);
        if (kind == 1)
            sqlite3_bind_int64(row, parameter, integer);
        else
            sqlite3_bind_double(row, parameter, real);
        return bytes + len;
    case 3:
        len = left > 0 ? *bytes++ : 0;
        left = (size_t)(behind - bytes);
        len = len < left ? len : left;
        sqlite3_bind_text(row, parameter, (const char *)bytes,
                          (int)strnlen((const char *)bytes, len), SQLITE_TRANSIENT);
        return bytes + len;
    default:
        return bytes;
    }
}

static void check_value(int i)
{
    const struct keyset *keyset = &taken.keyset;
    int column = i + 1;

    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
        must(keyset->is_null[i], "value %d is null", i);
        break;
    case SQLITE_INTEGER:
        must(keyset->is_integer[i] && keyset->integers[i] == sqlite3_column_int64(row, column),
             "value %d is a whole number", i);
        break;
    case SQLITE_FLOAT: {
        double was = sqlite3_column_double(row, column), is = keyset->reals[i];

        must(keyset->is_real[i] && memcmp(&was, &is, sizeof(is)) == 0,
             "value %d is %.17g, was %.17g", i, is, was);
        break;
    }
    default:
        must(keyset->texts[i] != NULL
                 && strcmp(keyset->texts[i], (const char *)sqlite3_column_text(row, column)) == 0,
             "value %d is a text", i);
    }
}

static bool is_utf8_row(void)
{
    for (int i = 1; i <= VALUES; i++) {
        if (sqlite3_column_type(row, i) == SQLITE_TEXT
            && !fuzz_is_utf8((const char *)sqlite3_column_text(row, i),
                             (size_t)sqlite3_column_bytes(row, i)))
            return false;
    }
    return true;
}

static void check_row(const uint8_t *bytes, size_t len)
{
    const uint8_t *behind = bytes + len;
    char text[CURSOR_SIZE], other[CURSOR_SIZE];
    uint64_t seed = fuzz_seed(bytes, len);
    size_t at;

    sqlite3_reset(row);
    sqlite3_clear_bindings(row);
    for (int i = 1; i <= VALUES; i++)
        bytes = bind(i, bytes, behind);
    must(sqlite3_step(row) == SQLITE_ROW, "there is a row");
    if (!cursor_write(row, 1, owner, digest, text)) {
        must(len > 100 || !is_utf8_row(), "a short row of proper texts has a cursor");
        return;
    }
    must(strlen(text) < CURSOR_SIZE, "the cursor has room");
    must(read_cursor(text) && taken.keyset.is_set && taken.keyset.n == VALUES,
         "a cursor that was written is taken: %s", text);
    for (int i = 0; i < VALUES; i++)
        check_value(i);
    at = fuzz_random(&seed) % strlen(text);
    memcpy(other, text, sizeof(other));
    other[at] = other[at] == 'A' ? 'B' : 'A';
    /* Digits that no double has room for may be others: the values are not. */
    for (int i = 0; read_cursor(other) && i < VALUES; i++)
        check_value(i);
}

static void one(const uint8_t *bytes, size_t len)
{
    char *text;

    if (len > 0 && *bytes == 'v') {
        check_row(bytes + 1, len - 1);
        return;
    }
    text = fuzz_text(bytes, len);
    if (read_cursor(text)) /* of the corpus: another text can be found by nobody */
        must(taken.keyset.n == VALUES, "there are %d values", VALUES);
    free(text);
}

const struct fuzz_target target_cursor = {
    .name = "cursor", .longest = 1700, .runs = 8000, .begin = begin, .one = one, .end = end
};
