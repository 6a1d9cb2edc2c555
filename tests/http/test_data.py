"""The dataset that we ship against the publishers' own files, where they are at hand."""

import csv
import re
from collections import Counter

import pytest

from harness import SHARED

STATES = {
    "2021-06-10": "odp_noticas_2021-06.csv",
    "2023-11-28": "DPPADPOSS-FATALITIES_2023-11-28.csv",
    "2025-04-04": "DPPADPOSS-FATALITIES_2025-04-04.csv",
}
each_state = pytest.mark.parametrize("as_of", STATES)


def read(folder, name):
    file = SHARED / folder / name
    if not file.exists():
        pytest.skip(f"{file} is not there: the publisher's file is needed to compare with")
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return [{key.lower(): value.strip() for key, value in row.items()} for row in csv.DictReader(lines)]


def slug(text):
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")


def letters(text):
    """An acronym without what its spelling varies in: UN Secretariat, UNSecretariat, OSE-Syria."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


PERSONNEL = {"local": "local", "military": "military", "military_observer": "military_observer", "police": "police",
             "international_civilian": "international_civilian", "other": "other"}


@pytest.fixture(scope="module")
def published():
    """For each state: one (mission, year, personnel type, cause) for each row of the publisher."""
    cache = {}

    def of(as_of):
        if as_of not in cache:
            cache[as_of] = [(letters(row["mission_acronym"]), row["incident_date"][:4],
                             PERSONNEL[slug(row["casualty_personnel_type"])], slug(row["type_of_incident"]))
                            for row in read("un-fatalities", STATES[as_of])]
        return cache[as_of]

    return of


@pytest.fixture(scope="module")
def served(api):
    """For each state: the same cells as the API answers them, with the number of deaths."""
    missions = {}
    for row in api.all("/v1/missions", fields="acronym,aliases"):
        missions[row["id"]] = letters(row["acronym"])
    cache = {}

    def of(as_of):
        if as_of not in cache:
            cells = Counter()
            for row in api.all("/v1/casualties", series="un-fatalities", as_of=as_of):
                number = row["deaths"]
                assert number["low"] == number["best"] == number["high"] and number["qualifier"] == "exactly"
                cells[missions[row["mission"]["id"]], row["date"][:4], row["personnel_type"], row["cause"]] += number["best"]
            cache[as_of] = cells
        return cache[as_of]

    return of


@each_state
def test_deaths_are_the_publishers_cell_by_cell(as_of, published, served):
    theirs = Counter(published(as_of))
    assert served(as_of) == theirs


@each_state
@pytest.mark.parametrize("part, index", [("mission", 0), ("year", 1), ("personnel type", 2), ("cause", 3)])
def test_totals_are_the_publishers(as_of, part, index, published, served):
    theirs, ours = Counter(), Counter()
    for cell in published(as_of):
        theirs[cell[index]] += 1
    for cell, deaths in served(as_of).items():
        ours[cell[index]] += deaths
    assert ours == theirs


@each_state
def test_totals_by_nationality_are_the_publishers(api, as_of):
    """By code where there is one, by the words of the publisher where there is none."""
    theirs, ours = Counter(), Counter()
    for row in read("un-fatalities", STATES[as_of]):
        theirs[letters(row["mission_acronym"])] += 1
    missions = {row["id"]: letters(row["acronym"]) for row in api.all("/v1/missions", fields="acronym")}
    rows = api.all("/v1/casualties", series="un-fatalities-by-nationality", as_of=as_of)
    for row in rows:
        assert row["nationality"] or row["nationality_text"]
        ours[missions[row["mission"]["id"]]] += row["deaths"]["best"]
    assert ours == theirs
    chad = sum(row["deaths"]["best"] for row in rows
               if row["mission"]["id"] == "minusma" and row["nationality"] and row["nationality"]["id"] == "tcd")
    assert chad == sum(row["mission_acronym"] == "MINUSMA" and row["isocode3"] == "TCD"
                       for row in read("un-fatalities", STATES[as_of]))


@pytest.mark.parametrize("series, columns", [
    ("ucdp-organised-violence-mali", "cumulative_total_deaths_in_orgvio_{}_cy"),
    ("ucdp-state-based-mali", "sb_total_deaths_{}_cy"),
    ("ucdp-non-state-mali", "ns_total_deaths_{}_cy"),
    ("ucdp-one-sided-mali", "os_total_deaths_{}_cy"),
    ("ucdp-one-sided-government-mali", "os_main_govt_killings_{}_cy"),
])
def test_deaths_in_mali_are_ucdps_year_by_year(api, series, columns):
    theirs = {row["year_cy"]: tuple(int(row[columns.format(part)]) for part in ("low", "best", "high"))
              for row in read("ucdp", "organizedviolencecy_v25_1.csv") if row["country_cy"] == "Mali"}
    rows = api.all("/v1/casualties", series=series)
    ours = {row["date"]: tuple(row["deaths"][part] for part in ("low", "best", "high")) for row in rows}
    assert len(theirs) == 36
    assert ours == theirs
    for row in rows:
        low, best, high = ours[row["date"]]
        assert ("bounds_inconsistent" in row["flags"]) == (not low <= best <= high)


def test_countries_have_their_published_codes(api):
    theirs = {row["iso3166-1-alpha-3"]: (row["iso3166-1-alpha-2"], int(row["m49"]))
              for row in read("countries", "country-codes.csv") if row["iso3166-1-alpha-3"] and row["m49"]}
    ours = {row["iso3"]: (row["iso2"], row["m49"]) for row in api.all("/v1/places", kind="country")}
    assert {code: value for code, value in ours.items() if code in theirs} == theirs


def test_missions_are_those_of_the_compiled_list(api):
    theirs = read("reference", "missions.csv")
    ours = {letters(row["acronym"]): row for row in api.all("/v1/missions")}
    assert len(ours) == len(theirs) == 103
    for row in theirs:
        mission = ours[letters(row["acronym"])]
        assert mission["category"] == row["category"]
        for key, field in (("start_date", "start"), ("end_date", "end")):
            if row.get(key):
                assert mission[field] == row[key], f"{row['acronym']}: {field}"
