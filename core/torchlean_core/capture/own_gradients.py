"""Models that take gradients in `forward`: an artifact has no node for that, and tracers do not say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import torch

from torchlean_core.capture.errors import CaptureError, CaptureFinding
from torchlean_core.capture.load import Loaded
from torchlean_core.capture.places import located

_MESSAGE = (
    "forward takes gradients here (torch.autograd), which no node of torchlean.ir.v1 does; capture the network that is "
    "differentiated, or write the derivative out in the operators that it has"
)


class _Taken(BaseException):
    """Gradients are taken; no `except Exception` of the model's stops it."""


def _taken(*args: Any, **kwargs: Any) -> NoReturn:
    raise _Taken


@contextmanager
def without_gradients(loaded: Loaded) -> Iterator[None]:
    """Around a plain run of forward.

    Raises:
        CaptureError: It differentiates something, by whatever function of torch that goes backward.
    """
    autograd: Any = torch.autograd
    engine = autograd._engine_run_backward
    autograd._engine_run_backward = _taken
    try:
        yield
    except CaptureError as error:
        if not isinstance(error.__cause__, _Taken):
            raise
        finding = CaptureFinding("TL603", _MESSAGE, loaded.line)
        stack = loaded.user.of_exception(error.__cause__)
        raise CaptureError.of(loaded.shown, located(finding, stack, loaded.file)) from error.__cause__
    finally:
        autograd._engine_run_backward = engine
