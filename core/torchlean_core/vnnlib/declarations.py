"""Declarations of variables: one by one in version 1, as tensors of networks in version 2."""

from __future__ import annotations

from torchlean_core.check.findings import Severity
from torchlean_core.vnnlib.facts import DeclaredNetwork, Span, Tensor, Told, Variables
from torchlean_core.vnnlib.tokens import ELEMENT, INDEXED, NAME, SHAPE, short, sizes

Words = list[tuple[str, Span]]
"""The words of a declaration behind its first, each with its place."""

_REAL = frozenset(
    "Real float16 float32 float64 bfloat16 float8e4m3fn float8e5m2 float8e4m3fnuz float8e5m2fnuz float4e2m1".split()
)
_MOST_KEPT = 1_000
"""Characters of a name that are kept; no name that means something is longer."""


class Declarations:
    """What was declared so far.

    Attributes:
        names: Number of a variable by its spelling, for those that were declared, and met where they are tensors.
    """

    def __init__(self, variables: Variables, told: Told) -> None:
        self.names: dict[str, int] = {}
        self._variables = variables
        self._told = told
        self._tensors: dict[str, Tensor] = {}
        self._missing: dict[str, Span] = {}
        self._network: DeclaredNetwork | None = None
        self._next_input, self._next_other = 0, -1
        self._began = False

    def declare(self, head: str, words: Words, span: Span) -> None:
        """Take up a declaration, whole."""
        if head == "vnnlib-version":
            self._version(words, span)
        elif head in ("declare-const", "declare-fun"):
            self._variable(head, words, span)
        elif head in ("isomorphic-to", "equal-to"):
            if len(words) != 1:
                self._told.unread(f"`{head}` names one network", span)
        else:
            self._tensor(head.removeprefix("declare-"), _parted(words), span)
        self._began = True

    def begin_network(self, span: Span) -> None:
        """A network's declaration begins."""
        if self._variables.version == 1:
            message = "a file with `declare-network` begins with `(vnnlib-version <2.0>)`"
            self._told.unread(message, span)
            self._variables.version = 2
        self._began = True
        self._network = DeclaredNetwork("", span)

    def end_network(self, words: Words) -> None:
        """A network's declaration ends; its words are those outside of its tensors."""
        network, self._network = self._network, None
        assert network is not None, "it began"
        if len(words) != 1 or NAME.match(words[0][0]) is None:
            self._told.unread("`declare-network` is followed by one name", network.span)
        self._variables.networks.append(network)

    def resolve(self, text: str, span: Span) -> int | None:
        """Number of a variable that has not been met in this spelling; None where there is none, which is told."""
        tensor: Tensor | None = None
        places: tuple[int, ...] | None = ()
        if self._variables.version > 1 and (match := INDEXED.match(text)) is not None:
            tensor = self._tensors.get(match[1])
            places = () if match[2] is None else sizes(match[2])
        if tensor is None:
            self._missing.setdefault(text if len(text) < _MOST_KEPT else short(text), span)
            return None
        shape = list(tensor.shape)
        if places is None or len(places) != len(shape):
            count = "too many" if places is None else len(places)
            message = f"{short(text)} has {count} indices; {tensor.name} has the shape {shape}"
            self._told.tell("TL703", Severity.ERROR, message, span)
            return None
        place = 0
        for index, size in zip(places, tensor.shape, strict=True):
            if index >= size:
                message = (
                    f"there is no {short(text)}: {tensor.name} has the shape {shape}, indices begin with 0"
                )
                self._told.tell("TL703", Severity.ERROR, message, span)
                return None
            place = place * size + index
        key = tensor.first + place if tensor.role == "input" else tensor.first - place
        self.names[text] = key
        return key

    def name(self, key: int) -> str:
        """The variable of a number, as the property names it."""
        if self._variables.version == 1:
            return f"X_{key}" if key >= 0 else f"Y_{-1 - key}"
        for tensor in self._tensors.values():
            place = key - tensor.first if tensor.role == "input" else tensor.first - key
            if 0 <= place < tensor.count and (key >= 0) == (tensor.role == "input"):
                return element(tensor, place)
        raise KeyError(key)

    def tell_missing(self) -> None:
        """Tell of names that assertions use and nothing declares, once each."""
        for name, span in self._missing.items():
            late = name in self.names or name in self._tensors
            why = " before it is declared" if late else ", which is not declared"
            message = f"an assertion names {short(name)}{why}"
            self._told.tell("TL703", Severity.ERROR, message, span)

    # -- single declarations --------------------------------------------------------------------------------

    def _version(self, words: Words, span: Span) -> None:
        text = words[0][0] if len(words) == 1 else ""
        number = text[1:-1].split(".") if text.startswith("<") and text.endswith(">") else []
        if len(number) != 2 or not all(part.isascii() and part.isdigit() for part in number):
            self._told.unread("a version is written `<2.0>`", span)
        elif self._began:
            self._told.unread("the version stands at the beginning of a file", span)
        elif number[0] not in ("1", "2"):
            self._told.unread(f"version {short(number[0])} of VNN-LIB is not known here; 1 and 2 are", span)
        else:
            self._variables.version = int(number[0])

    def _variable(self, head: str, words: Words, span: Span) -> None:
        texts = [text for text, _ in words]
        if self._variables.version > 1:
            self._told.unread(
                f"`{head}` is no command of version 2: `declare-network` declares tensors", span
            )
            return
        expected = [None, "Real"] if head == "declare-const" else [None, "()", "Real"]
        if len(texts) != len(expected) or any(
            w not in (None, t) for w, t in zip(expected, texts, strict=True)
        ):
            form = "(declare-const X_0 Real)" if head == "declare-const" else "(declare-fun X_0 () Real)"
            self._told.unread(f"a declaration reads `{form}`", span)
            return
        name, at = words[0]
        match = ELEMENT.match(name)
        if name in self.names:
            self._told.tell("TL702", Severity.ERROR, f"{short(name)} is declared twice", at)
        elif match is None:
            message = (
                f"{short(name)} is no variable of a network: those are X_0, X_1, … for its input and Y_0, Y_1, … for "
                "its output"
            )
            self._told.tell("TL702", Severity.ERROR, message, at)
            if len(name) < _MOST_KEPT:
                self.names[name] = self._other(1)
        else:
            place = int(match[2])
            declared = self._variables.inputs if match[1] == "X" else self._variables.outputs
            declared[place] = at
            self.names[name] = place if match[1] == "X" else _FIRST_OUTPUT - place

    def _tensor(self, role: str, words: Words, span: Span) -> None:
        assert self._network is not None, "tensors stand in a network"
        match = SHAPE.match(words[2][0]) if len(words) > 2 else None
        shape = None if match is None else sizes(match[1])
        if shape is None or NAME.match(words[0][0]) is None or not _options_are_known(role, words[3:]):
            name = ' "name"' if role == "hidden" else ""
            self._told.unread(f"a declaration reads `(declare-{role} X float32 [1, 5]{name})`", span)
            return
        (name, at), (kind, kind_at), (_, shape_at) = words[:3]
        if kind not in _REAL:
            message = f"{short(name)} is of type {short(kind)}; the network computes with real numbers"
            self._told.tell("TL702", Severity.ERROR, message, kind_at)
        if name in self._tensors:
            self._told.tell("TL702", Severity.ERROR, f"{short(name)} is declared twice", at)
            return
        tensor = Tensor(
            role, name, shape, kind, shape_at, self._next_input if role == "input" else self._next_other
        )
        if role == "input":
            self._next_input += tensor.count
        else:
            self._other(tensor.count)
        self._tensors[name] = tensor
        self._network.tensors.append(tensor)

    def _other(self, count: int) -> int:
        first = self._next_other
        self._next_other -= count
        return first


_FIRST_OUTPUT = -1


def element(tensor: Tensor, place: int) -> str:
    """An element of a tensor by its place in row-major order."""
    indices: list[int] = []
    for size in reversed(tensor.shape):
        place, index = divmod(place, size)
        indices.append(index)
    return f"{tensor.name}[{','.join(map(str, reversed(indices)))}]" if indices else tensor.name


def _parted(words: Words) -> Words:
    """The words, a bracket always one of its own: `Real[5]` is two words as `Real [5]` is."""
    found: Words = []
    for text, (start, end) in words:
        cut = text.find("[") if not text.startswith('"') else -1
        if cut > 0:
            found += [(text[:cut], (start, start + cut)), (text[cut:], (start + cut, end))]
        else:
            found.append((text, (start, end)))
    return found


def _options_are_known(role: str, words: Words) -> bool:
    """Whether what follows a shape may: a name in the ONNX file, `initialized` for an input."""
    texts = [text for text, _ in words]
    if role == "input" and texts[:1] == ["initialized"]:
        texts = texts[1:]
    named = [text for text in texts if text.startswith('"')]
    return texts == named and len(named) <= 1 and (role != "hidden" or len(named) == 1)
