"""Functions that a generated file brings along, so that it needs nothing but torch; copied as text."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

READ_WEIGHTS = '''
def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, mapped into memory (private, copied on write)."""
    dtypes = {
        "F64": torch.float64,
        "F32": torch.float32,
        "F16": torch.float16,
        "BF16": torch.bfloat16,
        "I64": torch.int64,
        "I32": torch.int32,
        "I16": torch.int16,
        "I8": torch.int8,
        "U8": torch.uint8,
        "BOOL": torch.bool,
    }
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape = dtypes[entry["dtype"]], entry["shape"]
        count = torch.Size(shape).numel()
        offset = 8 + size + entry["data_offsets"][0]
        flat = (
            torch.frombuffer(data, dtype=dtype, count=count, offset=offset)
            if count
            else torch.empty(0, dtype=dtype)
        )
        # Sums over memory that is not aligned may differ in the last bit: that is copied.
        aligned = flat.data_ptr() % 64 == 0
        tensors[name] = (flat if aligned else flat.clone()).reshape(shape)
    return tensors
'''.strip("\n")

STRUCTURE = '''
def structure(
    shape: tuple[int, int, int, int], groups: int, dilation: tuple[int, int]
) -> torch.Tensor:
    """1 where the dense kernel of a grouped or dilated convolution has weights."""
    mask = torch.zeros(shape)
    outputs, inputs = shape[0] // groups, shape[1] // groups
    for g in range(groups):
        rows = slice(g * outputs, (g + 1) * outputs)
        columns = slice(g * inputs, (g + 1) * inputs)
        mask[rows, columns, :: dilation[0], :: dilation[1]] = 1
    return mask
'''.strip("\n")

COMPACT = '''
def compact(
    kernel: torch.Tensor, groups: int, dilation: tuple[int, int]
) -> torch.Tensor:
    """The weights of a grouped or dilated convolution, from the dense kernel that stands for it."""
    outputs, inputs = kernel.shape[0] // groups, kernel.shape[1] // groups
    blocks = [
        kernel[g * outputs : (g + 1) * outputs, g * inputs : (g + 1) * inputs]
        for g in range(groups)
    ]
    return torch.cat(blocks)[:, :, :: dilation[0], :: dilation[1]].contiguous()
'''.strip("\n")

HELPERS = (
    "_mix",
    "_unit",
    "embed",
    "blocks",
    "diagonal_blocks",
    "convolution",
    "pool",
    "Reshape",
)
"""What of `kinds.helpers` a generated file may need, in the order of its definition."""

NAMES = ("read_weights", "structure", "compact", *HELPERS)
"""Every name that is defined by what is attached."""


@cache
def helper(name: str) -> str:
    """Source of a helper of the kind table, read as text so that torch is not imported."""
    text = files("torchlean_core.kinds").joinpath("helpers.py").read_text("utf-8")
    match = re.search(rf"^(?:def|class) {name}\(.*?(?=^(?:def|class) |\Z)", text, re.MULTILINE | re.DOTALL)
    if match is None:
        raise LookupError(f"no helper {name}")
    return match[0].rstrip()


def called(text: str) -> set[str]:
    """The helpers that a text calls, and those that they call."""
    found: set[str] = set()
    waiting = [text]
    while waiting:
        names = set(re.findall(r"\b\w+(?=\()", waiting.pop())) & set(HELPERS) - found
        found |= names
        waiting += map(helper, names)
    return found
