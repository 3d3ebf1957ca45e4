"""Code lens over an artifact, and over models: how big it is and how it does, and what can be done with it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from torchlean_core.artifact.companions import generated_module, generated_module_path, params_path
from torchlean_core.check import Finding
from torchlean_core.kinds import DIALECTS
from torchlean_core.kinds.numbers import numel, show
from torchlean_core.navigate.explain import parameters_of
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.findings import counted, in_words
from torchlean_ls.lsp import methods, types
from torchlean_ls.python.lenses import OPEN, python_lenses
from torchlean_ls.python.module_lenses import module_lenses
from torchlean_ls.uris import file_path, plain_uri

_MAX_TRAININGS = 4
"""Outputs that get a lens of their own."""

_WITH_PARAMETERS = frozenset(
    kind.name for dialect in DIALECTS.values() for kind in dialect.tensor_kinds.values() if kind.params
)


class CodeLens(Feature):
    """Answers `textDocument/codeLens` and `codeLens/resolve`."""

    def register(self, client: Client) -> None:
        """Titles are made when the client shows the lens."""
        self._refreshable = client.refreshes("codeLens")
        self.server.on_artifact(methods.TEXT_DOCUMENT_CODE_LENS, self._lenses)
        self.server.on_python(methods.TEXT_DOCUMENT_CODE_LENS, self._python_lenses)
        self.server.on(methods.CODE_LENS_RESOLVE, self._resolve)

    def settings_change(self) -> None:
        """Ask the client to ask anew."""
        self._refresh()

    def files_change(self, changes: Any) -> None:
        """A companion may have come or gone."""
        self._refresh()

    def findings_change(self, uri: str) -> None:
        """The state of a companion is told in a title."""
        self._refresh()

    def _refresh(self) -> None:
        if self._refreshable:
            self.server.refresh(methods.WORKSPACE_CODE_LENS_REFRESH)

    def _lenses(self, document: Snapshot, params: types.CodeLensParams) -> list[types.CodeLens]:
        root = document.report.document.root
        if root is None:
            return []
        where = document.range(root.start, root.start + 1)
        names = ["summary"]
        if document.report.ok and file_path(document.uri) is not None:
            names += ["emit", *_opening(document), "init", *_trainings(document)]
        if document.report.records:
            names.append("showGraph")
        return [types.CodeLens(where, data={"uri": document.uri, "lens": name}) for name in names]

    def _python_lenses(
        self, document: Snapshot, params: types.CodeLensParams
    ) -> Generator[Any, Any, types.Json]:
        latest = yield self.server.live.ready(document)
        if latest is None:
            return []
        of_module = module_lenses(self.server, latest)
        return python_lenses(self.server.live, latest) if of_module is None else of_module

    def _resolve(self, lens: types.CodeLens) -> types.CodeLens:
        """Give a lens its title and command."""
        data: Any = lens.data
        uri, name = (data.get("uri"), data.get("lens")) if isinstance(data, dict) else (None, None)
        document = self.server.documents.get(str(uri))
        if document is None or document.is_slow or not isinstance(name, str):
            lens.command = types.Command("…", "")
        else:
            findings = None if self.server.settings.validate == "off" else self.server.findings_of(document)
            lens.command = _command(document, name, findings)
        return lens


def _command(document: Snapshot, name: str, findings: list[Finding] | None) -> types.Command:
    """A lens's title and command; without findings where nothing is checked."""
    codes = {finding.code for finding in findings or ()}
    argument: dict[str, Any] = {"uri": document.uri}
    path = file_path(document.uri)
    if name == "summary" or path is None:
        return types.Command(summary(document, findings), "torchlean.check", arguments=[argument])
    if name == "emit":
        module = generated_module(path)
        if module is not None:
            return types.Command(
                f"Refresh {module.name}{_state(codes)}", "torchlean.refresh", arguments=[argument]
            )
        return types.Command("Emit nn.Module", "torchlean.emit", arguments=[argument])
    if name == "open":
        module = generated_module_path(path)
        return types.Command(f"Open {module.name}", OPEN, arguments=[{"uri": plain_uri(module)}])
    if name == "init":
        payload = document.report.dialect.payload_fields
        nodes = (raw for raw in document.links.nodes if payload and type(raw) is dict)
        known = params_path(path).is_file() or any(not payload.isdisjoint(raw) for raw in nodes)
        title = "Initialize again" if known else "Initialize parameters"
        return types.Command(title, "torchlean.init", arguments=[argument])
    if name.startswith("train"):
        place = name.removeprefix("train")
        chosen = {**argument, **({"output": int(place)} if place else {}), "ask": True}
        title = f"Train output {place}…" if place else "Train…"
        return types.Command(title, "torchlean.train", arguments=[chosen])
    return types.Command("Show graph", "torchlean.showGraph", arguments=[argument])


def _opening(document: Snapshot) -> list[str]:
    """The name of the lens that opens the generated module, where there is one."""
    path = file_path(document.uri)
    return ["open"] if path is not None and generated_module(path) is not None else []


def _trainings(document: Snapshot) -> list[str]:
    """Names of the lenses that train: one, or one for each of the first outputs."""
    root = document.report.document.value
    outputs = document.report.dialect.outputs_of(root) if isinstance(root, dict) else []
    return (
        [f"train{place}" for place in range(min(len(outputs), _MAX_TRAININGS))]
        if len(outputs) > 1
        else ["train"]
    )


def _state(codes: set[str]) -> str:
    """What a generated module is, where it is not fresh."""
    return " (edited by hand)" if "TL512" in codes else " (stale)" if "TL511" in codes else ""


def summary(document: Snapshot, findings: list[Finding] | None) -> str:
    """Nodes, parameters and findings of an artifact in a line; "clean" is said of what was checked only."""
    report = document.report
    links = document.links
    total: int | None = 0
    inline = stored = 0
    for index, raw in enumerate(links.nodes):
        kind = raw.get("kind") if type(raw) is dict else None
        record = report.records[index] if type(kind) is str and kind in _WITH_PARAMETERS else None
        if record is None:
            continue
        for _, _, shape, in_node in parameters_of(links, record):
            count = numel(shape)
            inline, stored = inline + in_node, stored + (not in_node)
            total = None if count is None or total is None else total + count
    size = "?" if total is None else show(total) if total > 10**15 else f"{total:,}"
    status = "not checked" if findings is None else in_words(counted(findings)) or "clean"
    count = len(report.records)
    nodes = f"{count:,} node{'' if count == 1 else 's'}"
    where = "" if not inline else " (some inline)" if stored else " (inline)"
    return f"{nodes} · {size} parameter{'' if total == 1 else 's'}{where} · {status}"
