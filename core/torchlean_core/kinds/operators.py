"""The operators: one entry for everything that nodes of any dialect compute.

Fields of operators are what the code needs, whatever a dialect calls it:

- `reduce_sum`, `reduce_mean`, `softmax`, `concat`: `axis`
- `layernorm`: `axis`, `eps`; `batch_norm`: `axis` of the channels, `eps`
- `permute`: `perm`; `transpose`: `axis1`, `axis2`
- `broadcast_to`: `aligned`, the operand's shape with a 1 for every axis that is new
- `conv`: `axis` of the channels, `kernel`, `stride`, `before` and `after` (padding), `dilation`: one number per spatial
  axis; `groups`, `inputs`, `outputs` (channels)
- `max_pool`, `avg_pool`: `kernel`, `stride`, `padding`: one number for each of the last axes
- `rand_uniform`, `bernoulli_mask`: `seed`; `clamps`, whether a probability past [0, 1] is decided before any draw
- `mse_loss`: `empty`, what it is of no elements, where that is not torch's NaN
"""

from __future__ import annotations

from torchlean_core.kinds import batched, code, layers
from torchlean_core.kinds.call import Operator


def _plain(name: str, source: str, layer: str | None = None, stops_gradients: bool = False) -> Operator:
    """Elementwise, whatever the shapes are."""
    return Operator(
        name,
        source,
        source,
        layer=None if layer is None else layers.plain(layer),
        elementwise=True,
        stops_gradients=stops_gradients,
    )


INPUT = Operator("input", "x", "x")
CONST = Operator("const", "{value}")
RAND_UNIFORM = Operator("rand_uniform", code.rand_uniform, helpers=("_mix", "_unit"), draws=True)
BERNOULLI_MASK = Operator(
    "bernoulli_mask", code.bernoulli_mask, helpers=("_mix", "_unit"), stops_gradients=True, draws=True
)
DETACH = _plain("detach", "{0}.detach()", stops_gradients=True)
ABS = _plain("abs", "torch.abs({0})")
SQRT = _plain("sqrt", "torch.sqrt({0})")
INV = _plain("inv", "torch.reciprocal({0})")
RELU = _plain("relu", "torch.relu({0})", "nn.ReLU()")
TANH = _plain("tanh", "torch.tanh({0})", "nn.Tanh()")
SIGMOID = _plain("sigmoid", "torch.sigmoid({0})", "nn.Sigmoid()")
EXP = _plain("exp", "torch.exp({0})")
LOG = _plain("log", "torch.log({0})")
SIN = _plain("sin", "torch.sin({0})")
COS = _plain("cos", "torch.cos({0})")
# Not F.softplus: that is x itself past 20, which float64 tells apart.
SOFTPLUS = _plain("softplus", "-F.logsigmoid(-{0})")
SAFE_LOG = Operator("safe_log", "torch.log({1} - F.logsigmoid(-{0}))", batched.safe_log)
ADD = _plain("add", "{0} + {1}")
SUB = _plain("sub", "{0} - {1}")
MUL = _plain("mul_elem", "{0} * {1}")
MAX = _plain("max_elem", "torch.maximum({0}, {1})")
MIN = _plain("min_elem", "torch.minimum({0}, {1})")
MSE_LOSS = Operator("mse_loss", code.mse_loss, batched.mse_loss)
SUM = Operator("sum", "torch.sum({0})", batched.total)
REDUCE_SUM = Operator("reduce_sum", "torch.sum({0}, dim={axis})", batched.reduce_sum)
REDUCE_MEAN = Operator("reduce_mean", "torch.mean({0}, dim={axis})", batched.reduce_mean)
SOFTMAX = Operator("softmax", "torch.softmax({0}, dim={axis})", batched.softmax, layer=layers.SOFTMAX)
LAYERNORM = Operator("layernorm", code.layernorm, batched.layernorm, layer=layers.LAYERNORM)
PERMUTE = Operator("permute", code.permute, batched.permute)
TRANSPOSE = Operator("transpose", "{0}.transpose({axis1}, {axis2})", batched.transpose)
RESHAPE = Operator("reshape", code.reshape, batched.reshape, layer=layers.RESHAPE, keeps_order=True)
BROADCAST_TO = Operator("broadcast_to", code.broadcast_to, batched.broadcast_to, spreads=True)
CONCAT = Operator("concat", code.concat, batched.concat)
MATMUL = Operator("matmul", "{0} @ {1}", batched.matmul)
LINEAR = Operator("linear", code.linear, code.linear, layer=layers.LINEAR)
CONV = Operator(
    "conv", code.conv, batched.conv, helpers=("convolution", "diagonal_blocks"), layer=layers.CONV
)
MAX_POOL = Operator("max_pool", code.max_pool, batched.max_pool, helpers=("pool",), layer=layers.MAX_POOL)
AVG_POOL = Operator("avg_pool", code.avg_pool, batched.avg_pool, helpers=("pool",), layer=layers.AVG_POOL)
BATCH_NORM = Operator("batch_norm", code.batch_norm, batched.batch_norm, layer=layers.BATCH_NORM)
ITEM = Operator("tuple_getitem", "{0}[{index}]")
"""A component of a tuple: lowered before anything is computed."""
