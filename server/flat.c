#include "server/flat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/select.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/render_json.h"

enum { VALUE_MOST = 8 << 20 /* most bytes of one value */ };

/* ---- columns ---- */

void flat_init(struct flat *flat)
{
    flat->n = 0;
    flat->scratch = BUFFER_INIT(VALUE_MOST);
    memset(flat->given, 0, sizeof(flat->given));
}

void flat_add(struct flat *flat, const struct field *field, const char *suffix, enum flat_type type,
              int at, bool is_nullable)
{
    struct flat_column *column = &flat->columns[flat->n];

    if (flat->n == FLAT_COLUMNS)
        return;
    snprintf(column->name, sizeof(column->name), "%s%s%s", field->name, *suffix != '\0' ? "_" : "",
             suffix);
    column->type = type;
    column->field = field;
    column->at = at;
    column->only = -1;
    column->is_nullable = is_nullable;
    flat->n++;
}

static enum flat_type type_of(const struct field *field)
{
    switch (field->type) {
    case FIELD_INTEGER:
        return FLAT_INTEGER;
    case FIELD_REAL:
        return FLAT_REAL;
    case FIELD_BOOLEAN:
        return FLAT_BOOLEAN;
    case FIELD_REFS:
    case FIELD_TEXTS:
        return FLAT_LIST;
    case FIELD_LIST:
    case FIELD_OBJECT:
        return FLAT_JSON;
    case FIELD_ROW:
        return FLAT_ROW;
    default:
        return FLAT_TEXT;
    }
}

void flat_add_field(struct flat *flat, const struct field *field, int at)
{
    bool is_nullable = (field->flags & FIELD_NULLABLE) != 0;

    if (field->type == FIELD_NUMBER) {
        /* Any part may be left open, whether there is a number or not. */
        for (int i = 0; i < SELECT_NUMBER_PARTS; i++)
            flat_add(flat, field, select_number_parts[i], i < 3 ? FLAT_INTEGER : FLAT_TEXT, at + i,
                     true);
        return;
    }
    flat_add(flat, field, "", type_of(field), at, is_nullable);
    if (field->type != FIELD_REF)
        return;
    flat_add(flat, field, "name", FLAT_TEXT, at + 1, is_nullable);
    if (select_width(field) == 3)
        flat_add(flat, field, field->kind_sql != NULL ? "kind" : "iso3", FLAT_TEXT, at + 2,
                 field->kind_sql == NULL || is_nullable);
}

/* Adds the next field of a row. */
static void add_next(struct flat *flat, struct select_walk *walk, const struct field *field)
{
    struct select_place place = select_next(walk, field);
    size_t first = flat->n;

    flat_add_field(flat, field, place.at);
    for (size_t i = first; i < flat->n; i++)
        flat->columns[i].only = place.only;
}

void flat_of(const struct query *query, struct flat *ret)
{
    struct select_walk walk = { .column = 0 };

    flat_init(ret);
    for (size_t i = 0; i < query->n_fields; i++)
        add_next(ret, &walk, query->fields[i]);
}

void flat_of_resource(const struct resource *resource, struct flat *ret)
{
    struct select_walk walk = { .column = 0 };

    flat_init(ret);
    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (!(field->flags & FIELD_HIDDEN))
            add_next(ret, &walk, field);
    }
}

void flat_done(struct flat *flat)
{
    buffer_done(&flat->scratch);
}

/* ---- values ---- */

/* One character of a JSON string behind its backslash; gives what comes behind. */
static const char *add_escape(const char *at, struct buffer *out)
{
    static const char codes[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    const char *code = strchr(codes, *at);
    char digits[5] = "";
    unsigned long number;

    if (code != NULL && *at != '\0') {
        buffer_byte(out, bytes[code - codes]);
        return at + 1;
    }
    if (*at != 'u' || strspn(at + 1, "0123456789abcdefABCDEF") < 4) {
        out->broken = true;
        return at + strlen(at);
    }
    memcpy(digits, at + 1, 4);
    number = strtoul(digits, NULL, 16);
    /* SQLite escapes control characters alone in this way. */
    if (number >= 0x80)
        out->broken = true;
    else
        buffer_byte(out, (char)number);
    return at + 5;
}

/* A JSON string from behind its first quote on; gives what comes behind its last. */
static const char *add_string(const char *at, struct buffer *out)
{
    while (*at != '\0' && *at != '"') {
        size_t len = strcspn(at, "\\\"");

        buffer_add(out, at, len);
        at += len;
        if (*at == '\\')
            at = add_escape(at + 1, out);
    }
    return at + (*at == '"');
}

/* The ids of a list of references, or the words of a list of texts. */
static void add_list(const struct field *field, const char *json, struct buffer *out)
{
    static const char id[] = "{\"id\":\"";
    bool is_first = true;

    while (true) {
        const char *at = strstr(json, field->type == FIELD_REFS ? id : "\"");

        if (at == NULL)
            return;
        buffer_text(out, is_first ? "" : "; ");
        json = add_string(at + (field->type == FIELD_REFS ? sizeof(id) - 1 : 1), out);
        is_first = false;
    }
}

/** A value as plain text. */
struct words {
    const char *text; /* NULL: it is null */
    size_t len;
};

static struct words words(const char *text)
{
    return (struct words){ text, text != NULL ? strlen(text) : 0 };
}

static struct words scratch_words(const struct flat *flat)
{
    return (struct words){ flat->scratch.len > 0 ? flat->scratch.data : "", flat->scratch.len };
}

/* Breaks the scratch where the value cannot be told. */
static struct words words_of(struct flat *flat, const struct flat_column *column, sqlite3_stmt *row,
                             const struct row_source *rows)
{
    sqlite3_value *value;
    int type;
    struct words ret;

    if (column->type == FLAT_ROW) {
        buffer_clear(&flat->scratch);
        return render_json_row_of(row, column->at, rows, &flat->scratch) ? scratch_words(flat)
                                                                         : words(NULL);
    }
    if (column->at < 0)
        return words(flat->given[FLAT_GIVEN_AT(column->at)]);
    if (column->only >= 0 && sqlite3_column_int(row, column->only) == 0)
        return words(NULL);
    value = sqlite3_column_value(row, column->at); /* once, as in render_json.c */
    type = sqlite3_value_type(value);
    if (type == SQLITE_NULL)
        return words(NULL);
    if (column->type == FLAT_BOOLEAN)
        return words(sqlite3_value_int(value) != 0 ? "true" : "false");
    if (type == SQLITE_INTEGER) {
        buffer_clear(&flat->scratch);
        buffer_integer(&flat->scratch, sqlite3_value_int64(value));
        return scratch_words(flat);
    }
    ret.text = (const char *)sqlite3_value_text(value);
    ret.len = (size_t)sqlite3_value_bytes(value);
    if (ret.text == NULL)
        flat->scratch.broken = true; /* no memory for it: not to be told as a null */
    if (ret.text == NULL || column->type != FLAT_LIST)
        return ret;
    buffer_clear(&flat->scratch);
    add_list(column->field, ret.text, &flat->scratch);
    return scratch_words(flat);
}

static bool is_words(enum flat_type type)
{
    return type == FLAT_TEXT || type == FLAT_LIST || type == FLAT_JSON || type == FLAT_ROW;
}

/* ---- CSV ---- */

static bool is_formula(const char *text)
{
    return *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
}

static void add_cell(const char *text, size_t len, bool is_safe, struct buffer *out)
{
    bool is_made_safe = is_safe && is_formula(text);

    if (len > 0 && !is_made_safe && *text != ' ' && text[len - 1] != ' '
        && (buffer_is_plain(text, len, ',') || strcspn(text, ",\"\r\n") == len)) {
        buffer_add(out, text, len);
        return;
    }
    buffer_byte(out, '"');
    buffer_text(out, is_made_safe ? "'" : "");
    for (; *text != '\0'; text++) {
        if (*text == '"')
            buffer_byte(out, '"');
        buffer_byte(out, *text);
    }
    buffer_byte(out, '"');
}

void flat_csv_head(const struct flat *flat, struct buffer *out)
{
    for (size_t i = 0; i < flat->n; i++) {
        buffer_text(out, i > 0 ? "," : "");
        buffer_text(out, flat->columns[i].name);
    }
    buffer_text(out, "\r\n");
}

void flat_csv_row(struct flat *flat, sqlite3_stmt *row, bool is_safe, const struct row_source *rows,
                  struct buffer *out)
{
    for (size_t i = 0; i < flat->n; i++) {
        const struct flat_column *column = &flat->columns[i];
        struct words value = words_of(flat, column, row, rows);

        /* At once: the next value clears it. */
        out->broken = out->broken || flat->scratch.broken;
        if (i > 0)
            buffer_byte(out, ',');
        if (value.text != NULL && is_words(column->type))
            add_cell(value.text, value.len, is_safe, out);
        else if (value.text != NULL)
            buffer_add(out, value.text, value.len);
    }
    buffer_text(out, "\r\n");
}

/* ---- JSON ---- */

void flat_json_row(struct flat *flat, sqlite3_stmt *row, const struct row_source *rows,
                   struct buffer *out)
{
    for (size_t i = 0; i < flat->n; i++) {
        const struct flat_column *column = &flat->columns[i];
        struct words value = words_of(flat, column, row, rows);

        /* At once: the next value clears it. */
        out->broken = out->broken || flat->scratch.broken;
        buffer_text(out, i > 0 ? ",\"" : "{\"");
        buffer_text(out, column->name);
        buffer_text(out, "\":");
        if (value.text == NULL)
            buffer_text(out, "null");
        else if (is_words(column->type))
            buffer_json(out, value.text, value.len);
        else
            buffer_add(out, value.text, value.len);
    }
    buffer_byte(out, '}');
}

/* ---- bodies ---- */

void flat_writer_init(struct flat_writer *writer, const struct query *query, enum format format,
                      const struct row_source *rows)
{
    flat_of(query, &writer->flat);
    writer->format = format;
    writer->query = query;
    writer->rows = rows;
    writer->n = 0;
}

void flat_writer_bare(struct flat_writer *writer, const struct query *query, enum format format)
{
    flat_init(&writer->flat);
    writer->format = format;
    writer->query = query;
    writer->rows = NULL;
    writer->n = 0;
}

void flat_writer_begin(const struct flat_writer *writer, struct buffer *out)
{
    switch (writer->format) {
    case FORMAT_CSV:
        buffer_text(out, writer->query->is_bom ? "\xef\xbb\xbf" : "");
        flat_csv_head(&writer->flat, out);
        break;
    case FORMAT_GEOJSON:
        buffer_text(out, "{\"type\":\"FeatureCollection\",\"features\":[");
        break;
    case FORMAT_ROWS:
        buffer_byte(out, '[');
        break;
    default:
        break;
    }
}

/* A point, or several; null: the row has no place, or one whose position is not known. */
static void add_geometry(sqlite3_stmt *row, int column, struct buffer *out)
{
    const char *points = (const char *)sqlite3_column_text(row, column);

    if (points == NULL || strcmp(points, "[]") == 0) {
        out->broken = out->broken || (points == NULL && !render_json_is_null(row, column));
        buffer_text(out, "null");
    } else if (strstr(points, "],[") == NULL) {
        buffer_text(out, "{\"type\":\"Point\",\"coordinates\":");
        buffer_add(out, points + 1, strlen(points) - 2);
        buffer_byte(out, '}');
    } else {
        buffer_format(out, "{\"type\":\"MultiPoint\",\"coordinates\":%s}", points);
    }
}

static void add_feature(struct flat_writer *writer, sqlite3_stmt *row, struct buffer *out)
{
    const char *id = (const char *)sqlite3_column_text(row, 0); /* the id is the first field */

    buffer_text(out, "{\"type\":\"Feature\",\"id\":");
    buffer_literal(out, id != NULL ? id : "");
    buffer_text(out, ",\"geometry\":");
    add_geometry(row, render_width(writer->query) - 1, out);
    buffer_text(out, ",\"properties\":");
    flat_json_row(&writer->flat, row, writer->rows, out);
    buffer_byte(out, '}');
    out->broken = out->broken || id == NULL;
}

void flat_writer_row(struct flat_writer *writer, sqlite3_stmt *row, struct buffer *out)
{
    bool is_first = writer->n++ == 0;

    switch (writer->format) {
    case FORMAT_CSV:
        flat_csv_row(&writer->flat, row, writer->query->is_excel, writer->rows, out);
        break;
    case FORMAT_NDJSON:
        flat_json_row(&writer->flat, row, writer->rows, out);
        buffer_byte(out, '\n');
        break;
    case FORMAT_GEOJSON:
        buffer_text(out, is_first ? "\n" : ",\n");
        add_feature(writer, row, out);
        break;
    default:
        buffer_text(out, is_first ? "\n" : ",\n");
        flat_json_row(&writer->flat, row, writer->rows, out);
    }
}

void flat_writer_end(const struct flat_writer *writer, struct buffer *out)
{
    const char *gap = writer->n > 0 ? "\n" : "";

    if (writer->format == FORMAT_ROWS)
        buffer_format(out, "%s]\n", gap);
    else if (writer->format == FORMAT_GEOJSON)
        buffer_format(out, "%s]}\n", gap);
    else if (writer->format == FORMAT_NDJSON && writer->n == 0)
        buffer_byte(out, '\n'); /* one empty line: no body is empty */
}

void flat_writer_done(struct flat_writer *writer)
{
    flat_done(&writer->flat);
}
