"""Imports point one way: no circles, neither at import nor where types or functions import later."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "torchlean_core": ROOT / "core" / "torchlean_core",
    "torchlean_ls": ROOT / "server" / "torchlean_ls",
}

# A selection is moved while a graph is built, which the builder asks for: they know each other's types.
KNOWN = [{"torchlean_core.capture.builder", "torchlean_core.capture.early", "torchlean_core.capture.ranges"}]
STARTS_THE_SERVER = {
    "torchlean_core.cli.server_command",
    "torchlean_core.cli.versions",
    "torchlean_core.cli.pages",
}


def modules() -> dict[str, Path]:
    found = {}
    for folder in PACKAGES.values():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder.parent).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(node: ast.AST, later: bool) -> Iterator[str]:
    """What a file imports; with `later` also for types alone, and in functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (one.name for one in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module is not None:
            for one in child.names:
                full = f"{child.module}.{one.name}"
                yield full if full in MODULES else child.module
        elif not later and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        elif not later and isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from imports(ast.Module(child.orelse, []), later)
        else:
            yield from imports(child, later)


def graph(later: bool) -> dict[str, set[str]]:
    return {
        name: {one for one in imports(ast.parse(path.read_text("utf-8")), later) if one in MODULES} - {name}
        for name, path in MODULES.items()
    }


def circles(edges: dict[str, set[str]]) -> list[set[str]]:
    """Sets of modules each of which imports itself by way of the others (Tarjan)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in edges[name]:
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            part: set[str] = set()
            while name not in part:
                part.add(stack.pop())
            if len(part) > 1:
                found.append(part)

    for name in edges:
        if name not in order:
            visit(name)
    return found


def test_no_module_imports_itself_by_way_of_others():
    assert circles(graph(later=False)) == []


def test_no_room_imports_itself_by_way_of_others():
    """Packages below the top, and modules that stand there alone; entry points (`__main__`) start what they like."""
    rooms: dict[str, set[str]] = {}
    for name, used in graph(later=False).items():
        if not name.endswith("__main__"):
            rooms.setdefault(room(name), set()).update(map(room, used))
    assert circles({name: used - {name} for name, used in rooms.items()}) == []


def room(name: str) -> str:
    return ".".join(name.split(".")[:2])


def test_types_and_functions_make_no_circles_in_the_core():
    found = [
        one for one in circles(graph(later=True)) if all(name.startswith("torchlean_core") for name in one)
    ]
    assert sorted(map(sorted, found)) == sorted(map(sorted, KNOWN))


def test_the_core_knows_nothing_of_the_server():
    """Commands that start it, or tell of it, look it up by its name."""
    users = {
        name
        for name, used in graph(later=True).items()
        if name.startswith("torchlean_core") and any(one.startswith("torchlean_ls") for one in used)
    }
    assert users == set()


def test_features_see_of_the_server_what_a_host_has():
    """Only what makes the server, or is a part of its own life, knows the class."""
    users = {
        name.removeprefix("torchlean_ls.")
        for name, used in graph(later=True).items()
        if "torchlean_ls.server" in used and name.startswith("torchlean_ls.")
    }
    assert users == {"command", "loading", "network", "protocol", "stdio", "told_settings"}


@pytest.mark.parametrize("later", [False, True])
def test_the_control(later):
    edges = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}
    assert circles(edges) == [{"a", "b", "c"}]
    source = ast.parse(
        "if TYPE_CHECKING:\n    import torchlean_core.kinds\ndef f():\n    import torchlean_core.text"
    )
    assert len(list(imports(source, later))) == (2 if later else 0)
