#include "db/filter.h"

#include <stdio.h>

#include "db/select.h"
#include "server/base/buffer.h"

/** Everything that writing one tree needs. */
struct writer {
    struct buffer *sql;
    const struct query *query;
    const struct filter *filter;
};

static const char *sign_of(enum filter_kind kind)
{
    switch (kind) {
    case FILTER_GT:
        return ">";
    case FILTER_GE:
        return ">=";
    case FILTER_LT:
        return "<";
    default:
        return "<=";
    }
}

/* The ids or words of a list as flat rows tell them. */
static void add_list(const struct writer *writer, const struct filter_node *node)
{
    struct buffer *sql = writer->sql;

    buffer_text(sql, "CASE WHEN ");
    select_column(sql, writer->query, node->field, 0);
    buffer_text(sql, " IS NOT NULL THEN coalesce((SELECT group_concat(");
    buffer_text(sql, node->field->type == FIELD_REFS ? "value ->> '$.id'" : "value");
    buffer_text(sql, ", '; ') FROM json_each(");
    select_column(sql, writer->query, node->field, 0);
    buffer_text(sql, ")), '') END");
}

static void add_node(const struct writer *writer, int index, bool is_plain);

/* `is_plain`: where it is false or null the row is left out all the same; then an index can serve
 * it. */
static void add_comparison(const struct writer *writer, const struct filter_node *node,
                           bool is_plain)
{
    struct buffer *sql = writer->sql;
    bool is_equality = node->kind == FILTER_EQ || node->kind == FILTER_NE;
    const char *sign = sign_of(node->kind);

    if (is_equality) {
        /* A value that is there equals no null: then the plain sign says the same. */
        bool has_value = writer->filter->nodes[node->right].kind > FILTER_NULL
                         || writer->filter->nodes[node->left].kind > FILTER_NULL;

        sign = node->kind == FILTER_NE ? "IS NOT" : is_plain && has_value ? "=" : "IS";
    }
    buffer_text(sql, is_equality || is_plain ? "(" : "coalesce(");
    add_node(writer, node->left, false);
    buffer_format(sql, " %s ", sign);
    add_node(writer, node->right, false);
    buffer_text(sql, is_equality || is_plain ? ")" : ", 0)");
}

static void add_in(const struct writer *writer, const struct filter_node *node, bool is_plain)
{
    struct buffer *sql = writer->sql;
    bool has_null = false, is_first = true;

    buffer_text(sql, is_plain ? "(" : "(coalesce(");
    add_node(writer, node->left, false);
    buffer_text(sql, " IN (");
    for (int i = node->right; i != FILTER_NONE; i = writer->filter->nodes[i].right) {
        if (writer->filter->nodes[i].kind == FILTER_NULL) {
            has_null = true;
            continue;
        }
        buffer_text(sql, is_first ? "" : ", ");
        add_node(writer, i, false);
        is_first = false;
    }
    buffer_text(sql, is_plain ? ")" : "), 0)");
    if (has_null) {
        buffer_text(sql, " OR ");
        add_node(writer, node->left, false);
        buffer_text(sql, " IS NULL");
    }
    buffer_byte(sql, ')');
}

static void add_words(const struct writer *writer, const struct filter_node *node)
{
    struct buffer *sql = writer->sql;

    buffer_text(sql, node->kind == FILTER_CONTAINS ? "(instr(" : "(substr(");
    add_node(writer, node->left, false);
    if (node->kind == FILTER_STARTSWITH) {
        buffer_text(sql, ", 1, length(");
        add_node(writer, node->right, false);
        buffer_text(sql, ")) = ");
    } else {
        buffer_text(sql, ", ");
    }
    add_node(writer, node->right, false);
    buffer_text(sql, node->kind == FILTER_CONTAINS ? ") > 0)" : ")");
}

/* Depth is bounded: by FILTER_DEPTH to the right, by FILTER_NODES to the left. */
static void add_node(const struct writer *writer, int index, bool is_plain)
{
    const struct filter_node *node = &writer->filter->nodes[index];
    struct buffer *sql = writer->sql;

    switch (node->kind) {
    case FILTER_AND:
    case FILTER_OR:
        buffer_byte(sql, '(');
        add_node(writer, node->left, is_plain);
        buffer_text(sql, node->kind == FILTER_AND ? " AND " : " OR ");
        add_node(writer, node->right, is_plain);
        buffer_byte(sql, ')');
        break;
    case FILTER_NOT:
        buffer_text(sql, "(NOT ");
        add_node(writer, node->left, false);
        buffer_byte(sql, ')');
        break;
    case FILTER_IN:
        add_in(writer, node, is_plain);
        break;
    case FILTER_CONTAINS:
    case FILTER_STARTSWITH:
        add_words(writer, node);
        break;
    case FILTER_COLUMN:
        buffer_byte(sql, '(');
        if (node->is_list)
            add_list(writer, node);
        else
            select_column(sql, writer->query, node->field, node->part);
        buffer_byte(sql, ')');
        break;
    case FILTER_NULL:
        buffer_text(sql, "NULL");
        break;
    case FILTER_TEXT_VALUE:
    case FILTER_INTEGER:
    case FILTER_REAL:
    case FILTER_BOOLEAN:
        buffer_format(sql, ":f%d", index);
        break;
    default:
        add_comparison(writer, node, is_plain);
    }
}

void filter_write(struct buffer *sql, const struct query *query, const struct filter *filter)
{
    const struct writer writer = { sql, query, filter };

    add_node(&writer, filter->root, true);
}

void filter_bind(sqlite3_stmt *stmt, const struct filter *filter)
{
    for (size_t i = 0; i < filter->n; i++) {
        const struct filter_node *node = &filter->nodes[i];
        char name[24];
        int index;

        snprintf(name, sizeof(name), ":f%zu", i);
        index = sqlite3_bind_parameter_index(stmt, name);
        if (index == 0)
            continue;
        if (node->kind == FILTER_TEXT_VALUE)
            sqlite3_bind_text(stmt, index, node->text, -1, SQLITE_STATIC);
        else if (node->kind == FILTER_REAL)
            sqlite3_bind_double(stmt, index, node->real);
        else
            sqlite3_bind_int64(stmt, index, node->integer);
    }
}
