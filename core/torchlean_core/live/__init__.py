"""What captures told about Python files, moved along with edits (neither torch nor LSP here)."""

from torchlean_core.capture.target import split_lines
from torchlean_core.live.lines import Moved
from torchlean_core.live.view import Hint, LiveModel, Place, View, findings, hints, line_span

__all__ = ["Hint", "LiveModel", "Moved", "Place", "View", "findings", "hints", "line_span", "split_lines"]
