"""What a check found, and where in the text that is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torchlean_core.basics.lazy import lazy
from torchlean_core.check.findings import Finding, Severity
from torchlean_core.check.nodes import Record
from torchlean_core.check.places import place as place_of
from torchlean_core.check.places import spans_of
from torchlean_core.kinds import Dialect
from torchlean_core.text import Document, Encoding, Range


class Report:
    """The result of a check.

    Attributes:
        document: The text that was checked.
        findings: Everything found: about the text, the root, then the nodes in their order.
        records: What could be read of each node, by place.
        dialect: The dialect that the file speaks.
    """

    def __init__(
        self,
        document: Document,
        findings: list[Finding],
        records: Sequence[Record | None],
        dialect: Dialect,
    ) -> None:
        self.document = document
        self.findings = findings
        self.records = records
        self.dialect = dialect

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    @lazy
    def by_id(self) -> dict[int, Record]:
        """Records by raw id; of equal ids the first."""
        found: dict[int, Record] = {}
        for record in self.records:
            if record is not None:
                found.setdefault(record.ref, record)
        return found

    def span(self, finding: Finding) -> tuple[int, int]:
        """Offsets of the text that a finding points at."""
        return place_of(self.document, finding.index, finding.path, finding.span, finding.on_key)

    def spans(self, findings: Iterable[Finding]) -> list[tuple[int, int]]:
        """Offsets of the text that findings point at."""
        return spans_of(self.document, findings)

    def range(self, finding: Finding, encoding: Encoding = Encoding.UTF16) -> Range:
        """Range of the text that a finding points at."""
        return self.document.lines.range(*self.span(finding), encoding)
