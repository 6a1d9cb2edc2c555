/* Deaths of personnel of UN missions, one row for each (DPPADPOSS-FATALITIES, before 2022
 * odp_noticas). The layouts of 2021, 2023 and 2025, as CSV and as JSON. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/import/kinds.h"
#include "server/base/date.h"

enum field {
    CASUALTY_ID,
    INCIDENT_DATE,
    MISSION_ACRONYM,
    NATIONALITY,
    PERSONNEL_TYPE,
    CAUSE,
    M49_CODE,
    ISOCODE3,
    TYPE_OF_CASUALTY,
};

/* Gender is not read: the state of 2021 lacks it, and a state must not say what another cannot.
 * Neither are `id`, the number of the row in one export, and `last_update`, the day of the state.
 */
static const struct import_field fields[] = {
    [CASUALTY_ID] = { .name = "casualty_id", .is_required = true },
    [INCIDENT_DATE] = { .name = "incident_date", .is_required = true, .is_date = true },
    [MISSION_ACRONYM] = { .name = "mission_acronym", .is_required = true },
    [NATIONALITY] = { .name = "casualty_nationality", .is_required = true },
    [PERSONNEL_TYPE] = { .name = "casualty_personnel_type", .is_required = true },
    [CAUSE] = { .name = "type_of_incident", .is_required = true },
    [M49_CODE] = { .name = "m49_code", .is_required = true },
    [ISOCODE3] = { .name = "isocode3", .is_required = true },
    [TYPE_OF_CASUALTY] = { .name = "type_of_casualty", .is_required = true },
    { 0 },
};

/** A word of the publisher and its code. */
struct word {
    const char *word;
    const char *code;
};

static const struct word personnel_types[] = {
    { "Military", "military" }, { "Military Observer", "military_observer" },
    { "Police", "police" },     { "International Civilian", "international_civilian" },
    { "Local", "local" }, /* always with a blank behind it, which the reader drops */
    { "Other", "other" },
};

static const struct word causes[] = {
    { "Accident", "accident" },
    { "Illness", "illness" },
    { "Malicious Act", "malicious_act" },
    { "Self-Inflicted", "self_inflicted" },
    { "To Be Determined", "to_be_determined" },
    { "Unknown", "unknown" },
};

#define N(list) (sizeof(list) / sizeof((list)[0]))

static const char *code_of(const struct word *words, size_t n, const char *word)
{
    for (size_t i = 0; word != NULL && i < n; i++) {
        if (strcmp(words[i].word, word) == 0)
            return words[i].code;
    }
    return NULL;
}

static bool reject_word(struct import *import, enum field field, const struct word *words, size_t n,
                        const char *word, struct error *err)
{
    char hint[256] = "";

    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(hint);

        snprintf(hint + len, sizeof(hint) - len, "%s%s", i == 0 ? "one of " : ", ", words[i].word);
    }
    return import_reject(import, (int)field, hint, err, "%s '%s' is none of the publisher's words",
                         fields[field].name, word != NULL ? word : "");
}

/* The place of a country number: 250 as 250 (2021), 250.0 (2023, 2025). NULL: no such number. */
static const char *place_by_number(struct import *import, const char *text)
{
    char *end;
    double number = strtod(text, &end);
    char words[16];

    if (*end != '\0' || number < 1 || number > 999)
        return NULL;
    snprintf(words, sizeof(words), "%.0f", number);
    return lookup_find(import_lookup(import), "place", words);
}

/* Where a person came from: by code, else by name, else by number. False when it was rejected. */
static bool find_nationality(struct import *import, const struct import_row *row,
                             struct record *record, const char **ret_tail, bool *ret_found,
                             struct error *err)
{
    struct lookup *lookup = import_lookup(import);
    const char *name = row->cells[NATIONALITY], *code = row->cells[ISOCODE3];
    const char *place = code != NULL ? lookup_find(lookup, "place", code) : NULL;

    *ret_found = true;
    if (place == NULL && name != NULL)
        place = lookup_find(lookup, "place", name);
    if (place == NULL && row->cells[M49_CODE] != NULL)
        place = place_by_number(import, row->cells[M49_CODE]);
    *ret_tail = place;
    record_text(record, CASUALTY_NATIONALITY, place);
    if (place != NULL)
        return true;
    if (code == NULL && (name == NULL || strcmp(name, "ZZ [Undetermined]") == 0)) {
        *ret_tail = name != NULL ? "undetermined" : "not-stated";
        record_text(record, CASUALTY_NATIONALITY_TEXT, name != NULL ? name : "not stated");
        return true;
    }
    *ret_found = false;
    return import_reject_name(import, name != NULL ? NATIONALITY : ISOCODE3, "place",
                              name != NULL ? name : code, err);
}

static bool map_row(struct import *import, const struct import_row *row, struct error *err)
{
    const char *const *cells = row->cells;
    const char *type = code_of(personnel_types, N(personnel_types), cells[PERSONNEL_TYPE]);
    const char *cause = code_of(causes, N(causes), cells[CAUSE]);
    struct record *record = import_record(import);
    const char *mission, *tail;
    bool is_found;

    if (cells[CASUALTY_ID] == NULL)
        return import_reject(import, CASUALTY_ID, "the publisher's number of the casualty", err,
                             "casualty_id is empty");
    if (cells[INCIDENT_DATE] == NULL || !date_is_day(cells[INCIDENT_DATE]))
        return import_reject(import, INCIDENT_DATE, "a day as 2013-04-25", err,
                             "incident_date '%s' is no day",
                             cells[INCIDENT_DATE] != NULL ? cells[INCIDENT_DATE] : "");
    if (cells[TYPE_OF_CASUALTY] == NULL || strcmp(cells[TYPE_OF_CASUALTY], "Fatality") != 0)
        return import_reject(import, TYPE_OF_CASUALTY, "Fatality", err,
                             "type_of_casualty '%s' is no death",
                             cells[TYPE_OF_CASUALTY] != NULL ? cells[TYPE_OF_CASUALTY] : "");
    if (type == NULL)
        return reject_word(import, PERSONNEL_TYPE, personnel_types, N(personnel_types),
                           cells[PERSONNEL_TYPE], err);
    if (cause == NULL)
        return reject_word(import, CAUSE, causes, N(causes), cells[CAUSE], err);
    if (cells[MISSION_ACRONYM] == NULL)
        return import_reject(import, MISSION_ACRONYM, "the acronym of a mission", err,
                             "mission_acronym is empty");
    if (!find_nationality(import, row, record, &tail, &is_found, err))
        return false;
    if (!is_found)
        return true;
    if (!import_mission(import, cells[MISSION_ACRONYM], &mission, err))
        return false;
    /* A casualty_id alone is no key: six stand twice, with two nationalities. */
    record->id = record_slug(record, record_format(record, "%s %s", cells[CASUALTY_ID], tail));
    record_text(record, CASUALTY_SERIES, "un-fatalities-records");
    record_text(record, CASUALTY_KIND, "record");
    record_text(record, CASUALTY_MISSION, mission);
    record_date(record, CASUALTY_DATE, cells[INCIDENT_DATE]);
    record_text(record, CASUALTY_VICTIM_GROUP, "un_personnel");
    record_text(record, CASUALTY_PERSONNEL_TYPE, type);
    record_text(record, CASUALTY_CAUSE, cause);
    record_text(record, CASUALTY_HARM, "killed");
    record_integer(record, CASUALTY_LOW, 1);
    record_integer(record, CASUALTY_BEST, 1);
    record_integer(record, CASUALTY_HIGH, 1);
    record_text(record, CASUALTY_QUALIFIER, "exactly");
    record_text(record, CASUALTY_TEXT, "1");
    record_text(record, CASUALTY_DEFINITION, "un-personnel-all-causes");
    return import_put(import, record, err);
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(struct record *const *)a)->id, (*(struct record *const *)b)->id);
}

/* Length of an id without the nationality behind the casualty_id. */
static size_t casualty_length(const struct record *record)
{
    const struct value *place = &record->values[CASUALTY_NATIONALITY];
    const struct value *text = &record->values[CASUALTY_NATIONALITY_TEXT];
    size_t tail = place->type == SQLITE_TEXT              ? (size_t)place->len
                  : strcmp(text->text, "not stated") == 0 ? strlen("not-stated")
                                                          : strlen("undetermined");

    return strlen(record->id) - tail;
}

/* Flags the rows of persons who are listed under two nationalities. */
static bool flag_doubles(struct import *import, struct error *err)
{
    size_t n;
    struct record *held = import_held(import, &n);
    struct record **sorted =
        text_alloc(import_memory(import), (n > 0 ? n : 1) * sizeof(struct record *));

    if (sorted == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "no memory for the casualties");
    for (size_t i = 0; i < n; i++)
        sorted[i] = &held[i];
    qsort(sorted, n, sizeof(struct record *), compare_ids);
    for (size_t i = 1; i < n; i++) {
        size_t len = casualty_length(sorted[i]);

        if (casualty_length(sorted[i - 1]) != len
            || strncmp(sorted[i - 1]->id, sorted[i]->id, len) != 0
            || strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
            continue;
        for (size_t j = i - 1; j <= i; j++) {
            record_text(sorted[j], CASUALTY_FLAGS, "[\"counted_twice\"]");
            record_text(sorted[j], CASUALTY_NOTE,
                        "One person, whom the publisher lists twice under one number, with two "
                        "nationalities.");
        }
    }
    return true;
}

const struct import_kind kind_un_fatalities = {
    .name = "un-fatalities",
    .text = "deaths of UN mission personnel, a row each (DPPADPOSS-FATALITIES, odp_noticas)",
    .fields = fields,
    .target = &target_casualties,
    .data_set = "un-fatalities",
    .scope = "series = 'un-fatalities-records'",
    .origin = { .id = "un-fatalities",
                .title = "Fatalities in peacekeeping operations and special political missions "
                         "since 1948 (DPPADPOSS-FATALITIES), state of %s",
                .publisher = "United Nations",
                .kind = "official_data",
                .licence = "CC BY IGO",
                .language = "en",
                .citation = "United Nations, Peace and Security Data Hub, DPPADPOSS-FATALITIES, "
                            "state of %s",
                .note = "Imported from the publisher's file; the licence as declared on HDX." },
    .series = { "un-fatalities-records" },
    .is_held = true,
    .row = map_row,
    .finish = flag_doubles,
};
