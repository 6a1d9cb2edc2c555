/* handlers/disagreements.c: facts on which claims conflict, and who says what. */

#include "handlers/catalogue.h"
#include "handlers/common.h"

/* Two claims p that were both known on the day that is asked for. */
#define PAIR_KNOWN                                                                                 \
    "p.claim_from <= :as_of AND (p.claim_to IS NULL OR p.claim_to > :as_of)"                       \
    " AND p.other_from <= :as_of AND (p.other_to IS NULL OR p.other_to > :as_of)"

/* Counts of different things that answer one question with numbers that cannot be one. */
#define OTHER_DEFINITION                                                                           \
    "p.reason = 'scope' AND p.is_apart AND p.reasons_json LIKE '%\"definition\"%'"

/* What kinds of conflict the pairs of a fact make, the gravest first. */
#define PAIRS                                                                                      \
    "SELECT p.fact, total(p.stands = 'conflicts') AS conflicts,"                                   \
    " max(p.reason = 'denial') AS denial, max(p.reason = 'number') AS number,"                     \
    " max(p.reason = 'object') AS object, max(p.reason = 'date') AS date,"                         \
    " max(p.reason = 'disputed') AS disputed, max(" OTHER_DEFINITION ") AS definition"             \
    " FROM claim_pairs p WHERE p.claim < p.other AND " PAIR_KNOWN " GROUP BY p.fact"

#define IS_CONFLICT "d.denial + d.number + d.object + d.date + d.disputed + d.definition > 0"

#define KINDS                                                                                      \
    "('[' || substr(CASE WHEN d.denial THEN ',\"denial\"' ELSE '' END"                             \
    " || CASE WHEN d.number THEN ',\"number\"' ELSE '' END"                                        \
    " || CASE WHEN d.object THEN ',\"object\"' ELSE '' END"                                        \
    " || CASE WHEN d.date THEN ',\"date\"' ELSE '' END"                                            \
    " || CASE WHEN d.disputed THEN ',\"disputed\"' ELSE '' END"                                    \
    " || CASE WHEN d.definition THEN ',\"definition\"' ELSE '' END, 2) || ']')"

#define REFUSAL CLAIM_REFUSAL("'preferred'", "NULL")
#define ANSWER CLAIM_ANSWER(REFUSAL, "NULL")

/* A claim k that was known, with the origin of its source, in the order of the rule. */
#define KNOWN_CLAIMS                                                                               \
    "SELECT k.*, s.origin AS origin, k.id IS NOT c.id AS is_other,"                                \
    " (" REFUSAL ") IS NOT NULL AS is_refused"                                                     \
    " FROM claims k JOIN sources s"                                                                \
    " ON s.id = k.reported_by WHERE k.fact = f.id AND " CLAIM_KNOWN                                \
    " ORDER BY is_other, is_refused, " CLAIM_STANDING ", " CLAIM_FIRMNESS                          \
    ", k.known_from DESC, k.id"

/* How a claim k stands to the one that answers. */
#define TO_THE_ANSWER                                                                              \
    " FROM claim_pairs p WHERE p.fact = f.id AND p.claim = k.id AND p.version = k.version"         \
    " AND p.other = c.id AND p.other_version = c.version"

#define CLAIMS                                                                                     \
    "(SELECT json_group_array(json(claim)) FROM (SELECT json_object(" CLAIM_JSON ", 'stands',"     \
    " CASE WHEN k.id = c.id THEN 'answer' ELSE (SELECT p.stands" TO_THE_ANSWER ") END,"            \
    " 'reasons', json(coalesce((SELECT p.reasons_json" TO_THE_ANSWER "), '[]')),"                  \
    " 'conflicts_with', (SELECT json_group_array(p.other) FROM (SELECT p.other"                    \
    " FROM claim_pairs p WHERE p.fact = f.id AND p.claim = k.id AND p.version = k.version"         \
    " AND p.stands = 'conflicts' AND " PAIR_KNOWN                                                  \
    " ORDER BY p.other) p)) AS claim FROM (" KNOWN_CLAIMS ") k))"

#define EACH_PAIR                                                                                  \
    "(SELECT json_group_array(json(pair)) FROM (SELECT json_object('claim', p.claim, 'other',"     \
    " p.other, 'stands', p.stands, 'reasons', json(p.reasons_json)) AS pair FROM claim_pairs p"    \
    " WHERE p.fact = f.id AND p.claim < p.other AND " PAIR_KNOWN " ORDER BY p.claim, p.other))"

#define PLACES_OF                                                                                  \
    "SELECT k.fact FROM fact_places k JOIN place_closure a ON a.place = k.place"                   \
    " WHERE a.ancestor IN @ids AND " CLAIM_KNOWN

static const struct field claims_of[] = {
    CLAIM_MEMBERS,
    { .name = "stands",
      .type = FIELD_CODE,
      .flags = FIELD_NULLABLE,
      .codes = "stands",
      .text = "How it stands to the claim that answers; null where none answers." },
    { .name = "reasons",
      .type = FIELD_TEXTS,
      .codes = "pair_reason",
      .text = "Why it stands so to the claim that answers." },
    { .name = "conflicts_with",
      .type = FIELD_TEXTS,
      .text = "Claims on the fact that it conflicts with, by id." },
    { 0 },
};

static const struct field pairs_of[] = {
    { .name = "claim", .type = FIELD_ID, .text = "Id of one claim." },
    { .name = "other", .type = FIELD_ID, .text = "Id of the other claim." },
    { .name = "stands",
      .type = FIELD_CODE,
      .codes = "stands",
      .text = "How the two stand to each other." },
    { .name = "reasons",
      .type = FIELD_TEXTS,
      .codes = "pair_reason",
      .text = "Why they stand so to each other." },
    { 0 },
};

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "f.id",
      .text = "Id of the fact, as in /v1/facts." },
    COMMON_SUBJECT("f."),
    COMMON_MEMBER("mission", "mission", "missions",
                  "f.id IN (SELECT k.fact FROM claims k WHERE " CLAIM_KNOWN
                  " AND ((k.subject_kind = 'actor' AND k.subject IN @ids)"
                  " OR (k.object_kind = 'actor' AND k.object IN @ids)))",
                  "Mission that it is about, or that one of the claims names."),
    COMMON_MEMBER("actor", "actor", "actors",
                  "f.id IN (SELECT k.fact FROM claims k WHERE " CLAIM_KNOWN
                  " AND ((k.subject_kind = 'actor' AND k.subject IN @ids)"
                  " OR (k.object_kind = 'actor' AND k.object IN @ids) OR k.asserted_by IN @ids))",
                  "Any party: whom it is about, who asserts something, or whom a claim names."),
    COMMON_PREDICATE("f."),
    { .name = "name",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "f.name",
      .text = "The question in words." },
    { .name = "kind",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "CASE WHEN d.denial THEN 'denial' WHEN d.number THEN 'number'"
             " WHEN d.object THEN 'object' WHEN d.date THEN 'date'"
             " WHEN d.disputed THEN 'disputed' WHEN d.definition THEN 'definition'"
             " ELSE 'none' END",
      .codes = "conflict_kind",
      .text = "In what the claims conflict; the gravest, where there are several." },
    { .name = "kinds",
      .type = FIELD_TEXTS,
      .flags = FIELD_FILTER,
      .sql = KINDS,
      .codes = "conflict_kind",
      .text = "Everything in which the claims conflict." },
    { .name = "conflicts",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "CAST(d.conflicts AS INTEGER)",
      .unit = "pairs of claims",
      .text = "Pairs of claims that cannot both be true; 0: all conflict is one of definitions." },
    { .name = "spread",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "spread.",
      .unit = "as in unit",
      .text = "From the lowest to the highest number that the claims give, damaged words and "
              "denials left out." },
    { .name = "gap",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "spread.gap",
      .unit = "as in unit of spread",
      .text = "How far apart the two claims are that are furthest apart, comparable or not: the "
              "highest lower bound less the lowest upper bound; 0: one number suits all; null: no "
              "numbers." },
    { .name = "known_claims",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "(SELECT count(*) FROM claims k WHERE k.fact = f.id AND " CLAIM_KNOWN ")",
      .unit = "claims",
      .text = "Claims on the fact that were known." },
    { .name = "independent_sources",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "(SELECT count(DISTINCT s.origin) FROM claims k JOIN sources s ON s.id = k.reported_by"
             " WHERE k.fact = f.id AND " CLAIM_KNOWN ")",
      .unit = "sources",
      .text = "How many sources they go back to: who repeats another is one source with it." },
    { .name = "answer",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "c.id",
      .kind = "claim",
      .resource = "claims",
      .text = "The claim that answers under the rule preferred of /v1/facts; null: none does." },
    { .name = "status",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = COMMON_STATUS_THEN("c."),
      .codes = "claim_status",
      .text = "Standing of the claim that answers." },
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
    { .name = "places",
      .type = FIELD_REFS,
      .sql = "(SELECT json_group_array(json(place)) FROM (SELECT DISTINCT CASE WHEN p.iso3 IS NULL"
             " THEN json_object('id', p.id, 'name', p.name)"
             " ELSE json_object('id', p.id, 'name', p.name, 'iso3', p.iso3) END AS place"
             " FROM fact_places k JOIN places p ON p.id = k.place WHERE k.fact = f.id"
             " AND " CLAIM_KNOWN " ORDER BY p.id))",
      .kind = "place",
      .resource = "places",
      .text = "Where it was so: places of the fact, of its claims and of what it is about." },
    COMMON_MEMBER("place", "place", "places", "f.id IN (" PLACES_OF ")",
                  "One of its places, or a place that one of them lies in."),
    COMMON_DEFINITION("f."),
    { .name = "claims",
      .type = FIELD_LIST,
      .sql = CLAIMS,
      .members = claims_of,
      .text = "Who says what since when: every claim on the fact that was known, the one that "
              "answers first." },
    COMMON_NOTE("f."),
    { .name = "pairs",
      .type = FIELD_LIST,
      .sql = EACH_PAIR,
      .members = pairs_of,
      .param = "pairs",
      .text = "Each two claims and how they stand to each other." },
    { 0 },
};

static const struct param params[] = {
    { .name = "compatible",
      .choices = { "0", "1", NULL },
      .text = "1: facts with several claims that can all be true are listed as well, with the kind "
              "none." },
    { .name = "pairs",
      .choices = { "0", "1", NULL },
      .text = "1: each row says how each two of its claims stand to each other." },
    { 0 },
};

const struct resource disagreements = {
    .name = "disagreements",
    .item = "Disagreement",
    .example = "moura-killed",
    .text = "A fact on which claims conflict, with who says what since when.",
    .source = "The claims on the fact, as in /v1/claims",
    .from = "facts f JOIN (" PAIRS ") d ON d.fact = f.id AND (:compatible = '1' OR " IS_CONFLICT ")"
            " LEFT JOIN claims c ON c.rowid = (" ANSWER ")"
            " LEFT JOIN (" CLAIM_SPREAD ") spread ON spread.fact = f.id",
    .key = "f.id",
    .order = "id",
    .start = "f.start",
    .end = "f.end",
    .search = FACT_SEARCH,
    .fields = fields,
    .params = params,
};
