"""One small graph for every kind and for every way it can be used that is easy to get wrong."""

from torchlean_core.kinds import CLASSIC

X = {"kind": "input", "shape": [2, 3]}


def one(kind, shape, source, **fields):
    """A graph of an input and one node of a kind."""
    return [{"kind": "input", "shape": source}, {"kind": kind, "parents": [0], "shape": shape, **fields}]


def window(kind, shape, source, k, stride, padding=None, **fields):
    pad = {} if padding is None else {"padding": padding}
    return one(kind, shape, source, kH=k[0], kW=k[1], stride=stride, **pad, **fields)


def conv(shape, source, k, stride, padding):
    return window("conv2d", shape, source, k, stride, padding, inC=source[0], outC=shape[0])


def attention(bias=None, shape=(2, 3, 4), index=0):
    shape = list(shape)
    fields = {"embed_dim": shape[2], "num_heads": 1, "batch_first": True, "dropout_zero": True}
    if bias is not None:
        fields["bias"] = bias
    weights = [shape[0], shape[1], shape[1]]
    return [
        {"kind": "input", "shape": shape},
        {
            "kind": "multihead_attention",
            "parents": [0, 0, 0],
            "value_kind": "tuple",
            "tuple_shapes": [shape, weights],
            **fields,
        },
        {"kind": "tuple_getitem", "parents": [1], "shape": shape, "index": index},
    ]


UNARY = ["detach", "abs", "sqrt", "inv", "relu", "tanh", "sigmoid", "exp", "log", "sin", "cos"]
BINARY = ["add", "sub", "mul_elem", "max_elem", "min_elem"]
POOLS = ["max_pool2d", "avg_pool2d"]


def broadcast(source, target):
    return one("broadcast_to", target, source, from_shape=source, to_shape=target)


def reshape(source, target):
    return one("reshape", target, source, in_shape=source, out_shape=target)


RANK_9 = [4, 0, 6, 1, 5, 2, 8, 3, 7]

CASES = {
    **{kind: one(kind, [2, 3], [2, 3]) for kind in UNARY},
    **{f"{kind} scalar": one(kind, [], []) for kind in UNARY},
    **{f"{kind} empty": one(kind, [0, 3], [0, 3]) for kind in UNARY},
    **{
        kind: [X, {"kind": "const", "shape": [2, 3]}, {"kind": kind, "parents": [0, 1], "shape": [2, 3]}]
        for kind in BINARY
    },
    "mse_loss": [X, {"kind": "const", "shape": [2, 3]}, {"kind": "mse_loss", "parents": [1, 0], "shape": []}],
    "mse_loss empty": [
        {"kind": "input", "shape": [0]},
        {"kind": "mse_loss", "parents": [0, 0], "shape": []},
    ],
    "input": [X],
    "const": [X, {"kind": "const", "shape": [2], "value_shape": [2]}],
    "const scalar": [X, {"kind": "const", "shape": []}],
    "rand_uniform": [X, {"kind": "rand_uniform", "shape": [3, 5], "seed": 7}],
    "rand_uniform scalar": [X, {"kind": "rand_uniform", "shape": [], "seed": 0}],
    "rand_uniform empty": [X, {"kind": "rand_uniform", "shape": [0, 2], "seed": 0}],
    "rand_uniform seed past 63 bits": [X, {"kind": "rand_uniform", "shape": [4], "seed": 2**63}],
    "rand_uniform seed wraps": [X, {"kind": "rand_uniform", "shape": [4], "seed": 2**64 - 1}],
    "rand_uniform seed past 64 bits": [X, {"kind": "rand_uniform", "shape": [4], "seed": 3 * 2**70 + 5}],
    "bernoulli_mask": [
        {"kind": "input", "shape": []},
        {"kind": "sigmoid", "parents": [0], "shape": []},
        {"kind": "bernoulli_mask", "parents": [1], "shape": [5, 7], "seed": 3},
    ],
    "bernoulli_mask scalar": one("bernoulli_mask", [], [], seed=3),
    "sum": one("sum", [], [2, 3]),
    "sum empty": one("sum", [], [2, 0]),
    "sum scalar": one("sum", [], []),
    "reduce_sum": one("reduce_sum", [2, 4], [2, 3, 4], axis=1),
    "reduce_sum empty axis": one("reduce_sum", [2], [2, 0], axis=1),
    "reduce_sum to scalar": one("reduce_sum", [], [3], axis=0),
    "reduce_mean": one("reduce_mean", [3, 4], [2, 3, 4], axis=0),
    "reduce_mean empty axis": one("reduce_mean", [2], [2, 0], axis=1),
    "softmax": one("softmax", [2, 3, 4], [2, 3, 4], axis=1),
    "softmax last": one("softmax", [2, 3], [2, 3], axis=1),
    "softmax empty": one("softmax", [2, 0], [2, 0], axis=1),
    "layernorm": one("layernorm", [2, 3, 4], [2, 3, 4], axis=1),
    "layernorm last": one("layernorm", [2, 5], [2, 5], axis=1),
    "layernorm all": one("layernorm", [2, 5], [2, 5], axis=0),
    "layernorm eps": one("layernorm", [2, 5], [2, 5], axis=1, eps=0.5),
    "layernorm one element": one("layernorm", [2, 1], [2, 1], axis=1),
    "permute": one("permute", [4, 2, 3], [2, 3, 4], perm=[2, 0, 1]),
    "permute scalar": one("permute", [], [], perm=[]),
    "swap_first_two": one("swap_first_two", [3, 2, 4], [2, 3, 4]),
    "transpose3d_last_two": one("transpose3d_last_two", [2, 4, 3], [2, 3, 4]),
    "reshape": reshape([2, 3], [3, 2]),
    "reshape to scalar": reshape([1, 1], []),
    "reshape of scalar": reshape([], [1, 1]),
    "reshape empty": reshape([0, 3], [7, 0]),
    "reshape after permute": [
        X,
        {"kind": "permute", "parents": [0], "shape": [3, 2], "perm": [1, 0]},
        {"kind": "reshape", "parents": [1], "shape": [6], "in_shape": [3, 2], "out_shape": [6]},
    ],
    "flatten": one("flatten", [24], [2, 3, 4], value_shape=[2, 3, 4]),
    "flatten scalar": one("flatten", [1], [], value_shape=[]),
    "flatten empty": one("flatten", [0], [2, 0], value_shape=[2, 0]),
    "broadcast_to": broadcast([3], [3, 4]),
    "broadcast_to square": broadcast([4], [4, 4]),
    "broadcast_to from the left": broadcast([2, 3], [2, 5, 3]),
    "broadcast_to new first axis": broadcast([3], [2, 3]),
    "broadcast_to greedy": broadcast([3, 1], [3, 3, 2]),
    "broadcast_to ones": broadcast([1, 3, 1], [2, 3, 4]),
    "broadcast_to one then new": broadcast([1, 5], [2, 3, 5]),
    "broadcast_to scalar": broadcast([], [2, 3]),
    "broadcast_to scalar to scalar": broadcast([], []),
    "broadcast_to same": broadcast([2, 3], [2, 3]),
    "broadcast_to nothing": broadcast([1, 3], [0, 3]),
    "broadcast_to of nothing": broadcast([0], [0, 3]),
    "concat": [
        X,
        {"kind": "const", "shape": [2, 4]},
        {"kind": "concat", "parents": [0, 1, 0], "shape": [2, 10], "axis": 1},
    ],
    "concat empty": [
        X,
        {"kind": "const", "shape": [0, 3]},
        {"kind": "concat", "parents": [1, 0], "shape": [2, 3], "axis": 0},
    ],
    "matmul": [X, {"kind": "const", "shape": [3, 4]}, {"kind": "matmul", "parents": [0, 1], "shape": [2, 4]}],
    "matmul empty inner": [
        {"kind": "input", "shape": [2, 0]},
        {"kind": "const", "shape": [0, 3]},
        {"kind": "matmul", "parents": [0, 1], "shape": [2, 3]},
    ],
    "matmul batch": [
        {"kind": "input", "shape": [2, 3, 4]},
        {"kind": "const", "shape": [2, 4, 5]},
        {"kind": "matmul", "parents": [0, 1], "shape": [2, 3, 5]},
    ],
    "linear": one("linear", [2, 5], [2, 3]),
    "linear vector": one("linear", [5], [3]),
    "linear rank 3": one("linear", [2, 2, 5], [2, 2, 3]),
    "linear no inputs": one("linear", [2, 5], [2, 0]),
    "linear no outputs": one("linear", [2, 0], [2, 3]),
    "linear no rows": one("linear", [0, 4], [0, 3]),
    "conv2d": conv([4, 5, 6], [2, 5, 6], (3, 3), 1, 1),
    "conv2d stride": conv([3, 3, 2], [2, 6, 5], (2, 3), 2, 0),
    "conv2d padding past the window": conv([2, 9, 8], [1, 4, 4], (2, 3), 1, 3),
    "conv2d no outputs": conv([0, 3, 3], [2, 5, 5], (3, 3), 1, 0),
    "conv2d of nothing": conv([3, 2, 7], [2, 0, 5], (3, 3), 1, 2),
    "conv2d stride past 32 bits": conv([1, 1, 1], [1, 3, 4], (2, 2), 2**40, 1),
    **{f"{kind}": window(kind, [2, 2, 3], [2, 5, 6], (2, 2), 2) for kind in POOLS},
    **{f"{kind} overlap": window(kind, [2, 3, 5], [2, 5, 6], (3, 2), 1) for kind in POOLS},
    **{f"{kind} with a padding field": window(kind, [2, 2, 2], [2, 5, 5], (2, 2), 2, 1) for kind in POOLS},
    **{f"{kind} no channels": window(kind, [0, 2, 2], [0, 4, 4], (2, 2), 2) for kind in POOLS},
    **{f"{kind} stride past 32 bits": window(kind, [1, 1, 1], [1, 3, 3], (2, 2), 2**40) for kind in POOLS},
    **{f"{kind}_pad": window(f"{kind}_pad", [2, 3, 3], [2, 5, 5], (3, 3), 2, 1) for kind in POOLS},
    **{f"{kind}_pad none": window(f"{kind}_pad", [2, 2, 2], [2, 5, 5], (3, 3), 2, 0) for kind in POOLS},
    **{f"{kind}_pad past half": window(f"{kind}_pad", [2, 8, 8], [2, 3, 3], (2, 2), 1, 3) for kind in POOLS},
    **{f"{kind}_pad uneven": window(f"{kind}_pad", [1, 4, 3], [1, 3, 4], (2, 4), 1, 1) for kind in POOLS},
    **{f"{kind}_pad of nothing": window(f"{kind}_pad", [1, 1, 4], [1, 0, 3], (2, 2), 1, 1) for kind in POOLS},
    **{
        f"{kind}_pad no channels": window(f"{kind}_pad", [0, 3, 3], [0, 2, 2], (2, 2), 1, 1) for kind in POOLS
    },
    "batch_norm2d_nchw_eval": one("batch_norm2d_nchw_eval", [2, 3, 2, 2], [2, 3, 2, 2], channels=3),
    "batch_norm2d_nchw_eval eps": one(
        "batch_norm2d_nchw_eval", [1, 5, 1, 1], [1, 5, 1, 1], channels=5, eps=0.3
    ),
    "attention": attention(),
    "attention bias": attention(bias=True),
    "attention no bias": attention(bias=False),
    "attention no sequence": attention(shape=(2, 0, 4)),
    "attention then mask": [
        *attention(),
        {"kind": "sum", "parents": [2], "shape": []},
        {"kind": "bernoulli_mask", "parents": [3], "shape": [9], "seed": 1},
    ],
    "attention one number": attention(shape=(1, 1, 1)),
    "attention no batch": attention(shape=(0, 3, 4)),
    "attention no numbers": attention(shape=(2, 3, 0)),
    "attention of an attention": [
        *attention(shape=(2, 3, 4)),
        {**attention(shape=(2, 3, 4))[1], "parents": [2, 2, 2]},
        {"kind": "tuple_getitem", "parents": [3], "shape": [2, 3, 4], "index": 0},
    ],
    "attention taken twice": [
        *attention(),
        {"kind": "tuple_getitem", "parents": [1], "shape": [2, 3, 4], "index": 0},
        {"kind": "rand_uniform", "shape": [2, 3, 4], "seed": 5},
        {"kind": "mul_elem", "parents": [3, 4], "shape": [2, 3, 4]},
        {"kind": "sub", "parents": [2, 5], "shape": [2, 3, 4]},
    ],
    "tuples that nobody takes apart": [
        X,
        {"kind": "py_tuple", "parents": [0, 0], "value_kind": "tuple", "tuple_shapes": [[2, 3], [2, 3]]},
        {"kind": "whatever", "parents": [], "value_kind": "tuple", "tuple_shapes": []},
        {"kind": "rand_uniform", "shape": [3], "seed": 1},
    ],
    "permute rank 9": one("permute", [2, 1, 2, 1, 3, 1, 2, 1, 1], [1] * 4 + [2, 3, 2, 1, 2], perm=RANK_9),
    "layernorm rank 8": one("layernorm", [1, 2, 1, 3, 1, 2, 1, 2], [1, 2, 1, 3, 1, 2, 1, 2], axis=3),
    "softmax rank 8": one("softmax", [1, 2, 1, 3, 1, 2, 1, 2], [1, 2, 1, 3, 1, 2, 1, 2], axis=3),
    "reduce_mean rank 8": one("reduce_mean", [1, 2, 1, 1, 2, 1, 2], [1, 2, 1, 3, 1, 2, 1, 2], axis=3),
    "broadcast_to rank 10": broadcast([1, 2, 1], [3, 2, 1, 2, 1, 2, 1, 1, 1, 2]),
    "reshape to rank 12": reshape([2, 3], [1] * 5 + [2] + [1] * 5 + [3]),
    "concat of many": [
        X,
        {"kind": "concat", "parents": [0] * 60, "shape": [120, 3], "axis": 0},
    ],
    "two inputs": [X, X, {"kind": "add", "parents": [0, 1], "shape": [2, 3]}],
}


def kinds_in_cases():
    return {node["kind"] for nodes in CASES.values() for node in nodes} & set(CLASSIC.tensor_kinds)
