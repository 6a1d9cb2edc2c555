"""Servers that the tests share, and the rule that every documented path is reached."""

import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True  # the source tree stays clean
sys.path.insert(0, str(Path(__file__).parent))
from harness import PROGRAM, ROOT, Authority, Client, Server, build  # noqa: E402

REACHED = set()  # path templates that answered 200
DOCUMENTED = {}  # filled with the document of the dataset we ship


def pytest_report_header():
    return f"bluehelm: {PROGRAM}"


def pytest_sessionstart(session):
    if not PROGRAM.exists():
        pytest.exit(f"there is no program at {PROGRAM}; build it, or say where it is in BLUEHELM_PROGRAM", returncode=2)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """The dataset that we ship, built from its text."""
    return build(ROOT / "db" / "dataset", tmp_path_factory.mktemp("dataset") / "bluehelm.db")


@pytest.fixture(scope="session")
def fixture_dataset(tmp_path_factory):
    """The world that does not exist."""
    return build(ROOT / "tests" / "fixture", tmp_path_factory.mktemp("fixture") / "fixture.db")


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def tls(authority):
    """What makes a server talk TLS, and the context of its clients."""
    certificate, key = authority.issue("localhost")
    return ["--tls-certificate", certificate, "--tls-key", key], authority.context()


@pytest.fixture(scope="session")
def server(dataset):
    server = Server(dataset)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def api(server):
    """A client of a server with the dataset that we ship."""
    client = Client(server, REACHED)
    DOCUMENTED["paths"] = list(client.document.document["paths"])
    return client


@pytest.fixture(scope="session")
def fixture_server(fixture_dataset):
    server = Server(fixture_dataset)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def small(fixture_server):
    """A client of a server with the fixture."""
    return Client(fixture_server)


@pytest.fixture(scope="session")
def collections(api):
    """Names of all collections that answer without being asked for anything."""
    names = [resource["name"] for resource in api.get("/v1/").json["resources"]]
    return [name for name in names if not api.document.needed(f"/v1/{name}")]


def is_whole_run(config):
    """Whether nothing narrowed the run to some tests."""
    options = config.option
    return not (options.keyword or options.markexpr or getattr(options, "ignore", None) or options.collectonly or getattr(options, "lf", False)
                or any(".py" in arg for arg in config.args))


def pytest_sessionfinish(session, exitstatus):
    """A path that no test reached is a path that nobody knows to work."""
    missed = sorted(set(DOCUMENTED.get("paths", ())) - REACHED)
    if exitstatus == 0 and missed and is_whole_run(session.config):
        session.config.missed_paths = missed
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    for path in getattr(config, "missed_paths", ()):
        terminalreporter.write_line(f"FAILED: no test had an answer from {path}", red=True)
