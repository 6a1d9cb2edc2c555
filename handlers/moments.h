#pragma once

/* What several resources say of an actor, a relationship or a date, beside an alias x. */

/* What an actor is called, or was on the day that is asked for: a later name was not known then. */
#define MOMENT_ACTOR(id)                                                                           \
    "coalesce((SELECT a.name FROM actors a WHERE a.id = " id " AND a.known_from <= :as_of"         \
    " ORDER BY a.version DESC LIMIT 1), (SELECT b.name FROM labels b WHERE b.kind = 'actor'"       \
    " AND b.id = " id "))"

/* "Wagner Group: fights beside Malian Armed Forces", of two actors and a type of relationship. */
#define MOMENT_RELATIONSHIP(from, type, to)                                                        \
    MOMENT_ACTOR(from)                                                                             \
    " || ': ' || (SELECT lower(substr(t.name, 1, 1)) || substr(t.name, 2) FROM codes t"            \
    " WHERE t.list = 'relationship_type' AND t.id = " type ") || ' ' || " MOMENT_ACTOR(to)

/* Whether what a row is about began or ended, behind its name; nothing where it is an event. */
#define MOMENT_SUFFIX                                                                              \
    "CASE WHEN x.kind IN ('began', 'mission_began') THEN ' (began)'"                               \
    " WHEN x.kind IN ('ended', 'mission_ended') THEN ' (ended)' ELSE '' END"

/* The columns of a date, and that it is the end as well: what happens on a day is over with it. */
#define MOMENT_DATE(column)                                                                        \
    column " AS date, " column "_min AS date_min, " column                                         \
           "_max AS date_max, NULL AS end, " column "_min AS end_min, " column "_max AS end_max"
