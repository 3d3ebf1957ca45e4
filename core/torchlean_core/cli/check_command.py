"""`torchlean check`: artifacts from files, folders and standard input; `--fix` and `--diff` mend them.

Of a Python file it tells what is known without running it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from torchlean_core.artifact.companions import has_files_beside, names_model
from torchlean_core.basics.reading import MOST_ARTIFACT, read_regular
from torchlean_core.capture.onnx_files import is_onnx
from torchlean_core.check import Finding, Report, check_document
from torchlean_core.check.findings import Severity
from torchlean_core.check.output import FORMATS, make_writer
from torchlean_core.check.rules import RULES
from torchlean_core.cli.console import console, plain, read_stdin, say
from torchlean_core.config import Settings, SettingsFinder
from torchlean_core.errors import UsageError
from torchlean_core.text import read_bytes, read_file

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from torchlean_core.vnnlib import Network

_STDIN = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `torchlean check`."""
    add = parser.add_argument
    add(
        "paths",
        nargs="+",
        metavar="PATH",
        help="artifact, Python file (what is known of it without running it), folder, or - for standard input",
    )
    add(
        "--property",
        action="append",
        type=Path,
        metavar="FILE",
        help="VNN-LIB property (p.vnnlib, p.vnnlib.gz): whether its variables fit the artifact's input and output",
    )
    add("--output-format", choices=FORMATS, default="text", help="how findings are printed")
    add("--fix", action="store_true", help="apply the safe fixes in place (for -: print the text)")
    add("--diff", action="store_true", help="show what --fix would change, and write nothing")
    add("--unsafe-fixes", action="store_true", help="apply fixes too that may change what the file means")
    add("--select", metavar="CODES", help="report these codes only (comma-separated prefixes)")
    add("--ignore", metavar="CODES", help="do not report these codes (comma-separated prefixes)")
    add("--exclude", action="append", metavar="GLOB", help="skip these files when searching folders")
    add("--force-exclude", action="store_true", help="skip excluded files even where they are named")


class _Wanted(NamedTuple):
    """Which codes count in one file: prefixes, None for all (`select`) or nothing (`ignore`)."""

    select: tuple[str, ...] | None
    ignore: tuple[str, ...] | None


def run(args: argparse.Namespace) -> int:
    """Check everything named; returns 1 where a file has errors, 2 where one cannot be read."""
    return _Run(args).run()


class _Run:
    """One run of the command."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.fixing = args.fix or args.diff
        if args.unsafe_fixes and not self.fixing:
            raise UsageError("--unsafe-fixes: works with --fix or --diff")
        if args.diff and args.output_format != "text":
            raise UsageError("--diff: prints a diff, and knows no --output-format")
        self.properties: list[Path] = args.property or []
        if self.properties and not _is_one_artifact(args.paths):
            raise UsageError("--property: goes with one artifact, the network that the property is of")
        self.select, self.ignore = _codes(args.select, "--select"), _codes(args.ignore, "--ignore")
        self.settings = SettingsFinder(self._wrong_settings)
        # With `--fix -` the fixed text is the result; what is left to say goes to stderr.
        self.stream = sys.stderr if self.fixing and not args.diff and _STDIN in args.paths else sys.stdout
        self.writer = make_writer(args.output_format, plain(self.stream), self._show)
        self.counts: Counter[Severity] = Counter()
        self.files = self.fixed = self.changed = 0
        self.unreadable = self.python = False
        self.checked_properties = 0

    def run(self) -> int:
        """Check everything named; returns the exit code."""
        for name, path in self._sources():
            try:
                self._check(name, path)
            except BrokenPipeError:
                raise  # about our output, not about the file
            except OSError as error:
                self._cannot(name, error)
        if not self.args.diff:
            self.writer.close()
        if self.args.output_format in ("text", "github") and not self.args.quiet:
            say(self._summary())
        if self.unreadable:
            return 2
        return 1 if self.counts[Severity.ERROR] or (self.args.diff and self.changed) else 0

    def _check(self, name: str, path: Path | None) -> None:
        """Check one file, after fixing it if that is asked for.

        Raises:
            OSError: It cannot be read or written.
        """
        wanted = self._wanted(path)
        if path is not None and is_onnx(path):
            raise OSError(0, f"an ONNX file; `torchlean capture {path.name}` makes an artifact of it")
        is_python = path is not None and path.suffix == ".py"
        if path is None or is_python or self.fixing:
            content = read_stdin() if path is None else read_regular(path, MOST_ARTIFACT)
            if self.fixing and not is_python:
                content = self._fix(name, path, content, wanted)
            document = None if is_python else read_bytes(content)
        else:
            content, document = b"", read_file(path)  # one copy at a time: it may hold weights
        self.files += 1
        network: Network | None = None
        if path is not None and document is None:
            report = self._python(name, path, content)
        else:
            assert document is not None, "what is no Python file was read"
            report = check_document(document)
            network = self._network(report)
            if path is not None and _companions_count(wanted):
                report.findings += _of_companions(path, report)
        self._add(name, report, wanted)
        for file in self.properties:
            self._check_property(file, network)

    def _network(self, report: Report) -> Network | None:
        """The network that properties are compared with."""
        if not self.properties:
            return None
        from torchlean_core.vnnlib import network_of

        return network_of(report)

    def _check_property(self, file: Path, network: Network | None) -> None:
        """Check a property of the artifact; where the artifact has errors, what the property says by itself."""
        from torchlean_core.vnnlib import check_property

        name = str(file)
        try:
            report = check_property(file, network)
        except OSError as error:
            self._cannot(name, error)
            return
        if network is None and not self.args.quiet:
            say(f"{name}: not compared with the artifact, which has errors")
        self.checked_properties += 1
        self._add(name, report, self._wanted(file))

    def _add(self, name: str, report: Report, wanted: _Wanted) -> None:
        """Take what counts of a report, and hand it on."""
        _keep(report, wanted)
        self.counts.update(finding.severity for finding in report.findings)
        if not self.args.diff:
            self.writer.add(name, report)

    def _python(self, name: str, path: Path, content: bytes) -> Report:
        """What is known of a Python file; how its models stand is said at once."""
        from torchlean_core.live.checked import check_python

        self.python = True
        checked = check_python(path, name, content)
        if not self.args.quiet and self.args.output_format == "text" and not self.args.diff:
            for note in checked.notes:
                say(note)
        return checked.report

    def _fix(self, name: str, path: Path | None, content: bytes, wanted: _Wanted) -> bytes:
        """The content with the fixes applied, which are written, or shown as a diff."""
        from torchlean_core.check.fixing import fix_text
        from torchlean_core.files import write_text

        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            fixed, applied = content, 0  # reported as TL003; nobody can tell what was meant
        else:
            result = fix_text(text, unsafe=self.args.unsafe_fixes, **wanted._asdict())
            fixed, applied = result.text.encode("utf-8"), len(result.applied)
        self.fixed += applied
        self.changed += fixed != content
        if self.args.diff:
            self._show_diff(name, content, fixed)
        elif path is None:
            sys.stdout.buffer.write(fixed)
            sys.stdout.buffer.flush()
        elif fixed != content:
            write_text(path, fixed.decode("utf-8"))
        return fixed

    # -- what to check ------------------------------------------------------------------------------------

    def _sources(self) -> Iterator[tuple[str, Path | None]]:
        """What to check, once each: (name as first given, file); no file for standard input."""
        seen: set[str] = set()
        for name, path in self._named():
            key = _STDIN if path is None else os.path.abspath(path)  # noqa: PTH100 - links stay what they are
            if key not in seen:
                seen.add(key)
                yield name, path

    def _named(self) -> Iterator[tuple[str, Path | None]]:
        for name in self.args.paths:
            if not name:
                raise UsageError("an empty path: name a file or a folder")
            path = Path(name)
            if name == _STDIN:
                yield name, None
            elif os.path.isdir(path):  # noqa: PTH112 - false, and no error, for a name that is too long
                from torchlean_core.artifact.discovery import find_artifacts

                found = find_artifacts(
                    path, self.args.exclude, self.settings, lambda at, error: self._cannot(str(at), error)
                )
                yield from ((str(file), file) for file in found)
            elif not (self.args.force_exclude and self._excluded(path)):
                yield name, path

    def _excluded(self, path: Path) -> bool:
        if self.args.exclude is None:
            return self.settings.of_file(path).excludes(path)
        from torchlean_core.artifact.discovery import exclude_spec

        return exclude_spec(self.args.exclude).match_file(path)

    def _wanted(self, path: Path | None) -> _Wanted:
        """The codes that count in a file: the command line wins over the settings."""
        settings: Settings = (
            self.settings.of_file(path) if path is not None else self.settings.of_folder(Path.cwd())
        )
        ignore = self.ignore if self.ignore is not None else settings.ignore
        if path is not None:
            ignore += settings.ignored_in(path)
        return _Wanted(self.select if self.select is not None else settings.select, ignore or None)

    # -- what to say --------------------------------------------------------------------------------------

    @cached_property
    def _console(self) -> Console:
        return console(self.args, self.stream)

    def _show_diff(self, name: str, old: bytes, new: bytes) -> None:
        if old == new:
            return
        from torchlean_core.cli.textdiff import colored, shown, unified_diff

        lines = unified_diff(old.decode("utf-8"), new.decode("utf-8"), name)
        if sys.stdout.isatty():
            lines = map(shown, lines)
        if self._console.color_system is not None:
            lines = colored(lines)
        # A patch is bytes, whatever the encoding and line ends of standard output are.
        for line in lines:
            sys.stdout.buffer.write(line.encode("utf-8", "surrogateescape"))

    def _show(self, text: Text) -> None:
        self._console.print(text, end="\n\n")

    def _cannot(self, name: str, error: OSError) -> None:
        self.unreadable = True
        message = error.strerror or str(error)
        say(f"torchlean: {name}: {message}")
        self.writer.unreadable(name, message)

    def _wrong_settings(self, path: Path, error: UsageError) -> None:
        """A settings file is wrong: the files are judged by the defaults, and the run has failed."""
        self.unreadable = True
        say(f"torchlean: {error} (none of its settings apply)")
        name = os.path.relpath(path)
        self.writer.unreadable(name, str(error).removeprefix(f"{path}: "))

    def _summary(self) -> str:
        if not self.files:
            return "no artifacts found"
        checked = _count(self.files, "file" if self.python else "artifact")
        if self.properties:
            number = self.checked_properties
            checked += f" and {number} propert{'y' if number == 1 else 'ies'}"
        checked += " checked: "
        if not self.fixed:
            return checked + (_tally(self.counts) or "all clean")
        mended = f"{'would fix' if self.args.diff else 'fixed'} {_count(self.fixed, 'finding')}"
        return f"{checked}{mended}; left: {_tally(self.counts) or 'none'}"


def _is_one_artifact(names: list[str]) -> bool:
    """Whether paths are one that is neither a folder nor a Python file."""
    return len(names) == 1 and Path(names[0]).suffix != ".py" and not os.path.isdir(names[0])  # noqa: PTH112


def _codes(value: str | None, option: str) -> tuple[str, ...] | None:
    if value is None:
        return None
    codes = tuple(code.strip().upper() for code in value.split(",") if code.strip())
    if not codes:
        raise UsageError(f"{option}: no code given; see `torchlean rules`")
    for code in codes:
        if not any(known.startswith(code) for known in RULES):
            raise UsageError(f"{option}: no rule's code starts with `{code}`; see `torchlean rules`")
    return codes


def _companions_count(wanted: _Wanted) -> bool:
    """Whether findings about files beside the artifact are reported at all."""
    if wanted.ignore is not None and "TL5".startswith(wanted.ignore):
        return False
    return wanted.select is None or any(code.startswith("TL5"[: len(code)]) for code in wanted.select)


def _of_companions(path: Path, report: Report) -> list[Finding]:
    """Findings about the files that belong to an artifact; most have none, and then this is a look at the folder."""
    concerned = has_files_beside(path) or names_model(report.document.text) or report.dialect.inline
    if not concerned:
        return []
    from torchlean_core.companions import artifact_findings

    return artifact_findings(path, report)


def _keep(report: Report, wanted: _Wanted) -> None:
    select, ignore = wanted
    if select is None and ignore is None:
        return
    report.findings = [
        finding
        for finding in report.findings
        if (select is None or finding.code.startswith(select))
        and (ignore is None or not finding.code.startswith(ignore))
    ]


def _tally(counts: Counter[Severity]) -> str:
    """How many of what, in words."""
    notes = counts[Severity.INFORMATION] + counts[Severity.HINT]
    numbers = ((counts[Severity.ERROR], "error"), (counts[Severity.WARNING], "warning"), (notes, "note"))
    return ", ".join(_count(number, noun) for number, noun in numbers if number)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
