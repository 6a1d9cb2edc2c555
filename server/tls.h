#pragma once

/*
 * TLS under libmicrohttpd: which certificate a connection shows, how hands are shaken, and what is
 * read of it as plain text.
 *
 * libmicrohttpd 0.9.75 makes GnuTLS's session of each connection and writes to it; certificate,
 * rules, handshake and reading are ours. Its own handshake is never used: until hands are shaken it
 * keeps the connection in its list of ready ones, so that a client that dawdles over it burns a
 * whole core (see gnutls_handshake() in tls.c).
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "server/base/error.h"

/** What all TLS connections of a daemon have in common. */
struct tls;

/** A certificate with its key, counted by those that use it. */
struct tls_pair;

/** TLS of one connection. Zeroed: it has none. */
struct tls_link {
    gnutls_session_t session; /* borrowed from libmicrohttpd; NULL: the connection is plain */
    struct tls_pair *pair;    /* what it shows; kept for as long as the session may look at it */
    int fd;                   /* borrowed as well */
    bool has_begun;           /* the client has sent something */
    bool is_dry;              /* the socket has given all it has */
    bool is_at_end;           /* nothing more will come */
    bool is_open;             /* hands are shaken */
    int fault;                /* GnuTLS's code of why it is of no use any more; 0: none */
};

/**
 * Reads a certificate and its key.
 *
 * Shape: names of PEM files; the certificate's has the chain behind it. Logs what was read, and a
 * warning when it is not valid now.
 * Errors: ERR_INPUT with the file and what is wrong with it; ERR_INTERNAL without memory.
 * Lifetime: the names are borrowed until tls_free().
 */
bool tls_new(const char *certificate, const char *key, struct tls **ret, struct error *err);

/**
 * Reads both files anew: connections that come from now on get the new pair, the others keep
 * theirs.
 *
 * Errors: as tls_new(); then everything stays as it was. One thread at a time.
 */
bool tls_renew(struct tls *tls, struct error *err);

/** Frees it, when its last connection has left. Takes NULL. */
void tls_free(struct tls *tls);

/**
 * Gives the session of a new connection its certificate and rules.
 *
 * Errors: false without memory: the connection is of no use. Safe in any thread, as tls_leave().
 * Lifetime: the session borrows ret, and fd, a socket that does not block.
 */
bool tls_join(struct tls *tls, gnutls_session_t session, int fd, struct tls_link *ret);

/** Lets go of the pair. Call it when the session is gone. Takes a zeroed link. */
void tls_leave(struct tls *tls, struct tls_link *link);

/**
 * Reads plain text, and shakes hands before. As recv() on a socket that does not block.
 *
 * Errors: -1 with EAGAIN when the client has to send more, else EPROTO: the connection is at its
 * end, and the client was told by an alert why.
 */
ssize_t tls_read(struct tls_link *link, void *to, size_t size);

/** Whether a fault is worth telling: that somebody hung up is not. */
bool tls_is_telling(int fault);

/** Sends a last text and the end of the stream, if hands are shaken. What does not fit is lost. */
void tls_say_last(struct tls_link *link, const char *text, size_t len);

/** For libmicrohttpd, which does not start without a certificate: it has none to give, since every
 * session gets its own by tls_join(). */
gnutls_certificate_retrieve_function2 tls_no_certificate;
