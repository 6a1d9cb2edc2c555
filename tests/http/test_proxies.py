"""The examples in contrib/ for nginx, Caddy and HAProxy, each started as it stands but for ports and files: what comes through is what bluehelm says."""

import http.client
import os
import re
import shutil
import socket
import socketserver
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import IS_SANITIZED, PATIENCE, ROOT, Client, Server

pytestmark = pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")

PROXIES = ["nginx", "caddy", "haproxy"]
OWN = {"date", "x-request-id", "server", "via", "alt-svc", "connection", "keep-alive", "transfer-encoding"}  # of the connection, or of each answer
TARGETS = ["/", "/v1/missions?limit=5", "/v1/missions/minusma", "/v1/casualties.csv", "/v1/casualties?limit=200", "/v1/export/casualties.ndjson", "/openapi.json", "/v1/export/missions.csv",
           "/v1/missions?name=a%2Fb%20c", "/v1/nothing", "/v1//missions", "/v1/../healthz", "/v1/missions?x=1"]


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def replaced(text, **changes):
    """The example with other ports and files; each must stand there as often as is said."""
    for old, (new, n) in changes.items():
        assert text.count(old) == n, f"{old!r} stands {text.count(old)} times in the example and not {n} times"
        text = text.replace(old, new)
    return text


def write_nginx(directory, upstream, port, plain_port, certificate, key):
    example = replaced((ROOT / "contrib/nginx/bluehelm.conf").read_text(), **{
        "127.0.0.1:8080": (upstream, 1), "listen 443 ssl": (f"listen 127.0.0.1:{port} ssl", 1), "listen 80;": (f"listen 127.0.0.1:{plain_port};", 1),
        "/etc/letsencrypt/live/figures.example/fullchain.pem": (str(certificate), 1), "/etc/letsencrypt/live/figures.example/privkey.pem": (str(key), 1)})
    (directory / "bluehelm.conf").write_text(example)
    paths = "".join(f"{name}_temp_path {directory}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (directory / "nginx.conf").write_text(f"daemon off;\nworker_processes 1;\npid {directory}/pid;\nerror_log stderr;\nevents {{ worker_connections 256; }}\n"
                                          f"http {{\naccess_log off;\n{paths}include {directory}/bluehelm.conf;\n}}\n")
    return ["-p", directory, "-c", directory / "nginx.conf"]


def write_caddy(directory, upstream, port, plain_port, certificate, key):
    example = replaced((ROOT / "contrib/caddy/Caddyfile").read_text(), **{
        "127.0.0.1:8080": (upstream, 1), "\nfigures.example {": (f"\nhttps://localhost:{port} {{\n\ttls {certificate} {key}", 1)})
    (directory / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https disable_redirects\n\tservers {{\n\t\tprotocols h1 h2\n\t}}\n}}\n{example}")
    return ["run", "--adapter", "caddyfile", "--config", directory / "Caddyfile"]


def write_haproxy(directory, upstream, port, plain_port, certificate, key):
    (directory / "both.pem").write_bytes(certificate.read_bytes() + key.read_bytes())
    example = replaced((ROOT / "contrib/haproxy/haproxy.cfg").read_text(), **{
        "127.0.0.1:8080": (upstream, 1), "bind :80\n": (f"bind 127.0.0.1:{plain_port}\n", 1), "bind :443 ": (f"bind 127.0.0.1:{port} ", 1),
        "/etc/haproxy/figures.example.pem": (str(directory / "both.pem"), 1)})
    (directory / "haproxy.cfg").write_text(example)
    return ["-db", "-f", directory / "haproxy.cfg"]


WRITERS = {"nginx": write_nginx, "caddy": write_caddy, "haproxy": write_haproxy}


def program_of(name):
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


class Proxy:
    """One of the three on a free port, before an upstream."""

    def __init__(self, name, directory, upstream, authority, certificate_name):
        program = program_of(name)
        if program is None:
            pytest.skip(f"{name} is not installed")
        certificate, key = authority.issue(certificate_name)
        self.context, self.authority_file, self.plain_port = authority.context(), authority.file, free_port()
        self.address = ("localhost", free_port())
        directory.mkdir()
        args = WRITERS[name](directory, "%s:%d" % upstream, self.address[1], self.plain_port, certificate, key)
        self.process = subprocess.Popen([program, *map(str, args)], cwd=directory, stdout=subprocess.DEVNULL, stderr=(directory / "stderr").open("wb"),
                                        env={**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory), "XDG_CONFIG_HOME": str(directory)})
        deadline = time.monotonic() + 20 * PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.address[1]), timeout=5).close()
                return
            except OSError:
                if self.process.poll() is None and time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                self.stop()
                raise AssertionError((directory / "stderr").read_text()) from None

    def http_connection(self, timeout):
        return http.client.HTTPSConnection(*self.address, timeout=timeout, context=self.context)

    def stop(self):
        self.process.terminate()
        self.process.wait(20)


@pytest.fixture
def start(tmp_path, authority):
    """Starts proxies that end with the test."""
    proxies = []

    def start(name, upstream):
        proxies.append(Proxy(name, tmp_path / name, upstream, authority, f"alone-{name}"))
        return proxies[-1]
    yield start
    for proxy in proxies:
        proxy.stop()


@pytest.fixture(scope="module")
def direct(dataset):
    server = Server(dataset, "--public-url", "https://figures.example")
    yield server
    server.stop()


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request, tmp_path_factory, direct, authority):
    proxy = Proxy(request.param, tmp_path_factory.mktemp("proxy") / request.param, direct.address, authority, f"proxy-{request.param}")
    yield proxy
    proxy.stop()


def of_answer(answer):
    return {name.lower(): value for name, value in answer.headers.items() if name.lower() not in OWN}


@pytest.mark.parametrize("target", TARGETS)
def test_what_comes_through_is_what_bluehelm_says(proxy, direct, target):
    through, straight = Client(proxy), Client(direct)
    for method, headers in [("GET", {}), ("GET", {"Accept-Encoding": "gzip"}), ("GET", {"Accept-Encoding": "gzip, zstd"}), ("HEAD", {}), ("HEAD", {"Accept-Encoding": "gzip"}),
                            ("GET", {"Range": "bytes=100-1099"})]:
        headers = {"X-Request-Id": "one-and-the-same", **headers}
        ours, theirs = (client.raw(target, method, headers) for client in (through, straight))
        assert ours.status == theirs.status, (method, headers, ours.body[:300])
        known, real = of_answer(ours), of_answer(theirs)
        if method == "HEAD":  # who sends no body need not tell its length
            known.pop("content-length", None), real.pop("content-length", None)
        assert known == real, (method, headers)
        assert ours.body == theirs.body
        tag = theirs.headers["ETag"]
        if tag and theirs.status == 200:
            again = through.raw(target, method, {**headers, "If-None-Match": tag})
            assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
            other = through.raw(target, method, {**headers, "If-None-Match": '"other"'})
            assert (other.status, other.body) == (ours.status, ours.body)


def test_refusals_are_those_of_bluehelm(proxy):
    client = Client(proxy)
    for target, method, headers, status in [("/v1/missions?name=" + "a" * 3000, "GET", {}, 414), ("/healthz", "GET", {"Cookie": "a" * 14000, "X-More": "b" * 2300}, 431),
                                            ("/healthz", "GET", {f"X-{i}": "a" for i in range(70)}, 431), ("/healthz", "DELETE", {}, 405)]:
        answer = client.raw(target, method, headers)
        client.close()
        assert answer.status == status, answer.body[:300]
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json["status"] == status
    conn = proxy.http_connection(10 * PATIENCE)
    conn.request("POST", "/v1/missions", b"abc")
    assert conn.getresponse().status == 413


def test_many_at_once_lose_nothing(proxy):
    client = Client(proxy)
    with ThreadPoolExecutor(16) as pool:
        bodies = set(pool.map(lambda i: client.raw("/v1/missions/minusma").body, range(400)))
    assert len(bodies) == 1


def test_http_2_is_spoken_before_it(proxy, direct):
    done = subprocess.run(["curl", "--http2", "-sS", "--cacert", proxy.authority_file, "-w", "%{http_version}", f"https://localhost:{proxy.address[1]}/v1/missions/minusma"],
                          capture_output=True, check=True, timeout=20 * PATIENCE)
    assert done.stdout == Client(direct).raw("/v1/missions/minusma").body + b"2"


def test_connections_that_bluehelm_closed_meanwhile_lose_nothing(dataset, start):
    """With an idle-timeout of a second every connection that a proxy keeps is closed when it is wanted again."""
    server = Server(dataset, "--idle-timeout", "1")
    try:
        clients = [Client(start(name, server.address)) for name in PROXIES if program_of(name)]
        for _ in range(3):
            assert [client.raw("/healthz").status for client in clients] == [200] * len(clients)
            time.sleep(1.5)
    finally:
        server.stop()


class Echo(socketserver.StreamRequestHandler):
    """Stands in the place of bluehelm, and answers with the head that it got."""

    def handle(self):
        while True:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(head), head))


@pytest.fixture(scope="module")
def echo():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("name", PROXIES)
def test_the_address_of_the_client_comes_through_and_no_other(name, echo, start):
    client = Client(start(name, echo.server_address))
    for forged in ({}, {"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9", "x-forwarded-for": "203.0.113.9, 127.0.0.1"}):
        head = client.raw("/v1/missions?a=%2F..//b", headers=forged).body.decode()
        assert head.startswith("GET /v1/missions?a=%2F..//b HTTP/1.1\r\n")
        assert re.findall(r"(?im)^x-forwarded-for:\s*(.*?)\s*$", head) == ["127.0.0.1"]
        assert "203.0.113.9" not in head and not re.search("(?im)^forwarded:", head)
        assert re.findall(r"(?im)^host:\s*(.*?)\s*$", head)[0].startswith("localhost")


@pytest.mark.parametrize("name", ["nginx", "haproxy"])
def test_plain_http_is_sent_to_https(name, echo, start):
    conn = http.client.HTTPConnection("127.0.0.1", start(name, echo.server_address).plain_port, timeout=10 * PATIENCE)
    conn.request("GET", "/v1/missions?limit=1", headers={"Host": "figures.example"})
    answer = conn.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, "https://figures.example/v1/missions?limit=1")
    conn.close()
