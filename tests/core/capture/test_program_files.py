"""What is in a `.pt2` file is looked through before torch reads it: pickles, code, names that are code, damage."""

from __future__ import annotations

import io
import json
import logging
import os
import pickle
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.core.capture.programs import captured_program, described, load, rewritten, save
from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.program.archive import is_program
from torchlean_core.capture.program.read import read_program

Entries = dict[str, bytes]


class Model(nn.Module):
    """Has a parameter, a buffer, a constant and a region without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.register_buffer("scale", torch.ones(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            y = self.layer(x)
        return torch.cat([y * self.scale, self.layer(x) + torch.tensor([1.0, 2.0, 3.0, 4.0])], dim=-1)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a program."""
    return save(Model(), (2, 4), tmp_path_factory.mktemp("good") / "m.pt2")


def message_of(file: Path) -> str:
    """Why a file is refused, in one line."""
    with pytest.raises(CaptureError) as refusal:
        load(file)
    (finding,) = refusal.value.findings
    assert finding.code == "TL602"
    assert str(refusal.value) == f"{file}: TL602 {finding.message}"
    assert "\n" not in finding.message and "\x1b" not in finding.message
    assert len(finding.message) < 700
    return finding.message


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def trap(file: Path) -> bytes:
    """A pickle as torch.save writes it, which writes a file when it is loaded."""
    content = io.BytesIO()
    torch.save((Trap(file),), content)
    return content.getvalue()


def test_the_trap_is_one(tmp_path: Path) -> None:
    torch.load(io.BytesIO(trap(tmp_path / "trapped")), weights_only=False)
    assert (tmp_path / "trapped").exists()


def test_sample_inputs_are_not_loaded(good: Path, tmp_path: Path) -> None:
    """They are a pickle, which torch's own loader loads whatever is in it."""
    trapped = tmp_path / "trapped"
    file = rewritten(
        good, tmp_path / "m.pt2", lambda names: names.update({"data/sample_inputs/model.pt": trap(trapped)})
    )
    assert captured_program(file).graph.nodes
    assert not trapped.exists()
    logging.disable(logging.CRITICAL)  # it warns, with a format that logging cannot read
    try:
        torch.export.load(file)
    finally:
        logging.disable(logging.NOTSET)
    assert trapped.exists()
    without = rewritten(
        good, tmp_path / "n.pt2", lambda names: names.pop("data/sample_inputs/model.pt") and None
    )
    assert captured_program(without).graph.nodes


def _config(kind: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Entries], None]:
    def changed(names: Entries) -> None:
        name = f"data/{kind}/model_{kind}_config.json"
        value = json.loads(names[name])
        change(value["config"])
        names[name] = json.dumps(value).encode()

    return changed


def _pickled(config: dict[str, Any]) -> None:
    next(iter(config.values()))["use_pickle"] = True


def _set(name: str, content: bytes) -> Callable[[Entries], None]:
    return lambda names: names.update({name: content})


def _tensor(change: dict[str, Any]) -> Callable[[Entries], None]:
    return _config("weights", lambda config: config["layer.weight"]["tensor_meta"].update(change))


def _two_programs(names: Entries) -> None:
    names["models/a.json"] = names["models/b.json"] = names.pop("models/model.json")


def _attribute(names: Entries) -> None:
    """A buffer with the name of what every module has."""
    for name in names:
        if name.endswith(".json"):
            names[name] = names[name].replace(b'"scale"', b'"forward"')


ARCHIVES: dict[str, tuple[Callable[[Entries], Any], str]] = {
    "a pickled parameter": (_config("weights", _pickled), "stored as a pickle (`weight_0`)"),
    "a pickled constant": (_config("constants", _pickled), "stored as a pickle (`tensor_0`)"),
    "not said": (_config("weights", lambda c: c["scale"].pop("use_pickle")), "stored as a pickle"),
    "an object of TorchScript": (
        _config("constants", lambda c: c.update(o={"path_name": "custom_obj_0", "use_pickle": False})),
        "`o` is an object that is no tensor, stored as a pickle (`custom_obj_0`)",
    ),
    "an object of Python": (
        _config("constants", lambda c: c.update(o={"path_name": "opaque_obj_0", "use_pickle": True})),
        "`o` is an object that is no tensor, stored as a pickle (`opaque_obj_0`)",
    ),
    "another folder": (
        _config("weights", lambda c: c["scale"].update(path_name="../weight_0")),
        "stored as a pickle",
    ),
    "older weights": (_set("data/weights/model.pt", b""), "as a pickle (`data/weights/model.pt`)"),
    "older constants": (_set("data/constants/model.pt", b""), "as a pickle (`data/constants/model.pt`)"),
    "compiled code": (
        _set("data/aotinductor/model/x.so", b""),
        "compiled code (`data/aotinductor/model/x.so`)",
    ),
    "two programs": (_two_programs, "holds 2 programs (a, b)"),
    "no program": (lambda n: n.pop("models/model.json"), "holds no program"),
    "no list of weights": (
        lambda n: n.pop("data/weights/model_weights_config.json"),
        "has no `data/weights/model_we",
    ),
    "no weights": (lambda n: n.pop("data/weights/weight_0"), "has no `data/weights/weight_0`"),
    "empty weights": (_set("data/weights/weight_0", b""), "expected 16 numbers"),
    "short weights": (
        _set("data/weights/weight_0", b"\0" * 60),
        "expected 16 numbers for the shape [4, 4]; `data/",
    ),
    "uneven weights": (
        _set("data/weights/weight_0", b"\0" * 63),
        "63 bytes are no whole numbers of torch.float32",
    ),
    "behind the end": (_tensor({"storage_offset": {"as_int": 1}}), "expected 17 numbers"),
    "before the beginning": (_tensor({"storage_offset": {"as_int": -1}}), "none negative"),
    "long strides": (_tensor({"strides": [{"as_int": 2**40}, {"as_int": 1}]}), "numbers for the shape"),
    "a huge shape": (_tensor({"sizes": [{"as_int": 2**40}, {"as_int": 2**40}]}), "numbers for the shape"),
    "a formula for a size": (
        _tensor({"sizes": [{"as_expr": {"expr_str": "exit()"}}]}),
        "what it is cannot be read",
    ),
    "a sparse tensor": (_tensor({"layout": 1}), "what it is cannot be read"),
    "a type of no artifact": (_tensor({"dtype": 29}), "its type (number 29)"),
    "another format": (_set("archive_format", b"pt3"), "no exported program but another zip archive"),
    "a file of torch.save": (
        lambda n: n.pop("archive_format") and n.update({"data.pkl": b""}),
        "a file of torch.save",
    ),
    "another version": (_set("archive_version", b"7"), "is of version '7' of its format; version 0 is read"),
    "another byte order": (_set("byteorder", b"big"), "has its numbers in big byte order"),
    "no JSON": (_set("models/model.json", b"{"), "`models/model.json` is not JSON"),
    "deep JSON": (_set("models/model.json", b"[" * 100_000), "`models/model.json` is not JSON"),
    "a list": (_set("models/model.json", b"[]"), "expected a JSON object"),
    "a name of every module": (_attribute, "has a parameter that no module can have"),
    "an empty description": (_set("models/model.json", b"{}"), "is no description of a program"),
    "bytes that are no text": (_set("models/model.json", b"\xff\xfe"), "`models/model.json` is not JSON"),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_is_not_read(name: str, good: Path, tmp_path: Path) -> None:
    change, message = ARCHIVES[name]

    def changed(names: Entries) -> None:
        change(names)

    assert message in message_of(rewritten(good, tmp_path / "m.pt2", changed))


def _graph(program: dict[str, Any]) -> dict[str, Any]:
    graph: dict[str, Any] = program["graph_module"]["graph"]
    return graph


def _node(program: dict[str, Any], operator: str) -> dict[str, Any]:
    return next(node for node in _graph(program)["nodes"] if operator in node["target"])


def _operator(target: str) -> Callable[[dict[str, Any]], None]:
    return lambda program: _node(program, "aten.cat").update(target=target)


def _renamed(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(program: dict[str, Any]) -> None:
        text = json.dumps(program).replace(json.dumps(old), json.dumps(new))
        program.clear()
        program.update(json.loads(text))

    return change


def _argument(argument: Any) -> Callable[[dict[str, Any]], None]:
    return lambda program: _node(program, "aten.cat")["inputs"][1].update(arg=argument)


CODE = "__import__('os').system('touch trapped')"
_SYMBOL = {"as_expr": {"expr_str": CODE, "hint": None}}
_LEAF = {"type": None, "context": None, "children_spec": []}
_ENUMERATION = json.dumps({"__enum__": True, "fqn": "antigravity:x", "name": "x"})
_TREE = json.dumps([1, {"type": "x", "context": _ENUMERATION, "children_spec": [_LEAF]}])


def _sizes(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda program: _graph(program)["tensor_values"][name]["sizes"].__setitem__(0, _SYMBOL)


def _returned(tree: str) -> Callable[[dict[str, Any]], None]:
    return lambda program: program["graph_module"]["module_call_graph"][0]["signature"].update(out_spec=tree)


def _spec(side: str, spec: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    return lambda program: program["graph_module"]["signature"][f"{side}_specs"].append(spec)


def _numbers(kind: str) -> Callable[[dict[str, Any]], None]:
    return lambda program: _graph(program)[f"sym_{kind}_values"].update(u0=_SYMBOL)


PROGRAMS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a formula for the input": (_sizes("x"), "the input's shape is dynamic ([__import__('os').sys, 4])"),
    "a formula for a value": (_sizes("cat"), "`cat` has a size that is known only when"),
    "a number": (_numbers("int"), "`u0` is a number that is known only when"),
    "a truth value": (_numbers("bool"), "`u0` is a number that is known only when"),
    "a name of a number": (
        _argument({"as_sym_int": {"as_name": CODE}}),
        "numbers that are known only when it runs",
    ),
    "names of numbers": (
        _argument({"as_sym_ints": [{"as_name": CODE}]}),
        "numbers that are known only when it runs",
    ),
    "an operator as an argument": (
        _argument({"as_operator": "torch.hub.load"}),
        "an argument of the kind `as_operator`",
    ),
    "an object as an argument": (
        _argument({"as_custom_obj": {"name": "o", "class_fqn": "x"}}),
        "`o` is an object that is",
    ),
    "a graph as an argument": (
        _argument({"as_graph": {"name": "g", "graph": {}}}),
        "an argument of the kind `as_graph`",
    ),
    "two arguments in one": (_argument({"as_int": 1, "as_bool": True}), "expected an object with one entry"),
    "a number of no size": (_argument({"as_int": 2**64}), "expected an integer of 64 bits"),
    "a device": (_argument({"as_device": {"type": "cpu:0'); exit("}}), "expected one of cpu, cuda"),
    "an unknown device": (_argument({"as_device": {"type": "meta"}}), "expected one of cpu, cuda"),
    "a custom operator": (
        _operator("torch.ops.torchvision.nms.default"),
        "the operator `torchvision.nms.default` (test_program_files.py:",
    ),
    "a function of torch": (_operator("torch.hub.load"), "operators of other packages are not loaded"),
    "a function of Python": (_operator("_operator.add"), "it computes with numbers that are known only"),
    "a function of mathematics": (_operator("math.sqrt"), "it computes with numbers that are known only"),
    "an extension": (_operator("#aten:x"), "operators of other packages are not loaded"),
    "control flow": (_operator("torch.ops.higher_order.cond"), "an artifact has no control flow"),
    "an attribute": (
        _operator("torch.ops.aten.cat.__class__"),
        "the operator `aten.cat.__class__`, which torch",
    ),
    "an attribute of all operators": (
        _operator("torch.ops.aten.__class__.mro"),
        "`aten.__class__.mro`, which torch",
    ),
    "an operator that there is not": (
        _operator("torch.ops.aten.catch.default"),
        "`aten.catch.default`, which torch",
    ),
    "an overload that there is not": (_operator("torch.ops.aten.cat.x"), "`aten.cat.x`, which torch"),
    "an operator that reads a file": (_operator("torch.ops.aten.from_file.default"), "it reads a file"),
    "an operator that writes a file": (
        _operator("torch.ops.aten.save.default"),
        "`aten.save.default`, which torch",
    ),
    "a name that is code": (_renamed("cat", f"x; {CODE}"), "expected a name of Python, found"),
    "an input that is code": (_renamed("x", f"x={CODE}"), "expected a name of Python, found"),
    "a parameter that is code": (
        _renamed("layer.weight", f'layer."+{CODE}+"'),
        "expected names with dots between them",
    ),
    "a region that is code": (_renamed("submod_1", CODE), "expected a name of Python, found"),
    "a word of Python": (_renamed("cat", "import"), "expected a name of Python, found 'import'"),
    "a parameter of every module": (_renamed("scale", "forward"), "Buffer forward is not in the state dict"),
    "a dialect": (lambda p: p.update(verifiers=["EDGE"]), "is in the dialect 'EDGE'"),
    "a version of the format": (
        lambda p: p["schema_version"].update(major=99),
        "cannot read the program (saved with torch",
    ),
    "a tree of an enumeration": (_returned(_TREE), "returns a container of the kind 'x'"),
    "no tree": (_returned("["), "how its results are returned"),
    "a token": (_spec("input", {"token": {"arg": {"name": "t"}}}), "`token` is an object that is no tensor"),
    "an object": (
        lambda p: _graph(p).update(custom_obj_values={"o": {}}),
        "`o` is an object that is no tensor",
    ),
    "a gradient": (
        _spec("output", {"gradient_to_parameter": {}}),
        "returns more than its results (`gradient_to_parameter`)",
    ),
    "a value that is not there": (_argument({"as_tensor": {"name": "nowhere"}}), "cannot read the program"),
    "colours of a terminal": (_operator("torch.ops.\x1b[31m.x.y"), "the operator `?"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_description_that_is_not_given_to_torch(
    name: str, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change, message = PROGRAMS[name]

    def changed(program: dict[str, Any]) -> None:
        change(program)

    assert message in message_of(described(good, tmp_path / "m.pt2", changed))
    assert not (tmp_path / "trapped").exists()


def test_guards_and_notes_are_left_out(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch makes code of guards, and looks up and imports what is named in notes."""
    monkeypatch.chdir(tmp_path)

    def changed(program: dict[str, Any]) -> None:
        program["guards_code"] = [CODE]
        program["range_constraints"] = {}
        program["graph_module"]["metadata"] = {"custom": CODE}
        for node in _graph(program)["nodes"]:
            node["metadata"] |= {
                "source_fn_stack": f"x,{CODE}",
                "from_node": CODE,
                "custom": CODE,
                "stack_trace": '  File "/a/<torchlean stack 99>", line 3, in <torchlean no grad>\n'
                '  File "\\\\host\\share\\b.py", line 7, in forward',
            }

    expected = captured_program(good)
    found = captured_program(described(good, tmp_path / "m.pt2", changed))
    assert found.graph.output_ids == expected.graph.output_ids
    assert "training_differs" not in found.graph.extra
    sources = [node.extra["source"] for node in found.graph.nodes if "source" in node.extra]
    assert {"line": 7, "file": "b.py"} in sources
    assert not (tmp_path / "trapped").exists()


def test_no_file_of_a_trace_is_read(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = tmp_path / "secret.py"
    secret.write_text("# secret\n")
    opened = []
    monkeypatch.setattr(Path, "read_bytes", lambda path: opened.append(path) or b"")

    def changed(program: dict[str, Any]) -> None:
        for node in _graph(program)["nodes"]:
            node["metadata"]["stack_trace"] = f'  File "{secret}", line 1, in forward'

    assert captured_program(described(good, tmp_path / "m.pt2", changed)).graph.nodes
    assert opened == []


def test_damaged_and_other_files(good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    cases = {
        "empty.pt2": b"",
        "text.pt2": b"import torch\n",
        "half.pt2": content[: len(content) // 2],
    }
    for name, wrong in cases.items():
        (tmp_path / name).write_bytes(wrong)
        assert "is no zip archive, or a damaged one" in message_of(tmp_path / name), name
    (tmp_path / "tail.pt2").write_bytes(content[len(content) // 2 :])
    assert "declares more bytes than it has" in message_of(tmp_path / "tail.pt2")
    (tmp_path / "end.pt2").write_bytes(content[:-22])  # of the whole; the sample inputs are an archive, too
    assert "is no exported program" in message_of(tmp_path / "end.pt2")
    assert "is a folder" in message_of(tmp_path)
    assert "cannot be read: No such file or directory" in message_of(tmp_path / "nowhere.pt2")
    os.mkfifo(tmp_path / "pipe.pt2")
    assert "is no regular file" in message_of(tmp_path / "pipe.pt2")
    (tmp_path / "link.pt2").symlink_to(good)
    assert load(tmp_path / "link.pt2")[1] == (2, 4)
    (tmp_path / "nowhere link.pt2").symlink_to(tmp_path / "gone")
    assert "cannot be read" in message_of(tmp_path / "nowhere link.pt2")


def test_archives_that_hold_more_than_their_file(good: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(good) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "bomb.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content + b" " * 10_000_000 * name.endswith("model.json"))
    assert "has a compressed entry" in message_of(tmp_path / "bomb.pt2")
    with (
        zipfile.ZipFile(tmp_path / "twice.pt2", "w") as archive,
        pytest.warns(UserWarning, match="Duplicate"),
    ):
        for name, content in [*entries.items(), *entries.items()]:
            archive.writestr(name, content)
    assert "two entries of one name" in message_of(tmp_path / "twice.pt2")
    with zipfile.ZipFile(tmp_path / "two.pt2", "w") as archive:
        for folder in ("a", "b"):
            archive.writestr(f"{folder}/archive_format", "pt2")
    assert "more than one folder at its top" in message_of(tmp_path / "two.pt2")
    encrypted = bytearray(good.read_bytes())
    at = encrypted.rfind(b"PK\x01\x02")
    encrypted[at + 8] |= 1
    (tmp_path / "encrypted.pt2").write_bytes(encrypted)
    assert "is encrypted" in message_of(tmp_path / "encrypted.pt2")


def test_older_files_hold_pickles(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        for name in ("version", "serialized_exported_program.json", "serialized_state_dict.pt"):
            archive.writestr(name, trap(tmp_path / "trapped"))
    assert "of the format of torch 2.7 and before, whose tensors are pickles" in message_of(
        tmp_path / "old.pt2"
    )
    torch.save(Model().state_dict(), tmp_path / "saved.pt2")
    assert "a file of torch.save or TorchScript" in message_of(tmp_path / "saved.pt2")
    (tmp_path / "pickle.pt2").write_bytes(pickle.dumps(Trap(tmp_path / "trapped")))
    assert "is no zip archive" in message_of(tmp_path / "pickle.pt2")
    assert not (tmp_path / "trapped").exists()


def test_a_class_of_tensors_is_a_pickle(tmp_path: Path) -> None:
    """What torch itself writes for a tensor of another class."""
    model = Model()
    program = torch.export.export(model, (torch.randn(2, 4),), strict=False)
    program.state_dict["scale"] = torch.masked.masked_tensor(torch.ones(4), torch.ones(4).bool())
    torch.export.save(program, tmp_path / "m.pt2")
    assert "`scale` is a tensor of a class of its own, stored as a pickle" in message_of(tmp_path / "m.pt2")


def test_any_byte_may_be_another(good: Path, tmp_path: Path) -> None:
    """Whatever is changed, a file is read or refused in one line."""
    generator = random.Random(0)
    content = good.read_bytes()
    file = tmp_path / "m.pt2"
    outcomes = set()
    for _ in range(400):
        wrong = bytearray(content)
        for _ in range(generator.choice((1, 1, 4, 40))):
            wrong[generator.randrange(len(wrong))] = generator.randrange(256)
        if generator.random() < 0.2:
            del wrong[generator.randrange(len(wrong)) :]
        file.write_bytes(wrong)
        try:
            read_program(file)
            outcomes.add("read")
        except CaptureError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_any_value_of_a_description_may_be_another(good: Path, tmp_path: Path) -> None:
    generator = random.Random(0)
    values = [None, True, -1, 2**70, 1.5, "x", "", [], {}, [[]], {"as_int": "1"}, {"a": 1, "b": 2}, CODE]
    file = tmp_path / "m.pt2"

    def changed(program: dict[str, Any]) -> None:
        place: Any = program
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = generator.choice(keys)
            inner = place[key]
            if not isinstance(inner, dict | list) or not inner or generator.random() < 0.1:
                place[key] = generator.choice(values)
                return
            place = inner

    outcomes = set()
    for _ in range(400):
        try:
            read_program(described(good, file, changed))
            outcomes.add("read")
        except CaptureError as error:
            assert "\n" not in str(error)
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def test_files_are_known_by_ending_and_content(good: Path, tmp_path: Path) -> None:
    other = tmp_path / "model.bin"
    other.write_bytes(good.read_bytes())
    text = tmp_path / "model.py"
    text.write_text("import torch\n")
    torch.save({}, tmp_path / "weights.pt")
    assert is_program(good) and is_program(other) and is_program(tmp_path / "nowhere.pt2")
    assert not any(map(is_program, (text, tmp_path / "weights.pt", tmp_path, tmp_path / "nowhere.py")))


def test_nothing_of_torch_is_needed_to_look_through_a_file(good: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from torchlean_core.capture.program.read import read_program\n"
        f"read_program(Path({str(good)!r}))\n"
        "assert not {'torch', 'numpy', 'sympy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
