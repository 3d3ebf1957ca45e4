"""A model that asks whether it is traced is captured as it runs, whatever it asks by."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import pytest
import torch
import torch._dynamo
from torch import nn
from torch.compiler import is_compiling as a_name_of_its_own
from torch.fx._symbolic_trace import is_fx_tracing

from tests.core.capture.support import captured
from torchlean_core.capture.plain_answers import QUESTIONS, plain_answers
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter


class Asking(nn.Module):
    """Gives -x where it is told that it is traced; the values that verification tries lie within 100."""

    def __init__(self, question: Callable[[], bool]) -> None:
        super().__init__()
        self._question = [question]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.clamp(-50, 50) if self._question[0]() else x.clamp(-100, 100)


ASKED = {
    "torch.compiler.is_compiling": lambda: torch.compiler.is_compiling(),
    "under another name": a_name_of_its_own,
    "torch.compiler.is_exporting": lambda: torch.compiler.is_exporting(),
    "torch.compiler.is_dynamo_compiling": lambda: torch.compiler.is_dynamo_compiling(),
    "torch._dynamo.is_compiling": lambda: torch._dynamo.is_compiling(),
    "torch._utils.is_compiling": lambda: torch._utils.is_compiling(),
    "torch.jit.is_tracing": lambda: torch.jit.is_tracing(),
    "torch.onnx.is_in_onnx_export": lambda: torch.onnx.is_in_onnx_export(),
    "is_fx_tracing": is_fx_tracing,
}


@pytest.mark.filterwarnings("ignore:.*is_compiling. is deprecated")
@pytest.mark.parametrize("prefer_torch_export", [True, False])
@pytest.mark.parametrize("question", ASKED)
def test_the_branch_of_a_plain_run_is_captured(question: str, prefer_torch_export: bool) -> None:
    result = captured(Asking(ASKED[question]), (2, 3), __file__, prefer_torch_export=prefer_torch_export)
    found = Interpreter(lower(result.graph), result.tensors, torch.float32).run(torch.full((2, 3), 300.0))
    assert torch.equal(found, torch.full((2, 3), 100.0))


@pytest.mark.parametrize(("module", "name"), QUESTIONS)
def test_every_question_is_answered_and_is_torchs_own_again_afterwards(module: str, name: str) -> None:
    function = getattr(importlib.import_module(module), name)
    code = function.__code__
    with plain_answers():
        assert function.__code__ is not code
        assert function() is False
    assert function.__code__ is code and function.__kwdefaults__ is None


def test_torchs_own_code_gets_the_true_answer() -> None:
    asker = eval(
        "lambda: question()", {"__name__": "torch.somewhere", "question": torch.compiler.is_compiling}
    )
    with plain_answers():
        torch.compiler._is_compiling_flag = True
        try:
            assert asker() is True
            assert torch.compiler.is_compiling() is False
        finally:
            torch.compiler._is_compiling_flag = False
