"""TL6xx: findings in a Python model file, from a capture."""

from __future__ import annotations

from torchlean_core.check.rules.rule import ERROR, INFORMATION, WARNING, Example, Rule


def _model(body: str, *, shape: str | None = "1,4", base: str = "nn.Module", note: str = "") -> Example:
    """A model file: imports, the example-shape comment, the class."""
    comment = f"# torchlean: example-shape={shape}\n" if shape else ""
    text = f"import torch\nfrom torch import nn\n\n\n{comment}class Model({base}):\n{body}"
    return Example(text, "python", note)


MODEL_RULES = (
    Rule(
        "TL601",
        "unsupported-operator",
        ERROR,
        "The model uses an operator that has no exact form in the IR.",
        "It is better to refuse a model than to erase semantics silently.",
        "Use an operator with an exact form; the message suggests one where there is one. For GELU, erf, "
        "erfc and the normal distribution function there are compositions that are right to the last digit, allowed by "
        "`--approximate gelu=erf` and the like; `gelu=tanh` allows another function.",
        _model(
            "    def forward(self, x):\n        return nn.functional.gelu(x)\n",
            note="The exact GELU needs erf, which the IR has not; `--approximate gelu=erf` composes it, and "
            '`approximate="tanh"` has an exact form.',
        ),
    ),
    Rule(
        "TL602",
        "model-does-not-construct",
        ERROR,
        "The model could not be constructed.",
        "Its constructor failed, needs arguments, or the file does not import.",
        "Mend the error that the message quotes.",
        _model(
            "    def __init__(self, width):\n        super().__init__()\n"
            "        self.layer = nn.Linear(4, width)\n\n"
            "    def forward(self, x):\n        return self.layer(x)\n",
            note="The constructor needs `width`: give it a default, or name a function that builds the model.",
        ),
        no_fix="What the constructor needs is not known.",
    ),
    Rule(
        "TL603",
        "capture-failed",
        ERROR,
        "The capture failed at this line.",
        "The model's forward raised an error while it was traced.",
        "Mend the error that the message quotes.",
        _model(
            "    def forward(self, x):\n        return x @ torch.ones(5, 2)\n",
            note="The input has 4 columns and the matrix 5 rows.",
        ),
        no_fix="What the model should do instead is not known.",
    ),
    Rule(
        "TL604",
        "no-example-shape",
        INFORMATION,
        "No example shape is known for the model, or a `# torchlean:` directive is wrong: an unknown key, a value that "
        "is none, or a place where it belongs to no class or function.",
        "A capture needs one input shape, and a directive that is not understood says nothing.",
        "Write `# torchlean: example-shape=1,4` right above the class.",
        _model("    def forward(self, x):\n        return torch.relu(x)\n", shape=None),
    ),
    Rule(
        "TL605",
        "capture-timed-out",
        WARNING,
        "The capture ran into its time limit.",
        "The model's code did not come to an end in time.",
        "Raise the limit, or make the model smaller.",
        _model(
            "    def __init__(self):\n        super().__init__()\n        while True:\n            pass\n",
            note="The constructor never ends.",
        ),
        no_fix="Where the time goes is not known; the limit is a setting.",
    ),
    Rule(
        "TL606",
        "dense-kernel",
        INFORMATION,
        "A dense kernel stands for a grouped or dilated convolution.",
        "The IR has dense convolutions only; the kernel holds zeros, and is larger.",
        "Nothing needs to be done; the message gives its size. A kernel of more than 65,536 scalars that would be more "
        "than three times the model's own is never written so: matrix products stand for its convolution.",
        _model(
            "    def __init__(self):\n        super().__init__()\n"
            "        self.conv = nn.Conv2d(32, 32, 3, groups=32)\n\n"
            "    def forward(self, x):\n        return self.conv(x)\n",
            shape="1,32,8,8",
            note="One kernel of each 32 is not zero.",
        ),
        no_fix="Nothing is wrong: it is told because the kernel takes memory.",
    ),
    Rule(
        "TL607",
        "constructor-not-repeatable",
        INFORMATION,
        "Constructing the model once more gives other weights.",
        "The artifact is of one instance, and a further capture of the unchanged file gives another one: nothing tells "
        "the two apart, and values that were computed with one cannot be had again.",
        "Seed the generator that the weights are drawn from; `random`, `numpy.random` and torch's own are seeded "
        "before each construction.",
        _model(
            "    def __init__(self):\n        super().__init__()\n"
            "        generator = torch.Generator()\n        generator.seed()\n"
            "        self.w = nn.Parameter(torch.randn(4, 2, generator=generator))\n\n"
            "    def forward(self, x):\n        return x @ self.w\n",
            note="`generator.seed()` takes its seed from the system.",
        ),
        no_fix="Which generator has to be seeded, and with what, is not known.",
    ),
    Rule(
        "TL608",
        "check-left-out",
        INFORMATION,
        "A check of values that can only raise an error is no part of the artifact.",
        "An artifact computes, and raises nothing: for inputs with which the model raises an error, it has a result.",
        "Nothing needs to be done where inputs are as the model expects them.",
        _model(
            "    def forward(self, x):\n        if not torch.isfinite(x).all():\n"
            '            raise ValueError("infinite")\n        return torch.tanh(x)\n',
            note="`assert` statements, `torch._assert` and the checks of `torch.distributions` are such, too.",
        ),
        no_fix="Nothing is wrong: a graph cannot raise an error.",
    ),
)
