#pragma once

/*
 * Fuzz targets: each reads any bytes as one part of the program would, and knows what must hold of
 * what comes out. One file a target, and its name in FUZZ_TARGETS. Everything else is made from
 * that list: a libFuzzer program for each (scripts/build fuzz, scripts/fuzz), and test_fuzz, which
 * replays what is kept under corpus/ and crashes/ and makes some inputs more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/serve.h"

/** One target. */
struct fuzz_target {
    const char *name;    /* of its directories under corpus/ and crashes/ */
    size_t longest;      /* bytes of an input that is made */
    unsigned runs;       /* inputs that test_fuzz makes; what one costs decides */
    void (*begin)(void); /* once, before the first input; NULL: nothing to do */
    void (*one)(const uint8_t *bytes, size_t len); /* takes any bytes; ends the program by must() */
    void (*end)(void);                             /* NULL: nothing to do */
};

/* Every target, in the order in which test_fuzz runs them. */
#define FUZZ_TARGETS(X)                                                                            \
    X(gate)                                                                                        \
    X(target)                                                                                      \
    X(date)                                                                                        \
    X(cursor)                                                                                      \
    X(range)                                                                                       \
    X(accept)                                                                                      \
    X(coding)                                                                                      \
    X(conditional)                                                                                 \
    X(forwarded)                                                                                   \
    X(prefer)                                                                                      \
    X(search)                                                                                      \
    X(odata_filter)                                                                                \
    X(log)                                                                                         \
    X(settings)                                                                                    \
    X(text)                                                                                        \
    X(serve)                                                                                       \
    X(dataset)                                                                                     \
    X(build)                                                                                       \
    X(reader)                                                                                      \
    X(import_ged)                                                                                  \
    X(import_actors)                                                                               \
    X(import_country_year)                                                                         \
    X(import_fatalities)                                                                           \
    X(import_missions)                                                                             \
    X(import_strength)                                                                             \
    X(import_claims)

#define FUZZ_DECLARE(target) extern const struct fuzz_target target_##target;
FUZZ_TARGETS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

/** Ends the program where what has to hold does not, with a sentence and the place. */
#define must(condition, ...)                                                                       \
    ((condition) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #condition, __VA_ARGS__))

/** What must() calls. */
_Noreturn void fuzz_failed(const char *file, int line, const char *condition, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** A copy of bytes with a NUL behind, of that size exactly; a NUL in it ends the text early. For
 * free(). */
char *fuzz_text(const uint8_t *bytes, size_t len);

/** The input cut at its line ends into at most `most` texts of that size exactly; what is left
 * belongs to the last. fuzz_lines_free() frees them; those that there are not are "". */
void fuzz_lines(const uint8_t *bytes, size_t len, char **ret, size_t most);
void fuzz_lines_free(char **lines, size_t most);

/** Numbers that depend on nothing but the seed (splitmix64). */
uint64_t fuzz_random(uint64_t *seed);

/** A seed out of bytes: the same for the same. */
uint64_t fuzz_seed(const uint8_t *bytes, size_t len);

/** A directory of this program alone, in memory where there is room; it goes when the program ends
 * as it should. */
const char *fuzz_directory(void);

/** Opens a file without a name, that holds bytes; *ret_path (64 bytes) opens it. close() frees it.
 */
int fuzz_file(const void *bytes, size_t len, char ret_path[64]);

/** The service over the dataset that FUZZ_DATASET names, else over tests/fixture (run from the
 * project's root). One for all targets of the program. */
const struct service *fuzz_service(void);

/** The dataset of tests/fixture as a file. Bytes as they were built; borrowed. */
const uint8_t *fuzz_fixture(size_t *ret_len);

/** Reads all of a reply's body, whatever tells it. *ret_len bytes and a NUL, for free(). */
char *fuzz_body(const struct reply *reply, size_t *ret_len);

/** Value of a header; NULL: it is not there. */
const char *fuzz_header(const struct reply *reply, const char *name);

/** Whether bytes are UTF-8 throughout. */
bool fuzz_is_utf8(const char *bytes, size_t len);
