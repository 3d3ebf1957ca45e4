"""Whether the variables of a property are those of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import prod

from torchlean_core.check.findings import Severity
from torchlean_core.check.report import Report
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.vnnlib.declarations import element
from torchlean_core.vnnlib.facts import DeclaredNetwork, Span, Tensor, Variables
from torchlean_core.vnnlib.reader import Property

_MOST_NAMED = 3
"""Variables that a finding names; of more it says how many there are."""


@dataclass(frozen=True, slots=True)
class Network:
    """What a property can name of a network.

    Attributes:
        input: Shape of its input.
        outputs: Shapes of its outputs, in their order.
    """

    input: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]


def network_of(report: Report) -> Network | None:
    """The network of an artifact that was checked; None where it has errors."""
    root = report.document.value
    if not report.ok or type(root) is not dict:
        return None
    # Without errors ids are places; a record is read for each end alone.
    ends = [report.records[int(end)] for _, end in report.dialect.ends_of(root)]
    shapes = [tuple(record.shape) for record in ends if record is not None and record.shape is not None]
    return Network(shapes[0], tuple(shapes[1:])) if len(shapes) == len(ends) else None


def compare(prop: Property, network: Network) -> None:
    """Tell, with what was told of a property, where its variables are not the network's.

    Of what a file lacks nothing is told where some of it could not be read.
    """
    variables, whole = prop.variables, prop.told.whole
    if variables.version > 1:
        _compare_tensors(prop, network)
    else:
        _compare_numbers(prop, network)
    if whole and not prop.told.has("TL702") and not prop.told.has("TL703"):
        _tell_unbounded(prop, network)
        if not variables.constrains_outputs:
            message = "no assertion names an output: the property says nothing of what the network computes"
            prop.told.tell("TL707", Severity.WARNING, message, prop.end)


# -- version 1 ----------------------------------------------------------------------------------------------


def _compare_numbers(prop: Property, network: Network) -> None:
    outputs = network.outputs
    if len(outputs) > 1:
        shapes = ", ".join(map(show_shape, outputs))
        message = (
            f"the network has {len(outputs)} outputs ({shapes}), and Y_0, Y_1, … are the elements of one: version 1 "
            "has no way of naming several; version 2 has"
        )
        at = next(iter(prop.variables.outputs.values()), prop.end)
        prop.told.tell("TL702", Severity.ERROR, message, at)
    else:
        _compare_count(prop, "Y", "output", prop.variables.outputs, outputs[0])
    _compare_count(prop, "X", "input", prop.variables.inputs, network.input)


def _compare_count(
    prop: Property, letter: str, end: str, declared: Mapping[int, Span], shape: tuple[int, ...]
) -> None:
    count = prod(shape)
    has = f"the network's {end} {show_shape(shape)} has {count:,} element{'' if count == 1 else 's'}"
    named = _from_to(letter, count)
    extra = [place for place in declared if place >= count]
    if extra:
        what = _listed([f"{letter}_{place}" for place in extra[:_MOST_NAMED]], len(extra))
        verb = "is" if len(extra) == 1 else "are"
        prop.told.tell("TL702", Severity.ERROR, f"{what} {verb} declared: {has}{named}", declared[extra[0]])
    missing = count - (len(declared) - len(extra))
    if missing and prop.told.whole:
        first = islice((place for place in range(count) if place not in declared), _MOST_NAMED)
        what = _listed([f"{letter}_{place}" for place in first], missing)
        verb = "is" if missing == 1 else "are"
        at = next(reversed(list(declared.values()))) if declared else prop.end
        prop.told.tell("TL702", Severity.ERROR, f"{what} {verb} not declared: {has}{named}", at)


def _from_to(letter: str, count: int) -> str:
    if count == 0:
        return ""
    return f", {letter}_0" if count == 1 else f", {letter}_0 to {letter}_{count - 1}"


# -- version 2 ----------------------------------------------------------------------------------------------


def _compare_tensors(prop: Property, network: Network) -> None:
    """A property that declares several networks fits where one of them does: it relates the artifact to others."""
    declared = prop.variables.networks
    if not declared:
        if prop.told.whole:
            prop.told.tell("TL702", Severity.ERROR, "no network is declared", prop.end)
        return
    wrong = [list(_differences(one, network)) for one in declared]
    if all(wrong):
        for message, span in wrong[0]:
            prop.told.tell("TL702", Severity.ERROR, message, span)


def _differences(declared: DeclaredNetwork, network: Network) -> Iterator[tuple[str, Span]]:
    for role, shapes in (("input", (network.input,)), ("output", network.outputs)):
        tensors = declared.of(role)
        if len(tensors) != len(shapes):
            has = f"the network has {len(shapes)}"
            at = tensors[-1].span if tensors else declared.span
            yield f"{_count(len(tensors), role)} declared, {has}", at
            continue
        for place, (tensor, shape) in enumerate(zip(tensors, shapes, strict=True)):
            if tensor.shape != shape:
                which = role if len(shapes) == 1 else f"{role} {place + 1}"
                message = f"{tensor.name} has the shape {show_shape(tensor.shape)}, the network's {which} "
                yield message + show_shape(shape), tensor.span


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{' is' if number == 1 else 's are'}"


# -- bounds -------------------------------------------------------------------------------------------------


def _tell_unbounded(prop: Property, network: Network) -> None:
    """Tell of inputs that have no lower or no upper bound in all that satisfies the property."""
    for name, first, count in _inputs(prop.variables, network):
        for bounds, side in ((prop.box.low, "lower"), (prop.box.high, "upper")):
            missing = count - sum(first <= key < first + count for key in bounds)
            if missing:
                places = islice((place for place in range(count) if first + place not in bounds), _MOST_NAMED)
                what = _listed([name(place) for place in places], missing)
                verb = "has" if missing == 1 else "have"
                message = f"{what} {verb} no {side} bound: most solvers take no such property"
                prop.told.tell("TL705", Severity.WARNING, message, prop.end)


def _inputs(variables: Variables, network: Network) -> Iterator[tuple[Callable[[int], str], int, int]]:
    """The inputs: how an element is called, the number of the first, how many there are."""
    if variables.version == 1:
        yield "X_{}".format, 0, prod(network.input)
        return
    for declared in variables.networks:
        for tensor in declared.of("input"):
            yield _namer(tensor), tensor.first, tensor.count


def _namer(tensor: Tensor) -> Callable[[int], str]:
    return lambda place: element(tensor, place)


def _listed(names: Sequence[str], count: int) -> str:
    """Some names, and how many there are besides."""
    more = count - len(names)
    if more:
        return f"{', '.join(names)} and {more:,} more"
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]
