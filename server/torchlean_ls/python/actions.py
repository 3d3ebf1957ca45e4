"""Code actions on Python files: what helps against findings, and what can be done with a model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.approximations import is_below_rounding
from torchlean_core.basics.reading import MOST_SETTINGS, read_regular
from torchlean_core.capture.errors import Span
from torchlean_core.capture.models import Model
from torchlean_core.check import Finding
from torchlean_core.config import SettingsFinder
from torchlean_core.errors import UserError
from torchlean_core.live.fixes import Insertion, Rewrite, allow_in_settings
from torchlean_core.live.gelu import tanh_gelu
from torchlean_core.live.rewrites import rewrites
from torchlean_ls.capabilities import CAPTURE, QUICK_FIX, SOURCE
from torchlean_ls.documents import Snapshot
from torchlean_ls.edits import file_edit
from torchlean_ls.lsp import types
from torchlean_ls.python.diagnostics import typed_diagnostic
from torchlean_ls.python.known import offsets
from torchlean_ls.python.lenses import capture_argument
from torchlean_ls.python.shapes import shape_edit, shape_text
from torchlean_ls.uris import file_path, file_uri

if TYPE_CHECKING:
    from torchlean_ls.host import Host

_NEW = "torchlean.toml"


class PythonActions:
    """Makes the code actions of Python documents.

    Attributes:
        literals: Whether actions can be more than commands.
        versioned: Whether edits can name the version that they are for.
    """

    def __init__(self, server: Host, *, literals: bool, versioned: bool) -> None:
        self.server = server
        self.literals = literals
        self.versioned = versioned
        self._creates = server.client.lists("workspace.workspaceEdit.resourceOperations", "create")

    # -- against findings -----------------------------------------------------------------------------------

    def fixes(self, document: Snapshot, where: types.Range) -> list[types.CodeAction]:
        """What helps against the findings in a range."""
        start, end = document.offset(where.start), document.offset(where.end)
        found = []
        for finding in self.server.folders.wanted(document.uri, self.server.live.findings(document)):
            if finding.span is not None and finding.span[0] <= end and start <= finding.span[1]:
                found += list(self._fixes(document, finding))
        return found

    def _fixes(self, document: Snapshot, finding: Finding) -> Iterator[types.CodeAction]:
        diagnostic = typed_diagnostic(self.server, document, finding)
        allow, model_name = finding.data.get("allow"), str(finding.data.get("model"))
        further = [text for text in finding.data.get("alternatives") or () if isinstance(text, str)]
        if isinstance(allow, str) and is_below_rounding(allow):  # better than any other function
            yield from self._allow(document, model_name, allow, diagnostic)
        elif isinstance(allow, str):
            further = [allow, *further]
        if finding.code == "TL601":
            for rewrite in self._rewrites(document, finding):
                edit = self._edit(document.uri, document.version, _edits(document, rewrite))
                yield types.CodeAction(rewrite.title, kind=QUICK_FIX, diagnostics=[diagnostic], edit=edit)
        for text in further:
            yield from self._allow(document, model_name, text, diagnostic)
        dialect = finding.data.get("dialect")
        if isinstance(dialect, str) and self.server.trusted:
            model = self.server.live.classes.named(document, str(finding.data.get("model")))
            if model is not None:
                argument = {**capture_argument(self.server.live, document, model), "dialect": dialect}
                title = f"Capture {model.name} in the {dialect} dialect"
                command = types.Command(title, "torchlean.capture", arguments=[argument])
                yield types.CodeAction(title, kind=QUICK_FIX, diagnostics=[diagnostic], command=command)
        if finding.code == "TL604":
            model = self.server.live.classes.named(document, str(finding.data.get("model")))
            if model is not None and not any(one.key == "example-shape" for one in model.directives):
                yield self._write_shape(document, model, QUICK_FIX, diagnostic)

    def _rewrites(self, document: Snapshot, finding: Finding) -> list[Rewrite]:
        """What can stand in the place of an expression without an exact form."""
        assert finding.span is not None, "findings about Python files have spans"
        operator = str(finding.data.get("operator"))
        (first, column), (last, end) = (_place(document, offset) for offset in finding.span)
        span = Span(first, column, last, end)
        if operator == "aten.gelu.default":
            found = tanh_gelu(document.text, span, finding.data.get("modules") or ())
            if found is not None:
                return [found]
        return rewrites(document.text, operator, span)

    def _allow(
        self, document: Snapshot, name: str, form: str, diagnostic: types.Diagnostic
    ) -> Iterator[types.CodeAction]:
        """Allow an approximation in the settings file that applies, or in a new one."""
        path = file_path(document.uri)
        if path is None:
            return
        model_file = self.server.live.file_of(document, name) or path
        try:
            settings = SettingsFinder().of_file(model_file).path
        except UserError:
            return  # the settings file is wrong, which is said where settings are read
        is_new = settings is None
        if settings is None:
            roots = [root for root in self.server.folders.roots.values() if model_file.is_relative_to(root)]
            settings = min(roots, default=model_file.parent) / _NEW
        opened = next((one for one in self.server.documents if file_path(one.uri) == settings), None)
        try:
            if is_new:
                text = ""
            elif opened is not None:
                text = opened.text
            else:
                text = read_regular(settings, MOST_SETTINGS).decode("utf-8")
        except (OSError, ValueError):
            return
        target = f"{Path(os.path.relpath(model_file, settings.parent)).as_posix()}:{name}"
        change = allow_in_settings(text, target, form, project=settings.name == "pyproject.toml")
        if change is None or (is_new and not self._creates):
            return
        edit = self._settings_edit(settings, opened, text, change, is_new=is_new)
        title = f"Allow {form} for {name} (in {settings.name})"
        yield types.CodeAction(title, kind=QUICK_FIX, diagnostics=[diagnostic], edit=edit)

    def _settings_edit(
        self, path: Path, opened: Snapshot | None, text: str, change: Insertion, *, is_new: bool
    ) -> types.WorkspaceEdit:
        uri = opened.uri if opened is not None else file_uri(path)
        at = opened or Snapshot(uri, "toml", 0, text, self.server.documents.encoding)
        edits = [types.TextEdit(at.range(change.start, change.end), change.text)]
        if not is_new:
            return self._edit(uri, opened.version if opened is not None else None, edits)
        identifier = types.OptionalVersionedTextDocumentIdentifier(uri)
        made = types.CreateFile(uri=uri, options=types.CreateFileOptions(ignore_if_exists=True))
        return types.WorkspaceEdit(document_changes=[made, types.TextDocumentEdit(identifier, list(edits))])

    def _edit(self, uri: str, version: int | None, edits: list[types.TextEdit]) -> types.WorkspaceEdit:
        return file_edit(uri, version, edits, versioned=self.versioned)

    # -- with a model ---------------------------------------------------------------------------------------

    def of_models(self, document: Snapshot, params: types.CodeActionParams) -> list[Any]:
        """What can be done with the models in a range: everywhere in a class as source actions, on its head plainly."""
        if file_path(document.uri) is None:
            return []
        only, where = params.context.only, params.range
        found: list[Any] = []
        for model in self.server.live.classes.of(document):
            if model.needs or model.abstract:
                continue
            if not (model.first_line <= where.end.line and where.start.line <= model.last_line):
                continue
            on_head = where.start.line <= model.name_span.line and model.first_line <= where.end.line
            argument = capture_argument(self.server.live, document, model)
            shown = f" ({argument['exampleShape']})" if "exampleShape" in argument else "…"
            if self.server.trusted:
                for name, title in (
                    ("capture", f"Capture {model.name}{shown}"),
                    ("captureAndEmit", f"Capture {model.name}{shown} and emit"),
                ):
                    command = types.Command(title, f"torchlean.{name}", arguments=[argument])
                    found += self._plain(command, only, name, on_head=on_head)
            shapeless = "exampleShape" not in argument
            if shapeless and on_head and self.literals and _wanted(only, f"{CAPTURE}.exampleShape"):
                found.append(self._write_shape(document, model, f"{CAPTURE}.exampleShape"))
        return found

    def _plain(self, command: types.Command, only: Any, name: str, *, on_head: bool) -> list[Any]:
        """A command as an action: of a kind that a plain menu shows on the head of a class, else a source action."""
        kind = f"{CAPTURE}.{name}" if on_head and _wanted(only, f"{CAPTURE}.{name}") else f"{SOURCE}.{name}"
        if not _wanted(only, kind):
            return []
        return [types.CodeAction(command.title, kind=kind, command=command) if self.literals else command]

    def _write_shape(
        self, document: Snapshot, model: Model, kind: str, diagnostic: types.Diagnostic | None = None
    ) -> types.CodeAction:
        """Write the example shape over a model: as its first layer lets one guess, else one to be corrected."""
        guess = self.server.live.classes.guess(document, model.name)
        shape = shape_text(guess.shape) if guess is not None else "1,4"
        why = f" ({guess.why})" if guess is not None else ", to be corrected"
        edit = self._edit(document.uri, document.version, [shape_edit(document, model, shape)])
        title = f"Write the example shape {shape}{why}"
        return types.CodeAction(
            title, kind=kind, diagnostics=[diagnostic] if diagnostic is not None else None, edit=edit
        )


def _place(document: Snapshot, offset: int) -> tuple[int, int]:
    """Line from 1 and column in characters of an offset."""
    line = document.lines.position(offset).line
    return line + 1, offset - document.lines.line_span(line)[0]


def _edits(document: Snapshot, rewrite: Rewrite) -> list[types.TextEdit]:
    edits = []
    for line, start, end, text in rewrite.edits:
        begin, until = offsets(document, line, start)[0], offsets(document, line, end)[0]
        edits.append(types.TextEdit(document.range(begin, until), text))
    return edits


def _wanted(only: Any, kind: str) -> bool:
    """Whether a client that asks for some kinds only wants this one; a kind covers those below it."""
    return not only or any(kind == wanted or kind.startswith(f"{wanted}.") for wanted in only)
