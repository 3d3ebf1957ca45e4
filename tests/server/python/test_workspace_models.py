"""Models of a Python document with what other files of the workspace and settings say."""

from __future__ import annotations

import pytest
from lsprotocol import types

from tests.server.conftest import PROFILES
from tests.server.python.models import NET, hover, lenses, open_net, replace_text, write

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("client", PROFILES[1:], indirect=True)]

BASE = "from torch import nn\n\n\nclass Base(nn.Module):\n    pass\n"
DERIVED = "from base import Base\n\n\n# comment\nclass Net(Base):\n    pass\n"


async def test_a_base_in_an_open_file_that_is_not_saved_counts(editor):
    write(editor, "base.py", "class Base:\n    pass\n")
    uri = write(editor, "net.py", DERIVED)
    await editor.open("base.py", BASE, "python")
    await editor.open("net.py", DERIVED, "python")
    assert [lens["title"] for lens in await lenses(editor, uri)] == ["Capture…", "no artifact"]


async def test_settings_that_are_wrong_take_nothing_from_the_models(editor):
    (editor.folder / "torchlean.toml").write_text("capture = 3\n")
    uri = await open_net(editor, artifact=False)
    assert [lens["title"] for lens in await lenses(editor, uri)] == ["Capture (1,4)", "no artifact"]


async def test_the_shape_is_guessed_from_a_layer_in_another_file(editor):
    write(
        editor,
        "block.py",
        "from torch import nn\n\n\nclass Block(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.fc = nn.Linear(12, 3)\n\n    def forward(self, x):\n        return self.fc(x)\n",
    )
    text = (
        "from torch import nn\nfrom block import Block\n\n\nclass Net(nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.block = Block()\n\n    def forward(self, x):\n"
        "        return self.block(x)\n"
    )
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    head = types.Range(types.Position(4, 7), types.Position(4, 7))
    found = await editor.fixes(uri, head, "refactor.torchlean.exampleShape")
    assert [one.title.split(" (")[0] for one in found] == ["Write the example shape 1,12"]


async def test_a_text_that_does_not_parse_keeps_the_problems_of_its_directives(editor):
    text = NET.text.replace("example-shape=1,4", "example-shape=x")
    uri = write(editor, "net.py", text + "(")
    await editor.open("net.py", text + "(", "python")
    await lenses(editor, uri)
    assert [one.code for one in await editor.diagnostics(uri)] == ["TL604"]


async def test_the_hover_of_a_node_has_the_expression_that_it_came_from_while_the_text_is_that(editor):
    uri = await open_net(editor)
    text = (editor.folder / "net.ir.json").read_text()
    artifact = await editor.open("net.ir.json", text)
    place = types.Position(0, text.index('"relu"') + 2)
    line = NET.line("self.hidden(x)")
    assert f"[net.py:{line}]({uri}#L{line}) `torch.relu(self.hidden(x))`" in await hover(
        editor, artifact, place
    )
    write(editor, "net.py", NET.text + "# later\n")
    assert f"[net.py:{line}]" in await hover(editor, artifact, place)  # the editor still has the text
    editor.change(uri, replace_text(types.Position(0, 0), types.Position(0, 0), "# first\n"))
    told = await hover(editor, artifact, place)
    assert "[net.py" not in told and f"line {line}" in told
