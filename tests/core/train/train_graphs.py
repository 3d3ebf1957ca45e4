"""Small graphs to train, and data for them."""

import json

import numpy as np


def artifact(*nodes):
    nodes = [{"id": i, "parents": [], **node} for i, node in enumerate(nodes)]
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": len(nodes) - 1, "nodes": nodes}
    return json.dumps(root)


def linear(parent, *shape):
    return {"kind": "linear", "parents": [parent], "shape": list(shape)}


MLP_NODES = [
    {"kind": "input", "shape": [1, 4]},
    linear(0, 1, 8),
    {"kind": "relu", "parents": [1], "shape": [1, 8]},
    linear(2, 1, 3),
]
CONV = {"kind": "conv2d", "parents": [0], "shape": [4, 6, 6], "inC": 4, "outC": 4, "kH": 3, "kW": 3}
CONV |= {"stride": 1, "padding": 1, "groups": 2, "dilation": 2}
CNN_NODES = [
    {"kind": "input", "shape": [4, 6, 6]},
    CONV,
    {"kind": "max_pool2d", "parents": [1], "shape": [4, 3, 3], "kH": 2, "kW": 2, "stride": 2},
    {"kind": "flatten", "parents": [2], "shape": [36], "value_shape": [4, 3, 3]},
    linear(3, 2),
]
LOG_NODES = [
    {"kind": "input", "shape": [2]},
    {"kind": "relu", "parents": [0], "shape": [2]},
    {"kind": "log", "parents": [1], "shape": [2]},
    linear(2, 1),
]


def data_x():
    return np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)


def data_y():
    return np.random.default_rng(1).normal(size=(16, 3)).astype(np.float32)
