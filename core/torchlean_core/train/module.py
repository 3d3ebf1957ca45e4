"""A scalar loss over parameters and inputs: its value, its gradients, and steps against them.

The loss is a pure function of parameters and inputs, as `torch.func` wants it: the module adds the state.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from torchlean_core.environment.compiler import missing_for_compiling
from torchlean_core.errors import UsageError, UserError
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.train.declared import Input, require_inputs
from torchlean_core.train.diagnose import require_finite
from torchlean_core.train.optim import Optimizer, OptimState, require_amount

Loss = Callable[..., torch.Tensor]
"""(parameters by name, inputs…) to a scalar; a pure function."""

Inputs = Sequence[torch.Tensor]
"""One sample or batch: all inputs of the loss behind the parameters."""

_SHOWN = 8

Explain = Callable[[Mapping[str, torch.Tensor], Inputs], str]
"""(parameters, inputs) of a loss that is not finite, to words that say where that arises."""

OnLog = Callable[[int, float], None]
"""Gets the number of a step, counted from 0, and the loss before it."""

BACKENDS = ("eager", "compiled")
"""How a loss is computed: operator by operator, or through `torch.compile` with inductor."""


class ScalarModule:
    """Parameters and a scalar loss.

    Inputs are given as one sequence or one by one: `forward((x, y))` is `forward(x, y)`.

    Attributes:
        loss: The loss, a pure function of parameters and inputs; compiled where the backend is.
        leaves: The parameters that have a gradient, by name: leaf tensors that an optimizer may change.
        fixed: The parameters that stay as they are.
    """

    def __init__(
        self,
        loss: Loss,
        params: Mapping[str, torch.Tensor],
        requires_grad: Collection[str] | None = None,
        masks: Mapping[str, torch.Tensor] | None = None,
        backend: str = "eager",
        copy: bool = True,
        inputs: Sequence[Input] | None = None,
        explain: Explain | None = None,
    ) -> None:
        """Take the parameters.

        Args:
            loss: The loss.
            params: Values by name.
            requires_grad: Names of those that have a gradient; all where None.
            masks: By name, True where a parameter may change; elsewhere its gradient is zero.
            backend: One of `BACKENDS`.
            copy: Whether to train copies; else the tensors given are what changes.
            inputs: What the loss takes behind the parameters; anything where None.
            explain: Says where a loss that is not finite comes from; nothing more is said where None.

        Raises:
            UserError: A name belongs to no parameter.
            UsageError: The backend is unknown, or cannot run here.
        """
        trained = set(params if requires_grad is None else requires_grad)
        if unknown := sorted(trained - set(params)):
            raise UserError(f"no parameter is named {', '.join(unknown)}; there are {', '.join(params)}")
        self.loss = with_backend(loss, backend)
        own = {name: t.detach().clone() if copy else t.detach() for name, t in params.items()}
        self.leaves: dict[str, nn.Parameter] = {
            name: nn.Parameter(tensor) for name, tensor in own.items() if name in trained
        }
        self.fixed = {name: tensor for name, tensor in own.items() if name not in trained}
        self._all = {**self.leaves, **self.fixed}
        self._order = list(params)
        self._inputs = None if inputs is None else tuple(inputs)
        self._explain = explain
        self._dtype = next((tensor.dtype for tensor in own.values()), torch.float32)
        for name, mask in (masks or {}).items():
            if name in self.leaves:
                self.leaves[name].register_hook(  # type: ignore[no-untyped-call]
                    lambda gradient, mask=mask: gradient * mask
                )

    def params(self) -> dict[str, torch.Tensor]:
        """All parameters by name, in order, detached; they share memory with the module's own."""
        return {name: self._all[name].detach() for name in self._order}

    def set_params(self, params: Mapping[str, torch.Tensor]) -> None:
        """Overwrite the parameters of these names.

        Raises:
            UserError: A name belongs to no parameter, or a shape is another; nothing is changed then.
        """
        for name, value in params.items():
            if name not in self._all:
                raise UserError(f"no parameter is named {name}; there are {', '.join(self._order)}")
            if value.shape != self._all[name].shape:
                raise UserError(
                    f"{name} has shape {show_shape(value.shape)}, expected {show_shape(self._all[name].shape)}"
                )
        with torch.no_grad():
            for name, value in params.items():
                self._all[name].copy_(value)

    def forward(self, *xs: Any) -> torch.Tensor:
        """The loss, a scalar that gradients can be taken of.

        Raises:
            UserError: The inputs are not those that were declared, or what the loss gives is no scalar; or torch
                cannot compute it in the type of the parameters.
        """
        inputs = _inputs(xs)
        if self._inputs is not None:
            require_inputs(inputs, self._inputs, self._dtype)
        try:
            loss = self.loss(self._all, *inputs)
        except RuntimeError as error:
            if self._dtype.itemsize > 2:
                raise
            raise UserError(f"torch cannot compute the loss in {self._dtype} here: {error}") from error
        if not isinstance(loss, torch.Tensor) or loss.ndim:
            what = f"has shape {show_shape(loss.shape)}" if isinstance(loss, torch.Tensor) else "is no tensor"
            raise UserError(f"the loss {what}, expected a scalar; a mean makes one")
        return loss

    def backward(self, *xs: Any) -> dict[str, torch.Tensor]:
        """Gradients of the loss for all parameters; zero where it does not depend on one, or none is asked."""
        self.descend(*xs)
        gradients = {}
        for name in self._order:
            tensor = self._all[name]
            gradients[name] = torch.zeros_like(tensor.detach()) if tensor.grad is None else tensor.grad
        return gradients

    def descend(self, *xs: Any) -> torch.Tensor:
        """Put the gradients into the leaves' `grad`, for an optimizer; returns the loss, detached."""
        for leaf in self.leaves.values():
            leaf.grad = None
        loss = self.forward(*xs)
        if loss.requires_grad:
            loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def unreached(self) -> list[str]:
        """Names of the leaves that no gradient reached when it was last taken.

        Raises:
            UserError: It reached none.
        """
        names = [name for name, leaf in self.leaves.items() if leaf.grad is None]
        if names and len(names) == len(self.leaves):
            raise UserError(
                f"no gradient reaches a parameter, so there is nothing to train ({some(names)}): the loss does "
                "not depend on them, or only through operators without a gradient, such as detach"
            )
        return names

    def step(self, lr: float, *xs: Any) -> torch.Tensor:
        """One step of plain gradient descent; returns the loss before it.

        Raises:
            UserError: The learning rate is negative or not finite, or as `forward`.
        """
        require_amount("lr", lr)
        loss = self.descend(*xs)
        self._subtract(lr)
        return loss

    def _subtract(self, lr: float) -> None:
        with torch.no_grad():
            for leaf in self.leaves.values():
                if leaf.grad is not None:
                    leaf.sub_(leaf.grad, alpha=lr)

    def init_optim(self, optimizer: Optimizer) -> OptimState:
        """The state of an optimizer before its first step on these parameters.

        Raises:
            UserError: No parameter has a gradient, or the optimizer is unknown.
        """
        if not self.leaves:
            raise UserError("nothing to train: no parameter has a gradient")
        return OptimState(optimizer, self.leaves)

    def step_with(self, optimizer: Optimizer, state: OptimState, *xs: Any) -> OptimState:
        """One step of an optimizer; changes its state, and returns it.

        Raises:
            UserError: The state is another optimizer's, or belongs to another module.
        """
        self._require_own(optimizer, state)
        self.descend(*xs)
        state.optimizer.step()
        return state

    def _require_own(self, optimizer: Optimizer, state: OptimState) -> None:
        if state.kind != optimizer:
            raise UserError(f"the state is one of {state.kind}, not of {optimizer}")
        if any(leaf is not self.leaves.get(name) for name, leaf in state.leaves.items()):
            raise UserError(
                "the optimizer's state belongs to another module; `init_optim` makes one for this"
            )

    def train_sgd(
        self,
        lr: float,
        steps: int,
        samples: Sequence[Inputs],
        log_every: int = 1,
        on_log: OnLog | None = None,
    ) -> list[tuple[int, float]]:
        """Steps of plain gradient descent, the samples in turn (step mod their number).

        Args:
            lr: Learning rate.
            steps: How many; 0 for none.
            samples: Inputs of the loss.
            log_every: Steps between entries of the log; 0 for an empty one.
            on_log: Gets step and loss of every entry while training runs.

        Returns:
            (step, loss before it) for every `log_every`-th step, counted from 0.

        Raises:
            UserError: There are no samples, no gradient reaches a parameter, or a number is negative or none; or a
                loss or a parameter is not finite, and the message names the step. The step of such a loss is not
                taken.
        """
        require_amount("lr", lr)
        return self._train(steps, samples, log_every, on_log, lambda: self._subtract(lr))

    def train_with(
        self,
        optimizer: Optimizer,
        steps: int,
        samples: Sequence[Inputs],
        state: OptimState | None = None,
        log_every: int = 1,
        on_log: OnLog | None = None,
    ) -> tuple[OptimState, list[tuple[int, float]]]:
        """As `train_sgd`, with an optimizer, from a state (a new one where None).

        Raises:
            UserError: As `train_sgd` and `step_with`.
        """
        current = self.init_optim(optimizer) if state is None else state
        self._require_own(optimizer, current)
        return current, self._train(steps, samples, log_every, on_log, current.optimizer.step)

    def mean_loss(self, samples: Sequence[Inputs]) -> torch.Tensor:
        """The mean of the loss over samples, a scalar; nothing changes.

        Raises:
            UserError: There are no samples.
        """
        _require_samples(samples)
        with torch.no_grad():
            return torch.stack([self.forward(*_inputs((xs,))) for xs in samples]).mean()

    def _train(
        self,
        steps: int,
        samples: Sequence[Inputs],
        log_every: int,
        on_log: OnLog | None,
        update: Callable[[], object],
    ) -> list[tuple[int, float]]:
        _require_count("steps", steps)
        _require_count("log_every", log_every)
        _require_samples(samples)
        log: list[tuple[int, float]] = []
        for number in range(steps):
            xs = _inputs((samples[number % len(samples)],))
            loss = self.descend(*xs)
            if number == 0:
                self.unreached()
            if not bool(torch.isfinite(loss)):
                raise self._not_finite(number, loss, xs)
            update()
            if log_every and number % log_every == 0:
                log.append((number, float(loss)))
                if on_log is not None:
                    on_log(*log[-1])
        if steps:
            require_finite(self.leaves, steps - 1, "a smaller learning rate")
        return log

    def _not_finite(self, step: int, loss: torch.Tensor, xs: Inputs) -> UserError:
        text = f"step {step}: the loss is {loss.item()}"
        if (
            self._explain is None or self._dtype.itemsize <= 2
        ):  # a graph is looked at in float32 and float64 only
            return UserError(text)
        return UserError(f"{text}; {self._explain(self.params(), xs)}")


def with_backend(loss: Loss, backend: str) -> Loss:
    """A loss as a backend computes it.

    Raises:
        UsageError: The backend is unknown, or what compiling needs is missing.
    """
    if backend not in BACKENDS:
        raise UsageError(f"unknown backend {backend!r}; there are {', '.join(BACKENDS)}")
    if backend == "eager":
        return loss
    if (missing := missing_for_compiling()) is not None:
        raise UsageError(f"the backend compiled needs {missing}; --backend eager works without")
    # Sizes are fixed, as an artifact's are: a last batch of another size is compiled once more.
    return torch.compile(loss, fullgraph=True, dynamic=False)


def some(names: Sequence[str]) -> str:
    """Names in words, at most eight of them."""
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest


def _inputs(xs: Sequence[Any]) -> Inputs:
    """The inputs, whether they came as one sequence or one by one."""
    return tuple(xs[0]) if len(xs) == 1 and isinstance(xs[0], list | tuple) else tuple(xs)


def _require_samples(samples: Sequence[Inputs]) -> None:
    if not samples:
        raise UserError("the dataset is empty")


def _require_count(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise UserError(f"{name} must be a whole number, 0 or greater, found {value!r}")
