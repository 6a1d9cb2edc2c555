#include "server/peer.h"

#include <arpa/inet.h>
#include <string.h>

enum { V4_BITS = 96 /* bits before the IPv4 address in the IPv6 address that maps it */ };

static void map_v4(const void *address, struct in6_addr *ret)
{
    *ret = (struct in6_addr){ .s6_addr = { [10] = 0xff, [11] = 0xff } };
    memcpy(&ret->s6_addr[12], address, 4);
}

bool ip_of(const struct sockaddr *socket, struct in6_addr *ret)
{
    if (socket->sa_family == AF_INET6)
        *ret = ((const struct sockaddr_in6 *)(const void *)socket)->sin6_addr;
    else if (socket->sa_family == AF_INET)
        map_v4(&((const struct sockaddr_in *)(const void *)socket)->sin_addr, ret);
    else
        return false;
    return true;
}

bool ip_parse(const char *text, size_t len, struct in6_addr *ret)
{
    char copy[INET6_ADDRSTRLEN];
    struct in_addr v4;

    if (len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        map_v4(&v4, ret);
        return true;
    }
    return inet_pton(AF_INET6, copy, ret) == 1;
}

void ip_format(const struct in6_addr *ip, char ret[static INET6_ADDRSTRLEN])
{
    bool is_v4 = IN6_IS_ADDR_V4MAPPED(ip);

    inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? &ip->s6_addr[12] : ip->s6_addr, ret,
              INET6_ADDRSTRLEN);
}

struct peer peer_of(const struct in6_addr *ip)
{
    struct peer peer = { .is_v6 = !IN6_IS_ADDR_V4MAPPED(ip) };

    if (peer.is_v6)
        memcpy(&peer.key, ip->s6_addr, 8);
    else
        memcpy(&peer.key, &ip->s6_addr[12], 4);
    return peer;
}

bool peer_same(struct peer a, struct peer b)
{
    return a.key == b.key && a.is_v6 == b.is_v6;
}

static uint64_t stir(uint64_t mix)
{
    mix = (mix ^ mix >> 32) * 0xd6e8feb86659fd93u;
    mix = (mix ^ mix >> 32) * 0xd6e8feb86659fd93u;
    return mix ^ mix >> 32;
}

uint64_t peer_hash(struct peer peer, uint64_t seed)
{
    /* The kind goes in before the key, so that no key of one meets one of the other by a sum. */
    return stir(stir(seed + peer.is_v6) ^ peer.key);
}

/* "10.0.0.0/8" or an address. */
static bool parse_network(const char *text, size_t len, struct network *ret)
{
    const char *slash = memchr(text, '/', len);
    size_t address = slash != NULL ? (size_t)(slash - text) : len;
    unsigned bits = 0, most, before;

    if (!ip_parse(text, address, &ret->address))
        return false;
    before = memchr(text, ':', address) == NULL ? V4_BITS : 0;
    most = 128 - before;
    if (slash == NULL) {
        ret->bits = 128;
        return true;
    }
    if (len - address < 2 || len - address > 4)
        return false;
    for (const char *digit = slash + 1; digit < text + len; digit++) {
        if (*digit < '0' || *digit > '9')
            return false;
        bits = bits * 10 + (unsigned)(*digit - '0');
    }
    ret->bits = before + bits;
    return bits <= most;
}

bool networks_parse(const char *text, struct networks *ret, const char **ret_culprit,
                    size_t *ret_len)
{
    ret->n = 0;
    for (const char *at = text; *at != '\0';) {
        size_t blank = strspn(at, " \t,");
        size_t len = strcspn(at + blank, " \t,");

        at += blank;
        if (len == 0)
            break;
        *ret_culprit = at;
        *ret_len = len;
        if (ret->n == NETWORKS_MOST)
            *ret_len = 0;
        if (ret->n == NETWORKS_MOST || !parse_network(at, len, &ret->at[ret->n]))
            return false;
        ret->n++;
        at += len;
    }
    return true;
}

static bool network_has(const struct network *network, const struct in6_addr *ip)
{
    size_t bytes = network->bits / 8;
    unsigned rest = network->bits % 8;

    if (memcmp(network->address.s6_addr, ip->s6_addr, bytes) != 0)
        return false;
    return rest == 0 || (network->address.s6_addr[bytes] ^ ip->s6_addr[bytes]) >> (8 - rest) == 0;
}

bool networks_have(const struct networks *networks, const struct in6_addr *ip)
{
    for (size_t i = 0; i < networks->n; i++)
        if (network_has(&networks->at[i], ip))
            return true;
    return false;
}
