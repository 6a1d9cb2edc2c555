"""The README is true: each of its worked lines answers what stands below it, letter for letter."""

import json
import re

import pytest

from harness import ROOT

LINE = re.compile(r"^\$ curl -s '?localhost:8080(?P<target>[^'\s]+)'? \| jq -c '?(?P<filter>[^'\n]+)'?\n(?P<answer>.*)$", re.M)


def examples():
    """Every worked line of the README with the answer printed below it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return [(m["target"], m["filter"], m["answer"]) for m in LINE.finditer(text)]


def jq(path, value):
    """What `jq -c PATH` prints, for paths of names, indexes and a final [] alone."""
    for step in re.findall(r"\.(\w+)|\[(\d+)\]", path):
        value = value[step[0]] if step[0] else value[int(step[1])]
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_the_readme_works_a_line_for_each_kind_of_question():
    assert len(examples()) >= 4


@pytest.mark.parametrize("where,path,answer", examples(), ids=[where for where, _, _ in examples()])
def test_a_worked_line_of_the_readme_answers_as_printed(api, where, path, answer):
    status = 400 if path == ".detail" else 200  # what is refused is shown as well
    assert jq(path, api.get(where, status=status).json) == answer
