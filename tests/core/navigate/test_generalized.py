"""Finding one's way in files of the generalized dialect: several outputs, its kinds, parameters in nodes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.core.navigate.support import MARK, cursor_of, links_of, node
from torchlean_core.check import check_text
from torchlean_core.check.fixes import apply_edits
from torchlean_core.kinds import GENERALIZED
from torchlean_core.navigate import spot_at
from torchlean_core.navigate.explain import explain, parameters_of
from torchlean_core.navigate.hints import hints
from torchlean_core.navigate.outline import role_of
from torchlean_core.navigate.rename import rename_edits
from torchlean_core.navigate.suggest import suggest
from torchlean_core.picture import drawing_of, picture

INPUT = node(0, "input", [], [2, 3, 8, 8])
RELU = node(1, "relu", [0], [2, 3, 8, 8])
CONV = {
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
LINEAR: dict[str, Any] = {"out_dim": 2, "in_dim": 3, "weight": [[1, 2, 3], [4, 5, 6]], "bias": [0.5, -2]}


def text_of(*nodes: str, outputs: str = "[1]", tail: str = "]}") -> str:
    head = f'{{"format": "torchlean.ir.v1", "input_id": 0, "output_ids": {outputs}, "nodes": [\n'
    return head + ",\n".join(nodes) + "\n" + tail


BEGUN = text_of(INPUT, RELU, tail="")[:-1] + ",\n"


def labels(text: str) -> list[str]:
    return [one.label for one in suggest(*cursor_of(text)).items]


def applied(text: str, label: str) -> str:
    links, cursor = cursor_of(text)
    [one] = [one for one in suggest(links, cursor).items if one.label == label]
    plain = links.report.document.text
    return plain[: cursor.replace[0]] + one.text + plain[cursor.replace[1] :]


def hover(text: str) -> str:
    links = links_of(text)
    spot = spot_at(links.report.document, text.index(MARK))
    assert spot is not None
    found = explain(links, spot)
    assert found is not None
    return found


# -- completion -----------------------------------------------------------------------------------------------


def test_the_kinds_of_the_dialect_are_offered_and_no_other():
    found = set(labels(BEGUN + '{"id": 2, "kind": "▮"}\n]}'))
    assert found == {*GENERALIZED.tensor_kinds, GENERALIZED.getitem.name, *GENERALIZED.tuple_kinds}


@pytest.mark.parametrize("kind", GENERALIZED.all_kinds, ids=lambda kind: kind.name)
def test_the_fields_that_a_kind_still_misses_are_offered(kind):
    needed = {field.name for field in kind.fields if field.required}
    text = BEGUN + f'{{"id": 2, "kind": "{kind.name}", "parents": [1], ▮}}\n]}}'
    assert set(labels(text)) == {"shape", *needed}


@pytest.mark.parametrize("kind", list(GENERALIZED.tensor_kinds))
def test_a_whole_node_of_any_kind_is_json_and_right_where_its_operands_fit(kind):
    after = applied(text_of(INPUT, RELU, "▮"), kind)
    added = json.loads(after)["nodes"][2]
    wrong = {
        one.code for one in check_text(after).findings if one.index == 2 and one.severity.value == "error"
    }
    # A second input, an operand that has to be a scalar, images that are multiplied.
    assert wrong <= {"TL105"} if kind not in ("bernoulli_mask", "safe_log") else wrong <= {"TL210"}
    assert added["kind"] == kind


def test_geometry_gets_as_many_numbers_as_there_are_axes():
    added = json.loads(applied(text_of(INPUT, RELU, "▮"), "conv"))["nodes"][2]
    assert added["spatial_rank"] == 2 and added["kernel"] == [3, 3] and added["channel_axis"] == 1
    assert added["in_channels"] == 3 and added["shape"] == [2, 3, 6, 6]
    text = (
        BEGUN
        + '{"id": 2, "kind": "conv", "parents": [1], "spatial_rank": 1, "channel_axis": 2, "kernel": ▮}\n]}'
    )
    assert labels(text) == ["[3]"]
    text = BEGUN + '{"id": 2, "kind": "max_pool", "parents": [1], "spatial_rank": 3, "padding": ▮}\n]}'
    assert labels(text) == ["[0, 0, 0]"]


def test_fields_of_parameters_come_when_nothing_else_is_missing():
    begun = '{"id": 2, "kind": "linear", "parents": [1], "shape": [2, 3, 8, 5], ▮}\n]}'
    links, cursor = cursor_of(BEGUN + begun)
    found = {one.label: one for one in suggest(links, cursor).items}
    assert list(found) == ["weight", "bias", "out_dim", "in_dim"]
    assert found["out_dim"].text == '"out_dim": 5' and found["in_dim"].text == '"in_dim": 8'
    assert "Weight" in (found["weight"].doc or "")
    begun = '{"id": 2, "kind": "layernorm", "parents": [1], "shape": [2, 3, 8, 8], "axis": 3, ▮}\n]}'
    assert {"gamma", "beta", "eps"} <= set(labels(BEGUN + begun))


def test_outputs_are_offered_those_first_that_nobody_uses_and_that_are_not_there():
    nodes = (INPUT, RELU, node(2, "tanh", [1], [2, 3, 8, 8]), node(3, "exp", [1], [2, 3, 8, 8]))
    assert labels(text_of(*nodes, outputs="[▮]")) == ["3", "2", "1", "0"]
    assert labels(text_of(*nodes, outputs="[3, ▮]")) == ["2", "1", "0", "3"]
    assert labels(text_of(*nodes, outputs="▮"))[:2] == ["[3]", "[2]"]
    assert labels('{"output_ids": [0], ▮}') == ["format", "input_id", "nodes"]


def test_axes_are_offered_with_their_sizes():
    text = BEGUN + '{"id": 2, "kind": "reduce_sum", "parents": [1], "axes": [1, ▮], "keepdim": true}\n]}'
    assert labels(text) == ["0", "2", "3", "1"]
    text = BEGUN + '{"id": 2, "kind": "transpose", "parents": [1], "axis1": ▮}\n]}'
    assert labels(text) == ["0", "1", "2", "3"]
    text = BEGUN + '{"id": 2, "kind": "reduce_sum", "parents": [1], "axes": [1], "keepdim": ▮}\n]}'
    assert labels(text) == ["false", "true"]


def test_nothing_is_offered_in_parameters():
    linear = node(1, "linear", [0], [2, 2], **LINEAR)
    text = text_of(node(0, "input", [], [2, 3]), linear)
    place = text.index("[[1, 2") + 2
    assert labels(text[:place] + MARK + text[place:]) == []


def test_an_empty_file_offers_an_artifact_of_each_dialect():
    assert check_text(applied("▮", "new artifact (generalized)")).findings == []


# -- links ----------------------------------------------------------------------------------------------------

THREE = (INPUT, RELU, node(2, "tanh", [1], [2, 3, 8, 8]))


def test_every_output_is_a_use_and_is_renamed():
    links = links_of(text_of(*THREE, outputs="[2, 1, 2]"))
    assert [use.path for use in links.uses(2)] == [("output_ids", 0), ("output_ids", 2)]
    after = apply_edits(links.report.document.text, rename_edits(links, 2, "7"))
    assert json.loads(after)["output_ids"] == [7, 1, 7]


def test_an_entry_names_its_node():
    text = text_of(*THREE, outputs="[2, ▮1]")
    links = links_of(text)
    spot = spot_at(links.report.document, text.index(MARK))
    assert spot is not None and links.named(spot) == 1
    for other in ("▮[2, 1]", '[2, 1], ▮"input_id_": 1'):
        text = text_of(*THREE, outputs=other)
        links = links_of(text)
        spot = spot_at(links.report.document, text.index(MARK))
        assert spot is None or links.named(spot) is None


def test_every_output_has_a_hint_and_a_box_that_says_so():
    text = text_of(*THREE, outputs="[2, 1]")
    links = links_of(text)
    found, _ = hints(links, 0, text.index("nodes"))
    assert [hint.label for hint in found] == [
        "/* input [2, 3, 8, 8] */",
        "/* tanh [2, 3, 8, 8] */",
        "/* relu [2, 3, 8, 8] */",
    ]
    boxes = drawing_of(links.report, "m").boxes
    assert [box.outputs for box in boxes] == [(), (1,), (0,)]
    lines = picture(links.report, "text", "m").splitlines()
    assert lines[1].endswith("(output 1)") and lines[2].endswith("(output 0)")


# -- hover ----------------------------------------------------------------------------------------------------


def test_the_root_tells_dialect_and_outputs():
    found = hover("▮" + text_of(*THREE, outputs="[2, 1]"))
    assert "[generalized dialect]" in found and "- output 0: 2 (`tanh`)" in found and "- output 1: 1" in found
    assert "**`output_ids[1]`**" in hover(text_of(*THREE, outputs="[2, ▮1]"))
    assert "`output_ids[0]`" in hover(text_of(*THREE, outputs="[2, 1]").replace('"tanh"', '"ta▮nh"'))


def test_a_kind_is_explained_as_the_dialect_has_it():
    text = text_of(INPUT, node(1, "reduce_mean", [0], [3, 8], axes=[0, 2], keepdim=False))
    found = hover(text.replace('"reduce', '"re▮duce'))
    assert "Mean over axes." in found and "kinds.md#reduce_mean" in found
    assert "- lowered to `reduce_mean` `[2, 3, 8]`, `reduce_mean` `[3, 8]`" in found
    assert "Axes that are reduced" in hover(text.replace('"axes"', '"a▮xes"'))
    same = text_of(INPUT, node(1, "reduce_mean", [0], [2, 3, 8, 8], axes=[], keepdim=True))
    assert "it is its operand" in hover(same.replace('"reduce', '"re▮duce'))


def test_parameters_in_a_node_are_one_thing():
    linear = node(1, "linear", [0], [2, 2], **LINEAR)
    text = text_of(node(0, "input", [], [2, 3]), linear)
    for place in (
        text.index('"weight"') + 3,
        text.index("[[1, 2"),
        text.index("5, 6"),
        text.index("6]]") + 3,
    ):
        found = hover(text[:place] + MARK + text[place:])
        assert found.startswith("**`weight`** · `[2, 3]`, 6 numbers from 1 to 6"), found
        assert "Weight" in found
    assert "from -2 to 0.5" in hover(text.replace("[0.5", "[▮0.5"))
    node_hover = hover(text.replace('"linear"', '"lin▮ear"'))
    assert "- parameter `weight` `[2, 3]`, 6 values, in the node" in node_hover
    assert "Size of the operand's last axis." in hover(text.replace('"in_dim"', '"in_▮dim"'))


def test_many_numbers_are_counted_and_not_measured():
    count = 20_000
    const = node(0, "const", [], [count], values=[1.5] * count)
    found = hover(text_of(const, outputs="[0]").replace('"values"', '"val▮ues"'))
    assert found.startswith(f"**`values`** · `[{count}]`, 20,000 numbers\n")


def test_parameters_elsewhere_go_by_their_name():
    linear = node(1, "linear", [0], [2, 2])
    links = links_of(text_of(node(0, "input", [], [2, 3]), linear))
    record = links.report.records[1]
    assert record is not None
    assert [(one.name, one.shape, one.inline) for one in parameters_of(links, record)] == [
        ("linear_1_W", (2, 3), False),
        ("linear_1_b", (2,), False),
    ]


def test_an_affine_normalization_has_parameters_only_where_it_holds_them():
    for fields, count in (({}, 0), ({"gamma": [1] * 3, "beta": [0] * 3, "eps": 1e-5}, 2)):
        links = links_of(
            text_of(node(0, "input", [], [2, 3]), node(1, "layernorm", [0], [2, 3], axis=1, **fields))
        )
        record = links.report.records[1]
        assert record is not None
        assert len(parameters_of(links, record)) == count


def test_what_sort_of_thing_a_node_is_follows_from_the_dialect():
    links = links_of(
        text_of(INPUT, node(1, "conv", [0], [2, 4, 6, 6], **CONV), node(2, "conv2d", [1], [2, 4, 6, 6]))
    )
    found = [role_of(links, record) for record in links.report.records if record is not None]
    assert found == ["input", "layer", "unknown"]


def test_every_place_of_a_text_has_an_answer():
    text = text_of(
        node(0, "input", [], [2, 3]),
        node(1, "linear", [0], [2, 2], **LINEAR),
        node(2, "reduce_sum", [1], [2, 1], axes=[1], keepdim=True),
        outputs="[2, 1]",
    )
    for offset in range(len(text) + 1):
        for cut in (text[:offset] + MARK + text[offset:], text[:offset] + MARK):
            suggest(*cursor_of(cut))
        links = links_of(text)
        spot = spot_at(links.report.document, offset)
        if spot is not None:
            explain(links, spot)
            links.named(spot)
