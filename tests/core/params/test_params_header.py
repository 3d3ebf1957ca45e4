"""Headers of parameter files and values that are not finite, read without numpy; sizes; hostile files."""

import json
import random
import struct
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from safetensors import SafetensorError, safe_open

from torchlean_core.errors import UsageError, UserError
from torchlean_core.params.finite import first_not_finite
from torchlean_core.params.header import read_header


def raw(header, data=b"", length=None):
    """The bytes of a file with any header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


GOOD = [
    raw({}),
    raw({"a": entry()}, bytes(8)),
    raw({"__metadata__": {"k": "v"}, "a": entry()}, bytes(8)),
    raw({"b": entry(offsets=(8, 16)), "a": entry()}, bytes(16)),
    raw({"a": entry(shape=(0, 7), offsets=(0, 0)), "b": entry()}, bytes(8)),
    raw({"a": entry(shape=(), offsets=(0, 4))}, bytes(4)),
    raw(json.dumps({"a": entry()}).encode() + b"   \n", bytes(8)),
    *(raw({"a": entry(dtype, (4,), (0, 4 * size))}, bytes(4 * size)) for dtype, size in
      [("F64", 8), ("F16", 2), ("BF16", 2), ("I64", 8), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1)]),
]  # fmt: skip

BAD = {
    "empty": b"",
    "short": b"\0\0\0",
    "no JSON": raw(b"{garbage"),
    "not UTF-8": raw(b'{"\xff": 1}'),
    "a list": raw(b"[1]"),
    "longer than the file": raw({}, length=1 << 20),
    "enormous": raw({}, length=(1 << 64) - 1),
    "nested too deep": raw(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "a number of 10,000 digits": raw(b'{"a": ' + b"9" * 10_000 + b"}"),
    "overlap": raw({"a": entry(), "b": entry(offsets=(4, 12))}, bytes(12)),
    "hole": raw({"a": entry(), "b": entry(offsets=(12, 20))}, bytes(20)),
    "data left over": raw({"a": entry()}, bytes(9)),
    "data missing": raw({"a": entry()}, bytes(7)),
    "begin after end": raw({"a": entry(offsets=(8, 0))}, bytes(8)),
    "negative offset": raw({"a": entry(offsets=(-8, 0))}, bytes(8)),
    "offsets past 64 bits": raw({"a": entry(offsets=(0, 1 << 70))}, bytes(8)),
    "shape past any file": raw({"a": entry(shape=(1 << 62, 1 << 62))}, bytes(8)),
    "shape that does not fit": raw({"a": entry(shape=(3,))}, bytes(8)),
    "nothing in enormous dimensions": raw({"a": entry(shape=(0, 1 << 62, 1 << 62), offsets=(0, 0))}),
    "nothing in too large dimensions": raw({"a": entry(shape=(0, 1 << 61), offsets=(0, 0))}),
    "nothing in many dimensions": raw({"a": entry(shape=(0,) * 65, offsets=(0, 0))}),
    "one in many dimensions": raw({"a": entry(shape=(1,) * 65, offsets=(0, 4))}, bytes(4)),
    "negative dimension": raw({"a": entry(shape=(-2,))}, bytes(8)),
    "dimension that is a float": raw({"a": entry(shape=(2.0,))}, bytes(8)),
    "dimension that is true": raw({"a": entry(shape=(True, 2))}, bytes(8)),
    "shape that is a text": raw({"a": {**entry(), "shape": "2"}}, bytes(8)),
    "unknown type": raw({"a": entry(dtype="F31")}, bytes(8)),
    "type that is a number": raw({"a": {**entry(), "dtype": 3}}, bytes(8)),
    "missing field": raw({"a": {"dtype": "F32", "shape": [2]}}, bytes(8)),
    "entry that is a number": raw({"a": 3}, bytes(8)),
    "metadata that are numbers": raw({"__metadata__": {"a": 1}}),
    "metadata that are a list": raw({"__metadata__": ["a"]}),
    "same name twice": raw(b'{"a": %b, "a": %b}' % ((json.dumps(entry()).encode(),) * 2), bytes(8)),
    "name with control characters": raw({"\x1b[31m\n" * 50: entry(shape=(3,))}, bytes(8)),
}


@pytest.mark.parametrize("content", GOOD)
def test_good_headers_say_what_the_library_says(tmp_path, content):
    path = tmp_path / "p.safetensors"
    path.write_bytes(content)
    header = read_header(path)
    with safe_open(path, framework="numpy") as file:
        assert set(header.tensors) == set(file.keys())
        assert dict(header.metadata) == (file.metadata() or {})
        for name, info in header.tensors.items():
            assert list(info.shape) == file.get_slice(name).get_shape()
            assert info.dtype == file.get_slice(name).get_dtype()


@pytest.mark.parametrize("name", BAD)
def test_hostile_headers_are_refused_with_one_line(tmp_path, name):
    path = tmp_path / "p.safetensors"
    path.write_bytes(BAD[name])
    with pytest.raises(UserError) as caught:
        read_header(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: not a safetensors file (")
    assert len(message) < len(str(path)) + 400
    assert "\n" not in message and "\x1b" not in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"linear_1_W": [[1.0, 2.0]]}', "but perhaps JSON weights, which `torchlean params convert` takes"),
        (
            b"PK\x03\x04" + bytes(60),
            "but perhaps a PyTorch checkpoint, which `torchlean params convert` takes",
        ),
        (b"\x80\x02}q\x00." + bytes(60), "but perhaps a PyTorch checkpoint"),
    ],
)
def test_other_formats_are_recognized(tmp_path, content, words):
    (tmp_path / "p").write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_header(tmp_path / "p")
    assert words in str(caught.value)


def test_whatever_the_library_refuses_is_refused_here(tmp_path):
    """Damage of every kind, many times over; where both take a file, they say the same."""
    draw = random.Random(4)
    path = tmp_path / "p.safetensors"
    refused = taken = 0
    for _ in range(1500):
        content = bytearray(draw.choice(GOOD))
        for _ in range(draw.randrange(1, 3)):
            way = draw.randrange(3)
            at = draw.randrange(len(content))
            if way == 0:
                content[at] = (
                    draw.choice(b'0123456789-{}[]",:aF\\ \x00\xff') if at >= 8 else draw.randrange(256)
                )
            elif way == 1:
                del content[at : at + draw.randrange(1, 4)]
            else:
                content[at:at] = bytes(draw.choices(b'0123456789[]{}",:', k=draw.randrange(1, 3)))
            if not content:
                break
        path.write_bytes(content)
        try:
            with safe_open(path, framework="numpy") as file:
                names: set[str] | None = set(file.keys())
        except (SafetensorError, ValueError, OSError):
            names = None
        try:
            found: set[str] | None = set(read_header(path).tensors)
        except UserError:
            found = None
        assert names is not None or found is None, bytes(content)
        if names is not None and found is not None:
            assert found == names, bytes(content)
            taken += 1
        refused += found is None
    assert refused > 500 and taken > 20


def test_devices_and_folders_are_no_parameter_files(tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        read_header(tmp_path)
    with pytest.raises(UsageError, match="is a device or a pipe"):
        read_header(type(tmp_path)("/dev/zero"))


# -- values that are not finite -----------------------------------------------------------------------------


def pieces(array, size):
    content = array.tobytes()
    step = size * array.itemsize
    return (content[start : start + step] for start in range(0, len(content), step))


@pytest.mark.parametrize("dtype", ["F32", "F64"])
@pytest.mark.parametrize("mask", [False, True])
def test_what_numpy_calls_not_finite_is_found(dtype, mask):
    draw = np.random.default_rng(0)
    kind = {"F32": np.float32, "F64": np.float64}[dtype]
    special = [np.nan, np.inf, -np.inf, np.finfo(kind).max, np.finfo(kind).min, np.finfo(kind).tiny, -0.0]
    hits = 0
    for _ in range(400):
        values = (draw.normal(size=draw.integers(0, 40)) * 10.0 ** draw.integers(-30, 38)).astype(kind)
        for _ in range(draw.integers(0, 3)):
            if values.size:
                values[draw.integers(values.size)] = special[draw.integers(len(special))]
        bad = ~np.isfinite(values) & ~(mask & (values == -np.inf))
        found = first_not_finite(pieces(values, 8), dtype, allow_minus_infinity=mask)
        if not bad.any():
            assert found is None
            continue
        hits += 1
        assert found is not None and found[0] == int(bad.argmax())
        np.testing.assert_equal(found[1], float(values[found[0]]))
    assert hits > 40


def test_all_payloads_of_nan_and_the_numbers_beside_infinity():
    for word in (0x7F800001, 0x7FC00000, 0xFF800001, 0xFFFFFFFF, 0x7F800000, 0xFF800000):
        found = first_not_finite([struct.pack("<2I", 0x7F7FFFFF, word)], "F32")
        assert found is not None and found[0] == 1
    assert (
        first_not_finite([struct.pack("<4I", 0x7F7FFFFF, 0xFF7FFFFF, 0x00800000, 0xFF000000)], "F32") is None
    )


def test_a_mask_full_of_minus_infinity_with_a_nan_at_its_end():
    values = np.full(300_000, -np.inf, dtype=np.float32)
    assert first_not_finite(pieces(values, 1 << 18), "F32", allow_minus_infinity=True) is None
    values[-1] = np.nan
    found = first_not_finite(pieces(values, 1 << 18), "F32", allow_minus_infinity=True)
    assert found is not None and found[0] == values.size - 1


# -- big files ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are set as on Linux")
def test_a_store_of_2_gb_is_opened_with_little_memory(tmp_path):
    """A sparse file, and a process that may not have a quarter of its size."""
    code = textwrap.dedent(
        """
        import json, resource, sys
        from pathlib import Path
        resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))
        from torchlean_core.check import check_bytes
        from torchlean_core.companions import artifact_findings
        n = 1 << 14
        shape = {"id": 1, "kind": "linear", "parents": [0], "shape": [1, 2 * n]}
        nodes = [{"id": 0, "kind": "input", "parents": [], "shape": [1, n]}, shape]
        root = {"format": "torchlean.ir.v1", "input_id": 0, "output_id": 1, "nodes": nodes}
        sizes = {"linear_1_W": [2 * n, n], "linear_1_b": [2 * n]}
        header, at = {}, 0
        for name, dims in sizes.items():
            size = 4 * dims[0] * (dims[1] if len(dims) > 1 else 1)
            header[name] = {"dtype": "F32", "shape": dims, "data_offsets": [at, at + size]}
            at += size
        text = json.dumps(header).encode()
        artifact = Path(sys.argv[1]) / "m.ir.json"
        with open(artifact.with_name("m.params.safetensors"), "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + at)
        assert at > 2 << 30
        report = check_bytes(json.dumps(root).encode())
        assert artifact_findings(artifact, report, values=False) == []
        header["linear_1_b"]["shape"] = [n, 2]
        text = json.dumps(header).encode()
        with open(artifact.with_name("m.params.safetensors"), "r+b") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            file.truncate(8 + len(text) + at)
        assert [found.code for found in artifact_findings(artifact, report, values=False)] == ["TL502"]
        assert not {"numpy", "torch", "safetensors"} & set(sys.modules)
        """
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
