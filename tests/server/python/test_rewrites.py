"""Quick fixes that write an expression in another form, which then captures."""

from __future__ import annotations

import pytest
from lsprotocol import types

from tests.server.conftest import PROFILES
from tests.server.python.models import capture, replace_text, write

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("client", PROFILES[1:], indirect=True)]

TEXT = """\
import torch
from torch import nn


# torchlean: example-shape=1,4
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(4, 8)

    def forward(self, x):
        é = self.hidden(x)
        return @
"""
WRITTEN = "0.5 * é * (1 + torch.erf(é / 2**0.5))"
TANH = 'torch.nn.functional.gelu(é, approximate="tanh")'


async def test_a_rewrite_is_offered_at_the_finding_and_what_it_makes_is_captured(editor):
    text = TEXT.replace("@", WRITTEN)
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    with pytest.raises(Exception, match="no exact form"):
        await capture(editor, uri, "Net")
    [finding] = [one for one in await editor.diagnostics(uri) if one.code == "TL601"]
    fixes = await editor.fixes(uri, finding.range, "quickfix")
    [fix] = [one for one in fixes if one.title == f"Write `{TANH}` (changes numbers)"]
    [edit] = fix.edit.changes[uri]
    editor.change(uri, replace_text(edit.range.start, edit.range.end, edit.new_text))
    after = text.replace(WRITTEN, TANH)
    write(editor, "net.py", after)
    identifier = types.TextDocumentIdentifier(uri)
    editor.client.text_document_did_save(types.DidSaveTextDocumentParams(identifier))
    await capture(editor, uri, "Net")
    assert await editor.diagnostics(uri) == []


async def test_a_product_with_its_sign_is_captured_as_it_is_written(editor):
    text = TEXT.replace("@", "é * torch.sign(é)")
    uri = write(editor, "net.py", text)
    await editor.open("net.py", text, "python")
    await capture(editor, uri, "Net")
    assert await editor.diagnostics(uri) == []
