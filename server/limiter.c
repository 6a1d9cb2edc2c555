#include "server/limiter.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>

enum {
    SETS = 1 << 14, /* sets of the table: 512 KiB in all */
    WAYS = 4,       /* places of a set */
    /* Of a place: when the bucket is full again, microseconds since the machine started (enough for
     * nine years); the rest tells whose it is. */
    FULL_BITS = 48,
    SECOND = 1000000,
};

#define FULL_MASK (((uint64_t)1 << FULL_BITS) - 1)

struct limiter {
    uint64_t seed;
    int64_t cost;  /* microseconds that a request takes to come back */
    int64_t burst; /* microseconds that an empty bucket takes to be full */
    _Atomic(uint64_t) places[SETS * WAYS];
};

struct limiter *limiter_new(int64_t rate, int64_t burst)
{
    struct limiter *limiter = calloc(1, sizeof(*limiter));

    if (limiter == NULL)
        return NULL;
    /* Without randomness the table is only easier to crowd. */
    if (getrandom(&limiter->seed, sizeof(limiter->seed), GRND_NONBLOCK) < 0)
        limiter->seed = (uint64_t)(uintptr_t)limiter;
    limiter->cost = SECOND / rate;
    limiter->burst = limiter->cost * burst;
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    free(limiter);
}

/** Where a peer's bucket is, or would be. */
struct place {
    size_t index;
    uint64_t word; /* what stood there */
    bool is_its;   /* that is the peer's */
};

static uint64_t tag_of(uint64_t hash)
{
    return hash & ~FULL_MASK;
}

/* A place of 0 was never used: its bucket has long been full. */
static struct place find(const struct limiter *limiter, uint64_t hash)
{
    size_t first = (size_t)(hash % SETS) * WAYS;
    struct place fullest = { .index = first, .word = UINT64_MAX };

    for (size_t i = first; i < first + WAYS; i++) {
        uint64_t word = atomic_load_explicit(&limiter->places[i], memory_order_relaxed);

        if (tag_of(word) == tag_of(hash) && word != 0)
            return (struct place){ i, word, true };
        if ((word & FULL_MASK) < (fullest.word & FULL_MASK))
            fullest = (struct place){ i, word, false };
    }
    return fullest;
}

static int64_t round_up(int64_t us)
{
    return (us + SECOND - 1) / SECOND;
}

static struct allowance allowance_of(const struct limiter *limiter, int64_t empty)
{
    int64_t left = limiter->burst - empty;

    return (struct allowance){
        .is_allowed = left >= limiter->cost,
        .remaining = left > 0 ? left / limiter->cost : 0,
        .reset = round_up(empty),
        .retry = left >= limiter->cost ? 0 : round_up(limiter->cost - left),
    };
}

/* Microseconds that a bucket needs to be full. */
static int64_t empty_of(struct place place, int64_t now)
{
    int64_t full = (int64_t)(place.word & FULL_MASK);

    return place.is_its && full > now ? full - now : 0;
}

struct allowance limiter_look(const struct limiter *limiter, struct peer peer, int64_t now)
{
    struct place place = find(limiter, peer_hash(peer, limiter->seed));

    return allowance_of(limiter, empty_of(place, now));
}

struct allowance limiter_charge(struct limiter *limiter, struct peer peer, int64_t now)
{
    uint64_t hash = peer_hash(peer, limiter->seed);

    for (;;) {
        struct place place = find(limiter, hash);
        int64_t empty = empty_of(place, now) + limiter->cost;
        uint64_t word = tag_of(hash) | ((uint64_t)(now + empty) & FULL_MASK);

        if (atomic_compare_exchange_weak_explicit(&limiter->places[place.index], &place.word, word,
                                                  memory_order_relaxed, memory_order_relaxed))
            return allowance_of(limiter, empty);
    }
}
