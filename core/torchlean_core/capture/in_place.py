"""Operators in place on values that nobody else sees, renamed to those that give a new value."""

from __future__ import annotations

import torch


def without_identities(graph: torch.fx.Graph) -> None:
    """Take out dropouts in eval mode: each gives back its operand itself, so a later change in place changes both.

    torch makes copies of them where it takes operators apart, and the change would be lost to one of the two.
    """
    for node in list(graph.nodes):
        if node.target in _DROPOUTS and node.args[2] is False and isinstance(node.args[0], torch.fx.Node):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)


_DROPOUTS = (
    torch.ops.aten.dropout.default,
    torch.ops.aten.alpha_dropout.default,
    torch.ops.aten.feature_dropout.default,
    torch.ops.aten.feature_alpha_dropout.default,
)


def rename_in_place(graph: torch.fx.Graph) -> None:
    """Rename `relu_` to `relu` and the like where the value that it changes is not looked at any other way.

    That is so where the value was made by an operator in the graph that gives no view, no view of it was taken, and
    whatever uses it comes before: `torch.export` lets later uses refer to the result of the operator in place.
    Others are left to `run_decompositions`, which makes all of them functional.
    """
    order = {node: number for number, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        renamed = _functional(node)
        if renamed is not None and _is_own(node, order):
            node.target = renamed


def _functional(node: torch.fx.Node) -> torch._ops.OpOverload | None:
    """The operator that gives what one in place writes to its first operand; None where there is none."""
    target = node.target
    if node.op != "call_function" or not isinstance(target, torch._ops.OpOverload):
        return None
    packet = target._schema.name.removeprefix("aten::")
    if not target._schema.is_mutable or not packet.endswith("_") or packet.startswith("_"):
        return None
    plain = getattr(torch.ops.aten, packet.removesuffix("_"), None)
    found = getattr(plain, target._overloadname, None) if plain is not None else None
    if not isinstance(found, torch._ops.OpOverload) or found._schema.is_mutable:
        return None
    theirs = [(one.name, str(one.type)) for one in target._schema.arguments]
    ours = [(one.name, str(one.type)) for one in found._schema.arguments]
    written = [one.name for one in target._schema.arguments if one.alias_info and one.alias_info.is_write]
    if ours != theirs or written != [theirs[0][0]]:
        return None
    before, after = _kind_of(node.args[0] if node.args else None), _kind_of(node)
    # In place, the result keeps shape and type of the operand, which the plain operator may not.
    same = before is not None and before == after
    others = [_kind_of(operand) for operand in node.all_input_nodes[1:]]
    return (
        found
        if same and all(kind is not None and kind[1] == before[1] for kind in others if before)
        else None
    )


def _kind_of(value: object) -> tuple[tuple[object, ...], torch.dtype] | None:
    tensor = value.meta.get("val") if isinstance(value, torch.fx.Node) else None
    return (tuple(tensor.shape), tensor.dtype) if isinstance(tensor, torch.Tensor) else None


def _is_own(node: torch.fx.Node, order: dict[torch.fx.Node, int]) -> bool:
    """Whether only this operator sees what it changes."""
    operand = node.args[0]
    if not isinstance(operand, torch.fx.Node) or operand.op != "call_function":
        return False
    maker = operand.target
    if not isinstance(maker, torch._ops.OpOverload) or _gives_alias(maker):
        return False
    for user in operand.users:
        if user is node:
            continue
        known = isinstance(user.target, torch._ops.OpOverload) and not _gives_alias(user.target)
        if not known or order[user] > order[node]:
            return False
    return True


def _gives_alias(target: torch._ops.OpOverload) -> bool:
    """Whether a result of an operator may share memory with an operand.

    Operators with a kernel of their own say so in their schema. Composite ones do not always: `dropout` in eval mode
    gives back its operand.
    """
    if any(result.alias_info is not None for result in target._schema.returns):
        return True
    return is_composite(target) and target._schema.name not in _NEW


def is_composite(target: torch._ops.OpOverload) -> bool:
    """Whether torch itself computes an operator by others, so that it can be taken apart."""
    name = str(target._schema).partition("(")[0]
    return bool(torch._C._dispatch_has_kernel_for_dispatch_key(name, "CompositeImplicitAutograd"))


_NEW = frozenset(
    f"aten::{name}"
    for name in (
        "linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d batch_norm layer_norm "
        "group_norm instance_norm matmul max_pool1d max_pool2d max_pool3d avg_pool1d adaptive_avg_pool1d "
        "adaptive_avg_pool2d adaptive_avg_pool3d softmax log_softmax silu hardswish"
    ).split()
)
"""Composite operators whose result is always a new tensor."""
