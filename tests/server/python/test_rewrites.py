"""Products with a sign, of names that are no ASCII, from an editor."""

from __future__ import annotations

import pytest

from tests.server.conftest import PROFILES
from tests.server.python.models import capture, write

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
        return é * torch.sign(é)
"""


async def test_a_product_with_its_sign_is_captured_as_it_is_written(editor):
    uri = write(editor, "net.py", TEXT)
    await editor.open("net.py", TEXT, "python")
    await capture(editor, uri, "Net")
    assert await editor.diagnostics(uri) == []
