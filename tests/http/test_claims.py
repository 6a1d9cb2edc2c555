"""Which claim answers and why, on which facts claims conflict, and whether stated totals agree with the records."""

import csv
import shutil

import pytest

from harness import ROOT, SHARED, Client, Server, build, run

FOUR_COUNTS = {"ohchr-at-least-500-killed", "hrw-300-men-killed", "mali-army-203-terrorists-killed",
               "ucdp-275-civilians-killed-by-government-2022"}
RULES = ["preferred", "official", "latest", "min", "max", "all", "source:hrw-moura-2022"]


def by_id(rows):
    return {row["id"]: row for row in rows}


# ---- which claim answers ----


@pytest.mark.parametrize("rule, winner", [
    ("preferred", "ohchr-at-least-500-killed"), ("official", "ohchr-at-least-500-killed"),
    ("latest", "miragenews-more-than-500-killed"), ("min", "mali-army-203-terrorists-killed"),
    ("max", "miragenews-more-than-500-killed"), ("all", None), ("source:hrw-moura-2022", "hrw-300-men-killed")])
def test_each_rule_names_winner_rule_and_losers_on_list_and_item(api, rule, winner):
    item = api.get("/v1/facts/moura-killed", resolve=rule, explain=1).data
    assert api.get("/v1/facts", resolve=rule, explain=1, id="moura-killed").data == [item]
    assert item["rule"] == rule
    assert (item["claim"] and item["claim"]["id"]) == winner
    assert item["rivals"] == len(item["claims"]) - (winner is not None)
    assert (item["no_answer"] is None) == (winner is not None)
    explained = item["explain"]["claims"]
    assert {claim["id"] for claim in explained} == {claim["id"] for claim in item["claims"]}
    assert [claim["rank"] for claim in explained] == list(range(1, len(explained) + 1))
    assert [claim["id"] for claim in explained if claim["why"] == "answers"] == ([winner] if winner else [])


@pytest.mark.parametrize("rule", RULES)
def test_explain_is_absent_unless_asked_for_and_changes_nothing_else(api, rule):
    for fact in ("moura-killed", "wagner-fighters", "minusma-deaths"):
        plain = api.get(f"/v1/facts/{fact}", resolve=rule).data
        explained = api.get(f"/v1/facts/{fact}", resolve=rule, explain=1).data
        assert "explain" not in plain
        assert api.get(f"/v1/facts/{fact}", resolve=rule, explain=0).data == plain
        assert {key: value for key, value in explained.items() if key != "explain"} == plain
        assert list(explained)[-1] == "explain"


def test_words_that_a_translation_damaged_never_answer_and_say_so(api):
    for rule in RULES[:5]:
        for fact in api.all("/v1/facts", resolve=rule, explain=1, fields="claim"):
            for claim in fact["explain"]["claims"]:
                if claim["why"] == "translation_damage":
                    assert fact["claim"] is None or fact["claim"]["id"] != claim["id"]
    why = {claim["id"]: claim["why"] for claim in api.get("/v1/facts/moura-killed?explain=1").data["explain"]["claims"]}
    assert why["seed-23-500-civilians"] == "translation_damage"
    assert why["hrw-300-men-killed"] == "lower_standing"
    assert why["africanews-at-least-500-killed"] == "lower_standing"


def test_a_source_that_is_silent_or_cannot_answer_says_so(api):
    silent = api.get("/v1/facts/minusma-deaths", resolve="source:hrw-moura-2022").data
    assert (silent["claim"], silent["number"], silent["no_answer"]) == (None, None, "source_silent")
    damaged = api.get("/v1/facts/moura-killed", resolve="source:seed-article").data
    assert (damaged["claim"], damaged["no_answer"]) == (None, "source_refused")
    speaking = api.get("/v1/facts", resolve="source:hrw-moura-2022", no_answer__isnull="true", fields="claim").data
    assert [fact["id"] for fact in speaking] == ["moura-killed"]
    assert api.problem("/v1/facts", 400, resolve="source:nobody")["param"] == "resolve"


def test_a_denial_answers_only_who_asks_for_its_source(api):
    why = {claim["id"]: claim["why"]
           for claim in api.get("/v1/facts/wagner-fighters?explain=1&resolve=latest").data["explain"]["claims"]}
    assert why["mali-gov-denies-wagner"] == why["russia-denies-wagner"] == "denied"
    asked = api.get("/v1/facts/wagner-fighters?resolve=source:bluehelm-mali-lists").data
    assert asked["modality"] == "denied" and asked["value"] == "Russian instructors, not Wagner"


def test_a_superseded_claim_is_explained_and_one_that_was_not_known_yet_is_not(api):
    path = "/v1/facts/minusma-deaths-illness-to-2021-06-10?explain=1&fields=number"
    now = {claim["number"]["best"]: claim["why"] for claim in api.get(path).data["explain"]["claims"]}
    assert now == {69: "answers", 64: "superseded", 63: "superseded"}
    then = api.get(path + "&as_of=2023-11-28").data
    assert then["number"]["best"] == 64
    assert {claim["number"]["best"]: claim["why"] for claim in then["explain"]["claims"]} == {64: "answers", 63: "superseded"}
    first = api.get(path + "&as_of=2021-06-10").data["explain"]["claims"]
    assert [(claim["number"]["best"], claim["why"], claim["status"]) for claim in first] == [(63, "answers", "normal")]


def test_papers_that_repeat_one_source_are_one_independent_source(api):
    explained = api.get("/v1/facts/moura-killed?explain=1").data["explain"]
    origins = {claim["id"]: claim["origin"]["id"] for claim in explained["claims"]}
    assert origins["tellerreport-at-least-500-killed"] == origins["africanews-at-least-500-killed"] == "ohchr-moura-report"
    assert explained["independent_sources"] == len(set(origins.values())) == 5


def test_fields_cannot_name_what_no_parameter_asks_for(api):
    problem = api.problem("/v1/facts", 400, fields="id,explain")
    assert problem["param"] == "fields" and "explain=1" in problem["detail"]
    assert list(api.get("/v1/facts/moura-killed?explain=1&fields=name").data) == ["id", "name", "explain"]
    assert list(api.get("/v1/facts/moura-killed?fields=name,explain&explain=1").data) == ["id", "name", "explain"]
    assert api.problem("/v1/facts", 400, explain=2)["allowed"] == ["0", "1"]


# ---- disagreements ----


def test_the_four_counts_of_moura_stand_side_by_side(api):
    rows = by_id(api.get("/v1/disagreements", place="moura").data)
    moura = rows["moura-killed"]
    claims = by_id(moura["claims"])
    assert FOUR_COUNTS <= set(claims)
    assert {name: (claim["asserted_by"] or claim["reported_by"])["id"] for name, claim in claims.items() if name in FOUR_COUNTS} == {
        "ohchr-at-least-500-killed": "ohchr", "hrw-300-men-killed": "human-rights-watch",
        "mali-army-203-terrorists-killed": "mali-army", "ucdp-275-civilians-killed-by-government-2022": "ucdp-ov-25-1"}
    assert {name: claims[name]["known_from"] for name in FOUR_COUNTS} == {
        "ohchr-at-least-500-killed": "2023-05-12", "hrw-300-men-killed": "2022-04-05",
        "mali-army-203-terrorists-killed": "2022-04-01", "ucdp-275-civilians-killed-by-government-2022": "2025-06-13"}
    assert claims["ohchr-at-least-500-killed"]["stands"] == "answer"
    assert claims["hrw-300-men-killed"]["reasons"] == ["definition"]
    assert claims["mali-army-203-terrorists-killed"]["reasons"] == ["definition", "period"]
    assert claims["ucdp-275-civilians-killed-by-government-2022"]["reasons"] == ["definition", "period", "place"]
    assert all(claims[name]["stands"] == "not_comparable" for name in FOUR_COUNTS - {"ohchr-at-least-500-killed"})
    assert claims["africanews-at-least-500-killed"]["stands"] == "agrees"
    assert claims["miragenews-more-than-500-killed"]["stands"] == "compatible"
    assert claims["seed-23-500-civilians"]["reasons"] == ["translation_damage"]
    assert (moura["kind"], moura["conflicts"], moura["known_claims"], moura["independent_sources"]) == ("definition", 0, 8, 5)
    # Two are open upwards: "at least 500" leaves the spread open, and 501 is 298 more than 203.
    assert (moura["spread"]["low"], moura["spread"]["high"], moura["gap"]) == (203, None, 298)


def test_moura_as_of_june_2022_had_two_voices(api):
    moura = by_id(api.get("/v1/disagreements", place="moura", as_of="2022-06-01").data)["moura-killed"]
    assert {claim["id"] for claim in moura["claims"]} == {"hrw-300-men-killed", "mali-army-203-terrorists-killed"}
    assert moura["kind"] == "definition" and moura["gap"] == 97 and moura["independent_sources"] == 2
    assert api.problem("/v1/disagreements/moura-killed", 404, as_of="2022-04-01")["code"] == "unknown_id"


def test_more_than_300_is_compatible_with_311(api):
    row = api.get("/v1/disagreements/minusma-deaths", as_of="2023-12-31").data
    claims = by_id(row["claims"])
    assert claims["sg-311-deaths"]["stands"] == "answer"
    assert claims["seed-07-more-than-300-deaths"]["stands"] == "compatible"
    assert claims["seed-07-more-than-300-deaths"]["conflicts_with"] == []
    # What was counted up to an earlier day can be less.
    assert claims["un-fatalities-2023-11-28-minusma-deaths-to-2023-06-16"]["stands"] == "compatible"
    assert claims["un-fatalities-2023-11-28-minusma-deaths-to-2023-06-16"]["reasons"] == ["part"]
    # But 302 by July cannot be, where 309 had died by 16 June and 303 by May.
    assert claims["analisidifesa-302-deaths"]["conflicts_with"] == [
        "protothema-303-deaths", "un-fatalities-2023-11-28-minusma-deaths-to-2023-06-16",
        "un-fatalities-2023-11-28-minusma-deaths-to-2023-06-30"]
    now = by_id(api.get("/v1/disagreements/minusma-deaths").data["claims"])
    assert now["un-fatalities-2025-04-04-minusma-deaths"]["stands"] == "answer"
    assert {name: claim["stands"] for name, claim in now.items() if "more-than" in name or "at-least" in name} == {
        "seed-07-more-than-300-deaths": "compatible", "trt-at-least-310-deaths": "compatible",
        "worldterror-more-than-300-deaths": "compatible"}
    assert now["sg-311-deaths"]["stands"] == "agrees"


def test_facts_whose_claims_can_all_be_true_are_no_disagreements(api):
    listed = {row["id"] for row in api.all("/v1/disagreements", fields="id")}
    whole = by_id(api.all("/v1/disagreements", compatible=1, fields="kind,kinds,conflicts"))
    assert listed < set(whole)
    for name, row in whole.items():
        assert (row["kind"] == "none") == (name not in listed) == (row["kinds"] == [])
        assert row["kind"] == "none" or row["kinds"][0] == row["kind"]
        assert name not in listed or row["conflicts"] > 0 or row["kinds"] == ["definition"]
    # Ceilings of "up to", repeated; resolutions and news of one day; German troops on other days; signed twice.
    for name in ("minusma-authorized-military", "minusma-established", "germany-troops-in-minusma", "algiers-accords-signed"):
        assert whole[name]["kind"] == "none", name


def test_a_denial_conflicts_with_what_it_denies(api):
    row = api.get("/v1/disagreements/wagner-fighters").data
    claims = by_id(row["claims"])
    assert row["kinds"] == ["denial"] and row["gap"] == 0
    assert claims["mali-gov-denies-wagner"]["stands"] == claims["russia-denies-wagner"]["stands"] == "conflicts"
    assert claims["russia-denies-wagner"]["reasons"] == ["denial"]
    assert "mali-gov-denies-wagner" not in claims["russia-denies-wagner"]["conflicts_with"]
    assert claims["vice-as-many-as-1000-fighters"]["stands"] == "compatible"  # as many as 1,000 and about 1,000
    assert claims["seed-40-a-thousand-fighters"]["stands"] == "agrees"


@pytest.mark.parametrize("params, wanted, other", [
    ({"mission": "minusma"}, "minusma-deaths", "moura-killed"),
    ({"mission": "MINUSMA"}, "crisis-of-trust", "junta-paid-wagner"),
    ({"actor": "human-rights-watch"}, "moura-killed", "minusma-deaths"),
    ({"actor": "russia"}, "wagner-fighters", "moura-killed"),
    ({"subject": "minusma"}, "minusma-deaths", "wagner-fighters"),
    ({"place": "mali"}, "moura-killed", "unoci-ended"),
    ({"place": "mali"}, "minusma-deaths", "unficyp-established"),
    ({"predicate": "ended"}, "unoci-ended", "unficyp-established"),
    ({"kind": "date"}, "unoci-ended", "wagner-fighters"),
    ({"kinds": "denial"}, "minusma-ended", "unoci-ended"),
    ({"gap__gte": 200}, "moura-killed", "minusma-deaths"),
    ({"spread__gte": 100000}, "junta-paid-wagner", "minusma-coups"),
    ({"spread__lt": 250, "certainty": "possible"}, "moura-killed", "minusma-strength"),
    ({"status": "disputed"}, "tuareg-link-to-al-qaeda", "moura-killed")])
def test_disagreements_are_filtered(api, params, wanted, other):
    ids = {row["id"] for row in api.all("/v1/disagreements", params, fields="id")}
    assert wanted in ids and other not in ids


def test_a_filter_by_party_knows_no_more_than_the_day(api):
    """OHCHR spoke of Moura on 12 May 2023; the day before, nobody had a claim of its."""
    assert "moura-killed" in api.get("/v1/disagreements?actor=ohchr&as_of=2023-05-12&limit=1000").ids
    assert "moura-killed" not in api.get("/v1/disagreements?actor=ohchr&as_of=2023-05-11&limit=1000").ids


def test_pairs_are_the_conflicts_both_ways(api):
    for row in api.all("/v1/disagreements", compatible=1, pairs=1):
        pairs = row["pairs"]
        n = len(row["claims"])
        assert len(pairs) == n * (n - 1) // 2
        assert sum(pair["stands"] == "conflicts" for pair in pairs) == row["conflicts"]
        mine = {claim["id"]: set(claim["conflicts_with"]) for claim in row["claims"]}
        for pair in pairs:
            is_conflict = pair["stands"] == "conflicts"
            assert (pair["other"] in mine[pair["claim"]]) == (pair["claim"] in mine[pair["other"]]) == is_conflict
            assert pair["reasons"]
        if row["answer"]:
            assert row["claims"][0]["id"] == row["answer"]["id"] and row["claims"][0]["stands"] == "answer"
            assert all(claim["stands"] for claim in row["claims"])


@pytest.mark.parametrize("day", ["2021-06-10", "2022-06-01", "2023-12-31", "2025-04-04"])
def test_nothing_is_known_before_its_day(api, day):
    for path, more in (("/v1/disagreements", {"compatible": 1}), ("/v1/reconcile", {}), ("/v1/coverage", {})):
        for row in api.all(path, as_of=day, **more):
            for key in ("known_from", "state", "last_updated"):
                assert row.get(key) is None or row[key] <= day, f"{path} {row['id']}"
            for claim in row.get("claims", ()):
                assert claim["known_from"] <= day
    for row in api.all("/v1/facts", explain=1, as_of=day, fields="id"):
        assert all(claim["known_from"] <= day for claim in row["explain"]["claims"])


# ---- the rules of comparison, on claims made for them ----

CLAIM = {"status": "normal", "modality": "stated", "known_from": "2019-06-30"}
NUMBER = {"unit": "person", "definition": "event-dead", **CLAIM}


def number(low, best, high, qualifier, **more):
    return {"low": low, "best": best, "high": high, "qualifier": qualifier, "text": "so", **NUMBER, **more}


def exactly(n, **more):
    return number(n, n, n, "exactly", **more)


ABOUT = {"qualifier": "about"}
PAIRS = [
    ("more-than-300-and-311", number(301, "", "", "more_than"), exactly(311), "compatible", ["bounds"]),
    ("two-exact-numbers", exactly(302), exactly(311), "conflicts", ["number"]),
    ("the-same-number", exactly(311), exactly(311), "agrees", ["same"]),
    ("about-a-number-and-the-number", number("", 1000, "", "about"), exactly(1000), "compatible", ["bounds"]),
    ("about-and-as-many-as", number("", 1000, "", "about"), number("", "", 1000, "up_to"), "compatible", ["bounds"]),
    ("about-20-and-25", number("", 20, "", "about"), exactly(25), "conflicts", ["number"]),
    ("best-within-bounds", number(275, 275, 303, "estimated"), number("", 300, "", "estimated"), "compatible", ["bounds"]),
    ("at-least-and-at-most-apart", number(500, "", "", "at_least"), number("", "", 499, "up_to"), "conflicts", ["number"]),
    ("at-least-and-at-most-meet", number(500, "", "", "at_least"), number("", "", 500, "up_to"), "compatible", ["bounds"]),
    ("other-definition", exactly(302, definition="un-dead"), exactly(311), "not_comparable", ["definition"]),
    ("other-place", exactly(302, place="nga"), exactly(311, place="ner"), "not_comparable", ["place"]),
    ("other-period", exactly(302, start="2018", end="2018"), exactly(300, start="2019", end="2019"), "not_comparable", ["period"]),
    ("a-year-and-a-day-of-it", exactly(302, start="2019", end="2019"), exactly(311, start="2019-06-13", end="2019-06-13"),
     "conflicts", ["number"]),
    ("less-in-a-part", exactly(302, start="2018-01-01", end="2018-06-30"), exactly(311, start="2018-01-01", end="2018-12-31"),
     "compatible", ["part"]),
    ("more-in-a-part", exactly(312, start="2018-01-01", end="2018-06-30"), exactly(311, start="2018-01-01", end="2018-12-31"),
     "conflicts", ["number"]),
    ("damaged-words", exactly(302, flags="translation_damage"), exactly(311), "not_comparable", ["translation_damage"]),
    ("checked-and-found-to-differ", exactly(302, status="disputed", verdict="differs", definition="un-dead"), exactly(311),
     "conflicts", ["disputed"]),
    ("number-and-denial", exactly(302), {"object_text": "nobody", **CLAIM, "modality": "denied"}, "conflicts", ["denial"]),
    ("number-and-words", exactly(302), {"object_text": "many", **CLAIM}, "not_comparable", ["words"]),
]
DATES = [
    ("month-and-another-day", {"start": "2017-05"}, {"start": "2017-06-30"}, "conflicts", ["date"]),
    ("month-and-a-day-of-it", {"start": "2017-06"}, {"start": "2017-06-30"}, "compatible", ["precision"]),
    ("the-same-day", {"start": "2017-06-30"}, {"start": "2017-06-30"}, "agrees", ["same"]),
    ("two-things", {"object_kind": "place", "object": "ner"}, {"object_kind": "place", "object": "nga"}, "conflicts", ["object"]),
    ("no-date", {"object_text": "later"}, {"start": "2017-06-30", "object_text": "then"}, "not_comparable", ["words"]),
]
SEVERAL = [
    ("two-things-that-both-can-be", {"object_kind": "place", "object": "ner"}, {"object_kind": "place", "object": "nga"},
     "compatible", ["several"]),
]


# Statements on missions of the fixture, whose roll has 2 dead in 2018, 3 in 2019, and one row of 2020 without a number.
STATEMENTS = [
    ("above-all-numbers-but-one-row-has-none", "unfix", exactly(9, definition="un-dead", end="2021-01-01"), "bounds_only", None),
    ("below-what-is-certain", "unfix", exactly(4, definition="un-dead", end="2021-01-01"), None, -1),
    ("within-a-year-of-cells", "unfix", exactly(1, definition="un-dead", start="2018-03", end="2018-05"), "period", None),
    ("more-than-a-year-of-cells", "unfix", exactly(5, definition="un-dead", start="2018-03", end="2018-05"), None, 3),
    ("at-most-and-nothing-in-the-period", "unfix", number("", "", 2, "up_to", definition="un-dead", start="2014", end="2015"), None, 0),
    ("of-other-people", "unfix", exactly(5, definition="event-dead", end="2021-01-01"), "definition", None),
    ("not-broken-down-so", "unnam", exactly(5, definition="uniformed-all-causes", end="2019-01-01"), "breakdown", None),
    ("by-days", "uniga", exactly(1, definition="un-dead", end="2015-12-31"), None, 0),
    ("no-records", "unall", exactly(5, definition="un-dead", end="2019-01-01"), "no_records", None),
]


def add_rows(file, rows, key):
    with open(file, newline="") as old:
        reader = csv.DictReader(old)
        names = reader.fieldnames
        rows = sorted([*reader, *rows], key=key)
    with open(file, "w", newline="") as new:
        writer = csv.DictWriter(new, names, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The fixture with a fact and two claims for each of the cases above."""
    folder = tmp_path_factory.mktemp("made") / "text"
    shutil.copytree(ROOT / "tests" / "fixture", folder)
    facts, claims = [], []
    for cases, predicate, subject in ((PAIRS, "deaths", "uniga"), (DATES, "established", "unnam"), (SEVERAL, "paid", "uniga")):
        for name, one, other, _, _ in cases:
            facts.append({"id": f"made-{name}", "subject_kind": "actor", "subject": subject, "predicate": predicate, "name": name,
                          "definition": "event-dead" if predicate == "deaths" else ""})
            for mark, claim in (("a", one), ("b", other)):
                source = "atlas" if mark == "a" else "herald-2019"
                claims.append({"id": f"made-{name}-{mark}", "fact": f"made-{name}", "reported_by": source, **CLAIM, **claim})
    for name, mission, claim, _, _ in STATEMENTS:
        facts.append({"id": f"said-{name}", "subject_kind": "actor", "subject": mission, "predicate": "deaths", "name": name})
        claims.append({"id": f"said-{name}", "fact": f"said-{name}", "reported_by": "atlas", **claim, "known_from": "2020-01-01"})
    people = [{"id": name, "name": name, "text": "As the UN counts.", "unit": "person"}
              for name in ("un-personnel-all-causes", "uniformed-all-causes")]
    add_rows(folder / "definitions.csv", people, lambda row: row["id"])
    series = {"official": 1, "dimensions": "mission", "text": "Made for a test."}
    add_rows(folder / "series.csv", [
        {"id": "whole", "name": "Whole", "kind": "cell", "definition": "un-personnel-all-causes", "rank": 9, "frequency": "year", **series},
        {"id": "days", "name": "Days", "kind": "record", "definition": "un-dead", "rank": 8, "frequency": "day", **series},
        {"id": "old-days", "name": "Days of old", "kind": "record", "definition": "un-dead", "rank": 7, "frequency": "day", **series}],
        lambda row: row["id"])
    casualty = {"version": 1, "victim_group": "un_personnel", "harm": "killed", "qualifier": "exactly", "unit": "person",
                "source": "atlas", "known_from": "2021-01-01"}
    add_rows(folder / "casualties.csv", [
        {"id": "unnam-1989", "series": "whole", "mission": "unnam", "date": "1989", "low": 5, "best": 5, "high": 5, "text": "5",
         "definition": "un-personnel-all-causes", **casualty},
        {"id": "uniga-1", "series": "days", "mission": "uniga", "date": "2015-03-10", "low": 1, "best": 1, "high": 1, "text": "1",
         "definition": "un-dead", **casualty},
        {"id": "uniga-2", "series": "old-days", "mission": "uniga", "date": "2015-03-10", "low": 7, "best": 7, "high": 7, "text": "7",
         "definition": "un-dead", **casualty, "known_from": "2020-06-01"}],
        lambda row: (row["id"], int(row["version"])))
    add_rows(folder / "facts.csv", facts, lambda row: row["id"])
    add_rows(folder / "claims.csv", claims, lambda row: (row["fact"], row["id"]))
    server = Server(build(folder, folder.parent / "made.db"))
    yield Client(server)
    server.stop()


@pytest.mark.parametrize("name, stands, reasons", [(case[0], *case[3:]) for case in [*PAIRS, *DATES, *SEVERAL]],
                         ids=[case[0] for case in [*PAIRS, *DATES, *SEVERAL]])
def test_two_claims_stand_to_each_other_so(made, name, stands, reasons):
    row = made.get(f"/v1/disagreements/made-{name}", compatible=1, pairs=1).data
    assert [(pair["stands"], pair["reasons"]) for pair in row["pairs"]] == [(stands, reasons)]
    is_listed = f"made-{name}" in made.get("/v1/disagreements", limit=1000).ids
    assert is_listed == (stands == "conflicts" or reasons == ["definition"])


# ---- stated totals and records ----


def test_the_total_stated_for_minusma_agrees_with_the_records(api):
    row = api.get("/v1/reconcile/total-minusma-stated-dead").data
    assert (row["stated"]["best"], row["summed"]["low"], row["summed"]["best"], row["summed"]["high"]) == (311, 311, 311, 311)
    assert (row["result"], row["difference"], row["uncertain"], row["series"]["id"]) == ("consistent", 0, 0, "un-fatalities")


def test_more_than_300_agrees_with_311_records(api):
    row = api.get("/v1/reconcile/claim-worldterror-more-than-300-deaths").data
    assert (row["stated"]["low"], row["stated"]["high"], row["summed"]["best"], row["result"]) == (301, None, 311, "consistent")


def test_the_total_stated_for_unoci_is_short_by_one(api):
    row = api.get("/v1/reconcile/total-unoci-stated-dead").data
    assert (row["stated"]["best"], row["summed"]["best"], row["result"], row["difference"]) == (150, 151, "short_by", -1)
    assert api.get("/v1/reconcile", mission="unoci", result="short_by").ids == ["total-unoci-stated-dead"]
    then = api.get("/v1/reconcile/total-unoci-stated-dead", as_of="2018-01-01").data
    assert (then["result"], then["reason"], then["summed"]) == ("not_comparable", "no_records", None)


def test_what_no_record_counts_is_not_comparable(api):
    row = api.get("/v1/reconcile/total-minusma-stated-injured").data
    assert (row["result"], row["reason"], row["summed"], row["difference"], row["series"]) == (
        "not_comparable", "no_records", None, None, None)


def test_a_period_that_cuts_a_year_gives_bounds(api):
    """310 to the end of June: the cells of 2013 to 2022 are certain, those of 2023 may count."""
    row = api.get("/v1/reconcile/claim-un-fatalities-2023-11-28-minusma-deaths-to-2023-06-30").data
    cells = api.all("/v1/casualties", mission="minusma", series="un-fatalities")
    certain = sum(cell["deaths"]["best"] for cell in cells if cell["date"] < "2023")
    assert row["summed"] == {"low": certain, "best": None, "high": 311, "qualifier": "between", "text": None, "unit": "person"}
    assert row["uncertain"] == sum(cell["date"] == "2023" for cell in cells)
    assert row["result"] == "consistent"


@pytest.mark.parametrize("claim, summed", [
    ("un-fatalities-2025-04-04-malicious-acts", 174), ("un-fatalities-2025-04-04-illness", 88),
    ("un-fatalities-2025-04-04-accident", 38), ("un-fatalities-2025-04-04-to-be-determined", 9),
    ("un-fatalities-2025-04-04-unknown-cause", 2)])
def test_a_cause_is_summed_by_its_own_rows(api, claim, summed):
    row = api.get(f"/v1/reconcile/claim-{claim}").data
    assert (row["stated"]["best"], row["summed"]["best"], row["result"]) == (summed, summed, "consistent")


def test_uniformed_personnel_is_summed_without_civilians(api):
    row = api.get("/v1/reconcile/claim-un-fatalities-2023-11-28-uniformed-to-2023-06-30").data
    cells = api.all("/v1/casualties", mission="minusma", series="un-fatalities")
    uniformed = [cell for cell in cells if cell["personnel_type"] in ("military", "military_observer", "police")]
    assert row["summed"]["high"] == sum(cell["deaths"]["best"] for cell in uniformed)
    assert row["records"] == len(uniformed)


def test_both_sides_are_as_of_the_day(api):
    """Illness up to 10 June 2021, stated as 63 and then summed from the cells of that state."""
    row = api.get("/v1/reconcile/claim-un-fatalities-2021-06-10-illness-to-2021-06-10", as_of="2021-06-10").data
    assert (row["stated"]["best"], row["summed"]["best"], row["state"]) == (63, 63, "2021-06-10")
    assert api.problem("/v1/reconcile/claim-un-fatalities-2021-06-10-illness-to-2021-06-10", 410)["code"] == "withdrawn"
    assert api.problem("/v1/reconcile/total-minusma-stated-dead", 404, as_of="2021-06-10")["code"] == "unknown_id"


def test_a_total_and_its_claim_are_one_statement(api):
    ids = api.get("/v1/reconcile", mission="minusma", limit=1000).ids
    assert "total-minusma-stated-dead" in ids and "claim-sg-311-deaths" not in ids


def test_every_result_follows_from_its_bounds(api):
    rows = api.all("/v1/reconcile")
    assert len(rows) > 90
    for row in rows:
        if row["result"] == "not_comparable":
            assert row["reason"] and row["difference"] is None
            continue
        stated, summed = row["stated"], row["summed"]
        bare = stated["low"] is None and stated["high"] is None
        least, most = (stated["best"], stated["best"]) if bare else (stated["low"] or 0, stated["high"])
        if most is not None and most < summed["low"]:
            assert (row["result"], row["difference"]) == ("short_by", most - summed["low"])
        elif summed["high"] is not None and least > summed["high"]:
            assert (row["result"], row["difference"]) == ("over_by", least - summed["high"])
        else:
            assert (row["result"], row["difference"]) == ("consistent", 0)


@pytest.mark.parametrize("name, reason, difference", [(case[0], *case[3:]) for case in STATEMENTS],
                         ids=[case[0] for case in STATEMENTS])
def test_a_statement_beside_made_records(made, name, reason, difference):
    row = made.get(f"/v1/reconcile/claim-said-{name}").data
    assert (row["reason"], row["difference"]) == (reason, difference)
    assert row["result"] == ("not_comparable" if reason else
                             {-1: "short_by", 0: "consistent", 1: "over_by"}[(difference > 0) - (difference < 0)])


def test_the_series_read_latest_is_summed_and_of_those_the_finest(made):
    """The roll was read last on 1 January 2021, like the days; the days of old were read before."""
    row = made.get("/v1/reconcile/claim-said-by-days").data
    assert (row["series"]["id"], row["state"], row["summed"]["best"], row["result"]) == ("days", "2021-01-01", 1, "consistent")
    then = made.get("/v1/reconcile/claim-said-by-days", as_of="2020-06-01").data
    assert (then["series"]["id"], then["summed"]["best"], then["difference"]) == ("old-days", 7, -6)
    first = made.get("/v1/reconcile/claim-said-by-days", as_of="2020-01-01").data
    assert (first["series"]["id"], first["summed"]["low"], first["summed"]["high"], first["result"]) == ("roll", 1, 1, "consistent")


@pytest.fixture(scope="module")
def imported(dataset, tmp_path_factory):
    """The dataset that we ship with the published rows of 2021 and 2025 imported."""
    file = tmp_path_factory.mktemp("imported") / "imported.db"
    shutil.copy(dataset, file)
    for name, day in (("odp_noticas_2021-06.csv", "2021-06-10"), ("DPPADPOSS-FATALITIES_2025-04-04.csv", "2025-04-04")):
        published = SHARED / "un-fatalities" / name
        if not published.exists():
            pytest.skip(f"{published} is not there")
        done = run("import", "un-fatalities", published, "--into", file, "--known-from", day)
        assert done.returncode == 0, done.stderr
    server = Server(file)
    yield Client(server)
    server.stop()


def test_with_the_records_imported_every_day_is_exact(imported):
    rows = by_id(imported.all("/v1/reconcile"))
    for row in rows.values():
        if row["series"] is None:
            continue
        assert row["series"]["id"] == "un-fatalities-records" and row["state"] == "2025-04-04"
        if row["end"] and len(row["end"]) == 10:
            assert row["uncertain"] == 0, row["id"]
    assert {name: row["difference"] for name, row in rows.items() if row["result"] in ("short_by", "over_by")} == {
        "total-unoci-stated-dead": -1, "claim-analisidifesa-302-deaths": -8, "claim-protothema-303-deaths": -3}
    then = imported.get("/v1/reconcile/claim-un-fatalities-2021-06-10-illness-to-2021-06-10", as_of="2021-06-10").data
    assert (then["series"]["id"], then["summed"]["best"], then["records"]) == ("un-fatalities-records", 63, 63)


# ---- coverage ----


def test_the_coverage_of_minusma(api):
    rows = by_id(api.get("/v1/coverage", mission="minusma").data)
    cells = rows["minusma-deaths-un-fatalities"]
    assert (cells["kind"], cells["first"], cells["last"], cells["frequency"]) == ("casualties", "2013", "2023", "year")
    assert cells["records"] == api.get("/v1/casualties?mission=minusma&series=un-fatalities&limit=1").meta["total"]
    assert {source["id"] for source in cells["sources"]} == {
        "un-fatalities-2021-06-10", "un-fatalities-2023-11-28", "un-fatalities-2025-04-04"}
    assert (cells["independent_sources"], cells["gaps"], cells["last_updated"]) == (1, [], "2025-04-04")
    claims = rows["minusma-deaths-claims"]
    assert claims["records"] == api.get("/v1/claims?subject=minusma&predicate=deaths&limit=1").meta["total"] == 10
    assert claims["independent_sources"] == 8 and claims["gaps"] is None
    assert rows["minusma-injured-un-stated-totals"]["records"] == 1


def test_gaps_are_the_years_without_a_row(api):
    for row in api.all("/v1/coverage", series="un-fatalities"):
        years = {int(cell["date"][:4]) for cell in api.all(
            "/v1/casualties", mission=row["mission"]["id"], series="un-fatalities", fields="date")}
        between = {year for gap in row["gaps"] if gap["kind"] == "between" for year in range(gap["from"], gap["to"] + 1)}
        assert between == set(range(min(years), max(years))) - years, row["id"]
        for gap in row["gaps"]:
            assert gap["from"] <= gap["to"]
            assert gap["kind"] == "between" or not set(range(gap["from"], gap["to"] + 1)) & years


def test_coverage_of_all_missions_adds_up_to_all_rows(api):
    rows = api.all("/v1/coverage")
    for kind, where in (("casualties", "/v1/casualties?mission__isnull=false"), ("strengths", "/v1/strengths?")):
        n = sum(row["records"] for row in rows if row["kind"] == kind)
        assert n == api.get(f"{where}&limit=1").meta["total"]
    missions = {row["mission"]["id"] for row in rows if row["measure"] == "deaths"}
    assert missions == set(api.get("/v1/missions", limit=1000).ids)


def test_coverage_as_of_then(api):
    then = api.get("/v1/coverage/minusma-deaths-un-fatalities", as_of="2021-06-10").data
    assert (then["last"], then["last_updated"], len(then["sources"])) == ("2021", "2021-06-10", 1)
    assert api.get("/v1/coverage/minusma-deaths-none", as_of="2020-01-01").data["records"] == 0
