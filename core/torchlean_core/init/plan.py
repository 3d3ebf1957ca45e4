"""Plans: one initializer per parameter, in order; the default one, overrides of it, and plan files."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.basics.visible import shortened
from torchlean_core.errors import UsageError, UserError
from torchlean_core.graph import Parameter, Program
from torchlean_core.init.arguments import MAX_SEED
from torchlean_core.init.schemes import FAN_SCHEMES, SCHEMES, Scheme, not_taken
from torchlean_core.kinds import Operator
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.kinds.operators import CONST, CONV, LINEAR

Plan = dict[str, Scheme]
"""Initializers by parameter name, in the order of the parameters."""

_ONES = ("gamma", "var")


def planned_parameters(program: Program) -> list[Parameter]:
    """The parameters a plan speaks of: all but the attention scales, which the artifact fixes."""
    return [parameter for parameter in program.parameters() if not is_attention_scale(parameter)]


def is_attention_scale(parameter: Parameter) -> bool:
    """Whether a parameter is an attention's scale, which no plan speaks of."""
    return parameter.is_attention_scale


def attention_scales(program: Program) -> dict[str, float]:
    """The values of all attention scales of a program, by name."""
    return program.attention_scales()


def default_plan(program: Program, seed: int = 0, override: Scheme | None = None) -> Plan:
    """The default plan of a program (semantics section 4).

    Layer i (linear, each projection of an attention, convolution, batch norm, in order) draws its weight with
    seed + 2i. With an override that draws, trainable consts take the seeds after those of all layers.

    Args:
        program: The program.
        seed: First seed.
        override: Scheme for weights of rank 2 and more and for trainable consts, in place of xavier and
            kaiming; its own seed is replaced.
    """
    parameters = planned_parameters(program)
    layers = [_layer(parameter.name, parameter.operator) for parameter in parameters]
    # Every layer counts once, whether it has tensors of its own or uses those of another.
    uses = (_layer(use.name, node.operator) for node in program.nodes for use in node.params.values() if use)
    order = {layer: i for i, layer in enumerate(dict.fromkeys(layer for layer in uses if layer))}
    consts = (p.name for p in parameters if p.is_constant and p.trainable)
    const_order = {name: len(order) + j for j, name in enumerate(consts)}
    plan: Plan = {}
    fans = _fans(program)
    for parameter, layer in zip(parameters, layers, strict=True):
        occurrence = order[layer] if layer else const_order.get(parameter.name, 0)
        scheme = _default(parameter, seed + 2 * occurrence & MAX_SEED, override)
        if scheme.name in FAN_SCHEMES and parameter.name in fans:
            scheme = replace(scheme, fan_in=fans[parameter.name])
        plan[parameter.name] = scheme
    return plan


def _fans(program: Program) -> dict[str, int]:
    """Inputs of each cell of grouped convolutions whose kernels are stored with the zeros off their blocks."""
    found = {}
    for node in program.nodes:
        kernel = node.params.get("kernel") if node.operator is CONV else None
        if kernel is not None and not kernel.view and node.fields["groups"] != 1:
            found[kernel.parameter.name] = math.prod(kernel.shape[1:]) // node.fields["groups"]
    return found


def _layer(name: str, operator: Operator) -> str:
    """The name of the layer that a payload tensor belongs to, or "" for a const."""
    return "" if operator is CONST else name.rpartition("_")[0]


def _default(parameter: Parameter, seed: int, override: Scheme | None) -> Scheme:
    is_weight = parameter.role in ("W", "kernel")
    if override is not None and (is_weight or (parameter.is_constant and parameter.trainable)):
        fits = len(parameter.shape) >= 2 or override.name not in FAN_SCHEMES
        if not fits:
            return Scheme("zeros")
        return replace(override, seed=seed) if "seed" in SCHEMES[override.name] else override
    if is_weight:
        return Scheme("xavier_uniform" if parameter.operator is LINEAR else "kaiming_uniform", seed=seed)
    return Scheme("ones" if parameter.role in _ONES else "zeros")


def read_plan(path: Path, program: Program) -> Plan:
    """Read a plan file: `{"plan": [{"scheme": "xavier_uniform", "seed": 0}, …]}`, one entry per parameter.

    The list alone is a plan too, and a name alone an initializer without arguments.

    Raises:
        UsageError: The file cannot be read.
        UserError: It is not a plan, or is shorter or longer than the list of parameters.
    """
    try:
        text = read_regular(path, MOST_ARTIFACT).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8") from error
    try:
        root = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from error
    entries = root.get("plan") if isinstance(root, dict) and set(root) <= {"plan", "$schema"} else root
    if not isinstance(entries, list):
        raise UserError(f'{path}: a plan file is {{"plan": [initializer, …]}}')
    try:
        schemes = [_scheme(entry, position) for position, entry in enumerate(entries, start=1)]
        return match_plan(schemes, program)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"{shortened(name)} stands there twice")
        found[name] = value
    return found


def match_plan(schemes: Sequence[Scheme], program: Program) -> Plan:
    """A list of initializers as a plan of a program's parameters.

    Raises:
        UserError: The list is shorter or longer, or an initializer does not fit its parameter.
    """
    parameters = planned_parameters(program)
    return pair_with_schemes(schemes, [(p.name, p.shape, f" of {p.owner}") for p in parameters])


def require_whole(plan: Mapping[str, Scheme], program: Program, kept: Collection[str] = ()) -> None:
    """Hold a plan against the parameters of a program: one initializer for each, and none beside.

    Args:
        plan: The plan.
        program: The program.
        kept: Names of parameters that get their values from elsewhere; they may be in the plan or not.

    Raises:
        UserError: One is missing, is no `Scheme`, belongs to no parameter or to an attention scale, or does not fit
            its parameter.
    """
    require_schemes(plan)
    parameters = {parameter.name: parameter for parameter in program.parameters()}
    for name, scheme in plan.items():
        parameter = parameters.get(name)
        if parameter is None:
            raise UserError(
                f"the plan has an initializer for {shortened(name)}, which is no parameter ({scheme.name})"
            )
        if is_attention_scale(parameter):
            raise UserError(
                f"the plan has an initializer for {name}, the scale of {parameter.owner}, which is fixed"
            )
    for name, parameter in parameters.items():
        if is_attention_scale(parameter) or (name in kept and name not in plan):
            continue
        words = f"{name} {show_shape(parameter.shape)} of {parameter.owner}"
        if name not in plan:
            raise UserError(f"the plan has no initializer for {words}")
        _require_fit(f"{plan[name].name} does not fit {words}", parameter.shape, plan[name])


def require_schemes(plan: Any) -> None:
    """Refuse what is no mapping from names to initializers.

    Raises:
        UserError: It is something else, or an initializer is.
    """
    if not isinstance(plan, Mapping):
        raise UserError(f"a plan is a mapping from parameters' names to schemes, found {type(plan).__name__}")
    for name, scheme in plan.items():
        _require_scheme(f"the plan's initializer of {shortened(str(name))}", scheme)


def _require_scheme(what: str, scheme: Any) -> None:
    if not isinstance(scheme, Scheme):
        raise UserError(f"{what} is of type {type(scheme).__name__}, expected a Scheme")


def pair_with_schemes(
    schemes: Sequence[Scheme], parameters: Sequence[tuple[str, tuple[int, ...], str]]
) -> Plan:
    """One initializer for each parameter, in order.

    Args:
        schemes: The initializers.
        parameters: Name and shape of each parameter, and words that follow them in messages.

    Raises:
        UserError: The list is shorter or longer, or an initializer is no `Scheme`, or does not fit its parameter.
    """
    for position, scheme in enumerate(schemes, start=1):
        _require_scheme(f"initializer {position}", scheme)
    counts = f"the plan has {len(schemes)} initializers for {len(parameters)} parameters"
    if len(schemes) < len(parameters):
        name, shape, words = parameters[len(schemes)]
        raise UserError(
            f"{counts}: it is shorter; the first one without is number {len(schemes) + 1}, "
            f"{name} {show_shape(shape)}{words}"
        )
    if len(schemes) > len(parameters):
        extra = schemes[len(parameters)]
        raise UserError(
            f"{counts}: it is longer; the first one too many is number {len(parameters) + 1} ({extra.name})"
        )
    for (name, shape, words), scheme in zip(parameters, schemes, strict=True):
        _require_fit(f"{scheme.name} does not fit {name} {show_shape(shape)}{words}", shape, scheme)
    return {name: scheme for (name, _, _), scheme in zip(parameters, schemes, strict=True)}


def _require_fit(where: str, shape: tuple[int, ...], scheme: Scheme) -> None:
    if not scheme.fits(len(shape)):
        needed = " and ".join(name for name in SCHEMES[scheme.name] if name.startswith("fan_"))
        raise UserError(
            f"{where}: it has no fan_in, which takes a rank of 2 or more, or {needed} in the plan"
        )
    if scheme.values is not None and len(scheme.values) != math.prod(shape):
        raise UserError(f"{where}: {len(scheme.values)} values for {math.prod(shape)} elements")


def _scheme(entry: Any, position: int) -> Scheme:
    where = f"initializer {position}"
    if isinstance(entry, str):
        entry = {"scheme": entry}
    if not isinstance(entry, dict) or not isinstance(entry.get("scheme"), str):
        raise UserError(f'{where} must be an object with a "scheme"')
    name = entry["scheme"]
    arguments = {key: value for key, value in entry.items() if key != "scheme"}
    for key in arguments:
        if name in SCHEMES and key not in SCHEMES[name]:
            raise UserError(f"{where}: {not_taken(name, key)}")
    try:
        return Scheme(name, **arguments)
    except UserError as error:
        raise UserError(f"{where}: {error}") from error
