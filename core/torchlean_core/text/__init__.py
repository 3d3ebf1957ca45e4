"""Text of JSON files: lines and columns, a parser that keeps positions, documents."""

from torchlean_core.text.document import (
    BAD,
    HUGE,
    Change,
    Document,
    no_collector,
    read_bytes,
    read_file,
    read_text,
)
from torchlean_core.text.lines import Encoding, LineIndex, Position, Range
from torchlean_core.text.numbers import Numbers, numbers_of

__all__ = [
    "BAD",
    "HUGE",
    "Change",
    "Document",
    "Encoding",
    "LineIndex",
    "Numbers",
    "Position",
    "Range",
    "no_collector",
    "numbers_of",
    "read_bytes",
    "read_file",
    "read_text",
]
