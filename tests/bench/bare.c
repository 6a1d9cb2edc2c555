/*
 * What libmicrohttpd costs by itself: a server that does nothing but hand out ready replies, on one
 * thread.
 *
 *   bare PORT plain|own {STATUS HEADERS BODY}...
 *
 * The n-th triple answers GET /n, from 0. HEADERS and BODY are files: `Name: value` a line, and the
 * bytes. plain: libmicrohttpd waits in a thread of its own, which stalls at 128 active connections;
 * own: we wait, and it only ever polls. Runs until it is killed.
 */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <microhttpd.h>

enum {
    REPLIES = 16,             /* most of them */
    CONNECTIONS = 20000,      /* at a time */
    CONNECTION_MEMORY = 4096, /* bytes: as little as serves, since all of it is zeroed each time */
    LINE = 4096,              /* bytes of a header */
};

static struct {
    unsigned status;
    struct MHD_Response *response;
} replies[REPLIES];
static size_t n_replies;

static void fail(const char *what)
{
    fprintf(stderr, "bare: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct MHD_Response *load(const char *headers, const char *body)
{
    FILE *file = fopen(body, "rb");
    struct MHD_Response *ret = NULL;
    char line[LINE], *bytes = NULL;
    long len = 0;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (len = ftell(file)) < 0
        || fseek(file, 0, SEEK_SET) != 0 || (bytes = malloc((size_t)len + 1)) == NULL
        || fread(bytes, 1, (size_t)len, file) != (size_t)len)
        fail(body);
    fclose(file);
    ret = MHD_create_response_from_buffer((size_t)len, bytes, MHD_RESPMEM_MUST_FREE);
    if (ret == NULL || (file = fopen(headers, "r")) == NULL)
        fail(headers);
    while (fgets(line, sizeof(line), file) != NULL) {
        char *value = strstr(line, ": ");

        line[strcspn(line, "\r\n")] = '\0';
        if (value == NULL)
            continue;
        *value = '\0';
        if (MHD_add_response_header(ret, line, value + 2) != MHD_YES)
            fail(line);
    }
    fclose(file);
    return ret;
}

static enum MHD_Result answer(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **con_cls)
{
    size_t n = (size_t)(url[1] - '0');

    (void)cls, (void)method, (void)version, (void)upload, (void)upload_size;
    /* A reply that is queued in the first call would close the connection. */
    if (*con_cls == NULL) {
        *con_cls = connection;
        return MHD_YES;
    }
    if (n >= n_replies)
        return MHD_NO;
    return MHD_queue_response(connection, replies[n].status, replies[n].response);
}

static void serve_waiting(struct MHD_Daemon *daemon)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    struct pollfd fd = { .fd = info != NULL ? info->epoll_fd : -1, .events = POLLIN };

    for (;;) {
        MHD_UNSIGNED_LONG_LONG ms = 1000;
        bool is_due = MHD_get_timeout(daemon, &ms) == MHD_YES && ms == 0;

        if (poll(&fd, 1, is_due ? 0 : 1000) < 0 && errno != EINTR)
            fail("poll");
        if (MHD_run_wait(daemon, 0) != MHD_YES)
            fail("MHD_run_wait");
    }
}

int main(int argc, char **argv)
{
    bool is_own = argc > 2 && strcmp(argv[2], "own") == 0;
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct MHD_Daemon *daemon = NULL;

    if (argc < 6 || argc % 3 != 0 || (argc - 3) / 3 > REPLIES
        || (!is_own && strcmp(argv[2], "plain") != 0)) {
        fprintf(stderr, "usage: bare PORT plain|own {STATUS HEADERS BODY}...\n");
        return 2;
    }
    for (int i = 3; i < argc; i += 3) {
        replies[n_replies].status = (unsigned)strtoul(argv[i], NULL, 10);
        replies[n_replies++].response = load(argv[i + 1], argv[i + 2]);
    }
    address.sin_port = htons((in_port_t)strtoul(argv[1], NULL, 10));
    signal(SIGPIPE, SIG_IGN);
    daemon = MHD_start_daemon(
        MHD_USE_EPOLL | (is_own ? 0U : (unsigned)MHD_USE_INTERNAL_POLLING_THREAD), 0, NULL, NULL,
        answer, NULL, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
        MHD_OPTION_LISTEN_BACKLOG_SIZE, (unsigned)1024, MHD_OPTION_END);
    if (daemon == NULL)
        fail("MHD_start_daemon");
    if (is_own)
        serve_waiting(daemon);
    for (;;)
        poll(NULL, 0, -1);
}
