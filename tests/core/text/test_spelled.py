"""Integers that are spelled as floats: read as fast as others, and as the exact parser reads them."""

from __future__ import annotations

import json
import random
import re
import time

import pytest
from benchmarks.artifacts import make_artifact

from tests.core.check.graphs import random_graph
from tests.spelling import INTEGER, spelled_as_floats
from torchlean_core.check import check_text
from torchlean_core.check.checker import Check
from torchlean_core.kinds.numbers import parse_number
from torchlean_core.text import read_text
from torchlean_core.text.document import Document
from torchlean_core.text.quick_json import read_as_spelled


def spelled(text: str, draw: random.Random, share: float) -> str:
    """The text with a share of its integers spelled otherwise, and now and then as what is no integer."""

    def other(match: re.Match[str]) -> str:
        if draw.random() > share:
            return match[0]
        odd = (".5", ".0000000000000000000000001", "e-1", "e400") if draw.random() < 0.01 else ()
        return match[0] + draw.choice(odd or (".0", ".00", "e0", "E0", "0e-1", ".0e0"))

    return INTEGER.sub(other, text)


def told(check: Check):
    report = check.report()
    return [(f.code, f.severity, f.index, f.message, report.range(f)) for f in report.findings]


@pytest.mark.parametrize("seed", range(60))
def test_a_text_is_judged_as_when_it_is_read_exactly(seed):
    draw = random.Random(seed)
    text = (
        json.dumps(random_graph(draw, 20), indent=draw.choice([None, 2]))
        if seed % 2
        else make_artifact(60, seed, draw.choice(["indented", "lines", "minified"]))
    )
    text = spelled(text, draw, draw.choice([0.02, 0.3, 1.0]))
    assert told(Check(read_text(text))) == told(Check(read_text(text).exactly()))
    assert read_text(text).spelled().value == read_text(text).exactly().value


def test_numbers_are_those_of_the_exact_parser():
    draw = random.Random(0)
    for _ in range(3_000):
        text = draw.choice(["", "-"]) + str(draw.randrange(10 ** draw.randrange(1, 25)))
        text += "." + draw.choice(["0", "00", "5", "50", "25", "0" * 30 + "1", "0" * 400, "0" * 400 + "1"])
        if draw.random() < 0.4:
            text += draw.choice("eE") + draw.choice(["", "+", "-"]) + str(draw.randrange(250))
        expected = parse_number(text)
        [found] = read_as_spelled(f"[{text}]")
        assert (type(found), repr(found)) == (type(expected), repr(expected))


@pytest.mark.parametrize("is_late", [False, True])
def test_it_takes_little_more_time(is_late, monkeypatch):
    """The exact parser took 20 times as long; where the spelling shows late, the text is read twice."""
    monkeypatch.setattr(Document, "exactly", lambda self: pytest.fail("the whole text was read exactly"))
    plain = make_artifact(3_000, 1, "indented")
    first = plain.index("}", 8_000) if is_late else 0
    floats = plain[:first] + spelled_as_floats(plain[first:])
    took = {}
    for name, text in (("plain", plain), ("floats", floats)):
        times = []
        for _ in range(5):
            begin = time.process_time()
            assert check_text(text).ok
            times.append(time.process_time() - begin)
        took[name] = min(times)
    assert took["floats"] < 4 * took["plain"], took
