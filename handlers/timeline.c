/* handlers/timeline.c: events, claims and changes of relationships of one actor, by date. */

#include "handlers/catalogue.h"
#include "handlers/common.h"
#include "handlers/moments.h"

/* The list of an event without the one that is asked for, or what the other rows name. */
#define ACTORS                                                                                     \
    "CASE x.thing_kind WHEN 'event' THEN (SELECT json_group_array(json(value))"                    \
    " FROM json_each(x.actors_json) WHERE value ->> '$.id' <> :actor)"                             \
    " ELSE (SELECT json_group_array(json_object('id', id, 'name', name)) FROM (SELECT b.id, "      \
    "b.name"                                                                                       \
    " FROM labels b WHERE b.kind = 'actor' AND b.id IN (x.first, x.second, x.third)"               \
    " AND b.id <> :actor ORDER BY b.id)) END"

#define SOURCES                                                                                    \
    "CASE x.thing_kind WHEN 'claim' THEN (SELECT json_array(json_object('id', b.id, 'name',"       \
    " b.name)) FROM labels b WHERE b.kind = 'source' AND b.id = x.source) ELSE x.sources_json END"

#define CLAIM_LIST                                                                                 \
    "CASE x.thing_kind WHEN 'claim' THEN json_array(json_object('id', x.thing, 'name', x.name))"   \
    " ELSE x.claims_json END"

static const struct field thing[] = {
    { .name = "id", .type = FIELD_ID, .text = "Its id in its own collection." },
    { .name = "name", .type = FIELD_TEXT, .text = "What to call it." },
    { .name = "kind", .type = FIELD_CODE, .codes = "dated_thing", .text = "What it is." },
    { 0 },
};

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.id",
      .text = "What the row is about, its id, and for what began or ended which of both." },
    { .name = "date",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.date",
      .text = "When it was, or from when on, as precisely as it is known; rows are sorted by the "
              "first day that it can mean. Null: not known, only with undated=included." },
    { .name = "end",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.end",
      .text = "Until when it was; null: date says all that is known." },
    { .name = "kind",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.kind",
      .codes = "dated_kind",
      .text = "Whether it happened, is claimed, began or ended." },
    { .name = "title",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER,
      .sql = MOMENT_TITLE,
      .text = "What to call it, in a line." },
    { .name = "text",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "x.words",
      .text = "What happened; of a claim its decisive words, or what it says in words; of others "
              "the note. "
              "Null: the title says all." },
    { .name = "role",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.role",
      .codes = "dated_role",
      .text =
          "What the actor that is asked for is in it, the first that holds: of a claim subject, "
          "object or asserter." },
    { .name = "thing",
      .type = FIELD_OBJECT,
      .sql = "json_object('id', x.thing, 'name', " MOMENT_NAME ", 'kind', x.thing_kind)",
      .members = thing,
      .text = "The event, claim, relationship or mission itself." },
    { .name = "href",
      .type = FIELD_TEXT,
      .sql = "'/v1/' || x.thing_kind || 's/' || x.thing",
      .text = "Where all of it stands." },
    { .name = "event_kind",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.event_kind",
      .codes = "event_kind",
      .text = "Kind of an event; null: it is none." },
    { .name = "predicate",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.predicate",
      .codes = "predicate",
      .text = "What a claim says of its subject; null: it is none." },
    { .name = "type",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.type",
      .codes = "relationship_type",
      .text = "Type of a relationship; null: it is none." },
    { .name = "status",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = COMMON_STATUS_THEN("x."),
      .codes = "dated_status",
      .text = "Standing of a claim, or status of a relationship; null: it is neither." },
    { .name = "modality",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.modality",
      .codes = "modality",
      .text = "How a claim is put; null: it is none." },
    { .name = "number",
      .type = FIELD_NUMBER,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.n_",
      .unit = "as in unit",
      .text = "The number of a claim, or the amount of a relationship; null: it has none." },
    { .name = "actors",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = ACTORS,
      .kind = "actor",
      .resource = "actors",
      .match = "CASE x.thing_kind WHEN 'event' THEN EXISTS (SELECT 1 FROM event_actors o"
               " WHERE o.event = x.thing AND o.actor <> :actor AND o.actor IN @ids)"
               " ELSE coalesce(nullif(x.first, :actor) IN @ids, 0)"
               " OR coalesce(nullif(x.second, :actor) IN @ids, 0)"
               " OR coalesce(nullif(x.third, :actor) IN @ids, 0) END",
      .text = "Who else is in it." },
    { .name = "claims",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = CLAIM_LIST,
      .kind = "claim",
      .resource = "claims",
      .match = "CASE x.thing_kind WHEN 'claim' THEN x.thing IN @ids"
               " ELSE EXISTS (SELECT 1 FROM json_each(x.claims_json)"
               " WHERE value ->> '$.id' IN @ids) END",
      .text = "Claims that say so, or that deny it; of a claim itself." },
    { .name = "sources",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = SOURCES,
      .kind = "source",
      .resource = "sources",
      .match = "CASE x.thing_kind WHEN 'claim' THEN x.source IN @ids"
               " ELSE EXISTS (SELECT 1 FROM json_each(x.sources_json)"
               " WHERE value ->> '$.id' IN @ids) END",
      .text = "Documents and data sets that it rests on." },
    COMMON_KNOWN_FROM("x."),
    COMMON_KNOWN_TO("x."),
    { 0 },
};

static const struct param params[] = {
    { .name = "actor",
      .type = PARAM_REF,
      .is_required = true,
      .instead = "mission",
      .kind = "actor",
      .example = "minusma",
      .text = "Actor whose timeline it is, by an id or another exact name; a mission is one." },
    { .name = "mission",
      .type = PARAM_REF,
      .kind = "mission",
      .example = "minusma",
      .text = "Mission whose timeline it is, by an id, an acronym or another exact name." },
    { .name = "undated",
      .type = PARAM_CHOICE,
      .choices = { "left_out", "included" },
      .text = "Whether claims come along, at the end, whose date nobody says." },
    { 0 },
};

const struct resource timeline = {
    .name = "timeline",
    .item = "TimelineRow",
    .text = "Something dated about one actor or mission: an event it takes part in, a claim that "
            "names it, a relationship that began or ended.",
    .source = "The rows of /v1/events, /v1/claims, /v1/relationships and /v1/missions",
    .from = "timelines x",
    .where = "x.actor = :actor AND (x.date IS NOT NULL OR :undated = 'included')",
    .key = "x.id",
    .order = "date",
    .known = "x.",
    .is_list = true,
    .is_derived = true,
    .start = "x.date",
    .end = "x.end",
    .search = "search_holds(:q, " MOMENT_TITLE ", x.words)",
    .fields = fields,
    .params = params,
};
