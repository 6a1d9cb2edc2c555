#include "server/target.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "server/base/buffer.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_utf8(const char *text)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;

    while (*at != '\0') {
        utf8proc_int32_t c;
        utf8proc_ssize_t step = utf8proc_iterate(at, -1, &c);

        if (step <= 0)
            return false;
        at += step;
    }
    return true;
}

static bool too_long(struct error *err)
{
    return error_set(err, ERR_TARGET_TOO_LONG, NULL, "The request target is longer than %d bytes.",
                     TARGET_TEXT);
}

/* Decodes [from, to) into the target's text. */
static bool decode(struct target *target, const char *from, const char *to, bool is_query,
                   const char **ret, struct error *err)
{
    char *out = target->text + target->len;

    *ret = out;
    for (; from < to; from++) {
        unsigned char c = (unsigned char)*from;

        if (target->len + 2 > sizeof(target->text))
            return too_long(err);
        if (c == '%') {
            int high = to - from > 2 ? hex(from[1]) : -1;
            int low = to - from > 2 ? hex(from[2]) : -1;

            if (high < 0 || low < 0)
                return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                                 "The URL has a '%%' without two hexadecimal digits behind it; a "
                                 "plain '%%' is written %%25.");
            c = (unsigned char)(high << 4 | low);
            from += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f)
            return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                             "The URL holds the control character %%%02X.", c);
        target->text[target->len++] = (char)c;
    }
    /* An empty part takes a byte as well: without this look, many of them would leave the text. */
    if (target->len == sizeof(target->text))
        return too_long(err);
    target->text[target->len++] = '\0';
    if (!is_utf8(out))
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "The URL holds bytes that are not UTF-8.");
    return true;
}

static bool parse_path(const char *from, const char *to, struct target *ret, struct error *err)
{
    if (from == to || *from != '/')
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "The request target must begin with '/'.");
    from++;
    while (from < to) {
        const char *end = memchr(from, '/', (size_t)(to - from));

        if (end == NULL)
            end = to;
        if (end == from || ret->n_segments == TARGET_SEGMENTS)
            return error_set(err, ERR_PATH_UNKNOWN, NULL,
                             "There is no such path; /v1/ lists what there is.");
        if (!decode(ret, from, end, false, &ret->segments[ret->n_segments++], err))
            return false;
        ret->has_slash = end < to;
        from = end + 1;
    }
    return true;
}

static bool is_ignored(const char *name)
{
    return strcmp(name, "_") == 0 || strncmp(name, "utm_", 4) == 0;
}

static bool parse_query(const char *from, struct target *ret, struct error *err)
{
    while (*from != '\0') {
        const char *end = strchr(from, '&');
        const char *equals;
        struct target_param param = { .value = "" };

        if (end == NULL)
            end = from + strlen(from);
        equals = memchr(from, '=', (size_t)(end - from));
        if (end > from) {
            if (!decode(ret, from, equals != NULL ? equals : end, true, &param.name, err)
                || (equals != NULL && !decode(ret, equals + 1, end, true, &param.value, err)))
                return false;
            if (!is_ignored(param.name)) {
                if (ret->n_params == TARGET_PARAMS)
                    return error_set(err, ERR_PARAM_INVALID, param.name,
                                     "The request has more than %d parameters; several values fit "
                                     "into one as name__in=a,b.",
                                     TARGET_PARAMS);
                ret->params[ret->n_params++] = param;
            }
        }
        from = *end != '\0' ? end + 1 : end;
    }
    return true;
}

/* Cuts the end that asks for a form off the last segment: what is left is the name of a list. */
static void cut_suffix(struct target *target)
{
    char *last;

    target->format = FORMAT_JSON;
    if (target->n_segments < 2 || strcmp(target->segments[0], "v1") != 0)
        return;
    last = target->text + (target->segments[target->n_segments - 1] - target->text);
    target->format = format_of_suffix(last);
    if (target->format != FORMAT_JSON)
        *strrchr(last, '.') = '\0';
}

bool target_parse(const char *raw, struct target *ret, struct error *err)
{
    const char *query = strchr(raw, '?');

    ret->n_segments = ret->n_params = ret->len = 0;
    ret->has_slash = false;
    if (!parse_path(raw, query != NULL ? query : raw + strlen(raw), ret, err)
        || (query != NULL && !parse_query(query + 1, ret, err)))
        return false;
    cut_suffix(ret);
    return true;
}

const char *target_param(const struct target *target, const char *name)
{
    for (size_t i = 0; i < target->n_params; i++) {
        if (strcmp(target->params[i].name, name) == 0)
            return target->params[i].value;
    }
    return NULL;
}

static bool is_in(const char *const *names, const char *name)
{
    for (; names != NULL && *names != NULL; names++) {
        if (strcmp(*names, name) == 0)
            return true;
    }
    return false;
}

static void write_path(const struct target *target, struct buffer *out)
{
    for (size_t i = 0; i < target->n_segments; i++) {
        buffer_byte(out, '/');
        buffer_percent(out, target->segments[i], "");
    }
    buffer_text(out, format_suffix(target->format));
    if (target->has_slash || target->n_segments == 0)
        buffer_byte(out, '/');
}

static void write_param(const struct target_param *param, bool is_first, struct buffer *out)
{
    buffer_byte(out, is_first ? '?' : '&');
    buffer_percent(out, param->name, "");
    buffer_byte(out, '=');
    buffer_percent(out, param->value, ",:");
}

static int compare(const void *a, const void *b)
{
    const struct target_param *first = a, *second = b;
    int order = strcmp(first->name, second->name);

    return order != 0 ? order : strcmp(first->value, second->value);
}

void target_canonical(const struct target *target, const char *const *without, struct buffer *out)
{
    struct target_param sorted[TARGET_PARAMS];
    bool is_first = true;

    memcpy(sorted, target->params, target->n_params * sizeof(*sorted));
    qsort(sorted, target->n_params, sizeof(*sorted), compare);
    write_path(target, out);
    for (size_t i = 0; i < target->n_params; i++) {
        if (is_in(without, sorted[i].name))
            continue;
        write_param(&sorted[i], is_first, out);
        is_first = false;
    }
}
