"""Settings that the client gives, checked; what is not understood keeps its default, and is named."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

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
        """Settings from the client's `torchlean` section."""
        if not isinstance(values, Mapping):
            return cls()
        hints = values.get("inlayHints", True)
        shown = hints if isinstance(hints, Mapping) else {}
        on = hints is not False and shown.get("enable", True) is not False
        globs = values.get("artifacts")
        interpreter = _part(values, "python", "interpreter")
        limit, memory = values.get("timeLimit"), values.get("memoryLimit")
        return cls(
            enable=values.get("enable", True) is not False,
            validate=_validate(values.get("validate")),
            capture_on_save=values.get("captureOnSave") is True,
            refresh_on_save=values.get("refreshOnSave") is True,
            warm_worker=values.get("warmWorker", True) is not False,
            capture_on_type=values.get("captureOnType") is True,
            parent_hints=on and shown.get("parents", True) is not False,
            target_hints=on and shown.get("debugTargets", True) is not False,
            shape_hints=on and shown.get("shapes", True) is not False,
            artifacts=tuple(one for one in globs if isinstance(one, str)) if isinstance(globs, list) else (),
            python=interpreter if isinstance(interpreter, str) and interpreter else None,
            device=values["device"] if isinstance(values.get("device"), str) else "auto",
            dialect=values["dialect"] if values.get("dialect") in CHOICES else AUTO,
            memory_limit=memory * 1024 * 1024 if isinstance(memory, int) and memory > 0 else None,
            time_limit=float(limit) if isinstance(limit, int | float) and limit > 0 else 120.0,
        )


def complaints(values: Any) -> list[str]:
    """What is wrong with the client's `torchlean` section: expected and found; null counts as not set."""
    if values is None:
        return []
    if not isinstance(values, Mapping):
        return [f"torchlean: expected an object, found {_shown(values)}"]
    found = []
    for name, expected, good in _EXPECTED:
        value = _part(values, *name.split("."))
        if value is not None and not good(value):
            found.append(f"torchlean.{name}: expected {expected}, found {_shown(value)}")
    return found


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


_WHEN = ("onType", "onSave", "off")
_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")

_EXPECTED: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("enable", "true or false", _is_flag),
    (
        "validate",
        "onType, onSave or off",
        lambda value: value is False or isinstance(value, Mapping) or value in _WHEN,
    ),
    ("validate.run", "onType, onSave or off", lambda value: value in _WHEN),
    ("captureOnSave", "true or false", _is_flag),
    ("refreshOnSave", "true or false", _is_flag),
    ("warmWorker", "true or false", _is_flag),
    ("captureOnType", "true or false", _is_flag),
    ("inlayHints", "true, false or an object", lambda value: isinstance(value, bool | Mapping)),
    ("inlayHints.enable", "true or false", _is_flag),
    ("inlayHints.parents", "true or false", _is_flag),
    ("inlayHints.debugTargets", "true or false", _is_flag),
    ("inlayHints.shapes", "true or false", _is_flag),
    (
        "artifacts",
        "a list of patterns",
        lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    ),
    ("python.interpreter", "a path", lambda value: isinstance(value, str)),
    (
        "device",
        "auto, cpu, cuda or cuda:N",
        lambda value: isinstance(value, str) and _DEVICE.fullmatch(value) is not None,
    ),
    ("dialect", " or ".join((", ".join(CHOICES[:-1]), CHOICES[-1])), lambda value: value in CHOICES),
    ("timeLimit", "a number of seconds above 0", _is_positive),
    (
        "memoryLimit",
        "a whole number of MiB; 0 for no limit",
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
    ),
)
"""Each setting: its name, what it should be in words, and whether a value is that."""


def _shown(value: Any) -> str:
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else text[:59] + "…"


def _part(values: Mapping[str, Any], *keys: str) -> Any:
    found: Any = values
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _validate(value: Any) -> Validate:
    """`onType` (the default), `onSave` or `off`; also as an object with `run`."""
    if isinstance(value, Mapping):
        value = value.get("run")
    if value is False or value == "off":
        return "off"
    return "onSave" if value == "onSave" else "onType"
