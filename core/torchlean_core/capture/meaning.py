"""What a model means: a hash of the syntax trees that it uses, in its file and in others (no torch here).

A class means what it says itself, and what its bases, its helpers, constants and decorators say, wherever the
workspace defines them; comments, documentation, blank lines, the way of writing, and what it does not use mean
nothing. Packages that are installed count by the names that are imported from them.
"""

from __future__ import annotations

import ast
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

from torchlean_core.basics.paths import real
from torchlean_core.capture.names import Names, names_in
from torchlean_core.capture.pyfile import Imported, PythonFile, bound, is_guard
from torchlean_core.capture.treetext import tree_text
from torchlean_core.capture.workspace import Read, Sources, Workspace

_VERSION = "torchlean meaning 1"
_MAX_PIECES = 20_000
_PART = 16


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a model of a file means.

    Attributes:
        sha256: Hash of the syntax trees that it uses, in lower-case hex.
        files: The files in which those are, absolute: the model's own first, the others in order.
        parts: A hash of what is used of each file.
        texts: A hash of the text of each file, with plain line ends (`text_hash`).
    """

    sha256: str
    files: tuple[Path, ...]
    parts: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def recorded(self, folder: Path) -> dict[str, object]:
        """What an artifact in a folder records: the field `meaning` of its `captured_from`.

        Hashes of parts are for messages, those of texts tell whether places in them still hold; of one file alone
        they would say nothing new.
        """
        files = self.names(folder)
        more = {"parts": list(self.parts), "texts": list(self.texts)} if len(files) > 1 else {}
        return {"sha256": self.sha256, "files": files, **more}

    def names(self, folder: Path) -> list[str]:
        """The files, from a folder."""
        return [_relative(path, folder) for path in self.files]


def meaning_of(
    file: Path, name: str, *, sources: Sources | None = None, read: Read | None = None
) -> Meaning | None:
    """What a class, function or value at the top of a file means.

    Other files are found as `Workspace` says, by what lies around the model file alone, so that the answer is the same
    for whoever asks.

    Args:
        file: The model's file.
        name: The name in it.
        sources: Reads files and keeps them; asking again costs little as long as they stay as they are.
        read: Gives texts of files that count instead of what is on disk, where there are no `sources`.

    Returns:
        None where the file is not there or does not parse, binds no such name, is nested too deep, or uses more
        files than are read.
    """
    path = real(file)
    workspace = Workspace(path, Sources(read) if sources is None else sources)
    own = workspace.file(path)
    if own is None or name not in own.bindings:
        return None
    try:
        meaning = _Search(workspace, own, name).meaning()
    except RecursionError:
        return None
    return None if workspace.exhausted else meaning


def text_hash(text: str) -> str:
    """A short hash of a file's text, whatever its line ends."""
    plain = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()[:_PART]


def files_of(file: Path, name: str, *, sources: Sources | None = None) -> tuple[Path, ...]:
    """The files whose change can change a model: its own first; that alone where nothing more can be told."""
    meaning = meaning_of(file, name, sources=sources)
    return (real(file),) if meaning is None else meaning.files


class _Piece:
    """A statement of a file's top level, or one name that an import statement there binds."""

    def __init__(self, node: ast.stmt, names: tuple[str, ...], imported: Imported | None = None) -> None:
        self.node = node
        self.names = names
        self.imported = imported
        self.index = 0

    @cached_property
    def refers(self) -> Names:
        return names_in(self.node) if self.imported is None else Names()

    @cached_property
    def text(self) -> str:
        if self.imported is not None:
            one = self.imported
            return f"import {self.names} = {'.' * one.level}{one.module}:{one.name}"
        return tree_text(self.node)

    @property
    def is_definition(self) -> bool:
        return isinstance(self.node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)

    @property
    def acts(self) -> bool:
        """Whether it can do more than bind its names: `Net.forward = …`, `torch.set_default_dtype(…)`."""
        if self.imported is not None or self.is_definition:
            return False
        if isinstance(self.node, ast.Assign | ast.AnnAssign):
            targets = self.node.targets if isinstance(self.node, ast.Assign) else [self.node.target]
            return not all(isinstance(target, ast.Name) for target in targets)
        return True


class _Pieces:
    """The pieces of a file, in order."""

    def __init__(self, file: PythonFile) -> None:
        self.all: list[_Piece] = []
        for node in file.tree.body:
            self.all += self._of(node)
        for index, piece in enumerate(self.all):
            piece.index = index
        self.binding: dict[str, list[_Piece]] = {}
        for piece in self.all:
            for name in piece.names:
                self.binding.setdefault(name, []).append(piece)

    def _of(self, node: ast.stmt) -> Iterator[_Piece]:
        if isinstance(node, ast.If) and is_guard(node.test):
            for inner in node.orelse:
                yield from self._of(inner)
        elif isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield _Piece(node, ("*",), Imported(node.level, node.module or "", None))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for name, imported in bound(node):
                assert isinstance(imported, Imported)
                yield _Piece(node, (name,), imported)
        elif not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
            yield _Piece(node, tuple(dict.fromkeys(name for name, _ in bound(node))))


_PIECES: WeakKeyDictionary[PythonFile, _Pieces] = WeakKeyDictionary()
"""Pieces of files that are kept: their texts are written once."""


def _pieces(file: PythonFile) -> _Pieces:
    found = _PIECES.get(file)
    if found is None:
        found = _PIECES[file] = _Pieces(file)
    return found


class _Search:
    """Collects the pieces that a name uses, through all files."""

    def __init__(self, workspace: Workspace, own: PythonFile, name: str) -> None:
        self._workspace = workspace
        self._own = own
        self._name = name
        self._used: dict[PythonFile, dict[int, _Piece]] = {}
        self._names: dict[PythonFile, set[str]] = {}
        self._seen: set[tuple[PythonFile, tuple[str, ...]]] = set()
        self._pending: list[tuple[PythonFile, tuple[str, ...]]] = [(own, (name,))]

    def meaning(self) -> Meaning:
        while self._pending:
            while self._pending:
                self._use(*self._pending.pop())
            self._use_acting()
        folder = self._own.path.parent
        shown = {file: "" if file is self._own else _relative(file.path, folder) for file in self._used}
        files = sorted(self._used, key=lambda file: shown[file])
        digest = hashlib.sha256(f"{_VERSION}\n{self._name}\n".encode())
        parts = []
        for file in files:
            content = b"".join(text.encode() + b"\n" for text in self._texts(file))
            digest.update(f"file {shown[file]!a}\n".encode() + content)
            parts.append(hashlib.sha256(content).hexdigest()[:_PART])
        return Meaning(
            digest.hexdigest(),
            tuple(file.path for file in files),
            tuple(parts),
            tuple(text_hash(file.text) for file in files),
        )

    def _texts(self, file: PythonFile) -> list[str]:
        """The texts of what is used of a file: sorted where the order says nothing, else as they stand."""
        binding = _pieces(file).binding
        moved: list[str] = []
        kept: list[str] = []
        for _, piece in sorted(self._used[file].items()):
            alone = all(len(binding[name]) == 1 for name in piece.names)
            movable = alone and (piece.is_definition or piece.imported is not None)
            (moved if movable and piece.names != ("*",) else kept).append(piece.text)
        return [*sorted(moved), *kept]

    def _want(self, file: PythonFile, names: tuple[str, ...]) -> None:
        if (file, names) not in self._seen:
            self._seen.add((file, names))
            self._pending.append((file, names))

    def _use(self, file: PythonFile, names: tuple[str, ...]) -> None:
        """Use a dotted name at the top of a file."""
        pieces = _pieces(file)
        binding = pieces.binding.get(names[0], [])
        for piece in binding:
            self._add(file, piece)
            if piece.imported is not None:
                self._import(file, piece.imported, names[1:])
        if not binding:
            for piece in pieces.binding.get("*", []):
                assert piece.imported is not None
                self._add(file, piece)
                self._import(file, piece.imported, names)

    def _add(self, file: PythonFile, piece: _Piece) -> None:
        used = self._used.setdefault(file, {})
        if piece.index in used:
            return
        used[piece.index] = piece
        if sum(map(len, self._used.values())) > _MAX_PIECES:
            raise RecursionError
        self._names.setdefault(file, set()).update(piece.names)
        refers = piece.refers
        for names in refers.chains:
            self._want(file, names)
        for imported in refers.imports:
            self._import(file, imported, ())
        if refers.reflective:
            self._use_all(file)

    def _use_all(self, file: PythonFile) -> None:
        self._used.setdefault(file, {})
        for piece in _pieces(file).all:
            self._add(file, piece)
            if piece.imported is not None:
                self._import(file, piece.imported, ())

    def _use_acting(self) -> None:
        """Use the statements that act on what is used, such as `Net.forward = patched`."""
        for file in list(self._used):
            for piece in _pieces(file).all:
                if piece.acts and any(names[0] in self._names[file] for names in piece.refers.chains):
                    self._add(file, piece)

    def _import(self, file: PythonFile, imported: Imported, rest: tuple[str, ...]) -> None:
        """Use what an import gives, and of that only `rest`, where something is taken from it."""
        path = self._workspace.module(file, imported)
        if path is not None:
            names = rest if imported.name in (None, "*") else (str(imported.name), *rest)
            # `from . import layers` in a package's own file gives the module below.
            self._member(path, names, below=path == file.path)

    def _member(self, path: Path, names: tuple[str, ...], *, below: bool = False) -> None:
        file = self._workspace.file(path) if path.suffix else None
        if not names:
            if file is not None and (file, ()) not in self._seen:
                self._seen.add((file, ()))
                self._use_all(file)
            return
        bindings = {} if file is None else _pieces(file).binding
        if file is not None and (names[0] in bindings or "*" in bindings):
            self._want(file, names)
        if file is not None and "__getattr__" in bindings:
            self._want(file, ("__getattr__",))
        if below or names[0] not in bindings:
            module = self._workspace.submodule(path, names[0])
            if module is not None:
                self._member(module, names[1:])


def _relative(path: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()
