#include "server/type.h"

#include <string.h>

#include "db/dataset.h"

#define BIT(op) (1u << (op))

enum {
    SETS = BIT(OPERATOR_NOT) | BIT(OPERATOR_IN) | BIT(OPERATOR_NOTIN),
    ORDER = BIT(OPERATOR_GT) | BIT(OPERATOR_GTE) | BIT(OPERATOR_LT) | BIT(OPERATOR_LTE),
    WORDS = BIT(OPERATOR_CONTAINS) | BIT(OPERATOR_STARTSWITH),
};

/** What one field type takes, how errors say so, and how the OpenAPI document does. */
struct type {
    unsigned operators;  /* of enum operator as bits, EQUAL and ISNULL apart, which follow from the
                            field */
    bool may_be_empty;   /* ISNULL makes sense even where FIELD_NULLABLE is not set */
    const char *expects; /* follows "takes" */
    const char *shape;   /* type in a row, in JSON Schema; NULL: a component or an array */
    const char *pattern; /* of a string in a row; NULL: any */
    const char *format;  /* of a string in a row; NULL: none */
    const char *input;   /* type of a value in a request, in JSON Schema */
};

static const struct type types[] = {
    [FIELD_ID] = { .operators = SETS | WORDS,
                   .expects = "an id: lower-case letters, digits and single hyphens",
                   .shape = "string",
                   .pattern = TYPE_ID_PATTERN,
                   .input = "string" },
    [FIELD_TEXT] = { .operators = SETS | WORDS,
                     .expects = "words, at least one character",
                     .shape = "string",
                     .input = "string" },
    [FIELD_CODE] = { .operators = SETS,
                     .expects = "a code of its list",
                     .shape = "string",
                     .input = "string" },
    [FIELD_INTEGER] = { .operators = SETS | ORDER,
                        .expects = "a whole number such as 466",
                        .shape = "integer",
                        .input = "integer" },
    [FIELD_REAL] = { .operators = SETS | ORDER,
                     .expects = "a number such as -12.5",
                     .shape = "number",
                     .input = "number" },
    [FIELD_DATE] = { .operators = BIT(OPERATOR_NOT) | ORDER,
                     .expects = "a date such as 2013, 2013-04 or 2013-04-25",
                     .shape = "string",
                     .pattern = TYPE_DATE_PATTERN,
                     .input = "string" },
    [FIELD_DAY] = { .operators = BIT(OPERATOR_NOT) | ORDER,
                    .expects = "a date such as 2013, 2013-04 or 2013-04-25",
                    .shape = "string",
                    .format = "date",
                    .input = "string" },
    [FIELD_NUMBER] = { .operators = SETS | ORDER,
                       .may_be_empty = true,
                       .expects = "a whole number such as 300",
                       .input = "integer" },
    [FIELD_REF] = { .operators = SETS,
                    .expects = "an id, a name or a code, such as mali",
                    .input = "string" },
    [FIELD_REFS] = { .operators = SETS,
                     .may_be_empty = true,
                     .expects = "an id, a name or a code, such as mali",
                     .input = "string" },
    [FIELD_TEXTS] = { .operators = SETS | BIT(OPERATOR_CONTAINS),
                      .may_be_empty = true,
                      .expects = "words, at least one character",
                      .input = "string" },
    [FIELD_LIST] = { .expects = "no value: it is only shown" },
    [FIELD_OBJECT] = { .expects = "no value: it is only shown" },
    [FIELD_BOOLEAN] = { .operators = BIT(OPERATOR_NOT),
                        .expects = "true or false",
                        .shape = "boolean",
                        .input = "boolean" },
    [FIELD_COLLECTION] = { .operators = SETS,
                           .expects = "the name of a collection, such as casualties",
                           .shape = "string",
                           .input = "string" },
    [FIELD_ROW] = { .expects = "no value: it is only shown", .shape = "object" },
};

static const char *const type_names[] = {
    [FIELD_ID] = "id",           [FIELD_TEXT] = "text",       [FIELD_CODE] = "code",
    [FIELD_INTEGER] = "integer", [FIELD_REAL] = "real",       [FIELD_DATE] = "date",
    [FIELD_DAY] = "day",         [FIELD_NUMBER] = "number",   [FIELD_REF] = "reference",
    [FIELD_REFS] = "references", [FIELD_TEXTS] = "texts",     [FIELD_LIST] = "list",
    [FIELD_OBJECT] = "object",   [FIELD_BOOLEAN] = "boolean", [FIELD_COLLECTION] = "collection",
    [FIELD_ROW] = "row",
};
_Static_assert(sizeof(type_names) / sizeof(*type_names) == FIELD__MAX, "a name for each type");

static const char *const names[] = {
    [OPERATOR_EQUAL] = "",
    [OPERATOR_NOT] = "not",
    [OPERATOR_GT] = "gt",
    [OPERATOR_GTE] = "gte",
    [OPERATOR_LT] = "lt",
    [OPERATOR_LTE] = "lte",
    [OPERATOR_IN] = "in",
    [OPERATOR_NOTIN] = "notin",
    [OPERATOR_CONTAINS] = "contains",
    [OPERATOR_STARTSWITH] = "startswith",
    [OPERATOR_ISNULL] = "isnull",
};

bool type_takes(const struct field *field, enum operator op)
{
    const struct type *type = &types[field->type];

    if (!(field->flags & FIELD_FILTER))
        return false;
    if (op == OPERATOR_EQUAL)
        return true;
    if (op == OPERATOR_ISNULL)
        return field->sql != NULL && (type->may_be_empty || (field->flags & FIELD_NULLABLE));
    return (type->operators & BIT(op)) != 0;
}

const char *operator_name(enum operator op)
{
    return names[op];
}

bool operator_find(const char *name, enum operator* ret)
{
    for (enum operator op = OPERATOR_NOT; op < OPERATOR__MAX; op++) {
        if (strcmp(names[op], name) == 0) {
            *ret = op;
            return true;
        }
    }
    return false;
}

const char *type_name(const struct field *field)
{
    return type_names[field->type];
}

const char *type_expects(const struct field *field)
{
    return types[field->type].expects;
}

/* Drops the object when something did not fit, so that a chain of these ends in NULL. */
static json_t *with(json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* The ids of a list's codes, with null behind them where a field may be null; NULL without memory.
 */
static json_t *codes_new(const char *list, bool or_null, const struct state *state)
{
    json_t *codes = json_array();
    bool is_whole = codes != NULL;

    for (size_t i = 0; i < state->n_codes && is_whole; i++) {
        if (strcmp(state->codes[i].list, list) == 0)
            is_whole = json_array_append_new(codes, json_string(state->codes[i].id)) == 0;
    }
    if (is_whole && or_null && json_array_size(codes) > 0)
        is_whole = json_array_append_new(codes, json_null()) == 0;
    if (is_whole)
        return codes;
    json_decref(codes);
    return NULL;
}

static json_t *with_codes(json_t *schema, const char *list, bool or_null, const struct state *state)
{
    json_t *codes;

    if (list == NULL || state == NULL)
        return schema;
    codes = codes_new(list, or_null, state);
    /* An empty enum admits nothing at all, and is not valid either: a list without codes stays
     * open. */
    if (codes != NULL && json_array_size(codes) == 0) {
        json_decref(codes);
        return schema;
    }
    return with(schema, "enum", codes);
}

static json_t *component_new(const char *name)
{
    return json_pack("{s:s+}", "$ref", "#/components/schemas/", name);
}

/* Which component holds a reference: places carry their ISO code, references to several kinds their
 * kind. */
static const char *ref_component(const struct field *field)
{
    if (field->kind_sql != NULL)
        return "ThingRef";
    return field->kind != NULL && strcmp(field->kind, "place") == 0 ? "PlaceRef" : "Ref";
}

/* A reference; to one of several kinds, with those that are declared. */
static json_t *reference_new(const struct field *field)
{
    json_t *schema = component_new(ref_component(field));
    json_t *kinds;

    if (field->kind_sql == NULL)
        return schema;
    kinds = json_array();
    for (const char *at = field->kind; at != NULL;) {
        size_t len = strcspn(at, ",");

        if (json_array_append_new(kinds, json_stringn(at, len)) != 0) {
            json_decref(kinds);
            json_decref(schema);
            return NULL;
        }
        at = at[len] == ',' ? at + len + 1 : NULL;
    }
    return with(schema, "allOf", json_pack("[{s:{s:{s:o}}}]", "properties", "kind", "enum", kinds));
}

static json_t *scalar_new(const struct field *field, bool is_nullable, const struct state *state)
{
    const struct type *type = &types[field->type];
    json_t *schema;

    if (is_nullable)
        schema = json_pack("{s:[s, s]}", "type", type->shape, "null");
    else
        schema = json_pack("{s:s}", "type", type->shape);
    if (type->pattern != NULL)
        schema = with(schema, "pattern", json_string(type->pattern));
    if (type->format != NULL)
        schema = with(schema, "format", json_string(type->format));
    return with_codes(schema, field->codes, is_nullable, state);
}

static json_t *description_new(const struct field *field)
{
    if (field->param != NULL)
        return json_sprintf("%s Only there where %s= asks for it.", field->text, field->param);
    if (field->unit == NULL || field->type == FIELD_REF || field->type == FIELD_REFS)
        return json_string(field->text);
    return json_sprintf("%s Unit: %s.", field->text, field->unit);
}

/* An object that holds all of its members; NULL without memory. */
static json_t *members_new(const struct field *members, const struct state *state)
{
    json_t *properties = json_object();
    json_t *required = json_array();
    bool is_whole = properties != NULL && required != NULL;

    for (; members->name != NULL && is_whole; members++)
        is_whole = json_object_set_new(properties, members->name, type_schema(members, state)) == 0
                   && json_array_append_new(required, json_string(members->name)) == 0;
    if (!is_whole) {
        json_decref(properties);
        json_decref(required);
        return NULL;
    }
    return json_pack("{s:o, s:o, s:b}", "properties", properties, "required", required,
                     "additionalProperties", 0);
}

static json_t *structure_new(const struct field *field, bool is_nullable, const struct state *state)
{
    bool is_list = field->type == FIELD_LIST;
    json_t *object = members_new(field->members, state);
    json_t *schema = object;

    if (is_list) {
        object = with(object, "type", json_string("object"));
        schema = json_pack("{s:o}", "items", object);
    }
    return with(schema, "type",
                is_nullable ? json_pack("[s, s]", is_list ? "array" : "object", "null")
                            : json_string(is_list ? "array" : "object"));
}

json_t *type_schema(const struct field *field, const struct state *state)
{
    bool is_nullable = (field->flags & FIELD_NULLABLE) != 0;
    json_t *schema;

    switch (field->type) {
    case FIELD_NUMBER:
        schema = component_new("Number");
        break;
    case FIELD_REF:
        schema = reference_new(field);
        break;
    case FIELD_REFS:
        schema = json_pack("{s:s, s:o}", "type", "array", "items", reference_new(field));
        return with(schema, "description", description_new(field));
    case FIELD_TEXTS:
        schema = with_codes(json_pack("{s:s}", "type", "string"), field->codes, false, state);
        schema = json_pack("{s:s, s:o}", "type", "array", "items", schema);
        return with(schema, "description", description_new(field));
    case FIELD_LIST:
    case FIELD_OBJECT:
        return with(structure_new(field, is_nullable, state), "description",
                    description_new(field));
    default:
        return with(scalar_new(field, is_nullable, state), "description", description_new(field));
    }
    if (is_nullable)
        schema = json_pack("{s:[o, {s:s}]}", "oneOf", schema, "type", "null");
    return with(schema, "description", description_new(field));
}

json_t *type_param_schema(const struct field *field, enum operator op, const struct state *state)
{
    json_t *value;

    if (op == OPERATOR_ISNULL)
        return json_pack("{s:s}", "type", "boolean");
    value = json_pack("{s:s}", "type", types[field->type].input);
    /* Parts of words need not be a code. */
    if (op != OPERATOR_CONTAINS && op != OPERATOR_STARTSWITH)
        value = with_codes(value, field->codes, false, state);
    return value;
}

static json_t *ref_new(const char *text)
{
    return json_pack("{s:s, s:s, s:{s:{s:s}, s:{s:s}}, s:[s, s], s:b}", "type", "object",
                     "description", text, "properties", "id", "type", "string", "name", "type",
                     "string", "required", "id", "name", "additionalProperties", 0);
}

static json_t *place_ref_new(void)
{
    json_t *schema =
        ref_new("A place by id and name, and by ISO 3166-1 alpha-3 code if it has one.");

    if (json_object_set_new(json_object_get(schema, "properties"), "iso3",
                            json_pack("{s:s}", "type", "string"))
        == 0)
        return schema;
    json_decref(schema);
    return NULL;
}

static json_t *thing_ref_new(const struct state *state)
{
    json_t *schema = ref_new("A thing of one of several kinds, by kind, id and name.");
    json_t *kind = with_codes(json_pack("{s:s}", "type", "string"), "search_kind", false, state);

    if (json_object_set_new(json_object_get(schema, "properties"), "kind", kind) == 0
        && json_array_append_new(json_object_get(schema, "required"), json_string("kind")) == 0)
        return schema;
    json_decref(schema);
    return NULL;
}

static json_t *bound_new(const char *text)
{
    return json_pack("{s:[s, s], s:s}", "type", "integer", "null", "description", text);
}

static json_t *number_new(const struct state *state)
{
    json_t *qualifier =
        with_codes(json_pack("{s:[s, s]}", "type", "string", "null"), "qualifier", true, state);
    json_t *unit =
        with_codes(json_pack("{s:[s, s]}", "type", "string", "null"), "unit", true, state);

    qualifier =
        with(qualifier, "description", json_string("How the source puts the number, as a code."));
    unit = with(unit, "description", json_string("What is counted, as a code."));
    return json_pack(
        "{s:s, s:s, s:{s:o, s:o, s:o, s:o, s:{s:[s, s], s:s}, s:o}, s:[s, s, s, s, s, s], s:b}",
        "type", "object", "description",
        "A number as a source gives it. \"more than 300\" is low 301 without best and high: null "
        "is not said, 0 is zero.",
        "properties", "low", bound_new("The least it can be; null: not said."), "best",
        bound_new("The one number that the source gives; null: it gives none."), "high",
        bound_new("The most it can be; null: not said."), "qualifier", qualifier, "text", "type",
        "string", "null", "description", "The number in the source's words.", "unit", unit,
        "required", "low", "best", "high", "qualifier", "text", "unit", "additionalProperties", 0);
}

json_t *type_schemas(const struct state *state)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "Number", number_new(state), "Ref",
                     ref_new("Another thing by id and name."), "PlaceRef", place_ref_new(),
                     "ThingRef", thing_ref_new(state));
}
