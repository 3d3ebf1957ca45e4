"""An evaluator of its own in NumPy float64 and Python integers, written from the formulas of the rules.

It shares no code with the kind table: what it and the interpreter agree on was computed twice.
"""

import itertools
import json
import math

import numpy as np

from torchlean_core.artifact import parse_graph
from torchlean_core.graph import lower

WORD = (1 << 64) - 1


def program_of(nodes, output=None, input_id=0):
    """A lowered program of node objects (ids and a missing value kind are filled in)."""
    nodes = [{"id": i, "parents": [], **node} for i, node in enumerate(nodes)]
    root = {"format": "torchlean.ir.v1", "input_id": input_id, "nodes": nodes}
    root["output_id"] = len(nodes) - 1 if output is None else output
    return lower(parse_graph(json.dumps(root)))


def mix(x):
    z = (x + 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def unit(seed, k):
    return (mix((mix(seed & WORD) + k) & WORD) & 0xFFFFFFFF) / 2**32


def uniform(key, shape):
    return np.array([unit(key, k) for k in range(math.prod(shape))], dtype=np.float64).reshape(shape)


def broadcast(x, target):
    """The witness, case by case."""
    if x.ndim == 0:
        return np.full(target, float(x))
    if x.shape[0] == target[0]:
        rows = [broadcast(row, target[1:]) for row in x]
    elif x.shape[0] == 1:
        rows = [broadcast(x[0], target[1:])] * target[0]
    else:
        rows = [broadcast(x, target[1:])] * target[0]
    return np.array(rows, dtype=np.float64).reshape(target)


def windows(x, f, fill, padded=True):
    """(output position, window over all channels) of every window."""
    p = f["padding"] if padded else 0
    channels, height, width = x.shape
    big = np.full((channels, height + 2 * p, width + 2 * p), fill)
    big[:, p : p + height, p : p + width] = x
    rows = (height + 2 * p - f["kH"]) // f["stride"] + 1
    columns = (width + 2 * p - f["kW"]) // f["stride"] + 1
    for i, j in itertools.product(range(rows), range(columns)):
        top, left = i * f["stride"], j * f["stride"]
        yield (i, j), big[:, top : top + f["kH"], left : left + f["kW"]]


def pool(x, f, shape, fill, padded, reduce):
    out = np.zeros(shape)
    for (i, j), window in windows(x, f, fill, padded):
        for channel in range(shape[0]):
            cells = [float(v) for v in window[channel].reshape(-1)]
            out[channel, i, j] = reduce(cells)
    return out


def conv2d(x, f, shape, kernel, bias):
    out = np.zeros(shape)
    for (i, j), window in windows(x, f, 0.0):
        for channel in range(shape[0]):
            out[channel, i, j] = np.sum(window * kernel[channel]) + bias[channel]
    return out


def softmax(x, axis):
    if x.shape[axis] == 0:
        return x.copy()
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def layernorm(x, axis, eps):
    axes = tuple(range(axis, x.ndim))
    mean = x.mean(axis=axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps)


def batchnorm(x, gamma, beta, mean, var, eps):
    c = (slice(None), None, None)
    return (x - mean[c]) / np.sqrt(np.maximum(var, 0)[c] + eps) * gamma[c] + beta[c]


def mean_of(values):
    return float(np.sum(values)) / values.size if values.size else math.nan


ELEMENTWISE = {
    "detach": lambda a: a,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "inv": lambda a: 1 / a,
    "relu": lambda a: np.where(a > 0, a, np.where(np.isnan(a), a, 0)),
    "tanh": np.tanh,
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul_elem": lambda a, b: a * b,
    "max_elem": np.maximum,
    "min_elem": np.minimum,
}

OTHERS = {
    "sum": lambda n, a: np.sum(a),
    "mse_loss": lambda n, a, b: mean_of((a - b) ** 2),
    "reduce_sum": lambda n, a: a.sum(axis=n.fields["axis"]),
    "reduce_mean": lambda n, a: a.sum(axis=n.fields["axis"]) / np.float64(a.shape[n.fields["axis"]]),
    "softmax": lambda n, a: softmax(a, n.fields["axis"]),
    "layernorm": lambda n, a: layernorm(a, n.fields["axis"], n.extra.get("eps", 1e-5)),
    "permute": lambda n, a: np.transpose(a, n.fields["perm"]),
    "swap_first_two": lambda n, a: np.swapaxes(a, 0, 1),
    "transpose3d_last_two": lambda n, a: np.swapaxes(a, 1, 2),
    "reshape": lambda n, a: a.reshape(n.fields["out_shape"]),
    "flatten": lambda n, a: a.reshape(a.size),
    "broadcast_to": lambda n, a: broadcast(a, n.fields["to_shape"]),
    "concat": lambda n, *parents: np.concatenate(parents, axis=n.fields["axis"]),
    "matmul": lambda n, a, b: np.einsum("...ij,...jk->...ik", a, b),
    "max_pool2d": lambda n, a: pool(a, n.fields, n.shape, -np.inf, False, max),
    "avg_pool2d": lambda n, a: pool(a, n.fields, n.shape, 0.0, False, lambda c: math.fsum(c) / len(c)),
    "max_pool2d_pad": lambda n, a: pool(a, n.fields, n.shape, -np.inf, True, max),
    "avg_pool2d_pad": lambda n, a: pool(a, n.fields, n.shape, 0.0, True, lambda c: math.fsum(c) / len(c)),
}


def attention(n, source, x, params):
    def project(role, value):
        bias = params.get(f"mha_{source.id}_{role}_b", 0.0)
        return value @ params[f"mha_{source.id}_{role}_W"].T + bias

    q, k, v = (project(role, x) for role in "qkv")
    scores = np.einsum("bie,bje->bij", q, k) * params[f"mha_{source.id}_scale"]
    return project("out", softmax(scores, 2) @ v)


def node_value(graph, n, tensor_id, parents, params, x):
    name = f"{n.kind}_{n.id}"
    if n.kind == "input":
        return x
    if n.kind == "const":
        return params[name]
    if n.kind == "rand_uniform":
        return uniform(n.fields["seed"] + tensor_id, n.shape)
    if n.kind == "bernoulli_mask":
        return np.where(parents[0] > uniform(n.fields["seed"] + tensor_id, n.shape), 1.0, 0.0)
    if n.kind == "linear":
        return parents[0] @ params[f"{name}_W"].T + params[f"{name}_b"]
    if n.kind == "conv2d":
        return conv2d(parents[0], n.fields, n.shape, params[f"{name}_kernel"], params[f"{name}_bias"])
    if n.kind == "batch_norm2d_nchw_eval":
        roles = (params[f"batchnorm_{n.id}_{role}"] for role in ("gamma", "beta", "mean", "var"))
        return batchnorm(parents[0], *roles, n.extra.get("eps", 1e-5))
    if n.kind == "tuple_getitem":
        source = graph.nodes[n.parents[0]]
        return attention(n, source, parents[0], params)
    if n.kind in ELEMENTWISE:
        return ELEMENTWISE[n.kind](*parents)
    return OTHERS[n.kind](n, *parents)


def evaluate(graph, params, x):
    """Values by raw id. Tensor ids count tensor nodes; an attention's projection counts for ten."""
    values, tensor_id = {}, 0
    with np.errstate(all="ignore"):
        for n in graph.nodes:
            if n.shape is None:
                values[n.id] = values.get(n.parents[0]) if n.parents else None
                continue
            parents = [values[parent] for parent in n.parents]
            value = node_value(graph, n, tensor_id, parents, params, x)
            values[n.id] = np.asarray(value, dtype=np.float64)
            tensor_id += 10 if n.kind == "tuple_getitem" else 1
    return values


def random_params(program, seed=0):
    """Values of every parameter, some variances below zero."""
    random = np.random.default_rng(seed)
    return {p.name: random.uniform(-1.0, 1.5, p.shape) for p in program.parameters()}
