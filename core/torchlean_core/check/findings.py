"""A finding: which rule, at which node and field, and why."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torchlean_core.kinds.spec import Path
from torchlean_core.text.quick_json import Struct, empty_dict

PLAIN = "plain"
"""Key of `Finding.data`, and of an error's: the message without what one would type in a terminal, for editors."""

PROBLEMS = "problems"
"""Key of an error's data: whether editors show what is wrong in their list of problems."""

NEEDS_PARAMS = "needs_params"
"""Key of an error's data: whether it is parameters that are missing, which can be made."""


class Severity(enum.Enum):
    """How bad a finding is; the values are what JSON output prints."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"
    HINT = "hint"


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that a finding is about."""

    index: int
    path: Path
    message: str


class Finding(Struct, frozen=True):
    """One violation of a rule. An edit can make thousands, and a frozen dataclass takes five times as long to make.

    Attributes:
        code: Code of the rule, such as `TL201`.
        severity: How bad it is.
        message: What was expected and what was found.
        index: Place in `nodes`; None for the root or the whole text.
        node: Raw id of the node; None where it cannot be read.
        path: Place inside the node (or the root): keys and array positions; `()` is its opening brace.
        on_key: Whether the finding points at the last key of `path` instead of its value.
        span: Offsets in the text, where the finding is about the text itself.
        related: Other places involved.
        data: What the fixes of the rule need to know.
    """

    code: str
    severity: Severity
    message: str
    index: int | None = None
    node: int | None = None
    path: Path = ()
    on_key: bool = False
    span: tuple[int, int] | None = None
    related: tuple[Related, ...] = ()
    data: Mapping[str, Any] = empty_dict()
