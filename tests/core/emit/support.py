"""Graphs with random parameters, emitted, loaded and compared with the interpreter."""

from __future__ import annotations

import importlib.util
import itertools
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from torchlean_core.artifact import load_graph, parse_graph
from torchlean_core.emit import emit_file
from torchlean_core.graph import Graph, Program, lower
from torchlean_core.interp import Interpreter
from torchlean_core.params.tensors import save_tensors

_numbers = itertools.count()


def artifact_text(*nodes: dict[str, Any], **root: Any) -> str:
    """An artifact whose nodes get their ids by place, and whose last node is the output."""
    numbered = [{"id": i, "parents": [], **node} for i, node in enumerate(nodes)]
    content = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": len(nodes) - 1, "nodes": numbered}
    return json.dumps({**content, **root})


def random_tensors(program: Program, seed: int = 0) -> dict[str, torch.Tensor]:
    """Parameters drawn at random; variances are positive."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for parameter in program.parameters():
        values = torch.randn(parameter.shape, generator=generator)
        tensors[parameter.name] = values.abs() + 0.1 if parameter.role == "var" else values
    return tensors


def write(
    folder: Path, text: str, tensors: dict[str, torch.Tensor] | None = None, name: str = "m.ir.json"
) -> Path:
    """An artifact file and its parameters (random where none are given)."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    graph = load_graph(path)
    program = lower(graph)
    if program.parameters():
        save_tensors(folder / "m.params.safetensors", tensors or random_tensors(program), graph, "test")
    return path


def load_module(path: Path) -> ModuleType:
    """Import a generated file under a fresh name."""
    spec = importlib.util.spec_from_file_location(f"generated_{next(_numbers)}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def generated_class(path: Path) -> type[torch.nn.Module]:
    """The model that a generated file defines, whatever it is called: the last class, after those it is made of."""
    module = load_module(path)
    [*_, found] = [
        one
        for one in vars(module).values()
        if isinstance(one, type) and issubclass(one, torch.nn.Module) and one.__module__ == module.__name__
    ]
    return found


def emitted(
    folder: Path, text: str, tensors: dict[str, torch.Tensor] | None = None, **options: Any
) -> torch.nn.Module:
    """The model that a generated file defines."""
    artifact = write(folder, text, tensors)
    result = emit_file(artifact, changes=options, force=True)
    return generated_class(result.output)()


def interpreter(
    text: str, tensors: dict[str, torch.Tensor] | None = None, dtype: torch.dtype = torch.float32
):
    """The reference for an artifact text, with the same random parameters as `write` uses."""
    graph: Graph = parse_graph(text)
    program = lower(graph)
    return Interpreter(program, random_tensors(program) if tensors is None else tensors, dtype)
