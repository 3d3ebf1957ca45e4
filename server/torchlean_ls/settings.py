"""Settings that the client gives, checked; what is not understood keeps its default, and is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from torchlean_core.dialect_around import AUTO, CHOICES

Validate = Literal["onType", "onSave", "off"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings under `torchlean.*`.

    Attributes:
        enable: Whether the server does anything.
        validate: When findings are shown: while one types, after saving, or never.
        capture_on_save: Whether saving a model captures it again; never in a workspace that is not trusted.
        refresh_on_save: Whether saving an artifact writes its generated module again, unless that was edited.
        warm_worker: Whether torch is loaded ahead of commands; never in a workspace that is not trusted.
        capture_on_type: Whether a text that rests is captured without being saved, and nothing written; as above.
        parent_hints: Whether inlay hints show kind and shape behind every parent id.
        target_hints: Whether inlay hints show the operator that a node was captured from.
        shape_hints: Whether inlay hints show shapes at the ends of lines of Python models.
        artifacts: Patterns of files that are artifacts whatever their name says.
        python: Interpreter that workers run in; None for the server's own.
        device: Device of commands that compute.
        dialect: Name of the dialect that captures write where no settings file says it, or `auto`.
        time_limit: Seconds after which a capture is stopped.
        memory_limit: Bytes of memory that a capture may use; None for no limit.
    """

    enable: bool = True
    validate: Validate = "onType"
    capture_on_save: bool = False
    refresh_on_save: bool = False
    warm_worker: bool = True
    capture_on_type: bool = False
    parent_hints: bool = True
    target_hints: bool = True
    shape_hints: bool = True
    artifacts: tuple[str, ...] = ()
    python: str | None = None
    device: str = "auto"
    dialect: str = AUTO
    time_limit: float = 120.0
    memory_limit: int | None = None

    @classmethod
    def read(cls, values: Any) -> Settings:
        """Settings from the client's `torchlean` section; what is not understood keeps its default."""
        if not isinstance(values, Mapping):
            return cls()
        found = {}
        for one in _TABLE:
            value = _part(values, one.name)
            if one.field is not None and value is not None and one.good(value):
                found[one.field] = one.take(value)
        if values.get("inlayHints") is False or _part(values, "inlayHints.enable") is False:
            found |= dict.fromkeys(("parent_hints", "target_hints", "shape_hints"), False)
        return cls(**found)


def complaints(values: Any) -> list[str]:
    """What is wrong with the client's `torchlean` section: expected and found; null counts as not set."""
    if values is None:
        return []
    if not isinstance(values, Mapping):
        return [f"torchlean: expected an object, found {_shown(values)}"]
    found = []
    for one in _TABLE:
        value = _part(values, one.name)
        if value is not None and not one.good(value):
            found.append(f"torchlean.{one.name}: expected {one.expected}, found {_shown(value)}")
    return found


class _Setting(NamedTuple):
    """A setting of the client.

    Attributes:
        name: Its name under `torchlean`.
        expected: What it should be, in words.
        good: Whether a value is that.
        field: The field of `Settings` that it gives; None where others are made of it.
        take: Makes the field's value of it.
    """

    name: str
    expected: str
    good: Callable[[Any], bool]
    field: str | None = None
    take: Callable[[Any], Any] = lambda value: value


def _flag(name: str, field: str | None) -> _Setting:
    return _Setting(name, "true or false", lambda value: isinstance(value, bool), field)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


_WHEN = ("onType", "onSave", "off")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")
_MIB = 1024 * 1024

_TABLE = (
    _flag("enable", "enable"),
    _Setting(
        "validate",
        "onType, onSave or off",
        lambda value: value is False or isinstance(value, Mapping) or value in _WHEN,
        "validate",
        lambda value: value if value in _WHEN else "off" if value is False else _WHEN[0],
    ),
    _Setting("validate.run", "onType, onSave or off", lambda value: value in _WHEN, "validate"),
    _flag("captureOnSave", "capture_on_save"),
    _flag("refreshOnSave", "refresh_on_save"),
    _flag("warmWorker", "warm_worker"),
    _flag("captureOnType", "capture_on_type"),
    _Setting("inlayHints", "true, false or an object", lambda value: isinstance(value, bool | Mapping)),
    _flag("inlayHints.enable", None),
    _flag("inlayHints.parents", "parent_hints"),
    _flag("inlayHints.debugTargets", "target_hints"),
    _flag("inlayHints.shapes", "shape_hints"),
    _Setting("artifacts", "a list of patterns", _is_list_of_texts, "artifacts", tuple),
    _Setting(
        "python.interpreter",
        "a path",
        lambda value: isinstance(value, str),
        "python",
        lambda value: value or None,
    ),
    _Setting(
        "device",
        "auto, cpu, cuda or cuda:N",
        lambda value: isinstance(value, str) and _DEVICE.fullmatch(value) is not None,
        "device",
    ),
    _Setting(
        "dialect",
        " or ".join((", ".join(CHOICES[:-1]), CHOICES[-1])),
        lambda value: value in CHOICES,
        "dialect",
    ),
    _Setting(
        "timeLimit",
        "a number of seconds above 0",
        lambda value: _is_number(value) and value > 0,
        "time_limit",
        float,
    ),
    _Setting(
        "memoryLimit",
        "a whole number of MiB; 0 for no limit",
        lambda value: _is_number(value) and isinstance(value, int) and value >= 0,
        "memory_limit",
        lambda value: value * _MIB if value else None,
    ),
)
"""Every setting; a later one of a field goes before an earlier one."""


def _shown(value: Any) -> str:
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else text[:59] + "…"


def _part(values: Mapping[str, Any], name: str) -> Any:
    """The value under a dotted name; None where there is none."""
    found: Any = values
    for key in name.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
