"""Where the operators of a program were written: the traces that torch keeps in its file (no torch here)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_FRAME = re.compile(
    r'^\s*File "([^"\n]{1,1000})", line ([0-9]{1,9}), in ([\w.]{1,200}|<\w{1,40}>)$', re.MULTILINE
)
_LIBRARIES = re.compile(r"(?:^|[/\\])(?:site-packages|dist-packages|lib[/\\]python3\.[0-9]+)[/\\]|^<")


def places_of(trace: Any) -> list[tuple[str, int, str]]:
    """The user's frames of a trace that torch has written, innermost last: name of the file, line, function.

    The file itself may be another machine's: it is known by its name, and not looked at.
    """
    if not isinstance(trace, str):
        return []
    found = _FRAME.findall(trace[:100_000])
    return [
        (re.sub(r"[<>\x00-\x1f]", "?", re.split(r"[/\\]", file)[-1]), int(line), function)
        for file, line, function in found
        if not _LIBRARIES.search(file) and int(line) > 0
    ]


_FUNCTION = re.compile(r"[\w.<>]{1,200};[\w.<>]{1,200}")


def metadata(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Of what is known of an operator, what messages and places are made of."""
    modules = value.get("nn_module_stack")
    if isinstance(modules, str):
        # Entries that torch could not take apart are left out, and with them the module's name in a message.
        entries = [
            one
            for one in modules.split(";")
            if one.count(",") == 2 and not re.search(r"[()\[\]\x00-\x1f]", one)
        ]
        if entries:
            yield "nn_module_stack", ";".join(entries)
    function = value.get("torch_fn")
    if isinstance(function, str) and _FUNCTION.fullmatch(function):
        yield "torch_fn", function
    trace = places_of(value.get("stack_trace"))
    if trace:
        yield "stack_trace", "\n".join(f'File "{file}", line {line}, in {name}' for file, line, name in trace)
