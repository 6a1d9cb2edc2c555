#pragma once

/* Short hashes of texts: for entity tags and for the query that a cursor belongs to. */

#include <stddef.h>

enum { FINGERPRINT_SIZE = 33 /* 128 bits in hexadecimal, and NUL */ };

/**
 * Hashes texts (SHA-256, the first 128 bits); where one ends and the next begins counts.
 *
 * Shape: a NULL-terminated array of NUL-terminated texts.
 */
void fingerprint(const char *const *texts, char ret[FINGERPRINT_SIZE]);
