"""TL0xx: reading the text, its fields and its vocabulary."""

from __future__ import annotations

from torchlean_core.check.rules.rule import ERROR, INPUT, WARNING, Example, Rule, artifact

READING_RULES = (
    Rule(
        "TL001",
        "invalid-json",
        ERROR,
        "The text is not JSON: something is missing, too much, or misspelt.",
        "Lean's JSON parser stops here, and nothing of the artifact is read.",
        "Mend the text at the marked place; what can still be read is checked all the same.",
        artifact(INPUT, '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4],}'),
    ),
    Rule(
        "TL002",
        "duplicate-key",
        ERROR,
        "An object has the same key twice.",
        "Readers disagree on which of the two counts; TorchLean takes the last.",
        "Remove one of them.",
        artifact(INPUT, '{"id": 1, "kind": "relu", "kind": "relu", "parents": [0], "shape": [1, 4]}'),
    ),
    Rule(
        "TL003",
        "not-utf8",
        ERROR,
        "The file is not UTF-8, or starts with a byte-order mark.",
        "JSON is UTF-8 without a mark; Lean refuses anything else.",
        "Save the file as UTF-8 without a byte-order mark.",
        Example(
            "\ufeff" + artifact(INPUT, '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}').text,
            note="The file starts with a byte-order mark, U+FEFF, which editors do not show.",
        ),
    ),
    Rule(
        "TL010",
        "missing-field",
        ERROR,
        "A field that the root, the node or its kind needs is missing.",
        "The importer needs it to read the node.",
        "Add the field.",
        artifact(INPUT, '{"id": 1, "kind": "softmax", "parents": [0], "shape": [1, 4]}'),
    ),
    Rule(
        "TL011",
        "wrong-type",
        ERROR,
        "A value has the wrong type, or is not a natural number.",
        "Ids, dimensions and most fields are naturals: integers that are not negative, however spelled.",
        "Write a value of the expected type.",
        artifact(INPUT, '{"id": 1, "kind": "softmax", "parents": [0], "shape": [1, 4], "axis": -1}'),
    ),
    Rule(
        "TL012",
        "unsupported-format",
        ERROR,
        "`format` is not `torchlean.ir.v1`.",
        "The importer reads this format only.",
        'Write "format": "torchlean.ir.v1".',
        artifact(
            INPUT,
            '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}',
            root='"format": "torchlean.ir.v2", ',
        ),
    ),
    Rule(
        "TL013",
        "no-format",
        WARNING,
        "The artifact does not say its `format`.",
        "The importer accepts it, but tools and people cannot tell what the file is.",
        'Add "format": "torchlean.ir.v1".',
        artifact(INPUT, '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}', root=""),
    ),
    Rule(
        "TL014",
        "unknown-kind",
        ERROR,
        "The node's `kind` is not in TorchLean's vocabulary.",
        "The importer refuses kinds it does not know.",
        "Use one of the known kinds; a close one is suggested.",
        artifact(INPUT, '{"id": 1, "kind": "rleu", "parents": [0], "shape": [1, 4]}'),
    ),
    Rule(
        "TL015",
        "unsupported-value-kind",
        ERROR,
        '`value_kind` is neither "tensor" nor "tuple".',
        "The importer knows these two only.",
        "Remove the field for a tensor.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "relu", "parents": [0], "value_kind": "scalar", "shape": [1, 4]}',
        ),
    ),
    Rule(
        "TL017",
        "mixed-dialects",
        WARNING,
        "The root has both `output_id` and `output_ids`, or nodes speak another dialect than the root.",
        "Two versions of TorchLean share the format's name. Each reads the one field and ignores the other, and "
        "refuses the other's kinds; the root's field says which one a file is meant for.",
        "Remove the field that is ignored; convert the nodes, or the file (`torchlean convert`).",
        Example(
            '{"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "output_ids": [1], "nodes": [\n'
            f"  {INPUT},\n"
            '  {"id": 1, "kind": "softplus", "parents": [0], "shape": [1, 4]}\n]}\n'
        ),
    ),
)
