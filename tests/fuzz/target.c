/*
 * The request target: taken apart, written in its canonical spelling, and read as a request to the
 * dataset. The canonical spelling is one: read again it is the same, and asks for the same.
 */

#include <stdlib.h>
#include <string.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "handlers/catalogue.h"
#include "server/base/buffer.h"
#include "server/query.h"
#include "server/route.h"
#include "server/stats.h"
#include "server/target.h"
#include "tests/fuzz/fuzz.h"

static struct conn *conn;

static void begin(void)
{
    struct error err = { 0 };

    must(dataset_conn(fuzz_service()->dataset, &conn, &err), "%s", err.detail);
}

/* Reads the parameters as the route wants them; what came of it in *err. */
static void read_request(const struct target *target, const struct route *route, char owner[33],
                         struct error *err)
{
    static struct query query;
    static struct stats_request stats;

    owner[0] = '\0';
    if (route->kind == ROUTE_STATS) {
        if (!stats_parse(catalogue, conn_state(conn), target, route, &query, &stats, err)
            || !stats_resolve(conn, &query, &stats, err))
            return;
    } else if (route->kind == ROUTE_COLLECTION || route->kind == ROUTE_ITEM
               || route->kind == ROUTE_CHILD || route->kind == ROUTE_GRAPH) {
        if (!query_parse(catalogue, conn_state(conn), target, route, &query, err)
            || !query_resolve(conn, &query, err))
            return;
    } else {
        return;
    }
    must(query_owner(route, target, owner), "memory");
}

static void check_again(const struct target *target, const struct route *route)
{
    static struct target again;
    struct buffer spelling = BUFFER_INIT(4 * TARGET_TEXT),
                  respelling = BUFFER_INIT(4 * TARGET_TEXT);
    struct route route_again = { 0 };
    struct error err = { 0 }, none = { 0 }, err_again = { 0 };
    char owner[33], owner_again[33];

    target_canonical(target, NULL, &spelling);
    must(!spelling.broken, "the canonical spelling has room");
    must(target_parse(spelling.data, &again, &none), "%s: %s", spelling.data, none.detail);
    target_canonical(&again, NULL, &respelling);
    must(strcmp(spelling.data, respelling.data) == 0, "'%s' becomes '%s'", spelling.data,
         respelling.data);
    if (route != NULL) {
        must(route_find(catalogue, &again, &route_again, &none), "%s: %s", spelling.data,
             none.detail);
        must(route->kind == route_again.kind && route->format == route_again.format
                 && route->resource == route_again.resource,
             "%s leads to another place", spelling.data);
        read_request(target, route, owner, &err);
        read_request(&again, &route_again, owner_again, &err_again);
        /* Of several mistakes the first is told: in another order, another one. */
        must((err.code == ERR_NONE) == (err_again.code == ERR_NONE)
                 && strcmp(owner, owner_again) == 0,
             "'%s' is read in another way in its canonical spelling: %d '%s', %d '%s'",
             spelling.data, (int)err.code, err.detail, (int)err_again.code, err_again.detail);
        must(err.code != ERR_INTERNAL, "%s: %s", spelling.data, err.detail);
    }
    buffer_done(&spelling);
    buffer_done(&respelling);
}

static void one(const uint8_t *bytes, size_t len)
{
    static struct target target;
    char *raw = fuzz_text(bytes, len), template[128];
    struct route route = { 0 };
    struct error err = { 0 };

    if (target_parse(raw, &target, &err)) {
        bool is_found = route_find(catalogue, &target, &route, &err);

        if (is_found)
            route_template(&route, template, sizeof(template));
        check_again(&target, is_found ? &route : NULL);
    }
    must(fuzz_is_utf8(err.detail, strlen(err.detail)), "what is told of a mistake is UTF-8");
    free(raw);
}

const struct fuzz_target target_target = {
    .name = "target", .longest = 2048, .runs = 6000, .begin = begin, .one = one
};
