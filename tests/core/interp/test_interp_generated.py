"""Generated graphs: every node, given what its operands are, against its NumPy formula."""

import json
import random

import numpy as np
import pytest
import torch

from tests.core.check.graphs import random_graph
from tests.core.interp.interp_reference import node_value, random_params
from torchlean_core.artifact import parse_graph
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter

GROUPS, SIZE = 8, 40


@pytest.mark.parametrize("group", range(GROUPS))
def test_every_node_gives_what_its_formula_says(group):
    for seed in range(group * SIZE, (group + 1) * SIZE):
        program = lower(parse_graph(json.dumps(random_graph(random.Random(seed), 12))))
        params = random_params(program, seed)
        x = np.random.default_rng(seed).normal(size=program.graph.input_shape)
        tensors = {name: torch.from_numpy(np.asarray(value)) for name, value in params.items()}
        values, ids = {}, {}
        for node, value in Interpreter(program, tensors, torch.float64).values(
            torch.from_numpy(np.asarray(x))
        ):
            values[node.raw] = value.numpy()
            ids.setdefault(node.raw, node.id)
        for node in program.graph.nodes:
            if node.shape is None:
                values[node.id] = values[node.parents[0]]
                continue
            operands = [values[parent] for parent in node.parents]
            with np.errstate(all="ignore"):
                expected = node_value(program.graph, node, ids[node.id], operands, params, np.asarray(x))
            np.testing.assert_allclose(
                values[node.id],
                expected,
                rtol=1e-9,
                atol=1e-12,
                err_msg=f"seed {seed}, node {node.id} ({node.kind})",
            )
