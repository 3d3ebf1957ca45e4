"""Tensors whose numbers lie in files of their own: read here, from the folder of the ONNX file and nowhere else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import onnx

from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import open_regular
from torchlean_core.capture.errors import refused
from torchlean_core.capture.onnx_files import within
from torchlean_core.onnx.errors import quoted
from torchlean_core.onnx.file import MOST, Document


def take_in(document: Document) -> dict[str, str]:
    """Put the numbers that lie in other files into the model itself.

    Returns:
        SHA-256 of each such file, by its name as the model has it.

    Raises:
        CaptureError: A file lies elsewhere, cannot be read, or is shorter than the model says.
    """
    files: dict[str, bytes] = {}
    size = document.size
    for tensor in _tensors(document.proto.graph):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        said = {entry.key: entry.value for entry in tensor.external_data}
        where = said.get("location", "")
        if where not in files:
            files[where] = _content(document, where, MOST - size)
            size += len(files[where])
        content = files[where]
        start, length = (_number(document, tensor, said, key) for key in ("offset", "length"))
        start = start or 0
        end = len(content) if length is None else start + length
        if end > len(content) or start > end:
            raise refused(
                document.shown,
                f"tensor {quoted(tensor.name)}: {quoted(where)} has {len(content):,} bytes, and its numbers are to "
                f"stand at {start:,} to {end:,}",
            )
        tensor.raw_data = content[start:end]
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """All tensors that hold numbers, but those of subgraphs, which are refused."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors


def _content(document: Document, where: str, most: int) -> bytes:
    shown, folder = document.shown, document.file.parent
    what = f"its numbers are to lie in {quoted(where)}"
    path = within(folder, where)
    if path is None:
        raise refused(shown, f"{what}, which is no file in its folder; nothing else is opened")
    try:
        if not real(path, strict=True).is_relative_to(real(folder)):
            raise refused(shown, f"{what}, a link that leads out of its folder; it is not followed")
        with open_regular(path, most) as file:
            return file.read(most + 1)
    except FileNotFoundError as error:
        raise refused(shown, f"{what}, and there is no such file in its folder") from error
    except (OSError, RuntimeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise refused(shown, f"{what}, which cannot be read: {reason[:200]}") from error


def _number(document: Document, tensor: onnx.TensorProto, said: dict[str, str], key: str) -> int | None:
    text = said.get(key)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise refused(document.shown, f"tensor {quoted(tensor.name)}: its {key} is no number")
    return int(text)
