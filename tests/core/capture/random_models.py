"""Random small models, as text: straight lines of operators and of what is written of them in models.

`python -m tests.core.capture.random_models --count 2000 --seed 0` captures that many, in both dialects by turns,
compares each with its model by itself and prints what it found.
"""

from __future__ import annotations

import math
import random
import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

LARGEST = 1e6
"""Largest value at an ordinary input."""

MOST = 400
"""Most elements of a value."""

NUMBERS = (0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -2.5, 0.1, 1e-3, 7.3, 1.0 / 3.0)

Shape = tuple[int, ...]


@dataclass(frozen=True)
class State:
    """A tensor of the module.

    Attributes:
        name: Its name.
        text: What makes it.
        kind: `parameter`, `frozen` or `buffer`.
    """

    name: str
    text: str
    kind: str

    @property
    def line(self) -> str:
        """The statement in the constructor."""
        if self.kind == "buffer":
            return f'self.register_buffer("{self.name}", {self.text})'
        rest = ", requires_grad=False" if self.kind == "frozen" else ""
        return f"self.{self.name} = nn.Parameter({self.text}{rest})"


@dataclass
class Program:
    """A model that grows line by line; each line has run on ordinary inputs.

    Attributes:
        draw: Where all that is random comes from.
        shape: Shape of the input.
        state: Tensors of the module.
        lines: Statements of `forward`, of `x`.
        values: Names of float tensors with their shapes, in order.
        used: Names of the operators and idioms.
    """

    draw: random.Random
    shape: Shape
    state: list[State] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    values: dict[str, Shape] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    count: int = 0
    tensors: int = 0

    def __post_init__(self) -> None:
        self.values["x"] = self.shape

    # -- values and tensors ---------------------------------------------------------------------------------

    def value(self) -> str:
        """A value, mostly the last."""
        names = list(self.values)
        return names[-1] if self.draw.random() < 0.75 else self.draw.choice(names)

    def new(self) -> str:
        """A new name."""
        self.count += 1
        return f"v{self.count}"

    def number(self) -> float:
        """A number of any kind."""
        draw = self.draw
        return draw.choice(NUMBERS) if draw.random() < 0.8 else round(draw.uniform(-3, 3), 3)

    def add(self, name: str, *lines: str) -> bool:
        """Add statements, where they run and give real numbers of ordinary size."""
        body = [*self.lines, *lines]
        kept = self.state
        used = set(re.findall(r"self\.(t\d+)", "\n".join(body)))
        self.state = [one for one in kept if one.name in used]
        result = self.run(body)
        if result is None:
            return False
        found: dict[str, Shape] = {}
        for key, tensor in result.items():
            if key == "self" or not isinstance(tensor, torch.Tensor) or not tensor.is_floating_point():
                continue
            if tensor.dtype != torch.float32:
                if key.startswith("v"):
                    return False
                continue
            if tensor.numel() > MOST or tensor.dim() > 5:
                return False
            if tensor.numel() == 0 and self.draw.random() < 0.9:
                return False
            if not bool(torch.isfinite(tensor).all()) or (tensor.numel() and tensor.abs().max() > LARGEST):
                return False
            if key == "x" or key.startswith("v"):
                found[key] = tuple(tensor.shape)
        self.lines, self.values = body, found
        self.used.append(name)
        return True

    def run(self, body: Sequence[str]) -> dict[str, Any] | None:
        """All names after some statements ran on an ordinary input; None where they cannot."""
        torch.manual_seed(0)
        scope: dict[str, Any] = {"torch": torch, "F": F, "nn": nn, "math": math}
        module = SimpleNamespace()
        generator = torch.Generator().manual_seed(11)
        local: dict[str, Any] = {"self": module, "x": torch.randn(self.shape, generator=generator)}
        try:
            for one in self.state:
                value = eval(one.text, scope, local)
                setattr(module, one.name, value)
            with torch.no_grad():
                exec("\n".join(body), scope | local, local)
        except (RuntimeError, ValueError, IndexError, TypeError, NotImplementedError, NameError):
            return None
        return local

    def shape_of(self, text: str) -> Shape | None:
        """Shape of an expression; None where it has none."""
        found = self.run([*self.lines, f"w = {text}"])
        return None if found is None else tuple(found["w"].shape)

    def known(self, shape: Sequence[int]) -> str:
        """A tensor that does not depend on the input: parameters and buffers, parts of them, computed, constants."""
        draw, shape = self.draw, tuple(shape)
        kind = draw.choices(["parameter", "frozen", "buffer", "constant", "number"], [8, 2, 4, 2, 1])[0]
        if kind == "constant":
            start, end = sorted(round(draw.uniform(-2, 2), 2) for _ in range(2))
            return f"torch.linspace({start}, {end + 0.5}, {math.prod(shape)}).reshape({shape})"
        if kind == "number":
            return f"torch.full({shape}, {self.number()})"
        form = draw.choices(
            ["plain", "slice", "transposed", "expanded", "computed", "tied"], [10, 2, 2, 1, 2, 2]
        )[0]
        if form == "tied":
            for one in self.state:
                if one.text == f"torch.randn({shape})":
                    return f"self.{one.name}"
        if form == "slice" and shape:
            axis = draw.randrange(len(shape))
            whole = tuple(size + 2 * (n == axis) for n, size in enumerate(shape))
            return f"self.{self._new_state(whole, kind)}.narrow({axis}, {draw.randint(0, 2)}, {shape[axis]})"
        if form == "transposed" and len(shape) > 1:
            a, c = draw.sample(range(len(shape)), 2)
            turned = list(shape)
            turned[a], turned[c] = turned[c], turned[a]
            return f"self.{self._new_state(tuple(turned), kind)}.transpose({a}, {c})"
        if form == "expanded" and shape:
            axis = draw.randrange(len(shape))
            one_wide = tuple(1 if n == axis else size for n, size in enumerate(shape))
            return f"self.{self._new_state(one_wide, kind)}.expand({shape})"
        name = f"self.{self._new_state(shape, kind)}"
        if form == "computed":
            return draw.choice(["{}.exp()", "({} * 2 + 1)", "torch.tanh({})", "{}.abs()", "(-{})"]).format(
                name
            )
        return name

    def _new_state(self, shape: Shape, kind: str) -> str:
        return self._add_state(f"torch.randn({shape})", kind)

    def _add_state(self, text: str, kind: str) -> str:
        name = f"t{self.tensors}"
        self.tensors += 1
        self.state.append(State(name, text, kind))
        return name

    def fixed(self, text: str) -> str:
        """A buffer of any type: places, masks."""
        return f"self.{self._add_state(text, 'buffer')}"

    def shaped(self, shape: Sequence[int]) -> str:
        """A value with a shape: one that has it, or another one's elements."""
        shape = tuple(shape)
        name = self.value()
        own = self.values[name]
        if own == shape:
            return name
        if math.prod(own) == math.prod(shape):
            return f"{name}.reshape({shape})"
        count, have = math.prod(shape), math.prod(own)
        if not have:
            return f"x.sum().expand({shape})"
        flat = f"{name}.reshape(-1)"
        if have < count:
            flat = f"{flat}.repeat({-(-count // have)})"
        return f"{flat}[:{count}].reshape({shape})"

    def operand(self, shape: Sequence[int], wide: bool = True) -> str:
        """A tensor that goes with another one of a shape: of this one or one that is spread over it."""
        draw = self.draw
        shape = tuple(shape)
        if wide and shape and draw.random() < 0.3:
            shape = tuple(1 if draw.random() < 0.4 else size for size in shape)
            shape = shape[draw.randint(0, len(shape)) :] if draw.random() < 0.4 else shape
        return self.known(shape) if draw.random() < 0.55 else self.shaped(shape)

    def size(self, rank: int, most: int = 4) -> Shape:
        """A shape; axes of one entry are not rare."""
        return tuple(self.draw.choice([1, 2, 3, most]) for _ in range(rank))

    # -- text -----------------------------------------------------------------------------------------------

    def source(self, *, several: bool = False) -> str:
        """The whole model; it gives the last value, or, with what was not used since, several in one row or tuple."""
        last = list(self.values)[-1]
        rest = [name for name in list(self.values)[:-1] if name != "x" and self.draw.random() < 0.3]
        if not rest:
            result = last
        elif several:
            result = ", ".join([last, *rest])
        else:
            result = f"torch.cat([{', '.join(f'{name}.reshape(-1)' for name in [last, *rest])}])"
        return self.text(result)

    def text(self, result: str) -> str:
        """The whole model, which gives an expression."""
        forward = [*self.lines, f"return {result}"]
        used = set(re.findall(r"self\.(t\d+)", "\n".join(forward)))
        init = ["super().__init__()", *(one.line for one in self.state if one.name in used)]
        return (
            "import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn\n\n\n"
            "class Model(nn.Module):\n    def __init__(self):\n"
            + textwrap.indent("\n".join(init), " " * 8)
            + "\n\n    def forward(self, x):\n"
            + textwrap.indent("\n".join(forward), " " * 8)
            + "\n"
        )


Step = Callable[[Program], list[str] | None]
"""Draws statements; None where it has none for this program."""


@dataclass(frozen=True)
class Sample:
    """A random model.

    Attributes:
        seed: Its number.
        dialect: Name of the dialect it is captured in.
        shape: Shape of the input.
        text: The model's file.
        used: Names of operators and idioms in it.
    """

    seed: int
    dialect: str
    shape: Shape
    text: str
    used: tuple[str, ...]
    program: Program | None = None


def random_model(seed: int, steps: Sequence[tuple[str, Step, float]]) -> Sample:
    """A random model.

    Args:
        seed: Its number.
        steps: Names of all that there is to draw, how it is drawn, and how often.
    """
    draw = random.Random(seed)
    dialect = ("classic", "generalized")[seed % 2]
    rank = draw.choices([0, 1, 2, 3, 4, 5], [1, 3, 5, 5, 4, 1])[0]
    shape = tuple(draw.choices([1, 2, 3, 4, 5, 6], [2, 3, 4, 4, 1, 2])[0] for _ in range(rank))
    while math.prod(shape) > 200:
        shape = shape[1:]
    program = Program(draw, shape)
    wanted, tries = draw.randint(2, 8), 0
    weights = [weight for _, _, weight in steps]
    while len(program.used) < wanted and tries < 200:
        tries += 1
        name, step, _ = draw.choices(steps, weights)[0]
        before = list(program.state)
        lines = step(program)
        if lines is None or not program.add(name, *lines):
            program.state = before
    return Sample(
        seed, dialect, shape, program.source(several=dialect == "generalized"), tuple(program.used), program
    )


if __name__ == "__main__":
    from tests.core.capture.random_run import main

    main()
