"""Deterministic initialization of parameters (semantics section 4)."""

from torchlean_core.init.materialize import allocate, materialize
from torchlean_core.init.plan import Plan, default_plan, match_plan, pair_with_schemes, read_plan
from torchlean_core.init.schemes import Scheme, fill, unit, value_at

__all__ = [
    "Plan",
    "Scheme",
    "allocate",
    "default_plan",
    "fill",
    "match_plan",
    "materialize",
    "pair_with_schemes",
    "read_plan",
    "unit",
    "value_at",
]
