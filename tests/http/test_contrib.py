"""What stands in contrib/ asks for what there is: every URL answers with the columns that its file names."""

import csv
import io
import json
import re
import subprocess

import pytest
from test_metrics import promtool, read

from harness import ROOT, load

CONTRIB = ROOT / "contrib"
DASHBOARD = CONTRIB / "grafana" / "missions.json"
# A line of columns stands right above what asks: "# columns: id, name", in each language's comment.
COLUMNS = re.compile(r"^\s*(?:#|--|//) columns: (?P<names>[\w, ]+)$")
# What a quotation mark, a bracket or a space ends.
PATH = re.compile(r"""/?\bv1/[^\s"'`)\]]*""")
# Power Query says the parameters apart: [measure = "deaths", by = "cause"].
RECORD = re.compile(r'Read\("(?P<path>[^"]+)", \[(?P<record>[^\]]*)\]')


def lines_of(file):
    """Code as its reader sees it; the cells of a notebook one after the other."""
    if file.suffix != ".ipynb":
        return file.read_text().splitlines()
    cells = json.loads(file.read_text())["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code").splitlines()


def asked_by_text(file):
    """(path with its query, columns) for each that a file of code asks for."""
    columns = None
    for line in lines_of(file):
        said = COLUMNS.match(line)
        if said:
            assert columns is None, f"{file}: two lines of columns and nothing asked between them"
            columns = said["names"].split(", ")
            continue
        record = RECORD.search(line)
        paths = [record["path"]] if record else PATH.findall(line)
        for path in paths:
            assert columns, f"{file}: {path} without a line of columns above it"
            if record:
                path += "?" + "&".join("=".join(pair) for pair in re.findall(r'(\w+) = "([^"]*)"', record["record"]))
            yield "/" + path.lstrip("/").rstrip("?"), columns
            columns = None
    assert columns is None, f"{file}: columns of nothing"


def queries_of(node):
    """Every query of the Infinity data source in a dashboard, wherever it stands."""
    if isinstance(node, dict):
        if "url" in node and "columns" in node:
            yield node
        for child in node.values():
            yield from queries_of(child)
    elif isinstance(node, list):
        for child in node:
            yield from queries_of(child)


def asked_by_dashboard():
    dashboard = load(DASHBOARD.read_text())
    values = {f"${{{one['name']}}}": one["current"]["value"] for one in dashboard["templating"]["list"] if one["current"]}
    values |= {"${__from:date:YYYY-MM-DD}": "1948-01-01", "${__to:date:YYYY-MM-DD}": "2026-11-24"}
    for query in queries_of(dashboard):
        url = query["url"]
        for name, value in values.items():
            url = url.replace(name, value)
        yield url, [column["selector"] for column in query["columns"]]


CODE = sorted(file for file in CONTRIB.rglob("*") if file.suffix in {".R", ".sql", ".ipynb", ".pq"})
ASKED = [(DASHBOARD.name, *asked) for asked in asked_by_dashboard()] + [(file.name, *asked) for file in CODE for asked in asked_by_text(file)]


def rows_of(path, body):
    """The rows of a form and the names of their columns."""
    form = path.partition("?")[0].rpartition(".")[2]
    if form == "csv":
        reader = csv.DictReader(io.StringIO(body.decode()))
        return list(reader), reader.fieldnames
    rows = [load(line) for line in body.decode().splitlines()] if form == "ndjson" else load(body)
    return rows, list(rows[0]) if rows else []


@pytest.mark.parametrize("file, path, columns", ASKED, ids=[f"{file}-{path}" for file, path, _ in ASKED])
def test_every_url_answers_with_the_columns_that_its_file_names(api, file, path, columns):
    assert "${" not in path, f"{file}: {path} has a variable that the dashboard does not set"
    rows, names = rows_of(path, api.get(path).body)
    assert rows, f"{path} has no rows"
    assert set(columns) <= set(names), f"{path} has no {set(columns) - set(names)}"
    for column in columns:
        assert any(row[column] not in (None, "") for row in rows), f"{path}: {column} is empty in every row"


def test_each_file_asks_for_something():
    assert {name for name, _, _ in ASKED} == {"missions.json", "deaths.ipynb", "deaths.R", "deaths.duckdb.sql", "deaths.sqlite.sql", "bluehelm.pq"}
    assert len(ASKED) >= 20


def test_the_dashboard_has_a_type_that_each_column_really_is(api):
    known = {"string": str, "number": (int, float), "timestamp": str}
    for query, (path, _) in zip(queries_of(load(DASHBOARD.read_text())), asked_by_dashboard()):
        rows, _ = rows_of(path, api.get(path).body)
        for column in query["columns"]:
            for row in rows:
                value = row[column["selector"]]
                assert value is None or isinstance(value, known[column["type"]]), f"{path}: {column} is {value!r}"


def test_a_timeseries_has_a_time_in_every_row(api):
    for query, (path, _) in zip(queries_of(load(DASHBOARD.read_text())), asked_by_dashboard()):
        if query["format"] == "timeseries":
            rows, _ = rows_of(path, api.get(path).body)
            assert all(row["time"] for row in rows), path


def test_panels_do_not_lie_on_each_other():
    taken = set()
    for panel in load(DASHBOARD.read_text())["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and max(x for x, _ in cells) < 24
        taken |= cells


def test_provisioning_names_the_plugin_of_the_dashboard():
    kinds = {query["datasource"]["type"] for query in queries_of(load(DASHBOARD.read_text())) if "datasource" in query}
    text = (CONTRIB / "grafana" / "provisioning" / "datasources" / "bluehelm.yaml").read_text()
    assert kinds == {re.search(r"^    type: (\S+)$", text, re.M)[1]}


@pytest.mark.parametrize("command, file", [("config", "prometheus.yml"), ("rules", "bluehelm.rules.yml")])
def test_promtool_finds_no_fault_in_configuration(command, file):
    done = subprocess.run([promtool(), "check", command, CONTRIB / "prometheus" / file], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_alerts_ask_for_figures_that_there_are(api):
    there = {name for name, _ in read(api.get("/metrics").body.decode())} | {"up"}
    text = (CONTRIB / "prometheus" / "bluehelm.rules.yml").read_text()
    asked = set(re.findall(r"\b(?:bluehelm|process)_\w+", text))
    assert asked and asked <= there, asked - there


def test_every_list_says_where_its_next_page_is(api, collections):
    """Infinity takes a missing key for a fault: `next` and `next_url` stand in every page, the last one too."""
    lists = [f"/v1/{name}" for name in collections]
    lists += [path for path, schema in api.document.schemas.items()
              if "{" not in path and path not in lists and schema.get("properties", {}).get("data", {}).get("type") == "array"]
    for path in lists:
        params = api.document.needed(path)
        if any(one["name"] == "limit" for one in map(api.document.resolve, api.document.document["paths"][path]["get"]["parameters"])):
            page = api.get(path, params, limit=1).json
        else:
            page = api.get(path, params).json
        assert {"next", "next_url"} <= set(page), path
        assert (page["next"] is None) == (page["next_url"] is None), path
        for _ in range(3):
            if page["next_url"] is None:
                break
            page = api.get(page["next_url"]).json
            assert {"next", "next_url"} <= set(page), path
        last = api.get(path, params).json
        assert {"next", "next_url"} <= set(last), path
    assert len(lists) > len(collections)
