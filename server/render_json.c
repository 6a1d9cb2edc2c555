#include "server/render_json.h"

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

int render_width(const struct query *query)
{
    size_t width = 0;

    for (size_t i = 0; i < query->n_fields; i++)
        width += select_width(query->fields[i]);
    return (int)width;
}

static bool is_null(sqlite3_stmt *row, int column)
{
    return sqlite3_column_type(row, column) == SQLITE_NULL;
}

static void add_raw(sqlite3_stmt *row, int column, struct buffer *body)
{
    buffer_add(body, (const char *)sqlite3_column_text(row, column),
               (size_t)sqlite3_column_bytes(row, column));
}

static void add_text(sqlite3_stmt *row, int column, struct buffer *body)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    if (text == NULL)
        buffer_text(body, "null");
    else
        buffer_json(body, text, (size_t)sqlite3_column_bytes(row, column));
}

static void add_integer(sqlite3_stmt *row, int column, struct buffer *body)
{
    if (is_null(row, column))
        buffer_text(body, "null");
    else
        buffer_integer(body, sqlite3_column_int64(row, column));
}

static void add_number(sqlite3_stmt *row, int column, struct buffer *body)
{
    if (is_null(row, column) && is_null(row, column + 1) && is_null(row, column + 2)) {
        buffer_text(body, "null");
        return;
    }
    buffer_text(body, "{\"low\":");
    add_integer(row, column, body);
    buffer_text(body, ",\"best\":");
    add_integer(row, column + 1, body);
    buffer_text(body, ",\"high\":");
    add_integer(row, column + 2, body);
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
    if (is_null(row, column)) {
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
    } else if (select_width(field) == 3 && !is_null(row, column + 2)) {
        buffer_text(body, ",\"iso3\":");
        add_text(row, column + 2, body);
    }
    buffer_byte(body, '}');
}

static void add_value(const struct field *field, sqlite3_stmt *row, int column, struct buffer *body)
{
    switch (field->type) {
    case FIELD_INTEGER:
        add_integer(row, column, body);
        break;
    case FIELD_REAL:
        if (is_null(row, column))
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
        add_raw(row, column, body);
        break;
    default:
        add_text(row, column, body);
    }
}

static void mention(json_t **ids, const char *id)
{
    if (id == NULL)
        return;
    if (*ids == NULL)
        *ids = json_object();
    json_object_set_new(*ids, id, json_true());
}

static void mention_list(json_t **ids, const char *text)
{
    json_auto_t *list = json_loads(text, 0, NULL);
    json_t *thing;
    size_t i;

    json_array_foreach(list, i, thing)
        mention(ids, json_string_value(json_object_get(thing, "id")));
}

/* Notes the ids in one field for each collection that is to be included and holds them. */
static void note(const struct query *query, const struct field *field, sqlite3_stmt *row,
                 int column, struct mentions *mentions)
{
    const char *text;

    if (field->resource == NULL)
        return;
    for (size_t i = 0; i < query->n_includes; i++) {
        if (strcmp(query->includes[i]->name, field->resource) != 0)
            continue;
        text = (const char *)sqlite3_column_text(row, column);
        if (field->type == FIELD_REFS)
            mention_list(&mentions->ids[i], text);
        else
            mention(&mentions->ids[i], text);
    }
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
        add_value(field, row, column, body);
        if (mentions != NULL && query->n_includes > 0)
            note(query, field, row, column, mentions);
        column += (int)select_width(field);
    }
    buffer_byte(body, '}');
}
