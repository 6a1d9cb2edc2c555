#include "server/odata_filter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/date.h"
#include "server/flat.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
static const char word_bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789.";
static const char digits[] = "0123456789";

enum { NUMBER_SIZE = 64 /* bytes of a number and its NUL */ };

/** The work on one expression. */
struct parser {
    const char *text; /* all of it */
    const char *at;   /* what is left */
    const struct flat *columns;
    struct filter *filter;
    int depth; /* parentheses, negations and functions around */
    struct error *err;
};

/** A part that was read: its node and type. */
struct operand {
    int node;
    enum odata_type type;
    const char *at; /* where it begins */
};

enum odata_type odata_type_of(const struct flat_column *column)
{
    switch (column->type) {
    case FLAT_INTEGER:
    case FLAT_REAL:
        return ODATA_NUMBER;
    case FLAT_BOOLEAN:
        return ODATA_BOOLEAN;
    case FLAT_ROW:
        return ODATA_OPAQUE;
    default:
        return column->field->type == FIELD_DAY ? ODATA_DATE : ODATA_STRING;
    }
}

int odata_column(const struct flat *columns, const char *name, size_t len)
{
    for (size_t i = 0; i < columns->n; i++) {
        if (strlen(columns->columns[i].name) == len
            && strncmp(columns->columns[i].name, name, len) == 0)
            return (int)i;
    }
    return -1;
}

size_t odata_part(const struct flat *columns, int index)
{
    int first = index;

    while (first > 0 && columns->columns[first - 1].field == columns->columns[index].field)
        first--;
    return (size_t)(columns->columns[index].at - columns->columns[first].at);
}

/* ---- failures ---- */

/* Counts characters, from 1. */
static size_t position(const struct parser *parser, const char *at)
{
    size_t n = 1;

    for (const char *c = parser->text; c < at; c++)
        n += ((unsigned char)*c & 0xc0) != 0x80;
    return n;
}

static bool fail(const struct parser *parser, enum error_code code, const char *at, const char *fmt,
                 ...) __attribute__((format(printf, 4, 5)));

static bool fail(const struct parser *parser, enum error_code code, const char *at, const char *fmt,
                 ...)
{
    char words[300];
    va_list args;

    va_start(args, fmt);
    vsnprintf(words, sizeof(words), fmt, args);
    va_end(args);
    error_set(parser->err, code, "$filter", "At character %zu: %s", position(parser, at), words);
    return false;
}

static const char *type_words(enum odata_type type)
{
    static const char *const words[] = {
        [ODATA_STRING] = "text (in single quotes)",
        [ODATA_NUMBER] = "a number",
        [ODATA_BOOLEAN] = "true or false",
        [ODATA_DATE] = "a day (2013-04-25, without quotes)",
        [ODATA_NULL] = "null",
        [ODATA_OPAQUE] = "a row",
    };

    return words[type];
}

/* ---- nodes ---- */

static bool add_node(const struct parser *parser, struct filter_node node, const char *at, int *ret)
{
    struct filter *filter = parser->filter;

    if (filter->n == FILTER_NODES)
        return fail(parser, ERR_PARAM_INVALID, at, "the expression has more than %d parts.",
                    FILTER_NODES);
    *ret = (int)filter->n;
    filter->nodes[filter->n++] = node;
    return true;
}

static bool add_pair(const struct parser *parser, enum filter_kind kind, struct operand *left,
                     const struct operand *right)
{
    left->type = ODATA_BOOLEAN;
    return add_node(parser,
                    (struct filter_node){ .kind = kind,
                                          .left = left->node,
                                          .right = right != NULL ? right->node : FILTER_NONE },
                    left->at, &left->node);
}

static bool add_literal(const struct parser *parser, struct filter_node node, enum odata_type type,
                        struct operand *ret)
{
    node.left = node.right = FILTER_NONE;
    ret->type = type;
    return add_node(parser, node, ret->at, &ret->node);
}

/* ---- words ---- */

static void skip_space(struct parser *parser)
{
    parser->at += strspn(parser->at, " ");
}

static size_t word_len(const char *at)
{
    return *at != '\0' && strchr(letters, *at) != NULL ? strspn(at, word_bytes) : 0;
}

static bool is_word(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && strncmp(at, word, len) == 0;
}

static bool is_end(char c)
{
    return c == '\0' || c == ' ' || c == ')' || c == ',';
}

static bool check_end(const struct parser *parser)
{
    return is_end(*parser->at)
           || fail(parser, ERR_PARAM_INVALID, parser->at, "'%c' is not expected here.",
                   (unsigned char)*parser->at < 0x80 ? *parser->at : '?');
}

static bool expect(struct parser *parser, char wanted)
{
    skip_space(parser);
    if (*parser->at != wanted)
        return fail(parser, ERR_PARAM_INVALID, parser->at, "'%c' is missing.", wanted);
    parser->at++;
    return true;
}

static bool enter(struct parser *parser, const char *at)
{
    if (parser->depth == FILTER_DEPTH)
        return fail(parser, ERR_PARAM_INVALID, at, "more than %d parentheses inside one another.",
                    FILTER_DEPTH);
    parser->depth++;
    return true;
}

/* ---- literals ---- */

static bool read_text(struct parser *parser, struct operand *ret)
{
    struct filter *filter = parser->filter;
    const char *kept = filter->text + filter->text_len;

    for (parser->at++;; parser->at++) {
        if (*parser->at == '\0')
            return fail(parser, ERR_PARAM_INVALID, ret->at,
                        "the text that begins here has no quote at its end.");
        if (*parser->at == '\'' && *++parser->at != '\'')
            break;
        if (filter->text_len + 2 > sizeof(filter->text))
            return fail(parser, ERR_PARAM_INVALID, ret->at, "the texts are too long together.");
        filter->text[filter->text_len++] = *parser->at;
    }
    filter->text[filter->text_len++] = '\0';
    return check_end(parser)
           && add_literal(parser, (struct filter_node){ .kind = FILTER_TEXT_VALUE, .text = kept },
                          ODATA_STRING, ret);
}

static bool read_day(struct parser *parser, struct operand *ret)
{
    struct filter *filter = parser->filter;
    size_t len = strspn(parser->at, "0123456789-");
    char *kept = filter->text + filter->text_len;

    if (parser->at[len] == 'T')
        return fail(parser, ERR_UNSUPPORTED, ret->at,
                    "instants are not taken: a day is written 2013-04-25.");
    if (len != DATE_DAY_SIZE - 1 || filter->text_len + len + 1 > sizeof(filter->text))
        return fail(parser, ERR_PARAM_INVALID, ret->at, "a day is written 2013-04-25.");
    memcpy(kept, parser->at, len);
    kept[len] = '\0';
    filter->text_len += len + 1;
    if (!date_is_day(kept))
        return fail(parser, ERR_PARAM_INVALID, ret->at, "'%s' is no day of the calendar.", kept);
    parser->at += len;
    return check_end(parser)
           && add_literal(parser, (struct filter_node){ .kind = FILTER_TEXT_VALUE, .text = kept },
                          ODATA_DATE, ret);
}

/* Length of a number; *ret_whole: it has neither fraction nor exponent. 0: it is none. */
static size_t number_len(const char *at, bool *ret_whole)
{
    size_t len = *at == '-', n = strspn(at + len, digits);

    *ret_whole = true;
    if (n == 0)
        return 0;
    len += n;
    if (at[len] == '.' && strspn(at + len + 1, digits) > 0) {
        *ret_whole = false;
        len += 1 + strspn(at + len + 1, digits);
    }
    if (at[len] == 'e' || at[len] == 'E') {
        size_t sign = at[len + 1] == '-' || at[len + 1] == '+';

        n = strspn(at + len + 1 + sign, digits);
        *ret_whole = false;
        len += n > 0 ? 1 + sign + n : 0;
    }
    return len;
}

static bool read_number(struct parser *parser, struct operand *ret)
{
    char text[NUMBER_SIZE];
    bool is_whole;
    size_t len = number_len(parser->at, &is_whole);
    struct filter_node node = { .kind = FILTER_REAL };

    if (*parser->at != '-' && strspn(parser->at, digits) == 4 && parser->at[4] == '-')
        return read_day(parser, ret);
    if (len == 0)
        return fail(parser, ERR_UNSUPPORTED, ret->at, "nothing but a number can be negated.");
    if (len >= sizeof(text))
        return fail(parser, ERR_PARAM_INVALID, ret->at, "the number is too long.");
    memcpy(text, parser->at, len);
    text[len] = '\0';
    parser->at += len;
    errno = 0;
    node.integer = strtoll(text, NULL, 10);
    if (is_whole && errno == 0)
        node.kind = FILTER_INTEGER;
    else
        node.real = strtod(text, NULL); /* past all numbers: the largest, which compares right */
    return check_end(parser) && add_literal(parser, node, ODATA_NUMBER, ret);
}

/* true, false and null; false, and nothing said: it is another word. */
static bool read_word_literal(struct parser *parser, size_t len, struct operand *ret,
                              bool *ret_good)
{
    bool is_true = is_word(parser->at, len, "true");
    struct filter_node node = { .kind = FILTER_BOOLEAN, .integer = is_true };
    enum odata_type type = ODATA_BOOLEAN;

    if (is_word(parser->at, len, "null")) {
        node.kind = FILTER_NULL;
        type = ODATA_NULL;
    } else if (!is_true && !is_word(parser->at, len, "false")) {
        return false;
    }
    parser->at += len;
    *ret_good = check_end(parser) && add_literal(parser, node, type, ret);
    return true;
}

/* ---- expressions ---- */

static bool read_or(struct parser *parser, struct operand *ret);
static bool read_operand(struct parser *parser, struct operand *ret);

static bool check_condition(const struct parser *parser, const struct operand *operand)
{
    return operand->type == ODATA_BOOLEAN
           || fail(parser, ERR_PARAM_INVALID, operand->at,
                   "a condition is wanted here, which is true or false, and this is %s.",
                   type_words(operand->type));
}

static bool read_words_function(struct parser *parser, enum filter_kind kind, struct operand *ret)
{
    struct operand right;

    if (!enter(parser, ret->at) || !expect(parser, '(') || !read_operand(parser, ret)
        || !expect(parser, ',') || !read_operand(parser, &right) || !expect(parser, ')'))
        return false;
    parser->depth--;
    if (ret->type != ODATA_STRING || right.type != ODATA_STRING)
        return fail(parser, ERR_PARAM_INVALID, ret->type != ODATA_STRING ? ret->at : right.at,
                    "text is wanted here, and this is %s.",
                    type_words(ret->type != ODATA_STRING ? ret->type : right.type));
    return add_pair(parser, kind, ret, &right);
}

static bool read_function(struct parser *parser, size_t len, struct operand *ret)
{
    const char *name = parser->at;

    parser->at += len;
    if (is_word(name, len, "contains"))
        return read_words_function(parser, FILTER_CONTAINS, ret);
    if (is_word(name, len, "startswith"))
        return read_words_function(parser, FILTER_STARTSWITH, ret);
    return fail(parser, ERR_UNSUPPORTED, name,
                "the function %.*s() is not taken; contains() and startswith() are.",
                (int)(len < 60 ? len : 60), name);
}

static bool read_column(struct parser *parser, size_t len, struct operand *ret)
{
    int index = odata_column(parser->columns, parser->at, len);
    char name[FLAT_NAME];

    if (index < 0) {
        snprintf(name, sizeof(name), "%.*s", (int)(len < 60 ? len : 60), parser->at);
        fail(parser, ERR_PARAM_INVALID, parser->at, "there is no property '%s'.", name);
        for (size_t i = 0; i < parser->columns->n; i++)
            error_allow(parser->err, name, parser->columns->columns[i].name);
        return false;
    }
    parser->at += len;
    ret->type = odata_type_of(&parser->columns->columns[index]);
    return check_end(parser)
           && add_node(parser,
                       (struct filter_node){
                           .kind = FILTER_COLUMN,
                           .left = FILTER_NONE,
                           .right = FILTER_NONE,
                           .field = parser->columns->columns[index].field,
                           .part = odata_part(parser->columns, index),
                           .is_list = parser->columns->columns[index].type == FLAT_LIST,
                       },
                       ret->at, &ret->node);
}

static bool read_not(struct parser *parser, struct operand *ret)
{
    if (!enter(parser, ret->at) || !read_operand(parser, ret))
        return false;
    parser->depth--;
    return check_condition(parser, ret) && add_pair(parser, FILTER_NOT, ret, NULL);
}

static bool read_word(struct parser *parser, size_t len, struct operand *ret)
{
    char next = parser->at[len];
    bool is_good = false;

    if (is_word(parser->at, len, "not") && (next == ' ' || next == '(')) {
        parser->at += len;
        return read_not(parser, ret);
    }
    if (next == '(')
        return read_function(parser, len, ret);
    if (next == '/' || next == ':')
        return fail(parser, ERR_UNSUPPORTED, parser->at,
                    "there are no paths, navigation or lambda operators here.");
    if (next == '\'')
        return fail(parser, ERR_UNSUPPORTED, parser->at, "literals of this type are not taken.");
    if (is_word(parser->at, len, "INF") || is_word(parser->at, len, "NaN"))
        return fail(parser, ERR_UNSUPPORTED, parser->at, "INF and NaN are not taken.");
    return read_word_literal(parser, len, ret, &is_good) ? is_good : read_column(parser, len, ret);
}

static bool read_operand(struct parser *parser, struct operand *ret)
{
    size_t len;

    skip_space(parser);
    *ret = (struct operand){ FILTER_NONE, ODATA_NULL, parser->at };
    len = word_len(parser->at);
    if (len > 0)
        return read_word(parser, len, ret);
    switch (*parser->at) {
    case '(':
        if (!enter(parser, parser->at++) || !read_or(parser, ret) || !expect(parser, ')'))
            return false;
        parser->depth--;
        return true;
    case '\'':
        return read_text(parser, ret);
    case '@':
    case '$':
        return fail(parser, ERR_UNSUPPORTED, parser->at, "aliases and $it are not taken.");
    case '\0':
        return fail(parser, ERR_PARAM_INVALID, parser->at,
                    "a property or value is missing at the end.");
    default:
        if (*parser->at == '-' || strchr(digits, *parser->at) != NULL)
            return read_number(parser, ret);
        return fail(parser, ERR_PARAM_INVALID, parser->at, "a property or value is wanted here.");
    }
}

static bool check_types(const struct parser *parser, const struct operand *left,
                        const struct operand *right)
{
    if (left->type == ODATA_OPAQUE || right->type == ODATA_OPAQUE)
        return fail(parser, ERR_UNSUPPORTED, left->at, "this property cannot be compared.");
    if (left->type == right->type || left->type == ODATA_NULL || right->type == ODATA_NULL)
        return true;
    return fail(parser, ERR_PARAM_INVALID, right->at, "%s cannot be compared with %s.",
                type_words(left->type), type_words(right->type));
}

static bool read_in(struct parser *parser, struct operand *left)
{
    int first = FILTER_NONE, last = FILTER_NONE;
    char next;

    if (!expect(parser, '('))
        return false;
    do {
        struct operand item;

        if (!read_operand(parser, &item) || !check_types(parser, left, &item))
            return false;
        if (parser->filter->nodes[item.node].kind < FILTER_NULL)
            return fail(parser, ERR_UNSUPPORTED, item.at, "'in' takes plain values.");
        if (last == FILTER_NONE)
            first = item.node;
        else
            parser->filter->nodes[last].right = item.node;
        last = item.node;
        skip_space(parser);
        next = *parser->at;
        parser->at += next != '\0';
    } while (next == ',');
    if (next != ')')
        return fail(parser, ERR_PARAM_INVALID, parser->at - (next != '\0'), "')' is missing.");
    return add_pair(parser, FILTER_IN, left, &(struct operand){ .node = first });
}

/* The operator between two values; false: there is none. */
static bool find_comparison(const char *at, size_t len, enum filter_kind *ret)
{
    static const struct {
        const char *word;
        enum filter_kind kind;
    } operators[] = {
        { "eq", FILTER_EQ }, { "ne", FILTER_NE }, { "gt", FILTER_GT }, { "ge", FILTER_GE },
        { "lt", FILTER_LT }, { "le", FILTER_LE }, { "in", FILTER_IN },
    };

    for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
        if (is_word(at, len, operators[i].word)) {
            *ret = operators[i].kind;
            return true;
        }
    }
    return false;
}

static bool is_other_operator(const char *at, size_t len)
{
    static const char *const others[] = { "add", "sub", "mul", "div", "divby", "mod", "has" };

    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        if (is_word(at, len, others[i]))
            return true;
    }
    return false;
}

static bool read_comparison(struct parser *parser, struct operand *ret)
{
    enum filter_kind kind;

    if (!read_operand(parser, ret))
        return false;
    while (true) {
        struct operand right;
        size_t len;

        skip_space(parser);
        len = word_len(parser->at);
        if (is_other_operator(parser->at, len))
            return fail(parser, ERR_UNSUPPORTED, parser->at,
                        "the operator %.*s is not taken: there is no arithmetic here.", (int)len,
                        parser->at);
        if (!find_comparison(parser->at, len, &kind))
            return true;
        parser->at += len;
        if (kind == FILTER_IN) {
            if (!read_in(parser, ret))
                return false;
            continue;
        }
        if (!read_operand(parser, &right) || !check_types(parser, ret, &right)
            || !add_pair(parser, kind, ret, &right))
            return false;
    }
}

/* A chain of conditions joined by one word. */
static bool read_chain(struct parser *parser, bool is_and, struct operand *ret)
{
    if (is_and ? !read_comparison(parser, ret) : !read_chain(parser, true, ret))
        return false;
    while (true) {
        struct operand right;
        size_t len;

        skip_space(parser);
        len = word_len(parser->at);
        if (!is_word(parser->at, len, is_and ? "and" : "or"))
            return true;
        if (!check_condition(parser, ret))
            return false;
        parser->at += len;
        if ((is_and ? !read_comparison(parser, &right) : !read_chain(parser, true, &right))
            || !check_condition(parser, &right)
            || !add_pair(parser, is_and ? FILTER_AND : FILTER_OR, ret, &right))
            return false;
    }
}

static bool read_or(struct parser *parser, struct operand *ret)
{
    return read_chain(parser, false, ret);
}

bool odata_filter_parse(const char *text, const struct flat *columns, struct filter *ret,
                        struct error *err)
{
    struct parser parser = { text, text, columns, ret, 0, err };
    struct operand whole;

    ret->n = ret->text_len = 0;
    if (!read_or(&parser, &whole))
        return false;
    skip_space(&parser);
    if (*parser.at != '\0')
        return fail(&parser, ERR_PARAM_INVALID, parser.at,
                    "an operator or the end is wanted here.");
    if (!check_condition(&parser, &whole))
        return false;
    ret->root = whole.node;
    return true;
}
