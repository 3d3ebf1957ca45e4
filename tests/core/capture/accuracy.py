"""The digits that each composition keeps in float32; run as a program, writes docs/accuracy.md."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

from tests.core.capture.support import Lambda, captured
from tests.core.erf.support import FUNCTIONS as COMPOSED
from tests.core.erf.support import octave, true, ulps
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter

Function = Callable[[torch.Tensor], torch.Tensor]

PAGE = Path(__file__).parents[3] / "docs" / "accuracy.md"
COUNT = 2048
_SMALLEST = torch.finfo(torch.float32).tiny
_LARGEST = torch.finfo(torch.float32).max

FUNCTIONS: dict[str, Function] = {
    "softplus": F.softplus,
    "softplus, beta 3": lambda x: F.softplus(x, 3.0, 30.0),
    "logsigmoid": F.logsigmoid,
    "mish": F.mish,
    "silu": F.silu,
    "elu": F.elu,
    "celu, alpha 1.3": lambda x: F.celu(x, 1.3),
    "selu": F.selu,
    "leaky_relu": F.leaky_relu,
    "hardswish": F.hardswish,
    "hardsigmoid": F.hardsigmoid,
    "softsign": F.softsign,
    "softshrink": F.softshrink,
    "tanhshrink": F.tanhshrink,
    "gelu, tanh form": lambda x: F.gelu(x, approximate="tanh"),
    "expm1": torch.expm1,
    "exp2": torch.exp2,
    "log1p": torch.log1p,
    "log2": torch.log2,
    "log10": torch.log10,
    "sinh": torch.sinh,
    "cosh": torch.cosh,
    "atanh": torch.atanh,
    "logit": torch.logit,
    "rsqrt": torch.rsqrt,
    "pow 3": lambda x: x**3,
    "pow 1.5": lambda x: x**1.5,
    "pow -2": lambda x: x**-2,
    "1 / x": lambda x: 1 / x,
    "hypot(x, 1)": lambda x: torch.hypot(x, torch.ones_like(x)),
    "logaddexp(x, 0)": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "norm of pairs": lambda x: x.view(-1, 2).norm(dim=1),
    "normalize pairs": lambda x: F.normalize(x.view(-1, 2), dim=1),
    "std of pairs": lambda x: x.view(-1, 2).std(1),
    "var of pairs": lambda x: x.view(-1, 2).var(1),
    "logsumexp of pairs": lambda x: x.view(-1, 2).logsumexp(1),
    "log_softmax of pairs": lambda x: x.view(-1, 2).log_softmax(1),
    "softmax of pairs": lambda x: x.view(-1, 2).softmax(1),
    "cosine similarity to (1, 2)": lambda x: F.cosine_similarity(
        x.view(-1, 2), torch.tensor([[1.0, 2.0]]).to(x)
    ),
}


def inputs(low: float, high: float) -> torch.Tensor:
    """Both signs of numbers from 10**low to 10**high; neighbours are near each other."""
    positive = torch.logspace(low, high, COUNT // 2, dtype=torch.float64)
    return torch.cat([positive, -positive]).float()


RANGES = ((-30.0, 30.0), (-6.0, 2.0))


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Largest relative errors of an element against PyTorch in float64.

    Attributes:
        here: Of the composition.
        torch: Of PyTorch's own float32.
    """

    here: float
    torch: float


def measure(function: Function) -> list[Accuracy]:
    """The accuracy on each range; elements count whose value float32 holds with full precision."""
    result = captured(Lambda(lambda m, x: function(x)), (COUNT,), verify=False)
    interpreter = Interpreter(lower(result.graph), result.tensors)
    found = []
    for low, high in RANGES:
        x = inputs(low, high)
        exact = function(x.double())
        counts = torch.isfinite(exact) & (exact.abs() >= _SMALLEST) & (exact.abs() <= _LARGEST)
        assert bool(counts.any())
        found.append(Accuracy(_error(interpreter.run(x), exact, counts), _error(function(x), exact, counts)))
    return found


def _error(found: torch.Tensor, exact: torch.Tensor, counts: torch.Tensor) -> float:
    ratio = ((found.double() - exact).abs() / exact.abs())[counts]
    return float(ratio.nan_to_num(nan=math.inf, posinf=math.inf).max())


def page() -> str:
    """The page, measured."""
    rows = [
        f"| {name} | " + " | ".join(f"{one.here:.0e} | {one.torch:.0e}" for one in measure(function)) + " |"
        for name, function in FUNCTIONS.items()
    ]
    return "\n".join([_HEAD, *rows, "", _TAIL, _OCTAVES, *octaves(), "", _AFTER_OCTAVES])


def octaves() -> list[str]:
    """Rows for octaves of both signs: largest errors in units of the last place, here and torch's own."""
    rows = []
    for exponent in range(-8, 4):
        for sign, place in (("", 0), ("-", 1)):
            x = octave(exponent, 1000).chunk(2)[place]
            cells = []
            for function in COMPOSED.values():
                truths = true(function.value, x), true(function.slope, x)
                cells += [
                    f"{_places(max(ulps(one, truth)))} / {_places(max(ulps(own, truth)))}"
                    for one, own, truth in zip(function.here(x), function.there(x), truths, strict=True)
                ]
            rows.append(f"| {sign}2^{exponent} | " + " | ".join(cells) + " |")
    return rows


def _places(error: float) -> str:
    return f"{error:.1f}" if error < 1000 else "lost"


_HEAD = """\
# Digits

What capture writes in place of an operator is exact as a real function; this page says how many digits it keeps in
float32, in which artifacts and generated code compute. The numbers are the largest relative errors of a single element,
for inputs of both signs, against PyTorch in float64; beside them PyTorch's own in float32. 6e-08 is half a unit of the
last place; 1 is no digit at all, inf an overflow. `python -m tests.core.capture.accuracy` measures again and writes it.

| function | here, 1e-30 to 1e30 | PyTorch | here, 1e-6 to 100 | PyTorch |
|---|--:|--:|--:|--:|"""
_TAIL = """\
Squares over- and underflow beyond 1e19 and 1e-19: norms, `normalize` and `cosine_similarity` as in PyTorch, `std` where
PyTorch's own, which computes in float64, does not. `exp2` and powers of a constant base lose what rounding the exponent
times a logarithm costs. Quotients are products with a reciprocal, which overflows for divisors below 3e-39.

Some forms are the textbook's plus a part that is 0 as a real function: log(1 + x) plus x - ((1 + x) - 1), what 1 + x
does not hold of x; exp(x) - 1 plus its difference to tanh(x / 2) (exp(x) + 1), in which nothing cancels. Those parts
are behind `detach` and between bounds of 2^-22, so that derivatives and bounds are the textbook form's.
"""

_OCTAVES = """\
## GELU and the error function

The forms of `gelu=erf`, `erf=composed`, `erfc=composed` and `ndtr=composed` against forty digits: the largest errors of
values and gradients in units of the last place of float32, for numbers from that one to its double; behind the stroke
PyTorch's own. Lost: less than fourteen bits are right. In float64 values and gradients are within 1e-12 wherever they
are normal numbers (the gradient of GELU within 1e-12 of 1 around its zero).

| from | gelu | gradient | erf | gradient | erfc | gradient | ndtr | gradient |
|---|--:|--:|--:|--:|--:|--:|--:|--:|"""
_AFTER_OCTAVES = """\
The gradient of GELU is 0 near -0.75, where neither has digits.
"""

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
