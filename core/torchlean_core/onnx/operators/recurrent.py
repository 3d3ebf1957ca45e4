"""Recurrent layers, step by step: the length of the sequence is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from torchlean_core.capture.errors import Refused
from torchlean_core.onnx.graph import Node
from torchlean_core.onnx.operators.registry import only, operator

_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}
_MOST_STEPS = 10_000
Step = Callable[[torch.Tensor, tuple[torch.Tensor, ...]], tuple[torch.Tensor, ...]]
"""From an entry of the sequence and a state to the next state, whose first part is what the layer gives."""


class _Layer:
    """What the three layers have in common: directions, states, activations, and how results are laid out."""

    def __init__(self, node: Node, x: torch.Tensor, weight: torch.Tensor, lengths: Any, gates: int) -> None:
        only(node, "clip", None)
        if node.get("activation_alpha") or node.get("activation_beta"):
            raise Refused("activations with numbers of their own are not supported")
        self.node = node
        self.batch_first = bool(node.get("layout"))
        self.x = x.transpose(0, 1) if self.batch_first else x
        if x.dim() != 3 or weight.dim() != 3:
            raise Refused("takes a sequence of 3 axes, and weights of 3")
        self.steps, self.batch = self.x.shape[0], self.x.shape[1]
        if self.steps > _MOST_STEPS:
            raise Refused(f"a sequence of {self.steps:,} entries is longer than {_MOST_STEPS:,}")
        if lengths is not None and any(int(one) != self.steps for one in lengths):
            raise Refused("sequences of different lengths are not supported")
        self.directions, self.hidden = weight.shape[0], weight.shape[1] // gates
        direction = node["direction"]
        if (direction == "bidirectional") != (self.directions == 2) or self.directions > 2:
            raise Refused(f"direction {direction} with weights for {self.directions}")
        self.backwards = {"forward": [False], "reverse": [True]}.get(direction, [False, True])

    def activations(self, usual: Sequence[str]) -> list[list[Callable[[torch.Tensor], torch.Tensor]]]:
        """Those of each direction."""
        given = "activations" in self.node.given  # the default does not know the direction
        names = list(self.node["activations"]) if given else [*usual] * self.directions
        if len(names) != len(usual) * self.directions:
            raise Refused(f"expected {len(usual) * self.directions} activations")
        found = []
        for name in names:
            if name.lower() not in _ACTIVATIONS:
                raise Refused(f"activation {name} is not supported")
            found.append(_ACTIVATIONS[name.lower()])
        count = len(usual)
        return [found[count * place : count * (place + 1)] for place in range(self.directions)]

    def state(self, given: torch.Tensor | None, direction: int) -> torch.Tensor:
        """The state in which a direction begins: zeros where none is given."""
        if given is None:
            return self.x.new_zeros(self.batch, self.hidden)
        return (given.transpose(0, 1) if self.batch_first else given)[direction]

    def run(self, step: Callable[[int], Step], states: Callable[[int], tuple[torch.Tensor, ...]]) -> Any:
        """All results: every step of each direction, and the states at the end."""
        rows: list[list[torch.Tensor]] = []
        last: list[tuple[torch.Tensor, ...]] = []
        entries = self.x.unbind(0)
        for direction, backwards in enumerate(self.backwards):
            state, function = states(direction), step(direction)
            found = []
            for entry in reversed(entries) if backwards else entries:
                state = function(entry, state)
                found.append(state[0])
            rows.append(found[::-1] if backwards else found)
            last.append(state)
        return (self._sequence(rows) if self.node.wants(0) else None, *self._last(last))

    def _sequence(self, rows: Sequence[Sequence[torch.Tensor]]) -> torch.Tensor:
        each = [torch.stack(list(row)) for row in rows]
        if self.directions == 1:
            found = each[0].unsqueeze(1)
        else:
            found = torch.stack(each, 1)
        return found.permute(2, 0, 1, 3) if self.batch_first else found

    def _last(self, last: Sequence[tuple[torch.Tensor, ...]]) -> list[torch.Tensor | None]:
        found: list[torch.Tensor | None] = []
        for place, parts in enumerate(zip(*last, strict=True), start=1):
            if not self.node.wants(place):
                found.append(None)
                continue
            whole = parts[0].unsqueeze(0) if self.directions == 1 else torch.stack(list(parts))
            found.append(whole.transpose(0, 1) if self.batch_first else whole)
        return found


def _biases(b: torch.Tensor | None, direction: int) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Those of the input's weights and of the state's."""
    if b is None:
        return None, None
    first, second = b[direction].chunk(2)
    return first, second


@operator("RNN", settings=(4,), learned=(1, 2, 3, 5))
def rnn(
    node: Node,
    x: torch.Tensor,
    w: torch.Tensor,
    r: torch.Tensor,
    b: torch.Tensor | None = None,
    lengths: Any = None,
    initial: torch.Tensor | None = None,
) -> Any:
    """The simple one."""
    layer = _Layer(node, x, w, lengths, 1)
    activations = layer.activations(["Tanh"])

    def step(direction: int) -> Step:
        (f,), (wb, rb) = activations[direction], _biases(b, direction)

        def next_(entry: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            return (f(F.linear(entry, w[direction], wb) + F.linear(state[0], r[direction], rb)),)

        return next_

    return layer.run(step, lambda direction: (layer.state(initial, direction),))


@operator("GRU", settings=(4,), learned=(1, 2, 3, 5))
def gru(
    node: Node,
    x: torch.Tensor,
    w: torch.Tensor,
    r: torch.Tensor,
    b: torch.Tensor | None = None,
    lengths: Any = None,
    initial: torch.Tensor | None = None,
) -> Any:
    """Gates in the order update, reset, hidden."""
    layer = _Layer(node, x, w, lengths, 3)
    activations = layer.activations(["Sigmoid", "Tanh"])
    before = bool(node.get("linear_before_reset"))
    size = layer.hidden

    def step(direction: int) -> Step:
        (f, g), (wb, rb) = activations[direction], _biases(b, direction)
        recurrent = r[direction]

        def next_(entry: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            (h,) = state
            wz, wr, wh = F.linear(entry, w[direction], wb).chunk(3, -1)
            if before:
                rz, rr, rh = F.linear(h, recurrent, rb).chunk(3, -1)
                z, reset = f(wz + rz), f(wr + rr)
                new = g(wh + reset * rh)
            else:
                gates = F.linear(h, recurrent[: 2 * size], None if rb is None else rb[: 2 * size])
                rz, rr = gates.chunk(2, -1)
                z, reset = f(wz + rz), f(wr + rr)
                last = None if rb is None else rb[2 * size :]
                new = g(wh + F.linear(reset * h, recurrent[2 * size :], last))
            return ((1 - z) * new + z * h,)

        return next_

    return layer.run(step, lambda direction: (layer.state(initial, direction),))


@operator("LSTM", settings=(4,), learned=(1, 2, 3, 5, 6, 7))
def lstm(
    node: Node,
    x: torch.Tensor,
    w: torch.Tensor,
    r: torch.Tensor,
    b: torch.Tensor | None = None,
    lengths: Any = None,
    initial: torch.Tensor | None = None,
    initial_c: torch.Tensor | None = None,
    p: torch.Tensor | None = None,
) -> Any:
    """Gates in the order input, output, forget, cell; with peepholes where there are weights for them."""
    only(node, "input_forget", 0)
    layer = _Layer(node, x, w, lengths, 4)
    activations = layer.activations(["Sigmoid", "Tanh", "Tanh"])

    def step(direction: int) -> Step:
        (f, g, last), (wb, rb) = activations[direction], _biases(b, direction)
        peepholes = None if p is None else p[direction].chunk(3)

        def next_(entry: torch.Tensor, state: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
            h, c = state
            gates = F.linear(entry, w[direction], wb) + F.linear(h, r[direction], rb)
            i, o, forget, new = gates.chunk(4, -1)
            if peepholes is not None:
                i, forget = i + peepholes[0] * c, forget + peepholes[2] * c
            c = f(forget) * c + f(i) * g(new)
            if peepholes is not None:
                o = o + peepholes[1] * c
            return f(o) * last(c), c

        return next_

    return layer.run(
        step, lambda direction: (layer.state(initial, direction), layer.state(initial_c, direction))
    )
