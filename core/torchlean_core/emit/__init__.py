"""From a checked graph and its parameters to the source of a standalone `nn.Module`."""

from torchlean_core.emit.options import EmitOptions
from torchlean_core.emit.provenance import Header, State, read_header
from torchlean_core.emit.writer import EmitResult, emit_file, emit_source, module_state

__all__ = [
    "EmitOptions",
    "EmitResult",
    "Header",
    "State",
    "emit_file",
    "emit_source",
    "module_state",
    "read_header",
]
