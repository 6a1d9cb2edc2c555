#pragma once

/* One thread's read-only connection to one dataset file: statement cache, deadline, functions. */

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include "server/base/error.h"

struct conn;
struct state;

/** Has SQLite count the memory of queries (db/query_memory.h). Call it before SQLite is used in any
 * other way than by conn_open(), which calls it too; later it does nothing. Safe in any thread. */
void conn_set_up(void);

/**
 * Opens a dataset file for reading.
 *
 * Shape: immutable, unlocked; the caller must be the only thread that uses the connection.
 * Errors: ERR_INPUT with the reason when the file is not a whole dataset of this schema,
 * ERR_INTERNAL. Lifetime: borrows state; conn_close() frees it.
 */
bool conn_open(const char *file, const struct state *state, struct conn **ret, struct error *err);

/**
 * Tells whether what was read by the connection may leave: whether each page was what was written,
 * and the file was left alone meanwhile.
 *
 * Shape: to be asked when an answer was made, before it leaves, with whether it was made and why
 * not; gives the same where nothing is wrong. Errors: ERR_DAMAGED, ERR_NOT_READY (the file was
 * written to), ERR_MEMORY in the place of what followed from them.
 */
bool conn_is_sound(struct conn *conn, bool is_good, struct error *err);

/** Whether the connection was found unsound: what it remembers may be wrong, and it is to be
 * closed. */
bool conn_is_spoilt(const struct conn *conn);

/** Closes the connection and every statement. Takes NULL. */
void conn_close(struct conn *conn);

/**
 * Lends a prepared statement, from the cache where it has one; stmt_return() gives it back.
 *
 * Errors: ERR_INTERNAL (the SQL is ours), ERR_TIMEOUT.
 */
bool conn_stmt(struct conn *conn, const char *sql, sqlite3_stmt **ret, struct error *err);

/**
 * Looks for a prepared statement under a key that its SQL follows from, so that the SQL need not be
 * made to find it. Keys and SQL share one space: no key may begin like SQL.
 */
bool conn_find(struct conn *conn, const char *key, size_t len, sqlite3_stmt **ret);

/** Prepares a statement and keeps it under a key. Lends and fails as conn_stmt() does. */
bool conn_prepare(struct conn *conn, const char *key, size_t len, const char *sql,
                  sqlite3_stmt **ret, struct error *err);

/** Resets the statement, clears its bindings and NULLs the borrower's pointer. Takes a pointer to
 * NULL. */
void stmt_return(sqlite3_stmt **stmt);

/**
 * Steps to the next row.
 *
 * Shape: *ret_row tells whether there is one.
 * Errors: ERR_TIMEOUT past the deadline, ERR_INTERNAL.
 */
bool stmt_step(sqlite3_stmt *stmt, bool *ret_row, struct error *err);

/** Sets when queries of this connection are stopped: `ms` from now; 0: never. */
void conn_deadline(struct conn *conn, unsigned ms);

/** Reads the file without mapping it from now on; for a connection that was not asked anything yet.
 */
void conn_unmap(struct conn *conn);
