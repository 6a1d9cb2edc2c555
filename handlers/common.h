#pragma once

/* Fields that many resources share, so that each says the same of the same thing. `a` is the
 * table's alias and dot. */

#include "db/resource.h"

#define COMMON_VERSION(a)                                                                          \
    {                                                                                              \
        .name = "version", .type = FIELD_INTEGER, .sql = a "version", .unit = "versions",          \
        .text = "How many times the row was revised, counted from 1."                              \
    }

#define COMMON_KNOWN_FROM(a)                                                                       \
    {                                                                                              \
        .name = "known_from", .type = FIELD_DAY, .flags = FIELD_FILTER | FIELD_SORT,               \
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
        .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,                                       \
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
