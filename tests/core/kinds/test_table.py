"""The kind table is whole, and the only place where kinds are listed."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from torchlean_core.artifact.schema import FILE_NAME, schema_text
from torchlean_core.kinds import CLASSIC, FieldType

ROOT = Path(__file__).parents[3]
# ir-v1 section 3, spelled out once so that a kind cannot go missing from the table unnoticed.
SPECIFIED = """input const rand_uniform bernoulli_mask detach abs sqrt inv relu tanh sigmoid exp log sin cos
add sub mul_elem max_elem min_elem mse_loss sum reduce_sum reduce_mean softmax layernorm permute swap_first_two
transpose3d_last_two reshape flatten broadcast_to concat matmul linear conv2d max_pool2d avg_pool2d max_pool2d_pad
avg_pool2d_pad batch_norm2d_nchw_eval""".split()


def test_the_table_has_the_specified_kinds():
    assert sorted(CLASSIC.tensor_kinds) == sorted(SPECIFIED)
    assert len(CLASSIC.tensor_kinds) == 41
    assert sorted(CLASSIC.tuple_kinds) == ["multihead_attention", "py_tuple"]


@pytest.mark.parametrize(
    "kind", [*CLASSIC.tensor_kinds.values(), CLASSIC.getitem], ids=lambda kind: kind.name
)
def test_an_entry_is_documented(kind):
    assert kind.summary.endswith(".") and kind.formula and kind.shape_doc and kind.torch
    assert inspect.getdoc(kind.infer) or kind.category in ("convolution and pooling", "shape")
    for field in kind.fields:
        assert field.doc.endswith(".")
        assert not field.positive or field.type is FieldType.NATURAL


def test_the_schema_is_up_to_date():
    assert (ROOT / "schema" / FILE_NAME).read_text() == schema_text(), "run `make schema`"


def _literals(tree: ast.AST):
    for node in ast.walk(tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            yield node.lineno, node.elts
        elif isinstance(node, ast.Dict):
            yield node.lineno, node.keys


def test_no_other_python_file_lists_the_kinds():
    for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "server").rglob("*.py")]:
        if "kinds" in path.parts:
            continue
        for line, elements in _literals(ast.parse(path.read_text())):
            names = {
                e.value for e in elements if isinstance(e, ast.Constant) and e.value in CLASSIC.tensor_kinds
            }
            assert len(names) < 8, f"{path}:{line} lists {sorted(names)}"


def test_no_editor_file_lists_the_kinds():
    telling = [name for name in CLASSIC.tensor_kinds if "_" in name]
    for path in (ROOT / "editors").rglob("*"):
        built = {"node_modules", "dist"} & set(path.parts)
        if path.suffix in (".ts", ".lua", ".json", ".toml", ".el") and path.is_file() and not built:
            text = path.read_text("utf-8", "replace")
            assert sum(bool(re.search(rf"\b{name}\b", text)) for name in telling) < 5, path


def test_the_checker_imports_no_torch():
    heavy = "{'torch', 'numpy', 'safetensors'}"
    code = f"import sys, torchlean_core.check, torchlean_core.artifact; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
