"""The documents for readers: /docs, /llms.txt, the document from the command line, and paths that are all served and all documented."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from harness import run, target

LINES = {"curl", "pandas", "R", "Power Query"}
# Elements without an end.
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Page(HTMLParser):
    """A page as what a reader can do with it."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.hrefs, self.elements, self.headings, self.lines, self.text = [], [], [], [], [], [], ""
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.elements.append((tag, attrs))
        if tag not in VOID:
            self.open.append(tag)
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if "href" in attrs:
            self.hrefs.append(attrs["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag in ("dt", "dd"):
            self.lines.append([tag, ""])

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data):
        self.text += data
        if self.open and (self.open[-1] in ("dt", "dd") or self.open[-2:] in (["dt", "code"], ["dd", "code"])):
            self.lines[-1][1] += data


@pytest.fixture(scope="module")
def page(api):
    return Page(api.get("/docs").body.decode())


def all_answer(api, wheres):
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda where: (where, api.get(quote(where, safe="/?&=,:%()"), check=False).status), wheres))
    assert answers and not [one for one in answers if one[1] != 200]


def test_docs_is_a_whole_page_that_needs_nobody_else(api, page):
    answer = api.get("/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "script" not in answer.headers["Content-Security-Policy"]
    assert not [tag for tag, _ in page.elements if tag in ("script", "link", "img", "iframe", "object", "form")]
    assert not [attrs for _, attrs in page.elements if any(name.startswith("on") or name == "src" for name in attrs)]
    assert "@import" not in answer.body.decode() and "url(" not in answer.body.decode()
    assert all(href.startswith(("/", "#")) for href in page.hrefs), "a link leads to another host"


def test_docs_can_be_read_without_eyes_or_mouse(page):
    attrs = {tag: [found for name, found in page.elements if name == tag] for tag, _ in page.elements}
    assert attrs["html"][0]["lang"] == "en"
    assert len(attrs["main"]) == len(attrs["h1"]) == len(attrs["header"]) == len(attrs["footer"]) == len(attrs["title"]) == 1
    assert attrs["nav"][0]["aria-labelledby"] in page.ids
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False)), "a level of headings is left out"
    assert len(attrs["caption"]) == len(attrs["table"]), "a table without a caption"
    assert all(th.get("scope") in ("row", "col") for th in attrs["th"])
    assert all(one["aria-label"] for one in attrs["div"])


def test_every_anchor_of_docs_is_there_once(page):
    assert len(set(page.ids)) == len(page.ids)
    assert {href[1:] for href in page.hrefs if href.startswith("#")} <= set(page.ids)


def test_every_link_of_docs_answers(api, page):
    all_answer(api, sorted({href for href in page.hrefs if href.startswith("/")}))


def base(path):
    """A path without the end that says a form."""
    return re.sub(r"\.(json|csv|ndjson|geojson|graphml|dot)$", "", path) if path.startswith("/v1/") else path


def lists_of(api):
    """Documented paths of rows and reports; exports stand among the documents."""
    return {path for path in api.document.document["paths"] if path.startswith("/v1/") and not path.startswith("/v1/export")}


def test_docs_tells_every_documented_path_and_no_other(api, page):
    told = set(re.findall(r"GET (/\S+?)(?=[A-Z]|\s|$)", page.text))
    documented = lists_of(api)
    assert told == {base(path) for path in documented}
    # The forms are links.
    for path in documented - told:
        if "{id}" not in path:
            assert [href for href in page.hrefs if href.partition("?")[0] == path], path


def test_every_operation_has_a_line_for_each_tool(api, page):
    tools = [text for tag, text in page.lines if tag == "dt"]
    operations = len({base(path) for path in lists_of(api)})
    without = page.text.count("No row of it is shipped")
    for tool in LINES:
        assert tools.count(tool) == operations - without, tool
    assert len([text for text in tools if text.startswith("Grafana (Infinity")]) == operations - without


def test_every_line_of_docs_asks_a_path_that_answers(api, page):
    lines = [text for tag, text in page.lines if tag == "dd" and "http://localhost:8080" in text]
    asked = {re.search(r"http://localhost:8080(/[^\"' ]+)", line)[1] for line in lines}
    assert len(lines) > 5 * 40
    all_answer(api, sorted(asked))


def test_docs_holds_every_field_and_code(api, page):
    for field in api.all("/v1/meta/fields"):
        assert field["text"] in page.text, field["id"]
    for codes in api.all("/v1/meta/codes"):
        assert f"codes-{codes['id']}" in page.ids
        for code in api.all(f"/v1/meta/codes/{codes['id']}"):
            assert code["text"] in page.text, code


def test_docs_holds_every_definition(api, page):
    definitions = api.all("/v1/meta/definitions")
    assert definitions
    for definition in definitions:
        assert definition["id"] in page.text and definition["name"] in page.text and definition["text"] in page.text


def test_docs_does_not_believe_the_host_header(api):
    reply = api.server.send(b"GET /docs HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n")
    assert reply.partition(b"\r\n\r\n")[2] == api.get("/docs").body


def test_what_is_not_asked_of_a_page_is_refused(api):
    for path in ("/docs", "/llms.txt"):
        assert api.problem(path, 400, pretty="1")["param"] == "pretty"


def test_documents_have_validators_like_all_else(api):
    for path in ("/docs", "/llms.txt", "/openapi.json"):
        answer = api.get(path)
        again = api.get(path, status=304, headers={"If-None-Match": answer.headers["ETag"]})
        for name in ("ETag", "Last-Modified", "Cache-Control"):
            assert answer.headers[name] == again.headers[name], name
        head = api.raw(path, method="HEAD")
        assert head.status == 200 and head.headers["Content-Length"] == str(len(answer.body))


def test_the_index_leads_to_the_documents(api):
    links = api.get("/").json["links"]
    assert links["docs"] == "/docs" and links["llms"] == "/llms.txt" and links["openapi"] == "/openapi.json"
    assert api.get("/").body == api.get("/v1/").body
    all_answer(api, links.values())


def test_the_command_line_prints_what_is_served(api, dataset):
    for command, path in (("openapi", "/openapi.json"), ("docs", "/docs")):
        printed = run(command, "--dataset", dataset)
        assert printed.returncode == 0 and printed.stdout.encode() == api.get(path, check=False).body, command


def test_llms_txt_is_a_short_map_of_paths_that_answer(api):
    answer = api.get("/llms.txt")
    text = answer.body.decode()
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert text.startswith("# bluehelm") and len(text) < 20000
    links = re.findall(r"^- \[([^]]+)\]\((/\S*)\)", text, re.MULTILINE)
    all_answer(api, [href for _, href in links])
    told = {base(path) for path, _ in links if path.startswith("/v1/")} | set(re.findall(r"^- (/v1/\S+):", text, re.MULTILINE))
    told -= {base(path) for path, _ in links if path.startswith("/v1/export")}
    assert told == {base(path) for path in lists_of(api)}
    assert {"/v1/export", "/v1/export/bluehelm.db", "/v1/export/datapackage.json", "/metrics", "/odata/"} <= {path for path, _ in links}


# ---- documented and served are the same set ----

ENDS = ["", ".json", ".csv", ".ndjson", ".geojson", ".graphml", ".dot", ".db", ".xml"]


def example(api, path):
    """A path template as something to ask, with the examples of the document; None: it has none."""
    parameters = [api.document.resolve(one) for one in api.document.document["paths"][path]["get"]["parameters"]]
    for one in parameters:
        if one["in"] == "path":
            if "example" not in one:
                return None
            path = path.replace("{" + one["name"] + "}", one["example"])
    return path


def test_every_documented_path_answers_with_its_examples(api):
    without = []
    for path in api.document.document["paths"]:
        where = example(api, path)
        if where is None:
            without.append(base(path))
            continue
        # A whole run of what is long proves no more than its beginning.
        api.get(where, api.document.needed(path))
    assert set(without) <= {"/v1/strengths/{id}"}, "no row of anything else is missing"


def test_every_example_of_a_parameter_answers(api):
    for path, item in api.document.document["paths"].items():
        where = example(api, path)
        for one in map(api.document.resolve, item["get"]["parameters"]):
            if where is not None and one["in"] == "query" and "example" in one:
                api.get(where, {**api.document.needed(path, one["name"]), one["name"]: one["example"]})


def test_what_is_served_is_documented(api):
    """Every name that a path could be made of, with every end: what is served is in the document, and the other way round."""
    documented = {path for path in api.document.document["paths"] if not path.startswith("/v1/export/")}
    index = api.get("/").json
    names = {entry["name"] for entry in [*index["resources"], *index["reports"]]}
    names |= {"graph", "network", "meta", "export", "stats", "index", "fields", "paths", *[path.split("/")[2] for path in documented if path.startswith("/v1/") and len(path) > 4]}
    ids = {}
    for path, item in api.document.document["paths"].items():
        for one in map(api.document.resolve, item["get"]["parameters"]):
            if one["in"] == "path" and "example" in one:
                if path.startswith("/v1/export"):
                    continue
                ids[path.removeprefix("/v1/").partition("/{id}")[0]] = one["example"]
    candidates = {f"/v1/{name}" for name in names} | {f"/v1/{name}/stats" for name in names}
    candidates |= {f"/v1/{name}/{{id}}" for name in ids}
    candidates |= {f"/v1/{name}/{{id}}/{child}" for name in ids for child in [*(one for one in names if "/" not in one), "stats"]}
    candidates = {path + end for path in candidates for end in ENDS}
    candidates |= {"/" + name for name in ("", "docs", "llms.txt", "openapi.json", "healthz", "readyz", "metrics", "docs.html", "robots.txt", "openapi.yaml", "odata/", "v1")}
    served = set()
    for path in sorted(candidates):
        where = path
        if "{id}" in path:
            where = path.replace("{id}", ids[path.removeprefix("/v1/").partition("/{id}")[0]])
        owner = next((name for name in ids if path.startswith(f"/v1/{name}/")), None)
        answer = api.raw(target(where, api.document.needed(f"/v1/{owner}/{{id}}") if owner else {}))
        # What asks for a parameter is there; so is an item that the dataset lacks.
        problem = json.loads(answer.body) if answer.status in (400, 404, 410) else {}
        if answer.status == 200 or problem.get("code") not in (None, "unknown_path", "unknown_id"):
            served.add(path)
    served.discard("/odata/")
    assert served - documented == set()
    assert {path for path in documented - served if "strengths/{id}" not in path} == set()
