"""Whether a parameter file fits an artifact: missing, extra and malformed tensors, versions, values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from torchlean_core.artifact import artifact_hash
from torchlean_core.errors import UserError
from torchlean_core.graph import Parameter, Program
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.params.format import FLOAT_TYPES, WORDS, Array, TensorInfo

if TYPE_CHECKING:
    from torchlean_core.params.store import ParameterStore

_CHUNK = 1 << 20
_SHOWN = 8
_NAME = re.compile(r"(?:const|linear|conv2d|batchnorm|mha)_(\d{1,18})(?:_.*)?")


@dataclass(frozen=True, slots=True)
class ParamIssue:
    """One thing that is wrong with a parameter file.

    Attributes:
        code: TL501 missing, TL502 malformed or extra (errors); TL503 made for another version of the
            artifact, TL504 not finite (warnings).
        message: Node, tensor, what was expected and what was found.
        node: Raw id of the artifact's node it belongs to, None for the whole file.
        name: The tensor's name, None for the whole file.
    """

    code: str
    message: str
    node: int | None
    name: str | None

    @property
    def is_error(self) -> bool:
        """Whether nothing can be computed with the file."""
        return self.code in ("TL501", "TL502")


def validate(store: ParameterStore, program: Program, *, values: bool = True) -> list[ParamIssue]:
    """Everything that is wrong with a parameter file for a program, in node order.

    Args:
        store: The file.
        program: What it shall be used with.
        values: Whether to read the values too (TL504).
    """
    issues: list[ParamIssue] = []
    recorded = store.metadata.get("artifact")
    if recorded is not None and recorded != artifact_hash(program.graph):
        issues.append(
            ParamIssue(
                "TL503", f"{store.path.name} was made for another version of this artifact", None, None
            )
        )
    expected = program.parameters()
    for parameter in expected:
        info = store.tensors.get(parameter.name)
        issue = _missing(parameter) if info is None else _mismatch(parameter, info)
        if issue is None and values:
            issue = _not_finite(parameter, store.numpy(parameter.name))
        if issue is not None:
            issues.append(issue)
    known = {parameter.name for parameter in expected}
    issues.extend(_extra(name, program) for name in store.names if name not in known)
    return issues


def ensure_fits(store: ParameterStore, program: Program) -> None:
    """Refuse a parameter file that a program cannot run with.

    Raises:
        UserError: A tensor is missing, extra, or of another shape or type; every one is named.
    """
    errors = [issue for issue in validate(store, program, values=False) if issue.is_error]
    if not errors:
        return
    lines = [f"{store.path}: {issue.code} {issue.message}" for issue in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        lines.append(f"… and {len(errors) - _SHOWN} more")
    raise UserError("\n  ".join(lines))


def _missing(parameter: Parameter) -> ParamIssue:
    return ParamIssue("TL501", parameter.missing, parameter.node, parameter.name)


def _mismatch(parameter: Parameter, info: TensorInfo) -> ParamIssue | None:
    where = f"{parameter.owner}: {parameter.name}"
    if info.shape != parameter.shape:
        message = f"{where} has shape {show_shape(info.shape)}, expected {show_shape(parameter.shape)}"
    elif info.dtype not in FLOAT_TYPES:
        message = f"{where} is {WORDS.get(info.dtype, info.dtype)}, expected float32 (or float64)"
    else:
        return None
    return ParamIssue("TL502", message, parameter.node, parameter.name)


def _extra(name: str, program: Program) -> ParamIssue:
    match = _NAME.fullmatch(name)
    node = int(match[1]) if match is not None and int(match[1]) < len(program.graph.nodes) else None
    where = "no node" if node is None else f"node {node} ({program.graph.nodes[node].kind})"
    verb = "has" if node is None else "has no"
    return ParamIssue("TL502", f"{where} {verb} parameter {name!r}: it is extra", node, name)


def _not_finite(parameter: Parameter, values: Array) -> ParamIssue | None:
    masks = parameter.kind == "const" and not parameter.trainable
    flat = values.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        chunk = flat[start : start + _CHUNK]
        bad = ~np.isfinite(chunk)
        if masks:
            bad &= chunk != -np.inf
        if bad.any():
            at = int(bad.argmax())
            index = [int(i) for i in np.unravel_index(start + at, values.shape)]
            message = f"{parameter.owner}: {parameter.name} holds {chunk[at]} at {show_shape(index)}"
            return ParamIssue("TL504", message, parameter.node, parameter.name)
    return None
