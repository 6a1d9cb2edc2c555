/* Whatever the order in which states are put, the versions are the longest runs of states that say
 * the same. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "db/import/timeline.h"

enum {
    STATES_MOST = 9,
    ROUNDS = 20000,
};

static const char *const days[STATES_MOST] = { "2021-01-01", "2021-06-10", "2022-01-01",
                                               "2022-02-02", "2023-11-28", "2024-01-01",
                                               "2024-02-19", "2025-04-04", "2026-01-01" };

/** What every state says, and which of them were put so far. */
struct world {
    int contents[STATES_MOST]; /* TIMELINE_ABSENT: the row is not in it */
    bool is_known[STATES_MOST];
    struct timeline_version versions[STATES_MOST + 2];
    size_t n;
};

static const char *next_of(const struct world *world, size_t state)
{
    for (size_t i = state + 1; i < STATES_MOST; i++) {
        if (world->is_known[i])
            return days[i];
    }
    return NULL;
}

static void put(struct world *world, size_t state)
{
    struct timeline_version after[STATES_MOST + 4];
    const struct timeline_state said = { .day = days[state],
                                         .next = next_of(world, state),
                                         .source = days[state],
                                         .next_source = next_of(world, state),
                                         .content = world->contents[state] };

    world->n = timeline_put(world->versions, world->n, &said, after);
    assert_true(world->n <= STATES_MOST);
    memcpy(world->versions, after, world->n * sizeof(*after));
    world->is_known[state] = true;
}

/* The longest runs of known states that say the same, by the words of the rule. */
static size_t runs(const struct world *world, struct timeline_version *ret)
{
    size_t n = 0;
    int last = TIMELINE_ABSENT;

    for (size_t i = 0; i < STATES_MOST; i++) {
        if (!world->is_known[i])
            continue;
        if (world->contents[i] != last && last != TIMELINE_ABSENT)
            ret[n - 1].to = days[i];
        if (world->contents[i] != last && world->contents[i] != TIMELINE_ABSENT)
            ret[n++] = (struct timeline_version){ .from = days[i],
                                                  .source = days[i],
                                                  .content = world->contents[i] };
        last = world->contents[i];
    }
    return n;
}

static bool is_same(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static void assert_runs(const struct world *world)
{
    struct timeline_version right[STATES_MOST];
    size_t n = runs(world, right);

    assert_int_equal(world->n, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(world->versions[i].from, right[i].from);
        assert_true(is_same(world->versions[i].to, right[i].to));
        assert_string_equal(world->versions[i].source, right[i].source);
        assert_int_equal(world->versions[i].content, right[i].content);
    }
}

static unsigned seed = 20251124;

static unsigned draw(unsigned n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void shuffle(size_t order[STATES_MOST])
{
    for (size_t i = 0; i < STATES_MOST; i++)
        order[i] = i;
    for (size_t i = STATES_MOST; i > 1; i--) {
        size_t j = draw((unsigned)i), kept = order[i - 1];

        order[i - 1] = order[j];
        order[j] = kept;
    }
}

static void after_every_state_in_any_order_the_versions_are_the_runs(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        struct world world = { .n = 0 };
        size_t order[STATES_MOST];

        for (size_t i = 0; i < STATES_MOST; i++)
            world.contents[i] = (int)draw(4) - 1; /* absent, or one of three contents */
        shuffle(order);
        for (size_t i = 0; i < STATES_MOST; i++) {
            put(&world, order[i]);
            assert_runs(&world);
        }
    }
}

static void the_same_state_again_changes_nothing(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS / 10; round++) {
        struct world world = { .n = 0 };

        for (size_t i = 0; i < STATES_MOST; i++)
            world.contents[i] = (int)draw(4) - 1;
        for (size_t i = 0; i < STATES_MOST; i++)
            put(&world, i);
        put(&world, draw(STATES_MOST));
        assert_runs(&world);
    }
}

static void the_same_day_with_other_content_replaces_that_state_alone(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS / 10; round++) {
        struct world world = { .n = 0 };
        size_t again = draw(STATES_MOST);

        for (size_t i = 0; i < STATES_MOST; i++)
            world.contents[i] = (int)draw(4) - 1;
        for (size_t i = 0; i < STATES_MOST; i++)
            put(&world, i);
        world.contents[again] = (int)draw(4) - 1;
        put(&world, again);
        assert_runs(&world);
    }
}

static void a_row_that_vanishes_ends_and_one_that_comes_back_begins_anew(void **state)
{
    (void)state;
    struct world world = { .contents = { 0, TIMELINE_ABSENT, 0 } };

    put(&world, 0);
    put(&world, 1);
    put(&world, 2);
    assert_int_equal(world.n, 2);
    assert_string_equal(world.versions[0].to, days[1]);
    assert_string_equal(world.versions[1].from, days[2]);
    assert_null(world.versions[1].to);
}

static void an_earlier_state_that_says_the_same_reaches_back(void **state)
{
    (void)state;
    struct world world = { .contents = { 7, 7 } };

    put(&world, 1);
    put(&world, 0);
    assert_int_equal(world.n, 1);
    assert_string_equal(world.versions[0].from, days[0]);
    assert_string_equal(world.versions[0].source, days[0]);
    assert_null(world.versions[0].to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_every_state_in_any_order_the_versions_are_the_runs),
        cmocka_unit_test(the_same_state_again_changes_nothing),
        cmocka_unit_test(the_same_day_with_other_content_replaces_that_state_alone),
        cmocka_unit_test(a_row_that_vanishes_ends_and_one_that_comes_back_begins_anew),
        cmocka_unit_test(an_earlier_state_that_says_the_same_reaches_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
