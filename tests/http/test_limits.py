"""Limits of requests: how many a second, who is counted, what is shed when there is too much to do, what is logged."""

import itertools
import re
import socket

import pytest
from harness import PATIENCE, Client, Server, run

TARGET = "/v1/missions/minusma"
RATE = re.compile(r'"address";r=(\d+);t=(\d+)$')
BURST = 5
addresses = (f"192.0.2.{n}" for n in itertools.count(1))


@pytest.fixture(scope="module")
def limited(dataset):
    """Five requests at once, then one a second, for each of those that a proxy on this machine speaks for."""
    server = Server(dataset, "--request-rate", "1", "--request-burst", str(BURST), "--trusted-proxies", "127.0.0.0/8, ::1")
    client = Client(server)
    assert client.document  # asked for while it may be
    yield client
    server.stop()


@pytest.fixture
def ask(limited):
    """Asks as somebody who has not asked before."""
    client, address = limited, next(addresses)

    def ask(where=TARGET, status=200, method="GET", headers=(), forwarded=None):
        answer = client.raw(where, method, {**(forwarded or {"X-Forwarded-For": address}), **dict(headers)})
        assert answer.status == status, f"{answer.status} and not {status}: {answer.body[:300]!r}"
        if method == "GET":
            client.judge(where, answer)
        return answer
    ask.address = address
    return ask


def left(answer):
    return int(RATE.match(answer.headers["RateLimit"])[1])


def refused(ask, forwarded=None):
    """The first answer that is 429: what comes back meanwhile, on a slow machine, is asked for as well."""
    for n in range(1, 300):
        try:
            ask(forwarded=forwarded)
        except AssertionError:
            assert n >= BURST, "refused before the burst was used up"
            return ask(status=429, forwarded=forwarded)
    raise AssertionError("nothing was refused")


def test_every_answer_tells_what_is_left(ask):
    first = ask()
    assert first.headers["RateLimit-Policy"] == f'"address";q={BURST};w=5'
    assert left(first) == BURST - 1
    assert 0 < int(RATE.match(first.headers["RateLimit"])[2]) <= 5
    assert left(ask("/v1/places")) <= left(first)


def test_more_than_the_burst_is_429_with_when_to_come_back(ask):
    answer = refused(ask)
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["code"] == "too_many_requests"
    assert answer.json["detail"].startswith("This address made 5 requests and more than 1 a second")
    assert left(answer) == 0


def test_another_address_is_not_concerned(ask):
    refused(ask)
    assert left(ask(forwarded={"X-Forwarded-For": next(addresses)})) == BURST - 1


def test_ipv6_is_counted_by_its_64_bits(ask):
    n = next(addresses).rpartition(".")[2]
    refused(ask, {"X-Forwarded-For": f"2001:db8:0:{n}::1"})
    ask(status=429, forwarded={"Forwarded": f'for="[2001:db8:0:{n}:ffff::2]:4711"'})
    ask(forwarded={"Forwarded": f'for="[2001:db8:1:{n}::1]"'})


def test_what_was_not_modified_and_errors_cost_nothing(ask):
    tag = ask().headers["ETag"]
    for _ in range(3 * BURST):
        assert "RateLimit" in ask(status=304, headers={"If-None-Match": tag}).headers
        ask("/v1/nothing", status=404)
        ask("/v1/missions?x=1", status=400)
        ask(method="DELETE", status=405)
    assert left(ask()) >= BURST - 2


@pytest.mark.parametrize("where", ["/healthz", "/readyz", "/readyz?pretty=1"])
def test_health_is_never_refused(ask, where):
    refused(ask)
    for _ in range(3 * BURST):
        assert ask(where).headers["RateLimit"] is None


def test_a_preflight_is_never_refused(ask):
    refused(ask)
    ask(method="OPTIONS", status=204, headers={"Access-Control-Request-Method": "GET", "Origin": "https://a.example"})


def test_a_hit_of_the_cache_costs_as_well_and_has_the_same_body(ask):
    answers = [ask() for _ in range(BURST)]
    assert len({answer.body for answer in answers}) == 1
    lefts = [left(answer) for answer in answers]
    assert lefts == sorted(lefts, reverse=True) and lefts[0] > lefts[-1]


def test_what_the_nearest_proxy_says_counts_and_not_what_the_client_wrote(ask):
    refused(ask)
    ask(status=429, forwarded={"X-Forwarded-For": f"198.51.100.1, {ask.address}"})
    ask(status=429, forwarded={"X-Forwarded-For": f"198.51.100.2,{ask.address}, 127.0.0.9"})
    ask(status=429, forwarded={"Forwarded": f"for=198.51.100.3, for={ask.address}"})
    ask(status=200, forwarded={"Forwarded": f"for={ask.address}, for=198.51.100.4"})


def test_two_fields_that_disagree_are_the_proxy_s_own(ask):
    refused(ask)
    refused(ask, {"X-Forwarded-For": ask.address, "Forwarded": "for=198.51.100.9"})
    ask(status=429, forwarded={"X-Forwarded-For": "nonsense"})
    ask(status=429, forwarded={"Accept": "*/*"})


def test_the_log_tells_the_client_and_the_proxy(limited, ask):
    start = len(limited.server.log)
    ask("/v1/places", headers={"X-Request-Id": "who-asks"})
    line = limited.server.wait_log(r"id=who-asks .*", start)[0]
    assert f" addr={ask.address} via=127.0.0.1" in line


def test_nobody_is_believed_who_is_no_proxy(dataset):
    server = Server(dataset, "--request-rate", "1", "--request-burst", "1", "--trusted-proxies", "192.0.2.0/24")
    client = Client(server)
    statuses = [client.raw(TARGET, headers={"X-Forwarded-For": next(addresses), "Forwarded": "for=192.0.2.77"}).status for _ in range(20)]
    assert statuses[0] == 200 and 429 in statuses
    assert "addr=127.0.0.1" in server.wait_log(r"route=/v1/missions/\S+ .*")[0]
    assert not any(" via=" in line for line in server.log if line)
    server.stop()


def test_without_a_limit_nothing_is_told_of_one(api):
    answer = api.get(TARGET)
    assert answer.headers["RateLimit"] is None and answer.headers["RateLimit-Policy"] is None


@pytest.mark.parametrize("value, culprit", [("10.0.0.0/33", "10.0.0.0/33"), ("127.0.0.1, proxy.example", "proxy.example")])
def test_a_list_of_proxies_that_cannot_be_read_names_the_part(value, culprit):
    done = run("serve", "--trusted-proxies", value)
    assert done.returncode == 2 and f"not '{culprit}'" in done.stderr, done.stderr


def burst(server, requests):
    """Sends each request on a connection of its own, all at once; gives the status and the text of each answer."""
    socks = [socket.create_connection(server.address, timeout=60 * PATIENCE) for _ in requests]
    for sock, where in zip(socks, requests):
        sock.sendall(f"GET {where} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    texts = []
    for sock in socks:
        chunks = []
        while chunk := sock.recv(65536):
            chunks.append(chunk)
        sock.close()
        texts.append(b"".join(chunks).decode())
    return [(int(text[9:12]), text) for text in texts]


def test_when_there_is_too_much_to_do_late_requests_are_shed_and_health_is_told(dataset):
    server = Server(dataset, "--overload-delay", "1", "--cache-size", "0", workers=1)
    # Long ones first, so that what is behind them has waited.
    asked = [f"/v1/casualties?limit=10000&offset={n}" for n in range(20)] + ["/healthz", "/readyz"] * 5
    for _ in range(20):  # the connections must be seen in one turn
        answers = burst(server, asked)
        assert {status for status, _ in answers[:20]} <= {200, 503}
        assert [status for status, _ in answers[20:]] == [200] * 10
        if any(status == 503 for status, _ in answers):
            break
    else:
        raise AssertionError("nothing was shed")
    shed = next(text for status, text in answers if status == 503)
    assert "Retry-After: 1\r\n" in shed and '"code":"overloaded"' in shed and "1 are the most" in shed
    assert Client(server).get(TARGET).status == 200
    server.stop()


def test_a_flood_of_requests_is_no_flood_of_lines_and_what_is_left_out_is_counted(dataset):
    server = Server(dataset, "--log-rate", "10", workers=1)
    client = Client(server)
    for _ in range(400):
        client.raw("/healthz")
    left_out = int(server.wait_log(r'msg="lines left out" count=(\d+)')[1])
    n_lines = sum(line is not None and "msg=request" in line for line in server.log)
    assert left_out > 0 and 100 <= n_lines < 400
    server.stop()
