#pragma once

/* struct error -> RFC 9457 problem document; the table of every failure. */

#include <stddef.h>

#include "server/base/error.h"

struct reply;
struct request;

/** What a failure is to a client. */
struct problem {
    int status;        /* HTTP status */
    const char *code;  /* stable word for programs: "unknown_parameter" */
    const char *title; /* the same for people, without particulars */
    int retry_after;   /* seconds after which to try again; 0: trying again is no use */
};

/** What a failure is to a client. Lives for ever. */
const struct problem *problem_of(enum error_code code);

/**
 * Makes the reply of a failure.
 *
 * Shape: application/problem+json with type, title, status, detail, code, request_id and, where
 * they are known, param, allowed, did_you_mean. The detail of ERR_INTERNAL goes to ret->log_detail
 * only. A failure that has err->location becomes a redirect (308) there. Errors: without memory the
 * reply has the status and no body.
 */
void problem_render(const struct error *err, const struct request *request, struct reply *ret);
