"""What happened when: the timeline of an actor, annotations for dashboards, and sums as lines over time."""

import random
import shutil
from datetime import date, datetime, timezone

import pytest

from harness import ROOT, Client, Server, build, target
from test_changes import Text

ACTORS = ["minusma", "wagner-group", "mali-gov", "mali-army", "ohchr", "unsc", "unifil", "mali-junta"]
DAYS = [None, "2025-04-04", "2023-11-28", "2022-06-01", "2021-06-10", "2013-04-25"]


def days(text):
    """First and last day that an imprecise date can mean."""
    text = text.rstrip("~?")
    if len(text) == 10:
        return text, text
    if len(text) == 7:
        year, month = map(int, text.split("-"))
        first = date(year, month, 1)
        last = date.fromordinal(date(year + month // 12, month % 12 + 1, 1).toordinal() - 1)
        return first.isoformat(), last.isoformat()
    return f"{text}-01-01", f"{text}-12-31"


def span(row):
    """(first, last) possible day of the beginning, and of the end, of a dated row."""
    return *days(row["date"]), *days(row["end"] or row["date"])


def known(as_of, **more):
    return {**more, **({"as_of": as_of} if as_of else {})}


def timeline(api, **params):
    return api.all("/v1/timeline", params)


# ---- the timeline ----

def test_the_life_of_minusma_stands_in_its_order(api):
    rows = timeline(api, mission="minusma")
    dates = {row["id"]: row["date"] for row in rows}
    story = [("event-minusma-establishment-vote-2013", "2013-04-25"), ("event-minusma-takeover-2013", "2013-07-01"),
             ("event-minusma-ceilings-raised-2016", "2016-06-29"), ("event-minusma-renewal-dispute-2022", "2022-06"),
             ("event-diop-demands-withdrawal-2023", "2023-06-16"), ("event-minusma-mandate-end-vote-2023", "2023-06-30"),
             ("event-minusma-closing-ceremony-2023", "2023-12-11"), ("event-minusma-withdrawal-complete-2023", "2023-12-31"),
             ("mission-minusma-ended", "2023-12-31")]
    assert [(row_id, dates[row_id]) for row_id, _ in story] == story
    order = list(dates)
    assert [order.index(row_id) for row_id, _ in story] == sorted(order.index(row_id) for row_id, _ in story)
    assert dates["mission-minusma-began"] == "2013-04-25"
    assert dates["relationship-unsc-terminated-mandate-of-minusma-began"] == "2023-06-30"
    assert dates["relationship-minusma-deployed-in-mali-ended"] == "2023-12-31"


@pytest.mark.parametrize("actor", ACTORS)
def test_rows_go_by_the_first_day_that_their_date_can_mean_and_then_by_id(api, actor):
    rows = timeline(api, actor=actor)
    keys = [(days(row["date"])[0], row["id"]) for row in rows]
    assert keys == sorted(keys) and len(set(keys)) == len(keys)
    assert timeline(api, actor=actor, sort="-date") == sorted(rows, key=lambda row: (days(row["date"])[0], row["id"]), reverse=True)
    assert list(api.walk("/v1/timeline", actor=actor, limit=7)) == rows


@pytest.mark.parametrize("as_of", DAYS)
def test_a_timeline_is_what_the_collections_tell_of_the_actor(api, as_of):
    """Events it takes part in, claims that name it, both ends of its relationships, and of a mission itself."""
    claims = api.all("/v1/claims", known(as_of))
    missions = {row["id"]: row for row in api.all("/v1/missions", known(as_of))}
    n = 0
    for actor in ACTORS:
        right = {}
        for row in api.all("/v1/events", known(as_of, actor=actor)):
            right[f"event-{row['id']}"] = ("participant", row["date"], row["end"])
        for row in claims:
            is_it = [(row[name] or {}).get("id") == actor and (row[name] or {}).get("kind", "actor") == "actor" for name in ("subject", "object", "asserted_by")]
            if any(is_it):
                right[f"claim-{row['id']}"] = (["subject", "object", "asserter"][is_it.index(True)],)
        for row in api.all("/v1/relationships", known(as_of, actor=actor)):
            for what, name in (("began", "start"), ("ended", "end")):
                if row[name]:
                    right[f"relationship-{row['id']}-{what}"] = ("from" if row["from_actor"]["id"] == actor else "to", row[name], None)
        for what, name in (("began", "start"), ("ended", "end")):
            if missions.get(actor, {}).get(name):
                right[f"mission-{actor}-{what}"] = ("self", missions[actor][name], None)
        rows = {row["id"]: row for row in timeline(api, **known(as_of, actor=actor, undated="included"))}
        assert set(rows) == set(right), actor
        for row_id, what in right.items():
            row = rows[row_id]
            assert (row["role"], row["date"], row["end"])[:len(what)] == what, row_id
            assert not as_of or row["known_from"] <= as_of
        n += len(rows)
    assert n > (300 if as_of is None else 2)


def test_a_claim_is_dated_by_itself_and_else_by_its_fact(api):
    facts = {row["id"]: row for row in api.all("/v1/facts")}
    claims = {row["id"]: row for row in api.all("/v1/claims")}
    seen = set()
    for actor in ACTORS:
        for row in timeline(api, actor=actor, kind="claim", undated="included"):
            claim = claims[row["thing"]["id"]]
            own = claim["start"] or claim["end"]
            dated = claim if own else facts[claim["fact"]["id"]]
            date_of = dated["start"] or dated["end"]
            assert row["date"] == date_of
            assert row["end"] == (dated["end"] if dated["start"] else None)
            assert row["number"] == claim["number"] and row["status"] == claim["status"] and row["modality"] == claim["modality"]
            seen.add("own" if own else "fact" if date_of else "undated")
            seen.add("end alone" if date_of and not dated["start"] else "start")
    assert seen >= {"own", "fact", "end alone", "start"}


@pytest.fixture(scope="module")
def undated(tmp_path_factory):
    """The fixture, of which one claim and its fact say nothing of when."""
    folder = tmp_path_factory.mktemp("undated")
    shutil.copytree(ROOT / "tests" / "fixture", folder / "text")
    for name, key in (("facts.csv", "blue-lantern-paid"), ("claims.csv", "blue-lantern-paid-herald"), ("claims.csv", "blue-lantern-paid-lantern")):
        text = Text(folder / "text" / name)
        text.one(id=key).update(start="" if key != "blue-lantern-paid-lantern" else "2018", end="")
        text.write()
    server = Server(build(folder / "text", folder / "undated.db"))
    yield Client(server)
    server.stop()


def test_claims_that_nobody_dates_are_left_out_unless_asked_for(undated):
    dated, whole = timeline(undated, actor="blue-lantern"), timeline(undated, actor="blue-lantern", undated="included")
    assert all(row["date"] for row in dated)
    assert whole[:-1] == dated
    last = whole[-1]
    assert (last["id"], last["date"], last["end"]) == ("claim-blue-lantern-paid-herald", None, None)
    assert "claim-blue-lantern-paid-lantern" in {row["id"] for row in dated}
    assert timeline(undated, actor="blue-lantern", undated="left_out") == dated
    assert list(undated.walk("/v1/timeline", actor="blue-lantern", undated="included", limit=2)) == whole
    # When nobody says when it was, it may have been on any day, and was certainly on none.
    assert last in timeline(undated, actor="blue-lantern", undated="included", at="1999")
    assert last not in timeline(undated, actor="blue-lantern", undated="included", at="1999", certainty="definite")
    assert undated.problem("/v1/timeline?actor=unfix&undated=yes", 400)["param"] == "undated"


@pytest.mark.parametrize("actor", ACTORS)
def test_world_time_finds_what_may_lie_in_it_or_certainly_does(api, actor):
    rows = timeline(api, actor=actor)
    choice = random.Random(actor)
    for _ in range(12):
        first, last = sorted(f"{choice.randint(2010, 2024)}-{choice.randint(1, 12):02}-{choice.randint(1, 28):02}" for _ in range(2))
        for params in ({"from": first, "to": last}, {"during": f"{first}..{last}"}):
            possible = timeline(api, actor=actor, **params)
            assert possible == [row for row in rows if span(row)[0] <= last and span(row)[3] >= first]
            definite = timeline(api, actor=actor, certainty="definite", **params)
            assert definite == [row for row in rows if span(row)[1] <= last and span(row)[2] >= first]
        assert timeline(api, actor=actor, at=first) == [row for row in rows if span(row)[0] <= first <= span(row)[3]]


def test_moura_is_found_on_each_of_its_days_and_what_is_imprecise_possibly(api):
    for day, found in (("2022-03-26", False), ("2022-03-27", True), ("2022-03-31", True), ("2022-04-01", False)):
        ids = [row["id"] for row in timeline(api, actor="mali-army", at=day, certainty="definite")]
        assert ("event-moura-massacre-2022" in ids) == found
    row = timeline(api, actor="mali-army", id="event-moura-massacre-2022")[0]
    assert (row["date"], row["end"], row["event_kind"]) == ("2022-03-27", "2022-03-31", "attack")
    assert [actor["id"] for actor in row["actors"]] == ["moura-victims", "jihadists"]
    began = timeline(api, actor="wagner-group", id="relationship-wagner-group-fights-beside-mali-army-began")[0]
    assert began["date"] == "2021-12" and began["status"] == "disputed" and began["role"] == "from"
    assert [one["id"] for one in began["actors"]] == ["mali-army"]
    possible = {row["id"] for row in timeline(api, actor="wagner-group", at="2021-12-15")}
    definite = {row["id"] for row in timeline(api, actor="wagner-group", at="2021-12-15", certainty="definite")}
    assert began["id"] in possible - definite


def test_what_became_known_later_is_not_in_a_timeline_of_then(api):
    ids = [row["id"] for row in timeline(api, actor="ohchr", as_of="2022-06-01")]
    now = [row["id"] for row in timeline(api, actor="ohchr")]
    assert "event-ohchr-moura-report-2023" in now and "event-ohchr-moura-report-2023" not in ids
    # A relationship that ended: before that was known, it had only begun.
    row = "relationship-barkhane-fought-jihadists-"
    assert {one["id"] for one in timeline(api, actor="barkhane", as_of="2022-11-08") if one["id"].startswith(row)} == {row + "began"}
    assert {one["id"] for one in timeline(api, actor="barkhane", as_of="2022-11-09") if one["id"].startswith(row)} == {row + "began", row + "ended"}


def test_a_mission_is_an_actor_and_one_stands_in_place_of_the_other(api):
    rows = timeline(api, actor="minusma")
    for params in ({"mission": "minusma"}, {"mission": "MINUSMA"}, {"actor": "Minusma"}, {"actor": "minusma", "mission": "MINUSMA"}):
        assert timeline(api, **params) == rows
    problem = api.problem("/v1/timeline", 400)
    assert problem["param"] == "actor" and "'actor' or 'mission' is missing" in problem["detail"]
    problem = api.problem("/v1/timeline?actor=minusma&mission=unmiss", 400)
    assert problem["param"] == "mission" and "'minusma'" in problem["detail"] and "'unmiss'" in problem["detail"]
    assert api.problem("/v1/timeline?mission=wagner-group", 400)["param"] == "mission"
    problem = api.problem("/v1/timeline?actor=wagner-grup", 400)
    assert (problem["param"], problem["did_you_mean"]) == ("actor", "wagner-group")
    assert api.problem("/v1/timeline?actor=minusma&actor=unmiss", 400)["code"] == "repeated_parameter"
    api.get("/v1/timeline/event-mali-coup-2012", status=404)


def test_the_document_says_that_one_of_the_two_is_needed(api):
    parameters = {one["name"]: one for one in map(api.document.resolve, api.document.document["paths"]["/v1/timeline"]["get"]["parameters"])}
    assert parameters["actor"]["x-required-unless"] == "mission" and "required" not in parameters["actor"]
    assert "required" not in parameters["mission"] and "x-required-unless" not in parameters["mission"]


@pytest.mark.parametrize("as_of", [None, "2022-06-01"])
def test_every_row_leads_to_what_it_is_about(api, as_of):
    kinds = set()
    for actor in ("wagner-group", "minusma"):
        for row in timeline(api, **known(as_of, actor=actor)):
            item = api.get(row["href"], known(as_of), check=False).data
            kinds.add(row["thing"]["kind"])
            assert item["id"] == row["thing"]["id"]
            assert row["title"].startswith(row["thing"]["name"])
            assert row["href"] == f"/v1/{row['thing']['kind']}s/{item['id']}"
            assert row["known_from"] == item["known_from"] and row["known_to"] == item["known_to"]
            if row["thing"]["kind"] in ("event", "relationship"):
                assert row["sources"] == item["sources"] and row["claims"] == item["claims"]
            if row["thing"]["kind"] == "claim":
                assert row["sources"] == [item["reported_by"]]
                assert [claim["id"] for claim in row["claims"]] == [item["id"]]
    assert kinds == {"event", "claim", "relationship", "mission"}


def test_filters_divide_a_timeline(api):
    rows = timeline(api, actor="mali-gov")

    def some(**params):
        return [row["id"] for row in timeline(api, actor="mali-gov", **params)]

    for field in ("kind", "role", "status", "modality", "type", "event_kind", "predicate"):
        values = {row[field] for row in rows} - {None}
        assert values
        for value in values:
            assert some(**{field: value}) == [row["id"] for row in rows if row[field] == value]
    others = {actor["id"] for row in rows for actor in row["actors"]}
    assert "mali-gov" not in others and len(others) > 5
    for other in others:
        assert some(actors=other) == [row["id"] for row in rows if other in {actor["id"] for actor in row["actors"]}], other
    assert some(actors__not="minusma") == [row["id"] for row in rows if "minusma" not in {actor["id"] for actor in row["actors"]}]
    assert some(actors__isnull="true") == [row["id"] for row in rows if not row["actors"]]
    for name in ("sources", "claims"):
        for one in sorted({one["id"] for row in rows for one in row[name]})[::9]:
            assert some(**{name: one}) == [row["id"] for row in rows if one in {other["id"] for other in row[name]}]
    numbers = [row for row in timeline(api, actor="minusma") if row["number"]]
    assert numbers and timeline(api, actor="minusma", number__isnull="false") == numbers
    for bad in ("kind=happened", "role=hero", "status=true", "type=attack", "event_kind=fights", "predicate=x"):
        assert api.problem(f"/v1/timeline?actor=mali-gov&{bad}", 400)["param"] == bad.partition("=")[0]


# ---- annotations ----

def milliseconds(day, end=False):
    instant = datetime.fromisoformat(day + ("T23:59:59.999" if end else "T00:00:00")).replace(tzinfo=timezone.utc)
    return str(round(instant.timestamp() * 1000))


def dated(rows, kind, start, end, suffix=""):
    """What an annotation says of each row: {id: (time, timeEnd, imprecise)}."""
    result = {}
    for row in rows:
        if row[start] is None:
            continue
        first = days(row[start])
        last = days(row[end] or row[start]) if end else first
        imprecise = first[0] != first[1] or last[0] != last[1] or (row[start] + (row[end] or "" if end else ""))[-1] in "~?"
        result[f"{kind}-{row['id']}{suffix}"] = (first[0], last[1] if last[1] > first[0] else None, imprecise)
    return result


def marks(rows):
    return {row["id"]: (row["time"], row["timeEnd"], "imprecise" in row["tags"]) for row in rows}


def right_marks(api, kind, params):
    if kind == "event":
        return dated(api.all("/v1/events", params), "event", "date", "end")
    rows = api.all(f"/v1/{kind}s", params)
    return dated(rows, kind, "start", None, "-began") | dated(rows, kind, "end", None, "-ended")


@pytest.mark.parametrize("as_of", DAYS)
def test_annotations_are_the_dates_of_their_collections(api, as_of):
    every = {}
    for kind in ("event", "mission", "relationship"):
        rows = api.all("/v1/annotations", known(as_of, kind=kind))
        assert marks(rows) == right_marks(api, kind, known(as_of)), kind
        assert all(row["tags"][0] == kind for row in rows)
        assert all(len({"began", "ended"} & set(row["tags"])) == (kind != "event") for row in rows)
        every |= marks(rows)
    whole = api.all("/v1/annotations", known(as_of, kind="all"))
    assert marks(whole) == every
    assert [(row["time"], row["id"]) for row in whole] == sorted((row["time"], row["id"]) for row in whole)
    if as_of is None:
        assert api.all("/v1/annotations") == api.all("/v1/annotations", kind="event") and len(every) > 200


def test_titles_and_texts_of_events_are_those_of_the_event(api):
    events = {f"event-{row['id']}": row for row in api.all("/v1/events")}
    for row in api.all("/v1/annotations"):
        event = events[row["id"]]
        assert (row["title"], row["text"]) == (event["name"], event["text"])
        assert row["tags"][:2] == ["event", event["kind"]]


@pytest.mark.parametrize("params", [
    {"actor": "mali-gov"}, {"actor": "minusma"}, {"mission": "minusma"}, {"place": "moura"}, {"place": "mali"}, {"actor": "wagner-group"},
    {"actor__in": "wagner-group,ohchr"}, {"actor__not": "minusma"}, {"place": "mali", "actor": "mali-army"}, {"mission": "unifil"},
])
def test_annotations_take_the_filters_of_what_they_mark(api, params):
    name = {"mission": "actor"}
    asked = {name.get(key, key): value for key, value in params.items()}
    assert marks(api.all("/v1/annotations", params)) == right_marks(api, "event", asked)
    edges = api.all("/v1/annotations", params, kind="relationship")
    assert marks(edges) == ({} if "place" in params else right_marks(api, "relationship", asked))
    if "actor" not in params or "place" not in params:
        ids = {"actor": "id", "mission": "id", "place": "place", "actor__in": "id__in", "actor__not": "id__not"}
        missions = right_marks(api, "mission", {ids[key]: value for key, value in params.items()})
        assert marks(api.all("/v1/annotations", params, kind="mission")) == missions


def test_dashboards_ask_in_milliseconds(api):
    choice = random.Random(5)
    n = 0
    for _ in range(25):
        first, last = sorted(f"{choice.randint(2012, 2024)}-{choice.randint(1, 12):02}-{choice.randint(1, 28):02}" for _ in range(2))
        rows = api.get("/v1/annotations", {"from": milliseconds(first), "to": milliseconds(last, True)}, kind="all", limit=10000).data
        assert rows == api.get("/v1/annotations", {"from": first, "to": last}, kind="all", limit=10000).data
        assert all(row["time"] <= last and (row["timeEnd"] or row["time"]) >= first for row in rows)
        whole = api.all("/v1/annotations", kind="all")
        assert [row["id"] for row in rows] == [row["id"] for row in whole if row["time"] <= last and (row["timeEnd"] or row["time"]) >= first]
        n += len(rows)
    assert n > 100


def test_tags_are_filters(api):
    rows = api.all("/v1/annotations", kind="all")
    for tag in {tag for row in rows for tag in row["tags"]}:
        assert [row["id"] for row in api.all("/v1/annotations", kind="all", tags=tag)] == [row["id"] for row in rows if tag in row["tags"]], tag
    assert api.problem("/v1/annotations?kind=claim", 400)["allowed"] == ["event", "mission", "relationship", "all"]
    assert api.problem("/v1/annotations?kind=event&kind=mission", 400)["code"] == "repeated_parameter"
    api.get("/v1/annotations/event-mali-coup-2012", status=404)


# ---- lines ----

BUCKETS = {"year": lambda text: f"{text}-01-01", "month": lambda text: f"{text}-01",
           "quarter": lambda text: f"{text[:4]}-{int(text[6]) * 3 - 2:02}-01"}
NUMBERS = ("low", "best", "high", "records", "unknown", "status")
FILTERS = [("mission", "minusma"), ("mission", "unifil"), ("mission", "unef"), ("cause", "illness"), ("cause__not", "accident"), ("place", "mali"),
           ("personnel_type", "police"), ("nationality", "chad"), ("victim_group", "civilians"), ("during", "1990..2010"), ("at", "2013"),
           ("date__gte", "2000"), ("certainty", "definite"), ("from", "2012"), ("to", "2020"), ("series", "un-fatalities-by-nationality"),
           ("series", "un-fatalities"), ("series__not", "un-fatalities"), ("kind", "cell"), ("harm", "killed"), ("best__gte", "3"), ("records__lt", "9")]


def label(row, key):
    return None if row[key] is None else row[key]["name"] if isinstance(row[key], dict) else row[key]


def test_sums_over_time_are_those_of_the_stats_to_the_last_digit(api):
    """The same question put both ways gives the same numbers, the same choice of series and the same refusal."""
    choice = random.Random(11)
    names = {(code_list, row["id"]): row["name"] for code_list in ("cause", "personnel_type", "victim_group", "harm", "series_kind")
             for row in api.all(f"/v1/meta/codes/{code_list}")}
    lists = {"cause": "cause", "personnel_type": "personnel_type", "victim_group": "victim_group", "harm": "harm", "kind": "series_kind"}
    answered = refused = filled = 0
    for _ in range(600):
        bucket = choice.choice(["year", "year", "quarter", "month"])
        by = choice.choice([None, None, "none", "mission", "cause", "nationality", "personnel_type", "place", "victim_group", "harm", "kind", "source"])
        shared = {"measure": choice.choice(["deaths", "deaths", "deaths", "injured", "missing"]), **dict(choice.sample(FILTERS, choice.randint(0, 3)))}
        if choice.random() < 0.5:
            shared["resolve"] = choice.choice(["preferred", "official", "latest", "min", "max", "all", "source:un-fatalities-2023-11-28"])
        if choice.random() < 0.4:
            shared["fill"] = choice.choice(["null", "zero"])
        if choice.random() < 0.4:
            shared["as_of"] = choice.choice(DAYS[1:5])
        key = None if by in (None, "none") else by
        full = api.raw(target("/v1/casualties/stats", shared, group_by=f"{bucket}(date)" + (f",{key}" if key else "")))
        flat = api.raw(target("/v1/series", shared, bucket=bucket, **({"by": by} if by else {})))
        assert flat.status == full.status in (200, 400), (shared, bucket, by, flat.body)
        if flat.status == 400:
            assert flat.json["detail"] == full.json["detail"]
            assert flat.json["param"] == full.json["param"] or (full.json["param"], flat.json["param"]) in (("group_by", "bucket"), ("group_by", "by"))
            assert flat.json["param"] != "group_by"
            refused += 1
            continue
        full, flat = full.json, flat.json
        assert [[row[name] for name in NUMBERS] for row in flat["data"]] == [[row[name] for name in NUMBERS] for row in full["data"]]
        assert [row["time"] for row in flat["data"]] == [row[bucket] and BUCKETS[bucket](row[bucket]) for row in full["data"]]
        if key and shared.get("resolve") != "all":
            right = [names.get((lists.get(key), label(row, key)), label(row, key)) for row in full["data"]]
            assert [row["series"] for row in flat["data"]] == right
        elif shared.get("resolve") != "all":
            answers = list(dict.fromkeys(entry["series"]["name"] for entry in full["meta"]["series"]))
            assert {row["series"] for row in flat["data"]} <= {", ".join(answers) or None}
        for name in ("series", "excluded", "rule", "measure", "unit", "total", "as_of"):
            assert flat["meta"][name] == full["meta"][name]
        assert len({row["id"] for row in flat["data"]}) == len(flat["data"])
        answered += bool(flat["data"])
        filled += any(row["records"] == 0 for row in flat["data"])
    assert answered > 100 and refused > 20 and filled > 10


@pytest.mark.parametrize("as_of, total", [("2025-04-04", 4429), ("2023-11-28", 4350), ("2021-06-10", 4117)])
@pytest.mark.parametrize("by", ["none", "mission", "cause", "nationality", "personnel_type"])
def test_all_points_of_all_lines_add_up_to_the_state(api, as_of, total, by):
    if by == "nationality":  # the series that has it tells no years: nothing is drawn, and it is said why
        problem = api.problem("/v1/series", 400, measure="deaths", by=by, as_of=as_of)
        assert problem["param"] == "by" and "is not broken down by nationality" in problem["detail"]
        assert problem["allowed"] == ["mission", "personnel_type", "cause"]
        return
    rows = api.all("/v1/series", measure="deaths", by=by, as_of=as_of)
    assert all(sum(row[part] for row in rows) == total for part in ("low", "best", "high"))
    assert all(row["time"].endswith("-01-01") for row in rows)


def test_a_line_of_minusma_is_called_so(api):
    rows = api.get("/v1/series", measure="deaths", mission="minusma", by="mission").data
    assert {row["series"] for row in rows} == {"MINUSMA"}
    assert rows[0]["id"] == f"{rows[0]['time'][:4]}-minusma"
    assert sum(row["best"] for row in rows) == 311
    causes = api.get("/v1/series", measure="deaths", mission="minusma", by="cause").data
    assert {row["series"] for row in causes} == {"Accident", "Illness", "Malicious act", "To be determined", "Unknown"}
    assert list(api.walk("/v1/series", measure="deaths", mission="minusma", by="cause", limit=7)) == causes


@pytest.mark.parametrize("query, param, allowed", [
    ("bucket=year", "measure", None), ("measure=dead", "measure", ["deaths", "injured", "missing", "displaced"]),
    ("measure=deaths&bucket=week", "bucket", ["year", "quarter", "month"]), ("measure=deaths&bucket=month&mission=minusma", "bucket", ["year"]),
    ("measure=deaths&by=date", "by", None), ("measure=deaths&by=", "by", None), ("measure=deaths&by=mission,cause", "by", None),
    ("measure=deaths&by=year(date)", "by", None), ("measure=deaths&by=cause&series=ucdp-one-sided-mali", "by", ["place"]),
    ("measure=deaths&group_by=mission", "group_by", None), ("measure=deaths&explain=1", "explain", None), ("measure=deaths&sort=-best", "sort", None),
    ("measure=deaths&fields=id", "fields", None), ("measure=deaths&measure=injured", "measure", None), ("measure=deaths&by=cause&by=mission", "by", None),
    ("measure=deaths&series=un-fatalities,un-stated-totals", "series", None), ("measure=deaths&mission=nobody", "mission", None),
])
def test_what_a_series_does_not_take_is_refused_by_name(api, query, param, allowed):
    problem = api.problem(f"/v1/series?{query}", 400)
    assert problem["param"] == param
    if allowed:
        assert problem["allowed"] == allowed
    if problem["code"] == "unknown_parameter":
        assert "bucket" in problem["allowed"] and "group_by" not in problem["allowed"]


def test_sums_in_full_do_not_take_what_lines_do(api):
    for query in ("bucket=year", "by=mission"):
        assert api.problem(f"/v1/casualties/stats?{query}", 400)["code"] == "unknown_parameter"
    api.get("/v1/series/2013-minusma?measure=deaths", status=404)
    api.get("/v1/series/stats?measure=deaths", status=404)


def test_what_later_knowledge_calls_a_mission_is_no_label_of_then(api):
    """Names are those of the day, as in rows."""
    for as_of in ("2021-06-10", "2025-04-04"):
        names = {row["id"]: row["acronym"] for row in api.all("/v1/missions", as_of=as_of)}
        for row in api.all("/v1/series", measure="deaths", by="mission", as_of=as_of):
            mission = row["id"][5:]
            assert row["series"] == names.get(mission, row["series"])
