/* handlers/facts.c: what we hold on one subject, predicate and period, and which claim answers. */

#include "handlers/catalogue.h"
#include "handlers/common.h"

#define REFUSAL CLAIM_REFUSAL(":resolve", ":resolve_id")
#define RULE_KEY CLAIM_RULE_KEY(":resolve")
#define ANSWER CLAIM_ANSWER(REFUSAL, RULE_KEY)

/*
 * Every claim k on the fact that was known by then, the refused ones last, with its place in the
 * order of the rule and that of the first beside it. Of a revised claim, the version of then.
 */
#define RANKED                                                                                     \
    "SELECT k.*, row_number() OVER ranking AS rank,"                                               \
    " first_value(k.rule_key) OVER ranking AS best_key,"                                           \
    " first_value(k.standing) OVER ranking AS best_standing,"                                      \
    " first_value(k.firmness) OVER ranking AS best_firmness,"                                      \
    " first_value(k.known_from) OVER ranking AS latest FROM ("                                     \
    "SELECT k.*, s.origin AS origin, " REFUSAL " AS refusal, " RULE_KEY " AS rule_key,"            \
    " " CLAIM_STANDING " AS standing, " CLAIM_FIRMNESS " AS firmness"                              \
    " FROM claims k JOIN sources s ON s.id = k.reported_by"                                        \
    " WHERE k.fact = f.id AND k.known_from <= :as_of AND NOT EXISTS (SELECT 1 FROM claims n"       \
    " WHERE n.id = k.id AND n.version > k.version AND n.known_from <= :as_of)) k"                  \
    " WINDOW ranking AS (ORDER BY k.refusal IS NOT NULL, k.rule_key, k.standing, k.firmness,"      \
    " k.known_from DESC, k.id) ORDER BY rank"

/* Why a ranked claim won or lost. */
#define WHY                                                                                        \
    "CASE WHEN k.refusal IS NOT NULL THEN k.refusal WHEN k.rank = 1 THEN 'answers'"                \
    " WHEN k.rule_key > k.best_key THEN CASE :resolve WHEN 'official' THEN 'less_official'"        \
    " WHEN 'latest' THEN 'older' WHEN 'min' THEN 'higher' ELSE 'lower' END"                        \
    " WHEN k.standing > k.best_standing THEN 'lower_standing'"                                     \
    " WHEN k.firmness > k.best_firmness THEN 'less_firm'"                                          \
    " WHEN k.known_from < k.latest THEN 'older' ELSE 'same_rank' END"

#define THEN_STANDING                                                                              \
    " Among equals: preferred before others before disputed, then stated before reported before"   \
    " alleged, then the latest, then the order of ids."
#define NEVER                                                                                      \
    " Denials, what was taken back or replaced, and words that a translation damaged never"        \
    " answer."
#define RULE_IN_WORDS                                                                              \
    "CASE :resolve"                                                                                \
    " WHEN 'preferred' THEN 'The claim that is marked as preferred answers." THEN_STANDING NEVER   \
    "'"                                                                                            \
    " WHEN 'official' THEN 'The claim of the most official source answers: official data, then a"  \
    " resolution, a report, a statement; no other source does." THEN_STANDING NEVER "'"            \
    " WHEN 'latest' THEN 'The claim that became known last answers." THEN_STANDING NEVER "'"       \
    " WHEN 'min' THEN 'The claim with the lowest number answers, by its low, else its best, else"  \
    " its high." THEN_STANDING NEVER "'"                                                           \
    " WHEN 'max' THEN 'The claim with the highest number answers, by its high, else its best,"     \
    " else its low." THEN_STANDING NEVER "'"                                                       \
    " WHEN 'all' THEN 'No claim answers: all stand side by side.'"                                 \
    " ELSE 'Only claims that stand in the source ' || :resolve_id || ' answer, its denials"        \
    " included." THEN_STANDING                                                                     \
    " What was taken back or replaced, and words that a translation damaged never answer.' END"

#define EXPLAIN                                                                                    \
    "(SELECT json_object('rule', " RULE_IN_WORDS ", 'independent_sources',"                        \
    " count(DISTINCT CASE WHEN known_to IS NULL OR known_to > :as_of THEN origin END),"            \
    " 'claims', json_group_array(json(claim))) FROM (SELECT k.known_to, k.origin, json_object("    \
    "'rank', k.rank, " CLAIM_JSON ", 'why', " WHY ") AS claim FROM (" RANKED ") k))"

static const struct field explained_claims[] = {
    { .name = "rank",
      .type = FIELD_INTEGER,
      .unit = "place in the order of the rule, from 1",
      .text = "Its place in the order of the rule, the refused ones last." },
    CLAIM_MEMBERS,
    { .name = "why",
      .type = FIELD_CODE,
      .codes = "claim_why",
      .text = "Why it answers, or why it does not." },
    { 0 },
};

static const struct field explanation[] = {
    { .name = "rule", .type = FIELD_TEXT, .text = "The rule in words." },
    { .name = "independent_sources",
      .type = FIELD_INTEGER,
      .unit = "sources",
      .text = "How many sources the claims that were known go back to, each counted once." },
    { .name = "claims",
      .type = FIELD_LIST,
      .members = explained_claims,
      .text = "Every claim on the fact that was known by then, in the order of the rule." },
    { 0 },
};

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
      .sql = "CASE :resolve WHEN 'source' THEN 'source:' || :resolve_id ELSE :resolve END",
      .text = "Rule by which the claim was chosen, as in resolve=." },
    { .name = "no_answer",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "CASE WHEN c.id IS NOT NULL THEN NULL WHEN :resolve = 'all' THEN 'all_asked'"
             " WHEN :resolve = 'source' THEN CASE WHEN EXISTS (SELECT 1 FROM claims k"
             " WHERE k.fact = f.id AND k.reported_by = :resolve_id AND " CLAIM_KNOWN ")"
             " THEN 'source_refused' ELSE 'source_silent' END"
             " WHEN :resolve = 'official' THEN 'not_official'"
             " WHEN :resolve IN ('min', 'max') THEN 'no_number' ELSE 'refused' END",
      .codes = "no_answer",
      .text = "Why no claim answers under the rule; null: one does." },
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
      .text = "From the lowest to the highest number that the claims on the fact give, damaged "
              "words and denials left out." },
    { .name = "claims",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = "(SELECT json_group_array(json_object('id', id, 'name', title)) FROM (SELECT k.id, "
             "s.title"
             " FROM claims k JOIN sources s ON s.id = k.reported_by WHERE k.fact = f.id"
             " AND " CLAIM_KNOWN " ORDER BY k.id))",
      .kind = "claim",
      .resource = "claims",
      .match = "f.id IN (SELECT fact FROM claims WHERE id IN @ids)",
      .text = "All claims on the fact that were known, the one that answers among them." },
    COMMON_NOTE("f."),
    { .name = "explain",
      .type = FIELD_OBJECT,
      .sql = EXPLAIN,
      .members = explanation,
      .param = "explain",
      .text =
          "How the rule came to its answer: every claim with its rank and why it won or lost." },
    { 0 },
};

static const struct param params[] = {
    { .name = "resolve",
      .choices = { "preferred", "official", "latest", "min", "max", "all", NULL },
      .id_choice = "source",
      .kind = "source",
      .text = "Rule by which one of the rival claims answers; all: none does, they stand side by "
              "side." },
    { .name = "explain",
      .choices = { "0", "1", NULL },
      .text = "1: each row says how the rule came to its answer." },
    { 0 },
};

const struct resource facts = {
    .name = "facts",
    .item = "Fact",
    .example = "minusma-deaths",
    .kind = "fact",
    .text = "What we hold on one subject, predicate and period: the claim that answers, and how "
            "many others there are.",
    .source = "The claims on it, as in /v1/claims",
    .from = "facts f LEFT JOIN claims c ON c.rowid = (" ANSWER ")"
            " LEFT JOIN (" CLAIM_SPREAD ") spread ON spread.fact = f.id",
    .where = "EXISTS (SELECT 1 FROM claims k WHERE k.fact = f.id AND " CLAIM_KNOWN ")",
    .key = "f.id",
    .geometry = COMMON_POINTS(
        "places p WHERE p.id = coalesce(f.place, iif(f.subject_kind = 'place', f.subject, NULL))"),
    .order = "id",
    .start = "f.start",
    .end = "f.end",
    .search = FACT_SEARCH,
    .fields = fields,
    .params = params,
};
