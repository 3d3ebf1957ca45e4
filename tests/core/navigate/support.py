"""Texts with a mark where the cursor is."""

from __future__ import annotations

import json
from typing import Any

from torchlean_core.check import check_text
from torchlean_core.navigate import Links, Spot, spot_at
from torchlean_core.navigate.cursor import Cursor, cursor_at

MARK = "▮"
INPUT = '{"id": 0, "kind": "input", "parents": [], "shape": [1, 4]}'
RELU = '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}'


def text_of(*nodes: str, output: int | None = None, tail: str = "]}") -> str:
    """An artifact whose nodes are these texts, one a line."""
    end = len(nodes) - 1 if output is None else output
    head = f'{{"format": "torchlean.ir.v1", "input_id": 0, "output_id": {end}, "nodes": [\n'
    return head + ",\n".join(nodes) + "\n" + tail


def links_of(text: str) -> Links:
    return Links(check_text(text.replace(MARK, "")))


def spot_of(text: str) -> tuple[Links, Spot | None]:
    links = links_of(text)
    return links, spot_at(links.report.document, text.index(MARK))


def cursor_of(text: str) -> tuple[Links, Cursor]:
    links = links_of(text)
    return links, cursor_at(links.report.document, text.index(MARK))


def node(node_id: int, kind: str, parents: list[int], shape: list[int], **fields: Any) -> str:
    return json.dumps({"id": node_id, "kind": kind, "parents": parents, "shape": shape, **fields})
