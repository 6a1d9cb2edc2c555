"""The command line by itself: what it prints, and how it fails."""

import os
import signal
import socket
import subprocess
import time

import pytest
from harness import PATIENCE, PROGRAM, ROOT, Server, run


def get(dataset, *args, **more):
    return subprocess.run([PROGRAM, "get", *args, "--dataset", dataset], cwd=ROOT, capture_output=True, timeout=120 * PATIENCE, **more)


def test_version_names_the_program_and_its_libraries():
    done = run("version")
    assert done.returncode == 0 and [line.split()[0] for line in done.stdout.splitlines()] == ["bluehelm", "libmicrohttpd", "SQLite", "jansson"]


@pytest.mark.parametrize("command", ["serve", "get", "build", "import", "export", "check", "version"])
def test_help_of_a_command_is_that_of_its_flag(command):
    done = run("help", command)
    assert done.returncode == 0 and done.stdout == run(command, "--help").stdout and f"bluehelm {command}" in done.stdout


def test_help_alone_lists_the_commands_and_an_unknown_one_is_named():
    assert run("help").stdout.count("\n") > 10
    done = run("help", "serv")
    assert done.returncode == 2 and "serve" in done.stderr


def test_get_takes_a_path_and_nothing_else(fixture_dataset):
    done = get(fixture_dataset, "v1/missions")
    assert done.returncode == 2 and b"/v1/v1/missions" in done.stderr and done.stdout == b""


@pytest.mark.parametrize("path", ["/v1/missions/minusma", "/v1/export/bluehelm.db", "/v1/casualties.ndjson"])
def test_get_prints_the_head_alone_or_before_the_body(dataset, path):
    body = get(dataset, path).stdout
    head, both = get(dataset, path, "--head").stdout, get(dataset, path, "--include").stdout
    assert head.startswith(b"HTTP/1.1 ") and head.endswith(b"\n")
    assert both.endswith(body) and b"Content-Type: " in both[:len(both) - len(body)]


@pytest.mark.parametrize("path", ["/v1/missions", "/v1/export/bluehelm.db", "/v1/casualties.ndjson"])
def test_get_into_a_full_disk_fails(dataset, path):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PROGRAM, "get", path, "--dataset", dataset], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=120 * PATIENCE)
    assert done.returncode == 1 and b"cannot be written" in done.stderr


@pytest.mark.parametrize("command", [["get", "/v1/missions"], ["openapi"], ["docs"], ["export"]])
def test_without_a_dataset_the_reason_is_told(command, tmp_path):
    done = run(*command, "--dataset", tmp_path / "missing.db")
    assert done.returncode == 1 and "missing.db" in done.stderr and done.stdout == ""


@pytest.mark.parametrize("name, reason", [("nothing.csv", "nothing.csv"), ("a" * 300, "There is no export"), ("../missions.csv", "missions.csv")])
def test_an_export_that_does_not_exist_is_named_and_leaves_no_file(fixture_dataset, tmp_path, name, reason):
    done = run("export", "--dataset", fixture_dataset, "--output", tmp_path / "out", name)
    assert done.returncode != 0 and reason in done.stderr
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_an_export_to_what_is_no_directory_is_refused(fixture_dataset, tmp_path):
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        done = run("export", "--dataset", fixture_dataset, "--output", place, "missions.csv")
        assert done.returncode == 1 and "file" in done.stderr
    (tmp_path / "out" / "missions.csv").mkdir(parents=True)  # a directory stands where the file is to be
    done = run("export", "--dataset", fixture_dataset, "--output", tmp_path / "out", "missions.csv")
    assert done.returncode == 1 and "missions.csv" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["missions.csv"]


def test_a_second_signal_cuts_what_is_under_way(dataset):
    server = Server(dataset, "--drain-timeout", "600", workers=1)
    with socket.create_connection(server.address) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET /v1/casualties.ndjson HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.recv(100)
        server.process.send_signal(signal.SIGTERM)
        server.wait_log("draining")
        time.sleep(0.2)
        assert server.process.poll() is None
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(20 * PATIENCE) == 0


def test_a_place_to_listen_that_is_taken_is_named(dataset, server):
    done = run("serve", "--dataset", dataset, "--listen", "{}:{}".format(*server.address))
    assert done.returncode == 1 and str(server.address[1]) in done.stderr


def test_more_connections_than_the_system_has_descriptors_for_are_warned_of(fixture_dataset):
    script = f'ulimit -n 256; exec "{PROGRAM}" serve --dataset "{fixture_dataset}" --listen 127.0.0.1:0 --connections 5000'
    process = subprocess.Popen(["bash", "-c", script], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    text = ""
    for line in process.stderr:
        text += line
        if "listen=" in line:
            break
    process.send_signal(signal.SIGTERM)
    assert process.wait(20 * PATIENCE) == 0 and "few descriptors" in text
    assert os.path.exists(fixture_dataset)
