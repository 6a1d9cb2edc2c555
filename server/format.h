#pragma once

/* The forms in which answers are told, and how one is asked for: by the end of the path, by
 * format=, or by Accept. */

#include <stdbool.h>

#include "db/resource.h"

/** A form. */
enum format {
    FORMAT_JSON,    /* the rich answer: envelope, pages, things inside things */
    FORMAT_ROWS,    /* ".json": bare rows of plain columns, all of them */
    FORMAT_CSV,     /* ".csv": the same as RFC 4180 */
    FORMAT_NDJSON,  /* ".ndjson": the same, one object a line */
    FORMAT_GEOJSON, /* ".geojson": the same as RFC 7946, where rows have a place */
    FORMAT_GRAPHML, /* ".graphml": a graph */
    FORMAT_DOT,     /* ".dot": a graph */
    FORMAT__MAX,
};

/** What stands at the end of the path, as ".csv"; "" for FORMAT_JSON. Literal. */
const char *format_suffix(enum format format);

/** What format= calls it: "csv"; "rows" for FORMAT_ROWS and "json" for FORMAT_JSON. Literal. */
const char *format_name(enum format format);

/** The media type, with its parameters. Literal. */
const char *format_type(enum format format);

/** Whether it is rows of plain columns, told one after the other without pages. */
bool format_is_flat(enum format format);

/** The form whose suffix ends a path's last segment; FORMAT_JSON: none does. */
enum format format_of_suffix(const char *segment);

/** The form of that name; false, and *ret untouched: there is none. */
bool format_find(const char *name, enum format *ret);

/**
 * The form that an Accept header asks for: only where its first type is exactly that of CSV, NDJSON
 * or GeoJSON, whatever its parameters. All else is FORMAT_JSON, never a refusal: dashboards and
 * browsers name types that they do not mean. NULL: none was sent.
 */
enum format format_accepted(const char *accept);

/** Whether lists of a resource (or its sums) can be told in a form. */
bool format_fits(const struct resource *resource, enum format format, bool is_sums);
