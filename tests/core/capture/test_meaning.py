"""What a model means: changed by what it uses, wherever that is, and by nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from torchlean_core.capture.meaning import files_of, meaning_of
from torchlean_core.capture.treetext import tree_text
from torchlean_core.capture.workspace import Sources

MODEL = '''\
"""A model."""
import torch
from torch import nn
from layers import Block, WIDTH as SIZE

LIMIT = 3
UNUSED = 4


def helper(x):
    return torch.clamp(x, max=LIMIT)


def unused():
    return UNUSED


class Base(nn.Module):
    def scale(self, x):
        return x * 2


class Other(nn.Module):
    def forward(self, x):
        return unused()


@torch.no_grad()
class Net(Base):
    """A net."""

    def __init__(self, width: int = SIZE, *, bias=True):
        super().__init__()
        self.block = Block(width)

    def forward(self, x):
        # A comment.
        unused = self.block(x)
        return helper(unused)
'''
LAYERS = """\
from torch import nn

WIDTH = 4
APART = 5


class Block(nn.Linear):
    def __init__(self, width):
        super().__init__(width, width)


class Unused(nn.Module):
    pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "layers.py").write_text(LAYERS)
    return tmp_path


def sha256(folder: Path, name: str = "Net") -> str | None:
    meaning = meaning_of(folder / "model.py", name)
    return None if meaning is None else meaning.sha256


def changed(folder: Path, file: str, old: str, new: str) -> bool:
    before = sha256(folder)
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return sha256(folder) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# A comment.", "# Another comment,\n        # and one more."),
        ('"""A model."""', '"""Another text."""'),
        ('    """A net."""\n\n', ""),
        ("return helper(unused)", "return helper(\n            (unused),\n        )"),
        ("\n\n\n", "\n\n\n\n\n"),
        ("return unused()", "return x"),
        ("UNUSED = 4", "UNUSED = 5"),
        ("def unused():\n", "def unused(x):\n"),
        ("class Other", "class Another"),
        ("import torch\n", "import math\nimport torch\n"),
        ("LIMIT = 3\n", "LIMIT = 0x3\n"),
        ("class Net", "if TYPE_CHECKING:\n    import nothing\n\n\nclass More: pass\n\n\n@torch.no_grad()\nclass Net", ),
        ("return helper(unused)\n", 'return helper(unused)\n\n\nif __name__ == "__main__":\n    print(Net())\n'),
        ("    def scale", "    pass\n\n    def scale"),
        ("from layers import Block, WIDTH as SIZE", "from layers import WIDTH as SIZE\nfrom layers import Block"),
    ],
)  # fmt: skip
def test_what_says_nothing_of_the_model_changes_nothing(folder: Path, old: str, new: str) -> None:
    if "class More" in new:
        old = f"@torch.no_grad()\n{old}"
    assert not changed(folder, "model.py", old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", "LIMIT = 3\nLIMIT += 1"),
        ("LIMIT = 3", "LIMIT = True"),
        ("max=LIMIT", "min=LIMIT"),
        ("return x * 2", "return x * 3"),
        ("class Base(nn.Module)", "class Base(nn.Identity)"),
        ("width: int = SIZE", "width: int = 8"),
        ("bias=True", "bias=False"),
        ("@torch.no_grad()\n", ""),
        ("WIDTH as SIZE", "APART as SIZE"),
        ("from torch import nn", "from torch.ao import nn"),
        ("return helper(unused)", "return helper(unused) + 1"),
        ("class Other", "Net.scale = unused\n\n\nclass Other"),
        ("LIMIT = 3", "LIMIT = 3\ntorch.set_default_dtype(torch.float64)"),
        ("class Net(Base)", "class Net(Base, metaclass=Other)"),
    ],
)
def test_what_the_model_uses_changes_what_it_means(folder: Path, old: str, new: str) -> None:
    assert changed(folder, "model.py", old, new)


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        ("WIDTH = 4", "WIDTH = 5", True),
        ("super().__init__(width, width)", "super().__init__(width, 1)", True),
        ("(nn.Linear)", "(nn.Module)", True),
        ("APART = 5", "APART = 6", False),
        ("class Unused(nn.Module)", "class Unused(nn.Linear)", False),
        ("class Block", "# more\nclass Block", False),
    ],
)
def test_other_files_count_as_far_as_they_are_used(folder: Path, old: str, new: str, differs: bool) -> None:
    assert changed(folder, "layers.py", old, new) is differs


def test_definitions_may_change_places(folder: Path) -> None:
    before = sha256(folder)
    start, end = MODEL.index("def helper"), MODEL.index("def unused")
    (folder / "model.py").write_text(MODEL[:start] + MODEL[end:] + "\n\n" + MODEL[start:end])
    assert sha256(folder) == before


def test_a_name_that_is_bound_twice_means_both_in_their_order(folder: Path) -> None:
    (folder / "model.py").write_text("A = 1\nA = 2\ndef Net(): return A\n")
    before = sha256(folder)
    (folder / "model.py").write_text("A = 2\nA = 1\ndef Net(): return A\n")
    assert sha256(folder) != before


@pytest.mark.parametrize(
    "source",
    [
        "from layers import *\nNet = Block",
        "import layers\nclass Net(layers.Block): pass",
        "import layers as l\ndef Net(): return l.Block(l.WIDTH)",
        "def Net():\n    from layers import Block\n    return Block(4)",
        "def Net():\n    import layers\n    return layers.Block(4)",
        "import importlib\ndef Net(): return importlib.import_module('layers').Block(4)",
        "from re_export import Block as B\nNet = B",
        "try:\n    from layers import Block\nexcept ImportError:\n    Block = None\nNet = Block",
        "def Net(): return globals()['Block'](4)\nfrom layers import Block",
        "import layers\ndef Net(): return getattr(layers, 'Block')(4)",
    ],
)
def test_an_import_is_followed_however_it_is_written(folder: Path, source: str) -> None:
    (folder / "re_export.py").write_text("from layers import Block\n")
    (folder / "model.py").write_text(f"{source}\n")
    meaning = meaning_of(folder / "model.py", "Net")
    assert meaning is not None
    assert meaning.files[0] == folder / "model.py" and folder / "layers.py" in meaning.files[1:]
    assert changed(folder, "layers.py", "super().__init__(width, width)", "super().__init__(1, 1)")


def test_a_package_is_followed_through_relative_imports(tmp_path: Path) -> None:
    package = tmp_path / "nets"
    package.mkdir()
    (package / "__init__.py").write_text("from . import layers\nfrom .model import Net\n")
    (package / "layers.py").write_text(LAYERS)
    (package / "model.py").write_text("from . import layers\nclass Net(layers.Block): pass\n")
    before = meaning_of(package / "model.py", "Net")
    assert before is not None and set(before.files) == {
        package / "model.py",
        package / "layers.py",
        package / "__init__.py",
    }
    (package / "layers.py").write_text(LAYERS.replace("width, width", "width, 1"))
    assert meaning_of(package / "model.py", "Net").sha256 != before.sha256


def test_a_local_name_is_not_the_one_of_the_file(tmp_path: Path) -> None:
    source = "Block = 1\ndef Net(x):\n    Block = x\n    return [Block for y in x], lambda Block: Block\n"
    (tmp_path / "model.py").write_text(source)
    before = sha256(tmp_path)
    (tmp_path / "model.py").write_text(source.replace("Block = 1", "Block = 2"))
    assert sha256(tmp_path) == before
    (tmp_path / "model.py").write_text(source.replace("    Block = x", "    global Block"))
    before = sha256(tmp_path)
    (tmp_path / "model.py").write_text(
        source.replace("    Block = x", "    global Block").replace("= 1", "= 2")
    )
    assert sha256(tmp_path) != before


def test_files_that_import_one_another_end(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("from other import *\nfrom other import a\ndef Net(): return a\n")
    (tmp_path / "other.py").write_text("from model import *\nfrom model import Net as a\n")
    assert files_of(tmp_path / "model.py", "Net") == (tmp_path / "model.py", tmp_path / "other.py")


@pytest.mark.parametrize("source", ["class Net(:", "x = 1", "class Net: x = " + "-" * 3000 + "1"])
def test_where_it_cannot_be_told_there_is_none(tmp_path: Path, source: str) -> None:
    (tmp_path / "model.py").write_text(source)
    assert meaning_of(tmp_path / "model.py", "Net") is None
    assert files_of(tmp_path / "model.py", "Net") == (tmp_path / "model.py",)


def test_the_folder_in_which_it_all_lies_means_nothing(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("else") / "deep"
    other.mkdir()
    for name in ("model.py", "layers.py"):
        (other / name).write_bytes((folder / name).read_bytes().replace(b"\n", b"\r\n"))
    assert sha256(other) == sha256(folder)
    (folder / "link.py").symlink_to(folder / "model.py")
    assert meaning_of(folder / "link.py", "Net").sha256 == sha256(folder)


def test_it_is_the_same_in_every_process(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from torchlean_core.capture.meaning import meaning_of; "
        "print(meaning_of(Path(sys.argv[1]), 'Net').sha256)"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-c", program, str(folder / "model.py")]
        env = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == sha256(folder)


def test_texts_of_open_files_count_and_a_change_on_disk_is_seen(folder: Path) -> None:
    texts: dict[Path, str] = {}
    sources = Sources(texts.get)

    def now() -> str:
        return meaning_of(folder / "model.py", "Net", sources=sources).sha256

    first = now()
    texts[folder / "layers.py"] = LAYERS.replace("WIDTH = 4", "WIDTH = 5")
    second = now()
    texts.clear()
    assert first == now() != second
    (folder / "layers.py").write_text(LAYERS.replace("WIDTH = 4", "WIDTH = 5"))
    assert now() == second


def test_the_text_of_a_tree_has_nothing_that_versions_of_python_differ_in() -> None:
    import ast

    source = 'def f(x: u"a", *, y=(1, 2.5, None, ..., b"z", 1e999, 0x10)):\n    """Text."""\n    pass\n'
    assert tree_text(ast.parse(source)) == (
        "Module(body=[FunctionDef(name='f',args=arguments(args=[arg(arg='x',annotation=Constant(value='a',),),],"
        "kwonlyargs=[arg(arg='y',),],kw_defaults=[Tuple(elts=[Constant(value=0x1,),Constant(value=float:2.5,),"
        "Constant(value=NoneType:None,),Constant(value=ellipsis:Ellipsis,),Constant(value=bytes:b'z',),"
        "Constant(value=float:inf,),Constant(value=0x10,),],),],),body=[],),],)"
    )
