"""The features, one module each. Every one is registered once, and fails alone."""

from torchlean_ls.features.base import Feature
from torchlean_ls.features.call_hierarchy import CallHierarchy
from torchlean_ls.features.code_actions import CodeActions
from torchlean_ls.features.code_lens import CodeLens
from torchlean_ls.features.commands import Commands
from torchlean_ls.features.companions import Companions
from torchlean_ls.features.completion import Completion
from torchlean_ls.features.definition import Definition
from torchlean_ls.features.diagnostics import Diagnostics
from torchlean_ls.features.document_links import DocumentLinks
from torchlean_ls.features.folding import Folding
from torchlean_ls.features.formatting import Formatting
from torchlean_ls.features.hover import Hover
from torchlean_ls.features.inlay_hints import InlayHints
from torchlean_ls.features.references import References
from torchlean_ls.features.refreshing import Refreshing
from torchlean_ls.features.rename import Rename
from torchlean_ls.features.semantic_tokens import SemanticTokens
from torchlean_ls.features.symbols import Symbols
from torchlean_ls.features.workspace_diagnostics import WorkspaceDiagnostics
from torchlean_ls.python.live import Live
from torchlean_ls.python.renew import Renew

FEATURES: tuple[type[Feature], ...] = (
    Companions,
    Live,
    Diagnostics,
    WorkspaceDiagnostics,
    Hover,
    Completion,
    Definition,
    References,
    Rename,
    InlayHints,
    CodeLens,
    Symbols,
    Folding,
    SemanticTokens,
    DocumentLinks,
    Formatting,
    CallHierarchy,
    CodeActions,
    Commands,
    Renew,
    Refreshing,
)
"""All features, in the order in which their document hooks run."""

__all__ = ["FEATURES", "Commands", "Companions", "Feature"]
