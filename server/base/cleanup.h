#pragma once

/* Destructors that run when a variable leaves its scope. */

#include <unistd.h>

/** `defer(buffer_done) struct buffer text = ...;` runs buffer_done(&text) at the end of the scope.
 */
#define defer(destructor) __attribute__((cleanup(destructor)))

/** defer(close_file): a descriptor; -1: none. */
static inline void close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}
