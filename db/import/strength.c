/* Personnel of missions month by month, in the layout of IPI's data_mission.csv. The two columns of
 * coordinates are not read: they are mislabelled for every mission, and for one only in part of the
 * file. Neither are the columns on the country of the mission, of which the dataset knows more. */

#include <stdlib.h>
#include <string.h>

#include "db/import/kinds.h"
#include "server/base/date.h"

enum field { DATE, MISSION, TROOPS, POLICE, OBSERVERS, TOTAL };

static const struct import_field fields[] = {
    [DATE] = { .name = "Date", .is_required = true, .is_date = true },
    [MISSION] = { .name = "Mission", .is_required = true },
    [TROOPS] = { .name = "Troops", .is_required = true },
    [POLICE] = { .name = "Police", .is_required = true },
    [OBSERVERS] = { .name = "Observers", .is_required = true },
    [TOTAL] = { .name = "Total", .is_required = true },
    { 0 },
};

/** What a column of numbers counts. */
static const struct {
    enum field field;
    const char *category;
    const char *definition;
} numbers[] = {
    { TROOPS, "troops", "deployed-troops" },
    { POLICE, "police", "deployed-police" },
    { OBSERVERS, "observers", "deployed-military-observers" },
    { TOTAL, "uniformed", "deployed-uniformed-personnel" },
};

enum {
    NUMBERS_N = sizeof(numbers) / sizeof(numbers[0]),
    PEOPLE_MOST = 10000000, /* more than any mission ever had, by far: a shifted column */
};

/* Reads a number of people; *ret is -1 for NA and an empty cell. */
static bool read_number(const char *text, long long *ret)
{
    *ret = -1;
    if (text == NULL || strcmp(text, "NA") == 0)
        return true;
    if (strspn(text, "0123456789") != strlen(text) || strlen(text) > 8)
        return false;
    *ret = strtoll(text, NULL, 10);
    return *ret <= PEOPLE_MOST;
}

static bool put_number(struct import *import, const struct import_row *row, size_t i,
                       long long number, const char *mission, struct error *err)
{
    struct record *record = import_record(import);

    record->id =
        record_format(record, "ipi-%s-%s-%s", mission, row->cells[DATE], numbers[i].category);
    record_text(record, STRENGTH_MISSION, mission);
    record_date(record, STRENGTH_DATE, row->cells[DATE]);
    record_text(record, STRENGTH_CATEGORY, numbers[i].category);
    record_integer(record, STRENGTH_LOW, number);
    record_integer(record, STRENGTH_BEST, number);
    record_integer(record, STRENGTH_HIGH, number);
    record_text(record, STRENGTH_QUALIFIER, "exactly");
    record_text(record, STRENGTH_TEXT, row->cells[numbers[i].field]);
    record_text(record, STRENGTH_DEFINITION, numbers[i].definition);
    return import_put(import, record, err);
}

static bool map_row(struct import *import, const struct import_row *row, struct error *err)
{
    long long found[NUMBERS_N];
    const char *mission;

    if (row->cells[DATE] == NULL || !date_is_day(row->cells[DATE]))
        return import_reject(import, DATE, "a day as 2013-07-31", err, "Date '%s' is no day",
                             row->cells[DATE] != NULL ? row->cells[DATE] : "");
    if (row->cells[MISSION] == NULL)
        return import_reject(import, MISSION, "the acronym of a mission", err, "Mission is empty");
    for (size_t i = 0; i < NUMBERS_N; i++) {
        enum field field = numbers[i].field;

        if (!read_number(row->cells[field], &found[i]))
            return import_reject(import, (int)field, "a whole number of people, or NA", err,
                                 "%s '%s' is no number of people", fields[field].name,
                                 row->cells[field]);
    }
    if (!import_mission(import, row->cells[MISSION], &mission, err))
        return false;
    for (size_t i = 0; i < NUMBERS_N; i++) {
        if (found[i] >= 0 && !put_number(import, row, i, found[i], mission, err))
            return false;
    }
    return true;
}

const struct import_kind kind_strength = {
    .name = "strength",
    .text = "personnel of missions by month (IPI Peacekeeping Database, data_mission.csv)",
    .fields = fields,
    .target = &target_strengths,
    .data_set = "ipi-mission",
    .scope = "id GLOB 'ipi-*'",
    .origin = { .id = "ipi-mission",
                .title = "IPI Peacekeeping Database, personnel by mission and month, state of %s",
                .publisher = "International Peace Institute",
                .kind = "research_data",
                .licence = "GPL-2.0 (of the repository; no licence of the data was found)",
                .language = "en",
                .citation = "International Peace Institute, IPI Peacekeeping Database, state of %s",
                .note = "Imported from the publisher's file. The figures are the UN's own monthly "
                        "reports; the first months repeat figures." },
    .row = map_row,
};
