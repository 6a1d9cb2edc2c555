#pragma once

/* Names of missions, places and actors, in memory: what a file calls them, and their ids. */

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "db/text.h"
#include "server/base/error.h"

struct lookup_entry;

/** Zeroed: empty. Owns its texts. */
struct lookup {
    struct text_memory memory;
    struct lookup_entry *entries; /* a hash table of `size` places */
    size_t n, size;               /* size: a power of two */
    size_t n_remembered;          /* answers kept by the words as given */
};

/** Loads every name and label of the dataset. Errors: ERR_INTERNAL. lookup_done() frees it. */
bool lookup_load(sqlite3 *db, struct lookup *ret, struct error *err);

/** Frees everything. Takes zeroed ones. */
void lookup_done(struct lookup *lookup);

/**
 * Finds the id of a thing by any of its names.
 *
 * Shape: case, accents, blanks and hyphens do not matter (`UN Secretariat` is `UNSecretariat`), nor
 * apostrophes; a name that fits two things without them is none of either. NULL: there is none.
 */
const char *lookup_find(struct lookup *lookup, const char *kind, const char *words);

/** What to call a thing; its id when it is new. */
const char *lookup_label(const struct lookup *lookup, const char *kind, const char *id);

/** Adds a thing under a name. The first one keeps a name. */
bool lookup_add(struct lookup *lookup, const char *kind, const char *id, const char *name);

/** The known name of that kind that is nearest to the words; "" in ret: none is near. */
const char *lookup_near(const struct lookup *lookup, const char *kind, const char *words, char *ret,
                        size_t size);
