#include "server/cursor.h"

#include <string.h>

#include <jansson.h>
#include <nettle/base64.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/fingerprint.h"
#include "server/render_json.h"

/* A cursor is the base64url text of a JSON array: a mark over owner and all the rest, the dataset,
 * the sort values, the id. */

enum {
    CURSOR_MARK = 16 /* hex digits of the mark and of the dataset's digest that a cursor carries */
};

static json_t *column_new(sqlite3_stmt *row, int column)
{
    switch (sqlite3_column_type(row, column)) {
    case SQLITE_NULL:
        return json_null();
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(row, column));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(row, column));
    default:
        return json_string((const char *)sqlite3_column_text(row, column));
    }
}

/* What only the very query and the very values give: a cursor that was changed does not fit it.
 * What would be longer than any cursor has none. False without memory. */
static bool set_mark(const json_t *rest, const char *owner, char ret[FINGERPRINT_SIZE])
{
    defer(buffer_done) struct buffer text = BUFFER_INIT(CURSOR_SIZE);

    ret[0] = '\0';
    if (!render_json_document(rest, JSON_COMPACT, &text))
        return text.overflow;
    fingerprint((const char *const[]){ owner, text.data, NULL }, ret);
    return true;
}

bool cursor_write(sqlite3_stmt *row, int column, const char *owner, const char *digest,
                  char ret[CURSOR_SIZE])
{
    json_auto_t *values = json_array();
    defer(buffer_done) struct buffer text = BUFFER_INIT(CURSOR_SIZE);
    struct base64_encode_ctx context;
    int last = sqlite3_column_count(row);
    char mark[FINGERPRINT_SIZE];
    size_t len;

    if (json_array_append_new(values, json_stringn(digest, CURSOR_MARK)) != 0)
        return false;
    for (int i = column; i < last; i++) {
        if (json_array_append_new(values, column_new(row, i)) != 0)
            return false;
    }
    if (!set_mark(values, owner, mark)
        || json_array_insert_new(values, 0, json_stringn(mark, CURSOR_MARK)) != 0)
        return false;
    if (!render_json_document(values, JSON_COMPACT, &text)
        || BASE64_ENCODE_RAW_LENGTH(text.len) >= CURSOR_SIZE)
        return false;
    base64url_encode_init(&context);
    len = base64_encode_update(&context, ret, text.len, (const uint8_t *)text.data);
    len += base64_encode_final(&context, ret + len);
    while (len > 0 && ret[len - 1] == '=') /* padding would only be percent-encoded */
        len--;
    ret[len] = '\0';
    return true;
}

/* What a cursor holds; NULL where it is none, or where there is no memory to see that. */
static json_t *decode(const char *text, bool *ret_is_short)
{
    json_t *values;
    json_error_t why;
    uint8_t bytes[CURSOR_SIZE];
    char padded[CURSOR_SIZE + 4];
    struct base64_decode_ctx context;
    size_t len = strlen(text), n = sizeof(bytes);

    if (len == 0 || len >= CURSOR_SIZE || strchr(text, '=') != NULL)
        return NULL;
    memcpy(padded, text, len);
    while (len % 4 != 0)
        padded[len++] = '=';
    base64url_decode_init(&context);
    if (!base64_decode_update(&context, &n, bytes, len, padded) || !base64_decode_final(&context))
        return NULL;
    values = json_loadb((const char *)bytes, n, 0, &why);
    /* Text that is no JSON is always told as such. */
    *ret_is_short = values == NULL
                    && (json_error_code(&why) == json_error_unknown
                        || json_error_code(&why) == json_error_out_of_memory);
    return values;
}

static bool is_mark(const json_t *value, const char *right)
{
    return json_is_string(value) && json_string_length(value) == CURSOR_MARK
           && strncmp(json_string_value(value), right, CURSOR_MARK) == 0;
}

/* Keeps a copy of one sort value in the query. */
static bool take(struct query *query, const json_t *value)
{
    struct keyset *keyset = &query->keyset;
    size_t i = keyset->n;

    if (json_is_null(value)) {
        keyset->is_null[i] = true;
    } else if (json_is_integer(value)) {
        keyset->is_integer[i] = true;
        keyset->integers[i] = json_integer_value(value);
    } else if (json_is_real(value)) {
        keyset->is_real[i] = true;
        keyset->reals[i] = json_real_value(value);
    } else if (json_is_string(value)) {
        size_t size = json_string_length(value) + 1;

        if (query->text_len + size > sizeof(query->text))
            return false;
        keyset->texts[i] = memcpy(query->text + query->text_len, json_string_value(value), size);
        query->text_len += size;
    } else {
        return false;
    }
    keyset->n++;
    return true;
}

bool cursor_read(const char *text, const char *owner, const char *digest, struct query *query,
                 struct error *err)
{
    static const char wrong[] =
        "'cursor' takes the 'next' of a reply to this very query (the same path, filters, sort"
        " and times); leave it out to begin anew.";
    bool is_short = false;
    json_auto_t *values = decode(text, &is_short);
    json_auto_t *given = NULL;
    char mark[FINGERPRINT_SIZE];
    bool has_id = query->n_sorts > 0 && query->sorts[query->n_sorts - 1].field->type == FIELD_ID;
    size_t n = query->n_sorts + (has_id ? 0 : 1);

    if (is_short)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a cursor");
    if (!json_is_array(values) || json_array_size(values) != n + 2)
        return error_set(err, ERR_PARAM_INVALID, "cursor", "%s", wrong);
    given = json_incref(json_array_get(values, 0));
    json_array_remove(values, 0);
    if (!set_mark(values, owner, mark))
        return error_set(err, ERR_INTERNAL, NULL, "no memory for a cursor");
    if (!is_mark(given, mark))
        return error_set(err, ERR_PARAM_INVALID, "cursor", "%s", wrong);
    if (!is_mark(json_array_get(values, 0), digest))
        return error_set(
            err, ERR_CURSOR_STALE, "cursor",
            "The dataset has changed since this cursor was given; begin anew without it.");
    for (size_t i = 0; i < n; i++) {
        if (!take(query, json_array_get(values, i + 1)))
            return error_set(err, ERR_PARAM_INVALID, "cursor", "%s", wrong);
    }
    query->keyset.is_set = true;
    return true;
}
