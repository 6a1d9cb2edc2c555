/* libFuzzer's side of one target: FUZZ_TARGET is its name, which the build sets. */

#include "tests/fuzz/fuzz.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TARGET JOIN(target_, FUZZ_TARGET)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (TARGET.begin != NULL)
        TARGET.begin();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    TARGET.one(bytes, len);
    return 0;
}
