/*
 * A dataset out of its text: one file of tests/fixture is another one. What is built holds together
 * (`bluehelm check` finds no fault) and is served; what is not has a fault with its line. The first
 * byte of the input chooses the file, and what follows is it.
 */

#define _GNU_SOURCE /* open_memstream */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/build.h"
#include "db/check.h"
#include "db/dataset.h"
#include "handlers/catalogue.h"
#include "tests/fuzz/fuzz.h"

static const char *const files[] = {
    "actors",   "casualties", "claims",        "codes",    "definitions", "events",  "facts",
    "missions", "places",     "relationships", "releases", "series",      "sources",
};
enum { FILES = sizeof(files) / sizeof(*files), PATH = 400, TEXT = 64 << 10 };

static char text_dir[PATH], built[PATH], changed[PATH];
static char *texts[FILES]; /* as they are in the fixture */
static size_t lens[FILES];

static void write_text(const char *name, const void *bytes, size_t len)
{
    FILE *file;

    snprintf(changed, sizeof(changed), "%.300s/%s.csv", text_dir, name);
    file = fopen(changed, "wb");
    must(file != NULL && fwrite(bytes, 1, len, file) == len && fclose(file) == 0, "%s is written",
         changed);
}

static void begin(void)
{
    snprintf(text_dir, sizeof(text_dir), "%s/text", fuzz_directory());
    snprintf(built, sizeof(built), "%s/built.db", fuzz_directory());
    must(mkdir(text_dir, 0700) == 0, "a directory");
    for (size_t i = 0; i < FILES; i++) {
        char path[PATH];
        FILE *file;

        snprintf(path, sizeof(path), "tests/fixture/%s.csv", files[i]);
        file = fopen(path, "rb");
        texts[i] = malloc(TEXT);
        must(file != NULL && texts[i] != NULL, "%s (run from the project's root)", path);
        lens[i] = fread(texts[i], 1, TEXT, file);
        fclose(file);
        write_text(files[i], texts[i], lens[i]);
    }
}

static void end(void)
{
    for (size_t i = 0; i < FILES; i++)
        free(texts[i]);
}

/* Serves what was built. */
static void check_served(void)
{
    static const char *const targets[] = { "/v1/missions?include=places",
                                           "/v1/casualties.csv",
                                           "/v1/facts?explain=1",
                                           "/v1/claims",
                                           "/v1/search?q=n*",
                                           "/v1/graph" };
    struct service service = { .catalogue = catalogue, .body_limit = 8 << 20 };
    struct error err = { 0 };

    service.dataset = dataset_new();
    must(service.dataset != NULL && dataset_publish(service.dataset, built, &err), "%s",
         err.detail);
    for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
        struct request request = { .method = "GET", .target = targets[i], .id = "fuzz" };
        struct reply reply;
        char *body;
        size_t len;

        serve(&service, &request, &reply);
        body = fuzz_body(&reply, &len);
        must(reply.status == 200, "%s is %d: %s", targets[i], reply.status, body);
        must(fuzz_is_utf8(body, len), "%s is text", targets[i]);
        free(body);
        reply_done(&reply);
    }
    dataset_leave(service.dataset);
    dataset_free(service.dataset);
}

static void one(const uint8_t *bytes, size_t len)
{
    struct build_summary summary;
    struct check_summary checked;
    struct error err = { 0 }, check_err = { 0 };
    char *told = NULL;
    size_t told_len = 0, i = len > 0 ? *bytes % FILES : 0;
    FILE *faults = open_memstream(&told, &told_len);
    bool is_built;

    must(faults != NULL, "memory");
    write_text(files[i], bytes + (len > 0), len - (len > 0));
    is_built = build_dataset(text_dir, built, faults, &summary, &err);
    fclose(faults);
    if (is_built) {
        must(told_len == 0, "what is built has no faults: %s", told);
        must(check_dataset(built, stderr, &checked, &check_err), "%s", check_err.detail);
        must(strcmp(checked.digest, summary.digest) == 0, "the digest is that of the content");
        check_served();
        unlink(built);
    } else {
        must(err.code == ERR_INPUT, "code %d: %s", (int)err.code, err.detail);
        must(told_len > 0 && strchr(told, '\n') != NULL, "the fault is told: %s", err.detail);
        must(access(built, F_OK) != 0, "nothing is left behind");
    }
    free(told);
    write_text(files[i], texts[i], lens[i]);
}

const struct fuzz_target target_build = {
    .name = "build", .longest = 4000, .runs = 30, .begin = begin, .one = one, .end = end
};
