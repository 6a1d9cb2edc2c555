"""HTTPS: what is answered is what plain HTTP answers, and none of the promises of the edge is lost under it."""

import hashlib
import json
import os
import random
import re
import signal
import socket
import ssl
import struct
import subprocess
import time
import warnings
from pathlib import Path

import pytest
from harness import IS_SANITIZED, PATIENCE, Client, Server, run

GET = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
LAST = GET + b"Connection: close\r\n\r\n"
OWN = {"x-request-id", "date"}  # headers that differ from answer to answer
TARGETS = [
    "/", "/v1/", "/v1/missions?limit=5", "/v1/missions/minusma", "/v1/missions.csv", "/v1/casualties?limit=200", "/v1/casualties.csv", "/v1/casualties.ndjson",
    "/v1/casualties/stats?group_by=cause", "/v1/graph?at=2022-01-01", "/openapi.json", "/docs", "/v1/export", "/v1/export/casualties.ndjson", "/v1/export/missions.csv",
    "/v1/export/bluehelm.db", "/v1/nothing", "/v1/missions?x=1", "/odata/", "/healthz"]


@pytest.fixture(scope="module")
def pair(dataset, tls):
    """A plain server and one with TLS, of the same dataset."""
    args, context = tls
    servers = [Server(dataset, "--public-url", "https://figures.example"), Server(dataset, "--public-url", "https://figures.example", *args, context=context)]
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture
def small_server(fixture_dataset, tls):
    """Starts servers with TLS, of one worker, with more options."""
    servers = []

    def start(*more):
        args, context = tls
        servers.append(Server(fixture_dataset, *args, *more, workers=1, context=context))
        return servers[-1]
    yield start
    for server in servers:
        if server.process.poll() is None:
            server.stop()


def strict(context):
    """The same context for a connection on which an end without close_notify is an error."""
    def wrap(server, **more):
        sock = socket.create_connection(server.address, timeout=10 * PATIENCE)
        return context.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False, **more)
    return wrap


def read_all(sock):
    text = b""
    while chunk := sock.recv(65536):
        text += chunk
    return text


def ask(sock):
    """One whole answer, on a connection that stays."""
    sock.sendall(GET + b"\r\n")
    text = b""
    while not text.endswith(b'{"status":"ok"}\n'):
        text += sock.recv(65536)
    assert text.startswith(b"HTTP/1.1 200 ")


def shake(sock, context):
    """Shakes hands without a socket of its own: the client, and what it reads and writes."""
    client, coming, going = hello(context)
    while True:
        sock.sendall(going.read())
        try:
            client.do_handshake()
            sock.sendall(going.read())
            return client, coming, going
        except ssl.SSLWantReadError:
            coming.write(sock.recv(65536))


def cpu(server):
    """Seconds of processor that a server has used."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def files(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def hello(context=None):
    """A client without a socket: what it has to send, and where it gets what it reads."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = (context or ssl.create_default_context()).wrap_bio(coming, going, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return client, coming, going


# ---- answers ----


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method, headers", [("GET", {}), ("GET", {"Accept-Encoding": "gzip"}), ("HEAD", {"Accept-Encoding": "zstd"}), ("GET", {"Range": "bytes=100-1099"})])
def test_a_reply_is_that_of_plain_http(pair, target, method, headers):
    headers = {**headers, "X-Request-Id": "one-and-the-same"}  # problems tell it
    plain, secret = (Client(server).raw(target, method, headers) for server in pair)
    assert secret.status == plain.status
    assert {name: value for name, value in secret.headers.items() if name.lower() not in OWN} == {
        name: value for name, value in plain.headers.items() if name.lower() not in OWN}
    assert secret.body == plain.body
    tag = plain.headers["ETag"]
    if method == "GET" and tag and plain.status == 200:
        again = Client(pair[1]).raw(target, headers={**headers, "If-None-Match": tag})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)


def test_links_say_https(small_server):
    server = small_server()
    body = Client(server).raw("/odata/missions?$top=1").body.decode()
    assert f"https://127.0.0.1:{server.address[1]}/odata" in body and "http://127" not in body


def test_hsts_is_said_where_the_operator_asks_for_it(small_server):
    assert Client(small_server()).raw("/healthz").headers["Strict-Transport-Security"] is None
    client = Client(small_server("--hsts", "31536000"))
    for target in ("/healthz", "/v1/missions?limit=1", "/v1/missions?limit=1", "/v1/nothing", "/v1/missions.csv"):
        assert client.raw(target).headers["Strict-Transport-Security"] == "max-age=31536000"


# ---- records and heads ----


def test_heads_in_one_record_are_answered_in_turn(small_server):
    with small_server().connect() as sock:
        sock.sendall((GET + b"\r\n") * 99 + LAST)  # one record of 4 KiB
        assert read_all(sock).count(b"HTTP/1.1 200 ") == 100


@pytest.mark.parametrize("size", [1, 5, 1023, 8191, 8192, 8193, 16384])
def test_records_may_cut_heads_anywhere(small_server, size):
    """8192 is what we read at once, 16384 the largest record; heads of all lengths lie across both."""
    n = 3 if size < 10 else 80
    data = b"".join(GET + b"X-Pad: " + b"a" * (i * 997 % 15000 if size > 10 else i) + b"\r\n\r\n" for i in range(n)) + LAST
    with small_server().connect() as sock:
        sock.settimeout(20 * PATIENCE)
        for start in range(0, len(data), size):
            sock.sendall(data[start:start + size])
        assert read_all(sock).count(b"HTTP/1.1 200 ") == n + 1


def test_a_request_behind_one_that_was_answered_is_answered_though_nothing_more_comes(small_server):
    """Both came in one segment: no event tells of the second one."""
    server = small_server()
    for first in (GET + b"\r\n", b"GET /v1/casualties.csv HTTP/1.1\r\nHost: localhost\r\n\r\n"):
        client, coming, going = hello(server.context)
        with socket.create_connection(server.address, timeout=5 * PATIENCE) as sock:
            sock.sendall(going.read())
            while True:
                coming.write(sock.recv(65536))
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    continue
            client.write(first)
            client.write(GET[:20])
            client.write(GET[20:] + b"\r\n")
            sock.sendall(going.read())  # Finished and three records
            text = b""
            while text.count(b"HTTP/1.1 200 ") < 2 or not text.endswith(b'{"status":"ok"}\n'):
                chunk = sock.recv(65536)
                assert chunk, text[-300:]
                coming.write(chunk)
                try:
                    while True:
                        text += client.read(65536)
                except ssl.SSLWantReadError:
                    continue


def test_a_large_stream_comes_whole_to_who_reads_slowly(pair):
    plain = Client(pair[0]).raw("/v1/export/bluehelm.db").body
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(30 * PATIENCE)
        sock.connect(pair[1].address)
        with pair[1].context.wrap_socket(sock, server_hostname="localhost") as reader:
            reader.sendall(b"GET /v1/export/bluehelm.db HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            text = b""
            for _ in range(20):
                time.sleep(0.02)
                text += reader.recv(1000)
            text += read_all(reader)
    assert hashlib.sha256(text.partition(b"\r\n\r\n")[2]).digest() == hashlib.sha256(plain).digest()


def test_answers_wait_for_who_asks_a_lot_and_reads_slowly(small_server):
    """Records that find no room in the socket are finished later, and the heads behind them read then."""
    server = small_server()
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        sock.settimeout(20 * PATIENCE)
        sock.connect(server.address)
        with server.context.wrap_socket(sock, server_hostname="localhost") as reader:
            reader.sendall((b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" + GET + b"\r\n") * 2 + LAST)
            text = reader.recv(1000)
            time.sleep(0.5)  # 1.6 MB are more than a socket holds
            text += read_all(reader)
            assert text.count(b"HTTP/1.1 200 ") == 5


# ---- time ----


@pytest.mark.parametrize("size", [1, 5, 100])
def test_an_end_in_the_midst_of_a_record_is_seen_at_once(small_server, size):
    """GnuTLS says that more is needed, and no event comes again."""
    server = small_server()
    with socket.create_connection(server.address, timeout=5 * PATIENCE) as sock:
        sock.sendall(hello()[2].read()[:size])
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) in (b"", b"\x15\x03\x03\x00\x02\x01\x00")  # close_notify, that nobody asked for
    with socket.create_connection(server.address, timeout=5 * PATIENCE) as sock:
        client, coming, going = shake(sock, server.context)
        client.write(GET * 10)
        sock.sendall(going.read()[:size])
        sock.shutdown(socket.SHUT_WR)
        coming.write(read_all(sock))
        assert client.read(1000) == b""  # close_notify: without it more is wanted


@pytest.mark.parametrize("start", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_a_client_that_never_shakes_hands_is_ended_and_burns_nothing(small_server, start):
    """libmicrohttpd's own handshake takes a whole core for that."""
    server = small_server("--head-timeout", "2")
    with socket.create_connection(server.address, timeout=20 * PATIENCE) as sock:
        sock.sendall(start)
        began = time.monotonic()
        before = cpu(server)
        time.sleep(1)
        assert cpu(server) - before < 0.5
        assert Client(server).raw("/healthz").status == 200
        assert read_all(sock) == b""  # not a word that no client could read
        assert time.monotonic() - began < 2 + 4 * PATIENCE


def test_dripping_handshakes_buy_no_time_and_hold_up_nobody(small_server):
    server = small_server("--head-timeout", "2")
    _, _, going = hello()
    data = going.read()
    socks = [socket.create_connection(server.address, timeout=10) for _ in range(50)]
    began = time.monotonic()
    client = Client(server)
    before = cpu(server)
    for i in range(30):
        for sock in socks:
            try:
                sock.sendall(data[i:i + 1])
            except OSError:
                pass
        assert client.raw("/healthz").status == 200
        time.sleep(0.1)
    assert time.monotonic() - began > 2.5
    assert cpu(server) - before < 1.5 * PATIENCE
    for sock in socks:
        sock.settimeout(5 * PATIENCE)
        try:
            assert sock.recv(1) == b""
        except ConnectionError:
            pass
        sock.close()


def test_a_head_that_drips_is_told_408_and_the_end(small_server, tls):
    server = small_server("--head-timeout", "1")
    with strict(tls[1])(server) as sock:
        sock.sendall(GET)
        text = read_all(sock)  # to close_notify
        assert text.startswith(b"HTTP/1.1 408 ") and text.endswith(b"}\n")


def test_an_idle_connection_ends_with_close_notify(small_server, tls):
    server = small_server("--idle-timeout", "1")
    with strict(tls[1])(server) as sock:
        sock.sendall(GET + b"\r\n")
        assert read_all(sock).count(b"HTTP/1.1 200 ") == 1


# ---- the end ----


def test_at_the_end_idle_connections_get_close_notify_and_requests_their_answer(small_server, tls):
    server = small_server()
    wrap = strict(tls[1])
    with wrap(server) as idle, wrap(server) as fresh, socket.create_connection(server.address, timeout=10 * PATIENCE) as sock:
        ask(idle)
        client, coming, going = hello(server.context)
        sock.sendall(going.read())
        coming.write(sock.recv(65536))
        server.process.send_signal(signal.SIGTERM)
        server.wait_log("msg=draining")
        idle.settimeout(5 * PATIENCE)
        assert read_all(idle) == b"" and read_all(fresh) == b""
        # One in the midst of its handshake may finish it and ask once.
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                coming.write(sock.recv(65536))
        client.write(GET + b"\r\n")
        sock.sendall(going.read())
        while chunk := sock.recv(65536):
            coming.write(chunk)
        text = client.read(65536)
        assert text.startswith(b"HTTP/1.1 200 ") and b"\r\nConnection: close\r\n" in text
    server.stop()


def test_one_that_never_sent_a_byte_does_not_delay_the_end(small_server):
    server = small_server()
    with socket.create_connection(server.address):
        Client(server).raw("/healthz")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 5 * PATIENCE


def test_too_many_connections_are_closed_without_a_word(small_server):
    server = small_server("--connections", "2")
    with server.connect() as one, server.connect():
        with socket.create_connection(server.address, timeout=5 * PATIENCE) as sock:
            assert sock.recv(1000) == b""
        one.sendall(LAST)
        assert read_all(one).startswith(b"HTTP/1.1 200 ")


# ---- who is refused ----


def alert_of(sock):
    """The alert that a server sends in place of a handshake: (level, description)."""
    text = b""
    try:
        while chunk := sock.recv(1000):
            text += chunk
    except ConnectionError:
        pass
    kind, _, size = struct.unpack(">BHH", text[:5])
    assert (kind, size) == (21, 2), text
    return text[5], text[6]


def test_plain_http_gets_an_alert_and_nothing_else(small_server):
    server = small_server()
    for text in (GET + b"\r\n", b"\x00" * 100, bytes(range(256))):
        with socket.create_connection(server.address, timeout=5 * PATIENCE) as sock:
            sock.sendall(text)
            level, _ = alert_of(sock)
            assert level == 2
    server.wait_log('msg="tls failed" count=')


def versions(context, version):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_refused(small_server, authority, version):
    context = versions(authority.context(), version)
    context.set_ciphers("ALL:@SECLEVEL=0")
    server = small_server()
    _, _, going = hello(context)
    with socket.create_connection(server.address, timeout=5 * PATIENCE) as sock:
        sock.sendall(going.read())
        assert alert_of(sock) == (2, 70)  # protocol_version


@pytest.mark.parametrize("version, name", [(ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")])
def test_new_versions_are_spoken(small_server, authority, version, name):
    server = small_server()
    server.context = versions(authority.context(), version)
    with server.connect() as sock:
        assert sock.version() == name
        sock.sendall(LAST)
        assert read_all(sock).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "DHE-RSA-AES128-GCM-SHA256"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(small_server, authority, ciphers):
    context = versions(authority.context(), ssl.TLSVersion.TLSv1_2)
    context.set_ciphers(ciphers + ":@SECLEVEL=0")
    server = small_server()
    _, _, going = hello(context)
    with socket.create_connection(server.address, timeout=5 * PATIENCE) as sock:
        sock.sendall(going.read())
        assert alert_of(sock) == (2, 40)  # handshake_failure


@pytest.mark.parametrize("offered, chosen", [(["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), (["h2"], None), ([], None)])
def test_http_1_1_is_agreed_on_and_who_offers_only_h2_is_not_lied_to(small_server, authority, offered, chosen):
    server = small_server()
    server.context = authority.context()
    if offered:
        server.context.set_alpn_protocols(offered)
    with server.connect() as sock:
        assert sock.selected_alpn_protocol() == chosen
        sock.sendall(LAST)
        assert read_all(sock).startswith(b"HTTP/1.1 200 ")


def test_hands_are_not_shaken_again(small_server):
    """Renegotiation costs the server more than the client."""
    server = small_server()
    done = subprocess.run(["openssl", "s_client", "-tls1_2", "-quiet", "-legacy_renegotiation", "-connect", "%s:%d" % server.address], input=b"R\n" + LAST,
                          capture_output=True, timeout=20 * PATIENCE)
    assert b"HTTP/1.1 200" not in done.stdout
    assert Client(server).raw("/healthz").status == 200


def test_a_request_behind_new_keys_is_answered_though_nothing_more_comes(small_server):
    """GnuTLS takes the new keys for itself and says that more is needed, while the request lies in the socket already."""
    server = small_server()
    with subprocess.Popen(["openssl", "s_client", "-tls1_3", "-connect", "%s:%d" % server.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as client:
        while b"Verify return code" not in client.stdout.readline():
            continue
        server.process.send_signal(signal.SIGSTOP)
        for text in (b"k\n", b"k\n", GET + b"\r\n"):  # s_client looks for the letter at the beginning of what it reads
            client.stdin.write(text)
            client.stdin.flush()
            time.sleep(0.3 * PATIENCE)
        server.process.send_signal(signal.SIGCONT)
        began = time.monotonic()
        text = b""
        while b'{"status":"ok"}' not in text and time.monotonic() - began < 20 * PATIENCE:
            text += client.stdout.readline()
        assert time.monotonic() - began < 5 * PATIENCE
        client.kill()


# ---- what is left behind ----


def test_failed_handshakes_do_not_flood_the_log(small_server):
    server = small_server()
    began = time.monotonic()
    for i in range(200):
        with socket.create_connection(server.address) as sock:
            sock.sendall(b"GET / HTTP/1.1\r\n\nmsg=forged\r\n\r\n")
            alert_of(sock)
    deadline = time.monotonic() + 10 * PATIENCE
    n = 0
    while n < 200 and time.monotonic() < deadline:  # at the latest with the next client they are told
        time.sleep(0.3)
        Client(server).raw("/healthz")
        lines = [line for line in server.log if "tls failed" in line]
        n = sum(int(re.search(r"count=(\d+)", line)[1]) for line in lines)
    assert n == 200
    assert len(lines) <= 2 + time.monotonic() - began
    assert not any("forged" in line for line in server.log if line)


def test_clients_that_come_and_go_leave_nothing_behind(small_server):
    server = small_server()
    client = Client(server)
    _, _, going = hello()
    data = going.read()
    chance = random.Random(7)

    def visit(i):
        with socket.create_connection(server.address, timeout=10 * PATIENCE) as sock:
            if i % 4 == 0:  # shakes hands, and asks or not
                with server.context.wrap_socket(sock, server_hostname="localhost") as talk:
                    if i % 8 == 0:
                        talk.sendall(GET + b"\r\n")
                        talk.recv(1000)
                return
            sock.sendall(data[:chance.randrange(1, len(data))] if i % 4 < 3 else chance.randbytes(200))
            if i % 3 == 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset

    def state():
        for _ in range(100):
            if files(server) <= at_rest:
                break
            time.sleep(0.1 * PATIENCE)
        return int(re.search(r"Anonymous:\s+(\d+)", Path(f"/proc/{server.process.pid}/smaps_rollup").read_text())[1]), files(server)

    client.raw("/healthz")
    client.close()
    time.sleep(0.5)
    at_rest = files(server)
    for i in range(100):
        visit(i)
    memory, n = state()
    assert n == at_rest
    for i in range(100):
        visit(i)
    after, n = state()
    assert n == at_rest
    assert IS_SANITIZED or after < memory + 256  # KiB


# ---- certificates ----


def shown(server, context):
    """The serial number of the certificate that a new connection is shown."""
    with socket.create_connection(server.address, timeout=10 * PATIENCE) as sock, context.wrap_socket(sock, server_hostname="localhost") as talk:
        return talk.getpeercert()["serialNumber"]


def replace(link, file):
    """As certbot does: the name is a link, and another link takes its place."""
    other = link.with_name("other")
    other.symlink_to(file)
    other.rename(link)


def test_a_new_certificate_is_shown_to_who_comes_after_sighup(fixture_dataset, authority, tmp_path):
    first, second = (authority.issue(f"reload-{i}", serial=f"0x{i}{i}", kind=kind) for i, kind in ((1, "ec"), (2, "rsa:2048")))
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    certificate.symlink_to(first[0])
    key.symlink_to(first[1])
    server = Server(fixture_dataset, "--tls-certificate", certificate, "--tls-key", key, context=authority.context())
    try:
        with server.connect() as old:
            ask(old)
            assert shown(server, server.context) == "11"
            replace(certificate, second[0])
            assert shown(server, server.context) == "11"  # nobody has said so yet
            start = server.hang_up()
            server.wait_log(r'level=error msg="certificate kept" .*privkey.pem: The key does not belong to the certificate', start)
            assert shown(server, server.context) == "11"
            replace(key, second[1])
            start = server.hang_up()
            server.wait_log('msg=certificate .*subject="?CN=reload-2', start)
            for _ in range(10):
                assert shown(server, server.context) == "22"
            old.sendall(LAST)
            assert read_all(old).startswith(b"HTTP/1.1 200 ")
        for text, what in ((b"", "This is no certificate"), (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "This is no certificate"), (None, "cannot be read: No such")):
            certificate.unlink()
            if text is not None:
                certificate.write_bytes(text)
            start = server.hang_up()
            server.wait_log(f'level=error msg="certificate kept" .*{what}', start)
            assert shown(server, server.context) == "22"
    finally:
        server.stop()


def test_a_storm_of_reloads_among_handshakes_breaks_nothing(fixture_dataset, authority, tmp_path):
    pairs = [authority.issue(f"storm-{i}", serial=f"0x{i}{i}") for i in (3, 4)]
    certificate, key = tmp_path / "fullchain.pem", tmp_path / "privkey.pem"
    certificate.write_bytes(pairs[0][0].read_bytes())
    key.write_bytes(pairs[0][1].read_bytes())
    server = Server(fixture_dataset, "--tls-certificate", certificate, "--tls-key", key, context=authority.context())
    seen = set()
    for i in range(60):
        for name, source in zip((certificate, key), pairs[i // 6 % 2]):
            other = name.with_name("other")
            other.write_bytes(source.read_bytes())
            other.rename(name)
            server.process.send_signal(signal.SIGHUP)
        seen.add(shown(server, server.context))
    assert seen == {"33", "44"}
    server.stop()


def test_a_chain_is_sent_whole(fixture_dataset, authority, tmp_path):
    signer = authority.issue("between", is_signer=True)
    leaf = authority.issue("below", signer=signer)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(leaf[0].read_bytes() + signer[0].read_bytes())
    server = Server(fixture_dataset, "--tls-certificate", chain, "--tls-key", leaf[1], context=authority.context())
    assert Client(server).raw("/healthz").status == 200  # the client knows only who signed the signer
    server.stop()
    chain.write_bytes(signer[0].read_bytes() + leaf[0].read_bytes())
    done = run("serve", "--listen", "127.0.0.1:0", "--dataset", fixture_dataset, "--tls-certificate", chain, "--tls-key", leaf[1])
    assert done.returncode == 1 and "chain is not in order" in done.stderr


def test_a_pair_that_is_no_good_is_refused_with_the_reason(fixture_dataset, authority, tmp_path):
    certificate, key = authority.issue("good")
    other = authority.issue("another")
    locked, nonsense, large = tmp_path / "locked.key", tmp_path / "nonsense.pem", tmp_path / "large.pem"
    authority.openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", locked)
    nonsense.write_bytes(bytes(range(256)))
    large.write_bytes(b"a" * (1 << 20 | 1))
    os.mkfifo(tmp_path / "fifo")
    for args, status, reason in [
            (["--tls-certificate", certificate], 2, "--tls-key is missing"),
            (["--tls-key", key], 2, "--tls-certificate is missing"),
            (["--hsts", "100"], 2, "--hsts is for TLS of our own"),
            (["--tls-certificate", certificate, "--tls-key", other[1]], 1, "another.key: The key does not belong to the certificate of "),
            (["--tls-certificate", certificate, "--tls-key", locked], 1, "locked.key: The key has a passphrase"),
            (["--tls-certificate", certificate, "--tls-key", certificate], 1, "good.pem: This is no private key"),
            (["--tls-certificate", key, "--tls-key", key], 1, "good.key: This is no certificate"),
            (["--tls-certificate", nonsense, "--tls-key", key], 1, "nonsense.pem: This is no certificate"),
            (["--tls-certificate", certificate, "--tls-key", nonsense], 1, "nonsense.pem: This is no private key"),
            (["--tls-certificate", tmp_path / "none.pem", "--tls-key", key], 1, "none.pem: The certificate cannot be read: No such file"),
            (["--tls-certificate", certificate, "--tls-key", tmp_path], 1, "The key cannot be read: it is no file"),
            (["--tls-certificate", certificate, "--tls-key", tmp_path / "fifo"], 1, "fifo: The key cannot be read: it is no file"),
            (["--tls-certificate", large, "--tls-key", key], 1, "large.pem: The certificate cannot be read: File too large")]:
        done = run("serve", "--listen", "127.0.0.1:0", "--dataset", fixture_dataset, *args)
        assert done.returncode == status and reason in done.stderr, (args, done.stderr)
        assert "secret" not in done.stderr and "PRIVATE KEY" not in done.stderr.replace("-----BEGIN PRIVATE KEY-----", "")


def test_a_certificate_past_its_time_is_told_and_shown(fixture_dataset, authority):
    certificate, key = authority.issue("expired", days=-1)
    server = Server(fixture_dataset, "--tls-certificate", certificate, "--tls-key", key)
    server.wait_log('level=warning msg="certificate expired" detail=".*expired.pem: It ended ')
    with socket.create_connection(server.address, timeout=10 * PATIENCE) as sock, pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        authority.context().wrap_socket(sock, server_hostname="localhost")
    server.stop()
