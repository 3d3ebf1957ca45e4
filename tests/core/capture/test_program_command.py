"""`torchlean capture model.pt2` from end to end, in real workers, and what is made of such an artifact afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.core.capture.programs import described, save
from torchlean_core.artifact import load_graph
from torchlean_core.check import check_text
from torchlean_core.cli.main import main
from torchlean_core.companions import model_findings
from torchlean_core.navigate import Links, spot_at
from torchlean_core.navigate.explain import explain
from torchlean_core.navigate.origin import origin_of
from torchlean_core.params import ParameterStore


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    return save(nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)), (2, 4), tmp_path / "m.pt2")


def test_a_program_is_captured_with_its_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capture", "m.pt2", "-o", "m.ir.json", "--dialect", "classic"]) == 0
    output = capsys.readouterr().out
    assert "traced with: torch.export\n" in output and "verified: largest relative error" in output
    graph = load_graph(tmp_path / "m.ir.json")
    captured_from = graph.extra["captured_from"]
    assert (captured_from["file"], captured_from["format"]) == ("m.pt2", "pt2")
    store = ParameterStore.load(tmp_path / "m.params.safetensors")
    assert store.metadata["source"] == "m.pt2"
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["capture", "-q", "m.pt2", "-o", "m.ir.json", "--example-shape", "2,4"]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert main(["check", "m.ir.json"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["m.pt2"], "-o OUT.json is missing: where to write the artifact of m.pt2"),
        (["gone.pt2", "-o", "a.json"], "gone.pt2: no such file"),
        (["m.pt2:Net", "-o", "a.json"], "m.pt2 is one program, which has no `Net` in it"),
        (["m.pt2", "-o", "m.pt2"], "m.pt2: is the model file itself"),
        (["m.pt2", "-o", "a.json", "--explain"], "--explain shows the source of a model, and m.pt2 has none"),
        (["m.pt2", "-o", "a.json", "--example-shape", "3,4"], "example shape [3, 4], found [2, 4]"),
        (["m.pt2", "-o", "a.json", "--no-prefer-torch-export"], "was traced by torch.export"),
    ],
)
def test_wrong_requests(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", *arguments]) in (1, 2)
    assert message in capsys.readouterr().err
    assert not Path("a.json").exists()


def test_what_is_refused_leaves_everything_alone(
    program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = described(program, tmp_path / "bad.pt2", lambda p: p.update(verifiers=["EDGE"]))
    assert main(["capture", "bad.pt2", "-o", "m.ir.json"]) == 1
    error = capsys.readouterr().err
    assert (
        error
        == "torchlean: bad.pt2: TL602 is in the dialect 'EDGE'; programs of ATen operators can be captured\n"
    )
    assert bad.exists() and not (tmp_path / "m.ir.json").exists()


def test_programs_are_listed_in_settings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "nets").mkdir()
    (tmp_path / "m.pt2").rename(tmp_path / "nets" / "m.pt2")
    (tmp_path / "torchlean.toml").write_text(
        '[capture."nets/m.pt2"]\noutput = "m.ir.json"\ndialect = "generalized"\n'
    )
    assert main(["capture"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "nets/m.pt2"
    assert load_graph(tmp_path / "m.ir.json").dialect.name == "generalized"


def test_the_parent_never_imports_torch(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom torchlean_core.cli.main import main\n"
        "code = main(['capture', '-q', 'm.pt2', '-o', 'm.ir.json', '--no-verify'])\n"
        "print(code, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0 False\n"


def test_an_artifact_of_a_program_is_looked_at(tmp_path: Path) -> None:
    """Hover, places and staleness, of an artifact that names no class."""
    assert main(["capture", "-q", "m.pt2", "-o", "m.ir.json", "--no-verify"]) == 0
    artifact = tmp_path / "m.ir.json"
    text = artifact.read_text()
    report = check_text(text)
    links = Links(report)
    root = report.document.value
    assert origin_of(root, None, artifact) is None
    assert all(origin_of(root, record, artifact) is None for record in report.records)
    for offset in range(0, len(text), 7):
        if (spot := spot_at(report.document, offset)) is not None:
            explain(links, spot)
    assert model_findings(artifact, root) == []
    save(nn.Linear(4, 3), (2, 4), tmp_path / "m.pt2")
    (stale,) = model_findings(artifact, root)
    assert stale.message == (
        "m.pt2 changed since this artifact was captured from it; capture again: "
        "`torchlean capture m.pt2 -o m.ir.json`"
    )
    assert stale.data["arguments"] is None
    assert main(["check", "m.ir.json"]) == 0
    (tmp_path / "m.pt2").unlink()
    assert model_findings(artifact, root) == []


def test_the_line_of_a_node_is_told_with_its_file(tmp_path: Path) -> None:
    nodes = [
        {"id": 0, "kind": "input", "parents": [], "shape": [4]},
        {"id": 1, "kind": "relu", "parents": [0], "shape": [4], "source": {"line": 7, "file": "net.py"}},
    ]
    root = {"format": "torchlean.ir.v1", "captured_from": {"file": "m.pt2", "format": "pt2"}, "nodes": nodes}
    text = json.dumps({**root, "input_id": 0, "output_id": 1})
    report = check_text(text)
    spot = spot_at(report.document, text.index('"relu"') + 2)
    assert spot is not None
    found = explain(Links(report), spot)
    assert found is not None and "line 7 of `net.py`" in found
