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

/* Makes room for `more` bytes and a NUL. */
static bool reserve(struct buffer *buffer, size_t more)
{
    size_t size = buffer->size ? buffer->size : BUFFER_FIRST;
    char *data;

    if (buffer->broken)
        return false;
    if (more > buffer->limit - buffer->len) {
        buffer->broken = buffer->overflow = true;
        return false;
    }
    if (buffer->data != NULL && buffer->len + more < buffer->size)
        return true;
    while (size <= buffer->len + more)
        size *= 2;
    data = realloc(buffer->data, size);
    if (data == NULL) {
        buffer->broken = true;
        return false;
    }
    buffer->data = data;
    buffer->size = size;
    return true;
}

bool buffer_add(struct buffer *buffer, const char *bytes, size_t len)
{
    if (!reserve(buffer, len))
        return false;
    if (len > 0)
        memcpy(buffer->data + buffer->len, bytes, len);
    buffer->len += len;
    buffer->data[buffer->len] = '\0';
    return true;
}

bool buffer_text(struct buffer *buffer, const char *text)
{
    return buffer_add(buffer, text, strlen(text));
}

bool buffer_byte(struct buffer *buffer, char byte)
{
    return buffer_add(buffer, &byte, 1);
}

bool buffer_format(struct buffer *buffer, const char *fmt, ...)
{
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0 || !reserve(buffer, (size_t)len)) {
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
    char digits[24];
    char *at = digits + sizeof(digits);
    /* Negation in unsigned arithmetic: INT64_MIN has no positive twin. */
    uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (value < 0)
        *--at = '-';
    return buffer_add(buffer, at, (size_t)(digits + sizeof(digits) - at));
}

bool buffer_json(struct buffer *buffer, const char *text, size_t len)
{
    static const char hex[] = "0123456789abcdef";
    size_t from = 0;

    buffer_byte(buffer, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buffer_add(buffer, text + from, i - from);
        from = i + 1;
        switch (c) {
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
            buffer_add(buffer, (const char[]){ '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] }, 6);
        }
    }
    buffer_add(buffer, text + from, len - from);
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
