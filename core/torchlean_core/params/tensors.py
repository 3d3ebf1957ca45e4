"""The parameter store as torch tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from torchlean_core.artifact import artifact_hash, params_path
from torchlean_core.errors import UsageError
from torchlean_core.graph import Graph, Program, lower
from torchlean_core.params.content import Content, Origin
from torchlean_core.params.format import write_store
from torchlean_core.params.store import ParameterStore


def find_store(artifact: Path, params: Path | None = None) -> ParameterStore | None:
    """The parameter file of an artifact: the one named, else the one beside it, if there is one.

    Raises:
        UsageError: The file that was named cannot be read.
        UserError: The file is not a parameter file.
    """
    if params is None and not params_path(artifact).exists():
        return None
    return ParameterStore.load(params_path(artifact) if params is None else params)


def require_store(program: Program, artifact: Path, params: Path | None = None) -> ParameterStore | None:
    """As `find_store`, but a program with parameters must have a file that fits it.

    Raises:
        UsageError: The file is missing or cannot be read.
        UserError: It does not fit the program.
    """
    store = find_store(artifact, params)
    if store is None:
        if program.parameters():
            raise UsageError(
                f"{params_path(artifact)} does not exist; `torchlean init {artifact}` makes it, "
                "and --params names another file"
            )
        return None
    store.require(program)
    return store


def load_tensors(
    store: ParameterStore | None,
    program: Program,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> dict[str, torch.Tensor]:
    """The parameters of a program by name, on a device, as tensors that own their memory.

    Raises:
        UserError: The store does not fit the program.
    """
    if store is None:
        return {}
    store.require(program)
    found: dict[str, torch.Tensor] = {}
    with safe_open(store.path, framework="pt") as file:
        for parameter in program.parameters():
            mapped = file.get_tensor(parameter.name)
            found[parameter.name] = mapped.to(device=device, dtype=dtype, copy=True)
    return found


def save_tensors(
    path: Path,
    tensors: Mapping[str, torch.Tensor],
    graph: Graph,
    source: str,
    origin: Origin | None = None,
    carried: Mapping[str, Content] | None = None,
) -> str:
    """Write tensors, from any device, as the parameters of a graph; returns the content's hash.

    Raises:
        UsageError: The file cannot be written.
    """
    program = lower(graph)
    arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
    for name, absent in program.without.items():
        arrays.setdefault(name, np.full(absent.parameter.shape, absent.neutral, dtype=np.float32))
    try:
        uses = program.further_uses()
        return write_store(path, arrays, artifact_hash(graph), source, origin, uses, carried)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
