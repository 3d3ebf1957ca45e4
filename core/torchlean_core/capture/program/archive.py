"""The file of an exported program (`.pt2`): a zip archive of JSON and plain numbers, read without torch.

Nothing in it is trusted: entries are stored as they are (as torch writes them), so that an archive never holds more
than its file, and whatever torch would read as a pickle or as compiled code is refused by name.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from torchlean_core.basics.paths import real
from torchlean_core.basics.reading import NotRegularError, open_regular
from torchlean_core.capture.errors import refused

SUFFIX = ".pt2"
"""The ending of files of `torch.export.save`."""

_LARGEST_JSON = 256 << 20
"""Bytes of a program's description; ResNet-50 has less than one MiB."""

_MOST_ENTRIES = 200_000
_WEIGHTS, _CONSTANTS, _MODELS = "data/weights/", "data/constants/", "models/"
_CODE = ("data/aotinductor/", "data/executorch/", "data/mtia")
_TENSOR = re.compile(r"(weight|tensor)_[0-9]{1,9}")
_MODEL = re.compile(r"models/([^/]+)\.json")
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Archive:
    """What a file holds.

    Attributes:
        file: Absolute path.
        shown: The file as the user wrote it.
        sha256: Hash of its bytes.
        program: The description of the program, as JSON.
        weights: Of each parameter and buffer, where its numbers are and what they mean, as JSON.
        constants: The same of each constant.
        contents: The numbers, by name of the entry (`data/weights/weight_0`).
    """

    file: Path
    shown: str
    sha256: str
    program: dict[str, Any]
    weights: dict[str, Any]
    constants: dict[str, Any]
    contents: Mapping[str, bytearray]


def read_archive(file: Path) -> Archive:
    """Read a file.

    Raises:
        CaptureError: It cannot be read, is none, is damaged, or holds pickles, code or something else that is not read.
    """
    shown = str(file)
    try:
        with open_regular(file) as opened:
            digest = hashlib.sha256()
            while chunk := opened.read(_CHUNK):
                digest.update(chunk)
            opened.seek(0)
            return _read(real(file), shown, digest.hexdigest(), opened)
    except IsADirectoryError as error:
        raise refused(shown, "is a folder") from error
    except NotRegularError as error:
        raise refused(shown, "is no regular file") from error
    except OSError as error:
        raise refused(shown, f"cannot be read: {error.strerror or error}") from error
    except (zipfile.BadZipFile, EOFError, NotImplementedError, UnicodeDecodeError) as error:
        raise refused(shown, f"is no zip archive, or a damaged one ({error}); {_AGAIN}") from error


_AGAIN = "save the program again with torch.export.save"


def _read(file: Path, shown: str, sha256: str, opened: BinaryIO) -> Archive:
    size = opened.seek(0, 2)
    with zipfile.ZipFile(opened) as archive:
        entries = _entries(archive, size, shown)
        names = _names(archive, entries, shown)
        model = _model(names, shown)

        def parsed(name: str) -> dict[str, Any]:
            return _parsed(archive, names, name, shown)

        program = parsed(f"{_MODELS}{model}.json")
        weights = _payloads(parsed(f"{_WEIGHTS}{model}_weights_config.json"), shown)
        constants = _payloads(parsed(f"{_CONSTANTS}{model}_constants_config.json"), shown)
        contents = {}
        for folder, payloads in ((_WEIGHTS, weights), (_CONSTANTS, constants)):
            for name, payload in payloads.items():
                entry = folder + payload["path_name"]
                if entry not in names:
                    raise refused(shown, f"has no `{entry}`, which `{name[:100]}` needs; {_AGAIN}")
                if entry not in contents:
                    contents[entry] = _content(archive, names[entry])
    return Archive(file, shown, sha256, program, weights, constants, contents)


def _entries(archive: zipfile.ZipFile, size: int, shown: str) -> list[zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES:
        raise refused(shown, f"has {len(entries):,} entries, more than the {_MOST_ENTRIES:,} that are read")
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise refused(shown, "is encrypted; save the program without a password")
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
            raise refused(
                shown,
                f"has a compressed entry (`{entry.filename[:100]}`), which torch.export.save never writes",
            )
    if sum(entry.file_size for entry in entries) > size:
        raise refused(shown, f"declares more bytes than it has ({size:,}): its entries overlap")
    return entries


def _names(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], shown: str
) -> dict[str, zipfile.ZipInfo]:
    """The entries by their names below the archive's one folder."""
    listed = [entry.filename for entry in entries]
    if "serialized_exported_program.json" in listed:
        raise refused(
            shown,
            "is of the format of torch 2.7 and before, whose tensors are pickles, which are not loaded; load it "
            "where you trust it, and save it with a newer torch",
        )
    root = listed[0].partition("/")[0] if listed else ""
    names: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        folder, _, name = entry.filename.partition("/")
        if folder != root or name in names:
            what = "more than one folder at its top" if folder != root else "two entries of one name"
            raise refused(shown, f"is no exported program: it has {what}")
        names[name] = entry
    if _text(archive, names, "archive_format") != "pt2":
        what = "a file of torch.save or TorchScript" if "data.pkl" in names else "another zip archive"
        raise refused(shown, f"is no exported program but {what}; {_AGAIN}")
    version = _text(archive, names, "archive_version")
    if version != "0":
        raise refused(shown, f"is of version {version[:20]!r} of its format; version 0 is read")
    order = _text(archive, names, "byteorder") or sys.byteorder
    if order != sys.byteorder:
        raise refused(
            shown, f"has its numbers in {order[:20]} byte order; this machine has them in {sys.byteorder}"
        )
    for name in names:
        if name.startswith(_CODE):
            raise refused(
                shown, f"holds compiled code (`{name[:100]}`), which is not run; {_AGAIN}, uncompiled"
            )
        if name.startswith((_WEIGHTS, _CONSTANTS)) and name.endswith(".pt"):
            raise refused(
                shown,
                f"holds tensors as a pickle (`{name[:100]}`), as older versions of torch wrote them, which is not "
                "loaded; load it where you trust it, and save it with a newer torch",
            )
    return names


def _text(archive: zipfile.ZipFile, names: Mapping[str, zipfile.ZipInfo], name: str) -> str:
    """A short entry; empty where there is none."""
    entry = names.get(name)
    if entry is None or entry.file_size > 100:
        return ""
    return archive.read(entry).decode("utf-8", "replace").strip()


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytearray:
    """The bytes of an entry, once: tensors are made of them as they lie there."""
    content = bytearray(entry.file_size)
    with archive.open(entry) as opened, memoryview(content) as view:
        assert isinstance(opened, zipfile.ZipExtFile)
        filled = 0
        while read := opened.readinto(view[filled:]):
            filled += read
        if filled != len(content) or opened.read(1):
            raise zipfile.BadZipFile(f"`{entry.filename}` is cut off")
    return content


def _model(names: Mapping[str, zipfile.ZipInfo], shown: str) -> str:
    models = [found[1] for name in names if (found := _MODEL.fullmatch(name))]
    if len(models) == 1:
        return models[0]
    if "model" in models:  # the one that torch.export.load gives
        return "model"
    if not models:
        raise refused(shown, f"holds no program; {_AGAIN}")
    listed = ", ".join(sorted(models)[:5])
    raise refused(shown, f"holds {len(models)} programs ({listed[:200]}); save the one to capture by itself")


def _parsed(
    archive: zipfile.ZipFile, names: Mapping[str, zipfile.ZipInfo], name: str, shown: str
) -> dict[str, Any]:
    entry = names.get(name)
    if entry is None:
        raise refused(shown, f"has no `{name[:100]}`; {_AGAIN}")
    if entry.file_size > _LARGEST_JSON:
        raise refused(shown, f"`{name[:100]}` is larger than the {_LARGEST_JSON >> 20} MiB that are read")
    try:
        value = json.loads(archive.read(entry))
    except (ValueError, RecursionError) as error:
        raise refused(shown, f"`{name[:100]}` is not JSON ({type(error).__name__}); {_AGAIN}") from error
    if not isinstance(value, dict):
        raise refused(shown, f"`{name[:100]}`: expected a JSON object, found another value")
    return value


def _payloads(value: dict[str, Any], shown: str) -> dict[str, Any]:
    """The entries of a `…_config.json`, none of which is a pickle."""
    payloads = value.get("config")
    if not isinstance(payloads, dict):
        raise refused(shown, "the list of its tensors: expected an object `config`")
    for name, payload in payloads.items():
        path = payload.get("path_name") if isinstance(payload, dict) else None
        if not isinstance(path, str):
            raise refused(shown, f"tensor `{name[:100]}`: expected an object with a `path_name`")
        if payload.get("use_pickle") is not False or not _TENSOR.fullmatch(path):
            what = (
                "a tensor of a class of its own" if _TENSOR.fullmatch(path) else "an object that is no tensor"
            )
            raise refused(
                shown,
                f"`{name[:100]}` is {what}, stored as a pickle (`{path[:100]}`), which is not loaded; a model of plain "
                "tensors can be captured",
            )
    return payloads


def is_program(file: Path) -> bool:
    """Whether a file is to be captured as an exported program: by its ending, or by what it holds."""
    if file.suffix == SUFFIX:
        return True
    try:
        with open_regular(file) as opened:
            if opened.read(4) != b"PK\x03\x04":
                return False
            with zipfile.ZipFile(opened) as archive:
                return any(name.endswith("/archive_format") for name in archive.namelist()[:_MOST_ENTRIES])
    except (OSError, zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError):
        return False
