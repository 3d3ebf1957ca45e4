"""Where samples come from: a file, a user's function, or a teacher that makes them up."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torchlean_core.check.findings import PLAIN
from torchlean_core.errors import UsageError
from torchlean_core.graph import Program
from torchlean_core.options.choices import OWN_LOSS
from torchlean_core.options.datasource import is_function
from torchlean_core.train.data import Dataset, load_dataset
from torchlean_core.train.fitting import Wanted
from torchlean_core.train.function import call_for_data
from torchlean_core.train.losses import Objective

Sets = list[tuple[Dataset, Objective]]
"""One set of samples, or two: to train on, and for validation; each with the loss whose class axis it says."""


def read_samples(
    data: str, wanted: Wanted, report: Callable[[dict[str, Any]], None], tell: Callable[[str], None]
) -> Sets:
    """The samples of a file or a function.

    Args:
        data: Path, or `module:function`.
        wanted: What samples must be.
        report: Gets events of the function's process.
        tell: Gets what a user should know of how the samples are read.

    Raises:
        UserError: They do not fit.
        UsageError: They cannot be read, or an option does not fit.
    """
    if is_function(data):
        return call_for_data(data, wanted, report, tell)
    return [load_dataset(Path(data), wanted, tell)]


def read_one_set(
    data: str, wanted: Wanted, report: Callable[[dict[str, Any]], None], tell: Callable[[str], None]
) -> tuple[Dataset, Objective]:
    """As `read_samples`, where a second set has no meaning.

    Raises:
        UserError: As `read_samples`.
        UsageError: As `read_samples`, or there are two sets.
    """
    sets = read_samples(data, wanted, report, tell)
    if len(sets) > 1:
        raise UsageError(
            f"{data} gives {len(sets)} data sets; name a function that gives the one that is meant"
        )
    return sets[0]


def wanted_samples(program: Program, objective: Objective, x: str | None, y: str | None) -> Wanted:
    """What samples of a graph must be.

    Args:
        program: The graph.
        objective: The loss.
        x: Name of the inputs; None for the usual.
        y: Name of the targets; None for the usual.

    Raises:
        UsageError: Targets are named, and the loss takes none.
    """
    if y is not None and objective.name is None:
        raise UsageError("the artifact's output is its loss, which takes no targets; --y has no meaning here")
    nodes = program.nodes
    return Wanted(nodes[program.input_id].shape, nodes[program.output_id].shape, objective, x, y)


def one_output(program: Program, place: int | None) -> Program:
    """A program with the output that a loss is taken of.

    Args:
        program: The program.
        place: Which one, counted from 0; None where there is one only.

    Raises:
        UsageError: There is no such output, or there are several and none was named.
    """
    shapes = [list(program.nodes[output].shape) for output in program.output_ids]
    listed = ", ".join(f"{place}: {shape}" for place, shape in enumerate(shapes))
    if place is None and len(shapes) > 1:
        many = f"the artifact has {len(shapes)} outputs ({listed})"
        error = UsageError(f"{many}; --output N says which one the loss is of")
        error.data = {PLAIN: f"{many}, and a training is of one of them: choose it over the artifact"}
        raise error
    if place is not None and not (type(place) is int and 0 <= place < len(shapes)):
        raise UsageError(f"there is no output {place}; there are {listed}")
    return program.with_output(place or 0)


def has_own_loss(program: Program, loss: str | None) -> bool:
    """Whether the graph's output is its loss.

    Raises:
        UsageError: It is, and another one was named.
    """
    if program.nodes[program.output_id].operator.name != OWN_LOSS:
        return False
    if loss is not None:
        raise UsageError(
            f"the artifact's output is {OWN_LOSS}, which is the loss; --loss has no meaning here"
        )
    return True


def data_words(data: str | None) -> str:
    """What data is called where it is told: `synthetic data`, `d.npz`, `data.py:load`."""
    if data is None:
        return "synthetic data"
    return data if is_function(data) else Path(data).name
