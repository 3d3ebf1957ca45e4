"""Quick fixes: from a finding to edits of the text that mend it, and nothing else.

Every fix is made by a pass: a small function registered for the rule codes it mends, with its preconditions and
the reason why it is safe or not (`PASSES` lists them). A fix keeps all text outside its edits byte for byte, and
is offered only where the number of errors surely does not grow, or because more can be read then, which it says.
After a safe one its finding is gone, and no new error stands anywhere.

Passes by family: `text` (JSON itself), `ids` (numbering, order), `fields` (single fields and nodes: `ends`, `fields`,
`values`, `axes`, `arrays`, `payloads`, `inputs`), `shapes` (declared shapes, one or a whole branch), `edges`
(`parents`), `structure` (nodes that come or go: `broadcasts`, `products`, `unused`), `dialects` (what speaks another
one: converted only where somebody asks).

Parameters are kept apart from the artifact and are named by node id, and the random kinds count with it. So a fix
that gives such a node another id, or removes it, is never safe, and its title says how many it concerns.
"""

from torchlean_core.check.fixes import (
    arrays,
    axes,
    broadcasts,
    dialects,
    ends,
    fields,
    ids,
    inputs,
    parents,
    payloads,
    products,
    shapes,
    text,
    unused,
    values,
)
from torchlean_core.check.fixes.edit import Edit, apply_edits
from torchlean_core.check.fixes.model import PASSES, Family, Fix, Pass, fixes

__all__ = ["PASSES", "Edit", "Family", "Fix", "Pass", "apply_edits", "fixes"]

_FAMILIES = (
    text,
    ids,
    ends,
    parents,
    fields,
    values,
    axes,
    arrays,
    payloads,
    inputs,
    shapes,
    broadcasts,
    products,
    unused,
    dialects,
)  # importing them registers their passes
