"""One place says the version, and what `torchlean --version` tells is what is there."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import torchlean_ls
from tests.core.cli.support import torchlean
from torchlean_core import __version__
from torchlean_core.cli import versions
from torchlean_core.cli.main import main
from torchlean_core.environment.extras import EXTRAS, REQUIRED
from torchlean_core.kinds.dialects import DIALECTS

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def read(*parts):
    return ROOT.joinpath(*parts).read_text("utf-8")


def names(requirements):
    return {re.match(r"[\w.-]+", text)[0] for text in requirements}


def test_the_package_takes_its_version_from_the_program():
    assert "version" not in PROJECT["project"] and PROJECT["project"]["dynamic"] == ["version"]
    source = ROOT / PROJECT["tool"]["hatch"]["version"]["path"]
    assert f'__version__ = "{__version__}"' in source.read_text("utf-8").splitlines()
    assert re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", __version__)


def test_the_editors_packages_have_the_programs_version():
    manifest = json.loads(read("editors", "vscode", "package.json"))
    lock = json.loads(read("editors", "vscode", "package-lock.json"))
    emacs = re.search(r"^;; Version: (.*)$", read("editors", "emacs", "torchlean.el"), re.MULTILINE)
    found = {
        "package.json": manifest["version"],
        "package-lock.json": lock["version"],
        "package-lock.json, packages": lock["packages"][""]["version"],
        "torchlean.el": emacs[1],
        "lua/torchlean/init.lua": re.search(
            r"version = '(.*)'", read("editors/neovim/lua/torchlean/init.lua")
        )[1],
    }
    assert found == dict.fromkeys(found, __version__), "a release changes them together: see CONTRIBUTING.md"


def test_both_changelogs_begin_with_what_is_next_or_this_version():
    for path in ("CHANGELOG.md", "editors/vscode/CHANGELOG.md"):
        first = re.search(r"^## \[(.+?)\]", read(path), re.MULTILINE)[1]
        assert first in ("Unreleased", __version__), path


def test_the_packages_that_are_asked_for_are_those_that_installers_are_told():
    project = PROJECT["project"]
    assert {package.name for package in REQUIRED} == names(project["dependencies"])
    told = project["optional-dependencies"]
    assert {extra.name for extra in EXTRAS} == set(told) - {"all", "dev", "docs"}
    for extra in EXTRAS:
        assert {package.name for package in extra.packages} == names(told[extra.name])
    [every] = told["all"]
    assert set(re.search(r"\[(.*)\]", every)[1].split(",")) == {extra.name for extra in EXTRAS}


def test_the_version_is_one_line(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"torchlean-ls {__version__}\n"


@pytest.mark.parametrize("order", [("--version", "--verbose"), ("--verbose", "--version")])
def test_the_verbose_version_tells_everything_that_matters(capsys, order):
    assert main(list(order)) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    found = dict(re.split(r"\s{1,}", line, maxsplit=1) for line in lines if not line.startswith("installed"))
    assert first == f"torchlean-ls {__version__}"
    assert sys.executable in found["python"]
    assert found["torchlean.ir.v1"] == f"dialects {', '.join(DIALECTS)}"
    assert found["protocol"] == f"LSP {torchlean_ls.PROTOCOL_VERSION}"
    assert found["msgspec"] == importlib.metadata.version("msgspec")
    for package in (*REQUIRED, *(package for extra in EXTRAS for package in extra.packages)):
        assert package.name in found


def test_the_protocols_version_is_that_of_its_types():
    types = pytest.importorskip("lsprotocol.types")
    assert types.__lsp_version__.startswith(torchlean_ls.PROTOCOL_VERSION)


def test_verbose_alone_is_a_usage_error(tmp_path):
    done = torchlean("--verbose", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"") and b"--verbose is for --version" in done.stderr
    done = torchlean(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"") and b"required: COMMAND" in done.stderr


def test_telling_versions_imports_nothing_that_is_told_of(tmp_path):
    code = (
        "import sys; from torchlean_core.cli.main import main; main(['--version', '--verbose']);"
        "sys.exit(str([name for name in ('torch', 'numpy', 'msgspec', 'rich') if name in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == "[]\n"


def test_a_package_that_is_not_there_is_said_with_its_extra(monkeypatch):
    monkeypatch.setattr(versions, "version_of", lambda name: None)
    found = dict(versions.everything())
    assert found["msgspec"] == "not installed"
    assert found["websockets"] == "not installed (extra ws)"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", "for the CPU only"),
        ("cuda: Optional[str] = '12.8'\nhip = None\n", "cuda 12.8"),
        ("cuda = None\nhip: Optional[str] = '6.4'\n", "hip 6.4"),
        ("cuda = f(\n", "unknown: version.py cannot be read (SyntaxError)"),
    ],
)
def test_what_torch_is_built_for_is_read_and_not_run(tmp_path, monkeypatch, text, said):
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('imported')\n")
    (package / "version.py").write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert dict(versions.everything())["torch build"] == said


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for the driver's program is a shell script")
def test_the_drivers_program_is_asked_for_the_cards(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    program.write_text("#!/bin/sh\necho 'NVIDIA H200, 570.86.15'\n")
    program.chmod(0o755)
    assert dict(versions.everything())["NVIDIA"] == "NVIDIA H200, 570.86.15"
    program.write_text("#!/bin/sh\necho 'no driver' >&2\nexit 9\n")
    assert dict(versions.everything())["NVIDIA"] == "no driver"
