/* What is near in a graph, and the shortest chains, on small graphs that can be drawn on paper. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "db/graph.h"
#include "handlers/catalogue.h"
#include "server/base/cleanup.h"
#include "tests/unit/support.h"

/** An edge "a>b" with the years in which it holds. */
struct edge {
    const char *from, *to;
    int first, last;
};

static struct world *fixture;
static struct world drawn; /* the fixture with other relationships; shares its directory */

/* Replaces all relationships; their rowids are 1, 2, ... in the order given. */
static struct conn *draw(const struct edge *edges, size_t n)
{
    sqlite3_str *sql = sqlite3_str_new(NULL);
    struct error err = { 0 };
    char *text;

    sqlite3_str_appendall(sql, "DELETE FROM relationship_claims; DELETE FROM relationship_sources;"
                               "DELETE FROM relationships;");
    for (size_t i = 0; i < n; i++)
        sqlite3_str_appendf(sql,
                            "INSERT INTO relationships (rowid, id, version, from_actor, type,"
                            " to_actor, sign, start, start_min, start_max, end, end_min, end_max,"
                            " status, known_from) VALUES (%d, 'e%d', 1, %Q, 'pays', %Q, '+', '%d',"
                            " '%d-01-01', '%d-12-31', '%d', '%d-01-01', '%d-12-31', 'asserted',"
                            " '2019-06-30');",
                            (int)i + 1, (int)i + 1, edges[i].from, edges[i].to, edges[i].first,
                            edges[i].first, edges[i].first, edges[i].last, edges[i].last,
                            edges[i].last);
    text = sqlite3_str_finish(sql);
    drawn = *fixture;
    world_variant(fixture, "drawn.db", text, drawn.file);
    sqlite3_free(text);
    drawn.dataset = drawn.service.dataset = dataset_new();
    if (!dataset_publish(drawn.dataset, drawn.file, &err))
        fail_msg("%s", err.detail);
    return world_conn(&drawn);
}

#define DRAW(...)                                                                                  \
    draw((const struct edge[]){ __VA_ARGS__ },                                                     \
         sizeof((const struct edge[]){ __VA_ARGS__ }) / sizeof(struct edge))

static void erase(void)
{
    dataset_free(drawn.dataset);
}

static const struct query *every_edge(void)
{
    static struct query query;

    query.resource = &graph;
    return &query;
}

/* Asserts what is near: nodes with their steps, and edges by rowid, as JSON. */
static void assert_near(struct conn *conn, struct graph_ask ask, const char *nodes,
                        const char *edges, enum graph_cut cut)
{
    defer(graph_found_done) struct graph_found found = { 0 };
    struct error err = { 0 };

    ask.query = every_edge();
    ask.nodes = ask.nodes > 0 ? ask.nodes : 100;
    ask.edges = ask.edges > 0 ? ask.edges : 100;
    if (!graph_near(conn, &ask, &found, &err))
        fail_msg("%s", err.detail);
    assert_string_equal(found.nodes.data, nodes);
    assert_string_equal(found.edges.data, edges);
    assert_int_equal(found.cut, cut);
}

/* Asserts the chains from a to z, each as "a[rows]b[rows]z FIRST LAST". */
static void assert_chains(struct conn *conn, struct graph_ask ask, const char *right,
                          enum graph_cut cut)
{
    defer(graph_chains_done) struct graph_chains found = { 0 };
    defer(buffer_done) struct buffer text = BUFFER_INIT(4096);
    struct error err = { 0 };

    ask.query = every_edge();
    ask.focus = "a";
    ask.goal = "z";
    ask.depth = ask.depth > 0 ? ask.depth : GRAPH_HOPS_MAX;
    ask.chains = ask.chains > 0 ? ask.chains : GRAPH_CHAINS_MAX;
    if (!graph_chains(conn, &ask, &found, &err))
        fail_msg("%s", err.detail);
    buffer_text(&text, "");
    for (uint32_t i = 0; i < found.n; i++) {
        const struct graph_chain *chain = &found.chains[i];

        buffer_text(&text, i > 0 ? "; a" : "a");
        for (uint32_t j = 0; j < found.hops; j++)
            buffer_format(&text, "%s%s", chain->hops[j].edges.data, chain->hops[j].to);
        if (ask.is_dated)
            buffer_format(&text, " %s %s", chain->start, chain->end);
    }
    assert_string_equal(text.data != NULL ? text.data : "", right);
    assert_int_equal(found.cut, cut);
}

static void a_ring_is_walked_once(void **state)
{
    struct conn *conn =
        DRAW({ "a", "b", 2010, 2020 }, { "b", "c", 2010, 2020 }, { "c", "a", 2010, 2020 });

    (void)state;
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 1 },
                "[[\"a\",0,2],[\"b\",1,1],[\"c\",1,1]]", "[1,3]", GRAPH_WHOLE);
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 4 },
                "[[\"a\",0,2],[\"b\",1,2],[\"c\",1,2]]", "[1,3,2]", GRAPH_WHOLE);
    erase();
}

static void an_edge_from_a_node_to_itself_is_one_edge(void **state)
{
    struct conn *conn = DRAW({ "a", "a", 2010, 2020 }, { "a", "b", 2010, 2020 });

    (void)state;
    for (int direction = GRAPH_BOTH; direction <= GRAPH_OUT; direction++)
        assert_near(conn,
                    (struct graph_ask){
                        .focus = "a", .depth = 2, .direction = (enum graph_direction)direction },
                    "[[\"a\",0,2],[\"b\",1,1]]", "[1,2]", GRAPH_WHOLE);
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 2, .direction = GRAPH_IN },
                "[[\"a\",0,1]]", "[1]", GRAPH_WHOLE);
    assert_near(conn, (struct graph_ask){ .focus = NULL }, "[[\"a\",null,2],[\"b\",null,1]]",
                "[1,2]", GRAPH_WHOLE);
    erase();
}

static void a_walk_goes_along_the_edges_or_against_them(void **state)
{
    struct conn *conn =
        DRAW({ "b", "a", 2010, 2020 }, { "a", "c", 2010, 2020 }, { "c", "d", 2010, 2020 });

    (void)state;
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 2, .direction = GRAPH_OUT },
                "[[\"a\",0,1],[\"c\",1,2],[\"d\",2,1]]", "[2,3]", GRAPH_WHOLE);
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 2, .direction = GRAPH_IN },
                "[[\"a\",0,1],[\"b\",1,1]]", "[1]", GRAPH_WHOLE);
    erase();
}

static void a_graph_that_is_cut_says_where(void **state)
{
    struct conn *conn = DRAW({ "a", "d", 2010, 2020 }, { "a", "c", 2010, 2020 },
                             { "a", "b", 2010, 2020 }, { "b", "c", 2010, 2020 });

    (void)state;
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 2, .nodes = 3 },
                "[[\"a\",0,2],[\"b\",1,1],[\"c\",1,1]]", "[3,2]", GRAPH_CUT_NODES);
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 2, .edges = 2 },
                "[[\"a\",0,2],[\"b\",1,1],[\"c\",1,1]]", "[3,2]", GRAPH_CUT_EDGES);
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 1, .edges = 3, .nodes = 4 },
                "[[\"a\",0,3],[\"b\",1,1],[\"c\",1,1],[\"d\",1,1]]", "[3,2,1]", GRAPH_WHOLE);
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 2, .looks = 3 },
                "[[\"a\",0,3],[\"b\",1,1],[\"c\",1,1],[\"d\",1,1]]", "[3,2,1]", GRAPH_CUT_LOOKS);
    assert_near(conn, (struct graph_ask){ .nodes = 2 }, "[[\"a\",null,1],[\"d\",null,1]]", "[1]",
                GRAPH_CUT_NODES);
    assert_near(conn, (struct graph_ask){ .edges = 1 }, "[[\"a\",null,1],[\"d\",null,1]]", "[1]",
                GRAPH_CUT_EDGES);
    erase();
}

static void a_node_without_edges_is_alone(void **state)
{
    struct conn *conn = DRAW({ "b", "c", 2010, 2020 });

    (void)state;
    assert_near(conn, (struct graph_ask){ .focus = "a", .depth = 4 }, "[[\"a\",0,0]]", "[]",
                GRAPH_WHOLE);
    assert_chains(conn, (struct graph_ask){ .depth = 0 }, "", GRAPH_WHOLE);
    erase();
}

static void chains_come_in_the_order_of_what_they_pass_with_all_edges_of_a_step(void **state)
{
    struct conn *conn =
        DRAW({ "c", "z", 2010, 2020 }, { "a", "c", 2010, 2020 }, { "b", "z", 2010, 2020 },
             { "b", "a", 2010, 2020 }, { "a", "b", 2010, 2020 }, { "b", "c", 2010, 2020 });

    (void)state;
    assert_chains(conn, (struct graph_ask){ .depth = 3 }, "a[4,5]b[3]z; a[2]c[1]z", GRAPH_WHOLE);
    assert_chains(conn, (struct graph_ask){ .depth = 3, .direction = GRAPH_OUT },
                  "a[5]b[3]z; a[2]c[1]z", GRAPH_WHOLE);
    assert_chains(conn, (struct graph_ask){ .direction = GRAPH_IN }, "", GRAPH_WHOLE);
    assert_chains(conn, (struct graph_ask){ .depth = 1 }, "", GRAPH_WHOLE);
    assert_chains(conn, (struct graph_ask){ .chains = 1 }, "a[4,5]b[3]z", GRAPH_CUT_CHAINS);
    assert_chains(conn, (struct graph_ask){ .looks = 2 }, "", GRAPH_CUT_LOOKS);
    erase();
}

static void dated_chains_hold_at_one_time_even_where_they_are_longer(void **state)
{
    /* a-b-z is shorter, and its two edges never held together. */
    struct conn *conn =
        DRAW({ "a", "b", 2010, 2012 }, { "b", "z", 2014, 2016 }, { "a", "c", 2011, 2015 },
             { "c", "d", 2010, 2020 }, { "d", "z", 2013, 2018 });

    (void)state;
    assert_chains(conn, (struct graph_ask){ .depth = 0 }, "a[1]b[2]z", GRAPH_WHOLE);
    assert_chains(conn, (struct graph_ask){ .is_dated = true },
                  "a[3]c[4]d[5]z 2013-01-01 2015-12-31", GRAPH_WHOLE);
    assert_chains(conn, (struct graph_ask){ .is_dated = true, .depth = 2 }, "", GRAPH_WHOLE);
    erase();
}

static void a_node_that_is_near_at_one_time_may_be_reached_later_by_a_longer_way(void **state)
{
    /* b is one step from a in 2010 alone, and two steps when b-z holds. */
    struct conn *conn = DRAW({ "a", "b", 2010, 2010 }, { "a", "c", 2010, 2020 },
                             { "c", "b", 2012, 2020 }, { "b", "z", 2015, 2025 });

    (void)state;
    assert_chains(conn, (struct graph_ask){ .is_dated = true },
                  "a[2]c[3]b[4]z 2015-01-01 2020-12-31", GRAPH_WHOLE);
    erase();
}

static void each_edge_of_a_dated_step_is_a_chain_of_its_own(void **state)
{
    struct conn *conn = DRAW({ "a", "b", 2010, 2012 }, { "a", "b", 2014, 2016 },
                             { "b", "z", 2012, 2014 }, { "a", "b", 2020, 2021 });

    (void)state;
    assert_chains(conn, (struct graph_ask){ .is_dated = true },
                  "a[1]b[3]z 2012-01-01 2012-12-31; a[2]b[3]z 2014-01-01 2014-12-31", GRAPH_WHOLE);
    assert_chains(conn, (struct graph_ask){ .depth = 0 }, "a[1,2,4]b[3]z", GRAPH_WHOLE);
    erase();
}

static void chains_of_the_most_edges_are_found_and_longer_ones_are_not(void **state)
{
    struct conn *conn =
        DRAW({ "a", "b", 2010, 2020 }, { "b", "c", 2010, 2020 }, { "c", "d", 2010, 2020 },
             { "d", "e", 2010, 2020 }, { "e", "f", 2010, 2020 }, { "f", "g", 2010, 2020 },
             { "g", "h", 2010, 2020 }, { "h", "z", 2010, 2020 });

    (void)state;
    for (int is_dated = 0; is_dated < 2; is_dated++) {
        assert_chains(conn, (struct graph_ask){ .depth = 8, .is_dated = is_dated != 0 },
                      is_dated ? "a[1]b[2]c[3]d[4]e[5]f[6]g[7]h[8]z 2010-01-01 2020-12-31"
                               : "a[1]b[2]c[3]d[4]e[5]f[6]g[7]h[8]z",
                      GRAPH_WHOLE);
        assert_chains(conn, (struct graph_ask){ .depth = 7, .is_dated = is_dated != 0 }, "",
                      GRAPH_WHOLE);
    }
    erase();
}

static int set_up(void **state)
{
    world_open(state);
    fixture = *state;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ring_is_walked_once),
        cmocka_unit_test(an_edge_from_a_node_to_itself_is_one_edge),
        cmocka_unit_test(a_walk_goes_along_the_edges_or_against_them),
        cmocka_unit_test(a_graph_that_is_cut_says_where),
        cmocka_unit_test(a_node_without_edges_is_alone),
        cmocka_unit_test(chains_come_in_the_order_of_what_they_pass_with_all_edges_of_a_step),
        cmocka_unit_test(dated_chains_hold_at_one_time_even_where_they_are_longer),
        cmocka_unit_test(a_node_that_is_near_at_one_time_may_be_reached_later_by_a_longer_way),
        cmocka_unit_test(each_edge_of_a_dated_step_is_a_chain_of_its_own),
        cmocka_unit_test(chains_of_the_most_edges_are_found_and_longer_ones_are_not),
    };

    return cmocka_run_group_tests(tests, set_up, world_close);
}
