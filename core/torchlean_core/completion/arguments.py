"""What a command's argument takes where argparse does not know: words, or files by the endings of their names."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from torchlean_core.approximations import known_approximations
from torchlean_core.check.rules import RULES


@dataclass(frozen=True, slots=True)
class Files:
    """Files whose names end so, and folders on the way to them; any file where no ending is named."""

    endings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """One of some words, or several with commas between them."""

    words: tuple[str, ...]
    many: bool = False


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder."""


@dataclass(frozen=True, slots=True)
class Free:
    """What nobody can guess: numbers, names."""


Taken = Files | Words | Folder | Free

_ARTIFACT = Files((".json",))
_PARAMETERS = Files((".safetensors", ".json", ".pt", ".pth", ".ckpt", ".bin"))
_DATA = Files((".npz", ".safetensors", ".csv"))
_CODES = Words(tuple(RULES), many=True)
_FREE = Free()

_TAKEN: Mapping[str, Taken] = {
    "approximate": Words(tuple(known_approximations())),
    "artifact": _ARTIFACT,
    "batch_size": _FREE,
    "check paths": Files((".json", ".py")),
    "checkpoint_every": _FREE,
    "checkpoint_seconds": _FREE,
    "class_axis": _FREE,
    "class_name": _FREE,
    "class_weights": _FREE,
    "clip": _FREE,
    "code": Words(tuple(RULES)),
    "convert out": _ARTIFACT,
    "curve": Files((".svg", ".png")),
    "data": _DATA,
    "depth": Words(("all",)),
    "device": Words(("auto", "cpu", "cuda")),
    "emit dtype": Words(("float32", "float64", "float16", "bfloat16")),
    "epochs": _FREE,
    "example_shape": _FREE,
    "exclude": _FREE,
    "function_name": _FREE,
    "hi": _FREE,
    "ignore": _CODES,
    "ignore_index": _FREE,
    "init out": _PARAMETERS,
    "input": _PARAMETERS,
    "label_smoothing": _FREE,
    "literal_limit": _FREE,
    "lo": _FREE,
    "log_every": _FREE,
    "logdir": Folder(),
    "lr": _FREE,
    "max_parameters": _FREE,
    "mean": _FREE,
    "momentum": _FREE,
    "new": _ARTIFACT,
    "old": _ARTIFACT,
    "out": _PARAMETERS,
    "output": Files(),
    "adapter output": Files((".py",)),
    "capture output": _ARTIFACT,
    "convert output": _FREE,
    "emit output": Files((".py", ".onnx")),
    "eval output": _FREE,
    "train output": _FREE,
    "params": _PARAMETERS,
    "patience": _FREE,
    "plan": _ARTIFACT,
    "property": Files((".vnnlib", ".vnnlib.gz")),
    "resume": Files((".safetensors",)),
    "run input": Files((".npy",)),
    "run out": Files((".npy",)),
    "seed": _FREE,
    "select": _CODES,
    "source": Files((".pt", ".pth", ".ckpt", ".bin", ".safetensors")),
    "std": _FREE,
    "steps": _FREE,
    "target": Files((".py", ".pt2", ".onnx")),
    "tcp": _FREE,
    "timeout": _FREE,
    "val_split": _FREE,
    "warmup": _FREE,
    "weight_decay": _FREE,
    "ws": _FREE,
    "x": _FREE,
    "y": _FREE,
}
"""By the argument's name in the program, behind its command where commands differ."""


def arguments(parser: argparse.ArgumentParser, command: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """Every argument that takes a value which argparse does not list, with the command that it stands in."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                yield from arguments(inner, command or name)
        elif action.nargs != 0 and action.choices is None:
            yield command, action


def taken_by(command: str, name: str) -> Taken:
    """What an argument takes.

    Raises:
        KeyError: Nobody said so.
    """
    return _TAKEN[key] if (key := f"{command} {name}") in _TAKEN else _TAKEN[name]
