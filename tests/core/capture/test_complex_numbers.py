"""Complex numbers between real ones: Fourier transforms, rotary embeddings, spectral layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.core.capture.support import EXACT, function
from torchlean_core.capture.errors import CaptureError
from torchlean_core.graph import lower
from torchlean_core.interp import Interpreter


def _low_modes(m: Any, x: torch.Tensor) -> torch.Tensor:
    """A layer of a Fourier neural operator."""
    modes = torch.fft.rfft(x.reshape(1, 2, 8))
    out = torch.zeros(1, 3, 5, dtype=torch.cfloat)
    out[:, :, :3] = torch.einsum("bix,iox->box", modes[:, :, :3], m.mixing)
    return torch.fft.irfft(out, n=8)


def _rotary(m: Any, x: torch.Tensor) -> torch.Tensor:
    pairs = torch.view_as_complex(x.reshape(2, 4, 2))
    return torch.view_as_real(pairs * m.turns).flatten(-2)


CASES: dict[str, Callable[[Any, torch.Tensor], torch.Tensor]] = {
    "there and back": lambda m, x: torch.fft.irfft(torch.fft.rfft(x), n=8),
    "an odd length": lambda m, x: torch.fft.irfft(torch.fft.rfft(x[:, :7]), n=7),
    "another length": lambda m, x: torch.fft.irfft(torch.fft.rfft(x, n=12), n=10),
    "orthonormal": lambda m, x: torch.fft.rfft(x, norm="ortho").imag,
    "forward norm": lambda m, x: torch.fft.ifft(x, norm="forward").real,
    "two axes": lambda m, x: torch.fft.irfft2(torch.fft.rfft2(x) * 2),
    "mixing of tokens": lambda m, x: torch.fft.fft(torch.fft.fft(x, dim=-1), dim=-2).real,
    "hermitian": lambda m, x: torch.fft.hfft(torch.fft.ihfft(x), n=8),
    "shifted": lambda m, x: torch.fft.fftshift(torch.fft.fft(x), dim=-1).real,
    "absolute values": lambda m, x: torch.fft.rfft(x).abs(),
    "power": lambda m, x: torch.fft.rfft(x).abs() ** 2,
    "autocorrelation": lambda m, x: torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(x).conj(), n=8),
    "a quotient": lambda m, x: (torch.fft.rfft(x) / (torch.fft.rfft(x) + 3 + 1j)).real,
    "a sum with numbers": lambda m, x: (2j * torch.fft.rfft(x) - (1 - 2j)).imag,
    "an exponential": lambda m, x: torch.exp(1j * x).real,
    "polar": lambda m, x: (torch.polar(torch.ones(8), m.angles) * x).imag,
    "complex of two": lambda m, x: torch.complex(x[0], x[1]).abs(),
    "joined": lambda m, x: torch.cat([torch.fft.rfft(x), torch.fft.rfft(x)[:, :2]], 1).real,
    "a short time transform": lambda m, x: torch.stft(
        x, 4, hop_length=2, window=torch.hann_window(4), return_complex=True
    ).abs(),
    "rotary": _rotary,
    "tanh": lambda m, x: torch.complex(x, x.flip(-1) * 0.5).tanh().imag,
    "sigmoid": lambda m, x: torch.complex(x, x.flip(-1) * 0.5).sigmoid().real,
    "padded": lambda m, x: F.pad(torch.complex(x, x + 1), (1, 2), value=1.5).imag,
    "padded with its own": lambda m, x: F.pad(torch.complex(x, x + 1), (1, 1), mode="circular").imag,
}


@pytest.mark.parametrize("name", CASES)
def test_from_real_to_real(name: str) -> None:
    turns = torch.polar(torch.ones(2, 4), torch.arange(8.0).reshape(2, 4))
    found = function(CASES[name], (2, 8), turns=turns, angles=torch.arange(8.0))
    assert found.verification is not None
    assert found.verification.max_relative_error <= EXACT
    assert not found.notes, "gradients are those of the model"


def test_complex_parameters_train_as_two_real_ones() -> None:
    mixing = nn.Parameter(torch.randn(2, 3, 3, dtype=torch.cfloat))
    found = function(_low_modes, (2, 8), mixing=mixing)
    assert found.verification is not None
    assert found.verification.max_relative_error <= 1e-6, "the layer computes in float32 alone"
    assert {note.code for note in found.notes} == {"TL407"}
    assert all("computed from `mixing`" in note.message for note in found.notes)
    assert len(found.notes) == 2, "a real and an imaginary part, each once"


def _state_space(m: Any, x: torch.Tensor) -> torch.Tensor:
    """A diagonal state space: a kernel of complex powers of parameters, convolved by Fourier transforms."""
    steps = -m.rate.exp() + 1j * m.frequency
    kernel = (
        (torch.view_as_complex(m.c)[..., None] * torch.exp(steps[..., None] * torch.arange(8))).sum(1).real
    )
    spectrum = torch.fft.rfft(x, n=16) * torch.fft.rfft(kernel, n=16)
    return torch.fft.irfft(spectrum, n=16)[..., :8]


def test_complex_numbers_of_real_parameters_are_nodes() -> None:
    torch.manual_seed(2)
    state = {
        "rate": torch.zeros(2, 4),
        "frequency": torch.arange(8.0).reshape(2, 4),
        "c": torch.randn(2, 4, 2),
    }
    found = function(_state_space, (2, 8), **{name: nn.Parameter(value) for name, value in state.items()})
    assert found.verification is not None
    assert found.verification.max_relative_error <= EXACT
    assert not found.notes, "training the artifact is training the model"


def test_complex_results_are_refused() -> None:
    with pytest.raises(CaptureError, match="float32"):
        function(lambda m, x: torch.fft.rfft(x), (2, 8))
    with pytest.raises(CaptureError, match="complex numbers"):
        function(lambda m, x: torch.fft.rfft(x).angle(), (2, 8))


def test_an_absolute_value_neither_overflows_nor_vanishes() -> None:
    result = function(lambda m, x: torch.complex(x, x.flip(0)).abs(), (4,))
    interpreter = Interpreter(lower(result.graph), result.tensors)
    for size in (1e-30, 1e-20, 1.0, 1e25, 2e38):
        x = torch.tensor([1.0, -0.5, 0.25, 0.3]) * size
        torch.testing.assert_close(interpreter.run(x), torch.hypot(x, x.flip(0)), rtol=1e-6, atol=0.0)
    assert torch.equal(interpreter.run(torch.zeros(4)), torch.zeros(4))
