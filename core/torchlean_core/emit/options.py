"""Options of emission, checked: nothing here reaches the source without being what it should be."""

from __future__ import annotations

import builtins
import keyword
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from torchlean_core.emit.attached import NAMES
from torchlean_core.errors import UsageError

DTYPES = (
    "torch.float16",
    "torch.bfloat16",
    "torch.float32",
    "torch.float64",
    "torch.half",
    "torch.float",
    "torch.double",
)
"""Floating types of torch that a module can be emitted in, and their other names."""

STYLES = ("module", "sequential")
"""What the class is: a module of its own, or an `nn.Sequential`."""

NAMES_OF = ("artifact", "model")
"""Whose names the attributes of the module have."""

_MAX_NAME = 200
_TAKEN = {
    *("torch", "nn", "F", "json", "mmap", "struct", "Path", "make_optimizer", "train_step"),
    *NAMES,
    *dir(builtins),
}


@dataclass(frozen=True, slots=True)
class EmitOptions:
    """What the generated file looks like (semantics section 3).

    Attributes:
        class_name: Name of the class.
        dtype_expr: Dtype of parameters and buffers, one of `DTYPES`.
        include_training_skeleton: Whether to add `make_optimizer`, `train_step` and a smoke test.
        learnable_consts: Whether constants may become parameters.
        compress_broadcast_params: Whether a learnable 2-D constant that repeats one row becomes that row.
        literal_limit: Scalars in total up to which values are written as literals; above, they are read
            from the parameter file beside the module.
        style: One of `STYLES`.
        names: Whose names the attributes have, one of `NAMES_OF`.
    """

    class_name: str = "ExportedIRModel"
    dtype_expr: str = "torch.float32"
    include_training_skeleton: bool = True
    learnable_consts: bool = True
    compress_broadcast_params: bool = True
    literal_limit: int = 256
    style: str = "module"
    names: str = "artifact"

    def __post_init__(self) -> None:
        name = self.class_name
        # Python reads an identifier in its NFKC form: `ｔｏｒｃｈ` is `torch`.
        plain = name.isidentifier() and unicodedata.normalize("NFKC", name) == name
        if not plain or keyword.iskeyword(name) or len(name) > _MAX_NAME:
            raise UsageError(
                f"class name must be a Python identifier of at most {_MAX_NAME} characters and no keyword, "
                f"found {_shown(name)}"
            )
        if name in _TAKEN or name.startswith("__"):
            raise UsageError(
                f"class name `{name}` is a name that the generated module uses itself; choose another"
            )
        if self.dtype_expr not in DTYPES:
            raise UsageError(f"dtype must be one of {', '.join(DTYPES)}, found {_shown(self.dtype_expr)}")
        if self.style not in STYLES:
            raise UsageError(f"style must be one of {', '.join(STYLES)}, found {_shown(self.style)}")
        if self.names not in NAMES_OF:
            raise UsageError(f"names must be one of {', '.join(NAMES_OF)}, found {_shown(self.names)}")
        if self.names == "model" and self.style == "sequential":
            raise UsageError("--names model: the layers of the style sequential have names of their own")
        if self.literal_limit < 0:
            raise UsageError(f"the literal limit must not be negative, found {self.literal_limit}")

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> EmitOptions:
        """Options from the recorded or requested ones; None means the default.

        Raises:
            UsageError: An option is unknown or of a wrong type.
        """
        known = {field.name: field for field in fields(cls)}
        chosen: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise UsageError(f"unknown emit option `{name}`")
            if value is None:
                continue
            expected = type(known[name].default)
            if type(value) is not expected:
                raise UsageError(
                    f"emit option `{name}` must be {expected.__name__}, found {_shown(str(value))}"
                )
            chosen[name] = value
        return cls(**chosen)

    def as_mapping(self) -> dict[str, Any]:
        """The options as JSON-able values, for the provenance header."""
        return asdict(self)


def dtype_expression(name: str) -> str:
    """`torch.float32` of `float32` or `torch.float32`."""
    return name if name.startswith("torch.") else f"torch.{name}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
