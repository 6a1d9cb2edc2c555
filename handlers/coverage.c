/* handlers/coverage.c: what there is on each mission, from when to when, and what is missing. */

#include "handlers/catalogue.h"
#include "handlers/common.h"

/* The earliest first day and the latest last day of rows k, each with the dates it comes from: the
 * two days that a date can mean have ten characters each. */
#define SPAN(start, end)                                                                           \
    " min(CASE WHEN k." start " IS NOT NULL THEN k." start "_min || k." start "_max || k." start   \
    " END) AS first_key, max(CASE WHEN k." end " IS NOT NULL THEN k." end "_max || k." end         \
    "_min || k." end " END) AS last_key,"

#define DAY_SPAN SPAN("date", "date")
#define CLAIM_SPAN SPAN("start", "end")

#define COUNT                                                                                      \
    " count(*) AS records, sum(coalesce(k.low, k.best, k.high) IS NULL) AS unknown,"               \
    " max(k.known_from) AS updated,"

#define YEARS " json_group_array(DISTINCT substr(k.date_min, 1, 4)) AS years"

#define CASUALTIES                                                                                 \
    "SELECT 'casualties' AS kind, k.mission, CASE k.harm WHEN 'killed' THEN 'deaths'"              \
    " ELSE k.harm END AS measure, NULL AS predicate, k.series," COUNT                              \
    " min(k.date_min || k.date_max || k.date) AS first_key,"                                       \
    " max(k.end_max || k.end_min || coalesce(k.end, k.date)) AS last_key,"                         \
    " json_group_array(DISTINCT k.source) AS source_ids," YEARS                                    \
    " FROM casualties k WHERE k.mission IS NOT NULL AND " CLAIM_KNOWN                              \
    " GROUP BY k.mission, k.series, k.harm"

#define STRENGTHS                                                                                  \
    "SELECT 'strengths', k.mission, k.category, NULL, NULL," COUNT DAY_SPAN                        \
    " json_group_array(DISTINCT k.source)," YEARS " FROM strengths k WHERE " CLAIM_KNOWN           \
    " GROUP BY k.mission, k.category"

#define CLAIMS                                                                                     \
    "SELECT 'claims', k.subject, coalesce((SELECT id FROM codes WHERE list = 'measure'"            \
    " AND codes.id = k.predicate), 'other'), k.predicate, NULL," COUNT CLAIM_SPAN                  \
    " json_group_array(DISTINCT k.reported_by), NULL FROM claims k"                                \
    " WHERE k.subject_kind = 'actor' AND k.subject IN (SELECT id FROM missions) AND " CLAIM_KNOWN  \
    " AND coalesce(k.low, k.best, k.high) IS NOT NULL GROUP BY k.subject, k.predicate"

#define MISSING                                                                                    \
    "SELECT 'none', m.id, 'deaths', NULL, NULL, 0, 0, NULL, NULL, NULL, '[]', NULL"                \
    " FROM missions m WHERE " MISSION_KNOWN " AND NOT EXISTS (SELECT 1 FROM casualties k"          \
    " WHERE k.mission = m.id AND k.harm = 'killed' AND " CLAIM_KNOWN ")"

#define MISSION_KNOWN "m.known_from <= :as_of AND (m.known_to IS NULL OR m.known_to > :as_of)"

#define NEWEST_STATE                                                                               \
    "(SELECT max(o.known_on) FROM series_states o WHERE o.series = r.series"                       \
    " AND o.known_on <= :as_of)"

/* Rows that tell years, and the years of the mission's life so far as the rows were read. */
#define ROWS                                                                                       \
    "SELECT r.*, r.mission || '-' || CASE WHEN r.measure = 'other'"                                \
    " THEN replace(r.predicate, '_', '-') ELSE replace(r.measure, '_', '-') END || '-' || "        \
    "coalesce(r.series, r.kind) AS id,"                                                            \
    " substr(first_key, 1, 10) AS first_min, substr(first_key, 11, 10) AS first_max,"              \
    " substr(first_key, 21) AS first, substr(last_key, 11, 10) AS last_min,"                       \
    " substr(last_key, 1, 10) AS last_max, substr(last_key, 21) AS last,"                          \
    " coalesce(" NEWEST_STATE ", r.updated) AS last_updated, s.frequency,"                         \
    " CASE WHEN m.start IS NOT NULL THEN CAST(m.start_min AS INTEGER) END AS life_first,"          \
    " CASE m.status WHEN 'unknown' THEN NULL WHEN 'ended' THEN min(CAST(m.end_max AS INTEGER),"    \
    " CAST(coalesce(" NEWEST_STATE ", r.updated) AS INTEGER))"                                     \
    " ELSE CAST(coalesce(" NEWEST_STATE ", r.updated) AS INTEGER) END AS life_last"                \
    " FROM r LEFT JOIN series s ON s.id = r.series"                                                \
    " LEFT JOIN missions m ON m.id = r.mission AND " MISSION_KNOWN

/* Stretches of years without a row. Rows over periods of their own tell no years, claims are no
 * table of years. */
#define GAPS                                                                                       \
    "CASE WHEN x.years IS NOT NULL AND x.frequency IS NOT 'period' THEN"                           \
    " (SELECT json_group_array(json_object('from', a, 'to', b, 'kind', kind)) FROM ("              \
    "SELECT y + 1 AS a, next - 1 AS b, 'between' AS kind"                                          \
    " FROM (SELECT CAST(value AS INTEGER) AS y,"                                                   \
    " lead(CAST(value AS INTEGER)) OVER (ORDER BY value) AS next FROM json_each(x.years))"         \
    " WHERE next > y + 1"                                                                          \
    " UNION ALL SELECT x.life_first, min(CAST(value AS INTEGER)) - 1, 'life'"                      \
    " FROM json_each(x.years) HAVING min(CAST(value AS INTEGER)) > x.life_first"                   \
    " UNION ALL SELECT max(CAST(value AS INTEGER)) + 1, x.life_last, 'life'"                       \
    " FROM json_each(x.years) HAVING max(CAST(value AS INTEGER)) < x.life_last ORDER BY 1)) END"

static const struct field gap[] = {
    { .name = "from",
      .type = FIELD_INTEGER,
      .unit = "calendar year",
      .text = "First year without a row." },
    { .name = "to",
      .type = FIELD_INTEGER,
      .unit = "calendar year",
      .text = "Last year without a row." },
    { .name = "kind", .type = FIELD_CODE, .codes = "gap_kind", .text = "Where the years lie." },
    { 0 },
};

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.id",
      .text = "Mission, measure and series, joined by hyphens." },
    { .name = "mission",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.mission",
      .kind = "mission",
      .resource = "missions",
      .text = "Mission that the rows are about." },
    { .name = "kind",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.kind",
      .codes = "coverage_kind",
      .text = "What the rows are." },
    { .name = "measure",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.measure",
      .codes = "measure",
      .text = "What is counted." },
    { .name = "predicate",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.predicate",
      .codes = "predicate",
      .text = "Predicate of the claims; null: the rows are not claims." },
    { .name = "series",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.series",
      .kind = "series",
      .text = "Series of the casualties, each on its own since series that overlap are never "
              "added; null: the rows are in none." },
    { .name = "first",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.first",
      .text = "The earliest date of any row; null: none has one." },
    { .name = "last",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.last",
      .text = "The latest date, or end of a period, of any row; null: none has one." },
    { .name = "records",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.records",
      .unit = "rows",
      .text = "Rows that there are; their numbers are not added here." },
    { .name = "unknown",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.unknown",
      .unit = "rows",
      .text = "Rows without a number among them." },
    { .name = "gaps",
      .type = FIELD_LIST,
      .flags = FIELD_NULLABLE,
      .sql = GAPS,
      .members = gap,
      .text =
          "Stretches of calendar years without a row, which may be years without a death; null: "
          "the rows tell no years." },
    { .name = "frequency",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.frequency",
      .codes = "frequency",
      .text = "How finely the rows of the series tell time; null: no series." },
    { .name = "sources",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = "(SELECT json_group_array(json_object('id', id, 'name', title)) FROM (SELECT s.id,"
             " s.title FROM json_each(x.source_ids) j JOIN sources s ON s.id = j.value"
             " ORDER BY s.id))",
      .kind = "source",
      .resource = "sources",
      .match = "EXISTS (SELECT 1 FROM json_each(x.source_ids) WHERE value IN @ids)",
      .text = "Documents and data sets that the rows rest on." },
    { .name = "independent_sources",
      .type = FIELD_INTEGER,
      .flags = FIELD_SORT,
      .sql = "(SELECT count(DISTINCT s.origin) FROM json_each(x.source_ids) j"
             " JOIN sources s ON s.id = j.value)",
      .unit = "sources",
      .text = "How many sources they go back to: who repeats another is one source with it, and "
              "so are the states of one data set." },
    { .name = "last_updated",
      .type = FIELD_DAY,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.last_updated",
      .text = "Day of the newest state of the source; null: no row." },
    { 0 },
};

const struct resource coverage = {
    .name = "coverage",
    .item = "Coverage",
    .example = "unmogip-deaths-un-fatalities",
    .text = "What there is on one mission and measure: from when to when, from whom, and with "
            "which gaps.",
    .source = "The rows of /v1/casualties, /v1/strengths and /v1/claims",
    .from = "(WITH r AS MATERIALIZED (" CASUALTIES " UNION ALL " STRENGTHS " UNION ALL " CLAIMS
            " UNION ALL " MISSING ") " ROWS ") x",
    .key = "x.id",
    .order = "mission,id",
    .search = "(x.mission IN @hits(mission)"
              " OR EXISTS (SELECT 1 FROM json_each(x.source_ids) WHERE value IN @hits(source)))",
    .fields = fields,
};
