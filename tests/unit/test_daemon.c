/* The edge, over real sockets, with a stub of serve() behind it. */

/* The source itself, because the crowd is worth a test of its own and nobody else's business. */
#include "server/daemon.c" /* NOLINT(bugprone-suspicious-include) */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum {
    TEXT_SIZE = 65536,   /* most bytes of a reply that a test looks at */
    BIG_SIZE = 16 << 20, /* more than the kernel's buffers hold */
    SLOW_US = 300000,    /* how long /slow takes */
    GIVE_UP_MS = 8000,   /* a test that waits longer has failed */
};

/* The service behind the edge. */

void dataset_leave(struct dataset *dataset)
{
    (void)dataset;
}

static atomic_ulong serial = 1; /* of the dataset */
static atomic_int n_served;     /* calls of serve() */

unsigned long dataset_serial(struct dataset *dataset)
{
    (void)dataset;
    return serial;
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER; /* what /held waits for */
static atomic_bool is_held;                              /* it does */

/* Makes requests of /held hang, or lets them go. */
static void hold_up(bool is_on)
{
    if (is_on)
        pthread_mutex_lock(&held);
    else
        pthread_mutex_unlock(&held);
}

bool reply_header(struct reply *reply, const char *name, const char *value)
{
    reply->headers[reply->n_headers++] = (struct header){ .name = name, .value = strdup(value) };
    return true;
}

void reply_done(struct reply *reply)
{
    for (size_t i = 0; i < reply->n_headers; i++)
        free(reply->headers[i].value);
    free(reply->body);
}

static void give(struct reply *reply, int status, const char *type, const char *body)
{
    reply->status = status;
    reply->content_type = type;
    reply->body = strdup(body);
    reply->len = strlen(body);
}

void serve(const struct service *service, const struct request *request, struct reply *ret)
{
    char body[4096];

    (void)service;
    *ret = (struct reply){ .status = 0 };
    n_served++;
    if (strncmp(request->target, "/lasting", 8) == 0) {
        ret->is_lasting = true;
        snprintf(ret->key, sizeof(ret->key), "%s", strchr(request->target, '=') != NULL ? "k" : "");
        ret->is_kept = ret->key[0] != '\0' && request->is_kept != NULL
                       && request->is_kept(request->context, ret->key);
        if (ret->is_kept)
            return;
    }
    snprintf(ret->route, sizeof(ret->route), "/stub");
    if (strcmp(request->target, "/big") == 0) {
        ret->status = 200;
        ret->content_type = "text/plain";
        ret->body = calloc(1, BIG_SIZE);
        ret->len = BIG_SIZE;
        return;
    }
    if (strcmp(request->target, "/slow") == 0)
        usleep(SLOW_US);
    if (strcmp(request->target, "/held") == 0) {
        is_held = true;
        pthread_mutex_lock(&held);
        pthread_mutex_unlock(&held);
        is_held = false;
    }
    if (strcmp(request->target, "/none") == 0) {
        ret->status = 204;
        return;
    }
    if (strcmp(request->target, "/bad-header") == 0)
        reply_header(ret, "X-Bad", "a\r\nb");
    if (strcmp(request->target, "/fail") == 0)
        snprintf(ret->log_detail, sizeof(ret->log_detail), "the \"disk\" broke");
    snprintf(body, sizeof(body), "%s %s id=%s match=%s preflight=%s\n", request->method,
             request->target, request->id, request->if_none_match ? request->if_none_match : "-",
             request->preflight ? request->preflight : "-");
    give(ret, strcmp(request->target, "/fail") == 0 ? 500 : 200, "application/json", body);
    reply_header(ret, "ETag", "\"e\"");
}

void serve_problem(const struct service *service, const struct request *request,
                   const struct error *err, struct reply *ret)
{
    static const int statuses[ERR__MAX] = {
        [ERR_REQUEST_MALFORMED] = 400, [ERR_TARGET_TOO_LONG] = 414, [ERR_HEADERS_TOO_LARGE] = 431,
        [ERR_BODY_REFUSED] = 413,      [ERR_OVERLOAD] = 503,        [ERR_VERSION] = 505,
    };

    (void)service;
    (void)request;
    *ret = (struct reply){ .status = 0 };
    give(ret, statuses[err->code], "application/problem+json", err->detail);
}

/* The edge under test, and clients of it. */

struct edge {
    struct settings settings;
    struct service service;
    struct daemon *daemon;
    struct address address;
};

static int set_up(void **state)
{
    struct edge *edge = calloc(1, sizeof(*edge));
    struct error err = { .code = ERR_NONE };

    assert_true(settings_init(&edge->settings, &err));
    assert_true(address_parse("127.0.0.1:0", &edge->settings.listen));
    edge->settings.workers = 1;
    *state = edge;
    return 0;
}

static int tear_down(void **state)
{
    struct edge *edge = *state;

    assert_true(daemon_free(edge->daemon));
    settings_done(&edge->settings);
    free(edge);
    return 0;
}

static struct edge *start_edge(struct edge *edge)
{
    struct error err = { .code = ERR_NONE };

    if (!daemon_new(&edge->settings, &edge->service, -1, &edge->daemon, &err)
        || !daemon_start(edge->daemon, &err))
        fail_msg("%s", err.detail);
    assert_true(address_parse(daemon_address(edge->daemon), &edge->address));
    return edge;
}

/* A connection; reading from it fails after GIVE_UP_MS. */
static int dial(const struct edge *edge)
{
    struct timeval most = { .tv_sec = GIVE_UP_MS / 1000 };
    int fd = socket(edge->address.socket.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&edge->address.socket, edge->address.len),
                     0);
    return fd;
}

/* The same to a connection that may have been closed already. */
static void try_to_say(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Reads until the other side ends the connection; a reset is an end as well. -1: nothing came for
 * too long. */
static ssize_t hear_all(int fd, char text[static TEXT_SIZE])
{
    size_t len = 0;
    ssize_t n;

    while ((n = recv(fd, text + len, TEXT_SIZE - 1 - len, 0)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    if (n < 0 && errno != ECONNRESET)
        return -1;
    return (ssize_t)len;
}

/* Reads one reply whose body ends in a newline. */
static void hear_line(int fd, char text[static TEXT_SIZE])
{
    size_t len = 0;

    text[0] = '\0';
    for (;;) {
        const char *end = strstr(text, "\r\n\r\n");
        ssize_t n;

        if (end != NULL && end[4] != '\0' && text[len - 1] == '\n')
            return;
        n = recv(fd, text + len, TEXT_SIZE - 1 - len, 0);
        assert_true(n > 0);
        len += (size_t)n;
        text[len] = '\0';
    }
}

static void ask(const struct edge *edge, const char *request, char reply[static TEXT_SIZE])
{
    int fd = dial(edge);

    say(fd, request);
    assert_true(hear_all(fd, reply) >= 0);
    close(fd);
}

static bool has(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static int64_t ms_since(int64_t began)
{
    return (now_us() - began) / 1000;
}

#define HEAD "Host: x\r\nConnection: close\r\n"

/* Requests. */

static void a_get_carries_the_edge_headers(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];

    ask(edge, "GET /v1/?a=%2F HTTP/1.1\r\n" HEAD "If-None-Match: \"q\"\r\n\r\n", reply);
    assert_memory_equal(reply, "HTTP/1.1 200 OK\r\n", 17);
    assert_true(has(reply, "GET /v1/?a=%2F id="));
    assert_true(has(reply, "match=\"q\" preflight=-"));
    assert_true(has(reply, "Content-Type: application/json\r\n"));
    assert_true(has(reply, "ETag: \"e\"\r\n"));
    assert_true(has(reply, "Access-Control-Allow-Origin: *\r\n"));
    assert_true(
        has(reply,
            "Access-Control-Expose-Headers: Accept-Ranges, Content-Digest, Content-Disposition, "
            "Content-Encoding, Content-Range, ETag, Link, Location, RateLimit, RateLimit-Policy, "
            "Repr-Digest, Retry-After, X-Request-Id, X-Total-Count\r\n"));
    assert_true(has(reply, "X-Content-Type-Options: nosniff\r\n"));
    assert_false(has(reply, "Server:"));
}

static void a_head_has_the_length_and_no_body(void **state)
{
    struct edge *edge = start_edge(*state);
    char get[TEXT_SIZE];
    char head[TEXT_SIZE];

    ask(edge, "GET /a HTTP/1.1\r\n" HEAD "X-Request-Id: i\r\n\r\n", get);
    ask(edge, "HEAD /a HTTP/1.1\r\n" HEAD "X-Request-Id: i\r\n\r\n", head);
    assert_true(has(get, "Content-Length: 32\r\n"));
    assert_true(has(head, "Content-Length: 33\r\n")); /* the stub says the method */
    assert_string_equal(strstr(head, "\r\n\r\n"), "\r\n\r\n");
}

static void an_empty_reply_has_no_length(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];

    ask(edge, "GET /none HTTP/1.1\r\n" HEAD "\r\n", reply);
    assert_true(has(reply, "HTTP/1.1 204 No Content\r\n"));
    assert_false(has(reply, "Content-Length"));
    assert_false(has(reply, "Content-Type:"));
}

static void a_kept_connection_answers_again(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];
    int fd = dial(edge);

    for (int i = 0; i < 3; i++) {
        say(fd, "GET /again HTTP/1.1\r\nHost: x\r\n\r\n");
        hear_line(fd, reply);
        assert_true(has(reply, "GET /again id="));
    }
    close(fd);
}

static void requests_sent_in_one_go_are_answered_in_turn(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];

    ask(edge,
        "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nGET /3 "
        "HTTP/1.1\r\n" HEAD "\r\n",
        reply);
    assert_true(strstr(reply, "GET /1 id=") < strstr(reply, "GET /2 id="));
    assert_true(strstr(reply, "GET /2 id=") < strstr(reply, "GET /3 id="));
}

static void a_preflight_reaches_the_service(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];

    ask(edge, "OPTIONS * HTTP/1.1\r\n" HEAD "Access-Control-Request-Method: GET\r\n\r\n", reply);
    assert_true(has(reply, "OPTIONS * id="));
    assert_true(has(reply, "preflight=GET"));
}

static void a_good_id_of_the_client_is_kept(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];

    ask(edge, "GET /a HTTP/1.1\r\n" HEAD "X-Request-Id: aB.9_-\r\n\r\n", reply);
    assert_true(has(reply, "X-Request-Id: aB.9_-\r\n"));
    assert_true(has(reply, "id=aB.9_- "));
}

static void a_bad_id_of_the_client_is_replaced(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];
    const char *id;

    ask(edge, "GET /a HTTP/1.1\r\n" HEAD "X-Request-Id: a b\r\n\r\n", reply);
    id = strstr(reply, "X-Request-Id: ");
    assert_non_null(id);
    id += strlen("X-Request-Id: ");
    assert_int_equal(strspn(id, "0123456789abcdef"), 16);
    assert_memory_equal(id + 16, "\r\n", 2);
}

static void an_old_client_needs_no_host(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];

    ask(edge, "GET /old HTTP/1.0\r\n\r\n", reply);
    assert_true(has(reply, " 200 OK\r\n"));
    assert_true(has(reply, "GET /old id="));
}

/* Each is refused by a problem document, once, and the connection ends. */
static void ambiguous_requests_are_refused_and_the_connection_ends(void **state)
{
    static const struct {
        const char *status;
        const char *request;
    } cases[] = {
        { " 400 ", "GET /a HTTP/1.1\r\n\r\n" },
        { " 400 ", "GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n" },
        { " 400 ", "GET /a HTTP/1.1\r\nHost:\r\n\r\n" },
        { " 400 ", "GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n" },
        { " 400 ", "GET /a HTTP/1.1\r\nHost: a, b\r\n\r\n" },
        { " 400 ", "GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n" },
        { " 400 ", "GET * HTTP/1.1\r\nHost: x\r\n\r\n" },
        { " 400 ", "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n" },
        { " 400 ", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n" },
        { " 400 ", "GET /a\001 HTTP/1.1\r\nHost: x\r\n\r\n" },
        { " 400 ", "GET /\303\251 HTTP/1.1\r\nHost: x\r\n\r\n" },
        { " 400 ", "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n" },
        { " 400 ", "G@T /a HTTP/1.1\r\nHost: x\r\n\r\n" },
        { " 505 ", "GET /a HTTP/1.2\r\nHost: x\r\n\r\n" },
        { " 400 ", "GET /a HTTP/1.1\r\nHost: x\r\nX\001: y\r\n\r\n" },
        { " 400 ", "GET /a HTTP/1.1\r\nHost: x\r\nX: y\001\r\n\r\n" },
        { " 400 ", "GET /a HTTP/1.1\r\nHost: x\r\nX: y\rZ: z\r\n\r\n" },
        { " 400 ",
          "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n" },
        { " 400 ", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n0\r\n\r\n" },
        { " 413 ", "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde" },
        { " 413 ", "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n" },
        { " 413 ", "GET /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" },
        { " 413 ", "GET /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: nonsense\r\n\r\n" },
        { " 413 ", "GET /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" },
    };
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *body;

        ask(edge, cases[i].request, reply);
        body = strstr(reply, "\r\n\r\n");
        if (strncmp(reply + 8, cases[i].status, 5) != 0
            || !has(reply, "Content-Type: application/problem+json\r\n")
            || !has(reply, "Access-Control-Allow-Origin: *\r\n") || !has(reply, "X-Request-Id: ")
            || has(body, "HTTP/1.1 4"))
            fail_msg("%s was answered: %s", cases[i].request, reply);
    }
}

static void a_content_length_of_nothing_is_taken(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];

    ask(edge, "GET /a HTTP/1.1\r\n" HEAD "Content-Length: 00\r\n\r\n", reply);
    assert_true(has(reply, " 200 OK\r\n"));
}

static void a_target_of_the_limit_is_taken_and_one_byte_more_is_414(void **state)
{
    struct edge *edge = start_edge(*state);
    char request[4096];
    char target[2050];
    char reply[TEXT_SIZE];

    memset(target, 'a', sizeof(target));
    target[0] = '/';
    target[2048] = '\0';
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HEAD "\r\n", target);
    ask(edge, request, reply);
    assert_true(has(reply, " 200 OK\r\n"));
    assert_true(has(reply, target));
    target[2048] = 'a';
    target[2049] = '\0';
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\n" HEAD "\r\n", target);
    ask(edge, request, reply);
    assert_true(has(reply, "HTTP/1.1 414 "));
    assert_true(has(reply, "2049 bytes; 2048 are the most"));
}

static void too_many_headers_are_431(void **state)
{
    struct edge *edge = start_edge(*state);
    char request[4096] = "GET /a HTTP/1.1\r\n" HEAD;
    char reply[TEXT_SIZE];
    size_t len = strlen(request);

    for (int i = 0; i < 63; i++)
        len += (size_t)snprintf(request + len, sizeof(request) - len, "X-%d: y\r\n", i);
    snprintf(request + len, sizeof(request) - len, "\r\n");
    ask(edge, request, reply);
    assert_true(has(reply, "HTTP/1.1 431 "));
    assert_true(has(reply, "more than 64 headers"));
}

static void a_head_that_leaves_no_room_for_a_reply_is_431(void **state)
{
    struct edge *edge = start_edge(*state);
    char request[8192];
    char value[6501];
    char reply[TEXT_SIZE];

    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    snprintf(request, sizeof(request), "GET /a HTTP/1.1\r\n" HEAD "X: %s\r\n\r\n", value);
    ask(edge, request, reply);
    assert_true(has(reply, " 200 OK\r\n")); /* of what is not looked at nothing is kept */
    snprintf(request, sizeof(request), "GET /a HTTP/1.1\r\n" HEAD "Accept: %s\r\n\r\n", value);
    ask(edge, request, reply);
    assert_true(has(reply, "HTTP/1.1 431 "));
    assert_true(has(reply, "application/problem+json"));
}

static void a_header_that_cannot_be_sent_makes_a_bare_503(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];

    ask(edge, "GET /bad-header HTTP/1.1\r\n" HEAD "\r\n", reply);
    assert_true(has(reply, "HTTP/1.1 503 "));
    assert_true(has(reply, "Content-Length: 0\r\n"));
    assert_true(has(reply, "Access-Control-Allow-Origin: *\r\n"));
}

/* Many connections. */

static void more_than_128_connections_do_not_stall_a_worker(void **state)
{
    enum { MANY = 300 };
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];
    int64_t began = now_us();
    int fds[MANY];

    for (int i = 0; i < MANY; i++)
        fds[i] = dial(edge);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < MANY; i++)
            say(fds[i], "GET /many HTTP/1.1\r\nHost: x\r\n\r\n");
        for (int i = 0; i < MANY; i++) {
            hear_line(fds[i], reply);
            assert_true(has(reply, "GET /many"));
        }
    }
    for (int i = 0; i < MANY; i++)
        close(fds[i]);
    /* A stalled worker would sleep until the idle timeout: 15 seconds. */
    assert_true(ms_since(began) < GIVE_UP_MS);
}

static void a_connection_past_the_limit_is_503_until_another_leaves(void **state)
{
    struct edge *edge = *state;
    char reply[TEXT_SIZE];
    int fds[3];

    edge->settings.connections = 2;
    edge->settings.workers = 2;
    start_edge(edge);
    for (int i = 0; i < 2; i++) {
        fds[i] = dial(edge);
        say(fds[i], "GET /in HTTP/1.1\r\nHost: x\r\n\r\n");
        hear_line(fds[i], reply);
    }
    fds[2] = dial(edge); /* which says nothing */
    assert_true(hear_all(fds[2], reply) > 0);
    assert_true(has(reply, "HTTP/1.1 503 "));
    assert_true(has(reply, "Retry-After: 5\r\n"));
    close(fds[2]);
    ask(edge, "GET /in HTTP/1.1\r\nHost: x\r\n\r\n", reply);
    assert_true(has(reply, "HTTP/1.1 503 "));
    assert_true(has(reply, "Connection: close\r\n"));
    assert_true(has(reply, "There are too many connections."));
    close(fds[0]);
    /* The place is free as soon as the worker has noticed. */
    for (int64_t began = now_us(); ms_since(began) < GIVE_UP_MS; usleep(1000)) {
        fds[2] = dial(edge);
        try_to_say(fds[2], "GET /in HTTP/1.0\r\n\r\n");
        if (hear_all(fds[2], reply) > 0 && has(reply, " 200 "))
            break;
        close(fds[2]);
    }
    assert_true(has(reply, "GET /in"));
    close(fds[1]);
    close(fds[2]);
}

static void health_is_told_when_there_are_too_many_connections(void **state)
{
    static const char *const asked[] = { "/healthz", "/readyz", "/readyz?x=1" };
    struct edge *edge = *state;
    char reply[TEXT_SIZE];
    int fds[1 + STANDING];

    edge->settings.connections = 1;
    start_edge(edge);
    fds[0] = dial(edge);
    say(fds[0], "GET /in HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_line(fds[0], reply);
    for (size_t i = 0; i < 3; i++) {
        char request[128];

        snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", asked[i]);
        ask(edge, request, reply);
        assert_true(has(reply, "HTTP/1.1 200 "));
        assert_true(has(reply, "Connection: close\r\n"));
    }
    /* Those that come and say nothing keep nobody out for long. */
    for (int i = 1; i <= STANDING; i++)
        fds[i] = dial(edge);
    for (int64_t began = now_us(); ms_since(began) < GIVE_UP_MS; usleep(10000)) {
        int fd = dial(edge);

        try_to_say(fd, "GET /healthz HTTP/1.0\r\n\r\n");
        if (hear_all(fd, reply) > 0 && has(reply, " 200 "))
            began = 0;
        close(fd);
    }
    assert_true(has(reply, "GET /healthz"));
    for (int i = 0; i <= STANDING; i++)
        close(fds[i]);
}

static void the_limit_of_an_address_counts_all_workers(void **state)
{
    struct edge *edge = *state;
    char reply[TEXT_SIZE];
    int n_in = 0;
    int fds[12];

    edge->settings.connections_per_address = 3;
    edge->settings.workers = 3;
    start_edge(edge);
    for (int i = 0; i < 12; i++) {
        fds[i] = dial(edge);
        try_to_say(fds[i], "GET /in HTTP/1.1\r\nHost: x\r\n\r\n");
        if (recv(fds[i], reply, sizeof(reply), 0) > 12 && memcmp(reply + 9, "200", 3) == 0)
            n_in++;
    }
    for (int i = 0; i < 12; i++)
        close(fds[i]);
    assert_int_equal(n_in, 3);
}

static void the_crowd_agrees_with_plain_counting(void **state)
{
    enum { PEERS = 64, MOST = 40, EACH = 5, STEPS = 200000 };
    struct crowd crowd = { .seats = NULL };
    unsigned counts[PEERS] = { 0 };
    unsigned total = 0;
    uint32_t random = 1;

    (void)state;
    assert_true(crowd_init(&crowd, MOST, EACH));
    for (int step = 0; step < STEPS; step++) {
        struct peer peer;
        unsigned i;

        random = random * 1664525u + 1013904223u;
        i = (random >> 16) % PEERS;
        peer = (struct peer){ .key = i / 2, .is_v6 = i % 2 == 1 };
        if ((random >> 9) % 2 == 0) {
            bool is_room = total < MOST + STANDING && counts[i] < EACH;
            struct admission admission = crowd_enter(&crowd, peer, false);

            assert_int_equal(admission.refusal == METRICS_ADMITTED, is_room);
            assert_int_equal(admission.is_standing, is_room && total >= MOST);
            counts[i] += is_room;
            total += is_room;
        } else if (counts[i] > 0) {
            crowd_leave(&crowd, peer);
            counts[i]--;
            total--;
        }
        assert_int_equal(crowd.n, total);
    }
    for (unsigned i = 0; i < PEERS; i++)
        assert_int_equal(crowd_find(&crowd, (struct peer){ .key = i / 2, .is_v6 = i % 2 == 1 })->n,
                         counts[i]);
    pthread_mutex_destroy(&crowd.lock);
    free(crowd.seats);
}

/* Time. */

static void a_head_that_stays_incomplete_is_408(void **state)
{
    struct edge *edge = *state;
    char reply[TEXT_SIZE];
    int64_t began = now_us();
    int fd;

    edge->settings.head_timeout = 1;
    start_edge(edge);
    fd = dial(edge);
    say(fd, "GET /a HTTP/1.1\r\nHost: ");
    assert_true(hear_all(fd, reply) > 0);
    close(fd);
    assert_true(has(reply, "HTTP/1.1 408 "));
    assert_true(has(reply, "application/problem+json"));
    assert_true(has(reply, "Content-Length: 121\r\n"));
    assert_int_equal(strlen(strstr(reply, "\r\n\r\n") + 4), 121);
    assert_in_range(ms_since(began), 900, 3000);
}

/* Drips a byte every 100 ms, until the connection ends. */
static int64_t drip(int fd)
{
    static const char head[] =
        "GET /a HTTP/1.1\r\nHost: x\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    int64_t began = now_us();

    for (size_t i = 0; ms_since(began) < GIVE_UP_MS; i++) {
        struct pollfd end = { .fd = fd, .events = POLLRDHUP };

        (void)!send(fd, &head[i < sizeof(head) - 2 ? i : sizeof(head) - 2], 1, MSG_NOSIGNAL);
        if (poll(&end, 1, 100) > 0)
            break;
    }
    return ms_since(began);
}

static void dripping_bytes_buys_no_time(void **state)
{
    struct edge *edge = *state;
    int fd;

    edge->settings.head_timeout = 1;
    start_edge(edge);
    fd = dial(edge);
    assert_in_range(drip(fd), 900, 3000);
    close(fd);
}

static void dripping_on_a_kept_connection_buys_no_time(void **state)
{
    struct edge *edge = *state;
    char reply[TEXT_SIZE];
    int fd;

    edge->settings.head_timeout = 1;
    edge->settings.idle_timeout = 1;
    start_edge(edge);
    fd = dial(edge);
    say(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_line(fd, reply);
    assert_in_range(drip(fd), 900, 3000);
    close(fd);
}

static void an_idle_connection_is_closed(void **state)
{
    struct edge *edge = *state;
    char reply[TEXT_SIZE];
    int64_t began;
    int fd;

    edge->settings.idle_timeout = 1;
    start_edge(edge);
    fd = dial(edge);
    say(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_line(fd, reply);
    began = now_us();
    assert_int_equal(hear_all(fd, reply), 0);
    assert_in_range(ms_since(began), 800, 3500);
    close(fd);
}

static void a_reader_that_is_too_slow_is_cut_off(void **state)
{
    struct edge *edge = *state;
    char text[TEXT_SIZE];
    int64_t began = now_us();
    size_t len = 0;
    ssize_t n;
    int fd;

    edge->settings.send_timeout = 1;
    start_edge(edge);
    fd = dial(edge);
    say(fd, "GET /big HTTP/1.1\r\n" HEAD "\r\n");
    /* Slow, but never idle. */
    while ((n = recv(fd, text, 1024, 0)) > 0 && ms_since(began) < 1500) {
        len += (size_t)n;
        usleep(5000);
    }
    while (n > 0 && (n = recv(fd, text, sizeof(text), 0)) > 0)
        len += (size_t)n;
    close(fd);
    assert_true(len < BIG_SIZE);
}

/* The end. */

static bool ends_within(const struct edge *edge, int ms)
{
    struct pollfd end = { .fd = daemon_end_fd(edge->daemon), .events = POLLIN };

    return poll(&end, 1, ms) == 1;
}

static void draining_finishes_what_is_under_way_and_closes_what_is_idle(void **state)
{
    struct edge *edge = *state;
    char reply[TEXT_SIZE];
    int busy;
    int idle;
    int kept;

    edge->settings.workers = 2;
    start_edge(edge);
    idle = dial(edge);
    kept = dial(edge);
    say(kept, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    hear_line(kept, reply);
    busy = dial(edge);
    say(busy, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    usleep(SLOW_US / 3);
    daemon_drain(edge->daemon);
    assert_int_equal(hear_all(idle, reply), 0);
    assert_int_equal(hear_all(kept, reply), 0);
    assert_true(hear_all(busy, reply) > 0);
    assert_true(has(reply, "GET /slow id="));
    assert_true(ends_within(edge, 2000));
    close(busy);
    close(idle);
    close(kept);
}

static void a_request_that_came_before_the_drain_is_answered(void **state)
{
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];
    int slow = dial(edge);
    int next;

    say(slow, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
    usleep(SLOW_US / 3);
    next = dial(edge); /* waits behind it: there is one worker */
    say(next, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
    daemon_drain(edge->daemon);
    assert_true(hear_all(next, reply) > 0);
    assert_true(has(reply, "GET /next id="));
    assert_true(hear_all(slow, reply) > 0);
    assert_true(ends_within(edge, 2000));
    close(slow);
    close(next);
}

static void draining_frees_the_port_at_once(void **state)
{
    struct edge *edge = start_edge(*state);
    struct daemon *heir = NULL;
    struct error err = { .code = ERR_NONE };
    char reply[TEXT_SIZE];
    int fd = dial(edge);

    say(fd, "GET /big HTTP/1.1\r\n" HEAD "\r\n"); /* keeps the old one busy: nobody reads */
    usleep(50000);
    daemon_drain(edge->daemon);
    edge->settings.listen = edge->address;
    for (int64_t began = now_us(); heir == NULL && ms_since(began) < 2000; usleep(1000)) {
        err.code = ERR_NONE;
        daemon_new(&edge->settings, &edge->service, -1, &heir, &err);
    }
    assert_non_null(heir);
    assert_true(daemon_start(heir, &err));
    assert_false(ends_within(edge, 0));
    ask(edge, "GET /heir HTTP/1.1\r\n" HEAD "\r\n", reply);
    assert_true(has(reply, "GET /heir id="));
    assert_true(daemon_free(heir));
    close(fd);
}

static void draining_cuts_the_rest_when_its_time_is_up(void **state)
{
    struct edge *edge = *state;
    int64_t began;
    int fd;

    edge->settings.drain_timeout = 1;
    start_edge(edge);
    fd = dial(edge);
    say(fd, "GET /big HTTP/1.1\r\n" HEAD "\r\n");
    usleep(50000);
    began = now_us();
    daemon_drain(edge->daemon);
    assert_true(ends_within(edge, GIVE_UP_MS));
    assert_in_range(ms_since(began), 900, 2500);
    close(fd);
}

static void stopping_waits_for_nobody(void **state)
{
    struct edge *edge = start_edge(*state);
    int fd = dial(edge);

    say(fd, "GET /big HTTP/1.1\r\n" HEAD "\r\n");
    usleep(50000);
    daemon_drain(edge->daemon);
    daemon_stop(edge->daemon);
    assert_true(ends_within(edge, 1000));
    close(fd);
}

/* Listening. */

static void a_port_in_use_is_told(void **state)
{
    struct edge *edge = start_edge(*state);
    struct daemon *other = NULL;
    struct error err = { .code = ERR_NONE };

    edge->settings.listen = edge->address;
    assert_false(daemon_new(&edge->settings, &edge->service, -1, &other, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_true(has(err.detail, daemon_address(edge->daemon)));
    assert_true(has(err.detail, "in use"));
}

static void ipv6_is_listened_to(void **state)
{
    struct edge *edge = *state;
    struct error err = { .code = ERR_NONE };
    char reply[TEXT_SIZE];

    assert_true(address_parse("[::1]:0", &edge->settings.listen));
    if (!daemon_new(&edge->settings, &edge->service, -1, &edge->daemon, &err))
        skip(); /* a machine without IPv6 */
    assert_true(daemon_start(edge->daemon, &err));
    assert_true(address_parse(daemon_address(edge->daemon), &edge->address));
    ask(edge, "GET /six HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n", reply);
    assert_true(has(reply, "GET /six id="));
}

static void a_socket_that_is_handed_over_is_listened_to(void **state)
{
    struct edge *edge = *state;
    struct sockaddr_in any = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct error err = { .code = ERR_NONE };
    char reply[TEXT_SIZE];
    struct address given = { .len = sizeof(given.socket) };
    int fd = socket(AF_INET, SOCK_STREAM, 0); /* it blocks, and would be inherited */

    assert_int_equal(bind(fd, (const struct sockaddr *)&any, sizeof(any)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&given.socket, &given.len), 0);
    assert_true(address_parse("192.0.2.1:1", &edge->settings.listen)); /* none of ours */
    assert_true(daemon_new(&edge->settings, &edge->service, fd, &edge->daemon, &err));
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    assert_true(address_parse(daemon_address(edge->daemon), &edge->address));
    assert_memory_equal(&edge->address.socket, &given.socket, sizeof(any));
    assert_true(daemon_start(edge->daemon, &err));
    ask(edge, "GET /given HTTP/1.1\r\n" HEAD "\r\n", reply);
    assert_true(has(reply, "GET /given id="));
}

static void what_connects_before_the_start_is_answered_after_it(void **state)
{
    struct edge *edge = *state;
    struct error err = { .code = ERR_NONE };
    char reply[TEXT_SIZE];
    int fd;

    assert_true(daemon_new(&edge->settings, &edge->service, -1, &edge->daemon, &err));
    assert_true(address_parse(daemon_address(edge->daemon), &edge->address));
    fd = dial(edge);
    say(fd, "GET /early HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_true(daemon_start(edge->daemon, &err));
    assert_true(hear_all(fd, reply) > 0);
    assert_true(has(reply, "GET /early id="));
    close(fd);
}

static void a_daemon_that_was_never_started_ends(void **state)
{
    struct edge *edge = *state;
    struct error err = { .code = ERR_NONE };

    assert_true(daemon_new(&edge->settings, &edge->service, -1, &edge->daemon, &err));
}

/* The watchdog. */

/* Whether the workers turn within a time. */
static bool turns_within(const struct edge *edge, int64_t ms)
{
    for (int64_t began = now_us(); ms_since(began) < ms; usleep(1000))
        if (daemon_turns(edge->daemon))
            return true;
    return false;
}

static void idle_workers_turn(void **state)
{
    struct edge *edge = *state;

    edge->settings.workers = 3;
    start_edge(edge);
    for (int i = 0; i < 20; i++)
        assert_true(turns_within(edge, GIVE_UP_MS));
}

static void a_worker_that_hangs_does_not_turn_and_one_that_comes_back_does(void **state)
{
    struct edge *edge = *state;
    char reply[TEXT_SIZE];
    int fd;

    edge->settings.workers = 2;
    start_edge(edge);
    hold_up(true);
    fd = dial(edge);
    say(fd, "GET /held HTTP/1.1\r\n" HEAD "Connection: close\r\n\r\n");
    while (!is_held)
        usleep(1000);
    turns_within(edge, GIVE_UP_MS); /* what was asked before it hung may still be answered */
    assert_false(turns_within(edge, 100));
    hold_up(false);
    assert_true(hear_all(fd, reply) > 0);
    assert_true(turns_within(edge, GIVE_UP_MS));
    close(fd);
}

/* One turn has many requests, and together they may take longer than a watchdog waits. */
static void a_worker_turns_with_each_request(void **state)
{
    enum { MANY = 6 };
    struct edge *edge = start_edge(*state);
    char reply[TEXT_SIZE];
    int first, fds[MANY], n = 0;

    hold_up(true);
    first = dial(edge);
    say(first, "GET /held HTTP/1.1\r\n" HEAD "\r\n");
    while (!is_held)
        usleep(1000);
    for (int i = 0; i < MANY; i++) { /* they come in together when the first is done */
        fds[i] = dial(edge);
        say(fds[i], "GET /slow HTTP/1.1\r\n" HEAD "\r\n");
    }
    hold_up(false);
    for (int64_t began = now_us(); ms_since(began) < SLOW_US / 1000 * (MANY - 1); usleep(1000))
        n += daemon_turns(edge->daemon);
    assert_true(n >= MANY / 2);
    for (int i = 0; i < MANY; i++) {
        assert_true(hear_all(fds[i], reply) > 0);
        close(fds[i]);
    }
    close(first);
}

static void nobody_waits_for_workers_that_have_ended(void **state)
{
    struct edge *edge = *state;

    edge->settings.workers = 2;
    start_edge(edge);
    daemon_drain(edge->daemon);
    assert_true(ends_within(edge, GIVE_UP_MS));
    for (int i = 0; i < 5; i++)
        assert_true(daemon_turns(edge->daemon));
}

/* The log. */

static void each_request_is_one_line(void **state)
{
    struct edge *edge = *state;
    char reply[TEXT_SIZE];
    char lines[8192];
    int fds[2];
    ssize_t len;

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    log_open(LOG_LEVEL_INFO, fds[1]);
    start_edge(edge);
    ask(edge, "GET /a?b=\"c HTTP/1.1\r\n" HEAD "X-Request-Id: one\r\n\r\n", reply);
    ask(edge, "GET /fail HTTP/1.1\r\n" HEAD "X-Request-Id: two\r\n\r\n", reply);
    ask(edge, "GET /a HTTP/1.1\r\n\r\n", reply);
    assert_true(daemon_free(edge->daemon));
    edge->daemon = NULL;
    log_open(LOG_LEVEL__MAX, STDERR_FILENO);
    len = read(fds[0], lines, sizeof(lines) - 1);
    close(fds[0]);
    close(fds[1]);
    assert_true(len > 0);
    lines[len] = '\0';
    assert_true(has(lines, "level=info msg=request id=one method=GET route=/stub "
                           "path=\"/a?b=\\\"c\" status=200 bytes="));
    assert_true(
        has(lines,
            "level=error msg=request id=two method=GET route=/stub path=/fail status=500 bytes="));
    assert_true(has(lines, "addr=127.0.0.1 detail=\"the \\\"disk\\\" broke\"\n"));
    assert_true(has(lines, "path=/a status=400 bytes="));
}

/* Ready replies. */

static void assert_asked(struct edge *edge, const char *request, const char *part, int n)
{
    char reply[TEXT_SIZE];

    n_served = 0;
    ask(edge, request, reply);
    if (!has(reply, part))
        fail_msg("%s", reply);
    assert_int_equal(n_served, n);
}

static void a_lasting_reply_is_made_once(void **state)
{
    struct edge *edge = start_edge(*state);

    assert_asked(edge, "GET /lasting HTTP/1.1\r\n" HEAD "\r\n", "GET /lasting id=", 1);
    assert_asked(edge, "GET /lasting HTTP/1.1\r\n" HEAD "\r\n", "GET /lasting id=", 0);
    assert_asked(edge, "GET /lasting HTTP/1.1\r\n" HEAD "X-Request-Id: short\r\n\r\n",
                 "X-Request-Id: short\r\n", 0);
    assert_asked(edge,
                 "HEAD /lasting HTTP/1.1\r\n" HEAD "X-Request-Id: much-longer-than-ours\r\n\r\n",
                 "X-Request-Id: much-longer-than-ours\r\n", 0);
    assert_asked(edge, "GET /a HTTP/1.1\r\n" HEAD "\r\n", "GET /a id=", 1);
    assert_asked(edge, "GET /a HTTP/1.1\r\n" HEAD "\r\n", "GET /a id=", 1);
}

static void what_a_reply_depends_on_is_part_of_its_name(void **state)
{
    static const char *const others[] = {
        "If-None-Match: \"t\"\r\n",
        "Accept: a/b\r\n",
        "Accept-Encoding: gzip\r\n",
        "Prefer: x\r\n",
        "Accept: \r\n",
    };
    struct edge *edge = start_edge(*state);
    char request[512];

    assert_asked(edge, "GET /lasting HTTP/1.1\r\n" HEAD "\r\n", "200 OK", 1);
    for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
        snprintf(request, sizeof(request), "GET /lasting HTTP/1.1\r\n" HEAD "%s\r\n", others[i]);
        assert_asked(edge, request, "200 OK", 1);
        assert_asked(edge, request, "200 OK", 0);
    }
    /* A part of a reply is never kept, nor is what other methods are told. */
    for (int i = 0; i < 2; i++) {
        assert_asked(edge, "GET /lasting HTTP/1.1\r\n" HEAD "Range: bytes=0-1\r\n\r\n", "200 OK",
                     1);
        assert_asked(edge, "POST /lasting HTTP/1.1\r\n" HEAD "\r\n", "POST /lasting id=", 1);
    }
}

static void another_spelling_finds_the_reply_by_its_key(void **state)
{
    struct edge *edge = start_edge(*state);

    assert_asked(edge, "GET /lasting?a=1 HTTP/1.1\r\n" HEAD "\r\n", "GET /lasting?a=1 id=", 1);
    assert_asked(edge, "GET /lasting?b=2 HTTP/1.1\r\n" HEAD "\r\n", "GET /lasting?a=1 id=", 1);
    assert_asked(edge, "GET /lasting?b=2 HTTP/1.1\r\n" HEAD "\r\n", "GET /lasting?a=1 id=", 0);
}

static void a_new_dataset_has_new_replies(void **state)
{
    struct edge *edge = start_edge(*state);

    assert_asked(edge, "GET /lasting HTTP/1.1\r\n" HEAD "\r\n", "200 OK", 1);
    serial++;
    daemon_follow(edge->daemon);
    assert_asked(edge, "GET /lasting HTTP/1.1\r\n" HEAD "\r\n", "200 OK", 1);
    serial++;
    assert_asked(edge, "GET /lasting HTTP/1.1\r\n" HEAD "\r\n", "200 OK", 1);
    assert_asked(edge, "GET /lasting HTTP/1.1\r\n" HEAD "\r\n", "200 OK", 0);
}

static void without_a_cache_every_reply_is_made(void **state)
{
    struct edge *edge = *state;

    edge->settings.cache_size = 0;
    start_edge(edge);
    for (int i = 0; i < 3; i++)
        assert_asked(edge, "GET /lasting?a=1 HTTP/1.1\r\n" HEAD "\r\n", "200 OK", 1);
}

int main(void)
{
#define FACT(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        FACT(a_get_carries_the_edge_headers),
        FACT(a_head_has_the_length_and_no_body),
        FACT(an_empty_reply_has_no_length),
        FACT(a_kept_connection_answers_again),
        FACT(requests_sent_in_one_go_are_answered_in_turn),
        FACT(a_preflight_reaches_the_service),
        FACT(a_good_id_of_the_client_is_kept),
        FACT(a_bad_id_of_the_client_is_replaced),
        FACT(an_old_client_needs_no_host),
        FACT(ambiguous_requests_are_refused_and_the_connection_ends),
        FACT(a_content_length_of_nothing_is_taken),
        FACT(a_target_of_the_limit_is_taken_and_one_byte_more_is_414),
        FACT(too_many_headers_are_431),
        FACT(a_head_that_leaves_no_room_for_a_reply_is_431),
        FACT(a_header_that_cannot_be_sent_makes_a_bare_503),
        FACT(more_than_128_connections_do_not_stall_a_worker),
        FACT(a_connection_past_the_limit_is_503_until_another_leaves),
        FACT(health_is_told_when_there_are_too_many_connections),
        FACT(the_limit_of_an_address_counts_all_workers),
        FACT(a_lasting_reply_is_made_once),
        FACT(what_a_reply_depends_on_is_part_of_its_name),
        FACT(another_spelling_finds_the_reply_by_its_key),
        FACT(a_new_dataset_has_new_replies),
        FACT(without_a_cache_every_reply_is_made),
        cmocka_unit_test(the_crowd_agrees_with_plain_counting),
        FACT(a_head_that_stays_incomplete_is_408),
        FACT(dripping_bytes_buys_no_time),
        FACT(dripping_on_a_kept_connection_buys_no_time),
        FACT(an_idle_connection_is_closed),
        FACT(a_reader_that_is_too_slow_is_cut_off),
        FACT(draining_finishes_what_is_under_way_and_closes_what_is_idle),
        FACT(a_request_that_came_before_the_drain_is_answered),
        FACT(draining_frees_the_port_at_once),
        FACT(draining_cuts_the_rest_when_its_time_is_up),
        FACT(stopping_waits_for_nobody),
        FACT(a_port_in_use_is_told),
        FACT(ipv6_is_listened_to),
        FACT(a_socket_that_is_handed_over_is_listened_to),
        FACT(what_connects_before_the_start_is_answered_after_it),
        FACT(a_daemon_that_was_never_started_ends),
        FACT(idle_workers_turn),
        FACT(a_worker_that_hangs_does_not_turn_and_one_that_comes_back_does),
        FACT(a_worker_turns_with_each_request),
        FACT(nobody_waits_for_workers_that_have_ended),
        FACT(each_request_is_one_line),
    };

    log_open(LOG_LEVEL__MAX, STDERR_FILENO);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
