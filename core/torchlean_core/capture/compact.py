"""Dense kernels that stand for grouped or dilated ones, as the smaller kernels that they hold.

The verification computes with these: a dense kernel of 1152 groups is 1152 times as large. It is the same
parameter, since every element that is left out is compared with zero first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch

from torchlean_core.graph import Program, TensorNode
from torchlean_core.kinds.code import structure
from torchlean_core.kinds.operators import CONV


def compact(program: Program, tensors: Mapping[str, torch.Tensor]) -> tuple[Program, dict[str, torch.Tensor]]:
    """A program and its parameters with grouped and dilated convolutions in place of dense ones.

    A kernel that is not zero where groups or dilation say so stays as it is.
    """
    smaller = dict(tensors)
    nodes = [_compacted(node, smaller) for node in program.nodes]
    return replace(program, nodes=tuple(nodes)), smaller


def _compacted(node: TensorNode, tensors: dict[str, torch.Tensor]) -> TensorNode:
    use = node.params.get("kernel")
    if node.operator is not CONV or use is None or use.view or node.compact or node.fields["groups"] != 1:
        return node
    groups, dilation = structure(node.fields)
    if groups == 1 and set(dilation) <= {1}:
        return node
    dense = tensors[use.parameter.name]
    taps = dense[(slice(None), slice(None), *(slice(None, None, step) for step in dilation))]
    outputs, inputs = taps.shape[0] // groups, taps.shape[1] // groups
    blocks = taps.reshape(groups, outputs, groups, inputs, *taps.shape[2:])
    kernel = blocks.diagonal(dim1=0, dim2=2).movedim(-1, 0).flatten(0, 1).contiguous()
    if dense.count_nonzero() != kernel.count_nonzero():
        return node
    tensors[use.parameter.name] = kernel
    shape = tuple(kernel.shape)
    held = replace(use, shape=shape, parameter=replace(use.parameter, shape=shape))
    fields = {**node.fields, "groups": groups, "dilation": dilation, "kernel": shape[2:]}
    return replace(node, fields=fields, params={**node.params, "kernel": held}, compact=True)
