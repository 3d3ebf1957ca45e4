"""Attributes of the generated module: under the artifact's names, or under those of the model that was captured.

Under the model's names the module's `state_dict` has the entries of the model's, so that each loads the other's.
"""

from __future__ import annotations

import keyword
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from torchlean_core.emit.bindings import Binding


@dataclass(slots=True)
class _Holder:
    """A module that holds tensors, or other holders.

    Attributes:
        holders: Those in it, by name.
        tensors: Names of its tensors.
    """

    holders: dict[str, _Holder] = field(default_factory=dict)
    tensors: list[str] = field(default_factory=list)

    def is_list(self) -> bool:
        """Whether its members are numbered, as those of an `nn.ModuleList` are."""
        numbers = [int(name) for name in self.holders if name.isdecimal() and str(int(name)) == name]
        return (
            bool(numbers)
            and not self.tensors
            and len(numbers) == len(self.holders)
            and max(numbers) < 4 * len(numbers) + 16
        )


class Naming:
    """Where the tensors of a module are held."""

    def __init__(
        self,
        bindings: Iterable[Binding],
        further: Iterable[str] = (),
        *,
        of_model: bool,
        state: Collection[str] = (),
    ) -> None:
        """Find a place for every tensor.

        Args:
            bindings: The tensors that the module computes with.
            further: Names in the model of tensors that it only holds.
            of_model: Whether to take the model's names, where there are any.
            state: Entries of the model's `state_dict`.
        """
        self._names: dict[str, str] = {}
        self._root = _Holder()
        for binding in bindings:
            parameter = binding.parameter
            self._names[parameter.name] = (parameter.model if of_model else None) or parameter.name
        for name in [*self._names.values(), *further]:
            self._add(name)
        self._of_model = of_model
        self._state = state

    def _add(self, name: str) -> None:
        holder = self._root
        *path, last = name.split(".")
        for part in path:
            holder = holder.holders.setdefault(part, _Holder())
        if last not in holder.tensors:
            holder.tensors.append(last)

    def name(self, binding: Binding) -> str:
        """The name that a tensor has in the module's `state_dict`."""
        return self._names[binding.parameter.name]

    def access(self, binding: Binding) -> str:
        """Source text of a tensor."""
        return self.at(self._names[binding.parameter.name])

    def at(self, name: str) -> str:
        """Source text of the tensor of a name."""
        holder, text = self._holder(name)
        return _member(text, name.rpartition(".")[2], numbered=holder.is_list())

    def holders(self) -> Iterator[str]:
        """Lines that make the modules which hold tensors."""
        yield from _made(self._root, "self")

    def assigned(self, binding: Binding, value: str) -> str:
        """The line that gives a tensor its value."""
        name = self._names[binding.parameter.name]
        if binding.learnable:
            return self.set_parameter(name, f"nn.Parameter({value})")
        is_own = self._of_model and binding.parameter.model not in self._state
        return self.set_buffer(name, value, persistent=not is_own)

    def set_parameter(self, name: str, value: str) -> str:
        """The line that makes a value a parameter."""
        _, text = self._holder(name)
        last = name.rpartition(".")[2]
        if _is_attribute(last):
            return f"{text}.{last} = {value}"
        return f"{text}.register_parameter({last!a}, {value})"

    def set_buffer(self, name: str, value: str, *, persistent: bool = True) -> str:
        """The line that makes a value a buffer."""
        _, text = self._holder(name)
        kept = "" if persistent else ", persistent=False"
        return f'{text}.register_buffer("{name.rpartition(".")[2]}", {value}{kept})'

    def _holder(self, name: str) -> tuple[_Holder, str]:
        holder, text = self._root, "self"
        for part in name.split(".")[:-1]:
            text = _member(text, part, numbered=holder.is_list())
            holder = holder.holders[part]
        return holder, text


def tied(tensors: Mapping[str, str], naming: Naming) -> Iterator[str]:
    """Lines that give tensors the further names that they have in the model: first name by further one."""
    for name, first in tensors.items():
        yield naming.set_parameter(name, naming.at(first))


def _made(holder: _Holder, text: str) -> Iterator[str]:
    numbered = holder.is_list()
    for name, inner in holder.holders.items():
        place = _member(text, name, numbered=numbered)
        if inner.is_list():
            count = max(map(int, inner.holders)) + 1
            made = f"nn.ModuleList(nn.Module() for _ in range({count}))"
        elif numbered:
            yield from _made(inner, place)  # is there already
            continue
        else:
            made = "nn.Module()"
        yield (
            f"{place} = {made}" if numbered or _is_attribute(name) else f"{text}.add_module({name!a}, {made})"
        )
        yield from _made(inner, place)


def _member(text: str, name: str, *, numbered: bool) -> str:
    if numbered:
        return f"{text}[{name}]"
    return f"{text}.{name}" if _is_attribute(name) else f"getattr({text}, {name!a})"


def _is_attribute(name: str) -> bool:
    return name.isidentifier() and name.isascii() and not keyword.iskeyword(name)
