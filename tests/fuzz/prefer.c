/*
 * Prefer: a page has at most as many rows as a preference odata.maxpagesize (or maxpagesize, as
 * OData 4.01 calls it) asks for, the preference is told as applied then, and nothing else is.
 */

#define _GNU_SOURCE /* strcasestr */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <jansson.h>

#include "tests/fuzz/fuzz.h"

static void one(const uint8_t *bytes, size_t len)
{
    static const char said[] = "odata.maxpagesize=";
    char *prefer = fuzz_text(bytes, len);
    const struct request request = {
        .method = "GET", .target = "/odata/missions", .prefer = prefer, .id = "fuzz"
    };
    const char *applied;
    struct reply reply;
    json_t *page;
    unsigned long most;

    serve(fuzz_service(), &request, &reply);
    must(reply.status == 200, "'%s' is answered %d", prefer, reply.status);
    page = json_loadb(reply.body, reply.len, JSON_REJECT_DUPLICATES, NULL);
    must(json_is_array(json_object_get(page, "value")), "it is a page");
    applied = fuzz_header(&reply, "Preference-Applied");
    if (strcasestr(prefer, "maxpagesize") == NULL)
        must(applied == NULL, "'%s' prefers nothing", prefer);
    if (applied != NULL) {
        char number[24];

        must(strncmp(applied, said, strlen(said)) == 0, "'%s' is applied", applied);
        most = strtoul(applied + strlen(said), NULL, 10);
        must(most > 0 && json_array_size(json_object_get(page, "value")) <= most, "'%s' is kept",
             applied);
        snprintf(number, sizeof(number), "%lu", most);
        must(most == 10000 || strstr(prefer, number) != NULL, "'%s' asks for %lu", prefer, most);
    }
    json_decref(page);
    reply_done(&reply);
    free(prefer);
}

const struct fuzz_target target_prefer = {
    .name = "prefer", .longest = 200, .runs = 500, .one = one
};
