"""One page per rule, written from the rule's own text, its example and what the checker says of it.

`python -m torchlean_core.rulebook.pages docs/rules` writes them.
"""

from __future__ import annotations

import sys
from pathlib import Path

from torchlean_core.check.checker import check_bytes
from torchlean_core.check.fixes import fixes
from torchlean_core.check.report import Report
from torchlean_core.check.rules import RULES, Example, Rule
from torchlean_core.files import write_text
from torchlean_core.rulebook.offers import offers

INDEX = "README.md"

_GROUPS = (
    ("TL0", "Reading the file"),
    ("TL1", "Ids, parents, input and output"),
    ("TL2", "Shapes"),
    ("TL3", "Tuples and attention"),
    ("TL4", "Good to know"),
    ("TL5", "Files beside the artifact"),
    ("TL6", "Python model files"),
    ("TL7", "Properties (VNN-LIB)"),
)
_NOT_ARTIFACTS = {
    "TL4": "`torchlean check` does not report this rule from the text of an artifact alone.",
    "TL5": "This rule compares an artifact with the files beside it (or its model), and is reported where these exist.",
    "TL6": "This rule is about a Python model file; it is reported when the model is captured.",
}


def page(rule: Rule) -> str:
    """The page of a rule, as Markdown."""
    parts = [
        f"# {rule.code}: {rule.name}",
        f"Severity: {rule.severity.value}.",
        f"## What it does\n\n{rule.what}",
        f"## Why it matters\n\n{rule.why}",
        _example(rule),
        f"## How to fix it\n\n{rule.fix}",
    ]
    parts.append(f"## Quick fixes\n\n{_offered(rule)}")
    if rule.example.is_artifact and (repairs := _repairs(rule)):
        parts.append(repairs)
    parts.append(f"See also: [all rules]({INDEX}), `torchlean rules {rule.code}`.")
    return "\n\n".join(parts) + "\n"


def _example(rule: Rule) -> str:
    example = rule.example
    parts = ["## Example"]
    if example.note:
        parts.append(example.note)
    parts.append(f"```{example.language}\n{shown_text(example)}```")
    if example.is_artifact:
        parts.append(f"`torchlean check` says:\n\n```text\n{_said(rule)}```")
    elif example.is_property:
        parts.append(
            "`torchlean check m.ir.json --property p.vnnlib` says, where the network's input has the shape "
            f"{list(_NETWORK[0])} and its output {list(_NETWORK[1][0])}:\n\n```text\n{_said(rule)}```"
        )
    else:
        parts.append(_NOT_ARTIFACTS[rule.code[:3]])
    return "\n\n".join(parts)


def shown_text(example: Example) -> str:
    """The example's text, with a byte-order mark made visible."""
    return example.text.replace("\ufeff", "<U+FEFF>")


_NETWORK = (1, 2), ((1, 1),)
"""Shapes of the network that examples of properties are about: its input, its outputs."""


def _report(rule: Rule) -> Report:
    if rule.example.is_property:
        from torchlean_core.vnnlib import Network, check_property_text

        return check_property_text(rule.example.text, Network(*_NETWORK))
    return check_bytes(rule.example.text.encode("utf-8"))


def _said(rule: Rule) -> str:
    """What the text output says of the example."""
    from torchlean_core.check.output.text import finding_text

    report = _report(rule)
    name = "p.vnnlib" if rule.example.is_property else "m.ir.json"
    blocks = (finding_text(name, report, finding).plain for finding in report.findings)
    lines = "\n\n".join(blocks).replace("\ufeff", "<U+FEFF>").split("\n")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _offered(rule: Rule) -> str:
    """What editors offer, and `--fix` applies; or why there is nothing."""
    if rule.no_fix:
        return f"None. {rule.no_fix}"
    items = []
    for offer in offers(rule.code):
        titles = "; ".join(f"**{_escaped(title)}**" for title in offer.titles)
        items.append(f"- {titles}\n  {offer.what} {offer.why}")
    return "\n".join(items)


def _escaped(title: str) -> str:
    """A title as Markdown, in bold."""
    return title.replace("[", "\\[").replace("]", "\\]")


def _repairs(rule: Rule) -> str:
    """The quick fixes that the example's findings get."""
    report = _report(rule)
    titles: dict[str, bool] = {}
    for finding in report.findings:
        if finding.code == rule.code:
            titles |= {fix.title: fix.safe for fix in fixes(report, finding)}
    if not titles:
        return ""
    listed = "\n".join(
        f"- {title}{'' if safe else ' (may change what the file means)'}" for title, safe in titles.items()
    )
    return f"For the example:\n\n{listed}"


def index() -> str:
    """The page that lists all rules."""
    parts = [
        "# Rules",
        "What `torchlean check`, the language server and the commands report. `torchlean rules CODE` shows the same "
        "in a terminal; codes are stable once released. Where a rule has quick fixes, editors offer them, and "
        "`torchlean check --fix` applies the safe ones; those that may change what the file means need "
        "`--unsafe-fixes`. After a safe fix its finding is gone and no new error stands anywhere; one after which "
        "other errors can be read says so in its title.",
    ]
    for prefix, title in _GROUPS:
        rows = [
            f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.severity.value} | {rule.what} |"
            for rule in RULES.values()
            if rule.code.startswith(prefix)
        ]
        parts.append(
            f"## {title}\n\n| code | name | severity | what it finds |\n|---|---|---|---|\n" + "\n".join(rows)
        )
    parts.append("These pages are written by `make docs` from the rules themselves.")
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {INDEX: index()} | {f"{code}.md": page(rule) for code, rule in RULES.items()}


def write_pages(folder: Path) -> None:
    """Write all pages, and remove those of rules that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for name, text in wanted.items():
        write_text(folder / name, text)
    for old in folder.glob("TL*.md"):
        if old.name not in wanted:
            old.unlink()


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]))
