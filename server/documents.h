#pragma once

/* Small documents that are neither rows nor problems: the index and the health checks. */

#include <jansson.h>

struct resource;
struct state;

/**
 * Makes the document at /v1/: what there is, where it is, and which dataset answers.
 *
 * Shape: {"name", "version", "dataset": {"release", "digest"}, "resources": [{"name", "text",
 * "href"}], "links"}; catalogue is NULL-terminated; version is the program's.
 * Errors: NULL without memory.
 */
json_t *index_new(const struct resource *const *catalogue, const struct state *state,
                  const char *version);

/**
 * Makes the rows of /v1/meta/fields from the declarations.
 *
 * Shape: an array of {"id", "position", "collection", "field", "type", "unit", "nullable", "shown",
 * "operators", "sortable", "codes", "refers_to", "text"} in the declared order; what does not apply
 * is null.
 * Errors: NULL without memory.
 */
json_t *fields_new(const struct resource *const *catalogue);

/**
 * Makes the document at /healthz and, with the dataset that answers, at /readyz.
 *
 * Shape: {"status": "ok"} and {"status": "ok", "release", "digest"}; state NULL: the first. "Not
 * ready" is no document but a problem (503).
 * Errors: NULL without memory.
 */
json_t *health_new(const struct state *state);
