/* handlers/search.c: everything that words find, the best first. */

#include "handlers/catalogue.h"

/* Most matches that are ranked, of one search. */
#define RANKED "10000"

/* Points of a match whose whole name is what was asked for: more than any words can bring. */
#define WHOLE_NAME "1000"

/* Of things of the same name, what people mean first. */
#define POINTS_OF_KIND                                                                             \
    "CASE d.kind WHEN 'mission' THEN 5 WHEN 'actor' THEN 4 WHEN 'place' THEN 3 WHEN 'event' THEN " \
    "2 WHEN 'source' THEN 1 ELSE 0 END"

#define KNOWN "d.known_from <= :as_of AND (d.known_to IS NULL OR d.known_to > :as_of)"

/* Who completes a name does not want the mission a second time as an actor, nor what is said. */
#define SUGGESTED                                                                                  \
    "(:suggest = '0' OR (d.kind <> 'claim' AND (d.kind <> 'actor'"                                 \
    " OR NOT EXISTS (SELECT 1 FROM missions m WHERE m.id = d.id))))"

/* Matches in the order of documents, up to what is ranked. */
#define MATCHES                                                                                    \
    "SELECT d.document, d.kind, d.id, d.known_from, search_score(search)"                          \
    " + " POINTS_OF_KIND " + CASE WHEN EXISTS (SELECT 1 FROM names n"                              \
    " WHERE n.name = fold(trim(:q, ' \"')) AND n.kind = d.kind AND n.id = d.id)"                   \
    " THEN " WHOLE_NAME " ELSE 0 END AS score"                                                     \
    " FROM search CROSS JOIN documents d ON d.document = search.rowid"                             \
    " WHERE search MATCH search_expression(:q, :suggest = '1') AND " KNOWN " AND " SUGGESTED       \
    " ORDER BY search.rowid LIMIT " RANKED

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.kind || '-' || x.id",
      .text = "Kind and id of what was found, joined by a hyphen." },
    { .name = "kind",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.kind",
      .codes = "search_kind",
      .text = "What was found: a row of which collection." },
    { .name = "thing",
      .type = FIELD_REF,
      .sql = "x.id",
      .kind = "mission,actor,place,event,source,claim",
      .kind_sql = "x.kind",
      .text = "What was found." },
    { .name = "href",
      .type = FIELD_TEXT,
      .sql = "'/v1/' || x.kind || 's/' || x.id",
      .text = "Where it is told in full, as it is known now; with the as_of of the search, as it "
              "was known then." },
    { .name = "title",
      .type = FIELD_TEXT,
      .sql = "d.title",
      .text = "Its name, acronym or title; of a claim, what its fact asks." },
    { .name = "snippet",
      .type = FIELD_TEXT,
      .sql = "CASE :suggest WHEN '1' THEN search_snippet(:q, 1, d.names, d.title)"
             " ELSE search_snippet(:q, 0, d.text, d.names, d.title, d.id) END",
      .text =
          "The words around what was found, as plain text, each found word between the "
          "brackets \u27e6 and \u27e7; an ellipsis where it is cut, a middle dot between parts." },
    { .name = "score",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "x.score",
      .unit = "points",
      .text = "How well it fits: above 1000 where the whole name, acronym, alias, code or id is "
              "what was asked for, above 80 where words of names are, less for words of texts." },
    { .name = "known_from",
      .type = FIELD_DAY,
      .flags = FIELD_SORT | FIELD_NULLABLE,
      .sql = "nullif(x.known_from, '0001-01-01')",
      .text = "Day from which it was known so; null: places are not dated." },
    { 0 },
};

static const struct param params[] = {
    { .name = "q",
      .type = PARAM_SEARCH,
      .is_required = true,
      .example = "goita",
      .text = "Words to look for, without regard to case and accents, 16 at most: all have to be "
              "there. \"A phrase\" stands in quotes, minus* is the beginning of a word, -word is "
              "not to be there; all else parts words." },
    { .name = "suggest",
      .choices = { "0", "1", NULL },
      .text = "1: to complete what is being written: the last word may be the beginning of one, "
              "titles and names alone are looked at, each thing comes once and claims do not." },
    { 0 },
};

const struct resource search = {
    .name = "search",
    .item = "Hit",
    .text = "A mission, actor, place, event, source or claim that words find, the best first; "
            "of more than 10,000 the first in the order of kinds and ids are ranked.",
    .source = "The names and texts of the rows, as in each collection",
    .from = "(" MATCHES ") x CROSS JOIN documents d ON d.document = x.document",
    .key = "x.kind || '-' || x.id",
    .order = "-score,id",
    .is_list = true,
    .fields = fields,
    .params = params,
};
