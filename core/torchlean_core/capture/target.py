"""What to capture: `FILE.py:Name` and its example shape, found without running the file (no torch here)."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from torchlean_core.basics.reading import MOST_SOURCE, read_regular
from torchlean_core.capture.errors import CaptureError, CaptureFinding, Span
from torchlean_core.errors import UsageError

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """A class or function in a file, or a file that is one program of `torch.export`.

    Attributes:
        file: The model file, as given.
        name: Name in the file of a module class, or of a function without arguments that returns a module; empty
            for a program.
    """

    file: Path
    name: str

    @property
    def is_program(self) -> bool:
        """Whether it is a program of `torch.export`."""
        return not self.name

    @property
    def words(self) -> str:
        """What a message calls it."""
        return self.name or self.file.name

    @property
    def shown(self) -> str:
        """As one writes it: `model.py:Name`, or `model.pt2`."""
        return f"{self.file}:{self.name}" if self.name else str(self.file)


def source_words(file: Path, name: str) -> str:
    """How a parameter file names the model that its values were taken from: `model.py:Name`, `model.pt2`."""
    return f"{file.name}:{name}" if name else file.name


def parse_target(text: str) -> Target:
    """Read `FILE.py:Name`.

    Raises:
        UsageError: The text has another form, or there is no such file.
    """
    file, separator, name = text.rpartition(":")
    if not separator or not file or not name.isidentifier():
        raise UsageError(f"{text}: expected FILE.py:Name, such as model.py:TinyMLP")
    path = Path(file)
    if not path.is_file():
        raise UsageError(f"{file}: " + ("is a folder" if path.is_dir() else "no such file"))
    return Target(path, name)


def parse_shape(text: str) -> Shape:
    """Read an example shape: `1,4`, also `[1, 4]` or `(1, 4)`.

    Raises:
        UsageError: The text is not a list of positive numbers.
    """
    parts = [part.strip() for part in text.strip().strip("[]()").rstrip(",").split(",")]
    if not all(re.fullmatch(r"[0-9]{1,9}", part) and int(part) > 0 for part in parts):
        raise UsageError(f"example shape {text!r}: expected positive sizes such as 1,4")
    return tuple(map(int, parts))


def shape_unknown(target: Target, *, is_there: bool = True) -> UsageError:
    """The error where nothing gives the example shape; `is_there` says whether the file has the model's name at all."""
    write = f"write `# torchlean: example-shape=1,4` in the line above `class {target.name}`"
    error = UsageError(
        f"TL604 no example shape known for {target.name}: give --example-shape 1,4, or {write}"
    )
    plain = f"no example shape known for {target.name}: {write}" if is_there else None
    error.data = {"plain": plain or f"{target.file.name} has no `{target.name}`"}
    return error


def read_source(file: Path) -> str:
    """The text of a Python file, in the encoding it declares.

    Raises:
        UsageError: It cannot be read.
        CaptureError: Its encoding is wrong.
    """
    return decode_source(file, read_content(file))


def read_content(file: Path) -> bytes:
    """The bytes of a Python file.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return read_regular(file, MOST_SOURCE)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error


def split_lines(text: str) -> list[str]:
    """The lines of a text without their ends, counted as Python and LSP count them."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


def decode_source(file: Path, content: bytes) -> str:
    """The text of a Python file with these bytes, in the encoding it declares.

    Raises:
        CaptureError: Its encoding is wrong.
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return io.TextIOWrapper(io.BytesIO(content), encoding).read()
    except (SyntaxError, UnicodeDecodeError) as error:
        raise CaptureError.at(str(file), "TL602", f"cannot be decoded: {error}") from error


def syntax_error(file: Path, error: SyntaxError) -> CaptureError:
    """The message for a file that is not Python."""
    return CaptureError.of(
        str(file),
        CaptureFinding(
            "TL602", f"{type(error).__name__}: {error.msg}", error.lineno, span=span_of_syntax_error(error)
        ),
    )


def span_of_syntax_error(error: SyntaxError) -> Span | None:
    """Where Python says that its syntax is wrong; None where it does not."""
    line, column = error.lineno, error.offset
    if line is None or not column:
        return None
    end_line, end = error.end_lineno or line, error.end_offset or 0
    if (end_line, end) <= (line, column):
        end_line, end = line, column + 1
    return Span(line, column - 1, end_line, end - 1)


def parsed(source: str, file: Path) -> ast.Module:
    """The syntax tree of a model file.

    Raises:
        CaptureError: The source is not Python.
    """
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError) as error:
        if "\0" in source:  # which error that is depends on the version, and none has a line
            line = source.partition("\0")[0].count("\n") + 1
            message = "not Python: there is a null byte in it; Python source cannot contain null bytes"
            raise CaptureError.at(str(file), "TL602", message, line) from error
        if isinstance(error, SyntaxError):
            raise syntax_error(file, error) from error
        raise CaptureError.at(str(file), "TL602", f"not Python: {error}") from error


def definition_line(source: str, target: Target, *, decorators: bool = True) -> int | None:
    """First line of a module-level definition of the target's name, or None where there is none.

    Raises:
        CaptureError: The source is not Python.
    """
    tree = parsed(source, target.file)
    for node in reversed(tree.body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == target.name:
            starts = [node.lineno, *(item.lineno for item in node.decorator_list if decorators)]
            return min(starts)
    return None
