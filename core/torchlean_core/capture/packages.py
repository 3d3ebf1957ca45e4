"""The package that a model file is a module of, as `python -m package.module` would have it (no torch here)."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from torchlean_core.capture.target import read_source
from torchlean_core.errors import UserError

_MOST_FILES = 200


@dataclass(frozen=True, slots=True)
class Package:
    """Where a file stands in its package.

    Attributes:
        root: The folder that the outermost package lies in: what `python -m` is run in.
        parent: Dotted name of the file's package.
        name: Dotted name of its module; that of the package for an `__init__.py`.
    """

    root: Path
    parent: str
    name: str


def package_of(file: Path, source: str) -> Package | None:
    """The package of a file.

    It reaches up through all folders with an `__init__.py`, and as far as relative imports need it, of the file and
    of those that it imports so: folders without `__init__.py` are packages, too.

    Args:
        file: Absolute path.
        source: Its text.

    Returns:
        None for a file that lies in no package, or in one whose name is something else's.
    """
    top = _outermost(file, source)
    if top is None:
        return None
    inner = file.parent.relative_to(top.parent).parts
    if any("." in name for name in (*inner, file.stem)) or not _is_free(top):
        return None
    parent = ".".join(inner)
    return Package(top.parent, parent, parent if file.stem == "__init__" else f"{parent}.{file.stem}")


def _is_free(package: Path) -> bool:
    """Whether the name of a folder, imported, would be that folder."""
    loaded = sys.modules.get(package.name)
    if (package / "__init__.py").is_file():
        return loaded is None or getattr(loaded, "__file__", None) == str(package / "__init__.py")
    if loaded is not None:
        return str(package) in map(str, getattr(loaded, "__path__", ()))
    # Wherever it stands in the path, a module hides a folder without `__init__.py`.
    spec = importlib.util.find_spec(package.name)
    return spec is None or spec.origin is None


def _outermost(file: Path, source: str) -> Path | None:
    """The outermost folder that has to be a package; None where none has to."""
    top = _reaching(file.parent) if (file.parent / "__init__.py").is_file() else None
    pending, seen = [(file, source)], {file}
    while pending and len(seen) < _MOST_FILES:
        importing, text = pending.pop()
        for folder, dotted in _relative_imports(importing, text):
            if top is None or folder in top.parents:
                top = _reaching(folder)
            path = folder.joinpath(*dotted)
            for found in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
                if found not in seen and found.is_file():
                    seen.add(found)
                    pending.append((found, _text(found)))
    return top


def _reaching(folder: Path) -> Path:
    """The outermost of the packages with `__init__.py` around a folder; the folder itself where it is in none."""
    while (folder.parent / "__init__.py").is_file() and folder.parent.name:
        folder = folder.parent
    return folder


def _relative_imports(file: Path, source: str) -> Iterator[tuple[Path, list[str]]]:
    """The folder in which each relative import of a file begins, and the path of a module below it."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # told where it is imported
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level or node.level > len(file.parents):
            continue
        folder = file.parents[node.level - 1]
        if not folder.name:  # the root of the file system is no package
            continue
        dotted = node.module.split(".") if node.module else []
        yield folder, dotted
        yield from ((folder, [*dotted, alias.name]) for alias in node.names)


def _text(file: Path) -> str:
    try:
        return read_source(file)
    except UserError:
        return ""
