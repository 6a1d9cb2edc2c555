/* handlers/annotations.c: what happened, as marks on the time axis of a dashboard. */

#include "handlers/catalogue.h"
#include "handlers/common.h"
#include "handlers/moments.h"

#define IS_IMPRECISE                                                                               \
    "(x.date_min <> x.date_max OR x.end_min <> x.end_max OR x.date GLOB '*[~?]'"                   \
    " OR coalesce(x.end, '') GLOB '*[~?]')"

/* Words without those that do not hold: SQLite has no array with gaps. */
#define TAGS                                                                                       \
    "(SELECT json_group_array(word) FROM (SELECT x.thing_kind AS word UNION ALL SELECT x.type"     \
    " UNION ALL SELECT CASE WHEN x.kind <> 'event' THEN replace(x.kind, 'mission_', '') END"       \
    " UNION ALL SELECT CASE WHEN x.status <> 'asserted' THEN x.status END"                         \
    " UNION ALL SELECT CASE WHEN " IS_IMPRECISE " THEN 'imprecise' END) WHERE word IS NOT NULL)"

#define NAMES_ACTOR                                                                                \
    "CASE x.thing_kind WHEN 'event' THEN x.thing IN (SELECT event FROM event_actors"               \
    " WHERE actor IN @ids) ELSE x.first IN @ids OR coalesce(x.second IN @ids, 0)"                  \
    " END"

#define IN_PLACE                                                                                   \
    "CASE x.thing_kind WHEN 'event' THEN x.thing IN (SELECT l.event FROM place_closure p"          \
    " JOIN event_places l ON l.place = p.place WHERE p.ancestor IN @ids)"                          \
    " WHEN 'mission' THEN (x.thing, x.version) IN (SELECT l.mission, l.version"                    \
    " FROM place_closure p JOIN mission_places l ON l.place = p.place WHERE p.ancestor IN @ids)"   \
    " ELSE 0 END"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.id",
      .text = "What the mark is about, its id, and for what began or ended which of both." },
    { .name = "time",
      .type = FIELD_DAY,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.date_min",
      .text = "The day, or the first day that the date can mean." },
    { .name = "timeEnd",
      .type = FIELD_DAY,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "CASE WHEN x.end_max > x.date_min THEN x.end_max END",
      .text = "The last day, or the last that the date can mean; null: time is the one day." },
    { .name = "title",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER,
      .sql = MOMENT_TITLE,
      .text = "What to call it, in a line." },
    { .name = "text",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "x.words",
      .text = "What happened; of a mission its name, of a relationship the note. Null: the title "
              "says all." },
    { .name = "tags",
      .type = FIELD_TEXTS,
      .flags = FIELD_FILTER,
      .sql = TAGS,
      .text = "Codes to tell marks apart by: event, mission or relationship; kind of event, "
              "category of mission or type of relationship; began or ended; disputed, denied or "
              "alleged; imprecise where the date is not known to the day." },
    COMMON_MEMBER("actor", "actor", "actors", NAMES_ACTOR,
                  "Actor that takes part in the event, or at either end of the relationship; a "
                  "mission is one."),
    COMMON_MEMBER("mission", "mission", "missions", NAMES_ACTOR,
                  "Mission that takes part in the event, that began or ended, or at either end of "
                  "the relationship."),
    COMMON_MEMBER("place", "place", "places", IN_PLACE,
                  "Where the event happened or the mission worked, or what that lies in; "
                  "relationships have no place."),
    { 0 },
};

static const struct param params[] = {
    { .name = "kind",
      .type = PARAM_CHOICE,
      .choices = { "event", "mission", "relationship", "all" },
      .text = "What is marked: events, or where missions or relationships began and ended." },
    { 0 },
};

const struct resource annotations = {
    .name = "annotations",
    .item = "Annotation",
    .text =
        "A mark on the time axis of a dashboard: an event, or where a mission or a relationship "
        "began or ended.",
    .source = "The rows of /v1/events, /v1/missions and /v1/relationships",
    .from = "moments x",
    .where = "(:kind = 'all' OR x.thing_kind = :kind)",
    .key = "x.id",
    .order = "time",
    .known = "x.",
    .is_list = true,
    .is_derived = true,
    .start = "x.date",
    .end = "x.end",
    .search = "search_holds(:q, " MOMENT_TITLE ", x.words)",
    .fields = fields,
    .params = params,
};
