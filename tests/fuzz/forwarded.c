/*
 * Forwarded and X-Forwarded-For: whatever a client writes, what the nearest proxy adds behind it is
 * what counts, or nobody is named; and one address is written and read as the same.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/forwarded.h"
#include "tests/fuzz/fuzz.h"

enum { LONGEST = 600 };

#define NEAREST "192.0.2.1"

static void check_same(const struct in6_addr *ip)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr again;

    ip_format(ip, text);
    must(ip_parse(text, strlen(text), &again) && memcmp(&again, ip, sizeof(again)) == 0,
         "'%s' is read as it was written", text);
}

/* What a client wrote, with what a proxy adds. */
static char *added(const char *written, const char *nearest)
{
    size_t size = strlen(written) + strlen(nearest) + 3;
    char *text = malloc(size);

    must(text != NULL, "memory");
    snprintf(text, size, "%s%s%s", written, written[0] != '\0' ? ", " : "", nearest);
    return text;
}

/* Whom the proxies of a list speak for is the one that the nearest of them wrote, or nobody. */
static void check_nearest(const struct networks *trusted, const char *forwarded,
                          const char *x_forwarded_for)
{
    char *first = added(forwarded, "for=" NEAREST), *second = added(x_forwarded_for, NEAREST);
    struct in6_addr nearest, ip;

    must(ip_parse(NEAREST, strlen(NEAREST), &nearest), "it is an address");
    if (!networks_have(trusted, &nearest)) {
        if (forwarded_client(trusted, first, NULL, &ip))
            must(memcmp(&ip, &nearest, sizeof(ip)) == 0, "'%s'", first);
        if (forwarded_client(trusted, first, second, &ip))
            must(memcmp(&ip, &nearest, sizeof(ip)) == 0, "'%s' and '%s'", first, second);
        if (forwarded_client(trusted, NULL, second, &ip))
            must(memcmp(&ip, &nearest, sizeof(ip)) == 0, "'%s'", second);
        /* Nobody is kept from being told by a comma list without blanks. */
        if (strpbrk(x_forwarded_for, " \t") == NULL && x_forwarded_for[0] != '\0')
            must(forwarded_client(trusted, NULL, second, &ip), "'%s' names nobody", second);
    }
    free(first);
    free(second);
}

static void one(const uint8_t *bytes, size_t len)
{
    char *lines[3];
    struct networks trusted = { .n = 0 };
    const char *culprit = "";
    size_t culprit_len = 0;
    struct in6_addr ip;

    fuzz_lines(bytes, len, lines, 3);
    if (!networks_parse(lines[0], &trusted, &culprit, &culprit_len)) {
        must(culprit >= lines[0] && culprit + culprit_len <= lines[0] + strlen(lines[0]),
             "the culprit is a part of the list");
        trusted.n = 0;
    }
    for (size_t i = 0; i < trusted.n; i++)
        must(networks_have(&trusted, &trusted.at[i].address), "a block has its own address");
    for (int which = 1; which < 4; which++)
        if (forwarded_client(&trusted, which & 1 ? lines[1] : NULL, which & 2 ? lines[2] : NULL,
                             &ip))
            check_same(&ip);
    check_nearest(&trusted, lines[1], lines[2]);
    fuzz_lines_free(lines, 3);
}

const struct fuzz_target target_forwarded = {
    .name = "forwarded", .longest = LONGEST, .runs = 20000, .one = one
};
