"""Functions that torch has and artifacts have not: where a graph holds their whole composition, code calls them.

A composition is looked for as `erf.forms` says it: same operators, same constants, four rows where it has four rows.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from torchlean_core.erf.forms import FORMS
from torchlean_core.graph import Program, TensorNode
from torchlean_core.kinds import operators as ops
from torchlean_core.params import ParameterStore

_COLUMN = (4, 1)


@dataclass(frozen=True, slots=True)
class Recognized:
    """A function that a node is the result of.

    Attributes:
        function: Its name in generated code (`F.gelu`).
        operand: Tensor id of its operand.
        inner: Tensor ids of the nodes that only serve to compute it; constants are not among them.
    """

    function: str
    operand: int
    inner: frozenset[int]


@dataclass(frozen=True, eq=False, slots=True)
class _Term:
    """A part of a form: an operator's name and operands, or a constant's numbers."""

    kind: str
    parents: tuple[_Term, ...] = ()
    numbers: tuple[float, ...] = ()

    @property
    def is_constant(self) -> bool:
        """Whether the operand does not come into it."""
        return self.kind == "const" or (bool(self.parents) and all(one.is_constant for one in self.parents))


@dataclass(slots=True)
class _Terms:
    """The algebra of the forms: what they say is kept as terms, equal constants as one."""

    _consts: dict[tuple[float, ...], _Term] = field(default_factory=dict)

    def unary(self, kind: str, x: _Term) -> _Term:
        return _Term(kind, (x,))

    def binary(self, kind: str, x: _Term, y: _Term | float) -> _Term:
        return _Term(kind, (x, y if isinstance(y, _Term) else self._const([y])))

    def sum_of(self, x: float, y: float, like: _Term) -> _Term:
        return _Term("add", (self._const([x]), self._const([y])))

    def row(self, x: _Term) -> _Term:
        return x  # reshapes keep the order of elements

    def column(self, numbers: Sequence[float], like: _Term) -> _Term:
        return self._const(numbers)

    def column_of_sums(self, x: Sequence[float], y: Sequence[float], like: _Term) -> _Term:
        return _Term("add", (self._const(x), self._const(y)))

    def rows(self, x: _Term) -> _Term:
        return _Term("broadcast_to", (x,))

    def total(self, x: _Term, like: _Term) -> _Term:
        return _Term("reduce_sum", (x,))

    def _const(self, numbers: Sequence[float]) -> _Term:
        return self._consts.setdefault(tuple(numbers), _Term("const", (), tuple(numbers)))


@cache
def _wanted() -> dict[str, tuple[_Term, _Term]]:
    """Each form's result, and its operand."""
    found = {}
    for name, form in FORMS.items():
        x = _Term("x")
        found[name] = (form(_Terms(), x), x)
    return found


def recognized(
    program: Program, store: ParameterStore | None, kept: Collection[int] = ()
) -> dict[int, Recognized]:
    """The functions that nodes of a program are the results of, by the tensor ids of these.

    None of the values inside is used elsewhere.

    Args:
        program: The program.
        store: Values of its constants.
        kept: Tensor ids of nodes that are to stay, whatever they are part of.
    """
    if store is None:
        return {}
    users: dict[int, set[int]] = {}
    live = program.live()
    for node in program.nodes:
        if node.id in live:
            for parent in node.parents:
                users.setdefault(parent, set()).add(node.id)
    outside = {*program.output_ids, *kept}
    roots = {term.kind for term, _ in _wanted().values()}
    found: dict[int, Recognized] = {}
    for node in program.nodes:
        if node.id not in live or node.operator.name not in roots:
            continue
        for name, (term, x) in _wanted().items():
            match = _Match(program, store, x)
            if not match.equal(node.id, term) or match.operand is None:
                continue
            operand = match.operand
            if program.nodes[operand].shape != node.shape:
                continue
            inner = frozenset(match.inner - {node.id, operand})
            if inner & outside or any(users[one] - inner - {node.id} for one in inner):
                continue
            found[node.id] = Recognized(name, operand, inner)
    return found


def removed(program: Program, found: Mapping[int, Recognized]) -> set[int]:
    """Tensor ids of nodes that nothing needs where functions are called: their inner nodes, and constants."""
    needed = set(program.output_ids)
    for node in reversed(program.nodes):
        if node.id in needed:
            call = found.get(node.id)
            needed.update(node.parents if call is None else [call.operand])
    return program.live() - needed


class _Match:
    """Holds a node of a program against a form."""

    def __init__(self, program: Program, store: ParameterStore, x: _Term) -> None:
        self._program = program
        self._store = store
        self._x = x
        self._known: dict[_Term, int] = {}
        self.operand: int | None = None
        self.inner: set[int] = set()

    def equal(self, place: int, term: _Term) -> bool:
        """Whether a node computes a term; of the operand, which node it is."""
        if term is self._x:
            if self.operand is None:
                self.operand = place
            return self.operand == place
        constant = term.is_constant
        node = self._behind(place, constant)
        if node is None:
            return False
        if term in self._known:
            return self._known[term] == node.id
        if term.kind == "const":
            return self._is_const(node, term.numbers)
        if node.operator.name != term.kind or len(node.parents) != len(term.parents):
            return False
        if not constant:
            if not self._has_four_rows(node):
                return False
            self._known[term] = node.id
            self.inner.add(node.id)
        return all(map(self.equal, node.parents, term.parents))

    def _behind(self, place: int, constant: bool) -> TensorNode | None:
        """The node behind reshapes, of a constant also behind broadcasts of one number, or of one column."""
        node = self._program.nodes[place]
        while node.operator.keeps_order or (constant and node.operator.spreads):
            source = self._program.nodes[node.parents[0]]
            is_column = (
                source.shape == _COLUMN and node.operator.spreads and node.fields["aligned"] == _COLUMN
            )
            if constant and math.prod(source.shape) != 1 and not is_column:
                return None
            if not constant:
                self.inner.add(node.id)
            node = source
        return node

    def _is_const(self, node: TensorNode, numbers: Sequence[float]) -> bool:
        if node.operator is not ops.CONST:
            return False
        use = node.params["value"]
        if use is None or use.parameter.trainable or use.view:
            return False
        values = self._store.numpy(use.parameter.name)
        if use.parameter.shape != (_COLUMN if len(numbers) > 1 else ()):
            return False
        return bool((values.reshape(-1).astype(np.float64) == np.array(numbers)).all())

    def _has_four_rows(self, node: TensorNode) -> bool:
        """Whether a row is repeated four times, or four rows are summed, where a node repeats or sums."""
        source = self._program.nodes[node.parents[0]].shape
        if node.operator is ops.BROADCAST_TO:
            return len(source) == 2 and source[0] == 1 and node.shape == (4, source[1])
        if node.operator is ops.REDUCE_SUM:
            return len(source) == 2 and source[0] == 4 and node.fields["axis"] == 0
        return True
