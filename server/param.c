#include "server/param.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool param_integer(const char *text, int64_t *ret)
{
    const char *digits = text + (*text == '-');
    int64_t value;

    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    value = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    *ret = value;
    return true;
}

bool param_count(const char *name, const char *value, int64_t least, int64_t most, uint32_t *ret,
                 struct error *err)
{
    int64_t number;

    if (!param_integer(value, &number) || number < least || number > most)
        return error_set(err, ERR_PARAM_INVALID, name,
                         "'%s' takes a whole number from %lld to %lld.", name, (long long)least,
                         (long long)most);
    *ret = (uint32_t)number;
    return true;
}

bool param_word(const char *name, const char *value, const char *const *words, size_t *ret,
                struct error *err)
{
    for (size_t i = 0; words[i] != NULL; i++) {
        if (strcmp(words[i], value) == 0) {
            *ret = i;
            return true;
        }
    }
    error_set(err, ERR_PARAM_INVALID, name, "'%s' does not take '%.60s'.", name, value);
    for (size_t i = 0; words[i] != NULL; i++)
        error_allow(err, value, words[i]);
    return false;
}

bool param_item(const char **list, char *ret, size_t size)
{
    size_t len;

    if (*list == NULL)
        return false;
    len = strcspn(*list, ",");
    snprintf(ret, size, "%.*s", (int)(len < size ? len : size - 1), *list);
    *list = (*list)[len] == ',' ? *list + len + 1 : NULL;
    return true;
}
