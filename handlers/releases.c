/* handlers/releases.c: the published states of the dataset. */

#include "handlers/catalogue.h"
#include "handlers/common.h"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "l.id",
      .text = "The day of the release." },
    { .name = "date",
      .type = FIELD_DAY,
      .flags = FIELD_FILTER | FIELD_SORT,
      .sql = "l.date",
      .text = "The day up to which its sources were read." },
    { .name = "title",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER,
      .sql = "l.title",
      .text = "What the release is." },
    { .name = "changes",
      .type = FIELD_TEXT,
      .flags = FIELD_FILTER,
      .sql = "l.changes",
      .text = "What changed since the release before." },
    { .name = "digest",
      .type = FIELD_TEXT,
      .flags = FIELD_NULLABLE,
      .sql = "CASE WHEN l.id < (SELECT max(id) FROM releases WHERE id <= :as_of) THEN l.digest END",
      .text =
          "SHA-256 of the dataset's content as later releases record it; null: they do not. That "
          "of the dataset that answers stands in /v1/." },
    COMMON_SOURCES("l.", "l.id IN (SELECT release FROM release_sources WHERE source IN @ids)"),
    { 0 },
};

const struct resource releases = {
    .name = "releases",
    .item = "Release",
    .example = "2025-04-04",
    .text = "One published state of the dataset; its date serves as as_of.",
    .source = "This project",
    .from = "releases l",
    .where = "l.id <= :as_of",
    .key = "l.id",
    .order = "-date",
    .search = "search_holds(:q, l.title, l.changes)",
    .fields = fields,
};
