"""What a `.pt2` file says of its program, looked through before torch's own reader gets it (no torch here).

torch's reader evaluates expressions of sizes as Python, imports the modules that a tree of results names, compiles
guards and puts names of nodes into code that it runs. So it is given a description that is written anew: names that
are names, sizes that are numbers, operators of torch itself, and nothing of the rest.
"""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torchlean_core.capture.program.archive import refused
from torchlean_core.capture.program.results import Results, results_of

_OPERATOR = re.compile(r"torch\.ops\.(?:aten|prims)\.[A-Za-z0-9_]{1,100}\.[A-Za-z0-9_]{1,100}")
_REGIONS = frozenset(
    f"torch.ops.higher_order.{name}" for name in ("wrap_with_set_grad_enabled", "wrap_with_autocast")
)
_NOT_RUN = frozenset({"torch.ops.aten.from_file.default", "torch.ops.aten.from_file.out"})
"""Operators that touch more than their operands: they read, and write, the file that they name."""

_PART = re.compile(r"[^\x00-\x1f\x7f\"'\\()\[\]{};]{1,200}")
"""A part of a parameter's name, which torch puts into code."""

_DIALECTS = ("", "ATEN", "TRAINING")
_CPU = {"type": "cpu", "index": None}
_DEVICES = ("cpu", "cuda", "mps", "xpu", "hip")
_STRIDED = 7
_LARGEST = 2**63
_LONGEST = 10_000
_DEEPEST = 20
FLOAT32 = 7
"""How a description says float32."""

TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
}  # fmt: skip
"""Types of tensors by their numbers in a description."""


@dataclass(frozen=True, slots=True)
class Description:
    """A program, as far as it can be one of an artifact.

    Attributes:
        program: The description for torch's reader; the results are a tuple.
        input_name: Name of the one input.
        shape: Shape of that.
        results: How forward returns its results.
        torch: Version of torch that saved it.
    """

    program: dict[str, Any]
    input_name: str
    shape: tuple[int, ...]
    results: Results
    torch: str


def described(program: Mapping[str, Any], shown: str) -> Description:
    """Look through a program.

    Args:
        program: Its description in the file.
        shown: The file as the user wrote it.

    Raises:
        CaptureError: It is no program of torch's own operators with one input of a fixed shape, or something in it is not
            what torch writes.
    """
    reader = _Reader(shown)
    try:
        return reader.program(program)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise refused(shown, f"is no description of a program ({type(error).__name__} at {error})"[:300]) from error


class _Reader:
    """Writes a description anew.

    Every method takes a value of the file and gives it as it may go on, or raises.
    """

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.depth = 0

    def wrong(self, what: str, found: Any, expected: str) -> Exception:
        text = repr(found)
        text = text if len(text) <= 80 else f"{text[:80]}…"
        return refused(self.shown, f"{what}: expected {expected}, found {text}")

    def program(self, value: Mapping[str, Any]) -> Description:
        module = value["graph_module"]
        signature = module["signature"]
        dialect = next((one for one in value.get("verifiers") or [] if one not in _DIALECTS), None)
        if dialect is not None:
            raise refused(self.shown, f"is in the dialect {str(dialect)[:40]!r}; programs of ATen operators can be captured")
        version = value["schema_version"]
        graph, name, shape, results = self.main(module, signature)
        user = [spec for spec in graph["inputs"] if spec["as_tensor"]["name"] == name]
        written = {
            "graph_module": {
                "graph": graph,
                "signature": {
                    "input_specs": [self.input_spec(one) for one in signature["input_specs"]],
                    "output_specs": [self.output_spec(one) for one in signature["output_specs"]],
                },
                "module_call_graph": [
                    {"fqn": "", "signature": {"inputs": user, "outputs": self.returned(signature), "in_spec": "", "out_spec": ""}}
                ],
                "metadata": {},
            },
            "opset_version": {},
            "range_constraints": {},
            "schema_version": {"major": self.integer(version["major"]), "minor": self.integer(version["minor"])},
            "verifiers": [str(one) for one in value.get("verifiers") or []],
            "torch_version": self.text(value.get("torch_version", "")),
            "guards_code": [],
        }  # fmt: skip
        return Description(written, name, shape, results, written["torch_version"])

    def main(
        self, module: Mapping[str, Any], signature: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str, tuple[int, ...], Results]:
        """The graph, with name and shape of its input, and its results."""
        specs = [one for one in signature["input_specs"] if next(iter(one)) in ("user_input", "constant_input")]
        names = [self._input_name(one) for one in specs]
        if len(specs) != 1 or "user_input" not in specs[0]:
            listed = ", ".join(names[:8])
            raise refused(
                self.shown, f"forward takes {len(specs)} inputs{f' ({listed})' if listed else ''}; an artifact has one"
            )
        argument = specs[0]["user_input"]["arg"]
        if "as_tensor" not in argument:
            raise refused(self.shown, f"the input is no tensor ({str(next(iter(argument)))[:40]}); an artifact's is one")
        name = self.name(argument["as_tensor"]["name"])
        meta = module["graph"]["tensor_values"][name]
        sizes = [self._size_words(one) for one in meta["sizes"]]
        if any("as_int" not in one for one in meta["sizes"]):
            raise refused(
                self.shown,
                f"the input's shape is dynamic ([{', '.join(sizes)}]); an artifact's is fixed: export the model for one "
                "shape, without dynamic_shapes",
            )
        if meta["dtype"] != FLOAT32:
            raise refused(
                self.shown,
                f"the input `{name}` is {TYPES.get(meta['dtype'], 'of another type')}; an artifact's values are float32: "
                "export the model in float32",
            )
        graph = self.graph(module["graph"])
        results = results_of(self._out_spec(module), module.get("treespec_namedtuple_fields") or {}, self.shown)
        returned = [one["user_output"]["arg"] for one in signature["output_specs"] if "user_output" in one]
        constants = {place: next(iter(one.values())) for place, one in enumerate(returned) if "as_tensor" not in one}
        results = results.with_constants(
            {place: None if "as_none" in returned[place] else value for place, value in constants.items()}
        )
        if results.count != len(returned):
            raise self.wrong("its results", results.count, f"{len(returned)}, as its signature has")
        return graph, name, tuple(self.integer(one["as_int"]) for one in meta["sizes"]), results

    def _input_name(self, spec: Mapping[str, Any]) -> str:
        kind, value = next(iter(spec.items()))
        if kind == "constant_input":
            return str(value["name"])[:40]
        named = next(iter(value["arg"].values()))
        return str(named.get("name", named.get("as_name", "?")) if isinstance(named, dict) else named)[:40]

    def _size_words(self, size: Mapping[str, Any]) -> str:
        if "as_int" in size:
            return str(size["as_int"])[:20]
        return str(size["as_expr"]["expr_str"])[:20]

    def _out_spec(self, module: Mapping[str, Any]) -> str:
        root = next((one for one in module["module_call_graph"] if one.get("fqn") == ""), None)
        if root is None or not root.get("signature"):
            raise refused(self.shown, "does not say how its results are returned")
        return str(root["signature"]["out_spec"])

    def graph(self, value: Mapping[str, Any]) -> dict[str, Any]:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise refused(self.shown, "has regions in regions, too deep")
        for kind in ("sym_int_values", "sym_float_values", "sym_bool_values"):
            for name in value.get(kind) or {}:
                raise refused(
                    self.shown,
                    f"`{str(name)[:60]}` is a number that is known only when the program runs; export the model for "
                    "one shape, without dynamic_shapes and without sizes or branches that depend on values",
                )
        if value.get("custom_obj_values"):
            raise self.objects(next(iter(value["custom_obj_values"])))
        written = {
            "inputs": [self.tensor_argument(one) for one in value["inputs"]],
            "outputs": [self.argument(one) for one in value["outputs"]],
            "nodes": [self.node(one) for one in value["nodes"]],
            "tensor_values": {self.name(name): self.meta(one, name) for name, one in value["tensor_values"].items()},
            "sym_int_values": {},
            "sym_bool_values": {},
            "is_single_tensor_return": value.get("is_single_tensor_return") is True,
        }
        self.depth -= 1
        return written

    def objects(self, name: Any) -> Exception:
        return refused(self.shown, f"`{str(name)[:100]}` is an object that is no tensor, which is not loaded")

    def node(self, value: Mapping[str, Any]) -> dict[str, Any]:
        target = value["target"]
        if not isinstance(target, str):
            raise self.wrong("an operator", target, "its name")
        if target in _NOT_RUN or not (_OPERATOR.fullmatch(target) or target in _REGIONS):
            raise refused(self.shown, f"has the operator `{_shown_operator(target)}`{self._at(value)}; {_why_not(target)}")
        region = target in _REGIONS
        inputs = [
            {
                "name": self.optional_name(one["name"]),
                "arg": self.argument(one["arg"], region=region),
                "kind": one.get("kind") if one.get("kind") in (0, 1, 2) else None,
            }
            for one in value["inputs"]
        ]
        name = value.get("name")
        return {
            "target": target,
            "inputs": inputs,
            "outputs": [self.argument(one) for one in value["outputs"]],
            "metadata": dict(_metadata(value.get("metadata") or {})),
            "is_hop_single_tensor_return": value.get("is_hop_single_tensor_return") is True
            if value.get("is_hop_single_tensor_return") is not None
            else None,
            "name": None if name is None else self.name(name),
        }

    def _at(self, node: Mapping[str, Any]) -> str:
        places = places_of((node.get("metadata") or {}).get("stack_trace"))
        return f" ({places[-1][0]}:{places[-1][1]})" if places else ""

    def argument(self, value: Mapping[str, Any], *, region: bool = False) -> dict[str, Any]:
        """One argument, of whatever type; `region` allows a graph."""
        if not isinstance(value, Mapping) or len(value) != 1:
            raise self.wrong("an argument", value, "an object with one entry")
        kind, content = next(iter(value.items()))
        if kind == "as_graph" and region:
            return {kind: {"name": self.name(content["name"]), "graph": self.graph(content["graph"])}}
        if kind == "as_custom_obj":
            raise self.objects(content.get("name"))
        if kind in ("as_sym_int", "as_sym_float", "as_sym_bool") or (
            kind in ("as_sym_ints", "as_sym_floats", "as_sym_bools") and any("as_name" in one for one in content)
        ):
            raise refused(self.shown, "depends on numbers that are known only when it runs; export the model for one shape")
        reader = self.arguments().get(kind)
        if reader is None:
            raise refused(self.shown, f"has an argument of the kind `{str(kind)[:40]}`, which is not read")
        return {kind: reader(content)}

    def arguments(self) -> dict[str, Callable[[Any], Any]]:
        """For each kind of argument, what reads it."""

        def many(reader: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
            return lambda values: [reader(one) for one in values]

        return {
            "as_none": self.boolean,
            "as_tensor": self.tensor,
            "as_tensors": many(self.tensor),
            "as_nested_tensors": many(many(self.tensor)),
            "as_optional_tensor": self.optional_tensor,
            "as_optional_tensors": many(self.optional_tensor),
            "as_int": self.integer,
            "as_ints": many(self.integer),
            "as_float": self.number,
            "as_floats": many(self.number),
            "as_string": self.text,
            "as_strings": many(self.text),
            "as_bool": self.boolean,
            "as_bools": many(self.boolean),
            "as_sym_ints": many(lambda one: {"as_int": self.integer(one["as_int"])}),
            "as_sym_floats": many(lambda one: {"as_float": self.number(one["as_float"])}),
            "as_sym_bools": many(lambda one: {"as_bool": self.boolean(one["as_bool"])}),
            "as_scalar_type": self.scalar_type,
            "as_memory_format": self.integer,
            "as_layout": self.layout,
            "as_device": self.device,
            "as_complex": lambda one: {"real": self.number(one["real"]), "imag": self.number(one["imag"])},
        }

    def tensor_argument(self, value: Mapping[str, Any]) -> dict[str, Any]:
        if "as_custom_obj" in value:
            raise self.objects(value["as_custom_obj"].get("name"))
        return {"as_tensor": self.tensor(value["as_tensor"])}

    def tensor(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return {"name": self.name(value["name"])}

    def optional_tensor(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return self.tensor_argument(value) if "as_tensor" in value else {"as_none": True}

    def name(self, value: Any) -> str:
        if not isinstance(value, str) or not value.isidentifier() or keyword.iskeyword(value) or len(value) > _LONGEST:
            raise self.wrong("the name of a value", value, "a name of Python")
        return value

    def optional_name(self, value: Any) -> str:
        return "" if value == "" else value if keyword.iskeyword(str(value)) else self.name(value)

    def path(self, value: Any) -> str:
        """The name of a parameter: parts with dots between them."""
        if not isinstance(value, str) or not all(map(_PART.fullmatch, value.split("."))) or len(value) > _LONGEST:
            raise self.wrong("the name of a parameter", value, "names with dots between them")
        return value

    def integer(self, value: Any) -> int:
        if type(value) is not int or not -_LARGEST <= value < _LARGEST:
            raise self.wrong("a number", value, "an integer of 64 bits")
        return value

    def number(self, value: Any) -> Any:
        if type(value) in (int, float) or value in ("Infinity", "-Infinity", "NaN"):
            return value if isinstance(value, str) or math.isfinite(value) else str(value)
        raise self.wrong("a number", value, "a number")

    def boolean(self, value: Any) -> bool:
        if type(value) is not bool:
            raise self.wrong("a truth value", value, "true or false")
        return value

    def text(self, value: Any) -> str:
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise self.wrong("a text", value, f"one of at most {_LONGEST:,} characters")
        return value

    def scalar_type(self, value: Any) -> int:
        if value not in TYPES:
            raise self.wrong("the type of a tensor", value, f"one of {', '.join(TYPES.values())}, by its number")
        return int(value)

    def layout(self, value: Any) -> int:
        if value != _STRIDED:
            raise self.wrong("the layout of a tensor", value, f"{_STRIDED} (strided); sparse tensors have no artifact")
        return _STRIDED

    def device(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The CPU, on which the program is run here."""
        kind = str(value["type"])
        if kind.partition(":")[0] not in _DEVICES:
            raise self.wrong("a device", kind, f"one of {', '.join(_DEVICES)}")
        return dict(_CPU)

    def meta(self, value: Mapping[str, Any], name: str) -> dict[str, Any]:
        """What a tensor is."""
        for size in (*value["sizes"], *value["strides"], value["storage_offset"]):
            if "as_int" not in size:
                raise refused(
                    self.shown, f"`{name[:60]}` has a size that is known only when the program runs; export the model for one shape"
                )
        return {
            "dtype": self.scalar_type(value["dtype"]),
            "sizes": [{"as_int": self.integer(one["as_int"])} for one in value["sizes"]],
            "requires_grad": self.boolean(value["requires_grad"]),
            "device": self.device(value["device"]),
            "strides": [{"as_int": self.integer(one["as_int"])} for one in value["strides"]],
            "storage_offset": {"as_int": self.integer(value["storage_offset"]["as_int"])},
            "layout": self.layout(value["layout"]),
        }

    def input_spec(self, value: Mapping[str, Any]) -> dict[str, Any]:
        kind, content = next(iter(value.items()))
        if kind == "user_input":
            return {kind: {"arg": self.tensor_argument(content["arg"])}}
        field = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}.get(kind)
        if field is None:
            raise self.objects(kind)
        spec: dict[str, Any] = {"arg": self.tensor(content["arg"]), field: self.path(content[field])}
        if kind == "buffer":
            spec["persistent"] = self.boolean(content["persistent"])
        return {kind: spec}

    def output_spec(self, value: Mapping[str, Any]) -> dict[str, Any]:
        kind, content = next(iter(value.items()))
        if kind == "user_output":
            return {kind: {"arg": self.argument(content["arg"])}}
        field = {
            "buffer_mutation": "buffer_name",
            "parameter_mutation": "parameter_name",
            "user_input_mutation": "user_input_name",
        }.get(kind)
        if field is None:
            raise refused(self.shown, f"returns more than its results (`{str(kind)[:40]}`); export the model for inference")
        return {kind: {"arg": self.tensor(content["arg"]), field: self.path(content[field])}}

    def returned(self, signature: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The results alone."""
        return [
            self.argument(one["user_output"]["arg"]) for one in signature["output_specs"] if "user_output" in one
        ]


def _shown_operator(target: str) -> str:
    return re.sub(r"[^\w.:#]", "?", target.removeprefix("torch.ops."))[:80]


def _why_not(target: str) -> str:
    if target in _NOT_RUN:
        return "it reads a file"
    if target.startswith(("_operator", "math", "torch.sym")):
        return "it computes with numbers that are known only when the program runs; export the model for one shape"
    if target.startswith("torch.ops.higher_order"):
        return "an artifact has no control flow"
    return "operators of other packages are not loaded: only torch's own (aten, prims) can be captured"


_FRAME = re.compile(r'^\s*File "([^"\n]{1,1000})", line ([0-9]{1,9}), in ([\w.]{1,200}|<\w{1,40}>)$', re.MULTILINE)
_LIBRARIES = re.compile(r"(?:^|[/\\])(?:site-packages|dist-packages|lib[/\\]python3\.[0-9]+)[/\\]|^<")


def places_of(trace: Any) -> list[tuple[str, int, str]]:
    """The user's frames of a trace that torch has written, innermost last: name of the file, line, function.

    The file itself may be another machine's: it is known by its name, and not looked at.
    """
    if not isinstance(trace, str):
        return []
    found = _FRAME.findall(trace[:100_000])
    return [
        (re.sub(r"[<>\x00-\x1f]", "?", re.split(r"[/\\]", file)[-1]), int(line), function)
        for file, line, function in found
        if not _LIBRARIES.search(file) and int(line) > 0
    ]


_FUNCTION = re.compile(r"[\w.<>]{1,200};[\w.<>]{1,200}")


def _metadata(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What messages and places are made of."""
    modules = value.get("nn_module_stack")
    if isinstance(modules, str):
        # Entries that torch could not take apart are left out, and with them the module's name in a message.
        entries = [one for one in modules.split(";") if one.count(",") == 2 and not re.search(r"[()\[\]\x00-\x1f]", one)]
        if entries:
            yield "nn_module_stack", ";".join(entries)
    function = value.get("torch_fn")
    if isinstance(function, str) and _FUNCTION.fullmatch(function):
        yield "torch_fn", function
    trace = places_of(value.get("stack_trace"))
    if trace:
        yield "stack_trace", "\n".join(f'File "{file}", line {line}, in {name}' for file, line, name in trace)
