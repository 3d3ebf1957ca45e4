"""The body of a generated file: a class with its parameters, `forward`, and a training scaffold."""

from __future__ import annotations

import inspect
import re
from functools import cache

from torchlean_core.emit.bindings import Binding, bind
from torchlean_core.emit.literals import literal
from torchlean_core.emit.options import EmitOptions
from torchlean_core.graph import Program, TensorNode
from torchlean_core.kinds.code import ints
from torchlean_core.params import ParameterStore

_INDENT = "    "


def module_source(
    program: Program, store: ParameterStore | None, params_name: str | None, options: EmitOptions
) -> str:
    """Source of the module, before formatting.

    Args:
        program: What to write.
        store: Values of its parameters; None where it has none.
        params_name: The parameter file as the module's folder sees it, for values that are not literals.
        options: See there.
    """
    live = program.live()
    nodes = [node for node in program.nodes if node.id in live]
    bindings = bind(program, nodes, store, options)
    scalars = sum(_numel(binding.shape) for binding in bindings)
    from_file = scalars > options.literal_limit
    helpers = [name for name in _HELPERS if any(name in node.kind.helpers for node in nodes)]
    structured = any(binding.structure for binding in bindings)
    body = _class(program, nodes, bindings, store, params_name if from_file else None, options)
    if options.include_training_skeleton:
        body += _skeleton(program, nodes, bindings, options)
    parts = [_read_weights_source()] if from_file else []
    parts += [_helper_source(name) for name in helpers]
    if structured:
        parts.append(_STRUCTURE)
    code = "\n\n".join([*parts, body])
    return _imports(code) + "\n\n" + code


def _imports(code: str) -> str:
    lines = [f"import {name}" for name in ("json", "mmap", "struct") if re.search(rf"\b{name}\.", code)]
    if "Path(" in code:
        lines.append("from pathlib import Path")
    block = "\n".join(lines) + "\n\n" if lines else ""
    block += "import torch\n"
    if re.search(r"\bF\.", code):
        block += "import torch.nn.functional as F\n"
    return block + "from torch import nn\n"


def _class(
    program: Program,
    nodes: list[TensorNode],
    bindings: list[Binding],
    store: ParameterStore | None,
    params_name: str | None,
    options: EmitOptions,
) -> str:
    source, result = program.graph.input_shape, program.graph.output_shape
    lines = [
        f"class {options.class_name}(nn.Module):",
        f'    """Takes x of shape {list(source)}, gives a tensor of shape {list(result)}."""',
        "",
        f"    def __init__(self, dtype: torch.dtype = {options.dtype_expr}) -> None:",
        "        super().__init__()",
    ]
    if params_name is not None:
        lines.append(f"        weights = read_weights(Path(__file__).parent / {_string(params_name)})")
    for binding in bindings:
        lines += [_INDENT * 2 + line for line in _assignment(binding, store, params_name is not None)]
    lines += ["", "    def forward(self, x: torch.Tensor) -> torch.Tensor:"]
    names = _local_names(program)
    uses = {binding.parameter.name: binding.expression for binding in bindings}
    comment = ""
    for node in nodes:
        if (told := _comment(node)) and told != comment:
            comment = told
            lines.append(f"{_INDENT * 2}# {told}")
        lines.append(f"{_INDENT * 2}{names[node.id]} = {_expression(program, node, names, uses)}")
    lines.append(f"        return {names[program.output_id]}")
    return "\n".join(lines) + "\n"


def _expression(program: Program, node: TensorNode, names: dict[int, str], uses: dict[str, str]) -> str:
    params = {role: uses[parameter.name] for role, parameter in node.params.items() if parameter is not None}
    return program.expression(node, [names[parent] for parent in node.parents], {**params, "like": "x"})


def _local_names(program: Program) -> dict[int, str]:
    """`v<id>` by tensor id; nodes that one artifact node became carry a number, the last of them none."""
    last = {node.raw: node.id for node in program.nodes}
    first: dict[int, int] = {}
    names = {}
    for node in program.nodes:
        start = first.setdefault(node.raw, node.id)
        names[node.id] = f"v{node.raw}" if last[node.raw] == node.id else f"v{node.raw}_{node.id - start}"
    return names


def _assignment(binding: Binding, store: ParameterStore | None, from_file: bool) -> list[str]:
    assert store is not None
    name = binding.parameter.name
    if from_file:
        value = f'weights["{name}"]' + ("[0]" if binding.row_of is not None else "") + ".to(dtype)"
        if binding.row_of is not None:
            value += ".clone()"
    else:
        values = store.numpy(name)
        if binding.row_of is not None:
            values = values[0]
        if values.size == 0:
            value = f"torch.empty({ints(binding.shape)}, dtype=dtype)"
        else:
            # Literals are read in the type they were stored in, so that another dtype sees the very same values.
            value = f"torch.tensor({literal(values)}, dtype=torch.{values.dtype.name}).to(dtype)"
    if not binding.learnable:
        return [f'self.register_buffer("{name}", {value})']
    lines = [f"self.{name} = nn.Parameter({value})"]
    if binding.structure is not None:
        groups, dilation = binding.structure
        shape = ", ".join(map(str, binding.shape))
        mask = f"structure(({shape}), {groups}, {dilation}).to(dtype)"
        lines.append(f'self.register_buffer("{name}_structure", {mask}, persistent=False)')
    return lines


def _comment(node: TensorNode) -> str:
    """Where a captured node came from: module path and line, with everything but plain ASCII gone."""
    source = node.extra.get("source")
    if not isinstance(source, dict):
        return ""
    module, line = source.get("module"), source.get("line")
    parts = [_plain(module)] if isinstance(module, str) else []
    if type(line) is int:
        parts.append(f"line {line}")
    return ", ".join(part for part in parts if part)


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.\[\] -]", "", text[:200])[:60].strip()


def _string(text: str) -> str:
    """A Python string literal, in ASCII, that can hold anything."""
    return ascii(text)


def _numel(shape: tuple[int, ...]) -> int:
    count = 1
    for dim in shape:
        count *= dim
    return count


# -- the training scaffold ----------------------------------------------------------------------------------


def _skeleton(
    program: Program, nodes: list[TensorNode], bindings: list[Binding], options: EmitOptions
) -> str:
    name = options.class_name
    source, result = list(program.graph.input_shape), list(program.graph.output_shape)
    own_loss = program.nodes[program.output_id].kind.name == "mse_loss"
    trains = any(binding.learnable for binding in bindings)
    smoke = [f"model = {name}()", f"x = torch.rand({source}, dtype={options.dtype_expr})", "y = model(x)"]
    smoke.append('print(f"output: shape {list(y.shape)}, mean {y.mean().item():.6g}")')
    text = ""
    if trains:
        text += _TRAINING_OWN_LOSS if own_loss else _TRAINING
        smoke.append("optimizer = make_optimizer(model)")
        target = "" if own_loss else ", target"
        if not own_loss:
            smoke.append(f"target = torch.zeros({result}, dtype={options.dtype_expr})")
        smoke.append("for step in range(3):")
        smoke.append(f'    print(f"step {{step}}: loss {{train_step(model, optimizer, x{target}):.6g}}")')
    body = "\n".join(_INDENT + line for line in smoke)
    return f'{text}\n\nif __name__ == "__main__":\n{_INDENT}torch.manual_seed(0)\n{body}\n'


_TRAINING = '''

def make_optimizer(model: nn.Module, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Adam over everything that trains."""
    return torch.optim.Adam(model.parameters(), lr=lr)


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    target: torch.Tensor,
) -> float:
    """One step on the mean squared error; returns the loss before it."""
    optimizer.zero_grad(set_to_none=True)
    loss = F.mse_loss(model(x), target)
    loss.backward()
    optimizer.step()
    return loss.item()
'''

_TRAINING_OWN_LOSS = '''

def make_optimizer(model: nn.Module, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Adam over everything that trains."""
    return torch.optim.Adam(model.parameters(), lr=lr)


def train_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor
) -> float:
    """One step on the loss that the graph computes; returns the loss before it."""
    optimizer.zero_grad(set_to_none=True)
    loss = model(x)
    loss.backward()
    optimizer.step()
    return loss.item()
'''

# -- functions that a generated module brings along ---------------------------------------------------------

_STRUCTURE = '''
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

_READ_WEIGHTS = '''
def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a safetensors file, mapped into memory (private, copied on write)."""
    dtypes = {"F32": torch.float32, "F64": torch.float64}
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
        tensors[name] = flat.reshape(shape)
    return tensors
'''.strip("\n")


def _read_weights_source() -> str:
    return _READ_WEIGHTS


_HELPERS = ("_mix", "_unit")


@cache
def _helper_source(name: str) -> str:
    """Source of a helper of the kind table, read as text so that torch is not imported."""
    from importlib.resources import files

    text = files("torchlean_core.kinds").joinpath("helpers.py").read_text("utf-8")
    match = re.search(rf"^def {name}\(.*?(?=^def |\Z)", text, re.MULTILINE | re.DOTALL)
    if match is None:
        raise LookupError(f"no helper {name}")
    return inspect.cleandoc("\n" + match[0]).rstrip()
