/* handlers/graph_diff.c: what differs between the relationships of two days. */

#include "handlers/catalogue.h"
#include "handlers/common.h"

/*
 * The two graphs in the order of time, whichever was asked for first, so that the answer of the
 * other way round is its mirror. Where knowledge is compared, both are of one time of the world;
 * where the world is, both are of one state of knowledge.
 */
#define DAYS                                                                                       \
    "SELECT substr(early, 1, 10) AS early_min, substr(early, 11) AS early_max,"                    \
    " substr(late, 1, 10) AS late_min, substr(late, 11) AS late_max,"                              \
    " max(substr(early, 11), substr(late, 11)) AS last,"                                           \
    " early_known, late_known, is_back, is_known"                                                  \
    " FROM (SELECT"                                                                                \
    " coalesce(min(:from || :from_last, :to || :to_last), :at || :at_last,"                        \
    " '0001-01-01' || '9999-12-31') AS early,"                                                     \
    " coalesce(max(:from || :from_last, :to || :to_last), :at || :at_last,"                        \
    " '0001-01-01' || '9999-12-31') AS late,"                                                      \
    " min(:as_of, coalesce(min(:known_from_last, :known_to_last), :as_of)) AS early_known,"        \
    " min(:as_of, coalesce(max(:known_from_last, :known_to_last), :as_of)) AS late_known,"         \
    " coalesce(:from || :from_last > :to || :to_last, :known_from_last > :known_to_last)"          \
    " AS is_back, :known_from IS NOT NULL AS is_known)"

/* A version e of an edge that was known on a day and possibly holds between two. */
#define HOLDS(min, max, known)                                                                     \
    "(e.start_min <= " max " AND e.end_max >= " min " AND e.known_from <= " known                  \
    " AND (e.known_to IS NULL OR e.known_to > " known "))"
#define IS_EARLY HOLDS("d.early_min", "d.early_max", "d.early_known")
#define IS_LATE HOLDS("d.late_min", "d.late_max", "d.late_known")

/* One that is in either graph or came and went between them. */
#define IS_BETWEEN                                                                                 \
    "e.start_min <= d.last AND e.end_max >= d.early_min AND e.known_from <= d.late_known"          \
    " AND (e.known_to IS NULL OR e.known_to > d.early_known)"

/* The edges of the actors n at one end, "from" or "to". By that index, however few edges the
 * dataset may have had when it was built. */
#define EDGES_OF(end)                                                                              \
    " CROSS JOIN days d CROSS JOIN relationships e INDEXED BY relationships_by_" end " ON e." end  \
    "_actor = n.actor"

#define AND_IS_CLOSE " WHERE n.distance + 1 < :depth AND " IS_BETWEEN

/* Actors around the focus whose edges are looked at, each with how far away it is. */
#define STEP(end, other)                                                                           \
    " UNION SELECT e." other "_actor, n.distance + 1 FROM near n" EDGES_OF(end) AND_IS_CLOSE
#define STEPS STEP("from", "to") STEP("to", "from")
#define NEAR "SELECT :focus, 0 WHERE :focus IS NOT NULL" STEPS

/* The versions that are in one graph alone, or in neither. */
#define MET                                                                                        \
    "SELECT e.rowid AS edge, e.id, e.version, e.from_actor, e.type, e.to_actor, " IS_EARLY         \
    " AS is_early, " IS_LATE " AS is_late"
#define NOT_BOTH IS_BETWEEN " AND NOT (" IS_EARLY " AND " IS_LATE ")"
#define AROUND(end) MET " FROM (SELECT DISTINCT actor FROM near) n" EDGES_OF(end) " AND " NOT_BOTH
#define AROUND_FOCUS AROUND("from") " UNION " AROUND("to")

/* Most rows are read: one after the other, not by way of an index. */
#define EVERYWHERE                                                                                 \
    MET " FROM days d CROSS JOIN relationships e NOT INDEXED WHERE :focus IS NULL AND " NOT_BOTH

#define ALL_MET EVERYWHERE " UNION ALL SELECT * FROM (" AROUND_FOCUS ")"

/*
 * Each edge once. As known on one day there is one version of it. Of two days: its version in
 * either graph, where there is one, and the other columns of the later one, which SQLite takes from
 * the row of the maximum; in neither graph, the last version that there was.
 */
#define EDGES                                                                                      \
    "SELECT edge, from_actor, type, to_actor, iif(is_early, edge, NULL) AS early,"                 \
    " iif(is_late, edge, NULL) AS late, NULL FROM met WHERE :known_from IS NULL"                   \
    " UNION ALL"                                                                                   \
    " SELECT edge, from_actor, type, to_actor, sum(iif(is_early, edge, NULL)),"                    \
    " sum(iif(is_late, edge, NULL)), max((2 * is_late + is_early) << 32 | version)"                \
    " FROM met WHERE :known_from IS NOT NULL GROUP BY id"

/* Of the edges of the same ends and type, one went and one came: it changed. Of several, none says
 * which became which. */
#define PAIRS                                                                                      \
    "SELECT max(early) AS early, max(late) AS late FROM edges"                                     \
    " WHERE (early IS NULL) <> (late IS NULL) GROUP BY from_actor, type, to_actor"                 \
    " HAVING count(early) = 1 AND count(late) = 1"
#define PAIRED                                                                                     \
    "SELECT edge, early, late FROM edges WHERE edge NOT IN"                                        \
    " (SELECT early FROM pairs UNION ALL SELECT late FROM pairs)"                                  \
    " UNION ALL SELECT late, early, late FROM pairs"

/* The version r that says so is the later one; o is the earlier one of what changed. */
#define OTHER(column) "r." column " IS NOT o." column
#define DIFFERS(name, condition) "CASE WHEN " condition " THEN ',\"" name "\"' ELSE '' END"
#define ENDS_DIFFER                                                                                \
    DIFFERS("from_actor", OTHER("from_actor"))                                                     \
    " || " DIFFERS("type", OTHER("type")) " || " DIFFERS("to_actor", OTHER("to_actor"))
#define TIMES_DIFFER DIFFERS("start", OTHER("start")) " || " DIFFERS("end", OTHER("end"))
#define OTHER_BOUNDS OTHER("low") " OR " OTHER("best") " OR " OTHER("high")
#define OTHER_WORDS OTHER("qualifier") " OR " OTHER("text") " OR " OTHER("unit")
#define WEIGHT_DIFFERS                                                                             \
    DIFFERS("status", OTHER("status"))                                                             \
    " || " DIFFERS("amount", OTHER_BOUNDS " OR " OTHER_WORDS)
#define SOURCES_DIFFER DIFFERS("sources", OTHER("sources_json"))
#define GROUNDS_DIFFER                                                                             \
    DIFFERS("note", OTHER("note"))                                                                 \
    " || " DIFFERS("claims", OTHER("claims_json")) " || " SOURCES_DIFFER
#define SIGN_DIFFERS DIFFERS("sign", OTHER("sign"))
#define WHAT_DIFFERS ENDS_DIFFER " || " SIGN_DIFFERS " || " TIMES_DIFFER " || " WEIGHT_DIFFERS
#define CHANGED                                                                                    \
    "CASE WHEN o.id IS NULL THEN '[]' ELSE '[' || substr(" WHAT_DIFFERS " || " GROUNDS_DIFFER      \
    ", 2) || ']' END"

#define IS_OF_EARLY "p.early IS NOT NULL AND p.late IS NULL"
#define CHANGE                                                                                     \
    "CASE WHEN p.early IS NULL AND p.late IS NULL THEN 'passed'"                                   \
    " WHEN p.early IS NOT NULL AND p.late IS NOT NULL THEN 'changed'"                              \
    " WHEN (p.late IS NULL) = d.is_back THEN 'began' ELSE 'ended' END"

/* When it came, or went, on the clock that is asked for. Of a year and a day in it, the edge that
 * the year alone has may have come after the day. */
#define DATE(part)                                                                                 \
    "CASE WHEN d.is_known THEN iif(" IS_OF_EARLY ", r.known_to, r.known_from)"                     \
    " WHEN " IS_OF_EARLY " AND r.end_max < d.late_min THEN r.end" part " ELSE r.start" part        \
    " END AS date" part

/* That edges certainly hold where they are said to; where they are said not to, they do not even
 * possibly. */
#define IN_EARLY(edge) edge ".start_max <= d.early_max AND " edge ".end_min >= d.early_min"
#define IN_LATE(edge) edge ".start_max <= d.late_max AND " edge ".end_min >= d.late_min"
#define OTHER_IN_EARLY "(o.id IS NULL OR " IN_EARLY("o") ")"
#define PASSED_IN_BOTH "(NOT d.is_known OR " IN_EARLY("r") ")"
#define CERTAINLY                                                                                  \
    "CASE WHEN p.late IS NOT NULL THEN " OTHER_IN_EARLY                                            \
    " AND " IN_LATE("r") " WHEN p.early IS NOT NULL THEN " IN_EARLY("r") " ELSE " PASSED_IN_BOTH   \
                                                                         " END"

#define DATES DATE("") ", " DATE("_min") ", " DATE("_max")
#define DIFFERENCE                                                                                 \
    "SELECT r.*, d.*, " CHANGE " AS change, " CHANGED " AS changed, " DATES ", iif(" IS_OF_EARLY   \
    ", r.id, o.id) AS early_id,"                                                                   \
    " iif(p.late IS NOT NULL, r.id, NULL) AS late_id FROM (" PAIRED ") p CROSS JOIN days d"        \
    " CROSS JOIN relationships r ON r.rowid = p.edge"                                              \
    " LEFT JOIN relationships o ON p.late IS NOT NULL AND o.rowid = p.early"                       \
    " WHERE NOT :is_definite OR " CERTAINLY

/* What is of the graph that was asked for first, or second. */
#define BEFORE(early, late) "CASE WHEN x.is_back THEN " late " ELSE " early " END"
#define AFTER(early, late) BEFORE(late, early)

#define ROW(when) "x." when "_known || ' relationships ' || x." when "_id"

/* The signs of what holds between the two actors of a row in one of the graphs. */
#define SIGN_OF(from, to, when)                                                                    \
    "SELECT e.sign FROM relationships e INDEXED BY relationships_by_to"                            \
    " WHERE e.from_actor = x." from " AND e.to_actor = x." to                                      \
    " AND " HOLDS("x." when "_min", "x." when "_max", "x." when "_known")
#define SIGN_OUT(when) SIGN_OF("from_actor", "to_actor", when)
#define SIGN_BACK(when) SIGN_OF("to_actor", "from_actor", when)
#define SIGN_BOTH(when) SIGN_OUT(when) " UNION " SIGN_BACK(when)
#define SIGNS(when) "(SELECT json_group_array(sign) FROM (" SIGN_BOTH(when) " ORDER BY sign))"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.id",
      .text = "The relationship that says so, as in /v1/relationships; of one that changed, the "
              "later one." },
    { .name = "change",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.change",
      .codes = "graph_change",
      .text = "Whether it began, ended or changed, or came and went between the two." },
    { .name = "changed",
      .type = FIELD_TEXTS,
      .flags = FIELD_FILTER,
      .sql = "x.changed",
      .text =
          "Names of the fields that differ between before and after; empty unless it changed." },
    { .name = "from_actor",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.from_actor",
      .kind = "actor",
      .resource = "actors",
      .text = "Actor from which the edge goes out." },
    { .name = "type",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.type",
      .codes = "relationship_type",
      .text = "What the first actor does to, or is for, the second." },
    { .name = "to_actor",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.to_actor",
      .kind = "actor",
      .resource = "actors",
      .text = "Actor to which the edge goes." },
    COMMON_MEMBER("actor", "actor", "actors", "(x.from_actor IN @ids OR x.to_actor IN @ids)",
                  "Actor at either end of the edge."),
    { .name = "date",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.date",
      .text = "When it began, or ended where it is of the earlier day alone; with known_from and "
              "known_to, from when on that was known." },
    { .name = "sign",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.sign",
      .codes = "sign",
      .text = "Support (+), opposition (-) or neither (0), as the relationship of the id says." },
    { .name = "status",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.status",
      .codes = "relationship_status",
      .text = "Whether it is asserted, disputed, denied or alleged." },
    { .name = "start",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.start",
      .text = "When it began; null: not known." },
    { .name = "end",
      .type = FIELD_DATE,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "x.end",
      .text = "When it ended; null: it had not, as far as the sources say." },
    { .name = "before",
      .type = FIELD_ROW,
      .flags = FIELD_NULLABLE,
      .sql = BEFORE(ROW("early"), ROW("late")),
      .text = "The whole relationship in the graph of from, or of known_from; null: it is not in "
              "it." },
    { .name = "after",
      .type = FIELD_ROW,
      .flags = FIELD_NULLABLE,
      .sql = AFTER(ROW("early"), ROW("late")),
      .text = "The whole relationship in the graph of to, or of known_to; null: it is not in it." },
    { .name = "signs_before",
      .type = FIELD_TEXTS,
      .flags = FIELD_FILTER,
      .sql = BEFORE(SIGNS("early"), SIGNS("late")),
      .codes = "sign",
      .text = "Signs of all edges between the two actors, either way round, in the graph of from, "
              "or of known_from." },
    { .name = "signs_after",
      .type = FIELD_TEXTS,
      .flags = FIELD_FILTER,
      .sql = AFTER(SIGNS("early"), SIGNS("late")),
      .codes = "sign",
      .text = "Signs of all edges between the two actors, either way round, in the graph of to, or "
              "of known_to." },
    COMMON_CLAIMS("x.",
                  "(x.id, x.version) IN (SELECT relationship, version FROM relationship_claims"
                  " WHERE claim IN @ids)"),
    COMMON_SOURCES("x.", "(x.id, x.version) IN (SELECT relationship, version"
                         " FROM relationship_sources WHERE source IN @ids)"),
    { 0 },
};

static const struct param params[] = {
    { .name = "from",
      .type = PARAM_DATE,
      .is_required = true,
      .unless = "known_from",
      .example = "2019-01-01",
      .text = "One date of the world, to be compared with to; a month or year means all of it, as "
              "in at of /v1/relationships. It may be the later one. Needed unless known_from is "
              "given." },
    { .name = "to",
      .type = PARAM_DATE,
      .is_required = true,
      .unless = "known_from",
      .example = "2023-07-01",
      .text = "The other date of the world. Needed unless known_from is given." },
    { .name = "known_from",
      .type = PARAM_DATE,
      .with = "known_to",
      .example = "2022-01-01",
      .text = "Instead of from: one day of knowledge, to be compared with known_to; a month or "
              "year means its last day, and a day behind as_of means as_of." },
    { .name = "known_to",
      .type = PARAM_DATE,
      .with = "known_from",
      .unless = "from",
      .example = "2023-12-31",
      .text = "Instead of to: the other day of knowledge." },
    { .name = "at",
      .type = PARAM_DATE,
      .with = "known_from",
      .text = "With known_from and known_to: edges that possibly hold at that date alone." },
    { .name = "focus",
      .type = PARAM_REF,
      .kind = "actor",
      .example = "mali-gov",
      .text = "Only edges around that actor: those of which one end is fewer than depth steps "
              "away, over edges in either direction that possibly hold on one of the two dates or "
              "between them." },
    { .name = "depth",
      .type = PARAM_COUNT,
      .least = 1,
      .most = GRAPH_DEPTH_MAX,
      .fallback = 2,
      .with = "focus",
      .text = "With focus: how many steps away from it an edge may lead; 1: its own edges." },
    { 0 },
};

const struct resource graph_diff = {
    .name = "graph/diff",
    .item = "GraphChange",
    .text = "An edge that is not the same in the relationships of two dates, or as known on two "
            "days. With certainty=definite: what certainly holds in one and certainly not in the "
            "other.",
    .source = "The relationships and their versions, as in /v1/relationships",
    .from = "(WITH RECURSIVE days AS MATERIALIZED (" DAYS "), near(actor, distance) AS (" NEAR "),"
            " met AS NOT MATERIALIZED (" ALL_MET "), edges AS MATERIALIZED (" EDGES
            "), pairs AS MATERIALIZED (" PAIRS ") " DIFFERENCE ") x",
    /* What says the same in both has not changed, whatever its id. */
    .where = "(x.change <> 'changed' OR x.changed <> '[]')",
    .key = "x.id",
    .order = "id",
    .is_list = true,
    .is_derived = true,
    .fields = fields,
    .params = params,
};
