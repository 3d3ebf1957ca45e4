"""Another id for a node, wherever it is named."""

from __future__ import annotations

import re

from torchlean_core.check.fixes.edit import Edit
from torchlean_core.check.places import place
from torchlean_core.errors import UserError
from torchlean_core.kinds.numbers import show
from torchlean_core.navigate.links import Links

_ID = re.compile(r"0|[1-9][0-9]{0,17}")


class RenameRefused(UserError):
    """A node cannot have this id; the message says why."""


def rename_edits(links: Links, old: int, text: str) -> list[Edit]:
    """The edits that give a node another id in its own `id`, its users' parents and the ends of the root.

    Args:
        links: The graph.
        old: The present id.
        text: The new id as a person typed it.

    Raises:
        RenameRefused: It is no id, belongs to another node, would stand before an operand or behind a user,
            or the text cannot be read so well that every place is known.
    """
    report = links.report
    text = text.strip()
    if not _ID.fullmatch(text):
        raise RenameRefused(f"a node id is a natural number such as 7, found {text[:40]!r}")
    new = int(text)
    if any(trouble.code != "TL003" for trouble in report.document.troubles):
        raise RenameRefused("the text is not valid JSON; mend that first, so that no place is missed")
    declared = links.declarations(old)
    if not declared:
        raise RenameRefused(f"no node has the id {show(old)}")
    if len(declared) > 1:
        raise RenameRefused(f"{len(declared)} nodes have the id {show(old)}; which one is meant is unclear")
    if new == old:
        return []
    taken = links.record(new)
    if taken is not None:
        raise RenameRefused(f"the id {show(new)} belongs to another node (`{taken.kind or '?'}`)")
    node = links.record(old)
    assert node is not None, "a declared id means a node"
    for parent in node.parents or ():
        if parent is not None and parent >= new:
            raise RenameRefused(
                f"parents have smaller ids: {show(new)} is not greater than parent {show(parent)}"
            )
    for index, _ in links.users_of(old):
        user = report.records[index]
        if user is not None and user.ref <= new:
            raise RenameRefused(f"node {show(user.ref)} uses this node, so its id must be smaller than that")
    if links.users_of(new) or any(value == new for _, value in links.ends()):
        raise RenameRefused(f"{show(new)} is named already, though no node has it: its users would change")
    return [Edit(*place(report.document, use.index, use.path), text) for use in (*declared, *links.uses(old))]
