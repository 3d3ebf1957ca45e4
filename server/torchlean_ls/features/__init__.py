"""The features, one module each. Every one is registered once, and fails alone."""

from torchlean_ls.features.base import Feature
from torchlean_ls.features.code_actions import CodeActions
from torchlean_ls.features.commands import Commands
from torchlean_ls.features.diagnostics import Diagnostics
from torchlean_ls.features.hover import Hover

FEATURES: tuple[type[Feature], ...] = (Diagnostics, Hover, CodeActions, Commands)
"""All features, in the order in which their document hooks run."""

__all__ = ["FEATURES", "CodeActions", "Commands", "Diagnostics", "Feature", "Hover"]
