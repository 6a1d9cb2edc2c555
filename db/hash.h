#pragma once

/* A hash for tables in memory. */

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** FNV-1a, its halves folded so that the low bits are as good as the high ones. For ids and names
 * of the dataset, which nobody chooses to make them collide. */
static inline uint64_t hash_text(const char *text)
{
    uint64_t ret = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++)
        ret = (ret ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return ret ^ ret >> 32;
}

/** A hash of bytes, eight at a time: for texts as long as a statement. `seed` is the hash of what
 * comes before; 0: nothing does. Nothing that an attacker gains by collisions may depend on it. */
static inline uint64_t hash_bytes(const char *bytes, size_t len, uint64_t seed)
{
    uint64_t ret = seed ^ len, word;

    for (; len >= 8; bytes += 8, len -= 8) {
        memcpy(&word, bytes, 8);
        ret = (ret ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        ret ^= ret >> 29;
    }
    word = 0;
    memcpy(&word, bytes, len);
    ret = (ret ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return ret ^ ret >> 32;
}
