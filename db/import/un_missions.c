/* The UN's own list of peacekeeping operations (DPPADPOSS-PKO): when each began and ended becomes
 * claims beside those of better sources.
 *
 * What the list prints as day 01 mostly means the month alone, so such a date is taken as the month
 * and the note keeps it as printed. The coordinates of headquarters are looked at and not taken:
 * the list swaps latitude and longitude for seven missions, and the dataset has no place for them.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "db/import/kinds.h"
#include "db/finalize.h"
#include "server/base/cleanup.h"
#include "server/base/date.h"

enum field { ACRONYM, NAME, IS_ACTIVE, START_DATE, END_DATE, LONGITUDE, LATITUDE };

static const struct import_field fields[] = {
    [ACRONYM] = { .name = "mission_acronym", .is_required = true },
    [NAME] = { .name = "mission_name", .is_required = true },
    [IS_ACTIVE] = { .name = "mission_isactive", .is_required = true },
    [START_DATE] = { .name = "start_date", .is_required = true, .is_date = true },
    [END_DATE] = { .name = "end_date", .is_required = true, .is_date = true },
    [LONGITUDE] = { .name = "mission_longitude" },
    [LATITUDE] = { .name = "mission_latitude" },
    { 0 },
};

/** One of the two dates. */
static const struct {
    enum field field;
    const char *predicate;
    const char *name; /* of the fact, with the acronym behind it */
} dates[] = {
    { START_DATE, "established", "Start of" },
    { END_DATE, "ended", "End of" },
};

enum { DATES_N = sizeof(dates) / sizeof(dates[0]) };

#define DAY_ONE_NOTE "Printed as %s; day 01 in this list mostly stands for the month alone."

static bool fail(struct import *import, struct error *err)
{
    return error_set(err, ERR_INTERNAL, NULL, "missions: %s",
                     sqlite3_errmsg(import_database(import)));
}

/* A coordinate with a decimal comma, or a point. A latitude may be a longitude: they are swapped
 * for some missions. */
static bool is_coordinate(const char *text)
{
    char plain[32];
    char *end;
    double degrees;

    if (text == NULL)
        return true;
    if (snprintf(plain, sizeof(plain), "%s", text) >= (int)sizeof(plain))
        return false;
    for (char *at = plain; *at != '\0'; at++)
        *at = (char)(*at == ',' ? '.' : *at);
    degrees = strtod(plain, &end);
    return *end == '\0' && degrees >= -180 && degrees <= 180;
}

/* The fact that the claim is on, in the record's scratch; NULL: the dataset has none. */
static bool find_fact(struct import *import, struct record *record, size_t i, const char *mission,
                      const char **ret, struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;

    *ret = NULL;

    if (sqlite3_prepare_v2(import_database(import),
                           "SELECT id FROM facts WHERE subject_kind = 'actor' AND subject = ?1 AND "
                           "predicate = ?2 ORDER BY id LIMIT 1",
                           -1, &stmt, NULL)
        != SQLITE_OK)
        return fail(import, err);
    sqlite3_bind_text(stmt, 1, mission, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, dates[i].predicate, -1, SQLITE_STATIC);
    if (sqlite3_step(stmt) == SQLITE_ROW)
        *ret = record_format(record, "%s", (const char *)sqlite3_column_text(stmt, 0));
    return true;
}

static bool add_fact(struct import *import, struct record *record, size_t i, const char *mission,
                     const char **ret, struct error *err)
{
    static const char add[] =
        "INSERT INTO facts (id, subject_kind, subject, predicate, name, start_min, start_max,"
        " end_min, end_max) VALUES (?1, 'actor', ?2, ?3, ?4, '" DATE_FIRST "', '" DATE_LAST "', "
        "'" DATE_LAST "', '" DATE_LAST "')";
    const char *label = lookup_label(import_lookup(import), "mission", mission);
    const char *texts[] = { NULL, mission, dates[i].predicate, NULL };

    *ret = record_format(record, "%s-%s", mission, dates[i].predicate);
    texts[0] = *ret;
    texts[3] = record_format(record, "%s %s", dates[i].name, label);
    return import_execute(import, add, texts, 4, err);
}

static const char *copy_column(struct record *record, sqlite3_stmt *stmt, int column)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    return text != NULL ? record_format(record, "%s", text) : NULL;
}

/* The id of the claim. One mission stands in the list under two acronyms (UNPSG, UNCPSG): the one
 * that is not its own is told by it. */
static const char *claim_id(struct record *record, const char *fact, const char *acronym,
                            const char *mission)
{
    const char *slug = record_slug(record, acronym);
    const char *a = slug, *b = mission;

    while (*a != '\0' || *b != '\0') {
        a += *a == '-';
        b += *b == '-';
        if (*a != *b)
            return record_format(record, "%s-un-list-%s", fact, slug);
        a += *a != '\0';
        b += *b != '\0';
    }
    return record_format(record, "%s-un-list", fact);
}

/* What a claim of this kind has but for its date. */
static void fill_claim(struct record *record, size_t i, const char *fact, const char *acronym,
                       const char *mission)
{
    record->id = claim_id(record, fact, acronym, mission);
    record_text(record, CLAIM_FACT, fact);
    record_text(record, CLAIM_SUBJECT_KIND, "actor");
    record_text(record, CLAIM_SUBJECT, mission);
    record_text(record, CLAIM_PREDICATE, dates[i].predicate);
    record_span(record, CLAIM_END, NULL, DATE_LAST, DATE_LAST);
}

/* Where the dataset has the same date of the same list already, what its editors made of it stays:
 * status, verdict, note, and how precisely they read it. printed NULL: that it has no end. */
static bool keep_judgement(struct import *import, struct record *record, const char *printed,
                           struct error *err)
{
    defer(finalize) sqlite3_stmt *stmt = NULL;
    const char *start;
    size_t len;

    if (sqlite3_prepare_v2(import_database(import),
                           "SELECT start, status, verdict, note, object_text, start_max FROM claims"
                           " WHERE id = ?1 ORDER BY version DESC",
                           -1, &stmt, NULL)
        != SQLITE_OK)
        return fail(import, err);
    sqlite3_bind_text(stmt, 1, record->id, -1, SQLITE_STATIC);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        start = copy_column(record, stmt, 0);
        len = start != NULL ? strlen(start) : 0;
        if ((start == NULL) != (printed == NULL))
            continue;
        if (start != NULL
            && (strncmp(start, printed, len) != 0
                || (strcmp(start, printed) != 0 && strcmp(printed + len, "-01") != 0)))
            continue;
        if (start == NULL)
            record_span(record, CLAIM_START, NULL, DATE_FIRST, copy_column(record, stmt, 5));
        else
            record_date(record, CLAIM_START, start);
        record_text(record, CLAIM_STATUS, copy_column(record, stmt, 1));
        record_text(record, CLAIM_VERDICT, copy_column(record, stmt, 2));
        record_text(record, CLAIM_NOTE, copy_column(record, stmt, 3));
        record_text(record, CLAIM_OBJECT_TEXT, copy_column(record, stmt, 4));
        break;
    }
    return true;
}

static bool put_date(struct import *import, const struct import_row *row, size_t i,
                     const char *mission, struct error *err)
{
    struct record *record = import_record(import);
    const char *printed = row->cells[dates[i].field], *fact = NULL;
    bool is_month = strcmp(printed + 8, "01") == 0;

    if (!find_fact(import, record, i, mission, &fact, err)
        || (fact == NULL && !add_fact(import, record, i, mission, &fact, err)))
        return false;
    fill_claim(record, i, fact, row->cells[ACRONYM], mission);
    record_date(record, CLAIM_START, is_month ? record_format(record, "%.7s", printed) : printed);
    if (is_month)
        record_text(record, CLAIM_NOTE, record_format(record, DAY_ONE_NOTE, printed));
    return keep_judgement(import, record, printed, err) && import_put(import, record, err);
}

/* A mission that is listed as active contradicts who says that it ended. */
static bool put_active(struct import *import, const struct import_row *row, const char *mission,
                       struct error *err)
{
    enum { ENDED = 1 };
    struct record *record = import_record(import);
    const char *fact;

    if (!find_fact(import, record, ENDED, mission, &fact, err))
        return false;
    if (fact == NULL)
        return true;
    fill_claim(record, ENDED, fact, row->cells[ACRONYM], mission);
    record_span(record, CLAIM_START, NULL, DATE_FIRST, import_day(import));
    record_text(record, CLAIM_MODALITY, "denied");
    record_text(record, CLAIM_OBJECT_TEXT, "listed as active, without an end");
    return keep_judgement(import, record, NULL, err) && import_put(import, record, err);
}

static bool name_mission(struct import *import, const char *mission, const char *name,
                         struct error *err)
{
    static const char sql[] = "UPDATE missions SET name = ?2 WHERE id = ?1 AND name IS NULL AND "
                              "note GLOB 'Known from imported files alone*'";
    const char *texts[] = { mission, name };

    if (name == NULL)
        return true;
    texts[1] += *name == '"'; /* DOMREP's begins with a quote that is never closed */
    return import_execute(import, sql, texts, 2, err);
}

static bool map_row(struct import *import, const struct import_row *row, struct error *err)
{
    const char *const *cells = row->cells;
    const char *mission;

    if (cells[ACRONYM] == NULL)
        return import_reject(import, ACRONYM, "the acronym of a mission", err,
                             "mission_acronym is empty");
    if (cells[IS_ACTIVE] == NULL
        || (strcasecmp(cells[IS_ACTIVE], "yes") != 0 && strcasecmp(cells[IS_ACTIVE], "no") != 0))
        return import_reject(import, IS_ACTIVE, "Yes or No", err, "mission_isactive '%s'",
                             cells[IS_ACTIVE] != NULL ? cells[IS_ACTIVE] : "");
    for (size_t i = 0; i < DATES_N; i++) {
        const char *date = cells[dates[i].field];

        if (date != NULL && !date_is_day(date))
            return import_reject(import, (int)dates[i].field, "a day as 2013-04-25", err,
                                 "%s '%s' is no day", fields[dates[i].field].name, date);
    }
    for (enum field field = LONGITUDE; field <= LATITUDE; field++) {
        if (!is_coordinate(cells[field]))
            return import_reject(import, (int)field, "degrees from -180 to 180, as \"15,9833\"",
                                 err, "%s '%s' is no coordinate", fields[field].name, cells[field]);
    }
    if (!import_mission(import, cells[ACRONYM], &mission, err)
        || !name_mission(import, mission, cells[NAME], err))
        return false;
    for (size_t i = 0; i < DATES_N; i++) {
        if (cells[dates[i].field] != NULL && !put_date(import, row, i, mission, err))
            return false;
    }
    return cells[END_DATE] != NULL || strcasecmp(cells[IS_ACTIVE], "yes") != 0
           || put_active(import, row, mission, err);
}

const struct import_kind kind_un_missions = {
    .name = "un-missions",
    .text = "the UN's list of peacekeeping operations (DPPADPOSS-PKO)",
    .fields = fields,
    .target = &target_state_claims,
    .data_set = "un-pko-list",
    .scope = "id GLOB '*-un-list*' AND reported_by GLOB 'un-pko-list-*'",
    .origin = { .id = "un-pko-list",
                .title = "UN list of peacekeeping operations (DPPADPOSS-PKO), state of %s",
                .publisher = "United Nations",
                .kind = "official_data",
                .licence = "CC BY IGO",
                .language = "en",
                .citation = "United Nations, Peace and Security Data Hub, DPPADPOSS-PKO, state of "
                            "%s",
                .note = "Imported from the publisher's file; the licence as declared on HDX." },
    .row = map_row,
};
