"""Entry point of `torchlean`: finds the command, runs it, and turns errors into messages and exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import signal
import sys
import threading
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

from torchlean_core import __version__
from torchlean_core.cli.console import give_up, plain, say
from torchlean_core.errors import UserError

# Command to (module with `add_arguments(parser)` and `run(args) -> exit code`, help). Modules are imported on use.
COMMANDS: dict[str, tuple[str, str]] = {
    "check": ("torchlean_core.cli.check_command", "check artifacts and show every error where it stands"),
    "emit": ("torchlean_core.cli.emit_command", "write the nn.Module that an artifact describes"),
    "capture": ("torchlean_core.cli.capture_command", "capture a PyTorch model into an artifact"),
    "adapter": (
        "torchlean_core.cli.adapter_command",
        "write a script that captures models where only torch is installed",
    ),
    "convert": (
        "torchlean_core.cli.convert_command",
        "say an artifact in the other dialect, exactly or not at all",
    ),
    "init": ("torchlean_core.cli.init_command", "initialize the parameters of an artifact deterministically"),
    "params": (
        "torchlean_core.cli.params_command",
        "convert parameters: safetensors, JSON weights, PyTorch checkpoints",
    ),
    "run": ("torchlean_core.cli.run_command", "evaluate an artifact with the reference interpreter"),
    "train": ("torchlean_core.cli.train_command", "train the parameters of an artifact"),
    "eval": ("torchlean_core.cli.eval_command", "show loss and metrics of an artifact on a data set"),
    "graph": ("torchlean_core.cli.graph_command", "draw the graph of an artifact"),
    "diff": ("torchlean_core.cli.diff_command", "show what changed between two artifacts, by node"),
    "doctor": (
        "torchlean_core.cli.doctor_command",
        "show versions, devices and settings, what is missing and how to get it",
    ),
    "rules": ("torchlean_core.cli.rules_command", "list the rules, or explain one"),
    "server": ("torchlean_ls.command", "run the language server"),
    "completion": (
        "torchlean_core.cli.completion_command",
        "print the script that completes command lines in a shell",
    ),
}


class _Terminated(KeyboardInterrupt):
    """A request to end (SIGTERM): as Ctrl-C, it leaves nothing half-written."""


@contextmanager
def _terminable(command: str | None) -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, for the time of the block.

    The server has a way of its own. A process of a distributed run is ended at once, as torchrun expects: it
    may be waiting for the others in code that no exception of Python reaches.
    """
    is_ours = (
        threading.current_thread() is threading.main_thread() and "TORCHELASTIC_RUN_ID" not in os.environ
    )
    if command == "server" or not is_ours or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # who asks again does not want to wait
        raise _Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


_OPTION = re.compile(r"--[a-z][a-z-]*")
_NEGATIVE = re.compile(r"-(\d+\.?\d*|\.\d+)e[+-]?\d+|-inf|-nan", re.IGNORECASE)


class _Parser(argparse.ArgumentParser):
    """An argument parser whose usage errors read like the other messages."""

    def error(self, message: str) -> NoReturn:
        say(f"{self.format_usage()}torchlean: {message}")
        sys.exit(2)


def whole_parser() -> argparse.ArgumentParser:
    """The parser with the arguments of every command."""
    return _parser(COMMANDS)


def _parser(commands: Container[str]) -> argparse.ArgumentParser:
    """The parser, with the arguments of some commands; all others are known by name."""
    parser = _Parser(
        prog="torchlean",
        description="Check, emit, capture, initialize and train torchlean.ir.v1 artifacts.",
    )
    # Where they are not given they are no attributes: what a command finds in its arguments is its own.
    flag: dict[str, Any] = {"action": "store_true", "default": argparse.SUPPRESS}
    parser.add_argument(
        "--version", help="show the version; with --verbose, of everything that matters", **flag
    )
    parser.add_argument("--verbose", help="with --version: what a bug report needs", **flag)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (module, help_text) in COMMANDS.items():
        subparser = subparsers.add_parser(
            name, help=help_text, description=help_text[0].upper() + help_text[1:] + "."
        )
        subparser.add_argument("-q", "--quiet", action="store_true", help="print results and errors only")
        subparser.add_argument("--no-color", action="store_true", help="no colours (also: NO_COLOR is set)")
        if name in commands:
            importlib.import_module(module).add_arguments(subparser)
    return parser


def _versions(*, verbose: bool) -> int:
    print(f"torchlean-ls {__version__}")
    if verbose:
        from torchlean_core.cli.versions import everything

        for name, found in everything():
            print(f"{name:<16} {found}", file=plain(sys.stdout))
    return 0


def _parse(parser: argparse.ArgumentParser, arguments: list[str]) -> argparse.Namespace:
    """The options and paths of a command line; argparse alone takes no more paths behind an option."""
    args, rest = parser.parse_known_args(arguments)
    if not hasattr(args, "paths") or any(text.startswith("-") and text != "-" for text in rest):
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}")
    else:
        args.paths = [*args.paths, *rest]
    return args


def _run(args: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Do what a command line asks for; returns the exit code."""
    if "version" in args:
        return _versions(verbose="verbose" in args)
    if "verbose" in args:
        parser.error("--verbose is for --version")
    if args.command is None:
        parser.error("the following arguments are required: COMMAND")
    code: int = importlib.import_module(COMMANDS[args.command][0]).run(args)
    return code


def _joined(arguments: Sequence[str]) -> list[str]:
    """The arguments, with `--lo -1e-3` as `--lo=-1e-3`: argparse takes `-1e-3` for an option, unlike `-0.001`."""
    joined: list[str] = []
    for argument in arguments:
        if joined and _NEGATIVE.fullmatch(argument) and _OPTION.fullmatch(joined[-1]):
            joined[-1] += f"={argument}"
        else:
            joined.append(argument)
    return joined


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code (0 fine, 1 files have errors, 2 usage or unreadable)."""
    arguments = _joined(sys.argv[1:] if argv is None else argv)
    if sys.stderr is None:  # closed: messages go nowhere, and not to standard output
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - for the whole process
    if sys.stdout is None:
        say("torchlean: standard output is closed")
        return 2
    command = next((argument for argument in arguments if argument in COMMANDS), None)
    try:
        with _terminable(command):
            parser = _parser(() if command is None else (command,))
            args = _parse(parser, arguments)
            code: int = _run(args, parser)
        if not sys.stdout.closed:  # the server closes it when its client goes
            sys.stdout.flush()
        return code
    except UserError as error:
        say(f"torchlean: {error}")
        return error.exit_code
    except _Terminated:
        say("torchlean: terminated")
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        say("torchlean: interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`torchlean check … | head`); nothing is left to say to it.
        give_up(sys.stdout)
        return 1
    except OSError as error:
        where = f"{error.filename}: " if error.filename is not None else ""
        say(f"torchlean: {where}{error.strerror or error}")
        give_up(sys.stdout)
        return 2
    except Exception as error:
        if os.environ.get("TORCHLEAN_DEBUG"):
            raise
        say(
            f"torchlean: internal error: {type(error).__name__}: {error}\n"
            "  This is a bug in torchlean-ls. Run again with TORCHLEAN_DEBUG=1 for the traceback to report."
        )
        return 2


if __name__ == "__main__":
    sys.exit(main())
