#pragma once

/* Makes a dataset file out of its text: reads all of it, checks all of it, and only then writes. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <sqlite3.h>

#include "db/digest.h"
#include "db/tables.h"
#include "server/base/date.h"
#include "server/base/error.h"

/** What was built. */
struct build_summary {
    size_t n_files;              /* text files read */
    size_t n_rows;               /* rows of text, without the rows of column names */
    long long size;              /* bytes of the dataset file */
    char release[DATE_DAY_SIZE]; /* id of the newest release */
    char digest[DIGEST_SIZE];    /* SHA-256 of the content, hex */
};

/**
 * Builds the dataset file `file` from every *.csv of the directory `text_dir` (db/dataset/README.md
 * is the format).
 *
 * Shape: the same text gives the same bytes. The file appears whole or not at all: it is written
 * beside its place as `file.tmp-PID`, synced, and renamed; until then a file of that name stays as
 * it is. Errors: ERR_INPUT when the text has faults, each of which is one line in `faults` (NULL:
 * they are only counted): `path:line: what is wrong; what would be right`; ERR_INPUT as well for a
 * directory that cannot be read and a file that cannot be written (no space, no permission);
 * ERR_INTERNAL. Nothing is left behind then.
 */
bool build_dataset(const char *text_dir, const char *file, FILE *faults, struct build_summary *ret,
                   struct error *err);

/**
 * Fills the empty file at `path` with what the program carries: schema, code lists, definitions,
 * declarations of series, places and the sources that those name. An import into a dataset that is
 * not there begins with it.
 *
 * Errors: ERR_INPUT when the place takes no file; ERR_INTERNAL.
 */
bool build_base(const char *path, struct error *err);

struct checker;

/**
 * Checks rows of text against a dataset as the builder checks them against the text: the things
 * that claims refer to are loaded (no casualties, relationships or strengths).
 *
 * Errors: ERR_INTERNAL. Lifetime: copies what it keeps; checker_free() frees it.
 */
bool checker_new(sqlite3 *db, struct checker **ret, struct error *err);

/** Frees everything. Takes NULL. */
void checker_free(struct checker *checker);

/**
 * Adds a row to a table, as something that is there and can be referred to; call checker_sort()
 * before the next check.
 *
 * Shape: cells in the order of the table's columns, NULL for empty ones; copied. *ret is the row,
 * which lives as long as the checker.
 * Errors: ERR_INTERNAL without memory.
 */
bool checker_add(struct checker *checker, const char *table, const char *file, size_t line,
                 const char *const *cells, const struct text_row **ret, struct error *err);

/** Puts the tables in the order that look-ups need. Errors: ERR_INTERNAL. */
bool checker_sort(struct checker *checker, struct error *err);

/** Takes the row that was added last out of its table again. */
void checker_drop(struct checker *checker, const char *table);

/** The row with that id, whose line is 0 when it stands in the dataset; NULL: there is none. */
const struct text_row *checker_find(struct checker *checker, const char *table, const char *id);

/**
 * Checks one row as the builder does.
 *
 * Shape: true when it has no fault; else ret is the first one: `what is wrong; what would be
 * right`.
 */
bool checker_check(struct checker *checker, const char *table, const struct text_row *row,
                   char *ret, size_t size);

/** The id of that kind of thing that is nearest to a mistyped one; "" in ret: none is near. */
void checker_near(struct checker *checker, const char *thing, const char *given, char *ret,
                  size_t size);
