#pragma once

/*
 * The service manager (systemd, or whatever else speaks its protocol): readiness, reload, end and
 * watchdog as datagrams to $NOTIFY_SOCKET, and a listening socket that it hands over ($LISTEN_FDS).
 *
 * Written here, as sd_notify(3) itself advises for programs that want no libsystemd: that library
 * would bring liblzma, libgcrypt and others into a small daemon, for one datagram of text and one
 * descriptor with the number 3.
 */

#include <stdbool.h>
#include <stdint.h>

#include "server/base/error.h"

/** What the environment says of the manager. Zeroed is none: use manager_meet(). */
struct manager {
    int notify_fd;    /* connected to $NOTIFY_SOCKET; -1: nobody wants to know */
    int listen_fd;    /* socket that was handed over; -1: none */
    int64_t watchdog; /* microseconds within which it wants to hear of us; 0: it does not */
    int64_t due;      /* microseconds: when we look at ourselves next */
};

/** What the manager can be told. */
enum manager_news {
    MANAGER_READY,     /* requests are answered, at first or again */
    MANAGER_RELOADING, /* they still are, and MANAGER_READY will follow */
    MANAGER_STOPPING,  /* no more connections are taken */
    MANAGER_ALIVE,     /* the watchdog may wait anew */
};

/**
 * Reads $NOTIFY_SOCKET, $WATCHDOG_USEC, $WATCHDOG_PID, $LISTEN_FDS and $LISTEN_PID; what is meant
 * for another process does not count.
 *
 * Errors: ERR_INPUT when what was handed over is not exactly one listening TCP socket: to listen
 * elsewhere instead would be a surprise. A NOTIFY_SOCKET that cannot be reached is a warning in the
 * log. Lifetime: manager_done(), on failure too. listen_fd goes to whoever takes it, who sets it to
 * -1. Reads the environment: call it before there are threads.
 */
bool manager_meet(struct manager *ret, struct error *err);

/** Lets go of it; a socket that nobody took is closed. */
void manager_done(struct manager *manager);

/**
 * Tells the manager something, with a sentence for people (`systemctl status`) unless fmt is NULL.
 *
 * Shape: control characters in the sentence become '?', so that it stays one line. Waits a second
 * at most; what cannot be told is lost, once with a warning.
 */
void manager_tell(struct manager *manager, enum manager_news news, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/** Milliseconds until the next look at ourselves is due, for poll(): 0: it is; -1: never. */
int manager_left(const struct manager *manager);

/** Sets when the next look is due: a quarter of the watchdog's time from now, so that one look that
 * comes too early for a busy worker does no harm. */
void manager_put_off(struct manager *manager);
