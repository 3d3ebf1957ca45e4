"""The parameter store: the tensors of an artifact, keyed by node id, in a safetensors file (semantics 2).

Importing this package needs numpy and safetensors, not torch; `params.tensors` is the torch side.
"""

from torchlean_core.params.format import TensorInfo, write_store, write_tensors
from torchlean_core.params.store import ParameterStore
from torchlean_core.params.validate import ParamIssue, ensure_fits, validate

__all__ = [
    "ParamIssue",
    "ParameterStore",
    "TensorInfo",
    "ensure_fits",
    "validate",
    "write_store",
    "write_tensors",
]
