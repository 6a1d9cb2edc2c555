#define _GNU_SOURCE /* SO_DOMAIN */
#include "server/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "server/log.h"

enum {
    LISTEN_FIRST = 3,  /* descriptors are handed over from this number on: sd_listen_fds(3) */
    LOOKS = 4,         /* that we take at ourselves in the time of the watchdog */
    TELL_FOR = 1,      /* seconds that a message may wait for a manager that does not read */
    NEWS_SIZE = 1024,  /* bytes of a message and its NUL */
    FIRST_WORDS = 128, /* bytes of it before the sentence */
};

static int64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A whole number in the environment; -1: there is none. */
static int64_t number_of(const char *name)
{
    const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe): there are no threads yet */
    char *end;
    long long n;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return -1;
    errno = 0;
    n = strtoll(text, &end, 10);
    return errno == 0 && *end == '\0' ? n : -1;
}

/* Datagrams to the manager. */

/* A name that begins with '@' stands for an abstract one, which begins with a NUL and has none at
 * its end. */
static bool read_name(const char *name, struct sockaddr_un *ret, socklen_t *ret_len)
{
    size_t len = strlen(name);

    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(ret->sun_path))
        return false;
    memcpy(ret->sun_path, name, len);
    if (name[0] == '@')
        ret->sun_path[0] = '\0';
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (name[0] == '/'));
    return true;
}

/* Connected at once and kept, because a sandbox allows neither socket() nor connect() later. */
static int open_notify(void)
{
    const char *name = getenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe): no threads yet */
    const struct timeval most = { .tv_sec = TELL_FOR };
    struct sockaddr_un address;
    socklen_t len;
    int fd;

    if (name == NULL || name[0] == '\0')
        return -1;
    if (!read_name(name, &address, &len)) {
        log_event(LOG_LEVEL_WARNING, "service manager",
                  "NOTIFY_SOCKET is neither a path nor an abstract name of a socket: '%.100s'.",
                  name);
        return -1;
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)) < 0
        || connect(fd, (const struct sockaddr *)&address, len) < 0) {
        log_event(LOG_LEVEL_WARNING, "service manager",
                  "It cannot be told anything: NOTIFY_SOCKET '%.100s': %s.", name, strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

/* The watchdog is only of use to a process that can be heard. */
static int64_t read_watchdog(const struct manager *manager)
{
    int64_t us = number_of("WATCHDOG_USEC");
    int64_t pid = number_of("WATCHDOG_PID");

    return manager->notify_fd < 0 || us <= 0 || (pid >= 0 && pid != getpid()) ? 0 : us;
}

/* The first words of a message, for the manager itself. */
static int write_news(enum manager_news news, char ret[static FIRST_WORDS])
{
    static const char *const words[] = {
        [MANAGER_READY] = "READY=1",
        [MANAGER_STOPPING] = "STOPPING=1",
        [MANAGER_ALIVE] = "WATCHDOG=1",
    };

    if (news == MANAGER_RELOADING) /* with its time, so that it knows which reload ends */
        return snprintf(ret, FIRST_WORDS, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, now_us());
    return snprintf(ret, FIRST_WORDS, "%s", words[news]);
}

void manager_tell(struct manager *manager, enum manager_news news, const char *fmt, ...)
{
    char text[NEWS_SIZE];
    size_t len, sentence;
    va_list args;

    if (manager->notify_fd < 0)
        return;
    len = (size_t)write_news(news, text);
    if (fmt != NULL) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "\nSTATUS=");
        sentence = len;
        va_start(args, fmt);
        vsnprintf(text + len, sizeof(text) - len, fmt, args);
        va_end(args);
        len += strlen(text + len);
        for (size_t i = sentence; i < len; i++)
            if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
                text[i] = '?';
    }
    if (send(manager->notify_fd, text, len, MSG_NOSIGNAL) < 0) {
        bool is_over = errno != EAGAIN && errno != ENOBUFS && errno != EINTR;

        log_event(LOG_LEVEL_WARNING, "service manager", "It cannot be told that %s%s: %s.", text,
                  is_over ? ", nor anything else" : "", strerror(errno));
        if (is_over) { /* a full queue may empty; all else does not get better */
            close(manager->notify_fd);
            manager->notify_fd = -1;
            manager->watchdog = 0;
        }
    }
}

int manager_left(const struct manager *manager)
{
    int64_t left = manager->due - now_us();

    if (manager->watchdog == 0)
        return -1;
    left = left <= 0 ? 0 : (left + 999) / 1000;
    return left > INT_MAX ? INT_MAX : (int)left;
}

void manager_put_off(struct manager *manager)
{
    manager->due = now_us() + manager->watchdog / LOOKS;
}

/* The socket that was handed over. */

static bool read_option(int fd, int option, int *ret)
{
    socklen_t len = sizeof(*ret);

    return getsockopt(fd, SOL_SOCKET, option, ret, &len) == 0;
}

static bool check_socket(int fd, struct error *err)
{
    int type = 0, is_listening = 0, domain = 0;

    if (!read_option(fd, SO_TYPE, &type) || !read_option(fd, SO_DOMAIN, &domain))
        return error_set(err, ERR_INPUT, NULL,
                         "LISTEN_FDS: descriptor %d, which the service manager handed over, is no "
                         "socket: %s.",
                         fd, strerror(errno));
    if (type != SOCK_STREAM || (domain != AF_INET && domain != AF_INET6)
        || !read_option(fd, SO_ACCEPTCONN, &is_listening) || !is_listening)
        return error_set(
            err, ERR_INPUT, NULL,
            "LISTEN_FDS: the service manager handed over a socket of another kind (%s); a "
            "listening TCP socket would be right: ListenStream=127.0.0.1:8080, with Accept=no.",
            domain == AF_UNIX                         ? "a Unix socket"
            : domain != AF_INET && domain != AF_INET6 ? "of another family"
            : type != SOCK_STREAM                     ? "no stream"
                                                      : "it does not listen");
    return true;
}

static bool take_socket(struct manager *manager, struct error *err)
{
    int64_t n = number_of("LISTEN_FDS");

    if (n <= 0 || number_of("LISTEN_PID") != getpid())
        return true;
    if (n != 1)
        return error_set(err, ERR_INPUT, NULL,
                         "LISTEN_FDS: the service manager handed over %" PRId64
                         " sockets; exactly one would be right: one ListenStream= (which takes "
                         "IPv4 and IPv6, where it names a port alone).",
                         n);
    if (!check_socket(LISTEN_FIRST, err))
        return false;
    manager->listen_fd = LISTEN_FIRST;
    return true;
}

bool manager_meet(struct manager *ret, struct error *err)
{
    *ret = (struct manager){ .notify_fd = -1, .listen_fd = -1 };
    if (!take_socket(ret, err))
        return false;
    ret->notify_fd = open_notify();
    ret->watchdog = read_watchdog(ret);
    manager_put_off(ret);
    return true;
}

void manager_done(struct manager *manager)
{
    if (manager->notify_fd >= 0)
        close(manager->notify_fd);
    if (manager->listen_fd >= 0)
        close(manager->listen_fd);
    manager->notify_fd = manager->listen_fd = -1;
}
