#include "server/base/fold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

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

size_t fold_name(const char *text, char *ret, size_t size)
{
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t len =
        utf8proc_map((const utf8proc_uint8_t *)text, 0, &folded,
                     UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE
                         | UTF8PROC_STRIPMARK | UTF8PROC_CASEFOLD);
    size_t at = 0;
    bool gap = false;

    if (len < 0)
        return 0;
    for (utf8proc_ssize_t i = 0; i < len;) {
        utf8proc_int32_t c;
        utf8proc_uint8_t bytes[4];
        utf8proc_ssize_t step = utf8proc_iterate(folded + i, len - i, &c);
        size_t n;

        if (step <= 0)
            goto fail;
        i += step;
        c = plain(c);
        if (c == ' ') {
            gap = at > 0;
            continue;
        }
        n = (size_t)utf8proc_encode_char(c, bytes);
        if (at + n + (gap ? 1 : 0) + 1 > size)
            goto fail;
        if (gap)
            ret[at++] = ' ';
        gap = false;
        memcpy(ret + at, bytes, n);
        at += n;
    }
    free(folded);
    if (at == 0)
        return 0;
    ret[at] = '\0';
    return at;
fail:
    free(folded);
    return 0;
}
