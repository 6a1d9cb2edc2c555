"""/metrics: what the process counts, as Prometheus reads it."""

import os
import re
import shutil
import socket
import subprocess
import threading
import time

import pytest

from harness import PATIENCE, ROOT, Client, Server

TYPE = "text/plain; version=0.0.4; charset=utf-8"
LINE = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<value>-?[0-9.]+)$")
REQUESTS = "bluehelm_http_requests_total"
DURATION = "bluehelm_http_request_duration_seconds"


def promtool():
    found = ROOT / "build" / "tools" / "promtool"
    found = str(found) if found.exists() else shutil.which("promtool")
    assert found, "there is no promtool; scripts/install-promtool fetches it"
    return found


def read(text):
    """{(name, ((label, value), ...)): number}; no series may stand twice."""
    figures = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        found = LINE.match(line)
        assert found, f"not a line of the format: {line!r}"
        key = found["name"], tuple(sorted(re.findall(r'([a-z_]+)="([^"]*)"', found["labels"] or "")))
        assert key not in figures, f"{line!r} stands twice"
        figures[key] = float(found["value"])
    return figures


def scrape(client):
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"] == TYPE
    return read(answer.body.decode())


def get(figures, name, **labels):
    return figures.get((name, tuple(sorted(labels.items()))), 0)


def count(figures, route, method="GET", status="200"):
    return get(figures, REQUESTS, route=route, method=method, status=status)


def until(client, is_so):
    """A request is counted when its last byte has left, which its client may see before: scrapes until it is so."""
    deadline = time.monotonic() + 10 * PATIENCE
    while not is_so(figures := scrape(client)):
        assert time.monotonic() < deadline, figures
    return figures


@pytest.fixture()
def own(fixture_dataset):
    """A client of a server that nobody else asks."""
    server = Server(fixture_dataset)
    client = Client(server)
    yield client
    client.close()
    server.stop()


def test_promtool_finds_no_fault(api):
    for path in ("/v1/missions", "/nothing/here", "/v1/missions/minusma"):
        api.raw(path)
    answer = api.get("/metrics")
    done = subprocess.run([promtool(), "check", "metrics"], input=answer.body, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["ETag"] is None


def test_promtool_would_find_a_fault():
    done = subprocess.run([promtool(), "check", "metrics"], input=b"# TYPE x counter\nx 1\n", capture_output=True, timeout=60)
    assert done.returncode != 0


def test_requests_are_counted_by_template_method_and_status(own):
    for path in ("/v1/missions/unfix", "/v1/missions/umall", "/v1/missions/no-such-mission", "/v1/missions?x=1"):
        own.raw(path)
    own.raw("/v1/missions", method="HEAD")
    own.raw("/v1/missions", method="OPTIONS")
    own.raw("/v1/missions", method="BREW")
    own.raw("/v1/missions", method="DELETE")
    tag = own.raw("/v1/missions").headers["ETag"]
    own.raw("/v1/missions", headers={"If-None-Match": tag})
    figures = until(own, lambda figures: count(figures, "/v1/missions", status="304") == 1)
    assert count(figures, "/v1/missions/{id}") + count(figures, "/v1/missions/{id}", status="404") == 3
    assert count(figures, "/v1/missions/{id}", status="404") >= 1
    assert count(figures, "/v1/missions", status="400") == 1
    assert count(figures, "/v1/missions", method="HEAD") == 1
    assert count(figures, "/v1/missions", method="OPTIONS", status="204") == 1
    assert count(figures, "/v1/missions", method="other", status="405") == 2
    assert count(figures, "/v1/missions") == 1


def test_paths_and_methods_of_strangers_make_no_new_series(own):
    own.raw("/nothing")
    before = until(own, lambda figures: count(figures, "unmatched", status="404") == 1)
    for i in range(50):
        own.raw(f"/nothing/{i}")
        own.raw(f"/v1/missions/no-{i}")
    own.raw("/nothing", method="BREW")
    after = until(own, lambda figures: count(figures, "unmatched", status="404") == 51)
    routes = {dict(labels)["route"] for (name, labels) in after if name == REQUESTS}
    assert routes == {"/metrics", "unmatched", "/v1/missions/{id}", "/openapi.json"}
    assert len({key for key in after if key[0] == REQUESTS} - set(before)) <= 4


def test_a_scrape_counts_itself_the_next_time(own):
    first = count(scrape(own), "/metrics")
    second = until(own, lambda figures: count(figures, "/metrics") > first)
    assert count(second, "/metrics") >= first + 1
    assert get(second, "bluehelm_http_requests_in_flight") == 1


def test_workers_add_up_to_the_requests_that_were_sent(own):
    def ask():
        client = Client(own.server)
        for _ in range(50):
            client.raw("/healthz")
        client.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    figures = until(own, lambda figures: count(figures, "/healthz") >= 400)
    assert count(figures, "/healthz") == 400
    assert get(figures, f"{DURATION}_count", route="/healthz") == 400


def test_buckets_rise_to_the_count_of_requests(own):
    own.raw("/v1/missions")
    figures = until(own, lambda figures: count(figures, "/v1/missions") == 1)
    for route in {dict(labels)["route"] for (name, labels) in figures if name == REQUESTS}:
        steps = [(float(dict(labels)["le"].replace("+Inf", "inf")), value) for (name, labels), value in figures.items()
                 if name == f"{DURATION}_bucket" and dict(labels)["route"] == route]
        assert [at for at, _ in steps] == [.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, float("inf")]
        assert [value for _, value in steps] == sorted(value for _, value in steps)
        requests = sum(value for (name, labels), value in figures.items() if name == REQUESTS and dict(labels)["route"] == route)
        assert steps[-1][1] == get(figures, f"{DURATION}_count", route=route) == requests
    assert get(figures, f"{DURATION}_sum", route="/v1/missions") > 0


def test_bytes_are_those_of_the_bodies(own):
    own.raw("/healthz")
    before = until(own, lambda figures: count(figures, "/healthz") == 1)
    sent = sum(len(own.raw(path).body) for path in ("/v1/missions", "/nothing", "/v1/missions.csv"))
    own.raw("/v1/missions", method="HEAD")
    # The scrape itself is in the figures of the next one alone; so its length is added to what is expected.
    figures = scrape(own)
    grown = get(figures, "bluehelm_http_response_bytes_total") - get(before, "bluehelm_http_response_bytes_total")
    assert grown >= sent


def test_a_request_whose_answer_is_not_taken_is_in_flight_and_then_is_not(own):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # the answer is larger than all buffers on its way
        sock.connect(own.server.address)
        sock.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
        figures = until(own, lambda figures: get(figures, "bluehelm_http_requests_in_flight") == 2)
        assert get(figures, "bluehelm_connections_open") == 2
    # The request ends a moment before its connection does.
    figures = until(own, lambda figures: get(figures, "bluehelm_http_requests_in_flight") == 1 and get(figures, "bluehelm_connections_open") == 1)
    assert get(figures, "bluehelm_connections_accepted_total") == 2


def test_a_head_that_never_ends_is_a_connection_and_no_request(own):
    with socket.create_connection(own.server.address, timeout=10) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
        figures = until(own, lambda figures: get(figures, "bluehelm_connections_open") == 2)
        assert get(figures, "bluehelm_http_requests_in_flight") == 1
    until(own, lambda figures: get(figures, "bluehelm_connections_open") == 1)


@pytest.mark.parametrize("option, reason", [("--connections-per-address", "address"), ("--connections", "total")])
def test_refused_connections_are_counted_with_their_reason(fixture_dataset, option, reason):
    server = Server(fixture_dataset, option, "2")
    client = Client(server)
    scrape(client)
    with socket.create_connection(server.address, timeout=10) as second:
        second.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert second.recv(9) == b"HTTP/1.1 "
        assert server.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP/1.1 503")
        figures = scrape(client)
    refused = {dict(labels)["reason"]: value for (name, labels), value in figures.items() if name == "bluehelm_connections_refused_total"}
    assert refused == {"total": 0, "address": 0, "memory": 0, reason: 1}
    client.close()
    server.stop()


def test_rows_are_those_that_the_lists_tell(api, collections):
    figures = scrape(api)
    rows = {dict(labels)["collection"]: value for (name, labels), value in figures.items() if name == "bluehelm_dataset_rows"}
    told = {name: int(api.get(f"/v1/{name}", limit=1).headers["X-Total-Count"]) for name in rows}
    assert rows == told
    # Those two tell of the declarations, which are no part of the dataset.
    assert set(collections) - set(rows) == {"meta/codes", "meta/fields"}
    ready = api.get("/readyz").json
    assert get(figures, "bluehelm_dataset_info", release=ready["release"], digest=ready["digest"]) == 1
    stamp = get(figures, "bluehelm_dataset_release_timestamp_seconds")
    assert time.strftime("%Y-%m-%d", time.gmtime(stamp)) == ready["release"]
    assert abs(time.time() - stamp - get(figures, "bluehelm_dataset_age_seconds")) < 60 * PATIENCE


def test_a_new_dataset_is_counted_anew_and_a_bad_one_is_a_failure(dataset, fixture_dataset, tmp_path):
    file = tmp_path / "current.db"
    shutil.copy(fixture_dataset, file)
    server = Server(file)
    client = Client(server)
    before = scrape(client)
    assert get(before, "bluehelm_dataset_publishes_total", result="success") == 1
    (tmp_path / "next.db").write_bytes(dataset.read_bytes())
    os.replace(tmp_path / "next.db", file)
    server.wait_log("dataset changed", server.hang_up())
    after = scrape(client)
    assert get(after, "bluehelm_dataset_rows", collection="missions") != get(before, "bluehelm_dataset_rows", collection="missions")
    assert get(after, "bluehelm_dataset_publishes_total", result="success") == 2
    file.unlink()
    file.write_bytes(b"no dataset")
    server.wait_log("dataset kept", server.hang_up())
    kept = scrape(client)
    assert get(kept, "bluehelm_dataset_publishes_total", result="failure") == 1
    assert get(kept, "bluehelm_dataset_rows", collection="missions") == get(after, "bluehelm_dataset_rows", collection="missions")
    client.close()
    server.stop()


def test_figures_of_the_process_are_those_of_the_kernel(own):
    figures = scrape(own)
    proc = f"/proc/{own.server.process.pid}"
    assert abs(get(figures, "process_open_fds") - len(os.listdir(f"{proc}/fd"))) <= 1
    limit = next(line for line in open(f"{proc}/limits") if line.startswith("Max open files"))
    assert get(figures, "process_max_fds") == int(limit.split()[3])
    resident = int(open(f"{proc}/statm").read().split()[1]) * os.sysconf("SC_PAGESIZE")
    assert 0.5 < get(figures, "process_resident_memory_bytes") / resident < 2
    assert -0.1 < time.time() - get(figures, "process_start_time_seconds") < 120 * PATIENCE  # the kernel tells it in ticks
    assert 0 < get(figures, "process_cpu_seconds_total") < 120 * PATIENCE
    assert get(figures, "process_cpu_seconds_total") <= get(scrape(own), "process_cpu_seconds_total")


def test_it_takes_no_parameter_and_no_other_method(api):
    assert api.problem("/metrics?pretty=1", 400)["param"] == "pretty"
    assert api.problem("/metrics?format=csv", 400)["param"] == "format"
    answer = api.raw("/metrics", method="POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
    head = api.raw("/metrics", method="HEAD")
    assert (head.status, head.body, head.headers["Content-Type"]) == (200, b"", TYPE)
