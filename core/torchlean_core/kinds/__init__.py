"""The kind table: the one place where the vocabulary of `torchlean.ir.v1` is written down."""

from torchlean_core.kinds.common import EXTRA_FIELDS, NODE_FIELDS, ROOT_FIELDS, TRAINING_DIFFERS
from torchlean_core.kinds.spec import (
    Call,
    Field,
    FieldType,
    Kind,
    ParamSpec,
    Problem,
    Problems,
    Shape,
    TupleKind,
)
from torchlean_core.kinds.table import (
    FIELD_NAMES,
    FORMAT,
    INPUT,
    LIST_FIELDS,
    TENSOR_KINDS,
    TUPLE_GETITEM,
    TUPLE_KINDS,
)

__all__ = [
    "EXTRA_FIELDS",
    "FIELD_NAMES",
    "FORMAT",
    "INPUT",
    "LIST_FIELDS",
    "NODE_FIELDS",
    "ROOT_FIELDS",
    "TENSOR_KINDS",
    "TRAINING_DIFFERS",
    "TUPLE_GETITEM",
    "TUPLE_KINDS",
    "Call",
    "Field",
    "FieldType",
    "Kind",
    "ParamSpec",
    "Problem",
    "Problems",
    "Shape",
    "TupleKind",
]
