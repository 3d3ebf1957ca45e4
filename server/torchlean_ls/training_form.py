"""What is asked before a training, as a form that any editor can put to its user.

The errors of `torchlean.train` carry it, for clients that ask by themselves.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchlean_core.artifact.companions import TENSOR_FILES, stem
from torchlean_core.artifact.load import graph_of
from torchlean_core.graph import Program, lower
from torchlean_core.jobs.warm import has_gpu
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.options.choices import (
    CROSS_ENTROPY,
    DEFAULT_LOSS,
    DEFAULT_LR,
    DEFAULT_OPTIMIZER,
    DEFAULT_STEPS,
    LOSSES,
    OWN_LOSS,
)
from torchlean_core.options.datasource import SUFFIXES
from torchlean_core.runs import Kept, kept_run, paths_of
from torchlean_ls.training import resuming

if TYPE_CHECKING:
    from torchlean_core.check import Report

_MAX_FILES = 8
"""Files of samples that are offered by name."""

SYNTHETIC = "random data: shows that the loop works, trains nothing of use"


def training_form(artifact: Path, report: Report, device: str, argument: dict[str, Any]) -> dict[str, Any]:
    """What is asked before a training: `data.form` of an error.

    Args:
        artifact: The artifact's file.
        report: What the checker says of it.
        device: The device of the settings.
        argument: What the command was given; what it says is not asked.

    Returns:
        `title`, `accept` (title of the start), `resume` (`label`, `argument`: an interrupted run; or null), and
        `fields`. A field has a `label`, the `names` of what it says in the command's argument, and `choices`. A choice
        has a `label`, a `detail`, and either an `answer` (what the argument gets, perhaps nothing) or what to `ask`:
        a `name`, a `type` (`whole`, `number` or `file`), a `prompt`, a `value` to propose, the `unit` of an answer, of
        numbers what they are `above`, of files their `endings`. The first choice is taken where nothing is chosen,
        and its answer is sent as every other.

    Raises:
        ArtifactError: It has errors.
    """
    program = lower(graph_of(report, artifact.name))
    place = argument.get("output")
    fields = [_data(artifact), *_outputs(program, place), *_loss(program, place), *_amount(), _device(device)]
    kept = kept_run(artifact, paths_of(artifact).checkpoint)
    return {
        "title": f"Train {artifact.name}",
        "accept": "Start training",
        "resume": None if kept is None else {"label": _resumed(kept), "argument": resuming(kept)},
        "fields": [one for one in fields if not set(one["names"]) & set(argument)],
    }


def _resumed(kept: Kept) -> str:
    return f"Resume the run that stopped at step {kept.step:,} of {kept.steps:,}"


def _choice(label: str, detail: str, **answer: Any) -> dict[str, Any]:
    return {"label": label, "detail": detail, "answer": answer}


def _data(artifact: Path) -> dict[str, Any]:
    file = {
        "label": "File…",
        "detail": f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} with samples x and targets y",
        "ask": {
            "name": "data",
            "type": "file",
            "prompt": "Samples to train on",
            "endings": [one.removeprefix(".") for one in SUFFIXES],
        },
    }
    near = [_choice(name, "in the artifact's folder", data=name) for name in _samples(artifact)]
    synthetic = _choice("synthetic", SYNTHETIC)
    return {"label": "Data", "names": ["data"], "choices": [synthetic, *near, file]}


def _samples(artifact: Path) -> list[str]:
    """Names of files beside an artifact that may hold samples: none of those that commands write."""
    try:
        names = sorted(entry.name for entry in artifact.parent.iterdir() if entry.name.endswith(SUFFIXES))
    except OSError:
        return []
    others = [name for name in names if not name.endswith(TENSOR_FILES) and not name.startswith(".")]
    near = stem(artifact)
    return sorted(others, key=lambda name: not name.startswith(near))[:_MAX_FILES]


def _outputs(program: Program, place: Any) -> list[dict[str, Any]]:
    outputs = program.output_ids
    if len(outputs) < 2 or place is not None:
        return []
    choices = [
        _choice(f"output {number}", show_shape(program.nodes[node].shape), output=number)
        for number, node in enumerate(outputs)
    ]
    return [{"label": "Loss of", "names": ["output"], "choices": choices}]


def _loss(program: Program, place: Any) -> list[dict[str, Any]]:
    outputs = program.output_ids
    at = place if type(place) is int and 0 <= place < len(outputs) else 0
    node = program.nodes[outputs[at]]
    if node.operator.name == OWN_LOSS:
        return []  # the graph's output is the loss
    fitting = [name for name in LOSSES if name != CROSS_ENTROPY or any(size > 1 for size in node.shape)]
    ordered = sorted(fitting, key=lambda name: name != DEFAULT_LOSS)
    choices = [_choice(name, LOSSES[name], loss=name) for name in ordered]
    return [{"label": "Loss", "names": ["loss"], "choices": choices}]


def _amount() -> list[dict[str, Any]]:
    rate = DEFAULT_LR[DEFAULT_OPTIMIZER]
    steps, epochs, lr = (
        {"name": name, "type": kind, "prompt": prompt, "value": value, "unit": unit, "above": 0}
        for name, kind, prompt, value, unit in (
            ("steps", "whole", "Number of steps", "1000", "steps"),
            ("epochs", "whole", "Number of passes over the data", "10", "epochs"),
            ("lr", "number", "Learning rate", str(rate), ""),
        )
    )
    amount = [
        _choice(f"{DEFAULT_STEPS} steps", "a first try", steps=DEFAULT_STEPS),
        {"label": "Steps…", "detail": "batches of 32 samples", "ask": steps},
        {"label": "Epochs…", "detail": "passes over the data", "ask": epochs},
    ]
    rates = [
        _choice(str(rate), f"usual for {DEFAULT_OPTIMIZER}", lr=rate),
        {"label": "Another…", "detail": "greater learns faster, and may not settle", "ask": lr},
    ]
    validation = [
        _choice("none", "train on all samples"),
        _choice("a tenth of the samples", "kept back, to see what is learned", val_split=0.1),
        _choice("a fifth of the samples", "kept back, to see what is learned", val_split=0.2),
    ]
    return [
        {"label": "Amount", "names": ["steps", "epochs"], "choices": amount},
        {"label": "Learning rate", "names": ["lr"], "choices": rates},
        {"label": "Validation", "names": ["val_split"], "choices": validation},
    ]


def _device(chosen: str) -> dict[str, Any]:
    gpu = [_choice("cuda", "the GPU", device="cuda")] if has_gpu() else []
    auto = "the GPU where torch can use it, else the CPU" if gpu else "no GPU is seen: the CPU"
    known = [_choice("auto", auto, device="auto"), *gpu, _choice("cpu", "the CPU", device="cpu")]
    if chosen not in ("auto", "cuda", "cpu"):
        known.append(_choice(chosen, "from the settings", device=chosen))
    ordered = sorted(known, key=lambda one: one["label"] != chosen)
    return {"label": "Device", "names": ["device"], "choices": ordered}
