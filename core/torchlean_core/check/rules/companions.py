"""TL5xx: the files beside an artifact, and the model it was captured from."""

from __future__ import annotations

from torchlean_core.check.rules.rule import ERROR, WARNING, Example, Rule

COMPANION_RULES = (
    Rule(
        "TL501",
        "missing-parameter",
        ERROR,
        "The parameter file beside the artifact (`m.params.safetensors`) lacks a tensor that a node needs; or, in the "
        "generalized dialect, a node holds some of its parameters, and not all.",
        "The graph cannot be computed, trained or emitted without it.",
        "Run `torchlean init --force`, capture again, or convert the right weights with `torchlean params convert`. "
        "In a node, add what the message names, or remove the rest: the parameters are read from the file then.",
        Example(
            "$ torchlean check m.ir.json\n"
            "m.ir.json:4:23: error[TL501] m.params.safetensors: node 1 (linear): linear_1_b [8] is missing\n",
            "console",
            "Node 1 is a `linear`; the parameter file holds its weight, but no bias.",
        ),
    ),
    Rule(
        "TL502",
        "malformed-parameter",
        ERROR,
        "A tensor of the parameter file is extra, or of a wrong shape or dtype; or the file is no safetensors file. "
        "In the generalized dialect also parameters in a node, and sizes beside them, that do not fit the graph.",
        "It does not fit the node it belongs to, and nothing can be computed with the file.",
        "Of a file: capture again, or convert the right weights with `torchlean params convert --artifact`; `torchlean "
        "init --force` draws new values. In a node: mend the field. Of values that stand in both places, `torchlean "
        "params inline --params` or `params extract --force` makes one.",
        Example(
            "$ torchlean check m.ir.json\n"
            "m.ir.json:4:23: error[TL502] m.params.safetensors: node 1 (linear): linear_1_W has shape [8, 5], "
            "expected [8, 4]\n",
            "console",
            "The artifact's input became narrower after the parameters were written.",
        ),
    ),
    Rule(
        "TL503",
        "parameters-of-another-version",
        WARNING,
        "The parameters were made for another version of the artifact.",
        "They still fit in shape, but the graph has changed since.",
        "Make them again, or keep them knowingly: "
        "`torchlean params convert m.params.safetensors -o new.safetensors --artifact m.ir.json` says so in the file.",
        Example(
            "$ torchlean init m.ir.json\n$ sed -i 's/relu/tanh/' m.ir.json\n$ torchlean check m.ir.json\n",
            "console",
            "The parameters carry the hash of the artifact with `relu`; it is another one now.",
        ),
        no_fix="Which of the two is right, the parameters or the change, only a person knows.",
    ),
    Rule(
        "TL504",
        "non-finite-parameter",
        WARNING,
        "A parameter holds NaN or infinity; -inf in a constant that is not trainable is a mask, and fine.",
        "Every result that depends on it is NaN or infinite.",
        "Find out where it came from; initialize again.",
        Example(
            "$ torchlean train m.ir.json --optimizer sgd --lr 1e6\n",
            "console",
            "Training with too large a step diverges, and what it writes holds NaN.",
        ),
        no_fix="The values are lost; other ones are another network.",
    ),
    Rule(
        "TL511",
        "module-stale",
        WARNING,
        "The artifact, its parameters or the options changed since the module was generated.",
        "The generated module no longer computes what the artifact says.",
        "Run `torchlean emit` again.",
        Example(
            "$ torchlean emit m.ir.json\n"
            "$ sed -i 's/relu/tanh/' m.ir.json\n"
            "$ torchlean check m.ir.json\n"
            "m.ir.json:2:13: warning[TL511] m.py is stale: the artifact changed since it was generated\n",
            "console",
            "`m.py` was generated before the artifact changed.",
        ),
    ),
    Rule(
        "TL512",
        "module-edited",
        WARNING,
        "The generated module was edited by hand, or reformatted.",
        "Emitting again would lose the edit, so it is refused.",
        "Keep the edit elsewhere, or emit with `--force` (the old file stays as `.orig`).",
        Example(
            "$ torchlean emit m.ir.json\n"
            "$ echo 'print(\"debug\")' >> m.py\n"
            "$ torchlean check m.ir.json\n"
            "m.ir.json:2:13: warning[TL512] m.py was edited by hand since it was generated\n",
            "console",
            "`m.py` no longer is what was generated.",
        ),
    ),
    Rule(
        "TL521",
        "artifact-stale",
        WARNING,
        "The model changed since the artifact was captured from it: its class, or what that uses (bases, helpers, "
        "constants) in the same file or in a file that it imports. Comments, documentation, the way of writing, other "
        "classes and line ends are no change, and a file that is not there is not compared. Of an artifact that "
        "records no `meaning`, the SHA-256 of the model file decides, and of an ONNX file those of its external data.",
        "The artifact may describe another network than the source does, and so do its parameters and its module.",
        "Capture again: the message has the command.",
        Example(
            "$ torchlean capture model.py:Model -o model.ir.json --example-shape 1,4\n"
            "$ sed -i 's/nn.ReLU()/nn.Tanh()/' model.py\n"
            "$ torchlean check model.ir.json\n"
            "model.ir.json:5:94: warning[TL521] model.py changed since Model was captured from it; capture again: "
            "`torchlean capture model.py:Model -o model.ir.json --example-shape 1,4`\n",
            "console",
            "The artifact records the source it was captured from; `model.py` is another one now.",
        ),
    ),
)
