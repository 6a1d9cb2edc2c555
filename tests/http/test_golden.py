"""tests/golden/<resource>/<fact>.url: a path, and what `bluehelm get` answers it on the fixture.

The first line is path and query; a second line `status 400` says that it must fail so. BLUEHELM_GOLDEN=write writes the
answers anew: read the diff before it is committed.
"""

import json
import os
import re

import pytest

from harness import ROOT, Document, explain, load, run

GOLDEN = ROOT / "tests" / "golden"
CASES = sorted(GOLDEN.rglob("*.url"))
WRITES = os.environ.get("BLUEHELM_GOLDEN") == "write"


def read_case(file):
    where, *rest = file.read_text().splitlines()
    status = 200
    for line in rest:
        name, value = line.split()
        assert name == "status", f"{file}: {line}"
        status = int(value)
    return where, status


def get(dataset, where):
    """Status and body of one answer, without a socket."""
    done = run("get", "--include", "--dataset", dataset, where)
    head, _, body = done.stdout.replace("\r\n", "\n").partition("\n\n")
    assert head, done.stderr
    status = int(head.split()[1])
    assert done.returncode == (0 if status < 400 else 1), f"{where}: {status} and exit status {done.returncode}"
    assert run("get", "--dataset", dataset, where).stdout.count("\n") == body.count("\n")
    return status, body


def without_accidents(value, name=""):
    """The answer without what depends on the bytes of the dataset file, the program's version or the request."""
    if isinstance(value, dict):
        return {key: without_accidents(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [without_accidents(item) for item in value]
    if isinstance(value, str):
        if name == "request_id":
            return "REQUEST"
        if name == "version":
            return "VERSION"
        if name == "next":
            return "CURSOR"
        value = re.sub(r"\b[0-9a-f]{64}\b", "DIGEST", value)
        value = re.sub(r"SHA-256 [0-9a-f]{12}\b", "SHA-256 DIGEST", value)
        return re.sub(r"cursor=[^&]+", "cursor=CURSOR", value)
    return value


def compare(file, body):
    """Order counts: the text of the answer is the contract, indented so that a diff can be read."""
    text = json.dumps(without_accidents(load(body)), indent=2, ensure_ascii=False) + "\n"
    if WRITES:
        file.write_text(text)
    assert file.exists(), f"{file} is missing; BLUEHELM_GOLDEN=write writes it"
    assert text == file.read_text()


@pytest.fixture(scope="module")
def document(fixture_dataset):
    return Document(load(get(fixture_dataset, "/openapi.json")[1]))


@pytest.mark.parametrize("file", CASES, ids=lambda file: str(file.relative_to(GOLDEN).with_suffix("")))
def test_the_answer_is_the_one_that_was_reviewed(file, fixture_dataset, document):
    where, expected = read_case(file)
    status, body = get(fixture_dataset, where)
    assert status == expected, body
    if status < 300:
        document.check(where.partition("?")[0], load(body))
    else:
        explain(document.problem, load(body), where)
    compare(file.with_suffix(".json"), body)


def test_the_openapi_document_is_the_one_that_was_reviewed(fixture_dataset):
    status, body = get(fixture_dataset, "/openapi.json")
    assert status == 200
    compare(GOLDEN / "openapi.json", body)


def test_no_answer_is_left_without_its_path():
    answers = {file.with_suffix("") for file in GOLDEN.rglob("*.json")} - {GOLDEN / "openapi"}
    assert answers == {file.with_suffix("") for file in CASES}


def test_every_collection_has_a_list_a_filter_and_a_400(document):
    """A resource that no golden answer shows is a resource that nobody reviewed."""
    for path in document.document["paths"]:
        name = path.removeprefix("/v1/")
        if not path.startswith("/v1/") or path == "/v1/export" or not name or "{" in name or "." in name or name.endswith(("/", "/stats")):
            continue
        cases = [read_case(file) for file in CASES if file.parent == GOLDEN / name]
        needed = document.needed(path)
        plain = re.compile(re.escape(path) + (r"\?" + "&".join(f"{name}=[^&]+" for name in needed) if needed else "") + "$")
        assert any(plain.match(where) and status == 200 for where, status in cases), f"{name} has no plain list"
        assert any(where.startswith(path + "?") and status == 200 for where, status in cases), f"{name} has no filter"
        assert any(status == 400 for _, status in cases), f"{name} has no 400"
