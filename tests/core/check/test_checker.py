"""Single rules: the message, the node, and the exact stretch of text they point at."""

from __future__ import annotations

import json
import time

import pytest

from torchlean_core.check import RULES, Severity, check_bytes, check_text
from torchlean_core.check.fixes import apply_edits, fixes
from torchlean_core.check.output import finding_object


def artifact(*nodes, **root):
    content = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": len(nodes) - 1, "nodes": list(nodes)}
    return json.dumps({**content, **root})


def node(index, kind, parents, shape, **fields):
    return {"id": index, "kind": kind, "parents": parents, "shape": shape, **fields}


INPUT = node(0, "input", [], [1, 4])


def only(text, code):
    report = check_text(text)
    found = [finding for finding in report.findings if finding.code == code]
    assert len(found) == 1, report.findings
    start, end = report.span(found[0])
    return report, found[0], report.document.text[start:end]


def test_a_wrong_shape_is_marked_at_the_shape_array_and_names_both_shapes():
    _, finding, marked = only(artifact(INPUT, node(1, "relu", [0], [1, 3])), "TL201")
    assert marked == "[1, 3]"
    assert "[1, 4]" in finding.message and "[1, 3]" in finding.message
    assert finding.related[0].index == 0


def test_setting_the_inferred_shape_changes_nothing_else():
    text = artifact(INPUT, node(1, "relu", [0], [1, 3]))
    report, finding, _ = only(text, "TL201")
    fix = fixes(report, finding)[0]
    assert fix.title == "Set shape to inferred [1, 4]" and fix.safe
    assert apply_edits(text, fix.edits) == text.replace("[1, 3]", "[1, 4]")


def test_a_fix_keeps_the_layout_of_an_array_over_several_lines():
    text = json.dumps(json.loads(artifact(INPUT, node(1, "relu", [0], [1, 3]))), indent=2)
    report, finding, _ = only(text, "TL201")
    assert apply_edits(text, fixes(report, finding)[0].edits) == text.replace("        3\n", "        4\n")


def test_a_misspelt_kind_is_suggested():
    report, finding, marked = only(artifact(INPUT, node(1, "rlu", [0], [1, 4])), "TL014")
    assert marked == '"rlu"'
    assert "did you mean `relu`?" in finding.message
    assert fixes(report, finding)[0].title == "Change kind to `relu`"


def test_a_parent_is_marked_alone():
    _, _, marked = only(artifact(INPUT, node(1, "add", [0, 7], [1, 4])), "TL103")
    assert marked == "7"


def test_a_missing_field_is_marked_at_the_opening_brace():
    _, finding, marked = only(artifact(INPUT, node(1, "softmax", [0], [1, 4])), "TL010")
    assert marked == "{"
    assert "`axis`" in finding.message


def test_a_misspelt_field_can_be_renamed():
    text = artifact(INPUT, node(1, "softmax", [0], [1, 4], axs=1))
    report, finding, _ = only(text, "TL010")
    fix = next(fix for fix in fixes(report, finding) if fix.title.startswith("Rename"))
    assert check_text(apply_edits(text, fix.edits)).ok


def test_a_missing_format_is_a_warning_with_a_fix():
    text = artifact(INPUT).replace('"format": "torchlean.ir.v1", ', "")
    report, finding, _ = only(text, "TL013")
    assert finding.severity is Severity.WARNING and report.ok
    fixed = apply_edits(text, fixes(report, finding)[0].edits)
    assert check_text(fixed).findings == []


def test_one_wrong_shape_does_not_silence_or_flood_its_descendants():
    nodes = [INPUT, node(1, "relu", [0], [1, 3]), *(node(i, "relu", [i - 1], [1, 4]) for i in range(2, 30))]
    report = check_text(artifact(*nodes))
    assert [(f.code, f.index) for f in report.findings] == [("TL201", 1), ("TL201", 2)]


@pytest.mark.parametrize("spelling", ["2", "2.0", "2e0", "20e-1", "0.2E1", "200e-2", "2.000000000000000"])
def test_a_natural_number_may_be_spelled_in_any_way(spelling):
    text = artifact(node(0, "input", [], [2]), node(1, "relu", [0], [2])).replace("[2]", f"[{spelling}]", 1)
    assert check_text(text).ok


@pytest.mark.parametrize(
    "spelling", ["-1", "1.5", "0e-11", "0.00000000000", "1e-400", "true", "null", '"2"', "{}"]
)
def test_other_values_are_no_natural_numbers(spelling):
    text = artifact(node(0, "input", [], [2]), node(1, "detach", [0], [2])).replace("[2]", f"[{spelling}]", 1)
    assert [f.code for f in check_text(text).findings if f.severity is Severity.ERROR] == ["TL011"]


@pytest.mark.parametrize("spelling", ["-0", "0.0", "0e-10", "-0.0e-9", "0e9999999999999999999"])
def test_zero_may_have_ten_decimals(spelling):
    text = artifact(node(0, "input", [], [2, 5])).replace("5", spelling)
    assert check_text(text).ok


@pytest.mark.parametrize("spelling", ["1e999999999", "1e10000", "1" * 10_001, "1" + "0" * 20_000])
def test_a_number_with_too_many_digits_is_refused_and_never_expanded(spelling):
    start = time.perf_counter()
    report = check_text(artifact(node(0, "input", [], [2, 5])).replace("5", spelling))
    assert [f.code for f in report.findings] == ["TL011"]
    assert "10,000 digits" in report.findings[0].message
    assert time.perf_counter() - start < 2


def test_numbers_of_ten_thousand_digits_are_compared_exactly():
    big = "7" * 9_999
    text = artifact(node(0, "input", [], [1, 2]), node(1, "relu", [0], [1, 3]))
    assert check_text(text.replace("[1, 2]", f"[{big}, 2]").replace("[1, 3]", f"[{big}, 2]")).ok
    report = check_text(text.replace("[1, 2]", f"[{big}, 2]").replace("[1, 3]", f"[{big}.0, 3]"))
    assert [f.code for f in report.findings] == ["TL201"]
    assert len(report.findings[0].message) < 300
    assert json.dumps(finding_object("x", report, report.findings[0]))


def test_products_of_astronomic_dimensions_are_compared():
    dims = [10**40 + k for k in range(4_000)]
    reshape = {"in_shape": dims, "out_shape": dims[::-1]}
    good = artifact(node(0, "input", [], dims), node(1, "reshape", [0], dims[::-1], **reshape))
    assert check_text(good).ok
    other = [*dims[:-1], dims[-1] + 1]
    bad = artifact(node(0, "input", [], dims), node(1, "reshape", [0], other, in_shape=dims, out_shape=other))
    assert [f.code for f in check_text(bad).findings] == ["TL207"]


def test_duplicate_keys_are_found_however_the_colons_stand():
    for twice in (
        '"id":0,"id":0',
        '"id" : 0, "id" : 0',
        '"id"\n:0,"x:y":1,"id":0',
        '"a\\u003a": 1, "id": 0, "id": 0',
    ):
        text = artifact(INPUT).replace('"id": 0', twice)
        assert [f.code for f in check_text(text).findings] == ["TL002"], twice


def test_colons_in_strings_are_no_duplicate_keys():
    extra = node(1, "relu", [0], [1, 4], debug_target="aten::relu: a: b", source={"line": 1, "module": "a:b"})
    assert check_text(artifact(INPUT, extra)).findings == []


def test_json_trouble_does_not_hide_other_findings():
    text = artifact(INPUT, node(1, "relu", [0], [1, 3]), node(2, "tanh", [1], [1, 3]))
    broken = text.replace('"shape": [1, 4]}, {', '"shape": [1, 4]} {')
    assert sorted(f.code for f in check_text(broken).findings) == ["TL001", "TL201"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "TL001"), (b"   \n", "TL001"), (b"[]", "TL011"), (b"nul", "TL001"), (b"\xff\xfe{}", "TL003")],
)
def test_files_that_hold_no_artifact_at_all(content, code):
    report = check_bytes(content)
    assert code in {finding.code for finding in report.findings} and not report.ok


def test_the_root_decides_the_dialect():
    text = artifact(INPUT, node(1, "softplus", [0], [1, 4]))
    assert [f.code for f in check_text(text).findings] == ["TL017", "TL014"]
    assert check_text(text.replace('"output_id": 1', '"output_ids": [1]')).findings == []


def test_deep_nesting_up_to_the_limit_is_read():
    deep = "[" * 9_990 + "]" * 9_990
    assert check_text(artifact(INPUT).replace('"nodes"', f'"extra": {deep}, "nodes"')).ok
    deeper = "[" * 10_001 + "]" * 10_001
    report = check_text(artifact(INPUT).replace('"nodes"', f'"extra": {deeper}, "nodes"'))
    assert [f.code for f in report.findings] == ["TL001"]


def test_a_million_parents_and_a_million_bad_ones_stay_fast():
    start = time.perf_counter()
    good = artifact(INPUT, node(1, "concat", [0] * 1_000_000, [1_000_000, 4], axis=0))
    assert check_text(good).ok
    bad = artifact(INPUT, node(1, "concat", [5] * 1_000_000, [1, 4], axis=0))
    assert 1 <= len(check_text(bad).findings) < 100
    assert time.perf_counter() - start < 20


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("parents", "code"), [([9] * 400_000, "TL103"), ([0, *[1] * 400_000], "TL202"), ([2] * 400_000, "TL301")]
)
def test_places_and_fixes_of_many_bad_parents_stay_fast_and_the_rest_is_counted(parents, code):
    start = time.perf_counter()
    pair = {"id": 2, "kind": "py_tuple", "parents": [0], "value_kind": "tuple", "tuple_shapes": [[1]]}
    concat = node(3, "concat", parents, [1, 4], axis=0)
    report = check_text(artifact(INPUT, node(1, "const", [], [1, 5]), pair, concat))
    found = [finding for finding in report.findings if finding.code == code]
    assert len(found) == 21 and found[-1].message.startswith("399980 more "), found[-1]
    marked = [report.document.text[slice(*report.span(finding))] for finding in found]
    assert marked[:20] == [str(parents[1])] * 20 and marked[20].startswith("[")
    assert [finding_object("x", report, finding) for finding in found]
    assert time.perf_counter() - start < 20


@pytest.mark.parametrize("space", ["", " ", "\r\n\t"])
def test_an_element_is_marked_alone_however_the_array_is_written(space):
    shape = f"[{space}1{space},{space}-2.5e1{space},null{space}]"
    text = artifact(INPUT, node(1, "relu", [0], "SHAPE")).replace('"SHAPE"', shape)
    report = check_text(text)
    marked = [text[slice(*report.span(finding))] for finding in report.findings]
    assert marked == ["-2.5e1", "null"]
    assert [text[slice(*span)] for span in report.spans(report.findings)] == marked


def test_columns_count_utf16_units_behind_characters_outside_the_basic_plane():
    text = artifact(INPUT, node(1, "relu", [0], [1, 3])).replace('"id": 1', '"note": "𝔸𝔸", "id": 1')
    report = check_text(text)
    start = report.span(report.findings[0])[0]
    assert report.range(report.findings[0]).start.character == start + 2


def test_every_rule_has_a_text():
    for code, rule in RULES.items():
        assert rule.code == code
        assert rule.what and rule.why and rule.fix and rule.name == rule.name.lower()


@pytest.mark.parametrize(
    ("field", "messages"),
    [
        (
            '[{"operator": "gelu", "form": "tanh", "max_relative_error": 1.2e-4}]',
            ["the tanh form stands in for the exact gelu (largest relative error 0.00012)"],
        ),
        (
            '[{"operator": "gelu", "form": "tanh"}]',
            ["the tanh form stands in for the exact gelu (not measured)"],
        ),
        (
            '[{"operator": "gelu", "form": "tanh", "max_relative_error": 1e400}]',
            ["the tanh form stands in for the exact gelu (largest relative error 100000…(401 digits))"],
        ),
        ('["gelu", {"operator": 1, "form": "tanh"}, null, []]', []),
        ('{"gelu": "tanh"}', []),
        ("3", []),
    ],
)
def test_approximations_that_capture_left_are_told(field, messages):
    text = (
        f'{{"format": "torchlean.ir.v1", "approximations": {field}, "input_id": 0, "output_id": 0, "nodes": '
        '[{"id": 0, "kind": "input", "parents": [], "shape": [2]}]}'
    )
    findings = check_bytes(text.encode()).findings
    assert [finding.message for finding in findings] == messages
    assert {finding.code for finding in findings} <= {"TL405"}


def test_inputs_of_different_shapes_are_named_and_what_will_refuse_them():
    _, finding, _ = only(artifact(INPUT, node(1, "input", [], [5]), node(2, "relu", [0], [1, 4])), "TL105")
    assert "this one has shape [5], and node 0 [1, 4]" in finding.message
    assert "`torchlean emit`, `run` and `train` refuse such a graph" in finding.message


def test_inputs_of_one_shape_are_not_said_to_be_refused():
    _, finding, _ = only(artifact(INPUT, node(1, "input", [], [1, 4]), node(2, "relu", [0], [1, 4])), "TL105")
    assert finding.message == "more than one `input` node: every one receives the same tensor"
