/* UCDP's Georeferenced Event Dataset: an event of organised violence a row. The columns differ from
 * version to version and more from carrier to carrier; those that are needed are in all of them. */

#include <stdlib.h>
#include <string.h>

#include "db/import/kinds.h"
#include "db/import/ucdp.h"
#include "server/base/date.h"

enum field {
    ID,
    DATE_START,
    DATE_END,
    LOW,
    BEST,
    HIGH,
    COUNTRY,
    TYPE_OF_VIOLENCE,
    ISO3,
    LATITUDE,
    LONGITUDE,
    WHERE_COORDINATES,
    DYAD_NAME,
};

static const struct import_field fields[] = {
    [ID] = { .name = "id",
             .is_required = true,
             .without = "so it is an extract, whose events no later state could be compared with; "
                        "the file of events as UCDP publishes it would be right" },
    [DATE_START] = { .name = "date_start", .is_required = true },
    [DATE_END] = { .name = "date_end", .is_required = true },
    [LOW] = { .name = "low", .is_required = true },
    [BEST] = { .name = "best", .is_required = true },
    [HIGH] = { .name = "high", .is_required = true },
    [COUNTRY] = { .name = "country", .is_required = true },
    [TYPE_OF_VIOLENCE] = { .name = "type_of_violence", .is_required = true },
    [ISO3] = { .name = "iso3" }, /* added by HDX */
    [LATITUDE] = { .name = "latitude" },
    [LONGITUDE] = { .name = "longitude" },
    [WHERE_COORDINATES] = { .name = "where_coordinates" },
    [DYAD_NAME] = { .name = "dyad_name" },
    { 0 },
};

/* By UCDP's number, from 1. */
static const char *const types[] = { "State-based conflict", "Non-state conflict",
                                     "One-sided violence" };

static const char *word(const char *cell)
{
    return cell != NULL ? cell : "";
}

/* A day, with the midnight behind it that some versions have. NULL: it is none. */
static const char *read_day(struct record *record, const char *cell)
{
    size_t len = cell != NULL ? strlen(cell) : 0;

    if (len > 10 && (cell[10] == ' ' || cell[10] == 'T'))
        cell = record_format(record, "%.10s", cell);
    return len >= 10 && date_is_day(cell) ? cell : NULL;
}

/* When it was: the last day is said where it is another one. */
static bool put_days(struct import *import, const struct import_row *row, struct record *record,
                     struct error *err)
{
    const char *start = read_day(record, row->cells[DATE_START]);
    const char *end = read_day(record, row->cells[DATE_END]);
    enum field field = start == NULL ? DATE_START : DATE_END;

    if (start == NULL || end == NULL)
        return import_reject(import, (int)field, "a day as 2013-04-25", err, "%s '%s' is no day",
                             fields[field].name, word(row->cells[field]));
    if (strcmp(end, start) < 0)
        return import_reject(import, DATE_END, "a day not before date_start", err,
                             "date_end '%s' is before the event began", end);
    record_span(record, CASUALTY_DATE, start, start, start);
    if (strcmp(start, end) != 0)
        record_span(record, CASUALTY_END, end, end, end);
    return true;
}

/* Degrees; an empty cell says nothing. */
static bool put_degrees(struct import *import, const struct import_row *row, enum field field,
                        size_t column, double most, struct record *record, struct error *err)
{
    const char *cell = row->cells[field];
    char *end = NULL;
    double degrees;

    if (cell == NULL)
        return true;
    degrees = strtod(cell, &end);
    if (end == cell || *end != '\0' || !(degrees >= -most && degrees <= most))
        return import_reject(import, (int)field,
                             field == LONGITUDE
                                 ? "degrees east from -180 to 180, with a decimal point"
                                 : "degrees north from -90 to 90, with a decimal point",
                             err, "%s '%s' is nowhere on Earth", fields[field].name, cell);
    record_real(record, column, degrees);
    return true;
}

static bool put_where(struct import *import, const struct import_row *row, struct record *record,
                      struct error *err)
{
    const char *place;

    if (!ucdp_place(import, row, COUNTRY, ISO3, &place, err))
        return false;
    record_text(record, CASUALTY_PLACE, place);
    record_text(record, CASUALTY_LOCATION, row->cells[WHERE_COORDINATES]);
    return put_degrees(import, row, LATITUDE, CASUALTY_LATITUDE, 90, record, err)
           && put_degrees(import, row, LONGITUDE, CASUALTY_LONGITUDE, 180, record, err);
}

static bool put_count(struct import *import, const struct import_row *row, struct record *record,
                      struct error *err)
{
    static const struct ucdp_cells cells = { .low = LOW, .best = BEST, .high = HIGH };
    const char *type = word(row->cells[TYPE_OF_VIOLENCE]), *dyad = row->cells[DYAD_NAME];
    struct ucdp_estimate estimate;
    const char *text, *note;

    if (type[0] < '1' || type[0] > '3' || (type[1] != '\0' && strcmp(type + 1, ".0") != 0))
        return import_reject(import, TYPE_OF_VIOLENCE,
                             "1 (state-based), 2 (non-state) or 3 (one-sided)", err,
                             "type_of_violence '%s' is none of UCDP's", type);
    if (!ucdp_read(import, row, cells, &estimate, err))
        return false;
    text = record_join(record, "best ", record_number(record, estimate.best), ", low ",
                       record_number(record, estimate.low), ", high ",
                       record_number(record, estimate.high), NULL);
    note =
        record_join(record, types[type[0] - '1'], dyad != NULL ? ": " : "", word(dyad), ".", NULL);
    ucdp_put(record, &estimate, text, note);
    return true;
}

static bool map_row(struct import *import, const struct import_row *row, struct error *err)
{
    struct record *record = import_record(import);
    const char *id = word(row->cells[ID]);

    if (id[0] < '1' || id[0] > '9' || id[strspn(id, "0123456789")] != '\0')
        return import_reject(import, ID, "UCDP's number of the event", err, "id '%s' is no number",
                             id);
    if (!put_days(import, row, record, err) || !put_where(import, row, record, err)
        || !put_count(import, row, record, err))
        return false;
    record->id = record_join(record, "ucdp-ged-", id, NULL);
    record_text(record, CASUALTY_SERIES, "ucdp-ged");
    record_text(record, CASUALTY_KIND, "cell");
    record_text(record, CASUALTY_VICTIM_GROUP, "people");
    record_text(record, CASUALTY_CAUSE, "armed_conflict");
    record_text(record, CASUALTY_HARM, "killed");
    record_text(record, CASUALTY_DEFINITION, "ucdp-event-deaths");
    return import_put(import, record, err);
}

const struct import_kind kind_ucdp_ged = {
    .name = "ucdp-ged",
    .text = "events of organised violence (UCDP GED), with or without HXL tags",
    .fields = fields,
    .target = &target_casualties,
    .data_set = "ucdp-ged",
    .scope = "series = 'ucdp-ged'",
    .origin = { .id = "ucdp-ged",
                .title = "UCDP Georeferenced Event Dataset (GED), state of %s",
                .publisher = UCDP_PUBLISHER,
                .kind = "research_data",
                .licence = UCDP_LICENCE,
                .language = "en",
                .citation = "Uppsala Conflict Data Program, Georeferenced Event Dataset (GED), "
                            "state of %s (Davies, Pettersson and Öberg; Sundberg and Melander "
                            "2013)",
                .note = "Imported from the publisher's file, which names no version in its rows. "
                        "Attribution is needed whatever the licence." },
    .series = { "ucdp-ged" },
    .row = map_row,
};
