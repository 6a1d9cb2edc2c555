#pragma once

/*
 * What stands before libmicrohttpd's parser: it reads the bytes of a connection as a sequence of
 * request heads and lets through only heads that every parser would read in the same way (RFC
 * 9112).
 *
 * A good head is written anew: a request line without the target, which stands in a field
 * (GATE_TARGET), and of the other fields those that an answer can depend on. So what stands behind
 * the gate sees a short head, whatever cookies came with it, takes no target apart, and never sees
 * a body, since none is taken.
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
    size_t anew;       /* bytes that it may come to anew, GATE_FIELD for each field besides */
    bool is_proxied; /* the peer is a proxy that is believed: Forwarded and X-Forwarded-For pass */
};

enum gate_verdict {
    GATE_MORE,   /* it may become a good head: more bytes are needed */
    GATE_HEAD,   /* a whole good head */
    GATE_REFUSE, /* nothing that follows can make it one */
};

/**
 * Looks at what a connection has sent, from where a request begins.
 *
 * Shape: GATE_HEAD: the first *ret_used bytes were the head, and *ret_len bytes of it anew are in
 * ret, which has room for limits->head and GATE_ROOM more. bytes may hold anything.
 * Errors: GATE_REFUSE sets err: ERR_REQUEST_MALFORMED, ERR_TARGET_TOO_LONG, ERR_HEADERS_TOO_LARGE,
 * ERR_BODY_REFUSED, ERR_VERSION.
 */
enum gate_verdict gate_look(const struct gate_limits *limits, const char *bytes, size_t len,
                            char *ret, size_t *ret_used, size_t *ret_len, struct error *err);

/* Fields of ours in a head written anew; no client's field of that name comes through. */
#define GATE_TARGET "Target"
#define GATE_REFUSED "Refused"

enum {
    GATE_FIELD = 64,     /* bytes that libmicrohttpd takes for a field beside its text */
    GATE_ROOM = 64,      /* bytes that a head may be longer anew */
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
