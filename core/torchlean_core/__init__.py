"""Core of TorchLean LS: the `torchlean.ir.v1` format, its checker, meaning, code, capture and training.

Nothing in this package speaks LSP, and importing it never imports torch: modules that need torch
(`interp`, `init`, `train`, `capture`) import it when they are imported themselves.
"""

__version__ = "0.1.0"
