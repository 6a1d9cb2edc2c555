#include "server/documents.h"

#include "db/dataset.h"
#include "db/resource.h"

/* Relative, never built from the Host header, so that it is right behind any proxy. */
static json_t *entry_new(const struct resource *resource)
{
    return json_pack("{s:s, s:s, s:s+}", "name", resource->name, "text", resource->text, "href",
                     "/v1/", resource->name);
}

json_t *index_new(const struct resource *const *catalogue, const struct state *state,
                  const char *version)
{
    json_t *resources = json_array();

    for (; *catalogue != NULL; catalogue++) {
        if (json_array_append_new(resources, entry_new(*catalogue)) != 0) {
            json_decref(resources);
            return NULL;
        }
    }
    return json_pack("{s:s, s:s, s:{s:s, s:s}, s:o, s:{s:s, s:s, s:s}}", "name", "bluehelm",
                     "version", version, "dataset", "release", state->release, "digest",
                     state->digest, "resources", resources, "links", "openapi", "/openapi.json",
                     "health", "/healthz", "ready", "/readyz");
}

json_t *health_new(const struct state *state)
{
    if (state == NULL)
        return json_pack("{s:s}", "status", "ok");
    return json_pack("{s:s, s:s, s:s}", "status", "ok", "release", state->release, "digest",
                     state->digest);
}
