"""The README is true: each of its worked lines answers what stands below it, letter for letter."""

import re
import subprocess

import pytest

from harness import ROOT

LINE = re.compile(r"^\$ curl -s '?localhost:8080(?P<target>[^'\s]+)'?(?: \| (?P<tool>jq -c|grep) '(?P<filter>[^'\n]+)')?\n(?P<answer>(?:(?!\$ |```).*\n)+)", re.M)


def examples():
    """Every worked line of the README with the answer printed below it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [(m["target"], m["filter"] and [*m["tool"].split(), m["filter"]], m["answer"]) for m in LINE.finditer(text)]
    assert len(found) == len(re.findall(r"^\$ curl ", text, re.M)), "a worked line is not read"
    return found


def test_the_readme_works_a_line_for_each_kind_of_question():
    assert len(examples()) >= 20


@pytest.mark.parametrize("where,path,answer", examples(), ids=[where for where, _, _ in examples()])
def test_a_worked_line_of_the_readme_answers_as_printed(api, where, path, answer):
    status = 400 if path and path[-1] == ".detail" else 200  # what is refused is shown as well
    body = api.get(where, status=status, check=not where.startswith("/odata/")).body  # OData has metadata of its own
    if path is not None:
        body = subprocess.run(path, input=body, capture_output=True, check=True).stdout
    assert body.decode().replace("\r\n", "\n") == answer  # lines of CSV end as RFC 4180 says
