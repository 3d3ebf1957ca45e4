"""What the tests of training share."""

import pytest

from tests.core.train.train_graphs import MLP_NODES, artifact


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.ir.json").write_text(artifact(*MLP_NODES))
    return tmp_path
