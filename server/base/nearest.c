#include "server/base/nearest.h"

#include <ctype.h>
#include <string.h>

enum { NEAREST_LEN = 63 /* names longer than this are compared by their beginnings */ };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t nearest_distance(const char *a, const char *b)
{
    size_t rows[3][NEAREST_LEN + 1];
    size_t n_a = least(strlen(a), NEAREST_LEN);
    size_t n_b = least(strlen(b), NEAREST_LEN);
    size_t *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= n_b; j++)
        last[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *spare = before;

        now[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            now[j] = least(last[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1),
                           least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[n_b];
}

bool nearest_is_closer(const char *given, const char *candidate, const char *best)
{
    size_t edits = nearest_distance(given, candidate);
    size_t most = strlen(candidate) / 3;

    if (edits > (most > 0 ? most : 1))
        return false;
    return *best == '\0' || edits < nearest_distance(given, best);
}
