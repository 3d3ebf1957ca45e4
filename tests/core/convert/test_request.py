"""What a conversion is asked where a part is left open."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.core.lean.lake_projects import write
from torchlean_core.convert.request import default_output, target_dialect
from torchlean_core.errors import UsageError
from torchlean_core.kinds.dialects import CLASSIC, DIALECTS, GENERALIZED, others


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=list(DIALECTS))
def test_the_other_dialect_is_meant_unless_one_is_named(tmp_path, dialect):
    artifact = write(tmp_path / "m.ir.json", f'{{"format": "torchlean.ir.v1", "{dialect.output_field}": 0}}')
    (other,) = others(dialect)
    assert target_dialect(artifact, None) is other
    assert target_dialect(artifact, dialect.name) is dialect


def test_what_tells_nothing_is_refused(tmp_path):
    artifact = write(tmp_path / "m.ir.json", "{}")
    assert target_dialect(artifact, "classic") is CLASSIC
    with pytest.raises(UsageError, match="does not tell its dialect"):
        target_dialect(artifact, None)
    with pytest.raises(UsageError, match="one of classic, generalized, found 'new'"):
        target_dialect(artifact, "new")


@pytest.mark.parametrize("name", ["m.ir.json", "m.torchlean.json", "m.json"])
def test_the_output_stands_beside_the_artifact(tmp_path, name):
    assert default_output(tmp_path / name, GENERALIZED) == tmp_path / "m.generalized.ir.json"


def test_asking_imports_no_torch():
    code = "import sys, torchlean_core.convert.request; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
