"""The standalone script: the same bytes and the same messages as the command, where only torch is installed."""

from __future__ import annotations

import inspect
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.core.capture.zoo.survey import Entry
from torchlean_core.capture import bundle, job
from torchlean_core.capture.errors import CaptureError
from torchlean_core.cli.main import main

ALONE = Path(__file__).with_name("alone.py")
MODELS = [
    Entry("multilayer", "NormalizedPerceptron"),
    Entry("multilayer", "FourierFeatures"),
    Entry("plain", "UnbatchedLeNet"),
    Entry("plain", "AllConvolutional"),
    Entry("plain", "KeywordSpotter"),
    Entry("plain", "BatchOfImages"),
    Entry("residual", "PreActResNet"),
    Entry("residual", "ConvNeXt"),
    Entry("branched", "DualPath"),
    Entry("mobile", "ShuffleNetV2"),
    Entry("verification", "DigitClassifier"),
    Entry("generative", "Discriminator"),
    Entry("transformers", "Encoder"),
    Entry("transformers", "Mixer"),
    Entry("recurrent", "LSTM"),
]
GENERALIZED = [
    Entry("plain", "KeywordSpotter"),
    Entry("mobile", "ShuffleNetV2"),
    Entry("transformers", "PreNormBlock"),
    Entry("transformers", "CausalAttention"),
    Entry("generative", "Generator"),
    Entry("plain", "BatchOfImages"),
]
REFUSED = [Entry("refused", name) for name in ("ExactGelu", "TopKGate", "Spiking")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script and the models."""
    folder = tmp_path_factory.mktemp("adapter")
    for entry in [*MODELS, *REFUSED]:
        shutil.copy(entry.file, folder)
    assert main(["adapter", "-q", "-o", str(folder / "export_torchlean_graph.py")]) == 0
    (folder / "alone").mkdir()
    (folder / "installed").mkdir()
    return folder


def alone(folder: Path, requests: Sequence[dict[str, Any]], script: str = "export_torchlean_graph.py") -> Any:
    done = subprocess.run(
        [sys.executable, "-I", str(ALONE), script],
        cwd=folder,
        input=json.dumps(requests),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def command(entry: Entry, *options: str) -> dict[str, Any]:
    shape = ",".join(map(str, entry.shape))
    output = f"alone/{entry.name}.ir.json"
    return {"argv": [entry.file.name, entry.name, output, "--example-shape", shape, *options]}


def installed(entry: Entry, **options: Any) -> dict[str, Any]:
    """As the worker of the installed command does it."""
    request = {"file": entry.file.name, "name": entry.name, "out": f"installed/{entry.name}.ir.json"}
    return job.run({**request, "example_shape": list(entry.shape), **options}, lambda event: None)


def files(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob(pattern) if path.is_file()}


def test_it_gives_the_same_bytes_and_the_same_refusals_where_only_torch_is_installed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    answers = alone(folder, [command(entry) for entry in [*MODELS, *REFUSED]])
    for entry, answer in zip([*MODELS, *REFUSED], answers, strict=True):
        try:
            result = installed(entry)
        except CaptureError as error:
            assert entry in REFUSED
            assert answer == {"code": error.exit_code, "out": "", "err": f"torchlean: {error}\n"}
        else:
            assert answer["code"] == 0 and answer["err"] == ""
            assert answer["out"].startswith(f"alone/{entry.name}.ir.json: {result['nodes']} nodes, ")
    for entry in MODELS:
        found = files(folder / "alone", f"{entry.name}.*")
        assert found == files(folder / "installed", f"{entry.name}.*")
        assert sorted(found) == [f"{entry.name}.ir.json", f"{entry.name}.params.safetensors"]
    for entry in REFUSED:
        assert files(folder / "alone", f"{entry.name}.*") == {}


def test_options_give_the_same_bytes_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    fx, approximate = Entry("multilayer", "Highway"), Entry("refused", "ExactGelu")
    options = ["--no-prefer-torch-export", "--no-include-debug-targets"], ["--approximate", "gelu=tanh"]
    answers = alone(folder, [command(fx, *options[0]), command(approximate, *options[1])])
    assert [answer["code"] for answer in answers] == [0, 0]
    assert "FX symbolic tracing" in answers[0]["out"] and "TL405" in answers[1]["out"]
    installed(fx, prefer_torch_export=False, debug_targets=False)
    installed(approximate, approximate=["gelu=tanh"])
    for entry in (fx, approximate):
        assert (
            files(folder / "alone", f"{entry.name}.*") == files(folder / "installed", f"{entry.name}.*") != {}
        )


def test_another_dialect_gives_the_same_bytes_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    script = "generalized_graph.py"
    assert main(["adapter", "-q", "-o", script, "--dialect", "generalized"]) == 0
    for entry in GENERALIZED:
        shutil.copy(entry.file, folder)
    answers = alone(folder, [command(entry) for entry in GENERALIZED], script)
    for entry, answer in zip(GENERALIZED, answers, strict=True):
        assert answer["code"] == 0, answer
        assert "  dialect: generalized\n" in answer["out"]
        installed(entry, dialect="generalized", force=True)
        found = files(folder / "alone", f"{entry.name}.*")
        assert found == files(folder / "installed", f"{entry.name}.*")
        inline = "parameters: in the artifact" in answer["out"]
        rest = "what no node has a place for" in answer["out"]
        assert (f"{entry.name}.params.safetensors" in found) is (rest or not inline)
        assert b'"output_ids"' in found[f"{entry.name}.ir.json"]


DIRECTED = """\
from directed_sizes import WIDTH
from torch import nn


# torchlean: example-shape=1,4
# torchlean: approximate=gelu=tanh
class Directed(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(WIDTH, 2), nn.GELU())
"""


def test_directives_are_obeyed_and_what_the_model_means_is_recorded_alike(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "directed.py").write_text(DIRECTED)
    (folder / "directed_sizes.py").write_text("WIDTH = 4\n")
    program = "print(adapter.export_torchlean_graph_json('directed.py:Directed', '1,4')['approximations'])"
    argv = ["directed.py", "Directed", "alone/Directed.ir.json"]
    answers = alone(folder, [{"argv": argv}, {"program": program}])
    assert [answer["code"] for answer in answers] == [0, 0] and "gelu" in answers[1]["out"]
    assert main(["capture", "-q", "directed.py:Directed", "-o", "installed/Directed.ir.json"]) == 0
    written = files(folder / "alone", "Directed.*")
    assert written == files(folder / "installed", "Directed.*") != {}
    meaning = json.loads(written["Directed.ir.json"])["captured_from"]["meaning"]
    assert meaning["files"] == ["../directed.py", "../directed_sizes.py"]


def test_the_command_is_what_a_user_runs(folder: Path) -> None:
    given = ["recurrent.py", "Elman", "e.ir.json"]
    script = [sys.executable, "export_torchlean_graph.py", *given]
    done = subprocess.run(script, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "parameters: e.params.safetensors" in done.stdout and "verified: " in done.stdout
    before = files(folder, "e.*")
    torchlean = [sys.executable, "-m", "torchlean_core", "capture", "-q", "recurrent.py:Elman"]
    subprocess.run([*torchlean, "-o", "e.ir.json"], cwd=folder, check=True)
    assert files(folder, "e.*") == before
    assert sorted(before) == ["e.ir.json", "e.params.safetensors"]


def test_usage_is_judged_before_the_work(folder: Path) -> None:
    given = {
        ("absent.py", "Net", "m.json"): "absent.py: no such file",
        ("recurrent.py", "Net", "m.json", "--example-shape", "1"): "no `Net` in it",
        ("recurrent.py", "Net", "m.json"): "no example shape known for Net",
        ("recurrent.py", "Elman", "absent/m.json"): "its folder does not exist",
        ("recurrent.py", "Elman", "recurrent.py"): "is the model file itself",
        ("recurrent.py", "Elman", "m.json", "--example-shape", "x"): "expected positive sizes",
        ("recurrent.py", "Elman", "m.json", "--max-parameters", "-1"): "a number that is not negative",
        ("recurrent.py", "Elman"): "the following arguments are required: OUT.json",
    }
    answers = alone(folder, [{"argv": arguments} for arguments in given])
    for answer, message in zip(answers, given.values(), strict=True):
        assert answer["code"] == 2 and answer["out"] == ""
        assert message in answer["err"] and "Traceback" not in answer["err"]


FUNCTION = """
import json, random, sys, torch
from pathlib import Path
sys.path.insert(0, ".")
import recurrent
capture = adapter.export_torchlean_graph_json

model = recurrent.Elman()
torch.manual_seed(7); random.seed(7)
before = torch.get_rng_state(), random.getstate(), list(sys.path), list(sys.argv)
graph = capture(model.train(), (torch.zeros(1, 4, 3),), "f.ir.json", params=False)
assert model.training
after = torch.get_rng_state(), random.getstate(), list(sys.path), list(sys.argv)
assert torch.equal(before[0], after[0]) and before[1:] == after[1:]
assert graph == json.loads(Path("f.ir.json").read_text()) and not Path("f.params.safetensors").exists()
assert graph["captured_from"]["file"] == "recurrent.py" and graph["captured_from"]["class"] == "Elman"
assert {node["kind"] for node in graph["nodes"]} >= {"input", "linear", "tanh"}

for other in (recurrent.Elman, lambda: recurrent.Elman(), "recurrent.py:Elman"):
    nodes = capture(other, "1,4,3")["nodes"]
    assert [node["kind"] for node in nodes] == [node["kind"] for node in graph["nodes"]]
assert any("debug_target" in node for node in graph["nodes"])
plain = capture(recurrent.Elman, (1, 4, 3), include_debug_targets=False, prefer_torch_export=False)
assert not any("debug_target" in node for node in plain["nodes"])
sequential = capture(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU()), (1, 2))
assert len(sequential["captured_from"].pop("artifact_sha256")) == 64
assert sequential["captured_from"].pop("state") == {"names": ["0.weight", "0.bias"]}
assert sequential["captured_from"] == {"class": "Sequential", "example_shape": [1, 2]}

def refused(*arguments):
    try:
        capture(*arguments)
    except sys.modules["torchlean_adapter.errors"].UserError as error:
        print(str(error).splitlines()[-1].strip())

refused(torch.nn.GELU(), (1, 2))
refused(model, torch.zeros(1, 4, 3, dtype=torch.float64))
refused(model, [0])
refused(torch.nn.Linear, (1, 2))
refused(3, (1, 2))
refused(int, (1, 2))
model.uncopied = (i for i in ())
refused(model, (1, 4, 3))
del model.uncopied
refused(model, (1, 4, 3), "absent/f.json")
refused(model, (1, 4, 3), "recurrent.py")
"""


def test_the_function_takes_models_of_the_program_and_leaves_the_program_as_it_was(folder: Path) -> None:
    (answer,) = alone(folder, [{"program": FUNCTION}])
    lines = answer["out"].splitlines()
    for line, expected in zip(
        lines,
        (
            "aten.gelu.default: exact-erf GELU has no exact form",
            "the example input is float64, expected float32",
            "the example is neither a tensor",
            "needs arguments (in_features, out_features)",
            "the model is a value of type int",
            "gives a value of type int",
            "the model cannot be copied (TypeError); give what builds it instead",
            "its folder does not exist",
            "is the model file itself",
        ),
        strict=True,
    ):
        assert expected in line


def test_its_options_are_its_defaults(folder: Path) -> None:
    options = ["--function-name", "graph_of", "--no-include-debug-targets", "--no-prefer-torch-export"]
    assert main(["adapter", "-q", "-o", str(folder / "other.py"), *options]) == 0
    argv = ["recurrent.py", "Elman", "o.ir.json"]
    program = (
        'print(any("debug_target" in n for n in adapter.graph_of("recurrent.py:Elman", "1,4,3")["nodes"]))'
    )
    default, changed, function = alone(
        folder,
        [{"argv": argv}, {"argv": [*argv, "--prefer-torch-export", "--no-params"]}, {"program": program}],
        "other.py",
    )
    assert "traced with: FX symbolic tracing (torch.export was switched off)" in default["out"]
    assert "traced with: torch.export\n" in changed["out"] and "parameters:" not in changed["out"]
    assert function["out"] == "False\n"


def test_its_sections_are_the_modules_of_this_package(folder: Path) -> None:
    names = bundle.modules()
    assert {"torchlean_core.capture.lower", "torchlean_core.kinds.operators"} <= set(names)
    program = (
        "import inspect, json, sys\n"
        "from torchlean_adapter.capture.trace import trace\n"
        "texts = {name: text for name, (text, line) in adapter._sections.items()}\n"
        "print(json.dumps([texts, inspect.getsource(trace)]))"
    )
    (answer,) = alone(folder, [{"program": program}])
    texts, source = json.loads(answer["out"])
    assert list(texts) == [name.replace("torchlean_core", "torchlean_adapter") for name in names]
    for name in names:
        text = texts[name.replace("torchlean_core", "torchlean_adapter")]
        module = inspect.getsource(__import__(name, fromlist=["x"]))
        assert text == "\n" + module.replace("torchlean_core", "torchlean_adapter")
    # Tracebacks and `inspect` show the lines of the script.
    assert source.startswith("def trace(\n")


def test_a_module_that_needs_more_than_torch_cannot_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "_ENTRY", "torchlean_core.params.store")
    with pytest.raises(
        RuntimeError, match=r"imports (numpy|safetensors)[.a-z]*, which the standalone script must not"
    ):
        bundle.modules()


def test_writing_it_needs_no_torch(tmp_path: Path) -> None:
    program = (
        "import sys; from torchlean_core.cli.main import main; "
        "print(main(['adapter', '-q']), {'torch', 'numpy', 'safetensors'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "0 set()\n"


def test_only_such_a_script_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["adapter"]) == 0
    assert capsys.readouterr().out.startswith(
        "wrote export_torchlean_graph.py; use it where torch is:\n  python "
    )
    first = Path("export_torchlean_graph.py").read_bytes()
    assert main(["adapter", "-q"]) == 0
    assert Path("export_torchlean_graph.py").read_bytes() == first
    Path("mine.py").write_text("print()\n", encoding="utf-8")
    assert main(["adapter", "-o", "mine.py"]) == 2
    assert "was not written by `torchlean adapter`; --force replaces it" in capsys.readouterr().err
    assert main(["adapter", "-q", "-o", "mine.py", "--force"]) == 0
    again = Path("mine.py").read_bytes()
    assert b"from mine import export_torchlean_graph_json" in again
    assert again.replace(b"mine", b"export_torchlean_graph") == first.replace(
        b"mine", b"export_torchlean_graph"
    )
    assert main(["adapter", "--function-name", "a-b"]) == 2
    assert "expected a name of a Python function" in capsys.readouterr().err
    assert main(["adapter", "-o", "absent/x.py"]) == 2
    assert "its folder does not exist" in capsys.readouterr().err
