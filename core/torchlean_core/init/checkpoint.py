"""Values from a PyTorch checkpoint: a `state_dict`, raw or inside a training checkpoint."""

from __future__ import annotations

import pickle
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import Parameter, Program
from torchlean_core.init.plan import is_attention_scale
from torchlean_core.kinds.numbers import show_shape

_SHOWN = 8
_WRAPPERS = ("state_dict", "model_state_dict")
_PREFIX = "module."
_NAMED = re.compile(r"Unsupported (?:global: GLOBAL|class) (?:builtins\.|__builtin__\.)?(\S+)")


def read_checkpoint(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by name, a leading `module.` dropped. Nothing of it is executed.

    Raises:
        UsageError: The file cannot be read.
        UserError: It holds more than plain tensors, or no state_dict.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, not a checkpoint")
    try:
        path.open("rb").close()  # torch reports a file that cannot be read in other ways
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except Exception as error:
        # Foreign bytes make an unpickler raise anything; and torch's message advises to load them unsafely,
        # which is never done here.
        named = _NAMED.search(str(error)) if isinstance(error, pickle.UnpicklingError) else None
        reason = f" (it names {named[1]}, which is not loaded)" if named else ""
        raise UserError(f"{path}: not a checkpoint of plain tensors{reason}") from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not all(isinstance(v, torch.Tensor) for v in content.values()):
        raise UserError(
            f"{path}: holds no state_dict (names to tensors), raw or under {' or '.join(_WRAPPERS)}"
        )
    return {str(name).removeprefix(_PREFIX): tensor for name, tensor in content.items()}


def match_checkpoint(
    tensors: Mapping[str, torch.Tensor], program: Program, optional: Collection[str] = ()
) -> dict[str, torch.Tensor]:
    """A checkpoint's tensors as the parameters of a program, float32.

    A generated module keeps a constant that repeats one row as that row; it is repeated again here.
    Attention scales, which the artifact fixes, and the names in `optional` may be left out.

    Raises:
        UserError: Tensors are missing, extra, or of another shape or type; every one is named.
    """
    found: dict[str, torch.Tensor] = {}
    problems: list[str] = []
    parameters = program.parameters()
    for parameter in parameters:
        tensor = tensors.get(parameter.name)
        if tensor is None:
            if not is_attention_scale(parameter) and parameter.name not in optional:
                problems.append(parameter.missing)
            continue
        tensor = _repeated(tensor, parameter)
        where = f"{parameter.owner}: {parameter.name}"
        if tuple(tensor.shape) != parameter.shape:
            problems.append(
                f"{where} has shape {show_shape(tensor.shape)}, expected {show_shape(parameter.shape)}"
            )
        elif not tensor.dtype.is_floating_point:
            problems.append(f"{where} is {str(tensor.dtype).removeprefix('torch.')}, expected float32")
        else:
            found[parameter.name] = tensor.to(torch.float32)
    known = {parameter.name for parameter in parameters}
    problems.extend(f"no node has parameter {name!r}: it is extra" for name in tensors if name not in known)
    if problems:
        more = [f"… and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise UserError("\n  ".join(["the checkpoint does not fit:", *problems[:_SHOWN], *more]))
    return found


def _repeated(tensor: torch.Tensor, parameter: Parameter) -> torch.Tensor:
    is_row = (
        parameter.kind == "const"
        and len(parameter.shape) == 2
        and (tuple(tensor.shape) in (parameter.shape[1:], (1, *parameter.shape[1:])))
    )
    return tensor.expand(parameter.shape) if is_row else tensor
