/* Addresses, blocks of them, and whom a proxy speaks for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include "server/forwarded.h"
#include "server/peer.h"

static struct in6_addr ip_at(const char *text)
{
    struct in6_addr ip;

    assert_true(ip_parse(text, strlen(text), &ip));
    return ip;
}

static struct peer peer_at(const char *text)
{
    struct in6_addr ip = ip_at(text);

    return peer_of(&ip);
}

static struct networks list_of(const char *text)
{
    struct networks networks;
    const char *culprit;
    size_t len;

    assert_true(networks_parse(text, &networks, &culprit, &len));
    return networks;
}

static void peers_are_addresses_and_networks_of_64_bits(void **state)
{
    (void)state;
    assert_true(peer_same(peer_at("2001:db8::1"), peer_at("2001:db8::ffff:2")));
    assert_false(peer_same(peer_at("2001:db8::1"), peer_at("2001:db8:0:1::1")));
    assert_false(peer_same(peer_at("192.0.2.1"), peer_at("192.0.2.2")));
    assert_true(peer_same(peer_at("192.0.2.1"), peer_at("::ffff:192.0.2.1")));
    assert_false(peer_same(peer_at("::ffff:192.0.2.1"), peer_at("::ffff:192.0.2.2")));
}

static void an_address_is_written_as_it_is_usually_read(void **state)
{
    static const char *const texts[] = { "192.0.2.1", "2001:db8::1", "::1", "0.0.0.0", "::" };
    char text[INET6_ADDRSTRLEN];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct in6_addr ip = ip_at(texts[i]);

        ip_format(&ip, text);
        assert_string_equal(text, texts[i]);
    }
    for (size_t i = 0; i < 5; i++) {
        static const char *const none[] = { "", "1.2.3", "1.2.3.4.5", "x", "fe80::1%eth0" };
        struct in6_addr ip;

        assert_false(ip_parse(none[i], strlen(none[i]), &ip));
    }
}

static void only_addresses_of_the_internet_are_peers(void **state)
{
    struct sockaddr local = { .sa_family = AF_UNIX };
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_addr = { htonl(0xc0000201) } };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct in6_addr ip, want = ip_at("192.0.2.1");

    (void)state;
    assert_false(ip_of(&local, &ip));
    assert_true(ip_of((struct sockaddr *)&v4, &ip));
    assert_memory_equal(&ip, &want, sizeof(ip));
    assert_true(ip_of((struct sockaddr *)&v6, &ip));
    assert_memory_equal(&ip, &in6addr_loopback, sizeof(ip));
}

static bool has(const char *list, const char *address)
{
    struct networks networks = list_of(list);
    struct in6_addr ip = ip_at(address);

    return networks_have(&networks, &ip);
}

static void a_block_has_the_addresses_with_its_first_bits(void **state)
{
    (void)state;
    assert_false(has("", "127.0.0.1"));
    assert_true(has("127.0.0.1", "127.0.0.1"));
    assert_false(has("127.0.0.1", "127.0.0.2"));
    assert_true(has("10.0.0.0/8", "10.255.1.2"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("192.168.4.0/22", "192.168.7.255"));
    assert_false(has("192.168.4.0/22", "192.168.8.0"));
    assert_true(has("0.0.0.0/0", "203.0.113.9"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("::/0", "203.0.113.9")); /* which is mapped */
    assert_true(has("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(has(" 192.0.2.7,  ::1\t,2001:db8::/32 ", "::1"));
}

static void what_is_no_block_is_named(void **state)
{
    static const char *const bad[] = {
        "x",           "10.0.0.0/33", "::1/129",     "10.0.0.0/",
        "10.0.0.0/-1", "/8",          "10.0.0.0/1x", "10.0.0.0/0008"
    };
    char many[NETWORKS_MOST * 4 + 8] = "";
    struct networks networks;
    const char *culprit;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char list[64];

        snprintf(list, sizeof(list), "127.0.0.1, %s", bad[i]);
        assert_false(networks_parse(list, &networks, &culprit, &len));
        assert_int_equal(len, strlen(bad[i]));
        assert_memory_equal(culprit, bad[i], len);
    }
    for (size_t i = 0; i <= NETWORKS_MOST; i++)
        memcpy(many + 4 * i, "::1,", 5);
    assert_false(networks_parse(many, &networks, &culprit, &len));
    assert_int_equal(len, 0);
}

/* Whom the proxies 10.0.0.0/8 speak for; NULL: for nobody that is known. */
static const char *client(const char *forwarded, const char *x_forwarded_for)
{
    static char text[INET6_ADDRSTRLEN];
    struct networks trusted = list_of("10.0.0.0/8");
    struct in6_addr ip;

    if (!forwarded_client(&trusted, forwarded, x_forwarded_for, &ip))
        return NULL;
    ip_format(&ip, text);
    return text;
}

static void the_client_is_the_nearest_hop_that_is_no_proxy(void **state)
{
    static const struct {
        const char *forwarded, *x_forwarded_for, *client;
    } facts[] = {
        { NULL, "192.0.2.1", "192.0.2.1" },
        { NULL, "203.0.113.9, 192.0.2.1", "192.0.2.1" },
        { NULL, "203.0.113.9,192.0.2.1 , 10.1.1.1", "192.0.2.1" },
        { NULL, "10.2.2.2, 10.1.1.1", "10.2.2.2" },
        { NULL, "nonsense, 192.0.2.1", "192.0.2.1" },
        { NULL, "192.0.2.1:4711", "192.0.2.1" },
        { NULL, "2001:db8::1", "2001:db8::1" },
        { NULL, "[2001:db8::1]:4711", "2001:db8::1" },
        { "for=192.0.2.1", NULL, "192.0.2.1" },
        { "For=\"[2001:db8::1]:4711\"", NULL, "2001:db8::1" },
        { "for=203.0.113.9, for=192.0.2.1;proto=https;by=10.1.1.1", NULL, "192.0.2.1" },
        { "proto=http;for=192.0.2.1, for=10.1.1.1", NULL, "192.0.2.1" },
        { "for=_hidden, for=192.0.2.1", NULL, "192.0.2.1" },
        { "for=192.0.2.1", "192.0.2.1", "192.0.2.1" },
        { "for=192.0.2.1;host=\"a, b; c\"", NULL, "192.0.2.1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
        assert_string_equal(client(facts[i].forwarded, facts[i].x_forwarded_for), facts[i].client);
}

static void what_cannot_be_believed_names_nobody(void **state)
{
    static const char *const lists[] = { "",
                                         ",",
                                         "unknown",
                                         "192.0.2.1, unknown",
                                         "192.0.2.1 x",
                                         "192.0.2.1, [::1",
                                         "[192.0.2.1]",
                                         "_x, 10.1.1.1" };
    static const char *const forwarded[] = {
        "",
        "for",
        "for=",
        "for=unknown",
        "for=\"_x\"",
        "proto=https",
        "for=192.0.2.1, proto=https",
        "for=\"192.0.2.1",
        "for=\"x, for=192.0.2.1",
        "for=192.0.2.1;for=192.0.2.2",
        "for=192.0.2.1 for=192.0.2.2",
        "for=192.0.2.1,",
        "for =192.0.2.1",
        "for=\"\\192.0.2.1\"",
        "for=a\"b",
    };

    (void)state;
    assert_null(client(NULL, NULL));
    for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++)
        assert_null(client(NULL, lists[i]));
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(*forwarded); i++)
        assert_null(client(forwarded[i], NULL));
}

static void two_fields_that_name_two_clients_name_nobody(void **state)
{
    (void)state;
    assert_null(client("for=192.0.2.1", "192.0.2.2"));
    assert_null(client("for=unknown", "192.0.2.2"));
    assert_null(client("for=192.0.2.1", "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_are_addresses_and_networks_of_64_bits),
        cmocka_unit_test(an_address_is_written_as_it_is_usually_read),
        cmocka_unit_test(only_addresses_of_the_internet_are_peers),
        cmocka_unit_test(a_block_has_the_addresses_with_its_first_bits),
        cmocka_unit_test(what_is_no_block_is_named),
        cmocka_unit_test(the_client_is_the_nearest_hop_that_is_no_proxy),
        cmocka_unit_test(what_cannot_be_believed_names_nobody),
        cmocka_unit_test(two_fields_that_name_two_clients_name_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
