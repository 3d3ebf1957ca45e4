"""Clusters of a graph: what belongs together, by module path, by repetition, and where all else fails by length."""

from torchlean_core.graph.clusters.build import clusters_of
from torchlean_core.graph.clusters.shown import Shown, around, shown, to_depth, within
from torchlean_core.graph.clusters.tree import EMPTY, Cluster, Part, Tree

__all__ = [
    "EMPTY",
    "Cluster",
    "Part",
    "Shown",
    "Tree",
    "around",
    "clusters_of",
    "shown",
    "to_depth",
    "within",
]
