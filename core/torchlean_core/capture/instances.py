"""Instances of a model that never ran: forward must not find what an earlier call left behind."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import is_lazy

from torchlean_core.capture.errors import CaptureError, CaptureFinding
from torchlean_core.capture.load import Loaded, Namespace, describe, needed_arguments, seed
from torchlean_core.capture.other_types import why_not_float32
from torchlean_core.capture.own_gradients import without_gradients
from torchlean_core.capture.places import user_code
from torchlean_core.capture.precision import converted
from torchlean_core.capture.repeats import first_difference
from torchlean_core.capture.returned import entries, names_of, tensors_of
from torchlean_core.capture.target import Shape
from torchlean_core.capture.weights import (
    can_share,
    changed,
    fingerprints,
    held_by,
    in_float64,
    same_weights,
    sharing,
)
from torchlean_core.errors import type_name
from torchlean_core.kinds import DIALECTS, Dialect

_SEED = "seed what it is drawn from, as in numpy.random.default_rng(0) or torch.Generator().manual_seed(0)"
_Plain = (type(None), bool, int, float, str, list, tuple, dict)


class Instances:
    """Gives instances of one model, each as it is before its first call.

    They are constructed anew. Where that gives parts of an instance that was already given (a function that
    returns one module of the file, a module of the file itself), or another model (weights from a generator of their
    own, which nothing seeds), they are copies of the first. Those of a large model share its parameters, unless the
    first run of forward has shown that it changes them.

    Attributes:
        shares: Whether instances have the parameters of the first one.
        notes: What the user should know of it (TL607).
        outputs: Names of what forward returns, where it returns a container of tensors; else None.

    Raises:
        CaptureError: The model can be neither constructed again nor copied.
    """

    def __init__(self, loaded: Loaded, shape: Shape) -> None:
        _require_values(loaded)
        self.loaded = loaded
        self.shape = shape
        self._ready = [(loaded.module, Namespace(loaded.namespace))]
        self._pristine: torch.nn.Module | None = None
        self._template: tuple[torch.nn.Module, Namespace] | None = None
        self._fingerprints: dict[str, int] = {}
        self.notes: list[CaptureFinding] = []
        self.outputs: list[str] | None = None
        self.shares = False
        self._sharing: tuple[torch.nn.Module, Namespace] | None = None
        another = self._constructed()
        if another is None or _parts(another) & _parts(loaded.module):
            self._pristine = self._copied(loaded.module)
        elif differs := first_difference(loaded.module, another):
            third = self._constructed()
            # What is drawn at the first construction alone, by an import in it, is the same in every capture.
            always = third is None or first_difference(another, third) is not None
            self._pristine = self._only_copied(differs) if always else self._copied(loaded.module)
        else:
            self._ready.append((another, Namespace(loaded.namespace)))
        if can_share(loaded.module):
            self._prepare_sharing()

    def _prepare_sharing(self) -> None:
        """Keep a copy of the first instance over the same parameters, where it can be copied."""
        try:
            self._sharing = sharing(self.loaded.module), self._ready[0][1]
        except Exception:  # attributes say by whatever error that they cannot be copied
            return
        if self._pristine is not None:  # runs in place of the first, whose parameters are needed
            self._ready.append((self._pristine, self._ready[0][1]))

    def ran(self, module: torch.nn.Module) -> None:
        """Told that an instance has run, the first that was given: where its parameters changed, none are shared."""
        if self._sharing is None:
            return
        first = self.loaded.module
        if same_weights(module, first):
            self._fingerprints = fingerprints(first)
            self._template, self.shares = self._sharing, True
        if self._pristine is not None:
            self._pristine = None if self.shares else self._copied(first)
        self._sharing = None

    def in_place_of_module(self, module: torch.nn.Module) -> Instances:
        """Instances of another module that stands for the same model, and gives the same outputs."""
        found = Instances(replace(self.loaded, module=module, construct=None, export=None), self.shape)
        found.outputs = self.outputs
        return found

    def check_weights(self) -> None:
        """Look whether the parameters that instances share are what they were.

        Raises:
            CaptureError: Forward has changed them.
        """
        if not self.shares:
            return
        name = next(changed(self._fingerprints, self.pristine()), None)
        if name is not None:
            path, _, attribute = name.rpartition(".")
            kind = type(self.loaded.module.get_submodule(path)).__name__
            raise keeps_state(self.loaded, (attribute, path, kind))

    def new(self) -> torch.nn.Module:
        """An instance that never ran, with the file's globals as they were when it was made."""
        if self._ready:
            module, namespace = self._ready.pop()
            namespace.restore()
        elif self.shares:
            return self.copy()
        elif self._pristine is not None:
            module = self._copied(self._pristine)
        else:
            again = self._constructed()
            module = self._copied(self.loaded.module) if again is None else again
        self._materialize(module)
        return module

    def pristine(self) -> torch.nn.Module:
        """An instance that never runs, to look at."""
        return self._kept()[0]

    def _kept(self) -> tuple[torch.nn.Module, Namespace]:
        if self._template is None:
            self._template = self.new(), Namespace(self.loaded.namespace)
        return self._template

    def copy(self) -> torch.nn.Module:
        """The same, for many: a copy of an instance that never runs, where it can be copied."""
        module, namespace = self._kept()
        namespace.restore()
        try:
            return sharing(module) if self.shares else copy.deepcopy(module)
        except Exception:
            if self.shares:
                raise
            return self.new()

    def in_float64(self) -> torch.nn.Module:
        """As `copy`, converted."""
        if not self.shares:
            return converted(self.copy(), torch.float64)
        module, namespace = self._kept()
        namespace.restore()
        return in_float64(module)

    def held_by(
        self, module: torch.nn.Module, tensors: Mapping[str, torch.Tensor]
    ) -> Mapping[str, torch.Tensor]:
        """Tensors, of which those that are shared parameters are taken from another instance, in its type."""
        return held_by(self.pristine(), module, tensors) if self.shares else tensors

    def call(self, module: torch.nn.Module, x: torch.Tensor, hint: str = "") -> Any:
        """The result of forward.

        Raises:
            CaptureError: It raises.
        """
        loaded = self.loaded
        hint = hint or f" (with an input of shape {list(self.shape)})"
        with user_code(loaded.user, loaded.shown, "TL603", line=loaded.line, hint=hint):
            try:
                with torch.no_grad():
                    return module(x.clone())
            except RuntimeError as error:
                if "grad" not in str(error):
                    raise
                # Hooks on gradients need some; the input comes from a layer before.
                return module(x.clone().requires_grad_().clone())

    def results(self, module: torch.nn.Module, x: torch.Tensor, hint: str = "") -> tuple[torch.Tensor, ...]:
        """The tensors that forward returns.

        Raises:
            CaptureError: It raises, or returns other entries than the first time.
        """
        result = self.call(module, x, hint)
        if names_of(result) != self.outputs:
            first, found = (_listed(names) for names in (self.outputs, names_of(result)))
            message = f"forward returns {first} first, and {found} in a further call"
            raise CaptureError.at(self.loaded.shown, "TL603", message, self.loaded.line)
        return tensors_of(result)

    def shown_output(self, place: int) -> str:
        """One of several outputs, in words, to begin a message with; nothing where there is one."""
        if self.outputs is None or len(self.outputs) < 2:
            return ""
        return f"output `{self.outputs[place]}`: "

    def _constructed(self) -> torch.nn.Module | None:
        """None where the user's code cannot be run a second time."""
        if self.loaded.construct is None:
            return None
        try:
            return self.loaded.construct()
        except CaptureError:
            return None

    def _copied(self, module: torch.nn.Module) -> torch.nn.Module:
        try:
            return copy.deepcopy(module)
        except Exception as error:
            raise CaptureError.at(
                self.loaded.shown,
                "TL603",
                f"the model can be neither constructed again nor copied ({type_name(error)}), so nothing "
                "tells whether forward keeps state; capture a function that builds a new one",
                self.loaded.line,
            ) from error

    def _only_copied(self, differs: str) -> torch.nn.Module:
        """A copy of a model that no constructor gives again.

        Args:
            differs: What another instance has otherwise.
        """
        loaded = self.loaded
        other = f"{loaded.name}() gives another `{differs}` each time it is constructed"
        try:
            module = copy.deepcopy(loaded.module)
        except Exception as error:
            raise CaptureError.at(
                loaded.shown,
                "TL603",
                f"{other}, and cannot be copied ({type_name(error)}), so nothing tells whether forward keeps "
                f"state; {_SEED}",
                loaded.line,
            ) from error
        message = (
            f"{other}: the artifact is of one instance, and a further capture gives another one; {_SEED}"
        )
        self.notes.append(CaptureFinding("TL607", message, loaded.line))
        return module

    def _materialize(self, module: torch.nn.Module) -> None:
        """Give lazy modules their parameters; what else the call leaves behind goes."""
        if not any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
            return
        kept = [(m, dict(vars(m))) for m in module.modules() if not isinstance(m, LazyModuleMixin)]
        seed()
        self.call(module, torch.zeros(self.shape, dtype=torch.float32))
        for part, attributes in kept:
            vars(part).clear()
            vars(part).update(attributes)


def _require_values(loaded: Loaded) -> None:
    """Check that there is something to capture.

    Raises:
        CaptureError: Tensors of the model are on the meta device.
    """
    module = loaded.module
    named = (*module.named_parameters(), *module.named_buffers())
    name = next((name for name, tensor in named if tensor.is_meta and not is_lazy(tensor)), None)
    if name is None and torch.get_default_device().type != "meta":
        return
    what = (
        'torch.set_default_device("meta") is in force' if name is None else f"`{name}` is on the meta device"
    )
    raise CaptureError.at(
        loaded.shown, "TL602", f"{what}, where tensors have no values; make the model on the CPU", loaded.line
    )


def _listed(names: list[str] | None) -> str:
    return "one tensor" if names is None else f"entries {', '.join(names)}" if names else "nothing"


def run_example(
    instances: Instances,
    dialect: Dialect,
    watched: Callable[[torch.nn.Module], AbstractContextManager[None]] = lambda module: nullcontext(),
) -> torch.Tensor:
    """An example input that the model was run with once: its own errors, at the user's lines, come first.

    Args:
        instances: Gives instances of the module; is told what forward returns.
        dialect: Says how many outputs an artifact has.
        watched: Around the run, which nothing is compared with.

    Raises:
        CaptureError: The model cannot be run with it, or does not give float tensors, as many as there can be.
    """
    loaded, shape = instances.loaded, instances.shape
    shown, line = loaded.shown, loaded.line
    if type(loaded.module).forward is torch.nn.Module.forward:
        raise CaptureError.at(shown, "TL603", f"{loaded.name} has no forward", line)
    needed = needed_arguments(loaded.module.forward)
    if len(needed) > 1:
        raise CaptureError.at(
            shown,
            "TL603",
            f"forward takes {len(needed)} inputs ({', '.join(needed)}); an artifact has one",
            line,
        )
    # The type is said: a model file may have changed torch's default.
    example = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float32)
    module = instances.new()
    other_type = why_not_float32(loaded, module)
    with watched(module), without_gradients(loaded):
        result = instances.call(module, example, f" (with an input of shape {list(shape)}){other_type}")
    instances.ran(module)
    if why := _no_outputs(result, dialect, other_type):
        message, better = f"forward returns {why}", None
        if not dialect.many_outputs:
            better = next(
                (o.name for o in DIALECTS.values() if _no_outputs(result, o, other_type) is None), None
            )
        raise CaptureError.of(shown, CaptureFinding("TL603", message, line, dialect=better))
    instances.outputs = names_of(result)
    return example


def _no_outputs(result: Any, dialect: Dialect, other_type: str) -> str | None:
    """Why what forward returns are no outputs of an artifact; None where they are."""
    found = list(entries(result))
    if not found:
        return f"an empty {type_name(result)}; an artifact has an output tensor"
    if len(found) > 1 and not dialect.many_outputs:
        return f"{len(found)} values; an artifact has one output tensor in the {dialect.name} dialect"
    for name, value in found:
        where = f" as `{name}`" if name else ""
        if not isinstance(value, torch.Tensor):
            return f"{describe(value)}{where}; outputs of an artifact are tensors"
        if value.dtype != torch.float32:
            dtype = str(value.dtype).removeprefix("torch.")
            return f"{dtype}{where}, expected float32{other_type}"
    return None


def keeps_state(loaded: Loaded, changed: tuple[str, str, str] | None) -> CaptureError:
    """The error for a model whose result depends on the calls before.

    Args:
        loaded: The model.
        changed: What changes: attribute, path and class of a module; None where nothing of it tells.
    """
    if changed is None:
        what = "the model gives different results for the same input"
    else:
        name, path, kind = changed
        what = (
            f"forward keeps state: `{name}` of {f'`{path}` ({kind})' if path else kind} changes when it runs"
        )
    return CaptureError.at(
        loaded.shown,
        "TL603",
        f"{what}; only a function of the input can be captured (nothing was written)",
        loaded.line,
    )


def changed_attribute(before: torch.nn.Module, after: torch.nn.Module) -> tuple[str, str, str] | None:
    """Attribute, path and class of the first module whose plain values or tensors differ."""
    modules = dict(after.named_modules())
    for path, module in before.named_modules():
        other = modules.get(path)
        if other is None:
            continue
        old, new = dict(_state(module)), dict(_state(other))
        for name in [*old, *(name for name in new if name not in old)]:
            if name not in old or name not in new or not _equal(old[name], new[name]):
                return name, path, type(module).__name__
    return None


def _state(module: torch.nn.Module) -> Iterator[tuple[str, Any]]:
    for name, value in vars(module).items():
        if name in ("_parameters", "_buffers"):
            yield from value.items()
        elif name == "training" or not name.startswith("_") or name not in vars(torch.nn.Module()):
            yield name, value


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and torch.equal(a.double(), b.double())
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(_equal, a, b))
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(_equal(a[key], b[key]) for key in a)
    return bool(a == b) if isinstance(a, _Plain) else True


def _parts(module: torch.nn.Module) -> set[int]:
    return {id(part) for part in (*module.modules(), *module.parameters(), *module.buffers())}
