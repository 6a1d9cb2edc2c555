#include "server/problem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/odata.h"
#include "server/render_json.h"
#include "server/serve.h"

enum {
    PROBLEM_SIZE = 32 << 10 /* most bytes of a document: struct error's texts, escaped, and ours */
};

static const struct problem problems[ERR__MAX] = {
    [ERR_NONE] = { 500, "internal_error", "Internal error", 0 },
    [ERR_PATH_UNKNOWN] = { 404, "unknown_path", "No such path", 0 },
    [ERR_UNSUPPORTED] = { 501, "not_implemented", "Not implemented", 0 },
    [ERR_ITEM_UNKNOWN] = { 404, "unknown_id", "No such item", 0 },
    [ERR_ITEM_GONE] = { 410, "withdrawn", "Withdrawn", 0 },
    [ERR_METHOD] = { 405, "method_not_allowed", "Method not allowed", 0 },
    [ERR_PARAM_UNKNOWN] = { 400, "unknown_parameter", "Unknown parameter", 0 },
    [ERR_PARAM_INVALID] = { 400, "invalid_parameter", "Invalid parameter", 0 },
    [ERR_PARAM_REPEATED] = { 400, "repeated_parameter", "Repeated parameter", 0 },
    [ERR_REQUEST_MALFORMED] = { 400, "malformed_request", "Malformed request", 0 },
    [ERR_TARGET_TOO_LONG] = { 414, "target_too_long", "Request target too long", 0 },
    [ERR_HEADERS_TOO_LARGE] = { 431, "headers_too_large", "Request headers too large", 0 },
    [ERR_VERSION] = { 505, "version_not_supported", "HTTP version not supported", 0 },
    [ERR_BODY_REFUSED] = { 413, "body_refused", "Request body refused", 0 },
    [ERR_RANGE] = { 416, "range_not_satisfiable", "Range not satisfiable", 0 },
    [ERR_CURSOR_STALE] = { 410, "stale_cursor", "Stale cursor", 0 },
    [ERR_TIMEOUT] = { 503, "query_too_slow", "Query too slow", 5 },
    [ERR_TOO_LARGE] = { 503, "reply_too_large", "Reply too large", 0 },
    [ERR_NOT_READY] = { 503, "not_ready", "Not ready", 2 },
    [ERR_DAMAGED] = { 503, "dataset_damaged", "Dataset damaged", 30 },
    [ERR_MEMORY] = { 503, "query_too_large", "Query too large", 0 },
    [ERR_OVERLOAD] = { 503, "overloaded", "Overloaded", 1 },
    [ERR_RATE] = { 429, "too_many_requests", "Too many requests", 1 },
    [ERR_INPUT] = { 400, "invalid_input", "Invalid input", 0 },
    [ERR_INTERNAL] = { 500, "internal_error", "Internal error", 0 },
};

const struct problem *problem_of(enum error_code code)
{
    return &problems[code < ERR__MAX ? code : ERR_INTERNAL];
}

/* NULL without memory. */
static json_t *allowed_new(const char *lines)
{
    json_t *list = json_array();

    while (*lines != '\0') {
        size_t len = strcspn(lines, "\n");

        if (json_array_append_new(list, json_stringn(lines, len)) != 0) {
            json_decref(list);
            return NULL;
        }
        lines += len + (lines[len] == '\n' ? 1 : 0);
    }
    return list;
}

static const char *detail_of(const struct error *err, const struct problem *problem)
{
    return problem->status == 500
               ? "The server failed; its log has the particulars under the request's id."
               : err->detail;
}

/* Adds a text, if there is one. False without memory. (json_pack() leaves out what it has no memory
 * for where it may be NULL.) */
static bool add_text(json_t *document, const char *name, const char *text)
{
    return text[0] == '\0' || json_object_set_new(document, name, json_string(text)) == 0;
}

/* NULL without memory. */
static json_t *document_new(const struct error *err, const struct problem *problem, int status,
                            const char *id)
{
    json_auto_t *document = json_object();
    char type[64];

    snprintf(type, sizeof(type), "urn:bluehelm:problem:%s",
             status == 308 ? "moved" : problem->code);
    return add_text(document, "type", type)
                   && add_text(document, "title",
                               status == 308 ? "Moved permanently" : problem->title)
                   && json_object_set_new(document, "status", json_integer(status)) == 0
                   && add_text(document, "detail", detail_of(err, problem))
                   && add_text(document, "code", status == 308 ? "moved" : problem->code)
                   && add_text(document, "param", err->param)
                   && (err->allowed[0] == '\0'
                       || json_object_set_new(document, "allowed", allowed_new(err->allowed)) == 0)
                   && add_text(document, "did_you_mean", err->did_you_mean)
                   && add_text(document, "location", err->location)
                   && add_text(document, "request_id", id)
               ? json_incref(document)
               : NULL;
}

void problem_render(const struct error *err, const struct request *request, struct reply *ret)
{
    const struct problem *problem = problem_of(err->code);
    int status = err->location[0] != '\0' ? 308 : problem->status;
    bool is_odata = odata_is_target(request->target);
    defer(buffer_done) struct buffer body = BUFFER_INIT(PROBLEM_SIZE);

    ret->status = status;
    ret->is_timeout = err->code == ERR_TIMEOUT;
    if (problem->status >= 500 && err->code != ERR_UNSUPPORTED)
        snprintf(ret->log_detail, sizeof(ret->log_detail), "%.255s", err->detail);
    reply_header(ret, "Cache-Control", status == 308 ? "public, max-age=60" : "no-store");
    if (status == 308)
        reply_header(ret, "Location", err->location);
    if (problem->retry_after > 0) {
        char seconds[16];

        snprintf(seconds, sizeof(seconds), "%d",
                 err->retry_after > 0 ? err->retry_after : problem->retry_after);
        reply_header(ret, "Retry-After", seconds);
    }
    if (is_odata) {
        reply_header(ret, "OData-Version", "4.0");
        odata_error(err, status == 308 ? "moved" : problem->code, detail_of(err, problem), &body);
    } else {
        json_auto_t *document = document_new(err, problem, status, request->id);

        render_json_document(document, JSON_COMPACT, &body);
    }
    if (!buffer_byte(&body, '\n')) { /* every body ends in a newline */
        ret->is_short = true;
        return;
    }
    ret->body = buffer_steal(&body, &ret->len);
    ret->content_type = is_odata ? "application/json;odata.metadata=minimal;IEEE754Compatible=false"
                                 : "application/problem+json";
}
