/*
 * The gate: bytes of a connection -> heads. However the bytes are cut on their way, the verdict is
 * the same; a head that comes through has one reading; and written anew it says the same again.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/base/buffer.h"
#include "server/gate.h"
#include "tests/fuzz/fuzz.h"

/* As the program has it, and so small that inputs meet every limit. */
static const struct gate_limits ample = {
    .head = 16384, .target = 2048, .parameters = 256, .fields = 64, .anew = 3072
};
static const struct gate_limits tight = {
    .head = 200, .target = 40, .parameters = 3, .fields = 4, .anew = 400
};

/** What the gate said of some bytes. */
struct look {
    enum gate_verdict verdict;
    size_t used, len; /* of GATE_HEAD */
    char *anew;       /* as much memory as is asked for */
    struct error err;
};

static struct look look_at(const struct gate_limits *limits, const uint8_t *bytes, size_t len)
{
    struct look look = { .anew = malloc(limits->head + GATE_ROOM) };
    char *copy = malloc(len > 0 ? len : 1);

    must(look.anew != NULL && copy != NULL, "memory");
    memcpy(copy, bytes, len); /* of that size: a step too far is seen */
    look.verdict = gate_look(limits, copy, len, look.anew, &look.used, &look.len, &look.err);
    free(copy);
    must((look.verdict == GATE_REFUSE) == (look.err.code != ERR_NONE),
         "a refusal has a reason, and nothing else has");
    if (look.verdict == GATE_HEAD)
        must(look.used <= len && look.used <= limits->head && look.len <= limits->head + GATE_ROOM,
             "%zu bytes of %zu were used", look.used, len);
    return look;
}

/* The same bytes, come in two pieces: of the first alone nothing else may follow than of both. */
static void check_cut(const struct gate_limits *limits, const uint8_t *bytes, size_t len,
                      const struct look *whole)
{
    struct look first = look_at(limits, bytes, len);

    if (first.verdict != GATE_MORE)
        must(first.verdict == whole->verdict && first.err.code == whole->err.code
                 && strcmp(first.err.detail, whole->err.detail) == 0,
             "%zu bytes: %d '%s'; all: %d '%s'", len, (int)first.verdict, first.err.detail,
             (int)whole->verdict, whole->err.detail);
    if (first.verdict == GATE_HEAD)
        must(first.used == whole->used && first.len == whole->len
                 && memcmp(first.anew, whole->anew, first.len) == 0,
             "%zu bytes give another head than all", len);
    if (whole->verdict == GATE_HEAD && len >= whole->used)
        must(first.verdict == GATE_HEAD, "the head is there in %zu bytes", len);
    free(first.anew);
}

/** A line of a head without its end. */
struct line {
    const char *at;
    size_t len;
};

/* Cuts the next line off; it ends in CR LF and holds no other of them, nor a NUL. */
static struct line next_line(const char **at, const char *end)
{
    struct line line = { *at, 0 };

    while (line.at + line.len < end && line.at[line.len] != '\r' && line.at[line.len] != '\n'
           && line.at[line.len] != '\0')
        line.len++;
    must(end - *at >= (ptrdiff_t)line.len + 2 && line.at[line.len] == '\r'
             && line.at[line.len + 1] == '\n',
         "lines end in CR LF");
    *at += line.len + 2;
    return line;
}

static bool is_named(const struct line *line, const char *name)
{
    return line->len > strlen(name) && line->at[strlen(name)] == ':'
           && strncasecmp(line->at, name, strlen(name)) == 0;
}

/* A head reads like this to whoever reads what RFC 9112 says, and has no body. */
static void check_head(const char *head, size_t len)
{
    const char *at = head, *end = head + len;
    struct line line = next_line(&at, end);
    size_t n_host = 0, n_length = 0;
    bool is_old;

    if (line.len == 0)
        line = next_line(&at, end);
    must(memchr(line.at, ' ', line.len) != NULL && line.len > 9, "there is a request line");
    is_old = memcmp(line.at + line.len - 9, " HTTP/1.0", 9) == 0;
    must(is_old || memcmp(line.at + line.len - 9, " HTTP/1.1", 9) == 0, "a version is spoken here");
    for (;;) {
        const char *colon;

        line = next_line(&at, end);
        if (line.len == 0)
            break;
        colon = memchr(line.at, ':', line.len);
        must(colon != NULL && gate_is_token(line.at, (size_t)(colon - line.at)),
             "a field has a name");
        must(!is_named(&line, "Transfer-Encoding"), "there is no coding");
        n_host += is_named(&line, "Host");
        n_length += is_named(&line, "Content-Length");
        for (const char *digit = colon + 1;
             is_named(&line, "Content-Length") && digit < line.at + line.len; digit++)
            must(*digit == '0' || *digit == ' ' || *digit == '\t', "there is no body");
    }
    must(at == end, "the head ends at its empty line");
    must(n_length <= 1 && n_host <= 1 && (n_host == 1 || is_old), "one Host, one Content-Length");
}

/* Puts the target back to where clients have it, which is what the gate takes. */
static void put_back(const struct look *look, struct buffer *ret)
{
    const char *at = look->anew, *end = look->anew + look->len;
    struct line first = next_line(&at, end), target = next_line(&at, end);
    size_t method = (size_t)((const char *)memchr(first.at, ' ', first.len) - first.at);

    must(first.len == method + strlen(" / HTTP/1.1") && memcmp(first.at + method, " / ", 3) == 0,
         "the request line written anew has no target");
    must(is_named(&target, GATE_TARGET), "the target stands in the first field");
    buffer_add(ret, first.at, method + 1);
    buffer_add(ret, target.at + strlen(GATE_TARGET ":"), target.len - strlen(GATE_TARGET ":"));
    buffer_add(ret, first.at + method + 2, first.len - method - 2);
    buffer_add(ret, "\r\n", 2);
    buffer_add(ret, at, (size_t)(end - at));
    must(!ret->broken, "memory");
    for (struct line line = next_line(&at, end); line.len > 0; line = next_line(&at, end))
        must(!is_named(&line, GATE_TARGET) && !is_named(&line, GATE_REFUSED),
             "nobody else writes our fields");
}

static void check_anew(const struct gate_limits *limits, const struct look *look)
{
    struct buffer back = BUFFER_INIT(limits->head + GATE_ROOM);
    struct look again;

    check_head(look->anew, look->len);
    put_back(look, &back);
    again = look_at(limits, (const uint8_t *)back.data, back.len);
    must(again.verdict == GATE_HEAD && again.used == back.len && again.len == look->len
             && memcmp(again.anew, look->anew, look->len) == 0,
         "a head written anew is the same when it is read again: %d %s", (int)again.verdict,
         again.err.detail);
    free(again.anew);
    buffer_done(&back);
}

/* What stands in the place of a refused head tells what the refusal told. */
static void check_refusal(const uint8_t *bytes, size_t len, const struct look *look)
{
    static const char field[] = "\r\n" GATE_REFUSED ":";
    char text[GATE_REFUSAL + 1];
    size_t n = gate_refuse(&look->err, (const char *)bytes, len, text);
    struct error told = { 0 };
    char *value;

    must(n < GATE_REFUSAL, "a refusal has room: %zu bytes", n);
    text[n] = '\0';
    check_head(text, n);
    value = strstr(text, field);
    must(value != NULL, "there is the field of the refusal");
    value += strlen(field);
    value[strcspn(value, "\r")] = '\0';
    gate_refused(value, &told);
    must(told.code == look->err.code && strcmp(told.detail, look->err.detail) == 0,
         "'%s' is told as '%s'", look->err.detail, told.detail);
}

static void check(const struct gate_limits *limits, const uint8_t *bytes, size_t len)
{
    struct look whole = look_at(limits, bytes, len);
    uint64_t seed = fuzz_seed(bytes, len);

    for (int i = 0; i < 8; i++)
        check_cut(limits, bytes, fuzz_random(&seed) % (len + 1), &whole);
    if (whole.verdict == GATE_HEAD) {
        check_cut(limits, bytes, whole.used, &whole);
        check_cut(limits, bytes, whole.used - 1, &whole);
        check_head((const char *)bytes, whole.used);
        check_anew(limits, &whole);
    } else if (whole.verdict == GATE_REFUSE) {
        check_refusal(bytes, len, &whole);
    } else {
        must(len < limits->head, "no more than %zu bytes are waited for", limits->head);
    }
    free(whole.anew);
}

static void one(const uint8_t *bytes, size_t len)
{
    check(&ample, bytes, len);
    check(&tight, bytes, len);
}

const struct fuzz_target target_gate = {
    .name = "gate", .longest = 20000, .runs = 20000, .one = one
};
