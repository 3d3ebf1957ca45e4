"""The objects of the protocol that this server reads and writes, by the names that the specification has for them.

They are read strictly: what is missing, or of another type, is told by its place. Members that are not read here are
ignored, as the protocol asks for. Members that are None are not written, but where null means something.
"""

from __future__ import annotations

import enum
from typing import Annotated, Any

import msgspec

Json = Any
"""What is JSON already: what can be long is made without objects."""

Unsigned = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class Object(msgspec.Struct, rename="camel", omit_defaults=True):
    """An object of the protocol."""


# -- numbers and words ------------------------------------------------------------------------------------


class CodeActionTriggerKind(enum.IntEnum):
    """Why code actions are asked for."""

    Invoked = 1
    Automatic = 2


class CompletionItemKind(enum.IntEnum):
    """What a completion is, as far as there are such here."""

    Function = 3
    Field = 5
    Value = 12
    Snippet = 15
    Reference = 18


class DiagnosticSeverity(enum.IntEnum):
    """How bad it is."""

    Error = 1
    Warning = 2
    Information = 3
    Hint = 4


class DiagnosticTag(enum.IntEnum):
    """How a diagnostic is shown."""

    Unnecessary = 1
    Deprecated = 2


class DocumentHighlightKind(enum.IntEnum):
    """What is done at a place."""

    Text = 1
    Read = 2
    Write = 3


class FileChangeType(enum.IntEnum):
    """What became of a file."""

    Created = 1
    Changed = 2
    Deleted = 3


class MarkupKind(enum.StrEnum):
    """How a text is written."""

    PlainText = "plaintext"
    Markdown = "markdown"


class MessageType(enum.IntEnum):
    """How a message is shown."""

    Error = 1
    Warning = 2
    Info = 3
    Log = 4
    Debug = 5


class SymbolKind(enum.IntEnum):
    """What a symbol is."""

    File = 1
    Module = 2
    Namespace = 3
    Package = 4
    Class = 5
    Method = 6
    Property = 7
    Field = 8
    Constructor = 9
    Enum = 10
    Interface = 11
    Function = 12
    Variable = 13
    Constant = 14
    String = 15
    Number = 16
    Boolean = 17
    Array = 18
    Object = 19
    Key = 20
    Null = 21
    EnumMember = 22
    Struct = 23
    Event = 24
    Operator = 25
    TypeParameter = 26


# -- places and edits -------------------------------------------------------------------------------------


class Position(Object):
    """A line and a column, both from 0."""

    line: Unsigned
    character: Unsigned


class Range(Object):
    """A stretch of a text."""

    start: Position
    end: Position


class Location(Object):
    """A stretch of a document."""

    uri: str
    range: Range


class TextEdit(Object):
    """What is to stand in place of a range."""

    range: Range
    new_text: str


class OptionalVersionedTextDocumentIdentifier(Object, omit_defaults=False):
    """A version of a document; null where nobody has it open."""

    uri: str
    version: int | None = None


class TextDocumentEdit(Object):
    """Edits of one version of a document."""

    text_document: OptionalVersionedTextDocumentIdentifier
    edits: list[TextEdit]


class CreateFileOptions(Object):
    """What becomes of a file that is there already."""

    overwrite: bool | None = None
    ignore_if_exists: bool | None = None


class CreateFile(Object, tag_field="kind", tag="create"):
    """A file that an edit makes."""

    uri: str
    options: CreateFileOptions | None = None


class WorkspaceEdit(Object):
    """Edits of several documents: by their URIs, or in order."""

    changes: dict[str, list[TextEdit]] | None = None
    document_changes: list[Any] | None = None


class Command(Object):
    """A command with its arguments, and what it is called."""

    title: str
    command: str
    tooltip: str | None = None
    arguments: list[Any] | None = None


# -- what answers are made of -----------------------------------------------------------------------------


class CodeDescription(Object):
    """Where a code is explained."""

    href: str


class DiagnosticRelatedInformation(Object):
    """Another place that a diagnostic is about."""

    location: Location
    message: str


class Diagnostic(Object):
    """Something that is wrong at a place."""

    range: Range
    message: str
    severity: DiagnosticSeverity | None = None
    code: int | str | None = None
    code_description: CodeDescription | None = None
    source: str | None = None
    tags: list[DiagnosticTag] | None = None
    related_information: list[DiagnosticRelatedInformation] | None = None
    data: Any = None


class CodeAction(Object):
    """Something that can be done: an edit, a command, or both."""

    title: str
    kind: str | None = None
    diagnostics: list[Diagnostic] | None = None
    is_preferred: bool | None = None
    disabled: Any = None
    edit: WorkspaceEdit | None = None
    command: Command | None = None
    data: Any = None


class CodeLens(Object):
    """A line above the text."""

    range: Range
    command: Command | None = None
    data: Any = None


class CompletionItem(Object):
    """A completion; what is only handed back is as it came."""

    label: str
    label_details: Any = None
    kind: int | None = None
    tags: Any = None
    detail: str | None = None
    documentation: Any = None
    deprecated: bool | None = None
    preselect: bool | None = None
    sort_text: str | None = None
    filter_text: str | None = None
    insert_text: str | None = None
    insert_text_format: int | None = None
    insert_text_mode: int | None = None
    text_edit: Any = None
    text_edit_text: str | None = None
    additional_text_edits: Any = None
    commit_characters: Any = None
    command: Any = None
    data: Any = None


class MarkupContent(Object):
    """A text for people."""

    kind: MarkupKind
    value: str


class Hover(Object):
    """What is told of a range."""

    contents: MarkupContent
    range: Range | None = None


class DocumentHighlight(Object):
    """A place that has to do with another."""

    range: Range
    kind: DocumentHighlightKind | None = None


class DocumentLink(Object):
    """A place that leads to a file."""

    range: Range
    target: str | None = None
    tooltip: str | None = None


class SelectionRange(Object):
    """A range, and the one around it."""

    range: Range
    parent: SelectionRange | None = None


class PrepareRenamePlaceholder(Object):
    """What a rename replaces, and what stands there now."""

    range: Range
    placeholder: str


class CallHierarchyItem(Object):
    """Something that calls and is called."""

    name: str
    kind: SymbolKind
    uri: str
    range: Range
    selection_range: Range
    tags: Any = None
    detail: str | None = None
    data: Any = None


class CallHierarchyIncomingCall(Object):
    """A caller, and where it calls."""

    from_: CallHierarchyItem
    from_ranges: list[Range]


class CallHierarchyOutgoingCall(Object):
    """Something called, and where it is."""

    to: CallHierarchyItem
    from_ranges: list[Range]
