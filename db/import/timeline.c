#include "db/import/timeline.h"

#include <string.h>

/* Adds a piece behind the others, as more of the last one where it says the same. */
static size_t add(struct timeline_version *ret, size_t n, struct timeline_version piece)
{
    struct timeline_version *last = n > 0 ? &ret[n - 1] : NULL;

    if (last != NULL && last->to != NULL && strcmp(last->to, piece.from) == 0
        && last->content == piece.content) {
        last->to = piece.to;
        return n;
    }
    ret[n] = piece;
    return n + 1;
}

size_t timeline_put(const struct timeline_version *before, size_t n,
                    const struct timeline_state *state, struct timeline_version *ret)
{
    size_t n_ret = 0;

    for (size_t i = 0; i < n; i++) {
        struct timeline_version piece = before[i];

        if (strcmp(piece.from, state->day) >= 0)
            continue;
        if (piece.to == NULL || strcmp(piece.to, state->day) > 0)
            piece.to = state->day;
        n_ret = add(ret, n_ret, piece);
    }
    if (state->content != TIMELINE_ABSENT)
        n_ret = add(ret, n_ret,
                    (struct timeline_version){ .from = state->day,
                                               .to = state->next,
                                               .source = state->source,
                                               .content = state->content });
    for (size_t i = 0; i < n && state->next != NULL; i++) {
        struct timeline_version piece = before[i];

        if (piece.to != NULL && strcmp(piece.to, state->next) <= 0)
            continue;
        if (strcmp(piece.from, state->next) < 0) {
            piece.from = state->next;
            if (state->next_source != NULL)
                piece.source = state->next_source;
        }
        n_ret = add(ret, n_ret, piece);
    }
    return n_ret;
}
