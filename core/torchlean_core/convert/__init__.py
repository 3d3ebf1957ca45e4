"""From one dialect to another: exactly, or not at all (ir-v1-generalized section 10)."""

from torchlean_core.convert.graph import Converted, convert_graph
from torchlean_core.convert.refusal import ConversionRefused

__all__ = ["ConversionRefused", "Converted", "convert_graph"]
