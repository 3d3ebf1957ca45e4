"""The Lake project that a file stands in, and which dialect the TorchLean it builds on reads."""

from torchlean_core.lean.project import LeanProject, find_project

__all__ = ["LeanProject", "find_project"]
