/*
 * What this file promises (SECURITY.md says it in the same words; scripts/check compares them):
 *
 * 1. A connection belongs to one worker from accept to close. Between the first byte of a request
 * and its reply no lock of ours is taken, and nothing is shared but the counts of who asks how
 * often, which are atomic; the one lock (struct crowd) is taken when connections come and go.
 * 2. No number of connections stalls a worker: it waits itself, and libmicrohttpd only ever polls.
 * 3. A request in which two readers could see two things is refused and its connection ends: the
 * gate (server/gate.c) reads the bytes before libmicrohttpd does, and its head is checked once more
 * behind it.
 * 4. Every refusal is a problem document, and every reply carries the headers that keep a browser
 * from taking it for something else.
 * 5. Bodies are not taken. Nothing of a client is kept beyond its connection but one bounded,
 * escaped log line, and how many requests its address may still make.
 * 6. Connections are limited in all and for each address, over all workers (IPv6 by /64). Beyond
 * the limit a few more may ask for health. Replies that are sent piece by piece, and hold a dataset
 * open, are limited in the same way.
 * 7. Every phase of a connection ends: the head, the reply, the idleness in between. Dripping bytes
 * buys no time.
 * 8. A reply leaves with all its headers or not at all.
 * 9. The end is orderly: no new connections, idle ones closed, whole requests answered, the rest
 * cut at a set time.
 * 10. The listening socket and accept() are ours: connections are spread over the workers, and the
 * socket is closed once, when the last worker has let go of it.
 * 11. A reply that is kept (server/cache.c) is the one that would be made: it is found by all of a
 * request that the answer depends on, and let go of when the dataset changes.
 * 12. Nothing in a reply comes from Host, Origin, Forwarded or X-Forwarded-For. The last two are
 * read from proxies that the settings name, to know whose limits apply and for the log, and are
 * believed only as far as those proxies wrote them.
 * 13. Too much to do is told early: a request over its address's rate, or that has waited too long
 * for others, is refused before anything is done for it. Health is always told.
 * 14. A flood of requests or of failures is no flood of log lines: they are limited, and what is
 * left out is counted.
 * 15. TLS (server/tls.c) changes none of this: the gate reads the plain text of a connection, the
 * time for a head includes the handshake, and nothing is written beside the stream.
 */

#define _GNU_SOURCE /* accept flags, strnlen, pthread_setname_np */
#include "server/daemon.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <malloc.h>
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
#include "server/base/cleanup.h"
#include "server/cache.h"
#include "server/forwarded.h"
#include "server/gate.h"
#include "server/limiter.h"
#include "server/log.h"
#include "server/metrics.h"
#include "server/peer.h"
#include "server/request_id.h"
#include "server/tls.h"

enum {
    STREAM_BLOCK = 64 << 10, /* bytes of a stream that are handed over at once */
    TARGET_LOGGED = 256,     /* bytes of a target in the log */
    SEND_BUFFER = 262144,    /* bytes of a socket: with more, slow readers stall others */
    REPLY_ROOM = 1024,       /* bytes of a connection's memory that a refusal must find free */
    FILES_BESIDE = 64,       /* descriptors that are no connections: dataset files, epoll, log */
    SUMMARY_EVERY = 1000000, /* microseconds between log lines that only count */
    LOG_BURST = 10,          /* seconds' worth of log lines that may come at once */
    DEAF_FOR = 250000,       /* microseconds without accept() when descriptors or memory are out */
    YIELD_FOR = 1000,        /* microseconds that others get to let in connections first */
    ACCEPT_BATCH = 16,       /* connections taken in one round: the others are not to wait long */
    READ_MOST = 8192,        /* bytes that are read of a connection at once */
    FILES_MOST = 1 << 20,    /* descriptors that are told apart */
    STANDING = 16,           /* connections beyond the limit, so that health can be asked for */
    STANDING_FOR = 1000000,  /* microseconds that they have to ask */
    RATE_SIZE = 64,          /* bytes of the field RateLimit, and its NUL */
    LINGER_MOST = 64,        /* refused connections of a worker that are still read */
    LINGER_FOR = 1000000,    /* microseconds that they are */
    LINGER_EVERY = 20,       /* milliseconds between two looks at them */
    ASKED_MOST = 4096,       /* bytes of a request that name its reply: a longer one is not kept */
    RESPONSE_COST = 2048,    /* bytes that libmicrohttpd takes for a reply with its headers */
    STREAM_SHARE = 2,        /* one address may have one part in so many of the streams */
    STREAMS_TRIM = 16, /* streams that end between two times that their memory is given back */
    COMMON_HEAD = 768, /* bytes of a reply head that all replies have, and some to spare */
};

#define REQUEST_ID_HEADER "X-Request-Id"
#define RATE_HEADER "RateLimit"

/* On every reply. nosniff: text of ours must never be taken for a page of ours. */
static const char *const edge_headers[][2] = {
    { "Access-Control-Allow-Origin", "*" },
    { "Access-Control-Expose-Headers",
      "Accept-Ranges, Content-Digest, Content-Disposition, Content-Encoding, Content-Range, ETag, "
      "Link, Location, RateLimit, RateLimit-Policy, Repr-Digest, Retry-After, X-Request-Id, "
      "X-Total-Count" },
    { "X-Content-Type-Options", "nosniff" },
};

/* Crowd: how many connections there are, in all and of each peer. */

struct seat {
    struct peer peer;
    uint32_t n; /* connections; 0: slot is free */
};

struct crowd {
    pthread_mutex_t lock;
    struct seat *seats; /* open addressing with linear probing, never more than half full */
    size_t mask;        /* slots - 1; slots are a power of two */
    uint64_t seed;      /* so that nobody can choose addresses that collide */
    atomic_size_t n;    /* connections; written under the lock */
    size_t most;        /* connections allowed, STANDING more besides */
    uint32_t most_each; /* connections allowed to each peer */
};

/** How a connection comes in. */
struct admission {
    enum metrics_refusal refusal;
    bool is_standing; /* all seats are taken: it is asked for health only, and answered once */
};

/* Clients. */

enum phase {
    PHASE_QUIET,    /* waits for a request line */
    PHASE_LINE,     /* has one; the head is not whole */
    PHASE_HEAD,     /* the head is whole and well-formed */
    PHASE_ANSWERED, /* a reply is on its way */
};

/* A refused connection: what it still sends is thrown away for a moment, because the kernel answers
 * bytes that nobody reads with a reset, which takes the refusal with it. */
struct lingerer {
    int fd;
    int64_t until; /* microseconds */
};

struct queue;

/* One connection, and the request it is at. Owned by its worker, which alone sees it. */
struct client {
    struct client *prev, *next; /* neighbours in its queue */
    struct queue *queue;        /* never NULL */
    int64_t since;              /* microseconds: when it entered the queue */
    int fd;                     /* borrowed from libmicrohttpd: only ever shut down, never closed */
    /* What came and was not handed on yet: whole heads of ours, then bytes as they came. */
    char *held;
    size_t n_good, n_raw; /* bytes of it */
    bool is_refused;      /* the gate refused it: whatever comes now is thrown away */
    bool is_proxied;      /* the peer is a proxy that is believed */
    bool is_standing;     /* it came in when all seats were taken */
    struct tls_link tls;  /* zeroed: the connection is plain */
    struct peer peer;
    struct peer asker;              /* whose the request is: the peer, or whom it speaks for */
    char address[INET6_ADDRSTRLEN]; /* of the peer, for the log; "": not written yet */
    char origin[INET6_ADDRSTRLEN];  /* of whom the peer speaks for, for the log; "": itself */
    char rate[RATE_SIZE];           /* RateLimit, for the reply; "": it has none */
    enum phase phase;
    int64_t began; /* microseconds: when the request line was whole */
    const char
        *target;     /* as the client sent it; borrowed until the request is done; "": none yet */
    size_t used;     /* bytes of the connection's memory that the head takes */
    char method[16]; /* for the log, cut */
    const char *if_none_match; /* borrowed until the request is done; NULL: not sent */
    const char *accept;        /* the same */
    const char *prefer;        /* the same */
    const char *preflight;     /* same */
    const char *accept_encoding, *range, *if_range; /* same */
    char id[REQUEST_ID_SIZE];
    bool is_streaming;                                    /* its reply is one of daemon.n_streams */
    int status;                                           /* 0: nothing was answered */
    size_t len;                                           /* bytes of body */
    char route[sizeof(((struct reply *)0)->route)];       /* for the log; "": none */
    char detail[sizeof(((struct reply *)0)->log_detail)]; /* same */
};

/* Clients that wait for the same thing for the same time: the first has waited longest. */
struct queue {
    struct client *first, *last;
    int64_t limit; /* microseconds until a client's time is up; INT64_MAX: never */
};

/* What the main thread tells the workers. Only ever rises. */
enum order { ORDER_RUN, ORDER_DRAIN, ORDER_STOP };

/* A reply that is kept, as libmicrohttpd's object: what is left to do is to queue it. */
struct ready {
    struct MHD_Response *response;
    int status;
    size_t len;      /* bytes of body */
    size_t head_len; /* bytes of head */
    char route[sizeof(((struct reply *)0)->route)];
    /* libmicrohttpd's texts of X-Request-Id and RateLimit: of the request that it answered last;
     * NULL: it has none. */
    char *id, *rate;
};

struct worker {
    struct daemon *daemon;
    struct MHD_Daemon *mhd;
    pthread_t thread;
    bool is_started;                /* thread is to be joined */
    int wake_fd;                    /* eventfd: an order was given */
    atomic_ulong turned;            /* the daemon's .asked, as it was when it last got on */
    struct MHD_Response *exhausted; /* ready reply for when there is no memory */
    struct id_source ids;
    struct metrics_block *metrics; /* borrowed; NULL: nothing is counted */
    struct error err;              /* zeroed, but while a request is refused: that takes time */
    char *scratch; /* bytes of the client that is just read: a head, and what is read at once */
    char *anew;    /* a head of it that the gate wrote anew */
    struct gate_limits heads;
    struct log_batch lines; /* of requests of this turn */
    struct cache *replies;  /* of struct ready; NULL: none is kept */
    unsigned long serial;   /* of the dataset that they are of */
    struct queue fresh;     /* no request yet */
    struct queue standing;  /* same, and all seats are taken */
    struct queue busy;      /* head whole, reply not yet sent */
    struct queue kept;      /* answered, and no whole head since */
    struct queue doomed;    /* shut down; libmicrohttpd is about to notice */
    struct lingerer lingering[LINGER_MOST];
    size_t n_lingering;
    size_t n_clients;       /* in all four */
    int64_t now;            /* microseconds: when the last request ended or events came */
    int64_t turn;           /* microseconds: when the events came that are seen to */
    struct client arriving; /* what is known of whom libmicrohttpd is just being told of */
    bool has_arriving;      /* it has not become a client yet */
    int64_t deaf_until;     /* microseconds: nobody is let in before; see DEAF_FOR */
    int64_t yield_until;    /* microseconds: others are to let in first; see YIELD_FOR */
    bool is_untrimmed;      /* memory of streams is to be given back */
    bool is_draining;
    int64_t drain_end;           /* microseconds */
    int64_t n_refused;           /* connections over a limit since the last line about them */
    int64_t refused_logged;      /* microseconds: when that was */
    int64_t n_deaf, deaf_logged; /* times that accept() failed, the same */
    int deaf_errno;              /* why it did last */
    /* Lines about requests, and, apart from them, about those that we failed. */
    struct quota {
        int64_t full; /* microseconds: when all lines that may come at once may come again */
        int64_t n;    /* lines left out since the last line about them */
    } quotas[2];
    int64_t left_out_logged; /* microseconds: when that was */
    int64_t n_faults;        /* connections on which TLS failed, the same */
    int64_t faults_logged;   /* microseconds: when that was */
    int fault;               /* GnuTLS's code of why the last one did */
};

struct daemon {
    struct settings settings;
    struct service service;           /* as it was given, with .public_url filled in */
    char url[ADDRESS_TEXT_SIZE + 32]; /* what .public_url points to, where no setting says it */
    char address[ADDRESS_TEXT_SIZE];
    struct tls *tls;         /* NULL: plain HTTP */
    char hsts[32];           /* value of Strict-Transport-Security; "": it is not sent */
    int listen_fd;           /* -1: closed */
    int end_fd;              /* eventfd: all workers have ended, or one has failed */
    atomic_int order;        /* enum order */
    atomic_ulong asked;      /* rises whenever all workers are asked whether they still turn */
    atomic_uint n_listening; /* workers that may still accept: the last one closes listen_fd */
    atomic_uint n_running;
    atomic_bool has_failed;
    struct crowd crowd;
    struct limiter *limiter;           /* NULL: requests are not limited */
    char policy[RATE_SIZE];            /* RateLimit-Policy */
    atomic_size_t n_streams;           /* replies under way that hold a dataset file open */
    atomic_size_t n_streams_ended;     /* since their memory was given back last */
    _Atomic(struct client *) *clients; /* by descriptor; each its worker's alone */
    size_t n_files;                    /* of them */
    unsigned n_workers;
    struct worker workers[];
};

/* The worker whose thread this is. */
static _Thread_local struct worker *own;

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Copies what of a text fits. */
static void copy_cut(char *to, const char *text, size_t size)
{
    size_t len = strnlen(text, size - 1);

    memcpy(to, text, len);
    to[len] = '\0';
}

static bool crowd_init(struct crowd *crowd, int64_t most, int64_t most_each)
{
    size_t slots = 16;

    while (slots < ((size_t)most + STANDING) * 2)
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
    return (size_t)peer_hash(peer, crowd->seed) & crowd->mask;
}

/* The peer's seat, or the free one where it would sit. */
static struct seat *crowd_find(const struct crowd *crowd, struct peer peer)
{
    size_t i = crowd_home(crowd, peer);

    while (crowd->seats[i].n > 0 && !peer_same(crowd->seats[i].peer, peer))
        i = (i + 1) & crowd->mask;
    return &crowd->seats[i];
}

/* Counts a connection, unless a limit is reached. A proxy that is believed speaks for many: it has
 * no limit of its own. */
static struct admission crowd_enter(struct crowd *crowd, struct peer peer, bool is_proxied)
{
    struct admission admission = { .refusal = METRICS_REFUSED_TOTAL };

    pthread_mutex_lock(&crowd->lock);
    if (crowd->n < crowd->most + STANDING) {
        struct seat *seat = crowd_find(crowd, peer);

        admission.refusal =
            seat->n < crowd->most_each || is_proxied ? METRICS_ADMITTED : METRICS_REFUSED_ADDRESS;
        if (admission.refusal == METRICS_ADMITTED) {
            admission.is_standing = crowd->n >= crowd->most;
            seat->peer = peer;
            seat->n++;
            crowd->n++;
        }
    }
    pthread_mutex_unlock(&crowd->lock);
    return admission;
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

/* What libmicrohttpd calls when connections come and go. */

static struct client *client_of(struct MHD_Connection *conn)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info != NULL ? info->socket_context : NULL;
}

static void forget_head(struct client *client)
{
    client->target = "";
    client->if_none_match = client->preflight = client->accept = NULL;
    client->accept_encoding = client->range = client->if_range = client->prefer = NULL;
}

/* What is read of it goes through gnutls_record_recv(), not through recv(). */
static void join_tls(struct worker *worker, struct MHD_Connection *conn, struct client *client)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_GNUTLS_SESSION);

    if (info == NULL || !tls_join(worker->daemon->tls, info->tls_session, client->fd, &client->tls))
        shutdown(client->fd, SHUT_RDWR);
}

static void on_connect(struct worker *worker, struct MHD_Connection *conn, void **socket_context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct client *client = calloc(1, sizeof(*client));

    if (client == NULL) {
        if (info != NULL)
            shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    *client = worker->arriving;
    client->fd = info != NULL ? info->connect_fd : -1;
    worker->has_arriving = false; /* from here on on_close() counts */
    worker->n_clients++;
    metrics_connected(worker->metrics, METRICS_ADMITTED);
    if (worker->daemon->tls != NULL)
        join_tls(worker, conn, client);
    else if (client->fd >= 0)
        atomic_store(&worker->daemon->clients[client->fd], client);
    queue_enter(client->is_standing ? &worker->standing : &worker->fresh, client, now_us());
    *socket_context = client;
}

/* libmicrohttpd is about to close the descriptor: another one keeps the connection. */
static void linger(struct worker *worker, const struct client *client)
{
    int fd = -1;

    if (worker->n_lingering < LINGER_MOST)
        fd = fcntl(client->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return;
    shutdown(fd, SHUT_WR);
    worker->lingering[worker->n_lingering++] = (struct lingerer){ fd, now_us() + LINGER_FOR };
}

/* Reads what came on refused connections, and lets go of those that are at their end. */
static void read_lingering(struct worker *worker, bool is_end)
{
    size_t n = 0;

    for (size_t i = 0; i < worker->n_lingering; i++) {
        struct lingerer lingerer = worker->lingering[i];
        ssize_t len;

        do
            len = recvfrom(lingerer.fd, worker->scratch, READ_MOST, MSG_DONTWAIT, NULL, NULL);
        while (len == READ_MOST);
        if (is_end || len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR)
            || now_us() >= lingerer.until)
            close(lingerer.fd);
        else
            worker->lingering[n++] = lingerer;
    }
    worker->n_lingering = n;
}

static void on_close(struct worker *worker, void **socket_context)
{
    struct client *client = *socket_context;

    if (client == NULL)
        return;
    if (client->is_refused)
        linger(worker, client);
    crowd_leave(&worker->daemon->crowd, client->peer);
    metrics_closed(worker->metrics);
    worker->n_clients--;
    if (client->fd >= 0)
        atomic_store(&worker->daemon->clients[client->fd], NULL);
    if (worker->daemon->tls != NULL)
        tls_leave(worker->daemon->tls, &client->tls);
    queue_leave(client);
    free(client->held);
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

/*
 * The refusals that libmicrohttpd cannot carry, because it still waits for the head or does not
 * know the connection: at that point nothing else has been sent. What does not fit is lost.
 * tls: of the connection; NULL: it is plain.
 */
static int refuse_bare(int fd, struct tls_link *tls, int status, const char *detail)
{
    const char *title = MHD_get_reason_phrase_for((unsigned)status);
    const char *retry = status == MHD_HTTP_SERVICE_UNAVAILABLE ? "Retry-After: 5\r\n" : "";
    char body[256];
    char text[768];
    int len;

    snprintf(body, sizeof(body),
             "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\"}\n", title,
             status, detail);
    len = snprintf(text, sizeof(text),
                   "HTTP/1.1 %d %s\r\n"
                   "Connection: close\r\n"
                   "Content-Type: application/problem+json\r\n"
                   "Access-Control-Allow-Origin: *\r\n"
                   "X-Content-Type-Options: nosniff\r\n"
                   "%sContent-Length: %zu\r\n\r\n%s",
                   status, title, retry, strlen(body), body);
    if (tls != NULL)
        tls_say_last(tls, text, (size_t)len);
    else
        send(fd, text, (size_t)len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return status;
}

static const char too_many[] = "There are too many connections.";

/* A connection that came in beyond the limit is refused after all. */
static void refuse_standing(struct worker *worker)
{
    metrics_connected(worker->metrics, METRICS_REFUSED_TOTAL);
    worker->n_refused++;
}

/* Cuts a connection off: libmicrohttpd sees the end of the stream and closes it. */
static void doom(struct worker *worker, struct client *client, int64_t now)
{
    shutdown(client->fd, SHUT_RDWR);
    queue_move(&worker->doomed, client, now);
}

/* What libmicrohttpd reads. */

/* Keeps what was read and not handed on. False without memory. */
static bool hold(struct client *client, const char *good, size_t n_good, const char *raw,
                 size_t n_raw)
{
    if (n_good + n_raw == 0)
        return true;
    client->held = malloc(n_good + n_raw);
    if (client->held == NULL)
        return false;
    memcpy(client->held, good, n_good);
    memcpy(client->held + n_good, raw, n_raw);
    client->n_good = n_good;
    client->n_raw = n_raw;
    return true;
}

/* Reads what a client sent, as plain text. As recv(). */
static ssize_t read_text(struct worker *worker, struct client *client, char *to, size_t size)
{
    struct tls_link *tls = &client->tls;
    bool was_open = tls->is_open;
    int old = tls->fault;
    ssize_t n;

    if (tls->session == NULL)
        return recvfrom(client->fd, to, size, 0, NULL, NULL);
    n = tls_read(tls, to, size);
    if (!was_open && tls->is_open && worker->is_draining)
        shutdown(client->fd, SHUT_RD); /* what end_reading() left to the handshake */
    if (tls->fault != old && tls_is_telling(tls->fault)) {
        worker->n_faults++;
        worker->fault = tls->fault;
    }
    return n;
}

/*
 * Reads a connection for libmicrohttpd, through the gate. As recv(), but for this: fewer bytes than
 * asked for mean that there are no more, neither here nor in the kernel, because libmicrohttpd,
 * whose epoll is edge-triggered, takes them to mean that.
 */
static ssize_t read_heads(struct worker *worker, struct client *client, char *to, size_t size)
{
    char refusal[GATE_REFUSAL];
    char *good = worker->scratch, *raw = good + client->n_good;
    size_t n_good = client->n_good, n_raw = client->n_raw, n_given = 0;
    bool is_drained = false, is_whole = true;
    ssize_t n = -1;

    worker->heads.is_proxied = client->is_proxied;
    if (client->held != NULL)
        memcpy(worker->scratch, client->held, n_good + n_raw);
    free(client->held);
    client->held = NULL;
    client->n_good = client->n_raw = 0;
    errno = EAGAIN;
    for (;;) {
        size_t part = n_good < size - n_given ? n_good : size - n_given, used;
        enum gate_verdict verdict = GATE_MORE;

        memcpy(to + n_given, good, part);
        good += part;
        n_good -= part;
        n_given += part;
        if (n_given == size)
            break;
        if (n_raw > 0)
            verdict =
                gate_look(&worker->heads, raw, n_raw, worker->anew, &used, &n_good, &worker->err);
        if (verdict == GATE_HEAD) {
            good = worker->anew;
            raw += used;
            n_raw -= used;
            continue;
        }
        if (verdict == GATE_REFUSE) {
            good = refusal;
            n_good = gate_refuse(&worker->err, raw, n_raw, refusal);
            n_raw = 0;
            client->is_refused = true;
            worker->err = (struct error){ .code = ERR_NONE };
            continue;
        }
        if (is_drained && (n_given > 0 || n_raw == 0))
            break;
        /* Of a head that is not whole, the end of the stream has to be seen at once: nothing else
         * will come to tell of it. */
        memmove(worker->scratch, raw, n_raw);
        raw = worker->scratch;
        n = read_text(worker, client, raw + n_raw, READ_MOST);
        if (n <= 0)
            break;
        is_drained = n < READ_MOST;
        n_raw += client->is_refused ? 0 : (size_t)n;
    }
    if (n_raw > 0 && client->queue == &worker->kept) /* a head has begun: its time counts now */
        queue_move(&worker->fresh, client, worker->now);
    is_whole = hold(client, good, n_good, raw, n_raw);
    if (!is_whole)
        errno = ENOMEM;
    if (n_given > 0 && is_whole)
        return (ssize_t)n_given;
    return is_whole && n == 0 ? 0 : -1;
}

/*
 * The recv() of the whole program: libmicrohttpd's calls come here, since the dynamic linker asks
 * the program first. Only connections of workers are read through the gate.
 */
ssize_t recv(int fd, void *to, size_t size, int flags)
{
    struct client *client = NULL;

    if (own != NULL && fd >= 0 && (size_t)fd < own->daemon->n_files)
        client = atomic_load_explicit(&own->daemon->clients[fd], memory_order_relaxed);
    return client != NULL ? read_heads(own, client, to, size)
                          : recvfrom(fd, to, size, flags, NULL, NULL);
}

/*
 * The gnutls_record_recv() of the whole program, in the same way. libmicrohttpd calls it again
 * until there is no more, so that nothing is left behind in GnuTLS's buffers or held back here.
 */
ssize_t gnutls_record_recv(gnutls_session_t session, void *to, size_t size)
{
    struct client *client = client_of(gnutls_session_get_ptr(session));
    ssize_t n;

    if (client == NULL) /* no memory when it connected */
        return GNUTLS_E_PREMATURE_TERMINATION;
    n = read_heads(own, client, to, size);
    if (n >= 0)
        return n;
    return errno == EAGAIN ? GNUTLS_E_AGAIN : GNUTLS_E_PREMATURE_TERMINATION;
}

/* The head of a request. */

/* A request line is there. What is returned becomes *con_cls of on_request(). The target is none of
 * the client's: that comes in a field (server/gate.h). */
static void *on_request_line(void *cls, const char *uri, struct MHD_Connection *conn)
{
    struct worker *worker = cls;
    struct client *client = client_of(conn);

    (void)uri;
    if (client == NULL)
        return NULL;
    metrics_began(worker->metrics);
    client->phase = PHASE_LINE;
    client->began = worker->now;
    client->method[0] = '\0';
    forget_head(client);
    client->status = 0;
    client->len = 0;
    client->route[0] = '\0';
    client->detail[0] = '\0';
    client->id[0] = '\0';
    return client;
}

/* What counts in the header fields of a request: of the client's, those that the gate lets through
 * (known[] of server/gate.c); another one has to stand there as well. Borrows from libmicrohttpd.
 */
struct head {
    const char *host;
    const char *content_length;
    const char *id;
    const char *if_none_match;
    const char *accept;
    const char *prefer;
    const char *preflight;
    const char *accept_encoding;
    const char *range;
    const char *if_range;
    const char *forwarded, *x_forwarded_for; /* the last of each; of a proxy that is believed */
    const char *target;                      /* as the gate let it through */
    const char *refusal;                     /* why the gate refused it; NULL: it did not */
    int n_range;
    int n_host;
    int n_content_length;
    bool has_coding;   /* Transfer-Encoding */
    bool is_malformed; /* a field has no proper name, or control characters in its value */
    int64_t n;         /* fields */
    int64_t len;       /* bytes of the head, request line included */
};

/* Most names differ in length: few are compared. */
static bool is_field(const char *name, size_t len, const char *other, size_t other_len)
{
    return len == other_len && strncasecmp(name, other, len) == 0;
}

static enum MHD_Result on_field(void *cls, enum MHD_ValueKind kind, const char *name,
                                size_t name_len, const char *value, size_t value_len)
{
    struct head *head = cls;

    (void)kind;
    head->n++;
    if (value == NULL) {
        value = "";
        value_len = 0;
    }
    if (!gate_is_token(name, name_len) || !gate_is_value(value, value_len)) {
        head->is_malformed = true;
        return MHD_YES;
    }
    if (is_field(name, name_len, "Host", 4)) {
        head->n_host++;
        head->host = value;
    } else if (is_field(name, name_len, "Content-Length", 14)) {
        head->n_content_length++;
        head->content_length = value;
    } else if (is_field(name, name_len, "Transfer-Encoding", 17)) {
        head->has_coding = true;
    } else if (is_field(name, name_len, "If-None-Match", 13)) {
        head->if_none_match = value;
    } else if (is_field(name, name_len, "Accept", 6)) {
        head->accept = head->accept != NULL ? head->accept : value; /* the first is what counts */
    } else if (is_field(name, name_len, "Accept-Encoding", 15)) {
        head->accept_encoding = head->accept_encoding != NULL ? head->accept_encoding : value;
    } else if (is_field(name, name_len, "Range", 5)) {
        head->range = head->n_range++ == 0 ? value : NULL; /* several: the whole is told */
    } else if (is_field(name, name_len, "If-Range", 8)) {
        head->if_range = value;
    } else if (is_field(name, name_len, "Access-Control-Request-Method", 29)) {
        head->preflight = value;
    } else if (is_field(name, name_len, "Prefer", 6)) {
        head->prefer = value;
    } else if (is_field(name, name_len, "X-Request-Id", 12)) {
        head->id = value;
    } else if (is_field(name, name_len, "Forwarded", 9)) {
        head->forwarded = value;
    } else if (is_field(name, name_len, "X-Forwarded-For", 15)) {
        head->x_forwarded_for = value;
    } else if (is_field(name, name_len, GATE_TARGET, sizeof(GATE_TARGET) - 1)) {
        head->target = value;
    } else if (is_field(name, name_len, GATE_REFUSED, sizeof(GATE_REFUSED) - 1)) {
        head->refusal = value;
    }
    return MHD_YES;
}

static bool check_target(const struct client *client, const char *method,
                         const struct settings *settings, struct error *err)
{
    size_t len = strlen(client->target);

    if (len > (size_t)settings->target_limit)
        return error_set(err, ERR_TARGET_TOO_LONG, NULL,
                         "The request target has %zu bytes; %" PRId64 " are the most.", len,
                         settings->target_limit);
    if (strcmp(client->target, "*") == 0 && strcmp(method, "OPTIONS") == 0)
        return true;
    return client->target[0] == '/'
           || error_set(err, ERR_REQUEST_MALFORMED, NULL,
                        "The request target must begin with '/'.");
}

/*
 * A head that leaves too little of the connection's memory for the reply would get none:
 * libmicrohttpd closes the connection without a word. So it is refused while there is still room
 * for the refusal.
 */
static bool check_room(const struct head *head, struct client *client,
                       const struct settings *settings, struct error *err)
{
    int64_t most = settings->connection_memory - REPLY_ROOM;
    int64_t used = head->len + head->n * GATE_FIELD;

    client->used = (size_t)used;
    if (head->n > settings->header_limit)
        return error_set(err, ERR_HEADERS_TOO_LARGE, NULL,
                         "The request has %" PRId64 " headers; %" PRId64 " are the most.", head->n,
                         settings->header_limit);
    if (used > most)
        return error_set(err, ERR_HEADERS_TOO_LARGE, NULL,
                         "The request head takes %" PRId64
                         " bytes, %d of them for each header that is looked at; "
                         "%" PRId64 " are the most.",
                         used, GATE_FIELD, most);
    return true;
}

static bool check_body(const struct head *head, struct error *err)
{
    if (head->has_coding && head->n_content_length > 0)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "The request has both Content-Length and Transfer-Encoding.");
    if (head->n_content_length > 1)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "The request has %d Content-Length headers; one may stand.",
                         head->n_content_length);
    if (head->n_content_length == 1
        && (head->content_length[0] == '\0'
            || head->content_length[strspn(head->content_length, "0123456789")] != '\0'))
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "Content-Length takes a whole number of bytes.");
    if (head->has_coding
        || (head->n_content_length == 1
            && strspn(head->content_length, "0") != strlen(head->content_length)))
        return error_set(err, ERR_BODY_REFUSED, NULL,
                         "No request body is taken here: ask by the path and its query.");
    return true;
}

static bool check_head(const struct head *head, struct client *client, const char *method,
                       const char *version, const struct settings *settings, struct error *err)
{
    bool is_old = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;

    if (!is_old && strcmp(version, MHD_HTTP_VERSION_1_1) != 0)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "HTTP/1.1 and HTTP/1.0 are spoken here.");
    if (!gate_is_token(method, strlen(method)))
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "The method is not a token.");
    if (!check_target(client, method, settings, err) || !check_room(head, client, settings, err))
        return false;
    if (head->is_malformed)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "A header has no proper name, or a control character.");
    if (head->n_host > 1)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "The request has %d Host headers; one must stand.", head->n_host);
    if (head->n_host == 0 && !is_old)
        return error_set(err, ERR_REQUEST_MALFORMED, NULL, "The Host header is missing.");
    if (head->n_host == 1 && !gate_is_host(head->host, strlen(head->host)))
        return error_set(err, ERR_REQUEST_MALFORMED, NULL,
                         "The Host header takes a name or address, and a port.");
    return check_body(head, err);
}

/* Replies. */

static bool add_edge_headers(struct MHD_Response *response, const struct daemon *daemon)
{
    for (size_t i = 0; i < sizeof(edge_headers) / sizeof(edge_headers[0]); i++)
        if (MHD_add_response_header(response, edge_headers[i][0], edge_headers[i][1]) == MHD_NO)
            return false;
    return daemon->hsts[0] == '\0'
           || MHD_add_response_header(response, MHD_HTTP_HEADER_STRICT_TRANSPORT_SECURITY,
                                      daemon->hsts)
                  == MHD_YES;
}

/* What the one who asks may still ask. */
static bool add_rate(struct MHD_Response *response, const struct daemon *daemon,
                     const struct client *client)
{
    return client->rate[0] == '\0'
           || (MHD_add_response_header(response, "RateLimit-Policy", daemon->policy) == MHD_YES
               && MHD_add_response_header(response, RATE_HEADER, client->rate) == MHD_YES);
}

static bool add_headers(struct MHD_Response *response, const struct client *client,
                        const struct reply *reply, const char *content_type, bool is_last)
{
    if (content_type != NULL
        && MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, content_type) == MHD_NO)
        return false;
    for (size_t i = 0; i < reply->n_headers; i++)
        if (MHD_add_response_header(response, reply->headers[i].name, reply->headers[i].value)
            == MHD_NO)
            return false;
    if (is_last && MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close") == MHD_NO)
        return false;
    return add_edge_headers(response, own->daemon) && add_rate(response, own->daemon, client)
           && MHD_add_response_header(response, REQUEST_ID_HEADER, client->id) == MHD_YES;
}

/** A stream on its way to a client. */
struct sending {
    struct reply_source source;
    struct client *client; /* whose request it answers */
};

static void sending_free(void *cls)
{
    struct sending *sending = cls;

    reply_source_done(&sending->source);
    free(sending);
}

/* The next bytes of a stream. One that fails is cut off without the last chunk, so that nobody
 * takes what came for the whole. */
static ssize_t read_stream(void *cls, uint64_t position, char *to, size_t size)
{
    const struct sending *sending = cls;
    ssize_t len = sending->source.read(sending->source.context, to, size);

    (void)position;
    if (len > 0) {
        sending->client->len += (size_t)len;
        return len;
    }
    if (len == 0)
        return MHD_CONTENT_READER_END_OF_STREAM;
    snprintf(sending->client->detail, sizeof(sending->client->detail),
             "The answer broke off: %.200s", sending->source.fault(sending->source.context));
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

static struct MHD_Response *stream_response_new(struct client *client,
                                                const struct reply_source *source)
{
    struct sending *sending = malloc(sizeof(*sending));
    struct MHD_Response *response = NULL;

    if (sending != NULL) {
        *sending = (struct sending){ *source, client };
        response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, read_stream,
                                                     sending, sending_free);
    }
    if (response == NULL)
        free(sending);
    return response;
}

/* A reply as libmicrohttpd's object, which takes the body or the stream. NULL: no memory. */
static struct MHD_Response *response_new(struct client *client, struct reply *reply, bool is_last)
{
    bool is_head = strcmp(client->method, MHD_HTTP_METHOD_HEAD) == 0;
    bool is_stream = reply->source.read != NULL;
    bool has_body = reply->body != NULL || reply->source.read != NULL || reply->file.len > 0;
    const char *content_type = has_body ? reply->content_type : NULL;
    struct MHD_Response *response =
        reply->source.read != NULL ? stream_response_new(client, &reply->source)
        : reply->file.len > 0      ? MHD_create_response_from_fd_at_offset64(
                   reply->file.len, reply->file.descriptor, reply->file.first)
        : reply->body != NULL
            ? MHD_create_response_from_buffer_with_free_callback(reply->len, reply->body, free)
            : MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    if (response == NULL)
        return NULL;
    reply->body = NULL;
    reply->file = (struct reply_file){ .len = 0 };
    reply->source = (struct reply_source){ .read = NULL };
    /* libmicrohttpd 0.9.75 sends the last chunk of a body that a HEAD does not have, and the next
     * reply on the connection begins with it: so it is neither chunked nor is there a next one. */
    if ((is_head && is_stream
         && MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END)
                == MHD_NO)
        || !add_headers(response, client, reply, content_type, is_last)) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

/* What serve() is to know of the client's request. Borrows from it. */
static struct request request_of(const struct client *client, const char *method)
{
    return (struct request){
        .method = method,
        .target = client->target,
        .if_none_match = client->if_none_match,
        .accept = client->accept,
        .prefer = client->prefer,
        .preflight = client->preflight,
        .accept_encoding = client->accept_encoding,
        .range = client->range,
        .if_range = client->if_range,
        .id = client->id,
    };
}

/* Ready replies. */

static void ready_free(void *value)
{
    struct ready *ready = value;

    MHD_destroy_response(ready->response); /* it lives on for connections that it is sent to */
    free(ready);
}

/* Lets go of an earlier dataset: of what was made of it, and of its file. */
static void follow_dataset(struct worker *worker)
{
    unsigned long serial = dataset_serial(worker->daemon->service.dataset);

    if (serial == worker->serial)
        return;
    cache_clear(worker->replies);
    metrics_kept(worker->metrics, cache_figures(worker->replies));
    dataset_leave(worker->daemon->service.dataset);
    worker->serial = serial;
}

/*
 * All of a request that its reply depends on, as one name: what serve() makes of the same name is
 * the same. 0: the reply is not to be kept. GET and HEAD have one reply.
 */
static size_t name_request(const struct client *client, const char *method,
                           char ret[static ASKED_MOST])
{
    const char *const parts[] = { client->target, client->if_none_match, client->accept,
                                  client->accept_encoding, client->prefer };
    size_t len = 0;

    if (client->range != NULL
        || (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0))
        return 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
        size_t part = parts[i] != NULL ? strlen(parts[i]) + 1 : 0;

        if (len + part + 1 > ASKED_MOST)
            return 0;
        if (part > 0)
            memcpy(ret + len, parts[i], part); /* with its NUL, which no part holds */
        len += part;
        ret[len++] = parts[i] != NULL; /* not sent is something else than empty */
    }
    return len;
}

/* Whether the reply of a key is kept. */
static bool has_ready(void *context, const char *key)
{
    (void)context;
    return cache_find(own->replies, key, strlen(key)) != NULL;
}

/* Streams. A reply that is told piece by piece holds a dataset file open, whatever is published
 * meanwhile, and more memory than all else that a connection has. */

/*
 * Whether one more may begin: of all, and of the peer, which may have its share of those of this
 * worker, so that one address cannot take them all. Workers do not wait for each other: each may
 * let in one too many.
 */
static bool may_stream(void *context)
{
    const struct client *client = context;
    size_t most = (size_t)own->daemon->settings.streams;
    size_t n = 0;

    if (most == 0)
        return true;
    for (const struct client *other = own->busy.first; other != NULL; other = other->next)
        n += other->is_streaming && peer_same(other->asker, client->asker);
    return atomic_load(&own->daemon->n_streams) < most
           && (n == 0 || n < most / STREAM_SHARE / own->daemon->n_workers);
}

static void stream_begins(struct client *client)
{
    client->is_streaming = true;
    atomic_fetch_add(&own->daemon->n_streams, 1);
}

/* The C library keeps what was freed for the next one; when the last of many has ended, that is
 * most of what the process has. */
static void stream_ends(struct client *client)
{
    struct daemon *daemon = own->daemon;

    if (!client->is_streaming)
        return;
    client->is_streaming = false;
    if (atomic_fetch_add(&daemon->n_streams_ended, 1) + 1 >= STREAMS_TRIM
        && atomic_load(&daemon->n_streams) == 1)
        own->is_untrimmed = true;
    atomic_fetch_sub(&daemon->n_streams, 1);
}

/*
 * Gives a ready reply the text of a field that differs from request to request. Only this worker
 * knows the object, and its head is written out before the worker sees another request. Texts of
 * one length, as ids of ours are, are written over the last one, in libmicrohttpd's copy of it.
 */
static bool set_field(struct MHD_Response *response, const char *name, char **field,
                      const char *text)
{
    size_t len = strlen(text);

    if (*field != NULL && strlen(*field) == len) {
        memcpy(*field, text, len);
        return true;
    }
    if (*field != NULL)
        MHD_del_response_header(response, name, *field);
    *field = NULL;
    if (MHD_add_response_header(response, name, text) == MHD_NO)
        return false;
    *field = (char *)MHD_get_response_header(response, name);
    return true;
}

/* Bytes of a reply's head. */
static size_t head_len(const struct reply *reply)
{
    size_t len = COMMON_HEAD;

    for (size_t i = 0; i < reply->n_headers; i++)
        len += strlen(reply->headers[i].name) + strlen(reply->headers[i].value) + 4;
    return len;
}

/* Whether the head of a reply fits beside that of its request: libmicrohttpd closes the connection
 * without a word where it does not. */
static bool has_room(struct worker *worker, const struct client *client, size_t len)
{
    size_t most = (size_t)worker->daemon->settings.connection_memory - client->used;

    return len <= most
           || error_set(&worker->err, ERR_HEADERS_TOO_LARGE, NULL,
                        "The headers of the answer, with the link to the next page, take %zu "
                        "bytes, and the request leaves %zu; a shorter request leaves more.",
                        len, most);
}

/* Limits of requests. */

/* Whether a request is about the health of the server: whoever watches it must hear of it most of
 * all when it has too much to do. */
static bool is_watch(const struct client *client)
{
    size_t len = strcspn(client->target, "?");

    return (len == 8 && memcmp(client->target, "/healthz", 8) == 0)
           || (len == 7 && memcmp(client->target, "/readyz", 7) == 0);
}

/* Whether a reply counts as one: what was not modified, and errors, cost nothing. */
static bool is_served(int status)
{
    return status == MHD_HTTP_OK || status == MHD_HTTP_PARTIAL_CONTENT;
}

/* Takes a request that costs out of the bucket of the one who asked, and notes what the reply is to
 * tell of it. */
static void settle(struct worker *worker, struct client *client, bool is_costly)
{
    struct limiter *limiter = worker->daemon->limiter;
    struct allowance left;

    client->rate[0] = '\0';
    if (limiter == NULL || is_watch(client))
        return;
    left = is_costly ? limiter_charge(limiter, client->asker, worker->now)
                     : limiter_look(limiter, client->asker, worker->now);
    snprintf(client->rate, sizeof(client->rate), "\"address\";r=%" PRId64 ";t=%" PRId64,
             left.remaining, left.reset);
}

/* Whether the one who asks may, by the rate of its requests. A preflight always may: a browser
 * takes its refusal for one of the page. */
static bool check_rate(struct worker *worker, const struct client *client, const char *method)
{
    const struct settings *settings = &worker->daemon->settings;
    struct allowance left;

    if (worker->daemon->limiter == NULL || is_watch(client)
        || strcmp(method, MHD_HTTP_METHOD_OPTIONS) == 0)
        return true;
    left = limiter_look(worker->daemon->limiter, client->asker, worker->now);
    if (left.is_allowed)
        return true;
    error_set(&worker->err, ERR_RATE, NULL,
              "This %s made %" PRId64 " requests and more than %" PRId64
              " a second; the next may come in %" PRId64
              " s. Answers that were not modified (If-None-Match) cost nothing.",
              client->asker.is_v6 ? "network (IPv6 /64)" : "address", settings->request_burst,
              settings->request_rate, left.retry);
    worker->err.retry_after = (int)left.retry;
    return false;
}

/* Whether there is room for a request whose reply has to be made. */
static bool check_load(struct worker *worker, const struct client *client)
{
    int64_t most = worker->daemon->settings.overload_delay * 1000;
    int64_t late = now_us() - worker->turn; /* a request that goes on takes time as well */

    if (is_watch(client))
        return true;
    if (client->is_standing) {
        refuse_standing(worker);
        return error_set(&worker->err, ERR_OVERLOAD, NULL, "%s", too_many);
    }
    if (most == 0 || late <= most)
        return true;
    return error_set(&worker->err, ERR_OVERLOAD, NULL,
                     "The request waited %" PRId64 " ms for others; %" PRId64 " are the most.",
                     late / 1000, most / 1000);
}

static enum MHD_Result send_exhausted(struct worker *worker, struct MHD_Connection *conn,
                                      struct client *client)
{
    client->status = MHD_HTTP_SERVICE_UNAVAILABLE;
    client->len = 0;
    snprintf(client->detail, sizeof(client->detail),
             "No memory for the reply, or a header that cannot be sent.");
    return MHD_queue_response(conn, MHD_HTTP_SERVICE_UNAVAILABLE, worker->exhausted);
}

/* Keeps a reply for whoever asks for the same, and takes the object; not without memory, nor where
 * it is large. */
static bool keep(struct worker *worker, const struct reply *reply, struct MHD_Response *response,
                 const char *name, size_t len)
{
    struct ready *ready = malloc(sizeof(*ready));
    bool has_key = reply->key[0] != '\0';
    struct cache_entry *entry;

    if (ready == NULL)
        return false;
    *ready = (struct ready){
        .response = response,
        .status = reply->status,
        .len = reply->len,
        .head_len = head_len(reply),
        .id = (char *)MHD_get_response_header(response, REQUEST_ID_HEADER),
        .rate = (char *)MHD_get_response_header(response, RATE_HEADER),
    };
    memcpy(ready->route, reply->route, sizeof(ready->route));
    entry = cache_put(worker->replies, has_key ? reply->key : name,
                      has_key ? strlen(reply->key) : len, ready, reply->len + RESPONSE_COST);
    if (entry == NULL) {
        free(ready);
        return false;
    }
    if (has_key)
        cache_name(worker->replies, entry, name, len);
    metrics_kept(worker->metrics, cache_figures(worker->replies));
    return true;
}

/* Hands a reply to libmicrohttpd, whole or as a bare 503. Takes its body; the rest stays with the
 * caller. name: what it is kept under, if it lasts; 0 bytes: it is not kept. */
static enum MHD_Result send_reply(struct worker *worker, struct MHD_Connection *conn,
                                  struct client *client, struct reply *reply, const char *name,
                                  size_t name_len)
{
    bool is_stream = reply->source.read != NULL || reply->file.len > 0;
    struct MHD_Response *response;
    enum MHD_Result result;

    client->phase = PHASE_ANSWERED;
    client->status = reply->status;
    client->len = strcmp(client->method, MHD_HTTP_METHOD_HEAD) == 0 ? 0
                  : reply->file.len > 0                             ? (size_t)reply->file.len
                                                                    : reply->len;
    memcpy(client->route, reply->route, sizeof(client->route));
    memcpy(client->detail, reply->log_detail, sizeof(client->detail));
    if (reply->is_short)
        return send_exhausted(worker, conn, client);
    settle(worker, client, is_served(reply->status) || reply->is_timeout);
    response = response_new(client, reply, worker->is_draining || client->is_standing);
    if (response == NULL)
        return send_exhausted(worker, conn, client);
    result = MHD_queue_response(conn, (unsigned)reply->status, response);
    if (is_stream)
        stream_begins(client);
    if (name_len == 0 || !reply->is_lasting || !keep(worker, reply, response, name, name_len))
        MHD_destroy_response(response);
    return result;
}

/* Answers with worker->err. */
static enum MHD_Result refuse(struct worker *worker, struct MHD_Connection *conn,
                              struct client *client, const char *method)
{
    struct request request = request_of(client, method);
    struct reply reply = { .status = 0 };
    enum MHD_Result result;

    serve_problem(&worker->daemon->service, &request, &worker->err, &reply);
    worker->err = (struct error){ .code = ERR_NONE };
    result = send_reply(worker, conn, client, &reply, NULL, 0);
    reply_done(&reply);
    return result;
}

static enum MHD_Result send_ready(struct worker *worker, struct MHD_Connection *conn,
                                  struct client *client, const char *method, struct ready *ready)
{
    if (!has_room(worker, client, ready->head_len))
        return refuse(worker, conn, client, method);
    client->phase = PHASE_ANSWERED;
    client->status = ready->status;
    client->len = strcmp(client->method, MHD_HTTP_METHOD_HEAD) == 0 ? 0 : ready->len;
    copy_cut(client->route, ready->route, sizeof(client->route));
    settle(worker, client, is_served(ready->status));
    if (!set_field(ready->response, REQUEST_ID_HEADER, &ready->id, client->id)
        || (client->rate[0] != '\0'
            && !set_field(ready->response, RATE_HEADER, &ready->rate, client->rate)))
        return send_exhausted(worker, conn, client);
    return MHD_queue_response(conn, (unsigned)ready->status, ready->response);
}

/* Makes a reply, and keeps it under the name of its request; 0 bytes: it is not to be kept. */
static enum MHD_Result make(struct worker *worker, struct MHD_Connection *conn,
                            struct client *client, const char *method, const char *name, size_t len)
{
    struct request request = request_of(client, method);
    struct reply reply = { .status = 0 };
    enum MHD_Result result;

    if (len > 0)
        request.is_kept = has_ready;
    request.may_stream = may_stream;
    request.context = client;
    serve(&worker->daemon->service, &request, &reply);
    if (len > 0 && reply.is_lasting)
        metrics_looked_up(worker->metrics, reply.is_kept);
    if (reply.is_kept) {
        struct cache_entry *entry = cache_find(worker->replies, reply.key, strlen(reply.key));

        result = send_ready(worker, conn, client, method, cache_value(entry));
        cache_name(worker->replies, entry, name, len);
    } else if (!has_room(worker, client, head_len(&reply))) {
        result = refuse(worker, conn, client, method);
    } else {
        result = send_reply(worker, conn, client, &reply, name, len);
    }
    reply_done(&reply);
    return result;
}

static enum MHD_Result answer(struct worker *worker, struct MHD_Connection *conn,
                              struct client *client, const char *method)
{
    struct cache_entry *entry = NULL;
    char name[ASKED_MOST];
    size_t len = 0;

    follow_dataset(worker);
    if (!check_rate(worker, client, method))
        return refuse(worker, conn, client, method);
    /* A reply that ends its connection is made for it alone. */
    if (worker->replies != NULL && !worker->is_draining && !client->is_standing)
        len = name_request(client, method, name);
    if (len > 0)
        entry = cache_find(worker->replies, name, len);
    if (entry == NULL && !check_load(worker, client))
        return refuse(worker, conn, client, method);
    if (entry == NULL)
        return make(worker, conn, client, method, name, len);
    metrics_looked_up(worker->metrics, true);
    return send_ready(worker, conn, client, method, cache_value(entry));
}

/* Finds out whose a request is. */
static void find_asker(struct worker *worker, struct client *client, const struct head *head)
{
    struct in6_addr ip;

    client->asker = client->peer;
    client->origin[0] = '\0';
    if (!client->is_proxied
        || !forwarded_client(&worker->daemon->settings.trusted_proxies, head->forwarded,
                             head->x_forwarded_for, &ip))
        return;
    client->asker = peer_of(&ip);
    ip_format(&ip, client->origin);
}

/* The head is whole: names the request, and refuses it unless it can be read in one way only. */
static enum MHD_Result begin(struct worker *worker, struct MHD_Connection *conn,
                             struct client *client, const char *method, const char *version)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    struct head head = { .len = info != NULL ? (int64_t)info->header_size : 0 };

    client->phase = PHASE_HEAD;
    queue_move(&worker->busy, client, client->began);
    MHD_get_connection_values_n(conn, MHD_HEADER_KIND, on_field, &head);
    copy_cut(client->method, method, sizeof(client->method));
    client->target = head.target != NULL ? head.target : "";
    client->if_none_match = head.if_none_match;
    client->accept = head.accept;
    client->prefer = head.prefer;
    client->preflight = head.preflight;
    client->accept_encoding = head.accept_encoding;
    client->range = head.range;
    client->if_range = head.if_range;
    if (head.id != NULL && request_id_is_good(head.id))
        copy_cut(client->id, head.id, sizeof(client->id));
    else
        request_id_next(&worker->ids, client->id);
    find_asker(worker, client, &head);
    if (head.refusal != NULL) {
        gate_refused(head.refusal, &worker->err);
    } else if (check_head(&head, client, method, version, &worker->daemon->settings,
                          &worker->err)) {
        return MHD_YES;
    }
    return refuse(worker, conn, client, method);
}

/*
 * libmicrohttpd calls this once when the head is whole and once more when the (empty) body is. A
 * reply given in the first call ends the connection, so only refusals are.
 */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_data_size, void **con_cls)
{
    struct worker *worker = cls;
    struct client *client = *con_cls;

    (void)url;
    (void)upload_data;
    if (client == NULL || client->queue == &worker->doomed)
        return MHD_NO; /* no memory when it connected; or it has its refusal already */
    if (client->phase == PHASE_LINE)
        return begin(worker, conn, client, method, version);
    if (*upload_data_size != 0 || client->phase != PHASE_HEAD)
        return MHD_NO; /* bodies were refused in begin(): nothing of the kind should come */
    return answer(worker, conn, client, method);
}

static const char *end_text(enum MHD_RequestTerminationCode code)
{
    switch (code) {
    case MHD_REQUEST_TERMINATED_COMPLETED_OK:
        return "";
    case MHD_REQUEST_TERMINATED_TIMEOUT_REACHED:
        return "timeout";
    case MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN:
        return "shutdown";
    case MHD_REQUEST_TERMINATED_WITH_ERROR:
    case MHD_REQUEST_TERMINATED_READ_ERROR:
    case MHD_REQUEST_TERMINATED_CLIENT_ABORT:
        break;
    }
    return "aborted";
}

/* Whether one more line may be written; counts it if not. */
static bool has_quota(const struct worker *worker, struct quota *quota, int64_t now)
{
    int64_t rate = worker->daemon->settings.log_rate, cost;

    if (rate == 0)
        return true;
    cost = 1000000 * (int64_t)worker->daemon->n_workers / rate;
    if (quota->full < now)
        quota->full = now;
    if (quota->full + cost > now + LOG_BURST * 1000000) {
        quota->n++;
        return false;
    }
    quota->full += cost;
    return true;
}

/* Failures of ours are written at once, all else when the turn is over. */
static void log_request(struct worker *worker, const struct client *client, int64_t now,
                        enum MHD_RequestTerminationCode code)
{
    /* 505 is the client's doing. */
    bool is_failure =
        client->status >= 500 && client->status != MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED;
    enum log_level level = is_failure ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO;
    struct log_line line;

    if (!log_wants(level) || !has_quota(worker, &worker->quotas[level == LOG_LEVEL_ERROR], now))
        return;
    log_begin(&line, level, "request");
    log_text(&line, "id", client->id, sizeof(client->id));
    log_text(&line, "method", client->method, sizeof(client->method));
    log_text(&line, "route", client->route, TARGET_LOGGED);
    log_text(&line, "path", client->target, TARGET_LOGGED);
    log_number(&line, "status", client->status);
    log_number(&line, "bytes", (int64_t)client->len);
    log_number(&line, "us", now - client->began);
    if (client->origin[0] != '\0')
        log_text(&line, "addr", client->origin, sizeof(client->origin));
    log_text(&line, client->origin[0] != '\0' ? "via" : "addr", client->address,
             sizeof(client->address));
    log_text(&line, "end", end_text(code), TARGET_LOGGED);
    log_text(&line, "detail", client->detail, sizeof(client->detail));
    log_end_later(&line, &worker->lines);
    if (level == LOG_LEVEL_ERROR)
        log_flush(&worker->lines);
}

/* Says that the worker gets on: its loop came round, or a request ended, of which one turn may have
 * many that take long. */
static void get_on(struct worker *worker)
{
    atomic_store_explicit(&worker->turned, atomic_load(&worker->daemon->asked),
                          memory_order_relaxed);
}

static void on_done(void *cls, struct MHD_Connection *conn, void **con_cls,
                    enum MHD_RequestTerminationCode code)
{
    struct worker *worker = cls;
    struct client *client = *con_cls;
    int64_t now;

    *con_cls = NULL;
    if (client == NULL)
        return;
    now = worker->now = now_us();
    get_on(worker);
    stream_ends(client);
    if (client->phase == PHASE_LINE || client->phase == PHASE_HEAD) {
        /* libmicrohttpd answered by itself, or the client left before we could. */
        const union MHD_ConnectionInfo *info =
            MHD_get_connection_info(conn, MHD_CONNECTION_INFO_HTTP_STATUS);

        if (client->status == 0 && info != NULL)
            client->status = (int)info->http_status;
        snprintf(client->detail, sizeof(client->detail),
                 "The request never came in whole, or could not be read.");
    }
    log_request(worker, client, now, code);
    metrics_ended(worker->metrics,
                  &(struct metrics_request){ client->route, client->method, client->status,
                                             client->len, now - client->began });
    forget_head(client);
    client->phase = PHASE_QUIET;
    if (client->queue != &worker->doomed)
        queue_move(&worker->kept, client, now);
    if (worker->is_draining)
        shutdown(client->fd, SHUT_RD); /* a reply given before said nothing of closing */
}

static __attribute__((format(printf, 2, 0))) void on_message(void *cls, const char *fmt,
                                                             va_list args)
{
    char text[512];
    struct log_line line;

    (void)cls;
    if (!log_wants(LOG_LEVEL_DEBUG))
        return;
    vsnprintf(text, sizeof(text), fmt, args);
    text[strcspn(text, "\n")] = '\0';
    log_begin(&line, LOG_LEVEL_DEBUG, "libmicrohttpd");
    log_text(&line, "detail", text, sizeof(text));
    log_end(&line);
}

/* Time. */

/* Ends the connections of a queue whose time is up. */
static void expire_queue(struct worker *worker, struct queue *queue, int64_t now)
{
    while (queue_due(queue) <= now) {
        struct client *client = queue->first;

        struct tls_link *tls = client->tls.session != NULL ? &client->tls : NULL;

        if (queue == &worker->standing) {
            refuse_standing(worker);
            client->status = refuse_bare(client->fd, tls, MHD_HTTP_SERVICE_UNAVAILABLE, too_many);
        } else if (client->phase == PHASE_LINE
                   || (client->phase == PHASE_QUIET && client->n_raw > 0)) {
            client->status = refuse_bare(client->fd, tls, MHD_HTTP_REQUEST_TIMEOUT,
                                         "The request head did not come in whole in time.");
            client->is_refused = true;
        }
        doom(worker, client, now);
    }
}

/* A line that counts what must not become a line each. */
static void log_count(enum log_level level, const char *msg, const char *why, int64_t *n,
                      int64_t *logged, int64_t now)
{
    struct log_line line;

    if (*n == 0 || now - *logged < SUMMARY_EVERY)
        return;
    log_begin(&line, level, msg);
    log_number(&line, "count", *n);
    log_text(&line, "detail", why, TARGET_LOGGED);
    log_end(&line);
    *n = 0;
    *logged = now;
}

static void log_counts(struct worker *worker, int64_t now)
{
    int64_t left_out = worker->quotas[0].n + worker->quotas[1].n;

    log_count(LOG_LEVEL_WARNING, "connections refused", "", &worker->n_refused,
              &worker->refused_logged, now);
    log_count(LOG_LEVEL_WARNING, "accept failed",
              worker->n_deaf > 0 ? strerror(worker->deaf_errno) : "", &worker->n_deaf,
              &worker->deaf_logged, now);
    /* Strangers knock at every port. */
    log_count(LOG_LEVEL_INFO, "tls failed",
              worker->n_faults > 0 ? gnutls_strerror(worker->fault) : "", &worker->n_faults,
              &worker->faults_logged, now);
    log_count(LOG_LEVEL_WARNING, "lines left out",
              "There were more requests than --log-rate allows lines.", &left_out,
              &worker->left_out_logged, now);
    if (left_out == 0)
        worker->quotas[0].n = worker->quotas[1].n = 0;
}

static void expire(struct worker *worker)
{
    int64_t now = now_us();

    expire_queue(worker, &worker->fresh, now);
    expire_queue(worker, &worker->standing, now);
    expire_queue(worker, &worker->kept, now);
    expire_queue(worker, &worker->busy, now);
    log_counts(worker, now);
}

/* Milliseconds that the worker may sleep; -1: until something happens. */
static int sleep_ms(const struct worker *worker)
{
    MHD_UNSIGNED_LONG_LONG theirs;
    int64_t due = queue_due(&worker->fresh);
    int64_t now = now_us();
    int64_t ms;

    if (MHD_get_timeout(worker->mhd, &theirs) == MHD_YES) {
        if (theirs == 0)
            return 0;
        if (theirs < INT32_MAX && now + (int64_t)theirs * 1000 < due)
            due = now + (int64_t)theirs * 1000;
    }
    if (queue_due(&worker->standing) < due)
        due = queue_due(&worker->standing);
    if (queue_due(&worker->kept) < due)
        due = queue_due(&worker->kept);
    if (queue_due(&worker->busy) < due)
        due = queue_due(&worker->busy);
    if (worker->is_draining && worker->drain_end < due)
        due = worker->drain_end;
    if (worker->deaf_until != 0 && worker->deaf_until < due)
        due = worker->deaf_until;
    if (worker->yield_until != 0 && worker->yield_until < due)
        due = worker->yield_until;
    if (worker->n_refused + worker->n_deaf + worker->n_faults + worker->quotas[0].n
                + worker->quotas[1].n
            > 0
        && now + SUMMARY_EVERY < due)
        due = now + SUMMARY_EVERY;
    if (worker->n_lingering > 0 && now + LINGER_EVERY * 1000 < due)
        due = now + LINGER_EVERY * 1000;
    if (due == INT64_MAX)
        return -1;
    ms = (due - now + 999) / 1000;
    return ms < 0 ? 0 : ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* Workers. */

/* Takes one connection from the kernel; false when there is none, or no descriptor for it. */
static bool let_in(struct worker *worker)
{
    struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof(address);
    struct crowd *crowd = &worker->daemon->crowd;
    struct client arriving = { .target = "" };
    struct in6_addr ip = { 0 };
    struct admission admission;
    int fd = accept4(worker->daemon->listen_fd, (struct sockaddr *)&address, &len,
                     SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            worker->n_deaf++;
            worker->deaf_errno = errno;
            worker->deaf_until = now_us() + DEAF_FOR;
        }
        return false;
    }
    if ((size_t)fd >= worker->daemon->n_files) { /* the limit was raised behind our back */
        close(fd);
        return true;
    }
    if (ip_of((const struct sockaddr *)&address, &ip)) {
        ip_format(&ip, arriving.address);
        arriving.is_proxied = networks_have(&worker->daemon->settings.trusted_proxies, &ip);
    }
    arriving.peer = peer_of(&ip);
    admission = crowd_enter(crowd, arriving.peer, arriving.is_proxied);
    arriving.is_standing = admission.is_standing;
    if (admission.refusal != METRICS_ADMITTED) {
        metrics_connected(worker->metrics, admission.refusal);
        worker->n_refused++;
        if (worker->daemon->tls == NULL) /* else there are no keys yet to say it with */
            refuse_bare(fd, NULL, MHD_HTTP_SERVICE_UNAVAILABLE, too_many);
        close(fd);
        return true;
    }
    worker->arriving = arriving;
    worker->has_arriving = true;
    MHD_add_connection(worker->mhd, fd, (const struct sockaddr *)&address, len); /* owns fd now */
    if (worker->has_arriving) { /* no memory: it never became a client */
        metrics_connected(worker->metrics, METRICS_REFUSED_MEMORY);
        crowd_leave(crowd, arriving.peer);
    }
    worker->has_arriving = false;
    return true;
}

/* One more than the average is not too many: few connections are never even. */
static bool has_more_than_its_share(const struct worker *worker)
{
    size_t n = atomic_load_explicit(&worker->daemon->crowd.n, memory_order_relaxed);

    return worker->n_clients > n / worker->daemon->n_workers + 1;
}

/*
 * Takes connections until there are no more or the worker has more than its share. Then the others
 * come first, for a moment: a burst is spread over the workers, and still nobody waits for a
 * worker that is busy with something long.
 */
static void let_in_share(struct worker *worker)
{
    for (int i = 0; i < ACCEPT_BATCH && let_in(worker); i++) {
        if (has_more_than_its_share(worker)) {
            worker->yield_until = now_us() + YIELD_FOR;
            return;
        }
    }
}

static void stop_listening(struct worker *worker)
{
    struct daemon *daemon = worker->daemon;

    if (atomic_fetch_sub(&daemon->n_listening, 1) == 1) {
        close(daemon->listen_fd);
        daemon->listen_fd = -1;
    }
}

/* Whether a client is in the midst of its handshake: then its request is about to come. */
static bool is_shaking_hands(const struct client *client)
{
    char byte;

    return client->tls.session != NULL && !client->tls.is_open
           && (client->tls.has_begun
               || recvfrom(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT, NULL, NULL) > 0);
}

static void end_reading(const struct queue *queue)
{
    for (const struct client *client = queue->first; client != NULL; client = client->next)
        if (!is_shaking_hands(client))
            shutdown(client->fd, SHUT_RD);
}

static void begin_drain(struct worker *worker)
{
    worker->is_draining = true;
    worker->drain_end = now_us() + worker->daemon->settings.drain_timeout * 1000000;
    /* Whoever has connected by now comes in; the bound is for those that never stop coming. */
    for (int64_t i = 0; i < worker->daemon->settings.backlog && let_in(worker); i++)
        continue;
    stop_listening(worker);
    /* What a client has sent in whole can still be read after this; then comes the end of its
     * stream. */
    end_reading(&worker->fresh);
    end_reading(&worker->standing);
    end_reading(&worker->kept);
}

/* Whether the next poll() is to tell of new connections. */
static bool is_hearing(struct worker *worker)
{
    if (worker->yield_until != 0
        && (worker->yield_until <= now_us() || !has_more_than_its_share(worker)))
        worker->yield_until = 0;
    if (worker->deaf_until != 0 && worker->deaf_until <= now_us())
        worker->deaf_until = 0;
    return !worker->is_draining && worker->yield_until == 0 && worker->deaf_until == 0;
}

static bool is_at_end(struct worker *worker)
{
    int order = atomic_load(&worker->daemon->order);

    if (order == ORDER_STOP)
        return true;
    if (order == ORDER_DRAIN && !worker->is_draining)
        begin_drain(worker);
    return worker->is_draining && (worker->n_clients == 0 || now_us() >= worker->drain_end);
}

/* Gives the memory of streams that have ended back to the system. */
static void give_back(struct worker *worker)
{
    if (!worker->is_untrimmed)
        return;
    worker->is_untrimmed = false;
    atomic_store(&worker->daemon->n_streams_ended, 0);
    malloc_trim(0);
}

/*
 * The event loop. libmicrohttpd 0.9.75 calls epoll_wait() again, with the same timeout, whenever it
 * got exactly 128 events: with its own wait 128 busy connections stand still. So the waiting is
 * ours and its timeout always 0.
 */
static bool run(struct worker *worker)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(worker->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fds[] = {
        { .fd = info != NULL ? info->epoll_fd : -1, .events = POLLIN },
        { .fd = worker->wake_fd, .events = POLLIN },
        { .fd = -1, .events = POLLIN }, /* listening socket, while it is listened to */
    };
    uint64_t n;

    if (fds[0].fd < 0)
        return false;
    while (!is_at_end(worker)) {
        fds[2].fd = is_hearing(worker) ? worker->daemon->listen_fd : -1;
        if (poll(fds, 3, sleep_ms(worker)) < 0) {
            if (errno != EINTR && errno != ENOMEM)
                return false;
            fds[1].revents = POLLIN; /* nothing was told: look everywhere */
            fds[2].revents = 0;
            if (errno == ENOMEM)
                usleep(YIELD_FOR);
        }
        if (fds[1].revents != 0) {
            if (read(worker->wake_fd, &n, sizeof(n)) < 0 && errno != EAGAIN && errno != EINTR)
                return false;
            follow_dataset(worker);
        }
        worker->now = worker->turn = now_us();
        get_on(worker);
        if (fds[2].revents != 0)
            let_in_share(worker);
        if (MHD_run_wait(worker->mhd, 0) == MHD_NO)
            return false;
        expire(worker);
        read_lingering(worker, false);
        log_flush(&worker->lines);
        give_back(worker);
    }
    return true;
}

static void notify(int fd)
{
    uint64_t one = 1;

    /* Fails only when the counter is full: then it is readable anyway. */
    if (write(fd, &one, sizeof(one)) < 0)
        return;
}

static void *worker_main(void *cls)
{
    struct worker *worker = cls;
    struct daemon *daemon = worker->daemon;
    char name[24];
    bool is_whole;

    own = worker;
    /* Its own name: another thread's is a file in /proc, which a sandbox does not let us write. 256
     * workers at most: it fits into the kernel's 16 bytes. */
    snprintf(name, sizeof(name), "worker-%u", (unsigned)(worker - daemon->workers));
    pthread_setname_np(pthread_self(), name);
    is_whole = run(worker);
    if (!is_whole) {
        log_event(LOG_LEVEL_ERROR, "worker failed", "Its event loop broke: %s.", strerror(errno));
        atomic_store(&daemon->has_failed, true);
    }
    if (!worker->is_draining)
        stop_listening(worker);
    MHD_stop_daemon(worker->mhd);
    worker->mhd = NULL;
    read_lingering(worker, true);
    log_flush(&worker->lines);
    dataset_leave(daemon->service.dataset);
    atomic_store(&worker->turned, ULONG_MAX); /* nobody waits for it any more */
    if (atomic_fetch_sub(&daemon->n_running, 1) == 1 || !is_whole)
        notify(daemon->end_fd);
    return NULL;
}

static struct MHD_Response *exhausted_new(const struct daemon *daemon)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);

    if (response == NULL)
        return NULL;
    if (!add_edge_headers(response, daemon)
        || MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "5") == MHD_NO) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

/* The limit of a kept connection begins with its last reply: idle first, then a head. libmicrohttpd
 * ends idle ones. */
static void set_limits(struct worker *worker, const struct settings *settings)
{
    worker->fresh.limit = settings->head_timeout * 1000000;
    worker->standing.limit = STANDING_FOR;
    worker->kept.limit = (settings->idle_timeout + settings->head_timeout) * 1000000;
    worker->busy.limit = settings->send_timeout * 1000000;
    worker->doomed.limit = INT64_MAX;
}

static bool worker_init(struct worker *worker, struct daemon *daemon, struct error *err)
{
    const struct settings *settings = &daemon->settings;
    bool is_tls = daemon->tls != NULL;
    struct MHD_OptionItem tls_options[] = {
        { is_tls ? MHD_OPTION_HTTPS_CERT_CALLBACK : MHD_OPTION_END, 0,
          (void *)(intptr_t)tls_no_certificate },
        { MHD_OPTION_END, 0, NULL },
    };

    worker->daemon = daemon;
    set_limits(worker, settings);
    request_id_seed(&worker->ids);
    worker->metrics = metrics_join(daemon->service.metrics);
    worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->wake_fd < 0)
        return error_set(err, ERR_INTERNAL, NULL, "No event descriptor for a worker: %s.",
                         strerror(errno));
    worker->heads = (struct gate_limits){
        .head = (size_t)settings->head_limit,
        .target = (size_t)settings->target_limit,
        .parameters = (size_t)settings->parameter_limit,
        .fields = (size_t)settings->header_limit,
        .anew = (size_t)settings->connection_memory - REPLY_ROOM,
    };
    worker->scratch = malloc((size_t)settings->head_limit + 2 * READ_MOST);
    worker->anew = malloc((size_t)settings->head_limit + GATE_ROOM);
    worker->exhausted = exhausted_new(daemon);
    if (settings->cache_size > 0)
        worker->replies = cache_new((size_t)settings->cache_size / daemon->n_workers, ready_free);
    if (worker->scratch == NULL || worker->anew == NULL || worker->exhausted == NULL
        || (settings->cache_size > 0 && worker->replies == NULL))
        return error_set(err, ERR_INTERNAL, NULL, "No memory for a worker.");
    /*
     * Strict -1: white space in header names is refused; spaces in targets and Host are ours to
     * check (check_head()). The crowd limits all workers together, so each by itself must not stop
     * before.
     */
    /* clang-format off */
    worker->mhd = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG | (is_tls ? MHD_USE_TLS : 0), 0, NULL, NULL, on_request, worker,
        MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, /* first, so that it hears of the others */
        MHD_OPTION_STRICT_FOR_CLIENT, -1,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)settings->connection_memory,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)settings->connections + STANDING + 1,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)settings->idle_timeout,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_URI_LOG_CALLBACK, on_request_line, worker,
        MHD_OPTION_NOTIFY_COMPLETED, on_done, worker,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, worker,
        MHD_OPTION_ARRAY, tls_options,
        MHD_OPTION_END);
    /* clang-format on */
    if (worker->mhd == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "libmicrohttpd does not start: %s.",
                         strerror(errno));
    return true;
}

static void worker_done(struct worker *worker)
{
    if (worker->is_started)
        pthread_join(worker->thread, NULL);
    if (worker->mhd != NULL) /* never ran */
        MHD_stop_daemon(worker->mhd);
    if (worker->exhausted != NULL)
        MHD_destroy_response(worker->exhausted);
    cache_free(worker->replies);
    free(worker->scratch);
    free(worker->anew);
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
}

/* The daemon. */

static bool listen_open(struct daemon *daemon, struct error *err)
{
    const struct address *wanted = &daemon->settings.listen;
    int on = 1;
    int off = 0;
    int fd = socket(wanted->socket.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    daemon->listen_fd = fd;
    address_format(wanted, daemon->address);
    if (fd < 0)
        return error_set(err, ERR_INPUT, NULL, "No socket for %s: %s.", daemon->address,
                         strerror(errno));
    /* Best effort: without them only restarts are slower, and [::] does not take IPv4. */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (wanted->socket.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (bind(fd, (const struct sockaddr *)&wanted->socket, wanted->len) < 0)
        return error_set(err, ERR_INPUT, NULL, "Cannot listen on %s: %s.", daemon->address,
                         strerror(errno));
    return true;
}

/* Makes ready a socket that is bound, by us or by who handed it over. */
static bool listen_begin(struct daemon *daemon, struct error *err)
{
    struct address real = { .len = sizeof(real.socket) };
    int size = SEND_BUFFER;
    int fd = daemon->listen_fd;

    /* Best effort; connections inherit the size. */
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0
        || fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0
        || listen(fd, (int)daemon->settings.backlog) < 0
        || getsockname(fd, (struct sockaddr *)&real.socket, &real.len) < 0)
        return error_set(err, ERR_INPUT, NULL, "Cannot listen on %s: %s.",
                         daemon->address[0] != '\0' ? daemon->address : "the socket handed over",
                         strerror(errno));
    address_format(&real, daemon->address);
    return true;
}

/* One connection takes one descriptor, a stream one more, and the usual limit is 1,024. */
static void raise_file_limit(int64_t connections, int64_t streams)
{
    struct rlimit limit;
    rlim_t need = (rlim_t)connections + (rlim_t)streams + FILES_BESIDE;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= need)
        return;
    limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < need)
        log_event(LOG_LEVEL_WARNING, "few descriptors",
                  "%" PRId64 " connections need %ju descriptors; the system allows %ju.",
                  connections, (uintmax_t)need, (uintmax_t)limit.rlim_cur);
}

/* Descriptors that a connection may have. */
static size_t count_files(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < FILES_MOST
               ? (size_t)limit.rlim_cur
               : FILES_MOST;
}

static bool start_threads(struct daemon *daemon, struct error *err)
{
    for (unsigned i = 0; i < daemon->n_workers; i++) {
        struct worker *worker = &daemon->workers[i];
        int failure;

        atomic_fetch_add(&daemon->n_running, 1);
        failure = pthread_create(&worker->thread, NULL, worker_main, worker);
        if (failure != 0) {
            atomic_fetch_sub(&daemon->n_running, 1);
            return error_set(err, ERR_INTERNAL, NULL, "No thread for a worker: %s.",
                             strerror(failure));
        }
        worker->is_started = true;
    }
    return true;
}

static unsigned count_workers(const struct settings *settings)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    if (settings->workers > 0)
        return (unsigned)settings->workers;
    return cores < 1 ? 1 : cores > 256 ? 256 : (unsigned)cores;
}

/* Where clients find the service, where no setting says so: where it listens. */
static const char *url_of(const char *address, bool is_tls, char ret[static ADDRESS_TEXT_SIZE + 32])
{
    bool is_any = strncmp(address, "0.0.0.0:", 8) == 0 || strncmp(address, "[::]:", 5) == 0;

    snprintf(ret, ADDRESS_TEXT_SIZE + 32, "%s://%s%s", is_tls ? "https" : "http",
             is_any ? "localhost" : "", is_any ? strrchr(address, ':') : address);
    return ret;
}

static bool limit_requests(struct daemon *daemon, struct error *err)
{
    int64_t rate = daemon->settings.request_rate, burst = daemon->settings.request_burst;

    daemon->limiter = limiter_new(rate, burst);
    if (daemon->limiter == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "No memory to count requests.");
    /* A window is the time in which an empty bucket fills. */
    snprintf(daemon->policy, sizeof(daemon->policy), "\"address\";q=%" PRId64 ";w=%" PRId64, burst,
             (burst + rate - 1) / rate);
    return true;
}

static bool start_tls(struct daemon *daemon, struct error *err)
{
    const struct settings *settings = &daemon->settings;

    if (settings->tls_certificate == NULL)
        return true;
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) == MHD_NO)
        return error_set(err, ERR_INPUT, NULL, "libmicrohttpd was built without TLS.");
    if (settings->hsts > 0)
        snprintf(daemon->hsts, sizeof(daemon->hsts), "max-age=%" PRId64, settings->hsts);
    return tls_new(settings->tls_certificate, settings->tls_key, &daemon->tls, err);
}

static bool prepare(struct daemon *daemon, struct error *err)
{
    daemon->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (daemon->end_fd < 0)
        return error_set(err, ERR_INTERNAL, NULL, "No event descriptor: %s.", strerror(errno));
    raise_file_limit(daemon->settings.connections + STANDING, daemon->settings.streams);
    daemon->n_files = count_files();
    daemon->clients = calloc(daemon->n_files, sizeof(*daemon->clients));
    if (daemon->clients == NULL)
        return error_set(err, ERR_INTERNAL, NULL, "No memory for the daemon.");
    if (daemon->settings.request_rate > 0 && !limit_requests(daemon, err))
        return false;
    if (!start_tls(daemon, err) || (daemon->listen_fd < 0 && !listen_open(daemon, err))
        || !listen_begin(daemon, err))
        return false;
    if (daemon->service.public_url == NULL)
        daemon->service.public_url = url_of(daemon->address, daemon->tls != NULL, daemon->url);
    for (unsigned i = 0; i < daemon->n_workers; i++)
        if (!worker_init(&daemon->workers[i], daemon, err))
            return false;
    atomic_store(&daemon->n_listening, daemon->n_workers);
    return true;
}

bool daemon_new(const struct settings *settings, const struct service *service, int listen_fd,
                struct daemon **ret, struct error *err)
{
    unsigned n_workers = count_workers(settings);
    struct daemon *daemon = calloc(1, sizeof(*daemon) + n_workers * sizeof(daemon->workers[0]));

    if (daemon == NULL
        || !crowd_init(&daemon->crowd, settings->connections, settings->connections_per_address)) {
        free(daemon);
        close_file(&listen_fd);
        return error_set(err, ERR_INTERNAL, NULL, "No memory for the daemon.");
    }
    daemon->settings = *settings;
    daemon->service = *service;
    daemon->n_workers = n_workers;
    daemon->listen_fd = listen_fd;
    daemon->end_fd = -1;
    for (unsigned i = 0; i < n_workers; i++)
        daemon->workers[i].wake_fd = -1;
    if (!prepare(daemon, err)) {
        daemon_free(daemon);
        return false;
    }
    *ret = daemon;
    return true;
}

bool daemon_start(struct daemon *daemon, struct error *err)
{
    return start_threads(daemon, err);
}

const char *daemon_address(const struct daemon *daemon)
{
    return daemon->address;
}

unsigned daemon_workers(const struct daemon *daemon)
{
    return daemon->n_workers;
}

static void wake(const struct daemon *daemon)
{
    for (unsigned i = 0; i < daemon->n_workers; i++)
        if (daemon->workers[i].wake_fd >= 0)
            notify(daemon->workers[i].wake_fd);
}

static void give_order(struct daemon *daemon, enum order order)
{
    int old = atomic_load(&daemon->order);

    while (old < (int)order && !atomic_compare_exchange_weak(&daemon->order, &old, order))
        continue;
    wake(daemon);
}

void daemon_drain(struct daemon *daemon)
{
    give_order(daemon, ORDER_DRAIN);
}

void daemon_stop(struct daemon *daemon)
{
    give_order(daemon, ORDER_STOP);
}

void daemon_follow(struct daemon *daemon)
{
    wake(daemon);
}

void daemon_renew(struct daemon *daemon)
{
    struct error err = { .code = ERR_NONE };

    if (daemon->tls != NULL && !tls_renew(daemon->tls, &err))
        log_event(LOG_LEVEL_ERROR, "certificate kept", "%s", err.detail);
}

bool daemon_turns(struct daemon *daemon)
{
    unsigned long asked = atomic_load(&daemon->asked);

    for (unsigned i = 0; i < daemon->n_workers; i++)
        if (atomic_load(&daemon->workers[i].turned) < asked)
            return false;
    atomic_store(&daemon->asked, asked + 1);
    wake(daemon);
    return true;
}

int daemon_end_fd(const struct daemon *daemon)
{
    return daemon->end_fd;
}

bool daemon_free(struct daemon *daemon)
{
    bool is_whole;

    if (daemon == NULL)
        return true;
    daemon_stop(daemon);
    for (unsigned i = 0; i < daemon->n_workers; i++)
        worker_done(&daemon->workers[i]);
    is_whole = !atomic_load(&daemon->has_failed);
    if (daemon->listen_fd >= 0)
        close(daemon->listen_fd);
    if (daemon->end_fd >= 0)
        close(daemon->end_fd);
    tls_free(daemon->tls);
    pthread_mutex_destroy(&daemon->crowd.lock);
    free(daemon->crowd.seats);
    limiter_free(daemon->limiter);
    free(daemon->clients);
    free(daemon);
    return is_whole;
}
