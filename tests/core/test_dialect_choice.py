"""The dialect of a new artifact follows those around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchlean_core.dialect_choice import choose, choose_for, spoken
from torchlean_core.kinds import CLASSIC, GENERALIZED

OLD = '{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 0, "nodes": []}'
NEW = '{"format": "torchlean.ir.v1", "input_id": 0, "output_ids": [0], "nodes": []}'


def test_an_empty_folder_and_none_at_all_give_the_default(tmp_path: Path) -> None:
    assert choose(tmp_path) == (CLASSIC, "the default")
    assert choose(tmp_path / "none") == (CLASSIC, "the default")


def test_most_artifacts_decide_and_other_files_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.ir.json").write_text(NEW, encoding="utf-8")
    (tmp_path / "package.json").write_text('{"output_id": 1}', encoding="utf-8")
    (tmp_path / "text.txt").write_text(OLD, encoding="utf-8")
    (tmp_path / "folder.json").mkdir()
    assert choose(tmp_path) == (GENERALIZED, "as of 1 of 1 artifacts in the folder")
    (tmp_path / "b.ir.json").write_text(OLD, encoding="utf-8")
    assert choose(tmp_path).dialect is CLASSIC  # of equally many the default
    (tmp_path / "c.json").write_text(NEW, encoding="utf-8")
    assert choose(tmp_path) == (GENERALIZED, "as of 2 of 3 artifacts in the folder")


def test_the_artifact_that_is_replaced_keeps_its_dialect(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.ir.json").write_text(NEW, encoding="utf-8")
    (tmp_path / "c.ir.json").write_text(OLD, encoding="utf-8")
    assert choose_for(tmp_path / "c.ir.json") == (CLASSIC, "as of the artifact that is replaced")
    assert choose_for(tmp_path / "d.ir.json").dialect is GENERALIZED


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        (OLD, CLASSIC),
        (NEW, GENERALIZED),
        (OLD.replace('"nodes"', '"output_ids": [0], "nodes"'), GENERALIZED),
        (OLD.replace('"output_id": 0, ', ""), None),
        (OLD.replace("torchlean", "onnx"), None),
        ("", None),
    ],
)
def test_the_beginning_of_a_file_tells_its_dialect(tmp_path: Path, text: str, dialect: object) -> None:
    (tmp_path / "m.json").write_text(text, encoding="utf-8")
    assert spoken(tmp_path / "m.json") is dialect
