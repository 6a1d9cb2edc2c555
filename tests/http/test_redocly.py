"""The OpenAPI document in the hands of other people's tools: a linter, and a compiler of types."""

import json
import shutil

import npm
import pytest
from harness import IS_SANITIZED, ROOT

pytestmark = pytest.mark.skipif(IS_SANITIZED, reason="the run without a sanitizer has it")


TYPES = ROOT / "tests" / "types"


def lint(file):
    done = npm.run("redocly", "lint", "--extends", "recommended-strict", "--format", "json", "--max-problems", "10000", file, cwd=file.parent)
    return json.loads(done.stdout)["problems"]


def test_the_document_is_clean_under_the_strict_rules_of_redocly(api, tmp_path):
    file = tmp_path / "openapi.json"
    file.write_bytes(api.raw("/openapi.json").body)
    problems = lint(file)
    assert not problems, [(one["ruleId"], one["message"], one["location"][0].get("pointer")) for one in problems[:10]]


def test_the_linter_finds_what_is_broken(api, tmp_path):
    """Else a linter that reads nothing would pass."""
    document = json.loads(api.raw("/openapi.json").body)
    del document["paths"]["/v1/missions"]["get"]["operationId"]
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    assert "operation-operationId" in {one["ruleId"] for one in lint(file)}


@pytest.fixture(scope="module")
def types(api, tmp_path_factory):
    """A folder with the samples and the types of the served document."""
    folder = tmp_path_factory.mktemp("types")
    (folder / "openapi.json").write_bytes(api.raw("/openapi.json").body)
    done = npm.run("openapi-typescript", "openapi.json", "--output", "bluehelm.d.ts", cwd=folder)
    assert done.returncode == 0, done.stderr
    for sample in TYPES.glob("*.ts"):
        shutil.copy(sample, folder)
    return folder


def compile_sample(types, sample):
    return npm.run("tsc", "--strict", "--noEmit", "--target", "es2022", "--lib", "es2022,dom", sample, cwd=types)


def test_a_client_compiles_against_the_types(types):
    done = compile_sample(types, "sample.ts")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("sample, why", [("wrong-enum.ts", '"retired"'), ("wrong-path.ts", '"/v1/mission"')])
def test_the_types_refuse_what_is_wrong(types, sample, why):
    done = compile_sample(types, sample)
    faults = [line for line in done.stdout.splitlines() if "error TS" in line]
    assert done.returncode != 0 and len(faults) == 1 and f"{sample}(" in faults[0] and why in faults[0] and "not assignable" in faults[0], done.stdout
