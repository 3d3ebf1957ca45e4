"""Whether constructing a model once more gives the same model: its modules, tensors and numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch.nn.parameter import is_lazy


def first_difference(one: torch.nn.Module, another: torch.nn.Module) -> str | None:
    """What of a module another instance has otherwise, before either of them ran.

    Compared are the tree of modules, parameters, buffers, and the tensors, arrays and numbers in plain attributes;
    parameters and buffers come first.

    Returns:
        Path of the first parameter, buffer, attribute or module that differs (`encoder.weight`); None where none does.
    """
    modules: dict[str, torch.nn.Module] = dict(one.named_modules())
    others: dict[str, torch.nn.Module] = dict(another.named_modules())
    for path in dict.fromkeys((*modules, *others)):
        if path not in modules or path not in others:
            return path
    for content in (_tensors, _attributes):
        for path, module in modules.items():
            mine, theirs = dict(content(module)), dict(content(others[path]))
            for name in dict.fromkeys((*mine, *theirs)):
                if name not in mine or name not in theirs or not _same(mine[name], theirs[name]):
                    return f"{path}.{name}".removeprefix(".")
    return None


def _tensors(module: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    yield from module._parameters.items()
    yield from module._buffers.items()


def _attributes(module: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    """What is neither a tensor that the module knows of, nor a table of `torch.nn.Module` itself."""
    own = vars(torch.nn.Module())
    yield from ((name, value) for name, value in vars(module).items() if name not in own)


def _same(a: Any, b: Any) -> bool:
    """Whether two values are equal as far as numbers go; what holds none is taken for equal."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return _same_tensor(a, b)
    if isinstance(a, bool | int | float | complex) and isinstance(b, bool | int | float | complex):
        return a == b or (a != a and b != b)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(a, numpy.ndarray) and isinstance(b, numpy.ndarray):
        # By their bytes: arrays of objects, of which == may be anything, are equal where they hold the same ones.
        return bool(
            a.dtype == b.dtype and a.shape == b.shape and (a.dtype.hasobject or a.tobytes() == b.tobytes())
        )
    return True


def _same_tensor(a: torch.Tensor, b: torch.Tensor) -> bool:
    if is_lazy(a) or is_lazy(b) or a.device.type == "meta" or b.device.type == "meta":
        return is_lazy(a) == is_lazy(b)  # without values
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    a, b = (
        tensor.detach().to_dense() if tensor.layout != torch.strided else tensor.detach() for tensor in (a, b)
    )
    if torch.equal(a, b):
        return True
    equal = a == b
    if a.is_floating_point() or a.is_complex():
        equal |= a.isnan() & b.isnan()
    return bool(equal.all())
