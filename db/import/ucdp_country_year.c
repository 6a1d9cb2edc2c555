/* UCDP's organised violence country-years: a country and calendar year a row, of which five counts
 * are kept, the whole, its three parts by type of violence, and what the country's own government
 * did to civilians. The other columns cut the same deaths further, or name the parties. */

#include <string.h>

#include "db/import/kinds.h"
#include "db/import/ucdp.h"

enum field {
    COUNTRY,
    YEAR,
    VERSION,
    GOVERNMENT,
    WHOLE_BEST,
    WHOLE_HIGH,
    WHOLE_LOW,
    STATE_BASED_BEST,
    STATE_BASED_HIGH,
    STATE_BASED_LOW,
    NON_STATE_BEST,
    NON_STATE_HIGH,
    NON_STATE_LOW,
    ONE_SIDED_BEST,
    ONE_SIDED_HIGH,
    ONE_SIDED_LOW,
    BY_GOVERNMENT_BEST,
    BY_GOVERNMENT_HIGH,
    BY_GOVERNMENT_LOW,
};

#define NEEDED(column)                                                                             \
    {                                                                                              \
        .name = column, .is_required = true                                                        \
    }

static const struct import_field fields[] = {
    [COUNTRY] = NEEDED("country_cy"),
    [YEAR] = NEEDED("year_cy"),
    [VERSION] = { .name = "version", .is_version = true },
    [GOVERNMENT] = { .name = "main_govt_name_cy" },
    [WHOLE_BEST] = NEEDED("cumulative_total_deaths_in_orgvio_best_cy"),
    [WHOLE_HIGH] = NEEDED("cumulative_total_deaths_in_orgvio_high_cy"),
    [WHOLE_LOW] = NEEDED("cumulative_total_deaths_in_orgvio_low_cy"),
    [STATE_BASED_BEST] = NEEDED("sb_total_deaths_best_cy"),
    [STATE_BASED_HIGH] = NEEDED("sb_total_deaths_high_cy"),
    [STATE_BASED_LOW] = NEEDED("sb_total_deaths_low_cy"),
    [NON_STATE_BEST] = NEEDED("ns_total_deaths_best_cy"),
    [NON_STATE_HIGH] = NEEDED("ns_total_deaths_high_cy"),
    [NON_STATE_LOW] = NEEDED("ns_total_deaths_low_cy"),
    [ONE_SIDED_BEST] = NEEDED("os_total_deaths_best_cy"),
    [ONE_SIDED_HIGH] = NEEDED("os_total_deaths_high_cy"),
    [ONE_SIDED_LOW] = NEEDED("os_total_deaths_low_cy"),
    [BY_GOVERNMENT_BEST] = NEEDED("os_main_govt_killings_best_cy"),
    [BY_GOVERNMENT_HIGH] = NEEDED("os_main_govt_killings_high_cy"),
    [BY_GOVERNMENT_LOW] = NEEDED("os_main_govt_killings_low_cy"),
    { 0 },
};

/** A count that is kept. */
struct part {
    const char *series;
    const char *id; /* what its ids begin with */
    const char *victim_group;
    const char *definition;
    struct ucdp_cells cells;
    bool is_by_government;
};

#define WHOLE_DEFINITION "organised-violence-deaths-country-year"

static const struct part parts[] = {
    { .series = "ucdp-organised-violence",
      .id = "ucdp-cy-",
      .victim_group = "people",
      .definition = WHOLE_DEFINITION,
      .cells = { .low = WHOLE_LOW, .best = WHOLE_BEST, .high = WHOLE_HIGH } },
    { .series = "ucdp-state-based",
      .id = "ucdp-cy-state-based-",
      .victim_group = "people",
      .definition = WHOLE_DEFINITION,
      .cells = { .low = STATE_BASED_LOW, .best = STATE_BASED_BEST, .high = STATE_BASED_HIGH } },
    { .series = "ucdp-non-state",
      .id = "ucdp-cy-non-state-",
      .victim_group = "people",
      .definition = WHOLE_DEFINITION,
      .cells = { .low = NON_STATE_LOW, .best = NON_STATE_BEST, .high = NON_STATE_HIGH } },
    { .series = "ucdp-one-sided",
      .id = "ucdp-cy-one-sided-",
      .victim_group = "civilians",
      .definition = WHOLE_DEFINITION,
      .cells = { .low = ONE_SIDED_LOW, .best = ONE_SIDED_BEST, .high = ONE_SIDED_HIGH } },
    { .series = "ucdp-one-sided-government",
      .id = "ucdp-cy-one-sided-government-",
      .victim_group = "civilians",
      .definition = "one-sided-government-country-year",
      .cells = { .low = BY_GOVERNMENT_LOW, .best = BY_GOVERNMENT_BEST, .high = BY_GOVERNMENT_HIGH },
      .is_by_government = true },
};

enum { PARTS_N = sizeof(parts) / sizeof(parts[0]) };

static bool put_part(struct import *import, const struct import_row *row, const struct part *part,
                     const struct ucdp_estimate *estimate, const char *place, struct error *err)
{
    struct record *record = import_record(import);
    const char *year = row->cells[YEAR], *government = row->cells[GOVERNMENT];

    record->id = record_join(record, part->id, place, "-", year, NULL);
    record_text(record, CASUALTY_SERIES, part->series);
    record_text(record, CASUALTY_KIND, "cell");
    record_text(record, CASUALTY_PLACE, place);
    record_date(record, CASUALTY_DATE, year);
    record_text(record, CASUALTY_VICTIM_GROUP, part->victim_group);
    record_text(record, CASUALTY_CAUSE, "armed_conflict");
    record_text(record, CASUALTY_HARM, "killed");
    record_text(record, CASUALTY_DEFINITION, part->definition);
    ucdp_put(record, estimate, record_number(record, estimate->best),
             part->is_by_government && government != NULL
                 ? record_join(record, "By the ", government, ".", NULL)
                 : NULL);
    return import_put(import, record, err);
}

static bool map_row(struct import *import, const struct import_row *row, struct error *err)
{
    struct ucdp_estimate estimates[PARTS_N];
    const char *year = row->cells[YEAR], *place;

    if (year == NULL || strlen(year) != 4 || strspn(year, "0123456789") != 4
        || strcmp(year, "0000") == 0)
        return import_reject(import, YEAR, "a calendar year as 2013", err, "year '%s' is no year",
                             year != NULL ? year : "");
    if (!ucdp_place(import, row, COUNTRY, -1, &place, err))
        return false;
    for (size_t i = 0; i < PARTS_N; i++) {
        if (!ucdp_read(import, row, parts[i].cells, &estimates[i], err))
            return false;
    }
    for (size_t i = 0; i < PARTS_N && !import_is_rejected(import); i++) {
        if (!put_part(import, row, &parts[i], &estimates[i], place, err))
            return false;
    }
    return true;
}

const struct import_kind kind_ucdp_country_year = {
    .name = "ucdp-country-year",
    .text = "deaths in organised violence by country and year (UCDP organizedviolencecy)",
    .fields = fields,
    .target = &target_casualties,
    .data_set = "ucdp-ov",
    .scope = "series IN ('ucdp-organised-violence', 'ucdp-state-based', 'ucdp-non-state',"
             " 'ucdp-one-sided', 'ucdp-one-sided-government')",
    .origin = { .id = "ucdp-ov",
                .title = "UCDP organised violence country-years, %s",
                .publisher = UCDP_PUBLISHER,
                .kind = "research_data",
                .licence = UCDP_LICENCE,
                .language = "en",
                .citation = "Uppsala Conflict Data Program, organised violence country-year data, "
                            "%s (Davies, Pettersson and Öberg; Sundberg and Melander 2013)",
                .note = "Imported from the publisher's file. Attribution is needed whatever the "
                        "licence." },
    .series = { "ucdp-organised-violence", "ucdp-state-based", "ucdp-non-state", "ucdp-one-sided",
                "ucdp-one-sided-government" },
    .row = map_row,
};
