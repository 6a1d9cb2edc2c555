#pragma once

/* What each field type means outside the database: operators, wording of errors, OpenAPI. One row a
 * type. */

#include <stdbool.h>

#include <jansson.h>

#include "db/query.h"
#include "db/resource.h"

struct state;

/**
 * Tells whether a field may be filtered with an operator.
 *
 * Shape: false for every operator where the field is no filter. ISNULL needs something that can be
 * null or empty: a nullable field, a number or a list, and a column (a hidden filter has none).
 */
bool type_takes(const struct field *field, enum operator op);

/** What stands behind the two underscores: "gte"; "" for OPERATOR_EQUAL, which has none. Literal.
 */
const char *operator_name(enum operator op);

/** Finds the operator of that name. False, and *ret untouched, when there is none ("" included). */
bool operator_find(const char *name, enum operator* ret);

/** What the codebook calls a field's type: "reference". Literal. */
const char *type_name(const struct field *field);

/** What a value must be, to follow "takes": "a date such as 2013, 2013-04 or 2013-04-25". Literal.
 */
const char *type_expects(const struct field *field);

/** The format in which a row holds an imprecise date, as a regular expression of JSON Schema. */
#define TYPE_DATE_PATTERN "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?[~?]?$"

/** The format of an id, as a regular expression of JSON Schema. */
#define TYPE_ID_PATTERN "^[a-z0-9]+([-_][a-z0-9]+)*$"

/**
 * Makes the JSON schema of a field as a row holds it, with its description.
 *
 * Shape: state gives the codes of closed lists; NULL: they are left open. Refers to the component
 * schemas Number, Ref, PlaceRef and ThingRef, which type_schemas() gives.
 * Errors: NULL without memory.
 */
json_t *type_schema(const struct field *field, const struct state *state);

/**
 * Makes the JSON schema of one value that a filter takes.
 *
 * Errors: NULL without memory.
 */
json_t *type_param_schema(const struct field *field, enum operator op, const struct state *state);

/**
 * Makes the component schemas that type_schema() refers to, by name.
 *
 * Errors: NULL without memory.
 */
json_t *type_schemas(const struct state *state);
