"""Run with the standalone script where only torch and what torch itself needs can be imported.

    python -I alone.py SCRIPT < requests

The requests are a JSON list: `{"argv": […]}` runs the command; `{"program": "…"}` runs a program with `adapter`
in scope. Answers go to stdout in the same order: `{"code", "out", "err"}`.
"""

import importlib.abc
import importlib.metadata
import importlib.util
import io
import json
import re
import sys
import warnings
from contextlib import redirect_stderr, redirect_stdout
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder


def needed(name, found):
    """The distributions that one needs, without its extras."""
    key = re.sub(r"[-_.]+", "-", name).lower()
    if key in found:
        return
    try:
        requirements = importlib.metadata.requires(name) or []
    except importlib.metadata.PackageNotFoundError:
        return
    found.add(key)
    for requirement in requirements:
        if "extra ==" not in requirement:
            needed(re.match(r"[A-Za-z0-9._-]+", requirement)[0], found)


class OnlyTorch(importlib.abc.MetaPathFinder):
    """Finds what lies on the import path, but for every other distribution."""

    def __init__(self):
        kept = set()
        needed("torch", kept)
        self.hidden = {"torchlean_core", "torchlean_ls"}
        for top, names in importlib.metadata.packages_distributions().items():
            if not any(re.sub(r"[-_.]+", "-", name).lower() in kept for name in names):
                self.hidden.add(top)

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.hidden:
            return None
        return PathFinder.find_spec(name, path, target)


def main():
    only_torch = OnlyTorch()
    assert {"msgspec", "numpy", "rich", "safetensors", "torchlean_core"} <= only_torch.hidden, (
        only_torch.hidden
    )
    assert "torch" not in only_torch.hidden
    sys.meta_path[:] = [BuiltinImporter, FrozenImporter, only_torch]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Failed to initialize NumPy")  # torch's own
        import torch
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("export_torchlean_graph", sys.argv[1])
    adapter = importlib.util.module_from_spec(spec)
    sys.modules["export_torchlean_graph"] = adapter
    spec.loader.exec_module(adapter)
    answers = []
    for request in json.loads(sys.stdin.read()):
        out, err, code = io.StringIO(), io.StringIO(), 0
        with redirect_stdout(out), redirect_stderr(err):
            if "argv" in request:
                try:
                    code = adapter.main(request["argv"])
                except SystemExit as error:
                    code = error.code
            else:
                exec(compile(request["program"], "program", "exec"), {"adapter": adapter})
        answers.append({"code": code, "out": out.getvalue(), "err": err.getvalue()})
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
