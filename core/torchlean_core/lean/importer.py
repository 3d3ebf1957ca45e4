"""Which dialect TorchLean's sources read: that of the root field which their importer of artifacts asks for."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from torchlean_core.kinds.common import FORMAT
from torchlean_core.kinds.dialect import INPUT_FIELD, Dialect
from torchlean_core.kinds.dialects import DIALECTS, OUTPUT_FIELDS
from torchlean_core.lean.lexer import Literal, Source
from torchlean_core.lean.reading import Unreadable, read_regular

MOST_FILES = 2_000
MOST_BYTES = 50_000_000
_MOST_ENTRIES = 50_000

_LIKELY = re.compile(r"import|parse|json|pytorch|artifact|wire|(?<![a-z])ir(?![a-z])", re.IGNORECASE)
_LAST = re.compile(r"(?:^|[/.])(?:tests?|examples?|docs?|benchmarks?)(?=[/.]|$)", re.IGNORECASE)
_SKIPPED = frozenset({"build", "node_modules", "lake-packages"})

_PARSER = re.compile(r"\bdef\s+(?:[\w.]+\.)?parse\w*Graph\w*")
_NAME = re.compile(r"[\w.?!']+$")
_INDEXED = re.compile(r"[\w.?!')\]]\[$")
_NO_ACCESS = frozenset(
    {"throw", "throwError", "error", "panic!", "fail", "insert", "setObjVal!", "pure", "return", "some"}
    | {"do", "then", "else", "in", "with", "if", "match", "s!", "m!", "f!"}
)


class _Evidence(IntEnum):
    """How well a source shows what an importer reads; the least is the best."""

    IMPORTER = 1
    """It parses graphs, and asks for the field."""
    ACCESS = 2
    """It asks for the field that names outputs, and for that of the input."""
    MENTION = 3
    """It parses graphs, and the field's name stands in it."""


@dataclass(frozen=True, slots=True)
class Importer:
    """What looking at sources found.

    Attributes:
        dialect: The dialect that is read; None where nothing tells.
        file: The source that tells.
        seen: The folders that were looked at, where nothing tells.
        whole: Whether all sources were looked at, as far as it mattered.
    """

    dialect: Dialect | None
    file: Path | None
    seen: tuple[Path, ...] = ()
    whole: bool = True


def find_importer(package: Path) -> Importer:
    """Look for the importer among the Lean sources of a package.

    A bounded number of files is looked at, the likeliest by their names first. Links are not followed.
    """
    files, folders, whole = _sources(package)
    left, files_left = MOST_BYTES, MOST_FILES
    best: tuple[_Evidence, Dialect, Path] | None = None
    for rank in range(3):
        for path in (path for at, path in files if at == rank):
            if files_left == 0 or left <= 0:
                whole = False
                break
            files_left -= 1
            try:
                content = read_regular(path)
            except Unreadable:
                whole = False  # it is one of many, and the others may tell
                continue
            left -= len(content or b"")
            best = _better(best, path, content or b"")
        if best is not None and best[0] is _Evidence.IMPORTER:
            break
    if best is None:
        return Importer(None, None, tuple(folders), whole)
    return Importer(best[1], best[2])


def _better(
    best: tuple[_Evidence, Dialect, Path] | None, path: Path, content: bytes
) -> tuple[_Evidence, Dialect, Path] | None:
    if not any(name.encode() in content for name in OUTPUT_FIELDS):
        return best
    found = read_field(content.decode("utf-8", "replace"))
    if found is None:
        return best
    if best is None or (found[0], _age(found[1])) < (best[0], _age(best[1])):
        return (*found, path)
    return best


def read_field(text: str) -> tuple[_Evidence, Dialect] | None:
    """What one Lean source shows: how well, and which dialect; of several dialects the newest counts."""
    source = Source(text)
    parses = FORMAT in source.code or _PARSER.search(source.code) is not None
    asked = {literal.value for literal in source.literals if _is_asked(literal, source.literals)}
    mentioned = {literal.value for literal in source.literals}
    newest_first = list(reversed(DIALECTS.values()))
    for dialect in newest_first:
        if dialect.output_field in asked and parses:
            return _Evidence.IMPORTER, dialect
    for dialect in newest_first:
        if dialect.output_field in asked and INPUT_FIELD in asked:
            return _Evidence.ACCESS, dialect
    for dialect in newest_first:
        if dialect.output_field in mentioned and parses:
            return _Evidence.MENTION, dialect
    return None


def _is_asked(literal: Literal, all_literals: Sequence[Literal]) -> bool:
    """Whether a literal is an argument of a function that reads: `field "root" "output_id" o`, `o["output_id"]?`."""
    before = literal.before
    code = before.rstrip()
    if code.endswith('"'):  # a further argument after another literal
        previous = all_literals[literal.number - 1] if literal.number else None
        return previous is not None and _is_asked(previous, all_literals)
    if code == before and code.endswith("!"):  # an interpolated text
        return False
    if _INDEXED.search(code):
        return True
    if code.endswith(")"):
        return True
    name = _NAME.search(code)
    return name is not None and name[0].rpartition(".")[2] not in _NO_ACCESS


def _age(dialect: Dialect) -> int:
    """Place of a dialect, the newest first."""
    return -list(DIALECTS.values()).index(dialect)


def _sources(package: Path) -> tuple[list[tuple[int, Path]], list[Path], bool]:
    """The Lean sources of a package with their ranks (likely, others, tests), its folders, and whether that is all."""
    found: list[tuple[int, Path]] = []
    folders: list[Path] = []
    entries = 0
    unread: list[OSError] = []
    for folder, names, files in os.walk(package, onerror=unread.append):
        names[:] = sorted(name for name in names if name not in _SKIPPED and not name.startswith("."))
        folders.append(Path(folder))
        entries += len(names) + len(files)
        for name in sorted(files):
            if name.endswith(".lean"):
                path = Path(folder, name)
                shown = path.relative_to(package).as_posix()
                rank = 2 if _LAST.search(shown) else 0 if _LIKELY.search(shown) else 1
                found.append((rank, path))
        if entries > _MOST_ENTRIES:
            return found, folders, False
    return found, folders, not unread
