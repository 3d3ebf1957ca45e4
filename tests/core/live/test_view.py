"""Hints and findings of a record, in the text of now."""

from __future__ import annotations

from dataclasses import replace

from tests.core.live.records import GELU, LINES, PATH, SOURCE, bound, line, record, view
from torchlean_core.capture.errors import Call, CaptureFinding, Span
from torchlean_core.capture.record import Bound, Seen
from torchlean_core.live import LiveModel, findings, hints, split_lines
from torchlean_core.live.labels import MAX_LABEL, label


def shown(*views):
    return {hint.line: hint.label for hint in hints(views)}


def test_shapes_stand_at_the_ends_of_lines():
    assert shown(view()) == {10: "[1, 4]", 11: "[1, 8]", 12: "[1, 8]"}


def test_hints_move_with_the_lines_and_those_of_an_edited_line_go():
    now = "# first\n" + SOURCE.replace("self.hidden(x)", "self.hidden(x) + 1")
    assert shown(view(now)) == {11: "[1, 4]", 13: "[1, 8]"}


def test_a_statement_of_several_lines_has_its_hint_at_the_last():
    source = SOURCE.replace("self.hidden(x)", "self.hidden(\n            x\n        )")
    lines = (line(11, bound("h", (1, 8)), end=13),)
    assert shown(view(source, source, lines=lines)) == {13: "[1, 8]"}
    assert shown(view(source.replace("            x\n", "            x,\n"), source, lines=lines)) == {}


def test_several_names_are_named_and_several_shapes_counted():
    assert label([bound("h", (1, 8)), bound("c", (1, 8))]) == "h: [1, 8], c: [1, 8]"
    shapes = Bound("x", (Seen((1, 64, 8, 8), count=3), Seen((1, 128, 4, 4))))
    assert label([shapes]) == "[1, 64, 8, 8] ×3, [1, 128, 4, 4]"
    assert label([bound("x", (2,), dtype="int64", count=5)]) == "[2] int64"
    assert label([bound("x", ())]) == "[]"
    assert label([]) is None


def test_a_long_label_is_cut():
    text = label([bound(f"name{i}", (1, 64, 8, 8)) for i in range(9)])
    assert text is not None and len(text) <= MAX_LABEL and text.endswith(", …")
    one = label([bound("x", tuple(range(200)))])
    assert one is not None and len(one) <= MAX_LABEL and one.endswith("…")


def test_models_that_share_a_function_share_its_hints():
    other = view(name="Other", lines=(line(11, bound("h", (1, 8), (2, 8)), function="helper"), LINES[2]))
    assert shown(view(), other) == {10: "[1, 4]", 11: "[1, 8] ×2, [2, 8]", 12: "[1, 8]"}


def test_a_finding_moves_and_goes_when_its_own_line_is_edited():
    [place] = findings([view("\n" + SOURCE, findings=(GELU,))])
    assert place.span == Span(13, 15, 13, 42)
    assert place.message == "aten.gelu.default in act (GELU): no exact form"
    assert findings([view(SOURCE.replace("gelu(h)", "relu(h)"), findings=(GELU,))]) == []


def test_a_place_has_one_finding_for_all_its_modules():
    many = tuple(replace(GELU, module=f"net.{i} (GELU)") for i in range(4))
    [place] = findings([view(findings=many), view(name="Other", findings=many)])
    assert place.message == (
        "aten.gelu.default in 4 modules (net.0 (GELU), net.1 (GELU), net.2 (GELU), …): no exact form"
    )


def test_a_finding_without_a_span_is_about_its_line_and_one_without_a_line_about_the_class():
    line_only, whole = CaptureFinding("TL603", "fails", 12), CaptureFinding("TL605", "timed out")
    first, second = findings([view(findings=(line_only, whole))])
    assert first.span is None and first.model == "Net"
    assert second.span == Span(12, 8, 12, 42)


def test_a_finding_in_another_file_is_shown_there():
    other = replace(GELU, file="/work/layers.py", calls=(Call(PATH, Span(11, 12, 11, 26), "Net.forward"),))
    model = LiveModel(record(findings=(other,)), {PATH: SOURCE, "/work/layers.py": SOURCE})
    here, there = (model.view(path, split_lines(SOURCE)) for path in (PATH, "/work/layers.py"))
    assert here is not None and there is not None
    assert findings([here]) == []
    [place] = findings([there])
    assert [call.function for call in place.finding.calls] == ["Net.forward"]
