"""The work of `torchlean init`, for the command line and the server alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from torchlean_core.artifact import artifact_hash, load_graph, params_path
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import keep_aside, refuse_overwriting
from torchlean_core.graph import Parameter, Program, lower
from torchlean_core.init.arguments import is_number, is_seed
from torchlean_core.init.materialize import materialize
from torchlean_core.init.plan import default_plan, planned_parameters, read_plan
from torchlean_core.init.request import parse_request
from torchlean_core.init.schemes import SCHEMES, Scheme
from torchlean_core.interp import resolve_device
from torchlean_core.params import ParameterStore
from torchlean_core.params.content import Content, Origin
from torchlean_core.params.files import Format, read_tensors, require_store_name
from torchlean_core.params.inline_file import write_inline
from torchlean_core.params.model_names import ModelState
from torchlean_core.params.resolve import is_inline, resolve
from torchlean_core.params.take import take
from torchlean_core.params.tensors import save_tensors
from torchlean_core.safekeeping.find import lost_by_initializing, lost_by_writing_params
from torchlean_core.safekeeping.loss import WouldReplace

Report = Callable[[dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class InitRequest:
    """What to initialize, and how. `scheme`, `plan` and `source` exclude each other.

    Attributes:
        artifact: Path of the artifact.
        out: Path of the parameter file; beside the artifact where None.
        seed: First seed of the default plan.
        scheme: Scheme in place of xavier and kaiming.
        lo: Lower bound for `uniform`.
        hi: Upper bound for `uniform`.
        mean: Mean for `normal`.
        std: Standard deviation for `normal`.
        plan: Path of a plan file.
        source: Path of a PyTorch checkpoint, JSON weights or a parameter file (`--from`).
        device: auto, cpu, cuda or cuda:n.
        force: Whether an existing parameter file may be replaced; one with somebody's work is kept as `.orig`.
    """

    artifact: str
    out: str | None = None
    seed: int | None = None
    scheme: str | None = None
    lo: float | None = None
    hi: float | None = None
    mean: float | None = None
    std: float | None = None
    plan: str | None = None
    source: str | None = None
    device: str = "auto"
    force: bool = False

    def override(self) -> Scheme | None:
        """The scheme asked for, if any.

        Raises:
            UsageError: An argument has no meaning here, or a value that it cannot have.
        """
        given = {name: getattr(self, name) for name in ("lo", "hi", "mean", "std")}
        given = {name: value for name, value in given.items() if value is not None}
        if self.scheme is not None and self.scheme not in _OVERRIDES:
            raise UsageError(f"unknown scheme {self.scheme!r}; there are {', '.join(_OVERRIDES)}")
        for name, value in given.items():
            if self.scheme is None or name not in SCHEMES[self.scheme]:
                needed = "uniform" if name in SCHEMES["uniform"] else "normal"
                raise UsageError(f"--{name} needs --scheme {needed}")
            if not is_number(value):
                raise UsageError(f"--{name} must be a finite number that float32 holds, found {value}")
        if given.get("std", 0) < 0:
            raise UsageError(f"--std must be >= 0, found {given['std']}")
        if given.get("lo", 0) > given.get("hi", 1):
            raise UsageError(f"--lo {given.get('lo', 0)} is greater than --hi {given.get('hi', 1)}")
        if self.scheme is None:
            return None
        floats = {name: float(value) for name, value in given.items()}
        return Scheme(
            self.scheme,
            lo=floats.get("lo", 0.0),
            hi=floats.get("hi", 1.0),
            mean=floats.get("mean", 0.0),
            std=floats.get("std", 1.0),
        )


_OVERRIDES = tuple(name for name in SCHEMES if name != "flat")


def run(request: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """Initialize the parameters of an artifact and write them.

    Args:
        request: The fields of `InitRequest` by name; `from` stands for `source`.
        report: Gets `{"kind": "warning", "message": …}` and `{"kind": "progress", …}`.

    Returns:
        `output` (path), `parameters` (tensors), `scalars`, `source`, `sha256`, `kept` (path of what was replaced,
        or null), `message`.

    Raises:
        UserError: The artifact, plan or checkpoint is at fault.
        WouldReplace: Somebody's work would be replaced.
        UsageError: The request is, or a file cannot be read or written.
    """
    options = _parse(request)
    override = options.override()
    artifact = Path(options.artifact)
    graph = load_graph(artifact)
    out = Path(options.out) if options.out is not None else params_path(artifact)
    if options.out is None and is_inline(lower(graph)):
        found = resolve(graph, artifact)
        program, existing = found.program, found.store
        out = artifact
        refuse_overwriting(out, _path(options.plan), _path(options.source))
        _refuse_replacing_inline(artifact, options.force)
    else:
        refuse_overwriting(out, artifact, _path(options.plan), _path(options.source))
        require_store_name(out)
        _refuse_replacing(out, options.force)
        existing = _existing(out, artifact, lower(graph))
        program = lower(graph, () if existing is None else existing.names)
    kept = _kept(existing, program)
    _warn_about_values(program, kept, options, report)
    report({"kind": "progress", "percentage": 0, "message": f"initializing {out.name}"})
    carried = {} if existing is None else existing.carried(ModelState.of(program).further)
    tensors, source = _tensors(program, options, override, kept, existing, carried)
    # What a plan draws can be drawn again; what was read from somebody's file may be nowhere else.
    origin = None if options.source is not None else Origin.INIT
    replaced = keep_aside(out) if out is artifact or lost_by_writing_params(out) else None
    if out is artifact:
        digest = write_inline(artifact, program, tensors, source, origin, carried)
    else:
        digest = save_tensors(out, tensors, program, source, origin, carried)
    scalars = sum(tensor.numel() for tensor in tensors.values())
    if options.source is not None or options.plan is not None or override is not None:
        # What the default plan draws is finite; what somebody chose may have gone beyond float32.
        written = None if out is artifact else ParameterStore.load(out)
        for issue in written.validate(program) if written is not None else ():
            report({"kind": "warning", "message": f"{out}: {issue.code} {issue.message}"})
    report({"kind": "progress", "percentage": 100, "message": f"wrote {out.name}"})
    return {
        "output": str(out),
        "parameters": len(tensors),
        "scalars": scalars,
        "source": source,
        "sha256": digest,
        "kept": None if replaced is None else str(replaced),
        "message": f"wrote {out}: {len(tensors)} tensors, {scalars} scalars ({source}){_kept_words(replaced)}",
    }


def _kept_words(replaced: Path | None) -> str:
    return "" if replaced is None else f"; what was there is kept as {replaced.name}"


def _path(value: str | None) -> Path | None:
    return None if value is None else Path(value)


def _parse(request: Mapping[str, Any]) -> InitRequest:
    given = {("source" if name == "from" else name): value for name, value in request.items()}
    options = parse_request(InitRequest, "init", given)
    if options.seed is not None and not is_seed(options.seed):
        raise UsageError(f"--seed must be an unsigned 64-bit integer, found {options.seed}")
    ways = [("--plan", options.plan), ("--from", options.source), ("--scheme", options.scheme)]
    named = [name for name, value in ways if value is not None]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} exclude each other")
    if options.seed is not None and named and named[0] != "--scheme":
        raise UsageError(f"--seed has no meaning with {named[0]}")
    return options


def _refuse_replacing(out: Path, force: bool) -> None:
    if out.exists() and not force:
        if losses := lost_by_writing_params(out):
            raise WouldReplace(
                losses, f"{out} exists; --force replaces it and keeps what is lost: {losses[0].what}"
            )
        raise UsageError(f"{out} exists; --force replaces it")


def _refuse_replacing_inline(artifact: Path, force: bool) -> None:
    """Refuse to replace parameters that stand in an artifact, unless told to."""
    if not force:
        losses = lost_by_initializing(artifact)
        raise WouldReplace(
            losses,
            f"{artifact}: holds its parameters itself; --force replaces them and keeps the file as it was",
        )


def _kept(store: ParameterStore | None, program: Program) -> dict[str, torch.Tensor]:
    """Values that are kept: those marked not trainable."""
    fixed = {parameter.name for parameter in _fixed(program)}
    if not fixed or store is None:
        return {}
    for issue in store.validate(program, values=False):
        if issue.name in fixed and issue.code == "TL502":
            raise UserError(f"{store.path}: {issue.message}; it is marked not trainable, so it must be kept")
    return {name: torch.from_numpy(store.numpy(name).copy()) for name in fixed if name in store.tensors}


def _existing(out: Path, artifact: Path, program: Program) -> ParameterStore | None:
    """Parameters as they were, made for the artifact if any are: those that are replaced, or those beside it.

    Raises:
        UserError: A file is damaged, and values in it must be kept.
    """
    stores = []
    for path in dict.fromkeys((out, params_path(artifact))):
        if path.exists():
            try:
                stores.append(ParameterStore.load(path))
            except UserError:
                if _fixed(program):
                    raise
                # Nothing in it can be used, and replacing it is the remedy for that.
    made_for = artifact_hash(program.graph)
    own = [store for store in stores if store.metadata.get("artifact") == made_for]
    return next(iter([*own, *stores]), None)


def _fixed(program: Program) -> list[Parameter]:
    return [p for p in planned_parameters(program) if p.is_kept]


def _warn_about_values(
    program: Program, kept: Mapping[str, torch.Tensor], options: InitRequest, report: Report
) -> None:
    """Say which parameters that are marked not trainable get a plan's values because their own are unknown."""
    if options.plan is not None or options.source is not None:
        return
    names = [parameter.name for parameter in _fixed(program) if parameter.name not in kept]
    if names:
        shown = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
        message = f"marked not trainable, but no file has their values; set to zero: {shown}"
        report({"kind": "warning", "message": message})


def _tensors(
    program: Program,
    options: InitRequest,
    override: Scheme | None,
    kept: Mapping[str, torch.Tensor],
    existing: ParameterStore | None,
    carried: dict[str, Content],
) -> tuple[dict[str, torch.Tensor], str]:
    """The values, and the words for where they come from; adds what else comes from there to `carried`."""
    device = resolve_device(options.device)
    if options.source is not None:
        path = Path(options.source)
        given = read_tensors(path)
        taken = take(path, given, program, existing, kept)
        with np.errstate(over="ignore"):  # infinities are told as TL504
            values = {name: torch.from_numpy(array.astype("float32")) for name, array in taken.arrays.items()}
        carried.update(taken.carried)
        if taken.of_model:
            kept = {}  # the model's own values, also of what it does not train
        words = "checkpoint" if given.format is Format.CHECKPOINT else given.format.value
        return materialize(program, {}, device, {**values, **kept}), f"{words} {path.name}"
    if options.plan is not None:
        path = Path(options.plan)
        return materialize(program, read_plan(path, program), device, kept), f"plan {path.name}"
    seed = options.seed or 0
    plan = default_plan(program, seed, override)
    if override is None:
        return materialize(program, plan, device, kept), f"default plan, seed {seed}"
    words = override.describe().replace(" seed=0", "")
    return materialize(program, plan, device, kept), f"{words}, seed {seed}"
