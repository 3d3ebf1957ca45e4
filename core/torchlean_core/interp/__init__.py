"""The reference interpreter: evaluates a checked graph with its parameters (semantics section 1)."""

from torchlean_core.interp.batch import Batch, compile_batch
from torchlean_core.interp.device import resolve_device
from torchlean_core.interp.interpreter import Interpreter

__all__ = ["Batch", "Interpreter", "compile_batch", "resolve_device"]
