#pragma once

/* Fields that many resources share, so that each says the same of the same thing. `a` is the
 * table's alias and dot. */

#include "db/resource.h"

#define COMMON_VERSION(a)                                                                          \
    {                                                                                              \
        .name = "version", .type = FIELD_INTEGER, .flags = FIELD_STAMP, .sql = a "version",        \
        .unit = "versions", .text = "How many times the row was revised, counted from 1."          \
    }

#define COMMON_KNOWN_FROM(a)                                                                       \
    {                                                                                              \
        .name = "known_from", .type = FIELD_DAY, .flags = FIELD_FILTER | FIELD_SORT | FIELD_STAMP, \
        .sql = a "known_from", .text = "Day from which the sources said so."                       \
    }

/*
 * What a claim's standing was on the day that is asked for: that it came to be superseded or
 * withdrawn was not known before it was. So the answer to an as_of stays the same whatever becomes
 * known later.
 */
#define COMMON_STATUS_THEN(a)                                                                      \
    "CASE WHEN " a "known_to > :as_of AND " a "status IN ('superseded', 'withdrawn')"              \
    " THEN 'normal' ELSE " a "status END"

#define COMMON_KNOWN_TO(a)                                                                         \
    {                                                                                              \
        .name = "known_to", .type = FIELD_DAY,                                                     \
        .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE | FIELD_STAMP,                         \
        .sql = "CASE WHEN " a "known_to > :as_of THEN NULL ELSE " a "known_to END",                \
        .text = "Day from which they no longer said so; null: they still do."                      \
    }

#define COMMON_NOTE(a)                                                                             \
    {                                                                                              \
        .name = "note", .type = FIELD_TEXT, .flags = FIELD_FILTER | FIELD_NULLABLE,                \
        .sql = a "note", .text = "What a reader should know beside the row."                       \
    }

/* in: condition with @ids */
#define COMMON_SOURCES(a, in)                                                                      \
    {                                                                                              \
        .name = "sources", .type = FIELD_REFS, .flags = FIELD_FILTER, .sql = a "sources_json",     \
        .kind = "source", .resource = "sources", .match = in,                                      \
        .text = "Documents and data sets that the row rests on."                                   \
    }

#define COMMON_CLAIMS(a, in)                                                                       \
    {                                                                                              \
        .name = "claims", .type = FIELD_REFS, .flags = FIELD_FILTER, .sql = a "claims_json",       \
        .kind = "claim", .resource = "claims", .match = in,                                        \
        .text = "Claims that say so, or that deny it."                                             \
    }

/* Coordinates of rows, for .geometry. of: conditions on p, the places of a row, behind FROM. */
#define COMMON_POINTS(of)                                                                          \
    "(SELECT json_group_array(json_array(longitude, latitude)) FROM"                               \
    " (SELECT p.longitude, p.latitude FROM " of                                                    \
    " AND p.longitude IS NOT NULL AND p.latitude IS NOT NULL ORDER BY p.id))"
#define COMMON_POINT(a)                                                                            \
    "CASE WHEN " a "longitude IS NOT NULL AND " a "latitude IS NOT NULL"                           \
    " THEN json_array(json_array(" a "longitude, " a "latitude)) END"

/* A filter that stands beside a list and finds rows by one of its members. */
#define COMMON_MEMBER(what, of_kind, of_resource, in, words)                                       \
    {                                                                                              \
        .name = what, .type = FIELD_REFS, .flags = FIELD_FILTER | FIELD_HIDDEN, .kind = of_kind,   \
        .resource = of_resource, .match = in, .text = words                                        \
    }

#define COMMON_DEFINITION(a)                                                                       \
    {                                                                                              \
        .name = "definition", .type = FIELD_REF, .flags = FIELD_FILTER | FIELD_NULLABLE,           \
        .sql = a "definition", .kind = "definition",                                               \
        .text = "Who and what is counted; null where nothing is."                                  \
    }

/* A place that finds what lies in it as well: mali finds Moura. */
#define COMMON_PLACE(a, words)                                                                     \
    {                                                                                              \
        .name = "place", .type = FIELD_REF, .flags = FIELD_FILTER | FIELD_NULLABLE,                \
        .sql = a "place", .kind = "place", .resource = "places",                                   \
        .match = a "place IN (SELECT place FROM place_closure WHERE ancestor IN @ids)",            \
        .text = words                                                                              \
    }

/* What a fact or a claim is about. */
#define COMMON_SUBJECT(a)                                                                          \
    {                                                                                              \
        .name = "subject", .type = FIELD_REF, .flags = FIELD_FILTER | FIELD_SORT,                  \
        .sql = a "subject", .kind = "actor,place,event", .kind_sql = a "subject_kind",             \
        .match = "(" a "subject_kind, " a "subject) IN @things",                                   \
        .text = "What it is about: an actor (a mission is one), a place or an event."              \
    }

#define COMMON_PREDICATE(a)                                                                        \
    {                                                                                              \
        .name = "predicate", .type = FIELD_CODE, .flags = FIELD_FILTER | FIELD_SORT,               \
        .sql = a "predicate", .codes = "predicate", .text = "What is said of it."                  \
    }

/* ---- what q= finds ---- */

/* Things that a fact or a claim may be about. */
#define SUBJECT_HITS                                                                               \
    "(SELECT 'actor', id FROM @hits(actor) UNION ALL SELECT 'place', id FROM @hits(place)"         \
    " UNION ALL SELECT 'event', id FROM @hits(event))"

/* Facts f by what is said, by whom it is said, and by what they are about. */
#define FACT_SEARCH                                                                                \
    "((f.subject_kind, f.subject) IN " SUBJECT_HITS                                                \
    " OR f.id IN (SELECT k.fact FROM claims k WHERE " CLAIM_KNOWN " AND (k.id IN @hits(claim)"     \
    " OR k.asserted_by IN @hits(actor) OR k.reported_by IN @hits(source))))"

/* ---- claims on a fact f: which are known, which one answers, how they are shown ---- */

/* A claim k that was known on the day that is asked for. */
#define CLAIM_KNOWN "k.known_from <= :as_of AND (k.known_to IS NULL OR k.known_to > :as_of)"

/* How far the source s is official: the body that it is about, or a body that decided. */
#define CLAIM_OFFICIAL                                                                             \
    "CASE s.kind WHEN 'official_data' THEN 0 WHEN 'resolution' THEN 1 WHEN 'report' THEN 2"        \
    " WHEN 'statement' THEN 3 END"

/*
 * Why a claim k of the source s may not answer under a rule (code list claim_why); NULL: it may.
 * Words that a translation damaged never do, and a denial says what is not so; only who asks for
 * one source hears that source deny.
 */
#define CLAIM_REFUSAL(rule, id)                                                                    \
    "CASE WHEN k.known_to <= :as_of THEN CASE WHEN k.status IN ('superseded', 'withdrawn')"        \
    " THEN k.status ELSE 'no_longer_said' END"                                                     \
    " WHEN k.known_to IS NULL AND k.status IN ('superseded', 'withdrawn') THEN k.status"           \
    " WHEN k.flags_json LIKE '%translation_damage%' THEN 'translation_damage'"                     \
    " WHEN " rule " = 'all' THEN 'side_by_side'"                                                   \
    " WHEN " rule " = 'source' AND k.reported_by IS NOT " id " THEN 'other_source'"                \
    " WHEN " rule " <> 'source' AND k.modality IN ('denied', 'retracted') THEN k.modality"         \
    " WHEN " rule " = 'official' AND (" CLAIM_OFFICIAL ") IS NULL THEN 'not_official'"             \
    " WHEN " rule " IN ('min', 'max') AND coalesce(k.low, k.best, k.high) IS NULL"                 \
    " THEN 'no_number' END"

/* What a rule looks at first; then standing, then how firmly it is said, then the latest word. */
#define CLAIM_RULE_KEY(rule)                                                                       \
    "CASE " rule " WHEN 'official' THEN (" CLAIM_OFFICIAL ")"                                      \
    " WHEN 'latest' THEN -julianday(k.known_from)"                                                 \
    " WHEN 'min' THEN coalesce(k.low, k.best, k.high)"                                             \
    " WHEN 'max' THEN -coalesce(k.high, k.best, k.low) END"
#define CLAIM_STANDING "CASE k.status WHEN 'preferred' THEN 0 WHEN 'disputed' THEN 2 ELSE 1 END"
#define CLAIM_FIRMNESS                                                                             \
    "CASE k.modality WHEN 'stated' THEN 0 WHEN 'reported' THEN 1 WHEN 'alleged' THEN 2 ELSE 3 END"

/* The claim that answers under a rule: the first by its key of those that it does not refuse. */
#define CLAIM_ANSWER(refusal, rule_key)                                                            \
    "SELECT k.rowid FROM claims k JOIN sources s ON s.id = k.reported_by"                          \
    " WHERE k.fact = f.id AND k.known_from <= :as_of AND (" refusal ") IS NULL"                    \
    " ORDER BY " rule_key ", " CLAIM_STANDING ", " CLAIM_FIRMNESS                                  \
    ", k.known_from DESC, k.id LIMIT 1"

/*
 * The numbers of all claims on a fact as one number between bounds, and how far apart the two are
 * that are furthest apart. One open bound leaves the whole open there. Damaged words and denials
 * are left out, as they never answer.
 */
#define CLAIM_SPREAD                                                                               \
    "SELECT fact, low, NULL AS best, high, CASE WHEN low IS NULL THEN 'up_to'"                     \
    " WHEN high IS NULL THEN 'at_least' ELSE 'between' END AS qualifier, NULL AS text, unit, gap"  \
    " FROM (SELECT k.fact, CASE WHEN count(*) = count(k.least) THEN min(k.least) END AS low,"      \
    " CASE WHEN count(*) = count(k.most) THEN max(k.most) END AS high, max(k.unit) AS unit,"       \
    " max(0, coalesce(max(k.least) - min(k.most), 0)) AS gap"                                      \
    " FROM comparable_claims k WHERE " CLAIM_KNOWN                                                 \
    " AND k.is_number AND NOT k.is_damaged AND NOT k.is_denial GROUP BY k.fact)"

/* A thing of a kind by id and name, as JSON; NULL: none. */
#define JSON_REF(kind, id)                                                                         \
    "json((SELECT json_object('id', l.id, 'name', l.name) FROM labels l"                           \
    " WHERE l.kind = '" kind "' AND l.id = " id "))"

/* A number of the columns low, best, ... behind the prefix a, as JSON; NULL: none. */
#define JSON_NUMBER(a)                                                                             \
    "json(CASE WHEN coalesce(" a "low, " a "best, " a "high) IS NOT NULL THEN json_object("        \
    "'low', " a "low, 'best', " a "best, 'high', " a "high, 'qualifier', " a "qualifier,"          \
    " 'text', " a "text, 'unit', " a "unit) END)"

#define CLAIM_NUMBER JSON_NUMBER("k.")
#define CLAIM_OBJECT                                                                               \
    "json((SELECT json_object('id', l.id, 'name', l.name, 'kind', l.kind) FROM labels l"           \
    " WHERE l.kind = k.object_kind AND l.id = k.object))"
#define CLAIM_DEFINITION JSON_REF("definition", "k.definition")
#define CLAIM_ASSERTER JSON_REF("actor", "k.asserted_by")
#define CLAIM_REPORTER JSON_REF("source", "k.reported_by")
#define CLAIM_ORIGIN JSON_REF("source", "k.origin")
#define CLAIM_STATUS COMMON_STATUS_THEN("k.")

/* What a claim k says, and who says so: members of a JSON object, as CLAIM_MEMBERS declares them.
 * k.origin is the origin of its source. */
#define CLAIM_JSON                                                                                 \
    "'id', k.id, 'number', " CLAIM_NUMBER ", 'object', " CLAIM_OBJECT ", 'value', k.object_text,"  \
    " 'start', k.start, 'end', k.end, 'definition', " CLAIM_DEFINITION                             \
    ", 'asserted_by', " CLAIM_ASSERTER ", 'reported_by', " CLAIM_REPORTER                          \
    ", 'origin', " CLAIM_ORIGIN ", 'known_from', k.known_from, 'status', " CLAIM_STATUS            \
    ", 'modality', k.modality"

#define CLAIM_MEMBERS                                                                              \
    { .name = "id", .type = FIELD_ID, .text = "The claim, as in /v1/claims." },                    \
        { .name = "number",                                                                        \
          .type = FIELD_NUMBER,                                                                    \
          .flags = FIELD_NULLABLE,                                                                 \
          .unit = "as in unit",                                                                    \
          .text = "The number it gives; null where it gives none." },                              \
        { .name = "object",                                                                        \
          .type = FIELD_REF,                                                                       \
          .flags = FIELD_NULLABLE,                                                                 \
          .kind = "actor,place,event",                                                             \
          .kind_sql = "k.object_kind",                                                             \
          .text = "The thing it names; null where it names none." },                               \
        { .name = "value",                                                                         \
          .type = FIELD_TEXT,                                                                      \
          .flags = FIELD_NULLABLE,                                                                 \
          .text = "What it says in words beside a number or a thing." },                           \
        { .name = "start",                                                                         \
          .type = FIELD_DATE,                                                                      \
          .flags = FIELD_NULLABLE,                                                                 \
          .text = "When it was so, or from when on; null: not said." },                            \
        { .name = "end",                                                                           \
          .type = FIELD_DATE,                                                                      \
          .flags = FIELD_NULLABLE,                                                                 \
          .text = "Until when it was so; null: not said." },                                       \
        { .name = "definition",                                                                    \
          .type = FIELD_REF,                                                                       \
          .flags = FIELD_NULLABLE,                                                                 \
          .kind = "definition",                                                                    \
          .text = "Who and what it counts; null where it does not say." },                         \
        { .name = "asserted_by",                                                                   \
          .type = FIELD_REF,                                                                       \
          .flags = FIELD_NULLABLE,                                                                 \
          .kind = "actor",                                                                         \
          .text = "Who says so; null: the source in its own voice." },                             \
        { .name = "reported_by",                                                                   \
          .type = FIELD_REF,                                                                       \
          .kind = "source",                                                                        \
          .text = "The document or data set in which it stands." },                                \
        { .name = "origin",                                                                        \
          .type = FIELD_REF,                                                                       \
          .kind = "source",                                                                        \
          .text = "The source that it goes back to: claims of one origin are one independent "     \
                  "source." },                                                                     \
        { .name = "known_from", .type = FIELD_DAY, .text = "Day from which the source said so." }, \
        { .name = "status",                                                                        \
          .type = FIELD_CODE,                                                                      \
          .codes = "claim_status",                                                                 \
          .text = "Its standing beside the other claims." },                                       \
    {                                                                                              \
        .name = "modality", .type = FIELD_CODE, .codes = "modality", .text = "How it is put."      \
    }
