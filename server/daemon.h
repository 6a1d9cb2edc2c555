#pragma once

/* The HTTP edge: sockets, connections, limits and time. Turns bytes into struct request and struct
 * reply into bytes. */

#include <stdbool.h>

#include "server/base/error.h"
#include "server/options.h"
#include "server/serve.h"

struct daemon;

/**
 * Listens and makes all ready: connections are held by the kernel until daemon_start().
 *
 * Shape: of settings those of `bluehelm serve` count; listen_fd is a TCP socket that was handed
 * over to listen on instead of settings->listen, or -1. Errors: ERR_INPUT when the address cannot
 * be had, or the certificate; ERR_INTERNAL; the sentence says why. Lifetime: copies settings,
 * borrows their texts, service and what it points to until daemon_free(); owns listen_fd from now
 * on, on failure too. Ignore SIGPIPE.
 */
bool daemon_new(const struct settings *settings, const struct service *service, int listen_fd,
                struct daemon **ret, struct error *err);

/**
 * Starts the workers: from now on requests are answered.
 *
 * Between the two, the caller may put the process into a sandbox: threads inherit it. Block the
 * signals that are waited for before, so that no worker gets them. Errors: ERR_INTERNAL; then
 * daemon_free() is all that is left to do.
 */
bool daemon_start(struct daemon *daemon, struct error *err);

/** Where it listens, with the real port: "127.0.0.1:8080". Lives as long as the daemon. */
const char *daemon_address(const struct daemon *daemon);

/** How many workers it has. */
unsigned daemon_workers(const struct daemon *daemon);

/**
 * Begins the end: takes no more connections, closes idle ones, lets requests under way finish
 * (drain_timeout at most).
 *
 * Returns at once; the end is reached when daemon_end_fd() is readable. Safe in any thread.
 */
void daemon_drain(struct daemon *daemon);

/** Ends it now: workers leave after the request in their hands; connections are cut. Returns at
 * once. */
void daemon_stop(struct daemon *daemon);

/** Says that a dataset was published: workers let go of what they keep of the one before, idle ones
 * too. Without it they would at their next request. Safe in any thread. */
void daemon_follow(struct daemon *daemon);

/** Reads certificate and key anew, for connections to come; one that is no good is told in the log,
 * and the old one stays. Without TLS it does nothing. One thread at a time. */
void daemon_renew(struct daemon *daemon);

/**
 * Tells whether every worker has got on since the last call that said so, and asks them anew: for a
 * watchdog. An idle worker is woken and answers at once; one that is busy with many requests does
 * after each; one that hangs never does. One that has ended is not waited for. Of one thread only.
 */
bool daemon_turns(struct daemon *daemon);

/** A descriptor to poll: readable once all workers have ended, or one has failed. Lives as long as
 * the daemon. */
int daemon_end_fd(const struct daemon *daemon);

/** Stops it if it runs, waits for its workers and frees it. Takes NULL. True when no worker had
 * failed. */
bool daemon_free(struct daemon *daemon);
