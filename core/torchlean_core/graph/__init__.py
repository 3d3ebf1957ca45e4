"""The graph of an artifact without errors, as values, and its lowering to tensor nodes."""

from torchlean_core.graph.lowering import Parameter, Program, TensorNode, lower
from torchlean_core.graph.model import Graph, Node

__all__ = ["Graph", "Node", "Parameter", "Program", "TensorNode", "lower"]
