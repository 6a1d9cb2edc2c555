"""What changed in the graph between two dates: the story of Mali, mirrors, and a comparison made by hand of /v1/relationships."""

import calendar
import itertools
import random
import shutil

import pytest

from conftest import REACHED
from harness import ROOT, Client, Server, build
from test_changes import LATER, Text, later  # noqa: F401 (a fixture)

DIFF = "/v1/graph/diff"
STORY = {"from": "2019-01-01", "to": "2023-07-01", "focus": "mali-gov"}
NOT_CONTENT = ("id", "version", "known_from", "known_to")

# Days around what begins and ends in the dataset, and dates that are less precise, of which some lie in others.
DATES = ["0001", "1960", "1960-01-01", "2012-01-16", "2013", "2013-04-24", "2013-04-25", "2014-08", "2015-05-15", "2019-01-01", "2021", "2021-05-24",
         "2021-12-15", "2022", "2022-03-29", "2022-08-15", "2022-08-16", "2022-11", "2022-11-14", "2023", "2023-06-16", "2023-06-30", "2023-07-01",
         "2023-12-31", "2024-01-25", "2024-06", "2026-11-24", "9999-12-31"]
KNOWN = ["2010", "2013-12-31", "2022-02-17", "2022-11-14", "2022-11-22", "2023-02", "2023-06-15", "2023-06-30", "2023-07-31", "2023-12", "2024-02",
         "2026-11-23", "2026-11-24", "2030"]
PAIRS = random.Random(4).sample(list(itertools.combinations(DATES, 2)), 60)
KNOWN_PAIRS = list(itertools.combinations(KNOWN, 2))


def by_id(rows):
    result = {row["id"]: row for row in rows}
    assert len(result) == len(rows)
    return result


# ---- the story ----

@pytest.fixture(scope="module")
def story(api):
    return by_id(api.all(DIFF, STORY))


def told(rows, *names):
    return {(rows[name]["change"], rows[name]["date"]) for name in names}


def test_france_and_barkhane_are_gone(story):
    assert told(story, "barkhane-operated-in-mali") == {("ended", "2022-08-15")}
    assert told(story, "france-conducted-barkhane", "barkhane-fought-jihadists") == {("ended", "2022-11-09")}
    assert story["france-withdrew-from-mali"]["change"] == "passed"
    assert story["france-withdrew-from-mali"]["start"] == "2022-02-17" and story["france-withdrew-from-mali"]["end"] == "2022-08-15"
    gone = story["france-conducted-barkhane"]
    assert gone["before"]["type"] == "conducted" and gone["after"] is None
    assert gone["signs_before"] == ["+"] and gone["signs_after"] == []


def test_germany_the_united_kingdom_and_cote_d_ivoire_withdraw(story):
    days = {"germany": "2022-11-22", "uk": "2022-11-14", "civ": "2022-11-15"}
    for country, day in days.items():
        row = story[f"{country}-ordered-withdrawal-from-minusma"]
        assert (row["change"], row["type"], row["date"], row["sign"]) == ("began", "ordered_withdrawal_from", day, "-")
        assert row["before"] is None and row["after"]["id"] == row["id"]
        assert "-" in row["signs_after"] and "-" not in row["signs_before"]


def test_russia_and_wagner_come(api, story):
    assert told(story, "mali-junta-aligned-with-russia", "mali-junta-paid-wagner-group") == {("began", "2021")}
    assert told(story, "mali-junta-contracted-wagner-group") == {("began", "2021-12")}
    assert story["mali-junta-paid-wagner-group"]["after"]["amount"]["qualifier"] == "more_than"
    assert "wagner-group-fights-beside-mali-army" not in story  # three steps from the government: the army is no edge of it
    wider = by_id(api.all(DIFF, STORY, depth=3))
    assert told(wider, "wagner-group-fights-beside-mali-army") == {("began", "2021-12")}


def test_the_mandate_of_minusma_is_over(story):
    assert told(story, "unsc-established-minusma") == {("ended", "2023-06-30")}
    assert told(story, "unsc-terminated-mandate-of-minusma") == {("passed", "2023-06-30")}
    ended = story["unsc-terminated-mandate-of-minusma"]
    assert ended["before"] is None and ended["after"] is None
    assert (ended["signs_before"], ended["signs_after"]) == (["+"], [])


def test_each_line_of_the_story_has_its_date_and_claims(api, story):
    claims = {row["id"] for row in api.all("/v1/claims", fields="id")}
    for row in story.values():
        assert row["date"], row["id"]
        assert row["claims"] and {claim["id"] for claim in row["claims"]} <= claims, row["id"]
        assert row["sources"], row["id"]


def test_filters_of_relationships_narrow_the_story(api, story):
    def ids(**filters):
        return set(api.get(DIFF, {**STORY, **filters}, limit=1000).ids)

    for name in ("type", "sign", "status", "change"):
        for value in {row[name] for row in story.values()}:
            assert ids(**{name: value}) == {row["id"] for row in story.values() if row[name] == value}
    ends = {"from_actor": ["from_actor"], "to_actor": ["to_actor"], "actor": ["from_actor", "to_actor"]}
    for name, fields in ends.items():
        assert ids(**{name: "minusma"}) == {row["id"] for row in story.values() if "minusma" in [row[field]["id"] for field in fields]} != set()
    assert ids(claims="sputnik-barkhane-over") == {row["id"] for row in story.values() if "sputnik-barkhane-over" in [one["id"] for one in row["claims"]]}
    source = {row["id"] for row in story.values() if "seed-article" in [one["id"] for one in row["sources"]]}
    assert ids(sources="seed-article") == source != set(story)
    turned = {row["id"] for row in story.values() if "-" in row["signs_after"] and "+" in row["signs_before"]}
    assert ids(signs_before="support", signs_after="opposition") == turned >= {"germany-ordered-withdrawal-from-minusma"}


# ---- the same by hand ----

def content(row):
    return {name: value for name, value in row.items() if name not in NOT_CONTENT}


def ends(row):
    return (row["from_actor"]["id"], row["type"], row["to_actor"]["id"])


def difference(before, after, between):
    """What the graphs of two dates say: {id: (change, what differs, before, after)}. The later one is `after`."""
    went = [row for name, row in before.items() if name not in after]
    came = [row for name, row in after.items() if name not in before]
    same = [(before[name], after[name]) for name in before.keys() & after.keys()]
    for row in list(came):
        if [ends(one) for one in went].count(ends(row)) == [ends(one) for one in came].count(ends(row)) == 1:
            same.append((next(one for one in went if ends(one) == ends(row)), row))
    paired = {row["id"] for pair in same for row in pair}
    result = {row["id"]: ("ended", [], row, None) for row in went if row["id"] not in paired}
    result |= {row["id"]: ("began", [], None, row) for row in came if row["id"] not in paired}
    for then, now in same:
        differ = [name for name in content(then) if then[name] != now[name]]
        if differ:
            result[now["id"]] = ("changed", differ, then, now)
    result |= {name: ("passed", [], None, None) for name in between if name not in before and name not in after}
    return result


def signs(graph, row):
    pair = {row["from_actor"]["id"], row["to_actor"]["id"]}
    return sorted({one["sign"] for one in graph.values() if {one["from_actor"]["id"], one["to_actor"]["id"]} == pair})


def distances(edges, focus):
    """How far each actor is from one, over edges in either direction."""
    found, border = {focus: 0}, {focus}
    while border:
        step = {b for edge in edges for a, b in (edge, edge[::-1]) if a in border} - found.keys()
        found |= dict.fromkeys(step, found[next(iter(border))] + 1)
        border = step
    return found


def span(date):
    """The first and the last day of a date."""
    year, month, day = (*map(int, date.split("-")), None, None)[:3]
    last = day or calendar.monthrange(year, month or 12)[1]
    return f"{year:04}-{month or 1:02}-{day or 1:02}", f"{year:04}-{month or 12:02}-{last:02}"


def in_order(one, other):
    return (one, other) if span(one) <= span(other) else (other, one)


def assert_is(rows, expected, before, after):
    assert {name: (row["change"], row["changed"], row["before"], row["after"]) for name, row in rows.items()} == expected
    for row in rows.values():
        assert (row["signs_before"], row["signs_after"]) == (signs(before, row), signs(after, row)), row["id"]


def assert_around(client, params, rows, edges, focuses):
    for focus in focuses:
        away = distances(edges, focus)
        for depth in (1, 2, 3, 4):
            near = {name for name, far in away.items() if far < depth}
            wanted = {name: row for name, row in rows.items() if near & {row["from_actor"]["id"], row["to_actor"]["id"]}}
            assert by_id(client.all(DIFF, params, focus=focus, depth=depth, count="none")) == wanted, f"{params} around {focus}, {depth}"


def compare_worlds(client, one, other, focuses, **more):
    """Checks one pair of dates against /v1/relationships; gives the rows."""
    earlier, later_one = in_order(one, other)
    graphs = [by_id(client.all("/v1/relationships", at=date, **more)) for date in (earlier, later_one)]
    last = max(span(earlier)[1], span(later_one)[1])
    between = by_id(client.all("/v1/relationships", {"from": span(earlier)[0]}, to=last, **more))
    rows = by_id(client.all(DIFF, {"from": earlier}, to=later_one, **more))
    assert_is(rows, difference(*graphs, between), *graphs)
    edges = [ends(row)[::2] for row in between.values()]
    assert_around(client, {"from": earlier, "to": later_one, **more}, rows, edges, focuses)
    return rows


def histories(client):
    """Every version of every relationship that was ever known."""
    days = {row["known_from"] for row in client.all("/v1/relationships")}
    ids = {row["id"] for day in days | set(KNOWN) for row in client.all("/v1/relationships", as_of=day, fields="id")}
    return {name: client.get(f"/v1/relationships/{name}", history="true").json["history"] for name in sorted(ids)}


def compare_states(client, versions, one, other, focuses, at=None):
    """Checks one pair of days of knowledge against /v1/relationships; gives the rows."""
    when = {} if at is None else {"at": at}
    graphs = [by_id(client.all("/v1/relationships", when, as_of=day)) for day in (one, other)]
    first, last = span(one)[1], span(other)[1]
    between = [row for rows in versions.values() for row in rows
               if row["known_from"] <= last and (row["known_to"] is None or row["known_to"] > first)]
    if at is not None:
        meant = set()
        for day in {row["known_from"] for row in between} | {one, other}:
            meant |= {(row["id"], row["version"]) for row in client.all("/v1/relationships", at=at, as_of=day)}
        between = [row for row in between if (row["id"], row["version"]) in meant]
    rows = by_id(client.all(DIFF, when, known_from=one, known_to=other))
    assert_is(rows, difference(*graphs, {row["id"] for row in between}), *graphs)
    assert_around(client, {"known_from": one, "known_to": other, **when}, rows, [ends(row)[::2] for row in between], focuses)
    return rows


def test_the_difference_of_two_dates_is_that_of_the_relationships_at_them(api):
    changes = set()
    for number, (one, other) in enumerate(PAIRS):
        focuses = [("mali-gov", "wagner-group", "france")[number // 3 % 3]] if number % 3 == 0 else []
        changes |= {row["change"] for row in compare_worlds(api, one, other, focuses).values()}
    assert changes == {"began", "ended", "passed"}  # no two relationships of the dataset have the same ends and type


def test_the_difference_of_two_dates_as_known_on_a_day(api):
    for as_of in ("2022-08-15", "2023-06-15", "2023-12"):
        for one, other in PAIRS[::6]:
            compare_worlds(api, one, other, [], as_of=as_of)


def test_the_difference_of_two_states_of_knowledge_is_that_of_the_relationships_as_of_them(api):
    versions = histories(api)
    changes = set()
    for number, (one, other) in enumerate(KNOWN_PAIRS):
        changes |= {row["change"] for row in compare_states(api, versions, one, other, ["minusma"] if number % 9 == 0 else []).values()}
    for one, other in KNOWN_PAIRS[::8]:
        changes |= {row["change"] for row in compare_states(api, versions, one, other, [], at="2023").values()}
        compare_states(api, versions, one, other, ["minusma"], at="2024-03-01")
    assert changes == set(TURNED)


# ---- a mirror ----

TURNED = {"began": "ended", "ended": "began", "changed": "changed", "passed": "passed"}


def mirrored(row):
    return {**row, "change": TURNED[row["change"]], "before": row["after"], "after": row["before"], "signs_before": row["signs_after"],
            "signs_after": row["signs_before"]}


def assert_mirror(client, names, one, other, **more):
    there = client.all(DIFF, {names[0]: one, names[1]: other}, **more)
    back = client.all(DIFF, {names[0]: other, names[1]: one}, **more)
    assert back == [mirrored(row) for row in there]
    return there


def test_the_other_way_round_is_the_mirror(api):
    n = 0
    for number, (one, other) in enumerate(PAIRS):
        n += len(assert_mirror(api, ("from", "to"), one, other, certainty=("possible", "definite")[number % 2]))
        n += len(assert_mirror(api, ("from", "to"), one, other, focus="minusma", depth=1 + number % 4))
    for number, (one, other) in enumerate(KNOWN_PAIRS):
        n += len(assert_mirror(api, ("known_from", "known_to"), one, other))
        n += len(assert_mirror(api, ("known_from", "known_to"), one, other, focus="mali-gov", at="2023-03"))
    assert n > 2000


def test_nothing_changes_between_a_date_and_itself(api):
    for date in DATES:
        assert api.all(DIFF, {"from": date}, to=date) == []
    for day in KNOWN:
        assert api.all(DIFF, known_from=day, known_to=day) == []
    assert api.all(DIFF, {"from": "2021-06-30T12:00:00Z"}, to="2021-06-30") == []


def test_every_change_has_a_claim_or_a_source(api):
    rows = api.all(DIFF, {"from": "0001-01-01"}, to="2023-07-01") + api.all(DIFF, known_from="2010", known_to="2026")
    assert len(rows) > 100
    for row in rows:
        assert row["claims"] or row["sources"], row["id"]


# ---- what is certain ----

def test_what_certainly_changed_possibly_changed_as_well(api):
    fewer = 0
    for one, other in PAIRS:
        possible = by_id(api.all(DIFF, {"from": one}, to=other))
        definite = by_id(api.all(DIFF, {"from": one}, to=other, certainty="definite"))
        assert all(possible[name] == row for name, row in definite.items())
        fewer += len(possible) - len(definite)
        graphs = [{name: by_id(api.all("/v1/relationships", at=date, certainty=name)) for name in ("possible", "definite")}
                  for date in in_order(one, other)]
        wanted = {name for name in graphs[1]["definite"] if name not in graphs[0]["possible"]}
        wanted |= {name for name in graphs[0]["definite"] if name not in graphs[1]["possible"]}
        assert {name for name, row in definite.items() if row["change"] != "passed"} == wanted
        assert {name for name, row in definite.items() if row["change"] == "passed"} == \
            {name for name, row in possible.items() if row["change"] == "passed"}
    assert fewer > 20


# ---- permalinks ----

PERMANENT = ["from=2019-01-01&to=2023-07-01&focus=mali-gov", "from=2020&to=2026-12-31", "from=2026-12-31&to=2020&focus=mali-army&depth=4",
             "from=2020&to=2027-06&sort=-date,type&limit=5", "known_from=2023-06-15&known_to=2030", "known_from=2030&known_to=2022&at=2027-01-15",
             "known_from=2022&known_to=2026-11-24&focus=mali-army", "from=2020&to=2026&include=claims,sources,actors&limit=20"]


@pytest.mark.parametrize("query", PERMANENT)
def test_a_permalink_answers_the_same_when_more_is_known(api, later, query):  # noqa: F811
    answer = api.get(f"{DIFF}?{query}")
    for client in (api, later):
        assert client.get(answer.meta["permalink"]).body == answer.body
    assert answer.data


def test_what_became_known_later_is_a_change(later):  # noqa: F811
    rows = by_id(later.all(DIFF, known_from="2026-11-24", known_to=LATER))
    assert {name: (row["change"], row["changed"], row["date"]) for name, row in rows.items()} == {
        "wagner-group-fights-beside-mali-army": ("changed", ["end", "claims", "sources"], LATER)}
    assert by_id(later.all(DIFF, {"from": "2026-11-24"}, to="2027-01-01")).keys() == {"wagner-group-fights-beside-mali-army"}
    assert later.all(DIFF, {"from": "2026-11-24"}, to="2027-01-01", as_of="2026-11-24") == []


# ---- edges that change, in a made-up world ----

EDGES = """\
army-pays-one,1,niger-army,pays,ministry,+,2010,2012,asserted,1,1,1,exactly,1,usd
army-pays-two,1,niger-army,pays,ministry,-,2014,,disputed,2,2,2,exactly,2,usd
lantern-helps-one,1,blue-lantern,supports,ministry,+,2010,2012,asserted,,,,,,
lantern-helps-two,1,blue-lantern,supports,ministry,+,2011,2012,asserted,,,,,,
lantern-helps-three,1,blue-lantern,supports,ministry,+,2014,2019,asserted,,,,,,
ministry-pays-army,1,ministry,pays,niger-army,0,2013,2013,asserted,,,,,,
unfix-opposes-army-ever,1,unfix,opposes,niger-army,-,,,asserted,,,,,,
unfix-opposes-army-once,1,unfix,opposes,niger-army,-,,2012,asserted,,,,,,
unfix-opposes-army-then,1,unfix,opposes,niger-army,-,2014~,,asserted,,,,,,
"""
# id, version, from, type, to, sign, start, end, status: versions of what was not always known so.
KNOWN_EDGES = [("short-lived,1,niger-army,protects,unfix,+,2010,2012,asserted", "2020-01-01", "2020-06-01"),
               ("renamed-before,1,niger-army,supports,unfix,+,2010,2012,asserted", "2019-07-02", "2020-03-01"),
               ("renamed-behind,1,niger-army,supports,unfix,+,2010,2012,asserted", "2020-04-01", ""),
               ("turned-before,1,ministry,supports,unfix,+,2010,2012,asserted", "2019-07-02", "2020-03-01"),
               ("turned-behind,1,ministry,supports,unfix,-,2010,2012,asserted", "2020-04-01", ""),
               ("there-and-back,1,unfix,pays,ministry,+,2010,2012,asserted", "2019-07-02", "2020-03-01"),
               ("there-and-back,2,unfix,pays,ministry,-,2010,2012,asserted", "2020-03-01", "2020-09-01"),
               ("there-and-back,3,unfix,pays,ministry,+,2010,2012,asserted", "2020-09-01", "")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(ROOT / "tests" / "fixture", folder / "text")
    edges = Text(folder / "text" / "relationships.csv")
    empty = dict.fromkeys(edges.names, "")
    for line in EDGES.splitlines():
        edges.add(empty, **dict(zip(edges.names, line.split(","))), sources="ministry-2019", known_from="2019-07-02")
    for line, known_from, known_to in KNOWN_EDGES:
        edges.add(empty, **dict(zip(edges.names, line.split(","))), sources="ministry-2019", known_from=known_from, known_to=known_to)
    edges.write()
    server = Server(build(folder / "text", folder / "made.db"), workers=1)
    yield Client(server, REACHED)
    server.stop()


def changes(client, **params):
    return {row["id"]: (row["change"], row["changed"]) for row in client.all(DIFF, {name.strip("_"): value for name, value in params.items()})}


def test_one_edge_that_went_and_one_like_it_that_came_are_one_that_changed(made):
    row = by_id(made.all(DIFF, {"from": "2011", "to": "2015"}))["army-pays-two"]
    assert (row["change"], row["changed"]) == ("changed", ["sign", "start", "end", "status", "amount"])
    assert (row["before"]["id"], row["after"]["id"]) == ("army-pays-one", "army-pays-two")
    assert (row["signs_before"], row["signs_after"]) == (["+"], ["-"])
    assert (row["date"], row["sign"], row["status"]) == ("2014", "-", "disputed")
    assert "army-pays-one" not in changes(made, from_="2011", to="2015")
    assert changes(made, from_="2011", to="2013")["army-pays-one"] == ("ended", [])
    assert changes(made, from_="2013", to="2015")["army-pays-two"] == ("began", [])


def test_signs_are_of_both_ways_between_two_actors(made):
    row = by_id(made.all(DIFF, {"from": "2013", "to": "2015"}))["army-pays-two"]
    assert (row["signs_before"], row["signs_after"]) == (["0"], ["-"])


def test_of_several_edges_alike_none_is_said_to_have_become_another(made):
    found = {name: change for name, (change, _) in changes(made, from_="2011", to="2015").items() if name.startswith("lantern")}
    assert found == {"lantern-helps-one": "ended", "lantern-helps-two": "ended", "lantern-helps-three": "began"}
    found = {name: change for name, (change, _) in changes(made, from_="2010", to="2015").items() if name.startswith("lantern")}
    assert found == {"lantern-helps-two": "passed", "lantern-helps-three": "changed"}


def test_an_edge_that_is_in_neither_graph_came_and_went(made):
    assert changes(made, from_="2012-06", to="2014")["ministry-pays-army"] == ("passed", [])
    assert "ministry-pays-army" not in changes(made, from_="2012-06", to="2013-12-31", certainty="definite")


def test_what_has_no_known_start_never_begins_and_what_has_no_end_never_ends(made):
    for one, other in (("0001-01-01", "9999-12-31"), ("0001", "2015"), ("2015", "9999"), ("1900-01-01", "2012-12-31"), ("2012-12-31", "2013-01-01")):
        assert "unfix-opposes-army-ever" not in changes(made, from_=one, to=other)
        assert "unfix-opposes-army-ever" not in changes(made, from_=one, to=other, certainty="definite")
    row = by_id(made.all(DIFF, {"from": "0001-01-01"}, to="2013"))["unfix-opposes-army-once"]
    assert (row["change"], row["date"], row["start"]) == ("ended", "2012", None)
    # Whether it held then is not known: it is not said to have certainly ended.
    assert "unfix-opposes-army-once" not in changes(made, from_="0001-01-01", to="2013", certainty="definite")
    assert changes(made, from_="2012-12-31", to="9999-12-31")["unfix-opposes-army-then"] == ("changed", ["start", "end"])


def test_the_date_is_when_an_edge_came_or_went(api, made):
    def date(client, one, other, name):
        row = by_id(client.all(DIFF, {"from": one}, to=other))[name]
        return row["change"], row["date"]

    assert date(made, "2013", "2015", "lantern-helps-three") == ("began", "2014")
    assert date(made, "2015", "2022", "lantern-helps-three") == ("ended", "2019")
    assert date(made, "2022", "2015", "lantern-helps-three") == ("began", "2019")
    # Where one date lies in the other, the year has what the day has no more, or not yet.
    assert date(api, "2022", "2022-08-16", "barkhane-operated-in-mali") == ("ended", "2022-08-15")
    assert date(api, "2022", "2022-08-16", "uk-ordered-withdrawal-from-minusma") == ("ended", "2022-11-14")
    assert date(api, "2022-08-16", "2022", "uk-ordered-withdrawal-from-minusma") == ("began", "2022-11-14")


def test_what_came_to_be_known_and_was_withdrawn(made):
    found = changes(made, known_from="2019-12-31", known_to="2021")
    assert found["short-lived"] == ("passed", [])
    assert found["turned-behind"] == ("changed", ["sign"]) and "turned-before" not in found
    assert "renamed-behind" not in found and "renamed-before" not in found  # under another id, it says the same
    assert "there-and-back" not in found  # what was changed and changed back is the same
    assert changes(made, known_from="2019-12-31", known_to="2020-05-01")["there-and-back"] == ("changed", ["sign"])
    assert changes(made, known_from="2019-12-31", known_to="2020-02-01")["short-lived"] == ("began", [])
    assert changes(made, known_from="2020-02-01", known_to="2020-03-15")["turned-before"] == ("ended", [])
    row = by_id(made.all(DIFF, known_from="2020-02-01", known_to="2020-03-15"))["turned-before"]
    assert (row["date"], row["before"]["id"], row["after"]) == ("2020-03-01", "turned-before", None)


def test_the_made_up_world_by_hand_and_in_the_mirror(made):
    dates = ["0001-01-01", "1999", "2010", "2010-06-01", "2011", "2012", "2012-12-31", "2013", "2014", "2014-07", "2015", "2019", "2021-01-01", "9999-12-31"]
    seen = set()
    for one, other in itertools.combinations(dates, 2):
        seen |= {row["change"] for row in compare_worlds(made, one, other, ["unfix"] if one == "2011" else []).values()}
        assert_mirror(made, ("from", "to"), one, other)
        assert_mirror(made, ("from", "to"), one, other, certainty="definite")
    assert seen == set(TURNED)
    versions = histories(made)
    days = ["2019-07-01", "2019-12-31", "2020-02-01", "2020-03-15", "2020-05-01", "2020-08-01", "2021-01-01"]
    for one, other in itertools.combinations(days, 2):
        compare_states(made, versions, one, other, ["unfix"] if one == "2020-02-01" else [])
        assert_mirror(made, ("known_from", "known_to"), one, other)
        assert_mirror(made, ("known_from", "known_to"), one, other, at="2010-06", certainty="definite")


# ---- what is refused ----

@pytest.mark.parametrize("query, param", [
    ("", "from"), ("from=2019", "to"), ("to=2019", "from"), ("known_from=2019", "known_from"), ("known_to=2019", "known_to"),
    ("from=2019&to=2020&known_from=2019&known_to=2020", "from"), ("from=2019&known_to=2020", "known_to"), ("from=2019&to=2020&at=2019", "at"),
    ("from=2019&to=2020&depth=2", "depth"), ("from=2019&to=2020&focus=nobody-at-all", "focus"), ("from=2023-02-30&to=2020", "from"),
    ("from=2019&to=soon", "to"), ("from=2019&from=2020&to=2021", "from"), ("from=2019&to=2020&focus=mali-gov&depth=5", "depth"),
    ("from=2019&to=2020&during=2019", "during"), ("from=2019&to=2020&history=true", "history"), ("from=2019&to=2020&sort=before", "sort"),
    ("from=2019&to=2020&change=grew", "change"), ("from=&to=2020", "from"), ("from=2019&to=2020&since=2019", "since")])
def test_what_does_not_fit_is_refused_by_name(api, query, param):
    problem = api.problem(f"{DIFF}?{query}", 400)
    assert problem["param"] == param and param in problem["detail"]


def test_pages_and_orders(api):
    params = {"from": "2019-01-01", "to": "2023-07-01"}
    whole = api.all(DIFF, params)
    assert [row["id"] for row in whole] == sorted(row["id"] for row in whole)
    assert list(api.walk(DIFF, params, limit=7)) == whole
    assert api.get(DIFF, params, limit=1).meta["total"] == len(whole)
    for key in ("date", "type", "from_actor", "to_actor", "change"):
        for sign in ("", "-"):
            rows = list(api.walk(DIFF, params, limit=7, sort=sign + key))
            assert by_id(rows) == by_id(whole)
            if key in ("type", "change"):
                assert [row[key] for row in rows] == sorted((row[key] for row in rows), reverse=sign == "-")
    api.problem(f"{DIFF}/{whole[0]['id']}", 404, params)
