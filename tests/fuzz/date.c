/*
 * Dates, imprecise and of requests: what is read is days of the calendar in their order, and reads
 * as itself again; later moments are never on earlier days.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/base/date.h"
#include "tests/fuzz/fuzz.h"

static void check_span(const char *text, const struct date_span *span)
{
    struct date_span again;

    must(date_is_day(span->min) && date_is_day(span->max), "%s: %s to %s are days", text, span->min,
         span->max);
    must(strcmp(DATE_FIRST, span->min) <= 0 && strcmp(span->min, span->max) <= 0
             && strcmp(span->max, DATE_LAST) <= 0,
         "%s: %s to %s are in their order", text, span->min, span->max);
    must(date_parse(span->min, &again) && strcmp(again.min, span->min) == 0
             && strcmp(again.max, span->min) == 0,
         "%s: %s is one day", text, span->min);
}

/* Unix seconds of a day's begin by counting days: another way than that of the program. */
static int64_t seconds_of(const char *day)
{
    int64_t year = strtol(day, NULL, 10), month = strtol(day + 5, NULL, 10);
    int64_t number = strtol(day + 8, NULL, 10), shifted = month > 2 ? month - 3 : month + 9;

    year -= month <= 2;
    number += (153 * shifted + 2) / 5 + 365 * year + year / 4 - year / 100 + year / 400;
    return (number - 719469) * 86400;
}

/* A number of seconds or milliseconds is on the day that holds it. */
static void check_number(const char *text, const struct date_span *span)
{
    int64_t value = strtoll(text, NULL, 10), begin = seconds_of(span->min);
    size_t digits = strlen(text) - (*text == '-');

    must(strcmp(span->min, span->max) == 0, "%s is on one day", text);
    if (digits >= 12) {
        must(value >= begin * 1000 && value < (begin + 86400) * 1000, "%s is not on %s", text,
             span->min);
        return;
    }
    must(value >= begin && value < begin + 86400, "%s is not on %s", text, span->min);
}

static void one(const uint8_t *bytes, size_t len)
{
    char *text = fuzz_text(bytes, len);
    struct date_span span, asked;
    bool is_date = date_parse(text, &span), is_asked = date_parse_request(text, &asked);

    if (is_date)
        check_span(text, &span);
    if (is_asked)
        check_span(text, &asked);
    if (is_date && is_asked)
        must(memcmp(&span, &asked, sizeof(span)) == 0, "%s is read in two ways", text);
    if (date_is_day(text))
        must(is_date && is_asked && strcmp(span.min, text) == 0 && strcmp(span.max, text) == 0,
             "%s is a day, and itself", text);
    if (is_asked && strlen(text) > 7 && strspn(text + 1, "0123456789") == strlen(text) - 1)
        check_number(text, &asked);
    if (is_asked && strlen(text) >= 20) {
        int64_t of_text = seconds_of(text), of_day = seconds_of(asked.min);

        must(of_day - of_text <= 86400 && of_text - of_day <= 86400,
             "%s is a day or more away from %s", asked.min, text);
    }
    free(text);
}

const struct fuzz_target target_date = { .name = "date", .longest = 48, .runs = 50000, .one = one };
