"""Versions of everything that matters, found without importing any of it: for bug reports and `torchlean doctor`."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import importlib.util
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from torchlean_core.environment.extras import EXTRAS, REQUIRED
from torchlean_core.kinds.common import FORMAT
from torchlean_core.kinds.dialects import DIALECTS

NOT_INSTALLED = "not installed"

_BUILD = re.compile(r"^(cuda|hip|xpu)\b[^=\n]*= *(.+)$", re.MULTILINE)
_SMI = ("--query-gpu=name,driver_version", "--format=csv,noheader")
_SMI_SECONDS = 10.0


def version_of(name: str) -> str | None:
    """The version of an installed package; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def python_in_words() -> str:
    """Which Python runs this, on what, and where it is."""
    return f"{platform.python_version()} ({platform.system()} {platform.machine()}), {sys.executable}"


def everything() -> Iterator[tuple[str, str]]:
    """What `torchlean --version --verbose` prints behind its first line: names and what is found."""
    yield "python", python_in_words()
    yield "system", f"{platform.platform()}, {platform.python_implementation()}"
    yield "installed in", str(Path(__file__).parents[2])
    yield FORMAT, f"dialects {', '.join(DIALECTS)}"
    yield "protocol", f"LSP {importlib.import_module('torchlean_ls').PROTOCOL_VERSION}"
    for package in REQUIRED:
        yield package.name, version_of(package.name) or NOT_INSTALLED
    for extra in EXTRAS:
        for package in extra.packages:
            yield package.name, version_of(package.name) or f"{NOT_INSTALLED} (extra {extra.name})"
    yield "torch build", _torch_build()
    yield "NVIDIA", _nvidia()


def _torch_build() -> str:
    """What torch is built for, as the file says that torch keeps it in."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return NOT_INSTALLED
    file = Path(spec.origin).with_name("version.py")
    try:
        said = dict(_BUILD.findall(file.read_text(encoding="utf-8")))
        found = {name: ast.literal_eval(value) for name, value in said.items()}
    except (OSError, ValueError, SyntaxError) as error:
        return f"unknown: {file.name} cannot be read ({type(error).__name__})"
    built = [f"{name} {version}" for name, version in found.items() if version is not None]
    return ", ".join(built) or "for the CPU only"


def _nvidia() -> str:
    """The cards, each with its driver, as the driver's own program lists them."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return "no nvidia-smi on PATH"
    try:
        return "; ".join(lines_of([program, *_SMI], _SMI_SECONDS)) or "no card"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"nvidia-smi does not answer ({type(error).__name__})"


def lines_of(command: list[str], seconds: float) -> list[str]:
    """What a program prints, on standard error where on standard output there is nothing.

    Raises:
        OSError: It cannot be run.
        subprocess.TimeoutExpired: It takes longer.
    """
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
    )
    return (done.stdout or done.stderr).strip().splitlines()
