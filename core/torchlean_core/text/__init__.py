"""Text of JSON files: lines and columns, a parser that keeps positions, documents."""

from torchlean_core.text.document import BAD, HUGE, Change, Document, no_collector, read_bytes, read_text
from torchlean_core.text.lines import Encoding, LineIndex, Position, Range

__all__ = [
    "BAD",
    "HUGE",
    "Change",
    "Document",
    "Encoding",
    "LineIndex",
    "Position",
    "Range",
    "no_collector",
    "read_bytes",
    "read_text",
]
