"""Ready replies: an answer that is kept is the one that would have been made, and is gone when the dataset is."""

import gzip
import itertools
import os
import re
import shutil

import pytest
from harness import Client, Server, load

# Forms, spellings, codings, reports, sums, documents and problems.
TARGETS = [
    "/v1/", "/openapi.json", "/docs", "/llms.txt", "/v1/missions", "/v1/missions?limit=100", "/v1/missions?status=ended&category=pko",
    "/v1/missions?category=pko&status=ended", "/v1/missions?category=pko&status=ended&utm_source=x&_=1", "/v1/missions?pretty=1",
    "/v1/missions.csv", "/v1/missions?format=csv", "/v1/missions?format=csv&dl=1", "/v1/missions.geojson?limit=3", "/v1/missions?shape=array&limit=2",
    "/v1/missions?limit=3&sort=-start", "/v1/missions/unfix", "/v1/missions/unfix?include=sources", "/v1/missions/UNFIX", "/v1/missions/nothing",
    "/v1/missions?nothing=1", "/v1/missions?limit=0", "/v1/facts?as_of=2020-01-01", "/v1/casualties?mission=unfix", "/v1/casualties/stats?group_by=mission",
    "/v1/casualties.ndjson", "/v1/export/missions.csv", "/v1/export/datapackage.json", "/v1/actors/unfix/network?depth=2", "/v1/graph.dot",
    "/v1/search?q=fixture", "/v1/meta/codes/cause", "/v1/odata/missions?$top=2&$count=true", "/v1/odata/$metadata", "/v1/odata/",
    "/healthz", "/readyz", "/v1/nothing"]
HEADERS = [
    {}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "gzip, deflate, br, zstd"}, {"Accept-Encoding": ""}, {"Accept-Encoding": "identity;q=0, gzip"},
    {"Accept": "text/csv"}, {"Accept": "application/json"}, {"If-None-Match": "*"}, {"If-None-Match": '"nothing"'},
    {"Range": "bytes=0-9"}, {"Prefer": "odata.maxpagesize=1"}]
OWN = {"x-request-id", "date"}  # of the answer, not of the reply


@pytest.fixture(scope="module")
def both(fixture_dataset):
    """Two servers of one worker, one that keeps replies and one that does not. The root of OData's links is where they listen."""
    servers = [Server(fixture_dataset, "--public-url", "http://here.example", "--cache-size", size, workers=1) for size in ("8388608", "0")]
    yield [Client(server) for server in servers]
    for server in servers:
        server.stop()


def reply(answer, request_id):
    headers = sorted((name.lower(), value) for name, value in answer.headers.items() if name.lower() not in OWN)
    assert answer.headers["X-Request-Id"] == request_id
    if answer.headers["Content-Type"] == "application/problem+json":  # tells the id, and so has other bytes
        body = gzip.decompress(answer.body) if answer.headers["Content-Encoding"] == "gzip" and answer.body else answer.body
        assert not body or load(body)["request_id"] == request_id
        return answer.status, [(name, value) for name, value in headers if name not in ("content-digest", "content-length")], body.replace(
            request_id.encode(), b"ID")
    return answer.status, headers, answer.body


def figures(client):
    lines = client.raw("/metrics").body.decode().splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if line.startswith("bluehelm_cache")}


@pytest.mark.parametrize("target", TARGETS)
def test_a_kept_reply_is_the_one_that_would_be_made(both, target):
    kept, made = both
    ids = (f"r-{i}" for i in itertools.count())
    for method, headers in itertools.product(["GET", "HEAD", "OPTIONS", "POST"], HEADERS):
        answers = []
        for client in (made, kept, kept, kept):
            one = next(ids)
            answers.append(reply(client.raw(target, method, {**headers, "X-Request-Id": one}), one))
        assert answers[1:] == answers[:1] * 3, (method, headers)
    for method, coding in itertools.product(["GET", "HEAD"], ["", "gzip", "zstd"]):
        tag = made.raw(target, headers={"Accept-Encoding": coding}).headers["ETag"]
        if tag is None:
            continue
        answers = [reply(client.raw(target, method, {"If-None-Match": f'"x", W/{tag}', "Accept-Encoding": coding, "X-Request-Id": "same"}), "same")
                   for client in (made, kept, kept)]
        assert answers[0][0] == 304 and answers[1:] == answers[:1] * 2


def test_what_is_asked_again_is_ready(both):
    kept, made = both
    before = figures(kept)
    for _ in range(10):
        kept.raw("/v1/missions?fields=id&limit=7")
    after = figures(kept)
    hit, miss = ('bluehelm_cache_requests_total{result="%s"}' % result for result in ("hit", "miss"))
    assert (after[hit] - before[hit], after[miss] - before[miss]) == (9, 1)
    assert after["bluehelm_cache_replies"] == before["bluehelm_cache_replies"] + 1
    assert after["bluehelm_cache_bytes"] > before["bluehelm_cache_bytes"]
    assert set(figures(made).values()) == {0}


def test_the_same_question_in_another_spelling_finds_the_same_reply(both):
    kept, _ = both
    hit = 'bluehelm_cache_requests_total{result="hit"}'
    tags, bodies = set(), set()
    spellings = ["/v1/casualties?fields=id,mission&mission=unfix&limit=9", "/v1/casualties?limit=9&mission=unfix&fields=id,mission",
                 "/v1/casualties?limit=9&mission=unfix&fields=id%2Cmission&utm_medium=mail", "/v1/casualties?limit=9&mission=un%66ix&fields=id,mission&count=exact",
                 "/v1/casualties?limit=9&sort=id&mission=unfix&fields=id,mission&offset=0&pretty=0&certainty=possible"]
    before = figures(kept)
    for spelling in spellings:
        answer = kept.raw(spelling)
        tags.add(answer.headers["ETag"])
        bodies.add(answer.body)
    assert len(tags) == len(bodies) == 1
    assert figures(kept)[hit] - before[hit] == len(spellings) - 1
    assert figures(kept)["bluehelm_cache_replies"] == before["bluehelm_cache_replies"] + 1


def test_replies_and_requests_on_one_connection_keep_their_ids(both):
    kept, _ = both
    request = "GET /v1/missions/unfix HTTP/1.1\r\nHost: x\r\nX-Request-Id: {}\r\n{}\r\n"
    text = kept.server.send("".join(request.format(f"id-{i}", "Connection: close\r\n" * (i == 19)) for i in range(20)).encode())
    assert re.findall(rb"X-Request-Id: (\S+)\r\n", text) == [f"id-{i}".encode() for i in range(20)]
    assert text.count(b"HTTP/1.1 200 OK\r\n") == 20
    made = [kept.raw("/v1/missions/unfix").headers["X-Request-Id"] for _ in range(5)]
    assert len(set(made)) == 5 and all(re.fullmatch("[0-9a-f]{16}", one) for one in made)


def test_a_large_answer_and_a_walk_leave_what_is_asked_for(fixture_dataset):
    server = Server(fixture_dataset, "--cache-size", "400000", workers=1)
    client = Client(server)
    hit = 'bluehelm_cache_requests_total{result="hit"}'
    client.raw("/v1/missions/unfix"), client.raw("/v1/missions/unfix")
    for i in range(300):
        client.raw(f"/v1/missions?id__in=unfix,x{i}")
        assert figures(client)["bluehelm_cache_bytes"] <= 400000
    assert len(client.raw("/openapi.json").body) > 400000 / 8  # too large to be kept
    client.raw("/openapi.json")
    before = figures(client)
    assert before["bluehelm_cache_dropped_total"] > 100
    client.raw("/v1/missions/unfix")
    assert figures(client)[hit] == before[hit] + 1
    client.raw("/openapi.json")
    assert figures(client)[hit] == before[hit] + 1
    server.stop()


def test_a_new_dataset_empties_the_cache_and_closes_the_old_file_at_once(fixture_dataset, dataset, tmp_path):
    place = tmp_path / "served.db"
    shutil.copyfile(fixture_dataset, place)
    server = Server(place, workers=2)
    clients = [Client(server) for _ in range(8)]  # over both workers
    old = {client.get("/v1/missions", check=False).body for client in clients}
    assert figures(clients[0])["bluehelm_cache_replies"] >= 1
    shutil.copyfile(dataset, tmp_path / "new.db")
    os.replace(tmp_path / "new.db", place)
    start = server.hang_up()
    server.wait_log("msg=published|msg=\"dataset", start)
    new = {client.get("/v1/missions", check=False).body for client in clients}
    assert len(old) == len(new) == 1 and old != new
    # Also a worker that nobody asks lets go of the old file.
    for _ in range(200):
        held = [os.readlink(f"/proc/{server.process.pid}/fd/{name}") for name in os.listdir(f"/proc/{server.process.pid}/fd")]
        if not any("(deleted)" in file for file in held):
            break
    else:
        raise AssertionError(held)
    server.stop()


def test_a_coded_body_is_kept_apart_from_the_bare_one(both):
    kept, _ = both
    bare = kept.raw("/v1/casualties", headers={"Accept-Encoding": "identity"}).body
    for _ in range(2):
        coded = kept.raw("/v1/casualties", headers={"Accept-Encoding": "gzip"})
        assert coded.headers["Content-Encoding"] == "gzip" and gzip.decompress(coded.body) == bare
    assert kept.raw("/v1/casualties", headers={"Accept-Encoding": "identity"}).body == bare
