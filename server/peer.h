#pragma once

/* Addresses of the internet, and whose are counted together. An IPv4 address is kept as the IPv6
 * address that maps it (RFC 4291, 2.5.5.2), so that there is one kind. */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/** Whose connections and requests are counted together: an IPv4 address, or an IPv6 /64, which is
 * what one household gets. */
struct peer {
    uint64_t key; /* network bytes of the address or prefix */
    bool is_v6;   /* the key is a prefix of IPv6 */
};

/** A block of addresses, as in 10.0.0.0/8. */
struct network {
    struct in6_addr address;
    unsigned bits; /* of it that count: 0 to 128 */
};

enum { NETWORKS_MOST = 64 /* blocks of one list */ };

/** A list of blocks. Zeroed: none. Owns nothing. */
struct networks {
    struct network at[NETWORKS_MOST];
    size_t n;
};

/** The address of a socket; false for one that is not of the internet. */
bool ip_of(const struct sockaddr *socket, struct in6_addr *ret);

/** Reads 192.0.2.1 or 2001:db8::1. Errors: false for anything else; *ret is untouched then. */
bool ip_parse(const char *text, size_t len, struct in6_addr *ret);

/** Writes an address: 192.0.2.1 or 2001:db8::1. */
void ip_format(const struct in6_addr *ip, char ret[static INET6_ADDRSTRLEN]);

/** With whom an address is counted. */
struct peer peer_of(const struct in6_addr *ip);

/** Whether two are one. */
bool peer_same(struct peer a, struct peer b);

/** Mixes a peer with a seed, so that nobody can choose addresses that collide. */
uint64_t peer_hash(struct peer peer, uint64_t seed);

/**
 * Reads a list of blocks: 127.0.0.1, ::1, 10.0.0.0/8. "" is a list of none.
 *
 * Errors: false, with the part at fault in ret_culprit and its bytes in *ret_len, or an empty one
 * where there are more than NETWORKS_MOST. *ret is undefined then.
 */
bool networks_parse(const char *text, struct networks *ret, const char **ret_culprit,
                    size_t *ret_len);

/** Whether an address is in one of the blocks. */
bool networks_have(const struct networks *networks, const struct in6_addr *ip);
