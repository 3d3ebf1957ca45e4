"""The models of a Python file: found by reading it, whatever their bases are called and wherever they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchlean_core.capture import workspace
from torchlean_core.capture.models import Model, find_models
from torchlean_core.capture.workspace import Sources

FILE = Path("/nowhere/model.py")


def models(source: str, file: Path = FILE, **options) -> list[Model]:
    return find_models(source, file, **options)


def names(source: str, file: Path = FILE, **options) -> list[str]:
    return [model.name for model in models(source, file, **options)]


@pytest.mark.parametrize(
    "head",
    [
        "from torch import nn\nclass Net(nn.Module):",
        "import torch\nclass Net(torch.nn.Module):",
        "import torch.nn as tnn\nclass Net(tnn.Module):",
        "import torch.nn\nclass Net(torch.nn.Sequential):",
        "from torch.nn import Module as M\nclass Net(M):",
        "from torch.nn import *\nclass Net(ModuleList):",
        "from torch.nn.modules.linear import Linear\nclass Net(Linear):",
        "import torch.nn as nn\nBase = nn.Module\nclass Net(Base):",
        "from torch import nn\nclass Net(Mixin, nn.Module, metaclass=Meta):",
        "from torch import nn\nfrom typing import Generic\nclass Net(nn.Module, Generic[T]):",
        "from torch import nn\nclass Net(nn.Module[T]):",
        "import pytorch_lightning as pl\nclass Net(pl.LightningModule):",
        "from lightning.pytorch import LightningModule\nclass Net(LightningModule):",
        "import lightning as L\nclass Net(L.LightningModule):",
        "try:\n    from lightning import LightningModule\nexcept ImportError:\n    LightningModule = object\n"
        "class Net(LightningModule):",
        "from transformers import PreTrainedModel\nclass Net(PreTrainedModel):",
        "from transformers import BertPreTrainedModel\nclass Net(BertPreTrainedModel):",
        "from diffusers import ModelMixin\nclass Net(ModelMixin):",
        "class Net(nn.Module):",
        "from mylab.layers import Module\nclass Net(Module):",
    ],
)
def test_a_class_is_a_model_however_its_base_is_reached(head: str) -> None:
    assert names(f"{head}\n    pass\n") == ["Net"]


@pytest.mark.parametrize(
    "source",
    [
        "class Net: pass",
        "class Net(object): pass",
        "class Net(Unknown): pass",
        "from flax import linen as nn\nclass Net(nn.Module): pass",
        "import ast\nclass Net(ast.Module): pass",
        "from torch import nn\nclass Net(nn.Parameter): pass",
        "from torch.utils.data import Dataset\nclass Net(Dataset): pass",
        "from torch import nn\ndef build():\n    class Net(nn.Module): pass\n    return Net()",
        "from torch import nn\nclass Holder:\n    class Net(nn.Module): pass",
        "from torch import nn\nif TYPE_CHECKING:\n    class Net(nn.Module): pass",
        "from torch import nn\nif nn:\n    class Net(nn.Module): pass",
        "class Net(Net): pass",
        "A = B\nB = A\nclass Net(A): pass",
        "class A(B): pass\nclass B(A): pass",
    ],
)
def test_what_is_no_model_or_is_left_alone(source: str) -> None:
    assert names(source) == []


def test_a_class_that_derives_from_a_model_is_one(tmp_path: Path) -> None:
    source = "from torch import nn\nclass A(nn.Module): pass\nclass B(A): pass\nclass C(B): pass\n"
    assert names(source) == ["A", "B", "C"]
    guarded = (
        "from torch import nn\nif nn:\n    class A(nn.Module): pass\nelse:\n    A = None\nclass B(A): pass\n"
    )
    assert names(guarded) == ["B"]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A package in the `src` of a project, with a base class in other files."""
    package = tmp_path / "src" / "lab" / "nets"
    package.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("")
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package.parent / "base.py").write_text("from torch import nn\nclass Base(nn.Module): pass\n")
    (package / "__init__.py").write_text("from ..base import Base as Exported\nfrom . import near\n")
    (package / "near.py").write_text("import torch.nn as nn\nclass Near(nn.Module): pass\nNOTHING = 3\n")
    (tmp_path / "scripts").mkdir()
    return package


@pytest.mark.parametrize(
    "head",
    [
        "from .near import Near as B",
        "from . import near\nB = near.Near",
        "from .near import *\nB = Near",
        "from ..base import Base as B",
        "from .. import base\nB = base.Base",
        "from lab.base import Base as B",
        "import lab.base\nB = lab.base.Base",
        "import lab.base as other\nB = other.Base",
        "from lab.nets import Exported as B",
        "import lab\nB = lab.nets.near.Near",
        "import near\nB = near.Near",
    ],
)
def test_bases_are_followed_into_other_files(project: Path, head: str) -> None:
    assert names(f"{head}\nclass Net(B): pass\n", project / "model.py") == ["Net"]


def test_a_script_of_the_project_finds_its_package(project: Path) -> None:
    source = "from lab.nets import Exported\nclass Net(Exported): pass\n"
    assert names(source, project.parents[2] / "scripts" / "model.py") == ["Net"]


def test_the_folders_of_the_workspace_are_looked_into_when_they_are_given(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "else").mkdir()
    source = "from elsewhere import Base\nclass Net(Base): pass\n"
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "elsewhere.py").write_text("from torch import nn\nclass Base(nn.Module): pass\n")
    file = tmp_path / "else" / "model.py"
    assert names(source, file) == []
    assert names(source, file, roots=[tmp_path / "roots"]) == ["Net"]


@pytest.mark.parametrize(
    "head",
    [
        "from .near import NOTHING as B",
        "from .near import absent as B",
        "from .absent import B",
        "from ....... import B",
        "from .near import Near\nB = Near()",
        "import broken\nB = broken.B",
    ],
)
def test_what_other_files_do_not_say_is_no_base(project: Path, head: str) -> None:
    (project / "broken.py").write_text("from torch import nn\nclass B(nn.Module:\n")
    assert names(f"{head}\nclass Net(B): pass\n", project / "model.py") == []


def test_files_that_import_one_another_end(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from b import *\nfrom b import Base\n")
    (tmp_path / "b.py").write_text("from a import *\nfrom a import Base\n")
    assert names("from a import Base\nclass Net(Base): pass\n", tmp_path / "model.py") == []


def test_a_long_chain_of_files_is_followed_so_far_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "MAX_FILES", 5)
    for place in range(9):
        (tmp_path / f"m{place}.py").write_text(f"from m{place + 1} import Base\n")
    (tmp_path / "m9.py").write_text("from torch import nn\nclass Base(nn.Module): pass\n")
    assert names("from m0 import Base\nclass Net(Base): pass\n", tmp_path / "model.py") == []
    assert names("from m7 import Base\nclass Net(Base): pass\n", tmp_path / "model.py") == ["Net"]


def test_a_file_is_read_again_when_it_changed_and_an_open_text_counts(tmp_path: Path) -> None:
    base = tmp_path / "base.py"
    source = "from base import Base\nclass Net(Base): pass\n"
    texts: dict[Path, str] = {}
    sources = Sources(texts.get)
    assert names(source, tmp_path / "model.py", sources=sources) == []
    base.write_text("from torch import nn\nclass Base(nn.Module): pass\n")
    assert names(source, tmp_path / "model.py", sources=sources) == ["Net"]
    base.write_text("from torch import nn\nclass Base(ab.Module): pass\n".replace("Module", "Modula"))
    assert names(source, tmp_path / "model.py", sources=sources) == []
    texts[base] = "import torch\nclass Base(torch.nn.Module): pass\n"
    assert names(source, tmp_path / "model.py", sources=sources) == ["Net"]


# -- what is said of a model --------------------------------------------------------------------------------------


def test_places_count_from_0_and_columns_in_characters() -> None:
    source = '''\
from torch import nn

@decorated(
    "é"
)
class Ünet(nn.Module):
    """A net.

    More.
    """

    def forward(self, x):
        return x
'''
    (model,) = models(source)
    assert (model.first_line, model.last_line, model.forward_line) == (2, 12, 11)
    assert (model.name_span.line, model.name_span.start, model.name_span.end) == (5, 6, 10)
    assert (model.doc, model.kind, model.needs) == ("A net.", "class", ())


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends_tabs_form_feeds_and_backslashes_move_nothing(ends: str) -> None:
    lines = [
        "from torch import nn",
        "# a\fb\x0b\u2028\x85",
        "\f",
        "class \\",
        "\tNet(nn.Module):",
        "\tpass",
        "",
    ]
    (model,) = models(ends.join(lines))
    assert (model.first_line, model.last_line) == (3, 5)
    assert (model.name_span.line, model.name_span.start, model.name_span.end) == (4, 1, 4)


@pytest.mark.parametrize(
    "source",
    ["class Net(nn.Module", "class Net(nn.Module):\n  \0", "\ud800", "(" * 500, "", "x = '\\d'\n", "\ufeff"],
)
def test_a_text_that_is_not_python_has_no_models(source: str, recwarn: pytest.WarningsRecorder) -> None:
    assert names(source) == []
    assert not recwarn.list


def test_a_byte_order_mark_is_no_character_of_the_text() -> None:
    (model,) = models("\ufeffclass Net(nn.Module): pass\n")
    assert model.name_span.start == 6


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig", "utf-16"])
def test_other_files_are_read_in_the_encoding_they_declare(tmp_path: Path, encoding: str) -> None:
    text = f"# -*- coding: {encoding} -*-\nfrom torch import nn\nclass Bäse(nn.Module): pass\n"
    (tmp_path / "base.py").write_bytes(text.replace("utf-8-sig", "utf-8").encode(encoding))
    found = names("from base import Bäse\nclass Net(Bäse): pass\n", tmp_path / "model.py")
    assert found == ([] if encoding == "utf-16" else ["Net"])  # no Python file can be in UTF-16


def test_of_two_classes_of_one_name_the_last_counts() -> None:
    (model,) = models("class Net(nn.Module): pass\nclass Net(nn.Module): pass\n")
    assert model.first_line == 1


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        ("def __init__(self): pass", ()),
        ("def __init__(self, width, depth=2, *rest, bias, scale=1, **more): pass", ("width", "bias")),
        ("def __init__(self, a, /, b): pass", ("a", "b")),
        ("def forward(self, x): return x", ()),
    ],
)
def test_arguments_without_a_default_are_needed(body: str, needs: tuple[str, ...]) -> None:
    (model,) = models(f"class Net(nn.Module):\n    {body}\n")
    assert model.needs == needs


def test_an_inherited_constructor_counts_where_there_is_no_own_one(tmp_path: Path) -> None:
    (tmp_path / "base.py").write_text(
        "from torch import nn\nclass Base(nn.Module):\n    def __init__(self, width): pass\n"
    )
    source = "from base import Base\nclass A(Base): pass\nclass B(Base):\n    def __init__(self): pass\n"
    assert [model.needs for model in models(source, tmp_path / "model.py")] == [("width",), ()]
    (pretrained,) = models("from transformers import PreTrainedModel\nclass Net(PreTrainedModel): pass\n")
    assert pretrained.needs == ("config",)


def test_fields_of_a_dataclass_without_a_default_are_needed() -> None:
    source = """\
from dataclasses import dataclass, field, KW_ONLY
from typing import ClassVar
@dataclass(eq=False)
class Base(nn.Module):
    width: int
    depth: int = 2
@dataclass(eq=False)
class Net(Base):
    _: KW_ONLY
    count: ClassVar[int]
    size: int = field(repr=False)
    names: list = field(default_factory=list)
    hidden: int = field(init=False)
    depth: int
@dataclass(init=False)
class Own(nn.Module):
    width: int
"""
    assert [model.needs for model in models(source)] == [("width",), ("width", "depth", "size"), ()]


def test_abstract_methods_that_nothing_overrides_are_named(tmp_path: Path) -> None:
    source = """\
from abc import ABC, abstractmethod
class Base(nn.Module, ABC):
    @abstractmethod
    def forward(self, x): ...
    @property
    @abc.abstractmethod
    def width(self): ...
class Half(Base):
    def forward(self, x): return x
class Whole(Half):
    width = property(lambda self: 3)
"""
    assert [model.abstract for model in models(source)] == [("forward", "width"), ("width",), ()]


def test_a_function_is_a_model_where_the_settings_or_a_directive_name_it() -> None:
    source = "def make(): pass\n# torchlean: example-shape=1,4\ndef build(width): pass\ndef other(): pass\n"
    assert [(model.name, model.kind, model.needs) for model in models(source, named=["make"])] == [
        ("make", "function", ()),
        ("build", "function", ("width",)),
    ]


def test_a_class_whose_bases_tell_nothing_is_a_model_where_it_is_named() -> None:
    source = "from mylab import Base\nclass Net(Base): pass\n# torchlean: example-shape=2\nclass Said(Base): pass\n"
    assert names(source) == ["Said"]
    assert names(source, named={"Net"}) == ["Net", "Said"]
