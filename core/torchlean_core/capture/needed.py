"""What of a traced graph is lowered, and what of the user's an operator is a part of."""

from __future__ import annotations

import torch

from torchlean_core.capture.trace import Traced
from torchlean_core.capture.value_checks import only_checks


def leave_out(traced: Traced, needed: set[torch.fx.Node]) -> None:
    """Take out of the graph what nothing depends on."""
    for node in reversed(list(traced.module.graph.nodes)):
        if node not in needed and not node.users and node.op not in ("placeholder", "output"):
            traced.module.graph.erase_node(node)


def needed_of(traced: Traced) -> set[torch.fx.Node]:
    """What the output depends on, and what changes something on the way."""
    nodes = list(traced.module.graph.nodes)
    needed = set(traced.outputs)
    for node in reversed(nodes):
        if node in needed or (node.is_impure() and not only_checks(node)):
            needed.update([node, *node.all_input_nodes])
    return needed


def part_of(node: torch.fx.Node) -> str:
    """What the user wrote, where the operator is a part of something else that torch took apart."""
    own = getattr(node.target, "_opname", None)
    if own is None:
        return ""
    call = str((node.meta.get("torch_fn") or ("", ""))[1]).rpartition(".")[2]
    if call == "__setitem__":
        return " (part of an assignment to elements of a tensor)"
    original = node.meta.get("original_aten")
    if isinstance(original, torch._ops.OpOverload) and original._opname.rstrip("_") != own.rstrip("_"):
        return f" (part of `{original}`)"
    return ""
