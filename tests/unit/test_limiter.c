/* The token buckets of peers. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "server/limiter.h"

enum { SECOND = 1000000 };

static const struct peer one = { .key = 1 }, other = { .key = 2 }, v6 = { 1, true };

/* Makes as many requests as are allowed at a moment. */
static int64_t use_up(struct limiter *limiter, struct peer peer, int64_t now)
{
    int64_t n = 0;

    for (; limiter_look(limiter, peer, now).is_allowed; n++)
        limiter_charge(limiter, peer, now);
    return n;
}

static void a_bucket_holds_its_burst_and_fills_at_its_rate(void **state)
{
    struct limiter *limiter = limiter_new(10, 25);
    int64_t now = 77 * SECOND;
    struct allowance left;

    (void)state;
    left = limiter_look(limiter, one, now);
    assert_int_equal(left.remaining, 25);
    assert_int_equal(left.reset, 0);
    assert_int_equal(left.retry, 0);
    assert_int_equal(limiter_charge(limiter, one, now).remaining, 24);
    assert_int_equal(use_up(limiter, one, now), 24);
    left = limiter_look(limiter, one, now);
    assert_false(left.is_allowed);
    assert_int_equal(left.remaining, 0);
    assert_int_equal(left.reset, 3); /* 25 at 10 a second: 2.5 s */
    assert_int_equal(left.retry, 1);
    assert_int_equal(use_up(limiter, one, now + SECOND / 10 - 1), 0);
    assert_int_equal(use_up(limiter, one, now + SECOND / 10), 1);
    assert_int_equal(use_up(limiter, one, now + SECOND + SECOND / 10), 10);
    assert_int_equal(use_up(limiter, one, now + 3600 * (int64_t)SECOND), 25);
    limiter_free(limiter);
}

static void peers_have_buckets_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) { /* each limiter has a seed of its own */
        struct limiter *limiter = limiter_new(1, 3);

        assert_int_equal(use_up(limiter, one, SECOND), 3);
        assert_int_equal(use_up(limiter, other, SECOND), 3);
        assert_int_equal(use_up(limiter, v6, SECOND), 3);
        limiter_free(limiter);
    }
}

static void requests_that_were_let_through_together_are_paid_later(void **state)
{
    struct limiter *limiter = limiter_new(1, 2);
    struct allowance left;

    (void)state;
    for (int i = 0; i < 5; i++)
        limiter_charge(limiter, one, SECOND);
    left = limiter_look(limiter, one, SECOND);
    assert_int_equal(left.remaining, 0);
    assert_int_equal(left.retry, 4);
    assert_false(limiter_look(limiter, one, 4 * (int64_t)SECOND).is_allowed);
    assert_true(limiter_look(limiter, one, 5 * (int64_t)SECOND).is_allowed);
    limiter_free(limiter);
}

/* More than the table holds: hardly anyone gets less than is theirs. Two share a bucket where 30
 * bits of their hashes agree. */
static void a_crowd_of_peers_takes_next_to_nothing_from_anyone(void **state)
{
    struct limiter *limiter = limiter_new(1, 3);
    int n_short = 0;

    (void)state;
    for (uint64_t i = 0; i < 200000; i++)
        n_short += use_up(limiter, (struct peer){ .key = i << 20 }, SECOND) < 3;
    assert_in_range(n_short, 0, 100);
    limiter_free(limiter);
}

enum { THREADS = 4, EACH = 20000 };

static void *charge(void *limiter)
{
    for (int i = 0; i < EACH; i++)
        limiter_charge(limiter, one, SECOND);
    return NULL;
}

static void threads_lose_no_request(void **state)
{
    struct limiter *limiter = limiter_new(LIMITER_RATE_MOST, THREADS * EACH + 7);
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, charge, limiter), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(limiter_look(limiter, one, SECOND).remaining, 7);
    limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_holds_its_burst_and_fills_at_its_rate),
        cmocka_unit_test(peers_have_buckets_of_their_own),
        cmocka_unit_test(requests_that_were_let_through_together_are_paid_later),
        cmocka_unit_test(a_crowd_of_peers_takes_next_to_nothing_from_anyone),
        cmocka_unit_test(threads_lose_no_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
