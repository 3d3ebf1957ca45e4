"""The rules: what each code means, why it matters, and how to fix what it finds.

The texts here are the only ones: `torchlean rules`, the documentation and the editor's links read them.
"""

from __future__ import annotations

from dataclasses import dataclass

from torchlean_core.check.findings import Severity

DOCS = "https://torchlean-ls.readthedocs.io/rules"
"""Where the page of a rule is published."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule.

    Attributes:
        code: Stable code.
        name: Short name, in words.
        severity: Usual severity of its findings.
        what: What it finds.
        why: Why that matters.
        fix: How to mend it.
    """

    code: str
    name: str
    severity: Severity
    what: str
    why: str
    fix: str

    @property
    def url(self) -> str:
        """Address of its documentation page."""
        return f"{DOCS}/{self.code}"


_E, _W, _I, _H = Severity.ERROR, Severity.WARNING, Severity.INFORMATION, Severity.HINT

_RULES = (
    Rule(
        "TL001",
        "invalid-json",
        _E,
        "The text is not JSON: something is missing, too much, or misspelt.",
        "Lean's JSON parser stops here, and nothing of the artifact is read.",
        "Mend the text at the marked place; what can still be read is checked all the same.",
    ),
    Rule(
        "TL002",
        "duplicate-key",
        _E,
        "An object has the same key twice.",
        "Readers disagree on which of the two counts; TorchLean takes the last.",
        "Remove one of them.",
    ),
    Rule(
        "TL003",
        "not-utf8",
        _E,
        "The file is not UTF-8, or starts with a byte-order mark.",
        "JSON is UTF-8 without a mark; Lean refuses anything else.",
        "Save the file as UTF-8 without a byte-order mark.",
    ),
    Rule(
        "TL010",
        "missing-field",
        _E,
        "A field that the root, the node or its kind needs is missing.",
        "The importer needs it to read the node.",
        "Add the field.",
    ),
    Rule(
        "TL011",
        "wrong-type",
        _E,
        "A value has the wrong type, or is not a natural number.",
        "Ids, dimensions and most fields are naturals: integers that are not negative, however spelled.",
        "Write a value of the expected type.",
    ),
    Rule(
        "TL012",
        "unsupported-format",
        _E,
        "`format` is not `torchlean.ir.v1`.",
        "The importer reads this format only.",
        'Write "format": "torchlean.ir.v1".',
    ),
    Rule(
        "TL013",
        "no-format",
        _W,
        "The artifact does not say its `format`.",
        "The importer accepts it, but tools and people cannot tell what the file is.",
        'Add "format": "torchlean.ir.v1".',
    ),
    Rule(
        "TL014",
        "unknown-kind",
        _E,
        "The node's `kind` is not in TorchLean's vocabulary.",
        "The importer refuses kinds it does not know.",
        "Use one of the known kinds; a close one is suggested.",
    ),
    Rule(
        "TL015",
        "unsupported-value-kind",
        _E,
        '`value_kind` is neither "tensor" nor "tuple".',
        "The importer knows these two only.",
        "Remove the field for a tensor.",
    ),
    Rule(
        "TL016",
        "generalized-dialect",
        _E,
        "The file is written in the generalized dialect of later TorchLean.",
        "It shares the format name, but has another vocabulary that is not supported yet.",
        "Export with a single `output_id` in the vocabulary of the first dialect.",
    ),
    Rule(
        "TL101",
        "id-discipline",
        _E,
        "`nodes[i].id` is not i.",
        "TorchLean's theorems and its evaluator index nodes by their id.",
        "Renumber: every id is the node's place in `nodes`, counted from 0.",
    ),
    Rule(
        "TL102",
        "arity",
        _E,
        "A node has the wrong number of parents for its kind.",
        "The importer checks arities before shapes.",
        "Give the node as many parents as the kind takes.",
    ),
    Rule(
        "TL103",
        "parent-order",
        _E,
        "A parent id is not smaller than the node's id, or does not exist.",
        "Nodes stand in topological order: every operand comes before its users.",
        "Name an earlier node, or move this node behind its parents.",
    ),
    Rule(
        "TL104",
        "bad-endpoint",
        _E,
        "`input_id` or `output_id` names no usable node.",
        "They must name tensor-valued nodes, and `input_id` an `input` node.",
        "Name such a node.",
    ),
    Rule(
        "TL105",
        "input-nodes",
        _E,
        "There is no `input` node, or more than one (a warning).",
        "Every `input` node receives the same tensor, so a second one is seldom meant.",
        "Keep exactly one `input` node.",
    ),
    Rule("TL106", "no-nodes", _E, "`nodes` is empty.", "A graph has at least its input.", "Add nodes."),
    Rule(
        "TL201",
        "shape-mismatch",
        _E,
        "The declared shape is not the one that follows from the parents.",
        "TorchLean infers every shape and compares exactly.",
        "Set `shape` to the inferred one.",
    ),
    Rule(
        "TL202",
        "operands-disagree",
        _E,
        "The operands' shapes do not fit together.",
        "There is no implicit broadcasting in TorchLean.",
        "Insert a `broadcast_to` or `reshape`, or name another operand.",
    ),
    Rule(
        "TL203",
        "axis-out-of-range",
        _E,
        "`axis` is not an axis of the operand.",
        "Axes count from 0 to rank - 1; a scalar has none.",
        "Use an axis of the operand.",
    ),
    Rule(
        "TL204",
        "not-a-permutation",
        _E,
        "`perm` is not a permutation of the operand's axes.",
        "Every axis must occur exactly once.",
        "List 0..rank-1 in the wanted order.",
    ),
    Rule(
        "TL205",
        "window-too-large",
        _E,
        "The window does not fit into the padded input.",
        "The output would have no elements on that axis.",
        "Use a smaller kernel or more padding.",
    ),
    Rule(
        "TL206",
        "must-be-positive",
        _E,
        "A value that must be greater than 0 is 0.",
        "Kernels, strides and channels of 0 (and normalization over nothing) have no meaning.",
        "Use a positive value.",
    ),
    Rule(
        "TL207",
        "reshape-numel",
        _E,
        "A reshape changes the number of elements.",
        "A reshape keeps every element.",
        "Use an `out_shape` with as many elements.",
    ),
    Rule(
        "TL208",
        "no-broadcast",
        _E,
        "There is no broadcast from `from_shape` to `to_shape`.",
        "TorchLean matches axes from the left, greedily, and not from the right as PyTorch does.",
        "Reshape so that the axes line up from the left.",
    ),
    Rule(
        "TL209",
        "field-is-not-parent-shape",
        _E,
        "A shape field does not repeat the parent's shape.",
        "`in_shape`, `from_shape` and `value_shape` must equal the parent's shape.",
        "Copy the parent's shape.",
    ),
    Rule(
        "TL210",
        "wrong-rank",
        _E,
        "The kind needs an operand of another rank.",
        "Convolutions and pools take (C, H, W), batch norm (N, C, H, W), matmul rank 2 or 3.",
        "Reshape the operand.",
    ),
    Rule(
        "TL211",
        "channel-mismatch",
        _E,
        "`inC` or `channels` is not the operand's channel count.",
        "The kernel would not fit the image.",
        "Use the operand's channel count.",
    ),
    Rule(
        "TL301",
        "tuple-as-tensor",
        _E,
        "A tuple-valued node is used where a tensor is needed.",
        "Only tensors can be operands.",
        "Take a component with `tuple_getitem`.",
    ),
    Rule(
        "TL302",
        "bad-projection",
        _E,
        "A `tuple_getitem` does not fit its parent.",
        "Its parent must be a tuple, its index in range and its shape the component's.",
        "Name the right tuple, index or shape.",
    ),
    Rule(
        "TL303",
        "tuple-without-lowering",
        _E,
        "A component of this tuple cannot be lowered to tensors.",
        "TorchLean's graph holds tensors only; of tuples it lowers `multihead_attention`.",
        "Capture the model so that the tuple is taken apart.",
    ),
    Rule(
        "TL304",
        "attention-not-supported",
        _E,
        "The `multihead_attention` is outside the case that lowers.",
        "Only deterministic single-head self-attention on (batch, seq, embed) lowers; the message says what fails.",
        "Change the node, or write the attention out with matmul and softmax.",
    ),
    Rule(
        "TL401",
        "broadcast-reading",
        _W,
        "TorchLean and PyTorch read this broadcast differently.",
        "TorchLean matches axes from the left, PyTorch from the right: the values differ, or PyTorch fails.",
        "Make it explicit with a reshape.",
    ),
    Rule(
        "TL402",
        "layernorm-epsilon",
        _I,
        "The layer normalization's epsilon is not TorchLean's.",
        "TorchLean's own evaluator uses 1e-6, PyTorch's default is 1e-5: results differ slightly.",
        'Write "eps": 1e-06 if you mean TorchLean\'s.',
    ),
    Rule(
        "TL403",
        "unused-node",
        _H,
        "The output does not depend on this node.",
        "It is carried along for nothing.",
        "Remove it.",
    ),
    Rule(
        "TL404",
        "linear-rank",
        _I,
        "A `linear` on more than a vector.",
        "The checker accepts it, but TorchLean's evaluator applies `linear` to vectors only.",
        "Use matmul and add if the evaluator must run the graph.",
    ),
    Rule(
        "TL405",
        "approximation",
        _I,
        "An approximation stands in for an exact operator.",
        "It was asked for when the model was captured; the message gives the measured error.",
        "Capture again without the approximation where exactness matters.",
    ),
    Rule(
        "TL501",
        "missing-parameter",
        _E,
        "The parameter file lacks a tensor that a node needs.",
        "The graph cannot be computed without it.",
        "Run `torchlean init`, or capture again.",
    ),
    Rule(
        "TL502",
        "malformed-parameter",
        _E,
        "A tensor of the parameter file is extra, or of a wrong shape or dtype.",
        "It does not fit the node it belongs to.",
        "Write the parameters again for this artifact.",
    ),
    Rule(
        "TL503",
        "parameters-of-another-version",
        _W,
        "The parameters were made for another version of the artifact.",
        "They still fit in shape, but the graph has changed since.",
        "Make them again, or keep them knowingly.",
    ),
    Rule(
        "TL504",
        "non-finite-parameter",
        _W,
        "A parameter holds NaN or infinity.",
        "Every result that depends on it is NaN or infinite.",
        "Find out where it came from; initialize again.",
    ),
    Rule(
        "TL511",
        "module-stale",
        _W,
        "The generated module is older than its artifact, parameters or options.",
        "It no longer computes what the artifact says.",
        "Run `torchlean emit` again.",
    ),
    Rule(
        "TL512",
        "module-edited",
        _W,
        "The generated module was edited by hand.",
        "Emitting again would lose the edit.",
        "Keep the edit elsewhere, or emit with `--force` (the old file stays as `.orig`).",
    ),
    Rule(
        "TL521",
        "artifact-stale",
        _W,
        "The artifact is older than the model it was captured from.",
        "It may describe another network than the source does.",
        "Capture again.",
    ),
    Rule(
        "TL601",
        "unsupported-operator",
        _E,
        "The model uses an operator that has no exact form in the IR.",
        "It is better to refuse a model than to erase semantics silently.",
        "Use an operator with an exact form; the message suggests one where there is one.",
    ),
    Rule(
        "TL602",
        "model-does-not-construct",
        _E,
        "The model could not be constructed.",
        "Its constructor failed, needs arguments, or the file does not import.",
        "Mend the error that the message quotes.",
    ),
    Rule(
        "TL603",
        "capture-failed",
        _E,
        "The capture failed at this line.",
        "The model's forward raised an error while it was traced.",
        "Mend the error that the message quotes.",
    ),
    Rule(
        "TL604",
        "no-example-shape",
        _I,
        "No example shape is known for the model.",
        "A capture needs one input shape.",
        "Write `# torchlean: example-shape=1,4` over the class.",
    ),
    Rule(
        "TL605",
        "capture-timed-out",
        _W,
        "The capture ran into its time limit.",
        "The model's code did not come to an end in time.",
        "Raise the limit, or make the model smaller.",
    ),
    Rule(
        "TL606",
        "dense-kernel",
        _I,
        "A dense kernel stands for a grouped or dilated convolution.",
        "The IR has dense convolutions only; the kernel holds zeros, and is larger.",
        "Nothing needs to be done; the message gives its size.",
    ),
)

RULES: dict[str, Rule] = {rule.code: rule for rule in _RULES}
"""Every rule by its code, in the order of the codes."""
