#include "server/fingerprint.h"

#include <stdint.h>
#include <string.h>

#include <nettle/sha2.h>

void fingerprint(const char *const *texts, char ret[FINGERPRINT_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t digest[(FINGERPRINT_SIZE - 1) / 2];
    struct sha256_ctx context;

    sha256_init(&context);
    for (; *texts != NULL; texts++)
        sha256_update(&context, strlen(*texts) + 1, (const uint8_t *)*texts);
    sha256_digest(&context, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        ret[2 * i] = hex[digest[i] >> 4];
        ret[2 * i + 1] = hex[digest[i] & 15];
    }
    ret[FINGERPRINT_SIZE - 1] = '\0';
}
