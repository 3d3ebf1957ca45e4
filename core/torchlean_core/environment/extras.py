"""The packages that this one needs, those that its optional extras bring, and the message where they are missing.

`pyproject.toml` says the same to installers; a test holds the two together.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from torchlean_core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Package:
    """One package that is asked for.

    Attributes:
        name: Its name in the package index.
        module: What is imported of it; None for a program.
    """

    name: str
    module: str | None


@dataclass(frozen=True, slots=True)
class Extra:
    """What can be installed besides, as `torchlean-ls[NAME]`.

    Attributes:
        name: Its name in brackets.
        serves: What it is for, in a few words.
        packages: What it brings.
    """

    name: str
    serves: str
    packages: tuple[Package, ...]

    @property
    def install(self) -> str:
        """The command that gets it."""
        return f"pip install 'torchlean-ls[{self.name}]'"

    def missing(self) -> list[str]:
        """Names of its packages that are not there; nothing is imported."""
        return [
            package.name
            for package in self.packages
            if package.module is not None and importlib.util.find_spec(package.module) is None
        ]


REQUIRED = (
    Package("msgspec", "msgspec"),
    Package("pathspec", "pathspec"),
    Package("rich", "rich"),
    Package("ruff", None),
)
"""What checking and serving need."""

TORCH = Extra(
    "torch",
    "capture, emit, init, run and train",
    (Package("torch", "torch"), Package("numpy", "numpy"), Package("safetensors", "safetensors")),
)
ONNX = Extra(
    "onnx",
    "capture FILE.onnx, emit --style onnx",
    (Package("onnx", "onnx"), Package("onnxruntime", "onnxruntime")),
)
TENSORBOARD = Extra("tensorboard", "train --logdir", (Package("tensorboard", "tensorboard"),))
WEBSOCKETS = Extra("ws", "server --ws", (Package("websockets", "websockets"),))
PNG = Extra("png", "train --curve F.png", (Package("pillow", "PIL"),))

EXTRAS = (TORCH, ONNX, TENSORBOARD, WEBSOCKETS, PNG)
"""Every extra that is for users."""


def require_torch() -> None:
    """Check that the extra `torch` is installed, without importing any of it.

    Raises:
        UsageError: Something of it is missing; the message names it and says how to get it.
    """
    _require(TORCH, "this")


def require_onnx() -> None:
    """Check that the package `onnx` is installed, without importing it; `onnxruntime` is used where it is there.

    Raises:
        UsageError: It is missing; the message says how to get it.
    """
    if importlib.util.find_spec("onnx") is None:
        raise UsageError(f"this needs the extra `onnx`: {ONNX.install} (missing: onnx)")


def require_numpy() -> None:
    """Check that numpy is installed, without importing it.

    Raises:
        UsageError: It is missing; the message says how to get it.
    """
    if importlib.util.find_spec("numpy") is None:
        raise UsageError("this needs the extra `torch`: pip install 'torchlean-ls[torch]' (missing: numpy)")


def require_websockets() -> None:
    """Check that the extra `ws` is installed, without importing any of it.

    Raises:
        UsageError: It is missing; the message says how to get it.
    """
    _require(WEBSOCKETS, "--ws")


def _require(extra: Extra, what: str) -> None:
    missing = extra.missing()
    if missing:
        raise UsageError(
            f"{what} needs the extra `{extra.name}`: {extra.install} (missing: {', '.join(missing)})"
        )
