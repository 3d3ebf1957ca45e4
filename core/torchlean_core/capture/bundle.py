"""The standalone capture script: the modules that capture runs, written as they are into one file.

Each module becomes a section of readable text; a short loader at the top of the script lets the sections import
one another. Nothing is generated twice: a new lowering is in the next script.
"""

from __future__ import annotations

import ast
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from torchlean_core import __version__
from torchlean_core.errors import UsageError
from torchlean_core.options.capture import DEFAULTS, Options

FUNCTION_NAME = "export_torchlean_graph_json"
FILE_NAME = "export_torchlean_graph.py"
PACKAGE = "torchlean_adapter"
"""Name of the package that the sections form, so that an installed torchlean_core stays apart from them."""
MARK = "# Written by `torchlean adapter`"

_ROOT = "torchlean_core"
_ENTRY = f"{_ROOT}.capture.standalone"
_NEEDED = "torch"
_WHERE_THERE = {f"{_ROOT}.text.numbers": "numpy", f"{_ROOT}.text.quick_json": "msgspec"}
"""Modules that import a package only where it is there, or in a function that the script does not call."""
_FOLDER = Path(__file__).parents[2]
_TEMPLATE = Path(__file__).with_name("adapter_template.py.txt")


def adapter_source(
    script: str = FILE_NAME, function_name: str = FUNCTION_NAME, options: Options = DEFAULTS
) -> str:
    """Text of the script.

    Args:
        script: Its file name, for its own documentation.
        function_name: Name of the function that programs import from it.
        options: Its defaults.

    Raises:
        UsageError: The name is no name of Python.
    """
    if not function_name.isidentifier() or keyword.iskeyword(function_name):
        raise UsageError(f"--function-name {function_name}: expected a name of a Python function")
    names = modules()
    changed = {
        name: getattr(options, name)
        for name in Options.__dataclass_fields__
        if getattr(options, name) != getattr(DEFAULTS, name)
    }
    values = {
        "MARK": f"{MARK} (torchlean-ls {__version__})",
        "PACKAGE": PACKAGE,
        "FUNCTION": function_name,
        "OPTIONS": repr(changed),
        "SCRIPT": script.removesuffix(".py"),
        "SECTIONS": "\n\n".join(_section(name) for name in names),
    }
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], _TEMPLATE.read_text(encoding="utf-8"))


def modules() -> list[str]:
    """Names of the modules that go into the script, each after those it imports.

    Raises:
        RuntimeError: One of them needs something that is neither torch nor of the standard library.
    """
    found: dict[str, None] = {}
    pending: set[str] = set()

    def visit(name: str) -> None:
        if name in found or name in pending:
            return
        pending.add(name)
        for imported in _imports(name):
            top = imported.split(".")[0]
            if top == _ROOT:
                visit(imported)
            elif top not in sys.stdlib_module_names and top not in (_NEEDED, _WHERE_THERE.get(name)):
                raise RuntimeError(f"{name} imports {imported}, which the standalone script must not need")
        found[name] = None

    visit(_ENTRY)
    return list(found)


def module_text(name: str) -> str:
    """The text of a module as it stands in the script: its source, with the package's other name."""
    return _source(name).replace(_ROOT, PACKAGE)


def _section(name: str) -> str:
    text = module_text(name)
    quote = "'''"
    if quote in text or not text.endswith("\n"):
        raise RuntimeError(f"{name}: its text does not fit into a raw string")
    path = _path(name).relative_to(_FOLDER).as_posix().replace(_ROOT, PACKAGE)
    rule = "# " + "=" * 100
    return f'{rule}\n# {path}\n{rule}\n_section("{path}", r{quote}\n{text}{quote})'


def _imports(name: str) -> Iterator[str]:
    """Modules that a module imports anywhere but for type checkers."""
    pending: list[ast.AST] = [ast.parse(_source(name))]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            pending += node.orelse
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None, f"{name}: a relative import"
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            own = [sub for sub in submodules if node.module.startswith(_ROOT) and _exists(sub)]
            yield from own
            if len(own) < len(submodules):
                yield node.module
        pending += ast.iter_child_nodes(node)


def _exists(name: str) -> bool:
    return _path(name).is_file()


def _path(name: str) -> Path:
    """The file of a module, which is not imported for that: it may need torch."""
    path = _FOLDER.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _source(name: str) -> str:
    return _path(name).read_text(encoding="utf-8")
