"""Big artifacts: nobody waits for them, neither for reading them nor for looking through what was read."""

from __future__ import annotations

import gc
import weakref

import pytest
from benchmarks.artifacts import make_artifact

from tests.server.conftest import GOOD
from tests.server.raw import Raw
from torchlean_core.text import Encoding
from torchlean_ls.documents import BIG, Snapshot
from torchlean_ls.lsp import types

BIG_TEXT = make_artifact(3_000, 1)


@pytest.fixture
def raw():
    client = Raw()
    yield client
    client.close()


def opened() -> Snapshot:
    assert len(BIG_TEXT) > BIG
    return Snapshot("file:///big.ir.json", "json", 1, BIG_TEXT, Encoding.UTF16)


def edited(document: Snapshot, old: str, new: str) -> Snapshot:
    at = document.text.index(old, len(document.text) // 2)
    change = types.TextDocumentContentChangeEvent(
        new,
        types.Range(
            types.Position(*document.lines.range(at, at, Encoding.UTF16)[0]),
            types.Position(*document.lines.range(at + len(old), at + len(old), Encoding.UTF16)[0]),
        ),
    )
    return document.changed(document.version + 1, [change])


def test_what_takes_long_is_known_before_it_is_done():
    document = opened()
    assert document.is_slow and not document.is_ready
    _ = document.report
    assert not document.is_slow and not document.is_ready  # where nodes stand is not known yet
    document.prepare()
    assert document.is_ready

    a_value = edited(document, '"relu"', '"tanh"')
    assert not a_value.is_slow and a_value.is_ready
    assert a_value.report.findings == []

    an_id = edited(a_value, '"id": 1', '"id": 91')  # from here on no id says where its node stands
    assert an_id.is_slow and not an_id.is_ready
    assert "TL101" in {finding.code for finding in an_id.report.findings}
    assert not an_id.is_slow and not an_id.is_ready
    an_id.prepare()
    back = edited(an_id, '"id": 91', '"id": 1')
    assert back.is_slow and back.report.findings == []


def test_one_that_is_edited_before_it_is_ready_is_read_anew():
    document = opened()
    _ = document.report
    following = edited(document, '"relu"', '"rleu"')
    assert following.is_slow
    assert "TL014" in {finding.code for finding in following.report.findings}


def test_what_was_known_of_one_goes_without_the_collector():
    """It is not looked at by the collector, so a circle in it would stay for ever."""
    gc.collect()
    gc.disable()
    try:
        document = edited(opened(), '"relu"', '"tanh"')
        _ = document.report
        document.prepare()
        document = edited(document, '"tanh"', '"input"')
        _ = document.report, document.links.users, document.spot(types.Position(8, 8))
        gone = [weakref.ref(document), weakref.ref(document._check), weakref.ref(document._document)]
        del document, _
        assert [one() for one in gone] == [None, None, None]
    finally:
        gc.enable()


def test_a_file_whose_ids_are_out_of_order_does_not_delay_a_small_one(raw):
    raw.initialize()
    big, small = "file:///big.ir.json", "file:///small.ir.json"
    text = make_artifact(60_000, layout="lines")
    raw.open(big, text)
    raw.open(small, GOOD)
    here = {"position": {"line": 6, "character": 4}}
    raw.ask("textDocument/hover", {"textDocument": {"uri": big}, **here}, 2)
    line = text[: text.index('"id": 30000')].count("\n")
    column = text.split("\n")[line].index('"id": ') + len('"id": ')
    place = {"line": line, "character": column}
    raw.change(big, 2, {"range": {"start": place, "end": place}, "text": "9"})
    raw.send("textDocument/hover", {"textDocument": {"uri": big}, **here}, 3)
    raw.send("textDocument/hover", {"textDocument": {"uri": small}, **here}, 4)
    answered: list[int] = []
    while len(answered) < 2:
        message = raw.read()
        if message.get("id") in (3, 4):
            answered.append(message["id"])
    assert answered == [4, 3]
