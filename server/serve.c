#define _GNU_SOURCE /* strptime, timegm, strdup */
#include "server/serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nettle/base64.h>
#include <nettle/sha2.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "db/select.h"
#include "server/base/buffer.h"
#include "server/base/cleanup.h"
#include "server/cursor.h"
#include "server/documents.h"
#include "server/fingerprint.h"
#include "server/graph.h"
#include "server/odata.h"
#include "server/openapi.h"
#include "server/problem.h"
#include "server/query.h"
#include "server/render_json.h"
#include "server/route.h"
#include "server/row_source.h"
#include "server/stats.h"
#include "server/stream.h"
#include "server/target.h"

enum {
    SERVE_AT_ONCE = 256 << 10, /* bytes of rows that are told at once, where there are no more */
    SERVE_INDENT = 4,          /* times as long as compact text that indented text may come to be */
    SERVE_TAIL = 64 << 10, /* bytes of a body that no page's rows may use: one large row, and what
                              follows the rows */
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
    bool is_by_accept;          /* another Accept could have had another form */
    const char *manner;         /* what else than the target the answer depends on; NULL: nothing */
    char etag[FINGERPRINT_SIZE + 2];
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

    if (reply->n_headers == REPLY_HEADERS)
        return false;
    copy = strdup(value);
    if (copy == NULL)
        return false;
    reply->headers[reply->n_headers++] = (struct header){ name, copy };
    return true;
}

void reply_done(struct reply *reply)
{
    if (reply == NULL)
        return;
    free(reply->body);
    reply_source_done(&reply->source);
    for (size_t i = 0; i < reply->n_headers; i++)
        free(reply->headers[i].value);
    reply->body = NULL;
    reply->n_headers = 0;
}

/* Content-Digest (RFC 9530) over the body as it is sent: no coding is ever put on it. */
static void add_digest(struct reply *reply)
{
    uint8_t digest[SHA256_DIGEST_SIZE];
    char text[sizeof("sha-256=::") + BASE64_ENCODE_RAW_LENGTH(SHA256_DIGEST_SIZE)] = "sha-256=:";
    struct sha256_ctx context;

    if (reply->body == NULL)
        return;
    sha256_init(&context);
    sha256_update(&context, reply->len, (const uint8_t *)reply->body);
    sha256_digest(&context, sizeof(digest), digest);
    base64_encode_raw(text + strlen(text), sizeof(digest), digest);
    text[sizeof(text) - 2] = ':';
    reply_header(reply, "Content-Digest", text);
}

/* ---- headers that say what the body is a state of ---- */

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
    snprintf(work->etag, sizeof(work->etag), "\"%s\"", digest);
    return true;
}

/*
 * Whether the client has this very answer. An opaque tag cannot hold a quote, so ours between its
 * quotes is found only as a whole tag, weak or strong; and who has it once had the answer, so
 * nothing needs to be asked.
 */
static bool is_not_modified(const struct work *work)
{
    const char *tags = work->request->if_none_match;

    return tags != NULL && strstr(tags, work->etag) != NULL;
}

/* "*" is true of whatever there is: only when an answer was made is it known that there is one. */
static bool is_any_enough(const struct work *work)
{
    const char *tags = work->request->if_none_match;

    return tags != NULL && tags[strspn(tags, " \t")] == '*';
}

/* Turns the reply into a 304: the same headers, no body. */
static void drop_body(struct work *work)
{
    free(work->reply->body);
    work->reply->body = NULL;
    reply_source_done(&work->reply->source);
    work->reply->content_type = NULL;
    work->reply->len = 0;
    work->reply->status = 304;
}

static void add_release_date(struct work *work)
{
    struct tm day = { 0 };
    char text[40];

    if (strptime(conn_state(work->conn)->release, "%Y-%m-%d", &day) == NULL)
        return;
    timegm(&day); /* fills in the day of the week */
    strftime(text, sizeof(text), "%a, %d %b %Y 00:00:00 GMT", &day);
    reply_header(work->reply, "Last-Modified", text);
}

static void add_validators(struct work *work)
{
    const char *as_of = work->query.as_of;
    bool is_past = as_of[0] != '\0' && strcmp(as_of, conn_state(work->conn)->release) < 0;

    reply_header(work->reply, "ETag", work->etag);
    if (work->is_by_accept)
        reply_header(work->reply, "Vary", "Accept");
    add_release_date(work);
    reply_header(work->reply, "Cache-Control",
                 is_past ? "public, max-age=31536000, immutable"
                         : "public, max-age=60, stale-while-revalidate=600");
}

/* ---- bodies ---- */

static bool take_body(struct work *work, struct buffer *body)
{
    buffer_byte(body, '\n');
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

    target_write(&work->target, without, link);
    buffer_format(link, "%cas_of=%s",
                  strchr(link->data != NULL ? link->data : "", '?') != NULL ? '&' : '?',
                  known_day(work));
}

/* "meta": what the rows are a state of, and how to cite them. total < 0: not counted; more: members
 * of its own, each with a comma behind; NULL: none. */
static void add_meta(const struct work *work, int64_t total, const struct buffer *more,
                     struct buffer *body)
{
    defer(buffer_done) struct buffer link = BUFFER_INIT(SERVE_URL);
    defer(buffer_done) struct buffer citation = BUFFER_INIT(SERVE_URL + 256);
    const char *as_of = known_day(work);
    const char *release = state_release(conn_state(work->conn), as_of);

    add_permalink(work, &link);
    if (release != NULL)
        buffer_format(&citation, "bluehelm dataset, release %s, as known on %s: %s", release, as_of,
                      link.broken ? "" : link.data);
    else
        buffer_format(&citation, "bluehelm dataset, before its first release, as known on %s: %s",
                      as_of, link.broken ? "" : link.data);
    buffer_text(body, "\"meta\":{");
    if (total >= 0)
        buffer_format(body, "\"total\":%lld,", (long long)total);
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
    buffer_text(body, ",\"permalink\":");
    buffer_literal_of(body, &link);
    buffer_text(body, ",\"citation\":");
    buffer_literal_of(body, &citation);
    buffer_text(body, ",\"licence\":");
    buffer_literal(body,
                   "CC0-1.0 for the compilation; the licence of each source stands in /v1/sources");
    buffer_byte(body, '}');
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

    target_write(&work->target, without, url);
    /* Told from the same day on: a walk stays in one state of knowledge. */
    buffer_format(url, "%cas_of=%s&cursor=%s",
                  strchr(url->data != NULL ? url->data : "", '?') != NULL ? '&' : '?',
                  known_day(work), cursor);
    if (!url->broken && buffer_format(&link, "<%s>; rel=\"next\"", url->data))
        reply_header(work->reply, "Link", link.data);
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
    if (!query_owner(&work->target, owner))
        return error_set(work->err, ERR_INTERNAL, NULL, "no memory for the name of a query");
    if (total >= 0)
        add_total(work, total);
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
        return take_body(work, &body); /* tells why */
    if (is_done && !add_page_headers(work, stream))
        return false;
    if (!is_done && !stream_keep(stream, &body, work->err))
        return false;
    work->reply->content_type = format_type(work->route.format);
    work->reply->status = 200;
    if (is_done) {
        work->reply->body = buffer_steal(&body, &work->reply->len);
    } else {
        work->reply->source = stream_source(stream);
        stream = NULL;
    }
    return true;
}

/* ---- sums ---- */

static void free_result(struct stats_result **result)
{
    free(*result);
}

static bool serve_stats(struct work *work)
{
    const struct stats_request *request = &work->stats;
    defer(buffer_done) struct buffer body = BUFFER_INIT(work->service->body_limit);
    defer(buffer_done) struct buffer more = BUFFER_INIT(work->service->body_limit);
    defer(free_result) struct stats_result *result = malloc(sizeof(*result));
    struct page page = { .cursor = "" };
    char owner[FINGERPRINT_SIZE], known[FINGERPRINT_SIZE];

    if (result == NULL || !query_owner(&work->target, owner))
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
        target_write(&work->target, NULL, &path);
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

/* What the parameters ask for, proved against the dataset. */
static bool read_request(struct work *work)
{
    const struct state *state = conn_state(work->conn);

    if (work->route.kind == ROUTE_STATS)
        return stats_parse(work->service->catalogue, state, &work->target, &work->route,
                           &work->query, &work->stats, work->err)
               && stats_resolve(work->conn, &work->query, &work->stats, work->err);
    return query_parse(work->service->catalogue, state, &work->target, &work->route, &work->query,
                       work->err)
           && (work->route.parent == NULL || check_parent(work))
           && query_resolve(work->conn, &work->query, work->err);
}

static bool make_answer(struct work *work)
{
    if (work->route.kind == ROUTE_STATS)
        return serve_stats(work);
    if (work->route.kind == ROUTE_GRAPH)
        return serve_graph(work);
    if (!bind_fields(work))
        return false;
    if (format_is_flat(work->route.format))
        return serve_flat(work);
    return work->route.kind == ROUTE_ITEM ? serve_item(work) : serve_page(work);
}

static bool serve_rows(struct work *work)
{
    if (!read_request(work) || !set_etag(work))
        return false;
    if (is_not_modified(work)) {
        work->reply->status = 304;
        add_validators(work);
        return true;
    }
    if (!make_answer(work))
        return false;
    add_validators(work);
    if (is_any_enough(work))
        drop_body(work);
    return true;
}

static bool read_document_params(struct work *work)
{
    work->query.is_pretty = false;
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

static bool serve_document(struct work *work)
{
    const struct state *state;
    bool is_pretty;

    if (!read_document_params(work))
        return false;
    is_pretty = work->query.is_pretty;
    if (work->route.kind == ROUTE_HEALTH || work->route.kind == ROUTE_READY) {
        state = work->route.kind == ROUTE_READY ? conn_state(work->conn) : NULL;
        reply_header(work->reply, "Cache-Control", "no-store");
        return send_document(work, health_new(state), is_pretty);
    }
    state = conn_state(work->conn);
    if (!set_etag(work))
        return false;
    add_validators(work);
    if (is_not_modified(work) || is_any_enough(work)) {
        work->reply->status = 304;
        return true;
    }
    return send_document(work,
                         work->route.kind == ROUTE_INDEX
                             ? index_new(work->service->catalogue, state, BLUEHELM_VERSION)
                             : openapi_new(work->service->catalogue, state, BLUEHELM_VERSION),
                         is_pretty);
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
            ? !odata_read_document(&work->target, &work->route, work->request, odata, work->err)
            : !odata_read(work->service->catalogue, state, &work->target, &work->route,
                          work->request, odata, &work->query, work->err)
                  || !query_resolve(work->conn, &work->query, work->err) || !bind_fields(work))
        return false;
    work->manner = odata->manner;
    if (!set_etag(work))
        return false;
    work->manner = NULL;
    if (!is_not_modified(work)) {
        if (!add_odata(work, odata, &body) || !take_body(work, &body))
            return false;
        work->reply->content_type = odata_type(odata);
    }
    reply_header(work->reply, "OData-Version", "4.0");
    reply_header(work->reply, "Vary", "Accept, Prefer, X-Forwarded-Proto");
    if (odata->is_page_by_client && odata->kind == ODATA_SET) {
        snprintf(page, sizeof(page), "odata.maxpagesize=%u", odata->page);
        reply_header(work->reply, "Preference-Applied", page);
    }
    add_validators(work);
    if (is_not_modified(work) || is_any_enough(work))
        drop_body(work);
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

    work->is_by_accept = false;
    if (!route_is_list(&work->route))
        return true; /* format= is no parameter there, which query.c says */
    if (name == NULL) {
        work->is_by_accept = work->route.format == FORMAT_JSON;
        format = format_accepted(work->request->accept);
        if (work->is_by_accept && route_fits(&work->route, format))
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

static bool is_method(const struct request *request, const char *method)
{
    return strcmp(request->method, method) == 0;
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
    if (work->route.kind != ROUTE_HEALTH) {
        if (!dataset_conn(work->service->dataset, &work->conn, work->err))
            return false;
        conn_deadline(work->conn, work->service->deadline_ms);
    }
    if (work->route.kind == ROUTE_ODATA)
        return serve_odata(work);
    if (!choose_format(work))
        return false;
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

    *ret = (struct reply){ 0 };
    work.service = service;
    work.request = request;
    work.conn = NULL;
    work.is_by_accept = false;
    work.manner = NULL;
    work.route.format = FORMAT_JSON;
    work.reply = ret;
    work.err = &err;
    work.fields = BUFFER_INIT(service->body_limit);
    if (!run(&work)) {
        restart(ret, err.code == ERR_METHOD);
        problem_render(&err, request, ret);
    }
    buffer_done(&work.fields);
    add_digest(ret);
    if (work.conn != NULL)
        conn_deadline(work.conn, 0);
}
