/* handlers/meta_codes.c: the closed lists, and the codes of one of them. */

#include "handlers/catalogue.h"

/* The codes of a list, in its own order. */
static const struct field code_fields[] = {
    { .name = "id",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "c.id",
      .text = "The code, as rows hold it and filters take it." },
    { .name = "name",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "c.name",
      .text = "What to call it." },
    { .name = "text",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER,
      .sql = "c.text",
      .text = "What falls under it." },
    { .name = "inverse",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_SORT | FIELD_NULLABLE,
      .sql = "c.inverse",
      .text = "How the same edge reads from its other end; null: it is no kind of edge." },
    { .name = "position",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "c.position",
      .unit = "codes",
      .text = "Place in the list, counted from 0." },
    { .name = "list",
      .type = FIELD_REF,
      .flags = FIELD_FILTER | FIELD_HIDDEN,
      .kind = "code_list",
      .match = "c.list IN @ids",
      .text = "The list that it stands in." },
    { 0 },
};

static const struct resource codes = {
    .name = "meta/codes",
    .item = "Code",
    .text = "A code of a closed list, with a sentence; the same at every as_of.",
    .source = "This project, after the publishers' own code books",
    .from = "codes c",
    .key = "c.id",
    .order = "position",
    .search = "search_holds(:q, c.id, c.name, c.text, c.inverse)",
    .fields = code_fields,
};

static const struct members members = { .resource = &codes, .filter = "list" };

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "l.id",
      .kind = "code_list",
      .text = "Name of the list, as in codes of /v1/meta/fields." },
    { .name = "size",
      .type = FIELD_INTEGER,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "l.size",
      .unit = "codes",
      .text = "How many codes stand in it." },
    { .name = "text",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER | FIELD_NULLABLE,
      .sql = "u.text",
      .text = "What its codes say, in the words of the first field that holds them; null: no field "
              "does." },
    { .name = "used_by",
      .type = FIELD_TEXTS,
      .flags = FIELD_FILTER,
      .sql = "coalesce(u.fields, '[]')",
      .text = "Ids of the fields that hold its codes, as in /v1/meta/fields." },
    { 0 },
};

/* The fields that hold a list's codes; of the bare text, SQLite takes that of the row of the
 * minimum. */
#define USE                                                                                        \
    "SELECT value ->> 'codes' AS list, json_group_array(value ->> 'id') AS fields,"                \
    " value ->> 'text' AS text, min(value ->> 'position') FROM json_each(:fields)"                 \
    " WHERE value ->> 'codes' IS NOT NULL GROUP BY value ->> 'codes'"

const struct resource meta_codes = {
    .name = "meta/codes",
    .item = "Codes",
    .example = "cause",
    .kind = "code_list",
    .text = "A closed list of codes; its codes stand at its own path. The same at every as_of.",
    .source = "This project, after the publishers' own code books",
    .from = "(SELECT list AS id, count(*) AS size FROM codes GROUP BY list) l LEFT JOIN (" USE
            ") u ON u.list = l.id",
    .key = "l.id",
    .order = "id",
    .search = "search_holds(:q, l.id, u.text)",
    .fields = fields,
    .fields_of = catalogue,
    .members = &members,
};
