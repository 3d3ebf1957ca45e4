"""TL1xx: ids, parents and the ends of the graph."""

from __future__ import annotations

from torchlean_core.check.rules.rule import ERROR, INPUT, Example, Rule, artifact

STRUCTURE_RULES = (
    Rule(
        "TL101",
        "id-discipline",
        ERROR,
        "`nodes[i].id` is not i.",
        "TorchLean's theorems and its evaluator index nodes by their id.",
        "Renumber: every id is the node's place in `nodes`, counted from 0.",
        artifact(
            INPUT,
            '{"id": 2, "kind": "relu", "parents": [0], "shape": [1, 4]}',
            '{"id": 1, "kind": "tanh", "parents": [0], "shape": [1, 4]}',
            '{"id": 3, "kind": "add", "parents": [1, 2], "shape": [1, 4]}',
            output=3,
        ),
    ),
    Rule(
        "TL102",
        "arity",
        ERROR,
        "A node has the wrong number of parents for its kind.",
        "The importer checks arities before shapes.",
        "Give the node as many parents as the kind takes.",
        artifact(INPUT, '{"id": 1, "kind": "add", "parents": [0], "shape": [1, 4]}'),
    ),
    Rule(
        "TL103",
        "parent-order",
        ERROR,
        "A parent id is not smaller than the node's id, or does not exist.",
        "Nodes stand in topological order: every operand comes before its users.",
        "Name an earlier node, or move this node behind its parents.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "relu", "parents": [2], "shape": [1, 4]}',
            '{"id": 2, "kind": "tanh", "parents": [0], "shape": [1, 4]}',
        ),
    ),
    Rule(
        "TL104",
        "bad-endpoint",
        ERROR,
        "`input_id`, `output_id` or an entry of `output_ids` names no usable node; or `output_ids` is empty.",
        "They must name tensor-valued nodes, and `input_id` an `input` node.",
        "Name such a node.",
        artifact(INPUT, '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}', output=7),
    ),
    Rule(
        "TL105",
        "input-nodes",
        ERROR,
        "There is no `input` node, or more than one (in the classic dialect a warning).",
        "The generalized dialect has exactly one input. In the classic one every `input` node receives the same "
        "tensor, so a second one is seldom meant; where their shapes differ, nothing can compute the graph, and "
        "`torchlean emit`, `run` and `train` refuse it.",
        "Keep exactly one `input` node.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "input", "parents": [], "shape": [1, 4]}',
            '{"id": 2, "kind": "add", "parents": [0, 1], "shape": [1, 4]}',
            output=2,
        ),
    ),
    Rule(
        "TL106",
        "no-nodes",
        ERROR,
        "`nodes` is empty.",
        "A graph has at least its input.",
        "Add nodes.",
        Example('{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 0, "nodes": []}\n'),
        no_fix="What the graph computes is not known; the completion `input` writes a first node.",
    ),
)
