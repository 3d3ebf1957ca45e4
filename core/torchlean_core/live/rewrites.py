"""Python source in another form that captures: exact where nothing else is said."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator

from torchlean_core.capture.errors import Span
from torchlean_core.capture.pyfile import chain, column, parse
from torchlean_core.capture.target import split_lines
from torchlean_core.live.fixes import Rewrite

_HALF_ROOT = 1 / math.sqrt(2)
_CLOSE = 1e-6  # constants are often written with seven digits
_TRANSFORMERS = frozenset({"Transformer", "TransformerEncoderLayer", "TransformerDecoderLayer"})
_COMPARISONS = frozenset({"aten.gt.Scalar", "aten.ge.Scalar", "aten.lt.Scalar", "aten.le.Scalar"})


def rewrites(text: str, operator: str, span: Span) -> list[Rewrite]:
    """Edits that put another expression in the place of one that has no exact form.

    Args:
        text: The file.
        operator: What was refused (`aten.erf.default`).
        span: Where it stands.

    Returns:
        The edits; none where nothing is known to be equal, or the text does not parse.
    """
    tree = parse(text)
    if tree is None:
        return []
    source = _Source(text, tree)
    if operator == "aten.gelu.default":
        return source.transformers()
    wanted = (
        [source.gelu]
        if operator == "aten.erf.default"
        else [source.selection, source.masked]
        if operator in _COMPARISONS
        else [source.magnitude]
        if operator == "aten.sign.default"
        else []
    )
    for node in source.around(span):
        for rewrite in wanted:
            found = rewrite(node)
            if found is not None:
                return [Rewrite(found[0], (source.replaced(node, found[1]),))]
    return []


_Found = tuple[str, str] | None
_Rewriting = Callable[[ast.expr], _Found]


class _Source:
    """A file, and the ways in which its expressions can be written."""

    def __init__(self, text: str, tree: ast.Module) -> None:
        self._tree = tree
        self._lines = split_lines(text.removeprefix("\ufeff"))
        self._functional = _functional(tree)

    def around(self, span: Span) -> Iterator[ast.expr]:
        """The expressions on one line that a place is in, the innermost first."""
        start, end = (span.line, span.column), (span.end_line, span.end_column)
        found = []
        for node in ast.walk(self._tree):
            if isinstance(node, ast.expr) and node.lineno == node.end_lineno == span.line:
                first, last = self._columns(node)
                if (node.lineno, first) <= start and end <= (node.lineno, last):
                    found.append((last - first, node))
        yield from (node for _, node in sorted(found, key=lambda one: one[0]))

    def _columns(self, node: ast.expr) -> tuple[int, int]:
        line = self._lines[node.lineno - 1]
        return column(line, node.col_offset), column(line, node.end_col_offset or 0)

    def replaced(self, node: ast.expr, text: str) -> tuple[int, int, int, str]:
        """The edit that puts a text in the place of an expression on one line."""
        return (node.lineno, *self._columns(node), text)

    # -- GELU -----------------------------------------------------------------------------------------------

    def gelu(self, node: ast.expr) -> _Found:
        """`0.5 * x * (1 + torch.erf(x / math.sqrt(2)))`, however its factors stand, by its tanh form."""
        if self._functional is None or not isinstance(node, ast.BinOp):
            return None
        number, factors = _product(node)
        if abs(number - 0.5) > _CLOSE or len(factors) != 2:
            return None
        for x, sum_ in (factors, factors[::-1]):
            if not _is_plain(x) or not isinstance(sum_, ast.BinOp) or not isinstance(sum_.op, ast.Add):
                continue
            for one, erf in ((sum_.left, sum_.right), (sum_.right, sum_.left)):
                if _number(one) == 1 and (inner := _argument(erf, "erf")) is not None:
                    scale, inside = _product(inner)
                    if abs(scale - _HALF_ROOT) <= _CLOSE and len(inside) == 1 and _same(inside[0], x):
                        text = f'{self._functional}.gelu({ast.unparse(x)}, approximate="tanh")'
                        return f"Write `{text}` (changes numbers)", text
        return None

    def transformers(self) -> list[Rewrite]:
        """`activation="gelu"` of transformer layers.

        A `nn.GELU(approximate="tanh")` there is taken for the exact form by PyTorch's own fast path in evaluation mode;
        a partial function is not.
        """
        if self._functional is None:
            return []
        text = f'functools.partial({self._functional}.gelu, approximate="tanh")'
        edits = [
            self.replaced(keyword.value, text)
            for node in ast.walk(self._tree)
            if isinstance(node, ast.Call) and _last(node.func) in _TRANSFORMERS
            for keyword in node.keywords
            if keyword.arg == "activation" and self._is_exact(keyword.value)
        ]
        if not edits:
            return []
        if not any(isinstance(node, ast.Import) and _imports(node, "functools") for node in self._tree.body):
            line = next(
                (
                    node.lineno
                    for node in self._tree.body
                    if isinstance(node, ast.Import | ast.ImportFrom)
                    and getattr(node, "module", None) != "__future__"
                ),
                None,
            )
            if line is None:
                return []
            edits.append((line, 0, 0, "import functools\n"))
        title = 'Give the transformer\'s GELU `approximate="tanh"` (changes numbers)'
        return [Rewrite(title, tuple(edits))]

    def _is_exact(self, value: ast.expr) -> bool:
        if value.lineno != value.end_lineno:
            return False
        if isinstance(value, ast.Constant):
            return value.value == "gelu"
        return chain(value) is not None and _last(value) == "gelu"

    # -- steps that are none --------------------------------------------------------------------------------

    def selection(self, node: ast.expr) -> _Found:
        """`torch.where(x > c, x, …)` that is continuous, by what it is."""
        if self._functional is None or not isinstance(node, ast.Call) or _last(node.func) != "where":
            return None
        names = chain(node.func)
        if names is None or names[0] != "torch" or len(node.args) != 3 or node.keywords:
            return None
        compared = _compared(node.args[0])
        if compared is None:
            return None
        x, above, bound = compared
        high, low = node.args[1:] if above else node.args[:0:-1]
        if not _same(high, x):  # the value where x is the greater one
            if _same(low, x) and _is_number(high, bound):
                return self._clamped(x, "max", bound)
            return None
        if bound == 0 and _is_zero(low, x):
            return self._relu(x)
        if _is_number(low, bound):
            return self._clamped(x, "min", bound)
        if bound == 0:
            slope, factors = _product(low)
            if len(factors) == 1 and _same(factors[0], x) and math.isfinite(slope):
                text = f"{self._functional}.leaky_relu({ast.unparse(x)}, {slope!r})"
                return f"Write `{text}` (the same)", text
        return None

    def masked(self, node: ast.expr) -> _Found:
        """`x * (x > 0)`."""
        if self._functional is None or not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
            return None
        for x, mask in ((node.left, node.right), (node.right, node.left)):
            inner = mask.func.value if _is_float_of(mask) else mask  # type: ignore[attr-defined]
            compared = _compared(inner)
            if compared is not None and compared[1] and compared[2] == 0 and _same(compared[0], x):
                return self._relu(x)
        return None

    def magnitude(self, node: ast.expr) -> _Found:
        """`x * torch.sign(x)`."""
        if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult):
            return None
        for x, sign in ((node.left, node.right), (node.right, node.left)):
            inner = _argument(sign, "sign")
            if inner is not None and _is_plain(x) and _same(inner, x):
                text = f"{ast.unparse(x)}.abs()"
                return f"Write `{text}` (the same)", text
        return None

    def _relu(self, x: ast.expr) -> _Found:
        text = f"{self._functional}.relu({ast.unparse(x)})"
        return f"Write `{text}` (the same)", text

    def _clamped(self, x: ast.expr, side: str, bound: float) -> _Found:
        text = f"{ast.unparse(x)}.clamp({side}={bound!r})"
        return f"Write `{text}` (the same)", text


# -- parts of expressions -----------------------------------------------------------------------------------------


def _functional(tree: ast.Module) -> str | None:
    """How a file can name `torch.nn.functional`; None where it imports nothing of it."""
    found = None
    for node in tree.body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "torch.nn.functional" and alias.asname:
                    return alias.asname
                if alias.name == "torch.nn" and alias.asname:
                    found = f"{alias.asname}.functional"
                elif alias.name == "torch" or (alias.name.startswith("torch.") and not alias.asname):
                    found = f"{alias.asname or 'torch'}.nn.functional"
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (node.module, alias.name) == ("torch.nn", "functional"):
                    return alias.asname or alias.name
                if (node.module, alias.name) == ("torch", "nn"):
                    found = found or f"{alias.asname or alias.name}.functional"
    return found


def _imports(node: ast.Import, name: str) -> bool:
    return any(alias.name == name and alias.asname is None for alias in node.names)


def _last(node: ast.expr) -> str | None:
    return getattr(node, "attr", None) or getattr(node, "id", None)


def _is_plain(node: ast.expr) -> bool:
    """Whether evaluating it twice, or once less, makes no difference: a name, or an attribute of one."""
    return chain(node) is not None


def _same(one: ast.expr, other: ast.expr) -> bool:
    return _is_plain(one) and chain(one) == chain(other)


def _argument(node: ast.expr, name: str) -> ast.expr | None:
    """What a function of `torch`, or the method of that name, is applied to."""
    if not isinstance(node, ast.Call) or node.keywords or _last(node.func) != name:
        return None
    if not isinstance(node.func, ast.Attribute):
        return None
    of = chain(node.func.value)
    if of is not None and of[0] == "torch":
        return node.args[0] if len(node.args) == 1 else None
    return node.func.value if not node.args else None


def _product(node: ast.expr) -> tuple[float, list[ast.expr]]:
    """A product's number, and its other factors."""
    number = _number(node)
    if number is not None:
        return number, []
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        scale, factors = _product(node.operand)
        return -scale, factors
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        (left, ones), (right, others) = _product(node.left), _product(node.right)
        return left * right, ones + others
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        divisor = _number(node.right)
        if divisor:
            scale, factors = _product(node.left)
            return scale / divisor, factors
    return 1.0, [node]


def _number(node: ast.expr) -> float | None:
    """The value of a number, and of arithmetic and square roots of such; None for anything else."""
    if isinstance(node, ast.Constant):
        return (
            float(node.value)
            if isinstance(node.value, int | float) and not isinstance(node.value, bool)
            else None
        )
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _number(node.operand)
        return None if inner is None else -inner
    if isinstance(node, ast.Call) and chain(node.func) in _ROOTS and len(node.args) == 1:
        inner = _number(node.args[0])
        return None if inner is None or inner < 0 or node.keywords else math.sqrt(inner)
    if not isinstance(node, ast.BinOp) or type(node.op) not in _ARITHMETIC:
        return None
    left, right = _number(node.left), _number(node.right)
    if left is None or right is None:
        return None
    try:
        value = _ARITHMETIC[type(node.op)](left, right)
    except (ArithmeticError, ValueError):
        return None
    return value if isinstance(value, float) and math.isfinite(value) else None


_ROOTS = (("math", "sqrt"), ("np", "sqrt"), ("numpy", "sqrt"))
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: lambda a, b: a**b,
}


def _compared(node: ast.expr) -> tuple[ast.expr, bool, float] | None:
    """`x > c`: x, whether it is true where x is the greater one, and c; with or without the equal."""
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return None
    above = isinstance(node.ops[0], ast.Gt | ast.GtE)
    if not above and not isinstance(node.ops[0], ast.Lt | ast.LtE):
        return None
    x, bound = node.left, _number(node.comparators[0])
    if bound is None:
        x, bound, above = node.comparators[0], _number(node.left), not above
    return None if bound is None or not _is_plain(x) else (x, above, bound)


def _is_number(node: ast.expr, value: float) -> bool:
    return _number(node) == value


def _is_zero(node: ast.expr, x: ast.expr) -> bool:
    """`0`, or `torch.zeros_like(x)`."""
    if _is_number(node, 0):
        return True
    inner = _argument(node, "zeros_like")
    return inner is not None and _same(inner, x)


def _is_float_of(node: ast.expr) -> bool:
    """`(…).float()`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "float"
        and not node.args
        and not node.keywords
    )
