/* handlers/casualties.c: counts of people harmed, by mission, time, cause and nationality. */

#include "handlers/catalogue.h"
#include "handlers/common.h"

/* The few rows of another harm than death have an index of their own, which SQLite takes where it
 * is told the condition of the index as well. */
#define OTHER_HARM(harm) "k.harm <> 'killed' AND k.harm = '" harm "'"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "k.id",
      .text = "Slug of the row, never re-used." },
    { .name = "series",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "k.series",
      .kind = "series",
      .text = "The set of rows it can be added with; rows of two series that overlap are never "
              "added." },
    { .name = "kind",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "k.kind",
      .codes = "series_kind",
      .text = "One death (record), one cell of a published table (cell) or a stated sum (total)." },
    { .name = "mission",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE | FIELD_DIMENSION,
      .sql = "k.mission",
      .kind = "mission",
      .resource = "missions",
      .text = "Mission the victims served in; null: none." },
    { .name = "place",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_NULLABLE | FIELD_DIMENSION,
      .sql = "k.place",
      .kind = "place",
      .resource = "places",
      .match = "k.place IN (SELECT place FROM place_closure WHERE ancestor IN @ids)",
      .text = "Where they were harmed; null: not said." },
    { .name = "location",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "k.location",
      .text = "Where in the words of the source, where it says more than the place." },
    { .name = "latitude",
      .type = FIELD_REAL,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "k.latitude",
      .unit = "degrees",
      .text = "Degrees north of the event, WGS 84." },
    { .name = "longitude",
      .type = FIELD_REAL,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "k.longitude",
      .unit = "degrees",
      .text = "Degrees east of the event, WGS 84." },
    { .name = "date",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "k.date",
      .text = "Day of the death, or the period that is counted over." },
    { .name = "end",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "k.end",
      .text = "End of a period that date alone does not say; null: date says it." },
    { .name = "victim_group",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "k.victim_group",
      .codes = "victim_group",
      .text = "Who they were." },
    { .name = "personnel_type",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE | FIELD_DIMENSION,
      .sql = "k.personnel_type",
      .codes = "personnel_type",
      .text = "Kind of UN personnel; null: not broken down." },
    { .name = "cause",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE | FIELD_DIMENSION,
      .sql = "k.cause",
      .codes = "cause",
      .text = "Cause as the publisher classified it; null: not broken down." },
    { .name = "nationality",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE | FIELD_DIMENSION,
      .sql = "k.nationality",
      .kind = "place",
      .resource = "places",
      .text = "Country they came from; null: not broken down, or not determined." },
    { .name = "nationality_text",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "k.nationality_text",
      .text = "Nationality as published, where it names no place of ours." },
    { .name = "perpetrators",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER | FIELD_DIMENSION,
      .sql = "k.perpetrators_json",
      .kind = "actor",
      .resource = "actors",
      .match = "(k.id, k.version) IN (SELECT casualty, version FROM casualty_perpetrators"
               " WHERE actor IN @ids)",
      .text = "Who harmed them, where the source says." },
    { .name = "harm",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "k.harm",
      .codes = "harm",
      .text = "What happened to them." },
    { .name = "deaths",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE | FIELD_SUM,
      .sql = "k.",
      .only = "k.harm = 'killed'",
      .unit = "people",
      .text = "People who died; null: not reported, or another harm is counted." },
    { .name = "injured",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE | FIELD_SUM,
      .sql = "k.",
      .only = OTHER_HARM("injured"),
      .unit = "people",
      .text = "People who were hurt; null: not reported, or another harm is counted." },
    { .name = "missing",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE | FIELD_SUM,
      .sql = "k.",
      .only = OTHER_HARM("missing"),
      .unit = "people",
      .text = "People who are missing; null: not reported, or another harm is counted." },
    { .name = "displaced",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE | FIELD_SUM,
      .sql = "k.",
      .only = OTHER_HARM("displaced"),
      .unit = "people",
      .text = "People who had to flee; null: not reported, or another harm is counted." },
    COMMON_DEFINITION("k."),
    { .name = "source",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_STAMP,
      .sql = "k.source",
      .kind = "source",
      .resource = "sources",
      .text = "Data set or document that gives the number." },
    COMMON_CLAIMS("k.", "(k.id, k.version) IN (SELECT casualty, version FROM casualty_claims"
                        " WHERE claim IN @ids)"),
    { .name = "flags",
      .type = FIELD_TEXTS,
      .flags = FIELD_FILTER,
      .sql = "k.flags_json",
      .codes = "flag",
      .text = "What must not be overlooked about it." },
    COMMON_NOTE("k."),
    COMMON_VERSION("k."),
    COMMON_KNOWN_FROM("k."),
    COMMON_KNOWN_TO("k."),
    { 0 },
};

/* p and q are rows that were asked for; p counts nobody whom q does not count. */
#define SAME_OR_WHOLE(column) "(q." column " IS p." column " OR q." column " IS NULL)"

/*
 * A stated sum is part of another one of the same people that reaches further (or that was stated
 * later). And what an acronym counts that stands for several missions (UNEF) holds what each of
 * them counts.
 */
#define PART                                                                                       \
    "(p.kind = 'total' AND EXISTS (SELECT 1 FROM picked q WHERE q.series = p.series AND q.id <> "  \
    "p.id"                                                                                         \
    " AND q.harm = p.harm AND q.date_min <= p.end_max AND q.end_max >= p.date_min"                 \
    " AND " SAME_OR_WHOLE("place") " AND " SAME_OR_WHOLE("cause") " AND " SAME_OR_WHOLE(           \
        "personnel_type") " AND " SAME_OR_WHOLE("nationality") " AND (EXISTS (SELECT 1 FROM "      \
                                                               "mission_components c WHERE "       \
                                                               "c.mission = q.mission"             \
                                                               " AND c.component = p.mission) OR " \
                                                               "(q.mission IS p.mission"           \
                                                               " AND (julianday(q.end_max) - "     \
                                                               "julianday(q.date_min), "           \
                                                               "q.known_from, q.id)"               \
                                                               " > (julianday(p.end_max) - "       \
                                                               "julianday(p.date_min), "           \
                                                               "p.known_from, p.id)))))"           \
                                                               " OR coalesce((p.series, "          \
                                                               "p.mission) IN (SELECT q.series, "  \
                                                               "c.component FROM missions m"       \
                                                               " JOIN mission_components c ON "    \
                                                               "c.mission = m.id JOIN picked q "   \
                                                               "ON q.mission = m.id"               \
                                                               " WHERE m.category = "              \
                                                               "'aggregate'), 0)"

/* Missions without a row of their own that an acronym stands for which has some. */
#define BESIDE                                                                                     \
    "SELECT DISTINCT c.component, c.mission FROM mission_components c"                             \
    " JOIN missions m ON m.id = c.mission AND m.category = 'aggregate' WHERE c.component IN @ids"  \
    " AND c.mission NOT IN @ids AND EXISTS (SELECT 1 FROM casualties k WHERE k.mission = "         \
    "c.mission)"                                                                                   \
    " AND NOT EXISTS (SELECT 1 FROM casualties k WHERE k.mission = c.component)"                   \
    " ORDER BY c.component, c.mission"

static const struct cells cells[] = {
    { .from = "casualty_series k", .fields = { "series", "kind", "definition", "harm" } },
    { .from = "casualty_years k",
      .fields = { "series", "kind", "definition", "harm", "victim_group", "mission", "place",
                  "source", "flags", "date" } },
    { .from = "casualty_cells k",
      .fields = { "series", "kind", "definition", "harm", "victim_group", "mission", "place",
                  "source", "flags", "date", "cause", "personnel_type", "nationality" },
      .has_parts = true },
    { 0 },
};

static const struct cells groups[] = {
    { .from = "casualty_mission_years k",
      .fields = { "mission", "date", "series", "definition", "harm" },
      .n_keys = 2 },
    { 0 },
};

static const struct sums sums = {
    .row = "k.",
    .part = PART,
    .beside = BESIDE,
    .beside_field = "mission",
    .cells = cells,
    .groups = groups,
};

static const struct ways ways = {
    .table = "casualties",
    .row = "k.",
    .found = " id mission place nationality perpetrators claims date known_from deaths injured"
             " missing displaced ",
    .is_long = "k.end_max <> k.date_min AND 12 * substr(k.end_max, 1, 4) + substr(k.end_max, 6, 2)"
               " - 12 * substr(k.date_min, 1, 4) - substr(k.date_min, 6, 2) > 1",
    .most = " deaths ",
    .along = " series mission nationality ",
    .ordered = " id date end deaths injured missing displaced mission nationality known_to ",
    .groups = "casualty_groups",
    .grouped = " series kind victim_group personnel_type cause harm definition source known_from ",
    .group = "series",
};

/* Rows that words find, by rowid: each way is an index, and the order that is asked for never makes
 * all rows be read. */
#define FOUND                                                                                      \
    "SELECT c.rowid FROM casualties c WHERE c.mission IN @hits(mission)"                           \
    " UNION SELECT c.rowid FROM casualties c WHERE c.place IN (SELECT place FROM place_closure"    \
    " WHERE ancestor IN @hits(place))"                                                             \
    " UNION SELECT c.rowid FROM casualty_perpetrators l JOIN casualties c ON c.id = l.casualty"    \
    " AND c.version = l.version WHERE l.actor IN @hits(actor)"                                     \
    " UNION SELECT c.rowid FROM casualty_claims l JOIN casualties c ON c.id = l.casualty"          \
    " AND c.version = l.version WHERE l.claim IN @hits(claim)"                                     \
    " UNION SELECT c.rowid FROM series s JOIN casualties c ON c.series = s.id"                     \
    " WHERE search_holds(:q, s.id, s.name)"

const struct resource casualties = {
    .name = "casualties",
    .item = "Casualty",
    .example = "unmiss-2014-military-illness",
    .text = "A count of people harmed: one death, one cell of a published table, or a stated sum.",
    .source = "The data set or document in source",
    .from = "casualties k",
    .key = "k.id",
    .order = "id",
    .known = "k.",
    .start = "k.date",
    .end = "k.end",
    .geometry =
        "coalesce(" COMMON_POINT("k.") ", " COMMON_POINTS("places p WHERE p.id = k.place") ")",
    .search = "k.rowid IN (" FOUND ")",
    .fields = fields,
    .sums = &sums,
    .ways = &ways,
};
