/*
 * $filter of OData: what is taken becomes a tree whose text is taken again as the same tree, and
 * SQL that the database takes; the tree and its negation find other rows. The first byte chooses
 * the resource.
 */

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "db/select.h"
#include "handlers/catalogue.h"
#include "server/base/buffer.h"
#include "server/flat.h"
#include "server/odata_filter.h"
#include "server/query.h"
#include "tests/fuzz/fuzz.h"

static const struct resource *const resources[] = { &missions, &casualties, &relationships,
                                                    &claims };
enum { RESOURCES = sizeof(resources) / sizeof(*resources), TEXT = 64 << 10 };

static struct conn *conn;
static struct flat columns[RESOURCES];

static void begin(void)
{
    struct error err = { 0 };

    must(dataset_conn(fuzz_service()->dataset, &conn, &err), "%s", err.detail);
    for (size_t i = 0; i < RESOURCES; i++)
        flat_of_resource(resources[i], &columns[i]);
}

static void end(void)
{
    for (size_t i = 0; i < RESOURCES; i++)
        flat_done(&columns[i]);
}

static const char *name_of(const struct flat *flat, const struct filter_node *node)
{
    for (size_t i = 0; i < flat->n; i++) {
        if (flat->columns[i].field == node->field && odata_part(flat, (int)i) == node->part)
            return flat->columns[i].name;
    }
    fuzz_failed(__FILE__, __LINE__, "a column", "has a name");
}

static void write_text(const char *text, struct buffer *ret)
{
    buffer_byte(ret, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buffer_byte(ret, '\'');
        buffer_byte(ret, *text);
    }
    buffer_byte(ret, '\'');
}

static bool is_day(const struct filter *filter, int index);

/* Writes a tree as an expression, with all parentheses. is_day: a text is a day, without quotes. */
static void write_tree(const struct flat *flat, const struct filter *filter, int index, bool day,
                       struct buffer *ret)
{
    static const char *const words[] = { "and", "or", "not", "eq", "ne",       "gt",
                                         "ge",  "lt", "le",  "in", "contains", "startswith" };
    const struct filter_node *node = &filter->nodes[index];

    switch (node->kind) {
    case FILTER_COLUMN:
        buffer_text(ret, name_of(flat, node));
        return;
    case FILTER_NULL:
        buffer_text(ret, "null");
        return;
    case FILTER_TEXT_VALUE:
        if (day)
            buffer_text(ret, node->text);
        else
            write_text(node->text, ret);
        return;
    case FILTER_INTEGER:
        buffer_format(ret, "%" PRId64, node->integer);
        return;
    case FILTER_REAL:
        if (isinf(node->real)) /* what is past all numbers is read as that */
            buffer_text(ret, node->real < 0 ? "-1e999" : "1e999");
        else
            buffer_format(ret, "%.17e", node->real);
        return;
    case FILTER_BOOLEAN:
        buffer_text(ret, node->integer ? "true" : "false");
        return;
    case FILTER_NOT:
        buffer_text(ret, "not (");
        write_tree(flat, filter, node->left, false, ret);
        buffer_byte(ret, ')');
        return;
    case FILTER_CONTAINS:
    case FILTER_STARTSWITH:
        buffer_format(ret, "%s(", words[node->kind]);
        write_tree(flat, filter, node->left, false, ret);
        buffer_byte(ret, ',');
        write_tree(flat, filter, node->right, false, ret);
        buffer_byte(ret, ')');
        return;
    case FILTER_IN:
        day = is_day(filter, node->left);
        for (int i = node->right; i != FILTER_NONE; i = filter->nodes[i].right)
            day = day || is_day(filter, i);
        write_tree(flat, filter, node->left, day, ret);
        buffer_text(ret, " in (");
        for (int i = node->right; i != FILTER_NONE; i = filter->nodes[i].right) {
            write_tree(flat, filter, i, day, ret);
            buffer_text(ret, filter->nodes[i].right != FILTER_NONE ? "," : ")");
        }
        return;
    default:
        day = is_day(filter, node->left) || is_day(filter, node->right);
        buffer_byte(ret, '(');
        write_tree(flat, filter, node->left, day, ret);
        buffer_format(ret, " %s ", words[node->kind]);
        write_tree(flat, filter, node->right, day, ret);
        buffer_byte(ret, ')');
    }
}

static const struct flat *looked_at;

/* Whether a node is a column of days: what it is compared with is one as well. */
static bool is_day(const struct filter *filter, int index)
{
    const struct filter_node *node = &filter->nodes[index];

    for (size_t i = 0; node->kind == FILTER_COLUMN && i < looked_at->n; i++) {
        if (looked_at->columns[i].field == node->field
            && odata_part(looked_at, (int)i) == node->part)
            return odata_type_of(&looked_at->columns[i]) == ODATA_DATE;
    }
    return false;
}

static int64_t count(const struct resource *resource, const struct filter *filter, const char *text)
{
    static struct query query, parent;
    struct error err = { 0 };
    int64_t n;

    memset(&parent, 0, sizeof(parent));
    query_included(resource, &parent, &query);
    query.filter = filter;
    if (!select_count(conn, &query, &n, &err))
        fuzz_failed(__FILE__, __LINE__, "SQL", "%s: %s", text, err.detail);
    return n;
}

static void check_tree(size_t i, const struct filter *filter, const char *text)
{
    static struct filter again;
    struct buffer words = BUFFER_INIT(TEXT), rewritten = BUFFER_INIT(TEXT);
    struct error err = { 0 };
    bool has_day_literals = false;

    looked_at = &columns[i];
    /* Two days that are no columns: they cannot be told from texts here. */
    for (size_t j = 0; j < filter->n; j++)
        has_day_literals |=
            filter->nodes[j].kind == FILTER_TEXT_VALUE && date_is_day(filter->nodes[j].text);
    write_tree(looked_at, filter, filter->root, false, &words);
    must(!words.broken, "the expression has room");
    if (odata_filter_parse(words.data, looked_at, &again, &err)) {
        write_tree(looked_at, &again, again.root, false, &rewritten);
        must(strcmp(words.data, rewritten.data) == 0, "'%s' becomes '%s'", words.data,
             rewritten.data);
        must(count(resources[i], filter, text) == count(resources[i], &again, words.data),
             "'%s' and '%s' find the same", text, words.data);
    } else {
        must(has_day_literals || strstr(err.detail, "parentheses") != NULL, "'%s' as '%s': %s",
             text, words.data, err.detail);
    }
    buffer_done(&words);
    buffer_done(&rewritten);
}

static void one(const uint8_t *bytes, size_t len)
{
    static struct filter filter, opposite;
    char *text, *negated;
    struct error err = { 0 };
    size_t i = len > 0 ? *bytes % RESOURCES : 0, size;
    int64_t all, found;

    if (len < 2)
        return;
    text = fuzz_text(bytes + 1, len - 1);
    if (!odata_filter_parse(text, &columns[i], &filter, &err)) {
        must((err.code == ERR_PARAM_INVALID || err.code == ERR_UNSUPPORTED)
                 && strcmp(err.param, "$filter") == 0,
             "code %d of '%s'", (int)err.code, text);
        free(text);
        return;
    }
    must(filter.n <= FILTER_NODES && filter.text_len <= FILTER_TEXT && filter.root >= 0,
         "the tree has room");
    found = count(resources[i], &filter, text);
    all = count(resources[i], NULL, "all");
    must(found >= 0 && found <= all, "'%s' finds %" PRId64 " of %" PRId64, text, found, all);
    check_tree(i, &filter, text);
    size = strlen(text) + 8;
    negated = malloc(size);
    must(negated != NULL, "memory");
    snprintf(negated, size, "not (%s)", text);
    err = (struct error){ 0 };
    if (odata_filter_parse(negated, &columns[i], &opposite, &err)) {
        int64_t rest = count(resources[i], &opposite, negated);

        must(found + rest <= all, "'%s' finds %" PRId64 " and its negation %" PRId64 " of %" PRId64,
             text, found, rest, all);
    }
    free(negated);
    free(text);
}

const struct fuzz_target target_odata_filter = {
    .name = "odata_filter", .longest = 600, .runs = 3000, .begin = begin, .one = one, .end = end
};
