#define _GNU_SOURCE /* strdup */
#include "server/serve.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nettle/base64.h>
#include <nettle/sha2.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "db/select.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/coding.h"
#include "server/cursor.h"
#include "server/docs.h"
#include "server/documents.h"
#include "server/export.h"
#include "server/fingerprint.h"
#include "server/graph.h"
#include "server/metrics.h"
#include "server/odata.h"
#include "server/openapi.h"
#include "server/problem.h"
#include "server/query.h"
#include "server/range.h"
#include "server/render_json.h"
#include "server/route.h"
#include "server/row_source.h"
#include "server/stats.h"
#include "server/stream.h"
#include "server/target.h"

enum {
    SERVE_AT_ONCE = 256 << 10, /* bytes of rows that are told at once, where there are no more */
    SERVE_INDENT = 4,          /* times as long as compact text that indented text may come to be */
    SERVE_TAIL = 64 << 10,  /* bytes of a body that no page's rows may use: one large row, and what
                               follows the rows */
    SERVE_ITEM = 2000,      /* bytes that most items fit: they need no second allocation */
    SERVE_FIELDS = 8 << 20, /* bytes of a codebook that comes from the declarations: no part of a
                               body, so --reply-limit does not count it */
    SERVE_ROW = 600,        /* bytes that most rows fit, when a page is begun */
    SERVE_FILE = 512,       /* bytes of a header with the name of a file */
    SERVE_URL =
        4 * TARGET_TEXT, /* bytes of a URL of ours: every byte of a target may come to be three */
};

/** The work on one request, from step to step. */
struct work {
    const struct service *service;
    const struct request *request;
    struct target target;
    struct route route;
    struct conn *conn;
    struct query query;
    struct stats_request stats; /* of ROUTE_STATS alone */
    struct buffer fields;       /* what query.fields_json points to */
    const char *varies_by;      /* headers of the request that the form depends on; NULL: none */
    const char *manner;         /* what else than the target the answer depends on; NULL: nothing */
    bool is_known;              /* the client has it, whatever it is: only the headers are sent */
    bool is_tagged;             /* etag is set */
    char etag[FINGERPRINT_SIZE + 2]; /* of the body as it is; a coded one has an end of its own */
    struct reply *reply;
    struct error *err;
};

static void free_stream(struct stream **stream)
{
    stream_free(*stream);
}

/* ---- replies ---- */

bool reply_header(struct reply *reply, const char *name, const char *value)
{
    char *copy;

    copy = reply->n_headers < REPLY_HEADERS ? strdup(value) : NULL;
    if (copy == NULL) {
        reply->is_short = true;
        return false;
    }
    reply->headers[reply->n_headers++] = (struct header){ name, copy };
    return true;
}

void reply_file_done(struct reply_file *file)
{
    if (file->len > 0)
        close(file->descriptor);
    *file = (struct reply_file){ .len = 0 };
}

void reply_done(struct reply *reply)
{
    if (reply == NULL)
        return;
    free(reply->body);
    reply_file_done(&reply->file);
    reply_source_done(&reply->source);
    for (size_t i = 0; i < reply->n_headers; i++)
        free(reply->headers[i].value);
    reply->body = NULL;
    reply->n_headers = 0;
}

static void write_digest(struct reply *reply, const char *name, const uint8_t *digest)
{
    char text[sizeof("sha-256=::") + BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE)] = "sha-256=:";

    base64_encode_raw(text + strlen(text), SHA256_DIGEST_SIZE, digest);
    text[sizeof(text) - 2] = ':';
    reply_header(reply, name, text);
}

/* Content-Digest (RFC 9530) over the body as it is sent, coded or a part. */
static void add_digest(struct reply *reply)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct sha256_ctx context;

    if (reply->body == NULL)
        return;
    sha256_init(&context);
    sha256_update(&context, reply->len, (const uint8_t *)reply->body);
    sha256_digest(&context, sizeof(digest), digest);
    write_digest(reply, "Content-Digest", digest);
}

/* ---- headers that say what the body is a state of ---- */

static void set_tag(struct work *work, const char digest[FINGERPRINT_SIZE])
{
    work->etag[0] = work->etag[FINGERPRINT_SIZE] = '"';
    memcpy(work->etag + 1, digest, FINGERPRINT_SIZE - 1);
    work->etag[FINGERPRINT_SIZE + 1] = '\0';
    work->is_tagged = true;
}

/* False without memory: a tag of less than the whole query could be another query's as well. */
static bool set_etag(struct work *work)
{
    defer(buffer_done) struct buffer canonical = BUFFER_INIT(SERVE_URL);
    char digest[FINGERPRINT_SIZE];

    target_canonical(&work->target, NULL, &canonical);
    if (canonical.broken)
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for an entity tag");
    fingerprint((const char *const[]){ conn_state(work->conn)->digest, BLUEHELM_VERSION,
                                       format_name(work->route.format), canonical.data,
                                       work->manner, NULL },
                digest);
    set_tag(work, digest);
    return true;
}

enum { TAG_SIZE = FINGERPRINT_SIZE + 16 /* a tag with its quotes and the name of a coding */ };

/* The tag of the answer in a coding: other bytes, another tag. */
static void write_tag(const struct work *work, enum coding coding, char ret[TAG_SIZE])
{
    snprintf(ret, TAG_SIZE, "%.*s%s%s\"", (int)strlen(work->etag) - 1, work->etag,
             coding != CODING_NONE ? "-" : "", coding_name(coding));
}

/*
 * Whether the client has this very answer, in a coding that it still takes. An opaque tag cannot
 * hold a quote, so ours between its quotes is found only as a whole tag, weak or strong; and who
 * has it once had the answer, so nothing needs to be asked.
 */
static bool find_known(const struct work *work, char ret[TAG_SIZE])
{
    const char *tags = work->request->if_none_match;
    const char *accept = work->request->accept_encoding;

    for (int i = CODING__MAX - 1; tags != NULL && i >= 0; i--) {
        write_tag(work, (enum coding)i, ret);
        if (strstr(tags, ret) != NULL && coding_accepted(accept, (enum coding)i))
            return true;
    }
    return false;
}

static void add_validators(struct work *work, const char *etag);

/* "*" is true of whatever there is: only when an answer was made is it known that there is one. */
static bool is_any_enough(const struct work *work)
{
    const char *tags = work->request->if_none_match;

    return tags != NULL && tags[strspn(tags, " \t")] == '*';
}

/* Answers 304 if the client has the answer. */
static bool is_not_modified(struct work *work)
{
    char tag[TAG_SIZE];

    if (!find_known(work, tag))
        return false;
    work->reply->status = 304;
    add_validators(work, tag);
    return true;
}

/*
 * Whether nothing has to be made: the client has the answer, or whoever asks for it has. The tag
 * names the body, and the rest of the reply follows from it and from the coding.
 */
static bool is_answered(struct work *work)
{
    const char *accept = work->request->accept_encoding;
    struct reply *reply = work->reply;
    char tag[TAG_SIZE];

    if (is_not_modified(work))
        return true;
    if (work->request->range != NULL || is_any_enough(work))
        return false;
    write_tag(work, coding_choose(accept), tag);
    snprintf(reply->key, sizeof(reply->key), "%s%s", tag,
             coding_accepted(accept, CODING_NONE) ? "" : "coded");
    reply->is_kept = work->request->is_kept != NULL
                     && work->request->is_kept(work->request->context, reply->key);
    return reply->is_kept;
}

/* Turns the reply into a 304: the same headers, no body. */
static void drop_body(struct work *work)
{
    free(work->reply->body);
    work->reply->body = NULL;
    reply_source_done(&work->reply->source);
    reply_file_done(&work->reply->file);
    work->reply->content_type = NULL;
    work->reply->len = 0;
    work->reply->status = 304;
}

static void add_validators(struct work *work, const char *etag)
{
    const char *as_of = work->query.as_of;
    bool is_past = as_of[0] != '\0' && strcmp(as_of, conn_state(work->conn)->release) < 0;

    reply_header(work->reply, "ETag", etag);
    if (conn_state(work->conn)->modified[0] != '\0')
        reply_header(work->reply, "Last-Modified", conn_state(work->conn)->modified);
    reply_header(work->reply, "Cache-Control",
                 is_past ? "public, max-age=31536000, immutable"
                         : "public, max-age=60, stale-while-revalidate=600");
}

/* ---- bodies ---- */

/* Sends what ends in its newline. */
static bool take_whole(struct work *work, struct buffer *body)
{
    if (body->broken)
        return body->overflow ? error_set(
                   work->err, ERR_TOO_LARGE, "limit",
                   "The answer is larger than %zu bytes; ask for fewer rows, fields or includes.",
                   body->limit)
                              : error_set(work->err, ERR_INTERNAL, NULL, "no memory for the body");
    work->reply->body = buffer_steal(body, &work->reply->len);
    work->reply->content_type = format_type(work->route.format);
    work->reply->status = 200;
    return true;
}

static bool take_body(struct work *work, struct buffer *body)
{
    buffer_byte(body, '\n');
    return take_whole(work, body);
}

/* Sends a jansson document; steals it. NULL: there was no memory for it. */
static bool send_document(struct work *work, json_t *stolen, bool is_pretty)
{
    json_auto_t *document = stolen;
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);

    render_json_document(document, is_pretty ? JSON_INDENT(2) : JSON_COMPACT, &body);
    return take_body(work, &body);
}

static void add_line(struct buffer *out, size_t depth)
{
    buffer_byte(out, '\n');
    for (; depth > 0; depth--)
        buffer_text(out, "  ");
}

/*
 * Indents JSON text as jansson would. Not by way of jansson: that would cost ten times the memory,
 * and where memory is short it loses characters without a word.
 */
static void add_indented(struct buffer *out, const char *text, size_t len)
{
    bool is_string = false;
    size_t depth = 0;

    for (size_t i = 0; i < len; i++) {
        char next = i + 1 < len ? text[i + 1] : '\0';

        if (is_string) {
            is_string = text[i] != '"';
            buffer_byte(out, text[i]);
            if (text[i] == '\\')
                buffer_byte(out, text[++i]); /* whatever it is, it does not end the string */
            continue;
        }
        switch (text[i]) {
        case '{':
        case '[':
            buffer_byte(out, text[i]);
            if (next == '}' || next == ']')
                buffer_byte(out, text[++i]);
            else
                add_line(out, ++depth);
            break;
        case '}':
        case ']':
            add_line(out, --depth);
            buffer_byte(out, text[i]);
            break;
        case ',':
            buffer_byte(out, ',');
            add_line(out, depth);
            break;
        case ':':
            buffer_text(out, ": ");
            break;
        default:
            is_string = text[i] == '"';
            buffer_byte(out, text[i]);
        }
    }
}

/* Sends JSON text as it is, or indented. */
static bool send_text(struct work *work, struct buffer *body)
{
    defer(buffer_done) struct buffer indented = BUFFER_INIT(work->service->body_limit);

    if (!work->query.is_pretty || body->broken)
        return take_body(work, body);
    add_indented(&indented, body->data, body->len);
    return take_body(work, &indented);
}

/* The day on which the answer was known. */
static const char *known_day(const struct work *work)
{
    return query_day(conn_state(work->conn), work->query.as_of);
}

/*
 * The path of this very answer, as of the day on which it was known. Nothing in a body may depend
 * on what became known later or on the file that answers: the path gives the same bytes for as long
 * as there are later datasets that keep what was known.
 */
static void add_permalink(const struct work *work, struct buffer *link)
{
    static const char *const without[] = { "as_of", NULL };
    size_t start = link->len;

    target_canonical(&work->target, without, link);
    buffer_byte(link, !link->broken && strchr(link->data + start, '?') != NULL ? '&' : '?');
    buffer_text(link, "as_of=");
    buffer_text(link, known_day(work));
}

/* Appends again what stands in the buffer from `start` on and is `len` bytes long. */
static void add_again(struct buffer *buffer, size_t start, size_t len)
{
    if (buffer_reserve(buffer, len) && buffer->data != NULL)
        buffer_add(buffer, buffer->data + start, len);
}

/* "meta": what the rows are a state of, and how to cite them. total < 0: not counted; more: members
 * of its own, each with a comma behind; NULL: none. */
static void add_meta(const struct work *work, int64_t total, const struct buffer *more,
                     struct buffer *body)
{
    const char *as_of = known_day(work);
    const char *release = state_release(conn_state(work->conn), as_of);
    size_t link, len;

    buffer_text(body, "\"meta\":{");
    if (total >= 0) {
        buffer_text(body, "\"total\":");
        buffer_integer(body, total);
        buffer_byte(body, ',');
    }
    if (more != NULL && more->broken)
        body->broken = true;
    else if (more != NULL)
        buffer_add(body, more->data, more->len);
    buffer_text(body, "\"release\":");
    if (release != NULL)
        buffer_literal(body, release);
    else
        buffer_text(body, "null");
    buffer_text(body, ",\"as_of\":");
    buffer_literal(body, as_of);
    buffer_text(body, ",\"permalink\":\"");
    link = body->len;
    add_permalink(work, body); /* nothing in it needs an escape: it is percent-encoded */
    len = body->len - link;
    if (release != NULL)
        buffer_format(body,
                      "\",\"citation\":\"bluehelm dataset, release %s, as known on %s: ", release,
                      as_of);
    else
        buffer_format(body,
                      "\",\"citation\":\"bluehelm dataset, before its first release, as known on "
                      "%s: ",
                      as_of);
    add_again(body, link, len);
    buffer_text(body, "\",\"licence\":\"CC0-1.0 for the compilation; the licence of each source "
                      "stands in /v1/sources\"}");
}

static bool add_included_rows(struct work *work, const struct resource *resource, json_t *ids,
                              struct buffer *body)
{
    defer(buffer_done) struct buffer list = BUFFER_INIT(work->service->body_limit);
    defer(stmt_return) sqlite3_stmt *rows = NULL; /* goes before the list that is bound to it */
    const char *id;
    json_t *unused;
    struct query query;
    bool is_row;

    json_object_foreach(ids, id, unused)
    {
        buffer_byte(&list, list.len > 0 ? ',' : '[');
        buffer_literal(&list, id);
    }
    if (!buffer_byte(&list, ']'))
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for included ids");
    query_included(resource, &work->query, &query);
    if (!select_by_ids(work->conn, &query, list.data, &rows, work->err))
        return false;
    for (size_t n = 0;; n++) {
        if (!stmt_step(rows, &is_row, work->err))
            return false;
        if (!is_row)
            return true;
        buffer_text(body, n > 0 ? "," : "");
        render_json_row(&query, rows, body, NULL);
    }
}

/* "included": the whole rows of what the data names, by collection. */
static bool add_included(struct work *work, struct mentions *mentions, struct buffer *body)
{
    if (work->query.n_includes == 0)
        return true;
    buffer_text(body, "\"included\":{");
    for (size_t i = 0; i < work->query.n_includes; i++) {
        buffer_format(body, "%s\"%s\":[", i > 0 ? "," : "", work->query.includes[i]->name);
        if (mentions->ids[i] != NULL
            && !add_included_rows(work, work->query.includes[i], mentions->ids[i], body))
            return false;
        buffer_byte(body, ']');
    }
    buffer_text(body, "},");
    return true;
}

/* ---- one page ---- */

/** How a page ended. */
struct page {
    char cursor[CURSOR_SIZE]; /* behind the last row; "": there is nothing behind it */
    bool is_truncated;        /* it ended early, for its size */
};

static bool add_rows(struct work *work, const char *owner, struct buffer *body,
                     struct mentions *mentions, struct page *page)
{
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    const struct query *query = &work->query;
    int width = render_width(query);
    uint32_t n = 0;
    bool is_row, is_full = false;
    char known[FINGERPRINT_SIZE];

    query_known(conn_state(work->conn), query->as_of, known);
    if (!select_open(work->conn, query, &rows, work->err))
        return false;
    for (;;) {
        if (!stmt_step(rows, &is_row, work->err))
            return false;
        if (!is_row || is_full)
            break;
        buffer_text(body, n > 0 ? "," : "");
        render_json_row(query, rows, body, mentions);
        n++;
        is_full = n == query->limit
                  || body->len * (query->is_pretty ? SERVE_INDENT : 1) + SERVE_TAIL > body->limit;
        if (is_full && !cursor_write(rows, width, owner, known, page->cursor))
            return error_set(work->err, ERR_INTERNAL, NULL, "no room for a cursor");
    }
    page->is_truncated = is_row && n < query->limit;
    if (!is_row)
        page->cursor[0] = '\0';
    return true;
}

/* The path of the next page, which also goes into the Link header. */
static void link_next(struct work *work, const char *cursor, struct buffer *url)
{
    static const char *const without[] = { "as_of", "cursor", "offset", NULL };
    defer(buffer_done) struct buffer link = BUFFER_INIT(SERVE_URL + 32);

    target_canonical(&work->target, without, url);
    /* Told from the same day on: a walk stays in one state of knowledge. */
    buffer_format(url, "%cas_of=%s&cursor=%s",
                  strchr(url->data != NULL ? url->data : "", '?') != NULL ? '&' : '?',
                  known_day(work), cursor);
    if (!url->broken && buffer_format(&link, "<%s>; rel=\"next\"", url->data))
        reply_header(work->reply, "Link", link.data);
    else if (!url->overflow && !link.overflow)
        work->reply->is_short = true;
}

/* "next", "next_url" and the Link header. */
static void add_next(struct work *work, const struct page *page, struct buffer *body)
{
    defer(buffer_done) struct buffer url = BUFFER_INIT(SERVE_URL);

    if (page->cursor[0] == '\0') {
        buffer_text(body, "\"next\":null,\"next_url\":null,");
    } else {
        link_next(work, page->cursor, &url);
        buffer_text(body, "\"next\":");
        buffer_literal(body, page->cursor);
        buffer_text(body, ",\"next_url\":");
        buffer_literal_of(body, &url);
        buffer_byte(body, ',');
    }
    buffer_format(body, "\"truncated\":%s,", page->is_truncated ? "true" : "false");
}

static void add_total(struct work *work, int64_t total)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)total);
    reply_header(work->reply, "X-Total-Count", text);
}

static bool serve_page(struct work *work)
{
    const struct row_place place = { work->service->catalogue, work->conn, &work->query,
                                     work->err };
    const struct row_source source = row_source_of(&place);
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    defer(mentions_done) struct mentions mentions = { .rows = &source };
    struct page page = { .cursor = "" };
    char owner[FINGERPRINT_SIZE];
    int64_t total = -1;

    if (work->query.is_counted && !select_count(work->conn, &work->query, &total, work->err))
        return false;
    if (!query_owner(&work->route, &work->target, owner))
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for the name of a query");
    if (total >= 0)
        add_total(work, total);
    buffer_expect(&body, SERVE_ITEM
                             + SERVE_ROW
                                   * (size_t)(work->query.limit < QUERY_LIMIT ? work->query.limit
                                                                              : QUERY_LIMIT));
    buffer_text(&body, work->query.is_array ? "[" : "{\"data\":[");
    if (!add_rows(work, owner, &body, &mentions, &page))
        return false;
    buffer_byte(&body, ']');
    if (work->query.is_array) {
        defer(buffer_done) struct buffer url = BUFFER_INIT(SERVE_URL);

        if (page.cursor[0] != '\0')
            link_next(work, page.cursor, &url);
        return send_text(work, &body);
    }
    buffer_byte(&body, ',');
    add_next(work, &page, &body);
    if (!add_included(work, &mentions, &body))
        return false;
    add_meta(work, total, NULL, &body);
    buffer_byte(&body, '}');
    return send_text(work, &body);
}

/* ---- all rows, flat ---- */

/* What is left of a page that the client asked for: its headers. */
static bool add_page_headers(struct work *work, const struct stream *stream)
{
    defer(buffer_done) struct buffer url = BUFFER_INIT(SERVE_URL);
    const char *cursor;
    int64_t total;

    if (stream_next(stream, &cursor))
        link_next(work, cursor, &url);
    if (!query_is_paged(&work->target)) {
        add_total(work, (int64_t)stream_rows(stream));
        return true;
    }
    if (!work->query.is_counted)
        return true;
    if (!select_count(work->conn, &work->query, &total, work->err))
        return false;
    add_total(work, total);
    return true;
}

/* Whether the answer may be told piece by piece, or from the file. */
static bool take_stream(struct work *work)
{
    const struct request *request = work->request;

    return request->may_stream == NULL || request->may_stream(request->context)
           || error_set(work->err, ERR_OVERLOAD, NULL,
                        "Too many long answers are under way, in all or to this address. Try again "
                        "when one of them has ended, or ask for pages (limit=).");
}

/* Few rows are told at once, with all that can be said of the whole; of many, the rest is told as
 * it is sent. A page that the client asked for is told at once or not at all. */
static bool serve_flat(struct work *work)
{
    const struct stream_ask ask = {
        .catalogue = work->service->catalogue,
        .dataset = work->service->dataset,
        .conn = work->conn,
        .target = &work->target,
        .route = &work->route,
        .format = work->route.format,
        .fields = work->query.fields_json,
        .deadline_ms = work->service->deadline_ms,
    };
    bool is_paged = query_is_paged(&work->target), is_done = false;
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    defer(free_stream) struct stream *stream = NULL;

    if (!stream_open(&ask, &stream, work->err)
        || !stream_fill(stream, is_paged ? SIZE_MAX : SERVE_AT_ONCE, &body, &is_done, work->err))
        return false;
    if (body.broken)
        return take_whole(work, &body); /* tells why */
    if (is_done)
        return add_page_headers(work, stream) && take_whole(work, &body);
    if (!take_stream(work) || !stream_keep(stream, &body, work->err))
        return false;
    work->reply->content_type = format_type(work->route.format);
    work->reply->status = 200;
    work->reply->source = stream_source(stream);
    stream = NULL;
    return true;
}

/* ---- sums ---- */

static void free_result(struct stats_result **result)
{
    free(*result);
}

/* All groups as flat rows, or a page of them. */
static bool serve_flat_sums(struct work *work)
{
    const struct stats_request *request = &work->stats;
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    defer(buffer_done) struct buffer url = BUFFER_INIT(SERVE_URL);
    defer(free_result) struct stats_result *result = malloc(sizeof(*result));
    char owner[FINGERPRINT_SIZE], known[FINGERPRINT_SIZE], cursor[STATS_CURSOR_SIZE];

    if (result == NULL || !query_owner(&work->route, &work->target, owner))
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for sums");
    query_known(conn_state(work->conn), work->query.as_of, known);
    if (!stats_render_flat(work->conn, request, work->route.format, &body, result, work->err))
        return false;
    if (request->stats.offset + result->n < result->total) {
        stats_cursor_write(request->stats.offset + result->n, owner, known, cursor);
        link_next(work, cursor, &url);
    }
    add_total(work, result->total);
    return take_whole(work, &body);
}

static bool serve_stats(struct work *work)
{
    const struct stats_request *request = &work->stats;
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    defer(buffer_done) struct buffer more = BUFFER_INIT(work->service->body_limit);
    defer(free_result) struct stats_result *result = malloc(sizeof(*result));
    struct page page = { .cursor = "" };
    char owner[FINGERPRINT_SIZE], known[FINGERPRINT_SIZE];

    if (result == NULL || !query_owner(&work->route, &work->target, owner))
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for sums");
    query_known(conn_state(work->conn), work->query.as_of, known);
    buffer_text(&body, "{\"data\":[");
    /* Half of the ceiling: what was left out and the rules come behind. */
    if (!stats_render(work->conn, request,
                      body.limit / 2 / (work->query.is_pretty ? SERVE_INDENT : 1), &body, result,
                      work->err)
        || !stats_render_meta(work->conn, request, result, &more, work->err))
        return false;
    buffer_text(&body, "],");
    page.is_truncated = result->is_truncated;
    if (request->stats.offset + result->n < result->total)
        stats_cursor_write(request->stats.offset + result->n, owner, known, page.cursor);
    add_next(work, &page, &body);
    if (request->is_explained)
        stats_render_rules(result, known_day(work), &body);
    add_meta(work, result->total, &more, &body);
    buffer_byte(&body, '}');
    add_total(work, result->total);
    return send_text(work, &body);
}

/* ---- graphs ---- */

static bool serve_graph(struct work *work)
{
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    defer(buffer_done) struct buffer more = BUFFER_INIT(256);
    struct graph_result result;
    bool is_drawing = work->route.format != FORMAT_JSON;

    buffer_text(&body, is_drawing ? "" : "{\"data\":");
    if (!graph_render(work->conn, &work->query, work->route.format, &body, &result, work->err))
        return false;
    if (body.overflow)
        return error_set(work->err, ERR_TOO_LARGE, result.chains >= 0 ? "chains" : "edges",
                         "The answer is larger than %zu bytes; ask for fewer %s.", body.limit,
                         result.chains >= 0 ? "chains" : "nodes and edges");
    if (format_is_flat(work->route.format)) {
        add_total(work, result.nodes >= 0 ? result.nodes : result.edges);
        if (graph_cut_name(result.cut) != NULL)
            reply_header(work->reply, "X-Truncated-By", graph_cut_name(result.cut));
        return take_whole(work, &body);
    }
    if (is_drawing)
        return take_body(work, &body);
    buffer_byte(&body, ',');
    if (graph_is_list(work->query.resource->graph->report))
        buffer_text(&body, "\"next\":null,\"next_url\":null,"); /* what is bounded has no pages */
    graph_render_cut(&result, &body);
    graph_render_meta(&result, &more);
    add_meta(work, -1, &more, &body);
    buffer_byte(&body, '}');
    return send_text(work, &body);
}

/* ---- one item ---- */

/* Says why there is no row of that key: never was, not known yet, withdrawn, or called something
 * else. */
static bool absent(struct work *work, const struct query *query)
{
    enum select_absence absence;
    struct error *err = work->err;
    char id[SELECT_ID_SIZE];

    if (!select_absence(work->conn, query, &absence, id, err))
        return false;
    switch (absence) {
    case SELECT_NOT_YET:
        return error_set(err, ERR_ITEM_UNKNOWN, NULL,
                         "'%.100s' was not known on %s; it became known later.", query->key,
                         query->as_of[0] != '\0' ? query->as_of : "that day");
    case SELECT_GONE:
        return error_set(
            err, ERR_ITEM_GONE, NULL,
            "'%.100s' was withdrawn: its source no longer says so; as_of= an earlier day shows it.",
            query->key);
    case SELECT_RENAMED: {
        defer(buffer_done) struct buffer path = BUFFER_INIT(sizeof(err->location) - 1);
        const char *given = work->target.segments[work->route.id_segment];
        char entity[SELECT_ID_SIZE + 96];

        snprintf(entity, sizeof(entity), "%.*s('%s')", (int)strcspn(given, "("), given, id);
        work->target.segments[work->route.id_segment] =
            work->route.kind == ROUTE_ODATA ? entity : id;
        target_canonical(&work->target, NULL, &path);
        work->target.segments[work->route.id_segment] = given;
        if (path.broken && !path.overflow)
            return error_set(err, ERR_INTERNAL, NULL, "no memory for a redirect");
        error_set(err, ERR_ITEM_UNKNOWN, NULL, "'%.100s' is another name of '%s'.", query->key, id);
        if (!path.broken)
            snprintf(err->location, sizeof(err->location), "%s", path.data);
        return false;
    }
    case SELECT_SEVERAL:
        return error_set(err, ERR_ITEM_UNKNOWN, NULL,
                         "'%.100s' is a name of several; /v1/%s with id= and this name lists them.",
                         query->key, query->resource->name);
    default:
        error_set(err, ERR_ITEM_UNKNOWN, NULL, "There is no '%.100s' in /v1/%s.", query->key,
                  query->resource->name);
        if (query->resource->kind != NULL)
            select_suggest(work->conn, query->resource->kind, query->key, err);
        return false;
    }
}

/* "data": the row as it was known; null where it was withdrawn and its history is asked for. */
static bool add_item(struct work *work, struct mentions *mentions, struct buffer *body)
{
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    bool is_row, is_history = work->query.is_history;

    work->query.is_history = false;
    if (!select_open(work->conn, &work->query, &rows, work->err)
        || !stmt_step(rows, &is_row, work->err))
        return false;
    work->query.is_history = is_history;
    buffer_text(body, "\"data\":");
    if (is_row) {
        render_json_row(&work->query, rows, body, mentions);
    } else if (is_history) {
        buffer_text(body, "null");
    } else {
        stmt_return(&rows);
        return absent(work, &work->query);
    }
    buffer_byte(body, ',');
    return true;
}

/* "withdrawn" and "history": every version that was known by then, oldest first. */
static bool add_history(struct work *work, struct mentions *mentions, struct buffer *body)
{
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    int column = render_width(&work->query) + 1; /* behind the id: when the version ended */
    char withdrawn[DATE_DAY_SIZE] = "";
    bool is_row;

    if (!select_open(work->conn, &work->query, &rows, work->err))
        return false;
    buffer_text(body, "\"history\":[");
    for (size_t n = 0;; n++) {
        const char *end;

        if (!stmt_step(rows, &is_row, work->err))
            return false;
        if (!is_row && n > 0)
            break;
        if (!is_row) {
            stmt_return(&rows);
            return absent(work, &work->query);
        }
        buffer_text(body, n > 0 ? "," : "");
        render_json_row(&work->query, rows, body, mentions);
        end = (const char *)sqlite3_column_text(rows, column);
        snprintf(withdrawn, sizeof(withdrawn), "%s", end != NULL ? end : "");
    }
    buffer_text(body, "],\"withdrawn\":");
    if (withdrawn[0] != '\0')
        buffer_literal(body, withdrawn);
    else
        buffer_text(body, "null");
    buffer_byte(body, ',');
    return true;
}

static bool serve_item(struct work *work)
{
    const struct row_place place = { work->service->catalogue, work->conn, &work->query,
                                     work->err };
    const struct row_source source = row_source_of(&place);
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    defer(mentions_done) struct mentions mentions = { .rows = &source };

    buffer_expect(&body, SERVE_ITEM);
    buffer_byte(&body, '{');
    if (!add_item(work, &mentions, &body)
        || (work->query.is_history && !add_history(work, &mentions, &body)))
        return false;
    if (!add_included(work, &mentions, &body))
        return false;
    add_meta(work, -1, NULL, &body);
    buffer_byte(&body, '}');
    return send_text(work, &body);
}

/* The item whose sub-collection is asked for must be one. */
static bool check_parent(struct work *work)
{
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    struct query query;
    bool is_row;

    query_included(work->route.parent, &work->query, &query);
    query.n_fields = 1;
    query.key = work->route.id;
    if (!select_open(work->conn, &query, &rows, work->err) || !stmt_step(rows, &is_row, work->err))
        return false;
    stmt_return(&rows);
    return is_row || absent(work, &query);
}

/* ---- the steps ---- */

/* The rows of a codebook that come from the declarations and not from the dataset. */
static bool bind_fields(struct work *work)
{
    json_auto_t *fields = NULL;

    if (work->query.resource->fields_of == NULL)
        return true;
    fields = fields_new(work->query.resource->fields_of);
    if (!render_json_document(fields, JSON_COMPACT, &work->fields)
        || !buffer_byte(&work->fields, '\0'))
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for the fields");
    work->query.fields_json = work->fields.data;
    return true;
}

/* An export is all of a collection: nothing but the day on which it was known can be asked for. */
static bool check_export_params(struct work *work)
{
    for (size_t i = 0; i < work->target.n_params; i++) {
        const char *name = work->target.params[i].name;

        if (strcmp(name, "as_of") != 0) {
            error_set(work->err, ERR_PARAM_UNKNOWN, name,
                      "There is no parameter '%.60s' here: an export is all of a collection, and "
                      "/v1/%s%s takes filters.",
                      name, work->route.resource->name, format_suffix(work->route.format));
            error_allow(work->err, name, "as_of");
            return false;
        }
    }
    return true;
}

/* What the parameters ask for, proved against the dataset. */
static bool read_request(struct work *work)
{
    const struct state *state = conn_state(work->conn);

    if (work->route.kind == ROUTE_STATS)
        return stats_parse(work->service->catalogue, state, &work->target, &work->route,
                           &work->query, &work->stats, work->err)
               && stats_resolve(work->conn, &work->query, &work->stats, work->err);
    return (!work->route.is_export || check_export_params(work))
           && query_parse(work->service->catalogue, state, &work->target, &work->route,
                          &work->query, work->err)
           && (work->route.parent == NULL || check_parent(work))
           && query_resolve(work->conn, &work->query, work->err);
}

static bool make_answer(struct work *work)
{
    if (work->route.kind == ROUTE_STATS)
        return format_is_flat(work->route.format) ? serve_flat_sums(work) : serve_stats(work);
    if (work->route.kind == ROUTE_GRAPH)
        return serve_graph(work);
    if (!bind_fields(work))
        return false;
    if (format_is_flat(work->route.format))
        return serve_flat(work);
    return work->route.kind == ROUTE_ITEM ? serve_item(work) : serve_page(work);
}

/* ---- to take away ---- */

/* An export is kept under its own name. */
static bool add_disposition(struct work *work)
{
    char value[EXPORT_NAME + 64];

    snprintf(value, sizeof(value), "attachment; filename=\"%.80s%s\"", work->target.segments[2],
             format_suffix(work->target.format));
    return reply_header(work->reply, "Content-Disposition", value);
}

static void drop_headers(struct reply *reply)
{
    while (reply->n_headers > 0)
        free(reply->headers[--reply->n_headers].value);
}

static bool is_method(const struct request *request, const char *method)
{
    return strcmp(request->method, method) == 0;
}

/* Leaves of a body what a Range header asks for. What has no length yet is told whole. */
static bool take_range(struct work *work)
{
    struct reply *reply = work->reply;
    uint64_t size = reply->file.len > 0 ? reply->file.len : reply->len;
    struct range range = { .first = 0 };
    char text[80];

    if (reply->source.read != NULL || work->is_known)
        return true;
    if (!is_method(work->request, "GET") || work->request->range == NULL
        || !range_is_current(work->request->if_range, work->etag))
        return true;
    switch (range_read(work->request->range, size, &range)) {
    case RANGE_WHOLE:
        return true;
    case RANGE_BEYOND:
        drop_headers(reply);
        snprintf(text, sizeof(text), "bytes */%" PRIu64, size);
        reply_header(reply, "Content-Range", text);
        return error_set(work->err, ERR_RANGE, NULL,
                         "The body has %" PRIu64 " bytes; the range asks for what is behind them.",
                         size);
    case RANGE_PART:
        break;
    }
    snprintf(text, sizeof(text), "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range.first,
             range.first + range.len - 1, size);
    reply->status = 206;
    if (reply->file.len > 0) {
        reply->file.first = range.first;
        reply->file.len = range.len;
    } else {
        memmove(reply->body, reply->body + range.first, range.len);
        reply->len = range.len;
    }
    return reply_header(reply, "Content-Range", text)
           || error_set(work->err, ERR_INTERNAL, NULL, "no memory for a range");
}

/* Whether a byte may stand in the name of a file anywhere, and in a header without quoting. */
static bool is_file_safe(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z')
           || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

/* dl=1: a file, called by its path and its release. */
static void add_attachment(struct work *work)
{
    defer(buffer_done) struct buffer name = BUFFER_INIT(SERVE_FILE);
    const char *release = state_release(conn_state(work->conn), known_day(work));

    if (!work->query.is_download)
        return;
    buffer_text(&name, "attachment; filename=\"");
    for (size_t i = 1; i < work->target.n_segments; i++) {
        for (const char *at = work->target.segments[i]; *at != '\0'; at++)
            buffer_byte(&name, is_file_safe(*at) ? *at : '-');
        buffer_byte(&name, '-');
    }
    buffer_format(&name, "%s%s\"", release != NULL ? release : known_day(work),
                  work->route.format == FORMAT_JSON ? format_suffix(FORMAT_ROWS)
                                                    : format_suffix(work->route.format));
    reply_header(work->reply, "Content-Disposition", name.broken ? "attachment" : name.data);
}

static bool serve_rows(struct work *work)
{
    if (!read_request(work))
        return false;
    query_drop_defaults(&work->route, conn_state(work->conn), &work->target);
    if (!set_etag(work))
        return false;
    if (is_answered(work))
        return true;
    if (!make_answer(work))
        return false;
    work->is_known = is_any_enough(work);
    add_attachment(work);
    if (work->route.is_export && (!add_disposition(work) || !take_range(work)))
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for the headers of an export");
    add_validators(work, work->etag);
    return true;
}

/* Whether a document is a text for people, which nothing can be asked of. */
static bool is_text(const struct work *work)
{
    return work->route.kind == ROUTE_DOCS || work->route.kind == ROUTE_LLMS;
}

/* For what takes none. */
static bool refuse_params(struct work *work)
{
    work->query.as_of[0] = '\0';
    return work->target.n_params == 0
           || error_set(work->err, ERR_PARAM_UNKNOWN, work->target.params[0].name,
                        "There is no parameter '%.60s' here.", work->target.params[0].name);
}

static bool read_document_params(struct work *work)
{
    work->query.is_pretty = false;
    if (is_text(work))
        return refuse_params(work);
    work->query.as_of[0] = '\0';
    for (size_t i = 0; i < work->target.n_params; i++) {
        const struct target_param *param = &work->target.params[i];

        if (strcmp(param->name, "pretty") != 0) {
            error_set(work->err, ERR_PARAM_UNKNOWN, param->name,
                      "There is no parameter '%.60s' here.", param->name);
            error_allow(work->err, param->name, "pretty");
            return false;
        }
        if (i > 0)
            return error_set(work->err, ERR_PARAM_REPEATED, "pretty",
                             "'pretty' may stand only once.");
        if (strcmp(param->value, "0") != 0 && strcmp(param->value, "1") != 0)
            return error_set(work->err, ERR_PARAM_INVALID, "pretty", "'pretty' takes 0 or 1.");
        work->query.is_pretty = param->value[0] == '1';
    }
    return true;
}

/* A page may load and run nothing, nor stand inside another; its style is its own. */
static void add_document_headers(struct work *work)
{
    reply_header(work->reply, "Content-Security-Policy",
                 "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
                 "form-action 'none'; frame-ancestors 'none'");
    reply_header(work->reply, "Referrer-Policy", "no-referrer");
}

/* Writes the rows of a glossary for the page. */
static bool add_glossary(struct work *work, const struct resource *resource, struct buffer *words)
{
    static const char *const names[] = { "id", "name", "text" };
    defer(stmt_return) sqlite3_stmt *rows = NULL;
    struct query query;
    bool is_row;

    query_included(resource, &work->query, &query);
    for (query.n_fields = 0; query.n_fields < 3; query.n_fields++)
        query.fields[query.n_fields] = resource_field(resource, names[query.n_fields]);
    query.limit = QUERY_LIMIT_MAX;
    if (!select_open(work->conn, &query, &rows, work->err))
        return false;
    for (;;) {
        const char *texts[3];

        if (!stmt_step(rows, &is_row, work->err))
            return false;
        if (!is_row)
            return true;
        for (int i = 0; i < 3; i++) {
            texts[i] = (const char *)sqlite3_column_text(rows, i);
            texts[i] = texts[i] != NULL ? texts[i] : "";
        }
        docs_add_word(words, texts[0], texts[1], texts[2]);
    }
}

static bool send_page(struct work *work)
{
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    defer(buffer_done) struct buffer words = BUFFER_INIT(work->service->body_limit);
    const struct state *state = conn_state(work->conn);
    bool is_page = work->route.kind == ROUTE_DOCS;

    for (const struct resource *const *at = work->service->catalogue; is_page && *at != NULL;
         at++) {
        if ((*at)->is_glossary && !add_glossary(work, *at, &words))
            return false;
    }
    if (is_page)
        docs_render(work->service->catalogue, state, BLUEHELM_VERSION, &words, &body);
    else
        llms_render(work->service->catalogue, state, BLUEHELM_VERSION, &body);
    if (!take_body(work, &body))
        return false;
    work->reply->content_type = is_page ? "text/html; charset=utf-8" : "text/plain; charset=utf-8";
    return true;
}

static bool serve_document(struct work *work)
{
    const struct state *state;
    bool is_pretty;

    if (!read_document_params(work))
        return false;
    is_pretty = work->query.is_pretty;
    if (work->route.kind == ROUTE_HEALTH || work->route.kind == ROUTE_READY) {
        state = work->route.kind == ROUTE_READY ? conn_state(work->conn) : NULL;
        if (state != NULL && state->guard != NULL && atomic_load(&state->guard->is_damaged))
            return error_set(work->err, ERR_DAMAGED, NULL,
                             "The dataset file is damaged: a page is not what was written, or "
                             "cannot be read. Its keeper has to put a whole one in its place.");
        reply_header(work->reply, "Cache-Control", "no-store");
        return send_document(work, health_new(state), is_pretty);
    }
    state = conn_state(work->conn);
    if (!set_etag(work))
        return false;
    if (is_answered(work))
        return true;
    add_validators(work, work->etag);
    if (work->route.kind == ROUTE_DOCS)
        add_document_headers(work);
    work->is_known = is_any_enough(work);
    if (work->route.kind == ROUTE_EXPORTS)
        return send_document(work, export_index_new(work->service->catalogue, state), is_pretty);
    if (is_text(work))
        return send_page(work);
    return send_document(work,
                         work->route.kind == ROUTE_INDEX
                             ? index_new(work->service->catalogue, state, BLUEHELM_VERSION)
                             : openapi_new(work->service->catalogue, state, BLUEHELM_VERSION),
                         is_pretty);
}

/* The dataset file as it is. */
static bool serve_database(struct work *work)
{
    struct export_db db;
    char digest[FINGERPRINT_SIZE];

    if (!refuse_params(work)
        || !export_db(work->service->exports, work->service->dataset, &db, work->err))
        return false;
    work->reply->file = (struct reply_file){ db.descriptor, 0, db.size };
    /* Of the bytes, not of the content: whoever resumes must not mix two files. */
    fingerprint((const char *const[]){ "file", db.stamp, NULL }, digest);
    set_tag(work, digest);
    if (is_not_modified(work)) {
        reply_file_done(&work->reply->file);
        return true;
    }
    if (!take_stream(work))
        return false;
    work->is_known = is_any_enough(work);
    work->reply->status = 200;
    work->reply->content_type = EXPORT_FILE_TYPE;
    if (!add_disposition(work) || !take_range(work))
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for the headers of a file");
    add_validators(work, work->etag);
    if (db.has_digest)
        write_digest(work->reply, "Repr-Digest", db.digest);
    if (db.has_digest && work->reply->status == 200 && !work->is_known)
        write_digest(work->reply, "Content-Digest", db.digest);
    return true;
}

/* What the exports hold. */
static bool serve_package(struct work *work)
{
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);

    if (!refuse_params(work) || !set_etag(work))
        return false;
    if (is_not_modified(work))
        return true;
    if (!export_package(work->service->exports, work->service->catalogue, work->service->dataset,
                        &body, work->err))
        return false;
    if (body.broken)
        return take_body(work, &body); /* tells why */
    work->reply->body = buffer_steal(&body, &work->reply->len);
    work->reply->content_type = "application/json";
    work->reply->status = 200;
    work->is_known = is_any_enough(work);
    if (!add_disposition(work) || !take_range(work))
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for the headers of a package");
    add_validators(work, work->etag);
    return true;
}

/* Rows of a collection as its list tells them; none of what is asked with parameters only, and of
 * what is no rows of the dataset. */
static bool count_collection(void *context, const struct resource *resource, int64_t *ret,
                             struct error *err)
{
    struct work *work = context;

    *ret = -1;
    if (resource->graph != NULL || resource->lines != NULL || resource->fields_of != NULL)
        return true;
    for (const struct param *param = resource->params; param != NULL && param->name != NULL;
         param++) {
        if (param->is_required)
            return true;
    }
    work->target.n_params = 0;
    work->route = (struct route){ .kind = ROUTE_COLLECTION, .resource = resource };
    return query_parse(work->service->catalogue, conn_state(work->conn), &work->target,
                       &work->route, &work->query, err)
           && query_resolve(work->conn, &work->query, err)
           && select_count(work->conn, &work->query, ret, err);
}

/* Takes no parameter, and needs no dataset: it is asked when things go wrong. */
static bool serve_metrics(struct work *work)
{
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    struct metrics_dataset dataset = { .count = count_collection, .context = work };
    struct error none = { .code = ERR_NONE };
    bool has_dataset;

    if (work->target.n_params > 0)
        return error_set(work->err, ERR_PARAM_UNKNOWN, work->target.params[0].name,
                         "There is no parameter '%.60s' here; none is taken.",
                         work->target.params[0].name);
    has_dataset = dataset_conn(work->service->dataset, &work->conn, &none);
    if (has_dataset) {
        conn_deadline(work->conn, work->service->deadline_ms);
        dataset.release = conn_state(work->conn)->release;
        dataset.digest = conn_state(work->conn)->digest;
        dataset.catalogue = work->service->catalogue;
        dataset.is_damaged = conn_state(work->conn)->guard != NULL
                             && atomic_load(&conn_state(work->conn)->guard->is_damaged);
    }
    metrics_write(work->service->metrics, has_dataset ? &dataset : NULL, &body);
    work->route.kind = ROUTE_METRICS; /* counting rows asks for collections */
    if (!body.broken)
        body.len--; /* take_body() ends the last line */
    if (!take_body(work, &body))
        return false;
    work->reply->content_type = metrics_type;
    reply_header(work->reply, "Cache-Control", "no-store");
    return true;
}

/* ---- OData ---- */

static void free_odata(struct odata **odata)
{
    odata_free(*odata);
}

static bool add_odata(struct work *work, struct odata *odata, struct buffer *body)
{
    const struct resource *const *catalogue = work->service->catalogue;
    int64_t total;
    bool is_row;

    switch (odata->kind) {
    case ODATA_SERVICE:
        odata_service(catalogue, odata, body);
        return true;
    case ODATA_METADATA:
        odata_metadata(catalogue, body);
        return true;
    case ODATA_COUNT:
        if (!select_count(work->conn, &work->query, &total, work->err))
            return false;
        buffer_integer(body, total);
        return true;
    case ODATA_ENTITY:
        if (!odata_entity(catalogue, work->conn, odata, &work->query, body, &is_row, work->err))
            return false;
        return is_row || absent(work, &work->query);
    default:
        return odata_page(catalogue, work->conn, &work->target, odata, &work->query, body,
                          work->err);
    }
}

static bool serve_odata(struct work *work)
{
    const struct state *state = conn_state(work->conn);
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    defer(free_odata) struct odata *odata = calloc(1, sizeof(*odata));
    bool is_document = work->route.odata == ODATA_SERVICE || work->route.odata == ODATA_METADATA;
    char page[48];

    if (odata == NULL)
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for an OData request");
    work->query.as_of[0] = '\0';
    if (is_document
            ? !odata_read_document(&work->target, &work->route, work->request,
                                   work->service->public_url, odata, work->err)
            : !odata_read(work->service->catalogue, state, &work->target, &work->route,
                          work->request, work->service->public_url, odata, &work->query, work->err)
                  || !query_resolve(work->conn, &work->query, work->err) || !bind_fields(work))
        return false;
    work->manner = odata->manner;
    if (!set_etag(work))
        return false;
    work->manner = NULL;
    work->varies_by = "Accept, Prefer";
    reply_header(work->reply, "OData-Version", "4.0");
    if (is_not_modified(work))
        return true;
    if (!add_odata(work, odata, &body) || !take_body(work, &body))
        return false;
    work->reply->content_type = odata_type(odata);
    work->is_known = is_any_enough(work);
    if (odata->is_page_by_client && odata->kind == ODATA_SET) {
        snprintf(page, sizeof(page), "odata.maxpagesize=%u", odata->page);
        reply_header(work->reply, "Preference-Applied", page);
    }
    add_validators(work, work->etag);
    return true;
}

static bool serve_options(struct work *work)
{
    work->reply->status = 204;
    reply_header(work->reply, "Allow", "GET, HEAD, OPTIONS");
    if (work->request->preflight != NULL) {
        reply_header(work->reply, "Access-Control-Allow-Methods", "GET, HEAD, OPTIONS");
        reply_header(work->reply, "Access-Control-Allow-Headers", "*");
        reply_header(work->reply, "Access-Control-Max-Age", "86400");
    }
    reply_header(work->reply, "Cache-Control", "public, max-age=86400");
    return true;
}

/* A form that the path has no end for: format= for tools that cannot change a path, and Accept. */
static bool choose_format(struct work *work)
{
    const char *name = target_param(&work->target, "format");
    enum format format = FORMAT_JSON;

    work->varies_by = NULL;
    if (!route_is_list(&work->route) || work->route.is_export)
        return true; /* format= is no parameter there, which query.c says */
    if (name == NULL) {
        work->varies_by = work->route.format == FORMAT_JSON ? "Accept" : NULL;
        format = format_accepted(work->request->accept);
        if (work->varies_by != NULL && route_fits(&work->route, format))
            work->route.format = format;
        return true;
    }
    if (format_find(name, &format) && route_fits(&work->route, format)) {
        if (work->route.format != FORMAT_JSON && work->route.format != format)
            return error_set(work->err, ERR_PARAM_INVALID, "format",
                             "The path ends in '%s' and 'format' asks for %s.",
                             format_suffix(work->route.format), name);
        work->route.format = format;
        return true;
    }
    error_set(work->err, ERR_PARAM_INVALID, "format", "'format' does not take '%.60s' here.", name);
    for (int i = 0; i < FORMAT__MAX; i++) {
        if (route_fits(&work->route, (enum format)i))
            error_allow(work->err, name, format_name((enum format)i));
    }
    return false;
}

static bool run(struct work *work)
{
    const struct request *request = work->request;

    if (is_method(request, "OPTIONS") && strcmp(request->target, "*") == 0)
        return serve_options(work);
    if (!target_parse(request->target, &work->target, work->err)
        || !route_find(work->service->catalogue, &work->target, &work->route, work->err))
        return false;
    route_template(&work->route, work->reply->route, sizeof(work->reply->route));
    if (is_method(request, "OPTIONS"))
        return serve_options(work);
    if (!is_method(request, "GET") && !is_method(request, "HEAD")) {
        reply_header(work->reply, "Allow", "GET, HEAD, OPTIONS");
        return error_set(work->err, ERR_METHOD, NULL,
                         "'%.20s' is not taken here; GET, HEAD and OPTIONS are.", request->method);
    }
    if (work->route.kind == ROUTE_METRICS)
        return serve_metrics(work);
    if (work->route.kind != ROUTE_HEALTH) {
        if (!dataset_conn(work->service->dataset, &work->conn, work->err))
            return false;
        conn_deadline(work->conn, work->service->deadline_ms);
    }
    if (work->route.kind == ROUTE_ODATA)
        return serve_odata(work);
    if (!choose_format(work))
        return false;
    if (work->route.kind == ROUTE_DATABASE)
        return serve_database(work);
    if (work->route.kind == ROUTE_PACKAGE)
        return serve_package(work);
    return work->route.kind == ROUTE_COLLECTION || work->route.kind == ROUTE_STATS
                   || work->route.kind == ROUTE_ITEM || work->route.kind == ROUTE_CHILD
                   || work->route.kind == ROUTE_GRAPH
               ? serve_rows(work)
               : serve_document(work);
}

void serve_problem(const struct service *service, const struct request *request,
                   const struct error *err, struct reply *ret)
{
    (void)service;
    *ret = (struct reply){ 0 };
    problem_render(err, request, ret);
    add_digest(ret);
}

/* ---- how it is sent ---- */

/* Puts a coding on the body or around the stream. False: it stays as it is. */
static bool put_coding(struct reply *reply, enum coding coding)
{
    char *packed;
    size_t len;

    if (reply->source.read != NULL)
        return coding_wrap(coding, &reply->source);
    if (!coding_pack(coding, reply->body, reply->len, &packed, &len))
        return false;
    free(reply->body);
    reply->body = packed;
    reply->len = len;
    return true;
}

/* The value of a header, to be changed; NULL: it is not there. */
static char **header_value(struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (strcmp(reply->headers[i].name, name) == 0)
            return &reply->headers[i].value;
    }
    return NULL;
}

/* Codes the body, with the headers that say so; without memory it stays as it is, and so do they.
 */
static bool code_body(struct work *work, enum coding coding)
{
    struct reply *reply = work->reply;
    char **etag = work->is_tagged ? header_value(reply, "ETag") : NULL;
    char tag[TAG_SIZE] = "", *copy;

    if (etag != NULL)
        write_tag(work, coding, tag);
    copy = strdup(tag);
    if (copy == NULL || !reply_header(reply, "Content-Encoding", coding_name(coding))) {
        free(copy);
        return false;
    }
    if (!put_coding(reply, coding)) {
        free(reply->headers[--reply->n_headers].value);
        free(copy);
        return false;
    }
    if (etag != NULL) {
        free(*etag);
        *etag = copy;
        copy = NULL;
    }
    free(copy);
    return true;
}

static bool wants_coding(const struct work *work, enum coding coding)
{
    const struct reply *reply = work->reply;

    if (coding == CODING_NONE || reply->status == 206 || !coding_fits(reply->content_type))
        return false;
    if (reply->source.read != NULL)
        return true;
    /* Short ones as well for who refuses them as they are. */
    return reply->body != NULL
           && (reply->len >= CODING_LEAST
               || !coding_accepted(work->request->accept_encoding, CODING_NONE));
}

static bool is_ranged(const struct route *route)
{
    return route->is_export || route->kind == ROUTE_DATABASE || route->kind == ROUTE_PACKAGE;
}

/* Codes the body where the client wants that and it is worth the while, and says on what the answer
 * depended. A part of a body is part of it as it is. */
static void encode(struct work *work)
{
    struct reply *reply = work->reply;
    enum coding coding = coding_choose(work->request->accept_encoding);
    bool is_text = reply->status == 304 ? work->route.kind != ROUTE_DATABASE
                                        : coding_fits(reply->content_type);
    bool is_varied = is_text && (work->is_tagged || reply->len >= CODING_LEAST);
    char varies[64];

    if (is_varied && work->varies_by != NULL) {
        snprintf(varies, sizeof(varies), "%s, Accept-Encoding", work->varies_by);
        reply_header(reply, "Vary", varies);
    } else if (is_varied || work->varies_by != NULL) {
        reply_header(reply, "Vary", is_varied ? "Accept-Encoding" : work->varies_by);
    }
    if (wants_coding(work, coding) && code_body(work, coding))
        return;
    if (is_ranged(&work->route) && reply->status < 300 && reply->source.read == NULL)
        reply_header(reply, "Accept-Ranges", "bytes");
}

/* Leaves nothing of a reply that was begun but its route and what says which methods there are. */
static void restart(struct reply *reply, bool keeps_headers)
{
    struct reply fresh = { 0 };

    memcpy(fresh.route, reply->route, sizeof(fresh.route));
    if (keeps_headers) {
        memcpy(fresh.headers, reply->headers, sizeof(fresh.headers));
        fresh.n_headers = reply->n_headers;
        reply->n_headers = 0;
    }
    reply_done(reply);
    *reply = fresh;
}

void serve(const struct service *service, const struct request *request, struct reply *ret)
{
    struct error err = { 0 };
    struct work work;
    bool is_good;

    *ret = (struct reply){ 0 };
    work.service = service;
    work.request = request;
    work.conn = NULL;
    work.varies_by = NULL;
    work.is_known = work.is_tagged = false;
    work.route.kind = ROUTE_INDEX;
    work.route.is_export = false;
    work.manner = NULL;
    work.route.format = FORMAT_JSON;
    work.reply = ret;
    work.err = &err;
    work.fields = BUFFER_INIT(SERVE_FIELDS);
    is_good = run(&work);
    if (work.conn != NULL && !ret->is_kept && !conn_is_sound(work.conn, is_good, &err))
        is_good = is_good && work.route.kind == ROUTE_METRICS; /* asked when things go wrong */
    if (!is_good) {
        restart(ret, err.code == ERR_METHOD || err.code == ERR_RANGE);
        problem_render(&err, request, ret);
        work.varies_by = NULL;
        work.is_tagged = work.is_known = false;
    }
    if (!ret->is_kept)
        encode(&work);
    if (work.is_known)
        drop_body(&work);
    buffer_done(&work.fields);
    add_digest(ret);
    if (ret->is_short) {
        restart(ret, false);
        ret->is_short = true;
        ret->status = 503;
        snprintf(ret->log_detail, sizeof(ret->log_detail), "There was no memory for the reply.");
        work.is_tagged = false;
    }
    ret->is_lasting =
        work.is_tagged && request->range == NULL && ret->source.read == NULL && ret->file.len == 0;
    if (work.conn != NULL)
        conn_deadline(work.conn, 0);
}
