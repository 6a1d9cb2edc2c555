"""`bluehelm import` of what the Uppsala Conflict Data Program publishes: every quirk of its files by name."""

import csv
import io
import re
import sqlite3
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import combinations

import pytest

from harness import ROOT, Client, Server, seal
from test_import import check, content, counts, query, sha, shared, take

DAY, LATER = "2025-06-13", "2026-06-13"
WORLD = ("ucdp-ged", "ucdp-organised-violence", "ucdp-state-based", "ucdp-one-sided", "ucdp-non-state", "ucdp-one-sided-government")
EVENT = {"id": "7", "country": "Mali", "type_of_violence": "1", "date_start": "2013-01-10", "date_end": "2013-01-10", "low": "1",
         "best": "2", "high": "3", "latitude": "14.94", "longitude": "-3.84", "where_coordinates": "Konna town",
         "dyad_name": "Government of Mali - Ansar Dine"}
ACTOR = {"ActorId": "9001", "NameData": "Band of Tests", "NameOrig": "", "NameOrigFull": "", "NameOrigFullEng": "", "NewName": "",
         "NewNameFullMotherTongue": "", "NewNameFullEng": "", "Org": "1", "ActorIdPrev": "", "ActorIdSplitTemp": "",
         "ActorIdAlliance": "", "ActorIdGroup": "", "NamePrev": "", "DyadId": "", "NSID": "", "OSCoalitionID": "", "NSCoalitionID": "",
         "Location": "Mali", "Version": "22.1"}


@pytest.fixture
def base(dataset, tmp_path):
    """A dataset of one's own, with what we ship."""
    file = tmp_path / "own.db"
    file.write_bytes(dataset.read_bytes())
    return file


@pytest.fixture(scope="module")
def imported(dataset, tmp_path_factory):
    """What we ship, with the three files of UCDP."""
    file = tmp_path_factory.mktemp("ucdp") / "ucdp.db"
    file.write_bytes(dataset.read_bytes())
    take("ucdp-country-year", shared("ucdp", "organizedviolencecy_v25_1.csv"), file, DAY, "--strict")
    take("ucdp-ged", shared("ucdp", "ged_hxl_sample_BGD.csv"), file, DAY, "--strict")
    take("ucdp-actors", shared("ucdp", "ucdp-actor-221.csv"), file, "2022-06-20", "--strict")
    return file


@pytest.fixture(scope="module")
def api(imported):
    server = Server(imported)
    yield Client(server)
    server.stop()


def write(file, rows, newline="\n", head=""):
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator=newline)
    writer.writeheader()
    writer.writerows(rows)
    file.write_bytes((head + text.getvalue()).encode())
    return file


def events(*changes):
    return [EVENT | {"id": str(i + 7)} | change for i, change in enumerate(changes)]


def report_of(base):
    with open(f"{base}-import-report.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def published(name, encoding="utf-8-sig"):
    with open(shared("ucdp", name), encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


# ---- events ----


def test_the_row_of_hxl_tags_is_no_event(imported):
    assert query(imported, "SELECT count(*), sum(best) FROM casualties WHERE series = 'ucdp-ged'") == [(601, 1362)]


def test_the_same_events_without_the_row_of_tags_are_the_same(base, tmp_path, imported):
    rows = published("ged_hxl_sample_BGD.csv", "utf-8")
    plain = write(tmp_path / "plain.csv", rows[1:])
    assert take("ucdp-ged", plain, base, DAY) == counts(read=601, inserted=601)
    sql = "SELECT * FROM casualties WHERE series = 'ucdp-ged' ORDER BY id"
    assert query(base, sql) == query(imported, sql)


def test_events_in_a_dataset_without_any_actor_are_right(tmp_path):
    file = tmp_path / "new.db"
    assert take("ucdp-ged", write(tmp_path / "ged.csv", events({})), file, DAY) == counts(read=1, inserted=1)
    assert query(file, "SELECT count(*) FROM actors") == [(0,)]
    check(file)


def test_line_breaks_inside_quotes_end_no_event(base, tmp_path):
    file = write(tmp_path / "ged.csv", events({"dyad_name": "Government of Mali -\nAnsar Dine"}, {"low": "x"}))
    assert take("ucdp-ged", file, base, DAY) == counts(read=2, inserted=1, rejected=1)
    # Line 1 is the header, 2 and 3 the first event.
    assert [(row["line"], row["column"]) for row in report_of(base)] == [("4", "low")]


def test_an_event_keeps_place_days_and_estimates(base, tmp_path):
    file = write(tmp_path / "ged.csv", events({"date_end": "2013-01-12"}))
    take("ucdp-ged", file, base, DAY)
    assert query(base, "SELECT id, place, latitude, longitude, location, date, end, end_max, low, best, high, qualifier, text, victim_group,"
                 " cause, harm, definition, source, note FROM casualties WHERE series = 'ucdp-ged'") == [
        ("ucdp-ged-7", "mli", 14.94, -3.84, "Konna town", "2013-01-10", "2013-01-12", "2013-01-12", 1, 2, 3, "estimated",
         "best 2, low 1, high 3", "people", "armed_conflict", "killed", "ucdp-event-deaths", f"ucdp-ged-{DAY}",
         "State-based conflict: Government of Mali - Ansar Dine.")]
    check(base)


def test_an_event_of_one_day_has_no_end(base, tmp_path):
    take("ucdp-ged", write(tmp_path / "ged.csv", events({})), base, DAY)
    assert query(base, "SELECT date, end, end_min, end_max FROM casualties WHERE series = 'ucdp-ged'") == [
        ("2013-01-10", None, "2013-01-10", "2013-01-10")]


def test_days_with_a_midnight_are_days(base, tmp_path):
    file = write(tmp_path / "ged.csv", events({"date_start": "2013-01-10 00:00:00.000", "date_end": "2013-01-11 00:00:00.000"}))
    assert take("ucdp-ged", file, base, DAY) == counts(read=1, inserted=1)
    assert query(base, "SELECT date, end FROM casualties WHERE series = 'ucdp-ged'") == [("2013-01-10", "2013-01-11")]


def test_numbers_that_a_table_program_wrote_with_a_point_are_whole(base, tmp_path):
    file = write(tmp_path / "ged.csv", events({"low": "1.0", "best": "2.0", "high": "3.0", "type_of_violence": "3.0"}))
    assert take("ucdp-ged", file, base, DAY) == counts(read=1, inserted=1)
    assert query(base, "SELECT text FROM casualties WHERE series = 'ucdp-ged'") == [("best 2, low 1, high 3",)]


def test_a_best_figure_outside_its_bounds_is_kept_and_flagged(base, tmp_path):
    file = write(tmp_path / "ged.csv", events({"low": "5", "best": "4", "high": "3"}, {"best": "9"}))
    assert take("ucdp-ged", file, base, DAY) == counts(read=2, inserted=2)
    assert query(base, "SELECT low, best, high, flags_json FROM casualties WHERE series = 'ucdp-ged' ORDER BY id") == [
        (5, 4, 3, '["bounds_inconsistent"]'), (1, 9, 3, '["bounds_inconsistent"]')]
    check(base)


@pytest.mark.parametrize(("name", "place"), [
    ("Russia (Soviet Union)", "rus"), ("Yemen (North Yemen)", "yem"), ("DR Congo (Zaire)", "cod"), ("Serbia (Yugoslavia)", "srb"),
    ("Ivory Coast", "civ"), ("Zimbabwe (Rhodesia)", "zwe"), ("Kingdom of eSwatini (Swaziland)", "swz")])
def test_countries_are_found_by_ucdps_names(base, tmp_path, name, place):
    take("ucdp-ged", write(tmp_path / "ged.csv", events({"country": name})), base, DAY, "--strict")
    assert query(base, "SELECT place FROM casualties WHERE series = 'ucdp-ged'") == [(place,)]


def test_a_country_without_a_known_name_is_found_by_its_code(base, tmp_path):
    take("ucdp-ged", write(tmp_path / "ged.csv", events({"country": "Elsewhere", "iso3": "MLI"})), base, DAY, "--strict")
    assert query(base, "SELECT place FROM casualties WHERE series = 'ucdp-ged'") == [("mli",)]


@pytest.mark.parametrize(("change", "column", "words"), [
    ({"id": ""}, "id", "id '' is no number"),
    ({"id": "7a"}, "id", "id '7a' is no number"),
    ({"country": "Malli"}, "country", "no place is called 'Malli'"),
    ({"country": ""}, "country", "the country is empty"),
    ({"date_start": "2013-02-30"}, "date_start", "is no day"),
    ({"date_end": "2013"}, "date_end", "is no day"),
    ({"date_end": "2013-01-09"}, "date_end", "before the event began"),
    ({"latitude": "14,94"}, "latitude", "nowhere on Earth"),
    ({"latitude": "94"}, "latitude", "nowhere on Earth"),
    ({"longitude": "-181"}, "longitude", "nowhere on Earth"),
    ({"latitude": "nan"}, "latitude", "nowhere on Earth"),
    ({"type_of_violence": "4"}, "type_of_violence", "none of UCDP's"),
    ({"best": ""}, "best", "no number of people"),
    ({"best": "2.5"}, "best", "no number of people"),
    ({"high": "-1"}, "high", "no number of people"),
    ({"low": "9999999999"}, "low", "no number of people"),
    ({"id": "8"}, "", "stands in a row above already"),
])
def test_an_event_that_cannot_be_used_is_rejected_with_its_cell(base, tmp_path, change, column, words):
    file = write(tmp_path / "ged.csv", [EVENT | {"id": "8"}, EVENT | {"id": "9"} | change])
    assert take("ucdp-ged", file, base, DAY) == counts(read=2, inserted=1, rejected=1)
    row = report_of(base)[0]
    assert (row["file"], row["line"], row["column"]) == (str(file), "3", column) and words in row["reason"] and row["hint"]


def test_the_extract_without_ids_is_refused_as_one(base):
    before = sha(base)
    said = take("ucdp-ged", shared("ucdp", "ged201_extract.csv"), base, DAY, status=1)
    assert ":1: no column 'id', so it is an extract" in said and sha(base) == before


def test_a_later_state_revises_withdraws_and_both_stay_answerable(base, tmp_path):
    first = write(tmp_path / "a.csv", events({}, {}, {}))
    second = write(tmp_path / "b.csv", events({}, {"best": "3"}) + [EVENT | {"id": "20"}])
    other = base.with_name("other.db")
    other.write_bytes(base.read_bytes())
    assert take("ucdp-ged", first, base, DAY) == counts(read=3, inserted=3)
    assert take("ucdp-ged", second, base, LATER) == counts(read=3, inserted=1, unchanged=1, revised=1, withdrawn=1)
    take("ucdp-ged", second, other, LATER)
    take("ucdp-ged", first, other, DAY)
    sql = "SELECT * FROM casualties WHERE series = 'ucdp-ged' ORDER BY id, version"
    assert query(base, sql) == query(other, sql)
    assert query(base, "SELECT count(*) FROM casualties WHERE series = 'ucdp-ged' AND known_from <= ?1 AND (known_to IS NULL OR known_to > ?1)",
                 DAY) == [(3,)]
    check(base)


# ---- a large load ----


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """Synthetic events of more than the eight megabytes from which a file is loaded at once."""
    file = tmp_path_factory.mktemp("large") / "ged.csv"
    with open(file, "wb") as out:
        subprocess.run([sys.executable, ROOT / "scripts" / "make-ged", "20000"], stdout=out, check=True)
    assert file.stat().st_size > 8 << 20
    return file


def test_the_generator_is_deterministic(large):
    made = subprocess.run([sys.executable, ROOT / "scripts" / "make-ged", "20000"], capture_output=True, check=True).stdout
    assert made == large.read_bytes()


def test_a_large_load_is_what_the_same_events_in_small_files_are(base, tmp_path, large):
    other = base.with_name("other.db")
    other.write_bytes(base.read_bytes())
    with open(large, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    needed = list(EVENT)
    small = write(tmp_path / "small.csv", [{name: row[name] for name in needed} for row in rows])
    assert small.stat().st_size < 8 << 20
    assert take("ucdp-ged", large, base, DAY) == counts(read=20000, inserted=20000)
    assert take("ucdp-ged", small, other, DAY) == counts(read=20000, inserted=20000)
    # Digests too: the way of the rows into the file leaves no trace.
    assert content(base) == content(other)
    check(base)
    before = sha(base)
    assert take("ucdp-ged", large, base, DAY) == counts(read=20000, unchanged=20000)
    assert sha(base) == before


def test_the_indexes_of_a_large_load_are_all_there(base, dataset, large):
    take("ucdp-ged", large, base, DAY)
    sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' ORDER BY name"
    assert query(base, sql) == query(dataset, sql)


def test_a_row_that_stands_twice_in_a_large_load_is_told_by_its_line(base, tmp_path, large):
    lines = large.read_bytes().split(b"\n")
    single = [i for i in range(1, 200) if lines[i].count(b'"') % 2 == 0]
    twice = tmp_path / "twice.csv"
    twice.write_bytes(large.read_bytes() + lines[single[0]] + b"\n")
    assert take("ucdp-ged", twice, base, DAY) == counts(read=20001, inserted=20000, rejected=1)
    row = report_of(base)[0]
    assert row["line"] == str(len(lines)) and "stands in a row above already" in row["reason"]
    check(base)


def test_a_large_load_that_is_broken_off_leaves_the_old_dataset(base, tmp_path, large):
    before = sha(base)
    broken = tmp_path / "broken.csv"
    broken.write_bytes(large.read_bytes() + b'20001,"never closed')
    said = take("ucdp-ged", broken, base, DAY, status=1)
    assert f"{broken}:" in said and sha(base) == before
    assert not list(base.parent.glob("*.tmp-*"))


# ---- country-years ----


def test_totals_of_country_years_are_the_publishers(imported):
    rows = published("organizedviolencecy_v25_1.csv")
    for series, column in {"ucdp-organised-violence": "cumulative_total_deaths_in_orgvio", "ucdp-state-based": "sb_total_deaths",
                           "ucdp-non-state": "ns_total_deaths", "ucdp-one-sided": "os_total_deaths",
                           "ucdp-one-sided-government": "os_main_govt_killings"}.items():
        expected = tuple(sum(int(row[f"{column}_{bound}_cy"]) for row in rows) for bound in ("low", "best", "high"))
        assert query(imported, "SELECT count(*), sum(low), sum(best), sum(high) FROM casualties WHERE series = ?", series) == [
            (len(rows), *expected)]


def test_mali_2022_is_3656_from_3540_to_4462(imported):
    assert query(imported, "SELECT low, best, high, source FROM casualties WHERE id = 'ucdp-cy-mli-2022'") == [
        (3540, 3656, 4462, "ucdp-ov-25-1")]


def test_country_years_say_what_the_shipped_ones_of_mali_say(imported):
    same = "SELECT date, low, best, high, qualifier, text, unit, definition, source, victim_group, cause FROM casualties WHERE series = ? AND place = 'mli' ORDER BY date"
    for series in ("organised-violence", "state-based", "non-state", "one-sided", "one-sided-government"):
        assert query(imported, same, f"ucdp-{series}") == query(imported, same, f"ucdp-{series}-mali")


def test_seven_country_years_with_broken_bounds_are_kept_and_flagged(imported):
    assert query(imported, "SELECT place || ' ' || date FROM casualties WHERE series = 'ucdp-organised-violence' AND"
                 " flags_json = '[\"bounds_inconsistent\"]' ORDER BY 1") == [
        ("arm 2022",), ("col 2020",), ("eri 1998",), ("lka 1998",), ("mli 1995",), ("rus 2024",), ("tur 1990",)]
    check(imported)


def test_a_dyad_that_is_none_does_no_harm(imported):
    assert any(row["sb_dyad_names_cy"] == "NO_DYAD" for row in published("organizedviolencecy_v25_1.csv"))
    assert query(imported, "SELECT count(*) FROM casualties WHERE note LIKE '%NO_DYAD%'") == [(0,)]


def test_years_without_a_death_are_zeros_and_not_unknown(imported):
    assert query(imported, "SELECT low, best, high, text FROM casualties WHERE id = 'ucdp-cy-isl-2000'") == [(0, 0, 0, "0")]


def test_two_versions_in_one_file_are_rejected(base, tmp_path):
    rows = published("organizedviolencecy_v25_1.csv")[:3]
    rows[2]["version"] = "24.1"
    file = write(tmp_path / "cy.csv", rows, newline="\r\n")
    assert take("ucdp-country-year", file, base, DAY) == counts(read=3, inserted=2, rejected=1)
    assert report_of(base)[0]["column"] == "version"


def test_country_years_without_a_version_are_known_by_their_day(base, tmp_path):
    rows = [{key: value for key, value in row.items() if key != "version"} for row in published("organizedviolencecy_v25_1.csv")[:1]]
    take("ucdp-country-year", write(tmp_path / "cy.csv", rows), base, DAY)
    assert query(base, "SELECT DISTINCT source FROM casualties WHERE series = 'ucdp-organised-violence'") == [(f"ucdp-ov-{DAY}",)]


# ---- actors ----


def actors(tmp_path, *changes, name="actors.csv"):
    rows = [ACTOR | {"ActorId": str(9001 + i), "NameData": f"Band {i}"} | change for i, change in enumerate(changes)]
    return write(tmp_path / name, rows, newline="\r\n", head="\ufeff")


def test_every_actor_is_there_once(imported):
    rows = published("ucdp-actor-221.csv")
    assert query(imported, "SELECT id FROM actors WHERE ucdp_id = 937") == [("ucdp-937",)]  # our tuareg is another actor
    numbers = Counter(number for (number,) in query(imported, "SELECT ucdp_id FROM actors WHERE note GLOB 'From the UCDP Actor Dataset*'"))
    assert set(numbers.values()) == {1} and len(rows) == 1725
    ours = {number for (number,) in query(imported, "SELECT ucdp_id FROM actors WHERE coalesce(note, '') NOT GLOB 'From the UCDP*' AND ucdp_id IS NOT NULL")}
    assert set(numbers) | ours == {int(row["ActorId"]) for row in rows} and not set(numbers) & ours


def test_an_actor_of_ours_gets_no_second_row(imported):
    assert query(imported, "SELECT id FROM actors WHERE ucdp_id = 72 ORDER BY id") == [("mali-army",), ("mali-gov",), ("mali-junta",)]
    assert query(imported, "SELECT name FROM actors WHERE id = 'russia'") == [("Russia",)]
    assert query(imported, "SELECT name FROM actors WHERE ucdp_id = 1158") == [("Tuareg rebels and separatists",)]


def test_two_actors_of_one_name_have_two_ids(imported):
    assert query(imported, "SELECT id, ucdp_id FROM actors WHERE name = 'PLA' ORDER BY id") == [("pla", 161), ("ucdp-314", 314)]


def test_blanks_and_line_breaks_inside_names_are_single_blanks(imported):
    for column, field in (("aliases_json", "Congo- Kinshasa"), ("aliases_json", "for national revival\"")):
        assert query(imported, f"SELECT count(*) FROM actors WHERE {column} LIKE ?", f"%{field}%") == [(1,)]
    assert query(imported, "SELECT count(*) FROM actors WHERE name <> trim(name) OR name GLOB '*\n*'") == [(0,)]
    assert query(imported, "SELECT count(*) FROM aliases WHERE alias <> trim(alias) OR alias GLOB '*\n*' OR alias IN ('n/a', '')") == [(0,)]


def test_a_renamed_actor_is_found_by_all_its_names(api):
    for name in ("IS", "ISIS", "TQJBR"):
        assert [row["id"] for row in api.get(f"/v1/actors?id={name}").json["data"]] == ["is"]


def test_lists_of_ids_in_quotes_are_edges(imported):
    assert query(imported, "SELECT type, to_actor, sign, status FROM relationships WHERE from_actor = 'pflp' ORDER BY type, to_actor") == [
        ("joined", "plo", "+", "asserted"), ("joined", "rejectionist-front", "+", "asserted"),
        ("splintered_from", "plo", "0", "asserted"), ("splintered_from", "rejectionist-front", "0", "asserted")]


def test_edges_have_no_date_and_a_source(imported):
    assert query(imported, "SELECT DISTINCT start, start_min, start_max, end, end_min, end_max, json_extract(sources_json, '$[0].id')"
                 " FROM relationships WHERE type IN ('splintered_from', 'split_temporarily_from', 'entered_alliance', 'joined')") == [
        (None, "0001-01-01", "9999-12-31", None, "0001-01-01", "9999-12-31", "ucdp-actor-22-1")]


def test_nobody_is_his_own_splinter_and_ids_that_are_not_there_are_left_out(imported):
    assert query(imported, "SELECT count(*) FROM relationships WHERE from_actor = to_actor") == [(0,)]
    assert query(imported, "SELECT count(*) FROM relationships WHERE id GLOB 'ucdp-*-7610' OR id GLOB 'ucdp-*-2658'") == [(0,)]


def test_actors_and_edges_of_two_states_in_any_order(base, tmp_path):
    other = base.with_name("other.db")
    other.write_bytes(base.read_bytes())
    first = actors(tmp_path, {}, {"ActorIdPrev": "9001"}, {"ActorIdGroup": "9001, 9002"}, name="a.csv")
    second = actors(tmp_path, {"NameOrig": "Old Band", "Org": "3", "Version": "23.1"}, {"Version": "23.1"},
                    {"ActorIdGroup": "9002", "ActorIdAlliance": "9001", "Version": "23.1"}, name="b.csv")
    assert take("ucdp-actors", first, base, DAY) == counts(read=3, inserted=3)
    assert take("ucdp-actors", second, base, LATER) == counts(read=3, unchanged=2, revised=1)
    take("ucdp-actors", second, other, LATER)
    take("ucdp-actors", first, other, DAY)
    for table in ("actors", "actor_sources", "relationships", "relationship_sources", "relationship_claims", "claims", "facts"):
        assert content(base)[table] == content(other)[table]
    sql = "SELECT id, known_from, known_to FROM relationships WHERE id GLOB 'ucdp-90*' ORDER BY id"
    assert query(base, sql) == [("ucdp-9002-splintered-from-9001", DAY, LATER), ("ucdp-9003-entered-alliance-9001", LATER, None),
                                ("ucdp-9003-joined-9001", DAY, LATER), ("ucdp-9003-joined-9002", DAY, None)]
    check(base)
    before = sha(base)
    assert take("ucdp-actors", second, base, LATER) == counts(read=3, unchanged=3)
    assert sha(base) == before


def test_an_actor_that_vanished_is_withdrawn(base, tmp_path):
    take("ucdp-actors", actors(tmp_path, {}, {}), base, DAY)
    assert take("ucdp-actors", actors(tmp_path, {}), base, LATER) == counts(read=1, unchanged=1, withdrawn=1)
    assert query(base, "SELECT known_from, known_to FROM actors WHERE ucdp_id = 9002") == [(DAY, LATER)]
    check(base)


# The edges of the published file, read a second time and otherwise: by what each row and each id says.

LISTS = {"splintered_from": ("ActorIdPrev", "NamePrev"), "split_temporarily_from": ("ActorIdSplitTemp", "NameSplitTemp"),
         "entered_alliance": ("ActorIdAlliance", "NameAlliance"), "joined": ("ActorIdGroup", "GroupName")}


def numbers(cell):
    return [int(number) for number in re.findall(r"\d+", cell)]


def listed(rows):
    """(type, from, to) -> words, of ids that lead to another actor of the file."""
    known = {int(row["ActorId"]) for row in rows}
    found = {}
    for row in rows:
        for kind, (column, words) in LISTS.items():
            for to, name in zip(numbers(row[column]), row[words].split(",")):
                if to in known and to != int(row["ActorId"]):
                    assert (kind, int(row["ActorId"]), to) not in found
                    found[kind, int(row["ActorId"]), to] = " ".join(name.split())
    return found


def sharing_of(rows, column):
    """Who names each id of a column."""
    sharing = defaultdict(set)
    for row in rows:
        for number in numbers(row[column]):
            sharing[number].add(int(row["ActorId"]))
    return sharing


def pairs(rows, column, most):
    return {pair for actors in sharing_of(rows, column).values() if len(actors) <= most for pair in combinations(sorted(actors), 2)}


def imported_edges(imported, slug):
    """(from, to) by UCDP's numbers, out of the ids."""
    found = query(imported, "SELECT id FROM relationships WHERE id GLOB ?", f"ucdp-[0-9]*-{slug}-[0-9]*")
    return {tuple(map(int, re.fullmatch(rf"ucdp-(\d+)-{slug}-(\d+)", id).groups())) for (id,) in found if re.search(rf"\d-{slug}-\d", id)}


def test_every_id_of_the_four_lists_is_an_edge_of_its_kind_and_direction(imported):
    expected = listed(published("ucdp-actor-221.csv"))
    assert Counter(kind for kind, _, _ in expected) == {"splintered_from": 223, "split_temporarily_from": 38, "entered_alliance": 117, "joined": 82}
    for kind in LISTS:
        assert imported_edges(imported, kind.replace("_", "-")) == {(one, other) for its, one, other in expected if its == kind}


def test_ends_of_edges_are_the_actors_of_those_numbers(imported):
    """The three actors of ours that are UCDP's 72 share one number; the state stands for it."""
    actor = {}
    for id, number in query(imported, "SELECT id, ucdp_id FROM actors WHERE ucdp_id IS NOT NULL"
                            " ORDER BY type IN ('state', 'government'), id DESC"):
        actor[number] = id
    rows = query(imported, "SELECT id, from_actor, type, to_actor FROM relationships WHERE id GLOB 'ucdp-[0-9]*'")
    assert len(rows) == len({id for id, *_ in rows}) == 2280
    for id, one, kind, other in rows:
        ends = re.fullmatch(r"ucdp-(\d+)-[a-z-]+-(\d+)", id).groups()
        assert [one, other] == [actor[int(end)] for end in ends], id
        assert kind.replace("_", "-") in id or kind in ("fought", "in_coalition_with")


def test_each_list_of_names_is_as_long_as_its_list_of_ids():
    """So that the words of each edge are known."""
    for row in published("ucdp-actor-221.csv"):
        for column, words in LISTS.values():
            assert not row[column].strip() or len(row[column].split(",")) == len(row[words].split(","))


def test_two_sides_of_a_dyad_fought_and_more_are_not_guessed(imported):
    rows = published("ucdp-actor-221.csv")
    for column, slug, count in (("DyadId", "fought-over-state", 486), ("NSID", "fought-non-state", 692)):
        expected = pairs(rows, column, 2)
        assert len(expected) == count and imported_edges(imported, slug) == expected
    org = {int(row["ActorId"]): row["Org"] for row in rows}
    # In a conflict over a state one side is a government; outside of it none is, and both are of one kind.
    assert all("4" in (org[one], org[other]) for one, other in imported_edges(imported, "fought-over-state"))
    assert all(org[one] == org[other] != "4" for one, other in imported_edges(imported, "fought-non-state"))
    assert query(imported, "SELECT DISTINCT type, sign FROM relationships WHERE id GLOB 'ucdp-*-fought-*'") == [("fought", "-")]


@pytest.mark.parametrize(("column", "kind"), [("DyadId", "sb"), ("NSID", "ns")])
def test_sides_are_those_that_another_set_of_ucdp_names(column, kind):
    """The country-years name dyads in words, `A - B`, beside a list of their ids in another order."""
    rows = published("ucdp-actor-221.csv")
    names = {int(row["ActorId"]): {" ".join(row[name].split()) for name in ("NameData", "NameOrig", "NewName")} for row in rows}
    sides = {number: sorted(actors) for number, actors in sharing_of(rows, column).items() if len(actors) == 2}
    words = defaultdict(set)  # that stand beside an id somewhere
    for row in published("organizedviolencecy_v25_1.csv"):
        for number in numbers(row[f"{kind}_dyad_ids_cy"]):
            words[number] |= {" ".join(name.split()) for name in row[f"{kind}_dyad_names_cy"].split("; ")}
    checked = [number for number in sides if number in words]
    wrong = [number for number in checked if not any(f"{a} - {b}" in words[number] for one, other in (sides[number], sides[number][::-1])
                                                     for a in names[one] for b in names[other])]
    assert len(checked) > len(sides) / 2
    # What was renamed or is spelled otherwise since 2022.
    assert len(wrong) < len(checked) / 20, [(sides[number], [names[actor] for actor in sides[number]], sorted(words[number])[:5]) for number in wrong]


def test_who_names_one_coalition_was_in_it_together(imported):
    rows = published("ucdp-actor-221.csv")
    for column, slug in (("NSCoalitionID", "in-non-state-coalition-with"), ("OSCoalitionID", "in-one-sided-coalition-with")):
        assert imported_edges(imported, slug) == pairs(rows, column, 64)
    assert query(imported, "SELECT DISTINCT type, sign, count(*) FROM relationships WHERE id GLOB 'ucdp-*-coalition-with-*'") == [
        ("in_coalition_with", "+", 642)]


def test_every_edge_carries_one_claim_of_its_own_and_the_source(imported):
    assert query(imported, "SELECT count(*), sum(c.id = r.id AND c.version = r.version AND c.subject = r.from_actor AND c.object = r.to_actor"
                 " AND c.predicate = r.type AND c.modality = 'stated' AND c.status = 'normal' AND c.known_from = r.known_from AND c.known_to IS r.known_to"
                 " AND c.reported_by = s.source AND c.note GLOB '*olumn*'),"
                 " sum(json_array_length(r.claims_json) = 1 AND json_array_length(r.sources_json) = 1)"
                 " FROM relationships r LEFT JOIN relationship_claims l ON l.relationship = r.id AND l.version = r.version"
                 " LEFT JOIN claims c ON c.id = l.claim AND c.version = r.version"
                 " LEFT JOIN relationship_sources s ON s.relationship = r.id AND s.version = r.version WHERE r.id GLOB 'ucdp-[0-9]*'") == [(2280, 2280, 2280)]
    check(imported)


def test_claims_quote_the_words_of_the_column(imported):
    expected = listed(published("ucdp-actor-221.csv"))
    for (kind, one, other), words in expected.items():
        quote = query(imported, "SELECT quote FROM claims WHERE id = ?", f"ucdp-{one}-{kind.replace('_', '-')}-{other}")
        assert quote == [(words,)] and len(words.split()) <= 10


def test_the_source_of_an_edge_can_be_cited(api):
    row = api.get("/v1/relationships/ucdp-180-splintered-from-890?include=sources,claims").json
    assert row["data"]["from_actor"] != row["data"]["to_actor"] and row["data"]["type"] == "splintered_from"
    source = row["included"]["sources"][0]
    assert source["citation"] and "22.1" in source["citation"] and source["publisher"]
    claim = row["included"]["claims"][0]
    assert (claim["modality"], claim["quote"], claim["reported_by"]["id"]) == ("stated", "KNUP", source["id"])


def test_every_name_of_an_actor_finds_it(imported):
    """Of actors that the file alone holds; those of the dataset keep their own names."""
    here = {number: id for number, id in query(imported, "SELECT ucdp_id, id FROM actors WHERE note GLOB 'From the UCDP*'")}
    known = {(name, id) for name, id in query(imported, "SELECT name, id FROM names WHERE kind = 'actor'")}
    others = {name for name, id in known if id not in here.values()}
    with sqlite3.connect(imported) as db:
        aliases = set(db.execute("SELECT alias, id FROM aliases WHERE kind = 'actor'")) | set(db.execute("SELECT name, id FROM actors"))
    renamed = 0
    for row in published("ucdp-actor-221.csv"):
        id = here.get(int(row["ActorId"]))
        if id is None:
            continue
        names = [row[name] for name in ("NameData", "NameOrig", "NameOrigFull", "NameOrigFullEng", "NewNameFullMotherTongue", "NewNameFullEng")]
        names = [" ".join(name.split()) for name in names + row["NewName"].split(",")]
        for name in filter(None, names):
            assert name == "n/a" or (name, id) in aliases or any(other == name.lower() for other in others), (name, id)
        renamed += row["NameChange"] == "1"
    assert renamed >= 60


def test_an_actor_that_ucdp_renamed_is_found_by_both_names(api):
    for name in ("CMA", "MNLA"):
        assert [row["ucdp_id"] for row in api.get(f"/v1/actors?id={name}").json["data"]] == [1158]


def test_the_published_actors_again_change_nothing(imported, tmp_path):
    own = tmp_path / "own.db"
    own.write_bytes(imported.read_bytes())
    before = sha(own)
    assert take("ucdp-actors", shared("ucdp", "ucdp-actor-221.csv"), own, "2022-06-20") == counts(read=1725, unchanged=1725)
    assert sha(own) == before


def test_a_third_actor_of_a_dyad_ends_the_edge_even_when_it_is_rejected(base, tmp_path):
    take("ucdp-actors", actors(tmp_path, {"DyadId": "5"}, {"DyadId": "5, 6", "NSID": "7"}, {"NSID": "7"}), base, DAY)
    found = "SELECT id FROM relationships WHERE id GLOB 'ucdp-90*' AND known_to IS NULL ORDER BY id"
    assert query(base, found) == [("ucdp-9001-fought-over-state-9002",), ("ucdp-9002-fought-non-state-9003",)]
    take("ucdp-actors", actors(tmp_path, {"DyadId": "5"}, {"DyadId": "5, 6", "NSID": "7"}, {"NSID": "7"}, {"DyadId": "5"}), base, LATER)
    assert query(base, found) == [("ucdp-9002-fought-non-state-9003",)]
    check(base)
    third = tmp_path / "third.db"
    third.write_bytes(base.read_bytes())
    many = actors(tmp_path, *[{"Location": "Chad"}] * 4, {"DyadId": "8", "ActorIdPrev": "9001"}, {"DyadId": "8"}, {"DyadId": "8", "Org": "9"})
    assert take("ucdp-actors", many, third, "2026-06-14")["rejected"] == 1
    assert query(third, "SELECT id FROM relationships WHERE id GLOB 'ucdp-900[5-7]*'") == [("ucdp-9005-splintered-from-9001",)]


def test_words_that_a_later_state_says_otherwise_open_a_version_of_the_claim(base, tmp_path):
    other = base.with_name("other.db")
    other.write_bytes(base.read_bytes())
    first = actors(tmp_path, {}, {"ActorIdPrev": "9001", "NamePrev": "Band  0"}, name="a.csv")
    second = actors(tmp_path, {"Version": "23.1"}, {"ActorIdPrev": "9001", "NamePrev": "The Band", "Version": "23.1"}, name="b.csv")
    for file, day in ((first, DAY), (second, LATER)):
        take("ucdp-actors", file, base, day)
    for file, day in ((second, LATER), (first, DAY)):
        take("ucdp-actors", file, other, day)
    assert query(base, "SELECT version, quote, reported_by, known_from, known_to FROM claims WHERE id = 'ucdp-9002-splintered-from-9001' ORDER BY 1") == [
        (1, "Band 0", "ucdp-actor-22-1", DAY, LATER), (2, "The Band", "ucdp-actor-23-1", LATER, None)]
    for table in ("relationships", "claims", "facts", "relationship_claims", "relationship_sources"):
        assert content(base)[table] == content(other)[table]
    check(base)


@pytest.mark.parametrize(("change", "column"), [
    ({"ActorId": "x"}, "ActorId"), ({"NameData": "n/a"}, "NameData"), ({"Org": "5"}, "Org"), ({"Org": ""}, "Org"),
    ({"ActorIdPrev": "1; 2"}, "ActorIdPrev")])
def test_an_actor_that_cannot_be_used_is_rejected_with_its_cell(base, tmp_path, change, column):
    assert take("ucdp-actors", actors(tmp_path, {}, change), base, DAY) == counts(read=2, inserted=1, rejected=1)
    assert report_of(base)[0]["column"] == column


def test_a_dataset_without_the_codes_of_edges_is_refused(base, tmp_path):
    with sqlite3.connect(base) as db:
        db.execute("DELETE FROM codes WHERE id = 'in_coalition_with' AND list = 'predicate'")
    seal(base)
    before = sha(base)
    assert "does not know the relationship 'in_coalition_with'" in take("ucdp-actors", actors(tmp_path, {}), base, DAY, status=1)
    assert sha(base) == before


# ---- sums ----


def test_sums_of_events_by_year_are_the_files_own(api):
    expected = Counter()
    for row in published("ged_hxl_sample_BGD.csv", "utf-8")[1:]:
        assert row["date_start"][:4] == row["date_end"][:4] == row["year"]
        expected[row["year"]] += int(row["best"])
    reply = api.get("/v1/casualties/stats?place=bangladesh&group_by=year(date)&series=ucdp-ged").json
    assert {row["year"]: row["best"] for row in reply["data"]} == dict(expected)


def test_events_answer_where_country_years_cannot(api):
    reply = api.get("/v1/casualties/stats?place=bangladesh&group_by=month(date)").json
    assert [entry["series"]["id"] for entry in reply["meta"]["series"]] == ["ucdp-ged"]
    by_year = Counter()
    for row in published("ged_hxl_sample_BGD.csv", "utf-8")[1:]:
        by_year[row["year"]] += int(row["best"])
    months = Counter()
    for row in reply["data"]:
        if row["month"] is not None:  # an event over the end of a month is of neither
            months[row["month"][:4]] += row["best"]
    spread = sum(row["best"] for row in reply["data"] if row["month"] is None)
    assert sum(months.values()) + spread == sum(by_year.values()) == 1362
    assert all(months[year] <= by_year[year] for year in months)


def test_events_and_country_years_are_not_added(api):
    reply = api.get("/v1/casualties/stats?place=bangladesh").json
    assert [entry["series"]["id"] for entry in reply["meta"]["series"]] == ["ucdp-organised-violence"], "the whole before a part"
    assert [row["best"] for row in reply["data"]] == [1808]
    excluded = {left["series"]["id"]: left["reason"] for left in reply["meta"]["excluded"]}
    assert excluded == {series: "overlaps" for series in WORLD if series != "ucdp-organised-violence"}


def test_country_years_of_the_world_and_of_mali_are_not_added(api):
    reply = api.get("/v1/casualties/stats?place=mali&from=2022-01-01&to=2022-12-31").json
    assert [row["best"] for row in reply["data"]] == [3656]


def test_series_that_overlap_are_refused_together(api):
    reply = api.get("/v1/casualties/stats?series=ucdp-ged&series=ucdp-organised-violence", status=400)
    assert "never added" in reply.json["detail"]


def test_each_ucdp_series_and_its_overlaps_say_so_of_each_other(imported):
    with sqlite3.connect(imported) as db:
        pairs = set(db.execute("SELECT series, other FROM series_overlaps"))
    assert {(b, a) for a, b in pairs} == pairs
    with sqlite3.connect(imported) as db:
        others = {name for (name,) in db.execute("SELECT id FROM series WHERE id <> 'ucdp-ged'")}
    assert {("ucdp-ged", other) for other in others} <= pairs
    # What fell in fighting between groups is none of what a state did.
    assert ("ucdp-non-state", "ucdp-state-based-mali") not in pairs and ("ucdp-non-state", "ucdp-non-state-mali") in pairs
