"""A property file, checked against a network."""

from __future__ import annotations

from pathlib import Path

from torchlean_core.check.report import Report
from torchlean_core.kinds.dialects import DEFAULT
from torchlean_core.text import BAD, Document, no_collector
from torchlean_core.vnnlib.fit import Network, compare
from torchlean_core.vnnlib.reader import Property
from torchlean_core.vnnlib.source import read_property


def check_property(path: Path, network: Network | None) -> Report:
    """Check a property file.

    Args:
        path: The `.vnnlib` file, which may be compressed (`.vnnlib.gz`): places are those of its text.
        network: What it is to fit; None where that is not known, and only what the file says by itself is checked.

    Raises:
        OSError: The file cannot be read, or holds no text.
    """
    return check_property_text(read_property(path), network)


def check_property_text(text: str, network: Network | None) -> Report:
    """Check the text of a property; see `check_property`."""
    with no_collector():
        prop = Property(text)
        if network is not None:
            compare(prop, network)
    return Report(Document(text, BAD, [], None), prop.told.findings(), [], DEFAULT)
