"""scripts/make-graph: the worlds that the graph is measured and tested on."""

import csv
import hashlib
import re
import sqlite3
import subprocess
import sys
from collections import Counter

import pytest

import graph_world
from harness import IS_SANITIZED, ROOT, Client, Server, build, run

pytestmark = pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")


SEEDS = (1, 2, 3)


def make(directory, *numbers, status=0):
    done = subprocess.run([sys.executable, ROOT / "scripts" / "make-graph", directory, *map(str, numbers)], capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stderr
    return done.stderr


def digests(directory):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in directory.iterdir()}


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """A world of some size: 4,000 actors, 40,000 relationships."""
    directory = tmp_path_factory.mktemp("graph") / "text"
    make(directory, 4000, 40000)
    return directory


@pytest.fixture(scope="module")
def world(text):
    file = build(text, text.with_suffix(".db"))
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as db:
        yield db


@pytest.fixture(scope="module", params=SEEDS)
def small_world(request, tmp_path_factory):
    server = Server(graph_world.make(tmp_path_factory.mktemp("world"), request.param))
    yield Client(server)
    server.stop()


def rows(db, sql, *params):
    return db.execute(sql, params).fetchall()


def test_the_same_arguments_give_the_same_bytes_and_other_seeds_others(tmp_path, text):
    make(tmp_path / "again", 4000, 40000)
    assert digests(tmp_path / "again") == digests(text)
    make(tmp_path / "other", 4000, 40000, 7)
    assert digests(tmp_path / "other")["relationships-01.csv"] != digests(text)["relationships-01.csv"]


def test_the_same_text_gives_the_same_dataset(world, text, tmp_path):
    again = build(text, tmp_path / "again.db")
    assert again.read_bytes() == text.with_suffix(".db").read_bytes()


def test_the_world_holds_what_was_asked_for_and_no_fault(world, text):
    assert rows(world, "SELECT count(*) FROM actors") == [(4000,)]
    assert rows(world, "SELECT count(DISTINCT id) FROM relationships") == [(40000,)]
    checked = run("check", text.with_suffix(".db"))
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_few_actors_have_very_many_relationships_and_most_have_few(world):
    degrees = Counter(actor for pair in rows(world, "SELECT from_actor, to_actor FROM relationships WHERE version = 1") for actor in pair)
    counts = sorted(degrees.values(), reverse=True)
    assert counts[0] > 40000 / 40, "a hub is in more than one of forty"
    assert sum(counts[:40]) > 80000 / 5, "one actor in a hundred has a fifth of all ends"
    assert counts[2000] <= 20, "half of all have twenty or fewer"


def test_the_indexes_that_wait_for_the_last_row_are_all_there(world):
    schema = (ROOT / "db" / "schema.sql").read_text(encoding="utf-8")
    expected = set(re.findall(r"^CREATE INDEX (\w+) ON relationships\b", schema, re.MULTILINE))
    found = {name for (name,) in rows(world, "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'relationships' AND sql IS NOT NULL")}
    assert len(expected) >= 3 and found == expected
    assert {name for (name,) in rows(world, "SELECT idx FROM sqlite_stat1 WHERE tbl = 'relationships'")} >= expected


def test_a_build_leaves_nothing_beside_its_file(world, text):
    assert {file.name for file in text.parent.iterdir()} == {"text", "text.db"}


def test_nobody_is_related_to_himself(world):
    assert rows(world, "SELECT count(*) FROM relationships WHERE from_actor = to_actor") == [(0,)]


def test_types_signs_and_statuses_are_of_the_closed_lists_and_more_than_a_few(world):
    for column, code, least in (("type", "relationship_type", 15), ("sign", "sign", 3), ("status", "relationship_status", 4)):
        known = {id for (id,) in rows(world, "SELECT id FROM codes WHERE list = ?", code)}
        used = {id for (id,) in rows(world, f"SELECT DISTINCT {column} FROM relationships")}
        assert used <= known and len(used) >= least
    share = dict(rows(world, "SELECT sign, count(*) FROM relationships GROUP BY sign"))
    assert min(share["+"], share["-"]) > share["0"] > 0
    assert rows(world, "SELECT count(*) FROM relationships WHERE type IN ('fought', 'fights') AND sign <> '-'") == [(0,)]


def test_dates_are_of_all_precisions_open_and_not_known(world):
    assert rows(world, "SELECT min(start_min) >= '1945', max(start_max) < '2026' FROM relationships WHERE start IS NOT NULL") == [(1, 1)]
    assert rows(world, "SELECT max(end_max) < '2026-12-31' FROM relationships WHERE end IS NOT NULL") == [(1,)]
    for column in ("start", "end"):
        lengths = {length for (length,) in rows(world, f"SELECT DISTINCT length(rtrim({column}, '~?')) FROM relationships")}
        assert lengths == {None, 4, 7, 10}
        assert rows(world, f"SELECT count(*) > 0 FROM relationships WHERE {column} GLOB '*[~?]'") == [(1,)]


def test_some_relationships_have_versions_and_some_are_withdrawn(world):
    versions = dict(rows(world, "SELECT version, count(*) FROM relationships GROUP BY version"))
    assert set(versions) == {1, 2, 3} and 0.05 < versions[2] / versions[1] < 0.12 and versions[3] > 0
    withdrawn = rows(world, "SELECT count(*) FROM relationships r WHERE known_to IS NOT NULL"
                     " AND version = (SELECT max(version) FROM relationships o WHERE o.id = r.id)")[0][0]
    assert 0 < withdrawn < 40000 / 50


def test_every_version_has_a_source_that_was_known_by_then(world):
    assert rows(world, "SELECT count(*) FROM relationships r WHERE NOT EXISTS (SELECT 1 FROM relationship_sources l JOIN sources s ON s.id = l.source"
                " WHERE l.relationship = r.id AND l.version = r.version AND s.known_from <= r.known_from)") == [(0,)]
    assert rows(world, "SELECT count(*) FROM relationship_sources l JOIN sources s ON s.id = l.source JOIN relationships r ON r.id = l.relationship"
                " AND r.version = l.version WHERE s.known_from > r.known_from") == [(0,)]
    assert rows(world, "SELECT count(*) > 0 FROM relationship_claims") == [(1,)]


def test_a_table_of_several_files_is_one(tmp_path, text):
    """As the large world has them: cut in two by hand, the text is the same dataset."""
    make(tmp_path / "cut", 4000, 40000)
    file = tmp_path / "cut" / "relationships-01.csv"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    assert len(lines) > 40000
    for name, part in (("relationships-02.csv", lines[:1] + lines[17001:]), ("relationships-01.csv", lines[:17001])):
        (tmp_path / "cut" / name).write_text("".join(part), encoding="utf-8")
    assert build(tmp_path / "cut", tmp_path / "cut.db").read_bytes() == build(text, tmp_path / "whole.db").read_bytes()


@pytest.mark.parametrize("args", [(), ("--help",), ("-h",), ("x", "many"), ("x", "1"), ("x", "5", "5", "5", "5")])
def test_arguments_that_are_none_make_no_file(tmp_path, args):
    done = subprocess.run([sys.executable, ROOT / "scripts" / "make-graph", *args], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2 and "make-graph" in done.stderr
    assert list(tmp_path.iterdir()) == []


# ---- the naive graph that other tests compare with ----


def edge(id, one, other, start=None, end=None, known_from="2020-01-01"):
    return {"id": id, "from_actor": {"id": one}, "to_actor": {"id": other}, "start": start, "end": end, "known_from": known_from}


# a - b - c - e in turn, a - d - e shorter and never at one time; b - c twice.
DRAWN = [edge("ab", "a", "b", "2000", "2010"), edge("bc", "b", "c", "2005-02", None), edge("cb", "c", "b", "2009-05-01", "2009-06"),
         edge("ce", "c", "e", None, "2012"), edge("ad", "a", "d", None, "2004"), edge("de", "d", "e", "2005", None)]


def test_the_naive_walk_finds_what_can_be_seen():
    graph = graph_world.Graph(DRAWN)
    assert graph.distances("a", 9) == {"a": 0, "b": 1, "d": 1, "c": 2, "e": 2}
    assert set(graph.near("a", 1)[1]) == {"ab", "ad"} and set(graph.near("a", 2)[1]) == {"ab", "ad", "bc", "cb", "de"}
    assert graph.near("nobody", 2) == ({"nobody": 0}, {})
    out = graph_world.Graph(DRAWN, "out")
    assert set(out.near("c", 1)[1]) == {"cb", "ce"} and set(graph_world.Graph(DRAWN, "in").near("c", 1)[1]) == {"bc"}
    assert [chain[:2] for chain in graph.chains("a", "e", 6)] == [(("a", "d", "e"), (("ad",), ("de",)))]
    assert [chain[:2] for chain in graph.chains("a", "c", 6)] == [(("a", "b", "c"), (("ab",), ("bc", "cb")))]
    assert graph.chains("a", "e", 1) == graph.chains("a", "a", 6) == graph.chains("a", "nobody", 6) == []


def test_naive_chains_that_hold_at_one_time_may_be_longer():
    graph = graph_world.Graph(DRAWN)
    assert graph.dated_chains("a", "e", 6) == [
        graph_world.Chain(("a", "b", "c", "e"), ("ab", "bc", "ce"), "2005-02-01", "2010-12-31"),
        graph_world.Chain(("a", "b", "c", "e"), ("ab", "cb", "ce"), "2009-05-01", "2009-06-30")]
    assert graph.dated_chains("a", "e", 2) == []
    assert [chain.edges for chain in graph.dated_chains("a", "e", 6, window=("2006-01-01", "2006-12-31"))] == [("ab", "bc", "ce")]
    # Certainly: from 31 December 2000 to 1 January 2010, from 28 February 2005, and of ce from no day before its end.
    assert graph.dated_chains("a", "c", 6, is_definite=True) == [
        graph_world.Chain(("a", "b", "c"), ("ab", "bc"), "2005-02-28", "2010-01-01"),
        graph_world.Chain(("a", "b", "c"), ("ab", "cb"), "2009-05-01", "2009-06-01")]
    assert graph.dated_chains("a", "e", 6, is_definite=True) == []


@pytest.mark.parametrize(("text", "first", "last"), [
    ("2013", "2013-01-01", "2013-12-31"), ("2012-02~", "2012-02-01", "2012-02-29"), ("2013-04-25?", "2013-04-25", "2013-04-25")])
def test_days_of_a_date(text, first, last):
    assert graph_world.days(text) == (first, last)


def test_spans_are_those_of_the_dataset(small_world):
    """By asking for each day around each bound: what the naive span holds is what the filter holds."""
    rows = small_world.all("/v1/relationships")
    days = sorted({day for row in rows for day in (*graph_world.span(row), *graph_world.span(row, True))} - {graph_world.FIRST, graph_world.LAST})
    for day in days[:: max(len(days) // 12, 1)]:
        for is_definite in (False, True):
            certainty = "definite" if is_definite else "possible"
            found = {row["id"] for row in small_world.all("/v1/relationships", at=day, certainty=certainty)}
            assert found == {row["id"] for row in rows for first, last in [graph_world.span(row, is_definite)] if first <= day <= last}, day


def test_small_worlds_hold_together_enough_to_be_walked(small_world):
    whole = graph_world.Graph.of(small_world)
    assert 30 <= len(whole.actors) <= 40 and len(whole.rows) >= 140
    graph = graph_world.Graph.of(small_world, at="2015-06-01")
    ends = [len(graph.distances(actor, 6)) for actor in graph.actors]
    assert max(ends) > 20, "most of them are linked on one day"
    pairs = [(one, other) for one in graph.actors[:8] for other in graph.actors[-8:]]
    lengths = Counter(len(chains[0].edges) for pair in pairs if (chains := graph.chains(*pair, 6)))
    assert len(lengths) >= 3, "chains of several lengths"
    assert any(len(whole.chains(*pair, 6)) > 1 for pair in pairs), "and several of one"


def test_files_are_in_the_form_that_people_write(text):
    for file in sorted(text.glob("*.csv")):
        with open(file, encoding="utf-8", newline="") as lines:
            rows = list(csv.reader(lines))
        assert all(len(row) == len(rows[0]) for row in rows), file.name
