"""The inputs on which artifact and module are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from torchlean_core.capture.assemble import Finished
from torchlean_core.capture.target import Shape

SMALL = 100_000
"""Elements computed up to which a model is compared on every kind of input; it has a pass in a millisecond or so."""

_NODE = 200
"""What a node costs beside its elements."""


@dataclass(frozen=True, slots=True)
class Probe:
    """An input of one kind.

    Attributes:
        kind: What it is, for a message (`large (100000 times normal ones)`).
        x: The input, float32.
        may_overflow: Whether it is so large that exponentials of it have no value in any type.
        may_underflow: Whether it is so small that squares of it have few digits.
        parts: Of a mixture, the inputs of which it was mixed.
    """

    kind: str
    x: torch.Tensor
    may_overflow: bool = False
    may_underflow: bool = False
    parts: tuple[Probe, ...] = ()


def is_small(artifact: Finished) -> bool:
    """Whether a forward pass costs next to nothing, so that there may be many."""
    shapes = [tuple(node.shape or ()) for node in artifact.graph.nodes]
    elements = sum(torch.Size(shape).numel() for shape in shapes)
    return elements + sum(t.numel() for t in artifact.tensors.values()) + _NODE * len(shapes) <= SMALL


def random_inputs(shape: Shape, dtype: torch.dtype, *, small: bool) -> Iterator[torch.Tensor]:
    """Random inputs of ordinary size: normal ones at three scales, and positive ones; of a large model the first."""
    generator = torch.Generator().manual_seed(1)
    for scale in (1.0, 0.1, 4.0) if small else (1.0,):
        yield torch.randn(shape, generator=generator, dtype=dtype) * scale
    if small:
        yield torch.rand(shape, generator=generator, dtype=dtype)


def special_inputs(shape: Shape, *, small: bool) -> list[Probe]:
    """Inputs at the ends of the range, float32; of a large model one in which most kinds are mixed, and large ones."""
    generator = torch.Generator().manual_seed(2)

    def normal() -> torch.Tensor:
        return torch.randn(shape, generator=generator)

    kinds: dict[str, Callable[[], torch.Tensor]] = {
        "zeros": lambda: torch.zeros(shape),
        "whole numbers": lambda: (normal() * 3).round(),
        "tiny (1e-20 times normal ones)": lambda: normal() * 1e-20,
        "small (1e-6 times normal ones)": lambda: normal() * 1e-6,
        "offset (1000 plus normal ones)": lambda: normal() + 1e3,
        "negative": lambda: -torch.rand(shape, generator=generator) * 10,
    }
    parts = [
        Probe(kind, make(), kind.startswith("offset"), kind.startswith("tiny"))
        for kind, make in kinds.items()
    ]
    large = Probe("large (100000 times normal ones)", normal() * 1e5, True)
    if small:
        return [*parts, large]
    place = torch.randint(len(parts), shape, generator=generator)
    mixed = torch.stack([part.x for part in parts]).gather(0, place[None])[0]
    what = "a mixture of zeros, whole, tiny, offset and negative numbers"
    return [Probe(what, mixed, may_overflow=True, parts=tuple(parts)), large]


def nudged(x: torch.Tensor, seed: int) -> torch.Tensor:
    """The same input in float64, every element moved by about half a unit of its last place in float32."""
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(2, x.shape, generator=generator, dtype=torch.float64) * 2 - 1
    return x.double() * (1 + signs * 2.0**-24)
