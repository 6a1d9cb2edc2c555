#pragma once

/* What the process counts, and the text of it for Prometheus (text format 0.0.4). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/buffer.h"
#include "server/base/error.h"
#include "server/cache.h"

struct metrics;
struct metrics_block;
struct resource;

enum {
    METRICS_BLOCKS = 256, /* most workers that count */
    METRICS_ROUTES = 512, /* most route templates that are told apart; what is beyond is one more */
};

/** The media type of the text. Literal. */
extern const char *const metrics_type;

/** Why a connection was refused. */
enum metrics_refusal {
    METRICS_ADMITTED,        /* it was not */
    METRICS_REFUSED_TOTAL,   /* there are as many as there may be */
    METRICS_REFUSED_ADDRESS, /* the same of one address */
    METRICS_REFUSED_MEMORY,  /* there was no memory for it */
    METRICS_REFUSAL__MAX,
};

/** A request that has ended. Borrows its texts. */
struct metrics_request {
    const char *route;  /* template; "": none was found */
    const char *method; /* as it came: may be hostile */
    int status;         /* 0: it ended before an answer */
    size_t bytes;       /* of body, without the framing */
    int64_t us;         /* microseconds from its request line to the end of its answer */
};

/** The dataset that answers. Borrows everything. */
struct metrics_dataset {
    const char *release; /* a day */
    const char *digest;
    const struct resource *const *catalogue; /* NULL-terminated; the same one in every call */
    bool is_damaged; /* a page of its file was found wrong, or could not be read */
    /** Counts the rows of one of the catalogue; -1: it has none of its own. Errors: ERR_TIMEOUT
     * past the deadline of the scrape, and others. */
    bool (*count)(void *context, const struct resource *resource, int64_t *ret, struct error *err);
    void *context;
};

/** Makes the counters of a process. Errors: NULL without memory. Lifetime: metrics_free(), when no
 * worker runs any more. */
struct metrics *metrics_new(void);

/** Frees them, blocks included. Takes NULL. */
void metrics_free(struct metrics *metrics);

/**
 * Makes the block in which one worker counts: no other thread writes to it, so nothing is locked.
 *
 * Shape: to be called before the workers run. Errors: NULL without memory, for the worker past
 * METRICS_BLOCKS and for metrics NULL; then nothing is counted, which all functions below take.
 */
struct metrics_block *metrics_join(struct metrics *metrics);

/** Counts a connection: taken in, or refused. */
void metrics_connected(struct metrics_block *block, enum metrics_refusal refusal);

/** Counts the end of a connection that was taken in. */
void metrics_closed(struct metrics_block *block);

/** Counts a request that begins: it is in flight until metrics_ended(). */
void metrics_began(struct metrics_block *block);

/** Counts a request that has ended. */
void metrics_ended(struct metrics_block *block, const struct metrics_request *request);

/** Counts a reply that could be kept: it was (is_hit), or had to be made. */
void metrics_looked_up(struct metrics_block *block, bool is_hit);

/** Tells what the worker keeps now. */
void metrics_kept(struct metrics_block *block, struct cache_figures figures);

/** Counts the try to publish a dataset. Safe in any thread. Takes NULL. */
void metrics_published(struct metrics *metrics, bool is_good);

/**
 * Writes all figures as text.
 *
 * Shape: metrics NULL: those of the program, the process and the dataset alone. dataset NULL: there
 * is none, and nothing is told of one. The rows of each collection are counted the first time that
 * a dataset is seen and kept; a collection that cannot be counted in time is left out for as long
 * as that dataset is the current one. Errors: out is broken. Safe in any thread; scrapes wait for
 * each other, never for requests.
 */
void metrics_write(struct metrics *metrics, const struct metrics_dataset *dataset,
                   struct buffer *out);
