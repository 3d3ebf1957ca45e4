"""Small ONNX files for tests, and their captures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from torchlean_core.artifact import parse_graph
from torchlean_core.capture.pipeline import Captured, capture
from torchlean_core.onnx.load import load_onnx, read_onnx
from torchlean_core.options.capture import Options

Array = np.ndarray[Any, Any]
FLOAT = onnx.TensorProto.FLOAT


def drawn(*shape: int, seed: int = 0) -> Array:
    """Numbers of ordinary size."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def ints(*values: int) -> Array:
    """A list of whole numbers."""
    return np.array(values, dtype=np.int64)


def node(operator: str, inputs: str, outputs: str = "y", name: str = "", **attributes: Any) -> onnx.NodeProto:
    """A node; names of operands and results are words, `-` is one that is left out."""
    names = [["" if one == "-" else one for one in text.split()] for text in (inputs, outputs)]
    return helper.make_node(operator, names[0], names[1], name=name, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto],
    shape: Sequence[int | str | None],
    tensors: Mapping[str, Array] | None = None,
    outputs: str = "y",
    opset: int = 17,
    **more: Any,
) -> onnx.ModelProto:
    """A model with one input `x`."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("x", FLOAT, shape)],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in outputs.split()],
        [onnx.numpy_helper.from_array(value, name) for name, value in (tensors or {}).items()],
    )
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=min(8, onnx.IR_VERSION), **more)


def saved(proto: onnx.ModelProto, folder: Path, name: str = "m.onnx") -> Path:
    """A model in a file."""
    file = folder / name
    file.write_bytes(proto.SerializeToString())
    return file


def captured(
    file: Path, dialect: str = "generalized", shape: Sequence[int] | None = None, **options: Any
) -> Captured:
    """Capture a file; it is verified unless the options say otherwise, and has no errors."""
    source = read_onnx(file, shape)
    found = capture(
        load_onnx(source), source.shape, file.with_suffix(".ir.json"), Options(dialect=dialect, **options)
    )
    parse_graph(found.text)
    return found
