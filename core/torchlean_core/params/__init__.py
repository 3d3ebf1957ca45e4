"""The parameter store: the tensors of an artifact, keyed by node id, in a safetensors file (semantics 2).

Importing this package needs neither numpy nor torch: headers and judgements are plain Python. What touches
values imports numpy when it is called; `params.tensors` and `params.checkpoint` are the torch side.
"""

from torchlean_core.params.content import write_content
from torchlean_core.params.format import write_store, write_tensors
from torchlean_core.params.header import TensorInfo
from torchlean_core.params.store import ParameterStore
from torchlean_core.params.validate import ParamIssue, ensure_fits, validate

__all__ = [
    "ParamIssue",
    "ParameterStore",
    "TensorInfo",
    "ensure_fits",
    "validate",
    "write_content",
    "write_store",
    "write_tensors",
]
