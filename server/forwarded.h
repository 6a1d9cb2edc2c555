#pragma once

/* Whom a proxy speaks for: the fields Forwarded (RFC 7239) and X-Forwarded-For. */

#include <stdbool.h>

#include "server/peer.h"

/**
 * The address of the client that a request came from, as trusted proxies tell it: going from the
 * nearest hop outwards, the first address that is not a trusted proxy's, since anyone can write
 * what stands further out.
 *
 * Shape: call it only for a request whose own peer is a trusted proxy. forwarded, x_forwarded_for:
 * values of the fields, the last where one came several times; NULL: it did not come. If all are
 * proxies, the outermost is told.
 * Errors: false where neither field came, one cannot be read or names no address ("unknown"), or
 * the two do not name the same client: a proxy that writes one of them passes the other on as the
 * client wrote it. The request is the proxy's own then. *ret is undefined.
 */
bool forwarded_client(const struct networks *trusted, const char *forwarded,
                      const char *x_forwarded_for, struct in6_addr *ret);
