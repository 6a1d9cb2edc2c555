#include "server/documents.h"

#include <ctype.h>
#include <stdio.h>

#include "db/dataset.h"
#include "db/resource.h"
#include "server/type.h"

/* Relative, never built from the Host header, so that it is right behind any proxy. */
static json_t *entry_new(const struct resource *resource)
{
    return json_pack("{s:s, s:s, s:s+}", "name", resource->name, "text", resource->text, "href",
                     "/v1/", resource->name);
}

json_t *index_new(const struct resource *const *catalogue, const struct state *state,
                  const char *version)
{
    json_t *resources = json_array(), *reports = json_array();

    for (; *catalogue != NULL; catalogue++) {
        if (json_array_append_new((*catalogue)->graph != NULL ? reports : resources,
                                  entry_new(*catalogue))
            != 0) {
            json_decref(resources);
            json_decref(reports);
            return NULL;
        }
    }
    return json_pack(
        "{s:s, s:s, s:{s:s, s:s}, s:o, s:o, s:{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}}", "name",
        "bluehelm", "version", version, "dataset", "release", state->release, "digest",
        state->digest, "resources", resources, "reports", reports, "links", "openapi",
        "/openapi.json", "docs", "/docs", "llms", "/llms.txt", "export", "/v1/export", "odata",
        "/odata/", "metrics", "/metrics", "health", "/healthz", "ready", "/readyz");
}

/* Names of the operators that a field takes; "eq" is the field's name alone. NULL without memory.
 */
static json_t *operators_new(const struct field *field)
{
    json_t *names = json_array();
    bool is_whole = names != NULL;

    for (enum operator op = OPERATOR_EQUAL; op < OPERATOR__MAX && is_whole; op++) {
        if (type_takes(field, op))
            is_whole = json_array_append_new(
                           names, json_string(op == OPERATOR_EQUAL ? "eq" : operator_name(op)))
                       == 0;
    }
    if (is_whole)
        return names;
    json_decref(names);
    return NULL;
}

/* "meta/codes", "text": "meta-codes-text", all in lower case. NULL without memory. */
static json_t *field_id_new(const struct resource *resource, const struct field *field)
{
    char id[256];

    snprintf(id, sizeof(id), "%s-%s", resource->name, field->name);
    for (char *at = id; *at != '\0'; at++) {
        if (*at == '/')
            *at = '-';
        *at = (char)tolower((unsigned char)*at);
    }
    return json_string(id);
}

static json_t *field_new(const struct resource *resource, const struct field *field,
                         size_t position)
{
    return json_pack("{s:o, s:i, s:s, s:s, s:s, s:s?, s:b, s:b, s:o, s:b, s:s?, s:s?, s:s}", "id",
                     field_id_new(resource, field), "position", (int)position, "collection",
                     resource->name, "field", field->name, "type", type_name(field), "unit",
                     field->unit, "nullable", (field->flags & FIELD_NULLABLE) != 0, "shown",
                     (field->flags & FIELD_HIDDEN) == 0, "operators", operators_new(field),
                     "sortable", (field->flags & FIELD_SORT) != 0, "codes", field->codes,
                     "refers_to", field->resource, "text", field->text);
}

json_t *fields_new(const struct resource *const *catalogue)
{
    json_t *fields = json_array();
    size_t n = 0;

    for (; *catalogue != NULL; catalogue++) {
        const struct field *field = (*catalogue)->fields;

        /* The fields of a report on a graph are those of the collection of its edges. */
        for (; field->name != NULL && (*catalogue)->graph == NULL; field++) {
            if (json_array_append_new(fields, field_new(*catalogue, field, ++n)) != 0) {
                json_decref(fields);
                return NULL;
            }
        }
    }
    return fields;
}

json_t *health_new(const struct state *state)
{
    if (state == NULL)
        return json_pack("{s:s}", "status", "ok");
    return json_pack("{s:s, s:s, s:s}", "status", "ok", "release", state->release, "digest",
                     state->digest);
}
