"""`torchlean capture` from end to end, in real workers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch

from torchlean_core.artifact import load_graph
from torchlean_core.capture.configured import capture_request
from torchlean_core.capture.target import Target
from torchlean_core.cli.main import main
from torchlean_core.errors import UsageError
from torchlean_core.graph import lower
from torchlean_core.kinds import CLASSIC, GENERALIZED
from torchlean_core.params import ParameterStore

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tiny_mlp.py", "tiny_cnn.py"):
        shutil.copy(EXAMPLES / name, tmp_path / name)


def test_an_mlp_is_captured_and_a_second_capture_writes_the_same_bytes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    assert main(["capture", "tiny_mlp.py:TinyMLP", "-o", "out/m.ir.json"]) == 0
    output = capsys.readouterr().out
    assert output.startswith("out/m.ir.json: 4 nodes, 67 parameters\n")
    assert "traced with: torch.export\n" in output
    assert "verified: largest relative error 0.0e+00 (float64)" in output
    graph = load_graph(tmp_path / "out" / "m.ir.json")
    assert graph.extra["captured_from"]["file"] == "../tiny_mlp.py"
    store = ParameterStore.load(tmp_path / "out" / "m.params.safetensors")
    assert store.validate(lower(graph)) == []
    assert store.metadata["source"] == "tiny_mlp.py:TinyMLP"
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert sorted(before) == ["m.ir.json", "m.params.safetensors"]
    assert main(["capture", "-q", "tiny_mlp.py:TinyMLP", "-o", "out/m.ir.json"]) == 0
    assert capsys.readouterr().out == ""
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_cnn_is_captured_through_fx_without_parameters_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--no-prefer-torch-export", "--no-params", "--no-verify", "--no-debug-targets"]
    command = ["capture", "tiny_cnn.py:TinyCNN", "-o", "c.ir.json", "--example-shape", "1,1,8,8", *options]
    assert main(command) == 0
    output = capsys.readouterr().out
    assert "FX symbolic tracing (torch.export was switched off)" in output
    assert "verified" not in output
    assert not (tmp_path / "c.params.safetensors").exists()
    assert "debug_target" not in (tmp_path / "c.ir.json").read_text(encoding="utf-8")


def test_a_refused_model_leaves_existing_files_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.ir.json").write_text("{old", encoding="utf-8")
    text = (tmp_path / "tiny_mlp.py").read_text(encoding="utf-8")
    text = text.replace("torch.relu(", "nn.functional.gelu(").replace(
        '"""Scores', 'print("hello")\n        """'
    )
    (tmp_path / "tiny_mlp.py").write_text(text, encoding="utf-8")
    assert main(["capture", "tiny_mlp.py:TinyMLP", "-o", "m.ir.json", "--force"]) == 1
    captured = capsys.readouterr()
    line = next(i for i, row in enumerate(text.splitlines(), 1) if "gelu" in row)
    assert captured.out == ""
    assert "torchlean: tiny_mlp.py: 1 operator cannot be captured exactly\n" in captured.err
    assert f"  tiny_mlp.py:{line}: TL601 aten.gelu.default: exact-erf GELU" in captured.err
    assert "hello" in captured.err
    assert (tmp_path / "m.ir.json").read_text(encoding="utf-8") == "{old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.ir.json", "tiny_cnn.py", "tiny_mlp.py"]


def test_a_model_that_hangs_is_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "slow.py").write_text("while True:\n    pass\n", encoding="utf-8")
    command = ["capture", "slow.py:Net", "-o", "s.ir.json", "--example-shape", "1", "--timeout", "8"]
    assert main(command) == 1
    assert "time limit of 8 s and was ended; it was at line 1 of slow.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.py:Net", "-o", "m.json"], "absent.py: no such file"),
        (["tiny_mlp.py", "-o", "m.json"], "expected FILE.py:Name"),
        (["tiny_mlp.py:Other", "-o", "m.json"], "no example shape known for Other"),
        (["tiny_mlp.py:TinyMLP", "-o", "absent/m.json"], "its folder does not exist"),
        (["tiny_mlp.py:TinyMLP", "-o", "."], "is a folder"),
        (["tiny_mlp.py:TinyMLP", "-o", "tiny_mlp.py"], "is the model file itself"),
        (["tiny_mlp.py:TinyMLP", "-o", "m.json", "--example-shape", "x"], "expected positive sizes"),
        (["tiny_mlp.py:TinyMLP", "-o", "m.json", "--timeout", "0"], "greater than 0"),
    ],
)
def test_usage_errors_exit_with_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capture", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("content", ["import os\n", "[1]", "\x89PNG"])
def test_what_is_no_artifact_is_not_replaced(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.py").write_text(content, encoding="utf-8")
    assert main(["capture", "tiny_mlp.py:TinyMLP", "-o", "other.py"]) == 2
    assert "other.py: exists and is no artifact" in capsys.readouterr().err
    assert (tmp_path / "other.py").read_text(encoding="utf-8") == content


def test_a_pipe_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    assert main(["capture", "tiny_mlp.py:TinyMLP", "-o", "pipe.json"]) == 2
    assert "pipe.json: is no regular file" in capsys.readouterr().err
    assert (tmp_path / "pipe.json").is_fifo()


def test_a_model_that_changes_folder_does_not_move_the_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    text = (tmp_path / "tiny_mlp.py").read_text(encoding="utf-8")
    (tmp_path / "tiny_mlp.py").write_text(f"{text}\nimport os\nos.chdir('elsewhere')\n", encoding="utf-8")
    assert main(["capture", "tiny_mlp.py:TinyMLP", "-o", "m.ir.json"]) == 0
    assert capsys.readouterr().out.startswith("m.ir.json: ")
    assert (tmp_path / "m.params.safetensors").is_file()
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("raise KeyboardInterrupt", "tiny_mlp.py:{}: TL603 KeyboardInterrupt"),
        ("import os; os.closerange(3, 100)", "closed the channel"),
    ],
)
def test_odd_behaviour_is_a_message(
    line: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (tmp_path / "tiny_mlp.py").read_text(encoding="utf-8").splitlines()
    at = next(i for i, row in enumerate(rows) if "def forward" in row)
    rows.insert(at + 1, f"        {line}")
    (tmp_path / "tiny_mlp.py").write_text("\n".join(rows), encoding="utf-8")
    assert main(["capture", "tiny_mlp.py:TinyMLP", "-o", "m.ir.json"]) == 1
    error = capsys.readouterr().err
    assert message.format(at + 2) in error
    assert "Traceback" not in error and "internal error" not in error


def test_the_parent_never_imports_torch_or_the_model(tmp_path: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys\nfrom torchlean_core.cli.main import main\n"
        "code = main(['capture', '-q', 'tiny_mlp.py:TinyMLP', '-o', 'm.ir.json', '--no-verify'])\n"
        "print(code, 'torch' in sys.modules, 'tiny_mlp' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0 False False\n"


def test_the_examples_run() -> None:
    for name, shape, outputs in (("TinyMLP", (1, 4), 3), ("TinyCNN", (1, 1, 8, 8), 10)):
        scope: dict[str, object] = {"__name__": "example"}
        file = EXAMPLES / ("tiny_mlp.py" if name == "TinyMLP" else "tiny_cnn.py")
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), scope)
        model = scope[name]
        assert callable(model)
        assert model()(torch.zeros(shape)).shape == (1, outputs)


def test_a_dialect_is_written_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["capture", "tiny_mlp.py:TinyMLP", "-o", "m.ir.json"]
    store = tmp_path / "m.params.safetensors"
    assert main(command) == 0
    assert store.exists()
    assert load_graph(tmp_path / "m.ir.json").dialect is CLASSIC
    assert main([*command, "--dialect", "generalized"]) == 0
    output = capsys.readouterr().out
    assert "  parameters: in the artifact\n" in output and "  dialect: generalized\n" in output
    assert not store.exists()  # it was that of the artifact before
    graph = load_graph(tmp_path / "m.ir.json")
    assert graph.dialect is GENERALIZED
    before = (tmp_path / "m.ir.json").read_bytes()
    # Again, without a word about the dialect, and without --force: nobody edited it.
    assert main([*command, "-q"]) == 0
    assert (tmp_path / "m.ir.json").read_bytes() == before
    # A new artifact speaks as those around it.
    assert (
        main(["capture", "tiny_cnn.py:TinyCNN", "-o", "c.ir.json", "--example-shape", "1,1,8,8", "-q"]) == 0
    )
    assert load_graph(tmp_path / "c.ir.json").dialect is GENERALIZED
    assert main([*command, "--no-inline", "-q"]) == 0
    assert ParameterStore.load(store).validate(lower(load_graph(tmp_path / "m.ir.json"))) == []


def test_the_settings_say_which_dialect(tmp_path: Path) -> None:
    settings = 'dialect = "generalized"\n[capture."tiny_cnn.py:TinyCNN"]\ndialect = "classic"\n'
    (tmp_path / "torchlean.toml").write_text(settings, encoding="utf-8")
    mlp, cnn = Target(tmp_path / "tiny_mlp.py", "TinyMLP"), Target(tmp_path / "tiny_cnn.py", "TinyCNN")
    output = tmp_path / "m.ir.json"
    assert capture_request(mlp, output, (1, 4))["dialect"] == "generalized"
    assert capture_request(cnn, output, (1, 4))["dialect"] == "classic"
    assert capture_request(mlp, output, (1, 4), {"dialect": "auto"})["dialect"] == "auto"
    for wrong, where in (('dialect = "newest"', "dialect"), ("dialect = 1", "dialect")):
        (tmp_path / "torchlean.toml").write_text(wrong, encoding="utf-8")
        with pytest.raises(UsageError, match=f'{where}: expected one of "auto", "classic", "generalized"'):
            capture_request(mlp, output, (1, 4))
