/* The seal behind the pages of a dataset file: what it finds, whatever was done to the file. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "db/seal.h"
#include "server/base/cleanup.h"
#include "tests/unit/support.h"

enum { PAGE = 4096, MOST = 4 << 20 };

static char whole[MOST], changed[MOST];
static size_t len;
static char file[WORLD_PATH];

static bool verify(struct error *err)
{
    defer(close_file) int fd = open(file, O_RDONLY);

    assert_true(fd >= 0);
    *err = (struct error){ .code = ERR_NONE };
    return seal_verify(fd, err);
}

static void assert_found(const char *words)
{
    struct error err;

    assert_false(verify(&err));
    assert_int_equal(err.code, ERR_INPUT);
    if (strstr(err.detail, words) == NULL)
        fail_msg("'%s' does not say '%s'", err.detail, words);
}

static size_t n_pages(void)
{
    return (size_t)(unsigned char)whole[30] << 8 | (unsigned char)whole[31];
}

static void what_was_built_holds(void **state)
{
    struct error err;

    (void)state;
    write_file(file, whole, len);
    assert_true(verify(&err));
    assert_int_equal(len, n_pages() * (PAGE + 8) + 48);
}

static void a_bit_that_changes_anywhere_is_found(void **state)
{
    char words[64];

    (void)state;
    for (size_t at = PAGE; at < len; at += 1009) {
        memcpy(changed, whole, len);
        changed[at] ^= 4;
        write_file(file, changed, len);
        snprintf(words, sizeof(words), "page %zu of %zu is not what was written", at / PAGE + 1,
                 n_pages());
        assert_found(at < n_pages() * PAGE ? words : "seal is damaged");
    }
}

static void pages_that_change_places_are_found(void **state)
{
    (void)state;
    memcpy(changed, whole, len);
    memcpy(changed + 2 * PAGE, whole + 3 * PAGE, PAGE);
    memcpy(changed + 3 * PAGE, whole + 2 * PAGE, PAGE);
    write_file(file, changed, len);
    assert_found("page 3 of");
}

static void a_file_of_another_length_is_found(void **state)
{
    (void)state;
    for (size_t size = 1; size < len; size = size * 3 / 2 + 1) {
        struct error err;

        write_file(file, whole, size);
        assert_false(verify(&err));
        assert_int_equal(err.code, ERR_INPUT);
    }
    write_file(file, whole, n_pages() * PAGE);
    assert_found("it has no seal");
    write_file(file, whole, len - 1);
    assert_found("and its header says");
    memcpy(changed, whole, len);
    changed[len] = 0;
    write_file(file, changed, len + 1);
    assert_found("and its header says");
}

static void a_file_is_sealed_anew_in_the_same_place(void **state)
{
    struct error err = { .code = ERR_NONE };

    (void)state;
    memcpy(changed, whole, len);
    changed[5 * PAGE + 77] ^= 1;
    write_file(file, changed, len);
    assert_true(seal_write(file, file, &err));
    assert_true(verify(&err));
    write_file(file, whole, len);
    assert_true(seal_write(file, file, &err)); /* the same bytes, the same seal */
    {
        defer(close_file) int fd = open(file, O_RDONLY);

        assert_int_equal(read(fd, changed, sizeof(changed)), len);
        assert_memory_equal(changed, whole, len);
    }
}

static void what_is_no_whole_sqlite_file_is_not_sealed(void **state)
{
    struct error err = { .code = ERR_NONE };

    (void)state;
    write_file(file, "too short", 9);
    assert_false(seal_write(file, file, &err));
    memset(changed, 'x', PAGE);
    write_file(file, changed, PAGE);
    err = (struct error){ .code = ERR_NONE };
    assert_false(seal_write(file, file, &err));
    write_file(file, whole, 3 * PAGE); /* fewer pages than its header says */
    err = (struct error){ .code = ERR_NONE };
    assert_false(seal_write(file, file, &err));
}

static int set_up(void **state)
{
    const struct world *world;
    FILE *from;

    world_open(state);
    world = *state;
    from = fopen(world->file, "rb");
    if (from == NULL)
        return -1;
    len = fread(whole, 1, sizeof(whole), from);
    fclose(from);
    world_path(world, "sealed.db", file);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_built_holds),
        cmocka_unit_test(a_bit_that_changes_anywhere_is_found),
        cmocka_unit_test(pages_that_change_places_are_found),
        cmocka_unit_test(a_file_of_another_length_is_found),
        cmocka_unit_test(a_file_is_sealed_anew_in_the_same_place),
        cmocka_unit_test(what_is_no_whole_sqlite_file_is_not_sealed),
    };

    return cmocka_run_group_tests(tests, set_up, world_close);
}
