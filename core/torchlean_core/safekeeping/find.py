"""What of a person's work a command would replace (neither torch nor numpy is imported here)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torchlean_core.artifact.companions import params_path
from torchlean_core.artifact.hashing import SEAL, seal_of
from torchlean_core.artifact.load import load_document
from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.basics.visible import visible
from torchlean_core.errors import UsageError, UserError
from torchlean_core.kinds import dialect_of
from torchlean_core.params.content import Origin
from torchlean_core.params.store import ParameterStore
from torchlean_core.safekeeping.loss import Loss
from torchlean_core.text import read_text

_MAX_NAME = 60


def lost_by_capture(output: Path, source: str, *, params: bool = True) -> list[Loss]:
    """What a capture would replace.

    Args:
        output: Where it writes the artifact; the parameters go beside it.
        source: The model, as parameter files name it: `model.py:Name`.
        params: Whether it writes the parameters.
    """
    name = source.rpartition(":")[2]
    found = [_artifact_loss(output, name)]
    if params:
        found.append(_params_loss(params_path(output), source))
    return [loss for loss in found if loss is not None]


class LostByCapture:
    """What a capture would replace, asked before and after it: files that did not change meanwhile are read once."""

    def __init__(self, output: Path, source: str, *, params: bool = True) -> None:
        """As `lost_by_capture`."""
        self._output, self._source, self._params = output, source, params
        self._known: tuple[Any, list[Loss]] | None = None

    def now(self) -> list[Loss]:
        """What it would replace now."""
        state = [_state(path) for path in (self._output, params_path(self._output))]
        if self._known is None or self._known[0] != state:
            self._known = state, lost_by_capture(self._output, self._source, params=self._params)
        return self._known[1]


def _state(path: Path) -> tuple[int, ...] | None:
    """What tells whether a file is another one, or was written to; None where there is none to be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def lost_by_writing_params(out: Path) -> list[Loss]:
    """What an initialization or a training that writes a parameter file would replace."""
    loss = _params_loss(out, None)
    return [] if loss is None else [loss]


def lost_by_convert(out: Path) -> list[Loss]:
    """What a conversion would replace: any file that is there, since nobody names its own."""
    return [Loss(out, "the file that is there")] if out.exists() else []


def lost_by_initializing(artifact: Path) -> list[Loss]:
    """What an initialization that writes into an artifact would replace: parameters that stand in it.

    Raises:
        UsageError: It cannot be read.
    """
    root = load_document(artifact).value
    if not isinstance(root, dict):
        return []
    dialect, nodes = dialect_of(root), root.get("nodes")
    for node in nodes if isinstance(nodes, list) and dialect.inline else ():
        kind = (
            dialect.kind(node["kind"])
            if isinstance(node, dict) and isinstance(node.get("kind"), str)
            else None
        )
        if kind is not None and any(spec.role in node for spec in kind.params):
            return [Loss(artifact, "parameters, which stand in the artifact")]
    return []


def _artifact_loss(path: Path, name: str) -> Loss | None:
    text = _text(path)
    if text is None or not text.strip():  # a file that was just made holds nobody's work
        return None
    root = _root(text)
    if root is None:
        return Loss(path, "an artifact that was edited by hand and cannot be read")
    seal = seal_of(root)
    captured = root.get("captured_from")
    recorded = captured.get(SEAL) if isinstance(captured, dict) else None
    if not isinstance(captured, dict):
        return Loss(path, "an artifact that was not captured from a model")
    if recorded is None:
        return Loss(path, "an artifact that does not say whether it was edited since it was captured")
    if recorded != seal:
        return Loss(path, "an artifact that was edited by hand since it was captured")
    other = captured.get("class")
    if isinstance(other, str) and other != name:
        return Loss(path, f"the artifact of another model, {_name(other)}")
    return None


def _root(text: str) -> dict[str, Any] | None:
    """The value of an artifact's text, with weights as their text; None where it is no JSON object."""
    document = read_text(text)
    root = document.value
    try:
        if document.as_spelled or document.troubles:
            # Not read quickly. Other than the exact parser, Python's tells 1.0 from 1 and takes whatever it can.
            root = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return root if isinstance(root, dict) else None


def _params_loss(path: Path, again: str | None) -> Loss | None:
    """The loss of a parameter file; none where a capture of `again` wrote it last, an initialization or a
    conversion.
    """
    if not path.exists():
        return None
    try:
        store = ParameterStore.load(path)
        origin, source = store.metadata.get("origin"), store.metadata.get("source", "")
        intact = store.metadata.get("sha256") == store.computed_sha256()
    except (UserError, UsageError):
        return Loss(path, "a file that is no parameter file")
    if origin is not None and not intact:
        return Loss(path, "parameters that were changed since they were written")
    if origin in (Origin.INIT, Origin.CONVERT) or (origin == Origin.CAPTURE and source == again):
        return None
    if origin == Origin.CAPTURE:
        return Loss(path, f"weights captured from {_name(source.rpartition(':')[2])}")
    if origin == Origin.TRAIN:
        steps = source.removeprefix("trained, ").partition(",")[0]
        return Loss(path, f"parameters trained for {_name(steps)}")
    return Loss(path, f"parameters from {_name(source)}" if source else "parameters of unknown origin")


def _name(text: str) -> str:
    return visible(text if len(text) <= _MAX_NAME else text[: _MAX_NAME - 1] + "…")


def _text(path: Path) -> str | None:
    """The text of a file; None where there is none.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return read_regular(path, MOST_ARTIFACT).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
