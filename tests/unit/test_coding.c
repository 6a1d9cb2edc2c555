/* Which content coding a client wants, and whether what is coded comes out again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#include <zstd.h>

#include "server/coding.h"

static void assert_choice(const char *accept, enum coding coding)
{
    if (coding_choose(accept) != coding)
        fail_msg("'%s' chooses '%s'", accept != NULL ? accept : "no header",
                 coding_name(coding_choose(accept)));
}

static void the_coding_with_the_greatest_q_is_chosen(void **state)
{
    (void)state;
    assert_choice("gzip", CODING_GZIP);
    assert_choice("GZIP", CODING_GZIP);
    assert_choice("x-gzip", CODING_GZIP);
    assert_choice("zstd", CODING_ZSTD);
    assert_choice("gzip, deflate, br, zstd", CODING_ZSTD);
    assert_choice("gzip;q=1.0, zstd;q=0.9", CODING_GZIP);
    assert_choice("zstd;q=0.001", CODING_ZSTD);
    assert_choice("gzip ; q=0.5 , zstd;Q=0.4", CODING_GZIP);
    assert_choice("identity, gzip;q=0.5", CODING_NONE);
    assert_choice("identity, gzip", CODING_GZIP);
    assert_choice(",, gzip ,", CODING_GZIP);
}

static void what_is_not_asked_for_is_not_coded(void **state)
{
    (void)state;
    assert_choice(NULL, CODING_NONE);
    assert_choice("", CODING_NONE);
    assert_choice("br, deflate", CODING_NONE);
    assert_choice("gzip;q=0", CODING_NONE);
    assert_choice("gzip;q=0.000, zstd;q=0", CODING_NONE);
    assert_choice("*;q=0", CODING_NONE);
    assert_choice("identity;q=0", CODING_NONE); /* nothing is left, and nothing is refused */
}

static void a_star_is_gzip_unless_something_else_is_said_of_it(void **state)
{
    (void)state;
    assert_choice("*", CODING_GZIP);
    assert_choice("*;q=0.5", CODING_GZIP);
    assert_choice("gzip;q=0, *", CODING_NONE);
    assert_choice("identity;q=0.9, *;q=0.5", CODING_NONE);
    assert_choice("identity;q=0, *", CODING_GZIP);
}

static void an_element_that_is_not_well_formed_is_not_there(void **state)
{
    (void)state;
    assert_choice("gzip;q=2", CODING_NONE);
    assert_choice("gzip;q=1.001", CODING_NONE);
    assert_choice("gzip;q=0.1234", CODING_NONE);
    assert_choice("gzip;q=", CODING_NONE);
    assert_choice("gzip;q=-1", CODING_NONE);
    assert_choice("gzip;level=9", CODING_NONE);
    assert_choice("gzip;q=x, zstd", CODING_ZSTD);
    assert_choice("gzipped, zstdx", CODING_NONE);
}

static void identity_is_taken_unless_it_is_refused(void **state)
{
    (void)state;
    assert_true(coding_accepted(NULL, CODING_NONE));
    assert_true(coding_accepted("gzip", CODING_NONE));
    assert_false(coding_accepted("gzip, identity;q=0", CODING_NONE));
    assert_false(coding_accepted("gzip, *;q=0", CODING_NONE));
    assert_true(coding_accepted("identity;q=0.1, *;q=0", CODING_NONE));
    assert_false(coding_accepted(NULL, CODING_GZIP));
    assert_false(coding_accepted("gzip;q=0", CODING_GZIP));
    assert_false(coding_accepted("*", CODING_ZSTD));
}

static void text_is_coded_and_nothing_else(void **state)
{
    (void)state;
    assert_true(coding_fits("application/json"));
    assert_true(coding_fits("application/problem+json"));
    assert_true(coding_fits("application/x-ndjson"));
    assert_true(coding_fits("application/geo+json"));
    assert_true(coding_fits("application/graphml+xml"));
    assert_true(coding_fits("text/csv; charset=utf-8; header=present"));
    assert_false(coding_fits("application/vnd.sqlite3"));
    assert_false(coding_fits(NULL));
}

/* ---- what comes out again ---- */

enum { TEXT_LEN = 1 << 20 };

/* Text that no window holds: numbers, as a table has them. */
static char *text_new(void)
{
    char *text = malloc(TEXT_LEN);
    uint32_t seed = 1;

    assert_non_null(text);
    for (size_t i = 0; i < TEXT_LEN; i++) {
        seed = seed * 1664525 + 1013904223;
        text[i] = i % 8 == 7 ? '\n' : (char)('0' + (seed >> 24) % 10);
    }
    return text;
}

static void assert_unpacks(enum coding coding, const char *packed, size_t len, const char *text)
{
    char *out = malloc(TEXT_LEN + 1);

    assert_non_null(out);
    if (coding == CODING_GZIP) {
        z_stream coder = { .next_in = (z_const Bytef *)packed,
                           .avail_in = (uInt)len,
                           .next_out = (Bytef *)out,
                           .avail_out = TEXT_LEN + 1 };

        assert_int_equal(inflateInit2(&coder, 15 + 16), Z_OK);
        assert_int_equal(inflate(&coder, Z_FINISH), Z_STREAM_END);
        assert_int_equal(coder.total_out, TEXT_LEN);
        assert_int_equal(coder.avail_in, 0);
        inflateEnd(&coder);
    } else {
        ZSTD_DCtx *coder = ZSTD_createDCtx();
        ZSTD_inBuffer in = { packed, len, 0 };
        ZSTD_outBuffer to = { out, TEXT_LEN + 1, 0 };

        assert_int_equal(ZSTD_decompressStream(coder, &to, &in), 0);
        assert_int_equal(to.pos, TEXT_LEN);
        assert_int_equal(in.pos, len);
        ZSTD_freeDCtx(coder);
    }
    assert_memory_equal(out, text, TEXT_LEN);
    free(out);
}

static void a_packed_body_unpacks_to_itself(void **state)
{
    char *text = text_new();

    (void)state;
    for (int coding = CODING_GZIP; coding < CODING__MAX; coding++) {
        char *packed, *again;
        size_t len, len_again;

        assert_true(coding_pack((enum coding)coding, text, TEXT_LEN, &packed, &len));
        assert_true(coding_pack((enum coding)coding, text, TEXT_LEN, &again, &len_again));
        assert_true(len < TEXT_LEN / 2);
        assert_int_equal(len, len_again);
        assert_memory_equal(packed, again, len);
        assert_unpacks((enum coding)coding, packed, len, text);
        free(packed);
        free(again);
    }
    free(text);
}

/** A text told in pieces of odd lengths. */
struct teller {
    const char *text;
    size_t at;
    size_t fails_at; /* TEXT_LEN + 1: never */
    size_t step;
    int n_freed;
};

static ssize_t tell(void *context, char *to, size_t size)
{
    struct teller *teller = context;
    size_t len = teller->step;

    if (teller->at >= teller->fails_at)
        return -1;
    if (len > size)
        len = size;
    if (len > TEXT_LEN - teller->at)
        len = TEXT_LEN - teller->at;
    memcpy(to, teller->text + teller->at, len);
    teller->at += len;
    return (ssize_t)len;
}

static const char *fault(const void *context)
{
    (void)context;
    return "it broke";
}

static void count_free(void *context)
{
    ((struct teller *)context)->n_freed++;
}

static void a_coded_stream_unpacks_to_what_was_told_however_it_is_read(void **state)
{
    static const size_t steps[] = { 1009, 65536 }, sizes[] = { 7, 4096, 65536 };
    char *text = text_new();
    char *packed = malloc(TEXT_LEN);

    (void)state;
    assert_non_null(packed);
    for (int coding = CODING_GZIP; coding < CODING__MAX; coding++) {
        for (size_t i = 0; i < 6; i++) {
            struct teller teller = { text, 0, TEXT_LEN + 1, steps[i % 2], 0 };
            struct reply_source source = { tell, fault, count_free, &teller };
            size_t len = 0;
            ssize_t n;

            assert_true(coding_wrap((enum coding)coding, &source));
            while ((n = source.read(source.context, packed + len, sizes[i / 2])) > 0)
                len += (size_t)n;
            assert_int_equal(n, 0);
            assert_int_equal(source.read(source.context, packed, 1), 0); /* and stays at its end */
            assert_unpacks((enum coding)coding, packed, len, text);
            reply_source_done(&source);
            assert_int_equal(teller.n_freed, 1);
        }
    }
    free(packed);
    free(text);
}

static void a_stream_that_fails_fails_coded_too_and_says_why(void **state)
{
    char *text = text_new();
    char piece[4096];

    (void)state;
    for (int coding = CODING_GZIP; coding < CODING__MAX; coding++) {
        struct teller teller = { text, 0, 100000, 1009, 0 };
        struct reply_source source = { tell, fault, count_free, &teller };
        ssize_t n;

        assert_true(coding_wrap((enum coding)coding, &source));
        while ((n = source.read(source.context, piece, sizeof(piece))) > 0)
            ;
        assert_int_equal(n, -1);
        assert_string_equal(source.fault(source.context), "it broke");
        reply_source_done(&source);
        assert_int_equal(teller.n_freed, 1);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_coding_with_the_greatest_q_is_chosen),
        cmocka_unit_test(what_is_not_asked_for_is_not_coded),
        cmocka_unit_test(a_star_is_gzip_unless_something_else_is_said_of_it),
        cmocka_unit_test(an_element_that_is_not_well_formed_is_not_there),
        cmocka_unit_test(identity_is_taken_unless_it_is_refused),
        cmocka_unit_test(text_is_coded_and_nothing_else),
        cmocka_unit_test(a_packed_body_unpacks_to_itself),
        cmocka_unit_test(a_coded_stream_unpacks_to_what_was_told_however_it_is_read),
        cmocka_unit_test(a_stream_that_fails_fails_coded_too_and_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
