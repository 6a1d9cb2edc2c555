/* Ready values by name: found under each name, bounded in bytes, and kept by use. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/cache.h"

enum { SIZE = 1000, MOST = 100 * 1024 };

static size_t n_freed;

static void free_value(void *value)
{
    n_freed++;
    free(value);
}

static int set_up(void **state)
{
    n_freed = 0;
    *state = cache_new(MOST, free_value);
    return *state == NULL;
}

static int tear_down(void **state)
{
    cache_free(*state);
    return 0;
}

static struct cache_entry *put(struct cache *cache, const char *name)
{
    char *value = strdup(name);
    struct cache_entry *entry = cache_put(cache, name, strlen(name), value, SIZE);

    if (entry == NULL)
        free(value);
    return entry;
}

static const char *find(struct cache *cache, const char *name)
{
    struct cache_entry *entry = cache_find(cache, name, strlen(name));

    return entry != NULL ? cache_value(entry) : NULL;
}

static const char *numbered(int i)
{
    static char name[32];

    snprintf(name, sizeof(name), "value-%d", i);
    return name;
}

static void a_value_is_found_by_each_of_its_names(void **state)
{
    struct cache_entry *entry = put(*state, "a");

    cache_name(*state, entry, "b", 1);
    cache_name(*state, entry, "b\0c", 3);
    assert_string_equal(find(*state, "a"), "a");
    assert_string_equal(find(*state, "b"), "a");
    assert_ptr_equal(cache_find(*state, "b\0c", 3), entry);
    assert_null(cache_find(*state, "b\0", 2));
    assert_null(find(*state, "c"));
    assert_null(find(*state, ""));
}

static void the_oldest_name_but_the_first_makes_room_for_another(void **state)
{
    struct cache_entry *entry = put(*state, "first");
    size_t bytes = 0;

    for (int i = 1; i < 100; i++) {
        cache_name(*state, entry, numbered(i + 100), strlen(numbered(i + 100)));
        if (i == CACHE_NAMES - 1)
            bytes = cache_figures(*state).bytes;
    }
    assert_int_equal(cache_figures(*state).bytes, bytes);
    assert_string_equal(find(*state, "first"), "first");
    assert_string_equal(find(*state, numbered(199)), "first");
    assert_string_equal(find(*state, numbered(200 - (CACHE_NAMES - 1))), "first");
    assert_null(find(*state, numbered(200 - CACHE_NAMES)));
}

static void all_together_stay_within_the_bytes(void **state)
{
    for (int i = 0; i < 1000; i++) {
        struct cache_entry *entry = put(*state, numbered(i));

        cache_name(*state, entry, &i, sizeof(i));
        assert_true(cache_figures(*state).bytes <= MOST);
        assert_string_equal(find(*state, numbered(i)), numbered(i));
    }
    assert_true(cache_figures(*state).bytes > MOST - 2 * SIZE);
    assert_int_equal(cache_figures(*state).n + n_freed, 1000);
    assert_int_equal(cache_figures(*state).n_dropped, n_freed);
}

static void names_count_as_well(void **state)
{
    char name[4096];

    memset(name, 'x', sizeof(name));
    for (int i = 0; i < 200; i++) {
        struct cache_entry *entry = put(*state, numbered(i));

        for (int j = 0; j < CACHE_NAMES; j++) {
            memcpy(name, &i, sizeof(i));
            memcpy(name + sizeof(i), &j, sizeof(j));
            cache_name(*state, entry, name, sizeof(name));
        }
        assert_true(cache_figures(*state).bytes <= MOST);
    }
}

static void what_is_asked_for_outlives_a_walk_through_everything(void **state)
{
    for (int i = 0; i < 20; i++)
        put(*state, numbered(i));
    for (int i = 0; i < 20; i++)
        assert_non_null(find(*state, numbered(i)));
    for (int i = 1000; i < 9000; i++)
        put(*state, numbered(i));
    for (int i = 0; i < 20; i++)
        assert_non_null(find(*state, numbered(i)));
    assert_null(find(*state, numbered(1000)));
}

static void what_comes_back_soon_comes_to_stay(void **state)
{
    int i;

    /* Never asked for: it fails its trial. */
    put(*state, "back");
    for (i = 0; i < 200; i++)
        put(*state, numbered(i));
    assert_null(find(*state, "back"));
    put(*state, "back");
    for (i = 1000; i < 1090; i++)
        put(*state, numbered(i));
    assert_non_null(find(*state, "back"));
}

static void one_value_takes_an_eighth_at_most(void **state)
{
    char value;

    assert_null(cache_put(*state, "large", 5, &value, MOST / 8 + 1));
    assert_null(find(*state, "large"));
    assert_int_equal(cache_figures(*state).n, 0);
    assert_int_equal(n_freed, 0);
}

static void a_cleared_cache_is_empty_and_goes_on(void **state)
{
    for (int i = 0; i < 50; i++)
        put(*state, numbered(i));
    for (int i = 0; i < 25; i++)
        find(*state, numbered(i));
    cache_clear(*state);
    assert_int_equal(n_freed, 50);
    assert_int_equal(cache_figures(*state).n, 0);
    assert_int_equal(cache_figures(*state).bytes, 0);
    assert_null(find(*state, numbered(1)));
    put(*state, "again");
    assert_string_equal(find(*state, "again"), "again");
}

static void no_cache_holds_nothing(void **state)
{
    char value;

    (void)state;
    assert_null(cache_find(NULL, "a", 1));
    assert_null(cache_put(NULL, "a", 1, &value, 1));
    cache_clear(NULL);
    cache_free(NULL);
    assert_int_equal(cache_figures(NULL).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_value_is_found_by_each_of_its_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_name_but_the_first_makes_room_for_another,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_together_stay_within_the_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_count_as_well, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_asked_for_outlives_a_walk_through_everything,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_comes_back_soon_comes_to_stay, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_value_takes_an_eighth_at_most, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_cleared_cache_is_empty_and_goes_on, set_up, tear_down),
        cmocka_unit_test(no_cache_holds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
