"""What cannot be relied on makes no fix safe: operands with errors of their own, misspelt kinds, shared ids."""

from __future__ import annotations

import json

import pytest

from tests.core.check.fixes.support import errors
from torchlean_core.check import check_text
from torchlean_core.check.fixes import apply_edits, fixes
from torchlean_core.check.fixing import fix_text


def node(place, kind, parents, shape=(2, 8), **more):
    return {"id": place, "kind": kind, "parents": parents, "shape": list(shape), **more}


INPUT = node(0, "input", [])


def text_of(*nodes, input_id=0, output_id):
    root = {"format": "torchlean.ir.v1", "input_id": input_id, "output_id": output_id, "nodes": nodes}
    return json.dumps(root)


def offered(text, code):
    report = check_text(text)
    return [fix for finding in report.findings if finding.code == code for fix in fixes(report, finding)]


@pytest.mark.parametrize(
    "faulty",
    [
        node(1, "relu", [0, 0], (2, 9)),
        node(1, "relux", [0], (2, 9)),
        node(1, "relu", [1], (2, 9)),
        node(1, "relu", [0], (2, 9), value_kind="tupel"),
    ],
    ids=["surplus parent", "kind", "itself", "value kind"],
)
def test_a_right_shape_behind_a_faulty_node_is_left_alone(faulty):
    text = text_of(INPUT, faulty, node(2, "tanh", [1]), node(3, "exp", [2]), output_id=3)
    shapes = [fix for fix in offered(text, "TL201") if "Set shape" in fix.title]
    assert not [fix for fix in shapes if fix.safe]
    after = json.loads(fix_text(text).text)["nodes"]
    assert [one["shape"] for one in after[2:]] == [[2, 8], [2, 8]]


def test_a_wrong_shape_is_mended_where_it_is_wrong_and_not_behind():
    text = text_of(INPUT, node(1, "relu", [0], (2, 9)), node(2, "tanh", [1]), output_id=2)
    after = json.loads(fix_text(text).text)["nodes"]
    assert [one["shape"] for one in after] == [[2, 8]] * 3


def test_an_end_stays_with_a_misspelt_input():
    nodes = [node(0, "imput", []), node(1, "relu", [0]), node(2, "input", []), node(3, "add", [1, 2])]
    text = text_of(*nodes, output_id=3)
    assert not [fix for fix in offered(text, "TL104") if fix.safe]
    assert json.loads(fix_text(text).text)["input_id"] == 0


@pytest.mark.parametrize("output_id", [2, 7, 9])
@pytest.mark.parametrize("ids", [(0, 1, 3), (0, 1, 3, 4), (0, 1, 1)])
def test_no_inner_node_becomes_the_output_because_the_last_has_a_wrong_id(ids, output_id):
    kinds = ["relu", "tanh", "exp"]
    nodes = [INPUT, *(node(i, kinds[n], [ids[n]]) for n, i in enumerate(ids[1:]))]
    text = text_of(*nodes, output_id=output_id)
    assert not [fix.title for fix in offered(text, "TL104") if fix.title.startswith("Set output_id")]


@pytest.mark.parametrize(
    ("nodes", "ends"),
    [
        ([INPUT, node(0, "relu", [0]), node(1, "tanh", [0])], (0, 1)),
        ([node(3, "input", []), node(3, "relu", [3])], (3, 3)),
    ],
)
def test_the_input_of_several_nodes_with_one_id_is_the_one_that_can_be_it(nodes, ends):
    text = text_of(*nodes, input_id=ends[0], output_id=ends[1])
    renumberings = [fix for fix in offered(text, "TL101") if fix.title.startswith("Renumber")]
    assert renumberings[0].preferred and sum(fix.preferred for fix in renumberings[:2]) == 1
    for fix in renumberings:
        assert not errors(check_text(apply_edits(text, fix.edits))), fix.title
