"""Sums: bounds that are right, and nobody counted twice."""

import itertools
import random
import shutil

import pytest

from harness import ROOT, Client, Server, build

STATES = {"2021-06-10": 4117, "2023-11-28": 4350, "2025-04-04": 4429}
STATS = "/v1/casualties/stats"


def sums(rows, *keys):
    """What each group says, by its keys: (low, best, high)."""
    def value(row, key):
        return row[key]["id"] if isinstance(row[key], dict) else row[key]

    return {tuple(value(row, key) for key in keys) if len(keys) > 1 else value(row, keys[0]):
            (row["low"], row["best"], row["high"]) for row in rows}


def exactly(**numbers):
    return {key: (number, number, number) for key, number in numbers.items()}


# ---- the dataset that we ship ----


@pytest.mark.parametrize("as_of, causes", [
    ("2025-04-04", exactly(malicious_act=174, illness=88, accident=38, to_be_determined=9, unknown=2)),
    ("2023-11-28", exactly(malicious_act=174, illness=83, accident=38, to_be_determined=14, unknown=2)),
    ("2021-06-10", exactly(malicious_act=144, illness=63, accident=29, to_be_determined=13)),
])
def test_deaths_of_minusma_by_cause_in_each_state(api, as_of, causes):
    answer = api.get(STATS, mission="minusma", group_by="cause", as_of=as_of)
    assert sums(answer.data, "cause") == causes
    assert [series["series"]["id"] for series in answer.meta["series"]] == ["un-fatalities"]
    for row in answer.data:
        assert row["status"] == "reported" and row["unknown"] == 0
        assert row["definition"]["id"] == "un-personnel-all-causes"
        assert row["independent_sources"] == 1, "the states of one data set are one source"
        assert all(source["id"].startswith("un-fatalities-") for source in row["sources"])


@pytest.mark.parametrize("as_of, total", STATES.items())
@pytest.mark.parametrize("group_by", [None, "mission", "cause", "personnel_type", "nationality", "mission,year(date)",
                                      "mission,nationality", "year(date),cause,personnel_type,mission", "series", "source"])
def test_groups_add_up_to_the_rows_of_the_state(api, as_of, total, group_by):
    params = {"group_by": group_by} if group_by else {}
    rows = api.get(STATS, params, as_of=as_of).data
    for part in ("low", "best", "high"):
        assert sum(row[part] for row in rows) == total


def test_no_parameters_make_more_dead_than_the_state_has(api):
    """Whatever is asked of one mission or of all: a sum of best figures is never above the publisher's own number."""
    choice = random.Random(3)
    groups = ["mission", "cause", "personnel_type", "nationality", "year(date)", "series", "source", "kind", "victim_group",
              "harm", "definition"]
    filters = [("mission", "minusma"), ("mission", "unef"), ("mission", "unmibh"), ("mission__in", "iptf,unmibh"),
               ("cause", "illness"), ("cause__not", "accident"), ("personnel_type", "police"), ("nationality", "chad"),
               ("victim_group", "un_personnel"), ("kind", "cell"), ("kind", "total"), ("during", "1990..2010"),
               ("at", "2013"), ("date__gte", "2000"), ("date__lt", "2014-07"), ("certainty", "definite"),
               ("resolve", "official"), ("resolve", "max"), ("resolve", "latest"), ("resolve", "min"),
               ("series__not", "un-fatalities"), ("series", "un-fatalities-by-nationality"), ("source__not", "ucdp-ov-25-1")]
    answered = 0
    for _ in range(300):
        as_of, total = choice.choice(list(STATES.items()))
        params = dict(choice.sample(filters, choice.randint(0, 3)))
        keys = choice.sample(groups, choice.randint(0, 3))
        if keys:
            params["group_by"] = ",".join(keys)
        answer = api.raw(f"{STATS}?" + "&".join(f"{key}={value}" for key, value in params.items()) + f"&as_of={as_of}")
        assert answer.status in (200, 400), answer.body
        if answer.status == 400:
            continue
        answered += 1
        best = sum(row["best"] or 0 for row in answer.data)
        if any(series["series"]["id"].startswith("un-") for series in answer.meta["series"]):
            assert best <= total, params
            assert sum(row["low"] or 0 for row in answer.data) <= total, params
        chosen = {series["series"]["id"] for series in answer.meta["series"]}
        assert not {"un-fatalities", "un-fatalities-by-nationality"} <= chosen
    assert answered > 100


@pytest.mark.parametrize("a, b", itertools.combinations(
    ["un-fatalities", "un-fatalities-by-nationality", "un-stated-totals", "ucdp-organised-violence-mali"], 2))
@pytest.mark.parametrize("spelling", ["series={a},{b}", "series={a}&series={b}", "series__in={a},{b}",
                                      "series={a},{b}&group_by=series", "series={a},{b}&mission=unifil"])
def test_whoever_insists_on_two_series_that_overlap_gets_their_names(api, a, b, spelling):
    problem = api.problem(f"{STATS}?" + spelling.format(a=a, b=b), 400)
    assert problem["param"] == "series"
    assert a in problem["detail"] and b in problem["detail"]


def test_what_was_left_out_is_said_with_the_reason(api):
    excluded = {entry["series"]["id"]: entry for entry in api.get(STATS, mission="minusma").meta["excluded"]}
    assert set(excluded) == {"un-fatalities-by-nationality", "un-stated-totals"}
    for entry in excluded.values():
        assert entry["reason"] == "overlaps"
        assert entry["other"]["id"] == "un-fatalities"
        assert entry["records"] > 0


def test_side_by_side_each_series_is_a_group_of_its_own(api):
    answer = api.get(STATS, mission="minusma", resolve="all")
    by_series = {row["series"][0]["id"]: row["best"] for row in answer.data}
    assert by_series == {"un-fatalities": 311, "un-fatalities-by-nationality": 311, "un-stated-totals": 311}
    assert answer.meta["rule"] == "all" and answer.meta["excluded"] == []


def test_a_source_answers_with_its_own_state(api):
    answer = api.get(STATS, mission="minusma", resolve="source:un-fatalities-2021-06-10")
    assert answer.data[0]["best"] == 249
    assert answer.meta["as_of"] == "2021-06-10"
    stated = api.get(STATS, mission="unoci", resolve="source:sg-statement-unoci-closure")
    assert stated.data[0]["best"] == 150
    problem = api.problem(STATS, 400, mission="minusma", resolve="source:un-fatalities-2023-11-28", as_of="2022")
    assert problem["param"] == "resolve" and "2023-11-28" in problem["detail"]
    problem = api.problem(STATS, 400, resolve="source:un-fatalities-2021-06-01")
    assert problem["did_you_mean"] == "un-fatalities-2021-06-10"


def test_a_place_is_answered_by_the_series_that_has_places(api):
    answer = api.get(STATS, place="mali", group_by="year(date)", during="2022..2024")
    assert sums(answer.data, "year") == {"2022": (3540, 3656, 4462), "2023": (2087, 2118, 2897), "2024": (1783, 1901, 2644)}
    assert [series["series"]["id"] for series in answer.meta["series"]] == ["ucdp-organised-violence-mali"]
    assert {entry["reason"] for entry in answer.meta["excluded"]} == {"overlaps"}


def test_a_period_that_cuts_a_yearly_cell_widens_the_bounds(api):
    """The cells of 2021 may lie before 11 June or behind it; those of 2020 certainly lie before."""
    until = api.get(STATS, mission="minusma", date__lte="2021-06-10", as_of="2025-04-04").data[0]
    before = api.get(STATS, mission="minusma", date__lte="2020", as_of="2025-04-04").data[0]
    whole = api.get(STATS, mission="minusma", date__lte="2021", as_of="2025-04-04").data[0]
    assert before["low"] == before["best"] == before["high"] == 231
    assert whole["best"] == 268
    assert (until["low"], until["best"], until["high"]) == (231, None, 268)
    certain = api.get(STATS, mission="minusma", date__lte="2021-06-10", certainty="definite", as_of="2025-04-04").data[0]
    assert certain["best"] == 231


def test_no_series_is_broken_down_by_nationality_and_cause_at_once(api):
    problem = api.problem(STATS, 400, group_by="nationality,cause")
    assert problem["param"] == "group_by"
    assert "mission,personnel_type,cause,year(date)" in problem["allowed"]
    assert "mission,nationality" in problem["allowed"]
    problem = api.problem(STATS, 400, mission="minusma", group_by="month(date)")
    assert "tells time by year" in problem["detail"]


def test_a_mission_that_is_counted_only_with_others_is_not_silently_zero(api):
    answer = api.get(STATS, mission="unef-i")
    assert answer.data == []
    assert [(entry["id"], entry["reason"]) for entry in answer.meta["excluded"]] == [("unef-i", "counted_together")]
    assert "unef" in answer.meta["excluded"][0]["text"]


def test_empty_years_are_filled_on_request_and_still_say_that_nothing_was_reported(api):
    asked = {"mission": "minusma", "group_by": "year(date)", "during": "2012..2024"}
    bare = api.get(STATS, asked).data
    assert [row["year"] for row in bare] == [str(year) for year in range(2013, 2024)]
    for fill, number in (("null", None), ("zero", 0)):
        rows = api.get(STATS, asked, fill=fill).data
        assert [row["year"] for row in rows] == [str(year) for year in range(2012, 2025)]
        assert [row for row in rows if row["records"]] == bare
        for row in rows[0], rows[-1]:
            assert row["low"] is row["best"] is row["high"] is number or row["best"] == number
            assert row["status"] == "not_reported" and row["records"] == 0
    assert [row["year"] for row in api.get(STATS, asked | {"mission": "unef", "during": "1990..1993"}, fill="zero").data] == [
        "1990", "1991", "1992", "1993"], "also where there is no row at all"
    assert api.problem(STATS, 400, group_by="cause", fill="zero")["param"] == "fill"


def test_fill_keeps_the_other_keys_apart(api):
    rows = api.get(STATS, mission__in="minusma,unifil", group_by="mission,year(date)", fill="null", during="2012..2014").data
    assert [(row["mission"]["id"], row["year"]) for row in rows] == [
        (mission, year) for mission in ("minusma", "unifil") for year in ("2012", "2013", "2014")]


def test_sort_limit_and_conditions_work_on_sums(api):
    rows = api.get(STATS, group_by="mission", sort="-best", limit=3).data
    assert [(row["mission"]["id"], row["best"]) for row in rows] == [("unifil", 339), ("minusma", 311), ("unamid", 295)]
    large = api.get(STATS, group_by="mission", best__gte=200).data
    whole = api.get(STATS, group_by="mission").data
    assert large == [row for row in whole if row["best"] >= 200]
    assert api.get(STATS, group_by="mission", best__gte=200, best__lt=295).data == [
        row for row in whole if 200 <= row["best"] < 295]
    assert api.get(STATS, group_by="mission", best__isnull="true").data == []
    assert [row["best"] for row in api.get(STATS, group_by="mission", sort="best,-mission").data] == sorted(
        row["best"] for row in whole)
    assert api.problem(STATS, 400, group_by="mission", sort="cause")["param"] == "sort"
    assert api.problem(STATS, 400, group_by="mission", best__gte="many")["param"] == "best__gte"
    assert api.problem(STATS, 400, group_by="mission", best__contains=1)["param"] == "best__contains"


def test_a_walk_by_five_groups_sees_each_once(api):
    whole = api.get(STATS, group_by="mission,cause")
    walked = list(api.walk(STATS, group_by="mission,cause", limit=50))
    assert walked == whole.data and len(walked) == whole.meta["total"]
    page = api.get(STATS, group_by="mission,cause", limit=50)
    assert page.headers["Link"] == f'<{page.json["next_url"]}>; rel="next"'
    assert page.headers["X-Total-Count"] == str(len(walked))
    assert api.get(page.json["next_url"]).data == walked[50:100]
    problem = api.problem(STATS, 400, group_by="mission", limit=50, cursor=page.json["next"])
    assert problem["param"] == "cursor"
    for cursor in ("5", "x", "", "5.a.b", page.json["next"] + "0", "-1" + page.json["next"]):
        assert api.problem(STATS, 400, group_by="mission,cause", cursor=cursor)["param"] == "cursor"


def test_behind_the_last_group_the_total_is_still_told(api):
    beyond = api.get(STATS, group_by="mission", offset=1000)
    assert beyond.data == [] and beyond.json["next"] is None
    assert beyond.meta["total"] == api.get(STATS, group_by="mission").meta["total"] > 50
    assert api.get(STATS, mission="unef-i", offset=5).meta["total"] == 0


@pytest.mark.parametrize("query, param", [
    ("group_by=colour", "group_by"), ("group_by=cause,cause", "group_by"), ("group_by=year(cause)", "group_by"),
    ("group_by=date", "group_by"), ("group_by=decade(date)", "group_by"), ("group_by=year(date", "group_by"),
    ("group_by=", "group_by"), ("group_by=perpetrators", "group_by"), ("group_by=note", "group_by"),
    ("group_by=series,definition,mission,cause,harm", "group_by"), ("measure=note", "measure"), ("fill=some", "fill"),
    ("resolve=best", "resolve"), ("resolve=source:", "resolve"), ("explain=yes", "explain"), ("limit=0", "limit"),
    ("limit=10001", "limit"), ("fields=id", "fields"), ("include=sources", "include"), ("count=none", "count"),
    ("group_by=cause&group_by=mission", "group_by"), ("missoin=minusma", "missoin"), ("mission=minsuma", "mission"),
    ("history=true", "history"), ("resolve=all&group_by=mission,cause,harm", "group_by"),
])
def test_a_mistake_is_named(api, query, param):
    problem = api.problem(f"{STATS}?{query}", 400)
    assert problem["param"] == param
    assert len(problem["detail"]) > 20


def test_collections_without_sums_have_no_such_path(api):
    for name in ("missions", "claims", "facts", "places"):
        api.get(f"/v1/{name}/stats", status=404)


def test_a_derivation_leads_to_the_rows_and_their_sources(api):
    answer = api.get(STATS, mission="minusma", group_by="cause", explain=1, as_of="2025-04-04")
    assert answer.json["explain"]["rules"][0] == "Rows are those that were known on 2025-04-04."
    considered = {entry["series"]["id"]: entry["verdict"] for entry in answer.json["explain"]["series"]}
    assert considered["un-fatalities"] == "answers" and considered["un-stated-totals"] == "not_broken_down"
    for group in answer.data:
        assert sum(row["best"] for row in group["rows"]) == group["best"]
        assert len(group["rows"]) == group["records"]
        for row in group["rows"][:2]:
            item = api.get(f"/v1/casualties/{row['id']}", as_of="2025-04-04").data
            assert item["source"] == row["source"] and item["cause"] == group["cause"]
            assert item["deaths"]["best"] == row["best"]
    stated = api.get(STATS, mission="minusma", series="un-stated-totals", explain=1).data[0]
    assert [claim["id"] for claim in stated["rows"][0]["claims"]] == ["sg-311-deaths"]
    plain = api.get(STATS, mission="minusma", group_by="cause", as_of="2025-04-04")
    assert "explain" not in plain.json and "rows" not in plain.data[0]


def test_the_same_sum_by_any_path_of_keys(api):
    """Grouping finer and adding up again gives the coarser sums."""
    fine = api.get(STATS, group_by="mission,cause,year(date)").data
    coarse = sums(api.get(STATS, group_by="mission").data, "mission")
    added = {}
    for row in fine:
        added[row["mission"]["id"]] = added.get(row["mission"]["id"], 0) + row["best"]
    assert {mission: best for mission, (_, best, _) in coarse.items()} == added


# ---- a world that does not exist, with traps for sums ----


EXTRA = {
    "definitions-sums.csv": "id,name,text,unit,adds_with\n"
                            "press-dead,Dead of the press,As the press counts.,person,radio-dead\n"
                            "radio-dead,Dead of the radio,As the radio counts.,person,press-dead\n"
                            "tv-dead,Dead of the television,As the television counts.,person,\n",
    "series-sums.csv": "id,name,kind,definition,official,overlaps,rank,frequency,dimensions,text\n"
                       "press,Press,cell,press-dead,0,,50,year,mission,Counts of the press.\n"
                       "radio,Radio,cell,radio-dead,0,,51,month,mission,Counts of the radio.\n"
                       "tv,Television,cell,tv-dead,1,,52,day,mission,Counts of the television.\n"
                       "words,Words,total,press-dead,0,,53,period,mission,Sums that somebody said.\n",
    "casualties-sums.csv": "id,version,series,mission,place,date,end,victim_group,personnel_type,cause,nationality,"
                           "nationality_text,perpetrators,harm,low,best,high,qualifier,text,unit,definition,claims,source,"
                           "flags,note,known_from,known_to\n",
}


def number(text):
    low, best, high, qualifier = text
    return f"{low},{best},{high},{qualifier},{'' if qualifier == '' else 'so many'},person"


EXACT5, MORE300, NONE = (5, 5, 5, "exactly"), (301, "", "", "more_than"), ("", "", "", "")
ABOUT40, UPTO9, ZERO = ("", 40, "", "about"), ("", "", 9, "up_to"), (0, 0, 0, "exactly")


def line(row_id, series, mission, date, value, end="", definition=""):
    definition = definition or {"words": "press-dead"}.get(series, f"{series}-dead")
    return (f"{row_id},1,{series},{mission},,{date},{end},people,,,,,,killed,{number(value)},{definition},,"
            f"herald-2019,,,2019-06-30,\n")


LINES = [
    line("a-exact", "press", "unfix", "2001", EXACT5), line("a-more", "press", "unfix", "2001", MORE300),
    line("b-about", "press", "unfix", "2002", ABOUT40), line("b-exact", "press", "unfix", "2002", EXACT5),
    line("c-none", "press", "unfix", "2003", NONE), line("c-zero", "press", "unfix", "2003", ZERO),
    line("d-zero", "press", "unfix", "2004", ZERO), line("e-none", "press", "unfix", "2005", NONE),
    line("f-exact", "press", "unfix", "2006", EXACT5), line("f-upto", "press", "unfix", "2006", UPTO9),
    line("g-radio", "radio", "unfix", "2006-03", EXACT5), line("h-tv", "tv", "unfix", "2006-03-04", EXACT5),
    line("i-both-a", "press", "uniga", "2010", EXACT5), line("i-both-b", "press", "unall", "2010", EXACT5),
    line("w-long", "words", "unnam", "1989", EXACT5, "1999"), line("w-short", "words", "unnam", "1989", EXACT5, "1994"),
    line("w-tv", "words", "unnam", "1989", EXACT5, "1990", definition="tv-dead"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    text = tmp_path_factory.mktemp("sums") / "text"
    shutil.copytree(ROOT / "tests" / "fixture", text)
    for name, content in EXTRA.items():
        (text / name).write_text(content + ("".join(sorted(LINES)) if name.startswith("casualties") else ""))
    server = Server(build(text, text.parent / "sums.db"), workers=1)
    yield Client(server)
    server.stop()


def one(world, **params):
    rows = world.get(STATS, params).data
    assert len(rows) == 1, rows
    return rows[0]["low"], rows[0]["best"], rows[0]["high"], rows[0]["records"], rows[0]["unknown"], rows[0]["status"]


@pytest.mark.parametrize("year, expected", [
    (2001, (306, None, None, 2, 0, "reported")),      # more than 300 and 5
    (2002, (5, 45, None, 2, 0, "reported")),          # about 40 and 5: at least the five
    (2003, (0, None, None, 2, 1, "reported")),        # nobody knows, and none
    (2004, (0, 0, 0, 1, 0, "zero")),
    (2005, (None, None, None, 1, 1, "not_reported")),
    (2006, (5, None, 14, 2, 0, "reported")),          # 5 and up to 9
])
def test_sums_of_bounds_keep_what_each_row_leaves_open(world, year, expected):
    assert one(world, series="press", at=year) == expected


def test_series_that_do_not_overlap_and_count_alike_are_added(world):
    answer = world.get(STATS, mission="unfix", at=2006)
    assert [series["series"]["id"] for series in answer.meta["series"]] == ["press", "radio"]
    assert (answer.data[0]["low"], answer.data[0]["high"]) == (10, 19)
    assert answer.data[0]["definition"] is None, "several definitions were added"
    assert {entry["series"]["id"]: entry["reason"] for entry in answer.meta["excluded"]} == {"tv": "definition_differs"}
    assert one(world, mission="unfix", at=2006, series="press,radio")[0] == 10


def test_definitions_that_may_not_be_added_are_refused_by_name(world):
    problem = world.problem(STATS, 400, series="press,tv", at=2006)
    assert problem["param"] == "series"
    for word in ("press", "tv", "press-dead", "tv-dead"):
        assert f"{word}" in problem["detail"]
    problem = world.problem(STATS, 400, definition="press-dead,tv-dead", mission="unnam")
    assert "tv-dead" in problem["detail"]


def test_an_acronym_that_stands_for_several_missions_holds_what_they_count(world):
    answer = world.get(STATS, series="press", at=2010)
    assert answer.data[0]["best"] == 5
    assert [(entry["id"], entry["reason"]) for entry in answer.meta["excluded"]] == [("i-both-a", "part_of_another")]
    assert world.get(STATS, series="press", at=2010, mission="uniga").data[0]["best"] == 5
    assert world.get(STATS, series="press", at=2010, mission="uniga").meta["excluded"] == []


def test_a_stated_sum_is_part_of_the_one_that_reaches_further(world):
    answer = world.get(STATS, series="words", mission="unnam")
    assert (answer.data[0]["best"], answer.data[0]["records"]) == (5, 1)
    reasons = {entry["id"] or entry["definition"]["id"]: entry["reason"] for entry in answer.meta["excluded"]}
    assert reasons["w-short"] == "part_of_another"
    assert reasons["tv-dead"] == "definition_differs"
    assert one(world, series="words", mission="unnam", definition="tv-dead")[1] == 5


def test_the_finest_frequency_that_is_asked_for_decides(world):
    assert [series["series"]["id"] for series in
            world.get(STATS, mission="unfix", at=2006, group_by="month(date)").meta["series"]] == ["radio"]
    rows = world.get(STATS, series="radio", group_by="quarter(date)").data
    assert [(row["quarter"], row["best"]) for row in rows] == [("2006-Q1", 5)]
    rows = world.get(STATS, series="tv", group_by="month(date)", fill="zero", during="2006-02..2006-04").data
    assert [(row["month"], row["best"]) for row in rows] == [("2006-02", 0), ("2006-03", 5), ("2006-04", 0)]


def test_rules_choose_by_figure_and_officialness(world):
    asked = {"mission": "unfix", "at": 2006}
    assert [series["series"]["id"] for series in world.get(STATS, asked, resolve="official").meta["series"]] == ["tv"]
    assert {entry["reason"] for entry in world.get(STATS, asked, resolve="official").meta["excluded"]} == {"not_official"}
    for rule in ("min", "max", "latest"):
        answer = world.get(STATS, asked, resolve=rule)
        assert len(answer.meta["series"]) == 1 and answer.meta["rule"] == rule
        assert {entry["reason"] for entry in answer.meta["excluded"]} == {"rule"}
