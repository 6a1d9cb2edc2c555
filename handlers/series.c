/* handlers/series.c: sums of casualties over time, as the lines of a chart. */

#include "handlers/catalogue.h"

static const struct field fields[] = {
    { .name = "id",
      .type = FIELD_ID,
      .sql = "x.none",
      .text = "Bucket and line, joined by a hyphen; undated and none stand for nulls." },
    { .name = "time",
      .type = FIELD_DAY,
      .flags = FIELD_NULLABLE,
      .sql = "x.none",
      .text = "First day of the bucket; null: the dates of these rows do not say which." },
    { .name = "series",
      .type = FIELD_TEXT,
      .flags = FIELD_NULLABLE,
      .sql = "x.none",
      .text = "Label of the line: what by= tells apart, or the series of casualties that answers; "
              "null: not said." },
    { .name = "low",
      .type = FIELD_INTEGER,
      .flags = FIELD_NULLABLE,
      .sql = "x.none",
      .unit = "as in meta.unit",
      .text = "Sum of the lows; null where no row has one." },
    { .name = "best",
      .type = FIELD_INTEGER,
      .flags = FIELD_NULLABLE,
      .sql = "x.none",
      .unit = "as in meta.unit",
      .text = "Sum of the best figures; null where some row has none." },
    { .name = "high",
      .type = FIELD_INTEGER,
      .flags = FIELD_NULLABLE,
      .sql = "x.none",
      .unit = "as in meta.unit",
      .text = "Sum of the highs; null where some row has none." },
    { .name = "records",
      .type = FIELD_INTEGER,
      .sql = "x.none",
      .unit = "rows",
      .text = "Rows that were added up." },
    { .name = "unknown",
      .type = FIELD_INTEGER,
      .sql = "x.none",
      .unit = "rows",
      .text = "Rows among them without any number, apart from zero." },
    { .name = "status",
      .type = FIELD_CODE,
      .sql = "x.none",
      .codes = "sum_status",
      .text = "Whether anything was reported, and whether it was none." },
    { 0 },
};

static const struct lines lines = { .of = &casualties, .date = "date" };

const struct resource series = {
    .name = "series",
    .item = "SeriesPoint",
    .text =
        "A point of a line over time: people harmed in a year, quarter or month, nobody counted "
        "twice.",
    .source = "The sums of /v1/casualties/stats",
    .from = "(SELECT NULL AS none WHERE 0) x", /* the sums tell the rows: there are no columns */
    .key = "x.none",
    .is_list = true,
    .is_derived = true,
    .fields = fields,
    .lines = &lines,
};
