"""The class of the sequential style: an `nn.Sequential` of the layers of a chain, with its weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from torchlean_core.emit.bindings import Binding
from torchlean_core.emit.comments import owner_comment
from torchlean_core.emit.literals import tensor_literal
from torchlean_core.emit.module import class_docstring, read_from, signature
from torchlean_core.emit.options import EmitOptions
from torchlean_core.graph import Layer, Program
from torchlean_core.params import ParameterStore
from torchlean_core.params.format import Array
from torchlean_core.params.uses import viewed

_INDENT = "    "
_COUNTER = "num_batches_tracked"
_STATISTICS = ("mean", "var")


def sequential_class(
    program: Program,
    layers: Sequence[Layer],
    bindings: list[Binding],
    store: ParameterStore | None,
    params_name: str | None,
    options: EmitOptions,
) -> str:
    """Source of the class.

    The modules are made without storage and get the stored tensors as they are, so that nothing is drawn at
    random first. Batch normalizations have their fixed statistics: the module begins in evaluation mode.

    Args:
        program: The program.
        layers: Its sequential lowering.
        bindings: How its parameters are held.
        store: Values of the parameters.
        params_name: The parameter file as seen from the module's folder; None where values are literals.
        options: See there.
    """
    held = {binding.parameter.name: binding for binding in bindings}
    lines = [
        f"class {options.class_name}(nn.Sequential):",
        *class_docstring(program),
        "",
        *signature(options),
    ]
    modules = [line for layer in layers for line in _modules(layer)]
    has_state = any(layer.state for layer in layers)
    inner = _INDENT * (3 if has_state else 2)
    if has_state:
        lines.append(f'{_INDENT * 2}with torch.device("meta"):')
    lines += [f"{inner}super().__init__(", *(f"{inner}{_INDENT}{line}" for line in modules), f"{inner})"]
    if has_state:
        if params_name is not None:
            lines.append(read_from(params_name))
        lines.append(f"{_INDENT * 2}state = {{")
        for layer in layers:
            lines += [_INDENT * 3 + line for line in _state(layer, held, store, params_name is not None)]
        lines += [f"{_INDENT * 2}}}", f"{_INDENT * 2}self.load_state_dict(state, assign=True)"]
    fixed = [key for layer in layers for key, role in layer.state.items() if _is_fixed(layer, role)]
    if fixed:
        lines.append(f"{_INDENT * 2}for name in ({', '.join(map(_quoted, fixed))},):  # fixed in the model")
        lines.append(f"{_INDENT * 3}self.get_parameter(name).requires_grad_(False)")
    if any(_has_statistics(layer) for layer in layers):
        lines.append(f"{_INDENT * 2}self.eval()")
    return "\n".join(lines) + "\n"


def _modules(layer: Layer) -> list[str]:
    """Lines of the modules of one layer, with what is known of it behind the last."""
    notes = [note] if (note := owner_comment(layer.node)) else []
    if layer.seeds is not None:
        notes.append(f"layer {layer.occurrence}, seeds {layer.seeds[0]} and {layer.seeds[1]}")
    lines = [f"{module}," for module in layer.modules]
    if notes:
        lines[-1] += f"  # {': '.join(notes)}"
    return lines


def _is_fixed(layer: Layer, role: str) -> bool:
    """Whether a layer's parameter (not a statistic, which is a buffer) is one that does not train."""
    use = layer.node.params[role]
    return use is not None and role not in _STATISTICS and not use.parameter.trainable


def _quoted(key: str) -> str:
    return f'"{key}"'


def _has_statistics(layer: Layer) -> bool:
    return any(key.endswith(".running_var") for key in layer.state)


def _state(
    layer: Layer, held: dict[str, Binding], store: ParameterStore | None, from_file: bool
) -> list[str]:
    lines = []
    for key, role in layer.state.items():
        use = layer.node.params[role]
        assert use is not None and store is not None, "a layer's parameters are stored"
        structure = held[use.parameter.name].structure
        groups = layer.node.fields["groups"] if role == "kernel" and not layer.node.compact else 1
        if from_file:
            value = use.expression(f'weights["{use.parameter.name}"]')
            if structure is not None:
                value = f"compact({value}, {structure[0]}, {structure[1]})"
            elif groups != 1:
                value = f"diagonal_blocks({value}, {groups})"
            value += ".clamp(min=0.0)" if role == "var" else ""
            value += ".to(dtype)"
        else:
            values = viewed(store.numpy(use.parameter.name), use.computed)
            if structure is not None or groups != 1:
                values = _compact(values, *(structure or (groups, ())))
            value = tensor_literal(values.clip(min=0) if role == "var" else values)
        lines.append(f'"{key}": {value},')
    if _has_statistics(layer):
        lines.append(f'"{layer.position}.{_COUNTER}": torch.tensor(0),')
    return lines


def _compact(kernel: Array, groups: int, dilation: tuple[int, ...]) -> Array:
    """The weights of the convolution that a dense kernel stands for."""
    outputs, inputs = kernel.shape[0] // groups, kernel.shape[1] // groups
    blocks = [kernel[g * outputs : (g + 1) * outputs, g * inputs : (g + 1) * inputs] for g in range(groups)]
    return np.concatenate(blocks)[:, :, *(slice(None, None, step) for step in dilation)]
