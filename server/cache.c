#define _GNU_SOURCE /* getrandom */
#include "server/cache.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <xxhash.h>

enum {
    TYPICAL = 2048, /* bytes of a value and its names: for as many there are slots */
    SLOTS_MOST = 1 << 20,
    SLOTS_LEAST = 1 << 6,
    LARGEST_PART = 8, /* a value takes an eighth of the cache at most: one must not empty it */
    TRIAL_PART = 10,  /* a tenth of the cache is for values on trial */
    USES_MOST = 3,    /* uses that are remembered: each saves a value once */
};

struct name {
    struct name *next;  /* of the same slot */
    struct name *older; /* of the same entry; NULL: the first one */
    struct cache_entry *entry;
    uint64_t hash;
    size_t len;
    char text[];
};

/** The values of one kind, the one that came first at the end. */
struct queue {
    struct cache_entry *newest, *oldest;
    size_t bytes;
};

struct cache_entry {
    struct cache_entry *newer, *older; /* neighbours in its queue */
    struct queue *queue;
    struct name *names; /* the newest first */
    void *value;
    size_t size;   /* bytes that it counts for, names included */
    uint64_t hash; /* of its first name */
    unsigned uses; /* since it came into its queue, or was saved; USES_MOST at most */
    unsigned n_names;
};

struct cache {
    void (*free_value)(void *value);
    size_t most;   /* bytes */
    uint64_t seed; /* so that nobody can choose names that collide */
    struct queue trial, kept;
    size_t n;
    uint64_t n_dropped;
    size_t mask; /* slots - 1; slots are a power of two */
    struct name **slots;
    uint64_t *ghosts; /* hashes of values that failed their trial: they come back to stay */
};

struct cache *cache_new(size_t bytes, void (*free_value)(void *value))
{
    struct cache *cache = calloc(1, sizeof(*cache));
    size_t slots = SLOTS_LEAST;

    if (cache == NULL)
        return NULL;
    while (slots < SLOTS_MOST && slots < bytes / TYPICAL)
        slots *= 2;
    cache->free_value = free_value;
    cache->most = bytes;
    cache->mask = slots - 1;
    /* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers are what is meant */
    cache->slots = calloc(slots, sizeof(*cache->slots));
    cache->ghosts = calloc(slots, sizeof(*cache->ghosts));
    if (cache->slots == NULL || cache->ghosts == NULL) {
        cache_free(cache);
        return NULL;
    }
    /* Without it the cache is right, and an attacker might make it slow. */
    if (getrandom(&cache->seed, sizeof(cache->seed), GRND_NONBLOCK) < 0)
        cache->seed = (uint64_t)(uintptr_t)cache;
    return cache;
}

static uint64_t hash_of(const struct cache *cache, const void *name, size_t len)
{
    return XXH3_64bits_withSeed(name, len, cache->seed);
}

static void leave(struct cache_entry *entry)
{
    struct queue *queue = entry->queue;

    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        queue->newest = entry->older;
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        queue->oldest = entry->newer;
    queue->bytes -= entry->size;
    entry->newer = entry->older = NULL;
}

static void enter(struct queue *queue, struct cache_entry *entry)
{
    entry->queue = queue;
    entry->newer = NULL;
    entry->older = queue->newest;
    if (queue->newest != NULL)
        queue->newest->newer = entry;
    else
        queue->oldest = entry;
    queue->newest = entry;
    queue->bytes += entry->size;
}

/* Takes a name out of its slot; it is still its entry's. */
static void unslot(struct cache *cache, const struct name *name)
{
    struct name **at = &cache->slots[name->hash & cache->mask];

    while (*at != name)
        at = &(*at)->next;
    *at = name->next;
}

static void drop(struct cache *cache, struct cache_entry *entry)
{
    leave(entry);
    while (entry->names != NULL) {
        struct name *name = entry->names;

        entry->names = name->older;
        unslot(cache, name);
        free(name);
    }
    cache->free_value(entry->value);
    cache->n--;
    free(entry);
}

/* Lets one value go from where it has waited longest, or saves it for its uses. */
static void drop_one(struct cache *cache)
{
    struct queue *queue =
        cache->kept.oldest == NULL || cache->trial.bytes > cache->most / TRIAL_PART ? &cache->trial
                                                                                    : &cache->kept;
    struct cache_entry *entry = queue->oldest;

    assert(entry != NULL); /* one of the two queues holds some */
    if (entry->uses > 0) {
        leave(entry);
        entry->uses = queue == &cache->kept ? entry->uses - 1 : 0;
        enter(&cache->kept, entry);
        return;
    }
    if (queue == &cache->trial)
        cache->ghosts[entry->hash & cache->mask] = entry->hash;
    cache->n_dropped++;
    drop(cache, entry);
}

static void make_room(struct cache *cache, size_t size)
{
    while ((cache->trial.oldest != NULL || cache->kept.oldest != NULL)
           && cache->trial.bytes + cache->kept.bytes + size > cache->most)
        drop_one(cache);
}

void cache_clear(struct cache *cache)
{
    if (cache == NULL)
        return;
    while (cache->trial.oldest != NULL)
        drop(cache, cache->trial.oldest);
    while (cache->kept.oldest != NULL)
        drop(cache, cache->kept.oldest);
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    cache_clear(cache);
    free(cache->slots);
    free(cache->ghosts);
    free(cache);
}

struct cache_entry *cache_find(struct cache *cache, const void *name, size_t len)
{
    uint64_t hash;

    if (cache == NULL)
        return NULL;
    hash = hash_of(cache, name, len);
    for (struct name *at = cache->slots[hash & cache->mask]; at != NULL; at = at->next) {
        if (at->hash != hash || at->len != len || memcmp(at->text, name, len) != 0)
            continue;
        if (at->entry->uses < USES_MOST)
            at->entry->uses++;
        return at->entry;
    }
    return NULL;
}

void *cache_value(const struct cache_entry *entry)
{
    return entry->value;
}

static size_t name_size(size_t len)
{
    return sizeof(struct name) + len;
}

static struct name *name_new(const struct cache *cache, const void *text, size_t len)
{
    struct name *name = malloc(name_size(len));

    if (name == NULL)
        return NULL;
    name->hash = hash_of(cache, text, len);
    name->len = len;
    memcpy(name->text, text, len);
    return name;
}

/* Puts a name into its slot and before the others of its entry, whose size it does not change. */
static void give_name(struct cache *cache, struct cache_entry *entry, struct name *name)
{
    struct name **slot = &cache->slots[name->hash & cache->mask];

    name->entry = entry;
    name->next = *slot;
    *slot = name;
    name->older = entry->names;
    entry->names = name;
    entry->n_names++;
}

struct cache_entry *cache_put(struct cache *cache, const void *name, size_t len, void *value,
                              size_t size)
{
    struct cache_entry *entry;
    struct name *first;
    bool is_back;

    if (cache == NULL || size > cache->most / LARGEST_PART)
        return NULL;
    size += sizeof(*entry) + name_size(len);
    make_room(cache, size);
    entry = calloc(1, sizeof(*entry));
    first = name_new(cache, name, len);
    if (entry == NULL || first == NULL) {
        free(entry);
        free(first);
        return NULL;
    }
    entry->value = value;
    entry->size = size;
    entry->hash = first->hash;
    give_name(cache, entry, first);
    is_back = cache->ghosts[first->hash & cache->mask] == first->hash;
    enter(is_back ? &cache->kept : &cache->trial, entry);
    cache->n++;
    return entry;
}

/* Takes the oldest name but the first away from an entry. */
static void drop_name(struct cache *cache, struct cache_entry *entry)
{
    struct name **at = &entry->names;
    struct name *name;

    while ((*at)->older->older != NULL)
        at = &(*at)->older;
    name = *at;
    *at = name->older;
    unslot(cache, name);
    entry->n_names--;
    entry->size -= name_size(name->len);
    entry->queue->bytes -= name_size(name->len);
    free(name);
}

void cache_name(struct cache *cache, struct cache_entry *entry, const void *text, size_t len)
{
    struct name *name = name_new(cache, text, len);

    if (name == NULL)
        return;
    if (entry->n_names == CACHE_NAMES)
        drop_name(cache, entry);
    /* Others make room for it, while it stands aside. */
    leave(entry);
    entry->size += name_size(len);
    make_room(cache, entry->size);
    enter(entry->queue, entry);
    give_name(cache, entry, name);
}

struct cache_figures cache_figures(const struct cache *cache)
{
    if (cache == NULL)
        return (struct cache_figures){ .n = 0 };
    return (struct cache_figures){ cache->n, cache->trial.bytes + cache->kept.bytes,
                                   cache->n_dropped };
}
