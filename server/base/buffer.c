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
    if (more < buffer->size - buffer->len)
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
        size_t len = strcspn(fmt, "%");
        const char *text;

        buffer_add(buffer, fmt, len);
        fmt += len;
        if (*fmt == '\0')
            return true;
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

/* The bytes that JSON has no place for in a string as they are: control characters, the quote and
 * the backslash. */
static bool needs_escape(unsigned char byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

/* How many bytes from `text` on stand in a JSON string as they are. Eight are looked at together:
 * a byte of `odd` has its highest bit set where its byte of the word is one of those (or lies next
 * above one, whence the second look). */
static size_t plain_run(const char *text, size_t len)
{
    const uint64_t ones = UINT64_MAX / 255, highs = ones << 7;
    size_t i = 0;

    for (; i + 8 <= len; i += 8) {
        uint64_t word, quote, slash, odd;

        memcpy(&word, text + i, 8);
        quote = word ^ ones * '"';
        slash = word ^ ones * '\\';
        odd = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote)
              | ((slash - ones) & ~slash);
        if (odd & highs)
            break;
    }
    while (i < len && !needs_escape((unsigned char)text[i]))
        i++;
    return i;
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

bool buffer_json(struct buffer *buffer, const char *text, size_t len)
{
    size_t run = plain_run(text, len);

    buffer_byte(buffer, '"');
    buffer_add(buffer, text, run);
    for (size_t i = run; i < len; i += run) {
        add_escape(buffer, (unsigned char)text[i]);
        i++;
        run = plain_run(text + i, len - i);
        buffer_add(buffer, text + i, run);
    }
    return buffer_byte(buffer, '"');
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

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
                     || strchr("-._~", c) != NULL || strchr(also, c) != NULL;

        if (plain)
            buffer_byte(buffer, (char)c);
        else
            buffer_add(buffer, (const char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
    }
    return !buffer->broken;
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
    if (ret_len != NULL)
        *ret_len = buffer->len;
    *buffer = (struct buffer){ .limit = buffer->limit };
    return data;
}
