"""TL2xx: shapes, and the fields that shapes depend on."""

from __future__ import annotations

from torchlean_core.check.rules.rule import ERROR, INPUT, Rule, artifact, generalized

_IMAGE = '{"id": 0, "kind": "input", "parents": [], "shape": [3, 8, 8]}'

SHAPE_RULES = (
    Rule(
        "TL201",
        "shape-mismatch",
        ERROR,
        "The declared shape is not the one that follows from the parents.",
        "TorchLean infers every shape and compares exactly.",
        "Set `shape` to the inferred one.",
        artifact(INPUT, '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 8]}'),
    ),
    Rule(
        "TL202",
        "operands-disagree",
        ERROR,
        "The operands' shapes do not fit together.",
        "There is no implicit broadcasting in TorchLean, but of batches in the generalized dialect's `matmul`.",
        "Insert a `broadcast_to` or `reshape`, or name another operand.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "const", "parents": [], "shape": [4]}',
            '{"id": 2, "kind": "add", "parents": [0, 1], "shape": [1, 4]}',
            output=2,
        ),
    ),
    Rule(
        "TL203",
        "axis-out-of-range",
        ERROR,
        "`axis`, or an entry of `axes`, is not an axis of the operand.",
        "Axes count from 0 to rank - 1; a scalar has none.",
        "Use an axis of the operand.",
        artifact(INPUT, '{"id": 1, "kind": "softmax", "parents": [0], "shape": [1, 4], "axis": 2}'),
    ),
    Rule(
        "TL204",
        "not-a-permutation",
        ERROR,
        "`perm` is not a permutation of the operand's axes; or a reduction names an axis twice.",
        "In `perm` every axis must occur exactly once, in `axes` at most once.",
        "List 0..rank-1 in the wanted order; name each axis of a reduction once.",
        artifact(INPUT, '{"id": 1, "kind": "permute", "parents": [0], "shape": [4, 1], "perm": [1, 1]}'),
    ),
    Rule(
        "TL205",
        "window-too-large",
        ERROR,
        "The window does not fit into the padded input.",
        "The output would have no elements on that axis.",
        "Use a smaller kernel or more padding.",
        artifact(
            _IMAGE,
            '{"id": 1, "kind": "max_pool2d", "parents": [0], "shape": [3, 1, 1],'
            ' "kH": 9, "kW": 8, "stride": 1}',
        ),
        no_fix="A smaller window, another stride or more padding is another network, and nothing says which was meant.",
    ),
    Rule(
        "TL206",
        "must-be-positive",
        ERROR,
        "A value that must be greater than 0 is 0.",
        "Kernels, strides and channels of 0 have no meaning, nor has a normalization over nothing; the generalized "
        "dialect reduces no axis without elements.",
        "Use a positive value.",
        artifact(
            _IMAGE,
            '{"id": 1, "kind": "max_pool2d", "parents": [0], "shape": [3, 7, 7],'
            ' "kH": 2, "kW": 2, "stride": 0}',
        ),
    ),
    Rule(
        "TL207",
        "reshape-numel",
        ERROR,
        "A reshape changes the number of elements.",
        "A reshape keeps every element.",
        "Use an `out_shape` with as many elements.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "reshape", "parents": [0], "shape": [2, 3],'
            ' "in_shape": [1, 4], "out_shape": [2, 3]}',
        ),
    ),
    Rule(
        "TL208",
        "no-broadcast",
        ERROR,
        "There is no broadcast from `from_shape` to `to_shape`.",
        "The classic dialect matches axes from the left, greedily; the generalized one from the right, as PyTorch.",
        "Reshape so that the axes line up.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "broadcast_to", "parents": [0], "shape": [3, 5],'
            ' "from_shape": [1, 4], "to_shape": [3, 5]}',
        ),
    ),
    Rule(
        "TL209",
        "field-is-not-parent-shape",
        ERROR,
        "A shape field does not repeat the parent's shape.",
        "`in_shape`, `from_shape` and `value_shape` must equal the parent's shape.",
        "Copy the parent's shape.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "reshape", "parents": [0], "shape": [4],'
            ' "in_shape": [2, 2], "out_shape": [4]}',
        ),
    ),
    Rule(
        "TL210",
        "wrong-rank",
        ERROR,
        "The kind needs an operand of another rank.",
        "In the classic dialect convolutions and pools take (C, H, W), batch norm (N, C, H, W), matmul rank 2 or 3. "
        "In the generalized one `spatial_rank` is the number of axes behind `channel_axis`, a pool has as many axes at "
        "least, matmul takes no scalar, and `safe_log` a scalar as its second operand.",
        "Reshape the operand, or say where its channels are.",
        artifact(
            '{"id": 0, "kind": "input", "parents": [], "shape": [1, 3, 8, 8]}',
            '{"id": 1, "kind": "max_pool2d", "parents": [0], "shape": [1, 3, 4, 4],'
            ' "kH": 2, "kW": 2, "stride": 2}',
        ),
    ),
    Rule(
        "TL211",
        "channel-mismatch",
        ERROR,
        "`inC`, `in_channels` or `channels` is not the operand's channel count; or `groups` does not divide channels.",
        "The kernel would not fit the image.",
        "Use the operand's channel count, and a number of groups that divides it.",
        artifact(
            _IMAGE,
            '{"id": 1, "kind": "conv2d", "parents": [0], "shape": [16, 8, 8],'
            ' "inC": 1, "outC": 16, "kH": 3, "kW": 3, "stride": 1, "padding": 1}',
        ),
    ),
    Rule(
        "TL212",
        "geometry-length",
        ERROR,
        "An array of a window's geometry has not one number per spatial axis.",
        "`kernel`, `stride`, `padding` and the like have `spatial_rank` entries each.",
        "Give one number per spatial axis.",
        generalized(
            '{"id": 0, "kind": "input", "parents": [], "shape": [1, 4, 4]}',
            '{"id": 1, "kind": "max_pool", "parents": [0], "shape": [1, 2, 2], "spatial_rank": 2, '
            '"kernel": [2], "stride": [2, 2], "padding": [0, 0]}',
        ),
    ),
)
