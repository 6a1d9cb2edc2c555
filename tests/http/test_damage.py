"""A dataset file that is cut off, foreign, damaged or written into: it is refused with a reason, or the requests that need the damaged page are, and never is there a wrong body."""

import os
import shutil
import sqlite3
import subprocess
import threading
import time

import pytest

from harness import PATIENCE, PROGRAM, ROOT, Client, Server, build, seal

PATHS = ["/v1/missions", "/v1/missions/unfix", "/v1/casualties?limit=500", "/v1/facts", "/v1/claims?include=sources", "/v1/relationships",
         "/v1/places", "/v1/sources", "/v1/events", "/v1/actors", "/v1/search?q=niger", "/v1/casualties/stats?group_by=mission",
         "/v1/casualties.csv", "/v1/graph.dot?focus=ministry", "/v1/meta/codes?limit=500", "/odata/missions"]
PAGE = 4096


URL = ("--public-url", "http://damage.example")  # the links of OData do not tell the servers apart


@pytest.fixture(scope="module")
def right(fixture_dataset):
    server = Server(fixture_dataset, *URL)
    client = Client(server)
    answers = {path: client.raw(path) for path in PATHS}
    server.stop()
    return answers


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another dataset, which differs in the name of a mission."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copytree(ROOT / "tests" / "fixture", folder / "text")
    missions = folder / "text" / "missions.csv"
    missions.write_text(missions.read_text().replace("United Nations Fixture Mission", "Renamed Mission"))
    return build(folder / "text", folder / "other.db")


def pages_of(file):
    return int.from_bytes(file.read_bytes()[28:32], "big")


def flip(file, page, place=None):
    """Changes one byte of a page, counted from 1."""
    data = bytearray(file.read_bytes())
    data[(page - 1) * PAGE + (place if place is not None else 1000)] ^= 1
    file.write_bytes(data)


def start_fails(file, *args):
    done = subprocess.run([PROGRAM, "serve", "--listen", "127.0.0.1:0", "--dataset", file, *args], cwd=ROOT, capture_output=True, text=True,
                          timeout=60 * PATIENCE)
    assert done.returncode == 1, done.stderr
    return done.stderr


def damaged(good, file, change):
    shutil.copyfile(good, file)
    change(file)
    return file


def cut_to(size):
    return lambda file: os.truncate(file, size)


def test_what_is_not_whole_is_refused_with_its_reason_and_the_old_one_goes_on(fixture_dataset, other, tmp_path):
    size, pages = other.stat().st_size, pages_of(other)
    cases = {
        "its header says": cut_to(size - 1), "bytes, and its header": cut_to(size // 2), "has no seal": cut_to(pages * PAGE),
        "seal is damaged": lambda file: flip(file, pages + 1, 3), f"page {pages} of {pages} is not": lambda file: flip(file, pages),
        "schema version 99": lambda file: sqlite3.connect(file).execute("PRAGMA user_version = 99"),
        "application_id 7": lambda file: sqlite3.connect(file).execute("PRAGMA application_id = 7"),
        "not a database": lambda file: file.write_bytes(b"no database at all, but long enough to be one to somebody in a hurry" * 40),
        **{f"page {page} of {pages} is not what was written": (lambda file, page=page: flip(file, page)) for page in range(2, pages, pages // 9)},
    }
    place = tmp_path / "served.db"
    shutil.copyfile(fixture_dataset, place)
    server = Server(place)
    client = Client(server)
    before = client.get("/v1/missions")
    for reason, change in cases.items():
        bad = damaged(other, tmp_path / "bad.db", change)
        assert reason in start_fails(bad, "--verify", "full"), reason
        os.replace(bad, place)
        start = server.hang_up()
        assert reason in server.wait_log("dataset kept.*", start)[0], reason
        again = client.get("/v1/missions")
        assert (again.body, again.headers["ETag"]) == (before.body, before.headers["ETag"]), reason
    client.get("/readyz")
    shutil.copyfile(other, tmp_path / "good.db")
    os.replace(tmp_path / "good.db", place)
    start = server.hang_up()
    server.wait_log("dataset changed", start)
    assert client.get("/v1/missions").body != before.body
    server.stop()


def ask_all(client, right):
    """Asks for everything: right, or a problem that says what is the matter. How many were not right."""
    bad = 0
    for path, whole in right.items():
        answer = client.raw(path)
        if answer.status == 503:
            assert answer.json["code"] == "dataset_damaged" if "/odata" not in path else b"dataset_damaged" in answer.body, answer.body
            assert answer.headers["ETag"] is None and answer.headers["Cache-Control"] == "no-store"
            bad += 1
        else:
            assert answer.status == whole.status and answer.body == whole.body, path
    return bad


def test_a_damaged_page_that_is_met_while_answering_is_a_503_and_is_seen_by_everybody(fixture_dataset, right, tmp_path):
    place, pages = tmp_path / "served.db", pages_of(fixture_dataset)
    n_bad, n_started = 0, 0
    for page in range(3, pages, max(1, pages // 12)):
        damaged(fixture_dataset, place, lambda file, page=page: flip(file, page))
        try:
            server = Server(place, *URL, workers=1)
        except AssertionError as error:  # a page that the start has to read
            assert f"page {page} is not what was written" in str(error), error
            continue
        client = Client(server)
        n_started += 1
        n_bad += ask_all(client, right)
        server.wait_log(rf'msg="dataset damaged".*page {page} of', 0)
        problem = client.problem("/readyz", 503)
        assert problem["code"] == "dataset_damaged"
        assert "bluehelm_dataset_damaged 1" in client.raw("/metrics").body.decode()
        assert client.raw("/healthz").status == 200
        ask_all(client, right)
        assert sum("dataset damaged" in line for line in server.log if line) == 1
        shutil.copyfile(fixture_dataset, tmp_path / "good.db")
        os.replace(tmp_path / "good.db", place)
        start = server.hang_up()
        server.wait_log("dataset changed", start)
        client.get("/readyz")
        assert ask_all(client, right) == 0
        assert "bluehelm_dataset_damaged 0" in client.raw("/metrics").body.decode()
        server.stop()
    assert n_started > 4 and n_bad > 4


def test_verify_off_takes_what_other_programs_wrote(fixture_dataset, tmp_path):
    file = tmp_path / "changed.db"
    shutil.copyfile(fixture_dataset, file)
    with sqlite3.connect(file) as db:
        db.execute("UPDATE missions SET name = 'By hand' WHERE id = 'unfix'")
    db.close()
    assert "is not what was written" in start_fails(file, "--verify", "full")
    server = Server(file, "--verify", "off")
    assert Client(server).get("/v1/missions/unfix").data["name"] == "By hand"
    server.stop()
    seal(file)
    assert subprocess.run([PROGRAM, "check", file], capture_output=True).returncode == 1  # its digest is another one now


@pytest.mark.parametrize("mapped", ["cut", "overwritten"])
def test_whoever_writes_into_the_served_file_gets_no_wrong_answer_out(fixture_dataset, other, right, tmp_path, mapped):
    """`cp new.db served.db` instead of a rename: the file under the server is cut off and written anew while it is read."""
    place = tmp_path / "served.db"
    shutil.copyfile(fixture_dataset, place)
    server = Server(place, *URL, "--cache-size", "0", workers=2)
    failures, stop, counts = [], threading.Event(), {200: 0, 503: 0}

    def ask():
        client = Client(server)
        while not stop.is_set() and not failures:
            for path, whole in right.items():
                try:
                    answer = client.raw(path)
                except (ConnectionError, OSError) as error:
                    failures.append(f"{path}: {error!r}")
                    return
                counts[answer.status] = counts.get(answer.status, 0) + 1
                if answer.status != 503 and (answer.status, answer.body) != (whole.status, whole.body):
                    failures.append(f"{path}: {answer.status} {answer.body[:200]!r}")

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    whole, new = fixture_dataset.read_bytes(), other.read_bytes()
    try:
        time.sleep(0.1)
        for _ in range(5):
            with open(place, "r+b") as file:
                if mapped == "cut":
                    file.truncate(PAGE)
                    time.sleep(0.02)
                file.write(new)
                file.truncate(len(new))
            time.sleep(0.02)
            place.write_bytes(whole)
            time.sleep(0.02)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[0]
    assert counts[200] > 0 and set(counts) <= {200, 503}, counts
    client = Client(server)
    deadline = time.monotonic() + 30 * PATIENCE
    while client.raw("/readyz").status != 200:  # the same bytes stand there again: that is found by itself
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert ask_all(client, right) == 0
    server.stop()


def test_a_new_date_on_the_file_changes_nothing(fixture_dataset, right, tmp_path):
    place = tmp_path / "served.db"
    shutil.copyfile(fixture_dataset, place)
    server = Server(place, *URL, "--cache-size", "0", workers=1)
    client = Client(server)
    assert ask_all(client, right) == 0
    os.utime(place)
    assert client.raw("/v1/missions").status in (200, 503)  # opened anew after the first look
    assert ask_all(client, right) == 0
    client.get("/readyz")
    server.stop()


def test_a_query_that_wants_more_memory_is_a_503(dataset):
    """Groups of every row, sorted: more than the least that can be set."""
    server = Server(dataset, "--query-memory", "65536", "--cache-size", "0", workers=1)
    client = Client(server)
    large = "/v1/casualties/stats?group_by=mission,year(date),cause,personnel_type&limit=1000"
    problem = client.problem(large, 503)
    assert problem["code"] == "query_too_large"
    for _ in range(3):  # small ones are answered as ever, on the same connection
        assert client.get("/v1/missions/minusma").status == 200
    assert client.problem(large, 503)["code"] == "query_too_large"
    server.stop()
    server = Server(dataset, workers=1)
    assert Client(server).get(large).meta["total"] > 500
    server.stop()
