"""PyTorch checkpoints: a `state_dict`, raw or inside a training checkpoint, read without running anything."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import torch

from torchlean_core.basics.reading import open_regular
from torchlean_core.basics.visible import shortened
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import replacing

if TYPE_CHECKING:
    from torchlean_core.params.format import Array

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_NAMED = re.compile(r"Unsupported (?:global: GLOBAL|class) (?:builtins\.|__builtin__\.)?(\S+)")


def read_checkpoint(path: Path) -> dict[str, Array]:
    """The tensors of a checkpoint by name, as numpy arrays.

    Half-precision tensors come as float32, which holds their values exactly; others as they are.

    Raises:
        UsageError: The file cannot be read.
        UserError: It holds more than plain tensors, or no state_dict.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder, not a checkpoint")
    try:
        open_regular(path).close()  # torch reports a file that cannot be read in other ways
        if _is_torchscript(path):
            raise UserError(
                f"{path}: is a TorchScript program (torch.jit.save), which would have to be run; save its tensors: "
                "torch.save(torch.jit.load(…).state_dict(), …)"
            )
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except UserError:
        raise
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
    tensors: dict[str, Array] = {}
    for key, tensor in content.items():
        name = str(key)
        try:
            tensors[name] = _array(tensor)
        except (RuntimeError, TypeError, NotImplementedError) as error:
            layout = str(tensor.layout).removeprefix("torch.")
            raise UserError(
                f"{path}: {shortened(name)} is no plain tensor ({tensor.dtype}, {layout}, {tensor.device})"
            ) from error
    return tensors


def _is_torchscript(path: Path) -> bool:
    """Whether a file is an archive of `torch.jit.save`: it has constants of a program, which a checkpoint has not."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(PurePosixPath(name).parts[1:] == ("constants.pkl",) for name in archive.namelist())
    except (zipfile.BadZipFile, ValueError, NotImplementedError):  # torch says what is wrong with it
        return False


def _array(tensor: torch.Tensor) -> Array:
    if tensor.dtype.is_floating_point and tensor.dtype.itemsize < 4:
        tensor = tensor.to(torch.float32)
    return tensor.detach().cpu().contiguous().resolve_conj().resolve_neg().numpy()


def write_checkpoint(path: Path, tensors: Mapping[str, Array]) -> None:
    """Write a plain state_dict that `torch.load(path, weights_only=True)` reads, whole or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    state = {name: torch.from_numpy(tensors[name].copy()) for name in sorted(tensors)}
    with replacing(path) as temporary, temporary.open("wb") as file:
        torch.save(state, file)  # by its name, torch writes itself, and says "iostream error" of a full disk
