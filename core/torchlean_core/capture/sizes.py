"""Models that are too large are refused before anything is traced, copied or constructed again."""

from __future__ import annotations

import copy
import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from torchlean_core.capture.errors import CaptureError
from torchlean_core.capture.load import Loaded, Namespace
from torchlean_core.capture.places import user_code
from torchlean_core.capture.target import Shape
from torchlean_core.capture.weights import scalars

_LOOKED_UP = frozenset(
    f"aten::{name}" for name in "embedding index index_select gather _unsafe_index _embedding_bag".split()
)
"""Operators that may take a part of a tensor, and leave the rest of it out of the artifact."""


def require_size(loaded: Loaded, shape: Shape, max_parameters: int) -> Loaded:
    """Refuse a model that computes with more parameters than an artifact may have.

    One that has more is run once: what it never touches has no place in the artifact.

    Args:
        loaded: The model, which never ran.
        shape: Shape of its input.
        max_parameters: Most scalars that all parameters together may have.

    Returns:
        The model, in an instance that never ran.

    Raises:
        CaptureError: It is too large.
    """
    module = loaded.module
    if scalars(module) <= max_parameters:
        return loaded
    namespace = Namespace(loaded.namespace)
    kept = None
    if loaded.construct is None:
        try:
            kept = copy.deepcopy(module)
        except Exception:  # nothing gives it back as it is, once it has run
            return loaded
    used = _used(loaded, shape)
    if used is not None and used > max_parameters:
        raise CaptureError.at(
            loaded.shown,
            "TL603",
            f"parameters of {used:,} scalars, more than the limit of {max_parameters:,} (--max-parameters)",
            loaded.line,
        )
    namespace.restore()
    again = loaded.construct() if loaded.construct is not None else kept
    assert again is not None
    return replace(loaded, module=again)


def _used(loaded: Loaded, shape: Shape) -> int | None:
    """Number of scalars of the parameters that a run computes with; None where it fails, which is told later."""
    module, seen = loaded.module, _Seen()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    try:
        # What it prints is shown when it is run for all to see.
        with (
            user_code(loaded.user, loaded.shown, "TL603", line=loaded.line),
            redirect_stdout(io.StringIO()),
            redirect_stderr(io.StringIO()),
            torch.no_grad(),
            seen,
        ):
            module(x)
    except CaptureError:
        return None
    return sum(p.numel() for p in module.parameters() if p.untyped_storage()._cdata in seen.storages)


class _Seen(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the memory that operators compute with.

    Attributes:
        storages: Handles of it.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.storages: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        views = any(result.alias_info is not None for result in func._schema.returns)
        if not views and func._schema.name not in _LOOKED_UP:
            leaves = tree_leaves((args, kwargs or {}))
            self.storages |= {
                leaf.untyped_storage()._cdata for leaf in leaves if isinstance(leaf, torch.Tensor)
            }
        return func(*args, **(kwargs or {}))
