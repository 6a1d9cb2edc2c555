"""Sums over the publisher's own rows, imported beside the cells that we ship: nobody counts twice."""

import csv
import random
import shutil
from collections import Counter

import pytest

from harness import SHARED, Client, Server, run

STATS = "/v1/casualties/stats"
STATES = {"2021-06-10": (4117, "odp_noticas_2021-06.csv"), "2023-11-28": (4350, "DPPADPOSS-FATALITIES_2023-11-28.csv"),
          "2025-04-04": (4429, "DPPADPOSS-FATALITIES_2025-04-04.csv")}
RECORDS, CELLS = "un-fatalities-records", "un-fatalities"
each_state = pytest.mark.parametrize("as_of", STATES)


def rows_of(as_of):
    with (SHARED / "un-fatalities" / STATES[as_of][1]).open(newline="", encoding="utf-8-sig") as lines:
        return [{key.lower(): value.strip() for key, value in row.items()} for row in csv.DictReader(lines)]


def imported(dataset, tmp, days):
    file = tmp / "imported.db"
    shutil.copy(dataset, file)
    for day in days:
        published = SHARED / "un-fatalities" / STATES[day][1]
        if not published.exists():
            pytest.skip(f"{published} is not there: the publisher's file is needed to import it")
        done = run("import", "un-fatalities", published, "--into", file, "--known-from", day)
        assert done.returncode == 0, done.stderr
    return file


@pytest.fixture(scope="module")
def both(dataset, tmp_path_factory):
    """The dataset that we ship, and the three states of the publisher's rows."""
    server = Server(imported(dataset, tmp_path_factory.mktemp("both"), STATES), workers=1)
    yield Client(server)
    server.stop()


def series_of(answer):
    return [entry["series"]["id"] for entry in answer.meta["series"]]


@each_state
def test_rows_answer_before_cells_and_both_say_the_same(both, as_of):
    answer = both.get(STATS, as_of=as_of)
    assert series_of(answer) == [RECORDS]
    assert answer.data[0]["best"] == answer.data[0]["records"] == STATES[as_of][0]
    assert {"un-fatalities": "overlaps", "un-fatalities-by-nationality": "overlaps"}.items() <= {
        entry["series"]["id"]: entry["reason"] for entry in answer.meta["excluded"]}.items()
    for group_by in ("mission,cause", "mission,year(date)", "personnel_type,year(date)"):
        asked = {"group_by": group_by, "as_of": as_of}
        keys = ("low", "best", "high", "status", *group_by.replace("(date)", "").split(","))
        rows, cells = (
            [{key: row[key] for key in keys} for row in both.get(STATS, asked, series=series).data]
            for series in (RECORDS, CELLS))
        assert rows == cells


@pytest.mark.parametrize("as_of, dead", [("2021-06-10", 63), ("2023-11-28", 64), ("2025-04-04", 69)])
def test_dead_of_minusma_by_illness_up_to_10_june_2021_as_known_in_each_state(both, as_of, dead):
    for period in ({"date__lte": "2021-06-10"}, {"to": "2021-06-10"}, {"during": "2013..2021-06-10"}):
        row = both.get(STATS, period, mission="minusma", cause="illness", as_of=as_of).data[0]
        assert (row["low"], row["best"], row["high"]) == (dead, dead, dead)


@each_state
def test_every_combination_of_keys_is_the_publishers_count(both, as_of):
    published = Counter((row["casualty_personnel_type"].lower().replace(" ", "_"),
                         row["type_of_incident"].lower().replace(" ", "_").replace("-", "_"), row["incident_date"][:7])
                        for row in rows_of(as_of))
    answer = both.get(STATS, group_by="personnel_type,cause,month(date)", as_of=as_of)
    assert {(row["personnel_type"], row["cause"], row["month"]): row["best"] for row in answer.data} == published


@each_state
def test_nationality_and_cause_together_are_answered_by_rows(both, as_of):
    rows = both.get(STATS, group_by="nationality,cause", as_of=as_of).data
    assert sum(row["best"] for row in rows) == STATES[as_of][0]
    chad = sum(row["best"] for row in rows if (row["nationality"] or {}).get("id") == "tcd")
    assert chad == sum(row["casualty_nationality"] == "Chad" for row in rows_of(as_of))


def test_six_persons_listed_twice_count_as_published_and_are_flagged(both):
    row = both.get(STATS, mission="unmik", as_of="2025-04-04").data[0]
    assert row["best"] == 62 and row["flags"] == ["counted_twice"]
    twice = both.all("/v1/casualties", series=RECORDS, mission="unmik", flags="counted_twice", as_of="2025-04-04")
    assert len(twice) == 12
    assert sorted({row["nationality"]["id"] for row in twice}) == ["mne", "scg"]
    assert both.get(STATS, mission="unifil", as_of="2025-04-04").data[0]["flags"] == []


def test_no_parameters_make_more_dead_than_the_state_has(both):
    choice = random.Random(7)
    groups = ["mission", "cause", "personnel_type", "nationality", "year(date)", "month(date)", "quarter(date)", "series",
              "source", "kind", "year(known_from)"]
    filters = [("mission", "minusma"), ("mission__in", "unef,unef-i"), ("cause", "illness"), ("nationality", "chad"),
               ("personnel_type__not", "police"), ("kind__in", "cell,record"), ("during", "1990..2010"), ("at", "2013"),
               ("date__gte", "2000"), ("certainty", "definite"), ("resolve", "official"), ("resolve", "max"),
               ("resolve", "latest"), ("series__not", RECORDS), ("series__not", CELLS),
               ("flags", "counted_twice"), ("deaths__gte", 1), ("known_from__lte", "2023-11-28")]
    answered = 0
    for _ in range(250):
        as_of = choice.choice(list(STATES))
        params = dict(choice.sample(filters, choice.randint(0, 3)))
        keys = choice.sample(groups, choice.randint(0, 3))
        if keys:
            params["group_by"] = ",".join(keys)
        answer = both.raw(f"{STATS}?" + "&".join(f"{key}={value}" for key, value in {**params, "as_of": as_of}.items()))
        assert answer.status in (200, 400), answer.body
        if answer.status != 200:
            continue
        answered += 1
        assert sum(row["low"] or 0 for row in answer.data) <= STATES[as_of][0], params
        assert sum(row["best"] or 0 for row in answer.data) <= STATES[as_of][0], params
        chosen = series_of(answer)
        assert sum(series.startswith(CELLS) for series in chosen) <= 1, f"{params}: {chosen}"
    assert answered > 80


def test_whoever_insists_on_rows_and_cells_gets_their_names(both):
    problem = both.problem(STATS, 400, series=f"{RECORDS},{CELLS}")
    assert problem["param"] == "series" and RECORDS in problem["detail"] and f"'{CELLS}'" in problem["detail"]


def test_cells_of_a_later_state_answer_before_rows_of_an_earlier_one(dataset, tmp_path):
    server = Server(imported(dataset, tmp_path, ["2023-11-28"]), workers=1)
    client = Client(server)
    today = client.get(STATS, mission="minusma", group_by="cause")
    assert series_of(today) == [CELLS]
    assert {entry["series"]["id"]: entry["reason"] for entry in today.meta["excluded"]}[RECORDS] == "older_state"
    then = client.get(STATS, as_of="2024-01-01")
    assert series_of(then) == [RECORDS] and then.data[0]["best"] == 4350
    finer = client.get(STATS, group_by="month(date)")
    assert [entry["state"] for entry in finer.meta["series"]] == ["2023-11-28"], "it says of which day it is"
    server.stop()
