"""A scalar loss over parameters and inputs, with its gradients."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import torch

Loss = Callable[..., torch.Tensor]
"""(parameters by name, inputs…) to a scalar; a pure function."""


class ScalarModule:
    """Parameters and a scalar loss.

    Attributes:
        loss: The loss, a pure function of parameters and inputs.
        leaves: The parameters that have a gradient, by name: leaf tensors that an optimizer may change.
        fixed: The parameters that stay as they are.
    """

    def __init__(
        self,
        loss: Loss,
        params: Mapping[str, torch.Tensor],
        requires_grad: Collection[str],
        masks: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        """Take copies of the parameters.

        Args:
            loss: The loss.
            params: Values by name.
            requires_grad: Names of those that have a gradient.
            masks: By name, True where a parameter may change; elsewhere its gradient is zero.
        """
        self.loss = loss
        self.leaves = {
            name: tensor.detach().clone().requires_grad_()
            for name, tensor in params.items()
            if name in requires_grad
        }
        self.fixed = {name: tensor.detach() for name, tensor in params.items() if name not in requires_grad}
        self._order = list(params)
        for name, mask in (masks or {}).items():
            if name in self.leaves:
                self.leaves[name].register_hook(  # type: ignore[no-untyped-call]
                    lambda gradient, mask=mask: gradient * mask
                )

    def params(self) -> dict[str, torch.Tensor]:
        """All parameters by name, detached; they share memory with the module's own."""
        own = {name: tensor.detach() for name, tensor in self.leaves.items()} | self.fixed
        return {name: own[name] for name in self._order}

    def set_params(self, params: Mapping[str, torch.Tensor]) -> None:
        """Copy values into the parameters of these names."""
        with torch.no_grad():
            for name, value in params.items():
                (self.leaves if name in self.leaves else self.fixed)[name].copy_(value)

    def forward(self, *xs: torch.Tensor) -> torch.Tensor:
        """The loss, a scalar that gradients can be taken of."""
        return self.loss(self.leaves | self.fixed, *xs)

    def backward(self, *xs: torch.Tensor) -> dict[str, torch.Tensor]:
        """Gradients of the loss for every parameter that has one; zero where the loss does not use it."""
        for leaf in self.leaves.values():
            leaf.grad = None
        loss = self.forward(*xs)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        return {
            name: torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
            for name, leaf in self.leaves.items()
        }

    def step(self, lr: float, *xs: torch.Tensor) -> None:
        """One step of plain gradient descent."""
        gradients = self.backward(*xs)
        with torch.no_grad():
            for name, leaf in self.leaves.items():
                leaf.sub_(gradients[name], alpha=lr)
