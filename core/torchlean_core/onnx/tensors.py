"""Numbers of an ONNX file as torch tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx
import torch

_KINDS = onnx.TensorProto.DataType
_TYPES: dict[int, torch.dtype] = {
    onnx.TensorProto.FLOAT: torch.float32,
    onnx.TensorProto.DOUBLE: torch.float64,
    onnx.TensorProto.FLOAT16: torch.float16,
    onnx.TensorProto.BFLOAT16: torch.bfloat16,
    onnx.TensorProto.BOOL: torch.bool,
    onnx.TensorProto.INT8: torch.int8,
    onnx.TensorProto.INT16: torch.int16,
    onnx.TensorProto.INT32: torch.int32,
    onnx.TensorProto.INT64: torch.int64,
    onnx.TensorProto.UINT8: torch.uint8,
    onnx.TensorProto.UINT16: torch.int32,
    onnx.TensorProto.UINT32: torch.int64,
    onnx.TensorProto.UINT64: torch.int64,
}
"""Types of numbers; unsigned ones that torch hardly has are wider signed ones, which hold what sizes and places are."""

INTEGERS = frozenset(
    number for number, one in _TYPES.items() if not one.is_floating_point and one != torch.bool
)
"""Those of whole numbers."""


class NoNumbersError(ValueError):
    """What a file holds is no tensor of numbers that there is a type for; the message says why."""


def type_of(number: int) -> torch.dtype:
    """The type of a number of `TensorProto.DataType`.

    Raises:
        NoNumbersError: There is no such type here.
    """
    found = _TYPES.get(number)
    if found is None:
        raise NoNumbersError(f"{type_name(number)} has no place in an artifact")
    return found


def type_name(number: int) -> str:
    """Its name, in lower case."""
    return _KINDS.Name(number).lower() if number in _KINDS.values() else f"type {number}"


def tensor_of(proto: onnx.TensorProto) -> torch.Tensor:
    """The numbers of a tensor whose data is in the message itself.

    Raises:
        NoNumbersError: It has others than its shape and type say.
    """
    dtype = type_of(proto.data_type)
    shape = list(proto.dims)
    if any(size < 0 for size in shape):
        raise NoNumbersError(f"its shape is {shape}")
    if proto.data_location == onnx.TensorProto.EXTERNAL:
        raise NoNumbersError("its numbers lie in another file")
    if proto.HasField("segment"):
        raise NoNumbersError("it is a part of a tensor")
    try:
        array = onnx.numpy_helper.to_array(proto)
    except (ValueError, TypeError, OverflowError, KeyError) as error:
        raise NoNumbersError(f"it does not hold {math.prod(shape):,} numbers") from error
    if dtype is torch.bfloat16:
        return torch.from_numpy(np.array(array, dtype=np.float32)).to(dtype)
    numbers: np.ndarray[Any, Any] = np.array(array, dtype=_NUMPY[dtype], order="C")
    return torch.from_numpy(numbers).reshape(shape)


_NUMPY = {
    torch.float32: np.float32,
    torch.float64: np.float64,
    torch.float16: np.float16,
    torch.bool: np.bool_,
    torch.int8: np.int8,
    torch.int16: np.int16,
    torch.int32: np.int32,
    torch.int64: np.int64,
    torch.uint8: np.uint8,
}
