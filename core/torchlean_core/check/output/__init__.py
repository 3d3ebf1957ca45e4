"""Findings as people and tools read them: `text`, `json`, `sarif` and `github`."""

from torchlean_core.check.output.json import finding_object
from torchlean_core.check.output.writers import FORMATS, Writer, make_writer

__all__ = ["FORMATS", "Writer", "finding_object", "make_writer"]
