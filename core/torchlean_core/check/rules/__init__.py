"""The rules: what each code means, why it matters, an example, and how to fix what it finds.

The texts here are the only ones: `torchlean rules`, the pages in `docs/rules` and the editor's links read them.
"""

from torchlean_core.check.rules.attention import ATTENTION_RULES
from torchlean_core.check.rules.companions import COMPANION_RULES
from torchlean_core.check.rules.models import MODEL_RULES
from torchlean_core.check.rules.notes import NOTE_RULES
from torchlean_core.check.rules.properties import PROPERTY_RULES
from torchlean_core.check.rules.reading import READING_RULES
from torchlean_core.check.rules.rule import DOCS, Example, Rule
from torchlean_core.check.rules.shapes import SHAPE_RULES
from torchlean_core.check.rules.structure import STRUCTURE_RULES

RULES: dict[str, Rule] = {
    rule.code: rule
    for rule in (
        *READING_RULES,
        *STRUCTURE_RULES,
        *SHAPE_RULES,
        *ATTENTION_RULES,
        *NOTE_RULES,
        *COMPANION_RULES,
        *MODEL_RULES,
        *PROPERTY_RULES,
    )
}
"""Every rule by its code, in the order of the codes."""

__all__ = ["DOCS", "RULES", "Example", "Rule"]
