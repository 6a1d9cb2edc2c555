"""What came to be known since: changes, histories, permalinks that hold, digests of bodies, the codebook."""

import base64
import csv
import hashlib
import json
import random
import shutil
import sqlite3
from urllib.parse import parse_qsl

import pytest

from harness import ROOT, SHARED, Client, Server, build, run, seal

LATER = "2027-03-01"  # the release of the second dataset
CLOCKED = ["missions", "claims", "casualties", "strengths", "actors", "relationships", "events", "sources"]
UNCLOCKED = ["facts", "disagreements", "reconcile", "coverage", "places", "releases", "changes", "meta/fields", "meta/codes", "meta/definitions", "meta/series"]


# ---- a dataset that knows more ----

class Text:
    """One CSV file of a dataset's text, to be added to."""

    def __init__(self, file):
        self.file = file
        with open(file, newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            self.names = reader.fieldnames
            self.rows = list(reader)

    def one(self, **wanted):
        return next(row for row in self.rows if all(row[name] == value for name, value in wanted.items()))

    def add(self, like, **values):
        self.rows.append({**like, **values})

    def revise(self, row, **values):
        """Closes a row and opens the next version."""
        self.add(row, **values, version=str(int(row["version"]) + 1), known_from=LATER, known_to="")
        row["known_to"] = LATER

    def order(self, row):
        return (row.get("fact", ""), row["id"], int(row.get("version") or 0))

    def write(self):
        with open(self.file, "w", newline="", encoding="utf-8") as lines:
            writer = csv.DictWriter(lines, self.names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(sorted(self.rows, key=self.order))


def learn(folder):
    """Adds to the text that we ship what might become known later, in every collection that has a clock."""
    releases = Text(folder / "releases.csv")
    releases.add(releases.rows[-1], id=LATER, date=LATER, title="A later state", changes="Made up for a test.")
    releases.write()
    sources = Text(folder / "sources-missions.csv")
    sources.add(sources.one(id="un-fatalities-2025-04-04"), id="later-report", title="A later report", known_from=LATER, known_to="",
                derived_from="", published=LATER, url="", citation="")
    sources.write()

    cells = Text(folder / "casualties-un.csv")
    known = [row for row in cells.rows if row["known_to"] == "" and row["best"] != ""]
    for row in known[::9]:
        more = str(int(row["best"]) + 1)
        cells.revise(row, low=more, best=more, high=more, text=more, source="later-report")
    for row in known[4::90]:
        row["known_to"] = LATER  # no longer said
    for number, row in enumerate(known[5::90]):
        cells.add(row, id=f"a-later-cell-{number}", version="1", source="later-report", known_from=LATER, known_to="")
    for row in known[6::90]:
        cells.revise(row, source="later-report")  # the same, from another document: no revision
    cells.write()

    claims = Text(folder / "claims-mali.csv")
    moura = claims.one(id="hrw-300-men-killed")
    claims.rows.append({**moura, "id": "a-later-count-killed", "low": "600", "best": "600", "high": "600", "qualifier": "exactly",
                           "text": "600", "reported_by": "later-report", "known_from": LATER, "known_to": "", "status": "normal",
                           "locator_unit": "", "locator_start": "", "locator_end": "", "quote": ""})
    old = next(row for row in claims.rows if row["status"] == "normal" and row["known_to"] == "" and row["low"] and row is not moura)
    claims.add(old, id="a-later-correction", low=str(int(old["low"]) + 1), best="",
               high="", qualifier="at_least", text="at least one more", reported_by="later-report", known_from=LATER, known_to="")
    old.update(status="superseded", superseded_by="a-later-correction", known_to=LATER)
    gone = next(row for row in claims.rows if row["status"] == "normal" and row["known_to"] == "" and row["fact"] != old["fact"]
                and row is not moura and row["known_from"] < LATER)
    gone.update(status="withdrawn", known_to=LATER)
    claims.write()

    missions = Text(folder / "missions.csv")
    missions.revise(missions.one(id="unifil", known_to=""), acronym="UNIFIL-II", status="ended", end="2027-01-31", sources="later-report")
    missions.write()
    edges = Text(folder / "relationships.csv")
    edges.revise(edges.one(id="wagner-group-fights-beside-mali-army", known_to=""), end="2026-12", sources="later-report", claims="")
    edges.write()
    actors = Text(folder / "actors.csv")
    actors.add(actors.rows[0], id="a-later-group", name="A later group", type="armed_group", iso3="", ucdp_id="", part_of="", aliases="",
               former_ids="", note="", sources="later-report", known_from=LATER, known_to="")
    actors.write()
    events = Text(folder / "events.csv")
    events.add(events.rows[0], id="a-later-event", name="A later event", date="2027-02", end="", text="", claims="", note="",
               actors="a-later-group; mali-army", sources="later-report", known_from=LATER, known_to="")
    events.write()
    return [row["id"] for row in known[::9]], gone["id"], old["id"]


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    folder = tmp_path_factory.mktemp("later")
    shutil.copytree(ROOT / "db" / "dataset", folder / "text")
    revised, gone, superseded = learn(folder / "text")
    server = Server(build(folder / "text", folder / "later.db"))
    client = Client(server)
    client.revised, client.gone, client.superseded = revised, gone, superseded
    yield client
    server.stop()


# ---- permalinks ----

def ways(client, name, rows):
    """Targets of many kinds for one collection."""
    path = f"/v1/{name}"
    since = "since=2021-06-10&" if name == "changes" else ""
    yield f"{path}?{since}limit=20"
    yield f"{path}?{since}limit=3&offset=2&pretty=1"
    yield f"{path}?{since}count=none&limit=10000" if name != "casualties" else f"{path}?limit=3000"
    parameters = [client.document.resolve(one) for one in client.document.document["paths"][path]["get"]["parameters"]]
    names = {one["name"]: one for one in parameters}
    for key in names["sort"]["schema"]["pattern"].split("(")[1].split(")")[0].split("|"):
        yield f"{path}?{since}sort={key}&limit=7&fields=id,{key}"
        yield f"{path}?{since}sort=-{key}&limit=40"
    if "include" in names:
        for what in names["include"]["schema"]["items"]["enum"]:
            yield f"{path}?{since}include={what}&limit=10"
    if "at" in names:
        yield f"{path}?{since}at=2022-01-01&limit=50"
        yield f"{path}?{since}during=2019..2023&certainty=definite&limit=50"
    if "changed_since" in names:
        yield f"{path}?changed_since=2023-11-28&limit=50"
    for row in rows[:40:3]:
        yield f"{path}/{row['id']}" + (f"?{since}".rstrip("&") if since else "")
        if "changed_since" in names:
            yield f"{path}/{row['id']}?history=true"


EXTRA = [
    "/v1/missions/unifil", "/v1/missions/unifil?history=true", "/v1/missions?place=lebanon", "/v1/missions/unifil/casualties?limit=400",
    "/v1/missions/unifil/facts", "/v1/missions/unifil/relationships", "/v1/missions/minusma/events?include=actors",
    "/v1/actors/unifil", "/v1/actors/mali-army/relationships?include=claims,sources", "/v1/actors/mali-army/events", "/v1/places/mli/missions",
    "/v1/casualties?mission=unifil&sort=-deaths", "/v1/casualties?mission=UNIFIL&deaths__gte=3", "/v1/relationships?at=2026-12-15&actor=mali-army",
    "/v1/claims?subject=minusma&predicate=deaths", "/v1/claims?status=superseded", "/v1/claims?status=normal&limit=500",
    "/v1/claims?fact=moura-killed", "/v1/facts/moura-killed", "/v1/casualties/stats?mission=unifil&group_by=cause",
    "/v1/casualties/stats?group_by=mission,year(date)&limit=20", "/v1/changes?since=2023-11-28&until=2025-04-04&limit=1000",
    "/v1/search?q=minusma&limit=1000", "/v1/search?q=a*&limit=1000", "/v1/search?q=un&suggest=1&limit=1000",
    "/v1/missions?q=mali", "/v1/actors?q=wagner", "/v1/claims?q=wagner&limit=500", "/v1/facts?q=mali", "/v1/casualties?q=unifil&limit=3000",
    "/v1/events?q=mali", "/v1/relationships?q=wagner", "/v1/sources?q=mali&limit=500", "/v1/casualties/stats?q=unifil&group_by=cause",
    "/v1/changes?since=2021-06-10&series=un-fatalities&change=withdrawn", "/v1/meta/codes/cause", "/v1/meta/fields?collection=claims",
    "/v1/timeline?mission=unifil&undated=included", "/v1/timeline?actor=unifil&include=actors,claims,sources", "/v1/timeline?actor=mali-army&limit=500",
    "/v1/timeline?actor=wagner-group", "/v1/timeline?actor=mali-gov&sort=-date", "/v1/timeline?mission=minusma&limit=500&from=2022&to=2023",
    "/v1/annotations?kind=all&limit=500", "/v1/annotations?kind=all&mission=unifil", "/v1/annotations?kind=mission&place=lebanon", "/v1/annotations?actor=mali-army",
    "/v1/series?measure=deaths&mission=unifil", "/v1/series?measure=deaths&by=mission", "/v1/series?measure=deaths&by=cause&mission=unifil&fill=zero",
    "/v1/series?measure=deaths&mission=minusma&resolve=all", "/v1/series?measure=deaths&by=personnel_type&limit=30",
]


def targets(client, as_of):
    """All of them as known now; of a day of the past, and of what is worked out anew for each answer, some."""
    for name in CLOCKED + UNCLOCKED:
        rows = client.get(f"/v1/{name}", [("limit", 40)] + ([("since", "2021-06-10")] if name == "changes" else [])).data
        step = 5 if name in ("disagreements", "reconcile", "coverage") else 1
        yield from list(ways(client, name, rows))[::step * (3 if as_of else 1)]
    yield from EXTRA
    for rule in ("preferred", "official", "latest", "min", "max", "all", "source:un-fatalities-2025-04-04"):
        yield f"/v1/facts?resolve={rule}&limit=1000"
        yield f"/v1/facts?resolve={rule}&subject=minusma&include=claims,sources"


@pytest.mark.parametrize("as_of", [None, "2025-04-04", "2023-12-31", "2021-06-10", "2019-01-01"])
def test_a_permalink_gives_the_same_bytes_when_more_is_known(api, later, as_of):
    n = 0
    for where in targets(api, as_of):
        if as_of:
            where += ("&" if "?" in where else "?") + f"as_of={as_of}"
        answer = api.raw(where)
        if answer.status != 200:
            # Not known yet, or no longer: that stays so as well, but for the id of the request.
            assert as_of and answer.status in (400, 404, 410), (where, answer.body)
            if answer.status != 400:
                other = later.raw(where)
                assert other.status == answer.status and other.json["detail"] == answer.json["detail"], where
            continue
        link = answer.meta["permalink"]
        assert dict(parse_qsl(link.partition("?")[2]))["as_of"] == answer.meta["as_of"]
        assert link in answer.meta["citation"]
        assert api.raw(link).body == answer.body, f"{where} is not what its permalink {link} gives"
        assert later.raw(link).body == answer.body, f"{link} changes when more is known"
        n += 1
    assert n > (40 if as_of else 400), n


def test_the_later_dataset_does_know_more(api, later):
    """Or the test above would prove nothing."""
    for where in ["/v1/missions/unifil", "/v1/actors/unifil", "/v1/missions/unifil/casualties", "/v1/claims?fact=moura-killed", "/v1/facts/moura-killed",
                  "/v1/relationships/wagner-group-fights-beside-mali-army", "/v1/events", "/v1/actors", "/v1/sources?limit=300", "/v1/releases"]:
        assert api.get(where).data != later.get(where).data, where
    unifil = later.get("/v1/casualties", mission="unifil", limit=1).data[0]
    assert unifil["mission"]["name"] == "UNIFIL-II"
    assert later.get("/v1/casualties", mission="unifil", limit=1, as_of="2026-11-24").data[0]["mission"]["name"] == "UNIFIL"


def test_a_cursor_lives_as_long_as_its_day_of_knowledge(api, later):
    page = api.get("/v1/casualties?limit=5").json
    assert "as_of=2026-11-24" in page["next_url"]
    assert api.raw(page["next_url"]).body == later.raw(page["next_url"]).body
    assert later.problem("/v1/casualties", 410, limit=5, cursor=page["next"])["code"] == "stale_cursor"
    assert later.problem("/v1/casualties", 400, limit=5, cursor=page["next"], as_of="2025-04-04")["param"] == "cursor"
    assert api.get("/v1/casualties", limit=5, cursor=page["next"]).data == api.get(page["next_url"]).data
    second = api.get(page["next_url"])
    assert api.raw(second.meta["permalink"]).body == second.body


def test_before_the_first_release_none_is_named(api):
    meta = api.get("/v1/missions", as_of="2019-01-01").meta
    assert meta["release"] is None and "before its first release" in meta["citation"]
    assert api.get("/v1/missions", as_of="2021-06-10").meta["release"] == "2021-06-10"
    assert api.get("/v1/missions", as_of="2025-04-03").meta["release"] == "2023-11-28"


def test_the_future_is_what_is_known_now(api):
    now, future = api.get("/v1/missions"), api.get("/v1/missions", as_of="2099")
    assert now.body == future.body and now.meta["as_of"] == "2026-11-24"
    assert "immutable" not in future.headers["Cache-Control"]


# ---- changes ----

def known(row_versions, day):
    """The version that was known on a day; None: none was."""
    return next((row for row in row_versions if row["known_from"] <= day and (row["known_to"] is None or row["known_to"] > day)), None)


def content(row):
    row = {name: value for name, value in row.items() if name not in ("version", "known_from", "known_to", "source")}
    return {name: json.dumps(value) for name, value in row.items()}


def expected_changes(client, name, since, until):
    """What /v1/changes must say of a collection, from the histories of its rows alone."""
    ids = {row["id"] for day in (since, until) for row in client.all(f"/v1/{name}", as_of=day, fields="id")}
    result = {}
    for row_id in ids:
        versions = client.get(f"/v1/{name}/{row_id}", history="true", as_of=until, check=False).json["history"]
        before = known([{**row, "known_to": row["known_to"] if row["known_to"] and row["known_to"] <= since else None} for row in versions
                        if row["known_from"] <= since][-1:], since)
        after = known(versions, until)
        if before and after and content(before) != content(after):
            then, now = content(before), content(after)
            result[row_id] = ("revised", [field for field in then if then[field] != now[field]], after["known_from"])
        elif before and not after:
            result[row_id] = ("withdrawn", [], versions[-1]["known_to"])
        elif after and not before:
            result[row_id] = ("added", [], after["known_from"])
    return result


@pytest.mark.parametrize("name", CLOCKED)
@pytest.mark.parametrize("since, until", [("2023-11-28", "2025-04-04"), ("2021-06-10", "2026-11-24"), ("2022-04-04", "2023-12-31")])
def test_changes_are_what_the_histories_tell(api, name, since, until):
    rows = api.all("/v1/changes", since=since, until=until, collection=name, fields="row,change,changed,on")
    given = {row["row"]: (row["change"], row["changed"], row["on"]) for row in rows}
    assert len(given) == len(rows)
    if name == "casualties":  # three thousand histories are enough for one of three spans
        given = {row: what for row, what in given.items() if row.startswith("min") or row.startswith("unf")}
        expected = {row: what for row, what in expected_of(api, since, until).items()}
    else:
        expected = expected_changes(api, name, since, until)
    assert given == expected


def expected_of(api, since, until):
    class Some:
        """The casualties of missions whose names begin so."""
        def all(self, where, **more):
            return [row for row in api.all(where, **more) if row["id"].startswith("min") or row["id"].startswith("unf")]
        get = staticmethod(api.get)
    return expected_changes(Some(), "casualties", since, until)


def test_before_and_after_are_the_rows_as_their_collection_gives_them(api):
    rows = api.get("/v1/changes", since="2021-06-10", until="2025-04-04", limit=2000).data
    random.Random(7).shuffle(rows)
    for row in rows[:150]:
        for side, day in (("before", "2021-06-10"), ("after", "2025-04-04")):
            if row[side] is None:
                assert api.raw(f"/v1/{row['collection']}/{row['row']}?as_of={day}").status in (404, 410)
            else:
                assert row[side] == api.get(f"/v1/{row['collection']}/{row['row']}", as_of=day, check=False).data
    assert {row["change"] for row in rows} == {"added", "revised", "withdrawn"}


def test_a_later_dataset_lists_what_it_learned_and_nothing_else(later):
    rows = later.all("/v1/changes", since="2026-11-24")
    by = {}
    for row in rows:
        by.setdefault((row["collection"], row["change"]), []).append(row)
    assert {row["row"] for row in by["casualties", "revised"]} == set(later.revised)
    assert all("deaths" in row["changed"] and "source" not in row["changed"] for row in by["casualties", "revised"])
    assert all(row["changed"] == ["deaths"] for row in by["casualties", "revised"])
    assert {row["row"] for row in by["claims", "withdrawn"]} == {later.gone, later.superseded}
    assert {row["row"] for row in by["claims", "added"]} == {"a-later-count-killed", "a-later-correction"}
    assert [row["changed"] for row in by["missions", "revised"]] == [["acronym", "status", "end", "sources"]]
    assert [row["changed"] for row in by["actors", "revised"]] == [["name", "sources"]]
    assert {row["row"] for row in by["sources", "added"]} == {"later-report"}
    assert all(row["on"] == LATER for row in rows)
    assert all(row["change"] != "revised" or row["before"] != row["after"] for row in rows)


def test_a_row_that_was_changed_and_changed_back_is_not_listed(tmp_path):
    text = tmp_path / "text"
    shutil.copytree(ROOT / "tests" / "fixture", text)
    cells = Text(text / "casualties.csv")
    first = cells.one(id="unfix-2019-military-illness", version="1")
    second = cells.one(id="unfix-2019-military-illness", version="2")
    second["known_to"] = "2021-06-01"
    cells.add(first, version="3", known_from="2021-06-01", known_to="")
    cells.write()
    releases = Text(text / "releases.csv")
    releases.add(releases.rows[-1], id="2021-06-01", date="2021-06-01")
    releases.write()
    server = Server(build(text, tmp_path / "back.db"))
    try:
        client = Client(server)
        ids = [row["row"] for row in client.all("/v1/changes", since="2020-01-01", collection="casualties")]
        assert "unfix-2019-military-illness" not in ids and ids
        assert [row["changed"] for row in client.all("/v1/changes", since="2021-01-01", collection="casualties")] == [["deaths"]]
        whole = client.get("/v1/casualties/unfix-2019-military-illness", history="true").json
        assert [row["deaths"]["best"] for row in whole["history"]] == [1, 3, 1]
    finally:
        server.stop()


@pytest.fixture(scope="module")
def records(tmp_path_factory, dataset):
    """A record series as an import of the UN's set makes it: of the rows of 2023, 115 get another cause in 2025 and all the source of
    the state that says so, and 79 are new. Written into a copy of the file, since records are no part of the text."""
    file = tmp_path_factory.mktemp("records") / "records.db"
    shutil.copyfile(dataset, file)
    db = sqlite3.connect(file)
    columns = [row[1] for row in db.execute("PRAGMA table_info(casualties)")]
    like = dict(zip(columns, db.execute("SELECT * FROM casualties WHERE id = 'minusca-2015-military-to-be-determined'").fetchone()))
    db.execute("INSERT OR IGNORE INTO series (id, name, kind, definition, official, rank, frequency, dimensions_json, text) SELECT"
               " 'un-fatalities-records', 'Records', 'record', definition, 1, 1, 'day', '[]', 'Made up.' FROM series WHERE id = 'un-fatalities'")
    db.execute("INSERT OR IGNORE INTO names (kind, name, id) VALUES ('series', 'un-fatalities-records', 'un-fatalities-records')")
    db.execute("INSERT OR IGNORE INTO labels (kind, id, name) VALUES ('series', 'un-fatalities-records', 'Records')")

    def put(number, version, cause, state, known_from, known_to):
        row = {**like, "id": f"un-fatalities-records-{number}", "version": version, "series": "un-fatalities-records", "kind": "record",
               "cause": cause, "source": f"un-fatalities-{state}", "known_from": known_from, "known_to": known_to}
        db.execute(f"INSERT INTO casualties ({','.join(columns)}) VALUES ({','.join('?' * len(columns))})", [row[name] for name in columns])

    for number in range(4350):
        is_revised = number % 37 == 0 and number // 37 < 115
        put(number, 1, "to_be_determined" if is_revised else "illness", "2023-11-28", "2023-11-28", "2025-04-04" if is_revised else None)
        if is_revised:
            put(number, 2, "illness", "2025-04-04", "2025-04-04", None)
    for number in range(4350, 4429):
        put(number, 1, "accident", "2025-04-04", "2025-04-04", None)
    db.executescript((ROOT / "db/derive_groups.sql").read_text(encoding="utf-8"))
    db.commit()
    db.close()
    seal(file)
    server = Server(file)
    yield Client(server)
    server.stop()


def test_115_causes_and_79_new_rows_are_listed_exactly(records):
    where = "/v1/changes?since=2023-11-28&until=2025-04-04&series=un-fatalities-records"
    rows = list(records.walk("/v1/changes", parse_qsl(where.partition("?")[2]), limit=50))
    assert len(rows) == records.get(where).meta["total"] == 194
    assert [row["changed"] for row in rows if row["change"] == "revised"] == [["cause"]] * 115
    assert [row["change"] for row in rows].count("added") == 79
    assert records.get(where + "&change=added").meta["total"] == 79
    assert records.get(where + "&change=withdrawn").meta["total"] == 0
    revised = next(row for row in rows if row["change"] == "revised")
    assert (revised["before"]["cause"], revised["after"]["cause"]) == ("to_be_determined", "illness")


@pytest.mark.skipif(not (SHARED / "un-fatalities").is_dir(), reason="the published files are not here")
def test_the_published_states_differ_by_115_causes_and_79_rows_and_the_first_stays(tmp_path):
    """Imported one after another; what was known on the day of the first state is answered from both files with the same bytes."""
    file = tmp_path / "imported.db"
    paths = ["/v1/casualties?limit=50&as_of=2023-11-28", "/v1/casualties/stats?group_by=cause&as_of=2023-11-28",
             "/v1/changes?since=2021-06-10&until=2023-11-28", "/v1/releases?as_of=2023-11-28", "/v1/meta/series?as_of=2023-11-28"]
    bodies = []
    for day in ("2023-11-28", "2025-04-04"):
        done = run("import", "un-fatalities", SHARED / "un-fatalities" / f"DPPADPOSS-FATALITIES_{day}.csv", "--into", file, "--known-from", day)
        assert done.returncode == 0, done.stderr
        server = Server(file)
        try:
            client = Client(server)
            bodies.append([client.get(path).body for path in paths])
            if day == "2025-04-04":
                rows = client.get("/v1/changes?since=2023-11-28&until=2025-04-04&series=un-fatalities-records&limit=1000").data
                assert len(rows) == 194
                assert [row["changed"] for row in rows if row["change"] == "revised"] == [["cause"]] * 115
        finally:
            server.stop()
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("params, param", [
    ("", "since"), ("since=yesterday", "since"), ("since=2023-02-30", "since"), ("since=2023&until=2021", "until"),
    ("since=2021&until=2024&as_of=2023", "until"), ("since=2021&collection=places", "collection"), ("since=2021&collection=deaths", "collection"),
    ("since=2021&change=altered", "change"), ("since=2021&since=2022", "since"), ("since=2021&mission=nowhere", "mission"),
    ("since=2021&history=true", "history"), ("since=2021&changed_since=2021", "changed_since")])
def test_what_changes_does_not_take_is_named(api, params, param):
    problem = api.problem(f"/v1/changes?{params}".rstrip("?"), 400)
    assert problem["param"] == param
    if param == "since" and params.count("since") < 2:
        assert problem["allowed"] == api.get("/v1/releases?sort=id").ids


def test_until_a_day_to_come_has_links_that_hold(api):
    page = api.get("/v1/changes?since=2021-06-10&until=2099&limit=2&collection=casualties")
    assert page.json["next_url"] and "until" not in page.json["next_url"] + page.json["meta"]["permalink"]
    assert api.get(page.json["meta"]["permalink"]).json == page.json
    rest = api.get(page.json["next_url"]).json
    again = api.get(f"/v1/changes?since=2021-06-10&until=2099&limit=2&collection=casualties&cursor={page.json['next']}").json
    assert again["data"] == rest["data"]


def test_since_and_until_take_dates_as_as_of_does(api):
    def total(**params):
        return api.get("/v1/changes", params, limit=1).meta["total"]

    assert total(since="2023-11") == total(since="2023-11-30") == total(since="2023-11-30T12:00:00Z") == total(since="1701302400")
    assert total(since="2021-06-10", until="2023") == total(since="2021-06-10", as_of="2023-12-31") > 0
    assert total(since="2026-11-24") == total(since="2030") == 0


# ---- rows that changed, and their histories ----

@pytest.mark.parametrize("name", CLOCKED)
def test_changed_since_gives_the_rows_that_are_newer(api, name):
    rows = api.all(f"/v1/{name}")
    newer = api.all(f"/v1/{name}", changed_since="2021-06-10")
    assert newer == [row for row in rows if row["known_from"] > "2021-06-10"]
    assert api.all(f"/v1/{name}", changed_since="2021-06") == api.all(f"/v1/{name}", changed_since="2021-06-30")
    assert api.all(f"/v1/{name}", changed_since="2026-11-24") == []
    then = api.all(f"/v1/{name}", changed_since="2021-06-10", as_of="2023-11-28")
    assert then == [row for row in api.all(f"/v1/{name}", as_of="2023-11-28") if row["known_from"] > "2021-06-10"]


def test_who_has_the_rows_of_then_gets_those_of_now(api):
    """Rows as of a day, with what changed_since gives put over them and what changes withdraws taken away, are the rows of today."""
    held = {row["id"]: row for row in api.all("/v1/casualties", as_of="2021-06-10")}
    held |= {row["id"]: row for row in api.all("/v1/casualties", changed_since="2021-06-10")}
    for row in api.all("/v1/changes", since="2021-06-10", change="withdrawn", collection="casualties"):
        del held[row["row"]]
    assert held == {row["id"]: row for row in api.all("/v1/casualties")}


@pytest.mark.parametrize("name", UNCLOCKED)
def test_without_a_clock_nothing_has_changed_since(api, name):
    since = {"since": "2021"} if name == "changes" else {}
    problem = api.problem(f"/v1/{name}", 400, since, changed_since="2021-06-10")
    assert problem["param"] == "changed_since" and "not dated" in problem["detail"]


@pytest.mark.parametrize("name", CLOCKED)
def test_a_history_holds_every_version_oldest_first(api, name, dataset):
    with sqlite3.connect(dataset) as db:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({name})")]
        version = "version" if "version" in columns else "1"
        ids = [row[0] for row in db.execute(f"SELECT id FROM {name} GROUP BY id ORDER BY count(*) DESC, total(known_to IS NOT NULL) DESC, id LIMIT 25")]
        for row_id in ids:
            right = db.execute(f"SELECT {version}, known_from, known_to FROM {name} WHERE id = ? ORDER BY known_from", [row_id]).fetchall()
            body = api.get(f"/v1/{name}/{row_id}", history="true").json
            assert [(row.get("version", 1), row["known_from"], row["known_to"]) for row in body["history"]] == right
            last = body["history"][-1]
            if last["known_to"] is None:
                assert body["data"] == last == api.get(f"/v1/{name}/{row_id}").data and body["withdrawn"] is None
            else:
                assert body["data"] is None and body["withdrawn"] == last["known_to"]
                assert api.problem(f"/v1/{name}/{row_id}", 410)["code"] == "withdrawn"


def test_a_history_knows_nothing_of_what_came_later(api):
    body = api.get("/v1/missions/minusma?history=true&as_of=2020").json
    assert len(body["history"]) == 1 and body["data"]["known_to"] is None
    assert api.problem("/v1/missions/minusma?history=true&as_of=2010", 404)["detail"].startswith("'minusma' was not known")
    assert api.problem("/v1/missions/no-such?history=true", 404)["code"] == "unknown_id"
    assert api.raw("/v1/missions/MINUSMA?history=true").headers["Location"] == "/v1/missions/minusma?history=true"


def test_a_history_includes_what_all_its_versions_name(api):
    body = api.get("/v1/missions/minusma?history=true&include=sources").json
    named = {source["id"] for row in body["history"] for source in row["sources"]}
    assert {row["id"] for row in body["included"]["sources"]} == named


@pytest.mark.parametrize("name", UNCLOCKED)
def test_without_a_clock_there_is_no_history(api, name):
    problem = api.problem(f"/v1/{name}/x" + ("?since=2021&history=true" if name == "changes" else "?history=true"), 400)
    assert problem["param"] == "history"


@pytest.mark.parametrize("name", CLOCKED)
def test_a_history_is_asked_of_one_row(api, name):
    assert "asked of one row" in api.problem(f"/v1/{name}", 400, history="true")["detail"]


# ---- the codebook ----

def test_every_field_of_every_row_is_in_the_codebook(api):
    fields = api.all("/v1/meta/fields")
    assert len({row["id"] for row in fields}) == len(fields)
    for name in CLOCKED + UNCLOCKED:
        here = {row["field"]: row for row in fields if row["collection"] == name}
        shown = api.document.schemas[f"/v1/{name}"]["properties"]["data"]["items"]["properties"]
        assert [field for field, row in here.items() if row["shown"]] == list(shown), name
        filters = {one["name"] for one in map(api.document.resolve, api.document.document["paths"][f"/v1/{name}"]["get"]["parameters"])}
        for field, row in here.items():
            for operator in row["operators"]:
                assert (field if operator == "eq" else f"{field}__{operator}") in filters
            if row["codes"]:
                assert api.get(f"/v1/meta/codes/{row['codes']}", limit=1).meta["total"] > 0
            if row["refers_to"]:
                assert row["refers_to"] in CLOCKED + UNCLOCKED
            if row["shown"]:
                assert row["text"] in shown[field]["description"]
                assert row["unit"] is None or row["type"] in ("integer", "real", "number")
    assert api.get("/v1/meta/fields", collection="casualties", sortable="true", fields="sortable").data
    assert {row["collection"] for row in api.all("/v1/meta/fields", codes="cause")} == {"casualties"}


def test_the_codebook_has_every_code(api, dataset):
    lists = api.all("/v1/meta/codes")
    with sqlite3.connect(dataset) as db:
        right = dict(db.execute("SELECT list, count(*) FROM codes GROUP BY list"))
        assert {row["id"]: row["size"] for row in lists} == right
        for name in right:
            rows = api.all(f"/v1/meta/codes/{name}")
            assert [(row["id"], row["name"], row["text"], row["inverse"]) for row in rows] == db.execute(
                "SELECT id, name, text, inverse FROM codes WHERE list = ? ORDER BY position", [name]).fetchall()
    problem = api.problem("/v1/meta/codes/causes", 404)
    assert problem["did_you_mean"] == "cause"
    assert api.raw("/v1/meta/codes/CAUSE").headers["Location"] == "/v1/meta/codes/cause"
    assert api.get("/v1/meta/codes/cause?name=illness").ids == ["illness"]
    assert api.problem("/v1/meta/codes/cause?list=flag", 400)["param"] == "list"


def test_definitions_and_series_lead_to_one_another(api):
    series = {row["id"]: row for row in api.all("/v1/meta/series")}
    definitions = {row["id"]: row for row in api.all("/v1/meta/definitions")}
    for row in definitions.values():
        assert {one["id"] for one in row["series"]} == {one["id"] for one in series.values() if one["definition"]["id"] == row["id"]}
        assert {one["id"] for one in row["adds_with"]} <= set(definitions)
    for row in series.values():
        for other in row["overlaps"]:
            assert row["id"] in {one["id"] for one in series[other["id"]]["overlaps"]}
    assert series["un-fatalities"]["states"] == ["2021-06-10", "2023-11-28", "2025-04-04"]
    assert api.get("/v1/meta/series/un-fatalities", as_of="2023-12-31").data["states"] == ["2021-06-10", "2023-11-28"]
    assert {row["official"] for row in api.all("/v1/meta/series", official="true")} == {True}
    assert {row["official"] for row in api.all("/v1/meta/series", official__not="true")} == {False}
    assert api.problem("/v1/meta/series?official=1", 400)["param"] == "official"


@pytest.mark.parametrize("where, like", [("/v1/meta/code", "meta/codes"), ("/v1/meta/serie/x", "meta/series"), ("/v1/metas/codes", None), ("/v1/meta", None)])
def test_a_path_of_two_words_is_found_whole(api, where, like):
    problem = api.problem(where, 404)
    assert problem.get("did_you_mean") == like
    assert api.raw("/v1/meta%2Fcodes").status == 404
    assert api.raw("/v1/meta/codes/").headers["Location"] == "/v1/meta/codes"


# ---- Content-Digest ----

def digest_of(body):
    return "sha-256=:" + base64.b64encode(hashlib.sha256(body).digest()).decode() + ":"


@pytest.mark.parametrize("where", ["/v1/", "/openapi.json", "/healthz", "/readyz", "/v1/missions", "/v1/missions?pretty=1", "/v1/missions/minusma",
                                   "/v1/casualties?limit=3000", "/v1/casualties/stats?group_by=mission", "/v1/changes?since=2021",
                                   "/v1/missions/MINUSMA", "/v1/missions/nobody", "/v1/missions?nothing=1", "/nowhere"])
def test_a_body_comes_with_its_digest(api, where):
    answer = api.raw(where)
    assert answer.body and answer.headers["Content-Digest"] == digest_of(answer.body)
    assert "Content-Digest" in answer.headers["Access-Control-Expose-Headers"]
    if answer.status == 200:
        assert api.raw(where, method="HEAD").headers["Content-Digest"] == answer.headers["Content-Digest"]


def test_without_a_body_there_is_no_digest(api):
    tag = api.get("/v1/missions").headers["ETag"]
    assert api.raw("/v1/missions", headers={"If-None-Match": tag}).headers["Content-Digest"] is None
    assert api.raw("/v1/missions", headers={"If-None-Match": "*"}).headers["Content-Digest"] is None
    assert api.raw("/v1/missions", method="OPTIONS").headers["Content-Digest"] is None


def test_a_refusal_of_the_edge_has_a_digest_as_well(api):
    answer = api.server.send(b"GET /v1/missions HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 400 " in head and f"Content-Digest: {digest_of(body)}".encode() in head
