"""Whether a parameter file fits an artifact: missing, extra and malformed tensors, versions, values.

Nothing here needs numpy or torch. Names, types and shapes are in the header; only values (TL504) are read from
the file itself, a few megabytes at a time, and only where they are asked for.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from torchlean_core.artifact.hashing import artifact_hash
from torchlean_core.basics.visible import shortened
from torchlean_core.errors import UserError
from torchlean_core.graph import Absent, Parameter, Program
from torchlean_core.kinds import DIALECTS
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.params.content import CARRIED
from torchlean_core.params.finite import first_not_finite
from torchlean_core.params.header import DTYPES, FLOAT_TYPES, TensorInfo

_SHOWN = 8
_MAX_EXTRA = 20
_PREFIXES = sorted({prefix for dialect in DIALECTS.values() for prefix in dialect.param_prefixes})
_NAME = re.compile(rf"(?:{'|'.join(_PREFIXES)})_(\d{{1,18}})(?:_.*)?", re.ASCII | re.DOTALL)


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


class Opened(Protocol):
    """A parameter file as it is judged: a `ParameterStore`."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def file_name(self) -> str:
        """Its name, for messages."""

    @property
    def metadata(self) -> Mapping[str, str]:
        """Its metadata."""

    @property
    def tensors(self) -> Mapping[str, TensorInfo]:
        """What its header says of each tensor, by name."""

    @property
    def names(self) -> list[str]:
        """Names of all tensors, sorted."""

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a tensor, piece by piece."""


def validate(store: Opened, program: Program, *, values: bool = True) -> list[ParamIssue]:
    """Everything that is wrong with a parameter file for a program, in node order.

    Args:
        store: The file.
        program: What it shall be used with.
        values: Whether to read the values too (TL504): all of them, where none is NaN or infinite.

    Raises:
        UsageError: The values cannot be read any more.
    """
    issues: list[ParamIssue] = []
    recorded = store.metadata.get("artifact")
    if recorded is not None and recorded != artifact_hash(program.graph):
        message = f"{store.file_name} was made for another version of this artifact"
        if made := store.metadata.get("source"):
            message += f" (source: {shortened(made)})"
        issues.append(ParamIssue("TL503", message, None, None))
    expected = program.parameters()
    for parameter in expected:
        info = store.tensors.get(parameter.name)
        issue = _missing(parameter) if info is None else _mismatch(parameter, info)
        if info is not None and issue is None and values:
            issue = _not_finite(store, parameter, info)
        if issue is not None:
            issues.append(issue)
    known = {parameter.name for parameter in expected}
    for name, absent in program.without.items():
        info = store.tensors.get(name)
        if info is not None and (
            issue := _mismatch(absent.parameter, info) or _not_neutral(store, absent, info)
        ):
            issues.append(issue)
    unknown = [
        name
        for name in store.names
        if name not in known and name not in program.without and not name.startswith(CARRIED)
    ]
    issues.extend(extra(name, program) for name in unknown[:_MAX_EXTRA])
    if len(unknown) > _MAX_EXTRA:
        message = f"{len(unknown) - _MAX_EXTRA} more tensors of {store.file_name} belong to no node"
        issues.append(ParamIssue("TL502", message, None, None))
    return issues


def ensure_fits(store: Opened, program: Program) -> None:
    """Refuse a parameter file that a program cannot run with.

    Raises:
        UserError: A tensor is missing, extra, or of another shape or type; every one is named.
    """
    refuse(str(store.path), [issue for issue in validate(store, program, values=False) if issue.is_error])


def refuse(where: str, errors: Sequence[ParamIssue]) -> None:
    """Raise the errors of a file, if there are any, as one message.

    Raises:
        UserError: There are; the first few are shown.
    """
    if not errors:
        return
    lines = [f"{where}: {issue.code} {issue.message}" for issue in errors[:_SHOWN]]
    if len(errors) > _SHOWN:
        lines.append(f"… and {len(errors) - _SHOWN} more")
    raise UserError("\n  ".join(lines))


def _missing(parameter: Parameter) -> ParamIssue:
    return ParamIssue("TL501", parameter.missing, parameter.node, parameter.name)


def _mismatch(parameter: Parameter, info: TensorInfo) -> ParamIssue | None:
    if info.shape != parameter.shape:
        return wrong_shape(parameter, info.shape)
    return None if info.dtype in FLOAT_TYPES else wrong_type(parameter, DTYPES[info.dtype].word)


def _not_neutral(store: Opened, absent: Absent, info: TensorInfo) -> ParamIssue | None:
    """The issue of a tensor that the model does not have, and which is not what stands for that."""
    one = struct.pack("<f" if info.dtype == "F32" else "<d", absent.neutral)
    if all(piece == one * (len(piece) // len(one)) for piece in store.pieces(info.name)):
        return None
    parameter = absent.parameter
    message = (
        f"{parameter.owner}: the model has no {parameter.name}; expected {absent.neutral:g} in all of it"
    )
    return ParamIssue("TL502", message, parameter.node, parameter.name)


def wrong_shape(parameter: Parameter, found: Sequence[int]) -> ParamIssue:
    """The issue of a tensor of another shape."""
    return ParamIssue(
        "TL502",
        f"{parameter.owner}: {parameter.name} has shape {show_shape(found)}, expected {show_shape(parameter.shape)}",
        parameter.node,
        parameter.name,
    )


def wrong_type(parameter: Parameter, found: str) -> ParamIssue:
    """The issue of a tensor of another type."""
    message = f"{parameter.owner}: {parameter.name} is {found}, expected float32 (or float64)"
    return ParamIssue("TL502", message, parameter.node, parameter.name)


def extra(name: str, program: Program) -> ParamIssue:
    """The issue of a tensor that no node has."""
    use = next((use for use in program.uses() if use.name == name), None)
    if use is not None:
        message = f"{name} is extra: it is stored as {use.parameter.name}, of which it is another use"
        return ParamIssue("TL502", message, use.parameter.node, name)
    match = _NAME.fullmatch(name)
    node = int(match[1]) if match is not None and int(match[1]) < len(program.graph.nodes) else None
    where = "no node" if node is None else f"node {node} ({program.graph.nodes[node].kind})"
    verb = "has" if node is None else "has no"
    return ParamIssue("TL502", f"{where} {verb} parameter {shortened(name)}: it is extra", node, name)


def _not_finite(store: Opened, parameter: Parameter, info: TensorInfo) -> ParamIssue | None:
    is_mask = parameter.is_constant and not parameter.trainable
    found = first_not_finite(store.pieces(info.name), info.dtype, allow_minus_infinity=is_mask)
    if found is None:
        return None
    at, value = found
    index: list[int] = []
    for dim in reversed(info.shape):
        at, place = divmod(at, dim)
        index.insert(0, place)
    message = f"{parameter.owner}: {parameter.name} holds {value} at {show_shape(index)}"
    return ParamIssue("TL504", message, parameter.node, parameter.name)
