"""Questions to the user before somebody's work is replaced, in whatever way the client can ask them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.artifact.companions import params_path, trained_params_path
from torchlean_core.basics.paths import real
from torchlean_core.capture.target import source_words
from torchlean_ls.lsp import types
from torchlean_ls.lsp.errors import JsonRpcException
from torchlean_ls.refused import Refused

if TYPE_CHECKING:
    from torchlean_core.safekeeping.loss import Loss
    from torchlean_ls.host import Host

KEEP = "Keep"


def losses(name: str, request: Mapping[str, Any]) -> list[Loss]:
    """What of a person's work a job would replace, whether or not it was told that it may.

    Args:
        name: The command without its prefix.
        request: What the job is asked.
    """
    from torchlean_core.emit.writer import lost_by_emit
    from torchlean_core.safekeeping.find import (
        lost_by_capture,
        lost_by_convert,
        lost_by_initializing,
        lost_by_writing_params,
    )

    if name == "capture":
        if request.get("write") is False:
            return []
        source = source_words(real(Path(request["file"])), request["name"])
        return lost_by_capture(Path(request["out"]), source, params=request.get("params", True))
    if name == "init":
        if request.get("out"):
            return lost_by_writing_params(Path(request["out"]))
        artifact = Path(request["artifact"])
        return lost_by_initializing(artifact) or lost_by_writing_params(params_path(artifact))
    if name == "train":
        if request.get("resume"):
            return []  # the run goes on with what it wrote itself
        trained = request.get("out") or trained_params_path(Path(request["artifact"]))
        return lost_by_writing_params(Path(trained))
    if name == "useParams":
        return []  # what is replaced is kept, and nothing else is asked for
    if name == "convert":
        return lost_by_convert(Path(request["out"]))
    return lost_by_emit(Path(request["out"]))


class Declined(JsonRpcException):
    """The user was asked, and wants nothing replaced; clients show no error for it."""

    CODE = -32802  # LSP's ServerCancelled
    MESSAGE = "Server cancelled"


async def confirm(server: Host, question: Mapping[str, Any]) -> dict[str, Any]:
    """Ask whether to go on.

    Args:
        server: The server; a client that said so in its `initializationOptions` (`"confirms": true`) asks by itself.
        question: What `torchlean_core.safekeeping.loss.confirmation` gives.

    Returns:
        What the command's argument gets besides, where the answer is yes.

    Raises:
        Declined: The answer is no.
        Refused: The client asks by itself, or cannot be asked; `data` has the question.
    """
    refused = Refused(question["question"], data={"confirm": dict(question)})
    if server.confirms or not server.client.has("window.showMessage"):
        raise refused  # who does not announce that it shows messages may never answer
    items = [types.MessageActionItem(question["accept"]), types.MessageActionItem(KEEP)]
    params = types.ShowMessageRequestParams(types.MessageType.Warning, question["question"], items)
    try:
        chosen = await server.window_show_message_request_async(params)
    except JsonRpcException as error:
        raise refused from error
    if chosen is None or chosen.title != question["accept"]:
        raise Declined(f"nothing was replaced: {'; '.join(question['what'])}")
    answer: dict[str, Any] = question["argument"]
    return answer
