"""Networks of a folder, captured: `python -m tests.core.onnx.networks FOLDER [--dialect D]`.

For each ONNX file: captured or refused, and why; the largest difference to onnxruntime, divided by the largest value,
in float32; the number of nodes, and seconds. Nothing is written.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import torch

from torchlean_core.capture.onnx_files import is_onnx
from torchlean_core.capture.pipeline import capture
from torchlean_core.errors import UserError
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter
from torchlean_core.onnx.evaluate import Evaluator
from torchlean_core.onnx.load import load_onnx, read_onnx
from torchlean_core.options.capture import Options

_INPUTS = 5


def measured(file: Path, options: Options) -> str:
    """What became of a file, in one line."""
    start = time.monotonic()
    try:
        source = read_onnx(file)
        loaded = load_onnx(source)
        with tempfile.TemporaryDirectory() as folder:
            captured = capture(loaded, source.shape, Path(folder) / "m.ir.json", options)
    except UserError as error:
        return f"refused  {str(error).removeprefix(str(file)).strip(': ')}"
    seconds = time.monotonic() - start
    evaluator = Evaluator(source.graph, source.shape)
    interpreter = Interpreter(lower(captured.graph), captured.tensors, torch.float32)
    generator = torch.Generator().manual_seed(3)
    worst = 0.0
    for _ in range(_INPUTS):
        x = torch.rand(source.shape, generator=generator)
        for one, other in zip(interpreter.run_all(x), evaluator.run(x), strict=True):
            scale = float(other.abs().max()) or 1.0
            worst = max(worst, float((one - other).abs().max()) / scale)
    nodes = len(captured.graph.nodes)
    return (
        f"captured {worst:.1e} of {evaluator.words[torch.float32]}, {len(source.graph.nodes)} operators, "
        f"{nodes} nodes, {captured.parameters:,} parameters, {seconds:.1f} s"
    )


def main() -> None:
    """Print a line for each network of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--dialect", default="generalized")
    parser.add_argument("--max-parameters", type=int, default=250_000_000)
    args = parser.parse_args()
    options = Options(dialect=args.dialect, max_parameters=args.max_parameters)
    for file in sorted(one for one in args.folder.rglob("*") if is_onnx(one) and one.is_file()):
        print(f"{file.relative_to(args.folder)}: {measured(file, options)}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
