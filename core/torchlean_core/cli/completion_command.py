"""`torchlean completion`: the script that completes command lines of `torchlean` in a shell."""

from __future__ import annotations

import argparse
import sys

from torchlean_core.cli.console import plain
from torchlean_core.completion import SCRIPTS, script

_INSTALL = """\
bash        torchlean completion bash > ~/.local/share/bash-completion/completions/torchlean
zsh         torchlean completion zsh > ~/.zfunc/_torchlean    (with fpath+=(~/.zfunc) before compinit in ~/.zshrc)
fish        torchlean completion fish > ~/.config/fish/completions/torchlean.fish
PowerShell  torchlean completion powershell | Out-String | Invoke-Expression    (in $PROFILE)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `torchlean completion`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("shell", choices=tuple(SCRIPTS), metavar="SHELL", help=", ".join(SCRIPTS))
    parser.epilog = f"Once, in the shell's own place:\n\n{_INSTALL}"


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    plain(sys.stdout).write(script(args.shell))
    return 0
