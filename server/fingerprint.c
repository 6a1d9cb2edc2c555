#include "server/fingerprint.h"

#include <stdint.h>
#include <string.h>

#include <nettle/base16.h>
#include <nettle/sha2.h>

void fingerprint(const char *const *texts, char ret[FINGERPRINT_SIZE])
{
    uint8_t digest[(FINGERPRINT_SIZE - 1) / 2];
    struct sha256_ctx context;

    sha256_init(&context);
    for (; *texts != NULL; texts++)
        sha256_update(&context, strlen(*texts) + 1, (const uint8_t *)*texts);
    sha256_digest(&context, sizeof(digest), digest);
    base16_encode_update(ret, sizeof(digest), digest);
    ret[FINGERPRINT_SIZE - 1] = '\0';
}
