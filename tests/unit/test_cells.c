/* db/cells.c: which table of sums can tell what is asked, and what only the rows can. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/cells.h"
#include "db/dataset.h"
#include "handlers/catalogue.h"
#include "server/query.h"
#include "server/route.h"
#include "server/target.h"
#include "tests/unit/support.h"

/* The table that stands for the rows of a request; NULL: the rows themselves do. */
static const char *table_of(const struct world *world, const char *raw,
                            const struct field *const *fields, size_t n, bool has_parts)
{
    static struct target target;
    static struct query query;
    static struct route route;
    const struct conn *conn = world_conn(world);
    const struct cells *cells;
    struct error err = { 0 };

    if (!target_parse(raw, &target, &err) || !route_find(catalogue, &target, &route, &err)
        || !query_parse(catalogue, conn_state(conn), &target, &route, &query, &err))
        fail_msg("%s: %s", raw, err.detail);
    cells = cells_for(&query, fields, n, has_parts);
    return cells != NULL ? cells->from : NULL;
}

static void assert_told_by(const struct world *world, const char *raw, const char *expected)
{
    const char *table = table_of(world, raw, NULL, 0, false);

    if (table == NULL || strcmp(table, expected) != 0)
        fail_msg("%s is told by %s", raw, table != NULL ? table : "the rows");
}

static void assert_told_by_rows(const struct world *world, const char *raw)
{
    const char *table = table_of(world, raw, NULL, 0, false);

    if (table != NULL)
        fail_msg("%s is told by %s", raw, table);
}

static void the_coarsest_table_that_has_the_fields_tells(void **state)
{
    assert_told_by(*state, "/v1/casualties", "casualty_series k");
    assert_told_by(*state, "/v1/casualties?series=roll&harm=killed", "casualty_series k");
    assert_told_by(*state, "/v1/casualties?mission=unfix", "casualty_years k");
    assert_told_by(*state, "/v1/casualties?source__not=roll-2020&place=niger", "casualty_years k");
    assert_told_by(*state, "/v1/casualties?cause=illness&mission=unfix", "casualty_cells k");
    assert_told_by(*state, "/v1/casualties?nationality__isnull=true", "casualty_cells k");
    assert_told_by(*state, "/v1/missions/unfix/casualties", "casualty_years k");
}

static void whole_years_are_told_by_cells_and_days_by_rows(void **state)
{
    static const char *const years[] = {
        "date=2013",
        "date__not=2013",
        "date=2013&date=2015",
        "date__gte=2013",
        "date__gte=2013-01-01",
        "date__gte=2013-01",
        "date__lt=2013-01-01",
        "date__gt=2013-12-31",
        "date__gt=2013-12",
        "date__lte=2013",
        "date__lte=2013-12-31",
        "during=2013",
        "during=2013..2015",
        "from=2013-01&to=2014-12",
        "from=2013",
        "to=2013",
    };
    static const char *const days[] = {
        "date=2013-01",         "date__not=2013-01-01", "date=2013&date=2015-02",
        "date__gte=2013-12-31", "date__gte=2013-02",    "date__lt=2013-12-31",
        "date__gt=2013-01-01",  "date__gt=2013-11",     "date__lte=2013-11",
        "at=2013-01-01",        "from=2013-02",         "to=2013-11-30",
        "during=2013-01",
    };
    char raw[128];

    for (size_t i = 0; i < sizeof(years) / sizeof(*years); i++) {
        snprintf(raw, sizeof(raw), "/v1/casualties?%s", years[i]);
        assert_told_by(*state, raw, "casualty_years k");
        snprintf(raw, sizeof(raw), "/v1/casualties?%s&certainty=definite", years[i]);
        assert_told_by(*state, raw, "casualty_years k");
    }
    for (size_t i = 0; i < sizeof(days) / sizeof(*days); i++) {
        snprintf(raw, sizeof(raw), "/v1/casualties?%s", days[i]);
        assert_told_by_rows(*state, raw);
    }
}

static void what_no_cell_has_is_told_by_rows(void **state)
{
    static const char *const asked[] = {
        "as_of=2020-01-01",
        "changed_since=2020-06-01",
        "q=unfix",
        "deaths__gte=1",
        "id=unfix-2020-local",
        "perpetrators=niger-army",
        "claims=tinville-deaths-herald",
        "known_from__gte=2020",
        "end__isnull=true",
        "end=2019",
        "location__contains=a",
    };
    char raw[128];

    for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
        snprintf(raw, sizeof(raw), "/v1/casualties?%s", asked[i]);
        assert_told_by_rows(*state, raw);
    }
    assert_told_by_rows(*state, "/v1/casualties/unfix-2020-local");
    assert_told_by_rows(*state, "/v1/strengths");
}

static void groups_and_parts_ask_for_finer_cells(void **state)
{
    const struct field *mission = resource_field(&casualties, "mission");
    const struct field *cause = resource_field(&casualties, "cause");
    const struct field *end = resource_field(&casualties, "end");

    assert_string_equal(table_of(*state, "/v1/casualties", &mission, 1, false), "casualty_years k");
    assert_string_equal(table_of(*state, "/v1/casualties", &mission, 1, true), "casualty_cells k");
    assert_string_equal(table_of(*state, "/v1/casualties", &cause, 1, false), "casualty_cells k");
    assert_null(table_of(*state, "/v1/casualties", &end, 1, false));
}

/* Every column that conditions on the fields of cells ask for must be there. */
static void all_that_is_declared_can_be_asked_for(void **state)
{
    static const struct query none;
    struct query query = none;
    const struct field *keys[2] = { resource_field(&casualties, "date"),
                                    resource_field(&casualties, "mission") };

    (void)state;
    query.resource = &casualties;
    for (const struct cells *cells = casualties.sums->cells; cells->from != NULL; cells++) {
        for (const char *const *name = cells->fields; *name != NULL; name++)
            assert_non_null(resource_field(&casualties, *name));
    }
    assert_string_equal(cells_groups_for(&query, keys, 2)->from, "casualty_mission_years k");
    assert_null(cells_groups_for(&query, keys, 1));
    keys[0] = resource_field(&casualties, "series");
    assert_null(cells_groups_for(&query, keys, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_coarsest_table_that_has_the_fields_tells),
        cmocka_unit_test(whole_years_are_told_by_cells_and_days_by_rows),
        cmocka_unit_test(what_no_cell_has_is_told_by_rows),
        cmocka_unit_test(groups_and_parts_ask_for_finer_cells),
        cmocka_unit_test(all_that_is_declared_can_be_asked_for),
    };

    return cmocka_run_group_tests(tests, world_open, world_close);
}
