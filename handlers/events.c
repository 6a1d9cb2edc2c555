/* handlers/events.c: what happened on a date. */

#include "handlers/catalogue.h"
#include "handlers/common.h"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "e.id",
      .kind = "event",
      .text = "Slug of the row, never re-used." },
    { .name = "name",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "e.name",
      .kind = "event",
      .match = "e.id IN @ids",
      .text = "What to call it." },
    { .name = "kind",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "e.kind",
      .codes = "event_kind",
      .text = "Kind of event." },
    { .name = "date",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "e.date",
      .text = "The day, or the first of several." },
    { .name = "end",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "e.end",
      .text = "The last day; null: date says all." },
    { .name = "text",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "e.text",
      .text = "What happened, in a sentence or two." },
    { .name = "places",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = "e.places_json",
      .kind = "place",
      .resource = "places",
      .match =
          "e.id IN (SELECT l.event FROM place_closure p JOIN event_places l ON l.place = p.place"
          " WHERE p.ancestor IN @ids)",
      .text = "Where it happened." },
    COMMON_MEMBER(
        "place", "place", "places",
        "e.id IN (SELECT l.event FROM place_closure p JOIN event_places l ON l.place = p.place"
        " WHERE p.ancestor IN @ids)",
        "One of its places, or a place that one of them lies in."),
    { .name = "actors",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = "e.actors_json",
      .kind = "actor",
      .resource = "actors",
      .match = "e.id IN (SELECT event FROM event_actors WHERE actor IN @ids)",
      .text = "Who took part, or was concerned." },
    COMMON_MEMBER("actor", "actor", "actors",
                  "e.id IN (SELECT event FROM event_actors WHERE actor IN @ids)",
                  "One of its actors."),
    COMMON_CLAIMS("e.", "e.id IN (SELECT event FROM event_claims WHERE claim IN @ids)"),
    COMMON_SOURCES("e.", "e.id IN (SELECT event FROM event_sources WHERE source IN @ids)"),
    COMMON_NOTE("e."),
    COMMON_KNOWN_FROM("e."),
    COMMON_KNOWN_TO("e."),
    { 0 },
};

const struct resource events = {
    .name = "events",
    .item = "Event",
    .example = "minusma-withdrawal-complete-2023",
    .kind = "event",
    .text =
        "Something that happened on a date: a coup, a vote, an attack, a signature, a withdrawal.",
    .source = "The documents in sources",
    .from = "events e",
    .key = "e.id",
    .order = "date",
    .known = "e.",
    .start = "e.date",
    .end = "e.end",
    .geometry =
        COMMON_POINTS("event_places l JOIN places p ON p.id = l.place WHERE l.event = e.id"),
    .search = "(e.id IN @hits(event) OR e.id IN (SELECT event FROM event_actors WHERE actor IN "
              "@hits(actor))"
              " OR e.id IN (SELECT l.event FROM place_closure c JOIN event_places l"
              " ON l.place = c.place WHERE c.ancestor IN @hits(place)))",
    .fields = fields,
};
