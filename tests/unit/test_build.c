/* What `bluehelm build` makes of a text, and what it refuses: each fault with its file and line. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "db/build.h"
#include "tests/unit/little_text.h"

/** One change to the little text that makes it wrong, and what is said of it. */
struct fault_case {
    const char *name;
    const char *file;
    const char *from;   /* first words that are replaced; NULL: the whole file */
    const char *to;     /* NULL: the file is taken away */
    const char *expect; /* `file:line: words` that begin a line of faults; several by '\n' */
};

static const struct fault_case cases[] = {
    /* Files and columns. */
    { "a_file_of_no_table_is_refused", "mission-old.csv", NULL, "id\n",
      "mission-old.csv:1: no table 'mission'; did you mean 'missions'?" },
    { "a_file_far_from_any_table_is_refused", "weather.csv", NULL, "id\n",
      "weather.csv:1: no table 'weather'; a file named" },
    { "a_missing_column_is_refused", "facts.csv", ",definition,note\n", ",definition\n",
      "facts.csv:1: no column 'note'" },
    { "a_misnamed_column_is_refused_with_the_right_one", "sources.csv", "licence", "license",
      "sources.csv:1: no column 'licence'\nsources.csv:1: column 'license' is none of sources; did "
      "you mean 'licence'?" },
    { "an_extra_column_is_refused", "series.csv", ",text\n", ",text,colour\n",
      "series.csv:1: column 'colour' is none of series" },
    { "columns_in_another_order_are_refused", "codes.csv", "list,id,", "id,list,",
      "codes.csv:1: column 1 is 'id'; 'list' would" },
    { "a_column_that_stands_twice_is_refused", "releases.csv", ",sources\n", ",sources,title\n",
      "releases.csv:1: a column stands twice" },
    { "a_row_of_too_few_cells_is_refused", "places.csv", "Za,country,,,8,,,,,,\n", "Za\n",
      "places.csv:5: the row has 2 cells; 12" },
    { "a_row_of_too_many_cells_is_refused", "places.csv", "8,,,,,,\n", "8,,,,,,,\n",
      "places.csv:5: the row has 13 cells; 12" },
    { "a_file_that_is_no_csv_is_refused", "events.csv", "Raid on", "\"Raid\" on",
      "events.csv:2: a quote inside or behind cell 2" },
    { "bytes_of_another_encoding_are_refused", "actors.csv", "ä", "\xE4",
      "actors.csv:3: a byte that is not UTF-8" },
    { "a_dataset_without_codes_is_refused", "codes.csv", NULL, "list,id,name,text,inverse\n",
      "codes.csv:1: no row of codes anywhere" },
    { "a_dataset_without_releases_is_refused", "releases.csv", NULL, NULL,
      "releases.csv:1: no row of releases anywhere" },
    { "a_dataset_without_sources_is_refused", "sources.csv", NULL, NULL,
      "sources.csv:1: no row of sources anywhere" },

    /* One cell. */
    { "an_id_in_capitals_is_refused", "places.csv", "\nza,", "\nzA,",
      "places.csv:5: id 'zA' is not a slug" },
    { "an_id_with_two_hyphens_is_refused", "places.csv", "\nza,", "\nz--a,",
      "places.csv:5: id 'z--a' is not a slug" },
    { "an_id_that_ends_in_a_hyphen_is_refused", "places.csv", "\nza,", "\nza-,",
      "places.csv:5: id 'za-' is not a slug" },
    { "an_empty_required_cell_is_refused", "facts.csv", "People killed in the raid", "",
      "facts.csv:2: name is empty" },
    { "a_date_that_does_not_exist_is_refused", "events.csv", "2019-06-20", "2019-06-31",
      "events.csv:3: end '2019-06-31' is not a date" },
    { "a_date_in_another_order_is_refused", "sources.csv", "2019-06,", "06/2019,",
      "sources.csv:2: published '06/2019' is not a date" },
    { "a_start_that_is_no_date_is_refused", "missions.csv", "2013-04-25", "2013-13",
      "missions.csv:2: start '2013-13' is not a date" },
    { "an_end_that_is_no_date_is_refused", "missions.csv", "2020-12,ended", "late 2020,ended",
      "missions.csv:3: end 'late 2020' is not a date" },
    { "a_day_that_is_not_exact_is_refused", "events.csv", "2020-01-01", "2020-01",
      "events.csv:3: known_from '2020-01' is not a day" },
    { "an_unknown_code_is_refused_with_the_nearest", "events.csv", "siege,Siege,attack",
      "siege,Siege,atack",
      "events.csv:3: kind 'atack' is no code of 'event_kind'; did you mean 'attack'?" },
    { "a_code_of_another_list_is_refused", "events.csv", "siege,Siege,attack",
      "siege,Siege,country",
      "events.csv:3: kind 'country' is no code of 'event_kind'; a code of the list 'event_kind'" },
    { "an_unknown_flag_is_refused", "claims.csv", ",rounded,", ",rounded; sounded,",
      "claims.csv:2: flags 'sounded' is no code of 'flag'; did you mean 'rounded'?" },
    { "an_unknown_reference_is_refused_with_the_nearest", "facts.csv", ",moura,", ",mourra,",
      "facts.csv:2: place: no place 'mourra'; did you mean 'moura'?" },
    { "an_unknown_reference_near_nothing_is_refused", "facts.csv", ",moura,", ",timbuktu,",
      "facts.csv:2: place: no place 'timbuktu'; the id of one" },
    { "an_unknown_reference_in_a_list_is_refused", "missions.csv", "mli; nam", "mli; nan",
      "missions.csv:2: places: no place 'nan'; did you mean 'nam'?" },
    { "an_actor_is_no_mission", "casualties.csv", "sums,unfix", "sums,band",
      "casualties.csv:4: mission: no mission 'band'" },
    { "a_subject_of_another_kind_is_refused", "facts.csv", "event,raid", "place,raid",
      "facts.csv:2: subject: no place 'raid'" },
    { "an_object_of_another_kind_is_refused", "claims.csv", "actor,army", "event,army",
      "claims.csv:3: object: no event 'army'" },
    { "a_number_with_a_separator_is_refused", "claims.csv", ",301,,,", ",\"3,010\",,,",
      "claims.csv:2: low '3,010' is not a whole number" },
    { "a_number_with_leading_zeros_is_refused", "claims.csv", ",301,,,", ",0301,,,",
      "claims.csv:2: low '0301' is not a whole number" },
    { "a_number_past_int64_is_refused", "claims.csv", ",301,,,", ",9223372036854775808,,,",
      "claims.csv:2: low 9223372036854775808 is out of range" },
    { "more_people_than_can_be_added_up_are_refused", "casualties.csv", "killed,20,45,40,",
      "killed,20,100000000001,40,",
      "casualties.csv:4: best 100000000001 is out of range; 0 to 100000000000" },
    { "a_negative_number_is_refused", "claims.csv", ",301,,,", ",-301,,,",
      "claims.csv:2: low -301 is out of range" },
    { "a_latitude_past_the_pole_is_refused", "places.csv", "17.5", "90.5",
      "places.csv:2: latitude 90.5 is out of range; -90 to 90" },
    { "a_longitude_past_the_date_line_is_refused", "places.csv", "17.5,-4", "17.5,-181",
      "places.csv:2: longitude -181 is out of range" },
    { "a_coordinate_that_is_no_number_is_refused", "places.csv", "17.5", "17.5N",
      "places.csv:2: latitude '17.5N' is not a decimal" },
    { "a_coordinate_without_the_other_is_refused", "places.csv", "17.5,-4", "17.5,",
      "places.csv:2: one of latitude and longitude without" },
    { "an_iso2_in_small_letters_is_refused", "places.csv", ",ML,", ",ml,",
      "places.csv:2: iso2 'ml'; two capital letters" },
    { "an_iso3_of_two_letters_is_refused", "places.csv", ",MLI,", ",ML,",
      "places.csv:2: iso3 'ML'; three capital letters" },
    { "an_m49_of_four_digits_is_refused", "places.csv", ",466,", ",4660,",
      "places.csv:2: m49 4660 is out of range; 1 to 999" },
    { "a_language_in_words_is_refused", "sources.csv", ",en,", ",English,",
      "sources.csv:2: language 'English'; two small letters" },
    { "an_url_without_scheme_is_refused", "sources.csv", "https://", "",
      "sources.csv:2: url 'paper.example/'" },
    { "official_is_0_or_1", "series.csv", "dead,1,", "dead,2,",
      "series.csv:2: official 2 is out of range; 0 to 1" },
    { "a_code_in_capitals_is_refused", "codes.csv", "actor_type,state", "actor_type,State",
      "codes.csv:2: id 'State'; a code\nactors.csv:4: type 'state' is no code" },

    /* Lists. */
    { "an_item_that_stands_twice_is_refused", "missions.csv", "mli; nam", "mli; mli",
      "missions.csv:2: places: 'mli' stands twice" },
    { "a_text_that_stands_twice_is_refused", "missions.csv", "S/RES/2 (2014)", "S/RES/1 (2013)",
      "missions.csv:2: resolutions: 'S/RES/1 (2013)' stands twice" },
    { "a_list_without_blanks_is_refused", "missions.csv", "mli; nam", "mli;nam",
      "missions.csv:2: places: item 1 is 'mli;nam'" },
    { "a_list_that_ends_in_a_semicolon_is_refused", "missions.csv", "mli; nam", "mli;",
      "missions.csv:2: places: item 1 is 'mli;'" },
    { "a_list_with_an_empty_item_is_refused", "missions.csv", "mli; nam", "mli; ; nam",
      "missions.csv:2: places: item 2 is ''" },

    /* Ids, versions, order. */
    { "a_repeated_id_is_refused", "places.csv", "\nza,Za,country,,,8", "\nnam,Za,country,,,8",
      "places.csv:5: id 'nam' stands at " },
    { "an_id_repeated_in_another_file_is_refused", "places-more.csv", NULL,
      "id,name,kind,iso2,iso3,m49,latitude,longitude,part_of,aliases,note,sources\nnam,Elsewhere,"
      "country,,,,,,,,,\n",
      "places.csv:4: id 'nam' stands at " },
    { "a_repeated_version_is_refused", "missions.csv", "\nunfix,2", "\nunfix,1",
      "missions.csv:3: version '1' stands at " },
    { "a_repeated_code_is_refused", "codes.csv", "sign,-", "sign,+",
      "codes.csv:36: id '+' stands at \nrelationships.csv:2: sign '-' is no code" },
    { "versions_begin_at_1", "missions.csv", "unknowns,1", "unknowns,2",
      "missions.csv:4: version 2 of 'unknowns' where 1 is due" },
    { "versions_have_no_gaps", "casualties.csv", "unfix-2018,2", "unfix-2018,3",
      "casualties.csv:3: version 3 of 'unfix-2018' where 2 is due" },
    { "a_version_before_another_has_an_end", "missions.csv", "2019-06-30,2021-01-01", "2019-06-30,",
      "missions.csv:2: 'unfix' has a later version" },
    { "a_version_does_not_begin_before_the_last_one_ended", "casualties.csv",
      ",2019-06-30,2020-01-01", ",2019-06-30,2020-01-02",
      "casualties.csv:3: known_from 2020-01-01, and the version before is known to 2020-01-02" },
    { "lines_out_of_order_are_refused", "places.csv", "\nmoura,", "\nxmoura,",
      "places.csv:4: the line is out of order: id 'nam' comes after 'xmoura'\nfacts.csv:2: "
      "\nclaims.csv:2: \nclaims.csv:3: \nevents.csv:2: \ncasualties.csv:4: " },
    { "claims_out_of_the_order_of_facts_are_refused", "claims.csv", "unfix-paper,unfix-deaths,",
      "aaa-paper,raid-deaths,",
      "claims.csv:4: the line is out of order: id 'aaa-paper' comes after 'raid-wire'" },
    { "a_code_list_that_is_torn_is_refused", "codes.csv", "victim_group,people",
      "actor_type,people",
      "codes.csv:43: list 'actor_type' began at line 2\ncasualties.csv:2: \ncasualties.csv:3: "
      "\ncasualties.csv:4: " },

    /* Clocks. */
    { "an_end_before_the_start_is_refused", "missions.csv", "2020-12,ended", "2012-12,ended",
      "missions.csv:3: end 2012-12 is before start 2013-04-25" },
    { "an_end_before_the_date_is_refused", "casualties.csv", "2020-03", "2018-03",
      "casualties.csv:4: end 2018-03 is before date 2019" },
    { "known_from_is_needed", "sources.csv", ",2019-06-30,\n", ",,\n",
      "sources.csv:2: known_from is empty" },
    { "known_from_after_the_newest_release_is_refused", "actors.csv", "2020-01-01,\n",
      "2021-01-02,\n",
      "actors.csv:3: known_from 2021-01-02 is later than the newest release; 2021-01-01" },
    { "known_to_not_after_known_from_is_refused", "actors.csv", "2020-01-01,\n",
      "2020-01-01,2020-01-01\n", "actors.csv:3: known_to 2020-01-01 is not later" },
    { "a_release_of_another_day_is_refused", "releases.csv", "2020-01-01,2020-01-01",
      "2020-01-01,2020-01-02", "releases.csv:2: release '2020-01-01' of the day 2020-01-02" },

    /* Numbers. */
    { "a_number_without_qualifier_is_refused", "claims.csv", "more_than,more", ",more",
      "claims.csv:2: a number without qualifier" },
    { "a_number_without_text_is_refused", "claims.csv", "more_than,more than 300", "more_than,",
      "claims.csv:2: a number without text" },
    { "a_number_without_unit_is_refused", "claims.csv", "more than 300,person", "more than 300,",
      "claims.csv:2: a number without unit" },
    { "a_casualty_without_unit_is_refused", "casualties.csv", "exactly,1,person", "exactly,1,",
      "casualties.csv:2: unit is empty\ncasualties.csv:2: a number without unit" },
    { "a_qualifier_without_a_number_is_refused", "claims.csv", ",301,,,", ",,,,",
      "claims.csv:2: qualifier 'more_than' without a number" },
    { "exactly_needs_the_three_equal", "casualties.csv", ",2,2,2,", ",2,2,3,",
      "casualties.csv:3: qualifier 'exactly' with low '2', best '2', high '3'; the same number" },
    { "exactly_needs_all_three", "casualties.csv", ",2,2,2,", ",,2,,",
      "casualties.csv:3: qualifier 'exactly' with low '', best '2', high ''" },
    { "more_than_has_low_alone", "claims.csv", ",301,,,", ",301,301,,",
      "claims.csv:2: qualifier 'more_than' with low '301', best '301'" },
    { "at_least_has_low_alone", "claims.csv", ",301,,,more_than", ",,300,,at_least",
      "claims.csv:2: qualifier 'at_least' with low ''" },
    { "up_to_has_high_alone", "relationships.csv", ",,,5000,", ",5000,,,",
      "relationships.csv:2: qualifier 'up_to' with low '5000'" },
    { "fewer_than_has_high_alone", "claims.csv", ",301,,,more_than", ",301,,,fewer_than",
      "claims.csv:2: qualifier 'fewer_than' with low '301'" },
    { "about_has_best", "claims.csv", ",301,,,more_than", ",301,,,about",
      "claims.csv:2: qualifier 'about' with low '301'" },
    { "estimated_has_best", "claims.csv", ",290,300,310,", ",290,,310,",
      "claims.csv:3: qualifier 'estimated' with low '290'" },
    { "between_has_low_and_high", "claims.csv", ",301,,,more_than", ",301,,,between",
      "claims.csv:2: qualifier 'between' with low '301'" },
    { "low_above_high_is_refused", "claims.csv", ",290,300,310,", ",310,300,290,",
      "claims.csv:3: low 310 is greater than high 290" },
    { "best_outside_its_bounds_needs_the_flag", "casualties.csv", ",bounds_inconsistent,", ",,",
      "casualties.csv:4: best 45 lies outside low '20' and high '40'" },
    { "the_flag_needs_best_outside_its_bounds", "casualties.csv", "20,45,40", "20,30,40",
      "casualties.csv:4: flag 'bounds_inconsistent' on bounds that are consistent" },
    { "a_claim_counts_what_its_definition_counts", "claims.csv", "moura,dead,stated,band",
      "moura,money,stated,band",
      "claims.csv:2: unit 'person', and definition 'money' counts in 'usd'" },

    { "a_casualty_counts_what_its_definition_counts", "casualties.csv", "exactly,2,person,dead",
      "exactly,2,person,money",
      "casualties.csv:3: unit 'person', and definition 'money' counts in 'usd'" },

    /* Sources. */
    { "a_number_without_source_is_refused_with_file_and_line", "casualties.csv", "dead,,paper",
      "dead,,", "casualties.csv:2: source is empty" },
    { "a_claim_without_source_is_refused", "claims.csv", "band,paper", "band,",
      "claims.csv:2: reported_by is empty" },
    { "a_mission_without_source_is_refused", "missions.csv", ",wire; paper,", ",,",
      "missions.csv:3: sources is empty" },
    { "a_relationship_without_claims_or_sources_is_refused", "relationships.csv", "usd,raid-paper",
      "usd,", "relationships.csv:2: neither claims nor sources" },
    { "an_event_without_claims_or_sources_is_refused", "events.csv", ",wire,", ",,",
      "events.csv:3: neither claims nor sources" },

    /* Claims. */
    { "a_quote_of_eleven_words_is_refused", "claims.csv", "more than 300 people,",
      "a b c d e f g h i j k,", "claims.csv:2: a quote of 11 words" },
    { "superseded_by_needs_the_status", "claims.csv", ",superseded,raid", ",normal,raid",
      "claims.csv:2: superseded_by with status 'normal'" },
    { "superseded_by_stays_with_the_fact", "claims.csv", ",superseded,raid-wire",
      ",superseded,unfix-paper",
      "claims.csv:2: superseded by 'unfix-paper', which is a claim on 'unfix-deaths'" },
    { "superseded_by_itself_is_refused", "claims.csv", ",superseded,raid-wire",
      ",superseded,raid-paper", "claims.csv:2: superseded_by of 'raid-paper' leads back" },
    { "an_object_without_kind_is_refused", "claims.csv", "actor,army", ",army",
      "claims.csv:3: one of object_kind and object without" },
    { "a_locator_without_start_is_refused", "claims.csv", "page,1,2", "page,,2",
      "claims.csv:2: one of locator_unit and locator_start\nclaims.csv:2: locator_end without" },
    { "a_locator_that_ends_before_it_starts_is_refused", "claims.csv", "page,1,2", "page,3,2",
      "claims.csv:2: locator_start 3 is greater than locator_end 2" },

    /* Across rows. */
    { "overlaps_are_said_by_both_series", "series.csv", "dead,0,cells", "dead,0,",
      "series.csv:2: overlaps names 'sums', whose overlaps (" },
    { "a_series_does_not_overlap_itself", "series.csv", "dead,0,cells", "dead,0,cells; sums",
      "series.csv:3: 'sums' stands in its own overlaps" },
    { "sums_are_said_by_both_definitions", "definitions.csv", "lost.,person,dead", "lost.,person,",
      "definitions.csv:2: adds_with names 'lost'" },
    { "two_nationalities_are_refused", "casualties.csv", ",,Elsewhere", ",nam,Elsewhere",
      "casualties.csv:4: both nationality and nationality_text" },
    { "a_place_inside_itself_is_refused", "places.csv", "MLI,466,17.5,-4,", "MLI,466,17.5,-4,moura",
      "places.csv:2: part_of of 'mli' leads back\nplaces.csv:3: part_of of 'moura' leads back" },
    { "an_actor_inside_itself_is_refused", "actors.csv", "MLI,72,,", "MLI,72,army,",
      "actors.csv:2: part_of of 'army' leads back\nactors.csv:4: part_of of 'mali' leads back" },
    { "a_source_derived_from_itself_is_refused", "sources.csv", ",,paper,", ",,wire,",
      "sources.csv:3: derived_from of 'wire' leads back" },
    { "a_name_of_two_places_is_refused", "places.csv", "Za,country", "MALI,country",
      "places.csv:5: 'MALI' names 'za' and also 'mli'" },
    { "an_alias_that_folds_to_another_place_is_refused", "places.csv", "Malí", "Namibía",
      "places.csv:4: 'Namibia' names 'nam' and also 'mli'" },
    { "a_code_that_is_the_id_of_another_place_is_refused", "places.csv", "NA,NAM", "ZA,NAM",
      "places.csv:5: 'za' names 'za' and also 'nam'" },
    { "an_m49_of_two_places_is_refused", "places.csv", ",8,", ",516,",
      "places.csv:5: '516' names 'za' and also 'nam'" },
    { "a_name_of_two_actors_is_refused", "actors.csv", "Bänd", "Army",
      "actors.csv:3: 'Army' names 'band' and also 'army'" },
    { "an_iso3_of_two_places_is_refused", "places.csv", "NA,NAM", "NA,MLI",
      "places.csv:4: 'MLI' names 'nam' and also 'mli'" },
    { "an_iso3_of_two_states_is_refused", "actors.csv", "armed_group,MLI", "state,MLI",
      "actors.csv:4: 'MLI' names 'mali' and also 'army'" },
    { "a_missions_id_that_was_an_actors_is_refused", "missions.csv", "unknowns,1", "old-army,1",
      "missions.csv:4: the line is out of order\nmissions.csv:4: 'old-army' names 'old-army' and "
      "also 'army'" },
    { "a_missions_long_name_of_an_actor_is_refused", "missions.csv", "UNKNOWNS,",
      "UNKNOWNS,The Band", "missions.csv:4: 'The Band' names 'unknowns' and also 'band'" },
    { "a_missions_alias_of_an_actor_is_refused", "missions.csv", ",,unfix,,", ",,unfix,Army,",
      "missions.csv:4: 'Army' names 'unknowns' and also 'army'" },
    { "a_former_id_that_lives_is_refused", "actors.csv", "old-army", "band",
      "actors.csv:3: 'band' names 'band' and also 'army'" },
    { "a_former_id_is_a_slug", "actors.csv", "old-army", "Old Army",
      "actors.csv:2: former_ids 'Old Army' is not a slug" },
    { "a_name_of_a_mission_and_an_actor_is_refused", "missions.csv", "UNKNOWNS", "The Band",
      "missions.csv:4: 'The Band' names 'unknowns' and also 'band'" },
    { "a_mission_among_the_actors_is_refused", "actors.csv",
      "\nmali,Mali,state,MLI,72,,,,,paper,2019-06-30,\n",
      "\nmali,Mali,state,MLI,72,,,,,paper,2019-06-30,\nunfix,Unfixed,state,,,,,,,paper,2019-06-30,"
      "\n",
      "missions.csv:2: 'unfix' is an actor of its own at \nmissions.csv:3: 'unfix' is an actor" },
    { "a_name_of_marks_alone_is_refused", "actors.csv", "The Band", "\xCC\x81",
      "actors.csv:3: aliases '\xCC\x81' holds nothing to find it by" },
    { "missions_need_their_actor_type", "codes.csv", "un_mission", "un_mishap",
      "missions.csv:2: a mission, and no code 'un_mission'\nmissions.csv:3: \nmissions.csv:4: " },

    /* What no check of ours sees, the schema does. */
    { "a_code_that_the_schema_does_not_know_is_refused", "codes.csv", "mission_status,ended",
      "mission_status,paused", "missions.csv:3: status 'ended' is no code" },
    { "a_row_that_the_schema_refuses_is_a_fault_of_its_line", "codes.csv", NULL, "",
      "missions.csv:4: the schema refuses the row (CHECK constraint failed: " },
};

/* Makes the little text wrong in the way of the case. */
static void apply(const struct little *little, const struct fault_case *it)
{
    if (strcmp(it->name, "a_row_that_the_schema_refuses_is_a_fault_of_its_line") == 0) {
        /* A list grows, a row uses it, and nobody has told the schema. */
        little_replace(little, "codes.csv", "unknown,Not known", "paused,Paused");
        little_replace(little, "missions.csv", ",,unknown,", ",,paused,");
    } else if (it->from != NULL) {
        little_replace(little, it->file, it->from, it->to);
    } else if (it->to != NULL) {
        little_write(little, it->file, it->to);
    } else {
        little_remove(little, it->file);
    }
}

/* Builds; faults go to little->faults. */
static bool build(const struct little *little, struct build_summary *ret, struct error *err)
{
    FILE *faults = fopen(little->faults, "w");
    bool is_built;

    assert_non_null(faults);
    is_built = build_dataset(little->text, little->file, faults, ret, err);
    fclose(faults);
    return is_built;
}

/* Finds a line that begins with directory/expected[0..len). */
static bool has_line(const struct little *little, const char *lines, const char *expected,
                     size_t len)
{
    size_t dir = strlen(little->text);

    for (const char *line = lines; *line != '\0'; line = strchr(line, '\n') + 1) {
        if (strncmp(line, little->text, dir) == 0 && strncmp(line + dir + 1, expected, len) == 0)
            return true;
    }
    return false;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;

    for (; (text = strchr(text, '\n')) != NULL; text++)
        n++;
    return n;
}

/* Where a table is gone, everything that refers to it is at fault as well. */
static bool has_others(const struct fault_case *it)
{
    return it->from == NULL
           && (strcmp(it->file, "codes.csv") == 0 || strcmp(it->file, "releases.csv") == 0
               || strcmp(it->file, "sources.csv") == 0);
}

static void check_case(void **state)
{
    const struct fault_case *it = *state;
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    char *lines, number[32];
    size_t n = 0;

    little_make(&little);
    apply(&little, it);
    assert_false(build(&little, &summary, &err));
    lines = little_read(little.faults, NULL);
    for (const char *expected = it->expect; *expected != '\0'; n++) {
        size_t len = strcspn(expected, "\n");

        if (!has_line(&little, lines, expected, len))
            fail_msg("no line begins with '%.*s' in:\n%s", (int)len, expected, lines);
        expected += len + (expected[len] == '\n');
    }
    if (!has_others(it) && count_lines(lines) != n)
        fail_msg("%zu faults where %zu were expected:\n%s", count_lines(lines), n, lines);
    assert_int_equal(err.code, ERR_INPUT);
    snprintf(number, sizeof(number), "%zu fault", count_lines(lines));
    assert_true(strncmp(err.detail, number, strlen(number)) == 0);
    assert_int_equal(little_count(&little), 0);
    free(lines);
    little_free(&little);
}

/* One value of the built file, as text. */
static void assert_value(const struct little *little, const char *sql, const char *expected)
{
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open_v2(little->file, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), expected);
    assert_int_equal(sqlite3_step(stmt), SQLITE_DONE);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

/** A question to the built little text, and the answer. */
static const struct {
    const char *name;
    const char *sql;
    const char *answer;
} values[] = {
    { "an_open_end_lies_at_the_end_of_time",
      "SELECT end_min || ' ' || end_max FROM missions WHERE id = 'unfix' AND version = 1",
      "9999-12-31 9999-12-31" },
    { "an_unknown_end_of_a_mission_is_any_day",
      "SELECT end_min || ' ' || end_max FROM missions WHERE id = 'unknowns'",
      "0001-01-01 9999-12-31" },
    { "an_unknown_start_is_at_the_latest_when_it_was_known",
      "SELECT start_min || ' ' || start_max FROM missions WHERE id = 'unknowns'",
      "0001-01-01 2019-06-30" },
    { "an_unknown_start_is_at_the_latest_at_the_end",
      "SELECT start_min || ' ' || start_max FROM claims WHERE id = 'raid-wire'",
      "0001-01-01 2019-06-30" },
    { "a_fact_without_dates_may_be_of_any_day",
      "SELECT start_min || ' ' || start_max || ' ' || end_min || ' ' || end_max FROM facts WHERE "
      "id = 'unfix-deaths'",
      "0001-01-01 9999-12-31 9999-12-31 9999-12-31" },
    { "an_empty_end_of_an_event_is_its_date",
      "SELECT coalesce(end, 'null') || ' ' || end_min || ' ' || end_max FROM events WHERE id = "
      "'raid'",
      "null 2019-06-01 2019-06-30" },
    { "an_empty_end_of_a_casualty_is_its_date",
      "SELECT end_min || ' ' || end_max FROM casualties WHERE id = 'unfix-2018' AND version = 1",
      "2018-01-01 2018-12-31" },
    { "a_month_means_its_days",
      "SELECT end_min || ' ' || end_max FROM missions WHERE id = 'unfix' AND version = 2",
      "2020-12-01 2020-12-31" },
    { "an_approximate_date_keeps_its_mark", "SELECT start || ' ' || start_min FROM relationships",
      "2017~ 2017-01-01" },
    { "an_unpublished_source_has_no_days",
      "SELECT count(*) FROM sources WHERE published IS NULL AND published_min IS NULL AND "
      "published_max IS NULL",
      "1" },
    { "empty_cells_are_null_and_not_zero",
      "SELECT count(*) FROM claims WHERE low IS NULL AND best IS NULL AND high IS NULL", "1" },
    { "coordinates_are_reals",
      "SELECT typeof(latitude) || ' ' || latitude FROM places WHERE id = 'mli'", "real 17.5" },
    { "a_claim_has_the_subject_of_its_fact",
      "SELECT subject_kind || ' ' || subject || ' ' || predicate FROM claims WHERE id = "
      "'raid-paper'",
      "event raid deaths" },
    { "a_casualty_has_the_kind_of_its_series",
      "SELECT kind FROM casualties WHERE id = 'unfix-2019'", "total" },
    { "codes_keep_their_order_by_hand",
      "SELECT group_concat(id) FROM (SELECT id FROM codes WHERE list = 'qualifier' ORDER BY "
      "position)",
      "exactly,at_least,more_than,about,up_to,fewer_than,estimated,between" },
    { "a_mission_is_an_actor_with_its_names",
      "SELECT group_concat(version || ' ' || name || ' ' || type || ' ' || known_from || ' ' ||"
      " aliases_json) FROM actors WHERE id = 'unfix'",
      "1 UNFIX un_mission 2019-06-30 [\"Fixture Mission\",\"MINUFIX\"],"
      "2 UNFIX un_mission 2021-01-01 [\"Fixture Mission\",\"MINUFIX\"]" },
    { "a_mission_as_an_actor_has_the_sources_of_its_version",
      "SELECT group_concat(sources_json) FROM actors WHERE id = 'unfix'",
      "[{\"id\":\"paper\",\"name\":\"The Paper\"}],"
      "[{\"id\":\"wire\",\"name\":\"The Wire\"},{\"id\":\"paper\",\"name\":\"The Paper\"}]" },
    { "lists_keep_the_order_of_the_text", "SELECT claims_json FROM events WHERE id = 'raid'",
      "[{\"id\":\"raid-wire\",\"name\":\"People killed in the "
      "raid\"},{\"id\":\"raid-paper\",\"name\":\"People killed in the raid\"}]" },
    { "places_carry_their_iso3_where_they_have_one",
      "SELECT places_json FROM missions WHERE id = 'unfix' AND version = 1",
      "[{\"id\":\"mli\",\"name\":\"Mali\",\"iso3\":\"MLI\"},{\"id\":\"nam\",\"name\":\"Namibia\","
      "\"iso3\":\"NAM\"}]" },
    { "places_without_iso3_do_not_say_null", "SELECT places_json FROM events WHERE id = 'raid'",
      "[{\"id\":\"moura\",\"name\":\"Moura\"}]" },
    { "components_are_missions", "SELECT components_json FROM missions WHERE id = 'unknowns'",
      "[{\"id\":\"unfix\",\"name\":\"UNFIX\"}]" },
    { "perpetrators_are_actors", "SELECT perpetrators_json FROM casualties WHERE id = 'unfix-2019'",
      "[{\"id\":\"band\",\"name\":\"Bänd\"}]" },
    { "text_lists_are_json",
      "SELECT resolutions_json FROM missions WHERE id = 'unfix' AND version = 1",
      "[\"S/RES/1 (2013)\",\"S/RES/2 (2014)\"]" },
    { "an_empty_list_is_an_empty_json_list",
      "SELECT flags_json || resolutions_json FROM claims, missions WHERE claims.id = 'raid-wire' "
      "AND missions.id = 'unknowns'",
      "[][]" },
    { "aliases_are_names_without_case_and_accents",
      "SELECT id FROM names WHERE kind = 'place' AND name = 'republique du mali'", "mli" },
    { "iso_codes_are_names", "SELECT id FROM names WHERE kind = 'place' AND name = 'na'", "nam" },
    { "m49_is_a_name_with_and_without_zeros",
      "SELECT group_concat(name) FROM names WHERE id = 'za' AND name GLOB '*8'", "008,8" },
    { "former_ids_are_names", "SELECT id FROM names WHERE kind = 'actor' AND name = 'old-army'",
      "army" },
    { "former_ids_are_no_aliases", "SELECT aliases_json FROM actors WHERE id = 'army'", "[]" },
    { "a_states_code_names_the_state_and_not_its_army",
      "SELECT group_concat(id) FROM names WHERE kind = 'actor' AND name = 'mli'", "mali" },
    { "a_missions_long_name_finds_mission_and_actor",
      "SELECT group_concat(kind) FROM names WHERE name = 'fixture mission'", "actor,mission" },
    { "the_label_of_a_claim_is_its_facts_name",
      "SELECT name FROM labels WHERE kind = 'claim' AND id = 'unfix-paper'",
      "People who died in UNFIX" },
    { "a_place_lies_in_itself_and_its_country",
      "SELECT group_concat(ancestor) FROM place_closure WHERE place = 'moura'", "mli,moura" },
    { "sources_that_repeat_one_another_have_one_origin",
      "SELECT count(DISTINCT origin) || ' of ' || count(*) FROM sources WHERE origin IS NOT NULL",
      "1 of 2" },
    { "the_states_of_a_series_are_the_days_on_which_its_rows_begin_and_end",
      "SELECT group_concat(series || ' ' || known_on) FROM series_states",
      "cells 2019-06-30,cells 2020-01-01,sums 2019-06-30" },
    { "the_dataset_says_its_release_and_schema",
      "SELECT group_concat(key || ' ' || value) FROM dataset WHERE key <> 'digest'",
      "release 2021-01-01,schema 4" },
    { "the_file_is_marked_as_ours",
      "SELECT application_id || ' ' || user_version FROM pragma_application_id, "
      "pragma_user_version",
      "1651272805 4" },
};

static void check_value(void **state)
{
    const size_t *i = *state;
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;

    little_make(&little);
    assert_true(build(&little, &summary, &err));
    assert_value(&little, values[*i].sql, values[*i].answer);
    little_free(&little);
}

static void the_summary_adds_up(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    struct stat status;
    char sql[256];

    (void)state;
    little_make(&little);
    assert_true(build(&little, &summary, &err));
    assert_int_equal(summary.n_files, LITTLE_FILES);
    assert_int_equal(summary.n_rows, 72);
    assert_string_equal(summary.release, "2021-01-01");
    assert_int_equal(stat(little.file, &status), 0);
    assert_int_equal(summary.size, status.st_size);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM dataset WHERE key = 'digest' AND value = '%s'",
             summary.digest);
    assert_value(&little, sql, "1");
    assert_int_equal(little_count(&little), 1);
    little_free(&little);
}

static void the_same_text_gives_the_same_bytes(void **state)
{
    struct build_summary summary[2];
    struct error err = { 0 };
    struct little little;
    char *bytes[2];
    size_t len[2];

    (void)state;
    little_make(&little);
    for (int i = 0; i < 2; i++) {
        assert_true(build(&little, &summary[i], &err));
        bytes[i] = little_read(little.file, &len[i]);
    }
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(bytes[0], bytes[1], len[0]);
    assert_string_equal(summary[0].digest, summary[1].digest);
    free(bytes[0]);
    free(bytes[1]);
    little_free(&little);
}

static void it_does_not_matter_in_which_file_a_row_stands(void **state)
{
    struct build_summary whole, split;
    struct error err = { 0 };
    struct little little;
    const char *text = little_text("places.csv");
    const char *second = strchr(strchr(text, '\n') + 1, '\n') + 1;
    char part[2048], *bytes[2];
    size_t len[2];

    (void)state;
    little_make(&little);
    assert_true(build(&little, &whole, &err));
    bytes[0] = little_read(little.file, &len[0]);
    snprintf(part, sizeof(part), "%.*s", (int)(second - text), text);
    little_write(&little, "places.csv", part);
    snprintf(part, sizeof(part), "%.*s%s", (int)(strchr(text, '\n') + 1 - text), text, second);
    little_write(&little, "places-more.csv", part);
    assert_true(build(&little, &split, &err));
    bytes[1] = little_read(little.file, &len[1]);
    assert_int_equal(split.n_files, whole.n_files + 1);
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(bytes[0], bytes[1], len[0]);
    free(bytes[0]);
    free(bytes[1]);
    little_free(&little);
}

static void another_text_gives_another_digest(void **state)
{
    struct build_summary before, after;
    struct error err = { 0 };
    struct little little;

    (void)state;
    little_make(&little);
    assert_true(build(&little, &before, &err));
    little_replace(&little, "claims.csv", "nobody knows", "nobody says");
    assert_true(build(&little, &after, &err));
    assert_string_not_equal(before.digest, after.digest);
    little_free(&little);
}

static void a_failed_build_leaves_the_old_file(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    char *before, *after;
    size_t len[2];

    (void)state;
    little_make(&little);
    assert_true(build(&little, &summary, &err));
    before = little_read(little.file, &len[0]);
    little_replace(&little, "claims.csv", ",301,", ",many,");
    assert_false(build(&little, &summary, &err));
    after = little_read(little.file, &len[1]);
    assert_int_equal(len[0], len[1]);
    assert_memory_equal(before, after, len[0]);
    assert_int_equal(little_count(&little), 1);
    free(before);
    free(after);
    little_free(&little);
}

static void a_full_disk_is_said_and_leaves_nothing(void **state)
{
    const struct rlimit small = { .rlim_cur = 64 << 10, .rlim_max = RLIM_INFINITY };
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    struct rlimit before;
    bool is_built;

    (void)state;
    little_make(&little);
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    is_built = build(&little, &summary, &err);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_false(is_built);
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.detail, "little.db cannot be written: "));
    assert_int_equal(little_count(&little), 0);
    little_free(&little);
}

static void faults_of_all_files_are_said_in_one_run(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    char *lines;

    (void)state;
    little_make(&little);
    little_replace(&little, "claims.csv", ",301,,,", ",many,,,");
    little_replace(&little, "places.csv", "17.5,-4", "97.5,-4");
    little_replace(&little, "actors.csv", "armed_group,MLI", "armed_grup,MLI");
    assert_false(build(&little, &summary, &err));
    lines = little_read(little.faults, NULL);
    assert_int_equal(count_lines(lines), 3);
    assert_non_null(strstr(err.detail, "3 faults in "));
    free(lines);
    little_free(&little);
}

static void a_file_that_cannot_be_read_does_not_blame_those_that_refer_to_it(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    char *lines;

    (void)state;
    little_make(&little);
    little_write(&little, "codes.csv", "\xFF");
    little_write(&little, "sources.csv", "\xFF");
    little_write(&little, "places.csv", "id,name\n");
    assert_false(build(&little, &summary, &err));
    lines = little_read(little.faults, NULL);
    for (const char *line = lines; *line != '\0'; line = strchr(line, '\n') + 1)
        assert_true(strncmp(line + strlen(little.text) + 1, "codes.csv:1: ", 13) == 0
                    || strncmp(line + strlen(little.text) + 1, "sources.csv:1: ", 15) == 0
                    || strncmp(line + strlen(little.text) + 1, "places.csv:1: ", 14) == 0);
    free(lines);
    little_free(&little);
}

static void an_unreadable_file_is_a_fault(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    char path[LITTLE_PATH], *lines;

    (void)state;
    little_make(&little);
    little_remove(&little, "events.csv");
    snprintf(path, sizeof(path), "%s/events.csv", little.text);
    assert_int_equal(symlink("nowhere", path), 0);
    assert_false(build(&little, &summary, &err));
    lines = little_read(little.faults, NULL);
    assert_true(has_line(&little, lines, "events.csv:1: No such file", 26));
    assert_int_equal(count_lines(lines), 1);
    free(lines);
    little_free(&little);
}

static void other_files_and_directories_are_left_alone(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    char path[LITTLE_PATH];

    (void)state;
    little_make(&little);
    little_write(&little, "README.md", "\xFF");
    little_write(&little, ".claims.csv", "\xFF");
    little_write(&little, "claims.csv~", "\xFF");
    snprintf(path, sizeof(path), "%s/old.csv", little.text);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_true(build(&little, &summary, &err));
    assert_int_equal(summary.n_files, LITTLE_FILES);
    little_free(&little);
}

static void a_dataset_may_lack_whole_tables(void **state)
{
    static const char *const optional[] = { "casualties.csv", "relationships.csv", "events.csv",
                                            "claims.csv",     "facts.csv",         "missions.csv",
                                            "actors.csv",     "places.csv",        "series.csv",
                                            "definitions.csv" };
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;

    (void)state;
    little_make(&little);
    for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
        little_remove(&little, optional[i]);
    assert_true(build(&little, &summary, &err));
    assert_int_equal(summary.n_files, 3);
    little_free(&little);
}

static void a_directory_without_text_is_refused(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;

    (void)state;
    little_make(&little);
    assert_false(build_dataset(little.out, little.file, NULL, &summary, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.detail, "no *.csv"));
    little_free(&little);
}

static void a_directory_that_is_not_there_is_refused(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;

    (void)state;
    little_make(&little);
    assert_false(build_dataset("/nowhere/text", little.file, NULL, &summary, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(strstr(err.detail, "/nowhere/text: No such file or directory"));
    little_free(&little);
}

static void a_place_that_takes_no_file_is_refused(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;

    (void)state;
    little_make(&little);
    assert_false(build_dataset(little.text, "/nowhere/little.db", NULL, &summary, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_non_null(
        strstr(err.detail, "/nowhere/little.db cannot be written: No such file or directory"));
    little_free(&little);
}

static void a_directory_in_the_files_place_is_refused_and_nothing_is_left(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;

    (void)state;
    little_make(&little);
    assert_int_equal(mkdir(little.file, 0700), 0);
    assert_false(build(&little, &summary, &err));
    assert_int_equal(err.code, ERR_INPUT);
    assert_int_equal(little_count(&little), 1);
    little_free(&little);
}

static void a_temporary_of_a_killed_build_does_not_stop_the_next(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    char path[LITTLE_PATH + 32];
    FILE *file;

    (void)state;
    little_make(&little);
    snprintf(path, sizeof(path), "%s.tmp-%ld", little.file, (long)getpid());
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("half a file", file);
    fclose(file);
    assert_true(build(&little, &summary, &err));
    assert_int_equal(little_count(&little), 1);
    little_free(&little);
}

static void a_long_chain_of_places_is_built(void **state)
{
    enum { N = 1500 };
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;
    size_t size = 128 + N * 80, len;
    char *text = malloc(size);

    (void)state;
    little_make(&little);
    len = (size_t)snprintf(
        text, size, "id,name,kind,iso2,iso3,m49,latitude,longitude,part_of,aliases,note,sources\n");
    for (int i = 0; i < N; i++) {
        char parent[16] = "";

        if (i > 0)
            snprintf(parent, sizeof(parent), "zz%05d", i - 1);
        len += (size_t)snprintf(text + len, size - len, "zz%05d,Place %d,locality,,,,,,%s,,,\n", i,
                                i, parent);
    }
    little_write(&little, "places-chain.csv", text);
    assert_true(build(&little, &summary, &err));
    assert_value(&little, "SELECT count(*) FROM place_closure WHERE ancestor = 'zz00000'", "1500");
    free(text);
    little_free(&little);
}

static void the_fixture_is_built(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;

    (void)state;
    little_make(&little);
    assert_true(build_dataset("tests/fixture", little.file, stderr, &summary, &err));
    little_free(&little);
}

static void the_shipped_dataset_is_built(void **state)
{
    struct build_summary summary;
    struct error err = { 0 };
    struct little little;

    (void)state;
    little_make(&little);
    assert_true(build_dataset("db/dataset", little.file, stderr, &summary, &err));
    little_free(&little);
}

int main(void)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(the_summary_adds_up),
        cmocka_unit_test(the_same_text_gives_the_same_bytes),
        cmocka_unit_test(it_does_not_matter_in_which_file_a_row_stands),
        cmocka_unit_test(another_text_gives_another_digest),
        cmocka_unit_test(a_failed_build_leaves_the_old_file),
        cmocka_unit_test(a_full_disk_is_said_and_leaves_nothing),
        cmocka_unit_test(faults_of_all_files_are_said_in_one_run),
        cmocka_unit_test(a_file_that_cannot_be_read_does_not_blame_those_that_refer_to_it),
        cmocka_unit_test(an_unreadable_file_is_a_fault),
        cmocka_unit_test(other_files_and_directories_are_left_alone),
        cmocka_unit_test(a_dataset_may_lack_whole_tables),
        cmocka_unit_test(a_directory_without_text_is_refused),
        cmocka_unit_test(a_directory_that_is_not_there_is_refused),
        cmocka_unit_test(a_place_that_takes_no_file_is_refused),
        cmocka_unit_test(a_directory_in_the_files_place_is_refused_and_nothing_is_left),
        cmocka_unit_test(a_temporary_of_a_killed_build_does_not_stop_the_next),
        cmocka_unit_test(a_long_chain_of_places_is_built),
        cmocka_unit_test(the_fixture_is_built),
        cmocka_unit_test(the_shipped_dataset_is_built),
    };
    enum {
        N_CASES = sizeof(cases) / sizeof(cases[0]),
        N_VALUES = sizeof(values) / sizeof(values[0]),
        N_OTHERS = sizeof(others) / sizeof(others[0]),
    };
    static struct CMUnitTest tests[N_CASES + N_VALUES + N_OTHERS];
    static size_t numbers[N_VALUES];
    size_t n = 0;

    for (size_t i = 0; i < N_CASES; i++)
        tests[n++] = (struct CMUnitTest){ cases[i].name, check_case, NULL, NULL,
                                          (void *)(uintptr_t)&cases[i] };
    for (size_t i = 0; i < N_VALUES; i++) {
        numbers[i] = i;
        tests[n++] = (struct CMUnitTest){ values[i].name, check_value, NULL, NULL, &numbers[i] };
    }
    for (size_t i = 0; i < N_OTHERS; i++)
        tests[n++] = others[i];
    return cmocka_run_group_tests_name("build", tests, NULL, NULL);
}
