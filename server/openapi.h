#pragma once

/* The OpenAPI 3.1 document, made from the catalogue alone: it cannot disagree with what is served.
 */

#include <jansson.h>

struct resource;
struct state;

/** What the API is, in sentences. */
extern const char openapi_about[];

/**
 * Makes the OpenAPI document of everything that is served.
 *
 * Shape: catalogue is NULL-terminated; state gives the codes of closed lists (NULL: they are left
 * open); version is the program's.
 * Errors: NULL without memory.
 */
json_t *openapi_new(const struct resource *const *catalogue, const struct state *state,
                    const char *version);
