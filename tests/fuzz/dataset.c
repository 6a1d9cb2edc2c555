/*
 * A dataset file whose bytes are not what they were: it is refused with a sentence, or it is served
 * without harm, whatever its rows have become. The input is a list of changes to the dataset of
 * tests/fixture, of eight bytes each: where (page and place in it), how, and with what.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "db/check.h"
#include "db/dataset.h"
#include "handlers/catalogue.h"
#include "tests/fuzz/fuzz.h"

enum {
    PAGE = 4096,
    CHANGE = 8,
    CHANGES_MOST = 64,
    BODY = 1 << 20,
    ASKED = 5 /* requests of a file */
};

/** What is done with a place. */
enum change {
    CHANGE_BYTE,   /* one byte is another */
    CHANGE_PAIR,   /* two bytes are others: a pointer to a cell, a count of them */
    CHANGE_FOUR,   /* a number of a page */
    CHANGE_BIT,    /* one bit is another */
    CHANGE_ZERO,   /* nothing stands here: up to 256 bytes */
    CHANGE_PAGE,   /* a whole page is a copy of another one */
    CHANGE_END,    /* the file ends here */
    CHANGE_HEADER, /* one byte of the file's header is another */
    CHANGE__MAX,
};

static uint8_t *bytes_now;
static size_t len_now;

static const char *const targets[] = {
    "/v1/",
    "/v1/missions?include=places,sources",
    "/v1/missions/blue-lantern?history=1",
    "/v1/casualties?sort=-deaths&limit=5",
    "/v1/casualties.csv",
    "/v1/casualties/stats?group_by=mission,year&explain=1",
    "/v1/claims?limit=3&pretty=1",
    "/v1/facts",
    "/v1/actors.ndjson",
    "/v1/places.geojson",
    "/v1/relationships",
    "/v1/events",
    "/v1/series",
    "/v1/sources",
    "/v1/releases",
    "/v1/search?q=n*",
    "/v1/network",
    "/v1/graph.graphml",
    "/v1/timeline",
    "/v1/changes?since=2000",
    "/v1/disagreements",
    "/v1/coverage",
    "/v1/meta/codes",
    "/openapi.json",
    "/docs",
    "/odata/missions?$filter=contains(name,'a')",
    "/readyz",
};

static void begin(void)
{
    size_t len;

    fuzz_fixture(&len);
    bytes_now = malloc(len);
    must(bytes_now != NULL, "memory");
}

static void end(void)
{
    free(bytes_now);
}

static void apply(const uint8_t change[CHANGE], size_t len)
{
    size_t page = (size_t)(change[0] << 8 | change[1]) % (len / PAGE);
    size_t place = (size_t)(change[2] << 8 | change[3]) % PAGE;
    size_t at = page * PAGE + place, n = 1;

    switch ((enum change)(change[4] % CHANGE__MAX)) {
    case CHANGE_FOUR:
        n = 4;
        break;
    case CHANGE_PAIR:
        n = 2;
        break;
    case CHANGE_BYTE:
    case CHANGE__MAX:
        break;
    case CHANGE_BIT:
        bytes_now[at] ^= (uint8_t)(1u << change[5] % 8);
        return;
    case CHANGE_ZERO:
        n = (size_t)change[5] + 1;
        memset(bytes_now + at, 0, n < len - at ? n : len - at);
        return;
    case CHANGE_PAGE:
        memmove(bytes_now + page * PAGE,
                bytes_now + (size_t)(change[5] << 8 | change[6]) % (len / PAGE) * PAGE, PAGE);
        return;
    case CHANGE_END:
        len_now = at < len_now ? at : len_now;
        return;
    case CHANGE_HEADER:
        bytes_now[place % 100] = change[5];
        return;
    }
    if (at + n <= len)
        memcpy(bytes_now + at, change + CHANGE - 1 - n, n);
}

/* Asks for some of all that there is; any known status will do, and any rows. */
static void ask(const struct service *service, const char *target)
{
    struct request request = { .method = "GET", .target = target, .id = "fuzz" };
    char piece[4096];
    struct reply reply;
    ssize_t n;

    serve(service, &request, &reply);
    must(reply.status == 200 || reply.status == 308 || (reply.status >= 400 && reply.status < 600),
         "%s: status %d", target, reply.status);
    while (reply.source.read != NULL
           && (n = reply.source.read(reply.source.context, piece, sizeof(piece))) > 0)
        ;
    reply_done(&reply);
}

static void one(const uint8_t *bytes, size_t len)
{
    size_t size;
    const uint8_t *fixture = fuzz_fixture(&size);
    struct service service = { .catalogue = catalogue, .deadline_ms = 500, .body_limit = BODY };
    struct check_summary summary;
    struct error err = { 0 }, check_err = { 0 };
    uint64_t seed = fuzz_seed(bytes, len);
    char path[64];
    bool is_good, is_checked;
    int file;

    memcpy(bytes_now, fixture, size);
    len_now = size;
    for (size_t i = 0; i + CHANGE <= len && i < CHANGES_MOST * CHANGE; i += CHANGE)
        apply(bytes + i, size);
    file = fuzz_file(bytes_now, len_now, path);
    service.dataset = dataset_new();
    must(service.dataset != NULL, "memory");
    is_good = dataset_publish(service.dataset, path, &err);
    if (is_good) {
        /* Some of all, others each time. */
        for (int i = 0; i < ASKED; i++)
            ask(&service, targets[fuzz_random(&seed) % (sizeof(targets) / sizeof(*targets))]);
    } else {
        must(err.code == ERR_INPUT && strstr(err.detail, ": ") != NULL, "code %d: %s",
             (int)err.code, err.detail);
    }
    dataset_leave(service.dataset);
    dataset_free(service.dataset);
    is_checked = check_dataset(path, NULL, &summary, &check_err);
    must(is_checked == (check_err.code == ERR_NONE), "a refusal has a reason");
    if (is_checked)
        must(is_good, "what check takes is served: %s", err.detail);
    close(file);
}

const struct fuzz_target target_dataset = {
    .name = "dataset", .longest = 256, .runs = 60, .begin = begin, .one = one, .end = end
};
