"""Whether an artifact is older than the model file it was captured from (TL521)."""

from __future__ import annotations

import hashlib
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from torchlean_core.capture.options import known_approximations
from torchlean_core.check.findings import Finding
from torchlean_core.check.nodes import cut
from torchlean_core.check.rules import RULES

_MAX_SOURCE = 1 << 26
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


class Model(NamedTuple):
    """The model file that an artifact says it was captured from.

    Attributes:
        file: Where it is.
        shown: The same as the artifact has it: relative to the artifact's folder.
        name: Class or function in it, where that is recorded.
        shape: Shape of the input, where that is recorded.
        sha256: SHA-256 of its bytes when it was captured, in lower-case hex, where that is recorded.
        approximate: Substitutions that were allowed, as the option `--approximate` has them.
    """

    file: Path
    shown: str
    name: str | None
    shape: tuple[int, ...] | None
    sha256: str | None
    approximate: tuple[str, ...]


def model_of(root: Any, artifact: Path) -> Model | None:
    """What `captured_from` of an artifact says; None where it names no file.

    The field is an extra one and can hold anything. A model that was made in a session has no file.

    Args:
        root: The artifact's JSON value.
        artifact: Where it is. Capture follows a symbolic link before it looks for the way to the model.
    """
    captured = root.get("captured_from") if isinstance(root, dict) else None
    if not isinstance(captured, dict):
        return None
    shown, name = captured.get("file"), captured.get("class")
    sha256, shape = captured.get("sha256"), captured.get("example_shape")
    if not isinstance(shown, str) or not shown:
        return None
    if shown.startswith(("//", "\\\\")):
        return None  # a host: opening an artifact must not make the computer log in to one
    return Model(
        artifact.resolve().parent / shown,
        shown,
        name if isinstance(name, str) and name.isidentifier() else None,
        _shape(shape),
        sha256.lower() if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None,
        tuple(_approximate(root.get("approximations"))),
    )


def _shape(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not value or not all(type(dim) is int and dim > 0 for dim in value):
        return None
    return tuple(value)


def _approximate(marks: Any) -> list[str]:
    pairs = [mark for mark in marks if isinstance(mark, dict)] if isinstance(marks, list) else []
    found = [f"{mark.get('operator')}={mark.get('form')}" for mark in pairs]
    return [text for text in known_approximations() if text in found]


def model_findings(artifact: Path, root: Any) -> list[Finding]:
    """TL521 where the model file exists and is another one than the artifact was captured from; else nothing.

    Args:
        artifact: Where the artifact is; its text may be newer than the file.
        root: Its JSON value, which may have errors.
    """
    model = model_of(root, artifact)
    if model is None or model.sha256 is None:
        return []
    content = _content(model.file)
    if content is None or model.sha256 in _hashes(content):
        return []
    name = "this artifact" if model.name is None else cut(model.name)
    message = f"{cut(model.shown)} changed since {name} was captured from it; capture again"
    if model.name is not None:
        message += f": `{_command(model, artifact)}`"
    arguments = capture_arguments(model, artifact)
    data = {"model": str(model.file), "arguments": arguments}
    return [Finding("TL521", RULES["TL521"].severity, message, path=("captured_from", "sha256"), data=data)]


def capture_arguments(model: Model, artifact: Path) -> dict[str, Any] | None:
    """What the command `capture` takes beside the model's file; None where it is not known what to capture."""
    if model.name is None:
        return None
    arguments: dict[str, Any] = {"name": model.name, "out": str(artifact)}
    if model.shape is not None:
        arguments["exampleShape"] = ",".join(map(str, model.shape))
    if model.approximate:
        arguments["approximate"] = list(model.approximate)
    return arguments


def _command(model: Model, artifact: Path) -> str:
    """The command line, to be run in the artifact's folder."""
    parts = ["torchlean", "capture", f"{model.shown}:{model.name}", "-o", artifact.name]
    if model.shape is not None:
        parts += ["--example-shape", ",".join(map(str, model.shape))]
    for text in model.approximate:
        parts += ["--approximate", text]
    return " ".join(shlex.quote(part if len(part) < 1000 else cut(part)) for part in parts)


def _content(file: Path) -> bytes | None:
    """The bytes of a model file; None where it is not there, cannot be read, or is too big to be one."""
    try:
        return file.read_bytes() if file.is_file() and file.stat().st_size <= _MAX_SOURCE else None
    except (OSError, ValueError):  # no name for a file, in the latter case
        return None


def _hashes(content: bytes) -> set[str]:
    """SHA-256 of a text with any line ends: version control writes those of the system."""
    plain = content.replace(b"\r\n", b"\n")
    versions = {content, plain, plain.replace(b"\n", b"\r\n")}
    return {hashlib.sha256(version).hexdigest() for version in versions}
