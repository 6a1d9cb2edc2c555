#pragma once

/* The HTTP edge: sockets, connections, limits and time. Turns bytes into struct request and struct
 * reply into bytes. */

#include <stdbool.h>

#include "server/base/error.h"
#include "server/options.h"
#include "server/serve.h"

struct daemon;

/**
 * Listens and starts the workers; from now on requests are answered.
 *
 * Shape: of settings those of `bluehelm serve` count.
 * Errors: ERR_INPUT when the address cannot be had, or the certificate; ERR_INTERNAL; the sentence
 * says why.
 * Lifetime: copies settings, borrows their texts, service and what it points to until
 * daemon_free(). Block the signals that the caller waits for before, so that no worker gets them;
 * ignore SIGPIPE.
 */
bool daemon_new(const struct settings *settings, const struct service *service, struct daemon **ret,
                struct error *err);

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

/** A descriptor to poll: readable once all workers have ended, or one has failed. Lives as long as
 * the daemon. */
int daemon_end_fd(const struct daemon *daemon);

/** Stops it if it runs, waits for its workers and frees it. Takes NULL. True when no worker had
 * failed. */
bool daemon_free(struct daemon *daemon);
