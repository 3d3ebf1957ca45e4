"""What a lowered graph keeps in the parameter store: stored tensors, their uses, and what the model does not have."""

from __future__ import annotations

from dataclasses import dataclass

from torchlean_core.graph.views import View, source
from torchlean_core.kinds import Operator
from torchlean_core.kinds.numbers import show_shape
from torchlean_core.kinds.operators import CONST
from torchlean_core.text.numbers import Numbers


@dataclass(frozen=True, slots=True)
class Parameter:
    """One tensor of the parameter store.

    Attributes:
        name: Its name in the store, in generated code and in messages (`linear_3_W`).
        role: What the operator calls it (`W`, `kernel`, `value`).
        shape: Its shape.
        trainable: Whether training may change it and initialization may set it.
        node: Raw id of the artifact's node that it belongs to: its first use.
        kind: Kind of that node.
        operator: What it is an operand of.
        model: Its name in the model that was captured; None where that is not known.
        derived: Names of the model's parameters that it was computed from.
        is_kept: Whether the artifact says that it is not trainable: initialization keeps its value.
        is_attention_scale: Whether it is `mha_<id>_scale`, whose value follows from the attention's fields.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    trainable: bool
    node: int
    kind: str
    operator: Operator
    model: str | None = None
    derived: tuple[str, ...] = ()
    is_kept: bool = False
    is_attention_scale: bool = False

    @property
    def owner(self) -> str:
        """The artifact's node it belongs to, in words: `node 3 (linear)`."""
        return f"node {self.node} ({self.kind})"

    @property
    def is_constant(self) -> bool:
        """Whether it is the value of a `const`."""
        return self.operator is CONST

    @property
    def missing(self) -> str:
        """The message where it is missing."""
        return f"{self.owner}: {self.name} {show_shape(self.shape)} is missing"


@dataclass(frozen=True, slots=True)
class Absent:
    """A payload tensor that the model does not have.

    Attributes:
        parameter: What it would be.
        neutral: What its elements are in files, for readers that need one.
    """

    parameter: Parameter
    neutral: float


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a stored tensor as a node's payload.

    Attributes:
        name: Name of the use (`linear_5_W`), which is the tensor's own where it is the first.
        shape: Its shape.
        parameter: The stored tensor.
        view: How it is made of that.
        fixed: Whether no gradient goes through this use of a tensor that other uses train.
        sparse: The convolution that it is a dense kernel of: its kernel's view, groups and dilation; None where
            the kernel is its own. Everything that computes takes this form.
        inline: What the artifact holds of it, where it holds it: numbers of this shape, but for those of a `const`
            on one axis, and for an attention's scale one number for all of it.
    """

    name: str
    shape: tuple[int, ...]
    parameter: Parameter
    view: View = ()
    fixed: bool = False
    sparse: tuple[View, int, tuple[int, ...]] | None = None
    inline: Numbers | None = None

    @property
    def computed(self) -> View:
        """The view that is computed: without what makes a kernel dense."""
        return self.view if self.sparse is None else self.sparse[0]

    def expression(self, tensor: str) -> str:
        """Source text of the torch expression that makes it of the stored tensor, whose text is given."""
        return source(self.computed, f"{tensor}.detach()" if self.fixed else tensor)
