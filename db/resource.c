#include "db/resource.h"

#include <string.h>

const struct field *resource_field(const struct resource *resource, const char *name)
{
    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        if (strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

const struct param *resource_param(const struct resource *resource, const char *name)
{
    const struct param *param = resource->params;

    while (param != NULL && param->name != NULL && strcmp(param->name, name) != 0)
        param++;
    return param != NULL && param->name != NULL ? param : NULL;
}

bool resource_has_versions(const struct resource *resource)
{
    return resource->known != NULL && !resource->is_derived;
}

const struct resource *resource_find(const struct resource *const *catalogue, const char *name)
{
    for (; *catalogue != NULL; catalogue++) {
        if (strcmp((*catalogue)->name, name) == 0)
            return *catalogue;
    }
    return NULL;
}

const char *resource_include(const struct resource *resource, size_t index)
{
    for (const struct field *field = resource->fields; field->name != NULL; field++) {
        bool is_first = true;

        if (field->resource == NULL || (field->flags & FIELD_HIDDEN))
            continue;
        for (const struct field *other = resource->fields; other != field; other++) {
            if (other->resource != NULL && !(other->flags & FIELD_HIDDEN)
                && strcmp(other->resource, field->resource) == 0)
                is_first = false;
        }
        if (is_first && index-- == 0)
            return field->resource;
    }
    return NULL;
}
