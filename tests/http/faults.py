"""Lets calls of the C library fail one by one under bluehelm, and judges what comes of it.

tests/fault/fault.c counts the calls of a kind and fails the N-th; here N goes 1, 2, 3 ... until a request, or a whole run of a command,
needs no call that is left to fail. What is right is what the same program does without a fault.
"""

import contextlib
import errno
import hashlib
import itertools
import json
import mmap
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
from pathlib import Path

from harness import PATIENCE, PROGRAM, ROOT, Server, build

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


def is_hintless(reply, whole):
    """The same problem, but for the search for what was perhaps meant."""
    if not reply.is_whole or not whole.is_whole or reply.status != whole.status or not 400 <= reply.status < 500:
        return False
    right, told = json.loads(whole.body), json.loads(reply.body)
    right.pop("did_you_mean", None)
    return right == told


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
    whole = ask(faulty.server.address, target, fields)
    right = [looked_at(name, whole)]
    if "Accept-Encoding" in fields:  # which asks for a coding where there is one; without memory there is none
        right.append(looked_at(name, ask(faulty.server.address, target, {})))
    again = looked_at("control", ask(faulty.server.address, *CONTROL))
    n = 0
    for n in numbers:
        if is_cold:
            faulty.server.process.send_signal(signal.SIGHUP)
            faulty.server.wait_log("dataset changed", len(faulty.server.log) - 1 if faulty.server.log else 0)
        with faulty.control.failing(kind, manner, error, target=n):
            reply = ask(faulty.server.address, target, fields)
        fired = faulty.control.fired
        verdict = ("right" if reply.is_whole and looked_at(name, reply) in right else "late" if reply.is_late
                   else "hintless" if is_hintless(reply, whole)
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


# As the UN publishes its list of fatalities.
HEADER = ("id,incident_date,casualty_id,mission_acronym,type_of_casualty,gender,casualty_nationality,casualty_personnel_type,"
          "type_of_incident,m49_code,isocode3,last_update")


class Bench:
    """A place where commands run with faults: two texts and their datasets, small, so that thousands of runs are quick."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.library = compile_library(folder)
        self.control = Control(self.folder / "control-bench")
        self.texts = [ROOT / "tests" / "fixture", self.folder / "text"]
        if not self.texts[1].exists():
            shutil.copytree(self.texts[0], self.texts[1])
            missions = self.texts[1] / "missions.csv"
            missions.write_text(missions.read_text().replace("United Nations Fixture Mission", "Renamed Mission"))
        self.deaths = self.folder / "deaths.csv"
        self.datasets = [build(text, self.folder / f"whole-{i}.db") for i, text in enumerate(self.texts)]
        self.deaths = [self.folder / f"deaths-{n}.csv" for n in (30, 40)]
        for file, n in zip(self.deaths, (30, 40)):
            rows = [f"1,2014-03-01,MINUSMA-2014-03-{i:05},MINUSMA,Fatality,M,Chad,Military,Illness,148.0,TCD,2025-04-04\n" for i in range(n)]
            file.write_text(HEADER + "\n" + "".join(rows))
        file = self.folder / "whole-3.db"
        for i, day in enumerate(("2022-06-01", "2023-06-01")):
            done = subprocess.run([PROGRAM, *map(str, self.import_args(file, i, day))], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0 and " 0 rejected" in done.stdout, done.stderr
            if i == 0:
                shutil.copyfile(file, self.folder / "whole-2.db")
        self.datasets += [self.folder / "whole-2.db", file]
        self.digests = [digest_of(file) for file in self.datasets]
        assert len(set(self.digests)) == 4 and all(self.digests)

    def import_args(self, file, i=1, day="2023-06-01"):
        return ["import", "un-fatalities", self.deaths[i], "--into", file, "--known-from", day]

    def place(self, dataset=0):
        """A folder with a dataset at data.db, and nothing else."""
        place = self.folder / "place"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        shutil.copyfile(self.datasets[dataset], place / "data.db")
        return place

    def commands(self, place):
        """For each command: its arguments, the dataset before it, and the one that is there when it went well."""
        return {
            "build": (["build", "--output", place / "data.db", self.texts[1]], 0, 1),
            "import": (self.import_args(place / "data.db"), 2, 3),
            "check": (["check", place / "data.db"], 0, 0),
            "export": (["export", "--dataset", place / "data.db", "--output", place / "out", "missions.csv", "casualties.ndjson",
                        "bluehelm.db", "datapackage.json"], 0, 0),
            "get": (["get", "--dataset", place / "data.db", "/v1/missions"], 0, 0),
        }

    def state(self, place):
        """Which of the datasets is in the place, by its digest; None: none of them, or not a whole one."""
        data = (place / "data.db").read_bytes()
        for i, file in enumerate(self.datasets):
            if data == file.read_bytes():
                return i
        digest = digest_of(place / "data.db")
        return self.digests.index(digest) if digest in self.digests else None

    def left_over(self, place):
        """What nobody should leave: files beside the dataset that are no answers to anything."""
        return [path.name for path in place.iterdir() if path.name not in ("data.db", "out", "data.db-import-report.csv")] + [
            path.name for path in (place / "out").glob("*.part")]


def fail_command(bench, name, plan, numbers, right_exports=None, tally=None):
    """Fails each call of a command in turn; gives how many calls that were."""
    kind, manner, error, is_right = plan
    n = 0
    for n in numbers:
        args, old, new = bench.commands(bench.folder / "place")[name]
        place = bench.place(old)
        what = f"{name} without {kind} {errno.errorcode.get(error, 'whole')} {n}"
        try:
            code, said = run_command(bench.library, bench.control, args, (KINDS[kind], n, 0, manner, error), timeout=30)
        except subprocess.TimeoutExpired:
            raise Finding(f"{what}: it hangs") from None
        bench.control.set(kinds=0)
        fired, state = bench.control.fired, bench.state(place)
        code = 1 if code == 2 else code  # what it was told could not be read
        if code not in (0, 1) or (code == 1 and (not fired or (is_right and error != errno.ENOSPC))):
            raise Finding(f"{what}: it ends with {code}: {said[-600:]}")
        if code == 1 and "bluehelm: " not in said:
            raise Finding(f"{what}: it fails without a word: {said!r}")
        if state is None or (code == 0 and state != new) or state not in (old, new):
            raise Finding(f"{what}: it ends with {code} and leaves dataset {state}: {said[-600:]}")
        if bench.left_over(place):
            raise Finding(f"{what}: it leaves {bench.left_over(place)}")
        for path in (place / "out").glob("*"):
            if right_exports and path.read_bytes() != right_exports[path.name]:
                raise Finding(f"{what}: {path.name} is not what it is without a fault")
        verdict = "right" if code == 0 else "error"
        if tally is not None:
            tally[verdict] = tally.get(verdict, 0) + 1
        if not fired:
            break
    return n


def exports_of(bench):
    place = bench.place()
    subprocess.run([PROGRAM, *map(str, bench.commands(place)["export"][0])], cwd=ROOT, check=True, capture_output=True)
    return {path.name: path.read_bytes() for path in (place / "out").glob("*")}


def fail_start(bench, plan, numbers, tally=None):
    """Fails each call of a start: the server does not start and says why, or answers right."""
    kind, manner, error, is_right = plan
    right, n = None, 0
    for n in itertools.chain([0], numbers):
        what = f"serve without {kind} {errno.errorcode.get(error, 'whole')} {n}"
        initial = (KINDS[kind], n, 0, manner, error)
        process = subprocess.Popen([PROGRAM, "serve", "--listen", "127.0.0.1:0", "--workers", "1", "--dataset", bench.datasets[0]], cwd=ROOT,
                                   env={**os.environ, **bench.control.environment(bench.library, initial)}, stderr=subprocess.PIPE)
        said, address = b"", None
        os.set_blocking(process.stderr.fileno(), False)
        deadline = time.monotonic() + HANG * PATIENCE
        while process.poll() is None and address is None and time.monotonic() < deadline:
            said += process.stderr.read() or b""
            found = re.search(rb"listen=(127\.0\.0\.1):(\d+)", said)
            address = found and (found[1].decode(), int(found[2]))
            if address is None and kind == "write" and process.poll() is None:
                address = listening(process.pid)  # the line that tells it may be the one that was lost
            time.sleep(0.001)
        if address is None:
            said += process.stderr.read() or b""
            code = process.poll()
            if code is None:
                process.kill()
            process.wait()
            bench.control.set(kinds=0)
            if code not in (1, 2) or is_right or b"bluehelm: " not in said:
                raise Finding(f"{what}: it ends with {code}: {said[-600:]!r}")
            verdict = "error"
        else:
            fired = bench.control.fired
            bench.control.set(kinds=0)
            reply = ask(address, "/v1/missions", {})
            process.terminate()
            try:
                code = process.wait(HANG * PATIENCE * 2)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Finding(f"{what}: it does not end") from None
            right = right or reply.what()
            if reply.what() != right or reply.status != 200 or code != 0:
                raise Finding(f"{what}: {reply.status} {reply.data[:300]!r}, and it ends with {code}")
            verdict = "right"
            if n > 0 and not fired:
                break
        process.stderr.close()
        if tally is not None:
            tally[verdict] = tally.get(verdict, 0) + 1
    return n


def listening(pid):
    """Where a process listens; None: nowhere."""
    sockets = {os.readlink(path)[8:-1] for path in Path(f"/proc/{pid}/fd").iterdir() if os.readlink(path).startswith("socket:")}
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        cells = line.split()
        if cells[3] == "0A" and cells[9] in sockets:
            return "127.0.0.1", int(cells[1].split(":")[1], 16)
    return None


def fail_swap(faulty, bench, served, plan, numbers, tally=None):
    """Fails each call while SIGHUP opens the file anew: the old dataset goes on and the log says why, or the new one is there."""
    kind, manner, error, is_right = plan
    bodies = {}
    n = 0
    for i in (1, 0):
        swap(faulty, bench.datasets[i], served)
        bodies[i] = looked_at("list", ask(faulty.server.address, "/v1/missions", {}))
    current = 0
    for n in numbers:
        what = f"a swap without {kind} {errno.errorcode.get(error, 'whole')} {n}"
        with faulty.control.failing(kind, manner, error, target=n):
            is_new = swap(faulty, bench.datasets[1 - current], served)
        fired = faulty.control.fired
        if not is_new and (is_right or not fired):
            raise Finding(f"{what}: the dataset is kept: {faulty.server.log[-2:]}")
        current = 1 - current if is_new else current
        seen = looked_at("list", ask(faulty.server.address, "/v1/missions", {}))
        if seen != bodies[current]:
            raise Finding(f"{what}: the answer is not of dataset {current}; {faulty.died()}")
        verdict = "new" if is_new else "kept"
        if tally is not None:
            tally[verdict] = tally.get(verdict, 0) + 1
        if not fired:
            break
    return n


def swap(faulty, file, served):
    """Puts a file in the place of the served one and says so to the server; whether it took it."""
    fresh = served.with_suffix(".fresh")
    shutil.copyfile(file, fresh)
    os.replace(fresh, served)
    start = faulty.server.hang_up()
    return "changed" in faulty.server.wait_log(r'msg="dataset (changed|kept)"', start)[1]


# ---- kill -9 ----

class Killer:
    """Kills commands at random moments, and looks what they leave."""

    WRITERS = ("build", "import")

    def __init__(self, bench, seed):
        self.bench = bench
        self.random = random.Random(seed)
        self.tally = {}
        self.places, self.takes = {}, {}
        for name in self.WRITERS:
            # A place of its own for each: what one run leaves, the next finds.
            place = bench.folder / f"kill-{name}"
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            args, old, new = bench.commands(place)[name]
            self.places[name] = (place, args, old, new)
            self.reset(name)
            began = time.monotonic()
            subprocess.run([PROGRAM, *map(str, args)], cwd=ROOT, check=True, capture_output=True)
            self.takes[name] = time.monotonic() - began
            assert bench.state(place) == new
        self.served = bench.folder / "kill-served" / "data.db"
        shutil.rmtree(self.served.parent, ignore_errors=True)
        self.served.parent.mkdir()

    def reset(self, name):
        """The old dataset again, as a person would put it there; leftovers stay."""
        place, _, old, _ = self.places[name]
        shutil.copyfile(self.bench.datasets[old], place / "fresh")
        os.replace(place / "fresh", place / "data.db")

    def count(self, what):
        self.tally[what] = self.tally.get(what, 0) + 1

    def kill(self, process, within):
        time.sleep(self.random.uniform(0, within))
        process.send_signal(signal.SIGKILL)
        process.wait()
        return process.returncode == -signal.SIGKILL

    def writer(self, name):
        """A build or an import is killed: the dataset is the old or the new one, whole, and the next run finds its way."""
        place, args, old, new = self.places[name]
        self.reset(name)
        process = subprocess.Popen([PROGRAM, *map(str, args)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        is_killed = self.kill(process, self.takes[name] * 1.2)
        state = self.bench.state(place)
        if state not in (old, new) or (not is_killed and state != new):
            raise Finding(f"{name}, killed: {is_killed}: it leaves dataset {state}")
        self.count(f"{name}: {'new' if state == new else 'old'}{'' if is_killed else ', ended before'}")

    def swap(self):
        """A server is killed while it takes a new dataset, or an import is killed under it; started again, it serves what is there."""
        served, bench = self.served, self.bench
        shutil.copyfile(bench.datasets[2], served)
        server = Server(served, workers=1)
        kind = self.random.choice(("server", "import"))
        process = subprocess.Popen([PROGRAM, *map(str, bench.import_args(served))], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + self.random.uniform(0, self.takes["import"] * 1.2)
        while time.monotonic() < deadline:
            server.process.send_signal(signal.SIGHUP)
            time.sleep(0.002)
        if kind == "import":
            process.send_signal(signal.SIGKILL)
            process.wait()
            start = server.hang_up()
            server.wait_log('msg="dataset changed"', start)
        else:
            process.wait()
            server.process.send_signal(signal.SIGHUP)
            time.sleep(self.random.uniform(0, 0.004))
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            server = Server(served, workers=1)
        told = json.loads(ask(server.address, "/readyz", {}).body)["digest"]
        missions = ask(server.address, "/v1/missions", {})
        server.stop()
        state = bench.state(served.parent)
        if state not in (2, 3) or told != bench.digests[state] or missions.status != 200:
            raise Finding(f"swap, {kind} killed: dataset {state}, and {told} is served")
        self.count(f"swap, {kind} killed: {'new' if state == 3 else 'old'}")

    def round(self, i):
        if i % 5 == 4:
            self.swap()
        else:
            self.writer(self.WRITERS[i % 2])

    def end(self):
        """The last run of each sweeps away what the killed ones left."""
        for name in self.WRITERS:
            place, args, _, new = self.places[name]
            left = sum(".tmp-" in path.name for path in place.iterdir())
            self.reset(name)
            subprocess.run([PROGRAM, *map(str, args)], cwd=ROOT, check=True, capture_output=True)
            if self.bench.left_over(place) or digest_of(place / "data.db") != self.bench.digests[new]:
                raise Finding(f"{name} leaves {self.bench.left_over(place)}")
            self.count(f"{name}: {left} files of the killed swept at the end")
