"""The classic dialect: the artifacts of the first TorchLean, whose parameters live in a store beside the file."""

from torchlean_core.kinds import shared
from torchlean_core.kinds.alignment import witness
from torchlean_core.kinds.common import root_fields
from torchlean_core.kinds.dialect import Dialect
from torchlean_core.kinds.dialects.classic.table import ATTENTION, KINDS

CLASSIC = Dialect(
    name="classic",
    doc="One output, unbatched images, one axis per reduction; parameters in a file beside the artifact.",
    tensor_kinds={kind.name: kind for kind in KINDS},
    tuple_kinds={kind.name: kind for kind in (ATTENTION, shared.PY_TUPLE)},
    getitem=shared.GETITEM,
    root_fields=root_fields("output_id", "Id of the output node."),
    output_field="output_id",
    many_outputs=False,
    requires_format=False,
    one_input=False,
    inline=False,
    broadcast=witness,
    equivalents={
        "transpose": "swap_first_two` (axes 0 and 1), `transpose3d_last_two` (1 and 2 of 3) or `permute",
        "conv": "conv2d",
        "max_pool": "max_pool2d` or `max_pool2d_pad",
        "avg_pool": "avg_pool2d` or `avg_pool2d_pad",
        "batch_norm_eval": "batch_norm2d_nchw_eval",
        "softplus": "log` of `add` of `exp",
        "safe_log": "log",
        "hard_masked_softmax": "softmax",
        "custom": "",
    },
)
