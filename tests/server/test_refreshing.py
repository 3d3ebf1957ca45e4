"""A generated module in an editor: its lens, and refreshing it when its artifact is saved."""

from __future__ import annotations

import pytest

from tests.server.conftest import artifact
from tests.server.test_confirm import Asked

RELU = artifact(
    {"id": 0, "kind": "input", "parents": [], "shape": [1, 4]},
    {"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]},
    captured_from={"file": "model.py", "class": "Net"},
)
TANH = RELU.replace("relu", "tanh")
ON = {"initializationOptions": {"settings": {"refreshOnSave": True}}}


@pytest.fixture
def asked():
    client = Asked()
    yield client
    client.close()


@pytest.fixture
def emitted(tmp_path):
    """An artifact with its module."""
    path = tmp_path / "m.ir.json"
    path.write_text(RELU)
    client = Asked()
    client.initialize()
    client.command("emit", path)
    client.close()
    assert "class Net(nn.Module):" in (tmp_path / "m.py").read_text()
    return path


def save(asked, path, text):
    asked.change(path.as_uri(), 2, {"text": text})
    path.write_text(text)
    asked.send("textDocument/didSave", {"textDocument": {"uri": path.as_uri()}})


def lenses(asked, path, number=80):
    found = asked.ask("textDocument/codeLens", {"textDocument": {"uri": path.as_uri()}}, number)
    return [(one["command"]["title"], one["command"]["command"]) for one in found]


def settled(asked, path):
    """The lenses once the module was judged."""
    asked.ask("textDocument/codeLens", {"textDocument": {"uri": path.as_uri()}}, 70)
    while "method" not in (message := asked.read()) or message["method"] != "textDocument/publishDiagnostics":
        pass
    return lenses(asked, path)


def test_saving_an_artifact_refreshes_its_module_where_that_is_wanted(asked, emitted):
    module = emitted.with_name("m.py")
    asked.initialize(**ON)
    asked.open(emitted.as_uri(), RELU)
    save(asked, emitted, TANH)
    while "tanh" not in module.read_text():
        asked.ask("textDocument/foldingRange", {"textDocument": {"uri": emitted.as_uri()}}, 81)


@pytest.mark.parametrize(
    ("settings", "change", "said"),
    [
        ({}, "", None),
        (ON, "# mine\n", "m.py was edited by hand: it is not refreshed on save"),
    ],
)
def test_it_is_left_alone_otherwise(asked, emitted, settings, change, said):
    module = emitted.with_name("m.py")
    module.write_text(module.read_text() + change)
    before = module.read_text()
    asked.initialize(**settings)
    asked.open(emitted.as_uri(), RELU)
    save(asked, emitted, TANH)
    if said is not None:
        assert asked.notified("window/logMessage")["message"] == said
    assert "result" in asked.command("check", emitted)
    assert module.read_text() == before and not module.with_name("m.py.orig").exists()


def test_an_artifact_with_errors_or_without_a_module_writes_nothing(asked, tmp_path):
    path = tmp_path / "m.ir.json"
    path.write_text(RELU)
    asked.initialize(**ON)
    asked.open(path.as_uri(), RELU)
    save(asked, path, RELU.replace("relu", "rleu"))
    save(asked, path, TANH)
    assert "result" in asked.command("check", path)
    assert [one.name for one in tmp_path.iterdir()] == ["m.ir.json"]


def test_a_generated_module_says_what_it_is_from_and_how_it_is(asked, emitted):
    module = emitted.with_name("m.py")
    asked.initialize()
    text = module.read_text()
    asked.open(module.as_uri(), text, "python")
    assert lenses(asked, module) == [
        ("Generated from m.ir.json · fresh", "torchlean.openFile"),
        ("Open m.ir.json", "torchlean.openFile"),
    ]
    asked.send("textDocument/didClose", {"textDocument": {"uri": module.as_uri()}})
    emitted.write_text(TANH)
    asked.open(module.as_uri(), text, "python")
    asked.notified("textDocument/publishDiagnostics")
    stale = settled(asked, module) if len(lenses(asked, module)) < 3 else lenses(asked, module)
    assert stale[0][0] == "Generated from m.ir.json · stale" and stale[2] == ("Refresh", "torchlean.refresh")


def test_what_is_gone_or_edited_is_said(asked, emitted):
    module = emitted.with_name("m.py")
    module.write_text(module.read_text() + "# mine\n")
    asked.initialize()
    asked.open(module.as_uri(), module.read_text(), "python")
    asked.notified("textDocument/publishDiagnostics")
    found = lenses(asked, module)
    if len(found) < 3:
        found = settled(asked, module)
    assert found[0][0] == "Generated from m.ir.json · edited by hand" and found[2][0] == "Generate again…"
    emitted.unlink()
    assert lenses(asked, module) == [("Generated from m.ir.json, which is not there any more", "")]


def test_an_artifact_opens_its_module_and_links_to_its_model_alone(asked, emitted):
    (emitted.with_name("model.py")).write_text("")
    emitted.with_name("m.params.safetensors").write_bytes(b"")
    asked.initialize()
    asked.open(emitted.as_uri(), RELU)
    where = {"textDocument": {"uri": emitted.as_uri()}}
    shown = [
        asked.ask("codeLens/resolve", lens, 60 + number)["command"]["title"]
        for number, lens in enumerate(asked.ask("textDocument/codeLens", where, 59))
    ]
    assert "Open m.py" in shown and any(title.startswith("Refresh m.py") for title in shown)
    links = asked.ask("textDocument/documentLink", where, 58)
    assert [link["target"].rpartition("/")[2] for link in links] == ["model.py"]
