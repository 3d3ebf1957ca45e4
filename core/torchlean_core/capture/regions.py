"""Regions that torch wraps into an operator of their own (gradients switched off, autocast), taken out of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch._higher_order_ops import wrap

NO_GRAD = wrap.wrap_with_set_grad_enabled
"""The region in which gradients are switched. In torch 2.6 `torch.ops.higher_order` does not know it by itself."""

AUTOCAST = wrap.wrap_with_autocast
"""The region of `torch.autocast`."""


def take_out(
    module: torch.fx.GraphModule, call: torch.fx.Node, body: torch.fx.Node, operands: Sequence[Any]
) -> dict[str, str]:
    """Put the operators of a region where it is called; the call, which gives a tuple, goes.

    Args:
        module: Has the call, and the region as an attribute.
        call: The call.
        body: The `get_attr` node of the region.
        operands: What the region is called with.

    Returns:
        New names of nodes by old ones, for the region's results.
    """
    region = module.get_submodule(str(body.target))
    assert isinstance(region, torch.fx.GraphModule), "a region is a graph"
    placeholders = (node for node in region.graph.nodes if node.op == "placeholder")
    taken: dict[torch.fx.Node, Any] = dict(zip(placeholders, operands, strict=True))
    with module.graph.inserting_before(call):
        for node in region.graph.nodes:
            if node.op == "output" or node in taken:
                continue
            taken[node] = module.graph.node_copy(node, taken.__getitem__)
            if node.op == "get_attr":  # a region in the region, or a constant of it
                taken[node].target = f"{call.name}_{node.target}".replace(".", "_")
                setattr(module, taken[node].target, _attribute(region, str(node.target)))
    results: Any = torch.fx.map_arg(region.graph.output_node().args[0], taken.__getitem__)
    renamed = {}
    for user in list(call.users):
        number: Any = user.args[1]
        user.replace_all_uses_with(results[number])
        renamed[user.name] = results[number].name
        module.graph.erase_node(user)
    module.graph.erase_node(call)
    if not body.users:
        module.graph.erase_node(body)
    return renamed


def _attribute(module: torch.nn.Module, path: str) -> Any:
    found: Any = module
    for name in path.split("."):
        found = getattr(found, name)
    return found


def rename_outputs(exported: torch.export.ExportedProgram, renamed: dict[str, str]) -> None:
    """Let an exported program return the results of regions that were taken out."""
    for spec in exported.graph_signature.output_specs:
        spec.arg.name = renamed.get(spec.arg.name, spec.arg.name)
