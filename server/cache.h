#pragma once

/*
 * Ready values by name, bounded in bytes. One thread's own: each worker has its share, so nothing
 * is locked and nobody waits for another's work.
 *
 * What is kept is what is asked for again: a new value is on trial first, and only if it is asked
 * for once more does it come to stay (S3-FIFO of Yang et al., SOSP 2023). So whoever walks through
 * all pages once does not drive out what everybody asks for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache;
struct cache_entry;

/** What a cache holds and has done. */
struct cache_figures {
    size_t n;           /* values */
    size_t bytes;       /* what they count for, names included */
    uint64_t n_dropped; /* values that had to make room, since the cache was made */
};

/**
 * Makes an empty cache.
 *
 * Shape: bytes are what all values and names together may count for. free_value is called once for
 * each value that was put in. Errors: NULL without memory. Lifetime: cache_free().
 */
struct cache *cache_new(size_t bytes, void (*free_value)(void *value));

/** Frees the cache and its values. Takes NULL. */
void cache_free(struct cache *cache);

/** Drops all values. Takes NULL. */
void cache_clear(struct cache *cache);

/**
 * Finds a value by one of its names, which counts as asked for; NULL: there is none. Allocates
 * nothing.
 *
 * Lifetime: until the next cache_put(), cache_name() or cache_clear(). Takes NULL for the cache.
 */
struct cache_entry *cache_find(struct cache *cache, const void *name, size_t len);

/** The value of an entry. */
void *cache_value(const struct cache_entry *entry);

/**
 * Puts a value in under a name that nothing has.
 *
 * Shape: size is what the value takes in bytes. Errors: NULL where it would take more than an
 * eighth of the cache, or without memory: then the value stays the caller's. Takes NULL for the
 * cache.
 */
struct cache_entry *cache_put(struct cache *cache, const void *name, size_t len, void *value,
                              size_t size);

/**
 * Gives a value another name, which nothing has. An entry has CACHE_NAMES at most: then the oldest
 * but the first goes. Without memory it stays without it.
 */
void cache_name(struct cache *cache, struct cache_entry *entry, const void *name, size_t len);

enum { CACHE_NAMES = 8 };

/** Takes NULL. */
struct cache_figures cache_figures(const struct cache *cache);
