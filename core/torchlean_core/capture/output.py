"""The files of a capture and what is said about it (no torch here)."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Any

from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import open_regular
from torchlean_core.capture.target import Target
from torchlean_core.errors import UsageError
from torchlean_core.kinds.dialects import DEFAULT

_SNIFFED = 4096


def check_output(output: Path, target: Target) -> None:
    """Refuse, before the work, to write where nothing can be written, or over something that is no artifact.

    Raises:
        UsageError: It is a folder, lies in none, is the model file or no JSON.
    """
    if output.is_dir() or not real(output).parent.is_dir():
        raise UsageError(f"{output}: " + ("is a folder" if output.is_dir() else "its folder does not exist"))
    if real(output) == real(target.file):
        raise UsageError(f"{output}: is the model file itself")
    if not output.exists():
        return
    if not output.is_file():
        raise UsageError(f"{output}: is no regular file")
    try:
        with open_regular(output) as file:
            start = file.read(_SNIFFED).removeprefix(codecs.BOM_UTF8).lstrip()
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}") from error
    if start and not start.startswith(b"{"):
        raise UsageError(f"{output}: exists and is no artifact (no JSON); it is not replaced")


def summary(result: dict[str, Any], output: Path, seconds: float) -> str:
    """What was captured, in a few lines.

    Args:
        result: What `capture.job` gives.
        output: The artifact as the user wrote it.
        seconds: How long it took.
    """
    constants = f", {result['constants']:,} constants" if result["constants"] else ""
    lines = [f"{output}: {result['nodes']} nodes, {result['parameters']:,} parameters{constants}"]
    if result["params"] is not None and not result["inline"]:
        why = f" (not in the artifact: {result['beside']})" if result["beside"] else ""
        lines.append(f"  parameters: {output.with_name(Path(result['params']).name)}{why}")
    if result["inline"]:
        more = ""
        if result["params"] is not None:
            more = f"; what no node has a place for: {output.with_name(Path(result['params']).name)}"
        lines.append(f"  parameters: in the artifact{more}")
    if result["dialect"] != DEFAULT.name:
        lines.append(f"  dialect: {result['dialect']}")
    if result["outputs"] != 1:
        lines.append(f"  outputs: {result['outputs']}")
    reason = f" ({result['reason']})" if result["reason"] else ""
    lines.append(f"  traced with: {result['path']}{reason}")
    if result["max_relative_error"] is not None:
        by = f", {result['verified_by']}" if result.get("verified_by") else ""
        lines.append(
            f"  verified: largest relative error {result['max_relative_error']:.1e} ({result['dtype']}{by})"
        )
    lines += [f"  kept: {output.with_name(Path(path).name)}" for path in result.get("kept", ())]
    lines += [f"  {note}" for note in notes_of(result)]
    lines.append(f"  took {seconds:.1f} s")
    return "\n".join(lines)


def notes_of(result: dict[str, Any]) -> list[str]:
    """What the user should know of a capture, a line each: `TL407: … (line 33, aten.conv2d.default)`."""
    found = []
    for note in result["notes"]:
        line = f"line {note['line']}" if note["line"] else None
        told = [line, note["operator"], f"in {note['module']}" if note["module"] else None]
        where = ", ".join(part for part in told if part)
        found.append(f"{note['code']}: {note['message']}" + (f" ({where})" if where else ""))
    return list(dict.fromkeys(found))
