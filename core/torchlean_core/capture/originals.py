"""Python's own functions, kept while a model's code runs: it may put others in their places."""

from __future__ import annotations

import builtins
import hashlib
import io
import json
import os
import tempfile
from types import ModuleType

_MODULES: tuple[ModuleType, ...] = (builtins, os, io, json, json.encoder, hashlib, tempfile)


class Originals:
    """What these modules held when this was made."""

    def __init__(self) -> None:
        self._kept = [(module, dict(vars(module))) for module in _MODULES]

    def restore(self) -> list[str]:
        """Put back what was replaced or taken away; gives its names, such as `len` and `os.replace`."""
        found = []
        for module, kept in self._kept:
            now = vars(module)
            for name, value in kept.items():
                # Not what a module keeps for itself, such as `_` in builtins.
                if name[:1] == "_" and name[:2] != "__":
                    continue
                if name not in now or now[name] is not value:
                    if callable(value):
                        found.append(name if module is builtins else f"{module.__name__}.{name}")
                    now[name] = value
        return found
