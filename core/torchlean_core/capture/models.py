"""The models of a Python file, found by reading it and never by running it (no torch here)."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from torchlean_core.capture.bases import is_module, needed_by
from torchlean_core.capture.directives import (
    Definition,
    Directive,
    definitions,
    directives_of,
    first_line,
    options_of,
)
from torchlean_core.capture.pyfile import PythonFile, bound, column, parse
from torchlean_core.capture.target import Shape
from torchlean_core.capture.workspace import ClassRef, External, Sources, Workspace
from torchlean_core.errors import UserError

_HEAD = re.compile(r"(?:class|def)(?:[ \t\f]|\\(?:\r\n|\r|\n))+(?P<name>\w+)")


@dataclass(frozen=True, slots=True)
class NameSpan:
    """Where a name stands: a line, from 0, and columns in characters, the end behind it."""

    line: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Model:
    """A class that looks like a model, or a function that is said to make one.

    Attributes:
        name: Its name.
        first_line: Line of its definition, its decorators included, from 0.
        last_line: Last line of its definition, from 0.
        example_shape: Shape that a `# torchlean: example-shape=1,4` comment over the class gives.
        name_span: Where its name stands in the definition.
        kind: `class` or `function`.
        directives: The directives over it, right or wrong.
        needs: Arguments of the constructor or the function that have no default: with any, it cannot be captured.
        abstract: Abstract methods that nothing overrides: with any, it cannot be constructed.
        forward_line: Line of its own `forward`, from 0; None where it inherits one, and for a function.
        doc: First line of its documentation, if any.
    """

    name: str
    first_line: int
    last_line: int
    example_shape: Shape | None
    name_span: NameSpan = NameSpan(0, 0, 0)
    kind: str = "class"
    directives: tuple[Directive, ...] = ()
    needs: tuple[str, ...] = ()
    abstract: tuple[str, ...] = ()
    forward_line: int | None = None
    doc: str | None = None


def find_models(
    source: str,
    file: Path,
    *,
    named: Collection[str] = (),
    sources: Sources | None = None,
    roots: Sequence[Path] = (),
) -> list[Model]:
    """The classes at the top of a file whose bases lead to `torch.nn.Module`, and the functions that make models.

    Bases are followed through imports, other files of the workspace, and classes of well-known packages. A function
    is one where a directive stands over it, or the settings name it; so is a class whose bases tell nothing. What
    is nested, or behind a condition, is left alone.

    Args:
        source: Text of the file; one that is no valid Python has no models.
        file: Where it is: imports are looked for from there.
        named: Names that the settings have a table for (`configured.named_in_settings`).
        sources: Reads the other files, and keeps them.
        roots: Folders of the workspace, in which modules are looked for, too.
    """
    tree = parse(source)
    return [] if tree is None else models_of(PythonFile(file.absolute(), source, tree), named, sources, roots)


def models_of(
    file: PythonFile,
    named: Collection[str] = (),
    sources: Sources | None = None,
    roots: Sequence[Path] = (),
) -> list[Model]:
    """The same for a file that was parsed already."""
    workspace = Workspace(file.path, sources, roots)
    workspace.add(file)
    directed = "torchlean:" in file.text
    found = []
    for placed in definitions(file.tree).values():
        node = placed.node
        over = directives_of(file.lines, placed) if directed else []
        said = bool(over) or node.name in named
        if isinstance(node, ast.ClassDef):
            if said or node.bases:
                ancestry = workspace.ancestry(ClassRef(file, node))
                if said or any(isinstance(one, External) and is_module(one.name) for one in ancestry):
                    found.append(_class(file, node, over, ancestry))
        elif said:
            found.append(_function(file, node, over))
    return found


def _class(
    file: PythonFile, node: ast.ClassDef, over: list[Directive], ancestry: list[ClassRef | External]
) -> Model:
    methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
    forward = methods.get("forward")
    return Model(
        node.name,
        first_line(node),
        (node.end_lineno or node.lineno) - 1,
        _shape(over),
        _name_span(file, node),
        "class",
        tuple(over),
        _needs(ancestry),
        tuple(_abstract(ancestry)),
        None if forward is None else forward.lineno - 1,
        _doc(node),
    )


def _function(file: PythonFile, node: ast.FunctionDef, over: list[Directive]) -> Model:
    return Model(
        node.name,
        first_line(node),
        (node.end_lineno or node.lineno) - 1,
        _shape(over),
        _name_span(file, node),
        "function",
        tuple(over),
        _required(node.args),
        doc=_doc(node),
    )


def _shape(over: list[Directive]) -> Shape | None:
    try:
        shape: Shape | None = options_of([one for one in over if one.key == "example-shape"]).get(
            "example_shape"
        )
    except UserError:
        return None  # `directive_problems` and the capture say what is wrong with it
    return shape


def _doc(node: Definition) -> str | None:
    text = (ast.get_docstring(node) or "").strip()
    return text.splitlines()[0] if text else None


def _name_span(file: PythonFile, node: Definition) -> NameSpan:
    line = node.lineno - 1
    start = column(file.lines[line], node.col_offset)
    # The name may be on a later line, behind a backslash.
    text = "\n".join(file.lines[line : line + 4])
    found = _HEAD.match(text, start)
    if found is None:
        return NameSpan(line, start, len(file.lines[line]))
    before = text[: found.start("name")]
    begin = len(before) - (before.rfind("\n") + 1)
    return NameSpan(line + before.count("\n"), begin, begin + len(found["name"]))


# -- what a constructor needs --------------------------------------------------------------------------------------


def _needs(ancestry: list[ClassRef | External]) -> tuple[str, ...]:
    """Arguments without a default of the constructor: of the first class that has one, as Python looks for it."""
    for one in ancestry:
        if isinstance(one, External):
            if is_module(one.name):
                return needed_by(one.name)
            continue
        for item in reversed(one.node.body):
            if isinstance(item, ast.FunctionDef) and item.name == "__init__":
                return _required(item.args, method=True)
        if _is_dataclass(one.node):
            return _dataclass_needs(ancestry[ancestry.index(one) :])
    return ()


def _required(arguments: ast.arguments, *, method: bool = False) -> tuple[str, ...]:
    positional = [*arguments.posonlyargs, *arguments.args]
    without = positional[: len(positional) - len(arguments.defaults)]
    keyword = [
        argument
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None
    ]
    return tuple(argument.arg for argument in [*without[int(method) :], *keyword])


def _is_dataclass(node: ast.ClassDef) -> bool:
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        if _last_name(decorator if call is None else call.func) == "dataclass":
            keywords = [] if call is None else call.keywords
            return not any(one.arg == "init" and _is_false(one.value) for one in keywords)
    return False


def _dataclass_needs(ancestry: list[ClassRef | External]) -> tuple[str, ...]:
    """Fields without a default: of the bases first, as `dataclass` orders them."""
    needed: dict[str, bool] = {}
    for one in reversed(ancestry):
        if isinstance(one, ClassRef) and _is_dataclass(one.node):
            needed.update(_fields(one.node))
    return tuple(name for name, required in needed.items() if required)


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, bool]]:
    for item in node.body:
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        annotation = item.annotation.value if isinstance(item.annotation, ast.Subscript) else item.annotation
        if _last_name(annotation) in ("ClassVar", "KW_ONLY"):
            continue
        value, required = item.value, item.value is None
        if isinstance(value, ast.Call) and _last_name(value.func) == "field":
            given = {keyword.arg: keyword.value for keyword in value.keywords}
            required = not given.keys() & {"default", "default_factory"} and not _is_false(given.get("init"))
        yield item.target.id, required


def _abstract(ancestry: list[ClassRef | External]) -> Iterator[str]:
    """Abstract methods that no nearer class defines."""
    seen: set[str] = set()
    ours = [one for one in ancestry if isinstance(one, ClassRef)]
    if not any("abstractmethod" in one.file.text for one in ours):
        return  # of nearly all files, at no cost
    for one in ours:
        names = {name: node for item in one.node.body for name, node in bound(item)}
        for name, node in names.items():
            decorators = getattr(node, "decorator_list", ())
            if name not in seen and any(_last_name(item) == "abstractmethod" for item in decorators):
                yield name
        seen |= names.keys()


def _last_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):  # an annotation in quotes
        return node.value.partition("[")[0].rpartition(".")[2]
    return getattr(node, "attr", None) or getattr(node, "id", None)


def _is_false(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is False
