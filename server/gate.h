#pragma once

/*
 * What stands before libmicrohttpd's parser: it reads the bytes of a connection as a sequence of
 * request heads and lets through only heads that every parser would read in the same way (RFC
 * 9112).
 *
 * A good head is written anew: the request line, and of the fields those that an answer can depend
 * on, each once and with one blank. So what stands behind the gate sees a short head, whatever
 * cookies came with it; and it never sees a body, since none is taken.
 *
 * Knows nothing of sockets, allocates nothing, keeps nothing.
 */

#include <stdbool.h>
#include <stddef.h>

#include "server/base/error.h"

/** How much a head may hold. */
struct gate_limits {
    size_t head;       /* bytes, the empty line at its end included */
    size_t target;     /* bytes of the request target */
    size_t parameters; /* of its query */
    size_t fields;     /* header fields */
};

enum gate_verdict {
    GATE_MORE,   /* it may become a good head: more bytes are needed */
    GATE_HEAD,   /* a whole good head */
    GATE_REFUSE, /* nothing that follows can make it one */
};

/**
 * Looks at what a connection has sent, from where a request begins.
 *
 * Shape: GATE_HEAD: the first *ret_used bytes were the head, and the first *ret_len of them are now
 * the head written anew. bytes may hold anything.
 * Errors: GATE_REFUSE sets err: ERR_REQUEST_MALFORMED, ERR_TARGET_TOO_LONG, ERR_HEADERS_TOO_LARGE,
 * ERR_BODY_REFUSED, ERR_VERSION.
 */
enum gate_verdict gate_look(const struct gate_limits *limits, char *bytes, size_t len,
                            size_t *ret_used, size_t *ret_len, struct error *err);

#define GATE_REFUSED "Refused"

enum {
    GATE_TOLD = 256,     /* most bytes of method and target that are told of a refused head */
    GATE_REFUSAL = 1024, /* bytes of what gate_refuse() writes, at most */
};

/**
 * Writes a head to stand in the place of one that was refused, so that the refusal is answered in
 * its turn: the field GATE_REFUSED tells why. No head of a client has that field behind the gate.
 *
 * Shape: bytes are those that were looked at, len of them. Returns the bytes written.
 */
size_t gate_refuse(const struct error *err, const char *bytes, size_t len, char ret[GATE_REFUSAL]);

/** Reads what the field GATE_REFUSED tells. */
void gate_refused(const char *value, struct error *ret);

/** What may stand as a method or the name of a field (RFC 9110, 5.6.2), as a Host, and as the value
 * of a field. */
bool gate_is_token(const char *text, size_t len);
bool gate_is_host(const char *text, size_t len);
bool gate_is_value(const char *text, size_t len);
