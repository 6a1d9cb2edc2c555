/* handlers/reconcile.c: what somebody states a mission lost, beside what the records add up to. */

#include "handlers/catalogue.h"
#include "handlers/common.h"

/* The official series s of rows that counts the harm t.harm of the mission. */
#define COUNTS                                                                                     \
    "s.official = 1 AND s.kind IN ('record', 'cell') AND EXISTS (SELECT 1 FROM casualties k"       \
    " WHERE k.mission = t.mission AND k.series = s.id AND k.harm = t.harm AND " CLAIM_KNOWN ")"

#define NEWEST_STATE(series)                                                                       \
    "(SELECT max(o.known_on) FROM series_states o WHERE o.series = " series                        \
    " AND o.known_on <= :as_of)"
#define STATE_OF_CANDIDATE NEWEST_STATE("s.id")
#define STATE_OF_CHOSEN NEWEST_STATE("x.series")

#define IS_BROKEN_DOWN                                                                             \
    "(t.personnel IS NULL OR s.dimensions_json LIKE '%\"personnel_type\"%')"                       \
    " AND (t.cause IS NULL OR s.dimensions_json LIKE '%\"cause\"%')"

#define IS_TO_THE_END "t.end_min >= m.end_min AND t.end_max >= m.end_max"

/*
 * Each statement with what has to be counted for it. A period from the mission's first day on, or
 * to its last, takes in all rows on that side: whoever is listed under a mission is of its life.
 * Nobody counts the dead of a day that is yet to come. What a stated total of casualties says is
 * not said again by its claim.
 */
#define STATEMENTS                                                                                 \
    "SELECT t.*, coalesce(n.part_of, t.counted) AS base, n.personnel, n.cause,"                    \
    " CASE WHEN t.start_min <= m.start_max THEN '0001-01-01' ELSE t.start_min END AS first_day,"   \
    " CASE WHEN " IS_TO_THE_END " THEN '9999-12-31' ELSE min(t.end_min, t.known_from) END"         \
    " AS sure_day, CASE WHEN " IS_TO_THE_END " THEN '9999-12-31'"                                  \
    " ELSE min(t.end_max, t.known_from) END AS last_day,"                                          \
    " coalesce(CASE WHEN t.low IS NULL AND t.high IS NULL THEN t.best ELSE t.low END, 0)"          \
    " AS least,"                                                                                   \
    " CASE WHEN t.low IS NULL AND t.high IS NULL THEN t.best ELSE t.high END AS most"              \
    " FROM stated_totals t LEFT JOIN narrowings n ON n.name = t.counted"                           \
    " LEFT JOIN missions m ON m.id = t.mission AND m.known_from <= :as_of"                         \
    " AND (m.known_to IS NULL OR m.known_to > :as_of)"                                             \
    " WHERE NOT (t.casualty IS NULL AND EXISTS (SELECT 1 FROM casualty_claims l"                   \
    " JOIN casualties k ON k.id = l.casualty AND k.version = l.version"                            \
    " WHERE l.claim = t.claim AND k.kind = 'total' AND " CLAIM_KNOWN "))"

/* The series to add up: the one read latest, of those the finest, of those the first in rank. */
#define CHOSEN                                                                                     \
    "SELECT t.*, (SELECT s.id FROM series s WHERE " COUNTS " AND s.definition = t.base"            \
    " AND " IS_BROKEN_DOWN " ORDER BY " STATE_OF_CANDIDATE " DESC,"                                \
    " CASE s.frequency WHEN 'day' THEN 0 WHEN 'month' THEN 1 WHEN 'year' THEN 2 ELSE 3 END,"       \
    " s.rank, s.id LIMIT 1) AS series FROM t"

#define IS_IN(wanted, has, if_unknown)                                                             \
    "(t." wanted " IS NULL OR coalesce(instr(',' || t." wanted " || ',', ',' || k." has            \
    " || ',') > 0, " if_unknown "))"
#define IS_SURELY_OF_PERSONNEL IS_IN("personnel", "personnel_type", "0")
#define IS_SURELY_OF_CAUSE IS_IN("cause", "cause", "0")
#define MAY_BE_OF_PERSONNEL IS_IN("personnel", "personnel_type", "1")
#define MAY_BE_OF_CAUSE IS_IN("cause", "cause", "1")

/*
 * The rows to add up, in one array: rows, rows that are certainly in the period, the least of
 * these, the most of all, whether all have a bound above. A row that falls between the days of a
 * period may count; one that cannot fall outside does. What was known on a day had happened by
 * then. One subquery a statement, since SQLite would scan all casualties to prepare a join.
 */
#define SUM                                                                                        \
    "(SELECT json_array(count(*), total(is_sure), total(CASE WHEN is_sure THEN least END),"        \
    " total(most), count(*) = count(most)) FROM ("                                                 \
    "SELECT k.date_min >= t.first_day AND min(k.end_max, k.known_from) <= t.sure_day"              \
    " AND " IS_SURELY_OF_PERSONNEL " AND " IS_SURELY_OF_CAUSE " AS is_sure,"                       \
    " CASE WHEN k.low IS NULL AND k.high IS NULL THEN k.best ELSE k.low END AS least,"             \
    " CASE WHEN k.low IS NULL AND k.high IS NULL THEN k.best ELSE k.high END AS most"              \
    " FROM casualties k WHERE k.mission = t.mission AND k.series = t.series"                       \
    " AND k.harm = t.harm AND " CLAIM_KNOWN                                                        \
    " AND k.date_min <= t.last_day AND k.end_max >= t.first_day"                                   \
    " AND " MAY_BE_OF_PERSONNEL " AND " MAY_BE_OF_CAUSE "))"

#define SUMS "SELECT t.id, " SUM " AS sum FROM u t WHERE t.series IS NOT NULL"

#define PARTS                                                                                      \
    "SELECT id, json_extract(sum, '$[0]') AS n_rows, json_extract(sum, '$[1]') AS n_sure,"         \
    " CAST(json_extract(sum, '$[2]') AS INTEGER) AS low,"                                          \
    " CAST(json_extract(sum, '$[3]') AS INTEGER) AS said,"                                         \
    " json_extract(sum, '$[4]') AS is_bounded FROM r"

/* Statement and sum side by side; a mission with records, none of them in the period, has 0. */
#define COMPARED                                                                                   \
    "SELECT t.*, v.n_rows, coalesce(v.n_rows, 0) - coalesce(v.n_sure, 0) AS n_unsure,"             \
    " CASE WHEN t.series IS NOT NULL THEN coalesce(v.low, 0) END AS sum_low,"                      \
    " CASE WHEN t.series IS NOT NULL AND coalesce(v.is_bounded, 1) THEN coalesce(v.said, 0) END"   \
    " AS sum_high, CASE WHEN t.series IS NULL THEN CASE"                                           \
    " WHEN NOT EXISTS (SELECT 1 FROM series s WHERE " COUNTS ") THEN 'no_records'"                 \
    " WHEN EXISTS (SELECT 1 FROM series s WHERE " COUNTS " AND s.definition = t.base)"             \
    " THEN 'breakdown' ELSE 'definition' END"                                                      \
    " WHEN t.most < coalesce(v.low, 0) THEN NULL"                                                  \
    " WHEN coalesce(v.is_bounded, 1) AND t.least > coalesce(v.said, 0) THEN NULL"                  \
    " WHEN v.n_rows > 0 AND v.n_sure = 0 THEN 'period'"                                            \
    " WHEN NOT v.is_bounded AND t.least > v.said THEN 'bounds_only' END AS reason"                 \
    " FROM u t LEFT JOIN v ON v.id = t.id"

#define RESULT                                                                                     \
    "CASE WHEN reason IS NOT NULL THEN 'not_comparable' WHEN most < sum_low THEN 'short_by'"       \
    " WHEN least > sum_high THEN 'over_by' ELSE 'consistent' END"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.id",
      .text = "Slug of the statement: total- and the id of a casualty, or claim- and that of a "
              "claim." },
    { .name = "mission",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.mission",
      .kind = "mission",
      .resource = "missions",
      .text = "Mission whose dead or injured are stated." },
    { .name = "harm",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.harm",
      .codes = "harm",
      .text = "What happened to them." },
    { .name = "stated",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.",
      .unit = "people",
      .text = "The number that is stated, in its own words and bounds." },
    { .name = "summed",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.sum_",
      .unit = "people",
      .text = "What the records of the period add up to: low counts the rows that are certainly in "
              "it, high those that may be; null: they cannot be added up so." },
    { .name = "result",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.result",
      .codes = "reconcile_result",
      .text = "How the statement stands to the sum." },
    { .name = "difference",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "CASE x.result WHEN 'consistent' THEN 0 WHEN 'short_by' THEN x.most - x.sum_low"
             " WHEN 'over_by' THEN x.least - x.sum_high END",
      .unit = "people",
      .text = "Stated less summed, from the nearest ends of their bounds: -1 means that the "
              "statement is short by one; 0: a number suits both; null: not comparable." },
    { .name = "reason",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.reason",
      .codes = "reconcile_reason",
      .text = "Why they cannot be compared; null: they can." },
    { .name = "start",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.start",
      .text = "Beginning of the period that is counted over; null: that of the mission." },
    { .name = "end",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.end",
      .text = "End of the period; null: the day from which the statement was known." },
    COMMON_DEFINITION("x."),
    { .name = "series",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "x.series",
      .kind = "series",
      .text = "The official series that is added up: the one whose state is the latest, of those "
              "the finest; null: none can be." },
    { .name = "state",
      .type = FIELD_DAY,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = STATE_OF_CHOSEN,
      .text = "Day of the newest state of that series; null: no series." },
    { .name = "records",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "CASE WHEN x.series IS NOT NULL THEN coalesce(x.n_rows, 0) END",
      .unit = "rows",
      .text = "Rows of the series that are or may be in the period; null: no series." },
    { .name = "uncertain",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "CASE WHEN x.series IS NOT NULL THEN CAST(x.n_unsure AS INTEGER) END",
      .unit = "rows",
      .text = "Those of them that may lie outside it, because the period cuts them." },
    { .name = "claim",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "x.claim",
      .kind = "claim",
      .resource = "claims",
      .text = "The claim that states it; null: it stands among the casualties alone." },
    { .name = "casualty",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "x.casualty",
      .text = "Id of the row of /v1/casualties that states it; null: a claim alone does." },
    { .name = "source",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.source",
      .kind = "source",
      .resource = "sources",
      .text = "Document or data set that states it." },
    COMMON_KNOWN_FROM("x."),
    COMMON_KNOWN_TO("x."),
    { 0 },
};

const struct resource reconcile = {
    .name = "reconcile",
    .item = "Reconciliation",
    .example = "total-unoci-stated-dead",
    .text = "A total that is stated for a mission, beside what its official records add up to for "
            "the same period and definition.",
    .source = "The statement in source, the records of series in /v1/casualties",
    .from =
        "(WITH t AS MATERIALIZED (" STATEMENTS "), u AS MATERIALIZED (" CHOSEN
        "), r AS MATERIALIZED (" SUMS "), v AS MATERIALIZED (" PARTS
        "), w AS MATERIALIZED (" COMPARED ") SELECT w.*,"
        " CASE WHEN sum_low = sum_high THEN sum_low END AS sum_best, CASE WHEN series IS NULL"
        " THEN NULL WHEN sum_low = sum_high THEN 'exactly' WHEN sum_high IS NULL THEN 'at_least'"
        " ELSE 'between' END AS sum_qualifier, NULL AS sum_text, CASE WHEN series IS NOT NULL"
        " THEN 'person' END AS sum_unit, " RESULT " AS result FROM w) x",
    .key = "x.id",
    .order = "mission,id",
    .known = "x.",
    .is_derived = true,
    .start = "x.start",
    .end = "x.end",
    .search =
        "(x.mission IN @hits(mission) OR x.claim IN @hits(claim) OR x.source IN @hits(source))",
    .fields = fields,
};
