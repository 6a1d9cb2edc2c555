#pragma once

/* The schema as text, and the two numbers in a file's header that say it is one of ours. */

enum {
    SCHEMA_APPLICATION_ID = 1651272805, /* 'blhe', as in db/schema.sql */
    SCHEMA_VERSION = 4,                 /* PRAGMA user_version of db/schema.sql */
};

#include <stdbool.h>

#include "server/base/error.h"

struct conn;

/** db/schema.sql, embedded when the program is built. */
extern const char schema_sql[];
/** db/derive_states.sql, embedded when the program is built. */
extern const char derive_states_sql[];
/** db/derive.sql, embedded when the program is built. */
extern const char derive_sql[];
/** db/derive_sums.sql, embedded when the program is built. */
extern const char derive_sums_sql[];
/** db/derive_groups.sql, embedded when the program is built. */
extern const char derive_groups_sql[];

/**
 * Proves that a file holds all tables, indexes and views of the schema, as the schema has them: so
 * whatever is proved of the schema (that each resource can be asked for on it) is true of the file.
 *
 * Errors: ERR_INPUT with the name of the first that is missing or another one, ERR_INTERNAL.
 */
bool schema_check(struct conn *conn, struct error *err);
