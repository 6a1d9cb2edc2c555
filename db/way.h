#pragma once

/* Which way to the rows of a page costs the least. SQLite knows how many rows a condition finds on
 * the average; here they are counted, as far as it matters. Wants struct ways of the resource. */

#include <stdbool.h>

#include "db/query.h"
#include "server/base/error.h"

struct conn;

enum way_kind {
    WAY_PLAIN,  /* as SQLite finds them */
    WAY_SEARCH, /* those that one condition finds by its index, then sorted unless they come so */
    WAY_ALONG,  /* those of one thing, by an index that has them in the order that is asked for */
    WAY_WALK,   /* in the order that is asked for, by its index, until the page is full */
    WAY_GROUPS, /* as WAY_WALK, for each group that may have such rows, and the first of all these
                 */
};

/** A way. Zeroed: WAY_PLAIN. Borrows from the query. */
struct way {
    enum way_kind kind;
    const struct term *lead; /* WAY_SEARCH, WAY_ALONG: the condition; NULL: one of the others */
    bool is_world;           /* WAY_SEARCH: the condition on world time */
    bool is_changed;         /* WAY_SEARCH: changed_since */
    bool is_known;           /* WAY_SEARCH: as_of */
};

/** Whether a list of names, each between spaces, holds one. */
bool way_lists(const char *names, const char *name);

/** Whether an index finds the rows that a condition holds for. */
bool way_is_found(const struct query *query, const struct term *term);

/** Whether a condition is one on a field of few values, for one or some of them. */
bool way_is_grouped(const struct query *query, const struct term *term);

/** Whether rows are asked for in the order of one field of few values. */
bool way_sorts_groups(const struct query *query);

/** Chooses the way to the rows of a page. Errors: as select_open(). */
bool way_choose(struct conn *conn, const struct query *query, struct way *ret, struct error *err);
