#pragma once

/* Dates as precise as they are known: EDTF level 0 (2013, 2013-04, 2013-04-25) with `~` or `?`
 * behind. */

#include <stdbool.h>
#include <stddef.h>

enum { DATE_DAY_SIZE = 11 /* "2013-04-25" and its NUL */ };

#define DATE_FIRST                                                                                 \
    "0001-01-01" /* before every day of ours: the start of something whose start is not known */
#define DATE_LAST                                                                                  \
    "9999-12-31" /* after every day of ours: the end of something that has not ended */

/** The days that an imprecise date can mean. */
struct date_span {
    char min[DATE_DAY_SIZE]; /* first day */
    char max[DATE_DAY_SIZE]; /* last day */
};

/**
 * Reads an EDTF date of the dataset's text.
 *
 * Shape: year, year-month or day, years 0001 to 9999, one optional `~` or `?` at the end.
 * Errors: false for anything else, an impossible day (2023-02-30) included; *ret is untouched then.
 */
bool date_parse(const char *text, struct date_span *ret);

/** Tells whether text is one exact day, YYYY-MM-DD, of the calendar. */
bool date_is_day(const char *text);

/**
 * Reads a date of a request: 2013, 2013-04, 2013-04-25, an RFC 3339 instant (its day in UTC), Unix
 * seconds or Unix milliseconds (ten or more digits count as seconds, twelve or more as
 * milliseconds; a leading minus is allowed).
 *
 * Errors: false for anything else; *ret is untouched then.
 */
bool date_parse_request(const char *text, struct date_span *ret);
