/* handlers/meta_definitions.c: who and what is counted. */

#include "handlers/catalogue.h"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "d.id",
      .kind = "definition",
      .text = "Slug of the definition, never re-used." },
    { .name = "name",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "d.name",
      .kind = "definition",
      .match = "d.id IN @ids",
      .text = "What to call it." },
    { .name = "text",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER,
      .sql = "d.text",
      .text = "Who and what is counted, and what is not." },
    { .name = "unit",
      .type = FIELD_CODE,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "d.unit",
      .codes = "unit",
      .text = "What it is counted in." },
    { .name = "adds_with",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = "(SELECT json_group_array(json_object('id', id, 'name', name)) FROM (SELECT o.id, "
             "o.name FROM definition_sums s JOIN definitions o ON o.id = s.other"
             " WHERE s.definition = d.id ORDER BY s.position))",
      .kind = "definition",
      .resource = "meta/definitions",
      .match = "d.id IN (SELECT definition FROM definition_sums WHERE other IN @ids)",
      .text = "Other definitions whose numbers may be added to numbers of this one." },
    { .name = "series",
      .type = FIELD_REFS,
      .flags = FIELD_FILTER,
      .sql = "(SELECT json_group_array(json_object('id', id, 'name', name)) FROM (SELECT id, name"
             " FROM series WHERE definition = d.id ORDER BY rank, id))",
      .kind = "series",
      .resource = "meta/series",
      .match = "d.id IN (SELECT definition FROM series WHERE id IN @ids)",
      .text = "Series that count so." },
    { 0 },
};

const struct resource meta_definitions = {
    .name = "meta/definitions",
    .item = "Definition",
    .example = "un-personnel-all-causes",
    .kind = "definition",
    .text = "Who and what is counted, and what may be added to it; the same at every as_of.",
    .source = "The publishers' notes, said in each text",
    .from = "definitions d",
    .key = "d.id",
    .order = "id",
    .search = "search_holds(:q, d.id, d.name, d.text)",
    .fields = fields,
};
