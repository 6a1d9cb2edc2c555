#include "server/render_drawing.h"

#include <string.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/render_json.h"

enum { TEXT_MOST = 1 << 20 /* most bytes of one attribute */ };

/* ---- one value as plain text ---- */

/* The ids of a list, ["a","b"], one blank between them. They are slugs: none needs an escape. */
static void add_list(const char *json, struct buffer *out)
{
    for (bool is_first = true; (json = strchr(json, '"')) != NULL; is_first = false) {
        size_t len = strcspn(++json, "\"");

        buffer_text(out, is_first ? "" : " ");
        buffer_add(out, json, len);
        json += len + (json[len] != '\0');
    }
}

static void add_plain(const struct field *field, sqlite3_stmt *row, int column, struct buffer *out)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    if (text == NULL)
        out->broken = true; /* no memory: nulls do not come here */
    else if (field->type == FIELD_TEXTS)
        add_list(text, out);
    else
        buffer_text(out, text);
}

/* ---- XML ---- */

static void add_key(const struct field *field, const char *name, const char *of, struct buffer *out)
{
    buffer_format(out, "<key id=\"%s-%s\" for=\"%s\" attr.name=\"%s\" attr.type=\"%s\"/>\n", of,
                  field->name, of, name, field->type == FIELD_INTEGER ? "long" : "string");
}

/* Attributes, from the field at `first` on. */
static void add_data(const struct query *query, sqlite3_stmt *row, size_t first, const char *of,
                     struct buffer *out)
{
    for (size_t i = first; i < query->n_fields; i++) {
        defer(buffer_done) struct buffer plain = BUFFER_INIT(TEXT_MOST);

        if (render_json_is_null(row, (int)i))
            continue;
        add_plain(query->fields[i], row, (int)i, &plain);
        buffer_format(out, "<data key=\"%s-%s\">", of, query->fields[i]->name);
        buffer_markup(out, plain.data != NULL ? plain.data : "");
        buffer_text(out, "</data>");
        if (plain.broken)
            out->broken = true;
    }
}

/* Names of attributes: what readers take for the label is called so. */
static const char *attribute(const struct field *field, const char *label)
{
    return label != NULL && strcmp(field->name, label) == 0 ? "label" : field->name;
}

static void begin_graphml(const struct drawing *drawing, const char *cut)
{
    const struct graph *graph = drawing->graph;

    buffer_text(drawing->body, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                               "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n");
    if (cut != NULL)
        buffer_format(drawing->body, "<!-- cut: the whole graph has more %s -->\n", cut);
    for (size_t i = 1; graph->nodes->fields[i].name != NULL; i++)
        add_key(&graph->nodes->fields[i], attribute(&graph->nodes->fields[i], graph->label), "node",
                drawing->body);
    for (size_t i = 3; graph->links->fields[i].name != NULL; i++)
        add_key(&graph->links->fields[i], attribute(&graph->links->fields[i], graph->link_label),
                "edge", drawing->body);
    buffer_text(drawing->body, "<graph edgedefault=\"directed\">\n");
}

/* ---- DOT ---- */

/* A quoted string: what else could end it is a quote, and a backslash would take what follows. */
static void add_quoted(const char *text, struct buffer *out)
{
    buffer_byte(out, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            buffer_byte(out, '\\');
        if ((unsigned char)*text >= ' ')
            buffer_byte(out, *text);
        else
            buffer_byte(out, ' ');
    }
    buffer_byte(out, '"');
}

static void add_attributes(const struct query *query, sqlite3_stmt *row, size_t first,
                           const char *label, struct buffer *out)
{
    bool is_any = false;

    buffer_text(out, " [");
    for (size_t i = first; i < query->n_fields; i++) {
        defer(buffer_done) struct buffer plain = BUFFER_INIT(TEXT_MOST);

        if (render_json_is_null(row, (int)i))
            continue;
        add_plain(query->fields[i], row, (int)i, &plain);
        buffer_format(out, "%s%s=", is_any ? ", " : "", attribute(query->fields[i], label));
        add_quoted(plain.data != NULL ? plain.data : "", out);
        is_any = true;
        if (plain.broken)
            out->broken = true;
    }
    buffer_text(out, "];\n");
}

/* ---- either ---- */

void render_drawing_begin(const struct drawing *drawing, const char *cut)
{
    if (drawing->format == FORMAT_GRAPHML) {
        begin_graphml(drawing, cut);
        return;
    }
    buffer_text(drawing->body, "digraph bluehelm {\n");
    if (cut != NULL)
        buffer_format(drawing->body, "// cut: the whole graph has more %s\n", cut);
}

static const char *text_of(sqlite3_stmt *row, int column, struct buffer *out)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    if (text == NULL)
        out->broken = true;
    return text != NULL ? text : "";
}

void render_drawing_node(const struct drawing *drawing, const struct query *query,
                         sqlite3_stmt *row)
{
    struct buffer *body = drawing->body;

    if (drawing->format == FORMAT_GRAPHML) {
        buffer_text(body, "<node id=\"");
        buffer_markup(body, text_of(row, 0, body));
        buffer_text(body, "\">");
        add_data(query, row, 1, "node", body);
        buffer_text(body, "</node>\n");
    } else {
        add_quoted(text_of(row, 0, body), body);
        add_attributes(query, row, 1, drawing->graph->label, body);
    }
}

void render_drawing_link(const struct drawing *drawing, const struct query *query,
                         sqlite3_stmt *row)
{
    struct buffer *body = drawing->body;

    if (drawing->format == FORMAT_GRAPHML) {
        buffer_text(body, "<edge id=\"");
        buffer_markup(body, text_of(row, 0, body));
        buffer_text(body, "\" source=\"");
        buffer_markup(body, text_of(row, 1, body));
        buffer_text(body, "\" target=\"");
        buffer_markup(body, text_of(row, 2, body));
        buffer_text(body, "\">");
        add_data(query, row, 3, "edge", body);
        buffer_text(body, "</edge>\n");
    } else {
        add_quoted(text_of(row, 1, body), body);
        buffer_text(body, " -> ");
        add_quoted(text_of(row, 2, body), body);
        add_attributes(query, row, 3, drawing->graph->link_label, body);
    }
}

void render_drawing_end(const struct drawing *drawing)
{
    buffer_text(drawing->body, drawing->format == FORMAT_GRAPHML ? "</graph>\n</graphml>" : "}");
}
