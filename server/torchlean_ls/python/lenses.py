"""Code lenses over the models of a Python file: capture it, how it stands, open and emit its artifact."""

from __future__ import annotations

from typing import Any

from torchlean_core.capture.models import Model
from torchlean_ls.documents import Snapshot
from torchlean_ls.python.classes import name_span
from torchlean_ls.python.live import Live
from torchlean_ls.python.shapes import shape_text
from torchlean_ls.python.state import state_of
from torchlean_ls.uris import file_path, plain_uri

OPEN = "torchlean.openFile"


def python_lenses(live: Live, document: Snapshot) -> list[dict[str, Any]]:
    """The lenses of a document as plain JSON; models that cannot be constructed without arguments have none."""
    if file_path(document.uri) is None:
        return []
    found = []
    for model in live.classes.of(document):
        if model.needs or model.abstract:
            continue
        where = document.plain_range(*name_span(document, model))
        found += [{"range": where, "command": command} for command in _commands(live, document, model)]
    return found


def _commands(live: Live, document: Snapshot, model: Model) -> list[dict[str, Any]]:
    state = state_of(live, document, model)
    commands = []
    if live.server.trusted:
        argument = capture_argument(live, document, model)
        verb = "Capture again" if state.captured else "Capture"
        shown = f" ({argument['exampleShape']})" if "exampleShape" in argument else "…"
        commands.append(command(f"{verb}{shown}", "torchlean.capture", argument))
    if state.artifact is None:
        commands.append(command(state.text, ""))
        return commands
    artifact = plain_uri(state.artifact)
    commands.append(_open(state.text, artifact))
    commands.append(_open(f"Open {state.artifact.name}", artifact))
    if state.module is None:
        commands.append(command("Emit", "torchlean.emit", {"uri": artifact}))
    else:
        commands.append(_open(f"Open {state.module.name}", plain_uri(state.module)))
    return commands


def capture_argument(live: Live, document: Snapshot, model: Model) -> dict[str, Any]:
    """What the command that captures a model takes; where no shape is known, it asks."""
    shape = live.shape(document, model.name)
    argument: dict[str, Any] = {"uri": document.uri, "name": model.name}
    if shape is None:
        return {**argument, "ask": True}
    return {**argument, "exampleShape": shape_text(shape)}


def _open(title: str, uri: str) -> dict[str, Any]:
    return command(title, OPEN, {"uri": uri})


def command(title: str, name: str, *arguments: Any) -> dict[str, Any]:
    """A command of a lens as plain JSON."""
    return {"title": title, "command": name, **({"arguments": arguments} if arguments else {})}
