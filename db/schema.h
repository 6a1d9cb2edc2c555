#pragma once

/* The schema as text, and the two numbers in a file's header that say it is one of ours. */

enum {
    SCHEMA_APPLICATION_ID = 1651272805, /* 'blhe', as in db/schema.sql */
    SCHEMA_VERSION = 4,                 /* PRAGMA user_version of db/schema.sql */
};

/** db/schema.sql, embedded when the program is built. */
extern const char schema_sql[];
/** db/derive_states.sql, embedded when the program is built. */
extern const char derive_states_sql[];
/** db/derive.sql, embedded when the program is built. */
extern const char derive_sql[];
/** db/derive_sums.sql, embedded when the program is built. */
extern const char derive_sums_sql[];
