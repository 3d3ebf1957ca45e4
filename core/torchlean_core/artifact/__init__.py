"""The artifact as a file: reading it into a graph, writing it, hashing it, and the files beside it."""

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
