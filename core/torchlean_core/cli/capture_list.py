"""`torchlean capture` without a model: all that the settings list, one after the other, and a table at the end."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchlean_core.artifact.companions import params_path
from torchlean_core.basics.paths import real
from torchlean_core.capture.configured import capture_request, configured, needed_shape, with_dialect
from torchlean_core.capture.output import check_output, notes_of
from torchlean_core.capture.program.target import parse_model
from torchlean_core.capture.target import Target
from torchlean_core.cli.capture_worker import Progress, run_worker
from torchlean_core.cli.console import out, say
from torchlean_core.config import SettingsFinder
from torchlean_core.errors import UsageError, UserError
from torchlean_core.jobs import WarmWorker

_COLUMNS = ("model", "nodes", "parameters", "relative error", "time", "artifact")


@dataclass(frozen=True, slots=True)
class Entry:
    """A model to capture.

    Attributes:
        model: `FILE.py:Name` or `FILE.pt2`, as shown.
        output: Where its artifact goes, as shown.
    """

    model: str
    output: Path

    @classmethod
    def of(cls, target: Target, output: str | None) -> Entry:
        """The entry of one model; without an output, the settings give it.

        Raises:
            UsageError: They do not.
        """
        found = configured(target).get("output") if output is None else Path(output)
        if found is None:
            raise UsageError(f"-o OUT.json is missing: where to write the artifact of {target.words}")
        return cls(target.shown, _from_here(found))


def listed(folder: Path) -> list[Entry]:
    """The models to which the settings of a folder give an output, in their order.

    Raises:
        UsageError: There is none, or two would write the same files.
    """
    settings = SettingsFinder().of_folder(folder)
    root = settings.path.parent if settings.path is not None else folder
    entries: dict[Path, Entry] = {}
    for model, entry in settings.capture.items():
        if "output" not in entry:
            continue
        output = root / entry["output"]
        added = Entry(str(_from_here(root / model)), _from_here(output))
        # `m.json` and `m.ir.json` are two artifacts with one file of parameters.
        other = entries.setdefault(params_path(real(output)), added)
        if other is not added:
            raise UsageError(
                f"{settings.path}: {other.model} and {added.model} would write the same files: "
                f"{other.output} and {added.output}"
            )
    if not entries:
        where = "no torchlean.toml here or above it" if settings.path is None else str(settings.path)
        raise UsageError(
            f"which model? name it, as FILE.py:Name, or list models in torchlean.toml, each as\n"
            f'  [capture."model.py:Name"]\n  output = "model.ir.json"\n({where} lists none)'
        )
    return list(entries.values())


def capture_all(
    entries: Sequence[Entry], given: Mapping[str, Any], default_timeout: float, args: argparse.Namespace
) -> int:
    """Capture models, each in its own worker; one that fails stops no other.

    Args:
        entries: The models.
        given: Options of the command line, which win over those of the settings.
        default_timeout: Time limit of a capture in seconds where nothing gives another.
        args: How to show what is going on.

    Returns:
        0, or 1 where a capture failed.
    """
    rows = []
    failed = 0
    given = {**given, "force": args.force}
    # Torch is loaded once for all of them; one alone is not slower without.
    warm = WarmWorker() if len(entries) > 1 else None
    with Progress(args) as progress, contextlib.ExitStack() as stack:
        if warm is not None:
            stack.callback(warm.close)
        for number, entry in enumerate(entries, 1):
            start = time.monotonic()
            try:
                result = _capture(
                    entry, given, default_timeout, progress, f"{number}/{len(entries)} {entry.model}", warm
                )
            except UserError as error:
                failed += 1
                say(f"torchlean: {error}")
                result = None
            rows.append(_row(entry, result, time.monotonic() - start))
            if result is not None and not args.quiet:
                for note in notes_of(result):
                    say(f"torchlean: {entry.model}: {note}")
    if not args.quiet:
        out(args).print(_table(rows))
        done = len(entries) - failed
        out(args).print(f"{done} captured" + (f", {failed} failed" if failed else ""))
    return 1 if failed else 0


def _capture(
    entry: Entry,
    given: Mapping[str, Any],
    default_timeout: float,
    progress: Progress,
    what: str,
    warm: WarmWorker | None,
) -> dict[str, Any]:
    target = parse_model(entry.model)
    check_output(entry.output, target)
    request = with_dialect(capture_request(target, entry.output, needed_shape(target), given))
    request["force"] = given["force"]
    timeout = {"timeout": default_timeout, **configured(target), **given}["timeout"]
    return run_worker(request, timeout, progress, what, warm)


def _row(entry: Entry, result: dict[str, Any] | None, seconds: float) -> tuple[str, ...]:
    if result is None:
        return (entry.model, "", "", "", f"{seconds:.1f} s", "failed")
    error = result["max_relative_error"]
    return (
        entry.model,
        str(result["nodes"]),
        f"{result['parameters']:,}",
        "" if error is None else f"{error:.1e}",
        f"{seconds:.1f} s",
        str(entry.output),
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Rows under their headings: first and last column to the left, numbers to the right."""
    lines = [_COLUMNS, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, len(_COLUMNS) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _from_here(path: Path) -> Path:
    """A path as one would write it in the working directory; absolute where it lies outside."""
    relative = Path(os.path.relpath(path))
    return path if relative.parts[:1] == ("..",) else relative
