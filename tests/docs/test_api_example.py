"""The example on the page of the Python packages runs."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_example_checks_evaluates_and_emits(tmp_path, monkeypatch, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "api.md").read_text("utf-8"), re.DOTALL)
    for name in ("ir.json", "params.safetensors"):
        shutil.copy(ROOT / "examples" / "generated" / f"tiny_mlp.{name}", tmp_path / f"m.{name}")
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(compile(code, "api.md", "exec"), found)
    assert found["y"].shape == (1, 3)
    assert "(nn.Module):" in capsys.readouterr().out
