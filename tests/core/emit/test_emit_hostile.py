"""Nothing from an artifact, an option or a file's name reaches the source as code."""

from __future__ import annotations

import ast
import io
import tokenize

import pytest
import torch

from tests.core.emit.support import artifact_text, generated_class, load_module, write
from tests.core.emit.syntax import refuse_other_syntax
from torchlean_core.emit import EmitOptions, emit_file
from torchlean_core.emit.options import DTYPES
from torchlean_core.errors import UsageError, UserError

HOSTILE = {
    "ends a docstring": '"""\n\\\'); import os; os.system("x") #\r\n',
    "line ends of every kind": "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029import os",
    "backslashes": "\\" * 3 + '\\N{LATIN SMALL LETTER A}\\x41\\u0041"',
    "not ASCII": "𝔸é中\u202eimport os\u2066\u200b\ufeff",
    "lone surrogates": "\ud800 import os \udfff",
    "a null": "\x00import os",
    "braces and percents": "{__import__('os')} %s %(x)s ${x} {0}",
    "coding cookie": "-*- coding: utf-7 -*- +AG8-",
    "type comment": "type: ignore # noqa # fmt: off",
    "10 MB": "a" * 10_000_000,
    "10 MB of line ends": "\nimport os" * 1_000_000,
}


def chain(text: str) -> str:
    """An artifact whose every free field holds a text."""
    source = {"line": 3, "module": text, "file": text, text[:40]: text}
    if len(text) > 1_000_000:  # once is enough
        source = {"module": text}
    extra = {
        "debug_target": text[:1_000_000],
        "source": source,
        f"x{text[:50]}": text[:1000],
        "note": [text[:1000]],
    }
    few = {"debug_target": text[:1000], "source": {"line": 3, "module": text[:1000]}}
    return artifact_text(
        {"kind": "input", "shape": [2, 3], **few},
        {"kind": "linear", "parents": [0], "shape": [2, 4], **few},
        {"kind": "relu", "parents": [1], "shape": [2, 4], **extra},
        captured_from={"file": text[:1_000_000], "class": text[:1_000_000], "example_shape": [2, 3]},
        comment=text[:1000],
    )


@pytest.mark.parametrize("style", ["module", "sequential"])
@pytest.mark.parametrize("name", HOSTILE)
def test_texts_of_an_artifact(tmp_path, name, style):
    path = write(tmp_path, chain(HOSTILE[name]))
    content = emit_file(path, changes={"style": style}).output.read_bytes()
    assert content.isascii() and len(content) < 20_000
    text = content.decode("ascii")
    refuse_other_syntax(ast.parse(text))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT and "torchlean" not in token.string:
            assert len(token.string) < 200 and set(token.string) <= set(ALLOWED), token.string
    assert generated_class(tmp_path / "m.py")()(torch.zeros(2, 3)).shape == (2, 4)


ALLOWED = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]() :,#-"


@pytest.mark.parametrize(
    "fields",
    [
        {"eps": "1e-5); import os; (1"},
        {"eps": [1e-5]},
        {"eps": {"a": 1}},
        {"eps": None},
        {"eps": -1},
        {"eps": 10**400},
    ],
)
def test_an_epsilon_that_is_no_number_is_named(tmp_path, fields):
    text = artifact_text(
        {"kind": "input", "shape": [2, 3]},
        {"kind": "layernorm", "parents": [0], "shape": [2, 3], "axis": 1, **fields},
    )
    with pytest.raises(UserError, match=r"node 1 \(layernorm\): eps must be a finite number"):
        emit_file(write(tmp_path, text))
    assert not (tmp_path / "m.py").exists()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"groups": "2"}, "groups must be a number > 0"),
        ({"groups": 0}, "groups must be a number > 0"),
        ({"groups": [1, 2]}, "groups must be a number > 0"),
        ({"groups": 3}, "groups 3 does not divide the 4 output channels"),
        ({"dilation": [1, 2, 3]}, "dilation must be a number > 0, or 2 of them"),
        ({"dilation": [1.5, 1]}, "dilation must be a number > 0, or 2 of them"),
        ({"dilation": 'x"); import os'}, "dilation must be a number > 0, or 2 of them"),
    ],
)
def test_groups_and_dilation_that_mean_nothing_are_named(tmp_path, fields, message):
    text = artifact_text(
        {"kind": "input", "shape": [2, 5, 5]},
        {
            "kind": "conv2d", "parents": [0], "shape": [4, 3, 3], "inC": 2, "outC": 4,
            "kH": 3, "kW": 3, "stride": 1, "padding": 0, **fields,
        },
    )  # fmt: skip
    with pytest.raises(UserError) as caught:
        emit_file(write(tmp_path, text))
    assert f"node 1 (conv2d): {message}" in str(caught.value)


def test_a_kernel_with_weights_where_its_convolution_has_none_is_refused(tmp_path):
    text = artifact_text(
        {"kind": "input", "shape": [2, 3, 3]},
        {
            "kind": "conv2d", "parents": [0], "shape": [2, 3, 3], "inC": 2, "outC": 2,
            "kH": 1, "kW": 1, "stride": 1, "padding": 0, "groups": 2,
        },
    )  # fmt: skip
    tensors = {"conv2d_1_kernel": torch.ones(2, 2, 1, 1), "conv2d_1_bias": torch.zeros(2)}
    with pytest.raises(
        UserError, match=r"TL502 node 1 \(conv2d\): conv2d_1_kernel .*\[0, 1, 0, 0\]; expected 0"
    ):
        emit_file(write(tmp_path, text, tensors))


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "1x", "class", "None", "X:\n    import os", "X(object)", "a b", "a-b", "e\u0301", "ｔｏｒｃｈ", "ﬁ",
        "\ud800", "X\u202e", "torch", "nn", "F", "Path", "read_weights", "Reshape", "_unit", "make_optimizer", "print",
        "super", "float", "__name__", "__file__", "a" * 10_000_000, "X\x00",
    ],
)  # fmt: skip
def test_class_names_that_are_refused(name):
    with pytest.raises(UsageError) as caught:
        EmitOptions(class_name=name)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["Net", "_Net", "Größe", "模型", "match", "self", "x", "model", "y"])
def test_class_names_that_work(tmp_path, name):
    output = emit_file(write(tmp_path, chain("x")), changes={"class_name": name}).output
    refuse_other_syntax(ast.parse(output.read_text("utf-8")), name)
    assert getattr(load_module(output), name)()(torch.zeros(2, 3)).shape == (2, 4)


@pytest.mark.parametrize(
    "dtype",
    ["", "float32", "torch.int64", "torch.bool", "torch.complex64", "torch.float32\n", "torch.float32; import os",
     "__import__('os')", "torch.float8_e4m3fn", "torch", "torch.float32" * 1_000_000, "torch.ﬂoat32"],
)  # fmt: skip
def test_dtypes_that_are_refused(dtype):
    with pytest.raises(UsageError, match="dtype must be one of") as caught:
        EmitOptions(dtype_expr=dtype)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_that_work(tmp_path, dtype):
    output = emit_file(write(tmp_path, chain("x")), changes={"dtype_expr": dtype}).output
    kind = getattr(torch, dtype.removeprefix("torch."))
    assert {p.dtype for p in generated_class(output)().parameters()} == {kind}


@pytest.mark.parametrize(
    "folder", ['a "quoted" name', "new\nline", "back\\slash", "ünï", "{brace}", "'''", "#"]
)
def test_names_of_files_are_only_names(tmp_path, folder):
    home = tmp_path / folder
    home.mkdir()
    artifact = write(home, chain("x"))
    output = emit_file(artifact, tmp_path / "net.py", changes={"literal_limit": 0}).output
    text = output.read_text("ascii")
    refuse_other_syntax(ast.parse(text))
    assert generated_class(output)()(torch.zeros(2, 3)).shape == (2, 4)


@pytest.mark.parametrize(
    "header",
    ["{", "[]", "null", '{"artifact": 1}', "[" * 100_000, '{"artifact": "a", "artifact_sha256": "", "params": null, '
     '"params_sha256": null, "options": 3, "body_sha256": ""}'],
)  # fmt: skip
def test_a_header_that_is_none_makes_the_file_a_stranger(tmp_path, header):
    artifact = write(tmp_path, chain("x"))
    (tmp_path / "m.py").write_text(f"# torchlean-provenance: {header}\nx = 1\n")
    with pytest.raises(UserError, match="not generated by torchlean"):
        emit_file(artifact)


def test_options_that_were_changed_in_the_header_are_an_edit(tmp_path):
    artifact = write(tmp_path, chain("x"))
    output = emit_file(artifact).output
    edited = output.read_text().replace('"class_name": "X"', '"class_name": "1x; import os"')
    output.write_text(edited)
    with pytest.raises(UserError, match="edited by hand"):
        emit_file(artifact)
    assert output.read_text() == edited
