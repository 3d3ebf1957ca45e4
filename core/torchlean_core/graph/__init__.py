"""The graph of an artifact without errors, as values, and its lowering to tensor nodes."""

from torchlean_core.graph.lowering import Program, TensorNode, lower
from torchlean_core.graph.model import Graph, Node
from torchlean_core.graph.parameters import Absent, Parameter, Use
from torchlean_core.graph.sequential import Layer, to_sequential

__all__ = [
    "Absent",
    "Graph",
    "Layer",
    "Node",
    "Parameter",
    "Program",
    "TensorNode",
    "Use",
    "lower",
    "to_sequential",
]
