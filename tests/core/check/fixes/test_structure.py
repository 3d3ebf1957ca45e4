"""Nodes that come or go: broadcasts, reshapes, unused nodes."""

from __future__ import annotations

import pytest

from tests.core.check.fixes.support import INPUT, LAYOUTS, errors, fixed, inline, node, offered, titles
from torchlean_core.check import check_text
from torchlean_core.check.fixes import apply_edits

BIAS = node(1, "const", [], [4])


def reshape(index, parent, source, target):
    return node(index, "reshape", [parent], target, in_shape=source, out_shape=target)


def broadcast(index, parent, source, target):
    return node(index, "broadcast_to", [parent], target, from_shape=source, to_shape=target)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_broadcast_that_both_read_alike_is_inserted_alone(layout):
    x = node(0, "input", [], [2, 4])
    text = layout(
        x, node(1, "const", [], [1, 4]), node(2, "add", [0, 1], [2, 4]), node(3, "relu", [2], [2, 4])
    )
    assert fixed(text, "TL202", "Insert broadcast_to: both operands become [2, 4]") == layout(
        x,
        node(1, "const", [], [1, 4]),
        broadcast(2, 1, [1, 4], [2, 4]),
        node(3, "add", [0, 2], [2, 4]),
        node(4, "relu", [3], [2, 4]),
    )


def test_a_broadcast_from_the_right_gets_a_reshape_first():
    x = node(0, "input", [], [4, 4])
    text = inline(x, BIAS, node(2, "add", [0, 1], [4, 4]))
    assert fixed(text, "TL202", "Insert reshape and broadcast_to") == inline(
        x, BIAS, reshape(2, 1, [4], [1, 4]), broadcast(3, 2, [1, 4], [4, 4]), node(4, "add", [0, 3], [4, 4])
    )


def test_both_operands_may_need_it():
    text = inline(
        node(0, "input", [], [3, 1]), node(1, "const", [], [1, 4]), node(2, "mul_elem", [0, 1], [3, 4])
    )
    after = fixed(text, "TL202", "Insert broadcast_to")
    assert check_text(after).ok and '"output_id": 4' in after


def test_shapes_that_no_broadcast_joins_have_no_fix():
    text = inline(node(0, "input", [], [3]), BIAS, node(2, "add", [0, 1], [4]))
    assert titles(text, "TL202") == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_explicit_broadcast_keeps_torchleans_reading(layout):
    x = node(0, "input", [], [4])
    text = layout(x, broadcast(1, 0, [4], [4, 4]), node(2, "relu", [1], [4, 4]))
    safe, other = offered(text, "TL401")
    assert safe.safe and safe.preferred and not other.safe and not other.preferred
    after = fixed(text, "TL401", "Make the broadcast explicit: reshape to [4, 1] first")
    assert after == layout(
        x, reshape(1, 0, [4], [4, 1]), broadcast(2, 1, [4, 1], [4, 4]), node(3, "relu", [2], [4, 4])
    )
    after = fixed(text, "TL401", "Read the broadcast as PyTorch does: reshape to [1, 4] first")
    assert after == layout(
        x, reshape(1, 0, [4], [1, 4]), broadcast(2, 1, [1, 4], [4, 4]), node(3, "relu", [2], [4, 4])
    )


def test_a_broadcast_that_only_pytorch_knows_is_aligned():
    x = node(0, "input", [], [2, 3])
    text = inline(x, broadcast(1, 0, [2, 3], [2, 2, 3]))
    assert [f.code for f in check_text(text).findings] in (["TL208"], ["TL401"], [])
    text = inline(node(0, "input", [], [3, 1]), broadcast(1, 0, [3, 1], [3, 3, 4]))
    if "TL208" in [f.code for f in check_text(text).findings]:
        assert check_text(fixed(text, "TL208", "Insert a reshape to [1, 3, 1]")).ok


def test_a_keyed_node_behind_an_insertion_makes_it_unsafe():
    x = node(0, "input", [], [4])
    text = inline(x, broadcast(1, 0, [4], [4, 4]), node(2, "linear", [1], [4, 2]))
    assert not offered(text, "TL401")[0].safe
    assert "(changes 1 node id" in offered(text, "TL401")[0].title


def test_a_batch_of_one_is_dropped_before_a_convolution():
    fields = {"inC": 3, "outC": 8, "kH": 3, "kW": 3, "stride": 1, "padding": 1}
    text = inline(node(0, "input", [], [1, 3, 8, 8]), node(1, "conv2d", [0], [8, 8, 8], **fields))
    assert check_text(fixed(text, "TL210", "Insert a reshape of the batch of one")).ok


UNUSED = (
    INPUT,
    node(1, "relu", [0], [1, 4]),
    node(2, "abs", [0], [1, 4]),
    node(3, "tanh", [2], [1, 4]),
    node(4, "exp", [1], [1, 4]),
)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_unused_node_goes_and_the_ids_close_up(layout):
    text = layout(*UNUSED)
    assert fixed(text, "TL403", "Remove this unused node", 3) == layout(
        *UNUSED[:3], node(3, "exp", [1], [1, 4])
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_unused_node_takes_with_it_what_depends_on_it(layout):
    text = layout(*UNUSED)
    after = layout(*UNUSED[:2], node(2, "exp", [1], [1, 4]))
    assert fixed(text, "TL403", "Remove this unused node and the 1 that depends on it", 2) == after
    assert fixed(text, "TL403", "Remove all 2 unused nodes", 3) == after
    assert not any(fix.safe for fix in offered(text, "TL403"))


def test_unused_nodes_at_either_end_go():
    text = inline(
        node(0, "const", [], [2]),
        node(1, "input", [], [4]),
        node(2, "relu", [1], [4]),
        node(3, "abs", [1], [4]),
        input_id=1,
        output_id=2,
    )
    after = fixed(text, "TL403", "Remove all 2 unused nodes")
    assert after == inline(node(0, "input", [], [4]), node(1, "relu", [0], [4]))


def test_nothing_is_moved_while_ids_are_not_in_order():
    text = inline(*UNUSED, node(9, "exp", [1], [1, 4]), output_id=4)
    report = check_text(text)
    assert errors(report)
    assert titles(text, "TL403") == []


def test_edits_of_one_fix_can_be_applied_in_any_order():
    text = inline(*UNUSED)
    fix = offered(text, "TL403")[0]
    assert apply_edits(text, fix.edits[::-1]) == apply_edits(text, fix.edits)
