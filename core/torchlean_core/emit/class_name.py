"""The name of a generated class where none was asked for: that of the model that the artifact was captured from."""

from __future__ import annotations

from torchlean_core.emit.options import EmitOptions
from torchlean_core.errors import UsageError
from torchlean_core.graph import Graph


def class_name_of(graph: Graph) -> str:
    """`TinyMLP` of an artifact that was captured from it; of a function that makes a model, its name as a class has it.

    A name that the module uses itself, such as `Path`, gets `Module` behind it. Where an artifact names no model, or
    by no name that a class can have, it is the default of `EmitOptions`.
    """
    captured = graph.extra.get("captured_from")
    model = captured.get("class") if isinstance(captured, dict) else None
    if not isinstance(model, str) or not model:
        return EmitOptions().class_name
    name = model.rpartition(".")[2]
    if name == name.lower():
        name = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    for candidate in (name, f"{name}Module"):
        try:
            return EmitOptions(class_name=candidate).class_name
        except UsageError:
            continue
    return EmitOptions().class_name
