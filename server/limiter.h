#pragma once

/*
 * How many requests a second each peer may make: a token bucket each, kept as the one moment at
 * which it will be full again (the generic cell rate algorithm), so that a peer takes eight bytes,
 * no lock and no thread that refills.
 *
 * The table is of a fixed size. A bucket that is full again needs no place; where there are more
 * empty ones than places, the fullest is forgotten, in favour of its peer. A place knows its peer
 * by 30 bits of a seeded hash: that two peers share a bucket is rare, and nobody can bring it
 * about.
 */

#include <stdbool.h>
#include <stdint.h>

#include "server/peer.h"

struct limiter;

enum {
    LIMITER_RATE_MOST = 10000,     /* requests a second */
    LIMITER_BURST_MOST = 10000000, /* requests */
};

/** What a peer may do. */
struct allowance {
    bool is_allowed;
    int64_t remaining; /* requests that it may make at once */
    int64_t reset;     /* seconds, rounded up, until its bucket is full */
    int64_t retry;     /* seconds, rounded up, until it may make a request; 0: now */
};

/**
 * Makes a limiter.
 *
 * Shape: rate: requests a second, 1 to LIMITER_RATE_MOST; burst: requests that a bucket holds, 1 to
 * LIMITER_BURST_MOST. Errors: NULL without memory. Lifetime: limiter_free().
 */
struct limiter *limiter_new(int64_t rate, int64_t burst);

/** Frees it. Takes NULL. */
void limiter_free(struct limiter *limiter);

/** Tells what a peer may do. now: microseconds of a clock that never goes back. Safe in any thread.
 */
struct allowance limiter_look(const struct limiter *limiter, struct peer peer, int64_t now);

/** Takes one request out of a peer's bucket, whatever is in it, and tells what it may do then. Safe
 * in any thread. */
struct allowance limiter_charge(struct limiter *limiter, struct peer peer, int64_t now);
