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
    size_t width = query->has_geometry ? 1 : 0;

    for (size_t i = 0; i < query->n_fields; i++)
        width += select_width(query->fields[i]);
    return (int)width;
}

bool render_json_is_null(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL;
}

static void add_raw(sqlite3_stmt *row, int column, struct buffer *body)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    if (text == NULL) /* no memory for it: no JSON without it */
        body->broken = true;
    else
        buffer_add(body, text, (size_t)sqlite3_column_bytes(row, column));
}

/* JSON that the database made. */
static void add_ready(sqlite3_stmt *row, int column, struct buffer *body)
{
    if (render_json_is_null(row, column))
        buffer_text(body, "null");
    else
        add_raw(row, column, body);
}

static void add_text(sqlite3_stmt *row, int column, struct buffer *body)
{
    const char *text;

    if (render_json_is_null(row, column)) {
        buffer_text(body, "null");
        return;
    }
    text = (const char *)sqlite3_column_text(row, column);
    if (text == NULL) /* no memory for it: not to be told as a null */
        body->broken = true;
    else
        buffer_json(body, text, (size_t)sqlite3_column_bytes(row, column));
}

void render_json_integer(sqlite3_stmt *row, int column, struct buffer *body)
{
    if (render_json_is_null(row, column))
        buffer_text(body, "null");
    else
        buffer_integer(body, sqlite3_column_int64(row, column));
}

static void add_number(sqlite3_stmt *row, int column, struct buffer *body)
{
    if (render_json_is_null(row, column) && render_json_is_null(row, column + 1)
        && render_json_is_null(row, column + 2)) {
        buffer_text(body, "null");
        return;
    }
    buffer_text(body, "{\"low\":");
    render_json_integer(row, column, body);
    buffer_text(body, ",\"best\":");
    render_json_integer(row, column + 1, body);
    buffer_text(body, ",\"high\":");
    render_json_integer(row, column + 2, body);
    buffer_text(body, ",\"qualifier\":");
    add_text(row, column + 3, body);
    buffer_text(body, ",\"text\":");
    add_text(row, column + 4, body);
    buffer_text(body, ",\"unit\":");
    add_text(row, column + 5, body);
    buffer_byte(body, '}');
}

static void add_reference(const struct field *field, sqlite3_stmt *row, int column,
                          struct buffer *body)
{
    if (render_json_is_null(row, column)) {
        buffer_text(body, "null");
        return;
    }
    buffer_text(body, "{\"id\":");
    add_text(row, column, body);
    buffer_text(body, ",\"name\":");
    add_text(row, column + 1, body);
    if (field->kind_sql != NULL) {
        buffer_text(body, ",\"kind\":");
        add_text(row, column + 2, body);
    } else if (select_width(field) == 3 && !render_json_is_null(row, column + 2)) {
        buffer_text(body, ",\"iso3\":");
        add_text(row, column + 2, body);
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

static void add_value(const struct field *field, sqlite3_stmt *row, int column,
                      const struct mentions *mentions, struct buffer *body)
{
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
    case FIELD_REAL:
        if (render_json_is_null(row, column))
            buffer_text(body, "null");
        else
            add_raw(row, column, body); /* SQLite writes reals as JSON does, in 15 digits */
        break;
    case FIELD_NUMBER:
        add_number(row, column, body);
        break;
    case FIELD_REF:
        add_reference(field, row, column, body);
        break;
    case FIELD_REFS:
    case FIELD_TEXTS:
    case FIELD_LIST:
    case FIELD_OBJECT:
        add_ready(row, column, body);
        break;
    default:
        add_text(row, column, body);
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

void render_json_row(const struct query *query, sqlite3_stmt *row, struct buffer *body,
                     struct mentions *mentions)
{
    int column = 0;

    for (size_t i = 0; i < query->n_fields; i++) {
        const struct field *field = query->fields[i];

        buffer_text(body, i > 0 ? ",\"" : "{\"");
        buffer_text(body, field->name);
        buffer_text(body, "\":");
        add_value(field, row, column, mentions, body);
        if (mentions != NULL && query->n_includes > 0 && !note(query, field, row, column, mentions))
            body->broken = true; /* what is to be included would lack a row */
        column += (int)select_width(field);
    }
    buffer_byte(body, '}');
}
