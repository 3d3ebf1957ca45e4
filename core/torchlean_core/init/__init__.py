"""Deterministic initialization of parameters (semantics section 4)."""

from torchlean_core.init.materialize import materialize
from torchlean_core.init.plan import Plan, default_plan, match_plan, read_plan
from torchlean_core.init.schemes import Scheme, fill

__all__ = [
    "Plan",
    "Scheme",
    "default_plan",
    "fill",
    "match_plan",
    "materialize",
    "read_plan",
]
