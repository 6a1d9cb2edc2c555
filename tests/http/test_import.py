"""`bluehelm import`: published files as they are, every state answerable, and nothing half done."""

import csv
import hashlib
import io
import itertools
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

from harness import PATIENCE, PROGRAM, ROOT, SHARED, Client, Server, run

SUMMARY = re.compile(r"(?P<read>\d+) read = (?P<inserted>\d+) inserted \+ (?P<unchanged>\d+) unchanged \+ (?P<revised>\d+) revised"
                     r" \+ (?P<rejected>\d+) rejected; (?P<withdrawn>\d+) withdrawn")
HEADER_2025 = ("id,incident_date,casualty_id,mission_acronym,type_of_casualty,gender,casualty_nationality,casualty_personnel_type,"
               "type_of_incident,m49_code,isocode3,last_update")
STATES = {"2021-06-10": "odp_noticas_2021-06.csv", "2023-11-28": "DPPADPOSS-FATALITIES_2023-11-28.csv",
          "2025-04-04": "DPPADPOSS-FATALITIES_2025-04-04.csv"}
ROWS = {"2021-06-10": 4117, "2023-11-28": 4350, "2025-04-04": 4429}


def shared(*parts):
    file = SHARED.joinpath(*parts)
    if not file.exists():
        pytest.skip(f"{file} is not there: the publisher's file is needed")
    return file


def take(kind, files, into, day, *more, status=0):
    """Runs an import; gives the numbers of its summary, which add up (None when it failed)."""
    done = run("import", kind, *(files if isinstance(files, list) else [files]), "--into", into, "--known-from", day, *more)
    assert done.returncode == status, done.stdout + done.stderr
    if status != 0:
        assert done.stdout == ""
        return done.stderr
    found = {key: int(value) for key, value in SUMMARY.search(done.stdout).groupdict().items()}
    assert found["read"] == found["inserted"] + found["unchanged"] + found["revised"] + found["rejected"]
    return found


def counts(**numbers):
    return {"inserted": 0, "unchanged": 0, "revised": 0, "rejected": 0, "withdrawn": 0, **numbers}


def content(file):
    """Every row of every table, whatever bytes SQLite laid them out in."""
    with sqlite3.connect(file) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
        return {table: sorted(db.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}


def query(file, sql, *values):
    with sqlite3.connect(file) as db:
        return db.execute(sql, values).fetchall()


def known(file, day, series="un-fatalities-records"):
    return query(file, "SELECT id, cause, date FROM casualties WHERE series = ? AND known_from <= ? AND"
                 " (known_to IS NULL OR known_to > ?) ORDER BY id", series, day, day)


def sha(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def check(file):
    done = run("check", file)
    assert done.returncode == 0, done.stderr


def death(number, mission="MINUSMA", date="2014-03-01", kind="Military", cause="Illness", nationality="Chad", m49="148.0", iso="TCD",
          gender="M", casualty="Fatality"):
    return ["1", date, f"{mission}-2014-03-{number:05}", mission, casualty, gender, nationality, kind, cause, m49, iso, "2025-04-04"]


def write(path, rows, header=HEADER_2025, newline="\n"):
    text = io.StringIO()
    csv.writer(text, lineterminator=newline).writerows(rows)
    path.write_text(header + newline + text.getvalue(), newline="")
    return path


# ---- The three states of the UN's list ----


def states_into(file, days):
    return [take("un-fatalities", shared("un-fatalities", STATES[day]), file, day) for day in days]


@pytest.fixture(scope="module")
def in_order(tmp_path_factory):
    file = tmp_path_factory.mktemp("states") / "ordered.db"
    return file, states_into(file, STATES)


def test_from_an_empty_dataset_each_state_has_its_rows(in_order):
    file, summaries = in_order
    check(file)
    assert [summary["read"] for summary in summaries] == list(ROWS.values())
    assert {day: len(known(file, day)) for day in STATES} == ROWS
    assert summaries[1] == counts(read=4350, inserted=233, unchanged=4116, revised=1)
    assert summaries[2] == counts(read=4429, inserted=79, unchanged=4235, revised=115)


def test_from_2023_to_2025_115_causes_change_and_nothing_else(in_order):
    before, after = ({row[0]: row for row in known(in_order[0], day)} for day in ("2023-11-28", "2025-04-04"))
    assert len(after.keys() - before.keys()) == 79 and not before.keys() - after.keys()
    changed = [(before[key], after[key]) for key in before if before[key] != after[key]]
    assert len(changed) == 115 and all(old[2] == new[2] and old[1] != new[1] for old, new in changed)
    turned = [(old[1], new[1]) for old, new in changed]
    assert turned.count(("to_be_determined", "illness")) == 63 and turned.count(("unknown", "illness")) == 21


def test_from_2021_to_2023_one_date_moves_by_a_day_and_five_are_late(in_order):
    before, after = ({row[0]: row for row in known(in_order[0], day)} for day in ("2021-06-10", "2023-11-28"))
    changed = [(before[key], after[key]) for key in before if before[key] != after[key]]
    assert len(changed) == 1 and changed[0][0][1] == changed[0][1][1] and changed[0][0][2] != changed[0][1][2]
    late = [row for key, row in after.items() if key not in before and row[2] <= "2021-06-10"]
    assert len(late) == 5


@pytest.mark.parametrize("days", [days for n in (2, 3) for days in itertools.permutations(STATES, n)], ids="+".join)
def test_in_any_order_and_with_a_state_missing_the_known_states_answer_the_same(in_order, days, tmp_path):
    file = tmp_path / "any.db"
    states_into(file, days)
    for day in days:
        assert known(file, day) == known(in_order[0], day)
    if len(days) == 3:
        assert content(file) == content(in_order[0])
    check(file)


def test_again_nothing_changes_and_the_file_keeps_its_bytes(in_order, tmp_path):
    file = tmp_path / "again.db"
    shutil.copy(in_order[0], file)
    before, inode = sha(file), file.stat().st_ino
    for summary in states_into(file, reversed(STATES)):
        assert summary == counts(read=summary["read"], unchanged=summary["read"])
    assert sha(file) == before and file.stat().st_ino == inode


def test_json_equals_the_csv_of_the_same_day(in_order, tmp_path):
    file = tmp_path / "json.db"
    shutil.copy(in_order[0], file)
    published = shared("un-fatalities", "DPPADPOSS-FATALITIES_2023-11-28.json")
    assert take("un-fatalities", published, file, "2023-11-28") == counts(read=4350, unchanged=4350)
    other = tmp_path / "other.db"
    take("un-fatalities", published, other, "2023-11-28")
    assert [row[:3] for row in known(other, "2023-11-28")] == known(in_order[0], "2023-11-28")


def test_beside_the_shipped_cells_each_state_adds_up_to_the_same(dataset, tmp_path):
    file = tmp_path / "shipped.db"
    shutil.copy(dataset, file)
    states_into(file, STATES)
    check(file)
    for day, rows in ROWS.items():
        assert len(known(file, day)) == rows
        assert query(file, "SELECT sum(best) FROM casualties WHERE series = 'un-fatalities' AND known_from <= ?1 AND"
                     " (known_to IS NULL OR known_to > ?1)", day) == [(rows,)]
    assert query(file, "SELECT count(*) FROM missions WHERE note LIKE 'Known from imported%'") == [(0,)]


def totals(file, day, where, *values):
    return query(file, "SELECT count(*) FROM casualties WHERE series = 'un-fatalities-records' AND known_from <= ? AND"
                 f" (known_to IS NULL OR known_to > ?) AND {where}", day, day, *values)[0][0]


@pytest.mark.parametrize("where, expected", [
    ("cause = 'illness'", (1387, 1516, 1643)), ("cause = 'accident'", (1367, 1395, 1412)), ("cause = 'malicious_act'", (1069, 1118, 1134)),
    ("cause = 'self_inflicted'", (136, 138, 148)), ("cause = 'to_be_determined'", (130, 144, 60)), ("cause = 'unknown'", (28, 39, 32)),
    ("personnel_type = 'military'", (2898, 3003, 3036)), ("personnel_type = 'local'", (474, 534, 557)),
    ("personnel_type = 'international_civilian'", (301, 341, 351)), ("personnel_type = 'police'", (296, 308, 314)),
    ("personnel_type = 'military_observer'", (91, 95, 97)), ("personnel_type = 'other'", (57, 69, 74)),
    ("mission = 'minusma'", (249, 311, 311)), ("mission = 'onuc'", (249, 249, 249)),
])
def test_totals_are_those_of_the_readme(in_order, where, expected):
    assert tuple(totals(in_order[0], day, where) for day in STATES) == expected


# ---- Quirks of the files, each by its name ----


def test_quirk_six_persons_listed_twice_are_kept_and_flagged(in_order):
    rows = query(in_order[0], "SELECT nationality, mission, personnel_type, note FROM casualties WHERE flags_json LIKE '%counted_twice%'")
    assert len(rows) == 12 and {row[1:3] for row in rows} == {("unmik", "local")} and all(row[3] for row in rows)
    assert sorted(row[0] for row in rows) == ["mne"] * 6 + ["scg"] * 6
    assert totals(in_order[0], "2025-04-04", "mission = 'unmik'") == 62


def test_quirk_m49_as_a_float_finds_the_place_where_code_and_name_do_not(tmp_path):
    file = tmp_path / "m49.db"
    rows = [death(1, nationality="Frankreich", m49="250.0", iso=""), death(2, nationality="Frankreich", m49="250", iso="")]
    assert take("un-fatalities", write(tmp_path / "m49.csv", rows), file, "2025-04-04") == counts(read=2, inserted=2)
    assert query(file, "SELECT DISTINCT nationality FROM casualties") == [("fra",)]


def test_quirk_negative_epoch_milliseconds_are_days_before_1970(tmp_path):
    element = dict(zip(HEADER_2025.split(","), death(1)))
    element.update(incident_date=-678153600000, m49_code=148.0, last_update=1701129600000)
    (tmp_path / "a.json").write_text(json.dumps([element]))
    take("un-fatalities", tmp_path / "a.json", tmp_path / "a.db", "2023-11-28")
    assert query(tmp_path / "a.db", "SELECT date, date_min, date_max FROM casualties") == [("1948-07-06",) * 3]


def test_quirk_local_with_a_blank_behind_it_is_local(tmp_path):
    take("un-fatalities", write(tmp_path / "a.csv", [death(1, kind="Local ")]), tmp_path / "a.db", "2025-04-04")
    assert query(tmp_path / "a.db", "SELECT personnel_type FROM casualties") == [("local",)]


@pytest.mark.parametrize("name, place", [("Côte dIvoire", "civ"), ("Türkiye", "tur"), ("Turkey", "tur"), ("Mauritius", "mus"),
                                         ("Viet Nam", "vnm"), ("Serbia and Montenegro", "scg"), ("Yugoslavia", "yug")])
def test_quirk_nationalities_without_codes_are_found_by_name(tmp_path, name, place):
    take("un-fatalities", write(tmp_path / "a.csv", [death(1, nationality=name, m49="", iso="")]), tmp_path / "a.db", "2025-04-04")
    assert query(tmp_path / "a.db", "SELECT nationality, nationality_text FROM casualties") == [(place, None)]


@pytest.mark.parametrize("iso, place", [("SCG", "scg"), ("YUG", "yug")])
def test_quirk_codes_of_former_countries_are_places(tmp_path, iso, place):
    take("un-fatalities", write(tmp_path / "a.csv", [death(1, nationality="?", iso=iso)]), tmp_path / "a.db", "2025-04-04")
    assert query(tmp_path / "a.db", "SELECT nationality FROM casualties") == [(place,)]


def test_quirk_undetermined_and_empty_nationalities_keep_their_words(tmp_path):
    rows = [death(1, nationality="ZZ [Undetermined]", m49="", iso=""), death(2, nationality="", m49="", iso="")]
    take("un-fatalities", write(tmp_path / "a.csv", rows), tmp_path / "a.db", "2025-04-04")
    assert query(tmp_path / "a.db", "SELECT nationality, nationality_text FROM casualties ORDER BY id") == [
        (None, "ZZ [Undetermined]"), (None, "not stated")]


def test_quirk_na_is_namibia_as_a_code_and_nothing_as_a_number(tmp_path):
    rows = [death(1, nationality="NA", m49="", iso="NA")]
    take("un-fatalities", write(tmp_path / "a.csv", rows), tmp_path / "a.db", "2025-04-04")
    assert query(tmp_path / "a.db", "SELECT nationality FROM casualties") == [("nam",)]
    (tmp_path / "s.csv").write_text("Date,Mission,Troops,Police,Observers,Total\n2014-01-31,UNMIX,NA,3,NA,3\n")
    take("strength", tmp_path / "s.csv", tmp_path / "s.db", "2017-05-01")
    assert query(tmp_path / "s.db", "SELECT category, best FROM strengths ORDER BY category") == [("police", 3), ("uniformed", 3)]


@pytest.mark.parametrize("mark, newline, is_final", [("\ufeff", "\r\n", False), ("", "\r\n", True), ("", "\n", True), ("", "\n", False)])
def test_quirk_mark_crlf_and_no_final_newline(tmp_path, mark, newline, is_final):
    file = write(tmp_path / "a.csv", [death(1), death(2)], newline=newline)
    data = mark.encode() + file.read_bytes()
    file.write_bytes(data if is_final else data.removesuffix(newline.encode()))
    assert take("un-fatalities", file, tmp_path / "a.db", "2025-04-04") == counts(read=2, inserted=2)


def test_quirk_missions_are_found_whatever_their_spelling(dataset, tmp_path):
    file = tmp_path / "a.db"
    shutil.copy(dataset, file)
    rows = [death(i, mission=name) for i, name in enumerate(["UN Secretariat", "UNSecretariat", "OSE-Syria", "OSESyria", "UNEF I"])]
    take("un-fatalities", write(tmp_path / "a.csv", rows), file, "2025-04-04")
    assert query(file, "SELECT mission, count(*) FROM casualties WHERE series = 'un-fatalities-records' GROUP BY 1 ORDER BY 1") == [
        ("osesyria", 2), ("unef-i", 1), ("unsecretariat", 2)]


def test_quirk_an_id_of_another_mission_and_month_is_no_fault(tmp_path):
    row = death(1, mission="UNMOGIP", date="2002-12-25")
    row[2] = "UN SECRETA-2022-12-00001"
    assert take("un-fatalities", write(tmp_path / "a.csv", [row]), tmp_path / "a.db", "2025-04-04") == counts(read=1, inserted=1)
    assert query(tmp_path / "a.db", "SELECT mission, date FROM casualties") == [("unmogip", "2002-12-25")]


def test_quirk_line_breaks_in_quotes_do_not_move_the_lines_of_a_report(tmp_path):
    rows = [death(1, nationality="Chad\n"), death(2, cause="Boredom")]
    summary = take("un-fatalities", write(tmp_path / "a.csv", rows), tmp_path / "a.db", "2025-04-04")
    assert summary == counts(read=2, inserted=1, rejected=1)
    report = list(csv.DictReader((tmp_path / "a.db-import-report.csv").open()))
    assert [(row["line"], row["column"]) for row in report] == [("4", "type_of_incident")]
    assert "Boredom" in report[0]["reason"] and "Malicious Act" in report[0]["hint"]


def test_quirk_unknown_missions_become_missions_of_category_other(tmp_path):
    file = tmp_path / "a.db"
    take("un-fatalities", write(tmp_path / "late.csv", [death(1, mission="UNSecretariat")]), file, "2025-04-04")
    take("un-fatalities", write(tmp_path / "early.csv", [death(1, mission="UN Secretariat")]), file, "2021-06-10")
    assert query(file, "SELECT id, acronym, category, known_from, s.source FROM missions m JOIN mission_sources s ON s.mission = m.id") == [
        ("unsecretariat", "UN Secretariat", "other", "2021-06-10", "un-fatalities-2021-06-10")]
    check(file)


# ---- The UN's list of operations ----


@pytest.fixture(scope="module")
def missions(dataset, tmp_path_factory):
    """The list imported into the shipped dataset, and into none."""
    folder = tmp_path_factory.mktemp("missions")
    published = shared("un-missions", "DPPADPOSS-PKO_2024-02-19.csv")
    shutil.copy(dataset, folder / "shipped.db")
    summaries = [take("un-missions", published, folder / name, "2024-02-19") for name in ("shipped.db", "empty.db")]
    return folder / "shipped.db", folder / "empty.db", summaries


def claim(file, ident):
    return query(file, "SELECT start, note, status, reported_by FROM claims WHERE id = ?", ident)


def test_the_list_stands_beside_better_dates_and_what_editors_made_of_it_stays(missions):
    shipped, empty, summaries = missions
    assert summaries[0]["rejected"] == summaries[1]["rejected"] == 0 and summaries[1] == counts(read=81, inserted=81)
    assert summaries[0]["unchanged"] >= 78 and summaries[0]["withdrawn"] == 0
    assert claim(shipped, "unoci-ended-un-list")[0][::2] == ("2017-05-01", "disputed")
    assert claim(shipped, "unoci-ended-sg-statement")[0][0] == "2017-06-30"
    check(shipped)
    check(empty)


def test_the_list_again_changes_nothing(missions, tmp_path):
    shutil.copy(missions[0], tmp_path / "a.db")
    before = sha(tmp_path / "a.db")
    summary = take("un-missions", shared("un-missions", "DPPADPOSS-PKO_2024-02-19.csv"), tmp_path / "a.db", "2024-02-19")
    assert summary == counts(read=81, unchanged=81) and sha(tmp_path / "a.db") == before


def test_quirk_day_one_is_the_month_and_the_note_keeps_it_as_printed(missions):
    start, note, _, source = claim(missions[1], "unoci-ended-un-list")[0]
    assert start == "2017-05" and "2017-05-01" in note and source == "un-pko-list-2024-02-19"
    assert claim(missions[1], "unoci-established-un-list")[0][:2] == ("2004-04-04", None)


def test_quirk_minusma_is_still_active(missions):
    assert query(missions[0], "SELECT modality FROM claims WHERE id = 'minusma-ended-un-list'") == [("denied",)]
    assert claim(missions[1], "minusma-ended-un-list") == []


def test_quirk_one_mission_twice_keeps_both_claims(missions):
    assert claim(missions[0], "unpsg-ended-un-list")[0][0] == "1998-10-15"
    assert claim(missions[0], "unpsg-ended-un-list-uncpsg")[0][0] == "1998-10"


def test_quirk_domreps_name_begins_with_a_quote(missions):
    assert query(missions[1], "SELECT name FROM missions WHERE acronym = 'DOMREP'") == [
        ("Mission of the Representative of the Secretary-General in the",)]


@pytest.mark.parametrize("active, longitude, latitude, is_taken", [
    ("NO", '"15,9833"', '"45,8167"', True),  # decimal commas, and No in capitals
    ("Yes", '"-8,0000"', '"12,6500"', True), ("Yes", '"12,6500"', '"-8,0000"', True),  # and swapped
    ("No", '"33,2367"', '"104,9170"', True),  # a latitude that no place has
    ("No", "", "", True), ("No", "far", '"1,0"', False), ("perhaps", "", "", False), ("No", '"190,0"', "", False),
])
def test_quirk_decimal_commas_swapped_coordinates_and_no_in_capitals(tmp_path, active, longitude, latitude, is_taken):
    (tmp_path / "a.csv").write_text(
        "id,mission_acronym,mission_name,lead_department,mission_isactive,start_date,end_date,mission_location,"
        "mission_longitude,mission_latitude,last_update\n"
        "1,UNGOOD,Good,DPO,No,2000-01-02,2001-02-03,,,,2024-02-19\n"
        f"2,UNTEST,Test,DPO,{active},2000-01-02,2001-02-03,Somewhere ,{longitude},{latitude},2024-02-19\n")
    summary = take("un-missions", tmp_path / "a.csv", tmp_path / "a.db", "2024-02-19")
    assert summary == counts(read=2, inserted=1 + is_taken, rejected=1 - is_taken)


# ---- Strengths ----


def test_strengths_are_the_months_of_the_file(tmp_path):
    file = tmp_path / "a.db"
    published = shared("ipi", "data_mission.csv")
    assert take("strength", published, file, "2017-05-01") == counts(read=5330, inserted=5330)
    check(file)
    months = dict(query(file, "SELECT date, sum(best) FROM strengths WHERE category = 'uniformed' AND date >= '2017-02-01' GROUP BY date"))
    assert months == {"2017-02-28": 97934, "2017-03-31": 97774}
    minusma = query(file, "SELECT date, best FROM strengths WHERE mission = 'minusma' AND category = 'uniformed' ORDER BY date")
    assert len(minusma) == 44 and minusma[0] == ("2013-07-31", 6294) and minusma[-1] == ("2017-03-31", 12338)
    assert take("strength", published, file, "2017-05-01") == counts(read=5330, unchanged=5330)


def test_quirk_unoci_is_onuci_and_one_month_twice_is_rejected(dataset, tmp_path):
    file = tmp_path / "a.db"
    shutil.copy(dataset, file)
    (tmp_path / "a.csv").write_text("Date,Mission,Troops,Police,Observers,Total\n2005-05-31,ONUCI,1,2,3,6\n2005-06-30,UNOCI,1,2,3,6\n"
                                    "2005-06-30,ONUCI,1,2,3,6\n")
    assert take("strength", tmp_path / "a.csv", file, "2017-05-01") == counts(read=3, inserted=2, rejected=1)
    assert query(file, "SELECT mission, count(*) FROM strengths GROUP BY 1") == [("unoci", 8)]
    assert "stands in a row above" in (tmp_path / "a.db-import-report.csv").read_text()


# ---- Claims of one's own ----

CLAIM = {"id": "mine-1", "fact": "minusma-deaths", "low": 310, "best": 310, "high": 310, "qualifier": "exactly", "text": "310",
         "unit": "person", "start": "2013-04-25", "definition": "un-personnel-all-causes", "reported_by": "my-book",
         "source_title": "A book", "source_publisher": "A press", "source_kind": "reference", "source_published": "2024-05-06"}


def claims_csv(path, rows):
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_claim_of_ones_own_brings_its_source_and_its_fact(dataset, tmp_path):
    file = tmp_path / "a.db"
    shutil.copy(dataset, file)
    fresh = {"id": "mine-2", "subject_kind": "actor", "subject": "Wagner Group", "predicate": "fighters", "fact_name": "Fighters of Wagner",
             "low": 1001, "qualifier": "more_than", "text": "more than 1,000", "unit": "person", "reported_by": "my-book"}
    path = claims_csv(tmp_path / "a.csv", [CLAIM, fresh])
    assert take("claims", path, file, "2026-11-24") == counts(read=2, inserted=2)
    check(file)
    (tmp_path / "a.json").write_text(json.dumps([CLAIM, fresh]))
    assert take("claims", tmp_path / "a.json", file, "2026-11-24") == counts(read=2, unchanged=2)
    server = Server(file, workers=1)
    try:
        client = Client(server)
        answer = client.get("/v1/claims/mine-2").data
        assert answer["subject"]["id"] == "wagner-group" and answer["number"]["low"] == 1001 and answer["reported_by"]["name"] == "A book"
        assert "mine-1" in client.get("/v1/claims", fact="minusma-deaths", limit=1000).ids
    finally:
        server.stop()


def test_a_later_claim_is_a_new_version_and_both_stay_answerable(dataset, tmp_path):
    file = tmp_path / "a.db"
    shutil.copy(dataset, file)
    other = {**CLAIM, "low": 311, "best": 311, "high": 311, "text": "311"}
    for rows, day in (([CLAIM], "2024-06-01"), ([CLAIM], "2026-01-01"), ([other], "2025-01-01")):
        take("claims", claims_csv(tmp_path / "a.csv", rows), file, day)
    assert query(file, "SELECT version, best, known_from, known_to FROM claims WHERE id = 'mine-1' ORDER BY version") == [
        (1, 310, "2024-06-01", "2025-01-01"), (2, 311, "2025-01-01", "2026-01-01"), (3, 310, "2026-01-01", None)]
    check(file)


def test_the_shipped_claims_are_claims_of_this_format(dataset, tmp_path):
    file = tmp_path / "a.db"
    shutil.copy(dataset, file)
    rows = [{key: value for key, value in row.items() if not key.startswith("known_")}
            for name in ("claims-mali.csv", "claims-missions.csv") for row in csv.DictReader((ROOT / "db" / "dataset" / name).open())
            if not row["known_to"]]
    summary = take("claims", claims_csv(tmp_path / "a.csv", rows), file, "2026-11-24")
    assert summary == counts(read=len(rows), unchanged=len(rows))


@pytest.mark.parametrize("change, reason, hint", [
    ({"fact": "minusma-death"}, "there is no fact 'minusma-death'", "minusma-deaths"),
    ({"reported_by": "my-bok", "source_title": ""}, "no source 'my-bok'", ""),
    ({"reported_by": ""}, "reported_by is empty", "source"),
    ({"definition": "un-personell-all-causes"}, "no definition", "un-personnel-all-causes"),
    ({"fact": "", "subject_kind": "actor", "subject": "minusmaa", "predicate": "deaths"}, "no actor 'minusmaa'", "minusma"),
    ({"fact": "", "subject_kind": "actor", "subject": "minusma", "predicate": "deths", "fact_name": "x"}, "no code of 'predicate'", "deaths"),
    ({"qualifier": "exaktly"}, "no code of 'qualifier'", "exactly"), ({"best": 400}, "", ""), ({"low": 400, "best": 400}, "greater", ""),
    ({"id": "Mine"}, "not a slug", "lower-case"), ({"start": "2013-13"}, "not a date", "2013-04"), ({"unit": "euro"}, "", ""),
    ({"quote": "one two three four five six seven eight nine ten eleven"}, "a quote of 11 words", "10 at most"),
])
def test_a_claim_that_the_builder_would_refuse_is_rejected_with_a_hint(dataset, tmp_path, change, reason, hint):
    file = tmp_path / "a.db"
    shutil.copy(dataset, file)
    rows = [CLAIM, {**CLAIM, "id": "mine-bad", "fact_name": "", "subject": "", "subject_kind": "", "predicate": "", "quote": "", **change}]
    assert take("claims", claims_csv(tmp_path / "a.csv", rows), file, "2026-11-24") == counts(read=2, inserted=1, rejected=1)
    (row,) = csv.DictReader((tmp_path / "a.db-import-report.csv").open())
    assert row["line"] == "3" and reason in row["reason"] and hint in row["hint"]
    check(file)


# ---- Rows that vanish, come back, and are rejected ----


def test_a_row_that_vanishes_is_a_tombstone_and_may_come_back(tmp_path):
    file = tmp_path / "a.db"
    one, two = write(tmp_path / "1.csv", [death(1), death(2)]), write(tmp_path / "2.csv", [death(1)])
    take("un-fatalities", one, file, "2021-01-01")
    assert take("un-fatalities", two, file, "2022-01-01") == counts(read=1, unchanged=1, withdrawn=1)
    assert take("un-fatalities", one, file, "2023-01-01") == counts(read=2, inserted=1, unchanged=1)
    assert [len(known(file, day)) for day in ("2021-06-01", "2022-06-01", "2023-06-01")] == [2, 1, 2]
    check(file)


def test_the_same_day_with_other_rows_replaces_that_state_alone(tmp_path):
    file = tmp_path / "a.db"
    for number, day in ((1, "2021-01-01"), (2, "2022-01-01"), (3, "2023-01-01"), (4, "2022-01-01")):
        take("un-fatalities", write(tmp_path / "a.csv", [death(number)]), file, day)
    assert [known(file, day)[0][0][-9:-4] for day in ("2021-01-01", "2022-01-01", "2023-01-01")] == ["00001", "00004", "00003"]


def test_several_files_are_one_state(tmp_path):
    files = [write(tmp_path / f"{i}.csv", [death(i)]) for i in range(3)]
    assert take("un-fatalities", files, tmp_path / "a.db", "2021-01-01") == counts(read=3, inserted=3)


def test_a_row_twice_is_rejected_and_strict_makes_it_a_failure(tmp_path):
    file, path = tmp_path / "a.db", write(tmp_path / "a.csv", [death(1), death(1), death(2)])
    assert "--strict" in take("un-fatalities", path, file, "2021-01-01", "--strict", "--report", tmp_path / "r.csv", status=1)
    assert not file.exists() and "stands in a row above" in (tmp_path / "r.csv").read_text()
    assert take("un-fatalities", path, file, "2021-01-01") == counts(read=3, inserted=2, rejected=1)


def test_what_was_withdrawn_cannot_be_told_while_rows_are_rejected(tmp_path):
    file = tmp_path / "a.db"
    take("un-fatalities", write(tmp_path / "a.csv", [death(1), death(2)]), file, "2021-01-01")
    before = sha(file)
    said = take("un-fatalities", write(tmp_path / "b.csv", [death(1), death(2, cause="?")]), file, "2022-01-01", status=1)
    assert "cannot be told" in said and sha(file) == before


def test_a_dry_run_tells_all_and_changes_nothing(tmp_path):
    file, path = tmp_path / "a.db", write(tmp_path / "a.csv", [death(1)])
    assert take("un-fatalities", path, file, "2021-01-01", "--dry-run") == counts(read=1, inserted=1)
    assert not file.exists() and list(tmp_path.glob("a.db*")) == []
    take("un-fatalities", path, file, "2021-01-01")
    before = sha(file)
    assert take("un-fatalities", write(tmp_path / "b.csv", [death(2)]), file, "2022-01-01", "-n") == counts(read=1, inserted=1, withdrawn=1)
    assert sha(file) == before


def large(path, rows, tail=""):
    """More than 8 MiB, most of it in a column that nobody reads: such files are read in a thread of their own."""
    with path.open("w") as file:
        file.write("Date,Mission,Padding,Troops,Police,Observers,Total\n")
        for number in range(rows):
            padding = ("x" * 700, '"' + "y\n" * 350 + '"')[number % 2]
            file.write(f"{1990 + number % 30}-{number // 30 % 12 + 1:02}-28,M{number // 360},{padding},{number},NA,1,{number + 1}\n")
            if number == rows // 2:
                file.write("2000-01-01,SHORT\n2000-01-01,M,x,many,1,1,1\n")
        file.write(tail)
    assert path.stat().st_size > 8 << 20
    return path


def test_a_large_file_leaves_what_the_same_rows_from_a_pipe_leave(tmp_path):
    """From a pipe nobody knows how much will come: neither thread nor late indexes."""
    path = large(tmp_path / "large.csv", 14000)
    expected = counts(read=14002, inserted=14000, rejected=2)
    assert take("strength", path, tmp_path / "large.db", "2020-01-01") == expected
    report = [(row["line"], row["column"]) for row in csv.DictReader((tmp_path / "large.db-import-report.csv").open())]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes()))
    feeder.start()
    assert take("strength", pipe, tmp_path / "small.db", "2020-01-01") == expected
    feeder.join()
    assert report == [(row["line"], row["column"]) for row in csv.DictReader((tmp_path / "small.db-import-report.csv").open())]
    assert len(report) == 2 and report[1][1] == "Troops"
    assert content(tmp_path / "large.db") == content(tmp_path / "small.db")
    check(tmp_path / "large.db")
    before = sha(tmp_path / "large.db")
    assert take("strength", path, tmp_path / "large.db", "2020-01-01") == counts(read=14002, unchanged=14000, rejected=2)
    assert sha(tmp_path / "large.db") == before


def test_a_large_file_that_breaks_off_is_refused_with_its_line(tmp_path):
    path = large(tmp_path / "large.csv", 14000, tail="2000-01-28,M,x")
    said = take("strength", path, tmp_path / "a.db", "2020-01-01", status=1)
    assert re.search(r"large\.csv:\d{7}: the file ends in the middle of a row", said) and not (tmp_path / "a.db").exists()


# ---- Faults ----

BROKEN = {
    "truncated": (lambda good: good[:-40], r":4: the file ends in the middle of a row"),
    "truncated in a quote": (lambda good: good + b'4,"2014', r":5: the file ends inside a quote"),
    "of a wrong kind": (lambda good: b"Date,Mission,Troops,Police,Observers,Total\n2014-01-31,A,1,2,3,6\n",
                        r":1: no column 'casualty_id'; the header is that of 'strength'"),
    "binary": (lambda good: bytes(range(256)) * 40, r":1: a NUL byte"),
    "packed": (lambda good: b"\x1f\x8b\x08" + good, r":1: this is packed by gzip"),
    "not UTF-8": (lambda good: good.replace(b"Chad", b"Tch\xe9d", 1), r":2: a byte that is not UTF-8"),
    "with a NUL": (lambda good: good.replace(b"Chad", b"Ch\0ad", 1), r":2: a NUL byte"),
    "of one endless line": (lambda good: good + b"x" * (3 << 20), r":5: a row of more than 1048576 bytes"),
    "empty": (lambda good: b"", r":1: the file is empty"),
    "a header alone": (lambda good: good.split(b"\n")[0] + b"\n", r":1: the file has no row behind its header"),
    "truncated JSON": (lambda good: b'[{"incident_date": 1, "casualty_id": "A-1", "mission', r":1: .*would be right"),
    "rejected in every row": (lambda good: good.replace(b"Fatality", b"Injury"), r"every row was rejected"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_file_that_is_broken_is_refused_with_its_line_and_the_dataset_keeps_its_bytes(tmp_path, fault):
    file, path = tmp_path / "a.db", write(tmp_path / "a.csv", [death(i) for i in range(3)])
    take("un-fatalities", path, file, "2021-01-01")
    before = sha(file)
    breaking, message = BROKEN[fault]
    bad = tmp_path / "bad.csv"
    bad.write_bytes(breaking(path.read_bytes()))
    said = take("un-fatalities", bad, file, "2022-01-01", status=1)
    assert re.search(message, said) and "would be right" in said and str(bad) in said
    assert sha(file) == before and sorted(f.name for f in tmp_path.glob("a.db*")) in (["a.db"], ["a.db", "a.db-import-report.csv"])


def test_two_gigabytes_in_one_line_are_refused_without_being_read(tmp_path):
    bad = tmp_path / "bad.csv"
    write(bad, [death(1)])
    with bad.open("ab") as file:
        file.write(b'2,"' + b"x" * (2 << 20))
        file.truncate(2 << 30)
    start = time.monotonic()
    assert ":3: a row of more than" in take("un-fatalities", bad, tmp_path / "a.db", "2022-01-01", status=1)
    assert time.monotonic() - start < 5 * PATIENCE


def test_a_line_without_end_from_a_pipe_is_refused(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def feed():
        try:
            with pipe.open("wb") as file:
                file.write((HEADER_2025 + "\n").encode())
                while True:
                    file.write(b"x" * 65536)
        except BrokenPipeError:
            pass

    thread = threading.Thread(target=feed)
    thread.start()
    said = take("un-fatalities", pipe, tmp_path / "a.db", "2022-01-01", status=1)
    thread.join(30)
    assert ":2: a row of more than" in said and not (tmp_path / "a.db").exists()


@pytest.mark.parametrize("arguments, message", [
    (["un-fatalitys", "x.csv", "--into", "a.db", "--known-from", "2021-01-01"], "Did you mean 'un-fatalities'?"),
    (["un-fatalities", "x.csv", "--known-from", "2021-01-01"], "--into"),
    (["un-fatalities", "x.csv", "--into", "a.db"], "--known-from"),
    (["un-fatalities", "x.csv", "--into", "a.db", "--known-from", "2021-02-30"], "takes a day"),
    (["un-fatalities", "--into", "a.db", "--known-from", "2021-02-03"], "needs KIND FILE"),
])
def test_a_command_that_cannot_be_meant_says_what_would_be(tmp_path, arguments, message):
    done = subprocess.run([PROGRAM, "import", *arguments], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode in (1, 2) and message in done.stderr and list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_dataset_is_not_replaced(tmp_path):
    path = write(tmp_path / "a.csv", [death(1)])
    for name, data in (("text.db", b"not a database"), ("empty.db", b"")):
        (tmp_path / name).write_bytes(data)
        said = take("un-fatalities", path, tmp_path / name, "2021-01-01", status=1)
        assert "would be right" in said and (tmp_path / name).read_bytes() == data


def test_a_report_that_cannot_be_written_is_a_failure(tmp_path):
    path = write(tmp_path / "a.csv", [death(1), death(2, cause="?")])
    assert "--report" in take("un-fatalities", path, tmp_path / "a.db", "2021-01-01", "--report", tmp_path / "no" / "r.csv", status=1)
    assert not (tmp_path / "a.db").exists()


def test_killed_at_any_moment_it_leaves_the_old_dataset_or_the_new_one(tmp_path):
    file = tmp_path / "a.db"
    draw = random.Random(7)
    rows = [death(i) for i in range(20000)]
    take("un-fatalities", write(tmp_path / "old.csv", rows[:10]), file, "2021-01-01")
    old, new = sha(file), write(tmp_path / "new.csv", rows)
    command = [PROGRAM, "import", "un-fatalities", new, "--into", file, "--known-from", "2022-01-01"]
    start = time.monotonic()
    subprocess.run([*command, "--dry-run"], check=True, capture_output=True)
    length, killed = time.monotonic() - start, 0
    for _ in range(40):
        shutil.copy(file, tmp_path / "kept.db")
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(draw.uniform(0, length * 1.2))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        if sha(file) != old:
            assert query(file, "SELECT count(*) FROM casualties WHERE known_to IS NULL") == [(20000,)]
            check(file)
            os.replace(tmp_path / "kept.db", file)
    assert killed >= 10
    check(file)
    take("un-fatalities", new, file, "2022-01-01")
    assert list(tmp_path.glob("a.db.tmp-*")) == [], "what killed imports left is swept by the next one"


def test_a_running_server_answers_from_the_new_file_after_sighup(tmp_path):
    file = tmp_path / "a.db"
    take("un-fatalities", write(tmp_path / "a.csv", [death(1)]), file, "2021-01-01")
    server = Server(file, workers=2)
    try:
        client = Client(server)
        assert len(client.all("/v1/casualties", series="un-fatalities-records")) == 1
        take("un-fatalities", write(tmp_path / "b.csv", [death(1), death(2)]), file, "2022-01-01")
        assert len(client.all("/v1/casualties", series="un-fatalities-records")) == 1
        start = server.hang_up()
        server.wait_log("dataset changed", start)
        assert len(client.all("/v1/casualties", series="un-fatalities-records")) == 2
        assert len(client.all("/v1/casualties", series="un-fatalities-records", as_of="2021-06-01")) == 1
    finally:
        server.stop()


def test_two_imports_at_a_time_do_not_lose_each_others_rows(tmp_path):
    file = tmp_path / "a.db"
    take("un-fatalities", write(tmp_path / "a.csv", [death(1)]), file, "2021-01-01")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    first = subprocess.Popen([PROGRAM, "import", "un-fatalities", pipe, "--into", file, "--known-from", "2022-01-01"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with pipe.open("w") as feed:  # the first one waits for rows
        said = take("un-fatalities", tmp_path / "a.csv", file, "2023-01-01", status=1)
        feed.write(HEADER_2025 + "\n" + ",".join(death(2)) + "\n")
    assert "another import is under way" in said and first.wait(30) == 0
    assert len(known(file, "2022-01-01")) == 1


def test_help_names_every_kind():
    text = run("import", "--help").stdout
    for kind in ("un-fatalities", "un-missions", "strength", "claims"):
        assert re.search(rf"^  {kind} ", text, re.M)


def test_without_a_terminal_there_is_one_line_and_no_progress(tmp_path):
    done = run("import", "un-fatalities", write(tmp_path / "a.csv", [death(1)]), "--into", tmp_path / "a.db", "--known-from", "2021-01-01")
    assert done.stderr.count("\n") == 1 and "\r" not in done.stderr and "1 rows of un-fatalities" in done.stderr


def test_on_a_terminal_progress_is_shown_after_a_second_and_four_times_a_second_at_most(tmp_path):
    """The rows come slowly from a pipe, so that the import takes two seconds."""
    pipe, (ours, theirs) = tmp_path / "pipe", os.openpty()
    os.mkfifo(pipe)
    process = subprocess.Popen([PROGRAM, "import", "un-fatalities", pipe, "--into", tmp_path / "a.db", "--known-from", "2021-01-01"],
                               stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    with pipe.open("w") as feed:
        feed.write(HEADER_2025 + "\n")
        for number in range(20):
            feed.writelines(",".join(death(1024 * number + i)) + "\n" for i in range(1024))
            feed.flush()
            time.sleep(0.1)
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # the other end is closed: that is the end of a terminal
        pass
    assert process.wait(30) == 0
    lines = said.decode().split("\r")
    assert re.match(r"Importing un-fatalities: \d+ rows, \d+ rows/s", lines[1])
    assert 2 <= len([line for line in lines if line.startswith("Importing")]) <= 4 * 3 * PATIENCE
    assert "20480 rows" in lines[-2] and ", done." in lines[-2]
