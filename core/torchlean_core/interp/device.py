"""The device that a command computes on."""

from __future__ import annotations

import re

import torch

from torchlean_core.errors import UsageError


def resolve_device(name: str) -> torch.device:
    """The device of `auto` (CUDA where there is one), `cpu`, `cuda` or `cuda:n`.

    Raises:
        UsageError: The name is none of these, or this machine has no such device.
    """
    match = re.fullmatch(r"auto|cpu|cuda(?::(\d{1,6}))?", name)
    if match is None:
        raise UsageError(f"unknown device {name!r}: expected auto, cpu, cuda or cuda:n")
    if name == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if count else "cpu")
    if not count:
        built = torch.version.cuda is not None
        reason = (
            "no usable GPU or driver was found" if built else "the installed torch was built without CUDA"
        )
        raise UsageError(f"device {name} was asked for, but {reason}; use --device cpu")
    if match[1] is not None and int(match[1]) >= count:
        raise UsageError(f"device {name} was asked for, but there are {count} (cuda:0 to cuda:{count - 1})")
    return torch.device(name)
