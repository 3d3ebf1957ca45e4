"""Which classes of installed packages are modules of PyTorch: known by name, since nothing is imported."""

from __future__ import annotations

import re
import sys

_ANY = re.compile(r"[A-Z]\w*")
_MODULE_NAMES = re.compile(r"Module|Sequential|LightningModule|PreTrainedModel")
"""Names that mean a module where the package is not known."""

_NO_MODULES = frozenset({"Parameter", "UninitializedParameter", "UninitializedBuffer", "Buffer"})
_PACKAGES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("torch.nn", _ANY),
    ("torch.ao.nn", _ANY),
    ("torch.jit", re.compile(r"ScriptModule")),
    ("torch.fx", re.compile(r"GraphModule")),
    ("torchvision.models", _ANY),
    ("torchvision.ops", _ANY),
    ("torchaudio.models", _ANY),
    ("timm", _ANY),
    ("lightning", re.compile(r"LightningModule")),
    ("pytorch_lightning", re.compile(r"LightningModule")),
    ("transformers", re.compile(r"\w*PreTrainedModel|[A-Z]\w*(Model|For[A-Z]\w*)")),
    ("diffusers", re.compile(r"ModelMixin|[A-Z]\w*Model")),
    ("torch_geometric.nn", _ANY),
    ("pyro.nn", re.compile(r"Pyro(Module|Sample|Param)|DenseNN|[A-Z]\w*NN")),
    ("mmengine.model", re.compile(r"BaseModule|BaseModel|Sequential|ModuleList")),
    ("monai.networks", _ANY),
    ("segmentation_models_pytorch", _ANY),
    ("kornia", re.compile(r"ImageModule|[A-Z]\w*")),
    ("gpytorch", re.compile(r"Module|[A-Z]\w*(GP|Kernel|Mean|Likelihood)")),
    ("speechbrain.nnet", _ANY),
    ("escnn.nn", _ANY),
    ("e3nn.nn", _ANY),
)
"""Packages and which of their names are modules."""
_OTHERS = frozenset(
    {"flax", "haiku", "jax", "equinox", "mlx", "tensorflow", "tf", "keras", "paddle", "mindspore", "oneflow"}
)
"""Packages that have a `Module`, too, and another one."""
_NEEDS = {"PreTrainedModel": ("config",)}


def is_module(name: str) -> bool:
    """Whether the class with this full name (`torch.nn.Module`) is a `torch.nn.Module`, as far as a name can tell."""
    package, _, last = name.rpartition(".")
    for known, pattern in _PACKAGES:
        if package == known or package.startswith(f"{known}."):
            return last not in _NO_MODULES and pattern.fullmatch(last) is not None
    top = package.partition(".")[0]
    if top in _OTHERS or top in sys.stdlib_module_names:
        return False
    return _MODULE_NAMES.fullmatch(last) is not None


def needed_by(name: str) -> tuple[str, ...]:
    """Arguments without a default of the constructor of a known class, where it has such."""
    return _NEEDS.get(name.rpartition(".")[2], ())
