"""The `nn.Sequential` of a graph that is a chain of layers."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from torchlean_core.graph import Layer, Program, to_sequential
from torchlean_core.graph.views import HELPERS
from torchlean_core.interp.compile import compiled
from torchlean_core.kinds import helpers
from torchlean_core.kinds.code import structure


def sequential_module(program: Program, tensors: Mapping[str, torch.Tensor]) -> nn.Sequential:
    """The layers of a chain as modules that hold its parameters, in evaluation mode.

    Args:
        program: The program.
        tensors: Its parameters by name, of one dtype, on one device; they are not copied.

    Raises:
        UserError: A node has no layer view; the first one is named.
    """
    scope = {"nn": nn, "Reshape": helpers.Reshape}
    layers = to_sequential(program)
    with torch.device("meta"):
        # The texts come from the kind table; of the artifact they hold integers and floats only.
        model = nn.Sequential(*(eval(text, scope) for layer in layers for text in layer.modules))
    state = {key: value for layer in layers for key, value in _state(layer, tensors).items()}
    model.load_state_dict(state, assign=True)
    return model.eval()


def _state(layer: Layer, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    state = {}
    for key, role in layer.state.items():
        use = layer.node.params[role]
        assert use is not None, "a layer's state is what its node has"
        value = compiled(f"lambda p: {use.expression('p')}", HELPERS)(tensors[use.parameter.name])
        if role == "kernel" and not layer.node.compact:
            value = _original(layer, value)
        state[key] = value.clamp(min=0.0) if role == "var" else value
    if f"{layer.position}.running_var" in state:
        state[f"{layer.position}.num_batches_tracked"] = torch.tensor(0)
    return state


def _original(layer: Layer, kernel: torch.Tensor) -> torch.Tensor:
    """The weights of the grouped or dilated convolution that a dense kernel stands for."""
    groups, dilation = structure(layer.node.fields)
    if groups == 1 and set(dilation) <= {1}:
        return kernel
    outputs, inputs = kernel.shape[0] // groups, kernel.shape[1] // groups
    blocks = [kernel[g * outputs : (g + 1) * outputs, g * inputs : (g + 1) * inputs] for g in range(groups)]
    places = (slice(None), slice(None), *(slice(None, None, step) for step in dilation))
    return torch.cat(blocks)[places].contiguous()
