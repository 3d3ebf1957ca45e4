"""The snippets of editors: of the tables, and right as they are inserted."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from torchlean_core.capture.directives import KEYS
from torchlean_core.check import check_text
from torchlean_core.kinds import DIALECTS
from torchlean_core.navigate.snippets import artifact_snippets, python_snippets, texts

FOLDER = Path(__file__).parents[3] / "editors" / "vscode" / "snippets"


def inserted(body: list[str]) -> str:
    """The text of a snippet whose user changes nothing: of a choice the first."""
    text = "\n".join(body)
    stops = dict(re.findall(r"\$\{(\d):([^}]*)\}", text)) | dict(
        re.findall(r"\$\{(\d)\|([^,|]*)[^}]*\}", text)
    )
    for stop, value in stops.items():
        text = re.sub(rf"\$\{{{stop}[:|][^}}]*\}}|\${stop}", value, text)
    return text.replace("$0", "")


@pytest.mark.parametrize("name", texts())
def test_a_file_is_up_to_date(name):
    assert (FOLDER / name).read_text("utf-8") == texts()[name], "run `make schema`"


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
def test_a_graph_is_right_as_it_is_inserted(dialect):
    [body] = [one["body"] for one in artifact_snippets().values() if f"graph-{dialect.name}" in one["prefix"]]
    text = inserted(body)
    report = check_text(text)
    assert report.findings == [], text
    assert json.loads(text)["nodes"][1]["shape"] == [1, 4]
    assert dialect.output_field in json.loads(text)


def test_every_directive_has_a_snippet():
    bodies = ["\n".join(one["body"]) for one in python_snippets().values()]
    assert [re.match(r"# torchlean: ([\w-]+)=", body)[1] for body in bodies] == list(KEYS)
