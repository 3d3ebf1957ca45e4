"""Texts that speak two dialects, in one: nodes one by one, and the meaning that the root gives to what both know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from torchlean_core.check import check_text
from torchlean_core.check.fixes import apply_edits, fixes
from torchlean_core.convert import ConversionRefused
from torchlean_core.convert.text import convert_text
from torchlean_core.kinds import CLASSIC, GENERALIZED


def node(place: int, kind: str, parents: list[int], shape: list[int], **fields: Any) -> dict[str, Any]:
    return {"id": place, "kind": kind, "parents": parents, "shape": shape, **fields}


def text_of(*nodes: dict[str, Any], **root: Any) -> str:
    return json.dumps({"format": "torchlean.ir.v1", "input_id": 0, **root, "nodes": list(nodes)})


INPUT = node(0, "input", [], [2, 3])
SWAP = node(1, "swap_first_two", [0], [3, 2])
SOFTPLUS = node(1, "softplus", [0], [2, 3])
AFTER = node(2, "softplus", [1], [3, 2])


def kinds(text: str) -> list[str]:
    return [one["kind"] for one in json.loads(text)["nodes"]]


def test_foreign_nodes_are_converted_one_by_one():
    report = check_text(text_of(INPUT, SWAP, AFTER, output_ids=[2, 1], captured_from={"file": "m.py"}))
    text = convert_text(report, GENERALIZED)
    assert kinds(text) == ["input", "transpose", "softplus"]
    root = json.loads(text)
    assert root["output_ids"] == [2, 1] and root["captured_from"] == {"file": "m.py"}
    assert check_text(text).findings == []


def test_a_file_of_the_other_dialect_gets_its_root():
    report = check_text(text_of(INPUT, SOFTPLUS, output_id=1))
    assert not report.ok
    text = convert_text(report, GENERALIZED)
    assert json.loads(text)["output_ids"] == [1] and "output_id" not in json.loads(text)
    assert check_text(text).findings == []


def test_what_both_dialects_read_differently_keeps_the_meaning_of_the_root():
    source = node(0, "input", [], [4])
    spread = node(1, "broadcast_to", [0], [4, 4], from_shape=[4], to_shape=[4, 4])
    report = check_text(text_of(source, spread, node(2, "softplus", [1], [4, 4]), output_id=2))
    with pytest.raises(ConversionRefused):  # a reshape would have to come before it
        convert_text(report, GENERALIZED)


def test_a_clean_file_is_converted_as_a_graph():
    mean = node(1, "reduce_mean", [0], [1, 1], axes=[0, 1], keepdim=True)
    report = check_text(text_of(INPUT, mean, output_ids=[1]))
    assert report.ok
    text = convert_text(report, CLASSIC)
    assert kinds(text) == ["input", "reduce_mean", "reshape", "reduce_mean", "reshape"]
    assert json.loads(text)["output_id"] == 4 and check_text(text).ok


def test_constants_that_conversion_puts_in_are_not_lost():
    report = check_text(text_of(INPUT, SOFTPLUS, output_ids=[1]))
    with pytest.raises(ConversionRefused, match="torchlean convert"):
        convert_text(report, CLASSIC)


@pytest.mark.parametrize(
    ("root", "nodes", "why"),
    [
        ({"output_ids": [2, 1]}, (INPUT, SWAP, AFTER), "one output"),
        (
            {"output_ids": [1]},
            (INPUT, node(1, "swap_first_two", [0], [2, 3])),
            "no exact|not about the dialect",
        ),
    ],
)
def test_what_has_no_counterpart_is_refused(root, nodes, why):
    with pytest.raises(ConversionRefused, match=why):
        convert_text(check_text(text_of(*nodes, **root)), CLASSIC)


def test_parameters_in_nodes_are_not_lost():
    linear = {"out_dim": 2, "in_dim": 3, "weight": [[1, 2, 3], [4, 5, 6]], "bias": [1, 2]}
    report = check_text(text_of(INPUT, node(1, "linear", [0], [2, 2], **linear), output_ids=[1]))
    with pytest.raises(ConversionRefused, match="torchlean convert"):
        convert_text(report, CLASSIC)


def test_both_are_offered_where_a_file_speaks_two_dialects():
    text = text_of(INPUT, SWAP, node(2, "transpose", [1], [2, 3], axis1=0, axis2=1), output_ids=[2])
    report = check_text(text)
    finding = next(one for one in report.findings if one.code == "TL017")
    found = {fix.title: fix for fix in fixes(report, finding)}
    assert set(found) == {
        "Convert this node to generalized: `transpose`",
        "Convert the file to the classic dialect",
        "Convert the file to the generalized dialect",
    }
    for title, fix in found.items():
        after = check_text(apply_edits(text, fix.edits))
        assert not fix.safe and after.ok and not [one for one in after.findings if one.code == "TL017"], title


def test_of_a_file_with_both_root_fields_the_other_one_can_be_meant():
    text = text_of(INPUT, node(1, "relu", [0], [2, 3]), output_id=1, output_ids=[1])
    report = check_text(text)
    titles = [fix.title for one in report.findings for fix in fixes(report, one)]
    assert titles == ["Remove `output_id`, which is ignored", "Convert the file to the classic dialect"]
