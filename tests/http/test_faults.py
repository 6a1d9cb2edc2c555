"""What fails around the program: calls of the C library, disks, descriptors, clocks, readers of the log, and kill -9. scripts/faults runs the same
at length."""

import contextlib
import errno
import itertools
import os
import resource
import shutil
import signal
import socket
import subprocess
import time

import pytest

import faults
from faults import ERROR, HANG, PLANS, REQUESTS, SHORT, Bench, FaultyServer, Killer, ask, fail_command, fail_each, fail_start, fail_swap
from harness import IS_SANITIZED, PATIENCE, PROGRAM, ROOT, Server

IS_PLAIN = not IS_SANITIZED and b"__tsan_init" not in PROGRAM.read_bytes()
preloaded = pytest.mark.skipif(not IS_PLAIN, reason="a sanitizer has the calls of the C library for itself")
mounting = pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None
                              or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0,
                              reason="small disks are made by mounting them")
WAYS = {plan: f"{plan[0]}-{errno.errorcode.get(plan[2], 'short')}" for plan in PLANS}


def sparse(divisor, first=1):
    """1, 2, 3, ... and then ever farther apart: what is allocated late is allocated often."""
    n = first
    while True:
        yield n
        n += max(1, n // divisor)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    return Bench(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def faulty(tmp_path_factory, dataset):
    server = FaultyServer(tmp_path_factory.mktemp("faulty"), dataset, "--cache-size", "0")
    yield server
    server.stop()


@preloaded
@pytest.mark.parametrize("plan", PLANS, ids=WAYS.get)
def test_a_request_survives_a_call_that_fails(faulty, plan):
    names = ["item", "filtered", "range", "problem", "stream, gzip"] if plan[0] != "memory" else ["item", "filtered", "sums", "OData", "zstd"]
    tally = {}
    for request in REQUESTS:
        if request[0] in names:
            fail_each(faulty, request, plan, sparse(10), tally=tally)
    assert tally.get("right", 0) >= len(names) and set(tally) <= {"right", "error", "cut", "hintless"}
    if plan[:2] == ("read", ERROR):
        faults.wait_ready(faulty)


@preloaded
@pytest.mark.parametrize("plan", [plan for plan in PLANS if plan[0] in ("memory", "read", "file")], ids=WAYS.get)
def test_a_start_that_fails_says_why_or_works(bench, plan):
    fail_start(bench, plan, sparse(2))


@preloaded
def test_a_swap_that_fails_keeps_the_old_dataset(bench):
    served = bench.folder / "served.db"
    shutil.copyfile(bench.datasets[0], served)
    server = FaultyServer(bench.folder, served)
    tally = {}
    for plan in PLANS:
        if plan[0] in ("memory", "read", "file"):
            fail_swap(server, bench, served, plan, sparse(4), tally)
    server.stop()
    assert tally["new"] > 10 and tally["kept"] > 10


@preloaded
@pytest.mark.parametrize("name", ["build", "import", "check", "export"])
def test_a_command_that_fails_leaves_the_old_or_the_new(bench, name):
    exports = faults.exports_of(bench) if name == "export" else None
    for plan in PLANS:
        if plan[0] in ("memory", "read", "write", "file") and plan[2] not in (errno.EINTR, errno.EMFILE):
            fail_command(bench, name, plan, sparse(1), exports)
    if name == "build":  # SQLite leaves its journal where it cannot see whether the file is in its place
        fail_command(bench, name, ("file", ERROR, errno.EIO, False), range(60, 75))


def test_what_kill_9_leaves_is_the_old_or_the_new_dataset(bench):
    killer = Killer(bench, 1)
    for i in range(20 if IS_PLAIN else 5):
        killer.round(i)
    killer.end()


# ---- Disks ----

def on_small_disk(place, size, script):
    """Runs a script in a folder that is a disk of its own, of that many KiB; (status, output)."""
    place.mkdir(exist_ok=True)
    done = subprocess.run(["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size={size}k none "{place}" && cd "{place}" && {script}'],
                          cwd=ROOT, capture_output=True, text=True, timeout=60 * PATIENCE)
    return done.returncode, done.stdout + done.stderr


@mounting
@pytest.mark.parametrize("name", ["build", "import", "export"])
def test_a_full_disk_leaves_the_old_dataset(bench, tmp_path, name):
    place = tmp_path / "disk"
    args, old, new = bench.commands(place)[name]
    before, after = bench.datasets[old], bench.folder / "kept.db"
    size = before.stat().st_size >> 10
    command = " ".join(f"'{arg}'" for arg in [PROGRAM, *args])
    seen = set()
    for room in (8, 300, size + 400, 4 * size) if name == "export" else (8, size // 2, size, size + 100, 2 * size, 4 * size):
        code, said = on_small_disk(place, size + 8 + room, f"cp '{before}' data.db || exit 9; cd '{ROOT}'; {command}; code=$?;"
                                   f" cp '{place}/data.db' '{after}'; ls '{place}' '{place}/out' 2>/dev/null | grep -E 'tmp-|part$'; exit $code")
        assert code in (0, 1) and "tmp-" not in said and ".part" not in said, said
        assert code == 0 or "bluehelm: " in said, said
        digest = faults.digest_of(after)
        assert digest == bench.digests[new if code == 0 else old], said
        seen.add(code)
    assert seen == {0, 1}


# ---- The log ----

def start_logging_to(stderr, dataset, command=()):
    process = subprocess.Popen([*command, PROGRAM, "serve", "--listen", "127.0.0.1:0", "--dataset", dataset, "--workers", "1"], cwd=ROOT, stderr=stderr)
    deadline = time.monotonic() + 20 * PATIENCE
    while (address := faults.listening(process.pid)) is None:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    return process, address


def assert_goes_on(process, address, n):
    right = ask(address, "/v1/missions", {}).what()
    assert right[0] == 200
    for _ in range(n):
        assert ask(address, "/v1/missions", {}).what() == right
    process.send_signal(signal.SIGHUP)
    assert ask(address, "/v1/missions", {}).what() == right
    process.terminate()
    assert process.wait(HANG * 4 * PATIENCE) == 0


@pytest.mark.parametrize("kind", ["closed", "stopped", "socket"])
def test_a_log_that_nobody_reads_holds_nobody_up(fixture_dataset, kind):
    """A pipe whose reader went away, and ones whose reader stands still: the pipe is full after some 300 lines, and then lines are lost."""
    reader, writer = (one.detach() for one in socket.socketpair()) if kind == "socket" else os.pipe()
    process, address = start_logging_to(writer, fixture_dataset)
    os.close(writer)
    if kind == "closed":
        os.close(reader)
    assert_goes_on(process, address, 20 if kind == "closed" else 1500 if kind == "socket" else 600)
    if kind != "closed":
        os.close(reader)


@mounting
def test_a_log_on_a_full_disk_holds_nobody_up(fixture_dataset, tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    script = f'mount -t tmpfs -o size=64k none "{place}" && (head -c 200000 /dev/zero >"{place}/full" 2>/dev/null; exec "$@" 2>>"{place}/full")'
    process, address = start_logging_to(None, fixture_dataset, ["unshare", "-m", "sh", "-c", script.replace("(head", "{ head").replace(")", "; }"), "sh"])
    assert_goes_on(process, address, 20)


# ---- Descriptors ----

def limited(n):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n))


@pytest.mark.parametrize("name", ["build", "import", "check", "get"])
def test_few_descriptors_are_a_clean_failure(bench, name):
    seen = set()
    for n in range(3, 14):
        args, old, new = bench.commands(bench.folder / "place")[name]
        place = bench.place(old)
        done = subprocess.run([PROGRAM, *map(str, args)], cwd=ROOT, capture_output=True, text=True, preexec_fn=limited(n), timeout=60 * PATIENCE,
                              env={**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"})  # which takes descriptors
        if done.returncode == 127:  # the dynamic linker itself had none
            continue
        assert done.returncode in (0, 1, 2), done.stderr
        assert done.returncode == 0 or "bluehelm: " in done.stderr, done.stderr
        assert bench.state(place) == (new if done.returncode == 0 else old), done.stderr
        assert not bench.left_over(place)
        seen.add(min(done.returncode, 1))
    assert seen == {0, 1}


def test_a_server_without_descriptors_answers_again_when_there_are_some(fixture_dataset):
    process = subprocess.Popen([PROGRAM, "serve", "--listen", "127.0.0.1:0", "--dataset", fixture_dataset, "--workers", "1"], cwd=ROOT,
                               stderr=subprocess.DEVNULL, preexec_fn=limited(40))
    deadline = time.monotonic() + 20 * PATIENCE
    while (address := faults.listening(process.pid)) is None:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.01)
    right = ask(address, "/v1/missions", {}).what()
    assert right[0] == 200
    for _ in range(3):
        with contextlib.ExitStack() as stack:
            for _ in range(60):
                stack.enter_context(socket.create_connection(address, timeout=HANG * PATIENCE))
            time.sleep(0.05)
        assert ask(address, "/v1/missions", {}).what() == right
    process.send_signal(signal.SIGHUP)
    assert ask(address, "/v1/missions", {}).what() == right
    process.terminate()
    assert process.wait(HANG * 4 * PATIENCE) == 0


# ---- Clocks ----

@preloaded
def test_a_clock_that_jumps_by_years_changes_nothing_but_dates(faulty):
    control, address = faulty.control, faulty.server.address
    right = ask(address, "/v1/missions", {})
    asked = b"GET /v1/missions HTTP/1.1\r\nHost: test\r\n\r\n"
    years = []
    with socket.create_connection(address, timeout=HANG * PATIENCE) as sock:  # one connection, over all jumps
        file = sock.makefile("rb")
        for jump in (0, 10, -20, 30, -5, 0):
            control.set(clock=jump * 366 * 86400)
            sock.sendall(asked)
            assert file.readline() == b"HTTP/1.1 200 OK\r\n", jump
            head = dict(line.decode().rstrip().split(": ", 1) for line in iter(file.readline, b"\r\n"))
            body = file.read(int(head["Content-Length"]))
            assert body == right.body and head["ETag"] == right.headers["etag"] and head["Last-Modified"] == right.headers["last-modified"]
            moment = time.strptime(head["Date"], "%a, %d %b %Y %H:%M:%S GMT")
            years.append(moment.tm_year)
            assert ask(address, "/v1/missions", {"If-None-Match": right.headers["etag"]}).status == 304
            assert ask(address, "/metrics", {}).status == 200
            time.sleep(0.02)
    control.set(clock=0)
    assert max(years) > min(years) + 40  # it did jump
    assert ask(address, "/v1/missions", {}).what() == right.what()


@preloaded
def test_the_library_lets_calls_fail(faulty):
    """Else all of this would test nothing."""
    for kind in ("memory", "receive", "send", "event"):
        with faulty.control.failing(kind, ERROR if kind != "send" else SHORT, errno.ENOMEM, target=1):
            ask(faulty.server.address, "/v1/missions/minusma", {})
        assert faulty.control.fired == 1, kind
    assert list(itertools.islice(sparse(2), 6)) == [1, 2, 3, 4, 6, 9]
    assert isinstance(faulty.server, Server)
