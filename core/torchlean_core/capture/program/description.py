"""What a `.pt2` file says of its program, looked through before torch's own reader gets it (no torch here).

torch's reader evaluates expressions of sizes as Python, imports the modules that a tree of results names, compiles
guards and puts names of nodes into code that it runs. So it is given a description that is written anew: names that
are names, sizes that are numbers, operators of torch itself, and nothing of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torchlean_core.capture.errors import refused
from torchlean_core.capture.program.results import Results, results_of
from torchlean_core.capture.program.traces import metadata, places_of
from torchlean_core.capture.program.values import FLOAT32, TYPES, Values

_OPERATOR = re.compile(r"torch\.ops\.(?:aten|prims)\.[A-Za-z0-9_]{1,100}\.[A-Za-z0-9_]{1,100}")
_REGIONS = frozenset(
    f"torch.ops.higher_order.{name}" for name in ("wrap_with_set_grad_enabled", "wrap_with_autocast")
)
_NOT_RUN = frozenset({"torch.ops.aten.from_file.default", "torch.ops.aten.from_file.out"})
"""Operators that touch more than their operands: they read, and write, the file that they name."""

_DIALECTS = ("", "ATEN", "TRAINING")
_DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Description:
    """A program, as far as it can be one of an artifact.

    Attributes:
        program: The description for torch's reader; the results are a tuple.
        shape: Shape of that.
        results: How forward returns its results.
        torch: Version of torch that saved it.
    """

    program: dict[str, Any]
    shape: tuple[int, ...]
    results: Results
    torch: str


def described(program: Mapping[str, Any], shown: str) -> Description:
    """Look through a program.

    Args:
        program: Its description in the file.
        shown: The file as the user wrote it.

    Raises:
        CaptureError: It is no program of torch's own operators with one input of a fixed shape, or something in it is
            not what torch writes.
    """
    reader = _Reader(shown)
    try:
        return reader.program(program)
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, RecursionError) as error:
        raise refused(
            shown, f"is no description of a program ({type(error).__name__} at {error})"[:300]
        ) from error


class _Reader(Values):
    """Writes a description anew."""

    def __init__(self, shown: str) -> None:
        super().__init__(shown)
        self.depth = 0

    def program(self, value: Mapping[str, Any]) -> Description:
        module = value["graph_module"]
        signature = module["signature"]
        dialect = next((one for one in value.get("verifiers") or [] if one not in _DIALECTS), None)
        if dialect is not None:
            raise refused(
                self.shown,
                f"is in the dialect {str(dialect)[:40]!r}; programs of ATen operators can be captured",
            )
        version = value["schema_version"]
        graph, name, shape, results = self.main(module, signature)
        user = [spec for spec in graph["inputs"] if spec["as_tensor"]["name"] == name]
        version_of_torch = self.text(value.get("torch_version", ""))
        written: dict[str, Any] = {
            "graph_module": {
                "graph": graph,
                "signature": {
                    "input_specs": [self.input_spec(one) for one in signature["input_specs"]],
                    "output_specs": [self.output_spec(one) for one in signature["output_specs"]],
                },
                "module_call_graph": [
                    {"fqn": "", "signature": {"inputs": user, "outputs": self.returned(signature)}},
                ],
                "metadata": {},
            },
            "opset_version": {},
            "range_constraints": {},
            "schema_version": {"major": self.integer(version["major"]), "minor": self.integer(version["minor"])},
            "verifiers": [str(one) for one in value.get("verifiers") or []],
            "torch_version": version_of_torch,
            "guards_code": [],
        }  # fmt: skip
        return Description(written, shape, results, version_of_torch)

    def main(
        self, module: Mapping[str, Any], signature: Mapping[str, Any]
    ) -> tuple[dict[str, Any], str, tuple[int, ...], Results]:
        """The graph, with name and shape of its input, and its results."""
        specs = [
            one for one in signature["input_specs"] if self.entry(one)[0] in ("user_input", "constant_input")
        ]
        names = [self._input_name(one) for one in specs]
        if len(specs) != 1 or "user_input" not in specs[0]:
            listed = ", ".join(names[:8])
            raise refused(
                self.shown,
                f"forward takes {len(specs)} inputs{f' ({listed})' if listed else ''}; an artifact has one",
            )
        argument = specs[0]["user_input"]["arg"]
        if "as_tensor" not in argument:
            raise refused(
                self.shown, f"the input is no tensor ({self.entry(argument)[0]}); an artifact's is one"
            )
        name = self.name(argument["as_tensor"]["name"])
        meta = module["graph"]["tensor_values"][name]
        sizes = [self._size_words(one) for one in meta["sizes"]]
        if any("as_int" not in one for one in meta["sizes"]):
            raise refused(
                self.shown,
                f"the input's shape is dynamic ([{', '.join(sizes)}]); an artifact's is fixed: export the model for "
                "one shape, without dynamic_shapes",
            )
        if meta["dtype"] != FLOAT32:
            raise refused(
                self.shown,
                f"the input `{name}` is {TYPES.get(meta['dtype'], 'of another type')}; an artifact's values are "
                "float32: export the model in float32",
            )
        graph = self.graph(module["graph"])
        results = results_of(
            self._out_spec(module), module.get("treespec_namedtuple_fields") or {}, self.shown
        )
        returned = [one["user_output"]["arg"] for one in signature["output_specs"] if "user_output" in one]
        constants = {
            place: self.entry(one)[1] for place, one in enumerate(returned) if "as_tensor" not in one
        }
        results = results.with_constants(
            {place: None if "as_none" in returned[place] else value for place, value in constants.items()}
        )
        if results.count != len(returned):
            raise self.wrong("its results", results.count, f"{len(returned)}, as its signature has")
        return graph, name, tuple(self.integer(one["as_int"]) for one in meta["sizes"]), results

    def _input_name(self, spec: Mapping[str, Any]) -> str:
        kind, value = self.entry(spec)
        if kind == "constant_input":
            return str(value["name"])[:40]
        named = self.entry(value["arg"])[1]
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
            raise self.objects("".join([*value["custom_obj_values"]][:1]))
        written = {
            "inputs": [self.tensor_argument(one) for one in value["inputs"]],
            "outputs": [self.argument(one) for one in value["outputs"]],
            "nodes": [self.node(one) for one in value["nodes"] if not _is_empty_region(one)],
            "tensor_values": {
                self.name(name): self.meta(one, name) for name, one in value["tensor_values"].items()
            },
            "sym_int_values": {},
            "sym_bool_values": {},
            "is_single_tensor_return": value.get("is_single_tensor_return") is True,
        }
        self.depth -= 1
        return written

    def node(self, value: Mapping[str, Any]) -> dict[str, Any]:
        target = value["target"]
        if not isinstance(target, str):
            raise self.wrong("an operator", target, "its name")
        if target in _NOT_RUN or not (_OPERATOR.fullmatch(target) or target in _REGIONS):
            raise refused(
                self.shown,
                f"has the operator `{_shown_operator(target)}`{self._at(value)}; {_why_not(target)}",
            )
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
            "metadata": dict(metadata(value.get("metadata") or {})),
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
        kind, content = self.entry(value)
        if kind == "as_graph" and region:
            return {kind: {"name": self.name(content["name"]), "graph": self.graph(content["graph"])}}
        if kind == "as_custom_obj":
            raise self.objects(content.get("name"))
        if kind in ("as_sym_int", "as_sym_float", "as_sym_bool") or (
            kind in ("as_sym_ints", "as_sym_floats", "as_sym_bools")
            and any("as_name" in one for one in content)
        ):
            raise refused(
                self.shown,
                "depends on numbers that are known only when it runs; export the model for one shape",
            )
        reader = self.arguments().get(kind)
        if reader is None:
            raise refused(self.shown, f"has an argument of the kind `{str(kind)[:40]}`, which is not read")
        return {kind: reader(content)}

    def input_spec(self, value: Mapping[str, Any]) -> dict[str, Any]:
        kind, content = self.entry(value)
        if kind == "user_input":
            return {kind: {"arg": self.tensor_argument(content["arg"])}}
        field = {
            "parameter": "parameter_name",
            "buffer": "buffer_name",
            "tensor_constant": "tensor_constant_name",
        }.get(kind)
        if field is None:
            raise self.objects(kind)
        spec: dict[str, Any] = {"arg": self.tensor(content["arg"]), field: self.path(content[field])}
        if kind == "buffer":
            spec["persistent"] = self.boolean(content["persistent"])
        return {kind: spec}

    def output_spec(self, value: Mapping[str, Any]) -> dict[str, Any]:
        kind, content = self.entry(value)
        if kind == "user_output":
            return {kind: {"arg": self.argument(content["arg"])}}
        field = {
            "buffer_mutation": "buffer_name",
            "parameter_mutation": "parameter_name",
            "user_input_mutation": "user_input_name",
        }.get(kind)
        if field is None:
            raise refused(
                self.shown,
                f"returns more than its results (`{str(kind)[:40]}`); export the model for inference",
            )
        return {kind: {"arg": self.tensor(content["arg"]), field: self.path(content[field])}}

    def returned(self, signature: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The results alone."""
        return [
            self.argument(one["user_output"]["arg"])
            for one in signature["output_specs"]
            if "user_output" in one
        ]


def _is_empty_region(node: Mapping[str, Any]) -> bool:
    """Whether a node is a region without operators, which torch writes and cannot read."""
    if node["target"] not in _REGIONS or node["outputs"]:
        return False
    regions = [one["arg"]["as_graph"]["graph"] for one in node["inputs"] if "as_graph" in one["arg"]]
    return not any(region["nodes"] for region in regions)


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
