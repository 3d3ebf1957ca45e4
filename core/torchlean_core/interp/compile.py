"""From a lowered program to callables: one per node, made from the code template of its operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional

from torchlean_core.graph import Program, TensorNode
from torchlean_core.graph.views import HELPERS
from torchlean_core.kinds import helpers

Function = Callable[..., torch.Tensor]


@dataclass(frozen=True, slots=True)
class Step:
    """The evaluation of one node.

    Attributes:
        node: The node.
        source: Source text of its expression over `x`, `a0`, `a1`, … and `p_<role>`.
        function: The compiled expression: (x, operands, parameters in order) to the node's value.
        parents: Tensor ids of the operands.
        names: Names of the uses of parameters, in the order that `function` takes them.
        last_use_of: Tensor ids of the values that no later step needs.
    """

    node: TensorNode
    source: str
    function: Function
    parents: tuple[int, ...]
    names: tuple[str, ...]
    last_use_of: tuple[int, ...]


def compile_steps(program: Program, wanted: set[int]) -> list[Step]:
    """One step for each wanted node, in order.

    Raises:
        UserError: A field that the checker leaves alone (`eps`) has no meaning.
    """
    nodes = [node for node in program.nodes if node.id in wanted]
    last: dict[int, int] = {}
    for node in nodes:
        for parent in (*node.parents, node.id):
            last[parent] = node.id
    freed: dict[int, list[int]] = {}
    for value, user in last.items():
        if value not in program.output_ids:
            freed.setdefault(user, []).append(value)
    return [_step(program, node, freed.get(node.id, ())) for node in nodes]


def _step(program: Program, node: TensorNode, freed: Sequence[int]) -> Step:
    arguments = [f"a{position}" for position in range(len(node.parents))]
    roles = {role: use for role, use in node.params.items() if use is not None}
    params = {role: f"p_{role}" for role in roles}
    names = ", ".join(["x", *arguments, *(params[role] for role in roles)])
    expression = program.expression(node, arguments, {**params, "like": "x"})
    return Step(
        node,
        expression,
        compiled(f"lambda {names}: {expression}", node.operator.helpers),
        node.parents,
        tuple(use.name for use in roles.values()),
        tuple(freed),
    )


Payload = Callable[[Mapping[str, torch.Tensor]], dict[str, torch.Tensor]]
"""Parameters by name to their uses by name."""


def compile_payload(program: Program) -> Payload:
    """What makes the uses of parameters: equal views of one tensor are made once."""
    views: dict[tuple[str, str], Function] = {}
    uses: dict[str, tuple[str, str]] = {}
    for use in program.uses():
        key = (use.parameter.name, use.expression("p"))
        views[key] = compiled(f"lambda p: {key[1]}", HELPERS)
        uses[use.name] = key

    def payload(params: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        made = {key: function(params[key[0]]) for key, function in views.items()}
        return {name: made[key] for name, key in uses.items()}

    return payload


_CACHE_LIMIT = 4096
_cache: dict[str, Function] = {}


def compiled(source: str, helper_names: Sequence[str]) -> Function:
    """The function of a lambda's text; nodes with the same text share it."""
    function = _cache.get(source)
    if function is None:
        scope: dict[str, Any] = {"torch": torch, "F": torch.nn.functional}
        scope.update((name, getattr(helpers, name)) for name in helper_names)
        # The text comes from the kind table; of the artifact it holds integers and floats only.
        function = eval(source, scope)
        if len(_cache) >= _CACHE_LIMIT:
            _cache.clear()
        _cache[source] = function
    return function
