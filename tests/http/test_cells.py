"""Sums and counts from cells, made when the dataset is built, are those of the rows.

What is known now is told by the cells wherever they can tell it. Nothing came to be known in the newest release here: as of
the day of the one before the same is known, and there the rows are asked. tests/unit/test_cells.c proves which way is taken.
"""

import csv
import random
import shutil
import subprocess
import sys
from urllib.parse import urlencode

import pytest

from harness import ROOT, Client, Server, build, run

THEN, NOW = "2026-11-24", "2026-12-31"  # days of the two newest releases
STATS = "/v1/casualties/stats"

GROUPS = {"series": 1, "kind": 1, "mission": 6, "place": 3, "victim_group": 1, "personnel_type": 2, "cause": 2,
          "nationality": 2, "harm": 1, "definition": 1, "source": 1, "year(date)": 7, "quarter(date)": 1, "month(date)": 1,
          "year(end)": 1}
FILTERS = {
    "mission": ["minusma", "UNEF", "unef-i", "unifil", "iptf"], "mission__in": ["unef,unef-i,unef-ii", "iptf,unmibh"],
    "mission__not": ["minusma", "unef"], "mission__isnull": ["true", "false"], "cause": ["illness"], "cause__not": ["accident"],
    "cause__isnull": ["true"], "personnel_type": ["police"], "nationality": ["chad"], "nationality__isnull": ["true"],
    "victim_group": ["un_personnel"], "kind": ["cell", "total", "record"], "kind__not": ["total"], "place": ["mali", "africa"],
    "place__isnull": ["true"], "harm": ["killed", "injured"], "during": ["1990..2010", "2013", "2001-12..2005"],
    "at": ["2013", "1999-12-31"], "from": ["2000", "2000-01-01", "2012-11"], "to": ["2014", "2013-12-31", "2013-07"],
    "date": ["2013", "2013-06"], "date__gte": ["2000", "2013-01-01", "2013-05"], "date__gt": ["2012-12-31", "2013-05"],
    "date__lt": ["2014", "2014-01-01", "2014-07"], "date__lte": ["2014", "2013-12-31", "2014-07"], "date__not": ["2013"],
    "certainty": ["definite"], "series": ["un-fatalities", "un-stated-totals", "ucdp-ged", "un-fatalities-by-nationality"],
    "series__not": ["un-fatalities-records"], "definition": ["un-personnel-injured"], "source": ["un-fatalities-2021-06-10"],
    "source__not": ["ucdp-ov-25-1"], "flags": ["bounds_inconsistent"], "flags__isnull": ["true"], "deaths__gte": ["3"],
    "perpetrators": ["wagner-group"], "id__startswith": ["x-1"],
}
RULES = ["official", "max", "latest", "min", "all", "source:sg-statement-minusma-closure"]
SUMS = {
    "measure": ["deaths", "injured"], "fill": ["null", "zero"], "sort": ["-best", "-records,high"], "best__gte": ["5", "0"],
    "high__isnull": ["true", "false"], "records__lt": ["4"], "unknown__gt": ["0"], "limit": ["1", "7"], "offset": ["3", "99999"],
    "explain": ["1"], "resolve": RULES,
}


def numbers(choice):
    """A number as one of the qualifiers has it, or none."""
    n = choice.randint(0, 9)
    return choice.choice([
        {"low": n, "best": n, "high": n, "qualifier": "exactly", "text": n}, {"low": n, "qualifier": "at_least", "text": f"at least {n}"},
        {"high": n, "qualifier": "up_to", "text": f"up to {n}"}, {"best": n, "qualifier": "about", "text": f"about {n}"},
        {"low": n, "high": n + 3, "qualifier": "between", "text": f"{n} to {n + 3}"}, {},
        {"low": 0, "best": 0, "high": 0, "qualifier": "exactly", "text": "0"}])


def odd_rows(columns):
    """Rows such as the shipped dataset has few of: open bounds, dates across years, aggregates with what they stand for."""
    choice = random.Random(5)
    dates = [("2013", ""), ("1960-05", ""), ("2001-12-31", ""), ("1999", "2001"), ("2012-11", "2013-02"), ("2013-06~", ""),
             ("1958", "1967-06-05"), ("2013-01-01", "2013-12-31")]
    for i in range(160):
        date, end = choice.choice(dates)
        row = {"id": f"x-{i}", "version": 1, "date": date, "end": end, "victim_group": "un_personnel", "harm": "killed",
               "unit": "person", "cause": choice.choice(["illness", "accident", ""]), "known_from": "2021-06-10",
               "definition": choice.choice(["un-personnel-all-causes"] * 4 + ["un-personnel-injured"]), **numbers(choice)}
        if i % 4:
            row |= {"series": "un-fatalities", "personnel_type": choice.choice(["military", "police", ""]),
                    "mission": choice.choice(["unef-i", "unef-ii", "unef", "iptf", "minusma", ""]),
                    "source": choice.choice(["un-fatalities-2021-06-10", "un-fatalities-2023-11-28"])}
        else:
            row |= {"series": "un-stated-totals", "harm": choice.choice(["killed", "killed", "injured"]),
                    "mission": choice.choice(["minusma", "unef", "unef-i", ""]), "source": "sg-statement-minusma-closure"}
        yield {name: row.get(name, "") for name in columns}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """The dataset that we ship with odd rows, and some thousand events that are imported beside."""
    tmp = tmp_path_factory.mktemp("cells")
    text = shutil.copytree(ROOT / "db" / "dataset", tmp / "text", ignore=shutil.ignore_patterns("README.md"))
    with (text / "casualties-totals.csv").open(newline="", encoding="utf-8") as lines:
        columns = next(csv.reader(lines))
    with (text / "casualties-odd.csv").open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(odd_rows(columns), key=lambda row: row["id"]))
    with (text / "releases.csv").open("a", encoding="utf-8") as out:
        out.write(f"{NOW},{NOW},Nothing new,Nothing came to be known.,un-pko-list-2024-02-19\n")
    file = build(text, tmp / "odd.db")
    events = tmp / "ged.csv"
    with events.open("wb") as out:
        subprocess.run([sys.executable, ROOT / "scripts" / "make-ged", "3000"], stdout=out, check=True)
    done = run("import", "ucdp-ged", events, "--into", file, "--known-from", THEN)
    assert done.returncode == 0, done.stderr
    done = run("check", file)
    assert done.returncode == 0, done.stderr
    server = Server(file, workers=1)
    yield Client(server)
    server.stop()


def told(answer):
    """A body without what tells the day of knowledge."""
    if answer.status != 200 or answer.headers["Content-Type"] != "application/json":
        return answer.body if answer.status == 200 else answer.json["title"]
    body = answer.json
    for name in ("as_of", "release", "permalink", "citation"):
        assert body["meta"].pop(name)
    if "explain" in body:
        assert body["explain"]["rules"].pop(0).startswith("Rows are those that were known on ")
    return {**body, "next": body.get("next") is not None, "next_url": None}


def same(client, path, params):
    """Asks both ways; gives the answer from the cells."""
    where = f"{path}?{urlencode(params, safe=',():')}"
    cells, rows = client.raw(where), client.raw(f"{where}{'&' if params else ''}as_of={THEN}")
    assert cells.status == rows.status, f"{where}: {cells.status} now, {rows.status} as of {THEN}"
    assert told(cells) == told(rows), f"{where} is another now than as of {THEN}"
    if cells.status == 200 and "meta" in cells.body[:4000].decode():
        assert (cells.meta["as_of"], rows.meta["as_of"]) == (NOW, THEN), "both ways are the same"
    return cells


def some(choice, offers, most):
    return {name: choice.choice(offers[name]) for name in choice.sample(sorted(offers), choice.randint(0, most))}


def test_sums_from_cells_are_those_of_the_rows(odd):
    choice = random.Random(11)
    groups, answered = set(), 0
    for _ in range(300):
        keys = {*choice.choices(list(GROUPS), list(GROUPS.values()), k=choice.randint(0, 3))}
        if choice.random() < 0.3:
            keys = {"mission", "year(date)"}
        keys = choice.sample(sorted(keys), len(keys))
        params = some(choice, FILTERS, 2) | some(choice, SUMS, 2) | ({"group_by": ",".join(keys)} if keys else {})
        answer = same(odd, STATS + choice.choice(["", "", "", "", ".csv"]), params)
        answered += answer.status == 200
        groups.update(keys if answer.status == 200 else ())
    assert answered > 180 and groups >= {"mission", "place", "cause", "nationality", "year(date)", "month(date)"}


@pytest.mark.parametrize("params", [
    {}, {"mission": "unef,unef-i"}, {"mission__in": "unef,unef-i"}, {"series": "un-fatalities"}, {"series": "un-stated-totals"},
    {"fill": "zero"}, {"fill": "null", "mission": "minusma"}, {"resolve": "all"}, {"measure": "injured"}, {"from": "2000", "to": "2013"},
    {"from": "2000", "to": "2013-06"}, {"place": "mali"}, {"sort": "-best"}, {"limit": "5", "offset": "7"}, {"explain": "1", "mission": "iptf"},
    {"definition": "un-personnel-injured"}, {"series": "un-fatalities,un-stated-totals"}, {"high__isnull": "true"},
    {"resolve": "source:un-fatalities-2021-06-10"}, {"resolve": "source:sg-statement-minusma-closure"}])
@pytest.mark.parametrize("group_by", ["mission,year(date)", "year(date),mission", "mission", "year(date)", "place,year(date)"])
def test_the_groups_that_are_asked_for_most(odd, group_by, params):
    same(odd, STATS, {"group_by": group_by, **params})


def test_parts_of_aggregates_are_left_out_either_way(odd):
    """UNEF's rows hold those of UNEF I: the cells have both, and each row that is left out is told."""
    answer = same(odd, STATS, {"group_by": "mission", "mission__in": "unef,unef-i", "series": "un-fatalities"})
    left = [entry["id"] for entry in answer.meta["excluded"] if entry["reason"] == "part_of_another"]
    assert len(left) > 5 and all(id.startswith("x-") for id in left)
    assert "unef-i" not in [row["mission"]["id"] for row in answer.data]


def test_totals_of_pages_are_counted_alike(odd):
    choice = random.Random(13)
    counted = 0
    for _ in range(200):
        params = some(choice, FILTERS, 3) | {"limit": "2"}
        answer = same(odd, "/v1/casualties", params)
        if answer.status == 200:
            counted += 1
            whole = odd.raw(f"/v1/casualties?{urlencode({**params, 'limit': 10000, 'fields': 'id'}, safe=',():')}").data
            assert answer.meta["total"] == len(whole)
    assert counted > 150


def test_lines_over_time_are_the_same(odd):
    for by in ("none", "mission", "place", "cause"):
        for bucket in ("year", "month"):
            same(odd, "/v1/series", {"measure": "deaths", "by": by, "bucket": bucket, "fill": "zero"})
