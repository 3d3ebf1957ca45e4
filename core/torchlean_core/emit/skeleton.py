"""The training scaffold at the end of a generated file, and its smoke test."""

from __future__ import annotations

from collections.abc import Sequence

from torchlean_core.emit.options import EmitOptions
from torchlean_core.graph import Program
from torchlean_core.kinds.code import arguments
from torchlean_core.kinds.operators import MSE_LOSS

_INDENT = "    "
_WIDTH = 88  # of a line, where the formatter breaks it
_NAMES = 8  # of parameters that are listed


def skeleton(program: Program, options: EmitOptions, learnable: Sequence[str]) -> str:
    """`make_optimizer` and `train_step` where something trains, and what runs under `__main__`.

    A graph whose output is a loss trains on that loss, every other one on a mean squared error. What runs says which
    parameters no gradient reaches, and ends with an error where it reaches none.

    Args:
        program: The program.
        options: See there.
        learnable: Names of the parameters that train.
    """
    reached = _reached(program)
    unreached = [name for name in learnable if name not in reached]
    trains = len(unreached) < len(learnable)
    name = options.class_name
    source = program.graph.input_shape
    if len(program.output_ids) > 1:
        return _of_several(name, source, options, unreached, trains)
    result = program.graph.output_shape
    own_loss = program.nodes[program.output_id].operator is MSE_LOSS
    smoke = [
        f"model = {name}()",
        f"x = torch.rand({arguments(source)}, dtype={options.dtype_expr})",
        "y = model(x)",
        'print(f"output: shape {list(y.shape)}, mean {y.mean().item():.6g}")',
    ]
    text = ""
    if trains:
        text += _TRAINING_OWN_LOSS if own_loss else _TRAINING
        if options.dtype_expr in ("torch.float16", "torch.half"):  # where Adam's own 1e-8 is 0, and divides
            text = text.replace("lr=lr)", "lr=lr, eps=1e-4)")
        smoke.append("optimizer = make_optimizer(model)")
        target = "" if own_loss else ", target"
        if not own_loss:
            smoke.append(f"target = torch.zeros({arguments(result)}, dtype={options.dtype_expr})")
        smoke.append("for step in range(3):")
        smoke.append(f'    print(f"step {{step}}: loss {{train_step(model, optimizer, x{target}):.6g}}")')
    if unreached:
        smoke += _told(unreached, trains)
    body = "\n".join(_INDENT + line for line in smoke)
    return f'{text}\n\nif __name__ == "__main__":\n{_INDENT}torch.manual_seed(0)\n{body}\n'


def _of_several(
    name: str, source: Sequence[int], options: EmitOptions, unreached: Sequence[str], trains: bool
) -> str:
    """What runs for a graph with several outputs, of which nobody knows what loss they have."""
    smoke = [
        f"model = {name}()",
        f"x = torch.rand({arguments(source)}, dtype={options.dtype_expr})",
        "for place, y in enumerate(model(x)):",
        '    print(f"output {place}: shape {list(y.shape)}, mean {y.mean().item():.6g}")',
    ]
    if unreached and trains:
        smoke += _told(unreached, trains)
    body = "\n".join(_INDENT + line for line in smoke)
    return f'\n\nif __name__ == "__main__":\n{_INDENT}torch.manual_seed(0)\n{body}\n'


def _reached(program: Program) -> set[str]:
    """Names of the parameters that a gradient of the output reaches."""
    reached = set(program.output_ids)
    for node in reversed(program.nodes):
        if node.id in reached and not node.operator.stops_gradients:
            reached.update(node.parents)
    uses = [program.nodes[tensor_id].params.values() for tensor_id in reached]
    return {use.parameter.name for params in uses for use in params if use is not None and not use.fixed}


def _told(unreached: Sequence[str], trains: bool) -> list[str]:
    """Lines that say which parameters no gradient reaches; an error where no others train."""
    more = f" and {len(unreached) - _NAMES} more" if len(unreached) > _NAMES else ""
    names = ", ".join(unreached[:_NAMES]) + more
    if trains:
        call, text = "print", f"no gradient reaches {names}: not trained"
    else:
        call, text = "raise SystemExit", f"no gradient reaches a parameter, nothing can train: {names}"
    line = f'{call}("{text}")'
    return [line] if len(_INDENT + line) <= _WIDTH else [f"{call}(", f'{_INDENT}"{text}"', ")"]


_TRAINING = '''

def make_optimizer(model: nn.Module, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Adam over everything that trains."""
    return torch.optim.Adam(model.parameters(), lr=lr)


def train_step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: torch.Tensor,
    target: torch.Tensor,
) -> float:
    """One step on the mean squared error; returns the loss before it."""
    optimizer.zero_grad(set_to_none=True)
    loss = F.mse_loss(model(x), target)
    loss.backward()
    optimizer.step()
    return loss.item()
'''

_TRAINING_OWN_LOSS = '''

def make_optimizer(model: nn.Module, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Adam over everything that trains."""
    return torch.optim.Adam(model.parameters(), lr=lr)


def train_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor
) -> float:
    """One step on the loss that the graph computes; returns the loss before it."""
    optimizer.zero_grad(set_to_none=True)
    loss = model(x)
    loss.backward()
    optimizer.step()
    return loss.item()
'''
