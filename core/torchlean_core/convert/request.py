"""What a conversion is asked where a part is left open: which dialect, and which file (no torch here)."""

from __future__ import annotations

from pathlib import Path

from torchlean_core.artifact.companions import stem
from torchlean_core.dialect_around import spoken
from torchlean_core.errors import UsageError
from torchlean_core.kinds.dialect import Dialect
from torchlean_core.kinds.dialects import DIALECTS, others


def target_dialect(artifact: Path, name: str | None) -> Dialect:
    """The dialect to convert an artifact to: the named one, else the other one.

    Raises:
        UsageError: There is no dialect of that name, or none is named and the artifact does not tell the other one.
    """
    if name is not None:
        if name not in DIALECTS:
            raise UsageError(f"`dialect` is one of {', '.join(DIALECTS)}, found {name!r}")
        return DIALECTS[name]
    own = spoken(artifact)
    if own is None:
        raise UsageError(f"{artifact.name} does not tell its dialect; name the one to convert to")
    found = others(own)
    if len(found) != 1:
        raise UsageError(f"name the dialect to convert to, one of {', '.join(one.name for one in found)}")
    return found[0]


def default_output(artifact: Path, dialect: Dialect) -> Path:
    """The file beside an artifact that its conversion is written to: `m.ir.json` becomes `m.classic.ir.json`."""
    return artifact.with_name(f"{stem(artifact)}.{dialect.name}.ir.json")
