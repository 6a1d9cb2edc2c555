"""Lists in every form: the same rows in all of them, in columns of one type, for every reader."""

import csv
import io
import json
import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import time

import graph_world
import pytest
from harness import IS_SANITIZED, PATIENCE, ROOT, Client, Server, build, cells, kinds, load

FORMS = {".json": "application/json", ".csv": "text/csv; charset=utf-8; header=present", ".ndjson": "application/x-ndjson",
         ".geojson": "application/geo+json"}
TABLES = {"missions": "missions", "facts": "facts", "claims": "claims", "casualties": "casualties", "strengths": "strengths", "actors": "actors",
          "relationships": "relationships", "events": "events", "sources": "sources", "places": "places", "releases": "releases"}


def lists(api):
    """Every path of the document that leads to a list: (path with an id where it needs one, what must be asked)."""
    paths = api.document.document["paths"]
    for path in paths:
        if path + ".csv" not in paths:
            continue
        needed = api.document.needed(path)
        if "{id}" not in path:
            yield path, needed
            continue
        owners = api.get(path.partition("/{id}")[0] + ".json", fields="id").json
        wheres = [path.replace("{id}", owner["id"]) for owner in owners]
        # One whose list has rows; no mission of ours has strengths.
        yield next((where for where in wheres if api.get(where, needed, limit=1).data), wheres[0]), needed


def walk(api, where, needed):
    """The rows of the rich form, page after page."""
    if "limit" in {api.document.resolve(one)["name"] for one in api.document.document["paths"][api.document.template(where)]["get"]["parameters"]}:
        return list(api.walk(where, needed, limit=400))
    return api.get(where, needed).data


def whole(field, value):
    """What a column says that stands for a whole field."""
    if isinstance(value, dict):
        return value["id"]
    if isinstance(value, list):
        return "; ".join(item["id"] if isinstance(item, dict) else item for item in value)
    return value


def agrees(column, told, row):
    """Whether a flat column says what the row says with its objects."""
    if column in row:
        is_json = isinstance(told, str) and isinstance(row[column], (dict, list)) and told[:1] in ("{", "[")
        return load(told) == row[column] if is_json else told == whole(column, row[column])
    field = max((name for name in row if column.startswith(name + "_")), key=len)
    part = column.removeprefix(field + "_")
    return told == (None if row[field] is None else row[field].get(part))


def by_links(api, where, needed):
    """All rows of shape=array, by the Link header."""
    rows, answer = [], api.get(where, needed, shape="array", limit=400)
    while True:
        rows += answer.json
        link = answer.headers["Link"]
        if link is None:
            return rows
        answer = api.get(link[1:link.index(">")])


@pytest.fixture(scope="module")
def forms(api):
    """Every list: (path, what must be asked, rows of the rich form, bodies by form)."""
    told = {}
    for where, needed in lists(api):
        template = api.document.template(where)
        bodies = {form: api.get(where + form, needed) for form in FORMS if template + form in api.document.media}
        told[where] = (needed, walk(api, where, needed), bodies)
    return told


def rows_of(api, where, form, answer):
    return api.document.flat_rows(api.document.template(where + form), answer.body)


def test_every_list_has_three_forms_and_those_with_places_a_fourth(forms):
    assert len(forms) > 30
    for where, (_, _, bodies) in forms.items():
        assert set(FORMS) - {".geojson"} <= set(bodies), where
    places = {where.rpartition("/")[2] for where, (_, _, bodies) in forms.items() if ".geojson" in bodies}
    assert places == {"places", "missions", "events", "casualties", "claims", "facts"}


def test_all_forms_tell_the_rows_of_the_envelope(api, forms):
    """Row by row and column by column: .json says what the envelope says, and the others what .json says."""
    for where, (_, rich, bodies) in forms.items():
        flat = rows_of(api, where, ".json", bodies[".json"])
        assert len(flat) == len(rich), where
        for told, row in zip(flat, rich):
            for column, value in told.items():
                assert agrees(column, value, row), f"{where}: {column} is {value!r} and the row {row}"
        for form in bodies:
            assert rows_of(api, where, form, bodies[form]) == flat, where + form


def test_shape_array_is_the_data_of_the_envelope(api, forms):
    for where, (needed, rich, _) in forms.items():
        names = {api.document.resolve(one)["name"] for one in api.document.document["paths"][api.document.template(where)]["get"]["parameters"]}
        if "shape" in names:
            assert by_links(api, where, needed) == rich, where


def test_all_forms_have_the_count_of_the_database(api, forms, dataset):
    """Rows as they are known now, counted and added up by SQLite in the file itself."""
    database = sqlite3.connect(f"file:{dataset}?mode=ro", uri=True)
    for name, table in TABLES.items():
        columns = {column[1] for column in database.execute(f"PRAGMA table_info({table})")}
        known = "WHERE known_to IS NULL" if "known_to" in columns else ""
        rows = rows_of(api, f"/v1/{name}", ".csv", forms[f"/v1/{name}"][2][".csv"])
        assert len(rows) == database.execute(f"SELECT count(*) FROM {table} {known}").fetchone()[0], name
        number = {"claims": "number", "relationships": "number", "strengths": "number"}.get(name)
        if number is not None and rows and f"{number}_best" in rows[0]:
            for part in ("low", "best", "high"):
                told = sum(row[f"{number}_{part}"] or 0 for row in rows)
                assert told == database.execute(f"SELECT total({part}) FROM {table} {known}").fetchone()[0], f"{name} {part}"
    rows = rows_of(api, "/v1/casualties", ".ndjson", forms["/v1/casualties"][2][".ndjson"])
    for part in ("low", "best", "high"):
        told = sum(row[f"deaths_{part}"] or 0 for row in rows)
        assert told > 0
        assert told == database.execute(f"SELECT total({part}) FROM casualties WHERE known_to IS NULL AND harm = 'killed'").fetchone()[0]


def test_sums_agree_with_the_database_in_every_form(api, dataset):
    database = sqlite3.connect(f"file:{dataset}?mode=ro", uri=True)
    right = {(mission, year): best for mission, year, best in database.execute(
        "SELECT mission, substr(date, 1, 4), sum(best) FROM casualties WHERE series = 'un-fatalities' AND known_to IS NULL"
        " AND mission NOT IN (SELECT component FROM mission_components) GROUP BY 1, 2")}
    for form in (".json", ".csv", ".ndjson"):
        answer = api.get("/v1/casualties/stats" + form, group_by="mission,year(date)", series="un-fatalities")
        rows = rows_of(api, "/v1/casualties/stats", form, answer)
        told = {(row["mission"], row["year"]): row["best"] for row in rows}
        assert len(told) == len(rows) == int(answer.headers["X-Total-Count"]) > 400
        assert {key: told.get(key) for key in right} == right
        lines = rows_of(api, "/v1/series", form, api.get("/v1/series" + form, measure="deaths", series="un-fatalities", by="mission"))
        assert sum(row["best"] for row in lines) == sum(row["best"] for row in rows) == sum(told.values())


def test_sums_have_pages_where_they_are_asked_for(api):
    rows = api.get("/v1/casualties/stats.json", group_by="cause").json
    first = api.get("/v1/casualties/stats.json", group_by="cause", limit=2)
    assert first.json == rows[:2] and first.headers["X-Total-Count"] == str(len(rows))
    link = first.headers["Link"]
    second = api.get(link[1:link.index(">")])
    assert second.json == rows[2:4]
    assert api.get("/v1/casualties/stats.csv", group_by="cause").headers["Link"] is None
    assert api.get("/v1/casualties/stats.csv", group_by="cause", offset=99).body.count(b"\n") == 1
    assert api.problem("/v1/casualties/stats.csv", 400, explain=1)["param"] == "explain"


def test_flat_pages_are_walked_by_link(api):
    """A limit makes pages of a flat form: each row once, in the order of the whole, in the same release."""
    for form in (".json", ".csv", ".ndjson", ".geojson"):
        whole = rows_of(api, "/v1/missions", form, api.get("/v1/missions" + form, sort="-start,acronym"))
        rows, where = [], f"/v1/missions{form}?sort=-start,acronym&limit=9"
        while where is not None:
            answer = api.get(where)
            assert answer.headers["X-Total-Count"] == str(len(whole))
            rows += rows_of(api, "/v1/missions", form, answer)
            link = answer.headers["Link"]
            where = link and link[1:link.index(">")]
        assert rows == whole and len(rows) > 90
    assert api.get("/v1/missions.csv", count="none", limit=2).headers["X-Total-Count"] is None
    assert api.get("/v1/missions.csv", limit=9, offset=9).body.split(b"\r\n")[1:] == api.get("/v1/missions.csv", limit=18).body.split(b"\r\n")[10:]


def test_fields_choose_columns_and_filters_rows(api):
    body = api.get("/v1/casualties.csv", fields="deaths,place", mission="minusma", cause="illness", limit=1).body.decode()
    assert body.split("\r\n")[0] == "id,place,place_name,place_iso3,deaths_low,deaths_best,deaths_high,deaths_qualifier,deaths_text,deaths_unit"
    assert api.problem("/v1/missions.csv", 400, fields="deaths")["param"] == "fields"
    for name in ("include", "pretty", "shape"):
        assert api.problem("/v1/missions.csv", 400, {name: {"include": "places", "pretty": 1, "shape": "array"}[name]})["param"] == name


def test_no_rows_are_an_empty_list_or_a_header(api):
    for form, body in ((".json", b"[]\n"), (".ndjson", b"\n"), (".geojson", b'{"type":"FeatureCollection","features":[]}\n')):
        assert api.get("/v1/missions" + form, category="component", start__lt="1900").body == body
    assert api.get("/v1/missions.csv", fields="acronym", category="component", start__lt="1900").body == b"id,acronym\r\n"


def test_graph_lists_say_where_they_were_cut(api):
    for name, bound in (("nodes", "nodes"), ("edges", "edges")):
        answer = api.get(f"/v1/graph/{name}.csv", {bound: 2})
        assert answer.headers["X-Truncated-By"] == bound
        assert answer.headers["X-Total-Count"] == str(len(cells(answer.body.decode())) - 1)
        assert api.get(f"/v1/graph/{name}.json", nodes=5000, edges=10000).headers["X-Truncated-By"] is None


def test_a_null_is_empty_and_an_empty_text_is_quoted(api):
    header, *lines = cells(api.get("/v1/missions.csv").body.decode())
    names = [name for name, _ in header]
    end = {line[0][0]: line[names.index("end")] for line in lines}
    aliases = {line[0][0]: line[names.index("aliases")] for line in lines}
    assert end["monusco"] == ("", False) and ("", True) in aliases.values()


# ---- readers ----


@pytest.fixture(scope="module")
def files(api, forms, tmp_path_factory):
    """Every list as .csv and .json files: (name, schemas of the columns, rows)."""
    directory = tmp_path_factory.mktemp("forms")
    made = []
    for number, (where, (_, _, bodies)) in enumerate(forms.items()):
        rows = rows_of(api, where, ".json", bodies[".json"])
        if not rows:
            continue
        name = f"{number:02}-{where.removeprefix('/v1/').replace('/', '-')}"
        for form in (".csv", ".json"):
            (directory / (name + form)).write_bytes(bodies[form].body)
        columns = api.document.flat_row(api.document.schemas[api.document.template(where) + ".json"])["properties"]
        made.append((directory / name, {column: kinds(columns[column]) for column in rows[0]}, rows))
    return made


def totals(rows, columns):
    """Count of what is not null, and sum, of each column of numbers."""
    return {column: (len(values), sum(values)) for column, kind in columns.items() if kind & {"integer", "number"}
            for values in [[row[column] for row in rows if row[column] is not None]]}


def test_python_reads_the_same_cells(files):
    for name, columns, rows in files:
        with open(f"{name}.csv", newline="") as file:
            told = list(csv.DictReader(file))
        assert [list(row) for row in told[:1]] == [list(columns)]
        for line, row in zip(told, rows, strict=True):
            for column, value in row.items():
                right = "" if value is None else {True: "true", False: "false"}[value] if isinstance(value, bool) else value
                assert line[column] == right or (isinstance(value, float) and float(line[column]) == value) or line[column] == str(right), name


@pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")
def test_pandas_reads_the_same_types(files):
    pandas = pytest.importorskip("pandas", reason="python3-pandas is not installed")
    for name, columns, rows in files:
        frame = pandas.read_csv(f"{name}.csv", keep_default_na=False, na_values={column: [""] for column in columns})
        twin = pandas.read_json(f"{name}.json", dtype=False, convert_dates=False)
        assert list(frame.columns) == list(twin.columns) == list(columns) and len(frame) == len(twin) == len(rows), name
        for column, (count, total) in totals(rows, columns).items():
            for one in (frame, twin):
                values = pandas.to_numeric(one[column], errors="raise")
                assert int(values.notna().sum()) == count and abs(float(values.sum()) - total) < 1e-6, f"{name} {column}"
                if "integer" in columns[column] and count == len(rows):
                    assert pandas.api.types.is_integer_dtype(one[column]), f"{name} {column}"
        for column, kind in columns.items():
            if kind & {"boolean"} and all(row[column] is not None for row in rows):
                assert pandas.api.types.is_bool_dtype(frame[column]), f"{name} {column}"


@pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")
def test_miller_reads_the_same_values(files):
    """Miller keeps a number as it is written, so that its JSON can be held against ours digit by digit."""
    if shutil.which("mlr") is None:
        pytest.skip("miller is not installed")
    for name, columns, _ in files:
        done = subprocess.run(["mlr", "--icsv", "--ojson", "--no-auto-unflatten", "cat", f"{name}.csv"], capture_output=True, timeout=60 * PATIENCE)
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout, parse_int=str, parse_float=str)
        ours = json.loads(open(f"{name}.json", "rb").read(), parse_int=str, parse_float=str)
        ours = [{column: {None: "", True: "true", False: "false"}.get(value, value) for column, value in row.items()} for row in ours]
        assert [{column: str(value).lower() if isinstance(value, bool) else value for column, value in row.items()} for row in told] == ours, name
        for row in json.loads(done.stdout)[:50]:
            for column, kind in columns.items():
                if kind & {"integer", "number"} and row[column] != "":
                    assert isinstance(row[column], (int, float)), f"{name} {column}"


R = r"""
suppressMessages({library(readr); library(jsonlite)})
for (name in commandArgs(trailingOnly = TRUE)) {
  table <- read_csv(paste0(name, ".csv"), na = "", show_col_types = FALSE, progress = FALSE, guess_max = 100000)
  twin <- fromJSON(paste0(name, ".json"))
  stopifnot(identical(names(table), names(twin)), nrow(table) == nrow(twin), nrow(problems(table)) == 0)
  for (column in names(table)) {
    for (one in list(table[[column]], twin[[column]])) {
      number <- is.numeric(one)
      cat(toJSON(list(basename(name), column, number, sum(!is.na(one)), if (number) sum(one, na.rm = TRUE) else 0),
                 auto_unbox = TRUE, digits = 12), "\n", sep = "")
    }
  }
}
"""


@pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")
def test_r_reads_the_same_types(files):
    """readr reads the CSV and jsonlite the JSON."""
    if shutil.which("Rscript") is None:
        pytest.skip("r-base-core is not installed")
    done = subprocess.run(["Rscript", "-e", R, *[str(name) for name, _, _ in files]], capture_output=True, text=True, timeout=120 * PATIENCE)
    if "there is no package" in done.stderr:
        pytest.skip("r-cran-readr and r-cran-jsonlite are not installed")
    assert done.returncode == 0, done.stderr
    told = {}
    for line in done.stdout.splitlines():
        name, column, *rest = json.loads(line)
        told.setdefault((name, column), []).append(rest)
    for name, columns, rows in files:
        for column, (count, total) in totals(rows, columns).items():
            for is_number, n, value in told[name.name, column]:
                assert n == count and (count == 0 or (is_number and abs(value - total) < 1e-6)), f"{name} {column}"


DUCK = r"""
const { DuckDBInstance } = require('@duckdb/node-api');
(async () => {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  for (const name of process.argv.slice(2)) {
    for (const from of [`read_csv('${name}.csv', sample_size = -1)`, `read_json('${name}.json', format = 'array', sample_size = -1)`]) {
      const types = (await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${from}`)).getRowsJson();
      const parts = types.map(([column, type]) =>
        `count("${column}"), ${/INT|DOUBLE|DECIMAL/.test(type) ? `sum("${column}")` : 0}::DOUBLE`);
      const [sums] = (await connection.runAndReadAll(`SELECT ${parts.join()} FROM ${from}`)).getRowsJson();
      types.forEach(([column, type], i) => console.log(JSON.stringify([name, column, type, Number(sums[2 * i]), sums[2 * i + 1]])));
    }
  }
})().catch((error) => { console.error(error); process.exit(1); });
"""


@pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")
def test_duckdb_reads_the_same_types(files, tmp_path):
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: DuckDB is no package of Debian's")
    done = subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", "@duckdb/node-api"], cwd=tmp_path, capture_output=True, text=True,
                          timeout=120 * PATIENCE)
    if done.returncode != 0:
        pytest.skip(f"npm cannot install @duckdb/node-api: {done.stderr[-200:]}")
    (tmp_path / "read.js").write_text(DUCK)
    done = subprocess.run(["node", "read.js", *[str(name) for name, _, _ in files]], cwd=tmp_path, capture_output=True, text=True, timeout=180 * PATIENCE)
    assert done.returncode == 0, done.stderr
    told = {}
    for line in done.stdout.splitlines():
        name, column, *rest = json.loads(line)
        told.setdefault((name, column), []).append(rest)
    for name, columns, rows in files:
        for column, kind in columns.items():
            assert len(told[str(name), column]) == 2, f"{name} {column}: not in both forms"
        for column, (count, total) in totals(rows, columns).items():
            for duck, n, value in told[str(name), column]:
                if count == 0:
                    continue
                assert n == count and abs(value - total) < 1e-6, f"{name} {column}: {duck}"
                assert "integer" not in columns[column] or duck.endswith("INT"), f"{name} {column}: {duck}"


# ---- hostile cells ----

HOSTILE = {"formula": "=1+1", "at": "@SUM(A1)", "minus": "-2+3", "lines": 'One\nline, "two"', "plain": "It's 5% = plain"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The small world with places whose notes are hard on CSV."""
    text = tmp_path_factory.mktemp("hostile") / "text"
    shutil.copytree(ROOT / "tests" / "fixture", text)
    with open(text / "places.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    rows += [{"id": f"hostile-{name}", "name": f"Hostile {name}", "kind": "locality", "note": note, "sources": "atlas"} for name, note in HOSTILE.items()]
    with open(text / "places.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(sorted(rows, key=lambda row: row["id"]))
    server = Server(build(text, text.with_suffix(".db")))
    yield Client(server)
    server.stop()


def notes(body):
    rows = list(csv.DictReader(io.StringIO(body.decode().removeprefix("\ufeff"), newline="")))
    return {row["id"].removeprefix("hostile-"): row["note"] for row in rows if row["id"].startswith("hostile-")}


def test_a_cell_with_newline_quote_comma_and_equals_is_read_back(hostile):
    kept = {row["id"].removeprefix("hostile-"): row["note"] for row in hostile.get("/v1/places.json").json if row["id"].startswith("hostile-")}
    assert set(kept) == set(HOSTILE) and kept["formula"] == "=1+1" and '"two"' in kept["lines"] and "\n" in kept["lines"]
    answer = hostile.get("/v1/places.csv")
    assert not answer.body.startswith(b"\xef\xbb\xbf")
    assert notes(answer.body) == kept


def test_excel_gets_a_mark_and_no_formula(hostile):
    kept = notes(hostile.get("/v1/places.csv").body)
    answer = hostile.get("/v1/places.csv", excel=1)
    assert answer.body.startswith(b"\xef\xbb\xbf")
    told = notes(answer.body)
    assert told == {name: ("'" if note[:1] in ("=", "+", "-", "@") else "") + note for name, note in kept.items()}
    assert told["formula"] == "'=1+1" and told["minus"].startswith("'-") and told["plain"] == HOSTILE["plain"]
    marked = hostile.get("/v1/places.csv", bom=1).body
    assert marked == b"\xef\xbb\xbf" + hostile.get("/v1/places.csv").body
    for form in (".json", ".ndjson", ".geojson"):
        assert hostile.problem("/v1/places" + form, 400, excel=1)["param"] == "excel"


def test_numbers_below_zero_are_numbers_for_excel_too(hostile):
    rows = hostile.document.flat_rows("/v1/places.csv", hostile.get("/v1/places.csv", excel=1, id="nam").body)
    assert rows[0]["latitude"] == -22.5


# ---- how a form is asked for ----


@pytest.mark.parametrize("accept", [
    "application/json;q=0.9,text/plain", "application/json, text/*, */*", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "*/*", None,
    "application/json;odata.metadata=minimal"])
def test_accept_traps_get_json(api, accept):
    for where in ("/v1/missions", "/v1/casualties/stats", "/v1/graph/nodes"):
        answer = api.get(where, headers={"Accept": accept} if accept else {})
        assert answer.headers["Content-Type"] == "application/json" and "data" in answer.json


def test_accept_gives_a_form_on_a_list_and_nowhere_else(api):
    for accept, form in (("text/csv", ".csv"), ("Text/CSV; charset=utf-8", ".csv"), ("application/x-ndjson, */*", ".ndjson"),
                         ("application/geo+json;q=0.1", ".geojson")):
        answer = api.get("/v1/missions", headers={"Accept": accept})
        assert answer.headers["Content-Type"] == FORMS[form] and answer.body == api.get("/v1/missions" + form).body
    for where in ("/v1/missions/minusma", "/v1/", "/v1/missions.json", "/v1/releases?format=json"):
        assert api.get(where, headers={"Accept": "text/csv"}).headers["Content-Type"] == "application/json"
    assert api.get("/v1/sources", headers={"Accept": "application/geo+json"}).headers["Content-Type"] == "application/json"


def test_vary_names_accept_exactly_where_it_counted(api):
    for where, is_varied in (("/v1/missions", True), ("/v1/missions/minusma/facts", True), ("/v1/meta/codes/cause", True), ("/v1/graph/nodes", True),
                             ("/v1/casualties/stats", True), ("/v1/missions.csv", False), ("/v1/missions?format=csv", False),
                             ("/v1/missions?format=json", False), ("/v1/missions/minusma", False), ("/v1/graph", False), ("/v1/", False)):
        first = api.get(where)
        for answer in (first, api.get(where, headers={"If-None-Match": first.headers["ETag"]}, status=304)):
            vary = [name.strip() for name in (answer.headers["Vary"] or "").split(",")]
            assert ("Accept" in vary) == is_varied, where
        if is_varied:
            other = api.get(where, headers={"Accept": "text/csv"})
            assert "Accept" in other.headers["Vary"] and other.headers["ETag"] != first.headers["ETag"]


def test_format_and_the_end_of_the_path_must_agree(api):
    for form, name in ((".json", "rows"), (".csv", "csv"), (".ndjson", "ndjson"), (".geojson", "geojson")):
        assert api.get("/v1/missions", format=name).body == api.get("/v1/missions" + form).body == api.get("/v1/missions" + form, format=name).body
        other = "ndjson" if name != "ndjson" else "csv"
        problem = api.problem("/v1/missions" + form, 400, format=other)
        assert problem["param"] == "format" and form in problem["detail"]
    assert api.problem("/v1/sources", 400, format="geojson")["allowed"] == ["json", "rows", "csv", "ndjson"]
    assert api.problem("/v1/missions", 400, format="xml")["param"] == "format"
    assert api.problem("/v1/missions/minusma", 400, format="csv")["param"] == "format"
    assert api.problem("/v1/missions/minusma.csv", 404)["code"]


def test_dl_names_a_file_after_path_and_release(api):
    release = api.get("/v1/").json["dataset"]["release"]
    for where, name in (("/v1/missions.csv", f"missions-{release}.csv"), ("/v1/missions", f"missions-{release}.json"),
                        ("/v1/missions.csv?as_of=2023-12-01", "missions-2023-11-28.csv"), ("/v1/missions?format=ndjson", f"missions-{release}.ndjson"),
                        ("/v1/missions/minusma/facts.json", f"missions-minusma-facts-{release}.json"),
                        ("/v1/casualties/stats.csv", f"casualties-stats-{release}.csv"), ("/v1/graph/nodes.csv", f"graph-nodes-{release}.csv"),
                        ("/v1/places/Mali/missions.csv", None)):
        answer = api.raw(where + ("&" if "?" in where else "?") + "dl=1")
        right = f'attachment; filename="{name}"' if name else None
        assert answer.headers["Content-Disposition"] == right, where
    assert api.get("/v1/missions.csv", dl=0).headers["Content-Disposition"] is None


def test_head_has_the_headers_of_get(api):
    own = ("Date", "X-Request-Id", "Connection", "Transfer-Encoding")  # the last two are of the connection
    for where in ("/v1/missions.csv", "/v1/casualties.json", "/v1/casualties.csv?limit=3", "/v1/casualties/stats.ndjson?group_by=cause", "/v1/graph/edges.csv",
                  "/v1/missions.geojson?dl=1"):
        get, head = api.raw(where), api.raw(where, method="HEAD")
        api.close()  # the HEAD of a stream is the last of its connection
        assert head.status == get.status == 200 and head.body == b""
        left, right = ({name.lower(): value for name, value in answer.headers.items() if name not in own} for answer in (get, head))
        assert left == right, where


# ---- places ----


def test_geojson_has_longitude_first_and_null_where_no_place_is_known(small):
    features = {feature["id"]: feature for feature in small.get("/v1/places.geojson").json["features"]}
    assert features["tinville"]["geometry"] == {"type": "Point", "coordinates": [7.125, 16.25]}
    assert features["nam"]["geometry"]["coordinates"] == [17, -22.5] and features["nga"]["geometry"] is None
    events = {feature["id"]: feature["geometry"] for feature in small.get("/v1/events.geojson").json["features"]}
    assert events["tinville-raid"]["coordinates"] == [7.125, 16.25] and events["unfix-closure"]["coordinates"] == [8, 17.5]
    missions = {feature["id"]: feature["geometry"] for feature in small.get("/v1/missions.geojson").json["features"]}
    assert missions["unfix"]["coordinates"] == [8, 17.5] and missions["uniga"] is None and missions["unall"] is None


def test_geojson_of_all_lists_stands_on_the_places_of_their_rows(small):
    """Of each row with a place whose position is known, the position; of every other one, null."""
    at = {row["id"]: [row["longitude"], row["latitude"]] for row in small.get("/v1/places.json").json if row["latitude"] is not None}
    seen = set()
    for name in ("casualties", "claims", "events", "missions"):
        for feature in small.get(f"/v1/{name}.geojson").json["features"]:
            row = feature["properties"]
            own = [[row["longitude"], row["latitude"]]] if row.get("latitude") is not None else None
            ids = (row["places"].split("; ") if "places" in row else [row.get("place")]) if own is None else []
            points = own or [at[place] for place in sorted(filter(None, ids)) if place in at]
            told = feature["geometry"]
            assert (told is None) == (not points), f"{name} {feature}"
            if points:
                assert told["coordinates"] == (points[0] if len(points) == 1 else points)
                seen.add(name)
    assert seen >= {"events", "missions"}


# ---- long streams ----


def exchange(server, where):
    """All bytes of one reply, until the server closes the connection, or its last chunk is there."""
    with socket.create_connection(server.address, timeout=30 * PATIENCE) as sock:
        sock.sendall(f"GET {where} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        data = bytearray()
        try:
            while chunk := sock.recv(1 << 16):
                data += chunk
        except ConnectionError:
            pass
        return bytes(data)


def test_a_stream_that_fails_midway_is_cut_and_never_silently_short(dataset, tmp_path):
    """The last page of the index that the rows are read by is nothing any more: what was told before stays told, and the last chunk never comes."""
    broken = tmp_path / "broken.db"
    shutil.copy(dataset, broken)
    database = sqlite3.connect(f"file:{broken}?mode=ro", uri=True)
    page = database.execute("SELECT pageno FROM dbstat WHERE name = 'casualties_by_id' AND pagetype = 'leaf' ORDER BY path DESC").fetchone()[0]
    size = database.execute("PRAGMA page_size").fetchone()[0]
    database.close()
    with open(broken, "r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes(size))
    whole_server, server = Server(dataset), Server(broken)
    try:
        right = exchange(whole_server, "/v1/casualties.json")
        assert b"chunked" in right.partition(b"\r\n\r\n")[0] and right.endswith(b"\r\n0\r\n\r\n")
        told = exchange(server, "/v1/casualties.json")
        assert told.startswith(b"HTTP/1.1 200 ") and len(told) > 256 << 10
        assert not told.endswith(b"0\r\n\r\n") and len(told) < len(right)
        assert server.wait_log(r"casualties.*is damaged")
        assert Client(server).get("/v1/missions.csv").status == 200  # the others are told as ever
    finally:
        server.stop()
        whole_server.stop()


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def test_a_reader_who_leaves_midway_leaves_nothing_behind(dataset):
    """Each long stream borrows a connection to the dataset: all come back, and the file is opened no more often than readers stay."""
    server = Server(dataset)
    try:
        for _ in range(8):  # each worker has its connection to the dataset
            assert exchange(server, "/v1/casualties.json").endswith(b"0\r\n\r\n")
            assert exchange(server, "/v1/missions").startswith(b"HTTP/1.1 200 ")
        before = descriptors(server)
        for _ in range(150):
            with socket.create_connection(server.address, timeout=30 * PATIENCE) as sock:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # goes with a reset
                sock.sendall(b"GET /v1/casualties.json HTTP/1.1\r\nHost: x\r\n\r\n")
                assert sock.recv(1 << 12).startswith(b"HTTP/1.1 200 ")
        deadline = time.monotonic() + 10 * PATIENCE
        while descriptors(server) > before + 1 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert descriptors(server) <= before + 1  # a worker that answered nothing before has its connection now
        assert exchange(server, "/v1/casualties.json").endswith(b"0\r\n\r\n")
    finally:
        server.stop()


def resident(server):
    with open(f"/proc/{server.process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


@pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")
def test_memory_does_not_grow_with_the_rows(tmp_path_factory):
    """More rows than would fit: the highest memory ever used, above that of a server that told only a page."""
    server = Server(graph_world.make(tmp_path_factory.mktemp("long"), 1, actors=2000, edges=200000))
    try:
        client = Client(server)
        for form in FORMS:
            if form != ".geojson":
                client.get("/v1/relationships" + form, limit=1)
        before = resident(server)
        sizes = {form: len(exchange(server, "/v1/relationships" + form)) for form in (".csv", ".json")}
        assert sizes[".csv"] > 16 << 20 and sizes[".json"] > 64 << 20, sizes
        assert resident(server) - before < 32 << 10, f"{resident(server) - before} KiB more for {sizes}"
    finally:
        server.stop()
