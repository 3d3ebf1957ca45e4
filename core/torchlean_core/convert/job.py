"""Conversion as a job of the language server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchlean_core.convert.files import convert_file
from torchlean_core.convert.request import default_output, target_dialect
from torchlean_core.errors import UsageError
from torchlean_core.files import refuse_overwriting
from torchlean_core.init.request import parse_request
from torchlean_core.safekeeping.find import lost_by_convert
from torchlean_core.safekeeping.loss import WouldReplace


@dataclass(frozen=True, slots=True)
class ConvertRequest:
    """What to convert.

    Attributes:
        artifact: Path of the artifact.
        dialect: Name of the dialect to write; the other one where None.
        out: Path of the file to write; beside the artifact where None.
        params: Path of its parameters; those in it and beside it where None.
        output: Place of the output to keep, where the dialect has one.
        force: Whether a file that exists may be replaced; it is kept as `.orig`.
    """

    artifact: str
    dialect: str | None = None
    out: str | None = None
    params: str | None = None
    output: int | None = None
    force: bool = False


def run(request: Mapping[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Convert an artifact, with its parameters.

    Args:
        request: The fields of `ConvertRequest` by name.
        report: Gets `{"kind": "warning", "message": …}`.

    Returns:
        `output` and `params` (paths, the latter null where no parameter file was written), `dialect`, `nodes`, `kept`
        (paths of what was replaced), `notes`, `message`.

    Raises:
        ConversionRefused: It has no exact counterpart; nothing is written.
        WouldReplace: The file exists.
        UserError: The artifact or its parameters are at fault.
        UsageError: The request is, or a file cannot be read or written.
    """
    asked = parse_request(ConvertRequest, "convert", request)
    artifact = Path(asked.artifact)
    dialect = target_dialect(artifact, asked.dialect)
    out = Path(asked.out) if asked.out is not None else default_output(artifact, dialect)
    if asked.output is not None and dialect.many_outputs:
        raise UsageError(f"`output`: {dialect.name} artifacts have any number of outputs; all are kept")
    params = None if asked.params is None else Path(asked.params)
    refuse_overwriting(out, artifact, params)
    losses = lost_by_convert(out)
    if losses and not asked.force:
        raise WouldReplace(losses)
    written = convert_file(artifact, out, dialect, params, asked.output)
    for note in written.notes:
        report({"kind": "warning", "message": note})
    kept = [path for path in (written.replaced, written.kept) if path is not None]
    message = f"wrote {out.name} ({written.nodes} nodes, {dialect.name})"
    if kept:
        message += f"; what was there is kept as {' and '.join(path.name for path in kept)}"
    return {
        "output": str(written.output),
        "params": None if written.params is None else str(written.params),
        "dialect": dialect.name,
        "nodes": written.nodes,
        "kept": [str(path) for path in kept],
        "notes": list(written.notes),
        "message": message,
    }
