"""The objects of the protocol against lsprotocol, which is generated from its specification."""

from __future__ import annotations

import enum
import json
from pathlib import Path
from typing import Any

import attrs
import msgspec
import pytest
from lsprotocol import types as reference
from lsprotocol.converters import get_converter
from msgspec import inspect as shape

from tests.server.conftest import BROKEN, GOOD
from tests.server.raw import Raw
from torchlean_ls.lsp import methods, types

CONVERTER = get_converter()
OWN = {
    "Object",  # what all are made of
    "TextDocumentParams",  # what many methods take, each by its own name
    "TextDocumentRangeParams",
    "TextDocumentContentChangeEvent",  # two types there, one here
}
OBJECTS = {
    name: one
    for name, one in vars(types).items()
    if isinstance(one, type) and issubclass(one, msgspec.Struct) and name not in OWN
}

READ = {method.__name__ for method in methods.PARAMS.values()} - {"CodeAction", "CodeLens"} | {
    "CodeActionContext",
    "FileDelete",
    "FileEvent",
    "FileRename",
    "PreviousResultId",
    "ReferenceContext",
    "TextDocumentIdentifier",
    "TextDocumentItem",
    "VersionedTextDocumentIdentifier",
    "WorkspaceFolder",
    "WorkspaceFoldersChangeEvent",
}
"""What is never written: more is taken than the protocol allows, and less is looked at."""

UNREADABLE = {"DidChangeConfigurationRegistrationOptions"}
"""What lsprotocol itself can write and not read."""


def example(of: Any, *, full: bool) -> Any:
    """JSON of a type, with what it must have, or with everything that it may have."""
    match of:
        case shape.StructType():
            found = {
                field.encode_name: example(field.type, full=full)
                for field in of.fields
                if field.required or (full and not recursive(field.type, of))
            }
            return found if of.tag is None else {of.tag_field: of.tag, **found}
        case shape.UnionType():
            return example(next(one for one in of.types if not isinstance(one, shape.NoneType)), full=full)
        case shape.EnumType():
            return next(iter(of.cls)).value
        case shape.ListType():
            return [] if isinstance(of.item_type, shape.AnyType) else [example(of.item_type, full=full)]
        case shape.DictType():
            return (
                {} if isinstance(of.value_type, shape.AnyType) else {"k": example(of.value_type, full=full)}
            )
        case shape.IntType():
            return 3
        case shape.StrType():
            return "text"
        case shape.BoolType():
            return True
        case shape.AnyType():
            return None
    raise AssertionError(of)


def recursive(of: Any, outer: shape.StructType) -> bool:
    return isinstance(of, shape.UnionType) and any(getattr(one, "cls", None) is outer.cls for one in of.types)


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_has_the_members_that_the_protocol_gives_it(name):
    known = {field.name for field in attrs.fields(getattr(reference, name))}
    members = {one.rstrip("_") if one not in known else one for one in OBJECTS[name].__struct_fields__}
    assert members <= known
    required = {
        one.name.rstrip("_") for one in attrs.fields(getattr(reference, name)) if one.default is attrs.NOTHING
    }
    mine = {
        field.name.rstrip("_") for field in shape.type_info(OBJECTS[name]).fields if field.required
    }  # what is asked for here must be there
    assert mine <= required


@pytest.mark.parametrize("full", [False, True], ids=["least", "most"])
@pytest.mark.parametrize(
    "name", [name for name, one in OBJECTS.items() if one.__name__ not in READ and name not in UNREADABLE]
)
def test_an_object_is_read_and_written_as_lsprotocol_does_it(name, full):
    content = example(shape.type_info(OBJECTS[name]), full=full)
    written = json.loads(msgspec.json.encode(msgspec.convert(content, OBJECTS[name])))
    structured = CONVERTER.structure(content, getattr(reference, name))
    assert written == CONVERTER.unstructure(structured, getattr(reference, name))


@pytest.mark.parametrize(
    "name", [name for name, one in vars(types).items() if isinstance(one, enum.EnumMeta)]
)
def test_numbers_and_words_are_those_of_the_protocol(name):
    for one in getattr(types, name):
        assert getattr(reference, name)[one.name].value == one.value


def test_methods_are_those_of_the_protocol():
    for name, method in vars(methods).items():
        if name.isupper() and isinstance(method, str):
            assert getattr(reference, name) == method


def test_every_method_that_takes_a_document_reads_it():
    for method, params in methods.PARAMS.items():
        known = reference.METHOD_TO_TYPES.get(method, (None, None, None))[2]
        assert known is not None and set(params.__struct_fields__) <= {
            field.name for field in attrs.fields(known)
        } | {"content_changes"}, method


MODEL = """import torch


# torchlean: example-shape=1,4
class M(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.f = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.f(x)
"""


@pytest.fixture(params=["most", "least"])
def raw(request, tmp_path):
    client = Raw()
    capabilities: dict[str, Any] = {}
    if request.param == "most":
        from torchlean_ls.pages import full_client

        capabilities = full_client().capabilities
    folders = [{"uri": tmp_path.as_uri(), "name": "w"}]
    client.initialize(capabilities=capabilities, workspaceFolders=folders)
    yield client
    client.close()


def questions(uri: str) -> list[tuple[str, Any]]:
    document = {"textDocument": {"uri": uri}}
    here = {**document, "position": {"line": 18, "character": 4}}  # an operand in an artifact
    all_of_it = {
        **document,
        "range": {"start": {"line": 0, "character": 0}, "end": {"line": 99, "character": 0}},
    }
    options = {"tabSize": 2, "insertSpaces": True}
    return [
        (methods.TEXT_DOCUMENT_HOVER, here),
        (methods.TEXT_DOCUMENT_COMPLETION, here),
        (methods.TEXT_DOCUMENT_DEFINITION, here),
        (methods.TEXT_DOCUMENT_REFERENCES, {**here, "context": {"includeDeclaration": True}}),
        (methods.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, here),
        (methods.TEXT_DOCUMENT_PREPARE_RENAME, here),
        (methods.TEXT_DOCUMENT_DOCUMENT_SYMBOL, document),
        (methods.WORKSPACE_SYMBOL, {"query": "relu"}),
        (methods.TEXT_DOCUMENT_CODE_ACTION, {**all_of_it, "context": {"diagnostics": []}}),
        (methods.TEXT_DOCUMENT_CODE_LENS, document),
        (methods.TEXT_DOCUMENT_DOCUMENT_LINK, document),
        (methods.TEXT_DOCUMENT_FORMATTING, {**document, "options": options}),
        (methods.TEXT_DOCUMENT_RANGE_FORMATTING, {**all_of_it, "options": options}),
        (methods.TEXT_DOCUMENT_FOLDING_RANGE, document),
        (methods.TEXT_DOCUMENT_SELECTION_RANGE, {**document, "positions": [here["position"]]}),
        (methods.TEXT_DOCUMENT_PREPARE_CALL_HIERARCHY, here),
        (methods.TEXT_DOCUMENT_INLAY_HINT, all_of_it),
        (methods.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, document),
        (methods.TEXT_DOCUMENT_SEMANTIC_TOKENS_RANGE, all_of_it),
    ]


def test_answers_read_as_lsprotocols_types_are_the_same(raw, tmp_path):
    (tmp_path / "m.py").write_text(MODEL)
    texts = {"good.ir.json": GOOD, "broken.ir.json": BROKEN, "m.py": MODEL}
    answered = set()
    for name, text in texts.items():
        uri = (tmp_path / name).as_uri()
        raw.open(uri, text, "python" if name.endswith(".py") else "json")
        for number, (method, params) in enumerate(questions(uri), 10):
            result = raw.ask(method, params, number)
            same(method, result)
            if result:
                answered.add(method)
            follow = {
                methods.TEXT_DOCUMENT_CODE_ACTION: methods.CODE_ACTION_RESOLVE,
                methods.TEXT_DOCUMENT_CODE_LENS: methods.CODE_LENS_RESOLVE,
            }.get(method)
            for one in (result or [])[:3] if follow is not None else ():
                if "data" in one:
                    same(follow, resolved := raw.ask(follow, one, 300))
                    assert resolved.items() >= {(k, v) for k, v in one.items() if isinstance(v, str)}
            if method == methods.TEXT_DOCUMENT_PREPARE_CALL_HIERARCHY and result:
                for follow in (methods.CALL_HIERARCHY_INCOMING_CALLS, methods.CALL_HIERARCHY_OUTGOING_CALLS):
                    same(follow, raw.ask(follow, {"item": result[0]}, 301))
    assert {method for method, _ in questions("")} - answered == {methods.TEXT_DOCUMENT_DOCUMENT_LINK}


def same(method: str, result: Any) -> None:
    """That a result is what lsprotocol writes of what it reads of it."""
    if method in (methods.TEXT_DOCUMENT_CODE_ACTION, methods.TEXT_DOCUMENT_COMPLETION):
        # lsprotocol takes every action for a command, so they are read one by one.
        actions = method == methods.TEXT_DOCUMENT_CODE_ACTION
        for item in (result or []) if actions else result["items"] if result else []:
            named = "Command" if isinstance(item.get("command"), str) else "CodeAction"
            of = getattr(reference, named if actions else "CompletionItem")
            assert CONVERTER.unstructure(CONVERTER.structure(item, of)) == item, method
        return
    message = {"jsonrpc": "2.0", "id": 1, "result": result}
    response = reference.METHOD_TO_TYPES[method][1]
    assert CONVERTER.unstructure(CONVERTER.structure(message, response)) == message, method


def test_what_only_null_can_say_is_written_and_nothing_else_is():
    none = types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier("file:///m"), [])
    assert json.loads(msgspec.json.encode(none))["textDocument"] == {"uri": "file:///m", "version": None}
    assert json.loads(msgspec.json.encode(types.Command("t", "c"))) == {"title": "t", "command": "c"}
    made = types.CreateFile("file:///m")
    assert json.loads(msgspec.json.encode(made)) == {"kind": "create", "uri": "file:///m"}


def test_paths_and_uris_are_as_they_were():
    from pygls.uris import from_fs_path, to_fs_path

    from torchlean_ls.uris import file_path, file_uri

    for text in (
        "/a/b",
        "/",
        "/a b/ü",
        "//x/y/z",
        "/C:/a b/c",
        "/c:",
        "/a;b?c#d",
        "/a%20b",
        "x",
        "/..",
        "/c:x",
    ):
        assert file_uri(Path(text)) == from_fs_path(str(Path(text)))
    for uri in (
        "file:///a/b", "file:///c%3A/a%20b/m", "file://host/c$/x", "file:///C:/x", "file:", "file://", "file:///",
        "untitled:x", "file:///a?b#c", "FILE:///x", "file:a/b", "file:///a;b",
    ):  # fmt: skip
        known = to_fs_path(uri)
        assert file_path(uri) == (Path(known) if known else None)
