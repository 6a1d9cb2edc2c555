#pragma once

/* A hash for tables in memory. */

#include <stdint.h>

/** FNV-1a, its halves folded so that the low bits are as good as the high ones. For ids and names
 * of the dataset, which nobody chooses to make them collide. */
static inline uint64_t hash_text(const char *text)
{
    uint64_t ret = UINT64_C(14695981039346656037);

    for (; *text != '\0'; text++)
        ret = (ret ^ (unsigned char)*text) * UINT64_C(1099511628211);
    return ret ^ ret >> 32;
}
