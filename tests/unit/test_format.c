/* The forms of answers, and how one is asked for. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "handlers/catalogue.h"
#include "server/format.h"

static void every_form_is_found_by_its_name_and_its_end(void **state)
{
    (void)state;
    for (int i = 0; i < FORMAT__MAX; i++) {
        enum format format = FORMAT__MAX;
        char segment[32] = "missions";

        assert_true(format_find(format_name((enum format)i), &format));
        assert_int_equal(format, i);
        strncat(segment, format_suffix((enum format)i), sizeof(segment) - strlen(segment) - 1);
        assert_int_equal(format_of_suffix(segment), i);
        assert_non_null(strchr(format_type((enum format)i), '/'));
    }
}

static void what_is_no_form_is_not_found(void **state)
{
    enum format format = FORMAT_DOT;

    (void)state;
    assert_false(format_find("xml", &format));
    assert_false(format_find("", &format));
    assert_false(format_find("CSV", &format));
    assert_int_equal(format, FORMAT_DOT);
    /* An id may hold a dot, and what is nothing but an end is an id. */
    assert_int_equal(format_of_suffix("a.b"), FORMAT_JSON);
    assert_int_equal(format_of_suffix(".csv"), FORMAT_JSON);
    assert_int_equal(format_of_suffix("a.csv.gz"), FORMAT_JSON);
    assert_int_equal(format_of_suffix("a.CSV"), FORMAT_JSON);
    assert_int_equal(format_of_suffix(""), FORMAT_JSON);
}

static void accept_counts_where_its_first_type_is_exactly_a_form(void **state)
{
    static const struct {
        const char *accept;
        enum format format;
    } rows[] = {
        { "text/csv", FORMAT_CSV },
        { " text/csv", FORMAT_CSV },
        { "TEXT/CSV;q=0.1", FORMAT_CSV },
        { "text/csv, application/json", FORMAT_CSV },
        { "text/csv ; header=present", FORMAT_CSV },
        { "application/x-ndjson", FORMAT_NDJSON },
        { "application/geo+json, */*", FORMAT_GEOJSON },
        { "application/json, text/csv", FORMAT_JSON },
        { "text/*", FORMAT_JSON },
        { "text/csv2", FORMAT_JSON },
        { "text/cs", FORMAT_JSON },
        { "*/*", FORMAT_JSON },
        { "", FORMAT_JSON },
        { ",text/csv", FORMAT_JSON },
        { "application/json;q=0.9,text/plain", FORMAT_JSON },
        { "application/graphml+xml", FORMAT_JSON },
        { NULL, FORMAT_JSON },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(format_accepted(rows[i].accept), rows[i].format);
}

static void lists_and_sums_are_told_flat_and_graphs_drawn(void **state)
{
    (void)state;
    for (size_t i = 0; catalogue[i] != NULL; i++) {
        const struct resource *resource = catalogue[i];

        assert_true(format_fits(resource, FORMAT_JSON, false));
        if (resource->graph != NULL)
            continue;
        assert_true(format_fits(resource, FORMAT_CSV, false));
        assert_true(format_fits(resource, FORMAT_ROWS, true));
        assert_false(format_fits(resource, FORMAT_DOT, false));
        assert_int_equal(format_fits(resource, FORMAT_GEOJSON, false), resource->geometry != NULL);
        assert_false(format_fits(resource, FORMAT_GEOJSON, true)); /* a sum has no place */
    }
    assert_true(format_fits(&graph, FORMAT_DOT, false));
    assert_false(format_fits(&graph, FORMAT_CSV, false));
    assert_true(format_fits(&graph_nodes, FORMAT_CSV, false));
    assert_false(format_fits(&graph_nodes, FORMAT_DOT, false));
    assert_false(format_fits(&graph_nodes, FORMAT_GEOJSON, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_found_by_its_name_and_its_end),
        cmocka_unit_test(what_is_no_form_is_not_found),
        cmocka_unit_test(accept_counts_where_its_first_type_is_exactly_a_form),
        cmocka_unit_test(lists_and_sums_are_told_flat_and_graphs_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
