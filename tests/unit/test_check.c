/* `bluehelm check` finds what is wrong with a file, whoever made it. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "db/build.h"
#include "db/check.h"
#include "db/digest.h"
#include "db/seal.h"
#include "tests/unit/little_text.h"

static struct little little; /* built once; each test tampers with a copy */
static char *built;          /* its bytes */
static size_t built_len;

/** One change to a built file that makes it wrong, and what is said of it. */
struct tamper_case {
    const char *name;
    const char *sql;
    bool is_covered;    /* the digest is written anew, so that only the rule itself can find it */
    const char *expect; /* words that begin a line behind the file's name; several by '\n' */
};

static const struct tamper_case cases[] = {
    { "a_changed_number_changes_the_digest", "UPDATE claims SET low = 302 WHERE id = 'raid-paper'",
      false, "dataset digest: it says " },
    { "a_changed_word_changes_the_digest",
      "UPDATE sources SET title = 'The Papers' WHERE id = 'paper'", false,
      "dataset digest: it says " },
    { "null_and_empty_are_not_the_same_digest", "UPDATE sources SET note = '' WHERE id = 'paper'",
      false, "dataset digest: it says " },
    { "a_coordinate_in_its_last_digit_changes_the_digest",
      "UPDATE places SET latitude = 17.500000000000004 WHERE id = 'mli'", false,
      "dataset digest: it says " },
    { "words_moved_to_the_next_column_change_the_digest",
      "UPDATE sources SET title = 'The', publisher = ' PaperPress' WHERE id = 'paper'", false,
      "dataset digest: it says " },
    { "a_missing_digest_is_found", "DELETE FROM dataset WHERE key = 'digest'", false,
      "dataset digest: it is missing" },
    { "a_wrong_release_is_found", "UPDATE dataset SET value = '2020-01-01' WHERE key = 'release'",
      false, "dataset release: it is not the newest release" },
    { "a_missing_table_is_found", "DROP TABLE event_claims", true,
      "table event_claims: column event TEXT\ntable event_claims: column claim TEXT\ntable "
      "event_claims: column position INTEGER" },
    { "a_missing_column_is_found", "ALTER TABLE claims DROP COLUMN superseded_by", true,
      "table claims: column superseded_by TEXT, not null 0, key 0: it is missing" },
    { "an_extra_column_is_found", "ALTER TABLE claims ADD COLUMN colour TEXT", true,
      "table claims: column colour TEXT, not null 0, key 0: the schema has none" },
    { "an_extra_table_is_found", "CREATE TABLE weather (day TEXT)", true,
      "table weather: column day TEXT, not null 0, key 0: the schema has none" },
    { "an_extra_view_is_found", "CREATE VIEW weather AS SELECT id FROM claims", true,
      "view weather: column id TEXT" },
    { "an_extra_trigger_is_found",
      "CREATE TRIGGER mischief AFTER INSERT ON codes BEGIN DELETE FROM codes; END", true,
      "trigger mischief on codes: the schema has none" },
    { "a_missing_index_is_found", "DROP INDEX claims_by_fact", true,
      "index claims_by_fact on claims: it is missing" },
    { "a_status_of_no_list_is_found",
      "PRAGMA ignore_check_constraints = ON; UPDATE missions SET status = 'paused' WHERE id = "
      "'unknowns'",
      true, "missions unknowns: status is no code of 'mission_status'" },
    { "a_reference_to_nothing_is_found",
      "UPDATE facts SET place = 'nowhere' WHERE id = 'raid-deaths'", true,
      "facts raid-deaths: it refers to none of places" },
    { "a_link_to_nothing_is_found", "UPDATE event_actors SET actor = 'nobody' WHERE actor = 'band'",
      true, "events raid: event_actors names what is not there" },
    { "a_claim_without_source_is_found",
      "UPDATE claims SET reported_by = 'gone' WHERE id = 'raid-wire'", true,
      "claims raid-wire: it refers to none of sources\nclaims raid-wire: no source reports it" },
    { "a_number_without_source_is_found", "UPDATE casualties SET source = 'gone' WHERE version = 2",
      true,
      "casualties unfix-2018: it refers to none of sources\ncasualties unfix-2018: a number "
      "without source\ncasualties unfix-2018: casualty_groups does not hold its values" },
    { "a_relationship_without_source_is_found", "DELETE FROM relationship_claims", true,
      "relationships band-fights-unfix: neither claims nor sources\nrelationships "
      "band-fights-unfix: claims_json is not" },
    { "a_mission_without_source_is_found", "DELETE FROM mission_sources WHERE mission = 'unknowns'",
      true, "missions unknowns: no source\nmissions unknowns: sources_json is not" },
    { "an_event_without_source_is_found",
      "DELETE FROM event_sources WHERE event = 'siege'; UPDATE events SET sources_json = '[]' "
      "WHERE id = 'siege'",
      true, "events siege: neither claims nor sources" },
    { "a_number_without_words_is_found",
      "UPDATE casualties SET text = NULL WHERE id = 'unfix-2019'", true,
      "casualties unfix-2019: a number without qualifier, unit or text" },
    { "bounds_the_wrong_way_round_are_found",
      "UPDATE casualties SET low = 50, flags_json = '[]' WHERE id = 'unfix-2019'", true,
      "casualties unfix-2019: low is greater than high" },
    { "best_outside_its_bounds_is_found",
      "UPDATE casualties SET flags_json = '[]' WHERE id = 'unfix-2019'", true,
      "casualties unfix-2019: best lies outside its bounds" },
    { "bounds_that_do_not_fit_the_qualifier_are_found",
      "UPDATE claims SET best = 301 WHERE id = 'raid-paper'", true,
      "claims raid-paper: low, best and high are not those" },
    { "exactly_with_two_numbers_is_found", "UPDATE casualties SET high = 3 WHERE version = 2", true,
      "casualties unfix-2018: low, best and high are not those" },
    { "exactly_with_one_number_is_found", "UPDATE casualties SET low = NULL WHERE version = 2",
      true, "casualties unfix-2018: low, best and high are not those" },
    { "another_unit_than_the_definitions_is_found",
      "UPDATE casualties SET unit = 'usd' WHERE id = 'unfix-2019'", true,
      "casualties unfix-2019: the unit is not" },
    { "another_unit_of_a_claim_is_found", "UPDATE claims SET unit = 'usd' WHERE id = 'raid-wire'",
      true,
      "claims raid-wire: the unit is not\nclaims raid-paper: claim_pairs does not say\nclaims "
      "raid-wire: claim_pairs does not say" },
    { "pairs_of_claims_that_are_not_compared_are_found", "DELETE FROM claim_pairs", true,
      "claims raid-paper: claim_pairs does not say how it stands\nclaims raid-wire: claim_pairs "
      "does not say how it stands" },
    { "a_cell_of_another_sum_is_found", "UPDATE casualty_cells SET best = best + 1 WHERE rowid = 1",
      true, "casualty_cells cells: its sums are not those of casualty_cell_sums" },
    { "a_cell_that_stands_twice_is_found",
      "INSERT INTO casualty_series SELECT * FROM casualty_series", true,
      "casualty_series cells: its sums are not those of casualty_series_sums\n"
      "casualty_series sums: its sums are not those of casualty_series_sums" },
    { "a_missing_year_is_found", "DELETE FROM casualty_years", true,
      "casualty_years cells: its sums are not those of casualty_year_sums\n"
      "casualty_years sums: its sums are not those of casualty_year_sums" },
    { "a_group_with_another_source_is_found", "UPDATE casualty_mission_years SET sources = '[]'",
      true, "casualty_mission_years cells: its sums are not those of casualty_cells" },
    { "known_from_after_the_newest_release_is_found",
      "UPDATE actors SET known_from = '2022-01-01' WHERE id = 'band'", true,
      "actors band: known_from is later" },
    { "known_to_before_known_from_is_found",
      "PRAGMA ignore_check_constraints = ON; UPDATE actors SET known_to = '2000-01-01' WHERE id = "
      "'band'",
      true, "actors band: known_to is not later than known_from" },
    { "versions_with_gaps_are_found", "UPDATE casualties SET version = 3 WHERE version = 2", true,
      "casualties unfix-2018: versions with gaps" },
    { "versions_that_overlap_are_found",
      "UPDATE casualties SET known_to = '2020-06-01' WHERE id = 'unfix-2018' AND version = 1", true,
      "casualties unfix-2018: a version is known beyond" },
    { "a_version_without_end_before_another_is_found",
      "UPDATE missions SET known_to = NULL WHERE version = 1 AND id = 'unfix'", true,
      "missions unfix: a version is known beyond" },
    { "an_end_before_the_start_is_found",
      "UPDATE relationships SET end_min = '2000-01-01', end_max = '2000-12-31'", true,
      "relationships band-fights-unfix: it ends before it begins" },
    { "a_casualty_that_ends_before_it_begins_is_found",
      "UPDATE casualties SET end_min = '2000-01-01', end_max = '2000-12-31' WHERE id = "
      "'unfix-2019'",
      true, "casualties unfix-2019: it ends before" },
    { "an_event_that_ends_before_it_begins_is_found",
      "UPDATE events SET end_min = '2000-01-01', end_max = '2000-12-31' WHERE id = 'siege'", true,
      "events siege: it ends before" },
    { "an_unknown_code_is_found", "UPDATE events SET kind = 'parade' WHERE id = 'siege'", true,
      "events siege: kind is no code of 'event_kind'" },
    { "an_unknown_flag_is_found",
      "UPDATE claims SET flags_json = '[\"loud\"]' WHERE id = 'raid-paper'", true,
      "claims raid-paper: flags holds what is no code of 'flag'" },
    { "a_list_that_is_no_json_is_found",
      "UPDATE claims SET flags_json = 'loud' WHERE id = 'raid-paper'", true,
      "claims: malformed JSON, so that a rule" },
    { "a_missing_subject_is_found",
      "UPDATE facts SET subject = 'nobody' WHERE id = 'unfix-deaths'; UPDATE claims SET subject = "
      "'nobody' WHERE fact = 'unfix-deaths'",
      true, "facts unfix-deaths: no such subject" },
    { "a_missing_object_is_found", "UPDATE claims SET object = 'nobody' WHERE id = 'raid-wire'",
      true, "claims raid-wire: no such object" },
    { "a_successor_on_another_fact_is_found",
      "UPDATE claims SET superseded_by = 'unfix-paper' WHERE id = 'raid-paper'", true,
      "claims raid-paper: superseded by a claim on another fact" },
    { "an_overlap_said_by_one_side_is_found", "DELETE FROM series_overlaps WHERE series = 'sums'",
      true, "series cells: it overlaps a series" },
    { "a_sum_said_by_one_side_is_found", "DELETE FROM definition_sums WHERE definition = 'lost'",
      true, "definitions dead: it adds with" },
    { "a_claim_with_another_subject_than_its_fact_is_found",
      "UPDATE claims SET subject = 'siege' WHERE id = 'raid-wire'", true,
      "claims raid-wire: subject and predicate are not" },
    { "a_casualty_of_another_kind_than_its_series_is_found",
      "UPDATE casualties SET kind = 'cell' WHERE id = 'unfix-2019'", true,
      "casualties unfix-2019: the kind is not its series'\ncasualties unfix-2019: casualty_groups "
      "does "
      "not hold its values" },
    { "a_mission_that_is_no_actor_is_found",
      "UPDATE actors SET type = 'state' WHERE id = 'unknowns'", true,
      "missions unknowns: no actor of type un_mission" },
    { "a_place_outside_its_country_is_found",
      "DELETE FROM place_closure WHERE place = 'moura' AND ancestor = 'mli'", true,
      "places moura: place_closure does not hold it" },
    { "a_thing_without_label_is_found", "DELETE FROM labels WHERE kind = 'source' AND id = 'wire'",
      true, "sources wire: no label" },
    { "a_thing_not_found_by_its_id_is_found",
      "DELETE FROM names WHERE kind = 'place' AND name = 'moura'", true,
      "places moura: it is not found by its id" },
    { "a_list_that_is_not_its_links_is_found",
      "UPDATE events SET places_json = '[]' WHERE id = 'raid'", true,
      "events raid: places_json is not the list" },
    { "control_characters_of_a_file_do_not_reach_the_terminal",
      "UPDATE places SET id = 'za' || char(27) WHERE id = 'za'; DELETE FROM place_closure WHERE "
      "place = 'za'",
      true,
      "places za?: place_closure does not\nplaces za?: no label\nplaces za?: it is not found" },
};

static void write_bytes(const char *bytes, size_t len)
{
    FILE *file = fopen(little.file, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Checks the file; faults go to little.faults. */
static bool check(struct check_summary *ret, struct error *err)
{
    FILE *faults = fopen(little.faults, "w");
    bool is_right;

    assert_non_null(faults);
    *err = (struct error){ 0 };
    is_right = check_dataset(little.file, faults, ret, err);
    fclose(faults);
    return is_right;
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* Whoever changes a file can seal it anew: that hides nothing from what follows. */
static void seal(void)
{
    struct error err = { 0 };

    if (!seal_write(little.file, little.file, &err))
        fail_msg("%s", err.detail);
}

static void tamper(const char *sql, bool is_covered)
{
    char update[256], digest[DIGEST_SIZE];
    struct error err = { 0 };
    sqlite3 *db = NULL;

    write_bytes(built, built_len);
    assert_int_equal(sqlite3_open(little.file, &db), SQLITE_OK);
    run(db, sql);
    if (is_covered) {
        assert_true(digest_compute(db, digest, &err));
        snprintf(update, sizeof(update), "UPDATE dataset SET value = '%s' WHERE key = 'digest'",
                 digest);
        run(db, update);
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    seal();
}

static void check_case(void **state)
{
    const struct tamper_case *it = *state;
    struct check_summary summary;
    struct error err;
    size_t n = 0, n_lines = 0;
    char *lines;

    tamper(it->sql, it->is_covered);
    assert_false(check(&summary, &err));
    assert_int_equal(err.code, ERR_INPUT);
    lines = little_read(little.faults, NULL);
    for (const char *line = lines; *line != '\0'; line = strchr(line, '\n') + 1, n_lines++)
        assert_true(strncmp(line, little.file, strlen(little.file)) == 0);
    for (const char *expected = it->expect; *expected != '\0'; n++) {
        size_t len = strcspn(expected, "\n");
        bool is_there = false;

        for (const char *line = lines; *line != '\0'; line = strchr(line, '\n') + 1)
            is_there = is_there || strncmp(line + strlen(little.file) + 2, expected, len) == 0;
        if (!is_there)
            fail_msg("no line begins with '%.*s' in:\n%s", (int)len, expected, lines);
        expected += len + (expected[len] == '\n');
    }
    if (n != n_lines)
        fail_msg("%zu faults where %zu were expected:\n%s", n_lines, n, lines);
    free(lines);
}

/* The file is no dataset at all: said in the error, not as a fault. */
static void assert_refused(const char *words)
{
    struct check_summary summary;
    struct error err;

    assert_false(check(&summary, &err));
    assert_int_equal(err.code, ERR_INPUT);
    if (strstr(err.detail, words) == NULL)
        fail_msg("'%s' is not in '%s'", words, err.detail);
}

static void a_built_file_is_right(void **state)
{
    struct check_summary summary;
    struct error err;
    char *lines;

    (void)state;
    write_bytes(built, built_len);
    assert_true(check(&summary, &err));
    lines = little_read(little.faults, NULL);
    assert_string_equal(lines, "");
    assert_string_equal(summary.release, "2021-01-01");
    assert_int_equal(strlen(summary.digest), DIGEST_SIZE - 1);
    assert_true(summary.n_rows > 69);
    free(lines);
}

static void the_digest_is_that_of_the_build(void **state)
{
    struct build_summary made;
    struct check_summary found;
    struct error err = { 0 };

    (void)state;
    assert_true(build_dataset(little.text, little.file, NULL, &made, &err));
    assert_true(check(&found, &err));
    assert_string_equal(made.digest, found.digest);
}

static void the_layout_of_the_file_does_not_change_the_digest(void **state)
{
    struct check_summary summary;
    struct error err;

    (void)state;
    tamper("PRAGMA page_size = 8192; VACUUM", false);
    assert_true(check(&summary, &err));
}

static void a_file_is_checked_where_nobody_may_write(void **state)
{
    struct check_summary summary;
    struct error err;

    (void)state;
    write_bytes(built, built_len);
    assert_int_equal(chmod(little.file, 0444), 0);
    assert_int_equal(chmod(little.out, 0555), 0);
    assert_true(check(&summary, &err));
    assert_int_equal(chmod(little.out, 0755), 0);
    assert_int_equal(chmod(little.file, 0644), 0);
    assert_int_equal(little_count(&little), 1);
}

static void a_name_with_a_question_mark_is_a_name(void **state)
{
    struct check_summary summary;
    struct error err = { 0 };
    char path[LITTLE_PATH + 32];

    (void)state;
    write_bytes(built, built_len);
    snprintf(path, sizeof(path), "%s?mode=rw%%20#", little.file);
    assert_int_equal(rename(little.file, path), 0);
    assert_true(check_dataset(path, NULL, &summary, &err));
    assert_int_equal(unlink(path), 0);
}

static void a_missing_file_is_refused(void **state)
{
    (void)state;
    unlink(little.file);
    assert_refused("No such file or directory");
}

static void a_directory_is_refused(void **state)
{
    struct check_summary summary;
    struct error err = { 0 };

    (void)state;
    assert_false(check_dataset(little.out, NULL, &summary, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.detail, ": a directory; "));
}

static void an_empty_file_is_refused(void **state)
{
    (void)state;
    write_bytes("", 0);
    assert_refused("the file is empty");
}

static void words_are_refused(void **state)
{
    (void)state;
    write_bytes("list,id,name,text,inverse\n", 26);
    assert_refused("not an SQLite file");
}

static void random_bytes_are_refused(void **state)
{
    char bytes[8192];
    uint32_t seed = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        seed = seed * 1664525 + 1013904223;
        bytes[i] = (char)(seed >> 24);
    }
    write_bytes(bytes, sizeof(bytes));
    assert_refused("not an SQLite file");
}

static void another_database_is_refused(void **state)
{
    sqlite3 *db = NULL;

    (void)state;
    unlink(little.file);
    assert_int_equal(sqlite3_open(little.file, &db), SQLITE_OK);
    run(db, "CREATE TABLE weather (day TEXT)");
    sqlite3_close(db);
    assert_refused("an SQLite file, but not a bluehelm dataset");
}

static void a_newer_schema_is_refused_by_its_number(void **state)
{
    (void)state;
    tamper("PRAGMA user_version = 5", false);
    assert_refused("schema version 5 is newer than this program's 4");
}

static void an_older_schema_is_refused_by_its_number(void **state)
{
    (void)state;
    tamper("PRAGMA user_version = 0", false);
    assert_refused("schema version 0 is older than this program's 4");
}

/* As the file's header has it. */
static size_t built_pages(void)
{
    return (size_t)(unsigned char)built[30] << 8 | (unsigned char)built[31];
}

static void a_truncated_file_is_refused_at_any_length(void **state)
{
    (void)state;
    for (size_t len = 1; len < built_len; len = len * 3 / 2 + 1) {
        struct check_summary summary;
        struct error err;

        write_bytes(built, len);
        assert_false(check(&summary, &err));
        assert_int_equal(err.code, ERR_INPUT);
    }
    write_bytes(built, built_len - 4096);
    assert_refused("and its header says");
}

static void a_page_of_zeros_is_found(void **state)
{
    (void)state;
    /* Any page but the first, which has its own checks. */
    for (size_t page = 1; page < built_pages(); page += 7) {
        struct check_summary summary;
        struct error err;
        char *bytes = malloc(built_len);

        assert_non_null(bytes);
        memcpy(bytes, built, built_len);
        memset(bytes + page * 4096, 0, 4096);
        write_bytes(bytes, built_len);
        free(bytes);
        assert_refused("is not what was written");
        seal();
        assert_false(check(&summary, &err));
        assert_int_equal(err.code, ERR_INPUT);
    }
}

static void a_changed_byte_of_content_is_found(void **state)
{
    struct check_summary summary;
    struct error err;
    char *bytes = malloc(built_len), *at;

    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, built, built_len);
    at = memmem(bytes, built_len, "more than 300", 13);
    assert_non_null(at);
    at[10] = '5';
    write_bytes(bytes, built_len);
    free(bytes);
    assert_refused("is not what was written");
    seal();
    assert_false(check(&summary, &err));
    assert_int_equal(err.code, ERR_INPUT);
}

static void bytes_changed_anywhere_never_crash(void **state)
{
    uint32_t seed = 7;

    (void)state;
    for (int i = 0; i < 60; i++) {
        struct check_summary summary;
        struct error err, none = { 0 };
        char *bytes = malloc(built_len);

        assert_non_null(bytes);
        memcpy(bytes, built, built_len);
        for (int j = 0; j < 20; j++) {
            seed = seed * 1664525 + 1013904223;
            /* Every third round in the schema's own page. */
            bytes[100 + (seed >> 8) % ((i % 3 == 0 ? 4096 : built_len) - 100)] = (char)(seed >> 24);
        }
        write_bytes(bytes, built_len);
        free(bytes);
        if (i % 2 == 0)
            seal_write(little.file, little.file, &none); /* where the header is still one */
        if (!check(&summary, &err))
            assert_int_equal(err.code, ERR_INPUT);
    }
}

static int set_up(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };

    (void)state;
    little_make(&little);
    if (!build_dataset(little.text, little.file, stderr, &summary, &err))
        return -1;
    built = little_read(little.file, &built_len);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(built);
    little_free(&little);
    return 0;
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(a_built_file_is_right),
        cmocka_unit_test(the_digest_is_that_of_the_build),
        cmocka_unit_test(the_layout_of_the_file_does_not_change_the_digest),
        cmocka_unit_test(a_file_is_checked_where_nobody_may_write),
        cmocka_unit_test(a_name_with_a_question_mark_is_a_name),
        cmocka_unit_test(a_missing_file_is_refused),
        cmocka_unit_test(a_directory_is_refused),
        cmocka_unit_test(an_empty_file_is_refused),
        cmocka_unit_test(words_are_refused),
        cmocka_unit_test(random_bytes_are_refused),
        cmocka_unit_test(another_database_is_refused),
        cmocka_unit_test(a_newer_schema_is_refused_by_its_number),
        cmocka_unit_test(an_older_schema_is_refused_by_its_number),
        cmocka_unit_test(a_truncated_file_is_refused_at_any_length),
        cmocka_unit_test(a_page_of_zeros_is_found),
        cmocka_unit_test(a_changed_byte_of_content_is_found),
        cmocka_unit_test(bytes_changed_anywhere_never_crash),
    };
    enum {
        N_CASES = sizeof(cases) / sizeof(cases[0]),
        N_OTHERS = sizeof(others) / sizeof(others[0]),
    };
    static struct CMUnitTest tests[N_CASES + N_OTHERS];
    size_t n = 0;

    for (size_t i = 0; i < N_CASES; i++)
        tests[n++] = (struct CMUnitTest){ cases[i].name, check_case, NULL, NULL,
                                          (void *)(uintptr_t)&cases[i] };
    for (size_t i = 0; i < N_OTHERS; i++)
        tests[n++] = others[i];
    return cmocka_run_group_tests_name("check", tests, set_up, tear_down);
}
