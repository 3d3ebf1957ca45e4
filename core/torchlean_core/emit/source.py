"""The body of a generated file: what it imports and brings along, the class, the training scaffold."""

from __future__ import annotations

import re
from math import prod

from torchlean_core.emit import attached
from torchlean_core.emit.bindings import Binding, bind
from torchlean_core.emit.module import module_class
from torchlean_core.emit.options import EmitOptions
from torchlean_core.emit.recognized import recognized, removed
from torchlean_core.emit.sequential import sequential_class
from torchlean_core.emit.skeleton import skeleton
from torchlean_core.graph import Program, to_sequential
from torchlean_core.params import ParameterStore
from torchlean_core.params.model_names import ModelState


def body_source(
    program: Program, store: ParameterStore | None, params_name: str | None, options: EmitOptions
) -> str:
    """Source of the body, before formatting.

    Args:
        program: What to write.
        store: Values of its parameters; None where it has none.
        params_name: The parameter file as the module's folder sees it, for values that are not literals.
        options: See there.

    Raises:
        UserError: A field of a node has no meaning, or, in the sequential style, a node has no layer view.
    """
    layers = to_sequential(program) if options.style == "sequential" else None
    calls = {} if layers is not None else recognized(program, store)
    left_out = removed(program, calls)
    live = program.live() - left_out
    nodes = [node for node in program.nodes if node.id in live]
    bindings = bind(nodes, program, store, options)
    scalars = sum(prod(binding.shape) for binding in bindings)
    large = scalars > options.literal_limit
    if options.names == "model" and store is not None:
        further = store.carried_infos(ModelState.of(program).further)
        large = large or any(info.shape != () for info in further.values())
    file = params_name if large else None
    if layers is None:
        needed = {name for node in nodes if node.id not in calls for name in node.operator.helpers}
        needed |= {
            step.name for node in nodes for use in node.params.values() if use for step in use.computed
        }
        body = module_class(program, nodes, bindings, store, file, options, calls)
        needed &= attached.called(body)
    else:
        needed = {name for layer in layers for text in layer.modules for name in attached.called(text)}
        body = sequential_class(program, layers, bindings, store, file, options)
        needed |= attached.called(body)
    if options.include_training_skeleton:
        body += skeleton(program, options, [b.parameter.name for b in bindings if b.learnable])
    parts = [attached.READ_WEIGHTS] if file is not None else []
    parts += [attached.helper(name) for name in attached.HELPERS if name in needed]
    parts += _for_structure(bindings, layers is not None, file is not None)
    code = "\n\n\n".join([*parts, body])
    return _imports(code) + "\n\n" + code


def _for_structure(bindings: list[Binding], sequential: bool, from_file: bool) -> list[str]:
    """What a grouped or dilated convolution needs, whose kernel is stored dense."""
    if not any(binding.structure for binding in bindings):
        return []
    if sequential:
        return [attached.COMPACT] if from_file else []
    return [attached.STRUCTURE]


def _imports(code: str) -> str:
    lines = [f"import {name}" for name in ("json", "mmap", "struct") if re.search(rf"\b{name}\.", code)]
    if "Path(" in code:
        lines.append("from pathlib import Path")
    block = "\n".join(lines) + "\n\n" if lines else ""
    block += "import torch\n"
    if re.search(r"\bF\.", code):
        block += "import torch.nn.functional as F\n"
    return block + "from torch import nn\n"
