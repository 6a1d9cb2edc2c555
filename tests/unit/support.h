#pragma once

/* What many tests need: the made-up world of tests/fixture as a dataset file, and requests to it.
 */

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "server/base/buffer.h"
#include "server/serve.h"

struct conn;
struct sqlite3;

enum { WORLD_PATH = 256 /* bytes of a path in a test's directory */ };

/** A dataset that is open and may be asked. */
struct world {
    char dir[WORLD_PATH / 2]; /* of this test program alone; removed with all that is in it */
    char file[WORLD_PATH];    /* the dataset */
    struct dataset *dataset;  /* `file` is published */
    struct service service;
};

/** Set-up of a group: *state becomes a struct world of tests/fixture, built once. Run from the
 * project's root. */
int world_open(void **state);
/** Tear-down of a group. */
int world_close(void **state);

/** Writes the path of a file in the world's directory. */
void world_path(const struct world *world, const char *name, char ret[WORLD_PATH]);
/** Copies the dataset file and lets SQL change the copy ("": nothing). */
void world_variant(const struct world *world, const char *name, const char *sql,
                   char ret[WORLD_PATH]);
/** The calling thread's connection to the world. */
struct conn *world_conn(const struct world *world);

/** Asks by any method; reply_done() when read. */
void world_ask(const struct world *world, const char *method, const char *target,
               struct reply *ret);
/** Gets a target, asserts the status and gives the body back as JSON, for json_decref(). */
json_t *world_get(const struct world *world, int status, const char *target);
/** Gets a problem and asserts its status, code and parameter (NULL: none); for json_decref(). */
json_t *world_problem(const struct world *world, int status, const char *code, const char *param,
                      const char *target);
/** Gets a collection; its ids as "a b c", in a text that the next call changes. */
const char *world_ids(const struct world *world, const char *target);

/** Writes what a list of the fixture has to be asked besides, each with `&` behind: values of the
 * parameters that must be given. */
struct resource;
void world_besides(const struct resource *resource, char *ret, size_t size);

/** Value of a header; NULL: it is not there. */
const char *header_of(const struct reply *reply, const char *name);
/** A string in an object; NULL: it is not there. */
const char *string_of(const json_t *object, const char *key);
/** Writes bytes to a file. */
void write_file(const char *path, const void *bytes, size_t len);
