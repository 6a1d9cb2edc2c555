#define _GNU_SOURCE /* mkdtemp, nftw */
#include "support.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "db/build.h"
#include "db/dataset.h"
#include "db/schema.h"
#include "db/seal.h"
#include "db/sql_alike.h"
#include "db/sql_tally.h"
#include "handlers/catalogue.h"
#include "server/base/cleanup.h"

enum {
    WORLD_DEADLINE = 60000, /* ms: sanitizers are slow, and no test waits for it */
    WORLD_BODY = 8 << 20,   /* bytes */
};

int world_open(void **state)
{
    const char *parent = getenv("TMPDIR");
    struct world *world = calloc(1, sizeof(*world));
    struct build_summary summary;
    struct error err = { 0 };

    assert_non_null(world);
    snprintf(world->dir, sizeof(world->dir), "%.80s/bluehelm-unit-XXXXXX",
             parent != NULL && *parent != '\0' ? parent : "/tmp");
    assert_non_null(mkdtemp(world->dir));
    world_path(world, "world.db", world->file);
    if (!build_dataset("tests/fixture", world->file, stderr, &summary, &err))
        fail_msg("tests/fixture: %s", err.detail);
    world->dataset = dataset_new();
    assert_non_null(world->dataset);
    if (!dataset_publish(world->dataset, world->file, &err))
        fail_msg("%s", err.detail);
    world->service = (struct service){ .catalogue = catalogue,
                                       .dataset = world->dataset,
                                       .deadline_ms = WORLD_DEADLINE,
                                       .body_limit = WORLD_BODY };
    *state = world;
    return 0;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

int world_close(void **state)
{
    struct world *world = *state;

    dataset_free(world->dataset);
    nftw(world->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(world);
    return 0;
}

void world_path(const struct world *world, const char *name, char ret[WORLD_PATH])
{
    int len = snprintf(ret, WORLD_PATH, "%s/%s", world->dir, name);

    assert_in_range(len, 1, WORLD_PATH - 1);
}

void world_variant(const struct world *world, const char *name, const char *sql,
                   char ret[WORLD_PATH])
{
    static char bytes[4 << 20];
    FILE *file = fopen(world->file, "rb");
    sqlite3 *db;
    struct error err = { 0 };
    char *message = NULL;
    size_t len;

    assert_non_null(file);
    len = fread(bytes, 1, sizeof(bytes), file);
    assert_in_range(len, 1, sizeof(bytes) - 1);
    fclose(file);
    world_path(world, name, ret);
    write_file(ret, bytes, len);
    if (*sql == '\0')
        return;
    assert_int_equal(sqlite3_open(ret, &db), SQLITE_OK);
    assert_true(sql_alike_register(db) && sql_tally_register(db));
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK
        || sqlite3_exec(db, derive_sums_sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s", message);
    sqlite3_close(db);
    if (!seal_write(ret, ret, &err))
        fail_msg("%s", err.detail);
}

struct conn *world_conn(const struct world *world)
{
    struct error err = { 0 };
    struct conn *conn = NULL;

    if (!dataset_conn(world->dataset, &conn, &err))
        fail_msg("%s", err.detail);
    return conn;
}

void world_ask(const struct world *world, const char *method, const char *target, struct reply *ret)
{
    const struct request request = { .method = method, .target = target, .id = "test" };

    serve(&world->service, &request, ret);
}

json_t *world_get(const struct world *world, int status, const char *target)
{
    defer(reply_done) struct reply reply;
    json_error_t where;
    json_t *document;

    world_ask(world, "GET", target, &reply);
    if (reply.status != status)
        fail_msg("%s: %d instead of %d: %.*s%s", target, reply.status, status, (int)reply.len,
                 reply.body != NULL ? reply.body : "", reply.log_detail);
    if (reply.body == NULL || reply.len == 0 || reply.body[reply.len - 1] != '\n')
        fail_msg("%s: no body that ends in a newline", target);
    document = json_loadb(reply.body, reply.len, JSON_REJECT_DUPLICATES, &where);
    if (document == NULL)
        fail_msg("%s: %s in %.*s", target, where.text, (int)reply.len, reply.body);
    return document;
}

json_t *world_problem(const struct world *world, int status, const char *code, const char *param,
                      const char *target)
{
    json_t *problem = world_get(world, status, target);
    const char *given = string_of(problem, "param");
    char type[96];

    snprintf(type, sizeof(type), "urn:bluehelm:problem:%s", code);
    assert_string_equal(string_of(problem, "type"), type);
    assert_string_equal(string_of(problem, "code"), code);
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), status);
    assert_string_equal(given != NULL ? given : "", param != NULL ? param : "");
    assert_string_equal(string_of(problem, "request_id"), "test");
    assert_non_null(string_of(problem, "title"));
    assert_in_range(strlen(string_of(problem, "detail")), 10, 511);
    return problem;
}

const char *world_ids(const struct world *world, const char *target)
{
    static char ids[64 << 10];
    json_auto_t *page = world_get(world, 200, target);
    json_t *data = json_object_get(page, "data");
    json_t *row;
    size_t i, len = 0;

    assert_true(json_is_array(data));
    ids[0] = '\0';
    json_array_foreach(data, i, row)
    {
        const char *id = string_of(row, "id");

        assert_non_null(id);
        assert_in_range(len + strlen(id) + 2, 0, sizeof(ids));
        len += (size_t)snprintf(ids + len, sizeof(ids) - len, "%s%s", i > 0 ? " " : "", id);
    }
    return ids;
}

const char *header_of(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->n_headers; i++) {
        if (strcmp(reply->headers[i].name, name) == 0)
            return reply->headers[i].value;
    }
    return NULL;
}

const char *string_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

void world_besides(const struct resource *resource, char *ret, size_t size)
{
    static const char *const ends[] = { "niger-army", "blue-lantern" };
    size_t len = 0, n_ends = 0;

    ret[0] = '\0';
    if (resource->changes_of != NULL)
        len += (size_t)snprintf(ret, size, "since=2000&");
    for (const struct param *param = resource->params; param != NULL && param->name != NULL;
         param++) {
        const char *value = param->type == PARAM_REF      ? ends[n_ends % 2]
                            : param->type == PARAM_SEARCH ? "n*"
                                                          : param->example;

        if (!param->is_required)
            continue;
        n_ends += param->type == PARAM_REF;
        assert_true(len < size);
        len += (size_t)snprintf(ret + len, size - len, "%s=%s&", param->name, value);
    }
    assert_true(len < size);
}
