"""`torch.autocast` in a model: operators that it makes compute in a shorter type are refused where they stand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from torchlean_core.capture.errors import CaptureFinding, Refused
from torchlean_core.capture.places import Stacks, located, module_of_node
from torchlean_core.capture.refusals import refused_operators
from torchlean_core.capture.regions import AUTOCAST, rename_outputs, take_out

_SHORTER = (torch.bfloat16, torch.float16)


def without_autocast(exported: torch.export.ExportedProgram, shown: str, stacks: Stacks) -> None:
    """Take the operators out of regions of `torch.autocast`, where that changes no value.

    Decompositions do it, too, but then the operators do not know their lines any more.

    Raises:
        CaptureError: In such a region operators compute in another type than float32.
    """
    refused: list[CaptureFinding] = []
    modules = [part for part in exported.graph_module.modules() if isinstance(part, torch.fx.GraphModule)]
    for module in reversed(modules):  # inner regions first
        for node in list(module.graph.nodes):
            if node.target is AUTOCAST:
                region = module.get_submodule(node.args[4].target)
                assert isinstance(region, torch.fx.GraphModule)
                found = list(_shortened(region, stacks))
                refused += found
                if not found:
                    _, _, _, _, body, *operands = node.args
                    rename_outputs(exported, take_out(module, node, body, operands))
        module.recompile()
    if refused:
        raise refused_operators(shown, refused)


def _shortened(region: torch.fx.GraphModule, stacks: Stacks) -> Iterator[CaptureFinding]:
    """Operators of a region that are made to give a shorter type."""
    for node in region.graph.nodes:
        types = [one.dtype for one in tree_leaves(node.meta.get("val")) if isinstance(one, torch.Tensor)]
        short = next((dtype for dtype in types if dtype in _SHORTER), None)
        if node.op != "call_function" or short is None:
            continue
        module = module_of_node(node)
        finding = CaptureFinding(
            "TL601",
            f"gives {str(short).removeprefix('torch.')} under torch.autocast; values are float32 throughout: leave "
            "autocast to the training loop, outside of the model",
            operator=str(node.target),
            module=f"`{module[0]}` ({module[1]})" if module else None,
            modules=(module[0],) if module else (),
        )
        yield located(finding, stacks.of_node(node), Path(stacks.code.file))


@contextmanager
def refusing_autocast() -> Iterator[None]:
    """Around a tracer that does not see `torch.autocast`, such as FX.

    Raises:
        Refused: The model turns it on.
    """
    enter: Callable[[torch.autocast], Any] = torch.autocast.__enter__

    def entered(region: torch.autocast) -> Any:
        if region._enabled and region.fast_dtype in _SHORTER:
            dtype = str(region.fast_dtype).removeprefix("torch.")
            raise Refused(f"forward turns on torch.autocast ({dtype}), which FX does not trace")
        return enter(region)

    torch.autocast.__enter__ = entered  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.autocast.__enter__ = enter  # type: ignore[method-assign]
