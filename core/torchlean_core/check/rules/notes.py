"""TL4xx: what is no error, but good to know."""

from __future__ import annotations

from torchlean_core.check.rules.rule import HINT, INFORMATION, INPUT, WARNING, Rule, artifact, generalized

NOTE_RULES = (
    Rule(
        "TL401",
        "broadcast-reading",
        WARNING,
        "TorchLean and PyTorch read this broadcast differently.",
        "TorchLean matches axes from the left, PyTorch from the right: the values differ, or PyTorch fails.",
        "Make it explicit with a reshape.",
        artifact(
            '{"id": 0, "kind": "input", "parents": [], "shape": [4]}',
            '{"id": 1, "kind": "broadcast_to", "parents": [0], "shape": [4, 4],'
            ' "from_shape": [4], "to_shape": [4, 4]}',
        ),
    ),
    Rule(
        "TL402",
        "layernorm-epsilon",
        INFORMATION,
        "The layer normalization's epsilon is not TorchLean's.",
        "TorchLean's own evaluator uses 1e-6, PyTorch's default is 1e-5: results differ slightly.",
        'Write "eps": 1e-06 if you mean TorchLean\'s.',
        artifact(
            INPUT, '{"id": 1, "kind": "layernorm", "parents": [0], "shape": [1, 4], "axis": 1, "eps": 1e-05}'
        ),
    ),
    Rule(
        "TL403",
        "unused-node",
        HINT,
        "The output does not depend on this node.",
        "It is carried along for nothing.",
        "Remove it.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "relu", "parents": [0], "shape": [1, 4]}',
            '{"id": 2, "kind": "tanh", "parents": [0], "shape": [1, 4]}',
        ),
    ),
    Rule(
        "TL404",
        "linear-rank",
        INFORMATION,
        "A `linear` on more than a vector.",
        "The checker accepts it, but TorchLean's evaluator applies `linear` to vectors only.",
        "Use matmul and add if the evaluator must run the graph.",
        artifact(INPUT, '{"id": 1, "kind": "linear", "parents": [0], "shape": [1, 2]}'),
        no_fix="Nothing is wrong with the file, and a graph of vectors is another graph.",
    ),
    Rule(
        "TL405",
        "approximation",
        INFORMATION,
        "An approximation stands in for an exact operator.",
        "It was asked for with `torchlean capture --approximate`; the message gives the error that was measured, and "
        "the bound above which capture fails. Where that is 1e-06, the form is right to the last digit, and values and "
        "gradients were compared as those of any other artifact.",
        "Capture again without the approximation where exactness matters.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "tanh", "parents": [0], "shape": [1, 4]}',
            root='"format": "torchlean.ir.v1", "approximations": [{"operator": "gelu", "form": "tanh",'
            ' "bound": 0.01, "max_relative_error": 0.00012}],\n ',
        ),
        no_fix="No form in the file is exact; the message says how large the error is.",
    ),
    Rule(
        "TL406",
        "empty-pool",
        WARNING,
        "The window of a pool fits nowhere.",
        "The generalized dialect gives an empty result then, where PyTorch raises an error.",
        "Mend kernel or padding (at most half a window), or the shape before.",
        generalized(
            '{"id": 0, "kind": "input", "parents": [], "shape": [1, 2, 2]}',
            '{"id": 1, "kind": "max_pool", "parents": [0], "shape": [1, 0, 0], "spatial_rank": 2, '
            '"kernel": [3, 3], "stride": [1, 1], "padding": [0, 0]}',
        ),
        no_fix="Which window was meant is not known; TorchLean and PyTorch agree about any that fits.",
    ),
    Rule(
        "TL407",
        "training-differs",
        INFORMATION,
        "Training this artifact is not training the model that it was captured from.",
        "Its values are the model's, but some gradients are not: of a custom autograd function, behind a hook on a "
        "gradient, or of a weight that was computed of the model's parameters and is a parameter by itself here.",
        "Use the artifact for what needs values, and train the model itself; or write the model without that.",
        artifact(
            INPUT,
            '{"id": 1, "kind": "tanh", "parents": [0], "shape": [1, 4]}',
            root='"format": "torchlean.ir.v1", "training_differs": [{"reason": "the custom function Reverse has '
            'a backward of its own: another gradient for `a.weight`", "line": 33, "nodes": [1]}],\n ',
        ),
        no_fix="The difference is one of the model and of how it is trained, not of the text.",
    ),
)
