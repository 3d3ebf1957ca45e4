"""How a program returns its results: tensors in tuples, lists, dicts and dataclasses, by the names of their places."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from torchlean_core.capture.errors import refused

_LARGEST = 1 << 20
_SEQUENCES = ("builtins.tuple", "builtins.list", "collections.deque")
_NAMED = "collections.namedtuple"


@dataclass(frozen=True, slots=True)
class Results:
    """A tree of results.

    Attributes:
        names: Name of each part; None where this is a result itself.
        parts: The parts, None for one that is None and no result.
        constants: By its place among all results, the value of one that is no tensor.
    """

    names: tuple[str, ...] | None
    parts: tuple[Results | None, ...] = ()
    constants: Mapping[int, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Number of the results."""
        return 1 if self.names is None else sum(part.count for part in self.parts if part is not None)

    def with_constants(self, constants: Mapping[int, Any]) -> Results:
        """The same tree with results that are no tensors."""
        return Results(self.names, self.parts, dict(constants))

    def of(self, values: Sequence[Any]) -> Any:
        """What forward returns, containers as dicts.

        Args:
            values: One for each result, in their order.
        """
        values = [self.constants.get(place, value) for place, value in enumerate(values)]
        return self._taken(iter(values))

    def _taken(self, values: Iterator[Any]) -> Any:
        if self.names is None:
            return next(values)
        parts = [None if part is None else part._taken(values) for part in self.parts]
        return dict(zip(self.names, parts, strict=True))


def results_of(text: str, fields: Mapping[str, Any], shown: str) -> Results:
    """Read a tree as torch writes it.

    Nothing is imported for it: a class of the user's counts by the names of its parts.

    Args:
        text: JSON with a version and the tree.
        fields: By the name of a named tuple, `{"field_names": […]}`.
        shown: The file as the user wrote it.

    Raises:
        CaptureError: It is none, or the parts of a container have no names.
    """
    try:
        if len(text) > _LARGEST:
            raise ValueError("too long")
        version, tree = json.loads(text)
        if version != 1:
            raise ValueError(f"version {version}")
        return _tree(tree, fields, shown)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise refused(shown, "how its results are returned cannot be read") from error


def _tree(value: Mapping[str, Any], fields: Mapping[str, Any], shown: str) -> Results:
    kind, children = value["type"], value["children_spec"]
    if kind is None:
        return Results(None)
    parts = [_tree(one, fields, shown) for one in children]
    if kind in _SEQUENCES:
        return Results(tuple(map(str, range(len(parts)))), tuple(parts))
    context = value["context"]
    if kind == _NAMED:
        # Newer versions of torch name the fields beside, older ones with the class.
        names = fields[context]["field_names"] if isinstance(context, str) and context in fields else None
    else:
        names = json.loads(context) if isinstance(context, str) else context
        if kind not in ("builtins.dict", "collections.OrderedDict") and isinstance(names, dict):
            names = names.get("dict_context")
        if _is_pair_of_lists(names) and kind not in ("builtins.dict", "collections.OrderedDict"):
            # Fields of a dataclass, and those that are None.
            present, absent = cast("list[list[Any]]", names)
            if len(present) == len(parts):
                return Results((*map(str, present), *map(str, absent)), (*parts, *(None for _ in absent)))
    if (
        not isinstance(names, list)
        or len(names) != len(parts)
        or not all(isinstance(one, str | int) for one in names)
    ):
        raise refused(
            shown, f"returns a container of the kind {str(kind)[:80]!r}, the parts of which have no names"
        )
    if len({*map(str, names)}) != len(names):
        raise refused(shown, "returns a dict with two keys of the same name")
    return Results(tuple(map(str, names)), tuple(parts))


def _is_pair_of_lists(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(one, list) for one in value)
