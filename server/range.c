#include "server/range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

/* A whole number, UINT64_MAX where it is larger; *ret_any: there was a digit. */
static uint64_t read_number(const char **at, bool *ret_any)
{
    uint64_t number = 0;

    *ret_any = false;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        uint64_t digit = (uint64_t)(**at - '0');

        *ret_any = true;
        number = number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : number * 10 + digit;
    }
    return number;
}

enum range_verdict range_read(const char *header, uint64_t size, struct range *ret)
{
    uint64_t first, last;
    bool has_first, has_last;

    if (header == NULL || strncasecmp(header, "bytes=", 6) != 0)
        return RANGE_WHOLE;
    header += 6;
    header += strspn(header, " \t");
    first = read_number(&header, &has_first);
    if (*header != '-')
        return RANGE_WHOLE;
    header++;
    last = read_number(&header, &has_last);
    header += strspn(header, " \t");
    if (*header != '\0' || (!has_first && !has_last) || (has_first && has_last && last < first))
        return RANGE_WHOLE;
    if (!has_first) { /* the last so many bytes */
        if (last == 0 || size == 0)
            return RANGE_BEYOND;
        ret->len = last < size ? last : size;
        ret->first = size - ret->len;
        return RANGE_PART;
    }
    if (first >= size)
        return RANGE_BEYOND;
    ret->first = first;
    ret->len = has_last && last < size ? last - first + 1 : size - first;
    return RANGE_PART;
}

bool range_is_current(const char *if_range, const char *etag)
{
    return if_range == NULL || strcmp(if_range, etag) == 0;
}
