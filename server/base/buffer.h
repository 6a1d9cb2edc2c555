#pragma once

/* A growing text, born with a ceiling. A write past the ceiling, or without memory, marks it
 * broken. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Zero-filled but for `limit`: empty. Owns `data`. */
struct buffer {
    char *data;    /* always ends in NUL once anything was written; NULL: nothing was */
    size_t len;    /* bytes written, without the NUL */
    size_t size;   /* bytes allocated, never more than `limit` and a NUL */
    size_t limit;  /* most bytes it may come to hold */
    bool broken;   /* something did not fit or found no memory: the content is not whole */
    bool overflow; /* broken because of `limit`, not for want of memory */
};

#define BUFFER_INIT(most) ((struct buffer){ .limit = (most) })

/** Frees the content. Takes NULL and never-filled buffers. */
void buffer_done(struct buffer *buffer);
/** Empties the buffer and keeps its memory. */
void buffer_clear(struct buffer *buffer);
/** Makes room for `more` bytes and a NUL. False when the buffer is broken. */
bool buffer_reserve(struct buffer *buffer, size_t more);

/** Allocates `size` bytes at once where that many are likely to be written; a hint, which the limit
 * cuts. */
void buffer_expect(struct buffer *buffer, size_t size);

/* The three that follow write most of a body, in pieces of a few bytes: as calls they would cost
 * more than what they do. */

/** Appends len bytes. False when the buffer is broken. */
static inline bool buffer_add(struct buffer *buffer, const char *bytes, size_t len)
{
    if ((buffer->data == NULL || buffer->broken || len >= buffer->size - buffer->len)
        && !buffer_reserve(buffer, len))
        return false;
    if (len > 0)
        memcpy(buffer->data + buffer->len, bytes, len);
    buffer->len += len;
    buffer->data[buffer->len] = '\0';
    return true;
}

/** Appends a NUL-terminated text. False when the buffer is broken. */
static inline bool buffer_text(struct buffer *buffer, const char *text)
{
    return buffer_add(buffer, text, strlen(text));
}

/** Appends one byte. False when the buffer is broken. */
static inline bool buffer_byte(struct buffer *buffer, char byte)
{
    return buffer_add(buffer, &byte, 1);
}

/** Appends a formatted text. False when the buffer is broken. */
bool buffer_format(struct buffer *buffer, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/** Appends a whole number in decimal. False when the buffer is broken. */
bool buffer_integer(struct buffer *buffer, int64_t value);
/** Whether a text has no control character, no double quote and no `also` in it: then JSON (which
 * also escapes the backslash) and CSV (the comma) take it as it is. */
bool buffer_is_plain(const char *text, size_t len, char also);
/** Appends a JSON string literal, quotes included, of len bytes of UTF-8. False when the buffer is
 * broken. */
bool buffer_json(struct buffer *buffer, const char *text, size_t len);
/** Appends a NUL-terminated text as a JSON string literal. False when the buffer is broken. */
bool buffer_literal(struct buffer *buffer, const char *text);

/** Appends the content of another buffer as a JSON string literal. A text that is not whole breaks
 * what it goes into: better no reply than one that lies. */
bool buffer_literal_of(struct buffer *buffer, const struct buffer *text);

/** Appends text with every byte outside RFC 3986's unreserved set (and outside `also`)
 * percent-encoded. */
bool buffer_percent(struct buffer *buffer, const char *text, const char *also);
/** Appends text as HTML and XML have it between tags and in an attribute in double quotes. A
 * control character has no place in XML 1.0, not even escaped: U+FFFD stands for it. False when the
 * buffer is broken. */
bool buffer_markup(struct buffer *buffer, const char *text);
/**
 * Hands the content to the caller, who frees it with free(); the buffer is empty afterwards.
 *
 * Shape: NUL-terminated, *ret_len bytes before the NUL. NULL when the buffer is broken.
 */
char *buffer_steal(struct buffer *buffer, size_t *ret_len);
