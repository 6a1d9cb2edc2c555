#pragma once

/* A request target taken apart: path segments and query parameters, decoded once and strictly. */

#include <stdbool.h>
#include <stddef.h>

#include "server/base/error.h"
#include "server/format.h"

struct buffer;

enum {
    TARGET_TEXT = 8192,  /* most bytes of all decoded parts */
    TARGET_SEGMENTS = 6, /* most path segments */
    TARGET_PARAMS = 64,  /* most query parameters; one more is refused, never dropped */
};

/** One query parameter, decoded. */
struct target_param {
    const char *name;
    const char *value; /* "" where there is no '=' */
};

/** A taken-apart target. Owns nothing but its own text. */
struct target {
    const char *segments[TARGET_SEGMENTS];
    size_t n_segments;
    enum format format; /* what the end of the last segment asks for, below /v1; it is cut off there
                         */
    bool has_slash;     /* the path ends in '/' */
    struct target_param params[TARGET_PARAMS]; /* without the ignored ones: `_` and `utm_*` */
    size_t n_params;
    char text[TARGET_TEXT];
    size_t len;
};

/**
 * Takes a raw request target apart.
 *
 * Shape: "/a/b?x=1&y=%C3%AF"; '+' in the query is a space.
 * Errors: ERR_REQUEST_MALFORMED for bad percent-encoding, NUL and control characters, text that is
 * not UTF-8, a target that does not begin with '/'; ERR_PATH_UNKNOWN for an empty segment and for
 * more than TARGET_SEGMENTS; ERR_TARGET_TOO_LONG; ERR_PARAM_INVALID for more than TARGET_PARAMS
 * parameters.
 * Lifetime: ret points into itself: never copy it.
 */
bool target_parse(const char *raw, struct target *ret, struct error *err);

/** The value of the first parameter of that name; NULL: it is not there. */
const char *target_param(const struct target *target, const char *name);

/**
 * Writes path and parameters in one canonical spelling, parameters sorted by name and then value:
 * the same text for all targets that ask for the same. It goes into entity tags and links alike, so
 * that one tag never stands for two bodies.
 *
 * Shape: leaves out the parameters whose names are in `without` (NULL-terminated; NULL: none).
 * Errors: the buffer is broken when it does not fit.
 */
void target_canonical(const struct target *target, const char *const *without, struct buffer *out);
