"""The parameter store as torch tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open

from torchlean_core.artifact import artifact_hash, params_path
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import Graph, Program, lower
from torchlean_core.params.content import Content, Origin
from torchlean_core.params.format import write_store
from torchlean_core.params.held import HeldStore
from torchlean_core.params.resolve import Resolved, resolve
from torchlean_core.params.store import ParameterStore


def require_parameters(graph: Graph, artifact: Path, params: Path | None = None) -> Resolved:
    """As `resolve`, but a graph with parameters must have all of them.

    Raises:
        UsageError: There are none, or a file cannot be read.
        UserError: They do not fit the graph.
    """
    found = resolve(graph, artifact, params)
    if found.store is not None:
        found.store.require(found.program)
    elif found.program.parameters():
        missing = (
            f"{params_path(artifact)} does not exist; `torchlean init {artifact}` makes it, "
            "and --params names another file"
        )
        if graph.dialect.inline:
            count = len(found.program.parameters())
            raise UserError(f"TL501 the artifact needs {count} tensors that it does not hold: {missing}")
        raise UsageError(missing)
    return found


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
    if isinstance(store, HeldStore):
        for parameter in program.parameters():
            held = torch.from_numpy(store.numpy(parameter.name).copy())
            found[parameter.name] = held.to(device=device, dtype=dtype)
        return found
    with safe_open(store.path, framework="pt") as file:
        for parameter in program.parameters():
            mapped = file.get_tensor(parameter.name)
            found[parameter.name] = mapped.to(device=device, dtype=dtype, copy=True)
    return found


def save_tensors(
    path: Path,
    tensors: Mapping[str, torch.Tensor],
    graph: Graph | Program,
    source: str,
    origin: Origin | None = None,
    carried: Mapping[str, Content] | None = None,
) -> str:
    """Write tensors, from any device, as the parameters of a graph; returns the content's hash.

    Raises:
        UsageError: The file cannot be written.
    """
    program = lower(graph) if isinstance(graph, Graph) else graph
    arrays = {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}
    for name, absent in program.without.items():
        arrays.setdefault(name, np.full(absent.parameter.shape, absent.neutral, dtype=np.float32))
    try:
        uses = program.further_uses()
        return write_store(path, arrays, artifact_hash(program.graph), source, origin, uses, carried)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
