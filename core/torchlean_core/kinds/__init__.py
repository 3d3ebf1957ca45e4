"""Kinds, operators and dialects: the one place where the vocabulary of `torchlean.ir.v1` is written down."""

from torchlean_core.kinds.call import Call, Operator, Shape, Step
from torchlean_core.kinds.common import EXTRA_FIELDS, FORMAT, NODE_FIELDS, TRAINING_DIFFERS
from torchlean_core.kinds.dialect import INPUT, Dialect, Form
from torchlean_core.kinds.dialects import (
    CLASSIC,
    DIALECTS,
    FIELD_NAMES,
    GENERALIZED,
    LIST_FIELDS,
    ROOT_NAMES,
    dialect_named,
    dialect_of,
)
from torchlean_core.kinds.spec import (
    Fact,
    Field,
    FieldType,
    Kind,
    ParamSpec,
    Problem,
    Problems,
    TupleKind,
)

__all__ = [
    "CLASSIC",
    "DIALECTS",
    "EXTRA_FIELDS",
    "FIELD_NAMES",
    "FORMAT",
    "GENERALIZED",
    "INPUT",
    "LIST_FIELDS",
    "NODE_FIELDS",
    "ROOT_NAMES",
    "TRAINING_DIFFERS",
    "Call",
    "Dialect",
    "Fact",
    "Field",
    "FieldType",
    "Form",
    "Kind",
    "Operator",
    "ParamSpec",
    "Problem",
    "Problems",
    "Shape",
    "Step",
    "TupleKind",
    "dialect_named",
    "dialect_of",
]
