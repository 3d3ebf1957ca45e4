"""Texts of models that are hostile or unusual: captured by jobs, and through an editor."""

from __future__ import annotations

IMPORTS = "import os\nimport sys\n\nimport torch\nfrom torch import nn\n\n"
CLASS = (
    "class Net(nn.Module):\n"
    "    def __init__(self):\n"
    "        super().__init__()\n"
    "        self.layer = nn.Linear(4, 2)\n"
    "        {}\n"
    "\n"
    "    def forward(self, x):\n"
    "        return self.layer(x)\n"
)


def model(constructor: str = "pass") -> str:
    """A model file whose constructor also does something else."""
    return IMPORTS + CLASS.format(constructor)


_LOOP = "while True: pass"
ENDLESS = {
    "import": f"{_LOOP}\n" + model(),
    "constructor": model(_LOOP),
    "forward": model().replace("return self", f"{_LOOP}\n        return self"),
}
"""Models that loop without end, by the place where they do."""

SLOW_IMPORT = "import time\ntime.sleep(30)\n" + model()
MISSING_IMPORT = "import not_there_at_all\n" + model()
PRINTS = model("print('printed'); os.write(1, b'one\\n'); os.write(2, b'two\\n'); os.system('echo three')")
STARTS_PROCESSES = model(
    "import subprocess, threading, time; "
    "threading.Thread(target=time.sleep, args=(600,)).start(); "
    "print(subprocess.Popen(['sleep', '600'], start_new_session=True).pid, flush=True)"
)
"""Prints the id of the process."""

ALLOCATES = {
    "objects": model("self.kept = [bytearray(1 << 26) for _ in iter(int, 1)]"),
    "tensors": model("self.kept = [torch.ones(1 << 24) for _ in iter(int, 1)]"),
}
"""Models that allocate without end."""

TRACES = {
    "has a tracer": "import sys\nsys.settrace(lambda *args: None)\n" + model(),
    "sets a tracer when constructed": model("sys.settrace(lambda *args: None)"),
}
"""Models that install a tracer of their own, by when they do."""

MADE_BY_EXEC = f"exec({model()!r})\n"
UNUSUAL: dict[str, str | bytes] = {
    "changes the directory": model("os.chdir('/')"),
    **TRACES,
    "is made by exec": MADE_BY_EXEC,
    "compiles a part": model("self.layer = torch.compile(self.layer)"),
    "compiles forward": model().replace("    def forward", "    @torch.compile\n    def forward"),
    "CRLF": model().replace("\n", "\r\n"),
    "tabs": model().replace("    ", "\t"),
    "not ASCII": "größe = '∀'\n" + model(),
    "latin-1": ("# -*- coding: latin-1 -*-\ngröße = 'ü'\n" + model()).encode("latin-1"),
    "5,000 lines": model() + "x = 1\n" * 5000,
    "several models": model() + "\n\nclass Other(Net):\n    pass\n",
    "dataclass": (
        IMPORTS
        + "from dataclasses import dataclass\n\n\n@dataclass(eq=False)\nclass Net(nn.Module):\n"
        + "    width: int = 2\n\n    def __post_init__(self):\n        super().__init__()\n"
        + "        self.layer = nn.Linear(4, self.width)\n\n    def forward(self, x):\n"
        + "        return self.layer(x)\n"
    ),
}
"""Models that are captured as `model()` is, by what is unusual."""

RELATIVE = "from .layers import LAYER\n" + model("self.layer = LAYER(4, 2)")
"""A module of a package, which imports another one."""

LAYERS = "from torch import nn\n\nLAYER = nn.Linear\n"
"""What `RELATIVE` imports."""
