"""TL521 by meaning: only a change of what a model uses makes its artifact stale, also one in another file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.core.emit.support import artifact_text
from torchlean_core.capture import job
from torchlean_core.capture.workspace import Sources
from torchlean_core.check import check_text
from torchlean_core.companions import (
    State,
    artifacts_of_model,
    model_findings,
    model_of,
    model_state,
    remedies,
)

SOURCE = """\
from torch import nn
from sizes import WIDTH


class Net(nn.Linear):
    def __init__(self):
        super().__init__(WIDTH, 2)
"""
SIZES = "WIDTH = 4\nAPART = 5\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "nets").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "nets" / "model.py").write_text(SOURCE)
    (tmp_path / "nets" / "sizes.py").write_text(SIZES)
    return tmp_path


@pytest.fixture
def captured(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An artifact as capture writes it."""
    for name in ("argv", "path"):
        monkeypatch.setattr(sys, name, list(getattr(sys, name)))
    out = folder / "out" / "m.ir.json"
    request = {
        "file": str(folder / "nets" / "model.py"),
        "name": "Net",
        "out": str(out),
        "example_shape": [1, 4],
    }
    job.run(request, lambda event: None)
    for name in ("model", "sizes"):
        sys.modules.pop(name, None)
    return out


def codes(artifact: Path, sources: Sources | None = None) -> list[str]:
    return [found.code for found in model_findings(artifact, json.loads(artifact.read_text()), sources)]


def test_capture_records_the_meaning_and_the_files_from_the_artifacts_folder(captured: Path) -> None:
    meaning = json.loads(captured.read_text())["captured_from"]["meaning"]
    assert set(meaning) == {"sha256", "files", "parts", "texts"} and len(meaning["sha256"]) == 64
    assert len(meaning["parts"]) == 2
    assert meaning["files"] == ["../nets/model.py", "../nets/sizes.py"]
    assert codes(captured) == []


def test_a_comment_or_another_class_makes_nothing_stale_but_a_change_does(
    folder: Path, captured: Path
) -> None:
    model = folder / "nets" / "model.py"
    model.write_text(f"# A comment\n{SOURCE}\n\nclass Other(nn.Module): pass\n")
    assert codes(captured) == []
    model.write_text(SOURCE.replace("WIDTH, 2", "WIDTH, 3"))
    assert codes(captured) == ["TL521"]
    model.write_text("class Net(")
    assert codes(captured) == ["TL521"]


def test_a_change_in_a_file_that_the_model_imports_is_said_at_the_meaning(
    folder: Path, captured: Path
) -> None:
    sizes = folder / "nets" / "sizes.py"
    sizes.write_text(SIZES.replace("APART = 5", "APART = 6"))
    assert codes(captured) == []
    sizes.write_text(SIZES.replace("WIDTH = 4", "WIDTH = 5"))
    text = captured.read_text()
    (found,) = model_findings(captured, json.loads(text))
    assert found.message == (
        "what ../nets/model.py uses of ../nets/sizes.py changed since Net was captured from it; capture again: "
        "`torchlean capture ../nets/model.py:Net -o m.ir.json --example-shape 1,4`"
    )
    start, end = check_text(text).span(found)
    assert json.loads(text[start:end])["files"] == ["../nets/model.py", "../nets/sizes.py"]
    assert [remedy.command for remedy in remedies(found)] == ["capture"]


def message(artifact: Path, sources: Sources | None = None) -> str:
    """What TL521 says, up to what to do."""
    (found,) = model_findings(artifact, json.loads(artifact.read_text()), sources)
    return found.message.partition(";")[0]


def test_the_text_of_an_open_file_counts_whether_it_is_saved_or_not(folder: Path, captured: Path) -> None:
    model, sizes = folder / "nets" / "model.py", folder / "nets" / "sizes.py"
    texts = {sizes: "WIDTH = 5\n"}
    sources = Sources(texts.get)
    since = "changed since Net was captured from it"
    assert message(captured, sources) == f"what ../nets/model.py uses of ../nets/sizes.py (not saved) {since}"
    texts[model] = SOURCE.replace("WIDTH, 2", "WIDTH, 3")
    assert message(captured, sources) == (
        f"../nets/model.py (not saved) and what it uses of ../nets/sizes.py (not saved) {since}"
    )
    sizes.write_text("WIDTH = 5\n")
    del texts[model]
    assert message(captured, sources) == f"what ../nets/model.py uses of ../nets/sizes.py {since}"
    texts[sizes] = SIZES
    assert codes(captured, sources) == []


def test_an_open_file_that_is_not_python_at_the_moment_is_what_it_was(folder: Path, captured: Path) -> None:
    texts = {folder / "nets" / "sizes.py": SIZES}
    sources = Sources(texts.get)
    assert codes(captured, sources) == []
    texts[folder / "nets" / "sizes.py"] = "WIDTH = (\n"
    assert codes(captured, sources) == []


def test_the_files_that_changed_are_named_where_that_is_recorded(folder: Path, captured: Path) -> None:
    model, sizes = folder / "nets" / "model.py", folder / "nets" / "sizes.py"
    model.write_text(f"# A comment\n{SOURCE}")
    sizes.write_text("WIDTH = 5\n")
    assert message(captured).startswith("what ../nets/model.py uses of ../nets/sizes.py changed since")
    root = json.loads(captured.read_text())
    del root["captured_from"]["meaning"]["parts"]
    captured.write_text(json.dumps(root))
    assert message(captured).startswith("../nets/model.py or what it uses of ../nets/sizes.py changed since")
    sizes.write_text(SIZES)
    model.write_text(SOURCE.replace("WIDTH, 2", "WIDTH, 3"))
    assert message(captured).startswith("../nets/model.py or what it uses of ../nets/sizes.py changed since")


def test_the_state_of_a_model_is_that_of_each_of_its_artifacts(folder: Path, captured: Path) -> None:
    root = json.loads(captured.read_text())
    other = folder / "other.ir.json"
    apart = {"captured_from": {**root["captured_from"], "class": "Other"}}
    plain = {"captured_from": {"file": "nets/model.py", "class": "Net", "sha256": "0" * 64}}
    known = [(captured, root), (folder / "x.ir.json", apart), (other, plain), (folder / "y.ir.json", None)]
    model = folder / "nets" / "model.py"

    def states() -> list[tuple[Path, State]]:
        return [(one.artifact, one.state) for one in artifacts_of_model(model, "Net", known)]

    assert states() == [(captured, State.FRESH), (other, State.STALE)]
    (folder / "nets" / "sizes.py").write_text("WIDTH = 7\n")
    assert states() == [(captured, State.USES_CHANGED), (other, State.STALE)]
    model.unlink()
    assert states() == [(captured, State.UNKNOWN), (other, State.UNKNOWN)]


@pytest.mark.parametrize(
    "meaning",
    [
        None,
        3,
        [],
        {},
        {"sha256": 3},
        {"sha256": "x"},
        {"sha256": "", "files": 3},
        {"files": [1, None, "/dev/zero"]},
    ],
    ids=str,
)
def test_a_field_that_holds_something_else_leaves_the_file_to_decide(folder: Path, meaning: object) -> None:
    nodes = ({"kind": "input", "shape": [1, 4]}, {"kind": "relu", "parents": [0], "shape": [1, 4]})
    recorded = {"file": "nets/model.py", "class": "Net", "sha256": "0" * 64, "meaning": meaning}
    artifact = folder / "m.ir.json"
    artifact.write_text(artifact_text(*nodes, captured_from=recorded))
    assert codes(artifact) == ["TL521"]
    model = model_of(json.loads(artifact.read_text()), artifact)
    assert model is not None and model_state(model) is State.STALE
