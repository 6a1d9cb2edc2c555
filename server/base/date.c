#define _GNU_SOURCE /* strptime, timegm */
#include "server/base/date.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int days_in_month(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* Reads exactly n digits; -1 where there are none. */
static int digits(const char *text, size_t n)
{
    int value = 0;

    for (size_t i = 0; i < n; i++) {
        if (!isdigit((unsigned char)text[i]))
            return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

static void day_text(char ret[DATE_DAY_SIZE], int year, int month, int day)
{
    const int numbers[] = { year / 100, year % 100, month, day };
    char *to = ret;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        *to++ = (char)('0' + numbers[i] / 10);
        *to++ = (char)('0' + numbers[i] % 10);
        if (i == 1 || i == 2)
            *to++ = '-';
    }
    *to = '\0';
}

/* Reads year, year-month or day of exactly len characters. */
static bool parse(const char *text, size_t len, struct date_span *ret)
{
    int year, month = 0, day = 0;

    if (len != 4 && len != 7 && len != 10)
        return false;
    year = digits(text, 4);
    if (year < 1)
        return false;
    if (len >= 7) {
        month = text[4] == '-' ? digits(text + 5, 2) : -1;
        if (month < 1 || month > 12)
            return false;
    }
    if (len == 10) {
        day = text[7] == '-' ? digits(text + 8, 2) : -1;
        if (day < 1 || day > days_in_month(year, month))
            return false;
    }
    day_text(ret->min, year, month ? month : 1, day ? day : 1);
    day_text(ret->max, year, month ? month : 12,
             day ? day : days_in_month(year, month ? month : 12));
    return true;
}

bool date_parse(const char *text, struct date_span *ret)
{
    size_t len = strlen(text);

    if (len > 0 && (text[len - 1] == '~' || text[len - 1] == '?'))
        len--;
    return parse(text, len, ret);
}

bool date_is_day(const char *text)
{
    struct date_span span;

    return strlen(text) == 10 && parse(text, 10, &span);
}

static bool parse_instant(const char *text, struct date_span *ret)
{
    struct tm parts = { 0 };
    const char *rest;
    long offset = 0;
    time_t when;

    if (strlen(text) < 20 || (text[10] != 'T' && text[10] != 't') || !parse(text, 10, ret))
        return false;
    /* strptime() takes 1:2:3 as well; RFC 3339 does not. */
    if (digits(text + 11, 2) < 0 || text[13] != ':' || digits(text + 14, 2) < 0 || text[16] != ':'
        || digits(text + 17, 2) < 0)
        return false;
    rest = strptime(text, text[10] == 'T' ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%dt%H:%M:%S", &parts);
    if (rest == NULL || parts.tm_sec > 60)
        return false;
    if (parts.tm_sec == 60) /* a leap second is the last of its day, not the first of the next */
        parts.tm_sec = 59;
    if (*rest == '.') {
        do
            rest++;
        while (isdigit((unsigned char)*rest));
        if (rest[-1] == '.')
            return false;
    }
    /* A '+' that arrives as a space was not percent-encoded by the client; it can mean nothing else
     * here. */
    if (*rest == '+' || *rest == '-' || *rest == ' ') {
        int hours = digits(rest + 1, 2);
        int minutes = hours >= 0 && rest[3] == ':' ? digits(rest + 4, 2) : -1;

        if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || rest[6] != '\0')
            return false;
        offset = (hours * 3600L + minutes * 60L) * (*rest == '-' ? -1 : 1);
    } else if ((*rest != 'Z' && *rest != 'z') || rest[1] != '\0') {
        return false;
    }
    when = timegm(&parts) - offset;
    if (gmtime_r(&when, &parts) == NULL || parts.tm_year < -1899 || parts.tm_year > 8099)
        return false;
    day_text(ret->min, parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
    memcpy(ret->max, ret->min, sizeof(ret->max));
    return true;
}

static bool parse_unix(const char *text, struct date_span *ret)
{
    const char *from = text + (*text == '-');
    size_t len = strlen(from);
    struct tm parts;
    long long value;
    time_t when;

    if (len < 9 || len > 15 || strspn(from, "0123456789") != len)
        return false;
    errno = 0;
    value = strtoll(text, NULL, 10);
    if (errno != 0)
        return false;
    if (len >= 12) /* milliseconds; rounded down, before 1970 as well */
        value = value / 1000 - (value % 1000 < 0 ? 1 : 0);
    when = (time_t)value;
    if (gmtime_r(&when, &parts) == NULL || parts.tm_year < -1899 || parts.tm_year > 8099)
        return false;
    day_text(ret->min, parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
    memcpy(ret->max, ret->min, sizeof(ret->max));
    return true;
}

bool date_parse_request(const char *text, struct date_span *ret)
{
    struct date_span span;

    if (!parse(text, strlen(text), &span) && !parse_unix(text, &span)
        && !parse_instant(text, &span))
        return false;
    *ret = span;
    return true;
}
