"""The values in a program's description: names, numbers, tensors, each read by one function (no torch here)."""

from __future__ import annotations

import keyword
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from torchlean_core.capture.errors import refused

_PART = re.compile(r"[^\x00-\x1f\x7f\"'\\()\[\]{};]{1,200}")
"""A part of a parameter's name, which torch puts into code."""

_CPU = {"type": "cpu", "index": None}
_DEVICES = ("cpu", "cuda", "mps", "xpu", "hip")
_DEVICE = re.compile(rf"({'|'.join(_DEVICES)})(:[0-9]{{1,3}})?")
_STRIDED = 7
_LARGEST = 2**63
_LONGEST = 10_000
FLOAT32 = 7
"""How a description says float32."""

TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
}  # fmt: skip
"""Types of tensors by their numbers in a description."""


class Values:
    """Writes values anew.

    Every method takes a value of the file and gives it as it may go on, or raises a `CaptureError`.
    """

    def __init__(self, shown: str) -> None:
        """Begin; `shown` is the file as the user wrote it."""
        self.shown = shown

    def wrong(self, what: str, found: Any, expected: str) -> Exception:
        """The error for a value that is none of those that are expected."""
        text = repr(found)
        text = text if len(text) <= 80 else f"{text[:80]}…"
        return refused(self.shown, f"{what}: expected {expected}, found {text}")

    def objects(self, name: Any) -> Exception:
        """The error for an object."""
        return refused(self.shown, f"`{str(name)[:100]}` is an object that is no tensor, which is not loaded")

    def entry(self, value: Any) -> tuple[str, Any]:
        """The kind of a value and the value, which a file has as an object with one entry."""
        if not isinstance(value, Mapping) or len(value) != 1:
            raise self.wrong("a value", value, "an object with one entry")
        kind, content = next(iter(value.items()))
        return str(kind)[:60], content

    def arguments(self) -> dict[str, Callable[[Any], Any]]:
        """For each kind of argument, what reads it."""

        def many(reader: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
            return lambda values: [reader(one) for one in values]

        return {
            "as_none": self.boolean,
            "as_tensor": self.tensor,
            "as_tensors": many(self.tensor),
            "as_nested_tensors": many(many(self.tensor)),
            "as_optional_tensor": self.optional_tensor,
            "as_optional_tensors": many(self.optional_tensor),
            "as_int": self.integer,
            "as_ints": many(self.integer),
            "as_float": self.number,
            "as_floats": many(self.number),
            "as_string": self.text,
            "as_strings": many(self.text),
            "as_bool": self.boolean,
            "as_bools": many(self.boolean),
            "as_sym_ints": many(lambda one: {"as_int": self.integer(one["as_int"])}),
            "as_sym_floats": many(lambda one: {"as_float": self.number(one["as_float"])}),
            "as_sym_bools": many(lambda one: {"as_bool": self.boolean(one["as_bool"])}),
            "as_scalar_type": self.scalar_type,
            "as_memory_format": self.integer,
            "as_layout": self.layout,
            "as_device": self.device,
            "as_complex": lambda one: {"real": self.number(one["real"]), "imag": self.number(one["imag"])},
        }

    def tensor_argument(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """An argument that is a tensor."""
        if "as_custom_obj" in value:
            raise self.objects(value["as_custom_obj"].get("name"))
        return {"as_tensor": self.tensor(value["as_tensor"])}

    def tensor(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A tensor, by its name."""
        return {"name": self.name(value["name"])}

    def optional_tensor(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """A tensor, or none."""
        return self.tensor_argument(value) if "as_tensor" in value else {"as_none": True}

    def name(self, value: Any) -> str:
        """The name of a value: a name of Python, for torch puts it into code."""
        if (
            not isinstance(value, str)
            or not value.isidentifier()
            or keyword.iskeyword(value)
            or len(value) > _LONGEST
        ):
            raise self.wrong("the name of a value", value, "a name of Python")
        return value

    def optional_name(self, value: Any) -> str:
        """The name of an operand, which may be empty."""
        return "" if value == "" else value if keyword.iskeyword(str(value)) else self.name(value)

    def path(self, value: Any) -> str:
        """The name of a parameter: parts with dots between them."""
        if (
            not isinstance(value, str)
            or not all(map(_PART.fullmatch, value.split(".")))
            or len(value) > _LONGEST
        ):
            raise self.wrong("the name of a parameter", value, "names with dots between them")
        return value

    def integer(self, value: Any) -> int:
        """A whole number."""
        if type(value) is not int or not -_LARGEST <= value < _LARGEST:
            raise self.wrong("a number", value, "an integer of 64 bits")
        return value

    def number(self, value: Any) -> Any:
        """A number, also one that is not finite, which has a name."""
        if type(value) in (int, float) or value in ("Infinity", "-Infinity", "NaN"):
            return value if isinstance(value, str) or math.isfinite(value) else str(value)
        raise self.wrong("a number", value, "a number")

    def boolean(self, value: Any) -> bool:
        """True or false."""
        if type(value) is not bool:
            raise self.wrong("a truth value", value, "true or false")
        return value

    def text(self, value: Any) -> str:
        """A text."""
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise self.wrong("a text", value, f"one of at most {_LONGEST:,} characters")
        return value

    def scalar_type(self, value: Any) -> int:
        """The type of a tensor's numbers."""
        if value not in TYPES:
            raise self.wrong(
                "the type of a tensor", value, f"one of {', '.join(TYPES.values())}, by its number"
            )
        return int(value)

    def layout(self, value: Any) -> int:
        """How a tensor's numbers lie."""
        if value != _STRIDED:
            raise self.wrong(
                "the layout of a tensor", value, f"{_STRIDED} (strided); sparse tensors have no artifact"
            )
        return _STRIDED

    def device(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """The CPU, on which the program is run here."""
        kind = str(value["type"])
        if not _DEVICE.fullmatch(kind):
            raise self.wrong("a device", kind, f"one of {', '.join(_DEVICES)}")
        return dict(_CPU)

    def meta(self, value: Mapping[str, Any], name: str) -> dict[str, Any]:
        """What a tensor is."""
        for size in (*value["sizes"], *value["strides"], value["storage_offset"]):
            if "as_int" not in size:
                raise refused(
                    self.shown,
                    f"`{name[:60]}` has a size that is known only when the program runs; export the model for one "
                    "shape",
                )
        return {
            "dtype": self.scalar_type(value["dtype"]),
            "sizes": [{"as_int": self.integer(one["as_int"])} for one in value["sizes"]],
            "requires_grad": self.boolean(value["requires_grad"]),
            "device": self.device(value["device"]),
            "strides": [{"as_int": self.integer(one["as_int"])} for one in value["strides"]],
            "storage_offset": {"as_int": self.integer(value["storage_offset"]["as_int"])},
            "layout": self.layout(value["layout"]),
        }
