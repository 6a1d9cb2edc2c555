"""The dataset is swapped whole, under load, and a bad file changes nothing."""

import os
import shutil
import threading
import time

import pytest

from harness import PATIENCE, ROOT, Client, Server, build

PATHS = ["/v1/missions", "/v1/missions/unfix", "/v1/casualties?mission=unfix&series=roll&limit=3", "/v1/facts?sort=-start",
         "/v1/claims?number__gte=5&include=sources", "/v1/relationships?at=2019", "/v1/", "/readyz"]


@pytest.fixture(scope="module")
def files(tmp_path_factory, fixture_dataset):
    """Two datasets that differ in the name of a mission, a number and the release."""
    folder = tmp_path_factory.mktemp("swap")
    text = folder / "text"
    shutil.copytree(ROOT / "tests" / "fixture", text)
    missions = text / "missions.csv"
    missions.write_text(missions.read_text().replace("United Nations Fixture Mission", "Renamed Mission"))
    casualties = text / "casualties.csv"
    casualties.write_text(casualties.read_text().replace("killed,2,2,2,exactly,2", "killed,7,7,7,exactly,7"))
    releases = text / "releases.csv"
    releases.write_text(releases.read_text() + "2022-02-02,2022-02-02,Third made-up state,A mission was renamed.,roll-2021\n")
    return fixture_dataset, build(text, folder / "other.db")


def put(file, place):
    """A new file is written beside and renamed into place, as the program itself does it."""
    fresh = place.with_suffix(".new")
    shutil.copyfile(file, fresh)
    os.replace(fresh, place)


@pytest.fixture
def swapped(files, tmp_path):
    place = tmp_path / "served.db"
    put(files[0], place)
    server = Server(place, workers=4)
    yield server, place
    server.stop()


def digest_of(client):
    return client.get("/readyz").json["digest"]


def wait_digest(client, digest):
    deadline = time.monotonic() + 10 * PATIENCE
    while digest_of(client) != digest:
        assert time.monotonic() < deadline, "SIGHUP does not change the dataset"
        time.sleep(0.01)


def expected_of(files):
    """For each dataset: digest, and for each path ETag and body."""
    result = {}
    for file in files:
        server = Server(file)
        client = Client(server)
        result[digest_of(client)] = {path: (client.get(path).headers["ETag"], client.get(path).body) for path in PATHS}
        server.stop()
    assert len(result) == 2
    return result


def test_under_load_every_answer_is_whole_and_of_one_dataset(swapped, files):
    server, place = swapped
    expected = expected_of(files)
    digests = list(expected)
    right = {path: {answers[path] for answers in expected.values()} for path in PATHS}
    for path in PATHS:
        assert len({body for _, body in right[path]}) == 2, f"{path} does not tell the datasets apart"
    failures, n_answers, stop = [], [0] * 8, threading.Event()

    def ask(number):
        client = Client(server)
        i = number
        try:
            while not stop.is_set() and not failures:
                path = PATHS[i % len(PATHS)]
                i += 1
                answer = client.raw(path)
                if answer.status != 200 or (answer.headers["ETag"], answer.body) not in right[path]:
                    failures.append(f"{path}: {answer.status} {answer.headers['ETag']} {answer.body[:300]!r}")
                n_answers[number] += 1
        except Exception as error:  # a thread's exception is nobody's but ours to report
            failures.append(repr(error))
        finally:
            client.close()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    client = Client(server)
    client.document  # read before: one document for both
    try:
        for i in range(1, 21):
            put(files[i % 2], place)
            server.hang_up()
            wait_digest(client, digests[i % 2])
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures, failures[0]
    assert min(n_answers) > 20, n_answers


def test_an_old_etag_does_not_outlive_its_dataset(swapped, files):
    server, place = swapped
    client = Client(server)
    old = client.get("/v1/missions")
    client.get("/v1/missions", status=304, headers={"If-None-Match": old.headers["ETag"]})
    digest = digest_of(client)
    put(files[1], place)
    server.hang_up()
    deadline = time.monotonic() + 10 * PATIENCE
    while digest_of(client) == digest and time.monotonic() < deadline:
        time.sleep(0.01)
    new = client.get("/v1/missions", headers={"If-None-Match": old.headers["ETag"]})
    assert new.meta["release"] == "2022-02-02"
    assert new.headers["ETag"] != old.headers["ETag"]


def test_a_cursor_does_not_outlive_its_dataset(swapped, files):
    server, place = swapped
    client = Client(server)
    cursor = client.get("/v1/casualties", limit=2).json["next"]
    digest = digest_of(client)
    put(files[1], place)
    server.hang_up()
    deadline = time.monotonic() + 10 * PATIENCE
    while digest_of(client) == digest and time.monotonic() < deadline:
        time.sleep(0.01)
    problem = client.problem("/v1/casualties", 410, cursor=cursor)
    assert problem["code"] == "stale_cursor"


def broken_files(good, folder):
    garbage = folder / "garbage.db"
    garbage.write_bytes(b"this is not a dataset\n" * 500)
    empty = folder / "empty.db"
    empty.write_bytes(b"")
    short = folder / "short.db"
    short.write_bytes(good.read_bytes()[:good.stat().st_size // 2])
    newer = folder / "newer.db"
    data = bytearray(good.read_bytes())
    data[60:64] = (99).to_bytes(4, "big")  # user_version: the version of the schema
    newer.write_bytes(data)
    other = folder / "other.db"
    data = bytearray(good.read_bytes())
    data[68:72] = b"abcd"  # application_id
    other.write_bytes(data)
    return [garbage, empty, short, newer, other]


def test_a_bad_file_leaves_the_old_dataset_and_is_named_in_the_log(swapped, files, tmp_path):
    server, place = swapped
    client = Client(server)
    before = client.get("/v1/missions")
    digest = digest_of(client)
    for bad in broken_files(files[1], tmp_path):
        put(bad, place)
        start = server.hang_up()
        server.wait_log(r"level=(error|warning|warn)\b", start)
        assert digest_of(client) == digest, bad.name
        again = client.get("/v1/missions")
        assert (again.body, again.headers["ETag"]) == (before.body, before.headers["ETag"]), bad.name
    place.unlink()
    start = server.hang_up()
    server.wait_log(r"level=(error|warning|warn)\b", start)
    assert digest_of(client) == digest
    put(files[1], place)
    server.hang_up()
    deadline = time.monotonic() + 10 * PATIENCE
    while digest_of(client) == digest:
        assert time.monotonic() < deadline, "a good file after bad ones is not taken"
        time.sleep(0.01)


def test_many_signals_at_once_do_no_harm(swapped, files):
    server, place = swapped
    client = Client(server)
    for i in range(50):
        put(files[i % 2], place)
        server.hang_up()
    put(files[1], place)
    server.hang_up()
    deadline = time.monotonic() + 10 * PATIENCE
    while client.get("/v1/missions", check=False).meta["release"] != "2022-02-02":
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_without_a_dataset_the_server_does_not_start_or_is_not_ready(tmp_path):
    """Either is honest; serving nothing as 200 is not."""
    try:
        server = Server(tmp_path / "missing.db")
    except AssertionError as error:
        assert "missing.db" in str(error)
        return
    client = Client(server)
    assert client.raw("/healthz").status == 200
    for path in ("/readyz", "/v1/missions"):
        answer = client.raw(path)
        assert answer.status == 503 and answer.headers["Retry-After"]
    server.stop()
