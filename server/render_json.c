#include "server/render_json.h"

#include <stdio.h>
#include <string.h>

#include "db/select.h"
#include "server/base/buffer.h"

void mentions_done(struct mentions *mentions)
{
    for (size_t i = 0; i < QUERY_INCLUDES; i++) {
        json_decref(mentions->ids[i]);
        mentions->ids[i] = NULL;
    }
}

static int add_bytes(const char *bytes, size_t len, void *body)
{
    return buffer_add(body, bytes, len) ? 0 : -1;
}

bool render_json_document(const json_t *document, size_t flags, struct buffer *body)
{
    if (json_dump_callback(document, add_bytes, body, flags) != 0)
        body->broken = true;
    return !body->broken;
}

int render_width(const struct query *query)
{
    struct select_walk walk = { .column = 0 };

    for (size_t i = 0; i < query->n_fields; i++)
        select_next(&walk, query->fields[i]);
    return walk.column + (query->has_geometry ? 1 : 0);
}

bool render_json_is_null(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL;
}

static bool is_null(sqlite3_value *value)
{
    return sqlite3_value_type(value) == SQLITE_NULL;
}

/*
 * A column as a value, which is then asked for its type, its text and its length: each
 * sqlite3_column_*() would find the column anew, and see to locks that a connection of one thread
 * does not have. (For the same reason it does not matter that such a value is "unprotected".)
 */
static sqlite3_value *value_of(sqlite3_stmt *row, int column)
{
    return sqlite3_column_value(row, column);
}

static void add_raw(sqlite3_value *value, struct buffer *body)
{
    const char *text = (const char *)sqlite3_value_text(value);

    if (text == NULL) /* no memory for it: no JSON without it */
        body->broken = true;
    else
        buffer_add(body, text, (size_t)sqlite3_value_bytes(value));
}

/* JSON that the database made. */
static void add_ready(sqlite3_value *value, struct buffer *body)
{
    if (is_null(value))
        buffer_text(body, "null");
    else
        add_raw(value, body);
}

static void add_text(sqlite3_value *value, struct buffer *body)
{
    const char *text;

    if (is_null(value)) {
        buffer_text(body, "null");
        return;
    }
    text = (const char *)sqlite3_value_text(value);
    if (text == NULL) /* no memory for it: not to be told as a null */
        body->broken = true;
    else
        buffer_json(body, text, (size_t)sqlite3_value_bytes(value));
}

static void add_integer(sqlite3_value *value, struct buffer *body)
{
    if (is_null(value))
        buffer_text(body, "null");
    else
        buffer_integer(body, sqlite3_value_int64(value));
}

void render_json_integer(sqlite3_stmt *row, int column, struct buffer *body)
{
    add_integer(value_of(row, column), body);
}

static void add_number(sqlite3_stmt *row, int column, struct buffer *body)
{
    sqlite3_value *low = value_of(row, column), *best = value_of(row, column + 1);
    sqlite3_value *high = value_of(row, column + 2);

    if (is_null(low) && is_null(best) && is_null(high)) {
        buffer_text(body, "null");
        return;
    }
    buffer_text(body, "{\"low\":");
    add_integer(low, body);
    buffer_text(body, ",\"best\":");
    add_integer(best, body);
    buffer_text(body, ",\"high\":");
    add_integer(high, body);
    buffer_text(body, ",\"qualifier\":");
    add_text(value_of(row, column + 3), body);
    buffer_text(body, ",\"text\":");
    add_text(value_of(row, column + 4), body);
    buffer_text(body, ",\"unit\":");
    add_text(value_of(row, column + 5), body);
    buffer_byte(body, '}');
}

static void add_reference(const struct field *field, sqlite3_stmt *row, int column,
                          struct buffer *body)
{
    sqlite3_value *id = value_of(row, column), *third;

    if (is_null(id)) {
        buffer_text(body, "null");
        return;
    }
    buffer_text(body, "{\"id\":");
    add_text(id, body);
    buffer_text(body, ",\"name\":");
    add_text(value_of(row, column + 1), body);
    third = select_width(field) == 3 ? value_of(row, column + 2) : NULL;
    if (third != NULL && (field->kind_sql != NULL || !is_null(third))) {
        buffer_text(body, field->kind_sql != NULL ? ",\"kind\":" : ",\"iso3\":");
        add_text(third, body);
    }
    buffer_byte(body, '}');
}

bool render_json_row_of(sqlite3_stmt *row, int column, const struct row_source *rows,
                        struct buffer *body)
{
    char day[DATE_DAY_SIZE], collection[64], id[SELECT_ID_SIZE];
    const char *text;

    if (render_json_is_null(row, column))
        return false;
    text = (const char *)sqlite3_column_text(row, column);
    if (text == NULL || rows == NULL || sscanf(text, "%10s %63s %255s", day, collection, id) != 3
        || !rows->write(rows->context, day, collection, id, body))
        body->broken = true;
    return true;
}

static void add_value(const struct field *field, sqlite3_stmt *row, struct select_place place,
                      const struct mentions *mentions, struct buffer *body)
{
    int column = place.at;

    switch (field->type) {
    case FIELD_BOOLEAN:
        buffer_text(body, render_json_is_null(row, column)       ? "null"
                          : sqlite3_column_int(row, column) != 0 ? "true"
                                                                 : "false");
        break;
    case FIELD_ROW:
        if (!render_json_row_of(row, column, mentions != NULL ? mentions->rows : NULL, body))
            buffer_text(body, "null");
        break;
    case FIELD_INTEGER:
        render_json_integer(row, column, body);
        break;
    case FIELD_NUMBER:
        if (place.only >= 0 && sqlite3_value_int(value_of(row, place.only)) == 0)
            buffer_text(body, "null");
        else
            add_number(row, column, body);
        break;
    case FIELD_REF:
        add_reference(field, row, column, body);
        break;
    case FIELD_REAL: /* SQLite writes reals as JSON does, in 15 digits */
    case FIELD_REFS:
    case FIELD_TEXTS:
    case FIELD_LIST:
    case FIELD_OBJECT:
        add_ready(value_of(row, column), body);
        break;
    default:
        add_text(value_of(row, column), body);
    }
}

/* Notes one id. False without memory. */
static bool mention(json_t **ids, const char *id, size_t len)
{
    if (*ids == NULL)
        *ids = json_object();
    return json_object_setn_new(*ids, id, len, json_true()) == 0;
}

/*
 * Notes the ids of a list as db/derive.sql writes them. The mark stands in no name: its quotes
 * would be escaped there. Ids are slugs, which need no escaping.
 */
static bool mention_list(json_t **ids, const char *text)
{
    static const char mark[] = "{\"id\":\"";

    while ((text = strstr(text, mark)) != NULL) {
        size_t len = strcspn(text += sizeof(mark) - 1, "\"");

        if (!mention(ids, text, len))
            return false;
        text += len;
    }
    return true;
}

/* Notes the ids in one field for each collection that is to be included and holds them. */
static bool note(const struct query *query, const struct field *field, sqlite3_stmt *row,
                 int column, struct mentions *mentions)
{
    const char *text;

    if (field->resource == NULL)
        return true;
    for (size_t i = 0; i < query->n_includes; i++) {
        if (strcmp(query->includes[i]->name, field->resource) != 0)
            continue;
        text = (const char *)sqlite3_column_text(row, column);
        if (text == NULL)
            continue;
        if (field->type == FIELD_REFS ? !mention_list(&mentions->ids[i], text)
                                      : !mention(&mentions->ids[i], text, strlen(text)))
            return false;
    }
    return true;
}

/* The name of a member: {"name": or ,"name": . */
static void add_name(struct buffer *body, char before, const char *name)
{
    size_t len = strlen(name);
    char *to;

    if (!buffer_reserve(body, len + 4))
        return;
    to = body->data + body->len;
    to[0] = before;
    to[1] = '"';
    memcpy(to + 2, name, len);
    memcpy(to + 2 + len, "\":", 3);
    body->len += len + 4;
}

void render_json_row(const struct query *query, sqlite3_stmt *row, struct buffer *body,
                     struct mentions *mentions)
{
    struct select_walk walk = { .column = 0 };

    for (size_t i = 0; i < query->n_fields; i++) {
        const struct field *field = query->fields[i];
        struct select_place place = select_next(&walk, field);

        add_name(body, i > 0 ? ',' : '{', field->name);
        add_value(field, row, place, mentions, body);
        if (mentions != NULL && query->n_includes > 0
            && !note(query, field, row, place.at, mentions))
            body->broken = true; /* what is to be included would lack a row */
    }
    buffer_byte(body, '}');
}
