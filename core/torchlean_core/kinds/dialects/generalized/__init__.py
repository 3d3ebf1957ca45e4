"""The generalized dialect: later TorchLean, with PyTorch's broadcasting, any rank, several outputs, inline weights."""

from torchlean_core.kinds import shared
from torchlean_core.kinds.alignment import right_aligned
from torchlean_core.kinds.common import root_fields
from torchlean_core.kinds.dialect import Dialect
from torchlean_core.kinds.dialects.generalized.table import ATTENTION, KINDS

GENERALIZED = Dialect(
    name="generalized",
    doc="Any number of outputs, any rank, PyTorch's broadcasting; parameters in the artifact or beside it.",
    tensor_kinds={kind.name: kind for kind in KINDS},
    tuple_kinds={kind.name: kind for kind in (ATTENTION, shared.PY_TUPLE)},
    getitem=shared.GETITEM,
    root_fields=root_fields("output_ids", "Ids of the output nodes, in the order of the model's results."),
    output_field="output_ids",
    many_outputs=True,
    requires_format=True,
    one_input=True,
    inline=True,
    broadcast=right_aligned,
    refused={
        "hard_masked_softmax": "TorchLean knows it, but has no encoding for it in a file",
        "custom": "TorchLean knows it, but has no encoding for it in a file",
    },
    equivalents={
        "conv2d": "conv",
        "max_pool2d": "max_pool",
        "max_pool2d_pad": "max_pool",
        "avg_pool2d": "avg_pool",
        "avg_pool2d_pad": "avg_pool",
        "batch_norm2d_nchw_eval": "batch_norm_eval",
        "swap_first_two": "transpose",
        "transpose3d_last_two": "transpose",
    },
)
