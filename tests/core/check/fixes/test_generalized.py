"""Fixes of files of the generalized dialect, and between the dialects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.check.fixes.support import (
    LAYOUTS,
    NodeObject,
    applied,
    fixed,
    node,
    nodes_of,
    offered,
    titles,
)
from torchlean_core.check import check_text
from torchlean_core.check.fixes import fixes
from torchlean_core.check.fixing import fix_text

INPUT = node(0, "input", [], [2, 3])
IMAGES = node(0, "input", [], [2, 3, 8, 8])
CONV: dict[str, Any] = {
    "spatial_rank": 2,
    "kernel": [3, 3],
    "stride": [1, 1],
    "padding": [0, 0],
    "dilation": [1, 1],
    "padding_after": [0, 0],
    "groups": 1,
    "channel_axis": 1,
    "in_channels": 3,
    "out_channels": 4,
}
LINEAR: dict[str, Any] = {"out_dim": 2, "in_dim": 3, "weight": [[1, 2, 3], [4, 5, 6]], "bias": [1, 2]}


def graph(*nodes: NodeObject, layout: Any = LAYOUTS[0], **root: Any) -> str:
    text: str = layout(*nodes, **{"output_id": None, "output_ids": [len(nodes) - 1], **root})
    return text


def reduced(shape: list[int], **fields: Any) -> str:
    return graph(INPUT, node(1, "reduce_mean", [0], shape, **fields))


def conv(shape: list[int], **changes: Any) -> str:
    fields = {name: value for name, value in {**CONV, **changes}.items() if value is not None}
    return graph(IMAGES, node(1, "conv", [0], shape, **fields))


def root_of(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


@pytest.mark.parametrize(
    ("text", "code", "title", "field", "value"),
    [
        (reduced([2], axes=[1]), "TL010", 'Add "keepdim": false', "keepdim", False),
        (reduced([2, 1], axes=[1]), "TL010", 'Add "keepdim": true', "keepdim", True),
        (reduced([3], keepdim=False), "TL010", 'Add "axes": [0]', "axes", [0]),
        (reduced([2], axes=[-1], keepdim=False), "TL011", "Set axes to [1]", "axes", [1]),
        (reduced([2], axes=[2], keepdim=False), "TL203", "Set axes to [1], counted from 0", "axes", [1]),
        (reduced([2], axes=[1, 5], keepdim=False), "TL203", "Remove 5 from axes", "axes", [1]),
        (reduced([2], axes=[1, 1], keepdim=False), "TL204", "Remove the second 1 from axes", "axes", [1]),
        (conv([2, 4, 6, 6], stride=None), "TL010", 'Add "stride": [1, 1]', "stride", [1, 1]),
        (conv([2, 4, 6, 6], padding_after=None), "TL010", 'Add "padding_after"', "padding_after", [0, 0]),
        (conv([2, 4, 6, 6], groups=None), "TL010", 'Add "groups": 1', "groups", 1),
        (conv([2, 4, 6, 6], in_channels=None), "TL010", 'Add "in_channels": 3', "in_channels", 3),
        (conv([2, 4, 6, 6], out_channels=None), "TL010", 'Add "out_channels": 4', "out_channels", 4),
        (conv([2, 4, 6, 6], spatial_rank=None), "TL010", 'Add "spatial_rank": 2', "spatial_rank", 2),
        (conv([2, 4, 6, 6], in_channels=5), "TL211", "Set in_channels to 3", "in_channels", 3),
        (conv([2, 4, 6, 6], groups=2), "TL211", "Set groups to 1", "groups", 1),
        (conv([2, 4, 6, 6], channel_axis=0), "TL210", "Set channel_axis to 1", "channel_axis", 1),
        (conv([2, 4, 6, 6], channel_axis=-3), "TL011", "Set channel_axis to 1", "channel_axis", 1),
        (conv([2, 4, 6, 6], stride=[1]), "TL212", "Set stride to [1, 1]", "stride", [1, 1]),
        (conv([2, 4, 6, 6], padding=[0, 0, 2]), "TL212", "Set padding to [0, 0]", "padding", [0, 0]),
        (conv([2, 4, 6, 6], dilation=[]), "TL212", "Set dilation to [1, 1]", "dilation", [1, 1]),
        (conv([2, 4, 6, 6], spatial_rank=3), "TL212", "Set spatial_rank to 2", "spatial_rank", 2),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 40 else "",
)
def test_a_field_gets_the_value_that_makes_the_node_right(text, code, title, field, value):
    after = fixed(text, code, title)
    assert nodes_of(after)[1][field] == value
    assert check_text(after).ok


def test_what_is_wrong_about_an_axis_or_a_length_is_never_mended_unasked():
    for text in (conv([2, 4, 6, 6], stride=[1]), reduced([2], axes=[1, 5], keepdim=False)):
        assert not fix_text(text).changed


def test_an_axis_given_twice_is_taken_out_unasked():
    assert nodes_of(fix_text(reduced([2], axes=[1, 1], keepdim=False)).text)[1]["axes"] == [1]


def test_operands_are_broadcast_as_pytorch_does_without_a_reshape():
    text = graph(INPUT, node(1, "const", [], [3]), node(2, "add", [0, 1], [2, 3]))
    after = nodes_of(fixed(text, "TL202", "Insert broadcast_to"))
    assert [one["kind"] for one in after] == ["input", "const", "broadcast_to", "add"]
    assert after[2]["from_shape"] == [3] and after[3]["parents"] == [0, 2]


def test_what_only_the_classic_dialect_broadcasts_gets_a_reshape():
    text = graph(
        INPUT,
        node(1, "const", [], [2]),
        node(2, "broadcast_to", [1], [2, 3], from_shape=[2], to_shape=[2, 3]),
        node(3, "add", [0, 2], [2, 3]),
    )
    assert check_text(fixed(text, "TL208", "Insert a reshape to [2, 1]")).ok


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.__name__)
def test_several_outputs_follow_nodes_that_are_renumbered_and_reordered(layout):
    nodes = (INPUT, node(1, "add", [0, 2], [2, 3]), node(2, "softplus", [0], [2, 3]))
    text = graph(*nodes, layout=layout, output_ids=[2, 1, 2])
    after = fixed(text, "TL103", "Reorder nodes")
    assert root_of(after)["output_ids"] == [1, 2, 1]
    assert check_text(after).ok


def test_outputs_follow_nodes_that_are_inserted_and_removed():
    nodes = (
        INPUT,
        node(1, "tanh", [0], [2, 3]),
        node(2, "relu", [0], [2, 3]),
        node(3, "const", [], [3]),
        node(4, "add", [2, 3], [2, 3]),
    )
    text = graph(*nodes, output_ids=[4, 2])
    assert root_of(fixed(text, "TL202", "Insert broadcast_to"))["output_ids"] == [5, 2]
    assert root_of(fixed(text, "TL403", "Remove this unused node"))["output_ids"] == [3, 1]


RELU = node(1, "relu", [0], [2, 3])
TANH = node(2, "tanh", [0], [2, 3])


@pytest.mark.parametrize(
    ("outputs", "code", "title", "after"),
    [
        ([], "TL104", "Set output_ids to [2]", [2]),
        ([], "TL104", "Set output_ids to [1, 2]", [1, 2]),
        (None, "TL010", "Add output_ids: [2]", [2]),
        (1, "TL011", "Set output_ids to [1]", [1]),
        ([1, 7], "TL104", "Set output_ids[1] to 2", [1, 2]),
        ([1, 7], "TL104", "Remove output_ids[1]", [1]),
        ([7], "TL104", "Set output_ids[0] to 2", [2]),
        (["1"], "TL011", 'Change "1" to 1', [1]),
    ],
)
def test_wrong_outputs_are_mended(outputs, code, title, after):
    extra = {} if outputs is not None else {"captured_from": "softplus"}
    nodes = (INPUT, RELU, TANH) if outputs is not None else (INPUT, node(1, "softplus", [0], [2, 3]), TANH)
    text = graph(*nodes, output_ids=outputs, **extra)
    assert root_of(fixed(text, code, title))["output_ids"] == after


def test_a_second_input_becomes_a_copy_of_the_first():
    text = graph(INPUT, node(1, "input", [], [2, 3]), node(2, "add", [0, 1], [2, 3]))
    after = fixed(text, "TL105", "Make it a reshape of the first input", 1)
    assert check_text(after).ok
    assert nodes_of(after)[1]["kind"] == "reshape"
    other = graph(
        INPUT, node(1, "input", [], [6]), node(2, "reshape", [1], [2, 3], in_shape=[6], out_shape=[2, 3])
    )
    assert titles(other, "TL105", 1) == []


def test_sizes_beside_parameters_are_set_to_those_of_the_graph():
    text = graph(INPUT, node(1, "linear", [0], [2, 2], **{**LINEAR, "in_dim": 4, "out_dim": 5}))
    (fix,) = offered(text, "TL502")
    assert fix.safe and fix.title == "Set out_dim to 2 and in_dim to 3"
    assert check_text(applied(text, "TL502", fix)).ok


def test_sizes_are_not_set_unasked_where_the_parameters_do_not_fit_either():
    text = graph(INPUT, node(1, "linear", [0], [2, 2], **{**LINEAR, "in_dim": 4, "bias": [1]}))
    assert not any(fix.safe for fix in offered(text, "TL502"))


def test_parameters_that_are_not_whole_are_taken_out_only_where_somebody_asks():
    fields = {name: value for name, value in LINEAR.items() if name != "bias"}
    text = graph(INPUT, node(1, "linear", [0], [2, 2], **fields))
    assert not fix_text(text).changed
    after = fixed(text, "TL501", "Remove `weight`")
    assert check_text(after).ok and "weight" not in nodes_of(after)[1]


def test_a_shape_whose_change_breaks_parameters_behind_it_is_not_safe():
    nodes = (
        INPUT,
        node(1, "reduce_sum", [0], [2, 3], axes=[1], keepdim=True),
        node(2, "linear", [1], [2, 2], **LINEAR),
    )
    assert [fix.safe for fix in offered(graph(*nodes), "TL201")] == [False]


def test_nodes_that_hold_their_parameters_are_renumbered_without_a_warning():
    text = graph(INPUT, node(5, "linear", [0], [2, 2], **LINEAR), output_ids=[5])
    (fix,) = offered(text, "TL101")
    assert fix.safe and "go by" not in fix.title
    bare = graph(INPUT, node(5, "linear", [0], [2, 2]), output_ids=[5])
    (fix,) = offered(bare, "TL101")
    assert not fix.safe


# -- between the dialects -------------------------------------------------------------------------------------


def test_the_root_field_that_is_ignored_goes():
    text = graph(INPUT, RELU, output_id=1)
    after = fixed(text, "TL017", "Remove `output_id`")
    assert check_text(after).findings == [] and "output_id" not in root_of(after)
    assert fix_text(text).text == after


CLASSIC_NODES = [
    ([2, 3], node(1, "swap_first_two", [0], [3, 2]), "transpose"),
    ([1, 2, 3], node(1, "transpose3d_last_two", [0], [1, 3, 2]), "transpose"),
    ([2, 3], node(1, "reduce_sum", [0], [2], axis=1), "reduce_sum"),
    ([3, 8, 8], node(1, "conv2d", [0], [4, 3, 3], inC=3, outC=4, kH=3, kW=4, stride=2, padding=0), "conv"),
    ([3, 8, 8], node(1, "max_pool2d", [0], [3, 4, 4], kH=2, kW=2, stride=2), "max_pool"),
    ([3, 8, 8], node(1, "avg_pool2d_pad", [0], [3, 5, 5], kH=2, kW=2, stride=2, padding=1), "avg_pool"),
    ([2, 3, 4, 4], node(1, "batch_norm2d_nchw_eval", [0], [2, 3, 4, 4], channels=3), "batch_norm_eval"),
]


@pytest.mark.parametrize(
    ("shape", "classic", "kind"), CLASSIC_NODES, ids=lambda one: one if isinstance(one, str) else ""
)
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda one: one.__name__)
def test_a_node_of_the_other_dialect_is_converted_and_back(shape, classic, kind, layout):
    source = node(0, "input", [], shape)
    text = graph(source, classic, layout=layout)
    code = "TL010" if classic["kind"] == kind else "TL014"
    there = fixed(text, code, f"Convert this node to generalized: `{kind}`", 1)
    assert check_text(there).findings == []
    back = json.loads(there)
    back["output_id"] = back.pop("output_ids")[0]
    text = json.dumps(back)
    again = fixed(text, code, "Convert this node to classic", 1)
    assert nodes_of(again)[1] == classic
    assert check_text(again).ok


def test_a_file_is_never_converted_unasked():
    text = graph(INPUT, node(1, "swap_first_two", [0], [3, 2]))
    for unsafe in (False, True):
        assert not fix_text(text, unsafe=unsafe).changed


@pytest.mark.parametrize(
    "foreign",
    [
        node(1, "softplus", [0], [2, 3]),
        node(1, "reduce_sum", [0], [], axes=[0, 1], keepdim=False),
        node(1, "reduce_sum", [0], [2, 1], axes=[1], keepdim=True),
        node(1, "batch_norm_eval", [0], [2, 3], channel_axis=1, channels=3),
        node(1, "transpose", [0], [2, 3], axis1=0, axis2=2),
        node(1, "max_pool", [0], [2, 2], spatial_rank=1, kernel=[2], stride=[1], padding=[0]),
    ],
    ids=lambda one: str(one["kind"]),
)
def test_what_one_node_cannot_say_is_not_converted(foreign):
    text = graph(INPUT, foreign, output_ids=None, output_id=1)
    report = check_text(text)
    assert not report.ok
    found = [fix.title for finding in report.findings for fix in fixes(report, finding)]
    assert not [title for title in found if title.startswith("Convert this node")]
