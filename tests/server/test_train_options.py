"""The options of a training, as editors are told them."""

from __future__ import annotations

import pytest

from torchlean_core.options.choices import LOSSES
from torchlean_core.train.options import TrainRequest

pytestmark = pytest.mark.asyncio


async def test_every_option_of_a_training_is_told(editor):
    answer = await editor.request("workspace/executeCommand", {"command": "torchlean.trainOptions"})
    told = {one["name"]: one for one in answer["options"]}
    assert set(told) == set(TrainRequest.__dataclass_fields__) - {"artifact"}
    assert told["loss"]["values"] == list(LOSSES) and told["device"]["values"] == ["auto", "cpu", "cuda"]
    assert [told[name]["type"] for name in ("lr", "steps", "best", "data", "logdir", "x")] == [
        "number",
        "whole",
        "flag",
        "file",
        "folder",
        "text",
    ]
    assert ".npz" in told["data"]["endings"]
    assert [name for name, one in told.items() if one["bare"]] == ["best", "resume"]
