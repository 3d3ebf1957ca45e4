"""`torchlean convert`: files, exit codes, messages."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from torchlean_core.check import check_bytes
from torchlean_core.cli.main import main
from torchlean_core.params.format import write_store
from torchlean_core.params.store import ParameterStore

PAIRS = Path(__file__).parents[2] / "conformance-general/migration"


def _convert(*arguments: Any) -> int:
    return main(["convert", *map(str, arguments)])


def _pair(tmp_path: Path, number: str, side: str) -> Path:
    artifact = tmp_path / "a.ir.json"
    shutil.copyfile(PAIRS / number / f"{side}.json", artifact)
    store = PAIRS / number / "classic.params.safetensors"
    if side == "classic" and store.exists():
        shutil.copyfile(store, tmp_path / "a.params.safetensors")
    return artifact


def _errors(path: Path) -> list[str]:
    return [
        finding.code
        for finding in check_bytes(path.read_bytes()).findings
        if finding.severity.name == "ERROR"
    ]


def test_parameters_go_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact, out = _pair(tmp_path, "019", "classic"), tmp_path / "b.ir.json"
    assert _convert(artifact, "-o", out, "--dialect", "generalized") == 0
    assert json.loads(out.read_text()) == json.loads((PAIRS / "019/general.json").read_text())
    assert out.read_text().count("\n    {") == 7, "one node per line"
    assert "wrote" in capsys.readouterr().out
    assert not (tmp_path / "b.params.safetensors").exists()
    assert _errors(out) == []


def test_parameters_come_out(tmp_path: Path) -> None:
    artifact, out = _pair(tmp_path, "029", "general"), tmp_path / "b.ir.json"
    assert _convert(artifact, "-o", out, "--dialect", "classic") == 0
    store = ParameterStore.load(tmp_path / "b.params.safetensors")
    expected = ParameterStore.load(PAIRS / "029/classic.params.safetensors")
    assert store.names == expected.names
    assert all(np.array_equal(store.numpy(name), expected.numpy(name)) for name in store.names)
    assert main(["check", "-q", str(out)]) == 0
    assert main(["run", str(out), "--input", "random", "-q"]) == 0


def test_named_parameters_in_other_formats(tmp_path: Path) -> None:
    artifact, out = tmp_path / "a.json", tmp_path / "b.json"
    shutil.copyfile(PAIRS / "020/classic.json", artifact)
    for name in ("classic.params.safetensors", "classic.params.json"):
        assert (
            _convert(artifact, "-o", out, "--dialect", "generalized", "--params", PAIRS / "020" / name) == 0
        )
        assert json.loads(out.read_text()) == json.loads((PAIRS / "020/general.json").read_text())
    assert _convert(artifact, "-o", out, "--dialect", "generalized") == 0
    assert "weight" not in out.read_text()


@pytest.mark.parametrize(
    "number", ["040", "041", "042", "043", "044", "045", "046", "047", "048", "049", "050"]
)
def test_what_is_refused_writes_nothing(
    tmp_path: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = next(
        one
        for one in map(json.loads, (PAIRS / "manifest.jsonl").read_text().splitlines())
        if one["dir"].endswith(number)
    )
    forward = pair["direction"] == "forward"
    artifact = _pair(tmp_path, number, "classic" if forward else "general")
    before = sorted(tmp_path.iterdir())
    arguments = "-o", tmp_path / "b.ir.json", "--dialect", "generalized" if forward else "classic"
    assert _convert(artifact, *arguments) == 1
    message = capsys.readouterr().err
    assert pair["refused"]["why"] in message
    if pair["refused"]["node"] is not None:
        assert f"node {pair['refused']['node']} (" in message
    assert sorted(tmp_path.iterdir()) == before


def test_one_of_several_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact, out = tmp_path / "a.json", tmp_path / "b.json"
    nodes: list[dict[str, Any]] = [
        {"id": 0, "kind": "input", "parents": [], "shape": [2]},
        {"id": 1, "kind": "exp", "parents": [0], "shape": [2], "debug_target": "dropped"},
        {"id": 2, "kind": "relu", "parents": [0], "shape": [2]},
        {"id": 3, "kind": "rand_uniform", "parents": [], "shape": [2], "seed": 7},
        {"id": 4, "kind": "add", "parents": [2, 3], "shape": [2]},
        {"id": 5, "kind": "tanh", "parents": [2], "shape": [2]},
    ]
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_ids": [1, 4], "nodes": nodes}
    artifact.write_text(json.dumps(root))
    assert _convert(artifact, "-o", out, "--dialect", "classic") == 1
    assert "0 to 1" in capsys.readouterr().err
    assert _convert(artifact, "-o", out, "--dialect", "classic", "--output", "2") == 1
    assert not out.exists()
    assert _convert(artifact, "-o", out, "--dialect", "classic", "--output", "1") == 0
    found = json.loads(out.read_text())
    assert found["output_id"] == 3
    assert [node["kind"] for node in found["nodes"]] == ["input", "relu", "rand_uniform", "add", "tanh"]
    assert found["nodes"][2]["seed"] == 8
    assert _convert(out, "-o", tmp_path / "c.json", "--dialect", "generalized", "--output", "0") == 2


def test_inputs_are_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = _pair(tmp_path, "019", "classic")
    before = artifact.read_bytes()
    assert _convert(artifact, "-o", artifact, "--dialect", "generalized") == 2
    assert artifact.read_bytes() == before
    params = tmp_path / "a.params.safetensors"
    assert _convert(artifact, "-o", params, "--dialect", "generalized", "--params", params) == 2
    assert _convert(artifact, "-o", tmp_path / "a.json", "--dialect", "generalized") == 2
    assert "another name" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ir.json", "a.params.safetensors"]
    assert _convert(artifact, "-o", tmp_path / "b.json", "--dialect", "classic") == 1
    assert "in the classic dialect already" in capsys.readouterr().err


def test_parameters_that_do_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact, out = _pair(tmp_path, "020", "classic"), tmp_path / "b.json"
    good = {"linear_3_W": np.zeros((1, 4), np.float32), "linear_3_b": np.zeros((1,), np.float32)}
    params = tmp_path / "a.params.safetensors"
    cases: list[tuple[dict[str, np.ndarray], str]] = [
        ({"linear_3_W": good["linear_3_W"]}, "TL501 node 3 (linear): linear_3_b [1] is missing"),
        ({**good, "linear_9_b": good["linear_3_b"]}, "TL502"),
        (
            {**good, "linear_3_b": np.array([np.inf], np.float32)},
            "node 3 (linear): linear_3_b holds inf at [0], for which JSON has no number",
        ),
        ({**good, "linear_3_b": np.array([0.1])}, "node 3 (linear): linear_3_b is float64"),
    ]
    for arrays, message in cases:
        write_store(params, arrays, None, "test")
        assert _convert(artifact, "-o", out, "--dialect", "generalized") == 1
        assert message in capsys.readouterr().err
        assert not out.exists()


def test_a_file_with_errors_is_not_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact = tmp_path / "a.json"
    artifact.write_text('{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 9, "nodes": []}')
    assert _convert(artifact, "-o", tmp_path / "b.json", "--dialect", "generalized") == 1
    assert _convert(tmp_path / "none.json", "-o", tmp_path / "b.json", "--dialect", "generalized") == 2
    assert not (tmp_path / "b.json").exists()


def test_parameters_of_somebody_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact, out = _pair(tmp_path, "029", "general"), tmp_path / "b.ir.json"
    params = tmp_path / "b.params.safetensors"
    write_store(params, {"mine": np.zeros(3, np.float32)}, None, "mine")
    assert _convert(artifact, "-o", out, "--dialect", "classic") == 0
    assert "kept as" in capsys.readouterr().err
    assert ParameterStore.load(tmp_path / "b.params.safetensors.orig").names == ["mine"]
    assert _convert(artifact, "-o", out, "--dialect", "classic") == 0
    assert "kept as" not in capsys.readouterr().err


def test_constants_that_conversion_puts_in_outlive_initialization(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    artifact, out = tmp_path / "a.json", tmp_path / "b.json"
    nodes = [
        {"id": 0, "kind": "input", "parents": [], "shape": [2]},
        {"id": 1, "kind": "linear", "parents": [0], "shape": [3]},
        {"id": 2, "kind": "softplus", "parents": [1], "shape": [3]},
    ]
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_ids": [2], "nodes": nodes}
    artifact.write_text(json.dumps(root))
    assert _convert(artifact, "-o", out, "--dialect", "classic") == 0
    assert "init --force" in capsys.readouterr().err
    assert ParameterStore.load(tmp_path / "b.params.safetensors").names == ["const_4", "const_7"]
    assert main(["init", str(out), "--force", "-q"]) == 0
    store = ParameterStore.load(tmp_path / "b.params.safetensors")
    assert store.numpy("const_4").tolist() == [-1, -1, -1]
    assert store.numpy("const_7").tolist() == [1, 1, 1]
    assert "linear_1_W" in store.names


def test_torch_is_not_imported(tmp_path: Path) -> None:
    artifact = _pair(tmp_path, "019", "classic")
    code = (
        "import sys; from torchlean_core.cli.main import main; "
        f"code = main(['convert', {str(artifact)!r}, '-o', {str(tmp_path / 'b.json')!r}, '--dialect', 'generalized']); "
        "sys.exit(code or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_extra_fields_of_any_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artifact, out = tmp_path / "a.json", tmp_path / "b.json"
    text = (
        '{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "extra": {"é": [null, true]}, "nodes": ['
        '{"id": 0, "kind": "input", "parents": [], "shape": [2]}, '
        '{"id": 1, "kind": "relu", "parents": [0], "shape": [2], "x": %s, "y": [1e400, {"z": 1e-400}]}]}'
    )
    artifact.write_text(text % "3", encoding="utf-8")
    assert _convert(artifact, "-o", out, "--dialect", "generalized") == 0
    assert '"x": 3, "y": [1000' in out.read_text() and '{"é": [null, true]}' in out.read_text(
        encoding="utf-8"
    )
    artifact.write_text(text % ("1" * 10_050), encoding="utf-8")
    assert _convert(artifact, "-o", tmp_path / "c.json", "--dialect", "generalized") == 1
    assert "cannot be written" in capsys.readouterr().err
    assert not (tmp_path / "c.json").exists()
