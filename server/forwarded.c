#include "server/forwarded.h"

#include <string.h>
#include <strings.h>

#include "server/gate.h"

/** Hops of one field, read from the outermost to the nearest. */
struct hops {
    const struct networks *trusted;
    struct in6_addr client; /* the nearest that is no proxy of ours, so far */
    bool is_known;          /* it is an address */
    bool is_foreign;        /* it is no proxy of ours */
    bool has_any;
};

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". */
static bool read_node(const char *text, size_t len, struct in6_addr *ret)
{
    const char *colon;

    if (len > 0 && text[0] == '[') {
        const char *end = memchr(text, ']', len);

        return end != NULL && (end + 1 == text + len || end[1] == ':')
               && memchr(text, ':', (size_t)(end - text)) != NULL
               && ip_parse(text + 1, (size_t)(end - text) - 1, ret);
    }
    colon = memchr(text, ':', len);
    if (colon != NULL && memchr(colon + 1, ':', (size_t)(text + len - colon - 1)) == NULL)
        len = (size_t)(colon - text);
    return ip_parse(text, len, ret);
}

/* One more hop, nearer than those before. */
static void hop(struct hops *hops, const char *node, size_t len)
{
    struct in6_addr ip;
    bool is_known = read_node(node, len, &ip);
    bool is_foreign = !is_known || !networks_have(hops->trusted, &ip);

    if (is_foreign || !hops->has_any) {
        hops->is_known = is_known;
        hops->is_foreign = is_foreign;
        if (is_known)
            hops->client = ip;
    }
    hops->has_any = true;
}

static void skip_blanks(const char **at)
{
    *at += strspn(*at, " \t");
}

static bool read_list(struct hops *hops, const char *at)
{
    for (;; at++) {
        size_t len;

        skip_blanks(&at);
        len = strcspn(at, ", \t");
        if (len > 0)
            hop(hops, at, len);
        at += len;
        skip_blanks(&at);
        if (*at != ',')
            return *at == '\0' && hops->has_any;
    }
}

/* The value of a pair, without its quotes; addresses hold nothing that needs a backslash, so what
 * has one is none. */
static bool read_value(const char **at, const char **ret, size_t *ret_len)
{
    bool is_quoted = **at == '"';

    *at += is_quoted;
    *ret = *at;
    *ret_len = strcspn(*at, is_quoted ? "\"\\" : ";, \t\"");
    *at += *ret_len;
    if (!is_quoted)
        return *ret_len > 0 && **at != '"';
    if (**at != '"')
        return false;
    ++*at;
    return true;
}

/* One element: pairs with semicolons between them. An element without "for" is a hop that does not
 * tell whom it speaks for. */
static bool read_element(struct hops *hops, const char **at)
{
    const char *node = "";
    size_t node_len = 0;

    for (;; ++*at) {
        size_t name = strcspn(*at, "=;, \t\"");
        bool is_for = name == 3 && strncasecmp(*at, "for", 3) == 0;
        const char *value;
        size_t len;

        if (!gate_is_token(*at, name) || (*at)[name] != '=')
            return false;
        *at += name + 1;
        if (!read_value(at, &value, &len) || (is_for && node_len > 0))
            return false;
        if (is_for) {
            node = value;
            node_len = len;
        }
        if (**at != ';')
            break;
    }
    hop(hops, node, node_len);
    return true;
}

static bool read_forwarded(struct hops *hops, const char *at)
{
    for (;; at++) {
        skip_blanks(&at);
        if (!read_element(hops, &at))
            return false;
        skip_blanks(&at);
        if (*at != ',')
            return *at == '\0';
    }
}

bool forwarded_client(const struct networks *trusted, const char *forwarded,
                      const char *x_forwarded_for, struct in6_addr *ret)
{
    struct hops first = { .trusted = trusted }, second = first;

    if (forwarded != NULL && (!read_forwarded(&first, forwarded) || !first.is_known))
        return false;
    if (x_forwarded_for != NULL && (!read_list(&second, x_forwarded_for) || !second.is_known))
        return false;
    if (forwarded == NULL && x_forwarded_for == NULL)
        return false;
    if (forwarded != NULL && x_forwarded_for != NULL
        && memcmp(&first.client, &second.client, sizeof(first.client)) != 0)
        return false;
    *ret = forwarded != NULL ? first.client : second.client;
    return true;
}
