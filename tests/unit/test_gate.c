/* The gate on the bytes of a request: what it lets through, what it refuses, what it writes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/gate.h"

static const struct gate_limits limits = {
    .head = 1000, .target = 100, .parameters = 3, .fields = 8, .anew = 600
};

static struct error err;

/* Looks at bytes that stand at the very end of their memory, and has them written anew into as much
 * as is asked for, so that a sanitizer sees every step too far. */
static enum gate_verdict look(const char *text, size_t len, size_t *ret_used, char *ret_anew)
{
    char *bytes = malloc(len > 0 ? len : 1), *anew = malloc(limits.head + GATE_ROOM);
    size_t anew_len = 0;
    enum gate_verdict verdict;

    assert_true(bytes != NULL && anew != NULL);
    memcpy(bytes, text, len);
    err = (struct error){ .code = ERR_NONE };
    *ret_used = 0;
    verdict = gate_look(&limits, bytes, len, anew, ret_used, &anew_len, &err);
    assert_int_equal(err.code != ERR_NONE, verdict == GATE_REFUSE);
    assert_true(anew_len <= limits.head + GATE_ROOM && *ret_used <= len);
    memcpy(ret_anew, anew, anew_len);
    ret_anew[anew_len] = '\0';
    free(bytes);
    free(anew);
    return verdict;
}

static void assert_anew(const char *text, const char *anew)
{
    char written[2000];
    size_t used;

    assert_int_equal(look(text, strlen(text), &used, written), GATE_HEAD);
    assert_int_equal(used, strlen(text));
    assert_string_equal(written, anew);
}

static void assert_refused(const char *text, enum error_code code, const char *why)
{
    char written[2000];
    size_t used;

    if (look(text, strlen(text), &used, written) != GATE_REFUSE || err.code != code
        || strstr(err.detail, why) == NULL)
        fail_msg("%s: %d %s", text, (int)err.code, err.detail);
}

static void a_good_head_is_written_anew_with_what_counts(void **state)
{
    (void)state;
    assert_anew("GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET / HTTP/1.1\r\nTarget:/\r\nHost:x\r\n\r\n");
    assert_anew(
        "GET /a?b=c&d HTTP/1.1\r\nCookie: secret\r\nhOST: \t a.b:80 \r\nUser-Agent: \xff\r\n\r\n",
        "GET / HTTP/1.1\r\nTarget:/a?b=c&d\r\nHost:a.b:80\r\n\r\n");
    assert_anew(
        "HEAD /a HTTP/1.1\r\nHost:x\r\naccept:a/b\r\nIf-None-Match: \"a\", W/\"b\"\r\n"
        "Content-Length: 00\r\nConnection: x, CLOSE\r\n\r\n",
        "HEAD / HTTP/1.1\r\nTarget:/a\r\nHost:x\r\nAccept:a/b\r\nIf-None-Match:\"a\", W/\"b\"\r\n"
        "Connection:close\r\n\r\n");
    assert_anew("GET /a HTTP/1.0\r\nConnection:Keep-Alive\r\n\r\n",
                "GET / HTTP/1.0\r\nTarget:/a\r\nConnection:keep-alive\r\n\r\n");
    assert_anew("GET /a HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
                "GET / HTTP/1.1\r\nTarget:/a\r\nHost:x\r\n\r\n");
    assert_anew("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
                "OPTIONS / HTTP/1.1\r\nTarget:*\r\nHost:x\r\n\r\n");
    assert_anew("\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET / HTTP/1.1\r\nTarget:/\r\nHost:x\r\n\r\n");
    assert_anew("GET / HTTP/1.1\r\nHost: x\r\nRefused: 1\r\n\r\n",
                "GET / HTTP/1.1\r\nTarget:/\r\nHost:x\r\n\r\n");
    assert_anew("GET /a HTTP/1.1\r\nHost: x\r\nTarget: /b\r\n\r\n",
                "GET / HTTP/1.1\r\nTarget:/a\r\nHost:x\r\n\r\n");
}

static void only_a_proxy_that_is_believed_tells_for_whom_it_asks(void **state)
{
    static const char text[] =
        "GET / HTTP/1.1\r\nHost: x\r\nforwarded: for=a\r\nX-Forwarded-For: b\r\n"
        "X-Forwarded-For: c\r\n\r\n";
    struct gate_limits believed = limits;
    char anew[2000];
    size_t used, len;

    (void)state;
    assert_anew(text, "GET / HTTP/1.1\r\nTarget:/\r\nHost:x\r\n\r\n");
    believed.is_proxied = true;
    assert_int_equal(gate_look(&believed, text, strlen(text), anew, &used, &len, &err), GATE_HEAD);
    anew[len] = '\0';
    assert_string_equal(anew, "GET / HTTP/1.1\r\nTarget:/\r\nHost:x\r\nForwarded:for=a\r\n"
                              "X-Forwarded-For:b\r\nX-Forwarded-For:c\r\n\r\n");
}

static void what_comes_behind_a_head_is_left_alone(void **state)
{
    static const char text[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\n\0\n";
    char written[2000];
    size_t used;

    (void)state;
    assert_int_equal(look(text, sizeof(text), &used, written), GATE_HEAD);
    assert_int_equal(used, strlen("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
}

static void each_refusal_says_why(void **state)
{
    (void)state;
    assert_refused("GET / HTTP/1.1\nHost: x\r\n\r\n", ERR_REQUEST_MALFORMED, "CR LF");
    assert_refused("GET / HTTP/1.1\r\nHost: x\rA\r\n\r\n", ERR_REQUEST_MALFORMED, "CR LF");
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\n b\r\n\r\n", ERR_REQUEST_MALFORMED, "second line");
    assert_refused("GET / HTTP/1.1\r\nHost : x\r\n\r\n", ERR_REQUEST_MALFORMED, "proper name");
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", ERR_REQUEST_MALFORMED,
                   "control");
    assert_refused("GET / HTTP/1.1\r\n\r\n", ERR_REQUEST_MALFORMED, "Host header is missing");
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", ERR_REQUEST_MALFORMED,
                   "several Host");
    assert_refused("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", ERR_REQUEST_MALFORMED,
                   "Host header takes");
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n", ERR_REQUEST_MALFORMED,
                   "whole number");
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", ERR_BODY_REFUSED,
                   "No request body");
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n", ERR_BODY_REFUSED,
                   "No request body");
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: x\r\n\r\n",
                   ERR_REQUEST_MALFORMED, "both");
    assert_refused("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
                   ERR_REQUEST_MALFORMED, "several Content-Length");
    assert_refused("GET / HTTP/3.0\r\nHost: x\r\n\r\n", ERR_VERSION, "HTTP/3.0");
    assert_refused("GET / HTTP/1.1 \r\nHost: x\r\n\r\n", ERR_REQUEST_MALFORMED, "version");
    assert_refused("GET a HTTP/1.1\r\nHost: x\r\n\r\n", ERR_REQUEST_MALFORMED, "begin with '/'");
    assert_refused("GET * HTTP/1.1\r\nHost: x\r\n\r\n", ERR_REQUEST_MALFORMED, "begin with '/'");
    assert_refused("GET /\x7f HTTP/1.1\r\nHost: x\r\n\r\n", ERR_REQUEST_MALFORMED, "0x7f");
    assert_refused("GET "
                   "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                   "aaaaaaaaaaaaaaaaaaaaaa"
                   " HTTP/1.1\r\nHost: x\r\n\r\n",
                   ERR_TARGET_TOO_LONG, "100 are the most");
    assert_refused("GET /?a&b&c&d HTTP/1.1\r\nHost: x\r\n\r\n", ERR_REQUEST_MALFORMED,
                   "4 parameters; 3 are the most");
    assert_refused("GET / HTTP/1.1\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\nA:\r\n\r\n",
                   ERR_HEADERS_TOO_LARGE, "more than 8");
    assert_refused(
        "GET / HTTP/1.1\r\nHost: x\r\nAccept:\r\nAccept:\r\nAccept:\r\nAccept:\r\nAccept:\r\n"
        "Accept:\r\nAccept:\r\n\r\n",
        ERR_HEADERS_TOO_LARGE, "600 are the most");
    assert_refused("\r\n\r\nGET / HTTP/1.1\r\n", ERR_REQUEST_MALFORMED, "no request line");
}

static void a_head_has_its_most_bytes_whole_or_not(void **state)
{
    char text[1100], written[2000];
    size_t used;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "GET / HTTP/1.1\r\nHost: x\r\nA: ", 28);
    assert_int_equal(look(text, 999, &used, written), GATE_MORE);
    assert_int_equal(look(text, 1000, &used, written), GATE_REFUSE);
    assert_int_equal(err.code, ERR_HEADERS_TOO_LARGE);
    memcpy(text + 996, "\r\n\r\n", 4);
    assert_int_equal(look(text, 1000, &used, written), GATE_HEAD);
    assert_int_equal(used, 1000);
    memset(text + 996, 'a', 4);
    memcpy(text + 997, "\r\n\r\n", 4);
    assert_int_equal(look(text, 1001, &used, written), GATE_REFUSE);
}

/* Any beginning of a head is either refused as the whole one is, or more is waited for. */
static void what_lies_behind_the_most_of_a_head_changes_no_reason(void **state)
{
    char text[2000], anew[2000];
    size_t len = (size_t)snprintf(text, sizeof(text), "GET /a HTTP/1.1\r\nA: %01200d\n", 0), used;

    (void)state;
    for (size_t n = limits.head; n <= len; n++) {
        assert_int_equal(look(text, n, &used, anew), GATE_REFUSE);
        assert_int_equal(err.code, ERR_HEADERS_TOO_LARGE);
    }
}

static void a_head_that_comes_in_pieces_is_judged_as_the_whole(void **state)
{
    static const char *const heads[] = {
        "GET /a?b HTTP/1.1\r\nHost: x\r\nAccept: y\r\nCookie: z\r\n\r\n",
        "GET /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n",
        "GET /a?b HTTP/1.1\r\nHost: x\r\n fold\r\n\r\n",
        "GET /a?b HTTP/2.1\r\nHost: x\r\n\r\n",
        "GET /a?b\r\n\r\n",
        "\r\nGET /a HTTP/1.0\r\n\r\n",
    };
    char written[2000];
    size_t used;

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        size_t len = strlen(heads[i]);
        enum gate_verdict whole = look(heads[i], len, &used, written);

        assert_int_not_equal(whole, GATE_MORE);
        for (size_t j = 0; j < len; j++) {
            enum gate_verdict part = look(heads[i], j, &used, written);

            assert_true(part == GATE_MORE || (part == GATE_REFUSE && whole == GATE_REFUSE));
        }
    }
}

/* Whatever the bytes are, what is let through is read the same by a simple reader of its own. */
static void what_is_let_through_is_unambiguous(void **state)
{
    static const char *const pieces[] = {
        "GET ",
        "/",
        "/a?b",
        " HTTP/1.1",
        " HTTP/1.0",
        "\r\n",
        "\n",
        "\r",
        "Host: x",
        "Host:",
        "a: b",
        " ",
        "\t",
        ":",
        "Content-Length: 0",
        "Content-Length: 5",
        "\r\n\r\n",
        "Transfer-Encoding: chunked",
        "Connection: close",
        "Accept: q",
        "\x01",
        "\xff",
        "OPTIONS ",
        "*",
    };
    char text[1200], written[2000];
    size_t n_good = 0, used;

    (void)state;
    srand(1);
    for (int i = 0; i < 300000; i++) {
        size_t len = 0;

        /* A head that is good but for some pieces. */
        for (int j = rand() % 4; j >= 0; j--) {
            const char *piece = pieces[rand() % (int)(sizeof(pieces) / sizeof(*pieces))];

            if (j == 2)
                piece = "GET /a HTTP/1.1\r\nHost: x\r\n";
            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        memcpy(text + len, "\r\n\r\n", 4);
        len += 4;
        if (look(text, len, &used, written) != GATE_HEAD)
            continue;
        n_good++;
        assert_null(strstr(written, "\r\nTransfer-Encoding"));
        assert_null(strstr(written, "\r\nContent-Length"));
        assert_string_equal(strstr(written, "\r\n\r\n"), "\r\n\r\n");
        for (const char *c = written; *c != '\0'; c++) {
            assert_true(*c != '\r' || c[1] == '\n');
            assert_true(*c != '\n' || c[-1] == '\r');
            assert_true(*c == '\r' || *c == '\n' || *c == '\t' || (unsigned char)*c >= ' ');
        }
    }
    assert_true(n_good > 1000);
}

static void a_refusal_is_told_in_the_place_of_the_head(void **state)
{
    static const char *const cases[][2] = {
        { "HEAD /a?b HTTP/9", "HEAD / HTTP/1.1\r\nHost:x\r\nTarget:/a?b\r\n" },
        { "GET /a", "GET / HTTP/1.1\r\nHost:x\r\nTarget:/a\r\n" },
        { "GET /a\r\nb", "GET / HTTP/1.1\r\nHost:x\r\nTarget:/a\r\n" },
        { "GET a HTTP/1.1", "GET / HTTP/1.1\r\nHost:x\r\nTarget:/\r\n" },
        { "\x16\x03", "GET / HTTP/1.1\r\n" },
        { "GET", "GET / HTTP/1.1\r\n" },
        { "", "GET / HTTP/1.1\r\n" },
    };
    struct error first = { .code = ERR_NONE };
    char head[GATE_REFUSAL], value[GATE_REFUSAL];

    (void)state;
    error_set(&first, ERR_TARGET_TOO_LONG, NULL, "It is 7 too long.");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t len = gate_refuse(&first, cases[i][0], strlen(cases[i][0]), head);
        struct error second = { .code = ERR_NONE };
        const char *at = strstr(head, "\r\n" GATE_REFUSED ":");

        assert_int_equal(len, strlen(head));
        assert_memory_equal(head, cases[i][1], strlen(cases[i][1]));
        assert_non_null(at);
        at += strlen("\r\n" GATE_REFUSED ":");
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
        gate_refused(value, &second);
        assert_int_equal(second.code, ERR_TARGET_TOO_LONG);
        assert_string_equal(second.detail, "It is 7 too long.");
    }
    /* What is too long to be told is left out: it must not become the head of something else. */
    memset(value, 'a', sizeof(value));
    memcpy(value, "GET /", 5);
    gate_refuse(&first, value, sizeof(value), head);
    assert_memory_equal(head, "GET / HTTP/1.1\r\n", 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_head_is_written_anew_with_what_counts),
        cmocka_unit_test(only_a_proxy_that_is_believed_tells_for_whom_it_asks),
        cmocka_unit_test(what_comes_behind_a_head_is_left_alone),
        cmocka_unit_test(each_refusal_says_why),
        cmocka_unit_test(a_head_has_its_most_bytes_whole_or_not),
        cmocka_unit_test(what_lies_behind_the_most_of_a_head_changes_no_reason),
        cmocka_unit_test(a_head_that_comes_in_pieces_is_judged_as_the_whole),
        cmocka_unit_test(what_is_let_through_is_unambiguous),
        cmocka_unit_test(a_refusal_is_told_in_the_place_of_the_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
