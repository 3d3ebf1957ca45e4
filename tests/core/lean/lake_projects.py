"""Lake projects made up for tests: as Lake writes them, with sources in TorchLean's manner."""

from __future__ import annotations

import json
from pathlib import Path

from torchlean_core.kinds.dialect import Dialect

REVISION = "0123456789abcdef0123456789abcdef01234567"


def importer_source(dialect: Dialect) -> str:
    """A Lean file that reads artifacts of a dialect; its comments and messages speak of the other fields, too."""
    return f"""
/-! Reads artifacts such as {{"format": "torchlean.ir.v1", "output_id": 4, "output_ids": [4]}}
/- nested: "output_ids" -/ and "output_id" -/
namespace Import
def parseGraph (j : Json) : Except String Captured := do
  let root ← objectOf "root" j
  -- let out ← natField "root" "output_ids" root; natField "root" "output_id" root
  let start ← natField "root" "input_id" root
  let out ← valueField "root" "{dialect.output_field}" root
  if out.isEmpty then throw "root.output_id and root.output_ids say nothing"
  pure {{ start, out }}
"""


def exporter_source(dialect: Dialect) -> str:
    """A Lean file that holds a Python script which writes artifacts of a dialect."""
    return f'''
def script : String := r#"
json.dump({{"format": "torchlean.ir.v1", "{dialect.output_field}": ids}})
"#
def write (g : Graph) : Json := Json.mkObj [("format", "torchlean.ir.v1"), ("{dialect.output_field}", g.out)]
'''


def write(path: Path, text: str) -> Path:
    """Write a file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def torchlean_sources(folder: Path, dialect: Dialect) -> Path:
    """TorchLean's sources in a folder."""
    write(
        folder / "lakefile.lean",
        'import Lake\nopen Lake DSL\n\npackage TorchLean where\n  version := v!"0.1.0"\n',
    )
    write(folder / "NN" / "Runtime" / "Import" / "Export.lean", importer_source(dialect))
    write(folder / "NN" / "Spec.lean", "theorem one : 1 = 1 := rfl\n")
    return folder


def git_package(name: str = "TorchLean", **changes: object) -> dict[str, object]:
    """A package of a manifest."""
    return {
        "url": "https://example.org/TorchLean",
        "type": "git",
        "subDir": None,
        "rev": REVISION,
        "name": name,
        "inputRev": "main",
        "inherited": False,
        **changes,
    }


def manifest(folder: Path, *packages: dict[str, object], **changes: object) -> Path:
    """A project's manifest."""
    content = {
        "version": "1.1.0",
        "packagesDir": ".lake/packages",
        "packages": list(packages),
        "name": "mine",
    }
    return write(folder / "lake-manifest.json", json.dumps({**content, **changes}))


def project(folder: Path, dialect: Dialect) -> Path:
    """A project that builds on the TorchLean of a dialect, sources included."""
    manifest(folder, git_package("mathlib"), git_package())
    torchlean_sources(folder / ".lake" / "packages" / "TorchLean", dialect)
    return folder
