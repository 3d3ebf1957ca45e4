"""Commands that ask the editor: to show a file, or which example shape a model takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchlean_core.errors import UserError
from torchlean_ls.lsp import types
from torchlean_ls.lsp.errors import JsonRpcInvalidParams, JsonRpcRequestCancelled
from torchlean_ls.python.questions import models, which_model
from torchlean_ls.python.shapes import shape_text
from torchlean_ls.refused import Refused
from torchlean_ls.uris import file_name, file_path

if TYPE_CHECKING:
    from torchlean_ls.host import Host


async def open_file(server: Host, argument: dict[str, Any]) -> dict[str, Any]:
    """Have the editor show a file; for lenses, since the protocol has no command for that.

    Raises:
        UserError: There is no such file, or the editor cannot be asked, or does not show it.
    """
    uri = argument.get("uri")
    path = file_path(uri) if isinstance(uri, str) else None
    if path is None:
        raise JsonRpcInvalidParams(f"`uri` must be the file: URI of a file, found {uri!r}")
    if not path.is_file():
        raise UserError(f"{path.name} is not there any more")
    if not server.client.has("window.showDocument"):
        raise UserError(f"this editor cannot be asked to show a file; it is {path.name}")
    params = types.ShowDocumentParams(str(uri), take_focus=True)
    shown = await server.window_show_document_async(params)
    if not shown.success:
        raise UserError(f"the editor did not show {path.name}")
    return {"uri": uri}


async def ask_model(server: Host, argument: dict[str, Any]) -> dict[str, Any]:
    """A capture's argument with the name of a model, where none is given.

    Raises:
        UserError: The file has no model that can be captured.
        JsonRpcRequestCancelled: The user chose none.
        Refused: The client asks by itself; `data.choices` has the models.
    """
    uri = str(argument.get("uri"))
    opened = server.documents.get(uri)
    document = None if opened is None or not opened.is_python else await server.live.ready(opened)
    if document is None or argument.get("name") is not None:
        return argument
    found = models(server.live, document)
    fit = [one for one in found if one["needs"] is None]
    if not fit:
        why = "; ".join(f"{one['name']} {one['needs']}" for one in found)
        raise UserError(
            why or f"{file_name(uri)} has no model: a class below torch.nn.Module, at the top of the file"
        )
    if len(fit) == 1:
        return {**argument, "name": fit[0]["name"]}
    question = which_model(fit, file_name(uri))
    if server.confirms:
        raise Refused(question["question"], data={"choices": question})
    actions = [types.MessageActionItem(one["label"]) for one in question["choices"]]
    params = types.ShowMessageRequestParams(types.MessageType.Info, question["question"], actions)
    chosen = await server.window_show_message_request_async(params)
    if chosen is None:
        raise JsonRpcRequestCancelled("nothing was captured")
    return {**argument, "name": chosen.title}


async def ask_shape(server: Host, argument: dict[str, Any]) -> dict[str, Any]:
    """A capture's argument with an example shape, where none is known and the model's first layer suggests one.

    Raises:
        JsonRpcRequestCancelled: The user took none.
        Refused: The client asks by itself; `data.input` has the question and what to propose.
    """
    asked = {key: value for key, value in argument.items() if key != "ask"}
    document = server.documents.get(str(argument.get("uri")))
    name = argument.get("name")
    if document is None or not isinstance(name, str) or argument.get("exampleShape") is not None:
        return asked
    if server.live.shape(document, name) is not None:
        return asked
    guess = server.live.classes.guess(document, name)
    if server.confirms:
        raise Refused(
            f"which example shape does {name} take?",
            data={
                "input": {
                    "question": f"The shape of an example input of {name}"
                    + (f" ({guess.why})" if guess is not None else ", such as 1,3,32,32"),
                    "value": shape_text(guess.shape) if guess is not None else "",
                    "argument": "exampleShape",
                    "write": {
                        "command": "torchlean.writeShape",
                        "argument": {"uri": document.uri, "name": name},
                    },
                }
            },
        )
    if guess is None:
        return asked  # refused then, and said on the class
    shape = shape_text(guess.shape)
    message = (
        f"Capture {name} with the example shape ({shape}), after {guess.why}? "
        "For another one, write `# torchlean: example-shape=…` over it."
    )
    actions = [types.MessageActionItem(f"Capture ({shape})")]
    params = types.ShowMessageRequestParams(types.MessageType.Info, message, actions)
    if await server.window_show_message_request_async(params) is None:
        raise JsonRpcRequestCancelled(f"{name} was not captured")
    return {**asked, "exampleShape": shape}
