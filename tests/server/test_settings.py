"""The client's settings: one table says what each should be and what is made of it."""

from __future__ import annotations

import pytest

from torchlean_ls.settings import Settings, complaints


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"enable": False}, {"enable": False}),
        ({"validate": "onSave"}, {"validate": "onSave"}),
        ({"validate": False}, {"validate": "off"}),
        ({"validate": {"run": "off"}}, {"validate": "off"}),
        ({"validate": {}}, {}),
        ({"captureOnSave": True, "refreshOnSave": True}, {"capture_on_save": True, "refresh_on_save": True}),
        ({"warmWorker": False, "captureOnType": True}, {"warm_worker": False, "capture_on_type": True}),
        (
            {"inlayHints": False},
            {"parent_hints": False, "target_hints": False, "shape_hints": False},
        ),
        (
            {"inlayHints": {"enable": False, "parents": True}},
            {"parent_hints": False, "target_hints": False, "shape_hints": False},
        ),
        ({"inlayHints": {"debugTargets": False}}, {"target_hints": False}),
        ({"artifacts": ["a*", "b"]}, {"artifacts": ("a*", "b")}),
        ({"python": {"interpreter": "/p"}}, {"python": "/p"}),
        ({"python": {"interpreter": ""}}, {}),
        ({"device": "cuda:1", "dialect": "classic"}, {"device": "cuda:1", "dialect": "classic"}),
        ({"timeLimit": 3, "memoryLimit": 2}, {"time_limit": 3.0, "memory_limit": 2 << 20}),
        ({"memoryLimit": 0}, {}),
        ({"enable": None, "validate": None, "python": None}, {}),
    ],
)
def test_what_is_told_is_taken(values, fields):
    assert complaints(values) == []
    assert Settings.read(values) == Settings(**fields)


@pytest.mark.parametrize(
    "values",
    [
        {"enable": "no"},
        {"validate": "sometimes"},
        {"validate": {"run": 3}},
        {"captureOnSave": 1},
        {"inlayHints": "off"},
        {"inlayHints": {"shapes": 0}},
        {"artifacts": "*.json"},
        {"artifacts": [3]},
        {"python": {"interpreter": 3}},
        {"device": "tpu"},
        {"device": ["cpu"]},
        {"dialect": ["classic"]},
        {"dialect": "newest"},
        {"timeLimit": 0},
        {"timeLimit": True},
        {"memoryLimit": -1},
        {"memoryLimit": 1.5},
    ],
)
def test_what_is_not_understood_is_named_and_changes_nothing(values):
    [complaint] = complaints(values)
    assert complaint.startswith("torchlean.") and ": expected " in complaint
    assert Settings.read(values) == Settings()


@pytest.mark.parametrize("values", [None, 3, [], "on"])
def test_what_is_no_section_changes_nothing(values):
    assert Settings.read(values) == Settings()
    assert len(complaints(values)) == (values is not None)
