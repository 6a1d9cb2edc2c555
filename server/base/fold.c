#include "server/base/fold.h"

#include <stdbool.h>
#include <string.h>

#include <utf8proc.h>

enum { FOLD_POINTS = 4096 /* characters of a text, decomposed: longer ones equal nothing */ };

static utf8proc_int32_t plain(utf8proc_int32_t c)
{
    switch (c) {
    case 0x2018: /* typographic apostrophes */
    case 0x2019:
    case 0x02BC:
        return '\'';
    case 0x2010: /* hyphens and dashes */
    case 0x2011:
    case 0x2012:
    case 0x2013:
        return '-';
    default:
        return c == 0x00A0 || c == '\t' || c == '\n' || c == '\r' ? ' ' : c;
    }
}

/*
 * Takes no memory but the stack's: a text that could not be folded for want of it would be taken
 * for one that equals nothing.
 */
size_t fold_name(const char *text, char *ret, size_t size)
{
    static const utf8proc_option_t options = UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPAT
                                             | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK
                                             | UTF8PROC_CASEFOLD;
    utf8proc_int32_t points[FOLD_POINTS + 1]; /* and room for the NUL of what they become */
    const utf8proc_uint8_t *folded = (const utf8proc_uint8_t *)points;
    utf8proc_ssize_t len =
        utf8proc_decompose((const utf8proc_uint8_t *)text, 0, points, FOLD_POINTS, options);
    size_t at = 0;
    bool gap = false;

    if (len > FOLD_POINTS)
        return 0;
    if (len > 0)
        len = utf8proc_reencode(points, len, options);
    if (len < 0)
        return 0;
    for (utf8proc_ssize_t i = 0; i < len;) {
        utf8proc_int32_t c;
        utf8proc_uint8_t bytes[4];
        utf8proc_ssize_t step = utf8proc_iterate(folded + i, len - i, &c);
        size_t n;

        if (step <= 0)
            return 0;
        i += step;
        c = plain(c);
        if (c == ' ') {
            gap = at > 0;
            continue;
        }
        n = (size_t)utf8proc_encode_char(c, bytes);
        if (at + n + (gap ? 1 : 0) + 1 > size)
            return 0;
        if (gap)
            ret[at++] = ' ';
        gap = false;
        memcpy(ret + at, bytes, n);
        at += n;
    }
    if (at == 0)
        return 0;
    ret[at] = '\0';
    return at;
}
