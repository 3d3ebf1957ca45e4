"""Dense kernels that stand for grouped or dilated ones, as the smaller kernels that they hold.

The verification computes with these: a dense kernel of 1152 groups is 1152 times as large. It is the same
parameter, since every element that is left out is compared with zero first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from torchlean_core.graph import Program, TensorNode
from torchlean_core.kinds.spec import Call


def compact(program: Program, tensors: Mapping[str, torch.Tensor]) -> tuple[Program, dict[str, torch.Tensor]]:
    """A program and its parameters with grouped and dilated convolutions in place of dense ones.

    A kernel that is not zero where groups or dilation say so stays as it is.
    """
    smaller = dict(tensors)
    nodes = [_compacted(node, smaller) for node in program.nodes]
    return replace(program, nodes=tuple(nodes)), smaller


def _compacted(node: TensorNode, tensors: dict[str, torch.Tensor]) -> TensorNode:
    use = node.params.get("kernel")
    groups, dilation = node.fields.get("groups", 1), node.fields.get("dilation", 1)
    if node.kind.name != "conv2d" or use is None or use.view or (groups == 1 and dilation == 1):
        return node
    dense = tensors[use.parameter.name]
    down, across = dilation if isinstance(dilation, tuple | list) else (dilation, dilation)
    taps = dense[:, :, ::down, ::across]
    outputs, inputs = taps.shape[0] // groups, taps.shape[1] // groups
    blocks = taps.reshape(groups, outputs, groups, inputs, *taps.shape[2:])
    kernel = blocks.diagonal(dim1=0, dim2=2).movedim(-1, 0).flatten(0, 1).contiguous()
    if dense.count_nonzero() != kernel.count_nonzero():
        return node
    tensors[use.parameter.name] = kernel
    shape = tuple(kernel.shape)
    held = replace(use, shape=shape, parameter=replace(use.parameter, shape=shape))

    def code(call: Call) -> str:
        return (
            f"F.conv2d({call.args[0]}, {call.params['kernel']}, {call.params['bias']}, "
            f"stride={call.fields['stride']}, padding={call.fields['padding']}, "
            f"dilation=({down}, {across}), groups={groups})"
        )

    return replace(node, kind=replace(node.kind, code=code), params={**node.params, "kernel": held})
