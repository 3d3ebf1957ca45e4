"""What a Lake project's own files say of TorchLean: whether it is required, where from, and at which revision.

Nothing is run: the manifest and `lakefile.toml` are data, and of `lakefile.lean` only the lines that name packages are
read.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchlean_core.lean.lexer import Source
from torchlean_core.lean.reading import Unreadable, is_folder, read_regular

NAME = "TorchLean"
"""Name of the package; capital or not."""

MANIFEST = "lake-manifest.json"
LAKEFILES = ("lakefile.lean", "lakefile.toml")
"""In the order in which Lake looks for them: the first one counts."""

FILES = (MANIFEST, *LAKEFILES)
"""Files that make a folder a Lake project."""

_PACKAGES = ".lake/packages"
_MOST_PACKAGES = 10_000

_PACKAGE = re.compile(r"^[ \t]*package\s+«?\"?([\w.-]+)", re.MULTILINE)
_REQUIRE = re.compile(r"^[ \t]*require\s+(?:\"[^\"\n]*\"\s*/\s*)?[«\"]?(?P<name>[\w.-]+)[»\"]?", re.MULTILINE)
_NEXT = re.compile(r"^[ \t]*(?:(?:require|package|lean_lib|lean_exe)\b|@\[)", re.MULTILINE)
_FROM_GIT = re.compile(r"\bgit\b[^\"]{0,200}\"[^\"]*\"(?:\s*@\s*\"(?P<rev>[^\"]*)\")?")
_FROM_PATH = re.compile(r"\s*(?:@[^\n]{0,200}?)?\s*from\s+(?P<path>\"[^\"]*\"(?:\s*/\s*\"[^\"]*\")*)")
_MOST_CODE = 2_000
"""Characters that what is required may take."""
_VERSION = re.compile(r"\s*@\s*(?:git\s*)?\"(?P<rev>[^\"]*)\"")


@dataclass(frozen=True, slots=True)
class Lake:
    """What a Lake project says of TorchLean.

    Attributes:
        folder: The project's folder.
        is_torchlean: Whether it is TorchLean itself.
        required: Whether TorchLean is required.
        package: The folder of TorchLean's sources; None where they are not there.
        revision: Its revision (of a git package), else empty.
        expected: Where its sources should be, in words; empty where that is not known.
        troubles: What could not be read, in words.
    """

    folder: Path
    is_torchlean: bool = False
    required: bool = False
    package: Path | None = None
    revision: str = ""
    expected: str = ""
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Dependency:
    """A package that is required: its name, its folder where that is known (relative to the project), its revision."""

    name: str
    folder: str | None = None
    revision: str = ""
    locked: bool = False


def is_project(folder: Path) -> bool:
    """Whether a folder holds a Lake project."""
    return any(os.path.lexists(folder / name) for name in FILES)


def read_project(folder: Path) -> Lake:
    """What the project in a folder says."""
    troubles: list[str] = []
    manifest = _guarded(_manifest, folder, MANIFEST, troubles) or {}
    own, required = _lakefile(folder, troubles)
    names = [*own, manifest.get("name")]
    if any(_is_torchlean(name) for name in names):
        return Lake(folder, is_torchlean=True, required=True, package=folder, troubles=tuple(troubles))
    packages = _text(manifest.get("packagesDir")) or _PACKAGES
    locked = [one for one in _locked(manifest, packages) if _is_torchlean(one.name)]
    wanted = [one for one in required if _is_torchlean(one.name)]
    found = next(iter([*locked, *wanted]), None)
    if found is None:
        return Lake(folder, troubles=tuple(troubles))
    place = found.folder if found.folder is not None else f"{packages}/{found.name}"
    path = _existing(folder, place)
    return Lake(
        folder,
        required=True,
        package=path,
        revision=found.revision,
        expected=place,
        troubles=tuple(troubles),
    )


def _existing(folder: Path, place: str) -> Path | None:
    """The folder at a place, its last name capital or not."""
    path = Path(os.path.normpath(folder / place))
    if is_folder(path):
        return path
    try:
        with os.scandir(path.parent) as entries:
            for number, entry in enumerate(entries):
                if number == _MOST_PACKAGES:
                    break
                if entry.name.casefold() == path.name.casefold() and is_folder(Path(entry.path)):
                    return Path(entry.path)
    except OSError:
        return None  # there is no such folder, or one that nobody may read
    return None


def _is_torchlean(name: Any) -> bool:
    return isinstance(name, str) and name.strip("«»").casefold() == NAME.casefold()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and "\0" not in value else None


def _guarded(read: Any, folder: Path, name: str, troubles: list[str]) -> Any:
    """What a file says; None where it is missing, or cannot be read, which becomes a trouble."""
    try:
        content = read_regular(folder / name)
        return None if content is None else read(content.decode("utf-8"))
    except Unreadable as trouble:
        troubles.append(str(trouble))
    except UnicodeDecodeError:
        troubles.append(f"{name} is not UTF-8")
    except (ValueError, RecursionError):
        troubles.append(f"{name} is not {'TOML' if name.endswith('.toml') else 'JSON'}")
    return None


# -- the manifest ---------------------------------------------------------------------------------------------


def _manifest(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _locked(manifest: Mapping[str, Any], packages: str) -> Iterator[_Dependency]:
    """The packages of a manifest, of today's form and of the older one, which nests them."""
    entries = manifest.get("packages")
    for outer in entries if isinstance(entries, list) else ():
        if not isinstance(outer, dict):
            continue
        nested = next((kind for kind in ("git", "path") if isinstance(outer.get(kind), dict)), None)
        entry = outer if nested is None else outer[nested]
        kind = outer.get("type") if nested is None else nested
        name = _text(entry.get("name"))
        if name is None:
            continue
        if kind == "path":
            yield _Dependency(name, _text(entry.get("dir")), locked=True)
            continue
        inside = _text(entry.get("subDir?" if nested else "subDir"))
        folder = f"{packages}/{name.strip('«»')}" + ("" if inside is None else f"/{inside}")
        revision = _text(entry.get("rev")) or _text(entry.get("inputRev")) or ""
        yield _Dependency(name, folder, revision, locked=True)


# -- the lakefile ---------------------------------------------------------------------------------------------


def _lakefile(folder: Path, troubles: list[str]) -> tuple[list[str], list[_Dependency]]:
    """Name of the project, and what it requires."""
    for name in LAKEFILES:
        if os.path.lexists(folder / name):
            read = _toml if name.endswith(".toml") else _lean
            return _guarded(read, folder, name, troubles) or ([], [])
    return [], []


def _toml(text: str) -> tuple[list[str], list[_Dependency]]:
    import tomllib

    table = tomllib.loads(text)
    required = table.get("require")
    found = []
    for entry in required if isinstance(required, list) else ():
        name = _text(entry.get("name")) if isinstance(entry, dict) else None
        if name is not None:
            revision = _text(entry.get("rev")) or _text(entry.get("version")) or ""
            found.append(_Dependency(name, _text(entry.get("path")), revision))
    own = _text(table.get("name"))
    return ([] if own is None else [own]), found


def _lean(text: str) -> tuple[list[str], list[_Dependency]]:
    code = Source(text).code
    found = []
    for match in _REQUIRE.finditer(code):
        rest = code[match.end() : match.end() + _MOST_CODE]
        if (end := _NEXT.search(rest)) is not None:
            rest = rest[: end.start()]
        path, git = _FROM_PATH.match(rest), _FROM_GIT.search(rest)
        version = _VERSION.match(rest)
        folder = None
        if path is not None:
            folder = "/".join(re.findall(r"\"([^\"]*)\"", path["path"]))
        revision = (git and git["rev"]) or (version and version["rev"]) or ""
        found.append(_Dependency(match["name"], folder, revision))
    return _PACKAGE.findall(code), found
