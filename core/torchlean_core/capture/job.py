"""The capture job: what a worker does for `torchlean capture` and for the language server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torchlean_core.artifact import ArtifactError, parse_graph
from torchlean_core.basics.paths import real
from torchlean_core.capture.errors import CaptureError, CaptureFinding
from torchlean_core.capture.explain import Explainer
from torchlean_core.capture.load import Loaded
from torchlean_core.capture.onnx_files import is_onnx
from torchlean_core.capture.originals import Originals
from torchlean_core.capture.pipeline import Captured
from torchlean_core.capture.target import Shape, Target, source_words
from torchlean_core.capture.write import capture_file
from torchlean_core.environment.extras import require_onnx
from torchlean_core.errors import UserError
from torchlean_core.files import keep_aside
from torchlean_core.options.capture import Options
from torchlean_core.safekeeping.find import LostByCapture
from torchlean_core.safekeeping.loss import WouldReplace


def run(request: dict[str, Any], report: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Capture a model and write the artifact and its parameters, both or none.

    Args:
        request: `file`, `name`, `out` (paths as text), `example_shape`; for a program of `torch.export` the name is
            empty and the shape null, or what it must be. Optional, what `Options` has, `force` (whether
            somebody's work may be replaced, which is kept as `.orig` then; default false), `write` (whether to
            write anything; default true. Without, the model is traced, lowered and verified all the same), and
            `source`, the text to run in place of what is in the file.
        report: Takes `{"event": "stage", "name": …}`.

    Returns:
        What `capture_file` gives, `kept`, paths of what was kept of the files that were replaced, and `record`, what
        was learned about the user's code (`Record.as_json`).

    Raises:
        WouldReplace: Somebody's work would be replaced.
        CaptureError: The model cannot be captured; `data["findings"]` has the places.
        UserError: It cannot be verified, or the files cannot be written. `data["record"]` has what was learned.
    """
    target, output, options = (
        Target(Path(request["file"]), request["name"]),
        Path(request["out"]),
        Options.of(request),
    )
    shape, text = request["example_shape"], request.get("source")
    write = request.get("write", True) is not False
    kept: list[str] = []

    source = source_words(real(target.file), target.name)
    lost = LostByCapture(output, source, params=options.params)

    def judge(captured: Captured) -> None:
        _require_no_errors(captured)
        kept.extend(str(keep_aside(loss.path)) for loss in (lost.now() if write else ()))

    if write and not request.get("force") and (found := lost.now()):
        raise WouldReplace(found)
    if target.is_program:
        return {**_run_program(target, shape, output, options, judge, write, report), "kept": kept}
    shape = tuple(shape)
    # Absolute: the model's code may change the folder.
    explainer = Explainer(Target(target.file.absolute(), target.name), shape, text)
    originals = Originals()
    stages = ["importing"]

    def stage(name: str) -> None:
        stages.append(name)
        report({"event": "stage", "name": name})

    try:
        result = capture_file(
            target,
            shape,
            output,
            options,
            stage=stage,
            judge=judge,
            write=write,
            text=text,
            observer=explainer,
        )
    except BaseException as error:
        replaced = originals.restore()
        if replaced and isinstance(error, Exception) and not isinstance(error, UserError):
            code = "TL602" if stages[-1] == "importing" else "TL603"
            what = f"the code being run replaced Python's own {', '.join(replaced)}, which the capture needs"
            finding = CaptureFinding(code, what, explainer.line)
            failed = CaptureError.of(str(target.file), finding)
            failed.data = {**failed.data, "record": explainer.record([finding]).as_json()}
            raise failed from error
        if getattr(error, "ends_job", False):
            error.tell = lambda: {"record": explainer.record().as_json()}  # type: ignore[attr-defined]
            raise
        if not isinstance(error, UserError):
            raise
        record = explainer.record(getattr(error, "findings", ()))
        error.data = {**error.data, "record": record.as_json()}
        raise
    originals.restore()
    notes = [CaptureFinding.of_json(note) for note in result["notes"]]
    record = explainer.record(notes, result)
    names = ", ".join(Path(path).name for path in kept)
    message = f"{result['message']}; what was replaced is kept as {names}" if kept else result["message"]
    return {**result, "kept": kept, "message": message, "record": record.as_json()}


def _run_program(
    target: Target,
    shape: Sequence[int] | None,
    output: Path,
    options: Options,
    judge: Callable[[Captured], None],
    write: bool,
    report: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:
    """The same of a file that is one program or graph, of which there is no code and so no record."""
    shape, load = _onnx(target, shape, options) if is_onnx(target.file) else _program(target, shape, options)
    return capture_file(
        target,
        shape,
        output,
        options,
        stage=lambda name: report({"event": "stage", "name": name}),
        judge=judge,
        write=write,
        load=lambda *_: load(),
    )


def _program(
    target: Target, shape: Sequence[int] | None, options: Options
) -> tuple[Shape, Callable[[], Loaded]]:
    """A program of `torch.export`: the shape of its input, and what loads it."""
    # Here alone: what torch reads programs with takes as long to import as a small capture.
    from torchlean_core.capture.program.load import load_program
    from torchlean_core.capture.program.read import read_program

    archive, description = read_program(target.file, shape, options)
    return description.shape, lambda: load_program(archive, description)


def _onnx(
    target: Target, shape: Sequence[int] | None, options: Options
) -> tuple[Shape, Callable[[], Loaded]]:
    """An ONNX file, likewise."""
    require_onnx()
    from torchlean_core.onnx.load import load_onnx, read_onnx

    source = read_onnx(target.file, shape, options)
    return source.shape, lambda: load_onnx(source)


def _require_no_errors(captured: Captured) -> None:
    """The checker's judgement of the new artifact: what it refuses is a bug here."""
    try:
        parse_graph(captured.text)
    except ArtifactError as error:
        raise RuntimeError(f"the captured artifact has errors: {error}") from error
