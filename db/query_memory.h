#pragma once

/* How much memory a query may take from SQLite: to sort, to group, to keep what it has found. */

#include <stdbool.h>
#include <stdint.h>

/**
 * Has SQLite count its memory, each thread its own: SQLite's own count takes a lock on each piece
 * and knows nothing of queries.
 *
 * Shape: to be called before SQLite is first used; later it does nothing, and nothing is limited.
 */
void query_memory_install(void);

/** Sets how much a query may take, in bytes; 0: as much as there is. Call it before there are
 * threads. */
void query_memory_limit(int64_t bytes);

/** Lets the calling thread take any memory until it begins a query: to open a connection. */
void query_memory_lift(void);

/** Begins a query of the calling thread: from here on it may take as much as a query may. */
void query_memory_begin(void);

/** Whether a query of the calling thread was refused memory since it began. */
bool query_memory_was_short(void);
