#pragma once

/* Exports: what there is to take away whole, what is in it, and the dataset file itself. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "server/base/buffer.h"
#include "server/base/error.h"

struct dataset;
struct resource;
struct state;

enum { EXPORT_NAME = 96 /* bytes of the name of an export and its NUL */ };

#define EXPORT_FILE_NAME "bluehelm.db"
#define EXPORT_FILE_TYPE "application/vnd.sqlite3"
#define EXPORT_PACKAGE_NAME "datapackage.json"

/** Whether a resource is exported: it has rows of its own, and needs not be asked for anything. */
bool export_has(const struct resource *resource);

/** The name of a resource's exports, without their end: "meta-codes" for "meta/codes". */
void export_name(const struct resource *resource, char ret[EXPORT_NAME]);

/** The resource whose exports have a name; NULL: there is none. */
const struct resource *export_find(const struct resource *const *catalogue, const char *name);

/**
 * Walks the names of all exports, as they stand behind /v1/export/: "missions.csv".
 *
 * Shape: start with index 0; false after the last.
 */
bool export_file(const struct resource *const *catalogue, size_t index, char ret[EXPORT_NAME]);

/**
 * Makes the document at /v1/export/.
 *
 * Shape: {"release", "digest", "files": [{"name", "href", "type", "text"}]}. Errors: NULL without
 * memory.
 */
json_t *export_index_new(const struct resource *const *catalogue, const struct state *state);

/** What was worked out about the current dataset file, for all threads; and the thread that works
 * it out. */
struct exports;

/**
 * Makes the place where it is kept; nothing is worked out before somebody asks.
 *
 * Shape: wait_ms: how long one that asks for the package waits for it.
 * Errors: NULL without memory. Lifetime: borrows both; exports_free() before they go.
 */
struct exports *exports_new(const struct resource *const *catalogue, struct dataset *dataset,
                            unsigned wait_ms);

/** Stops the work that is under way. Takes NULL. */
void exports_free(struct exports *exports);

/**
 * Writes the data package (Frictionless, version 1) of the current dataset: every export with its
 * columns, rows, bytes and SHA-256.
 *
 * Shape: exports NULL: it is worked out here and now, however long that takes; else by a thread of
 * its own, once for each dataset, and kept. Errors: ERR_NOT_READY while that is under way.
 */
bool export_package(struct exports *exports, const struct resource *const *catalogue,
                    struct dataset *dataset, struct buffer *out, struct error *err);

/** The dataset file. */
struct export_db {
    int descriptor;     /* the caller closes it */
    uint64_t size;      /* bytes */
    char stamp[129];    /* differs where the bytes do */
    uint8_t digest[32]; /* SHA-256 */
    bool has_digest;    /* false: it is too large to be read for that while somebody waits */
};

/** Opens the file of the current dataset. Errors: ERR_INTERNAL. */
bool export_db(struct exports *exports, struct dataset *dataset, struct export_db *ret,
               struct error *err);
