"""Code actions: quick fixes of findings, and what can be done with a whole artifact or model."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from torchlean_core.artifact.companions import generated_module, params_path, stem
from torchlean_core.capture.onnx_files import onnx_files
from torchlean_core.check import Finding
from torchlean_core.check.fixes import Edit, Fix, fixes
from torchlean_core.check.fixing import FixResult, fix_text, has_unasked
from torchlean_core.errors import UserError
from torchlean_ls.capabilities import FIX_ALL, QUICK_FIX, SOURCE
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.edits import workspace_edit
from torchlean_ls.feature import Feature
from torchlean_ls.features.companions import remedy_uri
from torchlean_ls.findings import diagnostic
from torchlean_ls.lsp import methods, types
from torchlean_ls.python.actions import PythonActions
from torchlean_ls.refused import Refused
from torchlean_ls.uris import file_path, plain_uri

MAX_FIXES = 50
"""Quick fixes of one answer; the log says how many findings were left out."""

MAX_EAGER = 500
"""Nodes up to which the edits of a quick fix are written before somebody chooses it: renumbering changes every node."""

MAX_FILES = 8
"""ONNX files that are offered to be captured into an empty artifact."""

MAX_CHAIN = 500
"""Nodes up to which it is found out whether a graph is a chain; `torchlean emit --style sequential` knows no limit."""

Action = types.CodeAction | types.Command


class CodeActions(Feature):
    """Answers `textDocument/codeAction` and `codeAction/resolve`."""

    def register(self, client: Client) -> None:
        """Literals where the client takes them, else commands; the big edit when it is asked for."""
        self._versioned = client.versioned_edits
        self._literals = client.action_literals
        self._lazy = client.resolves_actions
        self.server.on(methods.TEXT_DOCUMENT_CODE_ACTION, self._actions)
        self.server.on(methods.CODE_ACTION_RESOLVE, self._resolve)

    async def _actions(self, params: types.CodeActionParams) -> list[Action] | None:
        document = self.server.documents.get(params.text_document.uri)
        if document is None or not self.server.settings.enable:
            return None
        if document.is_python:
            return await self._python_actions(document, params)
        if not document.is_artifact:
            return None
        latest = document if document.is_ready else await self.server.ready(document)
        if latest is None:
            return None
        actions: list[Action] = []
        only = params.context.only
        if self._literals and _wanted(only, QUICK_FIX):
            actions += self._quick_fixes(latest, params.range)
            actions += self._remedies(latest, params)
        if self._literals and _fix_all_wanted(params.context):
            actions += await self._fix_all(latest, lazy=self._lazy and not only)
        return actions + self._artifact_actions(latest, only)

    async def _python_actions(self, document: Snapshot, params: types.CodeActionParams) -> list[Action]:
        self.server.live.touched(document.uri, params.range.start.line)
        latest = await self.server.live.ready(document)
        if latest is None:
            return []
        python = PythonActions(self.server, literals=self._literals, versioned=self._versioned)
        actions: list[Action] = [*self._remedies(latest, params)]
        if self._literals and _wanted(params.context.only, QUICK_FIX):
            actions += python.fixes(latest, params.range)
        return actions + python.of_models(latest, params)

    # -- edits --------------------------------------------------------------------------------------------

    def _quick_fixes(self, document: Snapshot, where: types.Range) -> list[types.CodeAction]:
        start, end = document.offset(where.start), document.offset(where.end)
        found: list[types.CodeAction] = []
        left_out = 0
        path = file_path(document.uri)
        has_store = path is not None and params_path(path).is_file()
        for finding in self.server.folders.wanted(document.uri, document.report.findings):
            if finding.index is not None:
                # The node's place is known; that of the finding has to be looked up.
                node = document.report.document.node_span(finding.index)
                if node is None or node[0] > end or node[1] < start:
                    continue
            first, last = document.report.span(finding)
            if first > end or start > last:
                continue
            if len(found) >= MAX_FIXES:
                left_out += 1
                continue
            for fix in fixes(document.report, finding):
                whole = fix.dialect is not None
                if whole and has_store and not document.report.ok:
                    continue  # text alone would leave the parameters behind, and nothing can move them yet
                action = self._quick_fix(document, finding, fix, has_store=has_store)
                if not whole or all(one.title != action.title for one in found):
                    found.append(action)
        if left_out:
            self.server.note(f"the fixes of {left_out:,} more findings are not shown")
        return found

    def _quick_fix(
        self, document: Snapshot, finding: Finding, fix: Fix, *, has_store: bool
    ) -> types.CodeAction:
        if fix.dialect is not None and has_store:
            title = f"Convert to the {fix.dialect} dialect with its parameters, into a new file"
            argument = {"uri": document.uri, "dialect": fix.dialect}
            command = types.Command(title, "torchlean.convert", arguments=[argument])
            diagnostics = [diagnostic(document, finding)]
            return types.CodeAction(title, kind=QUICK_FIX, diagnostics=diagnostics, command=command)
        action = types.CodeAction(
            title=fix.title,
            kind=QUICK_FIX,
            diagnostics=[diagnostic(document, finding)],
            is_preferred=fix.preferred,
        )
        if self._lazy and len(document.report.records) > MAX_EAGER and callable(fix.content):
            place = next(at for at, one in enumerate(document.report.findings) if one is finding)
            action.data = {
                "uri": document.uri,
                "serial": document.serial,
                "finding": place,
                "title": fix.title,
            }
        else:
            action.edit = workspace_edit(document, fix.edits, versioned=self._versioned)
        return action

    def _remedies(self, document: Snapshot, params: types.CodeActionParams) -> list[types.CodeAction]:
        """What helps against findings about the files beside the document."""
        found = self.server.folders.wanted(document.uri, self.server.companion_findings(document.uri))
        if not found or not self._literals or not _wanted(params.context.only, QUICK_FIX):
            return []
        from torchlean_core.companions import remedies

        start, end = document.offset(params.range.start), document.offset(params.range.end)
        actions = []
        for finding in found:
            first, last = finding.span if finding.span is not None else document.report.span(finding)
            if first > end or start > last:
                continue
            for remedy in remedies(finding):
                if remedy.command == "capture" and not self.server.trusted:
                    continue  # it runs the model's code, and would be refused
                argument = {"uri": remedy_uri(finding, document.uri), **remedy.arguments}
                command = f"torchlean.{remedy.command}"
                actions.append(
                    types.CodeAction(
                        title=remedy.title,
                        kind=QUICK_FIX,
                        diagnostics=[diagnostic(document, finding)],
                        is_preferred=remedy.preferred,
                        command=types.Command(remedy.title, command, arguments=[argument]),
                    )
                )
        return actions

    async def _fix_all(self, document: Snapshot, *, lazy: bool) -> list[types.CodeAction]:
        """All safe fixes of the whole document, as one edit; made when it is asked for where that is possible."""
        findings = self.server.folders.wanted(document.uri, document.report.findings)
        if lazy:
            if not has_unasked(document.report, findings):
                return []
            data = {"uri": document.uri, "serial": document.serial, "fixAll": True}
            return [types.CodeAction(title="Apply all safe fixes", kind=FIX_ALL, data=data)]
        result = await self._fixed(document) if findings else None
        if result is None or not result.changed:
            return []
        count = len(result.applied)
        title = "Apply the safe fix" if count == 1 else f"Apply all {count} safe fixes"
        edit = workspace_edit(document, result.edits, versioned=self._versioned)
        return [types.CodeAction(title=title, kind=FIX_ALL, edit=edit)]

    async def _fixed(self, document: Snapshot) -> FixResult | None:
        """The mended text, made in a thread: thousands of fixes take seconds; None where it was edited meanwhile."""
        settings = self.server.folders.settings_of(document.uri)
        path = file_path(document.uri)
        ignore = settings.ignore + (settings.ignored_in(path) if path is not None else ())
        mend = partial(fix_text, document.text, select=settings.select, ignore=ignore or None)
        result: FixResult = await self.server.in_thread(mend)
        return result if self.server.documents.get(document.uri) is document else None

    async def _resolve(self, action: types.CodeAction) -> types.CodeAction:
        """Make the edit of an action that came without."""
        data: Any = action.data
        if not isinstance(data, dict) or not (data.get("fixAll") or "finding" in data):
            return action
        document = self.server.documents.get(str(data.get("uri")))
        edits = None
        if document is not None and document.serial == data.get("serial"):
            if data.get("fixAll"):
                result = await self._fixed(document)
                edits = result.edits if result is not None else None
            else:
                edits = _edits_of(document, data)
        if document is None or edits is None:
            raise Refused("the document was edited meanwhile; ask for its actions again")
        action.edit = workspace_edit(document, edits, versioned=self._versioned)
        return action

    # -- commands -----------------------------------------------------------------------------------------

    def _artifact_actions(self, document: Snapshot, only: Any) -> list[Action]:
        path = file_path(document.uri)
        argument: dict[str, Any] = {"uri": document.uri}
        found: list[Action] = []
        if document.report.ok and path is not None:
            found += self._command(only, "emit", "Emit nn.Module", "torchlean.emit", argument)
            if generated_module(path) is not None:
                found += self._command(
                    only, "refresh", "Refresh the generated module", "torchlean.refresh", argument
                )
            if _wanted(only, f"{SOURCE}.emitSequential") and _is_chain(document):
                chain = {**argument, "out": f"{stem(path)}_sequential.py", "options": {"style": "sequential"}}
                found += self._command(only, "emitSequential", "Emit nn.Sequential", "torchlean.emit", chain)
            known = params_path(path).is_file()
            title = "Initialize parameters again" if known else "Initialize parameters"
            found += self._command(only, "init", title, "torchlean.init", argument)
            found += self._command(only, "train", "Train…", "torchlean.train", {**argument, "ask": True})
        if path is not None:
            found += self._capture_again(document, path, only)
            found += self._capture_here(document, path, only)
        if document.report.ok:
            found += self._command(only, "graph", "Show the graph", "torchlean.showGraph", argument)
        return found

    def _capture_again(self, document: Snapshot, path: Path, only: Any) -> list[Action]:
        """Capture the model again that the artifact came from."""
        if not self.server.trusted or not _wanted(only, f"{SOURCE}.capture"):
            return []
        from torchlean_core.companions import capture_arguments, model_of

        model = model_of(document.report.document.value, path)
        arguments = capture_arguments(model, path) if model is not None else None
        if model is None or arguments is None:
            return []
        argument = {"uri": plain_uri(model.file), **arguments}
        title = f"Capture {model.name or model.file.name} again"
        return self._command(only, "capture", title, "torchlean.capture", argument)

    def _capture_here(self, document: Snapshot, path: Path, only: Any) -> list[Action]:
        """Capture an ONNX file of the folder into an artifact that holds nothing yet."""
        if document.text.strip() or not self.server.trusted or not _wanted(only, f"{SOURCE}.capture"):
            return []
        found: list[Action] = []
        for file in onnx_files(path.parent)[:MAX_FILES]:
            argument = {"uri": plain_uri(file), "out": path.name}
            title = f"Capture {file.name} here"
            found += self._command(only, "capture", title, "torchlean.capture", argument)
        return found

    def _command(
        self, only: Any, name: str, title: str, command: str, argument: dict[str, Any]
    ) -> list[Action]:
        kind = f"{SOURCE}.{name}"
        if not _wanted(only, kind):
            return []
        call = types.Command(title=title, command=command, arguments=[argument])
        return [types.CodeAction(title=title, kind=kind, command=call) if self._literals else call]


def _edits_of(document: Snapshot, data: dict[str, Any]) -> tuple[Edit, ...] | None:
    """The edits of one quick fix, by its finding and its title; None where there is none such."""
    findings, place = document.report.findings, data.get("finding")
    if not isinstance(place, int) or not 0 <= place < len(findings):
        return None
    found = (fix for fix in fixes(document.report, findings[place]) if fix.title == data.get("title"))
    return next((fix.edits for fix in found), None)


def _is_chain(document: Snapshot) -> bool:
    """Whether the graph is a chain of layers; a long one is not looked at whenever the cursor moves."""
    from torchlean_core.artifact.load import graph_of
    from torchlean_core.graph import lower, to_sequential

    if len(document.report.records) > MAX_CHAIN:
        return False
    try:
        to_sequential(lower(graph_of(document.report)))
    except UserError:
        return False
    return True


def _fix_all_wanted(context: types.CodeActionContext) -> bool:
    """Whether to mend the whole document: asked for by kind, or by a person, but not at every move of the cursor."""
    if not context.only:
        return context.trigger_kind is not types.CodeActionTriggerKind.Automatic
    return _wanted(context.only, FIX_ALL)


def _wanted(only: Any, kind: str) -> bool:
    """Whether a client that asks for some kinds only wants this one; a kind covers those below it."""
    return not only or any(kind == wanted or kind.startswith(f"{wanted}.") for wanted in only)
