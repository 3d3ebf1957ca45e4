"""Completion: the fields a node still misses, kinds that fit, ids of operands, values, whole nodes."""

from __future__ import annotations

from typing import Any

from torchlean_core.kinds import DIALECTS
from torchlean_core.navigate.cursor import Cursor, cursor_at
from torchlean_core.navigate.explain import kind_markdown
from torchlean_core.navigate.suggest import Sort, Suggestion, suggest
from torchlean_ls.client import Client
from torchlean_ls.documents import Snapshot
from torchlean_ls.feature import Feature
from torchlean_ls.features.hover import plain
from torchlean_ls.lsp import methods, types
from torchlean_ls.python.directives import directives

_ITEM_KINDS = {
    Sort.FIELD: types.CompletionItemKind.Field,
    Sort.KIND: types.CompletionItemKind.Function,
    Sort.NODE: types.CompletionItemKind.Reference,
    Sort.VALUE: types.CompletionItemKind.Value,
    Sort.SNIPPET: types.CompletionItemKind.Snippet,
}


class Completion(Feature):
    """Answers `textDocument/completion` and `completionItem/resolve`."""

    def register(self, client: Client) -> None:
        """Snippets where the client fills them in; documentation of kinds when it is asked for."""
        self._snippets = client.snippets
        self._markdown = client.markdown("textDocument.completion.completionItem.documentationFormat")
        self._lazy = client.lists(
            "textDocument.completion.completionItem.resolveSupport.properties", "documentation"
        )
        self.server.on_artifact(methods.TEXT_DOCUMENT_COMPLETION, self._complete)
        self.server.on_python(methods.TEXT_DOCUMENT_COMPLETION, self._complete_directive)
        self.server.on(methods.COMPLETION_ITEM_RESOLVE, self._resolve)

    def _complete_directive(self, document: Snapshot, params: types.CompletionParams) -> types.Json:
        """Keys and values of a `# torchlean:` comment."""
        found = directives(self.server.live, document, params.position)
        items = [
            {
                "label": one.text.strip(),
                "kind": _ITEM_KINDS[Sort.FIELD if one.goes_on else Sort.VALUE].value,
                "sortText": f"{number:05d}",
                "filterText": one.text,
                "textEdit": {"range": where, "newText": one.text},
                "detail": one.detail,
                "documentation": self._documentation(one.doc),
            }
            for number, (one, where) in enumerate(found)
        ]
        return {"isIncomplete": False, "items": items} if items else None

    def _complete(self, document: Snapshot, params: types.CompletionParams) -> types.Json:
        cursor = cursor_at(document.report.document, document.offset(params.position))
        found = suggest(document.links, cursor)
        where = document.plain_range(*cursor.replace)
        items = [self._item(document, cursor, one, where, number) for number, one in enumerate(found.items)]
        if found.left_out:
            items[-1]["detail"] = f"{found.left_out:,} more: type on to narrow them down"
        return {"isIncomplete": found.left_out > 0, "items": items}

    def _item(
        self, document: Snapshot, cursor: Cursor, one: Suggestion, where: dict[str, Any], number: int
    ) -> dict[str, Any]:
        snippet = one.snippet if self._snippets else None
        item: dict[str, Any] = {
            "label": one.label,
            "kind": _ITEM_KINDS[one.sort].value,
            "sortText": f"{number:05d}",
            "filterText": one.filter or one.text,
            "insertTextFormat": 2 if snippet is not None else 1,
            "textEdit": {"range": where, "newText": snippet if snippet is not None else one.text},
        }
        if one.detail:
            item["detail"] = one.detail
        if one.doc is not None:
            item["documentation"] = self._documentation(one.doc)
        elif one.doc_kind is not None and self._lazy:
            item["data"] = {"kind": one.doc_kind, "dialect": document.report.dialect.name}
        elif one.doc_kind is not None:
            item["documentation"] = self._documentation(kind_markdown(document.report.dialect, one.doc_kind))
        if cursor.comma_at is not None:
            place = document.plain_range(cursor.comma_at, cursor.comma_at)
            item["additionalTextEdits"] = [{"range": place, "newText": ","}]
        return item

    def _documentation(self, text: str) -> dict[str, str]:
        if self._markdown:
            return {"kind": "markdown", "value": text}
        return {"kind": "plaintext", "value": plain(text)}

    def _resolve(self, item: types.CompletionItem) -> types.CompletionItem:
        """Add the documentation of a kind."""
        data = item.data
        name = data.get("kind") if isinstance(data, dict) else None
        dialect = DIALECTS.get(data.get("dialect", "")) if isinstance(data, dict) else None
        if isinstance(name, str) and dialect is not None:
            text = self._documentation(kind_markdown(dialect, name))
            item.documentation = types.MarkupContent(types.MarkupKind(text["kind"]), text["value"])
        return item
