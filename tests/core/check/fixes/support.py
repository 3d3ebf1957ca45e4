"""Small artifacts, their fixes by title, and what must hold of any fix."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from torchlean_core.check import Finding, Report, Severity, check_text
from torchlean_core.check.fixes import Fix, apply_edits, fixes

NodeObject = dict[str, Any]


def node(place: int, kind: str, parents: list[int], shape: list[int], /, **fields: Any) -> NodeObject:
    return {"id": place, "kind": kind, "parents": parents, "shape": shape, **fields}


INPUT = node(0, "input", [], [1, 4])


def content(*nodes: NodeObject, **root: Any) -> dict[str, Any]:
    made = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": len(nodes) - 1, "nodes": list(nodes)}
    return {key: value for key, value in {**made, **root}.items() if value is not None}


def inline(*nodes: NodeObject, **root: Any) -> str:
    return json.dumps(content(*nodes, **root))


def indented(*nodes: NodeObject, **root: Any) -> str:
    return json.dumps(content(*nodes, **root), indent=2)


def minified(*nodes: NodeObject, **root: Any) -> str:
    return json.dumps(content(*nodes, **root), separators=(",", ":"))


def one_a_line(*nodes: NodeObject, **root: Any) -> str:
    made = content(*nodes, **root)
    body = ",\n    ".join(json.dumps(one) for one in made.pop("nodes"))
    head = "".join(f"  {json.dumps(key)}: {json.dumps(value)},\n" for key, value in made.items())
    return "{\n" + head + '  "nodes": [\n    ' + body + "\n  ]\n}\n"


LAYOUTS = (inline, indented, minified, one_a_line)


def errors(report: Report) -> list[Finding]:
    return [finding for finding in report.findings if finding.severity is Severity.ERROR]


def offered(text: str, code: str, index: int | None = None) -> list[Fix]:
    """The fixes of the first finding of a code (and at a place)."""
    report = check_text(text)
    for finding in report.findings:
        if finding.code == code and index in (None, finding.index):
            return fixes(report, finding)
    raise AssertionError((code, report.findings))


def titles(text: str, code: str, index: int | None = None) -> list[str]:
    return [fix.title for fix in offered(text, code, index)]


def fixed(text: str, code: str, title: str, index: int | None = None) -> str:
    """The text after the fix whose title starts so; holds every fix to what must hold of it."""
    found = [fix for fix in offered(text, code, index) if fix.title.startswith(title)]
    assert found, titles(text, code, index)
    return applied(text, code, found[0])


def applied(text: str, code: str, fix: Fix) -> str:
    """The text after a fix: fewer findings of its code, no more errors, and all else byte for byte."""
    after = apply_edits(text, fix.edits)
    untouched(text, fix)
    before, now = check_text(text), check_text(after)
    assert len(errors(now)) <= len(errors(before)), fix
    assert Counter(f.code for f in now.findings)[code] < Counter(f.code for f in before.findings)[code], fix
    return after


def untouched(text: str, fix: Fix) -> None:
    """The edits are in order, do not overlap, and change something each."""
    position = 0
    assert fix.edits
    for edit in fix.edits:
        assert position <= edit.start <= edit.end <= len(text)
        assert text[edit.start : edit.end] != edit.text
        position = edit.end


def says_more(fix: Fix) -> bool:
    """Whether a fix says that other errors can be read after it."""
    return fix.title.endswith((" other errors show then)", "(another error shows then)"))


def nodes_of(text: str) -> list[NodeObject]:
    found: list[NodeObject] = json.loads(text)["nodes"]
    return found
