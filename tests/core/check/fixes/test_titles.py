"""The table of passes, which the rules' pages show, has every title that is made, and all of its titles are made."""

from __future__ import annotations

import json

from tests.core.check.fixes.damage import each
from tests.core.check.fixes.support import INPUT, inline, node
from tests.core.check.fixes.test_corpus import HINTS, cases
from torchlean_core.check import Report, check_bytes, check_text
from torchlean_core.check.fixes import PASSES
from torchlean_core.check.fixes.model import passes, pattern
from torchlean_core.check.rules import RULES

RELU = node(1, "relu", [0], [1, 4])
GOOD = inline(INPUT, RELU)
ATTENTION = {
    "id": 1,
    "kind": "multihead_attention",
    "parents": [0, 0, 0],
    "value_kind": "tuple",
    "tuple_shapes": [[1, 5, 8], [1, 5, 5]],
    "embed_dim": 8,
    "num_heads": 1,
    "batch_first": True,
    "dropout_zero": True,
}
SEQUENCE = node(0, "input", [], [1, 5, 8])
PROJECTION = node(2, "tuple_getitem", [1], [1, 5, 8], index=0)
POOL = node(1, "max_pool", [0], [1, 2, 2], spatial_rank=1, kernel=[2, 2], stride=[2, 2], padding=[0, 0])
SOFTPLUS = node(1, "softplus", [0], [1, 4])
SWAP = node(1, "swap_first_two", [0], [4, 1])
WEIGHT = [[0, 0, 0, 0], [0, 0, 0, 0]]
OUTPUTS = {"output_id": None, "output_ids": [1]}

RARE = (
    "\ufeff" + GOOD,
    GOOD.replace('"relu", ', '"relu" '),
    GOOD.replace("}", ",}"),
    GOOD.replace('"relu"', '"relu", "trainable": True'),
    GOOD.replace("[0]}", "[0]").replace('"parents": [0], ', '"parents": [0, '),
    GOOD[:-1],
    GOOD.replace("}, {", "}], {"),
    GOOD[:-1] + ', "extra": [' + "[0,]," * 300 + "0]}",
    inline(INPUT, node(1, "relu", 0, [1, 4])),
    inline(INPUT, node(1, "add", [], [1, 4])),
    json.dumps({"nodes": [INPUT, RELU], "inputid": 0, "output_id": 1, "fromat": "torchlean.ir.v1"}),
    json.dumps({"format": "torchlean.ir.v1", "nodes": [INPUT, RELU], "input_id": 0, "outputid": 1}),
    inline(INPUT, {"id": 1, "kind": "relu", "parents": [0]}, node(2, "tanh", [1], [1, 3])),
    inline(INPUT, RELU, output_id=None, output_ids=[1, "x"]),
    inline(INPUT, {key: value for key, value in ATTENTION.items() if key != "value_kind"}),
    inline(INPUT, node(1, "relu", [0, 0, 0], [1, 4])),
    inline(INPUT, RELU, node(1, "abs", [0], [1, 4]), node(9, "tanh", [1], [1, 4]), output_id=9),
    inline(INPUT, node(5, "relu", [7], [1, 4]), node(7, "abs", [0], [1, 4]), output_id=5),
    inline(
        INPUT,
        node(5, "relu", [6], [1, 4]),
        node(6, "abs", [0], [1, 4]),
        node(7, "abs", [0], [1, 4]),
        node(7, "tanh", [0], [1, 4]),
        node(9, "add", [5, 7], [1, 4]),
        output_id=9,
    ),
    inline(INPUT, node(1, "permute", [0], [4, 1], perm=[2, 1])),
    inline(INPUT, node(1, "reshape", [0], [4], in_shape=[1, 4], out_shape=[5])),
    inline(node(0, "input", [], [1, 4, 4]), POOL, **OUTPUTS),
    inline(SEQUENCE, ATTENTION, {**PROJECTION, "parents": [0]}),
    inline(SEQUENCE, ATTENTION, {**PROJECTION, "shape": [1, 5, 9]}, node(3, "relu", [2], [1, 5, 9])),
    inline(INPUT, node(1, "reduce_sum", [0], [1], axis=1), **OUTPUTS),
    inline(INPUT, node(1, "reduce_sum", [0], [], axes=[1, 2], keepdim=False), **OUTPUTS),
    inline(INPUT, node(1, "reduce_sum", [0], [1], axes=[5], keepdim=False), **OUTPUTS),
    inline(INPUT, node(1, "linear", [0], [2, 3]), node(2, "relu", [1], [2, 3])),
    inline(INPUT, node(1, "linear", [0], [1, 2], weight=WEIGHT, bias=[0, 0], out_dim=9, in_dim=4), **OUTPUTS),
    inline(INPUT, {"id": 1, "kind": "const", "shape": [2]}, node(2, "relu", [0], [1, 4])),
    inline(node(0, "input", [], [4, 4]), node(1, "const", [], [4]), node(2, "add", [0, 1], [4, 4])),
    inline(
        node(0, "input", [], [3, 2, 4]), node(1, "const", [], [4, 5]), node(2, "matmul", [0, 1], [3, 2, 5])
    ),
    inline(
        node(0, "input", [], [3, 2, 4]), node(1, "const", [], [5, 4]), node(2, "matmul", [0, 1], [3, 2, 5])
    ),
)
"""Texts whose faults the corpora have not."""


def reports() -> list[tuple[str, Report]]:
    found = [(rule.code, rule.example.text.encode()) for rule in RULES.values() if rule.example.is_artifact]
    found += [
        (path.name, path.read_bytes())
        for corpus in ("conformance", "conformance-general")
        for path in cases(corpus)
    ]
    checked = [(name, check_bytes(content)) for name, content in found]
    return [*checked, *((text, check_text(text)) for text in RARE), *each(range(40))]


def test_the_table_has_every_title_and_every_title_of_it_is_made():
    made = set()
    for name, report in reports():
        hints = 0
        for finding in report.findings:
            hints += finding.code == "TL403"
            for one in passes(finding.code) if hints <= HINTS else ():
                for fix in one.fixes(report, finding):
                    titles = [
                        title for title in one.titles(finding.code) if pattern(title).fullmatch(fix.title)
                    ]
                    assert titles, (name, one.name, finding.code, fix.title)
                    made |= {(finding.code, one.name, title) for title in titles}
    table = {(code, one.name, title) for one in PASSES for code in one.codes for title in one.titles(code)}
    assert table - made == set()


def test_a_title_matches_what_it_stands_for_and_no_more():
    assert pattern("Set … to …").fullmatch("Set axis to 1 (another error shows then)")
    assert not pattern("Set … to …").fullmatch("Set axis")
    assert not pattern("Remove parent …").fullmatch("Remove parents 1 and 2")
    assert check_text(GOOD).ok
