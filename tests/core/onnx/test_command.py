"""`torchlean capture net.onnx` from end to end, in real workers, and what is made of such an artifact afterwards."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from torchlean_core.artifact import load_graph
from torchlean_core.cli.main import main
from torchlean_core.companions import model_findings
from torchlean_core.params import ParameterStore

from .support import drawn, model, node, saved


@pytest.fixture(autouse=True)
def network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    nodes = [
        node("MatMul", "x fc.weight", "h"),
        node("Add", "h fc.bias", "z", name="/fc/Add"),
        node("Relu", "z"),
    ]
    return saved(
        model(nodes, ["N", 4], {"fc.weight": drawn(4, 3), "fc.bias": drawn(3)}), tmp_path, "net.onnx"
    )


def test_a_file_is_captured_with_its_parameters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", "net.onnx", "-o", "m.ir.json", "--dialect", "classic"]) == 0
    assert "verified: largest relative error" in capsys.readouterr().out
    graph = load_graph(tmp_path / "m.ir.json")
    assert [one.kind for one in graph.nodes] == ["input", "linear", "relu"]
    assert graph.extra["captured_from"]["example_shape"] == [1, 4]
    assert ParameterStore.load(tmp_path / "m.params.safetensors").metadata["source"] == "net.onnx"
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert main(["capture", "-q", "net.onnx", "-o", "m.ir.json"]) == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert main(["check", "m.ir.json"]) == 0
    assert main(["emit", "m.ir.json"]) == 0
    assert "net.onnx" in (tmp_path / "m.py").read_text()


def test_a_packed_file_and_no_parameters(network: Path, tmp_path: Path) -> None:
    (tmp_path / "net.onnx.gz").write_bytes(gzip.compress(network.read_bytes()))
    assert (
        main(["capture", "-q", "net.onnx.gz", "-o", "m.ir.json", "--no-params", "--dialect", "classic"]) == 0
    )
    assert not (tmp_path / "m.params.safetensors").exists()


def test_a_file_that_changed_is_told(network: Path, tmp_path: Path) -> None:
    assert main(["capture", "-q", "net.onnx", "-o", "m.ir.json", "--example-shape", "5,4"]) == 0
    root = json.loads((tmp_path / "m.ir.json").read_text())
    assert model_findings(tmp_path / "m.ir.json", root) == []
    network.write_bytes(network.read_bytes() + b"\x12\x01a")
    (finding,) = model_findings(tmp_path / "m.ir.json", root)
    assert finding.code == "TL521"
    assert "`torchlean capture net.onnx -o m.ir.json --example-shape 5,4`" in finding.message


def test_settings_say_shape_and_output(tmp_path: Path) -> None:
    (tmp_path / "torchlean.toml").write_text(
        '[capture."net.onnx"]\noutput = "out.ir.json"\nexample-shape = [3, 4]\ndialect = "generalized"\n'
    )
    assert main(["capture", "-q"]) == 0
    assert load_graph(tmp_path / "out.ir.json").extra["captured_from"]["example_shape"] == [3, 4]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net.onnx"], "-o OUT.json is missing: where to write the artifact of net.onnx"),
        (["gone.onnx", "-o", "a.json"], "gone.onnx: no such file"),
        (["net.onnx:Net", "-o", "a.json"], "net.onnx is one graph, which has no `Net` in it"),
        (
            ["net.onnx", "-o", "a.json", "--explain"],
            "--explain shows the source of a model, and net.onnx has none",
        ),
        (["net.onnx", "-o", "a.json", "--example-shape", "1,5"], "example shape [1, 5], found [N, 4]"),
        (["net.onnx", "-o", "a.json", "--no-prefer-torch-export"], "is traced by torch.export"),
        (["net.onnx", "-o", "net.onnx"], "net.onnx: is the model file itself"),
        (["net.onnx", "-o", "a.json", "--max-parameters", "3"], "15"),
    ],
)
def test_wrong_requests(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["capture", *arguments]) in (1, 2)
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not Path("a.json").exists()


def test_without_the_package_onnx_it_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = sys.modules["importlib.util"].find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "onnx" else find(name, *rest)
    )
    assert main(["capture", "net.onnx", "-o", "a.json"]) == 2
    assert "this needs the extra `onnx`: pip install 'torchlean-ls[onnx]'" in capsys.readouterr().err


def test_neither_checking_nor_serving_imports_onnx() -> None:
    code = "import sys, torchlean_core.cli.main, torchlean_core.cli.capture_command, torchlean_ls.server\n"
    code += "assert not {'onnx', 'torch', 'numpy'} & sys.modules.keys()"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
