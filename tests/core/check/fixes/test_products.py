"""Matrix products whose operands do not fit: transposed, or with a batch."""

from __future__ import annotations

import pytest

from tests.core.check.fixes.support import LAYOUTS, fixed, inline, node, offered, titles
from torchlean_core.check import check_text
from torchlean_core.kinds import DIALECTS

CLASSIC: dict[str, object] = {}
GENERALIZED: dict[str, object] = {"output_id": None, "output_ids": [2]}
BOTH = pytest.mark.parametrize("ends", [CLASSIC, GENERALIZED], ids=list(DIALECTS))


def product(left, right, shape, **ends):
    return inline(
        node(0, "input", [], left), node(1, "const", [], right), node(2, "matmul", [0, 1], shape), **ends
    )


@BOTH
def test_an_operand_that_fits_transposed_gets_a_transpose(ends):
    text = product([2, 4], [3, 4], [2, 3], **ends)
    assert titles(text, "TL202") == ["Insert a transpose of the second operand: it becomes [4, 3]"]
    assert check_text(fixed(text, "TL202", "Insert a transpose")).ok
    assert not offered(text, "TL202")[0].safe


@BOTH
def test_the_first_operand_may_be_the_one(ends):
    text = product([4, 2], [4, 3], [2, 3], **ends)
    assert titles(text, "TL202") == ["Insert a transpose of the first operand: it becomes [2, 4]"]
    assert check_text(fixed(text, "TL202", "Insert a transpose")).ok


@BOTH
def test_a_batch_is_transposed_over_its_last_two_axes(ends):
    assert check_text(
        fixed(product([5, 2, 4], [5, 3, 4], [5, 2, 3], **ends), "TL202", "Insert a transpose")
    ).ok


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_matrix_gets_the_batch_of_the_other_operand(layout):
    x, w = node(0, "input", [], [5, 2, 4]), node(1, "const", [], [4, 3])
    text = layout(x, w, node(2, "matmul", [0, 1], [5, 2, 3]))
    after = fixed(text, "TL202", "Broadcast the batch of the second operand: it becomes [5, 4, 3]")
    assert check_text(after).ok


def test_a_batch_of_one_is_broadcast():
    assert check_text(fixed(product([5, 2, 4], [1, 4, 3], [5, 2, 3]), "TL202", "Broadcast the batch")).ok


def test_a_matrix_may_need_both():
    text = product([5, 2, 4], [3, 4], [5, 2, 3])
    assert check_text(fixed(text, "TL202", "Transpose the second operand and broadcast its batch")).ok


def test_the_generalized_dialect_broadcasts_batches_itself():
    text = product([5, 2, 4], [3, 4], [5, 2, 3], **GENERALIZED)
    assert titles(text, "TL202") == ["Insert a transpose of the second operand: it becomes [4, 3]"]
    assert check_text(fixed(text, "TL202", "Insert a transpose")).ok


def test_where_the_declared_shape_is_another_the_title_says_so():
    (title,) = titles(product([2, 4], [3, 4], [7, 7]), "TL202")
    assert title.endswith("(another error shows then)")


def test_matrices_that_fit_in_no_way_have_no_fix():
    assert titles(product([2, 4], [5, 3], [2, 3]), "TL202") == []
    assert titles(product([5, 2, 4], [6, 4, 3], [5, 2, 3]), "TL202") == []


@BOTH
@pytest.mark.parametrize("ids", [[0, 1, 3, 4], [0, 1, 2, 2], [0, 1, 2, 9], [0, 1, 7, 3], [0, 1, 5, 8]])
def test_a_wrong_number_does_not_keep_a_product_from_its_transpose(ends, ids):
    ends = {"output_id": None, "output_ids": [ids[3]]} if ends else {"output_id": ids[3]}
    text = inline(
        node(0, "input", [], [2, 4]),
        node(1, "const", [], [3, 4]),
        node(ids[2], "matmul", [0, 1], [2, 3]),
        node(ids[3], "relu", [ids[2]], [2, 3]),
        **ends,
    )
    before = {finding.code for finding in check_text(text).findings}
    after = fixed(text, "TL202", "Insert a transpose of the second operand")
    assert {finding.code for finding in check_text(after).findings} == before - {"TL202"}
