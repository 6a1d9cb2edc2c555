"""bluehelm as a service: what it tells a service manager, what it takes from one, and the sandbox that it runs in."""

import contextlib
import ctypes
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from harness import IS_SANITIZED, PATIENCE, PROGRAM, ROOT, Client, Server, run


class Manager:
    """A service manager's ear: the datagrams that come in, each as a dict."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name.replace("@", "\0", 1) if name.startswith("@") else name)
        self.env = {"NOTIFY_SOCKET": name}

    def hear(self, timeout=20):
        """The next message; None: there was none in time."""
        self.socket.settimeout(timeout * PATIENCE)
        try:
            text = self.socket.recv(65536).decode()
        except TimeoutError:
            return None
        return dict(line.split("=", 1) for line in text.split("\n"))

    def wait(self, key):
        """The next message that has a key, whatever comes before it."""
        deadline = time.monotonic() + 20 * PATIENCE
        while time.monotonic() < deadline:
            message = self.hear()
            if message and key in message:
                return message
        raise AssertionError(f"no {key} from the server")

    def silence(self, seconds):
        """Waits until nothing comes for so long."""
        deadline = time.monotonic() + 60 * PATIENCE
        while time.monotonic() < deadline:
            self.socket.settimeout(seconds)
            try:
                self.socket.recv(65536)
            except TimeoutError:
                return
        raise AssertionError("the server goes on telling")


@pytest.fixture
def manager(tmp_path):
    manager = Manager(str(tmp_path / "notify"))
    yield manager
    manager.socket.close()


@pytest.fixture
def place(dataset, tmp_path):
    """A copy of the dataset that may be replaced."""
    return shutil.copyfile(dataset, tmp_path / "place.db")


# ---- what the manager is told ----


def test_it_is_ready_when_it_answers(manager, dataset):
    server = Server(dataset, env=manager.env)
    message = manager.hear()
    assert message["READY"] == "1"
    assert message["STATUS"] == "Listening on {}:{}.".format(*server.address)
    assert Client(server).raw("/healthz").status != 0  # the first connection, without another try
    server.stop()
    message = manager.hear()
    assert (message["STOPPING"], message["STATUS"]) == ("1", "Finishing requests under way.")
    assert manager.hear(0.2) is None


def test_it_is_never_ready_with_a_dataset_that_is_none(manager, tmp_path):
    (tmp_path / "none.db").write_text("no dataset\n" * 1000)
    done = subprocess.run([PROGRAM, "serve", "--listen", "127.0.0.1:0", "--dataset", tmp_path / "none.db"], cwd=ROOT,
                          env={**os.environ, **manager.env}, capture_output=True, text=True, timeout=30 * PATIENCE)
    assert done.returncode == 1 and "none.db" in done.stderr
    assert manager.hear(0.2) is None


def test_an_abstract_socket_is_one_too(dataset):
    manager = Manager(f"@bluehelm-test-{os.getpid()}")
    server = Server(dataset, env=manager.env)
    assert manager.hear()["READY"] == "1"
    server.hang_up()  # the sandbox is on by now
    assert manager.hear()["RELOADING"] == "1" and manager.hear()["READY"] == "1"
    server.stop()
    manager.socket.close()


def test_a_reload_is_told_from_its_beginning_to_its_end(manager, place):
    server = Server(place, env=manager.env)
    assert manager.hear()["READY"] == "1"
    before = time.monotonic_ns() // 1000
    server.hang_up()
    message = manager.hear()
    assert message["RELOADING"] == "1" and "READY" not in message
    assert before <= int(message["MONOTONIC_USEC"]) <= time.monotonic_ns() // 1000
    message = manager.hear()
    assert message["READY"] == "1" and message["STATUS"].endswith("; the dataset was opened anew.")
    # A file that is none: it goes on, and says why.
    bad = place.with_suffix(".bad")
    bad.write_bytes(b"x" * 5000)
    os.replace(bad, place)
    server.hang_up()
    assert manager.hear()["RELOADING"] == "1"
    message = manager.hear()
    assert message["READY"] == "1" and "the dataset is kept as it was: " in message["STATUS"] and "place.db" in message["STATUS"]
    Client(server).get("/v1/missions/minusma")
    server.stop()


@pytest.mark.parametrize("name", ["relative", "/nowhere/at/all", "@", "@" + "x" * 200, "vsock:2:1"])
def test_a_manager_that_cannot_be_told_anything_is_a_warning(dataset, name):
    server = Server(dataset, env={"NOTIFY_SOCKET": name})
    assert any("level=warning" in line and "NOTIFY_SOCKET" in line for line in server.log if line)
    server.stop()


# ---- the watchdog ----


def test_the_watchdog_hears_of_an_idle_server_and_in_a_storm_of_signals(manager, dataset):
    server = Server(dataset, env={**manager.env, "WATCHDOG_USEC": str(int(400000 * PATIENCE)), "WATCHDOG_PID": ""})
    assert manager.wait("READY")
    for _ in range(3):
        assert manager.wait("WATCHDOG")["WATCHDOG"] == "1"
    stop = threading.Event()

    def storm():
        while not stop.wait(0.005):
            server.process.send_signal(1)

    thread = threading.Thread(target=storm)
    thread.start()
    for _ in range(3):
        manager.wait("WATCHDOG")
    stop.set()
    thread.join()
    server.stop()


def test_the_watchdog_of_another_process_is_none_of_ours(manager, dataset):
    server = Server(dataset, env={**manager.env, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"})
    assert manager.hear()["READY"] == "1"
    assert manager.hear(0.5) is None
    server.stop()


def test_a_watchdog_with_less_patience_than_a_query_is_warned_of(manager, dataset):
    server = Server(dataset, "--query-deadline", "0", env={**manager.env, "WATCHDOG_USEC": "30000000"})
    assert manager.hear()["READY"] == "1"
    assert any("level=warning msg=watchdog" in line and "--query-deadline" in line for line in server.log if line)
    server.stop()


PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000


def ptrace(request, thread):
    call = ctypes.CDLL(None, use_errno=True).ptrace
    call.restype, call.argtypes = ctypes.c_long, [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]
    if call(request, thread, None, None) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request:#x}")


@contextlib.contextmanager
def hanging(process, name):
    """One thread stands still, as a debugger would have it; the others go on."""
    thread = next(int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir() if (task / "comm").read_text().strip() == name)
    ptrace(PTRACE_SEIZE, thread)
    try:
        ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WALL)
        yield
    finally:
        ptrace(PTRACE_DETACH, thread)


def test_the_watchdog_hears_nothing_while_a_worker_hangs(manager, dataset):
    server = Server(dataset, env={**manager.env, "WATCHDOG_USEC": str(int(400000 * PATIENCE))})
    manager.wait("WATCHDOG")
    with hanging(server.process, "worker-1"):
        manager.silence(1.5 * PATIENCE)
        server.wait_log("level=warning msg=watchdog")
    manager.wait("WATCHDOG")
    server.stop()


# ---- a socket that is handed over ----


def listening(kind=socket.SOCK_STREAM, family=socket.AF_INET, address=("127.0.0.1", 0), is_listening=True):
    sock = socket.socket(family, kind)
    sock.bind(address)
    if is_listening and kind == socket.SOCK_STREAM:
        sock.listen(64)
    return sock


def handed_over(sock):
    """Arguments of Server: LISTEN_PID names the process itself, so a shell sets it and becomes the server; 3 is the first descriptor of the kind."""
    return {"before": ("bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{sock.fileno()}', "sh"), "pass_fds": (sock.fileno(),)}


def test_a_socket_that_is_handed_over_is_used_and_said(dataset):
    with listening() as sock:
        server = Server(dataset, "--listen", "127.0.0.1:1", **handed_over(sock))
        assert server.address == sock.getsockname()
        assert any("--listen is not used" in line for line in server.log if line)
        Client(server).get("/v1/missions/minusma")
        server.stop()


def test_who_comes_while_there_is_no_server_is_answered_by_the_next_one(dataset):
    with listening() as sock:
        server = Server(dataset, **handed_over(sock))
        server.stop()
        with socket.create_connection(sock.getsockname(), timeout=30 * PATIENCE) as early:
            early.sendall(b"GET /v1/missions/minusma?fields=acronym HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            server = Server(dataset, **handed_over(sock))
            assert early.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
        server.stop()


def refusal(dataset, *fds):
    """What `bluehelm serve` says of descriptors from 3 on."""
    moves = " ".join(f"{3 + i}<&{fd}" for i, fd in enumerate(fds))
    done = subprocess.run(["bash", "-c", f'LISTEN_PID=$$ exec "$@" {moves}', "sh", PROGRAM, "serve", "--listen", "127.0.0.1:0", "--dataset", dataset],
                          cwd=ROOT, env={**os.environ, "LISTEN_FDS": str(len(fds))}, pass_fds=fds, capture_output=True, text=True,
                          timeout=30 * PATIENCE)
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_sockets_of_another_kind_are_refused_with_the_reason(dataset, tmp_path):
    with listening(socket.SOCK_DGRAM) as datagrams:
        assert "another kind (no stream)" in refusal(dataset, datagrams.fileno())
    with listening(family=socket.AF_UNIX, address=str(tmp_path / "s")) as unix:
        assert "another kind (a Unix socket)" in refusal(dataset, unix.fileno())
    with listening(is_listening=False) as idle:
        assert "another kind (it does not listen)" in refusal(dataset, idle.fileno())
    with listening() as one, listening() as other:
        assert "handed over 2 sockets; exactly one" in refusal(dataset, one.fileno(), other.fileno())
    with open(os.devnull, "rb") as file:
        assert "is no socket" in refusal(dataset, file.fileno())


def test_sockets_for_another_process_are_none_of_ours(dataset):
    server = Server(dataset, env={"LISTEN_FDS": "1", "LISTEN_PID": "1"})
    assert not any("handed over" in line for line in server.log if line)
    server.stop()


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd is not installed")
def test_it_is_what_systemd_means_by_socket_activation(dataset):
    with listening() as sock:
        port = sock.getsockname()[1]  # free a moment ago
    activator = subprocess.Popen(["systemd-socket-activate", "--listen", f"127.0.0.1:{port}", PROGRAM, "serve", "--dataset", dataset, "--workers", "2"],
                                 cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert "Listening on" in activator.stderr.readline()
        with socket.create_connection(("127.0.0.1", port), timeout=30 * PATIENCE) as client:
            client.sendall(b"GET /v1/missions/minusma HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(65536).startswith(b"HTTP/1.1 200 OK\r\n")
    finally:
        activator.terminate()
        log = activator.communicate(timeout=30 * PATIENCE)[1]
    assert activator.returncode == 0 and "socket handed over" in log and f"listen=127.0.0.1:{port}" in log, log


# ---- the sandbox ----


def status_of(server):
    """What the kernel says of each thread."""
    tasks = f"/proc/{server.process.pid}/task"
    return [dict(re.findall(r"^(\w+):\s+(.*)$", open(f"{tasks}/{task}/status").read(), re.MULTILINE)) for task in os.listdir(tasks)]


def parts(server):
    """What the log says of the sandbox."""
    line = server.wait_log(r"level=info msg=sandbox no_privileges=(\d) landlock=(\d+)(?: readable=(\S+|\".*\"))? seccomp=(\d)")
    return int(line[1]), int(line[2]), int(line[4]), line[3]


@pytest.mark.skipif(os.geteuid() != 0, reason="the suite's servers run without it for anybody but root: see the harness")
def test_the_servers_of_this_suite_are_in_it(server):
    no_privileges, landlock, seccomp, _ = parts(server)
    assert no_privileges == 1
    deadline = time.monotonic() + 10 * PATIENCE
    threads = status_of(server)
    while not {"worker-0", "worker-1"} <= {thread["Name"] for thread in threads}:  # each names itself, as soon as it runs
        assert time.monotonic() < deadline, threads
        time.sleep(0.01)
        threads = status_of(server)
    assert len(threads) >= 3
    for thread in threads:
        assert thread["NoNewPrivs"] == "1" and int(thread["CapEff"], 16) == int(thread["CapPrm"], 16) == 0
        assert thread["Seccomp"] == ("0" if IS_SANITIZED else "2")
    assert seccomp == (0 if IS_SANITIZED else 1)
    # What is not on is said.
    said = [line for line in server.log if line and "msg=sandbox detail=\"Without " in line]
    assert len(said) == (landlock == 0) + (seccomp == 0)


def test_a_dataset_behind_a_link_is_replaced_inside_the_sandbox(dataset, fixture_dataset, tmp_path):
    """As releases are often laid out: a link in one directory to a file in another; both can be replaced."""
    for name in ("current", "releases"):
        (tmp_path / name).mkdir()
    shutil.copyfile(dataset, tmp_path / "releases" / "1.db")
    shutil.copyfile(fixture_dataset, tmp_path / "releases" / "2.db")
    link = tmp_path / "current" / "bluehelm.db"
    link.symlink_to("../releases/1.db")
    server = Server(link, "--sandbox", "on")
    client = Client(server)
    release = client.get("/v1/missions", limit=1).meta["release"]
    (tmp_path / "new").symlink_to("../releases/2.db")
    os.replace(tmp_path / "new", link)
    server.wait_log("dataset changed", server.hang_up())
    assert client.get("/v1/missions", limit=1, check=False).meta["release"] != release
    if parts(server)[1] > 0:
        assert str(tmp_path / "current") in parts(server)[3] and str(tmp_path / "releases") in parts(server)[3]
    # Another place than those two cannot be read: the dataset stays, and the log says why.
    if parts(server)[1] > 0 and not IS_SANITIZED:
        shutil.copyfile(dataset, tmp_path / "aside.db")
        (tmp_path / "new").symlink_to("../aside.db")
        os.replace(tmp_path / "new", link)
        server.wait_log("dataset kept.*Permission denied", server.hang_up())
        assert client.get("/v1/missions", limit=1, check=False).meta["release"] != release
    client.close()
    server.stop()


def test_off_is_off_and_said(dataset):
    server = Server(dataset, "--sandbox", "off")
    assert {(thread["Seccomp"], thread["NoNewPrivs"]) for thread in status_of(server)} == {("0", "0")}
    assert any("It is off" in line for line in server.log if line)
    server.stop()


def test_required_starts_where_all_can_be_had_and_not_elsewhere(dataset, server):
    if os.geteuid() == 0 and not IS_SANITIZED and parts(server)[1] > 0:
        Server(dataset, "--sandbox", "required").stop()
    elif IS_SANITIZED:
        done = run("serve", "--listen", "127.0.0.1:0", "--dataset", dataset, "--sandbox", "required")
        assert done.returncode == 1 and "--sandbox=required, and seccomp cannot be had" in done.stderr
    else:
        pytest.skip("what this kernel has is not known")


@pytest.fixture
def public_dataset(dataset):
    """A copy that everybody may read: pytest's own directories are their owner's alone."""
    with tempfile.TemporaryDirectory(prefix="bluehelm-") as directory:
        os.chmod(directory, 0o755)
        file = shutil.copyfile(dataset, os.path.join(directory, "bluehelm.db"))
        os.chmod(file, 0o444)
        yield file


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_it_serves_as_a_user_without_any_rights(public_dataset):
    """As systemd's DynamicUser=: nobody's files, and nothing that can be written."""
    nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--")
    if subprocess.run([*nobody, "test", "-x", PROGRAM]).returncode != 0:
        pytest.skip(f"nobody may not run {PROGRAM}")
    server = Server(public_dataset, before=nobody)
    client = Client(server)
    client.get("/v1/missions/minusma")
    figures = client.raw("/metrics").body
    assert b"\nprocess_open_fds " in figures and b"\nprocess_resident_memory_bytes " in figures and b"\nprocess_start_time_seconds " in figures
    server.wait_log("dataset changed", server.hang_up())
    client.get("/v1/missions/minusma")
    server.stop()
