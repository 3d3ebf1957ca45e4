"""Completions, in texts that are broken where one types."""

from __future__ import annotations

import json

import pytest

from tests.core.navigate.support import INPUT, RELU, cursor_of, node, text_of
from torchlean_core.check import check_text
from torchlean_core.kinds import CLASSIC
from torchlean_core.navigate.cursor import Level
from torchlean_core.navigate.suggest import Sort, suggest

BEGUN = text_of(INPUT, RELU, tail="")[:-1] + ",\n"


def labels(text: str) -> list[str]:
    return [one.label for one in suggest(*cursor_of(text)).items]


def applied(text: str, label: str) -> str:
    """The text after taking a suggestion."""
    links, cursor = cursor_of(text)
    [one] = [one for one in suggest(links, cursor).items if one.label == label]
    plain = links.report.document.text
    start, end = cursor.replace
    after = plain[:start] + one.text + plain[end:]
    if cursor.comma_at is not None:
        after = after[: cursor.comma_at] + "," + after[cursor.comma_at :]
    return after


@pytest.mark.parametrize(
    "kind", [*CLASSIC.tensor_kinds.values(), CLASSIC.getitem], ids=lambda kind: kind.name
)
def test_exactly_the_fields_that_a_kind_still_misses_are_offered(kind):
    needed = [field.name for field in kind.fields if field.required]
    text = BEGUN + f'{{"id": 2, "kind": "{kind.name}", "parents": [1], ▮}}\n]}}'
    assert set(labels(text)) == {"shape", *needed}
    for name in needed:
        text = BEGUN + f'{{"id": 2, "kind": "{kind.name}", "{name}": 1, ▮"shape": []}}\n]}}'
        assert set(labels(text)) == {"parents", *needed} - {name}


@pytest.mark.parametrize(
    "rest",
    [
        "▮",
        '▮"}\n]}',
        "▮\n]}",
        '▮\n,{"id": 3, "kind": "relu", "parents": [2], "shape": [1, 4]}]}',
        '▮, "shape": [1, 4]}]}',
    ],
)
def test_kinds_are_offered_in_a_string_that_nobody_closed(rest):
    text = BEGUN + '{"id": 2, "parents": [0, 1], "kind": "' + rest
    found = labels(text)
    assert set(found) == {*CLASSIC.tensor_kinds, CLASSIC.getitem.name, *CLASSIC.tuple_kinds}
    # What takes two operands of these shapes comes first, what does not comes last.
    assert set(found[:5]) == {"add", "sub", "mul_elem", "max_elem", "min_elem"}
    assert found.index("concat") < found.index("relu") and found.index("mse_loss") < found.index("matmul")


def test_operands_are_those_before_with_kind_and_shape_and_fitting_ones_first():
    wide = node(2, "linear", [1], [1, 9])
    text = text_of(INPUT, RELU, wide, '{"id": 3, "kind": "add", "parents": [1, ▮], "shape": [1, 4]}')
    found = suggest(*cursor_of(text)).items
    assert [one.label for one in found] == ["0", "1", "2"] or [one.label for one in found] == ["1", "0", "2"]
    assert {one.label: one.detail for one in found}["2"] == "linear [1, 9]"
    assert labels(text.replace("[1, ▮]", "[1, 2▮]")) == ["2"]
    assert labels(text.replace("[1, ▮]", "▮")) == ["[2]", "[1]", "[0]"]


@pytest.mark.parametrize(
    ("text", "label", "then"),
    [
        ('{"id": 2, "kind": "softmax", "parents": [1], "shape": [1, 4] "▮"}', "axis", '"axis": 1'),
        ('{"id": 2, "kind": "softmax", "parents": [1], "shape": [1, 4], ▮}', "axis", '"axis": 1'),
        ('{"id": 2, "kind": "softmax", "axis": 0, ▮"parents": [1]}', "shape", '"shape": [1, 4]'),
        ('{"id": 2, "kind": "so▮", "parents": [1], "axis": 1, "shape": [1, 4]}', "softmax", '"softmax"'),
        ('{"id": 2, "kind": "relu", "parents": [1], "shape": ▮}', "[1, 4]", "[1, 4]"),
        ('{"id": 2, "kind": "flatten", "parents": [1], "value_shape": [1, 4], "shape": ▮}', "[4]", "[4]"),
        ("▮", "relu", '"kind": "relu", "parents": [1], "shape": [1, 4]'),
    ],
)
def test_what_is_taken_makes_a_text_that_parses(text, label, then):
    after = applied(text_of(INPUT, RELU, text), label)
    assert then in json.dumps(json.loads(after)["nodes"][2])


@pytest.mark.parametrize("kind", list(CLASSIC.tensor_kinds))
def test_a_whole_node_of_any_kind_is_json(kind):
    after = applied(text_of(INPUT, RELU, "▮"), kind)
    added = json.loads(after)["nodes"][2]
    assert added["id"] == 2 and added["kind"] == kind
    assert {"parents", "shape"} | {
        field.name for field in CLASSIC.tensor_kinds[kind].fields if field.required
    } <= set(added)


def test_a_whole_node_that_fits_is_clean():
    for kind in (
        "relu",
        "softmax",
        "linear",
        "add",
        "reshape",
        "permute",
        "flatten",
        "sum",
        "concat",
        "matmul",
    ):
        report = check_text(applied(text_of(INPUT, RELU, "▮"), kind))
        wrong = [one.code for one in report.findings if one.index == 2 and one.severity.value == "error"]
        assert wrong == [] or kind == "matmul"  # (1, 4) does not fit itself


def test_the_root_offers_what_it_misses_and_its_values():
    assert labels('{"format": "torchlean.ir.v1", ▮}') == ["input_id", "output_id", "output_ids", "nodes"]
    assert labels('{"output_id": 0, ▮}') == ["format", "input_id", "nodes"]
    assert labels(text_of(INPUT, RELU).replace('"output_id": 1', '"output_id": ▮'))[0] == "1"
    assert labels(text_of(INPUT, RELU).replace('"input_id": 0', '"input_id": ▮')) == ["0"]
    assert labels('{"format": "▮') == ["torchlean.ir.v1"]
    assert labels(text_of(INPUT, RELU)[:-1] + ', "▮"}') == []


def test_an_empty_file_offers_an_artifact_that_is_clean():
    assert check_text(applied("▮", "new artifact")).findings == []


def test_components_and_axes_are_offered_with_their_sizes():
    tuple_node = (
        '{"id": 1, "kind": "py_tuple", "parents": [0], "value_kind": "tuple", "tuple_shapes": [[1, 4], [2]]}'
    )
    text = text_of(INPUT, tuple_node, '{"id": 2, "kind": "tuple_getitem", "parents": [1], "index": ▮}')
    found = suggest(*cursor_of(text)).items
    assert [(one.label, one.detail) for one in found] == [("0", "[1, 4]"), ("1", "[2]")]
    text = text_of(INPUT, '{"id": 1, "kind": "reduce_sum", "parents": [0], "axis": ▮}')
    assert labels(text) == ["0", "1"]


@pytest.mark.parametrize(
    "text", ['{"a": {"b▮": 1}}', "[▮]", "nonsense ▮", '{"nodes": 3▮}', BEGUN + '{"source": {"▮']
)
def test_elsewhere_nothing_is_offered(text):
    assert labels(text) == []


def test_many_operands_are_cut_and_counted():
    nodes = [INPUT, *(node(index, "relu", [index - 1], [1, 4]) for index in range(1, 500))]
    found = suggest(*cursor_of(text_of(*nodes, '{"id": 500, "kind": "relu", "parents": [▮]}')))
    assert len(found.items) == 100 and found.left_out == 400
    assert found.items[0].label == "499" and all(one.sort is Sort.NODE for one in found.items)


def test_every_place_of_a_text_has_an_answer():
    text = text_of(
        INPUT,
        RELU,
        '{"id": 2, "kind": "concat", "parents": [0, 1], "axis": 1, "shape": [1, 8], "n": {"a": [1]}}',
    )
    for offset in range(len(text) + 1):
        for cut in (text[:offset] + "▮" + text[offset:], text[:offset] + "▮"):
            links, cursor = cursor_of(cut)
            suggest(links, cursor)
            assert cursor.replace[0] <= offset <= cursor.replace[1]
            assert "\n" not in links.report.document.text[cursor.replace[0] : cursor.replace[1]]
            assert cursor.level in Level


def test_of_the_kinds_that_fit_those_come_first_that_one_types_most():
    found = labels(BEGUN + '{"id": 2, "kind": "▮"}\n]}')
    fitting = [name for name in found if name in ("linear", "relu", "detach", "reshape", "softmax")]
    assert fitting == ["linear", "relu", "reshape", "softmax", "detach"]
    assert found.index("linear") == 0


def test_what_is_typed_in_a_string_is_replaced_whole_and_matched_with_its_quotes():
    links, cursor = cursor_of(BEGUN + '{"id": 2, "kind": "lin▮"}\n]}')
    start, end = cursor.replace
    assert links.report.document.text[start:end] == '"lin"'
    assert [one.text for one in suggest(links, cursor).items if one.filter.startswith('"lin')] == ['"linear"']
