"""What a rule says of itself, and its example."""

from __future__ import annotations

from dataclasses import dataclass

from torchlean_core.check.findings import Severity

DOCS = "https://github.com/torchlean/torchlean-ls/blob/main/docs/rules"
"""Where the pages of the rules are published."""


@dataclass(frozen=True, slots=True)
class Example:
    """Something that a rule finds.

    Attributes:
        text: An artifact that triggers the rule and no other error, or a property that does; in another language, what
            shows it.
        language: `json` for an artifact, `lisp` for a property, else the language of `text` (`python`, `console`).
        note: What to look at, where the text alone does not say it.
    """

    text: str
    language: str = "json"
    note: str = ""

    @property
    def is_artifact(self) -> bool:
        """Whether checking `text` as an artifact triggers the rule."""
        return self.language == "json"

    @property
    def is_property(self) -> bool:
        """Whether checking `text` as a property of a network with two inputs and one output triggers the rule."""
        return self.language == "lisp"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: Stable code.
        name: Short name, in words.
        severity: Usual severity of its findings.
        what: What it finds.
        why: Why that matters.
        fix: How to mend it.
        example: What it finds, shown.
        no_fix: Why nothing that an editor could offer mends it; empty where something does (`rulebook.offers`).
    """

    code: str
    name: str
    severity: Severity
    what: str
    why: str
    fix: str
    example: Example
    no_fix: str = ""

    @property
    def url(self) -> str:
        """Address of its documentation page."""
        return f"{DOCS}/{self.code}.md"


INPUT = '{"id": 0, "kind": "input", "parents": [], "shape": [1, 4]}'
"""The first node of most examples."""

ERROR, WARNING = Severity.ERROR, Severity.WARNING
INFORMATION, HINT = Severity.INFORMATION, Severity.HINT


def artifact(*nodes: str, output: int = 1, root: str = '"format": "torchlean.ir.v1", ') -> Example:
    """An example artifact: one line for the root's fields, one for each node."""
    body = ",\n".join(f"  {node}" for node in nodes)
    return Example(f'{{{root}"input_id": 0, "output_id": {output}, "nodes": [\n{body}\n]}}\n')


def generalized(*nodes: str, outputs: str = "[1]") -> Example:
    """An example in the generalized dialect."""
    body = ",\n".join(f"  {node}" for node in nodes)
    head = f'"format": "torchlean.ir.v1", "input_id": 0, "output_ids": {outputs}'
    return Example(f'{{{head}, "nodes": [\n{body}\n]}}\n')
