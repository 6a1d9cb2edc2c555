/*
 * Runs every target without libFuzzer: over what is kept of it under corpus/ and crashes/, and over
 * some inputs that are made out of those, always the same ones. Says what it did as TAP.
 *
 *     test_fuzz [TARGET [FILE...]]
 *
 * runs one target alone, or one target on files. Where a run ends the program, its input is left in
 * the file that is named then.
 */

#define _GNU_SOURCE /* asprintf */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum {
    INPUTS_MOST = 4096,   /* of one target */
    INPUT_MOST = 1 << 20, /* bytes of one */
    CHANGES_MOST = 4,     /* of one input, to make another */
    TAP_SEED = 20261126,  /* any number: always the same inputs are made */
};

#define FUZZ_LIST(target) &target_##target,
static const struct fuzz_target *const targets[] = { FUZZ_TARGETS(FUZZ_LIST) NULL };

/** An input that was read. */
struct input {
    uint8_t *bytes;
    size_t len;
};

/* What runs, for whoever wants to see what ended the program. */
static const struct fuzz_target *running;
static const uint8_t *running_bytes;
static size_t running_len;

/* Sanitizers call it before they end the program; weak, since a build without them has none. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void leave_input(void)
{
    const char *parent = getenv("TMPDIR");
    char path[256];
    FILE *file;

    if (running == NULL)
        return;
    snprintf(path, sizeof(path), "%.160s/bluehelm-fuzz-failed-%s",
             parent != NULL && *parent != '\0' ? parent : "/tmp", running->name);
    file = fopen(path, "wb");
    if (file == NULL)
        return;
    fwrite(running_bytes, 1, running_len, file);
    fclose(file);
    fprintf(stderr, "target %s: the input was left in %s\n", running->name, path);
    running = NULL;
}

static void on_abort(int signal)
{
    (void)signal;
    leave_input();
}

static void run(const struct fuzz_target *target, const uint8_t *bytes, size_t len)
{
    /* Of that size exactly, so that a sanitizer sees the first byte that is read too far. */
    uint8_t *copy = malloc(len > 0 ? len : 1);

    must(copy != NULL, "memory");
    if (len > 0)
        memcpy(copy, bytes, len);
    running_bytes = copy;
    running_len = len;
    running = target;
    target->one(copy, len);
    running = NULL;
    free(copy);
}

static void read_input(const char *path, struct input *ret)
{
    FILE *file = fopen(path, "rb");

    must(file != NULL, "%s can be read", path);
    ret->bytes = malloc(INPUT_MOST);
    must(ret->bytes != NULL, "memory");
    ret->len = fread(ret->bytes, 1, INPUT_MOST, file);
    fclose(file);
    ret->bytes = realloc(ret->bytes, ret->len > 0 ? ret->len : 1);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads the files of a directory, in the order of their names; gives their number. */
static size_t read_inputs(const char *kind, const char *target, struct input *ret, size_t most)
{
    char *names[INPUTS_MOST], *path;
    struct dirent *entry;
    size_t n = 0;
    DIR *dir;

    must(asprintf(&path, "tests/fuzz/%s/%s", kind, target) > 0, "memory");
    dir = opendir(path);
    while (dir != NULL && n < most && (entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.')
            must(asprintf(&names[n++], "%s/%s", path, entry->d_name) > 0, "memory");
    }
    if (dir != NULL)
        closedir(dir);
    free(path);
    qsort(names, n, sizeof(*names), compare);
    for (size_t i = 0; i < n; i++) {
        read_input(names[i], &ret[i]);
        free(names[i]);
    }
    return n;
}

static uint8_t any_byte(uint64_t *seed)
{
    static const uint8_t telling[] =
        "\0\n\r\t \"'%&*+,-./0129:;<=>?@AZ[]_az{}~\x7f\x80\xc3\xef\xff";
    uint64_t random = fuzz_random(seed);

    return random & 1 ? telling[(random >> 8) % (sizeof(telling) - 1)] : (uint8_t)(random >> 8);
}

/* Changes one thing of an input in place; room for `most` bytes. */
static size_t change(uint8_t *bytes, size_t len, size_t most, const struct input *other,
                     uint64_t *seed)
{
    size_t at = fuzz_random(seed) % (len + 1), from, n;

    switch (fuzz_random(seed) % 6) {
    case 0: /* another byte */
        if (at < len)
            bytes[at] = any_byte(seed);
        return len;
    case 1: /* another bit */
        if (at < len)
            bytes[at] ^= (uint8_t)(1u << fuzz_random(seed) % 8);
        return len;
    case 2: /* a byte more */
        if (len == most)
            return len;
        memmove(bytes + at + 1, bytes + at, len - at);
        bytes[at] = any_byte(seed);
        return len + 1;
    case 3: /* some bytes less */
        n = fuzz_random(seed) % (len - at + 1) % 32;
        memmove(bytes + at, bytes + at + n, len - at - n);
        return len - n;
    case 4: /* some bytes twice */
        from = fuzz_random(seed) % (len + 1);
        n = fuzz_random(seed) % (len - from + 1) % 64;
        if (n > most - len)
            return len;
        memmove(bytes + at + n, bytes + at, len - at);
        memmove(bytes + at, bytes + from + (from >= at ? n : 0),
                from >= at || from + n <= at ? n : 0);
        return len + n;
    default: /* the rest of another input */
        from = fuzz_random(seed) % (other->len + 1);
        n = other->len - from;
        if (n > most - at)
            n = most - at;
        memcpy(bytes + at, other->bytes + from, n);
        return at + n;
    }
}

static void make_inputs(const struct fuzz_target *target, const struct input *kept, size_t n)
{
    uint8_t *bytes = malloc(target->longest);
    uint64_t seed = TAP_SEED;

    must(bytes != NULL, "memory");
    for (unsigned i = 0; i < target->runs && n > 0; i++) {
        const struct input *one = &kept[fuzz_random(&seed) % n];
        const struct input *other = &kept[fuzz_random(&seed) % n];
        size_t len = one->len < target->longest ? one->len : target->longest;

        memcpy(bytes, one->bytes, len);
        for (uint64_t j = fuzz_random(&seed) % CHANGES_MOST + 1; j > 0; j--)
            len = change(bytes, len, target->longest, other, &seed);
        run(target, bytes, len);
    }
    free(bytes);
}

static void run_target(const struct fuzz_target *target, unsigned number)
{
    static struct input kept[INPUTS_MOST];
    size_t n, n_crashes;

    if (target->begin != NULL)
        target->begin();
    n = read_inputs("corpus", target->name, kept, INPUTS_MOST);
    n_crashes = read_inputs("crashes", target->name, kept + n, INPUTS_MOST - n);
    must(n > 0, "tests/fuzz/corpus/%s holds something (run from the project's root)", target->name);
    for (size_t i = 0; i < n + n_crashes; i++)
        run(target, kept[i].bytes, kept[i].len);
    make_inputs(target, kept, n + n_crashes);
    for (size_t i = 0; i < n + n_crashes; i++)
        free(kept[i].bytes);
    if (target->end != NULL)
        target->end();
    printf("ok %u - %s: %zu inputs, %zu former crashes, %u made\n", number, target->name, n,
           n_crashes, target->runs);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    unsigned number = 0;

    signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(leave_input);
    for (const struct fuzz_target *const *at = targets; *at != NULL; at++) {
        if (argc > 1 && strcmp((*at)->name, argv[1]) != 0)
            continue;
        number++;
        if (argc <= 2) {
            run_target(*at, number);
            continue;
        }
        if ((*at)->begin != NULL)
            (*at)->begin();
        for (int i = 2; i < argc; i++) {
            struct input input;

            read_input(argv[i], &input);
            run(*at, input.bytes, input.len);
            free(input.bytes);
        }
        if ((*at)->end != NULL)
            (*at)->end();
    }
    if (number == 0) {
        fprintf(stderr, "test_fuzz: there is no target '%s'\n", argv[1]);
        return 2;
    }
    printf("1..%u\n", number);
    return 0;
}
