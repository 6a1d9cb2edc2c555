#pragma once

/* Small readers of parameter values, for those who read parameters (query.c, stats.c). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/base/error.h"

/** Reads a whole number in decimal. False, and *ret untouched, for anything else. */
bool param_integer(const char *text, int64_t *ret);

/**
 * Reads a whole number between two limits, both included.
 *
 * Errors: ERR_PARAM_INVALID with the limits.
 */
bool param_count(const char *name, const char *value, int64_t least, int64_t most, uint32_t *ret,
                 struct error *err);

/**
 * Reads one of a few words (NULL-terminated); *ret is its index.
 *
 * Errors: ERR_PARAM_INVALID with all of them allowed.
 */
bool param_word(const char *name, const char *value, const char *const *words, size_t *ret,
                struct error *err);

/** Cuts the next item off a comma list; false at its end. An empty item is one as well: the caller
 * refuses it. */
bool param_item(const char **list, char *ret, size_t size);
