"""What editors show has no options of a command line, no paths of the machine, and no line ends."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import torchlean_core
from torchlean_core.errors import UserError
from torchlean_ls.wording import in_editor, in_words_of_editors

FILE = Path("/home/somebody/my work/m.ir.json")
OPTION = re.compile(r"(?<![\w-])(--[a-z]|-o\b)")
ABSOLUTE = re.compile(r"(?<![\w.:])/\w+/")


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("--lr must be greater than 0, found -1", "learning rate must be greater than 0, found -1"),
        ("--steps and --epochs exclude each other", "steps and epochs exclude each other"),
        ("a smaller --lr, or --clip", "a smaller learning rate, or clip"),
        (f"{FILE.parent}/d.npz: not an .npz file", "d.npz: not an .npz file"),
        ("/opt/data/d.npz: No such file or directory", "d.npz: No such file or directory"),
        (r"C:\data\d.npz: no such file", "d.npz: no such file"),
        ("the interpreter /usr/bin/python3 has no torch", "the interpreter python3 has no torch"),
        ("no parameter file; run `torchlean init`, or name one with --params",
         'no parameter file; run "TorchLean: Initialize Parameters", or name one with params'),
        ("the output is the input x; name another file with -o", "the output is the input x"),
        ("first line.\nsecond line\n", "first line; second line"),
        ("12 steps/s, https://pytorch.org/docs, (x / 255)", "12 steps/s, https://pytorch.org/docs, (x / 255)"),
        ("a-b -- c and well-known names", "a-b -- c and well-known names"),
    ],
)  # fmt: skip
def test_a_message_is_said_in_words_of_editors(message, said):
    assert in_words_of_editors(message, FILE) == said


def raised() -> list[tuple[str, str]]:
    """Every text of this package that an error is made of: where it stands, and what it says with `X` for values."""
    root = Path(torchlean_core.__file__).parent
    found = []
    for path in sorted(root.rglob("*.py")):
        if path.parent.name == "cli":
            continue  # what is wrong with a command line
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not getattr(node.func, "id", "").endswith(
                ("Error", "Refused", "Replace")
            ):
                continue
            for text in ast.walk(node):
                if isinstance(text, ast.JoinedStr):
                    said = ""
                    for one in text.values:
                        value = "option" if said.endswith("--") else "/some/where/X"
                        said += str(one.value) if isinstance(one, ast.Constant) else value
                    found.append((f"{path.relative_to(root)}:{node.lineno}", said))
                elif isinstance(text, ast.Constant) and isinstance(text.value, str):
                    found.append((f"{path.relative_to(root)}:{node.lineno}", text.value))
    return found


@pytest.mark.thorough
def test_no_error_of_the_package_reaches_an_editor_with_options_or_paths():
    texts = raised()
    assert sum("--" in text for _, text in texts) > 40, "they are found"
    for where, text in texts:
        said = in_editor(UserError(f"{FILE}: {text}\nand more"), FILE)
        assert not OPTION.search(said) and not ABSOLUTE.search(said) and "\n" not in said, (where, said)
