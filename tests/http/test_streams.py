"""Answers that are sent piece by piece: slow readers of them take neither a worker nor a dataset for ever, nor all there is."""

import os
import re
import shutil
import socket
import time

import pytest
from harness import IS_SANITIZED, PATIENCE, Client, Server

STREAM = "/v1/export/casualties.ndjson"
WHOLE_FILE = "/v1/export/bluehelm.db"


def begin(server, where=STREAM, source="127.0.0.1"):
    """Asks and reads no more than the head; gives the socket and the status."""
    sock = socket.socket()
    sock.settimeout(20 * PATIENCE)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.bind((source, 0))
    sock.connect(server.address)
    sock.sendall(f"GET {where} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    text = b""
    while b"\r\n\r\n" not in text:
        text += sock.recv(256)
    return sock, int(text[9:12]), text


def eventually(true, within=10):
    deadline = time.monotonic() + within * PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def open_files(server, name):
    """Descriptors of files with that in their name."""
    folder = f"/proc/{server.process.pid}/fd"
    result = 0
    for number in os.listdir(folder):
        try:
            result += name in os.readlink(f"{folder}/{number}")
        except OSError:
            continue
    return result


@pytest.mark.parametrize("where", [STREAM, WHOLE_FILE])
def test_of_slow_readers_no_more_are_let_in_than_may_be_and_the_others_are_answered(dataset, where):
    server = Server(dataset, "--streams", "2", workers=1)
    client = Client(server)
    first, status, _ = begin(server, where, "127.0.0.2")
    assert status == 200
    same, status, text = begin(server, where, "127.0.0.2")
    assert status == 503 and b"Retry-After: " in text  # one address has its share
    second, status, _ = begin(server, where, "127.0.0.3")
    assert status == 200
    third, status, text = begin(server, where, "127.0.0.4")
    assert status == 503 and b"Retry-After: " in text  # there are no more places
    for other in ("/healthz", "/readyz", "/v1/missions.csv", "/v1/missions/minusma", "/v1/export/missions.csv"):
        assert client.raw(other).status == 200, other
    problem = client.problem(where, 503)
    assert problem["code"] == "overloaded"
    first.close()
    eventually(lambda: client.raw(where).status == 200)
    for sock in (same, second, third):
        sock.close()
    server.stop()


def test_without_a_limit_of_streams_any_number_is_begun(dataset):
    server = Server(dataset, "--streams", "0", workers=1)
    socks = [begin(server) for _ in range(20)]
    assert [status for _, status, _ in socks] == [200] * 20
    for sock, _, _ in socks:
        sock.close()
    server.stop()


def test_a_slow_reader_keeps_the_dataset_that_it_began_with_until_its_time_is_up(dataset, fixture_dataset, tmp_path):
    place = tmp_path / "served.db"
    shutil.copyfile(dataset, place)
    limit = 3 * PATIENCE
    server = Server(place, "--send-timeout", str(int(limit)), "--streams", "1", workers=1)
    client = Client(server)
    began = time.monotonic()
    sock, status, _ = begin(server)
    assert status == 200
    shutil.copyfile(fixture_dataset, tmp_path / "new.db")
    os.replace(tmp_path / "new.db", place)
    server.hang_up()
    eventually(lambda: client.raw("/readyz").json["release"] == "2021-01-01")
    assert open_files(server, "(deleted)") > 0
    sock.settimeout(0.1)
    while open_files(server, "(deleted)") > 0:  # it reads on, and gains no time by it
        try:
            sock.recv(512)
        except (TimeoutError, ConnectionError):
            pass
        time.sleep(0.02)
        assert time.monotonic() - began < 3 * limit + 5
    assert time.monotonic() - began > limit - 1
    again, status, _ = begin(server, "/v1/export/missions.csv")
    assert status == 200
    sock.close()
    again.close()
    server.stop()


def test_when_many_streams_have_ended_their_memory_is_back(dataset):
    server = Server(dataset, "--streams", "200", workers=1)
    client = Client(server)

    def memory():
        with open(f"/proc/{server.process.pid}/smaps_rollup") as file:
            return int(re.search(r"Anonymous:\s+(\d+)", file.read())[1])

    for name in (STREAM, "/v1/missions"):
        client.raw(name)
    before = memory()
    socks = [begin(server, source=f"127.0.0.{2 + i}")[0] for i in range(40)]
    beside = memory()
    assert beside > before + 40 * 300
    for sock in socks:
        sock.close()
    if not IS_SANITIZED:  # which keeps what was freed
        eventually(lambda: client.raw("/healthz").status == 200 and memory() < before + (beside - before) / 4)
    server.stop()
