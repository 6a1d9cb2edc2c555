#pragma once

/* Which of several right names a mistyped one was meant to be. */

#include <stdbool.h>
#include <stddef.h>

/**
 * Counts the edits (insert, delete, replace, swap of neighbours) that turn a into b, without regard
 * to ASCII case.
 *
 * Shape: only the first 63 bytes of either are looked at.
 */
size_t nearest_distance(const char *a, const char *b);

/**
 * Tells whether `candidate` is near enough to `given` to be suggested (at most a third of its
 * length in edits, and at least one edit allowed), and nearer than `best` ("": nothing yet).
 */
bool nearest_is_closer(const char *given, const char *candidate, const char *best);
