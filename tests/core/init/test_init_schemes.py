"""Values of the schemes, against Python integers and float64 arithmetic of its own."""

import math
import subprocess
import sys

import pytest
import torch

from torchlean_core.errors import UserError
from torchlean_core.init import schemes
from torchlean_core.init.schemes import Scheme, fans, fill

WORD = (1 << 64) - 1


def mix(x):
    z = (x + 0x9E3779B97F4A7C15) & WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


def low(seed, k):
    return mix((mix(seed) + k) & WORD) & 0xFFFFFFFF


def unit(seed, k):
    return low(seed, k) / 4294967296


def filled(scheme, *shape, dtype=torch.float64):
    tensor = torch.full(shape, math.nan, dtype=dtype)
    fill(tensor, scheme)
    return tensor.reshape(-1).tolist()


@pytest.mark.parametrize(
    ("seed", "k", "value"),
    [
        (0, 0, 0.30117025575600564),
        (0, 1, 0.6844469008501619),
        (1, 0, 0.454000539612025),
        (42, 7, 0.5389441228471696),
    ],
)
def test_published_check_values(seed, k, value):
    assert unit(seed, k) == value
    assert filled(Scheme("uniform", seed=seed), 8)[k] == value


@pytest.mark.parametrize("seed", [0, 5, 2**63, 2**64 - 1])
def test_uniform(seed):
    expected = [-2.0 + unit(seed, k) * 5.0 for k in range(35)]
    assert filled(Scheme("uniform", lo=-2.0, hi=3.0, seed=seed), 5, 7) == expected


def test_xavier_uniform():
    limit = math.sqrt(6 / (3 * 2 * 5 + 4 * 2 * 5))
    expected = [-limit + unit(3, k) * (2 * limit) for k in range(4 * 3 * 2 * 5)]
    assert filled(Scheme("xavier_uniform", seed=3), 4, 3, 2, 5) == expected


def test_kaiming_uniform():
    limit = math.sqrt(6 / 30)
    expected = [-limit + unit(3, k) * (2 * limit) for k in range(120)]
    assert filled(Scheme("kaiming_uniform", seed=3), 4, 3, 2, 5) == expected


def test_normal():
    def value(k):
        u1 = (low(8, 2 * k) + 1) / 4294967297
        return 2.0 + 0.5 * math.sqrt(-2 * math.log(u1)) * math.cos(6.283185307179586 * unit(8, 2 * k + 1))

    found = filled(Scheme("normal", mean=2.0, std=0.5, seed=8), 9, 5)
    assert found == pytest.approx([value(k) for k in range(45)], rel=1e-14, abs=1e-14)


def test_constants_and_payloads():
    assert filled(Scheme("zeros"), 2, 2) == [0.0] * 4
    assert filled(Scheme("ones"), 3) == [1.0] * 3
    assert filled(Scheme("flat", values=(1.0, 2.5, -3.0, 4.0)), 2, 2) == [1.0, 2.5, -3.0, 4.0]
    assert filled(Scheme("flat", values=(7.0,))) == [7.0]


def test_payload_of_another_length_is_refused():
    with pytest.raises(UserError, match=r"flat has 3 values, but \[2, 2\] has 4 elements"):
        filled(Scheme("flat", values=(1.0, 2.0, 3.0)), 2, 2)


@pytest.mark.parametrize("shape", [(), (4,)])
@pytest.mark.parametrize("name", ["xavier_uniform", "kaiming_uniform"])
def test_no_fan_below_rank_two(name, shape):
    with pytest.raises(UserError, match="rank is less than 2"):
        filled(Scheme(name), *shape)


def test_fans():
    assert fans((8, 3, 5, 7)) == (105, 280)
    assert fans((8, 3)) == (3, 8)


@pytest.mark.parametrize("name", ["xavier_uniform", "kaiming_uniform", "uniform", "normal"])
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_empty_tensors(name, shape):
    assert filled(Scheme(name), *shape) == []


@pytest.mark.parametrize("name", ["uniform", "normal"])
def test_chunks_do_not_show(name, monkeypatch):
    whole = filled(Scheme(name, seed=4), 1000)
    monkeypatch.setattr(schemes, "_CHUNK", {"cpu": 64})
    assert filled(Scheme(name, seed=4), 1000) == whole


def test_float32_is_float64_rounded():
    scheme = Scheme("xavier_uniform", seed=6)
    exact = torch.tensor(filled(scheme, 30, 40), dtype=torch.float64)
    assert filled(scheme, 30, 40, dtype=torch.float32) == exact.to(torch.float32).tolist()


def test_index_past_32_bits_of_words():
    draw = schemes._Generator(11, torch.device("cpu"), 4)
    first = (1 << 33) + 5
    assert draw.words(first, 4).to(torch.int64).tolist() == [low(11, first + k) for k in range(4)]


@pytest.mark.parametrize("width", [1e-300, 1e-320, 5e-324, 3e38])
def test_widths_at_the_ends_of_float64(width):
    found = filled(Scheme("uniform", lo=0.0, hi=width, seed=4), 50)
    assert found == [unit(4, k) * width for k in range(50)]


MEMORY = """
import re, torch
from pathlib import Path
from torchlean_core.init import Scheme, fill

def memory(name):
    return int(re.search(name + r":\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024

scheme = Scheme({name!r}, seed=3)
fill(torch.empty(1 << 18, 2), scheme)
before = memory("VmRSS")
tensor = torch.empty(1 << 24, 2)
fill(tensor, scheme)
print((memory("VmHWM") - before) / tensor.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("name", ["kaiming_uniform", "normal"])
def test_filling_needs_little_more_than_the_tensor_itself(name):
    script = MEMORY.format(name=name)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 0.9 < float(done.stdout) < 1.1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["uniform", "normal", "xavier_uniform", "kaiming_uniform"])
def test_gpu_agrees_with_cpu(name):
    on_cpu, on_gpu = torch.empty(300, 500), torch.empty(300, 500, device="cuda")
    fill(on_cpu, Scheme(name, seed=2))
    fill(on_gpu, Scheme(name, seed=2))
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, rtol=1e-6, atol=1e-7)
