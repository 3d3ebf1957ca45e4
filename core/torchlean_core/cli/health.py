"""What `torchlean doctor` looks at; everything that might crash or hang is asked in another process."""

from __future__ import annotations

import enum
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchlean_core.cli.versions import NOT_INSTALLED, lines_of, python_in_words, version_of
from torchlean_core.config import NAMES, SettingsFinder
from torchlean_core.dialect_choice import choose
from torchlean_core.environment.compiler import compiler_names, find_compiler, python_header
from torchlean_core.environment.extras import EXTRAS, REQUIRED, TORCH, Extra, Package
from torchlean_core.errors import UserError
from torchlean_core.lean import find_project
from torchlean_core.lean.lake import NAME as TORCHLEAN

OPTIONAL = "Optional"
"""Heading of what nobody needs who does not ask for it."""

_REINSTALL = "pip install --force-reinstall {name}"
_TIMEOUT = 120.0

_IMPORT = """
import importlib, json, sys
found = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
        found[name] = None
    except BaseException as error:
        found[name] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""
_DEVICES = """
import json, torch
cuda = torch.cuda.is_available()
print(json.dumps({
    "threads": torch.get_num_threads(),
    "built": torch.version.cuda or torch.version.hip,
    "devices": [
        [torch.cuda.get_device_name(i), torch.cuda.get_device_properties(i).total_memory]
        for i in range(torch.cuda.device_count())
    ] if cuda else [],
}))
"""


class State(enum.Enum):
    """How a piece is."""

    OK = "ok"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Item:
    """One piece that was looked at.

    Attributes:
        section: Heading it stands under.
        name: What it is.
        state: How it is.
        detail: Version, path, or what is wrong.
        remedy: How to get or mend it; empty where nothing is to be done.
        required: Whether `torchlean check` and the server need it.
    """

    section: str
    name: str
    state: State
    detail: str
    remedy: str = ""
    required: bool = False

    def as_object(self) -> dict[str, Any]:
        """The item as JSON prints it."""
        return {
            "section": self.section,
            "name": self.name,
            "state": self.state.value,
            "detail": self.detail,
            "remedy": self.remedy,
            "required": self.required,
        }


def examine() -> list[Item]:
    """Look at everything."""
    every = [*REQUIRED, *(package for extra in EXTRAS for package in extra.packages)]
    states = {package.name: state for package, state in zip(every, _states(every), strict=True)}
    torch = list(_packages(f"For {TORCH.serves}", TORCH.packages, states, TORCH.install))
    torch_works = any(item.name == "torch" and item.state is State.OK for item in torch)
    optional = [extra for extra in EXTRAS if extra is not TORCH]
    return [
        *_program(),
        *_packages("Required", REQUIRED, states, "pip install --force-reinstall torchlean-ls", required=True),
        *torch,
        *(item for extra in optional for item in _packages(OPTIONAL, extra.packages, states, _for(extra))),
        *_devices(torch_works),
        *_compiler(),
        _settings(),
        *_lean(),
        *_editors(),
    ]


def _for(extra: Extra) -> str:
    return f"{extra.install}, for {extra.serves}"


def _program() -> Iterator[Item]:
    section = "Program"
    yield Item(section, "python", State.OK, python_in_words())
    command = shutil.which("torchlean")
    if command:
        yield Item(section, "torchlean", State.OK, command)
    else:
        here = Path(sysconfig.get_path("scripts")) / "torchlean"
        remedy = f"editors need its full path: {here}" if here.is_file() else "pip install torchlean-ls"
        yield Item(section, "torchlean", State.MISSING, "not on PATH", remedy)


def _states(packages: Sequence[Package]) -> Iterator[tuple[str | None, str | None]]:
    """Version of each package, None where it is not there, and why it cannot be imported; all in one process."""
    versions = [version_of(package.name) for package in packages]
    there = [
        package.module for package, version in zip(packages, versions, strict=True) if version is not None
    ]
    failures = _import_failures([module for module in there if module is not None])
    for package, version in zip(packages, versions, strict=True):
        yield version, failures.get(package.module) if package.module is not None else None


def _packages(
    section: str,
    packages: Sequence[Package],
    states: Mapping[str, tuple[str | None, str | None]],
    remedy: str,
    *,
    required: bool = False,
) -> Iterator[Item]:
    """How each package is."""
    for name in (package.name for package in packages):
        version, failure = states[name]
        if version is None:
            yield Item(section, name, State.MISSING, NOT_INSTALLED, remedy, required)
        elif failure:
            detail = f"{version}, cannot be imported: {failure}"
            yield Item(section, name, State.BROKEN, detail, _REINSTALL.format(name=name), required)
        else:
            yield Item(section, name, State.OK, version, required=required)


def _import_failures(names: list[str]) -> dict[str, str | None]:
    """Why modules cannot be imported; together, and one by one where that kills the process."""
    if not names:
        return {}
    answer, trouble = _ask(_IMPORT, names)
    if isinstance(answer, dict):
        return answer
    if len(names) == 1:
        return {names[0]: trouble}
    return {name: failure for one in names for name, failure in _import_failures([one]).items()}


def _ask(code: str, arguments: list[str]) -> tuple[Any, str]:
    """What Python code prints as JSON in a process of its own, or None and what went wrong."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT,
            check=False,
        )
        return json.loads(done.stdout.strip().splitlines()[-1]), ""
    except subprocess.TimeoutExpired:
        return None, f"no answer in {_TIMEOUT:g} seconds"
    except OSError as error:
        return None, error.strerror or str(error)
    except (ValueError, IndexError):
        lines = done.stderr.strip().splitlines()
        return None, lines[-1] if lines else f"ended with code {done.returncode}"


def _devices(torch_works: bool) -> Iterator[Item]:
    section = "Devices"
    cores = f"{os.cpu_count() or 1} cores"
    if not torch_works:
        yield Item(section, "cpu", State.OK, cores)
        yield Item(section, "cuda", State.MISSING, "unknown without torch", TORCH.install)
        return
    answer, trouble = _ask(_DEVICES, [])
    if answer is None:
        yield Item(section, "cpu", State.OK, cores)
        yield Item(section, "cuda", State.BROKEN, trouble, "torch cannot list its devices: see the driver")
        return
    yield Item(section, "cpu", State.OK, f"{cores}, torch uses {answer['threads']} threads")
    if not answer["built"]:
        yield Item(
            section, "cuda", State.MISSING, "this torch is built for the CPU only", "https://pytorch.org"
        )
    elif not answer["devices"]:
        yield Item(section, "cuda", State.MISSING, "no device found", "everything runs on the CPU as well")
    for number, (name, memory) in enumerate(answer["devices"]):
        yield Item(section, f"cuda:{number}", State.OK, f"{name}, {memory / 2**30:.0f} GiB")


def _compiler() -> Iterator[Item]:
    """The C++ compiler and Python's headers, which torch.compile needs for `--backend compiled`."""
    section = "Compiler (torch.compile)"
    found = find_compiler()
    if found is None:
        remedy = "install g++ or clang++ (Debian: apt install g++); the eager backend works without"
        yield Item(section, "c++", State.MISSING, f"{' or '.join(compiler_names())} not found", remedy)
        return
    yield Item(section, "c++", State.OK, f"{_first_line([found, '--version'])} ({found})")
    header = python_header()
    if header.is_file():
        yield Item(section, "Python.h", State.OK, str(header))
    else:
        remedy = "install Python's headers (Debian: apt install python3-dev)"
        yield Item(section, "Python.h", State.MISSING, f"not found: {header}", remedy)


def _first_line(command: list[str]) -> str:
    try:
        lines = lines_of(command, 20)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no answer: {error}"
    return lines[0] if lines else "no version"


def _settings() -> Item:
    section = "Settings"
    try:
        path = SettingsFinder().of_folder(Path.cwd()).path
    except UserError as error:
        return Item(section, "file", State.BROKEN, str(error), "mend the file", required=True)
    if path is None:
        return Item(section, "file", State.OK, f"no {NAMES[0]} or [tool.torchlean] here or above: defaults")
    return Item(section, "file", State.OK, str(path))


def _lean() -> Iterator[Item]:
    """The TorchLean of the project around, and the dialect that captures in this folder write."""
    section = "Lean"
    project = find_project(Path.cwd())
    if project is None:
        yield Item(section, TORCHLEAN, State.OK, f"no Lake project here or above that requires {TORCHLEAN}")
    else:
        state = State.OK if project.dialect is not None or not project.required else State.MISSING
        where = f" (project {project.folder})" if project.required else ""
        yield Item(section, TORCHLEAN, state, f"{project.reason}{where}", project.remedy)
    try:
        dialect, reason = choose(Path.cwd())
    except UserError:  # which the settings' own line tells
        yield Item(section, "dialect", State.MISSING, "not known while the settings are wrong")
    else:
        detail = f"new captures in this folder are {dialect.name}: {reason}"
        yield Item(section, "dialect", State.OK, detail)


def _editors() -> Iterator[Item]:
    section = "Editors"
    for name, title in (
        ("code", "VS Code"),
        ("nvim", "Neovim"),
        ("hx", "Helix"),
        ("emacs", "Emacs"),
        ("zed", "Zed"),
    ):
        if path := shutil.which(name):
            version = f"{_first_line([path, '--version'])} ({path})" if name == "nvim" else path
            yield Item(section, title, State.OK, version)
        elif name in ("code", "nvim"):
            yield Item(section, title, State.MISSING, f"`{name}` is not on PATH", "only needed if you use it")
