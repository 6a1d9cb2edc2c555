#include "server/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFER_FIRST = 256 /* first allocation, bytes: most names and small problems fit */ };

void buffer_done(struct buffer *buffer)
{
    if (buffer == NULL)
        return;
    free(buffer->data);
    *buffer = (struct buffer){ .limit = buffer->limit };
}

void buffer_clear(struct buffer *buffer)
{
    buffer->len = 0;
    buffer->broken = false;
    buffer->overflow = false;
    if (buffer->data != NULL)
        buffer->data[0] = '\0';
}

bool buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t size = buffer->size ? buffer->size : BUFFER_FIRST;
    char *data;

    if (buffer->broken)
        return false;
    if (more > buffer->limit - buffer->len) {
        buffer->broken = buffer->overflow = true;
        return false;
    }
    if (buffer->data != NULL && more < buffer->size - buffer->len)
        return true;
    while (size <= buffer->len + more)
        size *= 2;
    /* What fits the memory fits the limit: buffer_add() looks at one of them alone. */
    if (size > buffer->limit)
        size = buffer->limit + 1;
    data = realloc(buffer->data, size);
    if (data == NULL) {
        buffer->broken = true;
        return false;
    }
    buffer->data = data;
    buffer->size = size;
    return true;
}

void buffer_expect(struct buffer *buffer, size_t size)
{
    if (buffer->len < buffer->limit)
        buffer_reserve(buffer,
                       size < buffer->limit - buffer->len ? size : buffer->limit - buffer->len);
}

static bool add_unsigned(struct buffer *buffer, uint64_t value, bool is_negative)
{
    char digits[24];
    char *at = digits + sizeof(digits);

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (is_negative)
        *--at = '-';
    return buffer_add(buffer, at, (size_t)(digits + sizeof(digits) - at));
}

/* Writes a format of %s, %c, %d and %zu alone, which nearly all of ours are: printf() costs five to
 * ten times as much, and SQL is made of these. False: there is something else in it. */
static bool add_format(struct buffer *buffer, const char *fmt, va_list args)
{
    for (;;) {
        const char *mark = strchr(fmt, '%');
        const char *text;

        if (mark == NULL)
            return buffer_text(buffer, fmt) || buffer->broken;
        buffer_add(buffer, fmt, (size_t)(mark - fmt));
        fmt = mark;
        if (fmt[1] == 's') {
            text = va_arg(args, const char *);
            if (text == NULL)
                return false;
            buffer_text(buffer, text);
        } else if (fmt[1] == 'c') {
            buffer_byte(buffer, (char)va_arg(args, int));
        } else if (fmt[1] == 'd') {
            buffer_integer(buffer, va_arg(args, int));
        } else if (fmt[1] == 'z' && fmt[2] == 'u') {
            add_unsigned(buffer, va_arg(args, size_t), false);
            fmt++;
        } else {
            return false;
        }
        fmt += 2;
    }
}

/* What was written from a place on is taken back. */
static void rewind_to(struct buffer *buffer, size_t len)
{
    buffer->len = len;
    if (buffer->data != NULL)
        buffer->data[len] = '\0';
}

bool buffer_format(struct buffer *buffer, const char *fmt, ...)
{
    size_t start = buffer->len;
    va_list args;
    bool is_written;
    int len;

    va_start(args, fmt);
    is_written = add_format(buffer, fmt, args);
    va_end(args);
    if (is_written && !buffer->broken)
        return true;
    rewind_to(buffer, start); /* a format stands whole or not at all */
    if (buffer->broken)
        return false;
    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0 || !buffer_reserve(buffer, (size_t)len)) {
        buffer->broken = true;
        return false;
    }
    va_start(args, fmt);
    vsnprintf(buffer->data + buffer->len, (size_t)len + 1, fmt, args);
    va_end(args);
    buffer->len += (size_t)len;
    return true;
}

bool buffer_integer(struct buffer *buffer, int64_t value)
{
    /* Negation in unsigned arithmetic: INT64_MIN has no positive twin. */
    return add_unsigned(buffer, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

/** Bytes that are looked at together, as every machine of today has registers for. */
typedef unsigned char sixteen __attribute__((vector_size(16)));
typedef unsigned char eight __attribute__((vector_size(8)));

static bool is_odd(unsigned char byte, unsigned char also)
{
    return byte < 0x20 || byte == '"' || byte == also;
}

static bool is_any_of_16(const char *text, unsigned char also)
{
    sixteen bytes;
    uint64_t odd[2];

    memcpy(&bytes, text, 16);
    bytes = (sixteen)((bytes < 0x20) | (bytes == '"') | (bytes == also));
    memcpy(odd, &bytes, 16);
    return (odd[0] | odd[1]) != 0;
}

static bool is_any_of_8(const char *text, unsigned char also)
{
    eight bytes;
    uint64_t odd;

    memcpy(&bytes, text, 8);
    bytes = (eight)((bytes < 0x20) | (bytes == '"') | (bytes == also));
    memcpy(&odd, &bytes, 8);
    return odd != 0;
}

/* The last bytes are looked at again where they fill no group. */
bool buffer_is_plain(const char *text, size_t len, char also)
{
    unsigned char other = (unsigned char)also;
    size_t i = 0;

    if (len >= 16) {
        while (i + 16 < len && !is_any_of_16(text + i, other))
            i += 16;
        return i + 16 >= len && !is_any_of_16(text + len - 16, other);
    }
    if (len >= 8)
        return !is_any_of_8(text, other) && !is_any_of_8(text + len - 8, other);
    while (i < len && !is_odd((unsigned char)text[i], other))
        i++;
    return i == len;
}

static void add_escape(struct buffer *buffer, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";

    switch (byte) {
    case '"':
        buffer_text(buffer, "\\\"");
        break;
    case '\\':
        buffer_text(buffer, "\\\\");
        break;
    case '\n':
        buffer_text(buffer, "\\n");
        break;
    case '\t':
        buffer_text(buffer, "\\t");
        break;
    default:
        buffer_add(buffer, (const char[]){ '\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15] },
                   6);
    }
}

/* A string literal with something in it that needs an escape. */
static bool add_escaped(struct buffer *buffer, const char *text, size_t len)
{
    size_t from = 0;

    buffer_byte(buffer, '"');
    for (size_t i = 0; i < len; i++) {
        if (!is_odd((unsigned char)text[i], '\\'))
            continue;
        buffer_add(buffer, text + from, i - from);
        add_escape(buffer, (unsigned char)text[i]);
        from = i + 1;
    }
    buffer_add(buffer, text + from, len - from);
    return buffer_byte(buffer, '"');
}

bool buffer_json(struct buffer *buffer, const char *text, size_t len)
{
    char *to;

    if (!buffer_is_plain(text, len, '\\'))
        return add_escaped(buffer, text, len);
    if (!buffer_reserve(buffer, len + 2))
        return false;
    to = buffer->data + buffer->len;
    to[0] = '"';
    if (len > 0)
        memcpy(to + 1, text, len);
    memcpy(to + 1 + len, "\"", 2);
    buffer->len += len + 2;
    return true;
}

bool buffer_literal(struct buffer *buffer, const char *text)
{
    return buffer_json(buffer, text, strlen(text));
}

bool buffer_literal_of(struct buffer *buffer, const struct buffer *text)
{
    if (!text->broken)
        return buffer_json(buffer, text->data, text->len);
    buffer->broken = true;
    return false;
}

bool buffer_percent(struct buffer *buffer, const char *text, const char *also)
{
    static const char hex[] = "0123456789ABCDEF";
    const char *from = text; /* what is not written yet */

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
            || c == '.' || c == '_' || c == '~' || strchr(also, c) != NULL)
            continue;
        buffer_add(buffer, from, (size_t)(text - from));
        from = text + 1;
        buffer_add(buffer, (const char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
    }
    return buffer_add(buffer, from, (size_t)(text - from));
}

bool buffer_markup(struct buffer *buffer, const char *text)
{
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
            buffer_text(buffer, "&amp;");
            break;
        case '<':
            buffer_text(buffer, "&lt;");
            break;
        case '>':
            buffer_text(buffer, "&gt;");
            break;
        case '"':
            buffer_text(buffer, "&quot;");
            break;
        default:
            if ((unsigned char)*text >= ' ' || *text == '\t' || *text == '\n' || *text == '\r')
                buffer_byte(buffer, *text);
            else
                buffer_text(buffer, "\xef\xbf\xbd");
        }
    }
    return !buffer->broken;
}

char *buffer_steal(struct buffer *buffer, size_t *ret_len)
{
    char *data;

    if (buffer->broken || (buffer->data == NULL && !buffer_add(buffer, "", 0)))
        return NULL;
    data = buffer->data;
    /* A body may be kept for long. */
    if (buffer->size / 2 > buffer->len) {
        char *smaller = realloc(data, buffer->len + 1);

        data = smaller != NULL ? smaller : data;
    }
    if (ret_len != NULL)
        *ret_len = buffer->len;
    *buffer = (struct buffer){ .limit = buffer->limit };
    return data;
}
