/*
 * What this file promises:
 *
 *  1. A connection belongs to one worker from accept to close. Between the first byte of a request and its reply no
 *     lock of ours is taken and nothing is shared; the one lock (struct crowd) is taken when connections come and go.
 *  2. No number of connections stalls a worker: it waits itself, and libmicrohttpd only ever polls (see run()).
 *  3. A request that two readers could read differently never reaches serve(): it is refused and the connection ends.
 *  4. Every refusal that is ours is a problem document, and every reply carries the headers in edge_headers[].
 *  5. Bodies are not taken. Nothing of a client is kept beyond its connection but one bounded, escaped log line.
 *  6. Connections are limited in all and for each address, over all workers (IPv6 by /64).
 *  7. Every phase of a connection ends: the head, the reply, the idleness in between. Dripping bytes buys no time.
 *  8. A reply leaves with all its headers or not at all.
 *  9. The end is orderly: no new connections, idle ones closed, whole requests answered, the rest cut at a set time.
 * 10. The listening socket is ours; it is closed once, when the last worker has let go of it.
 */

#define _GNU_SOURCE /* accept flags, strnlen, pthread_setname_np */
#include "server/daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <microhttpd.h>

#include "db/dataset.h"
#include "server/log.h"
#include "server/request_id.h"

enum {
    TARGET_NEAR = 256,      /* bytes of a target that need no allocation: nearly all */
    TARGET_LOGGED = 256,    /* bytes of a target in the log */
    SEND_BUFFER = 262144,   /* bytes for each socket in the kernel: larger ones let slow readers stall others */
    FILES_BESIDE = 64,      /* descriptors of the process that are no connections: dataset files, epoll, log */
    REFUSALS_EVERY = 1000000, /* microseconds between log lines about refused connections */
};

/* On every reply. nosniff: text of ours must never be taken for a page of ours. */
static const char *const edge_headers[][2] = {
    { "Access-Control-Allow-Origin", "*" },
    { "Access-Control-Expose-Headers", "ETag, Link, X-Total-Count, RateLimit, Content-Digest, X-Request-Id" },
    { "X-Content-Type-Options", "nosniff" },
};

/* Crowd: how many connections there are, in all and of each peer. */

/* Whose connections are counted together: an IPv4 address or an IPv6 /64. */
struct peer {
    uint64_t key; /* network bytes of the address or prefix */
    bool is_v6;   /* the key is a prefix of IPv6 */
};

struct seat {
    struct peer peer;
    uint32_t n; /* connections; 0: slot is free */
};

struct crowd {
    pthread_mutex_t lock;
    struct seat *seats; /* open addressing with linear probing, never more than half full */
    size_t mask;        /* slots - 1; slots are a power of two */
    uint64_t seed;      /* so that nobody can choose addresses that collide */
    size_t n;           /* connections */
    size_t most;        /* connections allowed */
    uint32_t most_each; /* connections allowed to each peer */
};

/* Clients. */

enum phase {
    PHASE_QUIET,    /* waits for a request line */
    PHASE_LINE,     /* has one; the head is not whole */
    PHASE_HEAD,     /* the head is whole and well-formed */
    PHASE_ANSWERED, /* a reply is on its way */
};

struct queue;

/* One connection, and the request it is at. Owned by its worker, which alone sees it. */
struct client {
    struct client *prev, *next; /* neighbours in its queue */
    struct queue *queue;        /* never NULL */
    int64_t since;              /* microseconds: when it entered the queue */
    int fd;                     /* borrowed from libmicrohttpd: only ever shut down, never closed */
    struct peer peer;
    enum phase phase;
    int64_t began;              /* microseconds: when the request line was whole */
    char *target;               /* near, or allocated; NULL: no memory for it */
    size_t target_len;          /* bytes that the client sent, even where we kept fewer */
    char near[TARGET_NEAR];
    char method[16];            /* for the log, cut */
    const char *if_none_match;  /* borrowed from libmicrohttpd until the request is done; NULL: not sent */
    const char *preflight;      /* same */
    char id[REQUEST_ID_SIZE];
    int status;                 /* 0: nothing was answered */
    size_t len;                 /* bytes of body */
    const char *route;          /* for the log; "": none */
    char detail[256];           /* for the log; "": none */
};

/* Clients that wait for the same thing for the same time: the first has waited longest. */
struct queue {
    struct client *first, *last;
    int64_t limit; /* microseconds until a client's time is up; INT64_MAX: never */
};

/* What the main thread tells the workers. Only ever rises. */
enum order { ORDER_RUN, ORDER_DRAIN, ORDER_STOP };

struct worker {
    struct daemon *daemon;
    struct MHD_Daemon *mhd;
    pthread_t thread;
    bool is_started;                 /* thread is to be joined */
    int wake_fd;                     /* eventfd: an order was given */
    struct MHD_Response *exhausted;  /* ready reply for when there is no memory */
    struct id_source ids;
    struct queue fresh;              /* no request yet */
    struct queue busy;               /* head whole, reply not yet sent */
    struct queue kept;               /* answered, and no whole head since */
    struct queue doomed;             /* shut down; libmicrohttpd is about to notice */
    bool has_reserved;               /* the crowd has counted a connection that libmicrohttpd has not begun yet */
    struct peer reserved;
    bool is_draining;
    int64_t drain_end;               /* microseconds */
    int64_t n_refused;               /* connections over a limit since the last line about them */
    int64_t refused_logged;          /* microseconds: when that was */
};

struct daemon {
    struct settings settings;
    const struct service *service;
    char address[ADDRESS_TEXT_SIZE];
    int listen_fd;           /* -1: closed */
    int end_fd;              /* eventfd: all workers have ended, or one has failed */
    atomic_int order;        /* enum order */
    atomic_uint n_listening; /* workers that may still accept: the last one closes listen_fd */
    atomic_uint n_running;
    atomic_bool has_failed;
    struct crowd crowd;
    unsigned n_workers;
    struct worker workers[];
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static struct peer peer_of(const struct sockaddr *address)
{
    struct peer peer = { .key = 0 };

    if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;

        if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
            memcpy(&peer.key, &v6->sin6_addr.s6_addr[12], 4);
        } else {
            memcpy(&peer.key, v6->sin6_addr.s6_addr, 8);
            peer.is_v6 = true;
        }
    } else if (address->sa_family == AF_INET) {
        memcpy(&peer.key, &((const struct sockaddr_in *)(const void *)address)->sin_addr, 4);
    }
    return peer;
}

static bool peer_same(struct peer a, struct peer b)
{
    return a.key == b.key && a.is_v6 == b.is_v6;
}

static bool crowd_init(struct crowd *crowd, int64_t most, int64_t most_each)
{
    size_t slots = 16;

    while (slots < (size_t)most * 2)
        slots *= 2;
    crowd->seats = calloc(slots, sizeof(*crowd->seats));
    if (crowd->seats == NULL)
        return false;
    if (getrandom(&crowd->seed, sizeof(crowd->seed), GRND_NONBLOCK) < 0)
        crowd->seed = (uint64_t)now_us();
    crowd->mask = slots - 1;
    crowd->most = (size_t)most;
    crowd->most_each = (uint32_t)most_each;
    pthread_mutex_init(&crowd->lock, NULL);
    return true;
}

/* Where the search for a peer begins. */
static size_t crowd_home(const struct crowd *crowd, struct peer peer)
{
    uint64_t mix = (peer.key ^ crowd->seed) + peer.is_v6;

    mix = (mix ^ mix >> 32) * 0xd6e8feb86659fd93u;
    mix = (mix ^ mix >> 32) * 0xd6e8feb86659fd93u;
    return (size_t)(mix ^ mix >> 32) & crowd->mask;
}

/* The peer's seat, or the free one where it would sit. */
static struct seat *crowd_find(const struct crowd *crowd, struct peer peer)
{
    size_t i = crowd_home(crowd, peer);

    while (crowd->seats[i].n > 0 && !peer_same(crowd->seats[i].peer, peer))
        i = (i + 1) & crowd->mask;
    return &crowd->seats[i];
}

/* Counts a connection; false when a limit is reached. */
static bool crowd_enter(struct crowd *crowd, struct peer peer)
{
    bool is_room;

    pthread_mutex_lock(&crowd->lock);
    is_room = crowd->n < crowd->most;
    if (is_room) {
        struct seat *seat = crowd_find(crowd, peer);

        is_room = seat->n < crowd->most_each;
        if (is_room) {
            seat->peer = peer;
            seat->n++;
            crowd->n++;
        }
    }
    pthread_mutex_unlock(&crowd->lock);
    return is_room;
}

/* Frees a seat, and moves those behind it forward that would otherwise no longer be found. */
static void crowd_close_gap(struct crowd *crowd, size_t gap)
{
    for (size_t i = (gap + 1) & crowd->mask; crowd->seats[i].n > 0; i = (i + 1) & crowd->mask) {
        size_t home = crowd_home(crowd, crowd->seats[i].peer);

        /* It may move if its home is not between the gap and itself. */
        if (((i - home) & crowd->mask) >= ((i - gap) & crowd->mask)) {
            crowd->seats[gap] = crowd->seats[i];
            gap = i;
        }
    }
    crowd->seats[gap] = (struct seat){ .n = 0 };
}

static void crowd_leave(struct crowd *crowd, struct peer peer)
{
    struct seat *seat;

    pthread_mutex_lock(&crowd->lock);
    seat = crowd_find(crowd, peer);
    if (seat->n > 0) {
        crowd->n--;
        if (--seat->n == 0)
            crowd_close_gap(crowd, (size_t)(seat - crowd->seats));
    }
    pthread_mutex_unlock(&crowd->lock);
}

/* Queues. */

static void queue_leave(struct client *client)
{
    struct queue *queue = client->queue;

    if (client->prev != NULL)
        client->prev->next = client->next;
    else
        queue->first = client->next;
    if (client->next != NULL)
        client->next->prev = client->prev;
    else
        queue->last = client->prev;
    client->prev = client->next = NULL;
    client->queue = NULL;
}

static void queue_enter(struct queue *queue, struct client *client, int64_t now)
{
    client->queue = queue;
    client->since = now;
    client->prev = queue->last;
    if (queue->last != NULL)
        queue->last->next = client;
    else
        queue->first = client;
    queue->last = client;
}

static void queue_move(struct queue *queue, struct client *client, int64_t now)
{
    queue_leave(client);
    queue_enter(queue, client, now);
}

/* When the first of the queue's time is up; INT64_MAX: never. */
static int64_t queue_due(const struct queue *queue)
{
    if (queue->first == NULL || queue->limit == INT64_MAX)
        return INT64_MAX;
    return queue->first->since + queue->limit;
}

static bool is_any_client(const struct worker *worker)
{
    return worker->fresh.first != NULL || worker->busy.first != NULL || worker->kept.first != NULL ||
           worker->doomed.first != NULL;
}

/* What libmicrohttpd calls when connections come and go. */

static enum MHD_Result on_accept(void *cls, const struct sockaddr *address, socklen_t len)
{
    struct worker *worker = cls;
    struct crowd *crowd = &worker->daemon->crowd;

    (void)len;
    /* The last one was let in and then never begun (no memory): it is not there. */
    if (worker->has_reserved)
        crowd_leave(crowd, worker->reserved);
    worker->reserved = peer_of(address);
    worker->has_reserved = crowd_enter(crowd, worker->reserved);
    if (!worker->has_reserved)
        worker->n_refused++;
    return worker->has_reserved ? MHD_YES : MHD_NO;
}

static struct client *client_of(struct MHD_Connection *conn)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info != NULL ? info->socket_context : NULL;
}

static void client_forget_target(struct client *client)
{
    if (client->target != client->near)
        free(client->target);
    client->target = client->near;
    client->near[0] = '\0';
    client->target_len = 0;
}

static void on_connect(struct worker *worker, struct MHD_Connection *conn, void **socket_context)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *client = calloc(1, sizeof(*client));

    worker->has_reserved = false; /* from here on_close() counts */
    if (client == NULL) {
        crowd_leave(&worker->daemon->crowd, worker->reserved);
        if (info != NULL)
            shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    client->fd = info != NULL ? info->connect_fd : -1;
    client->peer = worker->reserved;
    client->target = client->near;
    client->route = "";
    queue_enter(&worker->fresh, client, now_us());
    *socket_context = client;
}

static void on_close(struct worker *worker, void **socket_context)
{
    struct client *client = *socket_context;

    if (client == NULL)
        return;
    crowd_leave(&worker->daemon->crowd, client->peer);
    queue_leave(client);
    client_forget_target(client);
    free(client);
    *socket_context = NULL;
}

static void on_connection(void *cls, struct MHD_Connection *conn, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        on_connect(cls, conn, socket_context);
    else
        on_close(cls, socket_context);
}

/* The head of a request. */

/* The raw target, before libmicrohttpd decodes it in place. What is returned becomes *con_cls of on_request(). */
static void *on_target(void *cls, const char *uri, struct MHD_Connection *conn)
{
    struct worker *worker = cls;
    struct client *client = client_of(conn);
    size_t most = (size_t)worker->daemon->settings.target_limit;
    size_t kept;

    if (client == NULL)
        return NULL;
    client_forget_target(client);
    client->phase = PHASE_LINE;
    client->began = now_us();
    client->method[0] = '\0';
    client->if_none_match = client->preflight = NULL;
    client->status = 0;
    client->len = 0;
    client->route = client->detail;
    client->detail[0] = '\0';
    client->id[0] = '\0';

    client->target_len = strlen(uri);
    kept = client->target_len;
    if (kept > most)
        kept = sizeof(client->near) - 1; /* it is going to be refused: the log's share is enough */
    if (kept >= sizeof(client->near))
        client->target = malloc(kept + 1);
    if (client->target != NULL) {
        memcpy(client->target, uri, kept);
        client->target[kept] = '\0';
    }
    return client;
}

/* What counts in the header fields of a request. Borrows from libmicrohttpd. */
struct head {
    const char *host;
    const char *content_length;
    const char *id;
    const char *if_none_match;
    const char *preflight;
    int n_host;
    int n_content_length;
    bool has_coding;   /* Transfer-Encoding */
    bool is_malformed; /* a field has no proper name, or control characters in its value */
    int64_t n;         /* fields */
};

static bool is_token(const char *text, size_t len)
{
    static const char others[] = "!#$%&'*+-.^_`|~";

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');

        if (!is_alnum && (c == '\0' || strchr(others, c) == NULL))
            return false;
    }
    return len > 0;
}

static bool is_field_value(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                const char *value, size_t value_len)
{
    struct head *head = cls;

    (void)kind;
    head->n++;
    if (value == NULL) {
        value = "";
        value_len = 0;
    }
    if (!is_token(name, name_len) || !is_field_value(value, value_len)) {
        head->is_malformed = true;
        return MHD_YES;
    }
    if (strcasecmp(name, "Host") == 0) {
        head->n_host++;
        head->host = value;
    } else if (strcasecmp(name, "Content-Length") == 0) {
        head->n_content_length++;
        head->content_length = value;
    } else if (strcasecmp(name, "Transfer-Encoding") == 0) {
        head->has_coding = true;
    } else if (strcasecmp(name, "If-None-Match") == 0) {
        head->if_none_match = value;
    } else if (strcasecmp(name, "Access-Control-Request-Method") == 0) {
        head->preflight = value;
    } else if (strcasecmp(name, "X-Request-Id") == 0) {
        head->id = value;
    }
    return MHD_YES;
}

/* Letters, digits and marks of names, addresses and ports; whatever else could be read in two ways. */
static bool is_host(const char *text)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:[]%";

    return text[0] != '\0' && text[strspn(text, good)] == '\0';
}

static bool check_target(const struct client *client, const char *method, const struct settings *settings,
                         struct error *err)
{
    if (client->target_len > (size_t)settings->target_limit)
        return error_set(err, ERR_TARGET_TOO_LONG, NULL,
                         "The request target has %zu bytes; %" PRId64 " are the most.", client->target_len,
                         settings->target_limit);
    if (client->target == NULL)
        return error_set(err, ERR_OVERLOAD, NULL, "No memory for the request target.");
    if (strcmp(client->target, "*") == 0 && strcmp(method, "OPTIONS") == 0)
        return true;
    if (client->target[0] != '/')
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "The request target must begin with '/'.");
    for (const char *c = client->target; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                             "The request target holds the byte 0x%02x; it must be percent-encoded.",
                             (unsigned char)*c);
        if (*c == '#')
            return error_set(err, ERR_REQUEST_MALFORMED, NULL, "The request target holds a fragment ('#').");
    }
    return true;
}

static bool check_body(const struct head *head, struct error *err)
{
    if (head->has_coding && head->n_content_length > 0)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "The request has both Content-Length and Transfer-Encoding.");
    if (head->n_content_length > 1)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "The request has %d Content-Length headers; one may stand.",
                         head->n_content_length);
    if (head->n_content_length == 1 &&
        (head->content_length[0] == '\0' || head->content_length[strspn(head->content_length, "0123456789")] != '\0'))
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "Content-Length takes a whole number of bytes.");
    if (head->has_coding || (head->n_content_length == 1 && strspn(head->content_length, "0") !=
                                                                strlen(head->content_length)))
        return error_set(err, ERR_BODY_REFUSED, NULL, "No request body is taken here: ask by the path and its query.");
    return true;
}

static bool check_head(const struct head *head, const struct client *client, const char *method, const char *version,
                       const struct settings *settings, struct error *err)
{
    bool is_old = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;

    if (!is_old && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "HTTP/1.1 and HTTP/1.0 are spoken here.");
    if (!is_token(method, strlen(method)))
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "The method is not a token.");
    if (!check_target(client, method, settings, err))
        return false;
    if (head->n > settings->header_limit)
        return error_set(err, ERR_HEADERS_TOO_LARGE, NULL,
                         "The request has %" PRId64 " headers; %" PRId64 " are the most.", head->n,
                         settings->header_limit);
    if (head->is_malformed)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "A header has no proper name, or a control character.");
    if (head->n_host > 1)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "The request has %d Host headers; one must stand.",
                         head->n_host);
    if (head->n_host == 0 && !is_old)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "The Host header is missing.");
    if (head->n_host == 1 && !is_host(head->host))
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "The Host header takes a name or address, and a port.");
    return check_body(head, err);
}

/* Replies. */

static bool add_edge_headers(struct MHD_Response *response)
{
    for (size_t i = 0; i < sizeof(edge_headers) / sizeof(edge_headers[0]); i++)
        if (MHD_add_response_header(response, edge_headers[i][0], edge_headers[i][1]) == MHD_NO)
            return false;
    return true;
}

static bool add_headers(struct MHD_Response *response, const struct client *client, const struct reply *reply,
                        bool is_last)
{
    if (reply->content_type != NULL && reply->body != NULL &&
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type) == MHD_NO)
        return false;
    for (size_t i = 0; i < reply->n_headers; i++)
        if (MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value) == MHD_NO)
            return false;
    if (is_last && MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_NO)
        return false;
    return add_edge_headers(response) && MHD_add_response_header(response, "X-Request-Id", client->id) == MHD_YES;
}

/* A reply as libmicrohttpd's object, which takes the body. NULL: no memory. */
static struct MHD_Response *response_new(const struct client *client, struct reply *reply, bool is_last)
{
    struct MHD_Response *response =
        reply->body != NULL ? MHD_create_response_from_buffer_with_free_callback(reply->len, reply->body, free)
                            : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    char *body = reply->body;

    if (response == NULL)
        return NULL;
    reply->body = NULL;
    /* add_headers() asks whether there is a body, which has just moved. */
    if (!add_headers(response, client, &(struct reply){ .content_type = body != NULL ? reply->content_type : NULL,
                                                        .body = body,
                                                        .n_headers = 0 },
                     is_last)) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

