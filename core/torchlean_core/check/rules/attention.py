"""TL3xx: tuples and attention."""

from __future__ import annotations

from torchlean_core.check.rules.rule import ERROR, INPUT, Rule, artifact

_SEQUENCE = '{"id": 0, "kind": "input", "parents": [], "shape": [1, 5, 8]}'
_TUPLE = '{"id": 1, "kind": "py_tuple", "parents": [0, 0], "value_kind": "tuple", "tuple_shapes": [[1, 4], [1, 4]]}'
_TWO_HEADS = (
    '{"id": 1, "kind": "multihead_attention", "parents": [0, 0, 0], "value_kind": "tuple",'
    ' "tuple_shapes": [[1, 5, 8], [1, 5, 5]],'
    ' "embed_dim": 8, "num_heads": 2, "batch_first": true, "dropout_zero": true}'
)

ATTENTION_RULES = (
    Rule(
        "TL301",
        "tuple-as-tensor",
        ERROR,
        "A tuple-valued node is used where a tensor is needed.",
        "Only tensors can be operands.",
        "Take a component with `tuple_getitem`.",
        artifact(INPUT, _TUPLE, '{"id": 2, "kind": "relu", "parents": [1], "shape": [1, 4]}', output=2),
    ),
    Rule(
        "TL302",
        "bad-projection",
        ERROR,
        "A `tuple_getitem` does not fit its parent.",
        "Its parent must be a tuple, its index in range and its shape the component's.",
        "Name the right tuple, index or shape.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}',
            '{"id": 2, "kind": "tuple_getitem", "parents": [1], "shape": [1, 4], "index": 0}',
            output=2,
        ),
    ),
    Rule(
        "TL303",
        "tuple-without-lowering",
        ERROR,
        "A component of this tuple cannot be lowered to tensors.",
        "TorchLean's graph holds tensors only; of tuples it lowers `multihead_attention`.",
        "Capture the model so that the tuple is taken apart.",
        artifact(
            INPUT,
            _TUPLE,
            '{"id": 2, "kind": "tuple_getitem", "parents": [1], "shape": [1, 4], "index": 0}',
            output=2,
        ),
        no_fix="TorchLean's graph has no tensors for such a tuple; the model has to be captured another way.",
    ),
    Rule(
        "TL304",
        "attention-not-supported",
        ERROR,
        "The `multihead_attention` is outside the case that lowers.",
        "Only deterministic single-head self-attention on (batch, seq, embed) lowers; the message says what fails.",
        "Change the node, or write the attention out with matmul and softmax.",
        artifact(
            _SEQUENCE,
            _TWO_HEADS,
            '{"id": 2, "kind": "tuple_getitem", "parents": [1], "shape": [1, 5, 8], "index": 0}',
            output=2,
        ),
        no_fix="Every option that lowers is another attention than the one in the file.",
    ),
)
