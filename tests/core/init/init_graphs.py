"""Graphs with every kind of layer, for tests of initialization."""

import json


def artifact(*nodes):
    """Text of an artifact; ids are filled in."""
    nodes = [{"id": i, "parents": [], **node} for i, node in enumerate(nodes)]
    root = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": len(nodes) - 1, "nodes": nodes}
    return json.dumps(root)


INPUT = {"kind": "input", "shape": [1, 2, 4]}
LINEAR = {"kind": "linear", "parents": [0], "shape": [1, 2, 4]}
ATTENTION = {
    "kind": "multihead_attention",
    "parents": [1, 1, 1],
    "value_kind": "tuple",
    "tuple_shapes": [[1, 2, 4], [1, 2, 2]],
    "embed_dim": 4,
    "num_heads": 1,
    "batch_first": True,
    "dropout_zero": True,
}
ITEM = {"kind": "tuple_getitem", "parents": [2], "shape": [1, 2, 4], "index": 0}
CONST = {"kind": "const", "shape": [1, 2, 4]}
FIXED = {"kind": "const", "shape": [3], "trainable": False}
TO_IMAGE = {
    "kind": "reshape",
    "parents": [3],
    "shape": [2, 2, 2],
    "in_shape": [1, 2, 4],
    "out_shape": [2, 2, 2],
}
CONV = {
    "kind": "conv2d",
    "parents": [6],
    "shape": [2, 2, 2],
    "inC": 2,
    "outC": 2,
    "kH": 1,
    "kW": 1,
    "stride": 1,
    "padding": 0,
}
TO_BATCH = {
    "kind": "reshape",
    "parents": [7],
    "shape": [1, 2, 2, 2],
    "in_shape": [2, 2, 2],
    "out_shape": [1, 2, 2, 2],
}
NORM = {"kind": "batch_norm2d_nchw_eval", "parents": [8], "shape": [1, 2, 2, 2], "channels": 2}
FLAT = {"kind": "flatten", "parents": [9], "shape": [8], "value_shape": [1, 2, 2, 2]}
LAST = {"kind": "linear", "parents": [10], "shape": [3]}

# linear 1 is layer 0; the attention's projections are layers 1 to 4; conv2d 7 is 5, batch norm 9 is 6, linear 11 is 7
EVERYTHING = artifact(
    INPUT, LINEAR, ATTENTION, ITEM, CONST, FIXED, TO_IMAGE, CONV, TO_BATCH, NORM, FLAT, LAST
)

MLP = artifact(
    INPUT, LINEAR, {"kind": "relu", "parents": [1], "shape": [1, 2, 4]}, {**LINEAR, "parents": [2]}
)


def grouped(groups, dilation, in_channels=4, out_channels=4, size=3):
    """A convolution whose dense kernel stands for a grouped and dilated one."""
    conv = {"kind": "conv2d", "parents": [0], "shape": [out_channels, 9 - size, 9 - size], "inC": in_channels}
    conv |= {"outC": out_channels, "kH": size, "kW": size, "stride": 1, "padding": 0}
    conv |= {"groups": groups, "dilation": dilation}
    return artifact({"kind": "input", "shape": [in_channels, 8, 8]}, conv)
