#pragma once

/* Range requests (RFC 9110, 14): which part of a body is asked for. */

#include <stdbool.h>
#include <stdint.h>

/** What a Range header comes to. */
enum range_verdict {
    RANGE_WHOLE, /* none, several, or not well-formed: the whole is told */
    RANGE_PART,
    RANGE_BEYOND, /* there is nothing at that place: 416 */
};

/** A part of a body. */
struct range {
    uint64_t first; /* bytes before it */
    uint64_t len;   /* its bytes: at least 1 */
};

/**
 * Reads a Range header against a body of size bytes.
 *
 * Shape: "bytes=0-99", "bytes=100-", "bytes=-100"; NULL: none was sent. *ret is written for
 * RANGE_PART alone.
 */
enum range_verdict range_read(const char *header, uint64_t size, struct range *ret);

/** Whether an If-Range header lets a range through: it is the strong tag of the body. A date never
 * does: ours are of a release, not of a body. NULL: none was sent. */
bool range_is_current(const char *if_range, const char *etag);
