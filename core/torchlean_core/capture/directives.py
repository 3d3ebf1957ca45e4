"""`# torchlean: key=value` over a class or function: which keys there are, and where they stand (no torch here).

A directive is a comment in a line of its own, right above a definition at the top of a file or among its decorators.
Completion, hover, what is wrong with it, and the capture all read the table `KEYS`.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from torchlean_core.approximations import known_approximations
from torchlean_core.capture.errors import CaptureFinding, Span
from torchlean_core.capture.pyfile import lines_of, parse
from torchlean_core.capture.target import Shape, Target, parse_shape, parsed
from torchlean_core.errors import UsageError
from torchlean_core.options.capture import parse_approximations

_COMMENT = re.compile(r"[ \t\f]*#\s*torchlean:(?P<rest>.*)")
_PAIR = re.compile(r"\s*(?P<key>[^\s=]*)(?P<equals>\s*=\s*)?(?P<value>.*?)\s*$")

Definition = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True, slots=True)
class Key:
    """A key that a directive can have.

    Attributes:
        name: As it is written.
        option: Its name in the program (of what `capture_request` takes).
        form: What its value looks like, by example.
        doc: What it does, in a sentence or two of Markdown.
        parse: Reads a value; raises `UsageError`, whose text is all that is said of a wrong one.
        values: Values to offer.
        repeatable: Whether it can stand several times over one definition; the values are a list then.
    """

    name: str
    option: str
    form: str
    doc: str
    parse: Callable[[str], Any]
    values: tuple[str, ...] = ()
    repeatable: bool = False


def _approximation(text: str) -> str:
    if text not in known_approximations():
        raise UsageError(f"approximation {text!r}: expected {_one_of(known_approximations())}")
    return next(f"{name}={form}" for name, form in parse_approximations([text]).items())


def _one_of(names: Sequence[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


KEYS: Mapping[str, Key] = {
    key.name: key
    for key in (
        Key(
            "example-shape",
            "example_shape",
            "1,4",
            "Shape of the model's input, batch included: positive sizes. The model is captured with it.",
            parse_shape,
        ),
        Key(
            "approximate",
            "approximate",
            known_approximations()[0],
            "Allows a substitution that is not exact. The artifact is marked, and the error is measured (TL405).",
            _approximation,
            tuple(known_approximations()),
            repeatable=True,
        ),
    )
}
"""Every key, by name."""


@dataclass(frozen=True, slots=True)
class Directive:
    """A directive as it is written.

    Attributes:
        line: Its line, from 0.
        key: Its key, known or not; "" where there is none.
        value: Its value; None where there is no `=`.
        start: Column of the `#`, in characters.
        key_start: Column of the key.
        value_start: Column of the value; where it would stand, if there is none.
        end: Column behind it.
    """

    line: int
    key: str
    value: str | None
    start: int
    key_start: int
    value_start: int
    end: int

    @property
    def span(self) -> Span:
        """All of it."""
        return Span(self.line + 1, self.start, self.line + 1, self.end)

    @property
    def key_span(self) -> Span:
        """Its key."""
        return Span(self.line + 1, self.key_start, self.line + 1, self.key_start + len(self.key))

    @property
    def value_span(self) -> Span:
        """Its value."""
        return Span(self.line + 1, self.value_start, self.line + 1, self.end)


def read_directive(text: str, line: int) -> Directive | None:
    """The directive that a line is; None where it is none.

    Args:
        text: The line.
        line: Its number, from 0.
    """
    found = _COMMENT.fullmatch(text)
    if found is None:
        return None
    pair = _PAIR.match(text, found.start("rest"))
    assert pair is not None, "matches everything"
    value = pair["value"] if pair["equals"] is not None else None
    if value is None and pair["value"]:  # `example-shape 1,4`
        value_start = pair.start("value")
    else:
        value_start = pair.start("value") if value is not None else pair.end("key")
    return Directive(
        line,
        pair["key"],
        value,
        text.index("#"),
        pair.start("key"),
        value_start,
        max(len(text.rstrip()), value_start),
    )


class Placed(NamedTuple):
    """A definition at the top of a file.

    Attributes:
        node: The class or function.
        before: Last line of the statement before it, from 1; 0 where it is the first.
    """

    node: Definition
    before: int


def definitions(tree: ast.Module) -> dict[str, Placed]:
    """The classes and functions at the top of a file by name; of several with one name the last, as for Python."""
    found: dict[str, Placed] = {}
    before = 0
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            found.pop(node.name, None)
            found[node.name] = Placed(node, before)
        before = node.end_lineno or node.lineno
    return found


def first_line(node: Definition) -> int:
    """First line of a definition, from 0, its decorators included."""
    return min([node.lineno, *(item.lineno for item in node.decorator_list)]) - 1


def directives_of(lines: Sequence[str], placed: Placed) -> list[Directive]:
    """The directives of a definition at the top of a file, in order.

    Args:
        lines: The lines of the file.
        placed: The definition.
    """
    node = placed.node
    first = first_line(node)
    numbers: list[int] = []
    line = first - 1
    # Between two statements every line is a comment or blank, so no string can look like a directive there.
    while line >= placed.before and lines[line].lstrip().startswith("#"):
        numbers.insert(0, line)
        line -= 1
    taken = {
        line
        for item in node.decorator_list
        for line in range(item.lineno - 1, item.end_lineno or item.lineno)
    }
    numbers += [line for line in range(first, node.lineno - 1) if line not in taken]
    read = (read_directive(lines[line], line) for line in numbers)
    return [item for item in read if item is not None]


def options_of(found: Sequence[Directive]) -> dict[str, Any]:
    """What the directives of one definition say, by names as in the program.

    Of a key that stands several times and may not, the one nearest to the definition counts.

    Raises:
        DirectiveError: One of them is wrong.
    """
    values: dict[str, Any] = {}
    for directive in found:
        problem = problem_of(directive)
        if problem is not None:
            raise DirectiveError(problem[0].line, problem[1])
        key = KEYS[directive.key]
        value = key.parse(directive.value or "")
        values[key.option] = [*values.get(key.option, []), value] if key.repeatable else value
    return values


class DirectiveError(UsageError):
    """A directive is wrong.

    Attributes:
        line: Its line, from 1.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def options_in_source(source: str, target: Target) -> dict[str, Any]:
    """What the directives over a class or function say, by names as in the program (`example_shape`).

    Raises:
        CaptureError: The source is not Python.
        UsageError: A directive is wrong.
    """
    tree = parsed(source, target.file)
    if "torchlean:" not in source:
        return {}
    placed = definitions(tree).get(target.name)
    if placed is None:
        return {}
    try:
        return options_of(directives_of(lines_of(source.removeprefix("\ufeff")), placed))
    except DirectiveError as error:
        raise UsageError(f"{target.file}:{error.line}: TL604 {error}") from None


def shape_in_source(source: str, target: Target) -> Shape | None:
    """The shape in a `# torchlean: example-shape=…` comment over a class or function.

    Raises:
        CaptureError: The source is not Python.
        UsageError: A directive is wrong.
    """
    shape: Shape | None = options_in_source(source, target).get("example_shape")
    return shape


# -- what is wrong ------------------------------------------------------------------------------------------------


def problem_of(directive: Directive) -> tuple[Span, str] | None:
    """What is wrong with a directive by itself, and where."""
    if not directive.key:
        return directive.span, f"a directive without a key: expected {_keys()}"
    if directive.key not in KEYS:
        near = difflib.get_close_matches(directive.key.lower().replace("_", "-"), KEYS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {_keys()}"
        return directive.key_span, f"no directive `{directive.key}`; {hint}"
    key = KEYS[directive.key]
    if directive.value is None:
        return directive.span, f"`{key.name}` has no value: expected `{key.name}={key.form}`"
    try:
        key.parse(directive.value)
    except UsageError as error:
        span = directive.value_span if directive.value else directive.span
        return span, str(error)
    return None


def _keys() -> str:
    return _one_of([f"{key.name}={key.form}" for key in KEYS.values()])


def directive_problems(source: str, tree: ast.Module | None = None) -> list[CaptureFinding]:
    """What is wrong with the directives of a file (TL604), each at its span, in order.

    While the file does not parse, only what is wrong with a directive by itself is said.

    Args:
        source: Text of the file.
        tree: Its syntax tree, where that is at hand.
    """
    if "torchlean:" not in source:
        return []
    lines = lines_of(source.removeprefix("\ufeff"))
    written = [item for line, text in enumerate(lines) if (item := read_directive(text, line)) is not None]
    if tree is None and written:
        tree = parse(source)
    found: list[tuple[Span, str]] = []
    if tree is None:
        found = [problem for item in written if (problem := problem_of(item)) is not None]
    else:
        owners = _owners(lines, tree)
        counting: dict[tuple[int, str, str | None], Directive] = {}
        for item in reversed(written):  # the nearest to the definition counts
            owner = owners.get(item.line)
            if owner is None:
                if not _is_in_string(tree, item.line):
                    found.append(problem_of(item) or (item.span, _homeless(tree, item.line)))
            elif (problem := problem_of(item)) is not None:
                found.append(problem)
            else:
                what = owner, item.key, item.value if KEYS[item.key].repeatable else None
                if what in counting:
                    found.append((item.span, _duplicate(item, counting[what])))
                else:
                    counting[what] = item
    return [
        CaptureFinding("TL604", message, span.line, span=span) for span, message in sorted(found, key=_place)
    ]


def _place(problem: tuple[Span, str]) -> tuple[int, int]:
    return problem[0].line, problem[0].column


def _duplicate(item: Directive, counting: Directive) -> str:
    return f"`{item.key}` stands here again; line {counting.line + 1} counts (`{item.key}={counting.value}`)"


def _owners(lines: Sequence[str], tree: ast.Module) -> dict[int, int]:
    """First line of the definition that each directive in place belongs to, by line; both from 0."""
    return {
        directive.line: first_line(placed.node)
        for placed in definitions(tree).values()
        for directive in directives_of(lines, placed)
    }


def _homeless(tree: ast.Module, line: int) -> str:
    rule = "a directive belongs right above a class or function at the top of the file, without a blank line"
    for node in tree.body:
        if node.lineno - 1 <= line < (node.end_lineno or node.lineno):
            name = getattr(node, "name", None)
            return (
                f"stands inside {f'`{name}`' if name else 'another statement'}, where it says nothing; {rule}"
            )
    return f"stands above nothing; {rule}"


def _is_in_string(tree: ast.Module, line: int) -> bool:
    """Whether a line, from 0, is inside of a string or ends one."""
    around = (node for node in tree.body if node.lineno <= line < (node.end_lineno or 0))
    return any(
        isinstance(node, ast.Constant | ast.JoinedStr) and node.lineno <= line < (node.end_lineno or 0)
        for statement in around
        for node in ast.walk(statement)
    )


# -- in an editor -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Completion:
    """One thing to write into a directive.

    Attributes:
        start: Column from which the line is replaced, in characters.
        end: Column behind what is replaced.
        text: What is written.
        detail: A few words about it.
        doc: Markdown.
        goes_on: Whether something is to be completed behind it.
    """

    start: int
    end: int
    text: str
    detail: str
    doc: str
    goes_on: bool = False


def directive_completions(
    line: str, position: int, shapes: Sequence[tuple[Shape, str]] = ()
) -> list[Completion]:
    """What can be written at a place of a line.

    Args:
        line: The line, to its end.
        position: Column of the cursor, in characters.
        shapes: Shapes to offer for `example-shape`, each with why: best first.
    """
    start = re.fullmatch(r"[ \t\f]*#\s*(t\w*)?", line[:position])
    if start is not None and "torchlean".startswith(start[1] or "t") and not line[position:].strip():
        word = start.start(1) if start[1] else position
        text = "torchlean: " if line[:word].endswith((" ", "\t")) else " torchlean: "
        return [Completion(word, position, text, "directive", "What capture should know of the class.", True)]
    directive = read_directive(line, 0)
    if directive is None or position < line.index("torchlean:") + len("torchlean:"):
        return []
    if directive.value is None or position < directive.value_start:
        end = max(directive.key_start + len(directive.key), position)
        return _key_completions(line, min(directive.key_start, position), end, directive.value is None)
    key = KEYS.get(directive.key)
    if key is None:
        return []
    offered = [(value, key.name) for value in key.values]
    if key.option == "example_shape":
        offered = [(",".join(map(str, shape)), why) for shape, why in shapes] or [(key.form, "for example")]
    return [
        Completion(directive.value_start, max(directive.end, position), value, detail, key.doc)
        for value, detail in offered
    ]


def _key_completions(line: str, start: int, end: int, needs_equals: bool) -> list[Completion]:
    space = "" if line[start - 1 : start].isspace() else " "
    return [
        Completion(
            start, end, f"{space}{key.name}{'=' if needs_equals else ''}", key.form, key.doc, needs_equals
        )
        for key in KEYS.values()
    ]


def directive_hover(line: str, position: int) -> tuple[int, int, str] | None:
    """What is at a place of a directive: from column, to column, Markdown; None where there is none."""
    directive = read_directive(line, 0)
    if directive is None or not directive.start <= position <= directive.end:
        return None
    key = KEYS.get(directive.key)
    if key is None:
        text = "A directive says what capture should know of the class below:\n\n"
        return directive.start, directive.end, text + "\n".join(_described(key) for key in KEYS.values())
    return directive.start, directive.end, _described(key)


def _described(key: Key) -> str:
    several = " Can stand several times." if key.repeatable else ""
    return f"`# torchlean: {key.name}={key.form}`: {key.doc}{several}"
