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
_ADDING = frozenset(
    {"append", "extend", "insert", "pop", "clear", "remove", "add_module", "register_module", "update"}
)
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
    """What is known in a scope: of an instance by names such as `self.fc`, of a function by those of its variables.

    Attributes:
        file: The file in which the names are used.
        layers: What names are bound to, where it is no value.
        known: Values of names.
    """

    file: PythonFile
    layers: dict[str, _Bound]
    known: dict[str, Any]


class _Bound(NamedTuple):
    """An expression, and the scope in which it is written."""

    node: ast.expr
    scope: _Instance


def guess_shape(file: PythonFile, name: str, workspace: Workspace | None = None) -> Guess | None:
    """A likely shape of the input of a model; None where its first layer does not tell.

    Args:
        file: The model's file.
        name: A class at its top, or a function that makes a model.
        workspace: Where the classes of other files are found; None for the file alone.
    """
    if workspace is None:
        workspace = Workspace(file.path)
    workspace.add(file)
    bindings = file.bindings.get(name, [])
    value = bindings[-1].value if bindings else None
    follower = _Follower(workspace)
    if isinstance(value, ast.ClassDef):
        found = follower.steps(ClassRef(file, value), {}, 0)
    elif isinstance(value, ast.FunctionDef):
        found = follower.made(file, value)
    else:
        return None
    steps: list[_Applied] = []
    try:
        for step in found:
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

    def made(self, file: PythonFile, function: ast.FunctionDef) -> Iterator[_Applied]:
        """The layers of what a function returns."""
        instance = _Instance(file, {}, {})
        self._read_init(function.body, instance)
        for statement in function.body:
            if isinstance(statement, ast.Return) and statement.value is not None:
                names = chain(statement.value)
                own = _Bound(statement.value, instance)
                bound = own if names is None else instance.layers.get(".".join(names))
                if bound is not None:
                    yield from self._layer(bound, 0)
                return

    def _instance(self, classes: list[ClassRef], arguments: dict[int | str, Any]) -> _Instance:
        """What the constructors of a class and of its bases, as far as they call one another, leave behind."""
        place = next((place for place, one in enumerate(classes) if _method(one.node, "__init__")), None)
        if place is None:
            return _Instance(classes[0].file, {}, {})
        init, file = _method(classes[place].node, "__init__"), classes[place].file
        assert init is not None
        own = _Instance(file, {}, dict(_parameters(init, arguments, file)))
        rest = classes[place + 1 :]
        call = next((call for call in map(_super_call, init.body) if call is not None), None)
        inherited = _Instance(file, {}, {})
        if call is not None and rest:
            inherited = self._instance(rest, self._given(own, call, call.args))
        attributes = {name: value for name, value in inherited.known.items() if name.startswith("self.")}
        instance = _Instance(file, dict(inherited.layers), {**attributes, **own.known})
        self._read_init(init.body, instance)
        return instance

    def _read_init(self, body: list[ast.stmt], instance: _Instance) -> None:
        for statement in body:
            if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
                for name in _stored(statement):  # in a loop, say: its value is not known any more
                    instance.known.pop(name, None)
                    instance.layers.pop(name, None)
                continue
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            for target in targets:
                names = chain(target)
                if names is None:
                    self._read_pairs(target, statement.value, instance)
                    continue
                dotted = ".".join(names)
                instance.known.pop(dotted, None)
                instance.layers.pop(dotted, None)
                try:
                    instance.known[dotted] = value_of(statement.value, instance.known, instance.file)
                except Unknown:
                    instance.layers[dotted] = _Bound(statement.value, instance)

    def _read_pairs(self, target: ast.expr, value: ast.expr, instance: _Instance) -> None:
        """`self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)`."""
        pair = ast.Tuple | ast.List
        if isinstance(target, pair) and isinstance(value, pair) and len(target.elts) == len(value.elts):
            for one, item in zip(target.elts, value.elts, strict=True):
                self._read_init([ast.Assign(targets=[one], value=item)], instance)

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
        bound = None if names is None else instance.layers.get(".".join(names))
        assert isinstance(statement.target, ast.Name)
        for node in _items(None if bound is None else bound.node):
            item = _Bound(node, instance if bound is None else bound.scope)
            inner = _Instance(instance.file, {**instance.layers, statement.target.id: item}, instance.known)
            yield from self._body(inner, statement.body, tensors, depth)

    def _expression(
        self, instance: _Instance, node: ast.expr, tensors: set[str], depth: int
    ) -> Iterator[_Applied]:
        if isinstance(node, ast.Name) and node.id in tensors:
            return
        if isinstance(node, ast.BinOp) and _mentions(node.left, tensors) != _mentions(node.right, tensors):
            # With a number, or with what broadcasts.
            one = node.left if _mentions(node.left, tensors) else node.right
            yield from self._expression(instance, one, tensors, depth)
            return
        if not isinstance(node, ast.Call):
            yield from self._part(instance, node, tensors, depth)
            return
        function, arguments = node.func, node.args
        if isinstance(function, ast.Attribute) and _mentions(function.value, tensors):
            # A method of the tensor: `x.flatten(1)`.
            yield from self._expression(instance, function.value, tensors, depth)
            yield self._applied(instance, node, function.attr, arguments)
            return
        names = chain(function)
        layer = None if names is None else instance.layers.get(".".join(names))
        alone = not any(_mentions(other, tensors) for other in arguments[1:])
        if (
            layer is None
            and not isinstance(function, ast.Call)
            and (names is None or names[0] == "self" or not alone)
        ):
            yield from self._part(instance, node, tensors, depth)
            return
        if not arguments:
            raise Unknown
        yield from self._expression(instance, arguments[0], tensors, depth)
        if layer is not None:
            yield from self._layer(layer, depth)
        elif isinstance(function, ast.Call):  # `nn.ReLU()(x)`
            yield from self._layer(_Bound(function, instance), depth)
        else:
            yield self._applied(instance, node, names[-1] if names else "", arguments[1:])
        if not alone:  # `self.attention(x, x, x)`
            raise Unknown

    def _part(self, instance: _Instance, node: ast.expr, tensors: set[str], depth: int) -> Iterator[_Applied]:
        """What is applied first in an expression that is no chain; behind that nothing is known."""
        for child in ast.iter_child_nodes(node):
            # The tensor itself, as in `x + self.block(x)`, tells nothing.
            if _mentions(child, tensors) and not isinstance(child, ast.Name):
                if isinstance(child, ast.expr):
                    yield from self._expression(instance, child, tensors, depth)
                break
        raise Unknown

    def _layer(self, bound: _Bound, depth: int) -> Iterator[_Applied]:
        """The steps of a layer, from the expression that makes it."""
        node, instance = bound
        if not isinstance(node, ast.Call):
            raise Unknown
        refs = list(self._workspace.resolve(instance.file, node.func))
        own = next((ref for ref in refs if isinstance(ref, ClassRef)), None)
        if own is not None:
            yield from self.steps(own, self._given(instance, node, node.args), depth + 1)
            return
        external = next((ref.name for ref in refs if isinstance(ref, External)), "")
        name = external.rpartition(".")[2]
        if name == "Sequential":
            for item in _items(node):
                yield from self._layer(_Bound(item, instance), depth)
        else:
            yield self._applied(instance, node, name, node.args)

    def _applied(self, instance: _Instance, node: ast.Call, name: str, arguments: list[ast.expr]) -> _Applied:
        text = ast.unparse(node)
        step = Step(name, self._given(instance, node, arguments))
        return _Applied(step, text if len(text) <= 50 else f"{text[:49]}…", node.lineno)

    def _given(self, instance: _Instance, node: ast.Call, arguments: list[ast.expr]) -> dict[int | str, Any]:
        given: dict[int | str, Any] = {}
        for index, argument in enumerate(arguments):
            if isinstance(argument, ast.Starred):
                raise Unknown
            given[index] = self._value(instance, argument)
        for keyword in node.keywords:
            if keyword.arg is not None:
                given[keyword.arg] = self._value(instance, keyword.value)
        return given

    def _value(self, instance: _Instance, node: ast.expr) -> Any:
        try:
            return value_of(node, instance.known, instance.file)
        except Unknown:
            return Unknown


def _items(node: ast.expr | None) -> Iterator[ast.expr]:
    """The layers in a `Sequential`, `ModuleList` or list.

    Raises:
        Unknown: Behind the first one of a comprehension: how often it repeats that matters from there on.
    """
    if isinstance(node, ast.Call) and len(node.args) == 1 and not isinstance(node.args[0], ast.Call):
        inner = node.args[0]
        yield from _items(inner.value if isinstance(inner, ast.Starred) else inner)
    elif isinstance(node, ast.Call):
        yield from (item for item in node.args)
    elif isinstance(node, ast.List | ast.Tuple):
        yield from node.elts
    elif isinstance(node, ast.ListComp | ast.GeneratorExp):
        yield node.elt
        raise Unknown
    else:
        raise Unknown


def _stored(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement binds or adds to: `x = …` anywhere in it, `layers.append(…)`."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store):
            names = chain(node)
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _ADDING
        ):
            names = chain(node.func.value)
        else:
            continue
        if names is not None:
            yield ".".join(names)


def _super_call(statement: ast.stmt) -> ast.Call | None:
    """The call, where a statement is `super().__init__(…)`."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    function = call.func if isinstance(call, ast.Call) else None
    if (
        not isinstance(call, ast.Call)
        or not isinstance(function, ast.Attribute)
        or function.attr != "__init__"
    ):
        return None
    inner = function.value
    is_super = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "super"
    return call if is_super else None


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
