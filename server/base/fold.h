#pragma once

/* Names without regard to case and accents, so that Goita is Goïta. */

#include <stddef.h>

/**
 * Folds a name for exact comparison: compatibility decomposition, no marks, case folded, runs of
 * white space as one space, none at the ends; typographic apostrophes and hyphens become the ASCII
 * ones.
 *
 * Shape: UTF-8, NUL-terminated, at most size - 1 bytes in ret.
 * Errors: 0 for text that is not UTF-8, is empty after folding or does not fit; else the length in
 * bytes.
 */
size_t fold_name(const char *text, char *ret, size_t size);
