/* libFuzzer's side of one target: FUZZ_TARGET is its name, which the build sets. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TARGET JOIN(target_, FUZZ_TARGET)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char **more = calloc((size_t)*argc + 2, sizeof(*more)); /* as long as the program */
    static char longest[40];

    must(more != NULL, "memory");
    more[0] = (*argv)[0];
    more[1] = longest; /* first, so that the command line has the last word */
    snprintf(longest, sizeof(longest), "-max_len=%zu", TARGET.longest);
    memcpy(more + 2, *argv + 1, (size_t)(*argc - 1) * sizeof(*more));
    *argv = more;
    ++*argc;
    if (TARGET.begin != NULL)
        TARGET.begin();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    TARGET.one(bytes, len);
    return 0;
}
