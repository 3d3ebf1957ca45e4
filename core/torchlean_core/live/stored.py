"""What an artifact on disk tells about the model file that it was captured from, without running anything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from torchlean_core.artifact.companions import generated_module_paths, params_path
from torchlean_core.artifact.hashing import SEAL, seal_of
from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import MOST_SOURCE, read_regular
from torchlean_core.capture.configured import configured
from torchlean_core.capture.errors import Span
from torchlean_core.capture.meaning import meaning_of, text_hash
from torchlean_core.capture.record import Bound, Expression, File, Line, Record, Seen
from torchlean_core.capture.target import Target
from torchlean_core.capture.workspace import Sources
from torchlean_core.companions import model_findings, model_of
from torchlean_core.companions.module import is_generated
from torchlean_core.config import SettingsFinder
from torchlean_core.live.texts import text_that_ran

_MAX_ARTIFACT = 1 << 26
_UNSEEN = frozenset({"input", "const"})
"""Kinds that are no value of an expression: what is given, and parameters."""


def snake(name: str) -> str:
    """`tiny_mlp` of `TinyMLP`."""
    result = ""
    for position, char in enumerate(name):
        after_lower = position > 0 and name[position - 1].islower()
        before_lower = (
            0 < position < len(name) - 1 and name[position + 1].islower() and name[position - 1].isupper()
        )
        result += ("_" if char.isupper() and (after_lower or before_lower) else "") + char.lower()
    return result


def artifact_path(target: Target, finder: SettingsFinder | None = None) -> Path:
    """Where the editor captures a model to: as the settings say, else beside it under its name.

    Args:
        target: The model.
        finder: Finds settings files, for who asks of many models.

    Raises:
        UsageError: The settings file cannot be read, or something in it is wrong.
    """
    return Path(
        target.file.parent / (configured(target, finder).get("output") or f"{snake(target.name)}.ir.json")
    )


@dataclass(frozen=True, slots=True)
class Stored:
    """A model's artifact on disk.

    Attributes:
        path: Where it is.
        root: Its JSON value.
        stale: Why it is not up to date, in words; None where it is.
        module: The module that was generated from it, where there is one.
        has_params: Whether there are parameters beside it.
        edited: What a person did to it since it was captured, in words; None where it is as it was written.
    """

    path: Path
    root: Mapping[str, Any]
    stale: str | None
    module: Path | None
    has_params: bool
    edited: str | None = None


def stored(path: Path, target: Target, sources: Sources | None = None) -> Stored | None:
    """The artifact at a path; None where there is none that was captured from the target.

    Args:
        path: Where it would be.
        target: The model.
        sources: Reads Python files; a server's also know the texts of open ones.
    """
    try:
        if not path.is_file():
            return None
        status = path.stat()
    except OSError:
        return None
    module = next((one for one in generated_module_paths(path) if _generated(one)), None)
    try:
        root, seal = _root(path, (status.st_mtime_ns, status.st_size, status.st_ino))
    except (OSError, ValueError, RecursionError):
        # What is wrong with it is said of the file itself.
        return Stored(path, {}, None, module, params_path(path).is_file(), "cannot be read")
    model = model_of(root, path)
    if model is None or model.name != target.name:
        return None
    if os.path.realpath(model.file) != os.path.realpath(target.file):
        return None
    found = model_findings(path, root, sources)
    recorded = root["captured_from"].get(SEAL)
    edited = "edited by hand" if recorded is not None and recorded != seal else None
    stale = str(found[0].data["why"]) if found else None
    return Stored(path, root, stale, module, params_path(path).is_file(), edited)


def _generated(path: Path) -> bool:
    try:
        return is_generated(read_regular(path, MOST_SOURCE).decode("utf-8", "replace"))
    except OSError:
        return False


@lru_cache(16)
def _root(path: Path, state: tuple[int, int, int]) -> tuple[Any, str | None]:
    """The JSON value of one state of a file, and its hash: asked for again at each rest of somebody's typing."""
    root = json.loads(read_regular(path, _MAX_ARTIFACT)) if state[1] <= _MAX_ARTIFACT else None
    return root, seal_of(root) if isinstance(root, dict) else None


def record_of(artifact: Stored, target: Target) -> Record | None:
    """Shapes and places of an artifact's nodes, as a record of the model file; None where it tells no places.

    A line has the shape of its last node, for each module that it ran for.
    """
    model = model_of(artifact.root, artifact.path)
    if model is None or model.sha256 is None or artifact.edited is not None:
        return None
    expressions: dict[tuple[str, Span], list[tuple[int, Seen, str]]] = {}
    lines: dict[tuple[str, int], dict[str, Seen]] = {}
    for number, file, span, shape, node in _nodes(artifact.root):
        module = _text(node["source"].get("module"))
        seen = Seen(shape, modules=(module,) if module else ())
        lines.setdefault((file, span.end_line), {})[module] = seen
        expressions.setdefault((file, span), []).append((number, seen, _text(node.get("debug_target"))))
    if not lines:
        return None
    files = list(dict.fromkeys(["", *(file for file, _ in lines)]))
    folder = target.file.parent
    paths = [str(target.file), *(str(folder / file) for file in files[1:])]
    return Record(
        target.name,
        model.shape or (),
        (File(paths[0], model.sha256), *(File(path, "") for path in paths[1:])),
        tuple(
            Line(files.index(file), line, line, "", (Bound("", _distinct(list(values.values()))),))
            for (file, line), values in sorted(lines.items())
        ),
        tuple(
            Expression(
                files.index(file),
                span,
                "",
                _distinct([seen for _, seen, _ in nodes][-1:]),
                tuple(dict.fromkeys(name for _, _, name in nodes if name)),
                tuple(number for number, _, _ in nodes),
            )
            for (file, span), nodes in expressions.items()
        ),
        result={"nodes": len(artifact.root["nodes"]), "output": str(artifact.path)},
    )


def other_texts(artifact: Stored, record: Record, sources: Sources) -> dict[str, str]:
    """The texts of the other files in a record that still are those that ran, by the paths in the record.

    Only files that the model uses now, as reading it tells, are looked at: what an artifact names may be anything.

    Args:
        artifact: The artifact.
        record: What `record_of` gave of it.
        sources: Reads Python files; a server's also know the texts of open ones.
    """
    model = model_of(artifact.root, artifact.path)
    if model is None or model.name is None or not model.texts or len(record.files) < 2:
        return {}
    meaning = meaning_of(model.file, model.name, sources=sources)
    if meaning is None:
        return {}
    hashes = dict(model.texts)
    used = dict(zip(map(str, meaning.files), meaning.names(model.folder), strict=True))
    folder = real(model.file).parent
    found = {}
    for file in record.files[1:]:
        path = os.path.normpath(folder / os.path.relpath(file.path, Path(record.files[0].path).parent))
        wanted = hashes.get(used.get(path, ""))
        if wanted is None:
            continue
        for text in (sources.opened(Path(path)), text_that_ran(Path(path), None)):
            if text is not None and text_hash(text) == wanted:
                found[file.path] = text
                break
    return found


def _nodes(root: Mapping[str, Any]) -> Iterator[tuple[int, str, Span, tuple[int, ...], Mapping[str, Any]]]:
    """Nodes that stand for an expression: id, file ("" for the model's own), place, shape, the node."""
    nodes = root.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        if not isinstance(node, dict) or node.get("kind") in _UNSEEN:
            continue
        source, shape, number = node.get("source"), node.get("shape"), node.get("id")
        span = span_of(source)
        if span is None or type(number) is not int or not isinstance(source, dict):
            continue
        if isinstance(shape, list) and all(type(dim) is int for dim in shape):
            yield number, _text(source.get("file")), span, tuple(shape), node


def span_of(source: Any) -> Span | None:
    """The place that a node's `source` gives: its span, else its line; None where it gives none."""
    if not isinstance(source, dict):
        return None
    span, line = source.get("span"), source.get("line")
    if isinstance(span, list) and len(span) == 4 and all(type(one) is int for one in span):
        first, column, last, end = span
        if 1 <= first <= last and column >= 0 and end >= 0:
            return Span(first, column, last, end)
    return Span(line, 0, line, 0) if type(line) is int and line >= 1 else None


def _distinct(values: list[Seen]) -> tuple[Seen, ...]:
    found: dict[tuple[int, ...], Seen] = {}
    for seen in values:
        known = found.get(seen.shape)
        if known is not None:
            seen = Seen(seen.shape, seen.dtype, known.count + 1, (*known.modules, *seen.modules))
        found[seen.shape] = seen
    return tuple(found.values())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
