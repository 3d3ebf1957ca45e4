"""What forward returns: a tensor, or tensors in tuples, lists, dicts and dataclasses, in order and with their names."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import torch


def entries(result: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The tensors of a result, and all else that is no container, with the names of their places (`hidden.0`)."""
    if isinstance(result, Mapping):
        parts = [(str(key), value) for key, value in result.items()]
    elif is_dataclass(result) and not isinstance(result, type):
        parts = [(one.name, getattr(result, one.name)) for one in fields(result)]
    elif isinstance(result, tuple | list) and not isinstance(result, torch.Size):
        names = getattr(result, "_fields", range(len(result)))
        parts = [(str(key), value) for key, value in zip(names, result, strict=True)]
    else:
        yield name, result
        return
    for key, value in parts:
        yield from entries(value, f"{name}.{key}" if name else key)


def tensors_of(result: Any) -> tuple[Any, ...]:
    """The entries of a result without their names."""
    return tuple(value for _, value in entries(result))


def names_of(result: Any) -> list[str] | None:
    """The names of the entries; None where the result is no container."""
    names = [name for name, _ in entries(result)]
    return None if names == [""] else names


def flatten_results(module: torch.nn.Module) -> torch.nn.Module:
    """Make a module return a tuple of its tensors, which every way of tracing knows; gives the module."""
    forward = module.forward

    @functools.wraps(forward)
    def flat(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return tensors_of(forward(*args, **kwargs))

    module.forward = flat
    return module
