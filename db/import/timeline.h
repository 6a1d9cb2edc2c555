#pragma once

/* How a state of a data set changes the versions of one row: a pure function. */

#include <stddef.h>

enum { TIMELINE_ABSENT = -1 /* content: the row is not in that state */ };

/** One version: what was said from one day to the day before another. Borrows its texts. */
struct timeline_version {
    const char *from;   /* first day, ISO */
    const char *to;     /* day from which it is no longer said; NULL: still */
    const char *source; /* the first state that said so; NULL: not kept */
    int content;        /* equal numbers: equal content */
};

/** What one state says of the row. */
struct timeline_state {
    const char *day;         /* of the state */
    const char *next;        /* of the next state of the same set; NULL: none is known */
    const char *source;      /* the set in this state */
    const char *next_source; /* the set in the next one; NULL: not kept */
    int content;             /* TIMELINE_ABSENT: the row is not in it */
};

/**
 * Puts a state into the versions of a row: what was said of [day, next) is cut out, the state's
 * content takes its place, and neighbours that say the same become one version with the earlier
 * source.
 *
 * Shape: `before` are n versions in the order of their days, which do not overlap; ret has room for
 * n + 2 and gets as many as are returned, in the same order. Whatever the order in which states are
 * put, the versions come out the same.
 */
size_t timeline_put(const struct timeline_version *before, size_t n,
                    const struct timeline_state *state, struct timeline_version *ret);
