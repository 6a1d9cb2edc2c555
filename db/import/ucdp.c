#include "db/import/ucdp.h"

#include <string.h>

enum { DIGITS_MOST = 9 /* of a count of people: more than there are is a mistake */ };

/* A whole number, with nothing but zeros behind a point. */
static bool read_count(const char *text, int64_t *ret)
{
    int64_t value = 0;
    size_t n = 0;

    while (text[n] >= '0' && text[n] <= '9' && n < DIGITS_MOST)
        value = value * 10 + (text[n++] - '0');
    *ret = value;
    if (n == 0)
        return false;
    if (text[n] == '.')
        n += 1 + strspn(text + n + 1, "0");
    return text[n] == '\0';
}

static bool read_cell(struct import *import, const struct import_row *row, int field, int64_t *ret,
                      struct error *err)
{
    const char *cell = row->cells[field];

    if (cell != NULL && read_count(cell, ret))
        return true;
    return import_reject(import, field, "a whole number of people, 0 where there was none", err,
                         "'%s' is no number of people", cell != NULL ? cell : "");
}

bool ucdp_read(struct import *import, const struct import_row *row, struct ucdp_cells cells,
               struct ucdp_estimate *ret, struct error *err)
{
    *ret = (struct ucdp_estimate){ 0 };
    return read_cell(import, row, cells.low, &ret->low, err)
           && read_cell(import, row, cells.best, &ret->best, err)
           && read_cell(import, row, cells.high, &ret->high, err);
}

void ucdp_put(struct record *record, const struct ucdp_estimate *estimate, const char *text,
              const char *note)
{
    bool is_outside = estimate->best < estimate->low || estimate->best > estimate->high;

    record_integer(record, CASUALTY_LOW, estimate->low);
    record_integer(record, CASUALTY_BEST, estimate->best);
    record_integer(record, CASUALTY_HIGH, estimate->high);
    record_text(record, CASUALTY_QUALIFIER, "estimated");
    record_text(record, CASUALTY_TEXT, text);
    if (is_outside) {
        record_text(record, CASUALTY_FLAGS, "[\"bounds_inconsistent\"]");
        note = record_join(record, note != NULL ? note : "", note != NULL ? " " : "",
                           "The publisher's best figure lies outside its own bounds.", NULL);
    }
    record_text(record, CASUALTY_NOTE, note);
}

bool ucdp_place(struct import *import, const struct import_row *row, int name, int code,
                const char **ret, struct error *err)
{
    struct lookup *lookup = import_lookup(import);
    const char *words = row->cells[name];

    *ret = words != NULL ? lookup_find(lookup, "place", words) : NULL;
    if (*ret == NULL && code >= 0 && row->cells[code] != NULL)
        *ret = lookup_find(lookup, "place", row->cells[code]);
    if (*ret != NULL)
        return true;
    if (words == NULL)
        return import_reject(import, name, "the name of a country", err, "the country is empty");
    return import_reject_name(import, name, "place", words, err);
}
