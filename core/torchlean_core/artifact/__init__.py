"""The artifact as a file: reading it into a graph, writing it, hashing it, and the files beside it.

Each name is imported from its module when it is asked for: who looks at names of files needs no graphs.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchlean_core.artifact.companions import generated_module_path, is_artifact_name, params_path, stem
    from torchlean_core.artifact.hashing import artifact_hash
    from torchlean_core.artifact.load import (
        ArtifactError,
        GraphError,
        graph_of,
        load_graph,
        parse_graph,
        require_valid,
    )
    from torchlean_core.artifact.write import canonical_text, serialize_graph

__all__ = [
    "ArtifactError",
    "GraphError",
    "artifact_hash",
    "canonical_text",
    "generated_module_path",
    "graph_of",
    "is_artifact_name",
    "load_graph",
    "params_path",
    "parse_graph",
    "require_valid",
    "serialize_graph",
    "stem",
]

_MODULES = {
    "companions": ("generated_module_path", "is_artifact_name", "params_path", "stem"),
    "hashing": ("artifact_hash",),
    "load": ("ArtifactError", "GraphError", "graph_of", "load_graph", "parse_graph", "require_valid"),
    "write": ("canonical_text", "serialize_graph"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
