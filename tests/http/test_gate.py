"""The bytes of a request: what two readers could read in two ways is refused, answered once, and ends its connection."""

import itertools
import json
import os
import re
import socket
import time
from pathlib import Path

import pytest
from harness import IS_SANITIZED, PATIENCE, Client, Server

GOOD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
END = b"Connection: close\r\n\r\n"
SMUGGLED = b"GET /v1/missions/unfix HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def field(line, status=400):
    return GOOD + line + b"\r\n\r\n" + SMUGGLED, status


def line(text, status=400):
    return text + b"\r\nHost: x\r\n\r\n" + SMUGGLED, status


# name -> (bytes, status); what follows a refused head is never answered.
REFUSED = {
    # Where a request ends.
    "length": field(b"Content-Length: 3", 413), "length-zero-zero-one": field(b"Content-Length: 001", 413),
    "length-plus": field(b"Content-Length: +3"), "length-minus": field(b"Content-Length: -1"), "length-hex": field(b"Content-Length: 0x3"),
    "length-text": field(b"Content-Length: three"), "length-empty": field(b"Content-Length:"), "length-list": field(b"Content-Length: 3, 3"),
    "length-list-of-zero": field(b"Content-Length: 0,0"), "length-blank-inside": field(b"Content-Length: 1 2"), "length-point": field(b"Content-Length: 3.0"),
    "length-huge": field(b"Content-Length: 99999999999999999999999999", 413), "length-utf8": field(b"Content-Length: \xd9\xa3"),
    "length-twice": field(b"Content-Length: 0\r\nContent-Length: 0"), "length-twice-other": field(b"Content-Length: 0\r\nContent-Length: 40"),
    "length-twice-other-case": field(b"Content-Length: 0\r\ncontent-length: 40"),
    "chunked": field(b"Transfer-Encoding: chunked", 413), "chunked-other-case": field(b"transfer-ENCODING: ChUnKeD", 413),
    "coding-unknown": field(b"Transfer-Encoding: cow", 413), "coding-identity": field(b"Transfer-Encoding: identity", 413),
    "coding-empty": field(b"Transfer-Encoding:", 413), "coding-twice": field(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", 413),
    "coding-list": field(b"Transfer-Encoding: gzip, chunked", 413), "coding-tab": field(b"Transfer-Encoding:\tchunked", 413),
    "length-and-coding": field(b"Content-Length: 0\r\nTransfer-Encoding: chunked"), "coding-and-length": field(b"Transfer-Encoding: chunked\r\nContent-Length: 3"),
    "coding-name-blank": field(b"Transfer-Encoding : chunked"), "length-name-blank": field(b"Content-Length : 3"), "length-name-tab": field(b"Content-Length\t: 3"),
    "coding-on-1.0": (b"GET /healthz HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 413),
    "length-on-1.0": (b"GET /healthz HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc" + SMUGGLED, 413),
    "post-with-body": (b"POST /v1/missions HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + SMUGGLED, 413),
    # Lines.
    "bare-lf": (b"GET /healthz HTTP/1.1\nHost: x\n\n" + SMUGGLED, 400), "bare-lf-in-line": (b"GET /healthz HTTP/1.1\r\nHost: x\nA: b\r\n\r\n" + SMUGGLED, 400),
    "bare-lf-at-end": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\n" + SMUGGLED, 400), "bare-cr": (b"GET /healthz HTTP/1.1\r\nHost: x\rA: b\r\n\r\n" + SMUGGLED, 400),
    "bare-cr-in-value": field(b"X-A: a\rb"), "cr-cr-lf": (b"GET /healthz HTTP/1.1\r\r\nHost: x\r\n\r\n" + SMUGGLED, 400),
    "lf-cr": (b"GET /healthz HTTP/1.1\n\rHost: x\n\r\n\r" + SMUGGLED, 400),
    "fold-blank": field(b"X-A: a\r\n b"), "fold-tab": field(b"X-A: a\r\n\tb"), "fold-first": (b"GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n" + SMUGGLED, 400),
    "fold-empty": field(b"X-A: a\r\n "), "fold-hides-coding": field(b"X-A: a\r\n Transfer-Encoding: chunked"),
    "two-empty-lines-before": (b"\r\n\r\n" + GOOD + END, 400),
    # Bytes.
    "nul-in-target": line(b"GET /health\0z HTTP/1.1"), "nul-in-name": field(b"X-\0A: b"), "nul-in-value": field(b"X-A: a\0b"),
    "nul-first": (b"\0" + GOOD + END, 400), "nul-in-method": line(b"G\0ET /healthz HTTP/1.1"), "nul-in-version": line(b"GET /healthz HTTP/1.1\0"),
    **{f"control-{byte:02x}-in-value": field(b"X-A: a" + bytes([byte]) + b"b") for byte in (1, 7, 8, 0x0b, 0x0c, 0x1b, 0x1f, 0x7f)},
    **{f"byte-{byte:02x}-in-name": field(b"X" + bytes([byte]) + b"A: b") for byte in b" \t\"(),/;<=>?@[\\]{}\x7f\x80\xff"},
    **{f"byte-{byte:02x}-in-target": line(b"GET /a" + bytes([byte]) + b"b HTTP/1.1") for byte in (1, 9, 0x0b, 0x23, 0x7f, 0x80, 0xc3, 0xff)},
    "utf8-in-target": line("GET /v1/missions?name=Goïta HTTP/1.1".encode()), "colon-first": field(b": a"), "no-colon": field(b"Host"),
    "colon-alone": field(b":"), "no-name": field(b" : a"),
    # The request line.
    "no-version": line(b"GET /healthz"), "only-method": line(b"GET"), "empty-method": line(b" /healthz HTTP/1.1"), "two-blanks": line(b"GET  /healthz HTTP/1.1"),
    "two-blanks-behind": line(b"GET /healthz  HTTP/1.1"), "blank-behind": line(b"GET /healthz HTTP/1.1 "), "tab": line(b"GET\t/healthz\tHTTP/1.1"),
    "blank-before": line(b" GET /healthz HTTP/1.1"), "method-with-bracket": line(b"G[T /healthz HTTP/1.1"), "blank-in-target": line(b"GET /a b HTTP/1.1"),
    "version-small": line(b"GET /healthz http/1.1"), "version-9": line(b"GET /healthz HTTP/9.9", 505), "version-2": line(b"GET /healthz HTTP/2.0", 505),
    "version-1.2": line(b"GET /healthz HTTP/1.2", 505), "version-0.9": line(b"GET /healthz HTTP/0.9", 505), "version-long": line(b"GET /healthz HTTP/1.10"),
    "version-short": line(b"GET /healthz HTTP/1"), "version-comma": line(b"GET /healthz HTTP/1,1"), "version-other": line(b"GET /healthz SIP/2.0"),
    "version-11.1": line(b"GET /healthz HTTP/11.1"), "http2-preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400), "tls": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 60 + b"\r\n\r\n", 400),
    "absolute-form": line(b"GET http://x/healthz HTTP/1.1"), "authority-form": line(b"CONNECT x:443 HTTP/1.1"), "no-slash": line(b"GET healthz HTTP/1.1"),
    "star": line(b"GET * HTTP/1.1"), "empty-target": line(b"GET  HTTP/1.1"), "fragment": line(b"GET /healthz#a HTTP/1.1"), "backslash-form": line(b"GET \\healthz HTTP/1.1"),
    "question-form": line(b"GET ?a HTTP/1.1"),
    # Host.
    "no-host": (b"GET /healthz HTTP/1.1\r\n\r\n" + SMUGGLED, 400), "two-hosts": field(b"Host: y"), "two-hosts-other-case": field(b"hOST: y"), "two-equal-hosts": field(b"Host: x"),
    "empty-host": (b"GET /healthz HTTP/1.1\r\nHost:\r\n\r\n" + SMUGGLED, 400), "blank-host": (b"GET /healthz HTTP/1.1\r\nHost:  \t \r\n\r\n" + SMUGGLED, 400),
    **{f"host-{i}": (b"GET /healthz HTTP/1.1\r\nHost: " + host + b"\r\n\r\n" + SMUGGLED, 400) for i, host in enumerate(
        [b"a b", b"a,b", b"a/b", b"a?b", b"a#b", b"a@b", b"<x>", b"x\"", b"a\\b", b"\xc3\xa4.example", b"x;y", b"x'y", b"a|b", b"$x"])},
    "no-host-but-in-target": line(b"GET http://x/healthz HTTP/1.1"),
    # Size.
    "long-target": line(b"GET /healthz?" + b"a" * 2048 + b" HTTP/1.1", 414), "huge-target": (b"GET /" + b"a" * 100000, 431), "huge-method": (b"A" * 100000, 431),
    "many-parameters": line(b"GET /v1/missions?" + b"&".join(b"a=%d" % i for i in range(257)) + b" HTTP/1.1"),
    "many-fields": (GOOD + b"".join(b"X-%d: a\r\n" % i for i in range(65)) + END, 431), "large-head": (GOOD + b"X-A: " + b"a" * 16384 + b"\r\n" + END, 431),
    "huge-name": (GOOD + b"a" * 100000, 431), "endless-fields": (GOOD + b"X-A: aaaaaaaa\r\n" * 10000, 431), "only-line-feeds": (b"\n" * 1000, 400),
    "only-line-ends": (b"\r\n" * 1000, 400), "digits": (b"1" * 20000, 431), "random": (bytes(range(256)) * 8, 400),
}

# What is odd and has one reading all the same: (bytes, statuses).
TAKEN = {
    "plain": (GOOD + END, [200]), "old": (b"GET /healthz HTTP/1.0\r\n\r\n", [200]), "old-with-host": (b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n", [200]),
    "empty-line-before": (b"\r\n" + GOOD + END, [200]), "length-zero": (GOOD + b"Content-Length: 0\r\n" + END, [200]), "length-zeros": (GOOD + b"Content-Length: 000\r\n" + END, [200]),
    "no-blank": (b"GET /healthz HTTP/1.1\r\nHost:x\r\nConnection:close\r\n\r\n", [200]), "blanks-around": (b"GET /healthz HTTP/1.1\r\nHost: \t x \t\r\n" + END, [200]),
    "empty-value": (GOOD + b"X-A:\r\n" + END, [200]), "obs-text": (GOOD + b"X-A: \xff\x80\r\n" + END, [200]), "tab-in-value": (GOOD + b"X-A: a\tb\r\n" + END, [200]),
    "odd-name": (GOOD + b"!#$%&'*+-.^_`|~09: a\r\n" + END, [200]), "close-in-list": (GOOD + b"Connection: foo, Close\r\n\r\n", [200]),
    "close-twice": (GOOD + b"Connection: keep-alive\r\nConnection: close\r\n\r\n", [200]), "host-with-port": (b"GET /healthz HTTP/1.1\r\nHost: [::1]:80\r\n" + END, [200]),
    "cookies": (GOOD + b"Cookie: " + b"a" * 15000 + b"\r\n" + END, [200]), "63-fields": (GOOD + b"".join(b"X-%d: a\r\n" % i for i in range(62)) + END, [200]),
    "expect": (GOOD + b"Expect: 100-continue\r\n" + END, [200]), "upgrade": (GOOD + b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings, close\r\n\r\n", [200]),
    "method-unknown": (b"BREW /healthz HTTP/1.1\r\nHost: x\r\n" + END, [405]), "method-small": (b"get /healthz HTTP/1.1\r\nHost: x\r\n" + END, [405]),
    "method-long": (b"M" * 300 + b" /healthz HTTP/1.1\r\nHost: x\r\n" + END, [405]), "trace": (b"TRACE /healthz HTTP/1.1\r\nHost: x\r\n" + END, [405]),
    "options-star": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\n" + END, [204]), "long-target": (b"GET /healthz?" + b"a" * 2035 + b" HTTP/1.1\r\nHost: x\r\n" + END, [400]),
    "many-parameters": (b"GET /v1/missions?" + b"&".join(b"a=%d" % i for i in range(256)) + b" HTTP/1.1\r\nHost: x\r\n" + END, [400]),
    "target-field-of-a-client": (GOOD + b"Target: /v1/nothing\r\n" + END, [200]), "refused-field-of-a-client": (GOOD + b"Refused: 3 no\r\n" + END, [200]), "pipeline": (GOOD + b"\r\n" + GOOD + b"\r\n" + GOOD + END, [200] * 3),
    "pipeline-then-bad": (GOOD + b"\r\n" + GOOD + b"\r\n" + GOOD + b"Content-Length: 5\r\n\r\nhello" + SMUGGLED, [200, 200, 413]),
    "long-pipeline": (b"".join(b"GET /v1/missions?limit=%d&fields=id HTTP/1.1\r\nHost: x\r\nX-Junk: %s\r\n\r\n" % (1 + i % 9, b"j" * (i * 37 % 900)) for i in range(300)) + GOOD + END, [200] * 301),
    **{name: (b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n" + END, [status]) for name, target, status in [
        ("dots", b"/v1/../healthz", 404), ("dot", b"/./healthz", 404), ("dots-coded", b"/v1/%2e%2e/healthz", 404), ("slashes", b"//healthz", 404), ("nul-coded", b"/healthz%00", 400),
        ("percent-cut", b"/healthz%2", 400), ("percent-odd", b"/healthz%zz", 400), ("overlong", b"/v1/missions?name=%c0%af", 400), ("surrogate", b"/v1/missions?name=%ed%a0%80", 400),
        ("latin1", b"/v1/missions?name=%e9", 400), ("line-coded", b"/v1/missions?name=%0d%0aSet-Cookie:%20a=b", 400), ("semicolon", b"/healthz;a=b", 404), ("backslash", b"/v1\\missions", 404)]},
}


@pytest.fixture(scope="module", params=["plain", "tls"])
def edge(request, fixture_dataset, tls):
    args, context = ([*tls[0], "--hsts", "31536000"], tls[1]) if request.param == "tls" else ([], None)  # one more header: there is room for it
    server = Server(fixture_dataset, "--head-timeout", "2", *args, workers=1, context=context)
    yield server
    server.stop()


def split(text):
    """The replies of a connection, each (status, headers, body)."""
    replies = []
    while text:
        head, _, rest = text.partition(b"\r\n\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])}
        status = int(re.match(rb"HTTP/1\.[01] (\d{3}) ", head)[1])
        length = int(headers.get("content-length", 0))
        assert "transfer-encoding" not in headers
        replies.append((status, headers, rest[:length]))
        text = rest[length:]
    return replies


def pieces(data, sizes):
    """The bytes in pieces of the sizes, again and again."""
    sizes = itertools.cycle(sizes)
    while data:
        size = next(sizes)
        yield data[:size]
        data = data[size:]


def send_in_pieces(server, data, sizes):
    with server.connect() as sock:
        text = b""
        try:
            for piece in pieces(data, sizes):
                sock.sendall(piece)
            while chunk := sock.recv(65536):
                text += chunk
        except (ConnectionError, TimeoutError):
            pass
        return text


def assert_refused(text, status):
    replies = split(text)
    assert [reply[0] for reply in replies] == [status], text[:400]
    _, headers, body = replies[0]
    assert headers["content-type"] == "application/problem+json" and headers["access-control-allow-origin"] == "*"
    assert headers["connection"].lower() == "close"
    problem = json.loads(body)
    assert problem["status"] == status and problem["request_id"] == headers["x-request-id"] and problem["detail"]
    assert b"\0" not in body


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_be_read_in_two_ways_is_refused_once_and_the_connection_ends(edge, name):
    data, status = REFUSED[name]
    began = time.monotonic()
    assert_refused(edge.send(data, timeout=5), status)
    assert time.monotonic() - began < 5 * PATIENCE
    assert [reply[0] for reply in split(edge.send(GOOD + END))] == [200]


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_odd_and_has_one_reading_is_answered(edge, name):
    data, statuses = TAKEN[name]
    replies = split(edge.send(data, timeout=5))
    assert [reply[0] for reply in replies] == statuses
    assert replies[-1][1]["connection"].lower() == "close" or data.startswith(b"GET /healthz HTTP/1.0")


@pytest.mark.parametrize("sizes", [[1], [2, 3], [7], [1, 100]])
@pytest.mark.parametrize("name", ["plain", "cookies", "pipeline", "pipeline-then-bad", "options-star", "dots"])
def test_how_the_bytes_are_cut_changes_nothing(edge, name, sizes):
    data, statuses = TAKEN[name]
    if len(data) > 5000 and sizes == [1]:
        sizes = [11]
    assert [reply[0] for reply in split(send_in_pieces(edge, data, sizes))] == statuses


@pytest.mark.parametrize("name", ["length-and-coding", "bare-lf", "nul-in-value", "fold-tab", "version-9", "no-host", "two-hosts", "long-target"])
def test_what_is_refused_is_refused_in_pieces_too(edge, name):
    data, status = REFUSED[name]
    data = data.removesuffix(SMUGGLED)
    assert_refused(send_in_pieces(edge, data, [1, 2]), status)


def test_a_head_that_drips_is_cut_with_a_408(edge):
    with edge.connect() as sock:
        began = time.monotonic()
        text = b""
        sock.settimeout(0.2)
        for byte in GOOD + b"X-Long: " + b"a" * 1000:
            try:
                sock.sendall(bytes([byte]))
                text += sock.recv(65536)
                break
            except TimeoutError:
                continue
            except ConnectionError:
                break
        assert text.startswith(b"HTTP/1.1 408 "), text
        assert time.monotonic() - began < 6 * PATIENCE


def test_what_a_client_calls_itself_changes_nothing(edge):
    plain = split(edge.send(b"GET /v1/missions?limit=1 HTTP/1.1\r\nHost: x\r\n" + END))[0]
    for line in [b"Forwarded: for=1.2.3.4;host=evil.example;proto=https", b"X-Forwarded-Host: evil.example", b"X-Forwarded-For: 1.2.3.4", b"Origin: https://evil.example",
                 b"X-Original-URL: /v1/facts", b"X-HTTP-Method-Override: DELETE", b"Referer: https://evil.example", b"X-Forwarded-Proto: https"]:
        other = split(edge.send(b"GET /v1/missions?limit=1 HTTP/1.1\r\nHost: evil.example:99\r\n" + line + b"\r\n" + END))[0]
        assert other[2] == plain[2] and {**other[1], "x-request-id": "", "date": ""} == {**plain[1], "x-request-id": "", "date": ""}


@pytest.mark.parametrize("size", [300, 600, 800, 990])
def test_a_reply_whose_head_finds_no_room_is_a_problem_and_not_lost(edge, size):
    """Every bracket becomes three bytes in the link to the next page."""
    target = b"GET /v1/casualties.csv?limit=1&id__not=" + b"(" * size + b"&id__not=" + b"(" * size
    for more in (b"", b"Accept: " + b"a" * 1000 + b"\r\n", b""):
        for _ in range(2):  # made, and ready
            status, headers, _ = split(edge.send(target + b" HTTP/1.1\r\nHost: x\r\n" + more + END))[0]
            assert status == 200 if size == 300 and not more else status in (200, 431)
            assert status == 431 or size < 800
            assert status != 200 or "rel=\"next\"" in headers["link"]
            assert status != 431 or size > 500 or more


def test_after_all_that_memory_and_descriptors_are_back(fixture_dataset):
    server = Server(fixture_dataset, workers=1)
    client = Client(server)

    def state():
        client.raw("/healthz")
        memory = Path(f"/proc/{server.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"Anonymous:\s+(\d+)", memory)[1]), len(os.listdir(f"/proc/{server.process.pid}/fd"))

    everything = [data for data, _ in REFUSED.values()] + [data for data, _ in TAKEN.values()]
    for data in everything:
        server.send(data, timeout=2)
    memory, files = state()
    for _ in range(3):
        for data in everything:
            with socket.create_connection(server.address) as sock:  # gone before the answer
                sock.sendall(data[:4000])
    time.sleep(0.5 * PATIENCE)
    after_memory, after_files = state()
    assert after_files <= files
    assert IS_SANITIZED or after_memory < memory + 1024  # KiB; a sanitizer keeps what was freed
    server.stop()


def test_a_version_that_is_not_spoken_is_no_failure_of_ours(edge):
    start = len(edge.log)
    edge.send(b"GET /healthz HTTP/9.9\r\nHost: x\r\n\r\n")
    assert " level=info " in edge.wait_log(r".* status=505 .*", start)[0]
