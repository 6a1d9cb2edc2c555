"""Runs bluehelm and judges every answer by the OpenAPI document that the same program serves."""

import ctypes
import hashlib
import http.client
import json
import os
import re
import select
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path
from urllib.parse import quote, unquote, urlencode

import jsonschema

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("BLUEHELM_PROGRAM", ROOT / "build" / "bluehelm")).resolve()
SHARED = Path(os.environ.get("BLUEHELM_SHARED", ROOT.parent / "shared" / "data"))
# Sanitizers and valgrind are slow: every time limit is multiplied by this.
PATIENCE = float(os.environ.get("BLUEHELM_PATIENCE", "1"))
# A sanitizer looks for faults of memory; what other people's tools make of the same bytes it need not see again.
IS_SANITIZED = PROGRAM.exists() and any(sign in PROGRAM.read_bytes() for sign in (b"__asan_init", b"__tsan_init"))
FORMATS = jsonschema.FormatChecker(formats=["date"])


def run(*args, timeout=120):
    """Runs one command of the program to its end; gives the finished process with texts."""
    return subprocess.run([PROGRAM, *map(str, args)], cwd=ROOT, capture_output=True, text=True, timeout=timeout * PATIENCE)


def build(text_dir, file):
    done = run("build", "--output", file, text_dir)
    assert done.returncode == 0, f"bluehelm build {text_dir} failed:\n{done.stderr}"
    return file


class _Hash128(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def seal(file):
    """Seals a dataset file anew that a test has changed (db/seal.c), as another program would that writes datasets."""
    xxhash = ctypes.CDLL("libxxhash.so.0")
    sum_of, whole_of = xxhash.XXH3_64bits_withSeed, xxhash.XXH3_128bits_withSeed
    sum_of.restype, whole_of.restype = ctypes.c_uint64, _Hash128
    sum_of.argtypes = whole_of.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
    data = Path(file).read_bytes()
    size, pages = int.from_bytes(data[16:18], "big"), int.from_bytes(data[28:32], "big")
    data = data[:size * pages]
    sums = b"".join(sum_of(data[at:at + size], size, at // size + 1).to_bytes(8, "little") for at in range(0, len(data), size))
    foot = b"bluehelm seal 1\n" + size.to_bytes(8, "little") + pages.to_bytes(8, "little")
    whole = whole_of(sums, len(sums), sum_of(foot, len(foot), 0))
    Path(file).write_bytes(data + sums + foot + whole.high.to_bytes(8, "big") + whole.low.to_bytes(8, "big"))


def no_twins(pairs):
    """A JSON object that says a name twice is read differently by different clients."""
    result = dict(pairs)
    assert len(result) == len(pairs), f"a name stands twice in one object: {[key for key, _ in pairs]}"
    return result


def refuse_constant(text):
    raise AssertionError(f"{text} is not JSON")


def load(text):
    return json.loads(text, object_pairs_hook=no_twins, parse_constant=refuse_constant)


def target(path, params=(), **more):
    """Writes a request target; a list as value repeats the parameter."""
    pairs = [*(params.items() if isinstance(params, dict) else params), *more.items()]
    query = urlencode(pairs, doseq=True, safe=",:", quote_via=quote)
    return f"{path}?{query}" if query else path


NUMBERS = {"integer": int, "number": float, "boolean": {"true": True, "false": False}.__getitem__}


def kinds(schema):
    """The types that a column may have, as a set."""
    kind = schema.get("type", "string")
    return {kind} if isinstance(kind, str) else set(kind)


def cells(text):
    """The lines of CSV after RFC 4180, each a list of (text, whether it stood in quotes): an empty cell is a null, a quoted one a text."""
    lines, line, at = [], [], 0
    while at < len(text):
        if text[at] == '"':
            end = at + 1
            while text[end] != '"' or text[end:end + 2] == '""':
                end += 2 if text[end] == '"' else 1
            line.append((text[at + 1:end].replace('""', '"'), True))
            at = end + 1
        else:
            end = re.compile(r"[,\r]").search(text, at).start()
            assert '"' not in text[at:end] and "\n" not in text[at:end], f"a cell without quotes: {text[at:end]!r}"
            line.append((text[at:end], False))
            at = end
        if text[at] == ",":
            at += 1
            continue
        assert text[at:at + 2] == "\r\n", f"a line ends in {text[at:at + 2]!r}"
        lines.append(line)
        line, at = [], at + 2
    assert not line
    return lines


def read_csv(body, columns):
    """The rows of a CSV body by the schemas of its columns: a cell of another type fails."""
    header, *lines = cells(body.decode().removeprefix("\ufeff"))
    names = [name for name, _ in header]
    assert names and len(set(names)) == len(names) and set(names) <= set(columns), f"the header {names} and the schema {list(columns)}"
    assert names == [name for name in columns if name in names], "columns in another order than the schema says"
    makers = [next((NUMBERS[kind] for kind in kinds(columns[name]) if kind in NUMBERS), str) for name in names]
    rows = []
    for line in lines:
        assert len(line) == len(names), f"{len(line)} cells under {len(names)} columns"
        for (text, is_quoted), make in zip(line, makers):
            assert make is str or not is_quoted, f"a number in quotes: {text!r}"
        rows.append({name: None if text == "" and not is_quoted else make(text) for name, (text, is_quoted), make in zip(names, line, makers)})
    return rows


class Document:
    """An OpenAPI document as a judge of answers."""

    def __init__(self, document):
        self.document = document
        self.schemas = {}  # path template -> schema of its 200, without $ref
        self.media = {}  # path template -> media type of its 200
        self.paths = []
        for path, item in document["paths"].items():
            answer = self.resolve(item["get"]["responses"]["200"])
            media = answer["content"]
            assert len(media) == 1, f"{path} has {list(media)}: one media type a path"
            self.media[path], content = next(iter(media.items()))
            self.schemas[path] = self.inline(content["schema"])
            self.paths.append((re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)) + "$"), path))
        self.problem = self.validator(self.inline(document["components"]["schemas"]["Problem"]))
        self.validators = {}
        self.seen = set()  # (schema, digest of row) that passed: pages of one walk repeat rows
        self.lock = threading.Lock()

    def resolve(self, node):
        while "$ref" in node:
            target_node = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target_node = target_node[part]
            node = {**target_node, **{key: value for key, value in node.items() if key != "$ref"}}
        return node

    def inline(self, node):
        """The schema without references: five times as fast to check against."""
        if isinstance(node, list):
            return [self.inline(item) for item in node]
        if isinstance(node, dict):
            return {key: self.inline(value) for key, value in self.resolve(node).items()}
        return node

    @staticmethod
    def validator(schema):
        jsonschema.Draft202012Validator.check_schema(schema)
        return jsonschema.Draft202012Validator(schema, format_checker=FORMATS)

    def template(self, path):
        """The template with the fewest blanks that a path matches: stats.csv is no {id}, and {id}.csv is nearer than {id}."""
        path = "/" if path == "/v1/" else path  # the index, which is documented at "/"
        found = [template for pattern, template in self.paths if pattern.match(path)]
        return min(found, key=lambda template: (template.count("{"), -len(template)), default=None)

    def template_of(self, path, query, content_type):
        """The template whose answer this is: format= and Accept ask at a list's path for that of another."""
        template = self.template(path)
        if "format=rows" in query.split("&") and template is not None and template + ".json" in self.media:
            return template + ".json"
        if self.media.get(template) != content_type:
            return next((other for other, media in self.media.items() if media == content_type and template is not None
                         and other.startswith(template + ".")), template)
        return template

    @staticmethod
    def flat_row(schema):
        """The schema of the rows of a flat form; None: the path's answer is in none."""
        if schema.get("type") == "array":
            return schema["items"]
        features = schema.get("properties", {}).get("features")
        return features["items"]["properties"]["properties"] if features else schema.get("x-row")

    def flat_rows(self, template, body):
        """The rows of a flat body, in the types that the document says."""
        media = self.media[template].partition(";")[0]
        columns = self.flat_row(self.schemas[template])["properties"]
        if media == "text/csv":
            return read_csv(body, columns)
        if media == "application/x-ndjson":
            assert body.endswith(b"\n") and b"\r" not in body
            return [load(line) for line in body.decode()[:-1].split("\n") if line]
        value = load(body)
        return [feature["properties"] for feature in value["features"]] if media == "application/geo+json" else value

    def check_flat(self, path, template, body):
        schema = self.flat_row(self.schemas[template])
        with self.lock:
            if template not in self.validators:
                self.validators[template] = (self.validator(schema), None)
        order = {name: i for i, name in enumerate(schema["properties"])}
        rows = self.flat_rows(template, body)
        for row in rows:
            assert list(row) == list(rows[0]), f"{path}: rows of different columns"
            for name, value in row.items():
                assert not isinstance(value, (dict, list)), f"{path}: {name} holds {value!r}"
            text = json.dumps(row)
            key = (template.rpartition(".")[0], hashlib.sha1(text.encode()).digest())  # the same row in all forms
            if key not in self.seen:
                explain(self.validators[template][0], row, path)
                assert [order[name] for name in row] == sorted(order[name] for name in row), f"{path}: columns out of order"
                self.seen.add(key)
        if template.endswith(".geojson"):
            collection = load(body)
            assert list(collection) == ["type", "features"] and collection["type"] == "FeatureCollection"
            for feature in collection["features"]:
                self.check_feature(path, feature)

    @staticmethod
    def check_feature(path, feature):
        """A feature after RFC 7946: longitude, then latitude."""
        assert list(feature) == ["type", "id", "geometry", "properties"] and feature["type"] == "Feature", path
        assert feature["id"] == feature["properties"]["id"]
        geometry = feature["geometry"]
        if geometry is None:
            return
        points = {"Point": lambda point: [point], "MultiPoint": list}[geometry["type"]](geometry["coordinates"])
        assert points and list(geometry) == ["type", "coordinates"]
        for longitude, latitude in points:
            assert -180 <= longitude <= 180 and -90 <= latitude <= 90, f"{path}: {geometry}"

    def needed(self, path, name=None):
        """What the query of a path must hold, beside a parameter of that name, with values that it takes."""
        parameters = {one["name"]: one for one in map(self.resolve, self.document["paths"][path]["get"]["parameters"]) if one["in"] == "query"}
        beside = [name] if name else []
        while (other := parameters[beside[-1]].get("x-goes-with") if beside else None) and other not in beside:
            beside.append(other)
        beside += [one["name"] for one in parameters.values() if one.get("required") or one.get("x-required-unless", "") not in ["", *beside]]
        return {one: parameters[one]["example"] for one in beside if one != name}

    def parts(self, template):
        """Validators of an envelope and, for a list, of its rows."""
        with self.lock:
            if template not in self.validators:
                schema = self.schemas[template]
                data = schema.get("properties", {}).get("data", {})
                row = None
                if data.get("type") == "array":
                    row = self.validator(data["items"])
                    schema = {**schema, "properties": {**schema["properties"], "data": {"type": "array"}}}
                self.validators[template] = (self.validator(schema), row)
            return self.validators[template]

    def check(self, path, body):
        """Fails unless the body is what the document says of the path; gives the path's template."""
        template = self.template(path)
        assert template is not None, f"{path} answers 200 and is not in the OpenAPI document"
        whole, row_validator = self.parts(template)
        is_array = isinstance(body, list)  # shape=array: the rows of a list without their envelope
        if not is_array:
            explain(whole, body, path)
        assert not is_array or row_validator, f"{path} is a bare list"
        for row in (body if is_array else body["data"]) if row_validator else ():
            key = (template, hashlib.sha1(json.dumps(row).encode()).digest())
            if key not in self.seen:
                explain(row_validator, row, path)
                self.seen.add(key)
        return template


def explain(validator, value, where):
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is not None:
        raise AssertionError(f"{where}: at {'/'.join(map(str, error.absolute_path)) or 'the top'}: {error.message[:500]}")


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers  # http.client.HTTPMessage: get() without regard to case
        self.body = body

    @property
    def json(self):
        return load(self.body)

    @property
    def data(self):
        return self.json["data"]

    @property
    def meta(self):
        return self.json["meta"]

    @property
    def ids(self):
        return [row["id"] for row in self.data]


class Client:
    """Asks one server, each thread over its own connection, and judges every answer."""

    def __init__(self, server, reached=None):
        self.server = server
        self.reached = reached if reached is not None else set()
        self.local = threading.local()
        self._document = None
        self._lock = threading.Lock()

    @property
    def document(self):
        with self._lock:
            if self._document is None:
                self._document = Document(load(self.raw("/openapi.json").body))
            return self._document

    def raw(self, where, method="GET", headers=None, body=None):
        """One exchange, not judged. An idle connection that the server closed meanwhile is opened anew, once."""
        for attempt in (1, 2):
            conn = getattr(self.local, "conn", None)
            is_fresh = conn is None
            if is_fresh:
                conn = self.server.http_connection(30 * PATIENCE)
                self.local.conn = conn
            try:
                conn.putrequest(method, where, skip_accept_encoding=True)
                for name, value in (headers or {}).items():
                    conn.putheader(name, value)
                conn.endheaders(body)
                reply = conn.getresponse()
                answer = Answer(reply.status, reply.headers, reply.read())
                if reply.will_close:
                    self.close()
                return answer
            except (http.client.RemoteDisconnected, ConnectionError):
                self.close()
                if is_fresh or attempt == 2:
                    raise
        return None

    def close(self):
        conn = getattr(self.local, "conn", None)
        if conn is not None:
            conn.close()
        self.local.conn = None

    def get(self, where, params=(), status=200, headers=None, check=True, **more):
        """GET, with the status that is expected; the body must be what the OpenAPI document says."""
        where = target(where, params, **more)
        answer = self.raw(where, headers=headers)
        assert answer.status == status, f"{where}: {answer.status} and not {status}: {answer.body[:600]!r}"
        if check:
            self.judge(where, answer)
        return answer

    def judge(self, where, answer):
        assert answer.headers["Access-Control-Allow-Origin"] == "*", f"{where} without CORS"
        assert answer.headers["X-Request-Id"], f"{where} without X-Request-Id"
        assert answer.headers["Set-Cookie"] is None
        if answer.status in (204, 304):
            assert answer.body == b""
            return
        if answer.headers["Content-Type"] != "application/vnd.sqlite3":
            assert answer.body.endswith(b"\n"), f"{where}: the body does not end in a newline"
        if answer.status < 300:
            path, _, query = where.partition("?")
            path = unquote(path)
            template = self.document.template_of(path, query, answer.headers["Content-Type"])
            if template is not None and self.document.flat_row(self.document.schemas[template]):
                assert answer.headers["Content-Type"] == self.document.media[template]
                self.document.check_flat(path, template, answer.body)
            elif self.document.media.get(template) == "application/json":
                assert answer.headers["Content-Type"] == "application/json"
                self.document.check(path, answer.json)
            else:
                assert template is not None, f"{path} answers 200 and is not in the OpenAPI document"
                assert answer.headers["Content-Type"] == self.document.media[template]
            if answer.status == 200:
                self.reached.add(template)
            return
        assert answer.headers["Content-Type"] == "application/problem+json", f"{where}: {answer.body[:200]!r}"
        problem = answer.json
        explain(self.document.problem, problem, where)
        assert problem["status"] == answer.status
        assert problem["request_id"] == answer.headers["X-Request-Id"]

    def problem(self, where, status, params=(), **more):
        """The problem document of a request that must fail so."""
        return self.get(where, params, status=status, **more).json

    def walk(self, where, params=(), limit=7, **more):
        """All rows of a list by cursor, page after page."""
        params = {**dict(params), **more}
        answer = self.get(where, params, limit=limit)
        for _ in range(200000):
            page = answer.json
            yield from page["data"]
            if page["next"] is None:
                assert page["next_url"] is None
                return
            answer = self.get(where, params, limit=limit, cursor=page["next"])
        raise AssertionError(f"{where}: the walk does not end")

    def all(self, where, params=(), **more):
        """All rows of a list in pages as large as they may be."""
        return list(self.walk(where, params, limit=10000, **more))


class Authority:
    """Makes certificates, each with a key of its own; nothing of them outlives the test."""

    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.file = self.directory / "authority.pem"
        self.key = self.directory / "authority.key"
        self.openssl("req", "-x509", *self.new_key("ec"), "-keyout", self.key, "-out", self.file, "-days", "30", "-subj", "/CN=authority of a test")

    @staticmethod
    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, stdin=subprocess.DEVNULL)

    @staticmethod
    def new_key(kind):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"] if kind == "ec" else ["-newkey", kind, "-nodes"]

    def issue(self, name, kind="ec", days=30, serial=None, signer=None, is_signer=False):
        """The files of a certificate for localhost and of its key."""
        certificate, key, request, more = (self.directory / f"{name}.{ending}" for ending in ("pem", "key", "request", "more"))
        more.write_text("basicConstraints=critical,CA:true\n" if is_signer else "subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.openssl("req", *self.new_key(kind), "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        signed_by, signed_with = signer or (self.file, self.key)
        self.openssl("x509", "-req", "-in", request, "-CA", signed_by, "-CAkey", signed_with, "-days", days, "-extfile", more, "-out", certificate,
                     *(["-set_serial", serial] if serial else ["-CAcreateserial"]))
        return certificate, key

    def context(self):
        """What a client has that believes this authority."""
        return ssl.create_default_context(cafile=self.file)


class Server:
    """bluehelm serve on a free port. context: of clients that talk TLS with it."""

    def __init__(self, dataset, *args, workers=2, context=None, before=(), env=(), pass_fds=(), program=(PROGRAM,)):
        """`before` is a command that runs the one behind it; `env` is added to the environment."""
        self.context = context
        # Into a process in its sandbox only root can look, as some tests do.
        sight = () if os.geteuid() == 0 else ("--sandbox", "off")
        self.process = subprocess.Popen(
            [*before, *program, "serve", "--listen", "127.0.0.1:0", "--dataset", dataset, "--workers", str(workers), *sight, *args],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace",
            env={**os.environ, **dict(env)}, pass_fds=pass_fds)
        self.log = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        address = self.wait_log(r"\blisten=\"?(?P<host>[\d.]+):(?P<port>[1-9]\d*)")
        self.address = (address["host"], int(address["port"]))

    def _read(self):
        for line in self.process.stderr:
            with self._changed:
                self.log.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.log.append(None)
            self._changed.notify_all()

    def wait_log(self, pattern, start=0, timeout=20):
        """Waits for a line of the log from number `start` on; gives the match."""
        deadline = time.monotonic() + timeout * PATIENCE
        with self._changed:
            while True:
                while start < len(self.log):
                    line = self.log[start]
                    start += 1
                    if line is None:
                        raise AssertionError("the server ended:\n" + "\n".join(self.log[-20:-1]))
                    found = re.search(pattern, line)
                    if found:
                        return found
                left = deadline - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"no line like {pattern!r} in the log:\n" + "\n".join(map(str, self.log[-20:])))
                self._changed.wait(left)

    def hang_up(self):
        """SIGHUP: open the dataset file anew. Gives the number of the first log line after it."""
        with self._changed:
            start = len(self.log)
        self.process.send_signal(signal.SIGHUP)
        return start

    def stop(self):
        """SIGTERM; the end must be clean."""
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("the server does not end on SIGTERM") from None
        self._reader.join(10)
        text = "\n".join(line for line in self.log if line is not None)
        for sign in ("Sanitizer", "runtime error:", "definitely lost"):
            assert sign not in text, text[-4000:]
        assert code == 0, f"the server ended with {code}:\n{text[-2000:]}"

    def connect(self, timeout=10):
        """A connection of its own, over TLS if that is spoken."""
        sock = socket.create_connection(self.address, timeout=timeout * PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self.context.wrap_socket(sock, server_hostname="localhost") if self.context else sock

    def http_connection(self, timeout):
        if self.context:
            return http.client.HTTPSConnection("localhost", self.address[1], timeout=timeout, context=self.context)
        return http.client.HTTPConnection(*self.address, timeout=timeout)

    def send(self, data, timeout=10):
        """Sends raw bytes on a connection of its own, and reads meanwhile; gives all that comes back until the server closes it, or nothing moves."""
        with self.connect(timeout) as sock:
            sock.setblocking(False)
            chunks = []
            while True:
                moved = False
                try:
                    while data:
                        data = data[sock.send(data[:65536]):]
                        moved = True
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
                except OSError:
                    data = b""  # it is not listened to any more, but perhaps answered
                try:
                    while chunk := sock.recv(65536):
                        chunks.append(chunk)
                        moved = True
                    break
                except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    pass
                except OSError:
                    break
                if not moved and not any(select.select([sock], [sock] if data else [], [], timeout * PATIENCE)):
                    break
            return b"".join(chunks)
