"""Every limit of `bluehelm serve` at the lowest value that --help knows of, alone and all together: answers are right or say what is wrong."""

import http.client
import json
import re
import time

import pytest
from harness import PATIENCE, Server, run

# One number of --help: its name, its least value and what stands about it.
ROW = re.compile(r"^ +(?:-\w, )?--(?P<name>[a-z-]+) N +(?P<text>.*?)\[default [^;\]]*; (?P<low>\d+) to (?P<high>\d+) [^\]]*\]", re.M | re.S)
TARGETS = ["/healthz", "/readyz", "/v1/", "/v1/missions", "/v1/missions/minusma?include=sources", "/v1/casualties?mission=minusma&limit=3&sort=-deaths&fields=id,deaths",
           "/v1/missions?nothing=1", "/v1/nothing", "/v1/meta/codes", "/v1/claims.ndjson", "/v1/search?q=mali&limit=5", "/v1/export/missions.csv", "/v1/casualties/stats?group_by=mission",
           "/v1/missions?limit=1&utm_source=" + "a" * 300]
# What a limit may answer in place of what was asked for.
REFUSALS = {400: "parameters are counted", 414: "the target is long", 429: "the rate", 431: "the head is large", 503: "overload, deadline, size"}


def limits():
    """All options that take a number, with the least that limits anything: 0 often means that nothing is limited."""
    result = {}
    for row in ROW.finditer(run("serve", "--help").stdout):
        text = " ".join(row["text"].split())
        result[row["name"]] = "1" if row["low"] == "0" and re.search(r"\b0: (no|none|off|one)\b", text) else row["low"]
    return result


LIMITS = limits()


def ask(server, where):
    """One exchange on a connection of its own: (status, headers, body); None: the connection was closed without a word."""
    conn = http.client.HTTPConnection(*server.address, timeout=20 * PATIENCE)
    try:
        conn.request("GET", where, headers={"Accept": "*/*", "User-Agent": "x", "Connection": "close"})
        reply = conn.getresponse()
        return reply.status, reply.headers, reply.read()
    except (http.client.RemoteDisconnected, ConnectionError):
        return None
    finally:
        conn.close()


def is_right(where, answer, right):
    """Whether it is the answer that a server without such limits gives, or the begin of it that says so."""
    status, headers, body = answer
    if status != right[0]:
        return False
    if status >= 300:
        return headers["Content-Type"] == "application/problem+json" and json.loads(body)["detail"] == json.loads(right[2])["detail"]
    if body == right[2]:
        return headers["ETag"] == right[1]["ETag"]
    page, whole = json.loads(body), json.loads(right[2])
    assert page["truncated"] and page["next"] and page["data"] == whole["data"][:len(page["data"])], f"{where}: another body"
    return True


def assert_clean(where, answer, right):
    """Right, or a problem that says what is wrong; gives whether it was right."""
    if answer is None:
        return False
    if is_right(where, answer, right):
        return True
    status, headers, body = answer
    assert status in REFUSALS and headers["Content-Type"] == "application/problem+json", f"{where}: {status} {body[:300]!r}"
    problem = json.loads(body)
    assert problem["status"] == status and problem["detail"], problem
    assert status != 429 or headers["Retry-After"]
    return False


@pytest.fixture(scope="module")
def right(server):
    return {where: ask(server, where) for where in TARGETS}


def assert_correct(dataset, right, options):
    server = Server(dataset, *options, workers=0)
    n_right = 0
    for where in TARGETS:
        deadline = time.monotonic() + 5 * PATIENCE  # a connection that has just ended may still count, and health costs no rate
        answer = ask(server, where)
        while not assert_clean(where, answer, right[where]) and where == "/healthz":
            assert time.monotonic() < deadline, f"health is not told: {answer}"
            time.sleep(0.1)
            answer = ask(server, where)
        n_right += answer is not None and is_right(where, answer, right[where])
    server.stop()
    return n_right


def test_help_tells_all_limits():
    assert len(LIMITS) >= 16 and {"connections", "idle-timeout", "reply-limit", "streams"} <= set(LIMITS)
    assert all(value.isdigit() for value in LIMITS.values())


@pytest.mark.parametrize("name", [name for name in LIMITS if name != "workers"])
def test_a_limit_at_its_lowest_leaves_answers_right_or_says_what_is_wrong(dataset, right, name):
    """By far the most have nothing to do with one limit."""
    assert assert_correct(dataset, right, [f"--{name}", LIMITS[name]]) >= 1


def test_all_limits_at_their_lowest_leave_answers_right_or_say_what_is_wrong(dataset, right):
    assert assert_correct(dataset, right, [text for name, value in LIMITS.items() if name != "workers" for text in (f"--{name}", value)]) >= 1
