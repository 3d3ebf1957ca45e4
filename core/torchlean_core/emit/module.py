"""The class of the module style: its tensors, and `forward` with one local for every node."""

from __future__ import annotations

from collections.abc import Mapping

from torchlean_core.emit.bindings import Binding
from torchlean_core.emit.comments import constant_name, node_comment, origin, owner_comment
from torchlean_core.emit.literals import tensor_literal
from torchlean_core.emit.naming import Naming, tied
from torchlean_core.emit.options import EmitOptions
from torchlean_core.emit.recognized import Recognized
from torchlean_core.errors import UserError
from torchlean_core.graph import Program, TensorNode
from torchlean_core.params import ParameterStore
from torchlean_core.params.format import as_array
from torchlean_core.params.model_names import ModelState

_INDENT = "    "


def module_class(
    program: Program,
    nodes: list[TensorNode],
    bindings: list[Binding],
    store: ParameterStore | None,
    params_name: str | None,
    options: EmitOptions,
    calls: Mapping[int, Recognized],
) -> str:
    """Source of the class.

    Args:
        program: The program.
        nodes: Its nodes that the output depends on.
        bindings: How their parameters are held.
        store: Values of the parameters.
        params_name: The parameter file as seen from the module's folder; None where values are literals.
        options: See there.
        calls: Nodes that are the result of a function of torch, which is called.
    """
    lines = [f"class {options.class_name}(nn.Module):", *class_docstring(program), "", *signature(options)]
    lines.append("        super().__init__()")
    if params_name is not None:
        lines.append(read_from(params_name))
    naming, more = _named(program, bindings, store, params_name is not None, options)
    lines += [_INDENT * 2 + line for line in naming.holders()]
    owners: dict[str, TensorNode] = {}
    for node in nodes:
        for use in node.params.values():
            if use is not None:
                owners.setdefault(use.parameter.name, node)
    told = ""
    for binding in bindings:
        comment = owner_comment(owners[binding.parameter.name], binding.parameter)
        if comment and comment not in (told, naming.name(binding)):
            lines.append(f"{_INDENT * 2}# {comment}")
        told = comment
        lines += [_INDENT * 2 + line for line in _assignment(binding, store, params_name is not None, naming)]
    lines += [_INDENT * 2 + line for line in more]
    several = len(program.output_ids) > 1
    result = f"tuple[{', '.join(['torch.Tensor'] * len(program.output_ids))}]" if several else "torch.Tensor"
    lines += ["", f"    def forward(self, x: torch.Tensor) -> {result}:"]
    names = _local_names(program)
    held = {binding.parameter.name: binding for binding in bindings}
    told = ""
    for node in nodes:
        call = calls.get(node.id)
        text = (
            f"{call.function}({names[call.operand]})"
            if call is not None
            else _expression(program, node, names, held, naming)
        )
        line = f"{_INDENT * 2}{names[node.id]} = {text}"
        if node.params and not node.parents:  # a constant stands among the nodes that use it
            lines.append(f"{line}  # {name}" if (name := constant_name(node)) else line)
            continue
        comment = node_comment(node)
        if comment and comment != told:
            lines.append(f"{_INDENT * 2}# {comment}")
        told = comment
        lines.append(line)
    lines.append(f"        return {', '.join(names[output] for output in program.output_ids)}")
    return "\n".join(lines) + "\n"


def class_docstring(program: Program) -> list[str]:
    """Lines of a class's docstring: shapes, and the model it was captured from."""
    results = [list(program.nodes[output].shape) for output in program.output_ids]
    gives = f"a tensor of shape {results[0]}" if len(results) == 1 else "tensors, one for each output"
    text = f"Takes x of shape {list(program.graph.input_shape)}, gives {gives}."
    if not (model := origin(program.graph)):
        return [f'    """{text}"""']
    return [f'    """{text}', "", f"    Captured from {model}.", '    """']


def signature(options: EmitOptions) -> list[str]:
    """The first line of `__init__`."""
    return [f"    def __init__(self, dtype: torch.dtype = {options.dtype_expr}) -> None:"]


def read_from(params_name: str) -> str:
    """The line that reads the parameter file; its name is in ASCII, whatever it holds."""
    return f"        weights = read_weights(Path(__file__).parent / {params_name!a})"


def _expression(
    program: Program, node: TensorNode, names: dict[int, str], held: dict[str, Binding], naming: Naming
) -> str:
    params = {}
    for role, use in node.params.items():
        if use is not None:
            binding = held[use.parameter.name]
            params[role] = binding.expression(use, naming.access(binding))
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


def _named(
    program: Program,
    bindings: list[Binding],
    store: ParameterStore | None,
    from_file: bool,
    options: EmitOptions,
) -> tuple[Naming, list[str]]:
    """Where the tensors are held; and, under the model's names, lines for what else its `state_dict` has.

    Raises:
        UserError: The artifact does not say what its parameters are in a model.
    """
    if options.names != "model":
        return Naming(bindings, of_model=False), []
    state = ModelState.of(program)
    own = {binding.parameter.model for binding in bindings} - {None}
    if not own & set(state.names):
        raise UserError("--names model: the artifact does not say what its parameters are called in a model")
    carried = {} if store is None else store.carried_infos(state.further)
    ties = {name: first for name, first in state.tied.items() if first in own}
    naming = Naming(bindings, [*carried, *ties], of_model=True, state=state.names)
    lines = list(tied(ties, naming))
    for name, info in carried.items():
        value = f'weights["{info.name}"]'
        if info.shape == ():
            assert store is not None, "it has the entry"
            value = f"torch.tensor({as_array(store.carried([name])[name]).item()})"
        if info.shape == () or from_file:
            lines.append(naming.set_buffer(name, value))
    return naming, lines


def _assignment(binding: Binding, store: ParameterStore | None, from_file: bool, naming: Naming) -> list[str]:
    assert store is not None, "a program with parameters has a store"
    name = binding.parameter.name
    is_row = binding.row_of is not None
    if from_file:
        value = f'weights["{name}"]{"[0]" if is_row else ""}.to(dtype){".clone()" if is_row else ""}'
    else:
        values = store.numpy(name)
        value = tensor_literal(values[0] if is_row else values)
    lines = [naming.assigned(binding, value)]
    if binding.learnable and binding.structure is not None:
        groups, dilation = binding.structure
        shape = ", ".join(map(str, binding.shape))
        mask = f"structure(({shape}), {groups}, {dilation}).to(dtype)"
        lines.append(f'self.register_buffer("{name}_structure", {mask}, persistent=False)')
    return lines
