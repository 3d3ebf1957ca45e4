"""Captures random models, and compares each with its artifact by itself, not as capture does."""

from __future__ import annotations

import copy
import itertools
import json
import math
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from tests.core.capture.random_models import Sample
from tests.core.capture.support import loaded
from torchlean_core.artifact import parse_graph
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.capture.write import write_captured
from torchlean_core.emit import EmitOptions, emit_source
from torchlean_core.errors import UserError
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.options.capture import Options
from torchlean_core.params.resolve import resolve

Results = tuple[torch.Tensor, ...]

_EPS = torch.finfo(torch.float32).eps
_LARGEST = torch.finfo(torch.float32).max
_BLAMES = re.compile(r"\bbug\b|internal|Traceback|AssertionError|a report with the model")


@dataclass
class Outcome:
    """What became of a model.

    Attributes:
        sample: The model.
        kind: `captured`, `refused` or `bug`.
        reason: Of a refusal, or the exception.
        findings: What is not as it should be.
        notes: Codes and texts of the capture's notes.
    """

    sample: Sample
    kind: str
    reason: str = ""
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def json(self) -> str:
        """One line."""
        return json.dumps(
            {
                "seed": self.sample.seed,
                "dialect": self.sample.dialect,
                "kind": self.kind,
                "reason": self.reason,
                "findings": self.findings,
                "notes": self.notes,
                "used": self.sample.used,
                "text": self.sample.text,
            }
        )


_COUNT = itertools.count()


def outcome(sample: Sample, folder: Path) -> Outcome:
    """Capture a model and compare it.

    Args:
        sample: The model.
        folder: Where its files may be written.
    """
    file = folder / f"model_{next(_COUNT)}.py"
    file.write_text(sample.text, encoding="utf-8")
    scope: dict[str, Any] = {"__name__": "random_model"}
    torch.manual_seed(0)
    exec(compile(sample.text, str(file), "exec"), scope)
    module: torch.nn.Module = scope["Model"]().eval()
    try:
        result = capture(
            loaded(copy.deepcopy(module), file),
            sample.shape,
            folder / "m.ir.json",
            Options(dialect=sample.dialect),
        )
        parse_graph(result.text)
    except UserError as error:
        found = Outcome(sample, "refused", str(error).replace(str(file), "model.py"))
        of_values = "control flow depends on the values" in str(error)
        if _BLAMES.search(str(error)) or ("TL603" in str(error) and not of_values):
            found.findings.append("refused as if it were a fault")
        return found
    except Exception as error:
        return Outcome(sample, "bug", f"{type(error).__name__}: {error}", [traceback.format_exc()[-1500:]])
    found = Outcome(sample, "captured", notes=[f"{note.code} {note.message}" for note in result.notes])
    found.findings += [note for note in found.notes if "another gradient" in note]
    try:
        found.findings += compared(sample, module, result, folder)
    except Exception as error:
        return Outcome(
            sample, "bug", f"comparing: {type(error).__name__}: {error}", [traceback.format_exc()[-1500:]]
        )
    return found


def probes(shape: Sequence[int]) -> Iterator[tuple[str, torch.Tensor]]:
    """Inputs, float32."""
    generator = torch.Generator().manual_seed(77)

    def normal() -> torch.Tensor:
        return torch.randn(tuple(shape), generator=generator)

    yield "random", normal()
    yield "random again", normal() * 2 + 0.3
    yield "zeros", torch.zeros(tuple(shape))
    yield "negative zeros", -torch.zeros(tuple(shape))
    yield "ones", torch.ones(tuple(shape))
    yield "minus ones", -torch.ones(tuple(shape))
    yield "equal", torch.full(tuple(shape), 0.37)
    yield "tiny", normal() * 1e-20
    yield "small", normal() * 1e-5
    yield "hundreds", normal() * 100
    yield "large", normal() * 1e18
    yield "positive", torch.rand(tuple(shape), generator=generator) * 3
    yield "halves", (normal() * 2).round() / 2
    mixed = normal()
    yield "mixed sizes", mixed.sign() * 10 ** (mixed * 4).clamp(-8, 8)


def _results(of: Any) -> Results:
    if isinstance(of, torch.Tensor):
        return (of,)
    return tuple(of)


def compared(sample: Sample, module: torch.nn.Module, result: Captured, folder: Path) -> list[str]:
    """How the artifact is not the model."""
    found: list[str] = []
    path = folder / "m.ir.json"
    write_captured(result, path, "model.py:Model")
    graph = parse_graph(path.read_text(encoding="utf-8"))
    program = lower(graph)
    narrow = Interpreter(program, result.tensors, torch.float32)
    wide = Interpreter(program, result.tensors, torch.float64)
    try:
        precise = copy.deepcopy(module).double()
        in_float64 = all(
            one.dtype == torch.float64 for one in _results(precise(torch.zeros(sample.shape).double()))
        )
    except (RuntimeError, TypeError):
        in_float64 = False
    emitted = _emitted(graph, path)
    for kind, x in probes(sample.shape):
        with torch.no_grad():
            try:
                model = _results(copy.deepcopy(module)(x.clone()))
                reference = _results(copy.deepcopy(precise)(x.double())) if in_float64 else None
            except (RuntimeError, ValueError):
                continue
        ours = narrow.run_all(x)
        exact = wide.run_all(x.double())
        with torch.no_grad():
            code = _results(emitted(x.clone()))
        for place, (a, c) in enumerate(zip(ours, code, strict=True)):
            if not torch.allclose(a, c, rtol=1e-4, atol=1e-5 * _size(a), equal_nan=True) and kind in (
                "random",
                "zeros",
                "ones",
                "halves",
            ):
                found.append(f"emitted {kind} {place}: {_worst(a, c)}")
        for place, (a, m, e) in enumerate(zip(ours, model, exact, strict=True)):
            r = m.double() if reference is None else reference[place]
            found += _loss(
                f"{kind} {place}",
                a,
                m,
                e,
                r,
                in_float64,
                partial(_conditioning, precise, x, place) if in_float64 else float,
                kind,
            )
    if in_float64 and not any(note.code == "TL407" for note in result.notes):
        found += _gradients(sample, precise, program, result)
    return found


def _emitted(graph: Any, path: Path) -> Any:
    scope: dict[str, Any] = {"__name__": "generated", "__file__": str(path.with_name("m.py"))}
    text = emit_source(
        graph,
        resolve(graph, path).store,
        EmitOptions(literal_limit=100_000),
        params_name="m.params.safetensors",
    )
    exec(compile(text, str(path.with_name("m.py")), "exec"), scope)
    return scope["ExportedIRModel"]()


def _size(x: torch.Tensor) -> float:
    finite = x[torch.isfinite(x)].abs()
    return float(finite.max()) if finite.numel() else 0.0


def _worst(a: torch.Tensor, c: torch.Tensor) -> str:
    difference = (a.double() - c.double()).abs().reshape(-1)
    if not difference.numel():
        return "none"
    place = int(difference.nan_to_num(nan=math.inf).argmax())
    return f"{float(a.reshape(-1)[place]):.9g} for {float(c.reshape(-1)[place]):.9g}"


def _loss(
    where: str,
    ours: torch.Tensor,
    model: torch.Tensor,
    exact: torch.Tensor,
    reference: torch.Tensor,
    in_float64: bool,
    conditioning: Callable[[], float],
    kind: str,
) -> list[str]:
    if ours.shape != model.shape:
        return [f"{where}: shape {tuple(ours.shape)} for {tuple(model.shape)}"]
    counts = torch.isfinite(model) & torch.isfinite(reference) & (reference.abs() < _LARGEST)
    if not bool(counts.any()):
        return []
    a, m, r = ours.double()[counts], model.double()[counts], reference.double()[counts]
    if not bool(torch.isfinite(a).all()):
        if not bool(counts.all()):
            return []  # beside what is not finite in the model, either
        bad = ~torch.isfinite(a)
        worse = "" if bool(torch.isfinite(exact[counts]).all()) else ", in float64, too"
        return [f"{where}: {float(a[bad][0])} for {float(m[bad][0]):.6g}{worse}"]
    size = float(r.abs().max())
    own = float((m - r).abs().max())
    relative = 2.0**-13 if kind == "tiny" else 8 * _EPS if in_float64 else 16 * _EPS
    error = float((a - r).abs().max())
    if error > 64 * max(own, relative * size / 8, 2.0**-120) and error > 64 * conditioning():
        tag = "float32 only" if float((exact[counts] - r).abs().max()) < 1e-4 * size else "wrong"
        return [f"{where}: {tag}: off by {error:.3g} of {size:.3g} (model {own:.3g}): {_worst(a, r)}"]
    if in_float64:
        # Small elements beside large ones, in float64.
        e = exact[counts]
        apart = (e - r).abs() > 1e-3 * r.abs() + 1e-6 * size + 1e-12
        if bool(apart.any()) and float((e - r).abs().max()) > 64 * conditioning():
            return [f"{where}: float64: {_worst(e[apart], r[apart])}"]
    return []


def _conditioning(precise: torch.nn.Module, x: torch.Tensor, place: int) -> float:
    worst = 0.0
    with torch.no_grad():
        base = _results(copy.deepcopy(precise)(x.double()))[place]
        for seed in range(4):
            signs = torch.randint(2, x.shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1
            other = copy.deepcopy(precise)
            for tensor in itertools.chain(other.parameters(), other.buffers()):
                if tensor.is_floating_point():
                    moved = (
                        torch.randint(2, tensor.shape, generator=torch.Generator().manual_seed(seed + 9)) * 2
                        - 1
                    )
                    tensor.data = tensor.data * (1 + moved * 2.0**-24)
            result = _results(other(x.double() * (1 + signs * 2.0**-24)))[place]
            worst = max(worst, _size(result - base))
    return worst


# -- gradients --------------------------------------------------------------------------------------------------


def _gradients(sample: Sample, precise: torch.nn.Module, program: Any, result: Captured) -> list[str]:
    tensors = {name: tensor.double() for name, tensor in result.tensors.items()}
    interpreter = Interpreter(program, tensors, torch.float64)
    found: list[str] = []
    generator = torch.Generator().manual_seed(5)
    inputs = [
        torch.randn(sample.shape, generator=generator, dtype=torch.float64) * scale + shift
        for scale, shift in ((1.0, 0.0), (0.3, 1.5), (0.5, -1.0))
    ]
    for number, x in enumerate(inputs):
        try:
            expected = _model_gradients(copy.deepcopy(precise), x)
        except (RuntimeError, ValueError) as error:
            return [*found, f"gradients of the model: {error}"]
        ours = _artifact_gradients(interpreter, program, x)
        scale = max(map(_size, expected.values()), default=0.0)
        for name in dict.fromkeys([*expected, *ours]):
            e, a = expected.get(name), ours.get(name)
            if e is None and a is None:
                continue
            e = torch.zeros_like(a) if e is None else e
            a = torch.zeros_like(e) if a is None else a
            counts = torch.isfinite(e)
            if not bool(counts.any()) or _size(e) > 1e4:
                continue
            if not bool(torch.isfinite(a[counts]).all()):
                found.append(f"gradient {number} of {name or 'x'}: not finite")
            elif float((a - e)[counts].abs().max()) > 1e-5 * _size(e) + 1e-9 * scale + 1e-12:
                found.append(f"gradient {number} of {name or 'x'}: {_worst(a[counts], e[counts])}")
    return found


def _weighted(outputs: Results) -> torch.Tensor | None:
    terms = []
    for place, one in enumerate(outputs):
        weights = torch.randn(
            one.shape, generator=torch.Generator().manual_seed(31 + place), dtype=torch.float64
        )
        if one.requires_grad:
            terms.append((one * weights)[torch.isfinite(one)].sum())
    return sum(terms[1:], terms[0]) if terms else None


def _model_gradients(module: torch.nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    leaf = x.clone().requires_grad_()
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    loss = _weighted(_results(module(leaf.clone())))
    if loss is None:
        return {}
    leaves = {"": leaf, **parameters}
    values = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return {name: value for name, value in zip(leaves, values, strict=True) if value is not None}


def _artifact_gradients(interpreter: Interpreter, program: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    leaf = x.clone().requires_grad_()
    own = {
        p.name: interpreter.params[p.name].detach().requires_grad_()
        for p in program.parameters()
        if p.trainable and p.model is not None
    }
    names = {p.model: own[p.name] for p in program.parameters() if p.name in own}
    loss = _weighted(interpreter.results({**interpreter.params, **own}, leaf))
    if loss is None:
        return {}
    leaves = {"": leaf, **names}
    values = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
    return {name: value for name, value in zip(leaves, values, strict=True) if value is not None}


def show(outcomes: Sequence[Outcome]) -> None:
    """A table of outcomes, and what was found."""
    write = sys.stdout.write
    for kind in ("captured", "refused", "bug"):
        write(f"{kind}: {sum(one.kind == kind for one in outcomes)}\n")
    for one in outcomes:
        if one.kind == "bug" or one.findings:
            write(
                f"\n# seed {one.sample.seed}, {one.sample.dialect}, {one.sample.shape}: {one.kind} {one.reason}\n"
            )
            write("\n".join(one.findings[:6]) + "\n" + one.sample.text + "\n")
