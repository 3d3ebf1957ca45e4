"""A fixed sample of random models: each is captured and is its model, or is refused with a reason."""

from __future__ import annotations

import random

import pytest

from tests.core.capture.random_models import Program
from tests.core.capture.random_operators import steps as operators
from tests.core.capture.random_run import outcomes

SAMPLE = (
    50000,
    50001,
    50002,
    50003,
    50004,
    50005,
    50006,
    50008,
    50011,
    50012,
    50013,
    50014,
    50015,
    50016,
    50017,
    50018,
    50019,
    50020,
    50021,
    50022,
)
"""Numbers of models none of which is all rounding: a variance of equal numbers has no digits to compare."""

NEVER_DRAWN = {
    "torchlean.self_attention.default": "stands for a module's own attention, found while tracing",
}


@pytest.mark.filterwarnings("ignore")
def test_random_models_are_captured_or_refused_with_a_reason() -> None:
    kinds = []
    for one in outcomes(SAMPLE):
        assert one.kind != "bug" and not one.findings, f"{one.reason}\n{one.findings}\n{one.sample.text}"
        assert one.kind == "captured" or one.reason
        kinds.append(one.kind)
    assert kinds.count("captured") > len(kinds) / 2


@pytest.mark.filterwarnings("ignore")
def test_every_operator_is_drawn() -> None:
    never = set()
    for name, step, _ in operators():
        for seed in range(60):
            draw = random.Random(f"{name} {seed}")
            program = Program(draw, program_shape(draw))
            lines = step(program)
            if lines is not None and program.add(name, *lines):
                break
        else:
            never.add(name)
    assert never == set(NEVER_DRAWN)


def program_shape(draw: random.Random) -> tuple[int, ...]:
    """Shape of an input."""
    return tuple(draw.choice([1, 2, 3, 4]) for _ in range(draw.randint(0, 4)))
