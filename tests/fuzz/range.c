/*
 * Range and If-Range: a part lies within its body, and what RFC 9110 says is asked for is what is
 * told. A line for each, and one for the bytes of the body.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/range.h"
#include "tests/fuzz/fuzz.h"

enum { LINES = 3 };

/* The least that has to be known of a part: as the header says it, where its numbers are small. */
static void check_part(const char *header, uint64_t size, const struct range *part)
{
    const char *at = strchr(header, '=') + 1;
    char *end;
    uint64_t first, last;

    must(part->len > 0 && part->first < size && part->len <= size - part->first,
         "'%s' of %" PRIu64 ": %" PRIu64 " bytes from %" PRIu64, header, size, part->len,
         part->first);
    if (at[strspn(at, " \t")] == '-') {
        must(part->first + part->len == size, "'%s' ends where the body ends", header);
        return;
    }
    first = strtoull(at, &end, 10);
    must(part->first == first && *end == '-', "'%s' begins at %" PRIu64, header, part->first);
    last = strtoull(end + 1, NULL, 10);
    must(end[1] < '0' || end[1] > '9'
             ? part->first + part->len == size
             : part->first + part->len - 1 == last || part->first + part->len == size,
         "'%s' of %" PRIu64 " ends at %" PRIu64, header, size, part->first + part->len - 1);
}

static void one(const uint8_t *bytes, size_t len)
{
    char *lines[LINES];
    struct range part = { 0 }, larger = { 0 };
    uint64_t size;

    fuzz_lines(bytes, len, lines, LINES);
    size = strtoull(lines[1], NULL, 10);
    switch (range_read(lines[0], size, &part)) {
    case RANGE_PART:
        check_part(lines[0], size, &part);
        if (size < UINT64_MAX)
            must(range_read(lines[0], size + 1, &larger) == RANGE_PART,
                 "'%s' is of a larger body as well", lines[0]);
        break;
    case RANGE_BEYOND:
        must(strncasecmp(lines[0], "bytes=", 6) == 0 && strchr(lines[0], ',') == NULL,
             "'%s' is one range", lines[0]);
        break;
    case RANGE_WHOLE:
        must(range_read(lines[0], UINT64_MAX, &larger) == RANGE_WHOLE,
             "'%s' is no range, whatever the body", lines[0]);
        break;
    }
    must(range_is_current(lines[2], "\"tag\"") == (strcmp(lines[2], "\"tag\"") == 0),
         "If-Range takes the strong tag alone");
    fuzz_lines_free(lines, LINES);
}

const struct fuzz_target target_range = {
    .name = "range", .longest = 160, .runs = 50000, .one = one
};
