"""Telling artifacts from other JSON without parsing it."""

from __future__ import annotations

import re

from torchlean_core.kinds import FORMAT

_MARKER = re.compile(r'"format"\s*:\s*"' + re.escape(FORMAT) + '"')
_NODES = re.compile(r'"nodes"\s*:')
_INPUT = re.compile(r'"input_id"\s*:')


def looks_like_artifact(text: str) -> bool:
    """Whether a JSON text has the format marker, or `nodes` and `input_id` (ir-v1 section 6)."""
    return bool(_MARKER.search(text) or (_NODES.search(text) and _INPUT.search(text)))
