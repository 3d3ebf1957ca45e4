"""`torchlean run`: an artifact evaluated by the reference interpreter, or in batches on many inputs."""

from __future__ import annotations

import argparse
import io
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.artifact import load_graph, params_path, stem
from torchlean_core.basics.reading import require_readable
from torchlean_core.cli.console import say
from torchlean_core.environment.extras import require_torch
from torchlean_core.errors import UsageError, UserError
from torchlean_core.files import refuse_overwriting, replacing
from torchlean_core.graph import Graph

if TYPE_CHECKING:
    import torch

    from torchlean_core.interp import Interpreter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("artifact", metavar="ARTIFACT", help="the artifact (m.ir.json)")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--input",
        metavar="x.npy|random",
        help="the input, or many of them (samples first), or `random` (standard normal)",
    )
    source.add_argument(
        "--data",
        metavar="D",
        help="many inputs: .npz or .safetensors with x (samples first), .csv, or module:function",
    )
    parser.add_argument("--x", metavar="NAME", help="name of the inputs in the data (default: x)")
    parser.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="of many inputs, those that are computed at once (default: 256)",
    )
    parser.add_argument("--params", metavar="P", help="parameter file (default: m.params.safetensors)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:n (default: auto)")
    parser.add_argument(
        "--dtype",
        choices=("float32", "float64"),
        default="float32",
        help="what is computed in (default: %(default)s)",
    )
    parser.add_argument("--seed", type=int, metavar="N", help="seed of `--input random` (default: 0)")
    parser.add_argument(
        "-o", "--out", metavar="out.npy", help="output file, - for stdout (default: m.output.npy)"
    )


def run(args: argparse.Namespace) -> int:
    """Evaluate the artifact; returns the exit code."""
    require_torch()
    artifact = Path(args.artifact)
    out = args.out if args.out is not None else str(artifact.with_name(f"{stem(artifact)}.output.npy"))
    inputs = args.input if args.data is None else args.data
    graph = load_graph(artifact)
    outs = _outs(out, len(graph.output_ids))
    if out != "-":
        params = Path(args.params) if args.params is not None else params_path(artifact)
        for path in outs:
            refuse_overwriting(Path(path), artifact, params, Path(inputs))
    interpreter = _interpreter(args, artifact, graph)
    x = _input(args, interpreter) if args.data is None else _samples(args, interpreter)
    is_one = args.data is None and not _holds_many(x, interpreter)
    if is_one and (args.x is not None or args.batch_size is not None):
        raise UsageError("--x and --batch-size have a meaning with many inputs only")
    start = time.perf_counter()
    outputs = (
        [output.cpu() for output in interpreter.run_all(x)] if is_one else _many(args, interpreter, x)
    )  # copying waits for the device
    seconds = time.perf_counter() - start
    count = "" if is_one else f"{len(x)} inputs, "
    for place, (output, path) in enumerate(zip(outputs, outs, strict=True)):
        _write(output, path)
        name = "output" if len(outs) == 1 else f"output {place}"
        text = f"{count}{name} {_summary(output, seconds, interpreter)}"
        print(text, file=sys.stderr if out == "-" else sys.stdout)
    if out != "-" and not args.quiet:
        say(f"torchlean: wrote {', '.join(outs)}")
    return 0


def _outs(out: str, count: int) -> list[str]:
    """The files of several outputs: `y0.npy`, `y1.npy` for `y.npy`.

    Raises:
        UsageError: Several outputs shall go to stdout.
    """
    if count == 1:
        return [out]
    if out == "-":
        raise UsageError(f"the artifact has {count} outputs; name a file with -o")
    path = Path(out)
    return [str(path.with_name(f"{path.stem}{place}{path.suffix}")) for place in range(count)]


def _holds_many(x: torch.Tensor, interpreter: Interpreter) -> bool:
    """Whether a tensor of another shape than the input's is many inputs, samples first."""
    from torchlean_core.train.fitting import fits

    shape = interpreter.input_shape
    return tuple(x.shape) != shape and x.ndim > 0 and len(x) > 0 and fits(x.shape[1:], shape)


def _samples(args: argparse.Namespace, interpreter: Interpreter) -> torch.Tensor:
    from torchlean_core.train.fitting import Wanted
    from torchlean_core.train.losses import Objective
    from torchlean_core.train.source import read_one_set

    if args.seed is not None:
        raise UsageError("--seed has a meaning with `--input random` only")

    def report(event: dict[str, Any]) -> None:
        if event.get("event") == "output" and not args.quiet:
            say(event["text"].rstrip("\n"))

    def tell(message: str) -> None:
        if not args.quiet:
            say(f"torchlean: {message}")

    wanted = Wanted(
        interpreter.input_shape,
        interpreter.output_shapes[0],
        Objective(None),
        args.x,
        dtype=interpreter.dtype,
    )
    return read_one_set(args.data, wanted, report, tell)[0].x


def _many(args: argparse.Namespace, interpreter: Interpreter, x: torch.Tensor) -> list[torch.Tensor]:
    from torchlean_core.train.evaluate import BATCH, outputs_of, require_batch_size

    size = BATCH if args.batch_size is None else args.batch_size
    require_batch_size(size)
    samples = x.reshape(len(x), *interpreter.input_shape)
    program = interpreter.program
    return [
        outputs_of(program.with_output(place), interpreter.params, samples, size)
        for place in range(len(program.output_ids))
    ]


def _interpreter(args: argparse.Namespace, artifact: Path, graph: Graph) -> Interpreter:
    from torchlean_core.interp import Interpreter, resolve_device
    from torchlean_core.interp.interpreter import FLOAT_DTYPES
    from torchlean_core.params.tensors import load_tensors, require_parameters

    device, dtype = resolve_device(args.device), FLOAT_DTYPES[args.dtype]
    params = None if args.params is None else Path(args.params)
    program, store, issues = require_parameters(graph, artifact, params)
    if store is not None and not args.quiet:
        for issue in (*store.validate(program), *issues):
            say(f"torchlean: warning: {store.path}: {issue.code} {issue.message}")
    return Interpreter(program, load_tensors(store, program, device, dtype), dtype, device)


def _input(args: argparse.Namespace, interpreter: Interpreter) -> torch.Tensor:
    import numpy as np
    import torch

    if args.input == "random":
        seed = 0 if args.seed is None else args.seed
        if not 0 <= seed < 1 << 64:
            raise UsageError(f"--seed must be an unsigned 64-bit integer, found {seed}")
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(interpreter.input_shape, generator=generator, dtype=interpreter.dtype)
    if args.seed is not None:
        raise UsageError("--seed has a meaning with `--input random` only")
    try:
        require_readable(Path(args.input))
        array = np.load(args.input, allow_pickle=False)
    except OSError as error:
        raise UsageError(f"{args.input}: {error.strerror or error}") from error
    except MemoryError as error:  # also where a damaged header asks for more than there is
        raise UsageError(f"{args.input}: {error}") from error
    except (ValueError, EOFError) as error:
        raise UsageError(f"{args.input}: not a .npy file of numbers") from error
    if not isinstance(array, np.ndarray):
        raise UsageError(f"{args.input}: an archive of arrays, expected one array in a .npy file")
    if array.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise UserError(f"{args.input}: the input is {array.dtype}, expected {args.dtype}")
    # Both float types are taken, whatever --dtype says: numpy makes float64 where nobody asked for it.
    with np.errstate(over="ignore"):
        taken = array.astype(args.dtype, order="C")
    if bool((np.isinf(taken) & np.isfinite(array)).any()):
        raise UserError(f"{args.input}: the input holds values that are too large for {args.dtype}")
    return torch.from_numpy(taken)


def _write(output: torch.Tensor, out: str) -> None:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, output.numpy(), allow_pickle=False)
    if out == "-":
        sys.stdout.buffer.write(buffer.getvalue())
        return
    try:
        with replacing(Path(out)) as temporary:
            temporary.write_bytes(buffer.getvalue())
    except OSError as error:
        raise UsageError(f"{out}: {error.strerror or error}") from error


def _summary(output: torch.Tensor, seconds: float, interpreter: Interpreter) -> str:
    import torch

    dtype = str(output.dtype).removeprefix("torch.")
    head = f"{list(output.shape)} {dtype} on {interpreter.device}, {seconds * 1e3:.2f} ms"
    if not output.numel():
        return f"{head}: empty"
    values = output.to(torch.float64)
    text = f"{head}: min {values.min():.6g}, max {values.max():.6g}, mean {values.mean():.6g}"
    bad = int((~torch.isfinite(values)).sum())
    return f"{text}, {bad} of {values.numel()} not finite" if bad else text
