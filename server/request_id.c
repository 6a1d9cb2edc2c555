#define _GNU_SOURCE /* getrandom */
#include "server/request_id.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

void request_id_seed(struct id_source *source)
{
    struct timespec now;

    if (getrandom(&source->next, sizeof(source->next), GRND_NONBLOCK)
        == (ssize_t)sizeof(source->next))
        return;
    /* Early in the boot of a machine. Ids only have to differ; nobody trusts them to be secret. */
    clock_gettime(CLOCK_REALTIME, &now);
    source->next =
        (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + (uint64_t)(uintptr_t)source;
}

void request_id_next(struct id_source *source, char ret[static REQUEST_ID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    /* An odd step visits all 2^64 values before one comes again, and neighbours do not look alike.
     */
    static const uint64_t step = 0x9e3779b97f4a7c15u;
    uint64_t value = source->next;

    source->next += step;
    for (int i = 15; i >= 0; i--) {
        ret[i] = digits[value & 15];
        value >>= 4;
    }
    ret[16] = '\0';
}

bool request_id_is_good(const char *id)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t len = strspn(id, good);

    return len > 0 && len < REQUEST_ID_SIZE && id[len] == '\0';
}
