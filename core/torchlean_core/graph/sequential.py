"""Sequential lowering: a graph that is a chain of layers, as the modules of an `nn.Sequential` (semantics 3)."""

from __future__ import annotations

from dataclasses import dataclass

from torchlean_core.errors import UserError
from torchlean_core.graph.lowering import Program, TensorNode
from torchlean_core.graph.model import Graph
from torchlean_core.graph.parameters import Use
from torchlean_core.kinds.operators import INPUT


@dataclass(frozen=True, slots=True)
class Layer:
    """One node as layers.

    Attributes:
        node: The node.
        modules: Source texts of the modules it becomes; the last one has its parameters.
        position: Place of that last one in the whole `nn.Sequential`.
        occurrence: Its place among the layers with parameters, counted from the start index; None for a layer
            without.
    """

    node: TensorNode
    modules: tuple[str, ...]
    position: int
    occurrence: int | None

    @property
    def seeds(self) -> tuple[int, int] | None:
        """Seeds of the weight and of the bias: 2i and 2i + 1 for occurrence i; None without parameters."""
        return None if self.occurrence is None else (2 * self.occurrence, 2 * self.occurrence + 1)

    @property
    def state(self) -> dict[str, str]:
        """Keys of the whole module's `state_dict`, each with the role of the node's parameter that it holds."""
        view = self.node.operator.layer
        if view is None:
            return {}
        held = {key: role for key, role in view.state.items() if self.node.params.get(role) is not None}
        return {f"{self.position}.{key}": role for key, role in held.items()}


def to_sequential(program: Program, start: int = 0) -> tuple[Layer, ...]:
    """The layers of a chain, in order; nodes that do not reach the output are left out.

    Args:
        program: The chain.
        start: Occurrence of its first layer with parameters, where other layers with parameters come before it.

    Raises:
        UserError: A node has no layer view (the first one is named), the start is no whole number >= 0, or what is
            given is no program.
    """
    if not isinstance(program, Program):
        hint = "; lower(graph) makes one" if isinstance(program, Graph) else ""
        raise UserError(f"expected a Program, found a value of type {type(program).__name__}{hint}")
    if not isinstance(start, int) or isinstance(start, bool) or start < 0:
        raise UserError(f"the start index must be a whole number >= 0, found {start!r}")
    program.output_id  # noqa: B018  # refuses several
    live = program.live()
    layers: list[Layer] = []
    latest: int | None = None
    position, occurrence = 0, start
    for node in program.nodes:
        if node.id not in live:
            continue
        if node.operator is INPUT and latest is None:
            latest = node.id
            continue
        if node.parents != (latest,) or (modules := program.layer_modules(node)) is None:
            kind = program.graph.node(node.raw).kind
            raise UserError(f"node {node.raw} ({kind}) has no Seq lowering; use the module style")
        if any(use is not None and not _is_layers_own(program, use) for use in node.params.values()):
            raise UserError(
                f"node {node.raw} ({program.kind_of(node)}) shares a parameter with another node, or uses a part "
                "of one, which no layer of nn.Sequential can; use the module style"
            )
        position += len(modules)
        counts = bool(node.params)
        layers.append(Layer(node, modules, position - 1, occurrence if counts else None))
        occurrence += counts
        latest = node.id
    return tuple(layers)


def _is_layers_own(program: Program, use: Use) -> bool:
    """Whether a layer can hold a tensor: it alone uses it, and all of it."""
    if any(step.name not in ("permute", "reshape", "flip") for step in use.computed):
        return False
    return sum(other.parameter.name == use.parameter.name for other in program.uses()) == 1
