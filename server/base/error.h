#pragma once

/* Failures as values: the first one wins, and `return error_set(...)` is the whole error path. */

#include <stdbool.h>

/** What went wrong. Each has one row in problems[] of server/problem.c: HTTP status, slug, title.
 */
enum error_code {
    ERR_NONE,
    ERR_PATH_UNKNOWN,      /* no such path */
    ERR_UNSUPPORTED,       /* a part of OData that is not served */
    ERR_ITEM_UNKNOWN,      /* the collection has no such id */
    ERR_ITEM_GONE,         /* it had one, and it was withdrawn */
    ERR_METHOD,            /* the path does not take this method */
    ERR_PARAM_UNKNOWN,     /* no such query parameter on this path */
    ERR_PARAM_INVALID,     /* the parameter's value is not acceptable */
    ERR_PARAM_REPEATED,    /* a parameter that may stand once stands twice */
    ERR_REQUEST_MALFORMED, /* the request is not well-formed HTTP, or its target not a well-formed
                              URL */
    ERR_TARGET_TOO_LONG,   /* the request target is longer than allowed */
    ERR_HEADERS_TOO_LARGE, /* the header block is larger than allowed */
    ERR_VERSION,           /* a version of HTTP that is not spoken here */
    ERR_BODY_REFUSED,      /* a request body where none is taken */
    ERR_RANGE,             /* the body has nothing at the place that was asked for */
    ERR_CURSOR_STALE,      /* the cursor is of another dataset */
    ERR_TIMEOUT,           /* the query ran past its deadline */
    ERR_TOO_LARGE,         /* the answer would be larger than the ceiling of a reply */
    ERR_NOT_READY,         /* no dataset is open */
    ERR_DAMAGED,           /* the dataset file is not what was written, or cannot be read */
    ERR_MEMORY,            /* the query wants more memory than it may take */
    ERR_OVERLOAD,          /* a limit of the server itself was reached */
    ERR_RATE,              /* the client has made as many requests as it may for now */
    ERR_INPUT,    /* a file or argument that the command line was given is not acceptable */
    ERR_INTERNAL, /* our own failure: goes to the log, leaves as a bare 500 */
    ERR__MAX,
};

/** A failure. Zeroed: none yet. Owns nothing. */
struct error {
    enum error_code code; /* ERR_NONE: no failure yet */
    char param[64];       /* query parameter at fault; "": none is */
    char detail[512];     /* one sentence, for people; for ERR_INTERNAL it goes to the log only */
    char allowed[1024];   /* what would be right, items separated by '\n'; "": not a closed list */
    char did_you_mean[128]; /* the nearest right one; "": none is near */
    char location[512];     /* for a redirect (308): the path to use; "": none */
    int retry_after;        /* seconds until another try is worth it; 0: as problems[] says */
};

/**
 * Records a failure, unless err already holds one.
 *
 * Shape: detail is made from fmt and cut at its ceiling; param may be NULL.
 * Errors: always false, so that callers can return it.
 */
bool error_set(struct error *err, enum error_code code, const char *param, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/**
 * Adds one right value to err->allowed, if it still fits whole, and keeps it as err->did_you_mean
 * when it is the nearest to `given` so far (edit distance at most a third of its length, at least
 * 1).
 *
 * Shape: call it once for each right value, after error_set.
 */
void error_allow(struct error *err, const char *given, const char *right);
