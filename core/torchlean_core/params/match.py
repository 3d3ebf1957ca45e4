"""Foreign tensors as the parameters of a program: the right names, shapes and types, or every error at once."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from torchlean_core.graph import Parameter, Program
from torchlean_core.params.validate import ParamIssue, extra, refuse, wrong_shape, wrong_type

if TYPE_CHECKING:
    from torchlean_core.params.format import Array


def match_tensors(
    where: str, arrays: Mapping[str, Array], program: Program, optional: Collection[str] = ()
) -> dict[str, Array]:
    """Tensors by name as the parameters of a program; float types other than float64 become float32.

    A generated module keeps a constant that repeats one row as that row; it is repeated again here.
    Attention scales, which the artifact fixes, and the names in `optional` may be left out.

    Args:
        where: What messages begin with: the file.
        arrays: The tensors.
        program: Whose parameters they shall be.
        optional: Names that may be missing.

    Raises:
        UserError: Tensors are missing, extra, or of another shape or type; the first few are named.
    """
    found: dict[str, Array] = {}
    issues: list[ParamIssue] = []
    parameters = program.parameters()
    for parameter in parameters:
        array = arrays.get(parameter.name)
        if array is None:
            if not parameter.is_attention_scale and parameter.name not in optional:
                issues.append(ParamIssue("TL501", parameter.missing, parameter.node, parameter.name))
            continue
        array = _repeated(array, parameter)
        if array.shape != parameter.shape:
            issues.append(wrong_shape(parameter, array.shape))
        elif array.dtype.kind != "f":
            issues.append(wrong_type(parameter, array.dtype.name))
        else:
            found[parameter.name] = array if array.dtype.itemsize in (4, 8) else array.astype("float32")
    known = {parameter.name for parameter in parameters}
    issues.extend(extra(name, program) for name in arrays if name not in known)
    refuse(where, issues)
    return found


def _repeated(array: Array, parameter: Parameter) -> Array:
    is_row = (
        parameter.is_constant
        and len(parameter.shape) == 2
        and array.shape in (parameter.shape[1:], (1, *parameter.shape[1:]))
    )
    if not is_row:
        return array
    import numpy as np

    return np.broadcast_to(array, parameter.shape)


def with_attention_scales(arrays: Mapping[str, Array], program: Program) -> dict[str, Array]:
    """The parameters of a program, in its order, with the attention scales that were left out."""
    import numpy as np

    scales = program.attention_scales()
    return {
        p.name: arrays[p.name] if p.name in arrays else np.full(p.shape, scales[p.name], dtype=np.float32)
        for p in program.parameters()
    }
