"""Fixes of single fields: applied, the finding is gone, and nothing else is another."""

from __future__ import annotations

import pytest

from tests.core.check.fixes.support import INPUT, LAYOUTS, fixed, inline, minified, node, offered, titles
from torchlean_core.check import check_text

CONV = {"inC": 3, "outC": 8, "kH": 3, "kW": 3, "stride": 1, "padding": 1}
IMAGE = node(0, "input", [], [3, 8, 8])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_misspelt_kind_is_replaced_and_nothing_else(layout):
    text = layout(INPUT, node(1, "rlu", [0], [1, 4], note="rlu"))
    assert fixed(text, "TL014", "Change kind to `relu`") == text.replace('"rlu"', '"relu"', 1)


def test_a_kind_in_another_case_is_meant_for_sure():
    [fix] = offered(inline(INPUT, node(1, "ReLU", [0], [1, 4])), "TL014")
    assert fix.safe and fix.title == "Change kind to `relu`"


def test_a_kind_that_would_bring_more_errors_is_not_offered():
    assert titles(inline(INPUT, node(1, "conv2", [0], [1, 4])), "TL014") == []


def test_a_tuple_kind_with_tuple_shapes_becomes_a_tuple():
    tuple_node = {"id": 1, "kind": "py_tuple", "parents": [0], "shape": [1, 4], "tuple_shapes": [[1, 4]]}
    text = inline(INPUT, tuple_node, node(2, "relu", [0], [1, 4]))
    assert check_text(fixed(text, "TL014", "Set value_kind")).ok


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_misspelt_field_is_renamed(layout):
    text = layout(INPUT, node(1, "softmax", [0], [1, 4], axs=1))
    assert fixed(text, "TL010", "Rename `axs` to `axis`") == text.replace('"axs"', '"axis"')


def test_a_field_in_another_spelling_is_meant_for_sure():
    [fix] = offered(inline(INPUT, node(1, "softmax", [0], [1, 4], Axis=1)), "TL010")
    assert fix.safe


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_missing_id_comes_first_in_its_node(layout):
    text = layout(INPUT, node(1, "relu", [0], [1, 4]))
    broken = text.replace(
        *{
            "inline": ('"id": 1, ', ""),
            "minified": ('"id":1,', ""),
            "indented": ('"id": 1,\n      ', ""),
            "one_a_line": ('"id": 1, ', ""),
        }[layout.__name__]
    )
    assert broken != text
    assert fixed(broken, "TL010", 'Add "id": 1') == text


@pytest.mark.parametrize("layout", LAYOUTS)
def test_missing_parents_of_a_source_are_added_at_the_end(layout):
    source = {"id": 0, "kind": "input", "shape": [1, 4], "note": "x"}
    text = layout(source, node(1, "relu", [0], [1, 4]))
    assert fixed(text, "TL010", 'Add "parents": []') == layout(
        {**source, "parents": []}, node(1, "relu", [0], [1, 4])
    )


def test_missing_parents_of_an_operation_are_the_nearest_that_fit():
    text = inline(INPUT, {"id": 1, "kind": "relu", "shape": [1, 4]})
    assert titles(text, "TL010") == ['Add "parents": [0], the nearest that fits']
    assert check_text(fixed(text, "TL010", 'Add "parents": [0]')).ok


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("kind", "shape", "name", "fields"),
    [
        ("reshape", [4], "in_shape", {"out_shape": [4], "in_shape": [1, 4]}),
        ("reshape", [4, 1], "out_shape", {"in_shape": [1, 4], "out_shape": [4, 1]}),
        ("broadcast_to", [2, 4], "from_shape", {"to_shape": [2, 4], "from_shape": [1, 4]}),
        ("flatten", [4], "value_shape", {"value_shape": [1, 4]}),
    ],
)
def test_a_missing_shape_field_is_added_where_only_one_value_is_right(layout, kind, shape, name, fields):
    whole = node(1, kind, [0], shape, **fields)
    # The field goes to the end, so the whole one has it there.
    whole[name] = whole.pop(name)
    text = layout(INPUT, {key: value for key, value in whole.items() if key != name})
    assert fixed(text, "TL010", f'Add "{name}"') == layout(INPUT, whole)
    assert offered(text, "TL010")[0].safe


def test_missing_channels_are_the_operands():
    fields = {key: value for key, value in CONV.items() if key != "inC"}
    text = inline(IMAGE, node(1, "conv2d", [0], [8, 8, 8], **fields))
    assert fixed(text, "TL010", 'Add "inC": 3') == text.replace('"padding": 1', '"padding": 1, "inC": 3')


def test_a_missing_axis_is_offered_where_one_fits_only_and_is_a_guess():
    image = node(0, "input", [], [2, 3, 4])
    [fix] = offered(inline(image, node(1, "reduce_sum", [0], [2, 4])), "TL010")
    assert fix.title == 'Add "axis": 1' and not fix.safe
    assert titles(inline(image, node(1, "softmax", [0], [2, 3, 4])), "TL010") == []


def test_a_missing_shape_is_inferred():
    text = inline(INPUT, {"id": 1, "kind": "relu", "parents": [0]}, node(2, "tanh", [1], [1, 4]))
    assert fixed(text, "TL010", "Add inferred shape [1, 4]") == text.replace(
        '"parents": [0]}', '"parents": [0], "shape": [1, 4]}'
    )


def test_the_format_is_added_first():
    for layout in LAYOUTS:
        text = layout(INPUT)
        assert fixed(layout(INPUT, format=None), "TL013", "Add ") == text


def test_another_format_is_a_guess_and_another_case_is_none():
    text = inline(INPUT, format="torchlean.ir.v2")
    assert fixed(text, "TL012", "Set format") == inline(INPUT) and not offered(text, "TL012")[0].safe
    assert offered(inline(INPUT, format="TorchLean.IR.v1"), "TL012")[0].safe


def test_a_value_kind_follows_the_field_that_is_there():
    text = inline(INPUT, node(1, "relu", [0], [1, 4], value_kind="tensr"))
    assert fixed(text, "TL015", 'Set value_kind to "tensor"') == text.replace("tensr", "tensor")
    assert offered(text.replace("tensr", "Tensor"), "TL015")[0].safe


def test_a_misspelt_end_is_renamed():
    text = inline(INPUT).replace("input_id", "inputId")
    assert fixed(text, "TL010", "Rename `inputId`") == inline(INPUT)


@pytest.mark.parametrize(
    ("kind", "shape", "fields", "axis"),
    [("softmax", [2, 3, 4], {"axis": -1}, 2), ("reduce_sum", [3, 4], {"axis": -3}, 0)],
)
def test_a_negative_axis_counts_from_the_front(kind, shape, fields, axis):
    text = inline(node(0, "input", [], [2, 3, 4]), node(1, kind, [0], shape, **fields))
    assert fixed(text, "TL011", f"Set axis to {axis}") == text.replace(
        f'"axis": {fields["axis"]}', f'"axis": {axis}'
    )
    assert offered(text, "TL011")[0].safe


def test_negative_axes_of_a_permutation_change_together():
    text = minified(node(0, "input", [], [2, 3, 4]), node(1, "permute", [0], [4, 2, 3], perm=[-1, -3, 1]))
    assert fixed(text, "TL011", "Set perm") == text.replace("[-1,-3,1]", "[2,0,1]")


def test_a_negative_axis_out_of_range_becomes_one_that_there_is():
    text = inline(INPUT, node(1, "softmax", [0], [1, 4], axis=-3))
    assert titles(text, "TL011") == ["Set axis to 0", "Set axis to 1, the last axis"]
    assert not any(fix.safe for fix in offered(text, "TL011"))
    assert check_text(fixed(text, "TL011", "Set axis to 0")).ok


def test_the_rest_of_a_reshape_is_counted():
    text = inline(INPUT, node(1, "reshape", [0], [2, 2], in_shape=[1, 4], out_shape=[2, -1]))
    assert fixed(text, "TL011", "Set out_shape to [2, 2]") == text.replace("[2, -1]", "[2, 2]")


def test_an_axis_out_of_range_becomes_the_only_one_that_fits():
    text = inline(node(0, "input", [], [2, 3, 4]), node(1, "reduce_mean", [0], [2, 3], axis=3))
    assert fixed(text, "TL203", "Set axis to 2") == text.replace('"axis": 3', '"axis": 2')


def test_a_permutation_from_one_counts_from_zero():
    text = inline(node(0, "input", [], [2, 3]), node(1, "permute", [0], [3, 2], perm=[2, 1]))
    assert fixed(text, "TL204", "Set perm to [1, 0]") == text.replace("[2, 1]", "[1, 0]")


def test_channels_are_the_operands():
    text = inline(IMAGE, node(1, "conv2d", [0], [8, 8, 8], **{**CONV, "inC": 4}))
    assert fixed(text, "TL211", "Set inC to 3") == text.replace('"inC": 4', '"inC": 3')
    text = inline(IMAGE, node(1, "conv2d", [0], [8, 8, 8], **{**CONV, "inC": 0}))
    assert fixed(text, "TL206", "Set inC to 3") == text.replace('"inC": 0', '"inC": 3')


def test_an_out_shape_of_another_size_follows_the_declared_shape():
    text = inline(INPUT, node(1, "reshape", [0], [2, 2], in_shape=[1, 4], out_shape=[2, 3]))
    assert fixed(text, "TL207", "Set out_shape to [2, 2]") == text.replace("[2, 3]", "[2, 2]")


@pytest.mark.parametrize(("old", "new"), [('"shape": ["1", 4]', '"shape": [1, 4]'), ('["0"]', "[0]")])
def test_a_number_in_quotes_loses_them(old, new):
    text = inline(INPUT, node(1, "relu", [0], [1, 4]))
    broken = new.join(text.rsplit(new, 1)).replace(new, old) if new != "[0]" else text.replace(new, old)
    assert fixed(broken, "TL011", "Change ") in (text, broken.replace(old, new, 1))


def test_a_single_number_becomes_an_array():
    text = inline(INPUT, node(1, "relu", [0], [1, 4]))
    assert fixed(text.replace("[0]", "0"), "TL011", "Write parents as an array") == text


def test_the_epsilon_is_torchleans_if_wanted():
    text = inline(INPUT, node(1, "layernorm", [0], [1, 4], axis=1, eps=1e-5))
    assert fixed(text, "TL402", "Set eps") == text.replace("1e-05", "1e-06")
    assert not offered(text, "TL402")[0].safe


def test_a_node_with_broken_text_has_no_fix():
    text = inline(INPUT, node(1, "rlu", [0], [1, 4])).replace('"id": 1,', '"id": 1')
    assert titles(text, "TL014") == []
