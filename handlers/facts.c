/* handlers/facts.c: what we hold on one subject, predicate and period, and which claim answers. */

#include "handlers/catalogue.h"
#include "handlers/common.h"

/* A claim k that was known on the day that is asked for. */
#define CLAIM_KNOWN "k.known_from <= :as_of AND (k.known_to IS NULL OR k.known_to > :as_of)"

/* How far a source is official: the body that it is about, or a body that decided. */
#define OFFICIAL                                                                                   \
    "CASE s.kind WHEN 'official_data' THEN 0 WHEN 'resolution' THEN 1 WHEN 'report' THEN 2"        \
    " WHEN 'statement' THEN 3 END"

/* Standing first, then how firmly it is said, then the latest word. */
#define STANDING                                                                                   \
    "CASE k.status WHEN 'preferred' THEN 0 WHEN 'disputed' THEN 2 ELSE 1 END,"                     \
    " CASE k.modality WHEN 'stated' THEN 0 WHEN 'reported' THEN 1 WHEN 'alleged' THEN 2 ELSE 3 "   \
    "END,"                                                                                         \
    " k.known_from DESC, k.id"

/* The claim that answers under the rule. Words that a translation damaged never do. */
#define ANSWER                                                                                     \
    "SELECT k.rowid FROM claims k JOIN sources s ON s.id = k.reported_by"                          \
    " WHERE k.fact = f.id AND " CLAIM_KNOWN " AND k.flags_json NOT LIKE '%translation_damage%'"    \
    " AND CASE :resolve WHEN 'all' THEN 0 WHEN 'source' THEN k.reported_by = :resolve_id"          \
    " WHEN 'official' THEN (" OFFICIAL ") IS NOT NULL"                                             \
    " WHEN 'min' THEN coalesce(k.low, k.best, k.high) IS NOT NULL"                                 \
    " WHEN 'max' THEN coalesce(k.low, k.best, k.high) IS NOT NULL ELSE 1 END"                      \
    " ORDER BY CASE :resolve WHEN 'official' THEN (" OFFICIAL ")"                                  \
    " WHEN 'latest' THEN -julianday(k.known_from)"                                                 \
    " WHEN 'min' THEN coalesce(k.low, k.best, k.high)"                                             \
    " WHEN 'max' THEN -coalesce(k.high, k.best, k.low) END, " STANDING " LIMIT 1"

/* The lowest and the highest that a claim k may mean; NULL: open. A bare "about 1,000" stands for
 * both. */
#define LEAST "CASE WHEN k.low IS NULL AND k.high IS NULL THEN k.best ELSE k.low END"
#define MOST "CASE WHEN k.low IS NULL AND k.high IS NULL THEN k.best ELSE k.high END"

/* The numbers of all claims on a fact as one number between bounds; one open bound leaves the whole
 * open there. */
#define SPREAD                                                                                     \
    "SELECT fact, low, NULL AS best, high, CASE WHEN low IS NULL THEN 'up_to'"                     \
    " WHEN high IS NULL THEN 'at_least' ELSE 'between' END AS qualifier, NULL AS text, unit FROM"  \
    " (SELECT k.fact, CASE WHEN count(*) = count(" LEAST ") THEN min(" LEAST ") END AS low,"       \
    " CASE WHEN count(*) = count(" MOST ") THEN max(" MOST ") END AS high, max(k.unit) AS unit"    \
    " FROM claims k WHERE " CLAIM_KNOWN                                                            \
    " AND coalesce(k.low, k.best, k.high) IS NOT NULL GROUP BY k.fact)"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "f.id",
      .text = "Slug of the row, never re-used." },
    COMMON_SUBJECT("f."),
    COMMON_PREDICATE("f."),
    { .name = "name",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "f.name",
      .text = "The question in words." },
    { .name = "number",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "c.",
      .unit = "as in unit",
      .text = "The number of the claim that answers; null where it is not a number, or no claim "
              "answers." },
    { .name = "value",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "c.object_text",
      .text =
          "What the claim that answers says in words, where it is neither a number nor a thing." },
    { .name = "object",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "c.object",
      .kind = "actor,place,event",
      .kind_sql = "c.object_kind",
      .match = "(c.object_kind, c.object) IN @things",
      .text = "The thing that the claim that answers names." },
    { .name = "start",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "f.start",
      .text = "Beginning of the period that the fact is about." },
    { .name = "end",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "f.end",
      .text = "End of the period that the fact is about; null: open." },
    COMMON_PLACE("f.", "Where it was so."),
    COMMON_DEFINITION("f."),
    { .name = "claim",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "c.id",
      .kind = "claim",
      .resource = "claims",
      .text = "The claim that answers under the rule; null: none does." },
    { .name = "source",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "c.reported_by",
      .kind = "source",
      .resource = "sources",
      .text = "The source of the claim that answers." },
    { .name = "date",
      .type = FIELD_DATE,
      .flags = FIELD_SORT | FIELD_NULLABLE,
      .sql = "c.start",
      .text = "When it was so, after the claim that answers." },
    { .name = "modality",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "c.modality",
      .codes = "modality",
      .text = "How the claim that answers is put." },
    { .name = "status",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = COMMON_STATUS_THEN("c."),
      .codes = "claim_status",
      .text = "Standing of the claim that answers." },
    { .name = "rule",
      .type = FIELD_TEXT,
      .sql = ":resolve",
      .text = "Rule by which the claim was chosen, as in resolve=." },
    { .name = "rivals",
      .type = FIELD_INTEGER,
      .sql = "(SELECT count(*) FROM claims k WHERE k.fact = f.id AND " CLAIM_KNOWN
             " AND k.id IS NOT c.id)",
      .unit = "claims",
      .text = "Claims on the same fact that did not answer." },
    { .name = "spread",
      .type = FIELD_NUMBER,
      .flags = FIELD_NULLABLE,
      .sql = "spread.",
      .unit = "as in unit",
      .text = "From the lowest to the highest number that any claim on the fact gives." },
    { .name = "claims",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = "(SELECT json_group_array(json_object('id', k.id, 'name', s.title)) FROM claims k "
             "JOIN sources s ON s.id = k.reported_by WHERE k.fact = f.id AND " CLAIM_KNOWN ")",
      .kind = "claim",
      .resource = "claims",
      .match = "f.id IN (SELECT fact FROM claims WHERE id IN @ids)",
      .text = "All claims on the fact that were known, the one that answers among them." },
    COMMON_NOTE("f."),
    { 0 },
};

static const struct param params[] = {
    { .name = "resolve",
      .choices = { "preferred", "official", "latest", "min", "max", "all", NULL },
      .id_choice = "source",
      .id_kind = "source",
      .text = "Rule by which one of the rival claims answers; all: none does, they stand side by "
              "side." },
    { 0 },
};

const struct resource facts = {
    .name = "facts",
    .item = "Fact",
    .kind = "fact",
    .text = "What we hold on one subject, predicate and period: the claim that answers, and how "
            "many others there are.",
    .source = "The claims on it, as in /v1/claims",
    .from = "facts f LEFT JOIN claims c ON c.rowid = (" ANSWER ")"
            " LEFT JOIN (" SPREAD ") spread ON spread.fact = f.id",
    .where = "EXISTS (SELECT 1 FROM claims k WHERE k.fact = f.id AND " CLAIM_KNOWN ")",
    .key = "f.id",
    .order = "id",
    .start = "f.start",
    .end = "f.end",
    .fields = fields,
    .params = params,
};
