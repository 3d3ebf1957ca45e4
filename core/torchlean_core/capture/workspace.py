"""The Python files of a workspace, read and never run: which file an import means, and what a name in it is."""

from __future__ import annotations

import ast
import io
import os
import threading
import time
import tokenize
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torchlean_core.basics.reading import read_regular
from torchlean_core.capture.pyfile import Imported, PythonFile, chain, parse

Read = Callable[[Path], str | None]
"""Gives the text of a file that an editor has open, which counts instead of the file's; None for other files."""

MAX_SIZE = 1 << 22
"""Bytes of a file that is read; a larger one is data in the form of Python."""
MAX_FILES = 64
"""Files that one question looks into."""

_KEPT = 1_500_000  # bytes of text whose trees are kept: a tree takes some 150 times as much
_SETTLED = 100_000_000  # ns: a file that was just written may be written again within one tick of its clock
_PROJECT = ("pyproject.toml", "setup.py", "setup.cfg")


@dataclass(slots=True)
class _Entry:
    stat: tuple[int, int, int] | None
    read_at: int
    content: bytes | str
    file: PythonFile | None


class Sources:
    """Reads Python files, each once as long as it stays as it is (by its time and size on disk).

    Args:
        read: Gives texts of open files.
    """

    def __init__(self, read: Read | None = None) -> None:
        self._read = read
        self._known: dict[Path, _Entry] = {}
        self._lock = threading.Lock()

    def opened(self, path: Path) -> str | None:
        """The text of a file that counts instead of what is on disk; None where there is none."""
        return self._read(path) if self._read is not None else None

    def file(self, path: Path) -> PythonFile | None:
        """A file, parsed; None where there is none, or it is too large, cannot be decoded or is not Python.

        Of an open file that is not Python at the moment, the last text that was.
        """
        text = self.opened(path)
        known = self._known.get(path)
        if text is not None:
            if known is None or known.content != text:
                file = _parsed(path, text)
                if file is None and known is not None:
                    file = known.file
                known = self._keep(path, _Entry(None, 0, text, file))
            return known.file
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if known is not None and known.stat == stamp and known.read_at - stamp[0] > _SETTLED:
                return known.file
            now = time.time_ns()
            content = read_regular(path, MAX_SIZE)
        except (OSError, ValueError):  # not there or not to be read; no name for a file, in the latter case
            return None
        if known is not None and known.content == content:
            known.stat, known.read_at = stamp, now
            return known.file
        text = decoded(content)
        parsed = None if text is None else _parsed(path, text)
        return self._keep(path, _Entry(stamp, now, content, parsed)).file

    def _keep(self, path: Path, entry: _Entry) -> _Entry:
        with self._lock:
            self._known.pop(path, None)
            self._known[path] = entry
            size = sum(len(one.content) for one in self._known.values())
            for old in list(self._known):
                if size <= _KEPT or old == path:
                    break
                size -= len(self._known.pop(old).content)
        return entry


def decoded(content: bytes) -> str | None:
    """The text of a Python file with these bytes; None where it is not in the encoding it declares."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return io.TextIOWrapper(io.BytesIO(content), encoding).read()
    except (SyntaxError, ValueError, LookupError):
        return None


def _parsed(path: Path, text: str) -> PythonFile | None:
    tree = parse(text)
    return None if tree is None else PythonFile(path, text, tree)


@dataclass(frozen=True, slots=True)
class ModuleRef:
    """A module of the workspace.

    Attributes:
        path: Its file; of a package without `__init__.py`, the folder.
    """

    path: Path


@dataclass(frozen=True, slots=True)
class ClassRef:
    """A class at the top of a file of the workspace."""

    file: PythonFile
    node: ast.ClassDef


@dataclass(frozen=True, slots=True)
class ValueRef:
    """Something else that a file of the workspace binds: an expression or a function."""

    file: PythonFile
    node: ast.AST


@dataclass(frozen=True, slots=True)
class External:
    """Something that no file of the workspace defines, by its full name (`torch.nn.Module`)."""

    name: str


Ref = ModuleRef | ClassRef | ValueRef | External


class Workspace:
    """Answers questions about one model file; made anew for each question, so that it sees files as they are.

    An import is looked for as `python model.py` would: beside the model file; then above the package in which it
    lies, in the folder of its project (with `pyproject.toml` or `setup.py`) and the `src` in that; then in `roots`.

    Args:
        main: The model file.
        sources: Reads files.
        roots: Folders in which modules are looked for, too.

    Attributes:
        exhausted: Whether more files were asked for than are read, so that an answer may lack something.
    """

    def __init__(self, main: Path, sources: Sources | None = None, roots: Sequence[Path] = ()) -> None:
        self.main = main
        self.exhausted = False
        self._sources = Sources() if sources is None else sources
        self._roots = [main.parent, *(folder for folder in _above(main)), *roots]
        self._files: dict[Path, PythonFile | None] = {}
        self._found: dict[tuple[Path | None, str], Path | None] = {}

    def add(self, file: PythonFile) -> None:
        """Use this text for a file."""
        self._files[file.path] = file

    def file(self, path: Path) -> PythonFile | None:
        """A file, parsed; None where it cannot be, or too many were asked for already."""
        if path not in self._files:
            if len(self._files) >= MAX_FILES:
                self.exhausted = True
                return None
            self._files[path] = self._sources.file(path)
        return self._files[path]

    def module(self, importing: PythonFile, imported: Imported) -> Path | None:
        """The file of an imported module of the workspace; the folder, of a package without `__init__.py`."""
        if not imported.level:
            return self._absolute(imported.module)
        folder = importing.path.parent
        for _ in range(imported.level - 1):
            folder = folder.parent
        return self._below(folder, imported.module)

    def _absolute(self, dotted: str) -> Path | None:
        key = (None, dotted)
        if key not in self._found:
            top = dotted.partition(".")[0]
            # As Python does, the first folder that has the top module is the one in which the rest is looked for.
            folders = (folder for folder in self._roots if self._below(folder, top) is not None)
            folder = next(folders, None)
            self._found[key] = None if folder is None else self._below(folder, dotted)
        return self._found[key]

    def _below(self, folder: Path, dotted: str) -> Path | None:
        key = (folder, dotted)
        if key not in self._found:
            path = folder.joinpath(*dotted.split(".")) if dotted else folder
            self._found[key] = _module_file(path, is_top=not dotted)
        return self._found[key]

    # -- names ----------------------------------------------------------------------------------------------

    def resolve(self, file: PythonFile, expression: ast.expr) -> Iterator[Ref]:
        """What a dotted name means at the top of a file; several answers where several statements bind it."""
        names = chain(expression)
        if names is not None:
            yield from self._resolve(file, names, frozenset())

    def _resolve(
        self, file: PythonFile, names: tuple[str, ...], seen: frozenset[tuple[Path, str]]
    ) -> Iterator[Ref]:
        root, rest = names[0], names[1:]
        key = (file.path, root)
        if key in seen:
            return
        seen = seen | {key}
        bindings = file.bindings.get(root, [])
        for value in dict.fromkeys(binding.value for binding in bindings):
            if isinstance(value, Imported):
                yield from self._imported(file, value, rest, seen)
            elif isinstance(value, ast.ClassDef):
                if not rest:
                    yield ClassRef(file, value)
            elif value is not None and isinstance(value, ast.expr) and (alias := chain(value)) is not None:
                yield from self._resolve(file, (*alias, *rest), seen)
            elif value is not None and not rest:
                yield ValueRef(file, value)
        if not bindings:
            found = False
            for star in file.stars:
                for ref in self._imported(file, star, names, seen):
                    found = found or not isinstance(ref, External)
                    yield ref
            if not found and not file.stars:
                yield External(".".join(names))

    def _imported(
        self, file: PythonFile, imported: Imported, rest: tuple[str, ...], seen: frozenset[tuple[Path, str]]
    ) -> Iterator[Ref]:
        path = self.module(file, imported)
        names = rest if imported.name is None else (imported.name, *rest)
        if path is None:
            dots = "." * imported.level
            yield External(".".join([dots + imported.module, *names]))
        else:
            yield from self._member(path, names, seen)

    def _member(self, path: Path, names: tuple[str, ...], seen: frozenset[tuple[Path, str]]) -> Iterator[Ref]:
        if not names:
            yield ModuleRef(path)
            return
        file = self.file(path) if path.suffix else None
        # `from . import layers` in a package's own file binds the name to the module below.
        own = file is not None and (file.path, names[0]) not in seen
        if file is not None and own and (names[0] in file.bindings or file.stars):
            yield from self._resolve(file, names, seen)
        if file is None or not own or names[0] not in file.bindings:
            below = self.submodule(path, names[0])
            if below is not None:
                yield from self._member(below, names[1:], seen)

    def submodule(self, path: Path, name: str) -> Path | None:
        """The module of a name in a package."""
        if path.suffix and path.name != "__init__.py":
            return None
        return self._below(path.parent if path.suffix else path, name)

    def bases(self, ref: ClassRef) -> list[Ref]:
        """What the bases of a class are; `Generic[T]` counts as `Generic`."""
        found: list[Ref] = []
        for base in ref.node.bases:
            inner = base.value if isinstance(base, ast.Subscript) else base
            found += self.resolve(ref.file, inner)
        return found

    def ancestry(self, ref: ClassRef) -> list[ClassRef | External]:
        """A class and all that it derives from, nearest first (depth first, each once)."""
        found: list[ClassRef | External] = []
        seen: set[object] = set()
        pending: list[Ref] = [ref]
        while pending and len(found) < 200:
            item = pending.pop(0)
            key = id(item.node) if isinstance(item, ClassRef) else item
            if key in seen:
                continue
            seen.add(key)
            if isinstance(item, ClassRef):
                found.append(item)
                pending = [*self.bases(item), *pending]
            elif isinstance(item, External):
                found.append(item)
        return found


def _module_file(path: Path, *, is_top: bool) -> Path | None:
    """The file of a module with this path; the folder, where it is a package without `__init__.py`."""
    try:
        if (path / "__init__.py").is_file():
            return path / "__init__.py"
        if not is_top and path.with_name(f"{path.name}.py").is_file():
            return path.with_name(f"{path.name}.py")
        return path if path.is_dir() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def _above(main: Path) -> Iterator[Path]:
    """The folder above the package in which a file lies, and the folders of its project."""
    folder = main.parent
    if _exists(folder / "__init__.py"):
        while folder.parent != folder and _exists(folder / "__init__.py"):
            folder = folder.parent
        yield folder
    yield from project_folders(main)


def project_folders(main: Path) -> Iterator[Path]:
    """The folder of a file's project, and the `src` in it: modules that lie there can be imported."""
    for folder in main.parents:
        if any(_exists(folder / name) for name in _PROJECT):
            yield folder
            yield folder / "src"
            return


def _exists(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 -- many of these, and a Path costs more than the look
