#pragma once

/* Content codings: which one a client wants, and the work of it, on a whole body or on one that is
 * told piece by piece. */

#include <stdbool.h>
#include <stddef.h>

#include "server/serve.h"

/** A content coding, in the order of our liking: where a client likes several as much, the last.
 * zstd costs a sixth of what gzip costs and comes to no more bytes (README). */
enum coding {
    CODING_NONE, /* as it is: "identity" */
    CODING_GZIP,
    CODING_ZSTD, /* only for who names it: "*" is said without knowing what there is */
    CODING__MAX,
};

enum { CODING_LEAST = 1024 /* bytes of a body below which coding saves no packet */ };

/** What Content-Encoding and the end of an entity tag call it: "gzip"; "" for CODING_NONE. Literal.
 */
const char *coding_name(enum coding coding);

/**
 * Whether an Accept-Encoding header (RFC 9110, 12.5.3) takes a coding.
 *
 * Shape: NULL or "": none was sent, and only the body as it is. An element that is not well-formed
 * counts as not there.
 */
bool coding_accepted(const char *accept, enum coding coding);

/** The coding that an Accept-Encoding header likes best, by its q values; CODING_NONE as well where
 * it takes nothing that there is: never a refusal. */
enum coding coding_choose(const char *accept);

/** Whether bodies of a media type become smaller by coding: those of text. NULL: no body. */
bool coding_fits(const char *type);

/**
 * Codes a whole body.
 *
 * Shape: *ret is malloc'ed, *ret_len bytes; the same bytes for the same body.
 * Errors: false without memory.
 */
bool coding_pack(enum coding coding, const char *body, size_t len, char **ret, size_t *ret_len);

/**
 * Puts a coding around what tells a body. The memory it takes does not grow with the body.
 *
 * Errors: false without memory; the source is as it was. Lifetime: *source owns what it was.
 */
bool coding_wrap(enum coding coding, struct reply_source *source);
