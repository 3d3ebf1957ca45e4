"""Real values, while a module is traced, for whatever depends on its state alone.

A trace computes with tensors that have no values. What a model does with values of its own (`if self.ready > 0`,
`x * self.scale.item()`, `x[self.mask]`) is the same for every input, so it can be told: along with each tensor that
does not depend on the input goes its real value, and where the model asks for one it gets that. Operators are traced
as they are otherwise, so that parameters stay parameters.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.weak import WeakIdKeyDictionary

from torchlean_core.capture.memory import UNINITIALIZED
from torchlean_core.capture.places import Stack, Stacks
from torchlean_core.capture.value_checks import passing_answer

_ASKING = frozenset({"__bool__", "item", "equal", "allclose", "is_nonzero"})
"""Functions that give a truth value of a tensor."""

_READING = frozenset({"tolist", "numpy", "__array__"})
"""Functions that give values by no operator."""

_FACTORIES = frozenset({"zeros", "ones", "full", "empty", "eye", "arange"})
_SIZED = _FACTORIES | {
    *(
        "new_zeros",
        "new_ones",
        "new_full",
        "new_empty",
        "view",
        "reshape",
        "expand",
        "repeat",
        "tile",
        "narrow",
    ),
    *("split", "split_with_sizes", "chunk", "roll", "unflatten", "pad"),
}
"""Functions that take sizes, which may be tensors of one element."""

_IN_PLACE = frozenset(
    f"__{name}__"
    for name in "setitem iadd isub imul itruediv ifloordiv imod ipow iand ior ixor ilshift irshift".split()
)


@dataclass(frozen=True, slots=True)
class _Value:
    """The real value of a tensor that is traced.

    Attributes:
        tensor: The value.
        names: Names of the model's parameters and buffers that it was computed from.
    """

    tensor: torch.Tensor
    names: frozenset[str] = frozenset()


@dataclass(slots=True)
class Asked:
    """What a trace was told of values.

    Attributes:
        numbers: Where numbers (or sizes, or truth values) were taken from the model's state: the names of its
            parameters and buffers, and the place.
        checks: Where checks of values that depend on the input were taken to pass.
    """

    numbers: list[tuple[Collection[str], Stack]] = field(default_factory=list)
    checks: list[Stack] = field(default_factory=list)


class _Watched(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes what the operators of a call are, while it computes real values.

    Attributes:
        is_random: Whether it draws random numbers.
        is_unwritten: Whether it gives memory that nothing was written to.
        takes_values: Whether the sizes of its results, or a number that it takes out, depend on values.
        written: The memory that it writes to.
    """

    def __init__(self, fixed: set[int]) -> None:
        """Take the memory of the model's parameters, to which nothing may be written."""
        super().__init__()  # type: ignore[no-untyped-call]
        self._fixed = fixed
        self.is_random = self.is_unwritten = self.takes_values = False
        self.written: list[torch.UntypedStorage] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if isinstance(func, torch._ops.OpOverload):
            self.is_random |= torch.Tag.nondeterministic_seeded in func.tags
            self.is_unwritten |= func._schema.name in UNINITIALIZED
            self.takes_values |= torch.Tag.data_dependent_output in func.tags
            self.takes_values |= torch.Tag.dynamic_output_shape in func.tags and _by_values(func, args)
            if func._schema.is_mutable:
                self._note_writes(func, args, kwargs or {})
        return func(*args, **(kwargs or {}))

    def _note_writes(self, func: torch._ops.OpOverload, args: Any, kwargs: Any) -> None:
        for place, argument in enumerate(func._schema.arguments):
            given = args[place] if place < len(args) else kwargs.get(argument.name)
            if argument.alias_info is None or not argument.alias_info.is_write:
                continue
            for tensor in _tensors(given):
                storage = tensor.untyped_storage()
                if storage._cdata in self._fixed:
                    raise RuntimeError("writes to a parameter")
                self.written.append(storage)


def _by_values(func: torch._ops.OpOverload, args: Sequence[Any]) -> bool:
    """Whether it is values that make the shape of a result: an index is so by masks alone."""
    if func not in (torch.ops.aten.index.Tensor, torch.ops.aten._unsafe_index.Tensor):
        return True
    return any(isinstance(one, torch.Tensor) and _is_mask(one) for one in args[1])


class StateValues(TorchFunctionMode):
    """Around the forward pass of a module that is traced."""

    def __init__(
        self, module: torch.nn.Module, state: Mapping[str, torch.Tensor], stacks: Stacks, asked: Asked
    ):
        """Take a module.

        Args:
            module: The module, with what stands for its parameters and buffers in the trace.
            state: Their values, by name.
            stacks: Tells where in the user's code a call is.
            asked: Takes what was told.
        """
        super().__init__()
        self._stacks = stacks
        self._asked = asked
        self._values: MutableMapping[torch.Tensor, _Value] = WeakIdKeyDictionary()
        self._lost: set[int] = set()
        """Memory of values that something unknown was written over."""
        self._fixed: set[int] = set()
        """Memory of the parameters: what writes there changes the model's state, and is refused for it."""
        self._kept: list[torch.UntypedStorage] = []
        """Keeps that memory, so that no other gets its address."""
        with _for_real():
            for name, parameter in module.named_parameters(remove_duplicate=False):
                real = state[name].detach()
                self._values[parameter] = _Value(real, frozenset({name}))
                self._fixed.add(self._memory(real))
            for name, buffer in module.named_buffers(remove_duplicate=False):
                self._values[buffer] = _Value(state[name].detach().clone(), frozenset({name}))

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of torch: traced, and for real where all its operands are known."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__set__":
            self._values.pop(args[0], None)
            return func(*args, **kwargs)
        func, args, kwargs = self._otherwise(func, name, args, kwargs)
        found = [self._value(one) for one in _tensors((args, kwargs))]
        known = [one for one in found if one is not None]
        if len(known) < len(found):
            if func is torch._assert:
                self._asked.checks.append(self._stacks.here())
                return None
            if name in _ASKING and (answer := self._passing(sys._getframe(1), args[0])) is not None:
                return answer
            self._forget(name, args, kwargs)
            if _is_mutable(func):
                self._lose([one.tensor.untyped_storage() for one in known])
            return func(*args, **kwargs)
        names = frozenset[str]().union(*(one.names for one in known))
        watched = _Watched(self._fixed)
        try:
            with _for_real(), watched:
                plain, named = tree_map_only(torch.Tensor, self._real, (args, kwargs))
                real = func(*plain, **named)
        except Exception:
            # What fails for real fails in the trace, too, which the user is told of; so does a change of state.
            self._lose(watched.written)
            return func(*args, **kwargs)
        if watched.is_random or watched.is_unwritten:
            self._lose(watched.written)
            return func(*args, **kwargs)
        if watched.takes_values or name in _READING:
            self._told(names)
            return tree_map_only(torch.Tensor, lambda one: self._constant(one, names), real)
        traced = func(*args, **kwargs)
        for one, value in zip(_tensors(traced), _tensors(real), strict=False):
            if one.shape == value.shape and one.dtype == value.dtype:
                self._values[one] = _Value(value, names)
        return traced

    # -- values ----------------------------------------------------------------------------------------

    def _memory(self, tensor: torch.Tensor) -> int:
        storage = tensor.untyped_storage()
        self._kept.append(storage)
        return int(storage._cdata)

    def _value(self, traced: torch.Tensor) -> _Value | None:
        """What is known of a tensor; a plain one, which is part of the module or of its file, is its own value."""
        found = self._values.get(traced)
        if found is None:
            if type(traced) is not torch.Tensor and type(traced) is not torch.nn.Parameter:
                return None
            with _for_real():
                found = self._values[traced] = _Value(traced.detach().clone())
        return None if self._memory_of(found) in self._lost else found

    @staticmethod
    def _memory_of(value: _Value) -> int:
        return value.tensor.untyped_storage()._cdata if value.tensor.layout is torch.strided else 0

    def _real(self, traced: torch.Tensor) -> torch.Tensor:
        found = self._value(traced)
        assert found is not None, "asked for what is known"
        return found.tensor

    def _constant(self, value: torch.Tensor, names: frozenset[str]) -> torch.Tensor:
        """A tensor that is a constant of the trace."""
        traced = torch.tensor(value.tolist(), dtype=value.dtype).reshape(value.shape)
        self._values[traced] = _Value(value, names)
        return traced

    def _forget(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Before a function that may write something unknown over what is known."""
        for one in _written(name, args, kwargs):
            found = self._values.get(one)
            if found is not None:
                self._lost.add(self._memory(found.tensor))

    def _lose(self, memory: Sequence[torch.UntypedStorage]) -> None:
        """Know nothing more of memory, whose values are no longer those of the trace."""
        self._kept += memory
        self._lost |= {int(storage._cdata) for storage in memory}

    # -- masks and checks ------------------------------------------------------------------------------

    def _otherwise(self, func: Any, name: str, args: Any, kwargs: Any) -> tuple[Any, Any, Any]:
        """A call of a function whose result has a size that values make, with known ones, as one without."""
        if name == "__getitem__" and len(args) == 2:
            return func, (args[0], self._index(args[1])), kwargs
        if name in _SIZED:
            first = 0 if name in _FACTORIES else 1
            plain, named = tree_map_only(torch.Tensor, self._size, (args[first:], kwargs))
            return func, (*args[:first], *plain), named
        if name == "masked_select" and len(args) + len(kwargs) == 2:
            both: list[torch.Tensor] = [*args, *kwargs.values()]
            x, mask = both
            if (value := self._value(mask)) is not None:
                shape = torch.broadcast_shapes(x.shape, mask.shape)  # type: ignore[no-untyped-call]
                wide = x if x.shape == shape else x.expand(shape)
                return torch.Tensor.__getitem__, (wide, self._places(value, shape)), {}
        if name == "repeat_interleave" and "output_size" not in kwargs:
            repeats = args[1] if len(args) > 1 else kwargs.get("repeats")
            if isinstance(repeats, torch.Tensor) and (value := self._value(repeats)) is not None:
                dim = args[2] if len(args) > 2 else kwargs.get("dim")
                size = args[0].numel() if dim is None else args[0].shape[dim]
                each = size if value.tensor.numel() == 1 else 1
                return func, args, {**kwargs, "output_size": self._number(value, torch.sum) * each}
        return func, args, kwargs

    def _index(self, index: Any) -> Any:
        """An index with places instead of masks that are known, and numbers instead of tensors in slices."""
        parts = index if isinstance(index, tuple) else (index,)
        found: list[Any] = []
        for one in parts:
            if (mask := _mask_of(one)) is not None:
                found += self._places(_Value(mask), mask.shape)
            elif isinstance(one, slice):
                found.append(slice(*map(self._end, (one.start, one.stop, one.step))))
            elif (
                isinstance(one, torch.Tensor) and _is_mask(one) and one.dim() and (value := self._value(one))
            ):
                found += self._places(value, one.shape)
            else:
                found.append(one)
        return tuple(found) if isinstance(index, tuple) or len(found) != 1 else found[0]

    def _places(self, mask: _Value, shape: Sequence[int]) -> tuple[torch.Tensor, ...]:
        """Where a mask holds: indices for each axis."""
        self._told(mask.names)
        with _for_real():
            places = mask.tensor.expand(shape).bool().nonzero(as_tuple=True)
        return tuple(self._constant(one, mask.names) for one in places)

    def _size(self, one: torch.Tensor) -> Any:
        """A size, as a number where it is a known tensor."""
        return self._end(one) if not one.is_floating_point() else one

    def _end(self, bound: Any) -> Any:
        """The end of a slice, as a number where it is a known tensor."""
        value = self._value(bound) if isinstance(bound, torch.Tensor) and bound.dim() == 0 else None
        return bound if value is None else self._number(value)

    def _number(self, value: _Value, of: Callable[[torch.Tensor], Any] = int) -> int:
        self._told(value.names)
        with _for_real():
            return int(of(value.tensor))

    def _told(self, names: frozenset[str]) -> None:
        """Note that the model was told values that were computed from the model's state."""
        if names:
            self._asked.numbers.append((names, self._stacks.here()))

    def _passing(self, frame: FrameType, asked: Any) -> bool | None:
        """The answer with which a check of values passes; None where it is no check."""
        answer = passing_answer(frame)
        if answer is not None:
            self._asked.checks.append(self._stacks.here())
        return answer


def _mask_of(index: Any) -> torch.Tensor | None:
    """A mask that an index is that is no tensor: a list of truth values, or an array of numpy."""
    is_list = isinstance(index, list) and index and all(isinstance(one, bool) for one in index)
    is_array = hasattr(index, "__array__") and not isinstance(index, torch.Tensor)
    if not is_list and not (is_array and str(index.dtype) == "bool"):
        return None
    with _for_real():
        return torch.tensor(index if is_list else index.tolist())


@contextmanager
def _for_real() -> Iterator[None]:
    """Around what is computed with values, and not traced."""
    with torch._C.DisableTorchFunction(), _disable_current_modes(), torch.no_grad():
        yield


def _is_mutable(func: Any) -> bool:
    """Whether an operator that is called by its schema writes to operands."""
    overloads = [func] if isinstance(func, torch._ops.OpOverload) else []
    if isinstance(func, torch._ops.OpOverloadPacket):
        overloads = [getattr(func, name) for name in func.overloads()]  # type: ignore[no-untyped-call]
    return any(one._schema.is_mutable for one in overloads)


def _is_mask(tensor: torch.Tensor) -> bool:
    return tensor.dtype in (torch.bool, torch.uint8)


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _written(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[torch.Tensor]:
    """The tensors that a function writes to, by its name."""
    if name in _IN_PLACE or (name.endswith("_") and not name.endswith("__")):
        yield from _tensors(args[:1])
    yield from _tensors(kwargs.get("out"))
    if kwargs.get("inplace"):
        yield from _tensors(args[:1])


def asks_for_values(error: BaseException) -> bool:
    """Whether a trace failed because it had no values to tell."""
    told = (type(error).__name__, str(error))
    return any(word in text for text in told for word in _NO_VALUES)


_NO_VALUES = ("data-dependent", "DataDependent", "Unbacked", "DynamicOutputShape", ".numpy()", ".tolist()")
"""Words of torch's errors where a tensor that is traced is asked for its values."""


def is_open(module: torch.fx.GraphModule) -> bool:
    """Whether a traced graph has sizes or numbers that depend on values."""
    return any(
        node.meta.get("unbacked_bindings") or gives_open_size(node)
        for part in module.modules()
        if isinstance(part, torch.fx.GraphModule)
        for node in part.graph.nodes
    )


def gives_open_size(node: torch.fx.Node) -> bool:
    """Whether a node gives a tensor of a size that depends on values."""
    metas = tree_leaves(node.meta.get("val"))
    return any(type(size) is not int for one in metas if isinstance(one, torch.Tensor) for size in one.shape)
