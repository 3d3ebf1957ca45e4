"""A guess of a model's example shape, from the layers that its `forward` applies first (nothing is run, no torch).

`forward` is followed as long as it is a chain: one tensor through layers, functions and methods. The first layer with
sizes gives the candidates; those that the layers behind it do not take are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple

from torchlean_core.capture.constants import Unknown, value_of
from torchlean_core.capture.layers import KEEPS, Mismatch, Step, applied, first_shapes, flattened
from torchlean_core.capture.pyfile import PythonFile, chain
from torchlean_core.capture.target import Shape
from torchlean_core.capture.workspace import ClassRef, External, Workspace

_MOST = 400
_DEPTH = 8
_FLATTENS = frozenset({"Flatten", "flatten", "view", "reshape"})


class Guess(NamedTuple):
    """A likely example shape.

    Attributes:
        shape: The shape, batch included.
        why: From what it follows, in a few words (`nn.Linear(4, 8) in line 7`).
    """

    shape: Shape
    why: str


class _Applied(NamedTuple):
    """A step and where it is written."""

    step: Step
    text: str
    line: int


class _Instance(NamedTuple):
    """A class with what is known of the attributes of an instance."""

    ref: ClassRef
    layers: dict[str, ast.expr]
    known: dict[str, Any]


def guess_shape(file: PythonFile, name: str, workspace: Workspace | None = None) -> Guess | None:
    """A likely shape of the input of a model; None where its first layer does not tell.

    Args:
        file: The model's file.
        name: A class at its top.
        workspace: Where the classes of other files are found; None for the file alone.
    """
    if workspace is None:
        workspace = Workspace(file.path)
    workspace.add(file)
    bindings = file.bindings.get(name, [])
    if not bindings or not isinstance(bindings[-1].value, ast.ClassDef):
        return None
    follower = _Follower(workspace)
    steps: list[_Applied] = []
    try:
        for step in follower.steps(ClassRef(file, bindings[-1].value), {}, 0):
            steps.append(step)
            if len(steps) >= _MOST:
                break
    except (Unknown, RecursionError):  # what was seen until then says something, too
        pass
    return _guess(steps)


def _guess(steps: list[_Applied]) -> Guess | None:
    try:
        start = next((place for place, one in enumerate(steps) if one.step.name not in KEEPS), None)
        if start is None:
            return None
        first = steps[start]
        if first.step.name in _FLATTENS:
            behind = next((one for one in steps[start:] if one.step.name == "Linear"), None)
            between = [] if behind is None else steps[start : steps.index(behind)]
            if behind is None or any(one.step.name not in KEEPS | _FLATTENS for one in between):
                return None
            first, candidates = behind, flattened(behind.step.size(0, "in_features"))
        else:
            candidates = first_shapes(first.step)
    except Unknown:
        return None
    fitting = [shape for shape in candidates if _fits(steps, shape)]
    if not fitting:
        return None
    return Guess(fitting[0], f"{first.text} in line {first.line}")


def _fits(steps: list[_Applied], shape: Shape) -> bool:
    try:
        for one in steps:
            shape = applied(one.step, shape)
    except Mismatch:
        return False
    except Unknown:
        return True  # nothing is known from here on
    return True


class _Follower:
    """Follows one tensor through `forward`."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def steps(self, ref: ClassRef, arguments: dict[int | str, Any], depth: int) -> Iterator[_Applied]:
        """The layers that a model applies, in order; raises `Unknown` where they stop being a chain."""
        if depth > _DEPTH:
            raise Unknown
        classes = [one for one in self._workspace.ancestry(ref) if isinstance(one, ClassRef)]
        forward = next((found for one in classes if (found := _method(one.node, "forward"))), None)
        instance = self._instance(classes, arguments)
        if forward is None:
            raise Unknown
        names = [argument.arg for argument in [*forward.args.posonlyargs, *forward.args.args]]
        if len(names) < 2:
            raise Unknown
        yield from self._body(instance, forward.body, {names[1]}, depth)

    def _instance(self, classes: list[ClassRef], arguments: dict[int | str, Any]) -> _Instance:
        layers: dict[str, ast.expr] = {}
        known: dict[str, Any] = {}
        for one in classes:
            init = _method(one.node, "__init__")
            if init is not None:
                known.update(_parameters(init, arguments, one.file))
                self._read_init(init.body, layers, known, one.file)
                return _Instance(one, layers, known)
        return _Instance(classes[0], layers, known)

    def _read_init(
        self, body: list[ast.stmt], layers: dict[str, ast.expr], known: dict[str, Any], file: PythonFile
    ) -> None:
        for statement in body:
            if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
                continue
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                names = chain(target) if isinstance(target, ast.expr) else None
                if names is None:
                    continue
                dotted = ".".join(names)
                known.pop(dotted, None)
                try:
                    known[dotted] = value_of(statement.value, known, file)
                except Unknown:
                    layers[dotted] = statement.value

    def _body(
        self, instance: _Instance, body: list[ast.stmt], tensors: set[str], depth: int
    ) -> Iterator[_Applied]:
        for statement in body:
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
                target, value = statement.targets[0], statement.value
                if not _mentions(value, tensors):
                    continue
                yield from self._expression(instance, value, tensors, depth)
                if not isinstance(target, ast.Name):
                    raise Unknown
                tensors.add(target.id)
            elif isinstance(statement, ast.Return) and statement.value is not None:
                yield from self._expression(instance, statement.value, tensors, depth)
                return
            elif isinstance(statement, ast.For) and isinstance(statement.target, ast.Name):
                yield from self._loop(instance, statement, tensors, depth)
            else:
                raise Unknown

    def _loop(
        self, instance: _Instance, statement: ast.For, tensors: set[str], depth: int
    ) -> Iterator[_Applied]:
        """`for layer in self.layers: x = layer(x)`."""
        names = chain(statement.iter)
        value = None if names is None else instance.layers.get(".".join(names))
        assert isinstance(statement.target, ast.Name)
        for item in _items(value):
            inner = _Instance(instance.ref, {**instance.layers, statement.target.id: item}, instance.known)
            yield from self._body(inner, statement.body, tensors, depth)

    def _expression(
        self, instance: _Instance, node: ast.expr, tensors: set[str], depth: int
    ) -> Iterator[_Applied]:
        if isinstance(node, ast.Name) and node.id in tensors:
            return
        if not isinstance(node, ast.Call):
            raise Unknown
        function, arguments = node.func, node.args
        if isinstance(function, ast.Attribute) and _mentions(function.value, tensors):
            # A method of the tensor: `x.flatten(1)`.
            yield from self._expression(instance, function.value, tensors, depth)
            yield self._applied(instance, node, function.attr, arguments, node)
            return
        if not arguments or any(_mentions(other, tensors) for other in arguments[1:]):
            raise Unknown
        yield from self._expression(instance, arguments[0], tensors, depth)
        names = chain(function)
        layer = None if names is None else instance.layers.get(".".join(names))
        if layer is not None:
            yield from self._layer(instance, layer, depth)
        elif isinstance(function, ast.Call):  # `nn.ReLU()(x)`
            yield from self._layer(instance, function, depth)
        elif names is not None and names[0] != "self":
            yield self._applied(instance, node, names[-1], arguments[1:], node)
        else:
            raise Unknown

    def _layer(self, instance: _Instance, node: ast.expr, depth: int) -> Iterator[_Applied]:
        """The steps of a layer, from the expression that makes it."""
        if not isinstance(node, ast.Call):
            raise Unknown
        file = instance.ref.file
        refs = list(self._workspace.resolve(file, node.func))
        own = next((ref for ref in refs if isinstance(ref, ClassRef)), None)
        if own is not None:
            given = self._applied(instance, node, own.node.name, node.args, node).step.given
            yield from self.steps(own, dict(given), depth + 1)
            return
        external = next((ref.name for ref in refs if isinstance(ref, External)), "")
        name = external.rpartition(".")[2]
        if name == "Sequential":
            for item in _items(node):
                yield from self._layer(instance, item, depth)
        else:
            yield self._applied(instance, node, name, node.args, node)

    def _applied(
        self, instance: _Instance, node: ast.Call, name: str, arguments: list[ast.expr], place: ast.expr
    ) -> _Applied:
        given: dict[int | str, Any] = {}
        for index, argument in enumerate(arguments):
            if isinstance(argument, ast.Starred):
                raise Unknown
            given[index] = self._value(instance, argument)
        for keyword in node.keywords:
            if keyword.arg is not None:
                given[keyword.arg] = self._value(instance, keyword.value)
        text = ast.unparse(node)
        return _Applied(Step(name, given), text if len(text) <= 50 else f"{text[:49]}…", place.lineno)

    def _value(self, instance: _Instance, node: ast.expr) -> Any:
        try:
            return value_of(node, instance.known, instance.ref.file)
        except Unknown:
            return Unknown


def _items(node: ast.expr | None) -> list[ast.expr]:
    """The layers in a `Sequential`, `ModuleList` or list; of a comprehension the one that it repeats."""
    if isinstance(node, ast.Call) and len(node.args) == 1 and not isinstance(node.args[0], ast.Call):
        inner = node.args[0]
        if isinstance(inner, ast.Starred):
            inner = inner.value
        return _items(inner)
    if isinstance(node, ast.Call):
        return node.args
    if isinstance(node, ast.List | ast.Tuple):
        return node.elts
    raise Unknown  # how often a comprehension repeats its layer matters to what is behind it


def _method(node: ast.ClassDef, name: str) -> ast.FunctionDef | None:
    found = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == name]
    return found[-1] if found else None


def _parameters(
    init: ast.FunctionDef, arguments: dict[int | str, Any], file: PythonFile
) -> Iterator[tuple[str, Any]]:
    """Values of a constructor's parameters: what is given, or their defaults."""
    positional = [*init.args.posonlyargs, *init.args.args][1:]
    defaults = dict(
        zip([one.arg for one in reversed(positional)], reversed(init.args.defaults), strict=False)
    )
    defaults |= {
        one.arg: default
        for one, default in zip(init.args.kwonlyargs, init.args.kw_defaults, strict=True)
        if default is not None
    }
    for place, parameter in enumerate([*positional, *init.args.kwonlyargs]):
        value = arguments.get(parameter.arg, arguments.get(place, Unknown))
        if value is Unknown and parameter.arg in defaults and parameter.arg not in arguments:
            try:
                value = value_of(defaults[parameter.arg], {}, file)
            except Unknown:
                continue
        if value is not Unknown:
            yield parameter.arg, value


def _mentions(node: ast.AST, tensors: set[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in tensors for one in ast.walk(node))
