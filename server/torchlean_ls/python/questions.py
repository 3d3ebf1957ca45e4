"""Which models a file has, and which of them is meant: values that any editor can put to its user.

The errors of `torchlean.capture` carry the question, for clients that ask by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from torchlean_core.capture.models import Model
from torchlean_ls.python.shapes import shape_text
from torchlean_ls.python.state import state_of
from torchlean_ls.uris import plain_uri

if TYPE_CHECKING:
    from torchlean_ls.documents import Snapshot
    from torchlean_ls.python.live import Live


def models(live: Live, document: Snapshot) -> list[dict[str, Any]]:
    """The models of a Python document, in its order.

    Returns:
        Of each `name`, `kind` (`class` or `function`), `line` (of its name, from 0), `shape` (the example shape that is
        known, or null), `guess` (`shape` and `why`, or null), `state` (in words), `artifact` (URI, or null), `needs`
        (why it cannot be captured as it is, or null), `doc`.
    """
    return [_model(live, document, model) for model in live.classes.of(document)]


def _model(live: Live, document: Snapshot, model: Model) -> dict[str, Any]:
    state = state_of(live, document, model)
    guess = None if state.shape is not None else live.classes.guess(document, model.name)
    return {
        "name": model.name,
        "kind": model.kind,
        "line": model.name_span.line,
        "shape": None if state.shape is None else list(state.shape),
        "guess": None if guess is None else {"shape": list(guess.shape), "why": guess.why},
        "state": state.text,
        "artifact": None if state.artifact is None else plain_uri(state.artifact),
        "needs": _needs(model),
        "doc": model.doc,
    }


def _needs(model: Model) -> str | None:
    if model.needs:
        return f"takes {', '.join(model.needs)} to be made; write a function without arguments that makes it"
    return f"does not implement {', '.join(model.abstract)}" if model.abstract else None


def which_model(found: Iterable[dict[str, Any]], name: str) -> dict[str, Any]:
    """The question which model of a file is meant: `data.choices` of an error."""
    return {
        "question": f"Which model of {name}?",
        "argument": "name",
        "choices": [
            {"label": one["name"], "detail": _told(one), "value": one["name"], "line": one["line"]}
            for one in found
        ],
    }


def _told(model: dict[str, Any]) -> str:
    shape, guess = model["shape"], model["guess"]
    if shape is not None:
        known = f"({shape_text(shape)})"
    elif guess is not None:
        known = f"shape not given, perhaps ({shape_text(guess['shape'])})"
    else:
        known = "shape not given"
    return f"{known} · {model['state']}"
