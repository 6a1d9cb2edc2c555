"""Lets calls of the C library fail one by one under bluehelm, and judges what comes of it.

tests/fault/fault.c counts the calls of a kind and fails the N-th; here N goes 1, 2, 3 ... until a request, or a whole run of a command,
needs no call that is left to fail. What is right is what the same program does without a fault.
"""

import contextlib
import errno
import hashlib
import json
import mmap
import os
import re
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from harness import PATIENCE, PROGRAM, ROOT, Server

KINDS = {"memory": 1, "read": 2, "write": 4, "receive": 8, "send": 16, "file": 32, "event": 64}
ERROR, SHORT = 0, 1
HANG = 5  # seconds: whoever waits longer for an answer is told that the program hangs

# What fails, and how, while a server answers: (kind, manner, errno, whether the answer must be right all the same).
PLANS = [
    ("memory", ERROR, errno.ENOMEM, False),
    ("read", ERROR, errno.EIO, False),
    ("read", ERROR, errno.EINTR, True),
    ("read", SHORT, 0, True),
    ("receive", ERROR, errno.ECONNRESET, False),
    ("receive", ERROR, errno.EINTR, True),
    ("receive", SHORT, 0, True),
    ("send", ERROR, errno.EPIPE, False),
    ("send", ERROR, errno.EINTR, True),
    ("send", SHORT, 0, True),
    ("write", ERROR, errno.ENOSPC, True),  # of the log: nobody who asks is to notice
    ("write", ERROR, errno.EINTR, True),
    ("write", SHORT, 0, True),
    ("file", ERROR, errno.EMFILE, False),
    ("file", ERROR, errno.EIO, False),
    ("event", ERROR, errno.EINTR, True),
    ("event", ERROR, errno.ENOMEM, False),
    ("event", ERROR, errno.EMFILE, False),
]

# (name, target, more header fields). Of the dataset that we ship.
REQUESTS = [
    ("item", "/v1/missions/minusma", {}),
    ("item with others", "/v1/missions/minusma?include=sources,places", {}),
    ("list", "/v1/missions?limit=5", {}),
    ("filtered", "/v1/casualties?mission=minusma&deaths__gte=2&sort=-deaths&limit=10", {}),
    ("sums", "/v1/casualties/stats?group_by=mission,year(date)&limit=20", {}),
    ("search", "/v1/search?q=mali+mission&limit=5", {}),
    ("graph", "/v1/graph.dot?focus=minusma", {}),
    ("network", "/v1/actors/minusma/network?depth=1", {}),
    ("path", "/v1/graph/path?from=minusma&to=malian-armed-forces", {}),
    ("timeline", "/v1/timeline?limit=5", {}),
    ("CSV", "/v1/missions.csv", {}),
    ("stream", "/v1/export/casualties.ndjson", {}),
    ("stream, gzip", "/v1/export/casualties.csv", {"Accept-Encoding": "gzip"}),
    ("file", "/v1/export/bluehelm.db", {}),
    ("range", "/v1/export/bluehelm.db", {"Range": "bytes=1000-99999"}),
    ("package", "/v1/export/datapackage.json", {}),
    ("OData", "/odata/missions?$top=3&$count=true&$filter=contains(name,'Mission')", {}),
    ("zstd", "/v1/missions?limit=50", {"Accept-Encoding": "zstd"}),
    ("problem", "/v1/missions?categry=pko", {}),
    ("absent", "/v1/missions/minusm", {}),
    ("malformed", "/v1/%zz", {}),
    ("index", "/v1/", {}),
    ("health", "/healthz", {}),
    ("ready", "/readyz", {}),
    ("metrics", "/metrics", {}),
    ("docs", "/docs", {}),
    ("openapi", "/openapi.json", {}),
]
CONTROL = ("/v1/missions/minusma", {})


def compile_library(folder):
    """Makes the library; None where there is no compiler."""
    library = Path(folder) / "fault.so"
    if not library.exists():
        subprocess.run(["cc", "-std=gnu17", "-O2", "-shared", "-fPIC", "-o", library, ROOT / "tests" / "fault" / "fault.c", "-ldl"], check=True)
    return library


class Control:
    """What the library is told, and what it tells."""

    FIELDS = ("kinds", "target", "every", "seen", "fired", "manner", "error", "clock")

    def __init__(self, path):
        self.path = Path(path)
        self.path.write_bytes(bytes(8 * len(self.FIELDS)))
        with self.path.open("r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)

    def __getattr__(self, name):
        return struct.unpack_from("=q", self.map, 8 * self.FIELDS.index(name))[0]

    def set(self, **values):
        for name, value in values.items():
            struct.pack_into("=q", self.map, 8 * self.FIELDS.index(name), value)

    @contextlib.contextmanager
    def failing(self, kind, manner, error, target=0, every=0):
        self.set(seen=0, fired=0, target=target, every=every, manner=manner, error=error)
        self.set(kinds=KINDS[kind])
        try:
            yield
        finally:
            self.set(kinds=0)

    def environment(self, library, initial=None):
        # Memory that is given back is overwritten: whoever still reads it is found out.
        more = {"LD_PRELOAD": str(library), "FAULT_CONTROL": str(self.path), "MALLOC_PERTURB_": "165"}
        return more if initial is None else {**more, "FAULT_INITIAL": " ".join(map(str, initial))}


class Reply:
    """What came on a connection: whole, cut off, or nothing in time."""

    def __init__(self, data, is_late):
        self.data = data
        self.is_late = is_late
        self.status, self.headers, self.body = None, {}, None
        head, mark, rest = data.partition(b"\r\n\r\n")
        if not mark:
            return
        line, *fields = head.split(b"\r\n")
        self.status = int(line.split()[1])
        for field in fields:
            name, _, value = field.partition(b":")
            self.headers[name.strip().lower().decode()] = value.strip().decode()
        self.body = self.unchunk(rest) if self.headers.get("transfer-encoding") == "chunked" else self.counted(rest)

    @property
    def is_whole(self):
        return self.body is not None

    def counted(self, rest):
        if self.status in (204, 304):
            return b"" if rest == b"" else None
        length = int(self.headers.get("content-length", "-1"))
        return rest if len(rest) == length else None

    @staticmethod
    def unchunk(rest):
        pieces, at = [], 0
        while (end := rest.find(b"\r\n", at)) >= 0:
            size = int(rest[at:end], 16)
            if size == 0:
                return b"".join(pieces) if rest[end:] == b"\r\n\r\n" else None
            if len(rest) < end + 2 + size + 2:
                return None
            pieces.append(rest[end + 2:end + 2 + size])
            at = end + 2 + size + 2
        return None

    def what(self):
        """All that has to be the same."""
        digest = hashlib.sha256(self.body).hexdigest() if self.body is not None else None
        return self.status, digest, self.headers.get("etag"), self.headers.get("content-type")

    def is_error(self):
        """A failure that says that it is one."""
        if not self.is_whole or self.status not in (500, 503):
            return False
        if self.body == b"":
            return "retry-after" in self.headers
        problem = json.loads(self.body)
        return problem.get("status", self.status) == self.status or "error" in problem


def ask(address, target, fields):
    """One request on a connection of its own, and all that comes back."""
    lines = [f"GET {target} HTTP/1.1", "Host: test", "Connection: close", "X-Request-Id: fault-injection-0001"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    chunks, is_late = [], False
    try:
        with socket.create_connection(address, timeout=HANG * PATIENCE) as sock:
            sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
            while chunk := sock.recv(1 << 18):
                chunks.append(chunk)
    except TimeoutError:
        is_late = True
    except OSError:
        pass  # reset: what came is what there is
    return Reply(b"".join(chunks), is_late)


def looked_at(name, reply):
    """The same request, the same answer: but for figures that count, and the id of a request."""
    if name != "metrics" or not reply.is_whole or reply.status != 200:
        return reply.what()
    names = {line.split()[2] for line in reply.body.decode().splitlines() if line.startswith("# TYPE")}
    return reply.status, tuple(sorted(names - {"process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds"}))


class Finding(AssertionError):
    pass


class FaultyServer:
    """A server of one worker under the library."""

    def __init__(self, folder, dataset, *args):
        self.control = Control(Path(folder) / f"control-{os.getpid()}-{id(self)}")
        self.library = compile_library(folder)
        self.args = (dataset, *args)
        self.server = Server(dataset, *args, workers=1, env=self.control.environment(self.library))

    def stop(self):
        self.control.set(kinds=0)
        self.server.stop()

    def died(self):
        code = self.server.process.poll()
        return code is not None and f"the server ended with {code}: {self.server.log[-3:]}"


def fail_each(faulty, request, plan, numbers, is_cold=False, tally=None):
    """Fails each call of a request in turn, as `numbers` says; gives how many calls that were."""
    name, target, fields = request
    kind, manner, error, is_right = plan
    what = f"{name}: {target} without {kind} {errno.errorcode.get(error, 'whole')}"
    right = looked_at(name, ask(faulty.server.address, target, fields))
    again = looked_at("control", ask(faulty.server.address, *CONTROL))
    n = 0
    for n in numbers:
        if is_cold:
            faulty.server.process.send_signal(signal.SIGHUP)
            faulty.server.wait_log("dataset changed", len(faulty.server.log) - 1 if faulty.server.log else 0)
        with faulty.control.failing(kind, manner, error, target=n):
            reply = ask(faulty.server.address, target, fields)
        fired = faulty.control.fired
        verdict = ("right" if reply.is_whole and looked_at(name, reply) == right else "late" if reply.is_late
                   else "error" if reply.is_error() else "cut" if not reply.is_whole else "wrong")
        if tally is not None:
            tally[verdict] = tally.get(verdict, 0) + 1
        if verdict in ("late", "wrong") or (verdict != "right" and (is_right or not fired)):
            raise Finding(f"{what} {n}: {verdict}: {reply.status} {reply.headers} {(reply.body or reply.data)[:600]!r}; {faulty.died()}")
        after = looked_at("control", ask(faulty.server.address, *CONTROL))
        if after != again:
            raise Finding(f"after {what} {n}: {after} instead of {again}; {faulty.died()}")
        if not fired:
            break
    return n


def wait_ready(faulty):
    """After a page could not be read, until all were read again."""
    deadline = time.monotonic() + 30 * PATIENCE
    while ask(faulty.server.address, "/readyz", {}).status != 200:
        if time.monotonic() > deadline:
            raise Finding("a dataset that is whole stays damaged")
        time.sleep(0.05)


# ---- Commands ----

def run_command(library, control, args, initial, cwd=ROOT, timeout=60):
    """A command of the program with a fault; (status, output). A signal is negative."""
    done = subprocess.run([PROGRAM, *map(str, args)], cwd=cwd, capture_output=True, text=True, errors="replace", timeout=timeout * PATIENCE,
                          env={**os.environ, **control.environment(library, initial)})
    return done.returncode, done.stdout + done.stderr


def digest_of(file):
    """What `bluehelm check` says of a dataset: its digest, or None where it is not whole."""
    done = subprocess.run([PROGRAM, "check", file], cwd=ROOT, capture_output=True, text=True)
    found = re.search(r"digest ([0-9a-f]{64}), no fault", done.stdout)
    return found and done.returncode == 0 and found[1]
