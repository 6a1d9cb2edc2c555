#pragma once

/* What came to be known between two days: the rows of the resource that declares .changes_of. */

struct buffer;
struct resource;

/**
 * Writes the FROM clause of a resource with .changes_of: a subquery `x` of the rows that were
 * added, revised or withdrawn after :since and by :as_of.
 *
 * Shape: collection; row (its id); id (both, joined by a hyphen); change (added, revised,
 * withdrawn); day (the last one in that time on which the row changed); changed (JSON array of the
 * names of the fields that differ, [] unless revised); before and after (the id again; NULL where
 * the row was not known); and for each hidden filter F of the resource F_before and F_after, what
 * the row's own field F names. A row whose versions differ in FIELD_STAMP fields alone, or that was
 * changed and changed back, did not change. Costs the rows whose known_from or known_to lies in
 * that time, not those of the collection, where an index finds them.
 * Errors: the buffer is broken when it does not fit.
 */
void changes_from(const struct resource *resource, struct buffer *sql);
