"""Settings: `torchlean.toml`, or `[tool.torchlean]` in `pyproject.toml`; the nearest going up applies.

`python -m torchlean_core.config FOLDER` writes the settings' JSON Schema; `schema/` holds the checked-in copy.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.approximations import known_approximations
from torchlean_core.basics.reading import MOST_SETTINGS, names_host, read_regular, require_within_project
from torchlean_core.dialect_around import AUTO, CHOICES
from torchlean_core.errors import UsageError
from torchlean_core.options.capture import Options as CaptureOptions

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

NAMES = ("torchlean.toml", "pyproject.toml")
"""Names of settings files; in one folder the first one wins."""
SCHEMA_NAME = "torchlean.toml.schema.json"

_CODE = re.compile(r"TL[0-9]{0,3}")
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


@dataclass(frozen=True)
class Settings:
    """What one settings file says, or the defaults.

    Attributes:
        path: The file; None for the defaults.
        select: Prefixes of the codes to report; None for all.
        ignore: Prefixes of codes not to report.
        exclude: Patterns (as in `.gitignore`) of files and folders that a search leaves out, relative to the
            file's folder.
        per_file_ignores: Pattern to prefixes of codes not to report in files that match.
        dialect: Name of the dialect that captures write, or `auto`.
        capture: `FILE.py:Name`, `FILE.pt2` or `FILE.onnx`, the file relative to this one's folder, to its settings.
    """

    path: Path | None = None
    select: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dialect: str = AUTO
    capture: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def excludes(self, path: Path, *, folder: bool = False) -> bool:
        """Whether a search leaves a file (or folder) out."""
        return bool(self.exclude) and self._excluded.match_file(self._relative(path) + "/" * folder)

    def ignored_in(self, path: Path) -> tuple[str, ...]:
        """The codes that `per-file-ignores` takes out of one file."""
        if not self.per_file_ignores:
            return ()
        name = self._relative(path)
        return tuple(code for spec, codes in self._per_file if spec.match_file(name) for code in codes)

    def _relative(self, path: Path) -> str:
        assert self.path is not None, "the defaults have no patterns"
        return Path(os.path.relpath(path, self.path.parent)).as_posix()

    @cached_property
    def _excluded(self) -> GitIgnoreSpec:
        return _spec(self.exclude)

    @cached_property
    def _per_file(self) -> list[tuple[GitIgnoreSpec, tuple[str, ...]]]:
        return [(_spec((glob,)), codes) for glob, codes in self.per_file_ignores.items()]


def _spec(globs: tuple[str, ...]) -> GitIgnoreSpec:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(globs)


class SettingsFinder:
    """Finds the settings of files; each folder is looked at once.

    Args:
        on_error: Told, once each, of settings files that cannot be read or have something wrong in them, in whose place
            the defaults apply then. None: that is an error.
    """

    def __init__(self, on_error: Callable[[Path, UsageError], None] | None = None) -> None:
        self._known: dict[Path, Settings] = {}
        self._on_error = on_error

    def of_file(self, path: Path) -> Settings:
        """The settings of a file.

        Raises:
            UsageError: The settings file cannot be read, or something in it is wrong.
        """
        return self.of_folder(_absolute(path).parent)

    def of_folder(self, folder: Path) -> Settings:
        """The settings in a folder, or else in the nearest one above it.

        Raises:
            UsageError: The settings file cannot be read, or something in it is wrong.
        """
        folder = _absolute(folder)
        looked: list[Path] = []
        for at in (folder, *folder.parents):
            found = self._known.get(at)
            if found is None:
                looked.append(at)
                found = self._in_folder(at)
            if found is not None:
                break
        else:
            found = Settings()
        self._known |= dict.fromkeys(looked, found)
        return found

    def _in_folder(self, folder: Path) -> Settings | None:
        for name in NAMES:
            try:
                table = read_table(folder / name)
                if table is not None:
                    return parse_settings(folder / name, table)
            except UsageError as error:
                if self._on_error is None:
                    raise
                self._on_error(folder / name, error)
                return Settings()
        return None


def _absolute(path: Path) -> Path:
    """An absolute path without `..`; links are kept, since a file is where its user sees it."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - of an absolute one, no working directory is needed


def read_table(path: Path) -> dict[str, Any] | None:
    """The settings in a file as TOML has them; None where there are none.

    Raises:
        UsageError: The file cannot be read, or is not TOML.
    """
    try:
        require_within_project(path)
        content = read_regular(path, MOST_SETTINGS)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    is_project = path.name == "pyproject.toml"
    if is_project and b"torchlean" not in content:
        return None  # someone else's, broken or not
    import tomllib

    try:
        table = tomllib.loads(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{path}:{line}: not UTF-8") from error
    except RecursionError as error:
        raise UsageError(f"{path}: nested too deep") from error
    except ValueError as error:
        raise UsageError(_syntax_message(path, str(error), content)) from error
    if not is_project:
        return table
    tool = table.get("tool")
    if not isinstance(tool, dict) or "torchlean" not in tool:
        return None
    if not isinstance(tool["torchlean"], dict):
        raise UsageError(f"{path}: tool.torchlean: expected a table, found {_found(tool['torchlean'])}")
    return tool["torchlean"]


def _syntax_message(path: Path, message: str, content: bytes) -> str:
    place = _PLACE.search(message)
    where = f"{place[1]}:{place[2]}" if place else str(len(content.splitlines()))
    return f"{path}:{where}: not TOML: {_PLACE.sub('', message)}"


# -- the settings ---------------------------------------------------------------------------------------------


class _Wrong(Exception):
    """A value is not what a setting expects: (key, expected, value)."""


@dataclass(frozen=True)
class _Setting:
    """One setting: its name in TOML, what it does, how it is read, and what its JSON Schema is."""

    name: str
    doc: str
    read: Callable[[str, Any], Any]
    schema: dict[str, Any]


def _codes(key: str, value: Any) -> tuple[str, ...]:
    from torchlean_core.check.rules import RULES

    if not isinstance(value, list):
        raise _Wrong(key, 'a list of rule codes or their beginnings, such as ["TL2", "TL401"]', value)
    for code in value:
        if not isinstance(code, str) or not code or not any(known.startswith(code) for known in RULES):
            raise _Wrong(key, "codes of rules or their beginnings (`torchlean rules` lists them)", code)
    return tuple(value)


def _globs(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(glob, str) for glob in value):
        raise _Wrong(key, 'a list of patterns, such as ["build/", "*.draft.ir.json"]', value)
    for glob in value:
        _check_glob(key, glob)
    return tuple(value)


def _check_glob(key: str, glob: str) -> None:
    try:
        _spec((glob,))
    except ValueError:
        raise _Wrong(key, "patterns as in .gitignore", glob) from None


def _per_file(key: str, value: Any) -> dict[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise _Wrong(key, 'a table of patterns and codes, such as {"old/*" = ["TL401"]}', value)
    for glob in value:
        _check_glob(key, glob)
    return {glob: _codes(f'{key}."{glob}"', codes) for glob, codes in value.items()}


def _dialect(key: str, value: Any) -> str:
    if value not in CHOICES:
        raise _Wrong(key, f"one of {', '.join(map(json.dumps, CHOICES))}", value)
    return str(value)


@dataclass(frozen=True)
class _CaptureSetting:
    """One setting of a capture: what it does, its JSON Schema, what is a right value, and that in words."""

    doc: str
    schema: dict[str, Any]
    accepts: Callable[[Any], bool]
    expected: str


def _option_type(option: Field[Any]) -> tuple[str, dict[str, Any], Callable[[Any], bool], str]:
    """Type of an option in JSON, the rest of its schema, what is a right value, and that in words."""
    if isinstance(option.default, bool):
        return "boolean", {}, lambda value: isinstance(value, bool), "true or false"
    if isinstance(option.default, str):
        choices = option.metadata["choices"]
        return (
            "string",
            {"enum": list(choices)},
            lambda value: value in choices,
            f"one of {', '.join(map(json.dumps, choices))}",
        )
    if isinstance(option.default, int):
        return "integer", {"minimum": 0}, lambda value: type(value) is int and value >= 0, "a number >= 0"
    known = known_approximations()
    return (
        "array",
        {"items": {"enum": known}},
        lambda value: isinstance(value, list) and all(text in known for text in value),
        f"a list of some of {json.dumps(known)}",
    )


def _capture_settings() -> dict[str, _CaptureSetting]:
    """The settings that a capture may have: shape, output, time limit, and every option."""
    settings = {
        "example-shape": _CaptureSetting(
            "Shape of the model's input.",
            {"type": "array", "items": {"type": "integer", "minimum": 1}},
            lambda value: isinstance(value, list) and all(type(dim) is int and dim > 0 for dim in value),
            "positive sizes such as [1, 4]",
        ),
        "output": _CaptureSetting(
            "The artifact's file, relative to this one; `torchlean capture` captures all models that have it.",
            {"type": "string", "minLength": 1},
            lambda value: isinstance(value, str) and bool(value) and not names_host(value),
            'a file name such as "model.ir.json"',
        ),
        "timeout": _CaptureSetting(
            "End the capture after so many seconds.",
            {"type": "number", "exclusiveMinimum": 0},
            lambda value: type(value) in (int, float) and 0 < value < float("inf"),
            "a number of seconds greater than 0",
        ),
    }
    for option in fields(CaptureOptions):
        text = option.metadata["help"]
        doc = f"{text[0].upper()}{text[1:]}."
        kind, schema, accepts, expected = _option_type(option)
        settings[option.name.replace("_", "-")] = _CaptureSetting(
            doc, {"type": kind, **schema}, accepts, expected
        )
    return settings


_CAPTURE = _capture_settings()


def _capture(key: str, value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict):
        raise _Wrong(key, 'a table for each model, such as [capture."model.py:Name"]', value)
    for target, entry in value.items():
        name = f'{key}."{target}"'
        if not isinstance(entry, dict):
            raise _Wrong(name, "a table, such as {example-shape = [1, 4]}", entry)
        for option, content in entry.items():
            if option not in _CAPTURE:
                raise _Wrong(f"{name}.{option}", f"no such setting; {_hint(option, _CAPTURE)}", None)
            if not _CAPTURE[option].accepts(content):
                raise _Wrong(f"{name}.{option}", _CAPTURE[option].expected, content)
    return value


def _hint(key: str, known: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}"


_CODES_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {"type": "string", "pattern": f"^{_CODE.pattern}$"},
}
_GLOBS_SCHEMA: dict[str, Any] = {"type": "array", "items": {"type": "string"}}

SETTINGS: tuple[_Setting, ...] = (
    _Setting("select", "Report these codes only (beginnings of codes count).", _codes, _CODES_SCHEMA),
    _Setting("ignore", "Do not report these codes (beginnings of codes count).", _codes, _CODES_SCHEMA),
    _Setting(
        "exclude",
        "Files and folders that a search leaves out: patterns as in .gitignore, relative to this file.",
        _globs,
        _GLOBS_SCHEMA,
    ),
    _Setting(
        "per-file-ignores",
        "Codes not to report in the files that match a pattern, relative to this file.",
        _per_file,
        {"type": "object", "additionalProperties": _CODES_SCHEMA},
    ),
    _Setting(
        "dialect",
        "Dialect that captures write; auto: that of the artifact that is replaced, or else the one that the "
        "project's TorchLean reads, or of most others in its folder.",
        _dialect,
        {"type": "string", "enum": list(CHOICES)},
    ),
    _Setting(
        "capture",
        'How to capture a model, by "FILE.py:Name", "FILE.pt2" or "FILE.onnx", the file relative to this one.',
        _capture,
        {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    name: {**setting.schema, "description": setting.doc} for name, setting in _CAPTURE.items()
                },
            },
        },
    ),
)


def parse_settings(path: Path, table: Mapping[str, Any]) -> Settings:
    """The settings in a TOML table.

    Raises:
        UsageError: A key is unknown, or a value is not what its setting expects.
    """
    prefix = "tool.torchlean." if path.name == "pyproject.toml" else ""
    known = {setting.name: setting for setting in SETTINGS}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise UsageError(f"{path}: {prefix}{key}: no such setting; {_hint(key, known)}")
        try:
            values[key.replace("-", "_")] = known[key].read(prefix + key, value)
        except _Wrong as wrong:
            name, expected, found = wrong.args
            tail = "" if found is None else f", found {_found(found)}"
            raise UsageError(f"{path}: {name}: {'expected ' if tail else ''}{expected}{tail}") from None
    return Settings(path=path, **values)


def _found(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a table"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:59] + "…"


def settings_schema() -> dict[str, Any]:
    """The JSON Schema (draft-07, which TOML language servers read) of `torchlean.toml`."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": f"https://raw.githubusercontent.com/torchlean/torchlean-ls/main/schema/{SCHEMA_NAME}",
        "title": "torchlean.toml",
        "description": "Settings of torchlean; also the table [tool.torchlean] of a pyproject.toml.",
        "type": "object",
        "additionalProperties": False,
        "properties": {setting.name: {"description": setting.doc, **setting.schema} for setting in SETTINGS},
    }


def schema_text() -> str:
    """The schema file's text."""
    return json.dumps(settings_schema(), indent=2) + "\n"


if __name__ == "__main__":
    from torchlean_core.files import write_text

    write_text(Path(sys.argv[1]) / SCHEMA_NAME, schema_text())
