"""The tables of kinds are whole, and the only place where kinds are listed and dialects told apart."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from torchlean_core.artifact.schema import FILE_NAME, schema_text
from torchlean_core.kinds import CLASSIC, DIALECTS, GENERALIZED, FieldType
from torchlean_core.kinds.dialects import others

ROOT = Path(__file__).parents[3]
# ir-v1 section 3, spelled out once so that a kind cannot go missing from the table unnoticed.
SPECIFIED = """input const rand_uniform bernoulli_mask detach abs sqrt inv relu tanh sigmoid exp log sin cos
add sub mul_elem max_elem min_elem mse_loss sum reduce_sum reduce_mean softmax layernorm permute swap_first_two
transpose3d_last_two reshape flatten broadcast_to concat matmul linear conv2d max_pool2d avg_pool2d max_pool2d_pad
avg_pool2d_pad batch_norm2d_nchw_eval""".split()
# ir-v1-generalized section 4.
GENERAL = """input const rand_uniform bernoulli_mask detach abs sqrt inv relu tanh sigmoid exp log sin cos softplus
add sub mul_elem max_elem min_elem mse_loss safe_log sum reduce_sum reduce_mean softmax layernorm permute transpose
reshape flatten broadcast_to concat matmul linear conv max_pool avg_pool batch_norm_eval""".split()


def test_the_tables_have_the_specified_kinds():
    for dialect, specified, count in ((CLASSIC, SPECIFIED, 41), (GENERALIZED, GENERAL, 40)):
        assert sorted(dialect.tensor_kinds) == sorted(specified)
        assert len(dialect.tensor_kinds) == count
        assert sorted(dialect.tuple_kinds) == ["multihead_attention", "py_tuple"]


def test_every_dialect_knows_what_the_others_say():
    for dialect in DIALECTS.values():
        foreign = {tag for other in others(dialect) for tag in (*other.tensor_kinds, *other.refused)}
        assert set(dialect.equivalents) == foreign - set(dialect.tensor_kinds)


def test_nothing_outside_the_tables_tells_dialects_apart():
    """No name of a dialect, and no tag that only one dialect has, but in conversions and examples of rules."""
    tags = [set(dialect.tensor_kinds) for dialect in DIALECTS.values()]
    telling = set.union(*tags) - set.intersection(*tags) | set(DIALECTS)
    for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "server").rglob("*.py")]:
        if {"kinds", "convert", "rules"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            found = isinstance(node, ast.Constant) and node.value in telling
            assert not found, f"{path}:{node.lineno} says {node.value!r}"


@pytest.mark.parametrize(
    "kind", [kind for dialect in DIALECTS.values() for kind in dialect.all_kinds], ids=lambda kind: kind.name
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
        built = {"node_modules", "dist", "snippets"} & set(path.parts)  # snippets are made from the tables
        if path.suffix in (".ts", ".lua", ".json", ".toml", ".el") and path.is_file() and not built:
            text = path.read_text("utf-8", "replace")
            assert sum(bool(re.search(rf"\b{name}\b", text)) for name in telling) < 5, path


def test_the_checker_imports_no_torch():
    heavy = "{'torch', 'numpy', 'safetensors'}"
    code = f"import sys, torchlean_core.check, torchlean_core.artifact; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
