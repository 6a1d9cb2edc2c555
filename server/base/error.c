#include "server/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <utf8proc.h>

#include "server/base/nearest.h"

/* What a ceiling cut in the middle of a character is no text any more: its bytes become '?'. */
static void whole_characters(char *text)
{
    utf8proc_int32_t c;

    while (*text != '\0') {
        utf8proc_ssize_t step = utf8proc_iterate((const utf8proc_uint8_t *)text, -1, &c);

        if (step <= 0)
            *text = '?';
        text += step > 0 ? step : 1;
    }
}

bool error_set(struct error *err, enum error_code code, const char *param, const char *fmt, ...)
{
    va_list args;

    if (err->code != ERR_NONE)
        return false;
    err->code = code;
    snprintf(err->param, sizeof(err->param), "%s", param ? param : "");
    va_start(args, fmt);
    vsnprintf(err->detail, sizeof(err->detail), fmt, args);
    va_end(args);
    whole_characters(err->param);
    whole_characters(err->detail);
    return false;
}

void error_allow(struct error *err, const char *given, const char *right)
{
    size_t have = strlen(err->allowed);
    size_t len = strlen(right);

    if (have + len + 2 <= sizeof(err->allowed))
        snprintf(err->allowed + have, sizeof(err->allowed) - have, "%s%s", have ? "\n" : "", right);
    if (given == NULL || len >= sizeof(err->did_you_mean))
        return;
    if (nearest_is_closer(given, right, err->did_you_mean))
        snprintf(err->did_you_mean, sizeof(err->did_you_mean), "%s", right);
}
