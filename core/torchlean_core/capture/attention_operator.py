"""`nn.MultiheadAttention` kept whole on the FX path, where it lowers: one head of self-attention, in eval mode."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn


@torch.library.custom_op("torchlean::self_attention", mutates_args=())
def self_attention(
    x: torch.Tensor,
    in_weight: torch.Tensor,
    in_bias: torch.Tensor | None,
    out_weight: torch.Tensor,
    out_bias: torch.Tensor | None,
) -> torch.Tensor:
    """Single-head self-attention of x (batch, seq, embed), with nn.MultiheadAttention's parameters."""
    query, key, value = nn.functional.linear(x, in_weight, in_bias).chunk(3, dim=-1)
    mixed = nn.functional.scaled_dot_product_attention(query, key, value)
    return nn.functional.linear(mixed, out_weight, out_bias)


@self_attention.register_fake
def _(x: Any, in_weight: Any, in_bias: Any, out_weight: Any, out_bias: Any) -> torch.Tensor:
    return torch.empty_like(x)


class KeepingAttention(torch.fx.Interpreter):
    """Runs a symbolic trace; attention layers that can stay whole call `self_attention`."""

    def run_node(self, n: torch.fx.Node) -> Any:
        """As the base class, but for such layers."""
        if n.op == "call_module" and isinstance(n.target, str):
            module = self.fetch_attr(n.target)
            args, kwargs = self.fetch_args_kwargs_from_env(n)
            if isinstance(module, nn.MultiheadAttention) and _stays_whole(n, module, args, kwargs):
                out = module.out_proj
                return self_attention(
                    args[0], module.in_proj_weight, module.in_proj_bias, out.weight, out.bias
                ), None
        return super().run_node(n)


def _stays_whole(
    node: torch.fx.Node, module: nn.MultiheadAttention, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> bool:
    """Whether a call is what the tuple form says, and nothing but its first result is used."""
    options = {
        name: value for name, value in kwargs.items() if name not in ("need_weights", "average_attn_weights")
    }
    return (
        module.num_heads == 1
        and module.batch_first
        and not module.training
        and module.in_proj_weight is not None
        and (module.in_proj_bias is None) == (module.out_proj.bias is None)
        and module.bias_k is None
        and not module.add_zero_attn
        and len(node.args) == 3
        and node.args[0] is node.args[1] is node.args[2]
        and not any(options.values())
        and args[0].dim() == 3
        and all(
            user.target is operator.getitem and (user.args[1] == 0 or not user.users) for user in node.users
        )
    )
