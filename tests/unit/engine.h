#pragma once

/* What the tests of the engine share: the fixture as a dataset, and questions to it without a
 * socket. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "db/build.h"
#include "db/conn.h"
#include "db/dataset.h"
#include "handlers/catalogue.h"
#include "server/base/cleanup.h"
#include "server/serve.h"

/* A folder of its own for each test program, and the fixture built into it. Run from the project's
 * root. */
static char folder[] = "/tmp/bluehelm-test-XXXXXX";
static char fixture[64];
static struct dataset *dataset;

static inline void open_fixture(void)
{
    struct build_summary summary;
    struct error err = { 0 };

    if (mkdtemp(folder) == NULL)
        abort();
    snprintf(fixture, sizeof(fixture), "%s/fixture.db", folder);
    if (!build_dataset("tests/fixture", fixture, stderr, &summary, &err)) {
        fprintf(stderr, "%s\n", err.detail);
        abort();
    }
    dataset = dataset_new();
    if (dataset == NULL || !dataset_publish(dataset, fixture, &err)) {
        fprintf(stderr, "%s\n", err.detail);
        abort();
    }
}

static inline void close_fixture(void)
{
    dataset_free(dataset);
    unlink(fixture);
    rmdir(folder);
}

static inline struct reply ask_as(const char *method, const char *target, const char *tags,
                                  size_t body_limit)
{
    const struct service service = {
        .catalogue = catalogue, .dataset = dataset, .deadline_ms = 10000, .body_limit = body_limit
    };
    const struct request request = {
        .method = method, .target = target, .if_none_match = tags, .id = "test"
    };
    struct reply reply;

    serve(&service, &request, &reply);
    return reply;
}

static inline struct reply ask(const char *target)
{
    return ask_as("GET", target, NULL, 8 << 20);
}

static inline json_t *body_of(const struct reply *reply)
{
    json_t *body = reply->body != NULL ? json_loadb(reply->body, reply->len, 0, NULL) : NULL;

    assert_non_null(body);
    return body;
}

static inline const char *header_of(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    }
    return NULL;
}
