#pragma once

/* Parameters -> struct query, checked against the fields of the resource. */

#include <stdbool.h>

#include "db/query.h"
#include "server/base/error.h"

struct conn;
struct route;
struct state;
struct target;

/** The day on which an answer was known: what is asked as of a day behind the newest release ("":
 * as of now) is known as of the release, or a permalink would answer anew with each later one.
 * Borrows as_of or state. */
const char *query_day(const struct state *state, const char *as_of);

/** What a cursor is good for beside its query: what was known on that day. An answer and its
 * permalink have the same; a later release has another. */
void query_known(const struct state *state, const char *as_of, char ret[33]);

/** What a page's cursor belongs to: route and parameters, without as_of and those that only shape
 * the answer or say what holds anyway. False without memory. */
bool query_owner(const struct route *route, const struct target *target, char ret[33]);

/** Leaves out of a target that was read and found good the parameters that say what holds anyway,
 * as limit=100, or until= a day behind the newest release: whoever asks for the same asks by the
 * same text (target_canonical()). */
void query_drop_defaults(const struct route *route, const struct state *state,
                         struct target *target);

/**
 * Reads the parameters of a target into conditions on the route's resource.
 *
 * Shape: at most QUERY_TERMS conditions with QUERY_VALUES values; limit and offset count rows.
 * Errors: ERR_PARAM_UNKNOWN, ERR_PARAM_INVALID, ERR_PARAM_REPEATED, ERR_CURSOR_STALE, each with
 * err->param set. Lifetime: ret borrows nothing of the target but the id in its path.
 */
bool query_parse(const struct resource *const *catalogue, const struct state *state,
                 const struct target *target, const struct route *route, struct query *ret,
                 struct error *err);

/**
 * Proves that every name in the query's references is that of some thing; looks up the ids of
 * declared parameters.
 *
 * Errors: ERR_PARAM_INVALID with err->did_you_mean, ERR_TIMEOUT, ERR_INTERNAL.
 */
bool query_resolve(struct conn *conn, struct query *query, struct error *err);

/** Makes the query for the included rows of a resource, known as of the same day as `query`. */
void query_included(const struct resource *resource, const struct query *query, struct query *ret);

/** Whether the client says how many rows it wants, or from where on. */
bool query_is_paged(const struct target *target);

/** Walks the names of parameters that every collection takes, each with what it takes; NULL after
 * the last. */
const char *query_reserved(size_t index);
