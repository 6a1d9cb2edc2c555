"""HTTP manners: codings, HEAD, Vary, tags, ranges; and what can be taken away whole."""

import base64
import csv
import gzip
import hashlib
import io
import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import time

import pytest
from harness import PATIENCE, Server, load, run

LONG = "/v1/actors?limit=100"  # more than the 1 KiB from which on bodies are coded
STREAMS = ["/v1/casualties.csv", "/v1/casualties.ndjson", "/v1/export/casualties.ndjson"]
OWN = {"X-Request-Id", "Date"}  # headers that differ from answer to answer
FRAMING = {"Connection", "Transfer-Encoding"}  # headers of the connection and not of the answer
SUFFIXES = {None: "", "gzip": "-gzip", "zstd": "-zstd"}


def asked(client, path, method="GET", **headers):
    """One exchange with headers as keywords: accept_encoding="gzip"."""
    return client.raw(path, method, {name.replace("_", "-"): value for name, value in headers.items()})


def decoded(answer):
    """The body without its coding."""
    coding = answer.headers["Content-Encoding"]
    if coding == "gzip":
        return gzip.decompress(answer.body)
    if coding == "zstd":
        return subprocess.run(["zstd", "-dc"], input=answer.body, capture_output=True, check=True).stdout
    assert coding is None, coding
    return answer.body


def digest(body):
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def tokens(text):
    return {part.strip() for part in (text or "").split(",")} - {""}


# ---- codings ----


@pytest.mark.parametrize("accept, coding", [
    (None, None), ("", None), ("gzip", "gzip"), ("GZip", "gzip"), ("gzip, deflate, br", "gzip"), ("gzip, deflate, br, zstd", "zstd"),
    ("gzip;q=1, zstd;q=0.5", "gzip"), ("gzip;q=0.1, zstd;q=0.2", "zstd"), ("gzip;q=0", None), ("gzip;q=0.000, identity", None), ("*", "gzip"),
    ("*;q=0", None), ("identity;q=0", None), ("identity;q=0, gzip;q=0.001", "gzip"), ("identity, gzip;q=0.5", None), ("gzip;q=0, *", None),
    ("br", None), ("gzip;q=nonsense", None)])
@pytest.mark.parametrize("path", [LONG, "/v1/casualties.csv"])
def test_a_body_is_coded_as_the_client_likes_best(api, path, accept, coding):
    if coding == "zstd" and not shutil.which("zstd"):
        pytest.skip("there is no zstd to read it with")
    plain = api.raw(path)
    answer = api.raw(path, headers={} if accept is None else {"Accept-Encoding": accept})
    assert answer.status == 200
    assert answer.headers["Content-Encoding"] == coding
    assert decoded(answer) == plain.body
    assert coding is None or len(answer.body) < len(plain.body) / 2
    assert answer.headers["ETag"] == plain.headers["ETag"][:-1] + SUFFIXES[coding] + '"'
    assert "Accept-Encoding" in tokens(answer.headers["Vary"])
    if answer.headers["Content-Digest"]:
        assert answer.headers["Content-Digest"] == digest(answer.body)
    assert (answer.headers["Content-Digest"] is None) == (path in STREAMS)


def test_a_short_body_is_coded_only_for_who_refuses_it_as_it_is(api):
    path = "/v1/places?fields=id&limit=1&shape=array"
    plain = api.raw(path)
    assert len(plain.body) < 1024
    assert asked(api, path, accept_encoding="gzip").headers["Content-Encoding"] is None
    refused = asked(api, path, accept_encoding="gzip, identity;q=0")
    assert refused.headers["Content-Encoding"] == "gzip"
    assert decoded(refused) == plain.body


def test_a_long_problem_is_coded_as_well(api):
    answer = asked(api, "/v1/casualties?nonsense=1", accept_encoding="gzip")
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert load(decoded(answer))["param"] == "nonsense"
    assert answer.headers["Content-Digest"] == digest(answer.body)


def test_vary_names_accept_where_another_accept_has_another_form(api):
    assert tokens(api.raw("/v1/missions").headers["Vary"]) == {"Accept", "Accept-Encoding"}
    assert tokens(api.raw("/v1/missions.csv").headers["Vary"]) == {"Accept-Encoding"}
    assert tokens(api.raw("/v1/missions?format=csv").headers["Vary"]) == {"Accept-Encoding"}
    assert tokens(api.raw("/openapi.json").headers["Vary"]) == {"Accept-Encoding"}
    assert api.raw("/v1/export/bluehelm.db").headers["Vary"] is None
    assert api.raw("/healthz").headers["Vary"] is None


# ---- tags ----


@pytest.mark.parametrize("path", [LONG, "/v1/missions/minusma", "/v1/casualties.csv", "/openapi.json", "/v1/export", "/v1/export/missions.csv",
                                  "/v1/export/datapackage.json"])
def test_each_coding_has_a_tag_and_its_own_304(api, path):
    answers = {accept: asked(api, path, accept_encoding=accept) for accept in ("identity", "gzip", "zstd")}
    tags = {accept: answer.headers["ETag"] for accept, answer in answers.items()}
    assert len(set(tags.values())) == 3
    for accept, tag in tags.items():
        for value in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = asked(api, path, accept_encoding=accept, if_none_match=value)
            assert (again.status, again.body) == (304, b"")
            assert again.headers["ETag"] == tag
            for name in ("Vary", "Cache-Control"):
                assert again.headers[name] == answers[accept].headers[name]
    # Who has it as it was, and takes that still, has it; what is in a coding that is not taken any more is of no use.
    assert asked(api, path, accept_encoding="gzip", if_none_match=tags["identity"]).headers["ETag"] == tags["identity"]
    assert asked(api, path, accept_encoding="gzip, identity;q=0", if_none_match=tags["identity"]).status == 200
    assert asked(api, path, if_none_match=tags["gzip"]).status == 200
    assert asked(api, path, accept_encoding="gzip", if_none_match=tags["zstd"]).status == 200
    assert asked(api, path, accept_encoding="gzip", if_none_match=f'"x{tags["gzip"][1:]}').status == 200


# ---- HEAD ----


@pytest.mark.parametrize("path", [
    "/v1/", LONG, "/v1/missions/minusma", "/v1/missions/minusma/facts", "/v1/casualties/stats?group_by=cause", "/v1/missions.csv", "/v1/missions.json",
    "/v1/missions.ndjson", "/v1/casualties.csv", "/v1/graph?at=2022-01-01", "/openapi.json", "/v1/export", "/v1/export/missions.csv",
    "/v1/export/casualties.ndjson", "/v1/export/bluehelm.db", "/v1/export/datapackage.json", "/v1/missions/", "/v1/missions.csv/", "/v1/export",
    "/v1/nothing", "/v1/missions/nope", "/v1/missions?x=1", "/v1/export/nope.csv", "/v1/export/missions.csv?x=1", "/%zz"])
@pytest.mark.parametrize("accept", ["identity", "gzip", "zstd"])
def test_head_has_the_headers_of_get(api, path, accept):
    head = asked(api, path, "HEAD", accept_encoding=accept)
    get = asked(api, path, accept_encoding=accept)
    assert (head.status, head.body) == (get.status, b"")
    ours, theirs = (answer.headers for answer in (head, get))
    names = set(ours.keys()) | set(theirs.keys())
    # A problem names its request, so that two have two digests; so long as they are as long, all else is the same.
    differing = {name for name in names - OWN - FRAMING if ours.get_all(name) != theirs.get_all(name)}
    assert differing <= ({"Content-Digest", "Content-Length"} if get.status >= 300 else set()), differing
    assert (ours["Content-Length"] is None) == (theirs["Content-Length"] is None)


@pytest.mark.parametrize("path", [*STREAMS, LONG, "/v1/export/bluehelm.db"])
def test_nothing_follows_the_head_of_an_answer_without_a_body(server, path):
    head = f"HEAD {path} HTTP/1.1\r\nHost: x\r\n"
    got = server.send(f"{head}\r\n{head}Connection: close\r\n\r\n".encode())
    answers = [part for part in got.split(b"\r\n\r\n") if part]
    assert answers and all(part.startswith(b"HTTP/1.1 200 OK\r\n") for part in answers), got
    assert got.endswith(b"\r\n\r\n")


# ---- CORS and methods ----

EXPOSED = {"ETag", "Link", "X-Total-Count", "Content-Digest", "X-Request-Id", "Content-Disposition", "Content-Range", "Accept-Ranges", "RateLimit"}
KINDS = [LONG, "/v1/missions.csv", "/v1/casualties.csv", "/v1/export", "/v1/export/bluehelm.db", "/v1/export/datapackage.json", "/v1/nothing",
         "/v1/missions?x=1"]


@pytest.mark.parametrize("path", KINDS)
def test_a_page_of_another_site_may_read_every_answer_and_its_headers(api, path):
    answer = asked(api, path, origin="https://example.org")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert EXPOSED <= tokens(answer.headers["Access-Control-Expose-Headers"])


@pytest.mark.parametrize("path", [path for path in KINDS if "nothing" not in path])
def test_options_and_other_methods_are_answered_everywhere(api, path):
    preflight = asked(api, path, "OPTIONS", origin="https://example.org", access_control_request_method="GET",
                      access_control_request_headers="range, if-range")
    assert (preflight.status, preflight.body) == (204, b"")
    assert tokens(preflight.headers["Allow"]) == {"GET", "HEAD", "OPTIONS"}
    assert preflight.headers["Access-Control-Allow-Headers"] == "*"
    refused = asked(api, path, "DELETE")
    assert refused.status == 405
    assert tokens(refused.headers["Allow"]) == {"GET", "HEAD", "OPTIONS"}


@pytest.mark.parametrize("path, right", [
    ("/v1/missions/", "/v1/missions"), ("/v1/missions.csv/", "/v1/missions.csv"), ("/v1/missions.csv/?as_of=2023-11-28", "/v1/missions.csv?as_of=2023-11-28"),
    ("/v1/meta/codes.ndjson/", "/v1/meta/codes.ndjson"), ("/v1/export/", "/v1/export"), ("/v1/export/missions.csv/", "/v1/export/missions.csv"),
    ("/v1/export/bluehelm.db/", "/v1/export/bluehelm.db")])
def test_a_slash_too_many_or_too_few_is_a_redirect(api, path, right):
    answer = api.get(path, status=308)
    assert answer.headers["Location"] == right


# ---- exports ----


@pytest.fixture(scope="module")
def files(api):
    """What the index lists, by name."""
    return {one["name"]: one for one in api.get("/v1/export").json["files"]}


@pytest.fixture(scope="module")
def package(api):
    return api.get("/v1/export/datapackage.json").json


def path_of(name):
    """The path of the flat form that an export is of."""
    return "/v1/" + (name.replace("-", "/", 1) if name.startswith("meta-") else name)


def test_the_index_lists_what_answers_and_every_collection_that_needs_no_parameter(api, files, collections):
    for name, one in files.items():
        answer = api.raw(one["href"])
        assert answer.status == 200, one["href"]
        assert answer.headers["Content-Type"] == one["type"]
        assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    api.reached.add("/v1/export/bluehelm.db")
    derived = {"series", "changes", "timeline", "search"}  # an answer to a question each
    wanted = {name.replace("/", "-") for name in collections} - derived
    assert {name.removesuffix(".csv") for name in files if name.endswith(".csv")} == wanted


def test_an_export_is_the_flat_form_of_the_collection(api, files):
    for name in files:
        if name.endswith((".csv", ".ndjson")):
            export = api.get(f"/v1/export/{name}")
            flat = api.get(path_of(name))
            assert export.body == flat.body, name
            assert export.headers["Content-Type"] == flat.headers["Content-Type"]


def test_an_export_takes_a_day_and_nothing_else(api):
    day = {"as_of": "2023-11-28"}
    assert api.get("/v1/export/missions.csv", day).body == api.get("/v1/missions.csv", day).body
    for name in ("limit", "category", "fields", "format", "pretty", "bom"):
        assert api.problem("/v1/export/missions.csv", 400, {name: "1"})["param"] == name
    for path in ("/v1/export/bluehelm.db", "/v1/export/datapackage.json"):
        assert api.problem(path, 400, as_of="2023-11-28")["param"] == "as_of"


@pytest.mark.parametrize("name, meant", [("mission.csv", "missions.csv"), ("bluehelm.bd", "bluehelm.db"), ("datapackage.csv", "datapackage.json"),
                                         ("missions.json", "missions.ndjson"), ("missions", "missions.csv"), ("meta/codes.csv", None),
                                         ("search.csv", None), ("graph.csv", None), ("bluehelm.db.csv", None)])
def test_what_is_no_export_is_not_found_and_the_nearest_is_named(api, name, meant):
    problem = api.problem(f"/v1/export/{name}", 404)
    if meant:
        assert problem["did_you_mean"] == meant


def test_the_database_is_the_dataset_file(api, dataset):
    answer = api.raw("/v1/export/bluehelm.db")
    assert answer.body == dataset.read_bytes()
    assert answer.headers["Content-Type"] == "application/vnd.sqlite3"
    assert answer.headers["Content-Digest"] == answer.headers["Repr-Digest"] == digest(answer.body)
    assert answer.headers["Content-Encoding"] is None
    assert asked(api, "/v1/export/bluehelm.db", accept_encoding="gzip, identity;q=0").headers["Content-Encoding"] is None
    assert asked(api, "/v1/export/bluehelm.db", if_none_match=answer.headers["ETag"]).status == 304


def test_the_package_tells_rows_bytes_and_sha256_of_what_stands_at_its_paths(api, package, files):
    tables = {one["path"]: one for one in package["resources"]}
    assert set(tables) == {name for name in files if name.endswith(".csv")} | {"bluehelm.db"}
    for path, one in tables.items():
        body = api.raw(f"/v1/export/{path}").body
        assert one["bytes"] == len(body), path
        assert one["hash"] == f"sha256:{hashlib.sha256(body).hexdigest()}", path
        if path == "bluehelm.db":
            continue
        header, *rows = csv.reader(io.StringIO(body.decode(one["encoding"]), newline=""))
        assert one["rows"] == len(rows), path
        assert [field["name"] for field in one["schema"]["fields"]] == header, path
        makers = {"integer": int, "number": float, "boolean": {"true": True, "false": False}.__getitem__, "string": str,
                  "date": lambda text: time.strptime(text, "%Y-%m-%d")}
        for row in rows:
            for field, text in zip(one["schema"]["fields"], row):
                if text != "":
                    makers[field["type"]](text)
        if "primaryKey" in one["schema"]:
            keys = [row[header.index("id")] for row in rows]
            assert len(set(keys)) == len(keys), path


def test_the_package_cites_every_source_and_says_its_licence(api, package):
    rows = api.get("/v1/sources.json").json
    told = {one["id"]: one for one in package["sources"]}
    assert set(told) == {row["id"] for row in rows}
    for row in rows:
        assert told[row["id"]]["title"] == row["title"]
        for key, name in (("path", "url"), ("licence", "licence"), ("citation", "citation")):
            assert told[row["id"]].get(key) == row[name]
    assert package["licenses"][0]["name"] == "CC0-1.0"
    assert package["version"] == api.get("/v1/").json["dataset"]["release"]


def test_rows_of_the_package_are_those_of_the_database(package, dataset):
    db = sqlite3.connect(f"file:{dataset}?mode=ro", uri=True)
    counts = {one["name"]: one.get("rows") for one in package["resources"]}
    for table in ("releases", "places"):
        assert counts[table] == db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_the_command_writes_what_the_paths_answer(api, dataset, files, tmp_path):
    done = run("export", "--dataset", dataset, "--output", tmp_path / "all")
    assert done.returncode == 0, done.stderr
    assert {file.name for file in (tmp_path / "all").iterdir()} == set(files)
    for name in files:
        assert (tmp_path / "all" / name).read_bytes() == api.raw(f"/v1/export/{name}").body, name
    done = run("export", "--dataset", dataset, "--output", tmp_path / "one", "missions.csv")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path}/one/missions.csv\n")
    assert [file.name for file in (tmp_path / "one").iterdir()] == ["missions.csv"]


def test_the_command_refuses_what_is_no_export_and_writes_nothing(dataset, tmp_path):
    done = run("export", "--dataset", dataset, "--output", tmp_path / "none", "mission.csv")
    assert done.returncode == 2
    assert "missions.csv" in done.stderr
    assert not (tmp_path / "none").exists()


# ---- ranges ----

RANGED = ["/v1/export/bluehelm.db", "/v1/export/missions.csv", "/v1/export/missions.ndjson", "/v1/export/datapackage.json"]


@pytest.mark.parametrize("path", RANGED)
def test_a_range_is_that_part_of_the_body(api, path):
    whole = api.raw(path)
    size = len(whole.body)
    assert whole.headers["Accept-Ranges"] == "bytes"
    for text, first, last in [("0-0", 0, 0), ("10-19", 10, 19), ("0-", 0, size - 1), (f"{size - 1}-", size - 1, size - 1), ("-7", size - 7, size - 1),
                              (f"-{size + 9}", 0, size - 1), (f"5-{size + 9}", 5, size - 1)]:
        part = asked(api, path, range=f"bytes={text}", accept_encoding="gzip")
        assert part.status == 206, text
        assert part.body == whole.body[first:last + 1]
        assert part.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert part.headers["Content-Encoding"] is None
        for name in ("ETag", "Content-Type", "Cache-Control", "Vary", "Accept-Ranges"):
            assert part.headers[name] == whole.headers[name], name
        if part.headers["Content-Digest"]:
            assert part.headers["Content-Digest"] == digest(part.body)


@pytest.mark.parametrize("path", RANGED)
def test_a_range_behind_the_end_is_416_with_the_length(api, path):
    size = len(api.raw(path).body)
    for text in (f"{size}-", f"{size + 5}-{size + 9}", "-0"):
        answer = api.get(path, status=416, headers={"Range": f"bytes={text}"})
        assert answer.headers["Content-Range"] == f"bytes */{size}"
        assert answer.json["code"] == "range_not_satisfiable"
        assert answer.headers["ETag"] is None and answer.headers["Content-Disposition"] is None


@pytest.mark.parametrize("path", RANGED)
@pytest.mark.parametrize("text", ["bytes=0-1,3-4", "bytes=5-4", "lines=1-2", "bytes=", "bytes=x-y"])
def test_what_is_not_one_range_is_the_whole(api, path, text):
    answer = asked(api, path, range=text)
    assert (answer.status, answer.headers["Content-Range"]) == (200, None)
    assert answer.body == api.raw(path).body


@pytest.mark.parametrize("path", RANGED)
def test_if_range_lets_through_the_strong_tag_of_the_body_alone(api, path):
    whole = api.raw(path)
    tag = whole.headers["ETag"]
    assert asked(api, path, range="bytes=1-4", if_range=tag).body == whole.body[1:5]
    for value in ('"other"', f"W/{tag}", f'{tag[:-1]}-gzip"', whole.headers["Last-Modified"]):
        assert asked(api, path, range="bytes=1-4", if_range=value).status == 200
    assert asked(api, path, range="bytes=1-4", if_none_match=tag).status == 304
    assert asked(api, path, "HEAD", range="bytes=1-4").status == 200  # ranges are of GET alone


@pytest.mark.parametrize("path", [*STREAMS, "/v1/missions.csv", LONG])
def test_a_range_of_what_has_no_length_or_is_no_export_is_ignored(api, path):
    answer = asked(api, path, range="bytes=0-9")
    assert answer.status == 200
    assert answer.headers["Accept-Ranges"] is None
    assert len(answer.body) > 10


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl")
@pytest.mark.parametrize("name", ["bluehelm.db", "missions.csv", "datapackage.json"])
def test_a_download_that_was_cut_goes_on_where_it_ended(api, tmp_path, name):
    whole = api.raw(f"/v1/export/{name}").body
    file = tmp_path / name
    file.write_bytes(whole[:len(whole) // 3])
    url = "http://{}:{}".format(*api.server.address) + f"/v1/export/{name}"
    done = subprocess.run(["curl", "-sS", "-C", "-", "-o", file, "-w", "%{http_code} %{size_download}", url], capture_output=True, text=True,
                          timeout=30 * PATIENCE)
    assert done.stdout == f"206 {len(whole) - len(whole) // 3}", done.stderr
    assert file.read_bytes() == whole


# ---- connections that are cut ----


def cut(address, path, accept):
    """Begins to read an answer and cuts the connection hard."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # the server cannot have sent it all
        sock.settimeout(30 * PATIENCE)
        sock.connect(address)
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {accept}\r\n\r\n".encode())
        assert sock.recv(1024).startswith(b"HTTP/1.1 200 OK\r\n")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_a_stream_that_is_cut_gives_back_what_it_held(dataset):
    """What is not freed the sanitizer's build finds when the server stops."""
    server = Server(dataset)
    try:
        descriptors = f"/proc/{server.process.pid}/fd"
        ways = [(path, accept) for path in (*STREAMS, "/v1/export/bluehelm.db") for accept in ("identity", "gzip", "zstd")]
        for path, accept in ways:  # each worker opens what it keeps
            for _ in range(4):
                cut(server.address, path, accept)
        end = time.monotonic() + 20 * PATIENCE
        rest = len(os.listdir(descriptors))
        for _ in range(25):
            for path, accept in ways:
                cut(server.address, path, accept)
        while len(os.listdir(descriptors)) > rest and time.monotonic() < end + 60 * PATIENCE:
            time.sleep(0.05)
        assert len(os.listdir(descriptors)) <= rest
    finally:
        server.stop()
