#define _GNU_SOURCE /* memmem */
#include "server/gate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What bytes may stand where (RFC 9110, 5.6.2; RFC 3986, 3.2.2). In a Host: letters, digits and
 * marks of names, addresses and ports. */
enum { IN_TOKEN = 1, IN_HOST = 2, IN_BOTH = IN_TOKEN | IN_HOST };
#define FOUR(c) [c] = IN_BOTH, [(c) + 1] = IN_BOTH, [(c) + 2] = IN_BOTH, [(c) + 3] = IN_BOTH
static const unsigned char uses[256] = {
    FOUR('0'),        FOUR('4'),        ['8'] = IN_BOTH,  ['9'] = IN_BOTH,  FOUR('A'),
    FOUR('E'),        FOUR('I'),        FOUR('M'),        FOUR('Q'),        FOUR('U'),
    ['Y'] = IN_BOTH,  ['Z'] = IN_BOTH,  FOUR('a'),        FOUR('e'),        FOUR('i'),
    FOUR('m'),        FOUR('q'),        FOUR('u'),        ['y'] = IN_BOTH,  ['z'] = IN_BOTH,
    ['-'] = IN_BOTH,  ['.'] = IN_BOTH,  ['_'] = IN_BOTH,  ['~'] = IN_BOTH,  ['%'] = IN_BOTH,
    ['!'] = IN_TOKEN, ['#'] = IN_TOKEN, ['$'] = IN_TOKEN, ['&'] = IN_TOKEN, ['\''] = IN_TOKEN,
    ['*'] = IN_TOKEN, ['+'] = IN_TOKEN, ['^'] = IN_TOKEN, ['`'] = IN_TOKEN, ['|'] = IN_TOKEN,
    [':'] = IN_HOST,  ['['] = IN_HOST,  [']'] = IN_HOST,
};
#undef FOUR

/** The fields that are looked at. */
enum field {
    FIELD_HOST,
    FIELD_CONNECTION,
    FIELD_CONTENT_LENGTH,
    FIELD_TRANSFER_ENCODING,
    FIELD_IF_NONE_MATCH,
    FIELD_ACCEPT,
    FIELD_ACCEPT_ENCODING,
    FIELD_RANGE,
    FIELD_IF_RANGE,
    FIELD_PREFER,
    FIELD_PREFLIGHT,
    FIELD_REQUEST_ID,
    FIELD_FORWARDED,
    FIELD_X_FORWARDED_FOR,
    FIELD__MAX,
};

/* Their names as they are written anew. is_passed: it is, as it came. */
static const struct {
    const char *name;
    size_t len;
    bool is_passed;
} known[FIELD__MAX] = {
    [FIELD_HOST] = { "Host", 4, true },
    [FIELD_CONNECTION] = { "Connection", 10, false },
    [FIELD_CONTENT_LENGTH] = { "Content-Length", 14, false },
    [FIELD_TRANSFER_ENCODING] = { "Transfer-Encoding", 17, false },
    [FIELD_IF_NONE_MATCH] = { "If-None-Match", 13, true },
    [FIELD_ACCEPT] = { "Accept", 6, true },
    [FIELD_ACCEPT_ENCODING] = { "Accept-Encoding", 15, true },
    [FIELD_RANGE] = { "Range", 5, true },
    [FIELD_IF_RANGE] = { "If-Range", 8, true },
    [FIELD_PREFER] = { "Prefer", 6, true },
    [FIELD_PREFLIGHT] = { "Access-Control-Request-Method", 29, true },
    [FIELD_REQUEST_ID] = { "X-Request-Id", 12, true },
    [FIELD_FORWARDED] = { "Forwarded", 9, true },
    [FIELD_X_FORWARDED_FOR] = { "X-Forwarded-For", 15, true },
};

/** A head as it is read, line by line, and written anew. */
struct head {
    const struct gate_limits *limits;
    char *at;      /* where what was written anew ends; NULL: nothing is written yet */
    size_t n;      /* fields */
    size_t n_anew; /* of them, those that are written anew */
    size_t n_host;
    size_t n_length; /* Content-Length */
    bool has_body;   /* a Content-Length that is not 0 */
    bool has_coding; /* Transfer-Encoding */
    bool is_old;     /* HTTP/1.0 */
    bool is_last;    /* Connection: close */
    bool is_kept;    /* Connection: keep-alive */
    struct error *err;
};

static enum gate_verdict malformed(const struct head *head, const char *detail)
{
    error_set(head->err, ERR_REQUEST_MALFORMED, NULL, "%s", detail);
    return GATE_REFUSE;
}

static size_t span(const char *text, size_t len, unsigned char use)
{
    size_t i = 0;

    while (i < len && (uses[(unsigned char)text[i]] & use))
        i++;
    return i;
}

bool gate_is_token(const char *text, size_t len)
{
    return len > 0 && span(text, len, IN_TOKEN) == len;
}

bool gate_is_host(const char *text, size_t len)
{
    return len > 0 && span(text, len, IN_HOST) == len;
}

bool gate_is_value(const char *text, size_t len)
{
    unsigned bad = 0;

    /* No way out on the way: so the compiler looks at sixteen bytes at a time. */
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        bad |= (unsigned)((c < ' ') & (c != '\t')) | (unsigned)(c == 0x7f);
    }
    return bad == 0;
}

static unsigned is_no_target(unsigned char c)
{
    return (unsigned)(c <= ' ') | (unsigned)(c >= 0x7f) | (unsigned)(c == '#');
}

static void put(struct head *head, const char *text, size_t len)
{
    if (head->at == NULL)
        return;
    memcpy(head->at, text, len);
    head->at += len;
}

/* ---- the request line ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum gate_verdict check_version(struct head *head, const char *text, size_t len)
{
    if (len != strlen("HTTP/1.1") || memcmp(text, "HTTP/", 5) != 0 || !is_digit(text[5])
        || text[6] != '.' || !is_digit(text[7]))
        return malformed(head, "The request line does not end in a version, as in HTTP/1.1.");
    head->is_old = text[5] == '1' && text[7] == '0';
    if (head->is_old || (text[5] == '1' && text[7] == '1'))
        return GATE_HEAD;
    error_set(head->err, ERR_VERSION, NULL, "HTTP/1.1 and HTTP/1.0 are spoken here, not %.8s.",
              text);
    return GATE_REFUSE;
}

static enum gate_verdict check_parameters(const struct head *head, const char *target, size_t len)
{
    const char *at = memchr(target, '?', len);
    size_t n = 0;

    for (; at != NULL; at = memchr(at + 1, '&', (size_t)(target + len - at - 1)))
        n++;
    if (n <= head->limits->parameters)
        return GATE_HEAD;
    error_set(head->err, ERR_REQUEST_MALFORMED, NULL,
              "The request has %zu parameters; %zu are the most.", n, head->limits->parameters);
    return GATE_REFUSE;
}

static enum gate_verdict check_target(struct head *head, const char *text, size_t len,
                                      bool is_options)
{
    unsigned bad = 0;

    if (len > head->limits->target) {
        error_set(head->err, ERR_TARGET_TOO_LONG, NULL,
                  "The request target has %zu bytes; %zu are the most.", len, head->limits->target);
        return GATE_REFUSE;
    }
    if (len == 1 && text[0] == '*' && is_options)
        return GATE_HEAD;
    if (len == 0 || text[0] != '/')
        return malformed(head, "The request target must begin with '/'.");
    for (size_t i = 0; i < len; i++)
        bad |= is_no_target((unsigned char)text[i]);
    for (size_t i = 0; bad && i < len; i++) {
        if (is_no_target((unsigned char)text[i])) {
            error_set(head->err, ERR_REQUEST_MALFORMED, NULL,
                      "The request target holds the byte 0x%02x; it must be percent-encoded.",
                      (unsigned char)text[i]);
            return GATE_REFUSE;
        }
    }
    return check_parameters(head, text, len);
}

static enum gate_verdict read_request_line(struct head *head, const char *line, size_t len)
{
    size_t method = span(line, len, IN_TOKEN);
    const char *target = line + method + 1, *end;
    enum gate_verdict verdict;

    if (method == 0 || method == len || line[method] != ' ')
        return malformed(head, "The request line does not begin with a method and a blank.");
    end = memchr(target, ' ', len - method - 1);
    if (end == NULL)
        return malformed(head, "The request line has no version, as in HTTP/1.1.");
    verdict = check_target(head, target, (size_t)(end - target),
                           method == 7 && memcmp(line, "OPTIONS", 7) == 0);
    if (verdict == GATE_HEAD)
        verdict = check_version(head, end + 1, len - (size_t)(end + 1 - line));
    if (verdict == GATE_HEAD) {
        put(head, line, method);
        put(head, " / ", 3);
        put(head, end + 1, len - (size_t)(end + 1 - line));
        put(head, "\r\n" GATE_TARGET ":", sizeof("\r\n" GATE_TARGET ":") - 1);
        put(head, target, (size_t)(end - target));
        put(head, "\r\n", 2);
    }
    return verdict;
}

/* ---- fields ---- */

static enum field find_field(const char *name, size_t len)
{
    int i = 0;

    while (i < FIELD__MAX && (known[i].len != len || strncasecmp(known[i].name, name, len) != 0))
        i++;
    return (enum field)i;
}

/* Whether a list of tokens holds one. */
static bool has_token(const char *list, size_t len, const char *token)
{
    size_t token_len = strlen(token);

    for (size_t i = 0; i < len;) {
        size_t part = span(list + i, len - i, IN_TOKEN);

        if (part == token_len && strncasecmp(list + i, token, part) == 0)
            return true;
        i += part > 0 ? part : 1;
    }
    return false;
}

static enum gate_verdict read_length(struct head *head, const char *value, size_t len)
{
    head->n_length++;
    if (len == 0)
        return malformed(head, "Content-Length takes a whole number of bytes.");
    for (size_t i = 0; i < len; i++) {
        if (!is_digit(value[i]))
            return malformed(head, "Content-Length takes a whole number of bytes.");
        head->has_body = head->has_body || value[i] != '0';
    }
    return GATE_HEAD;
}

static enum gate_verdict read_field(struct head *head, const char *line, size_t len)
{
    size_t name = span(line, len, IN_TOKEN);
    const char *value = line + name + 1;
    enum field field;

    if (len > 0 && (line[0] == ' ' || line[0] == '\t'))
        return malformed(head, "A header goes on in a second line; each has one.");
    if (name == 0 || name == len || line[name] != ':')
        return malformed(head, "A header has no proper name with a colon behind it.");
    if (head->n++ == head->limits->fields) {
        error_set(head->err, ERR_HEADERS_TOO_LARGE, NULL, "The request has more than %zu headers.",
                  head->limits->fields);
        return GATE_REFUSE;
    }
    len -= name + 1;
    while (len > 0 && (value[0] == ' ' || value[0] == '\t'))
        value++, len--;
    while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    if (!gate_is_value(value, len))
        return malformed(head, "A header holds a control character.");
    field = find_field(line, name);
    switch (field) {
    case FIELD_HOST:
        if (!gate_is_host(value, len))
            return malformed(head, "The Host header takes a name or address, and a port.");
        head->n_host++;
        break;
    case FIELD_CONTENT_LENGTH:
        return read_length(head, value, len);
    case FIELD_TRANSFER_ENCODING:
        head->has_coding = true;
        return GATE_HEAD;
    case FIELD_CONNECTION:
        head->is_last = head->is_last || has_token(value, len, "close");
        head->is_kept = head->is_kept || has_token(value, len, "keep-alive");
        return GATE_HEAD;
    case FIELD_FORWARDED:
    case FIELD_X_FORWARDED_FOR:
        if (!head->limits->is_proxied) /* anyone can write them: nothing depends on them */
            return GATE_HEAD;
        break;
    case FIELD__MAX:
        return GATE_HEAD;
    default:
        break;
    }
    head->n_anew++;
    put(head, known[field].name, known[field].len);
    put(head, ":", 1);
    put(head, value, len);
    put(head, "\r\n", 2);
    return GATE_HEAD;
}

/* ---- the whole ---- */

/* What only the whole head tells. */
static enum gate_verdict check_together(const struct head *head)
{
    if (head->n_host > 1)
        return malformed(head, "The request has several Host headers; one must stand.");
    if (head->n_host == 0 && !head->is_old)
        return malformed(head, "The Host header is missing.");
    if (head->has_coding && head->n_length > 0)
        return malformed(head, "The request has both Content-Length and Transfer-Encoding.");
    if (head->n_length > 1)
        return malformed(head, "The request has several Content-Length headers; one may stand.");
    if (head->has_coding || head->has_body) {
        error_set(head->err, ERR_BODY_REFUSED, NULL,
                  "No request body is taken here: ask by the path and its query.");
        return GATE_REFUSE;
    }
    return GATE_HEAD;
}

/* The line that begins at `from`: NULL where it does not end yet. A line ends in CR LF and holds
 * neither of them elsewhere. */
static const char *line_end(const char *from, const char *end, bool *ret_bad)
{
    const char *feed = memchr(from, '\n', (size_t)(end - from));
    const char *until = feed != NULL ? feed : end;
    const char *back = memchr(from, '\r', (size_t)(until - from));

    /* A CR that the bytes end in may yet have its LF. */
    *ret_bad = feed != NULL ? back == NULL || back + 1 != feed : back != NULL && back + 1 != end;
    return feed;
}

static enum gate_verdict too_large(const struct head *head)
{
    error_set(head->err, ERR_HEADERS_TOO_LARGE, NULL,
              "The request head is larger than %zu bytes, the most that is taken.",
              head->limits->head);
    return GATE_REFUSE;
}

/* Ends the head that is written anew. */
static void end_head(struct head *head)
{
    if (head->is_last)
        put(head, "Connection:close\r\n", 18);
    else if (head->is_kept && head->is_old)
        put(head, "Connection:keep-alive\r\n", 23);
    put(head, "\r\n", 2);
}

enum gate_verdict gate_look(const struct gate_limits *limits, const char *bytes, size_t len,
                            char *ret, size_t *ret_used, size_t *ret_len, struct error *err)
{
    struct head head = { .limits = limits, .err = err };
    const char *at = bytes, *end;
    bool is_first = true, is_bad;

    /* What lies behind the most of a head is not looked at, or the reason of a refusal would depend
     * on how many bytes came at once. */
    if (len > limits->head)
        len = limits->head;
    end = bytes + len;

    /* Nothing is written before all of it is there, and so not more than the most of a head. */
    if ((len >= 4 && memcmp(bytes + len - 4, "\r\n\r\n", 4) == 0)
        || memmem(bytes, len, "\n\r\n", 3) != NULL)
        head.at = ret;
    for (;;) {
        const char *feed = line_end(at, end, &is_bad);
        size_t line = feed != NULL ? (size_t)(feed - 1 - at) : 0;
        enum gate_verdict verdict;

        if (is_bad)
            return malformed(&head, "A line of the request head does not end in CR LF.");
        if (feed == NULL)
            return (size_t)(end - bytes) >= limits->head ? too_large(&head) : GATE_MORE;
        if ((size_t)(feed + 1 - bytes) > limits->head)
            return too_large(&head);
        if (line == 0 && !is_first)
            break;
        /* One empty line may stand before a request (RFC 9112, 2.2). */
        if (line == 0 && at > bytes)
            return malformed(&head, "There is no request line.");
        verdict = line == 0  ? GATE_HEAD
                  : is_first ? read_request_line(&head, at, line)
                             : read_field(&head, at, line);
        if (verdict == GATE_REFUSE)
            return verdict;
        is_first = is_first && line == 0;
        at = feed + 1;
    }
    if (check_together(&head) == GATE_REFUSE)
        return GATE_REFUSE;
    *ret_used = (size_t)(at + 2 - bytes);
    end_head(&head);
    *ret_len = (size_t)(head.at - ret);
    if (*ret_len + head.n_anew * GATE_FIELD <= limits->anew)
        return GATE_HEAD;
    error_set(err, ERR_HEADERS_TOO_LARGE, NULL,
              "Target and headers that an answer depends on take %zu bytes, %d of them for each "
              "header; %zu are the most.",
              *ret_len + head.n_anew * GATE_FIELD, GATE_FIELD, limits->anew);
    return GATE_REFUSE;
}

/* Method and target of a refused head, for the log and for HEAD; 0: they are not fit to be told. */
static size_t first_words(const char *bytes, size_t len)
{
    size_t method = span(bytes, len, IN_TOKEN), end = method + 1;

    if (method == 0 || method + 1 >= len || bytes[method] != ' ' || bytes[method + 1] != '/')
        return 0;
    while (end < len && (unsigned char)bytes[end] > ' ' && (unsigned char)bytes[end] < 0x7f)
        end++;
    return end <= GATE_TOLD ? end : 0;
}

size_t gate_refuse(const struct error *err, const char *bytes, size_t len, char ret[GATE_REFUSAL])
{
    size_t told = first_words(bytes, len), method = span(bytes, told, IN_TOKEN);

    if (told == 0) {
        bytes = "GET /";
        method = 3;
        told = 5;
    }
    return (size_t)snprintf(ret, GATE_REFUSAL,
                            "%.*s / HTTP/1.1\r\nHost:x\r\n" GATE_TARGET ":%.*s\r\n" GATE_REFUSED
                            ":%d %s\r\nConnection:close\r\n\r\n",
                            (int)method, bytes, (int)(told - method - 1), bytes + method + 1,
                            (int)err->code, err->detail);
}

void gate_refused(const char *value, struct error *ret)
{
    char *detail;
    long code = strtol(value, &detail, 10);

    error_set(ret, (enum error_code)code, NULL, "%s", detail + (*detail == ' '));
}
