#pragma once

/* Rows of the views moments and timelines (db/schema.sql), as `x`: what to call them. */

/* What an actor is called, or was on the day that is asked for: a later name was not known then. */
#define MOMENT_ACTOR(id)                                                                           \
    "coalesce((SELECT a.name FROM actors a WHERE a.id = " id " AND a.known_from <= :as_of"         \
    " ORDER BY a.version DESC LIMIT 1), (SELECT b.name FROM labels b WHERE b.kind = 'actor'"       \
    " AND b.id = " id "))"

/* "Wagner Group: fights beside Malian Armed Forces". */
#define MOMENT_RELATIONSHIP                                                                        \
    MOMENT_ACTOR("x.first")                                                                        \
    " || ': ' || (SELECT lower(substr(t.name, 1, 1)) || substr(t.name, 2) FROM codes t"            \
    " WHERE t.list = 'relationship_type' AND t.id = x.type) || ' ' || " MOMENT_ACTOR("x.second")

/* What to call the thing that a row of the views moments and timelines is about. */
#define MOMENT_NAME                                                                                \
    "CASE x.thing_kind WHEN 'relationship' THEN " MOMENT_RELATIONSHIP                              \
    " WHEN 'mission' THEN " MOMENT_ACTOR("x.thing") " ELSE x.name END"

/* The same in a line: behind the name of what has an end, which of both it is. */
#define MOMENT_TITLE                                                                               \
    MOMENT_NAME                                                                                    \
    " || CASE WHEN x.kind IN ('began', 'mission_began') THEN ' (began)'"                           \
    " WHEN x.kind IN ('ended', 'mission_ended') THEN ' (ended)' ELSE '' END"
