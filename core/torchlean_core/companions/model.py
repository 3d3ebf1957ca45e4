"""Whether an artifact is older than the model file it was captured from (TL521)."""

from __future__ import annotations

import enum
import hashlib
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from torchlean_core.approximations import known_approximations
from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import MOST_SOURCE, names_host, read_regular
from torchlean_core.capture.meaning import meaning_of
from torchlean_core.capture.models import find_models
from torchlean_core.capture.onnx_files import is_onnx, within
from torchlean_core.capture.pyfile import parse
from torchlean_core.capture.workspace import Sources, decoded
from torchlean_core.check.findings import PLAIN, Finding
from torchlean_core.check.nodes import cut
from torchlean_core.check.rules import RULES

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_SOURCES = Sources()
"""Reads Python files for whoever has no better one: each is parsed once as long as it stays as it is."""


class Model(NamedTuple):
    """The model file that an artifact says it was captured from.

    Attributes:
        file: Where it is.
        shown: The same as the artifact has it: relative to the artifact's folder.
        name: Class or function in it, where that is recorded.
        shape: Shape of the input, where that is recorded.
        sha256: SHA-256 of its bytes when it was captured, in lower-case hex, where that is recorded.
        approximate: Substitutions that were allowed, as the option `--approximate` has them.
        meaning: Hash of what the model means (`capture.meaning`), where that is recorded.
        uses: The other files that the model uses, as the artifact has them: for messages, never to be opened.
        parts: A hash of what the model uses of each file, its own included, where that is recorded.
        texts: A short hash of the text of each file, where that is recorded.
        folder: The artifact's folder.
        is_program: Whether the file is one program or graph, which has no names.
        takes_shape: Whether that is of any shape, so that a capture may have to be told one.
        data: SHA-256 of each file that holds further numbers of it, by its name, where there are such.
    """

    file: Path
    shown: str
    name: str | None
    shape: tuple[int, ...] | None
    sha256: str | None
    approximate: tuple[str, ...]
    meaning: str | None = None
    uses: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    folder: Path = Path()
    is_program: bool = False
    takes_shape: bool = True
    data: tuple[tuple[str, str], ...] = ()


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
    if names_host(shown):
        return None
    meaning = captured.get("meaning")
    recorded = meaning if isinstance(meaning, dict) else {}
    folder = real(artifact).parent
    return Model(
        folder / shown,
        shown,
        name if isinstance(name, str) and name.isidentifier() else None,
        _shape(shape),
        _sha256(sha256),
        tuple(_approximate(root.get("approximations"))),
        _sha256(recorded.get("sha256")),
        tuple(_others(recorded.get("files"), shown)),
        _parts(recorded.get("files"), recorded.get("parts")),
        _parts(recorded.get("files"), recorded.get("texts")),
        folder,
        "format" in captured and "class" not in captured,
        captured.get("format") != "pt2",
        tuple(_data(captured.get("data"))) if captured.get("format") == "onnx" else (),
    )


def _sha256(value: Any) -> str | None:
    return value.lower() if isinstance(value, str) and _SHA256.fullmatch(value) else None


def _others(files: Any, shown: str) -> list[str]:
    if not isinstance(files, list):
        return []
    return [one for one in files if isinstance(one, str) and one != shown and not names_host(one)]


def _parts(files: Any, parts: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(files, list) or not isinstance(parts, list) or len(files) != len(parts):
        return ()
    known = all(isinstance(one, str) for one in [*files, *parts]) and not any(map(names_host, files))
    return tuple(zip(files, parts, strict=True)) if known else ()


def _data(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, one in value.items():
            if (sha256 := _sha256(one)) is not None and not names_host(name):
                yield name, sha256


def _shape(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not value or not all(type(dim) is int and dim > 0 for dim in value):
        return None
    return tuple(value)


def _approximate(marks: Any) -> list[str]:
    pairs = [mark for mark in marks if isinstance(mark, dict)] if isinstance(marks, list) else []
    found = [f"{mark.get('operator')}={mark.get('form')}" for mark in pairs]
    return [text for text in known_approximations() if text in found]


class State(enum.Enum):
    """How an artifact relates to the model that it was captured from."""

    FRESH = "fresh"
    STALE = "stale"
    USES_CHANGED = "uses changed"
    """The model file is the same, but another file that the model uses is not."""
    UNKNOWN = "unknown"
    """The model file is not there or cannot be read, or nothing is recorded."""

    @property
    def is_stale(self) -> bool:
        """Whether the model should be captured again."""
        return self in (State.STALE, State.USES_CHANGED)


class Judged(NamedTuple):
    """How an artifact relates to its model, and what makes it so.

    Attributes:
        state: How.
        changed: The files, as the artifact has them, of which the model uses something else now; empty where it is not
            known which.
        unsaved: Those of them whose text in an editor is not saved.
    """

    state: State
    changed: tuple[str, ...] = ()
    unsaved: frozenset[str] = frozenset()


def model_state(model: Model, sources: Sources | None = None) -> State:
    """Whether a model still is what an artifact was captured from; see `judge_model`."""
    return judge_model(model, sources).state


def judge_model(model: Model, sources: Sources | None = None) -> Judged:
    """Whether a model still is what an artifact was captured from.

    The hash of its file says so where it is the same; where not, what the model means decides (a comment means
    nothing), as far as the artifact records it. Other files that the model uses count in either case.

    Args:
        model: What the artifact records.
        sources: Reads files; those that a server keeps also know the texts of open ones.
    """
    sources = _SOURCES if sources is None else sources
    if model.sha256 is None:
        return Judged(State.UNKNOWN)
    on_disk = _content(model.file)
    content = _unsaved(model.file, on_disk, sources) or on_disk
    if content is None:
        return Judged(State.UNKNOWN)
    same = model.sha256 in text_hashes(content)
    if model.meaning is None or model.name is None or (same and not model.uses):
        if not same:
            return _judged(State.STALE, model, (model.shown,), sources)
        changed = tuple(_changed_data(model))
        return Judged(State.USES_CHANGED if changed else State.FRESH, changed)
    meaning = meaning_of(model.file, model.name, sources=sources)
    if meaning is not None and meaning.sha256 == model.meaning:
        return Judged(State.FRESH)
    if meaning is None:
        return Judged(State.UNKNOWN) if same else _judged(State.STALE, model, (model.shown,), sources)
    names = meaning.names(model.folder)
    now = dict(zip(names, meaning.parts, strict=True))
    before = dict(model.parts)
    if before:
        changed = tuple(name for name in {**before, **now} if before.get(name) != now.get(name))
    elif model.uses and not (same and len(model.uses) == 1):
        changed = ()  # one or several of them: the hash of all does not tell
    else:
        changed = model.uses if same else (model.shown,)
    own = model.shown in changed or not (same or changed)
    state = State.STALE if own else State.USES_CHANGED
    return _judged(state, model, changed, sources, dict(zip(names, meaning.files, strict=True)))


def _changed_data(model: Model) -> Iterator[str]:
    """Names of the files with further numbers that hold others now; only such in the model's folder are looked at."""
    for name, sha256 in model.data:
        try:
            folder = real(model.file).parent
            path = within(folder, name)
            if path is None or not real(path).is_relative_to(folder):
                continue
        except (OSError, ValueError):  # no name for a file, or links in a circle
            continue
        content = _content(path)
        if content is not None and hashlib.sha256(content).hexdigest() != sha256:
            yield name


def _judged(
    state: State,
    model: Model,
    changed: tuple[str, ...],
    sources: Sources,
    files: Mapping[str, Path] = MappingProxyType({}),
) -> Judged:
    """With those of the files that were found (never of what the artifact alone names) that are not saved."""
    paths = {**files, model.shown: model.file}
    unsaved = {
        name
        for name in changed
        if name in paths and _unsaved(paths[name], _content(paths[name]), sources) is not None
    }
    return Judged(state, changed, frozenset(unsaved))


def _unsaved(file: Path, on_disk: bytes | None, sources: Sources) -> bytes | None:
    """The bytes that a file's text in an editor would have; None where it is that of the file, or not open."""
    text = _opened(file, sources)
    if text is None:
        return None
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if on_disk is not None and decoded(on_disk) == plain:
        return None
    return text.encode("utf-8", "surrogatepass")


def _opened(file: Path, sources: Sources) -> str | None:
    """The text that a file has in an editor; None where it is not open."""
    try:
        return sources.opened(real(file))
    except (OSError, ValueError):  # no name for a file, or links in a circle
        return None


def model_findings(artifact: Path, root: Any, sources: Sources | None = None) -> list[Finding]:
    """TL521 where the model exists and is another one than the artifact was captured from; else nothing.

    Args:
        artifact: Where the artifact is; its text may be newer than the file.
        root: Its JSON value, which may have errors.
        sources: Reads Python files.
    """
    model = model_of(root, artifact)
    judged = Judged(State.UNKNOWN) if model is None else judge_model(model, sources)
    if model is None or not judged.state.is_stale:
        return []
    name = "this artifact" if model.name is None else cut(model.name)
    field = "sha256"
    if judged.state is State.USES_CHANGED:
        field = "meaning" if model.name is not None else "data"
    others = _others_in_place_of(model, sources)
    if others is None:
        why = f"{_what_changed(model, judged)} changed since {name} was captured from it"
        plain = message = f"{why}; capture again"
    else:
        there = f"it has {_listed([cut(other) for other in others], 'and')}" if others else "it has no model"
        why = f"{cut(model.shown)} has no {name} any more, from which this artifact was captured"
        plain = message = f"{why}; {there}"
        model = model._replace(name=others[0] if len(others) == 1 else None)
    if model.name is not None or (model.is_program and others is None):
        message += f": `{_command(model, artifact)}`"
    arguments = capture_arguments(model, artifact)
    data = {"model": str(model.file), "arguments": arguments, "why": why, PLAIN: plain}
    return [Finding("TL521", RULES["TL521"].severity, message, path=("captured_from", field), data=data)]


def _others_in_place_of(model: Model, sources: Sources | None) -> list[str] | None:
    """The models of a file that does not even name the one that was captured; None where it does, or is none."""
    if model.name is None or model.is_program:
        return None
    text = None if sources is None else _opened(model.file, sources)
    if text is None and (content := _content(model.file)) is not None:
        text = decoded(content)
    if text is None or re.search(rf"\b{re.escape(model.name)}\b", text) or parse(text) is None:
        return None
    return [one.name for one in find_models(text, model.file, sources=sources)]


def _what_changed(model: Model, judged: Judged) -> str:
    """The files that changed, in words."""

    def shown(name: str) -> str:
        return cut(name) + (" (not saved)" if name in judged.unsaved else "")

    others = [shown(name) for name in judged.changed if name != model.shown]
    own = shown(model.shown)
    if judged.state is State.USES_CHANGED:
        among = _listed(others, "and") if others else _listed([shown(name) for name in model.uses], "or")
        return f"what {cut(model.shown)} uses of {among}"
    if others:
        return f"{own} and what it uses of {_listed(others, 'and')}"
    if not judged.changed and model.uses:
        return f"{own} or what it uses of {_listed([shown(name) for name in model.uses], 'or')}"
    return own


def _listed(names: Sequence[str], last: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"


class Known(NamedTuple):
    """An artifact that was captured from a model.

    Attributes:
        artifact: Where it is.
        model: What it records of the model.
        state: Whether the model still is the same.
    """

    artifact: Path
    model: Model
    state: State


def artifacts_of_model(
    file: Path, name: str, artifacts: Iterable[tuple[Path, Any]], sources: Sources | None = None
) -> list[Known]:
    """The artifacts that were captured from a class or function of a file, each with its state.

    Args:
        file: The model file.
        name: The class or function.
        artifacts: Artifacts, each with its JSON value (or an object that has its `captured_from` alone).
        sources: Reads Python files.
    """
    found = []
    for path, root in artifacts:
        model = model_of(root, path)
        if model is not None and model.name == name and _is_same_file(model.file, file):
            found.append(Known(path, model, model_state(model, sources)))
    return found


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        if one.name != other.name and not (one.is_symlink() or other.is_symlink()):
            return False  # most of them, at no cost
        return real(one) == real(other)
    except (OSError, ValueError):
        return False


def capture_arguments(model: Model, artifact: Path) -> dict[str, Any] | None:
    """What the command `capture` takes beside the model's file; None where it is not known what to capture."""
    if model.name is None and not (model.is_program and is_onnx(model.file)):
        return None
    arguments: dict[str, Any] = {"out": str(artifact)}
    if model.name is not None:
        arguments["name"] = model.name
    if model.shape is not None and (model.takes_shape or model.name is not None):
        arguments["exampleShape"] = ",".join(map(str, model.shape))
    if model.approximate:
        arguments["approximate"] = list(model.approximate)
    return arguments


def _command(model: Model, artifact: Path) -> str:
    """The command line, to be run in the artifact's folder."""
    what = model.shown if model.is_program else f"{model.shown}:{model.name}"
    parts = ["torchlean", "capture", what, "-o", artifact.name]
    if model.shape is not None and model.takes_shape:
        parts += ["--example-shape", ",".join(map(str, model.shape))]
    for text in model.approximate:
        parts += ["--approximate", text]
    return " ".join(shlex.quote(part if len(part) < 1000 else cut(part)) for part in parts)


def _content(file: Path) -> bytes | None:
    """The bytes of a model file; None where it is not there, cannot be read, or is too big to be one."""
    try:
        return read_regular(file, MOST_SOURCE)
    except (OSError, ValueError):  # no name for a file, in the latter case
        return None


def text_hashes(content: bytes) -> set[str]:
    """SHA-256 of a text with any line ends: version control writes those of the system."""
    plain = content.replace(b"\r\n", b"\n")
    versions = {content, plain, plain.replace(b"\n", b"\r\n")}
    return {hashlib.sha256(version).hexdigest() for version in versions}
