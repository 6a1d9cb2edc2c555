/*
 * A whole request: method and target on the first line, a header on each further one. Whatever it
 * is, the reply is one of the known ones, well-formed in its form, the same when it is asked for
 * again, and agrees with what else is known of it: its tag, its parts, its codings, its links.
 * \x01 in If-None-Match and If-Range stands for the tag of the plain answer.
 */

#define _GNU_SOURCE /* strcasestr */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <csv.h>
#include <jansson.h>
#include <zlib.h>
#include <zstd.h>

#include "server/base/buffer.h"
#include "server/coding.h"
#include "tests/fuzz/fuzz.h"

enum { LINES = 10 };

/** The fields of a request that a header sets. */
static const struct {
    const char *name;
    size_t offset;
} fields[] = {
    { "If-None-Match", offsetof(struct request, if_none_match) },
    { "Access-Control-Request-Method", offsetof(struct request, preflight) },
    { "Accept", offsetof(struct request, accept) },
    { "Accept-Encoding", offsetof(struct request, accept_encoding) },
    { "Prefer", offsetof(struct request, prefer) },
    { "Range", offsetof(struct request, range) },
    { "If-Range", offsetof(struct request, if_range) },
};

/** A reply with its whole body. */
struct answer {
    struct reply reply;
    char *body;
    size_t len;
};

static struct answer ask(const struct request *request)
{
    struct answer answer;

    serve(fuzz_service(), request, &answer.reply);
    answer.body = fuzz_body(&answer.reply, &answer.len);
    return answer;
}

static void answer_done(struct answer *answer)
{
    reply_done(&answer->reply);
    free(answer->body);
}

static bool is_known_status(int status)
{
    static const int known[] = { 200, 204, 206, 304, 308, 400, 404, 405, 406,
                                 410, 412, 413, 414, 416, 431, 501, 503, 505 };

    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (known[i] == status)
            return true;
    }
    return false;
}

/* ---- bodies ---- */

static json_t *json_of(const char *body, size_t len)
{
    json_error_t why;
    json_t *document = json_loadb(body, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);

    must(document != NULL, "%s at byte %d of %.*s", why.text, why.position,
         (int)(len < 2000 ? len : 2000), body);
    return document;
}

/** Rows of CSV as they are counted. */
struct table {
    size_t n_cells, n_first;
    bool is_ragged;
};

static void on_cell(void *text, size_t len, void *data)
{
    (void)text;
    (void)len;
    ((struct table *)data)->n_cells++;
}

static void on_row(int c, void *data)
{
    struct table *table = data;

    (void)c;
    if (table->n_first == 0)
        table->n_first = table->n_cells;
    table->is_ragged |= table->n_cells != table->n_first;
    table->n_cells = 0;
}

static void check_csv(const char *body, size_t len)
{
    struct table table = { 0 };
    struct csv_parser parser;
    size_t mark = len >= 3 && memcmp(body, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;

    must(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) == 0, "memory");
    must(csv_parse(&parser, body + mark, len - mark, on_cell, on_row, &table) == len - mark
             && csv_fini(&parser, on_cell, on_row, &table) == 0,
         "CSV is strict: %.*s", (int)(len < 2000 ? len : 2000), body);
    csv_free(&parser);
    must(table.n_first > 0 && !table.is_ragged, "rows of CSV are as long as their header: %.*s",
         (int)(len < 2000 ? len : 2000), body);
}

static void check_lines(const char *body, size_t len)
{
    if (len == 1 && *body == '\n') /* no rows: a body is never empty */
        return;
    for (const char *at = body, *end; at < body + len; at = end + 1) {
        json_t *row;

        end = memchr(at, '\n', len - (size_t)(at - body));
        must(end != NULL, "a line ends in its newline");
        row = json_of(at, (size_t)(end - at));
        must(json_is_object(row), "a line is a row");
        json_decref(row);
    }
}

/* Elements that close what they opened, and nothing that XML has no place for. */
static void check_markup(const char *body, size_t len)
{
    long depth = 0;

    for (size_t i = 0; i < len; i++) {
        must((unsigned char)body[i] >= 0x20 || body[i] == '\n', "XML has no control characters");
        if (body[i] == '&')
            must(memchr(body + i, ';', len - i < 8 ? len - i : 8) != NULL, "an entity ends");
        if (body[i] != '<')
            continue;
        if (body[i + 1] == '?' || body[i + 1] == '!')
            continue;
        depth += body[i + 1] == '/' ? -1 : 1;
        for (bool is_quoted = false; i < len && (is_quoted || body[i] != '>'); i++) {
            is_quoted ^= body[i] == '"';
            must(is_quoted || body[i] != '<' || body[i - 1] != '<', "a tag ends");
            if (!is_quoted && body[i] == '/' && i + 1 < len && body[i + 1] == '>')
                depth--;
        }
        must(depth >= 0, "what closes was open");
    }
    must(depth == 0, "%ld elements stay open", depth);
}

static void check_body(const char *type, const char *body, size_t len)
{
    must(type != NULL, "a body has a type");
    if (strcmp(type, "application/vnd.sqlite3") == 0)
        return;
    must(fuzz_is_utf8(body, len), "a body is text: %.*s", (int)(len < 2000 ? len : 2000), body);
    if (strcasestr(type, "ndjson") != NULL)
        check_lines(body, len);
    else if (strcasestr(type, "json") != NULL)
        json_decref(json_of(body, len));
    else if (strstr(type, "csv") != NULL)
        check_csv(body, len);
    else if (strstr(type, "xml") != NULL)
        check_markup(body, len);
}

/* ---- replies ---- */

static void check_headers(const struct reply *reply)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        for (const char *at = reply->headers[i].value; *at != '\0'; at++)
            must((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f, "%s: %s",
                 reply->headers[i].name, reply->headers[i].value);
        for (size_t j = 0; j < i; j++)
            must(strcasecmp(reply->headers[i].name, reply->headers[j].name) != 0, "%s twice",
                 reply->headers[i].name);
    }
}

static void check_same(const struct answer *a, const struct answer *b, const char *what)
{
    must(a->reply.status == b->reply.status && a->len == b->len
             && memcmp(a->body, b->body, a->len) == 0,
         "%s: %d, %zu bytes, and %d, %zu bytes: %s\n%s", what, a->reply.status, a->len,
         b->reply.status, b->len, a->body, b->body);
    must(a->reply.n_headers == b->reply.n_headers && a->reply.content_type == b->reply.content_type,
         "%s: other headers", what);
    for (size_t i = 0; i < a->reply.n_headers; i++)
        must(strcmp(a->reply.headers[i].name, b->reply.headers[i].name) == 0
                 && strcmp(a->reply.headers[i].value, b->reply.headers[i].value) == 0,
             "%s: %s: %s, and %s", what, a->reply.headers[i].name, a->reply.headers[i].value,
             b->reply.headers[i].value);
}

static void check_problem(const struct answer *answer)
{
    json_t *problem = json_of(answer->body, answer->len);

    must(strcmp(answer->reply.content_type, "application/problem+json") == 0
             || strcmp(answer->reply.content_type, "application/json") == 0
             || strstr(answer->reply.content_type, "odata") != NULL,
         "a problem is of type %s", answer->reply.content_type);
    if (strcmp(answer->reply.content_type, "application/problem+json") == 0)
        must(json_integer_value(json_object_get(problem, "status")) == answer->reply.status
                 && json_is_string(json_object_get(problem, "detail")),
             "a problem tells its status: %s", answer->body);
    json_decref(problem);
}

/* What can be said of any reply. */
static void check_answer(const struct request *request, const struct answer *answer)
{
    int status = answer->reply.status;

    must(is_known_status(status), "%s %s: status %d: %s%s", request->method, request->target,
         status, answer->reply.log_detail, answer->body);
    check_headers(&answer->reply);
    if (status == 304 || status == 204) {
        must(answer->len == 0, "a %d has no body", status);
        return;
    }
    if (fuzz_header(&answer->reply, "Content-Encoding") != NULL)
        return;
    if (status >= 400)
        check_problem(answer);
    else if (status == 200 || status == 308)
        check_body(answer->reply.content_type, answer->body, answer->len);
}

/* ---- one reply and others of the same ---- */

static void unpack(const struct answer *answer, const char *coding, const struct answer *plain)
{
    char *unpacked = malloc(plain->len + 1);
    size_t len = 0;

    must(unpacked != NULL, "memory");
    if (strcmp(coding, "zstd") == 0) {
        ZSTD_DCtx *context = ZSTD_createDCtx();
        ZSTD_inBuffer in = { answer->body, answer->len, 0 };
        ZSTD_outBuffer out = { unpacked, plain->len + 1, 0 };

        must(context != NULL && ZSTD_decompressStream(context, &out, &in) == 0
                 && in.pos == answer->len,
             "zstd unpacks");
        len = out.pos;
        ZSTD_freeDCtx(context);
    } else {
        z_stream stream = { .next_in = (Bytef *)answer->body,
                            .avail_in = (uInt)answer->len,
                            .next_out = (Bytef *)unpacked,
                            .avail_out = (uInt)plain->len + 1 };

        must(strcmp(coding, "gzip") == 0 && inflateInit2(&stream, 15 + 16) == Z_OK
                 && inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_in == 0,
             "%s unpacks", coding);
        len = stream.total_out;
        inflateEnd(&stream);
    }
    must(len == plain->len && memcmp(unpacked, plain->body, len) == 0,
         "%s unpacks to the plain body", coding);
    free(unpacked);
}

/* The request without what shapes only how the answer is sent. */
static struct request plain_of(const struct request *request)
{
    struct request plain = *request;

    plain.method = "GET";
    plain.if_none_match = plain.accept_encoding = plain.range = plain.if_range = plain.preflight =
        NULL;
    return plain;
}

static void check_against_plain(const struct answer *answer, const struct answer *plain)
{
    const char *coding = fuzz_header(&answer->reply, "Content-Encoding");
    const char *part = fuzz_header(&answer->reply, "Content-Range");
    unsigned long long first, last, size;

    if (answer->reply.status == 304) {
        must(plain->reply.status == 200, "what was not modified is there: %d", plain->reply.status);
    } else if (answer->reply.status == 206) {
        must(plain->reply.status == 200 && part != NULL
                 && sscanf(part, "bytes %llu-%llu/%llu", &first, &last, &size) == 3,
             "a part tells its place");
        must(size == plain->len && last < size && first <= last && answer->len == last - first + 1
                 && memcmp(answer->body, plain->body + first, answer->len) == 0,
             "'%s' is that part of the body", part);
    } else if (answer->reply.status == 416) {
        must(plain->reply.status == 200 && part != NULL, "a range is behind something");
    } else if (coding != NULL) {
        must(answer->reply.status == plain->reply.status, "coded %d, plain %d",
             answer->reply.status, plain->reply.status);
        unpack(answer, coding, plain);
    } else {
        must(answer->reply.status == plain->reply.status && answer->len == plain->len
                 && memcmp(answer->body, plain->body, plain->len) == 0,
             "%d: %s\nand plain %d: %s", answer->reply.status, answer->body, plain->reply.status,
             plain->body);
    }
}

static void check_tag(const struct request *request, const struct answer *plain)
{
    const char *etag = fuzz_header(&plain->reply, "ETag");
    struct request again = *request;
    struct answer known;

    if (strcmp(plain->reply.route, "/healthz") == 0 || strcmp(plain->reply.route, "/readyz") == 0
        || strcmp(plain->reply.route, "/metrics") == 0)
        return;
    must(etag != NULL && strlen(etag) > 10, "%s has a tag", request->target);
    must(fuzz_header(&plain->reply, "Cache-Control") != NULL, "%s says how long it holds",
         request->target);
    again.if_none_match = etag;
    known = ask(&again);
    must(known.reply.status == 304 && known.len == 0
             && strcmp(fuzz_header(&known.reply, "ETag"), etag) == 0,
         "%s with its tag is %d", request->target, known.reply.status);
    answer_done(&known);
}

/* The parameters in another order: nothing else, so a tag that is the same has to mean the same. */
static void check_order(const struct request *request, const struct answer *plain)
{
    const char *query = strchr(request->target, '?'), *etag = fuzz_header(&plain->reply, "ETag");
    struct request other = *request;
    struct answer turned;
    char *target;
    size_t len;

    if (query == NULL || strchr(query, '&') == NULL)
        return;
    len = (size_t)(query + 1 - request->target);
    target = calloc(1, strlen(request->target) + 1);
    must(target != NULL, "memory");
    memcpy(target, request->target, len);
    for (const char *end = request->target + strlen(request->target), *from; end > query;
         end = from - 1) {
        for (from = end; from[-1] != '&' && from > query + 1;)
            from--;
        memcpy(target + len, from, (size_t)(end - from));
        len += (size_t)(end - from);
        if (from - 1 > query)
            target[len++] = '&';
    }
    other.target = target;
    turned = ask(&other);
    /* Of several mistakes the first is told. */
    must(turned.reply.status == plain->reply.status
             || (turned.reply.status >= 400 && plain->reply.status >= 400),
         "%s is %d, and %s is %d", request->target, plain->reply.status, target,
         turned.reply.status);
    if (etag != NULL && strcmp(etag, fuzz_header(&turned.reply, "ETag")) == 0)
        check_same(plain, &turned, target);
    answer_done(&turned);
    free(target);
}

/* Where an answer leads to is there: its next page, and itself as it was known on its day. */
static void check_links(const struct request *request, const struct answer *plain)
{
    static const char root[] = "https://figures.example";
    json_t *document;
    const char *next, *permalink;
    struct request follow = *request;
    struct answer there;

    if (strstr(plain->reply.content_type, "application/json") == NULL)
        return;
    document = json_of(plain->body, plain->len);
    next = json_string_value(json_object_get(document, "next_url"));
    if (next == NULL)
        next = json_string_value(json_object_get(document, "@odata.nextLink"));
    if (next != NULL) {
        follow.target = strncmp(next, root, strlen(root)) == 0 ? next + strlen(root) : next;
        there = ask(&follow);
        must(there.reply.status == 200, "%s leads to %s, which is %d: %s", request->target,
             follow.target, there.reply.status, there.body);
        answer_done(&there);
    }
    permalink = json_string_value(json_object_get(json_object_get(document, "meta"), "permalink"));
    if (permalink != NULL) {
        follow.target = permalink;
        there = ask(&follow);
        must(there.reply.status == 200, "%s is %s, which is %d: %s", request->target, permalink,
             there.reply.status, there.body);
        must(there.len == plain->len && memcmp(there.body, plain->body, there.len) == 0,
             "%s is for ever\n%s\nand %s\n%s", request->target, plain->body, permalink, there.body);
        answer_done(&there);
    }
    json_decref(document);
}

static void check_get(const struct request *request, const struct answer *answer)
{
    struct request plain_request = plain_of(request), head = *request;
    struct answer plain = ask(&plain_request), other;

    check_answer(&plain_request, &plain);
    check_against_plain(answer, &plain);
    if (request->range == NULL) {
        head.method = strcmp(request->method, "GET") == 0 ? "HEAD" : "GET";
        other = ask(&head);
        check_same(answer, &other, "HEAD");
        answer_done(&other);
    }
    if (plain.reply.status == 200) {
        check_tag(&plain_request, &plain);
        check_links(&plain_request, &plain);
    }
    if (plain.reply.status == 308) {
        head = plain_request;
        head.target = fuzz_header(&plain.reply, "Location");
        must(head.target != NULL, "a redirect leads somewhere");
        other = ask(&head);
        must(other.reply.status != 308, "a redirect leads to the place itself: %s", head.target);
        answer_done(&other);
    }
    check_order(&plain_request, &plain);
    answer_done(&plain);
}

/* ---- the input ---- */

/* Puts the tag of the plain answer in for \x01. */
static char *put_tag(const char *value, const char *etag)
{
    struct buffer text = BUFFER_INIT(8192);

    for (; *value != '\0'; value++) {
        if (*value == 1)
            buffer_text(&text, etag);
        else
            buffer_byte(&text, *value);
    }
    buffer_text(&text, "");
    must(!text.broken, "memory");
    return text.data;
}

static void one(const uint8_t *bytes, size_t len)
{
    struct request request = { .id = "fuzz" }, plain;
    char *lines[LINES], *blank, *tagged[2] = { NULL };
    struct answer answer, again;

    fuzz_lines(bytes, len, lines, LINES);
    blank = strchr(lines[0], ' ');
    request.method = lines[0];
    request.target = blank != NULL ? blank + 1 : "";
    if (blank != NULL)
        *blank = '\0';
    for (size_t i = 1; i < LINES; i++) {
        for (size_t j = 0; j < sizeof(fields) / sizeof(*fields); j++) {
            size_t name = strlen(fields[j].name);

            if (strncasecmp(lines[i], fields[j].name, name) == 0
                && strncmp(lines[i] + name, ": ", 2) == 0)
                *(const char **)((char *)&request + fields[j].offset) = lines[i] + name + 2;
        }
    }
    if ((request.if_none_match != NULL && strchr(request.if_none_match, 1) != NULL)
        || (request.if_range != NULL && strchr(request.if_range, 1) != NULL)) {
        const char *etag;

        plain = plain_of(&request);
        answer = ask(&plain);
        etag = fuzz_header(&answer.reply, "ETag");
        for (int i = 0; i < 2; i++) {
            const char **value = i == 0 ? &request.if_none_match : &request.if_range;

            if (*value != NULL)
                *value = tagged[i] = put_tag(*value, etag != NULL ? etag : "");
        }
        answer_done(&answer);
    }
    answer = ask(&request);
    again = ask(&request);
    check_answer(&request, &answer);
    check_same(&answer, &again, "the same request");
    answer_done(&again);
    if (strcmp(request.method, "GET") == 0 || strcmp(request.method, "HEAD") == 0)
        check_get(&request, &answer);
    else
        must(answer.reply.status >= 400 || answer.reply.status == 204 || answer.reply.status == 308,
             "%s is answered %d", request.method, answer.reply.status);
    answer_done(&answer);
    free(tagged[0]);
    free(tagged[1]);
    fuzz_lines_free(lines, LINES);
}

const struct fuzz_target target_serve = {
    .name = "serve", .longest = 1200, .runs = 500, .one = one
};
