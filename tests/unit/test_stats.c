/* db/stats.c and server/stats.c: what HTTP tests cannot reach. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "db/conn.h"
#include "db/dataset.h"
#include "db/stats.h"
#include "handlers/catalogue.h"
#include "server/stats.h"
#include "tests/unit/support.h"

static void assert_bucket(enum stats_bucket bucket, int64_t value, const char *expected)
{
    char text[STATS_BUCKET_SIZE];

    stats_bucket_text(bucket, value, text);
    assert_string_equal(text, expected);
}

static void a_bucket_is_written_as_a_date(void **state)
{
    (void)state;
    assert_bucket(STATS_YEAR, 2013, "2013");
    assert_bucket(STATS_YEAR, 1, "0001");
    assert_bucket(STATS_QUARTER, 2013 * 4, "2013-Q1");
    assert_bucket(STATS_QUARTER, 2013 * 4 + 3, "2013-Q4");
    assert_bucket(STATS_MONTH, 2013 * 12, "2013-01");
    assert_bucket(STATS_MONTH, 2013 * 12 + 11, "2013-12");
}

static void assert_first_day(enum stats_bucket bucket, int64_t value, const char *expected)
{
    char text[STATS_BUCKET_SIZE];

    stats_bucket_day(bucket, value, text);
    assert_string_equal(text, expected);
}

static void a_bucket_begins_on_its_first_day(void **state)
{
    (void)state;
    assert_first_day(STATS_YEAR, 2013, "2013-01-01");
    assert_first_day(STATS_YEAR, 1, "0001-01-01");
    assert_first_day(STATS_QUARTER, 2013 * 4, "2013-01-01");
    assert_first_day(STATS_QUARTER, 2013 * 4 + 1, "2013-04-01");
    assert_first_day(STATS_QUARTER, 2013 * 4 + 3, "2013-10-01");
    assert_first_day(STATS_MONTH, 2013 * 12, "2013-01-01");
    assert_first_day(STATS_MONTH, 2013 * 12 + 11, "2013-12-01");
}

/* Asks for sums and gives the choice that was made. */
static bool choose(const struct world *world, struct query *query, const struct stats *asked,
                   struct stats_choice *ret, struct error *err)
{
    struct stats stats = *asked;

    memset(query, 0, sizeof(*query));
    memset(err, 0, sizeof(*err));
    query->resource = &casualties;
    stats.query = query;
    stats.measure = resource_field(&casualties, "deaths");
    return stats_choose(world_conn(world), &stats, ret, err);
}

static void the_lowest_rank_answers_and_the_others_say_to_whom_they_lost(void **state)
{
    static struct stats_choice choice;
    struct query query;
    struct error err;

    assert_true(choose(*state, &query, &(struct stats){ .rule = STATS_PREFERRED }, &choice, &err));
    assert_int_equal(choice.n, 3); /* nobody of the injured is counted here */
    assert_string_equal(choice.candidates[0].series, "roll");
    assert_int_equal(choice.candidates[0].verdict, STATS_ANSWERS);
    assert_int_equal(choice.candidates[0].records, 5);
    assert_string_equal(choice.candidates[1].series, "roll-total");
    assert_int_equal(choice.candidates[1].verdict, STATS_OVERLAPS);
    assert_ptr_equal(choice.candidates[1].other, &choice.candidates[0]);
    assert_string_equal(choice.candidates[2].series, "raids");
    assert_int_equal(choice.candidates[2].verdict, STATS_INCOMPATIBLE);
}

static void side_by_side_every_series_answers(void **state)
{
    static struct stats_choice choice;
    struct query query;
    struct error err;

    assert_true(choose(*state, &query, &(struct stats){ .rule = STATS_ALL }, &choice, &err));
    for (size_t i = 0; i < choice.n; i++)
        assert_int_equal(choice.candidates[i].verdict, STATS_ANSWERS);
}

static void a_later_state_of_the_same_set_goes_before_a_lower_rank(void **state)
{
    const struct world *world = *state;
    static struct stats_choice choice;
    char file[WORLD_PATH];
    struct world other = *world;
    struct query query;
    struct error err;

    /* The same roll once more, as records of its first state alone: finer, but older. */
    world_variant(
        world, "older.db",
        "INSERT INTO series SELECT 'records', 'Records', 'record', definition, 1, 0, 'day', "
        "dimensions_json, text FROM series WHERE id = 'roll';"
        "INSERT INTO series_overlaps VALUES ('records', 'roll', 0), ('roll', 'records', 9);"
        "INSERT INTO series_states VALUES ('records', '2020-01-01', 'roll-2020');"
        "UPDATE casualties SET series = 'records', kind = 'record' WHERE id = "
        "'uniga-2015-military-accident'",
        file);
    memset(&err, 0, sizeof(err));
    assert_true(dataset_publish(world->dataset, file, &err));
    assert_true(choose(&other, &query, &(struct stats){ .rule = STATS_PREFERRED }, &choice, &err));
    assert_string_equal(choice.candidates[0].series, "records");
    assert_int_equal(choice.candidates[0].verdict, STATS_STALE);
    assert_string_equal(choice.candidates[0].other->series, "roll");
    assert_true(dataset_publish(world->dataset, world->file, &err));
}

static void a_name_of_a_source_leads_to_the_day_of_its_state(void **state)
{
    struct error err = { 0 };
    char day[DATE_DAY_SIZE];

    assert_true(stats_source_day(world_conn(*state), "roll-2020", day, &err));
    assert_string_equal(day, "2020-01-01");
    assert_true(stats_source_day(world_conn(*state), "atlas", day, &err));
    assert_string_equal(day, "");
}

static void codes_references_and_dates_can_be_grouped_by(void **state)
{
    bool is_date;

    (void)state;
    assert_true(stats_groups_by(resource_field(&casualties, "cause"), &is_date));
    assert_false(is_date);
    assert_true(stats_groups_by(resource_field(&casualties, "nationality"), &is_date));
    assert_true(stats_groups_by(resource_field(&casualties, "date"), &is_date));
    assert_true(is_date);
    assert_false(stats_groups_by(resource_field(&casualties, "perpetrators"), &is_date));
    assert_false(stats_groups_by(resource_field(&casualties, "deaths"), &is_date));
    assert_false(stats_groups_by(resource_field(&casualties, "note"), &is_date));
    assert_false(stats_groups_by(resource_field(&facts, "subject"), &is_date));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bucket_is_written_as_a_date),
        cmocka_unit_test(a_bucket_begins_on_its_first_day),
        cmocka_unit_test(the_lowest_rank_answers_and_the_others_say_to_whom_they_lost),
        cmocka_unit_test(side_by_side_every_series_answers),
        cmocka_unit_test(a_later_state_of_the_same_set_goes_before_a_lower_rank),
        cmocka_unit_test(a_name_of_a_source_leads_to_the_day_of_its_state),
        cmocka_unit_test(codes_references_and_dates_can_be_grouped_by),
    };

    return cmocka_run_group_tests(tests, world_open, world_close);
}
