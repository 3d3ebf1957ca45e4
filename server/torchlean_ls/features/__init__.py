"""The features, one module each. `torchlean_ls.loading` makes each of them once."""

FEATURES = {
    "Companions": "features.companions",
    "Live": "python.live",
    "Diagnostics": "features.diagnostics",
    "WorkspaceDiagnostics": "features.workspace_diagnostics",
    "Hover": "features.hover",
    "Completion": "features.completion",
    "Definition": "features.definition",
    "References": "features.references",
    "Rename": "features.rename",
    "InlayHints": "features.inlay_hints",
    "CodeLens": "features.code_lens",
    "Symbols": "features.symbols",
    "Folding": "features.folding",
    "SemanticTokens": "features.semantic_tokens",
    "DocumentLinks": "features.document_links",
    "Formatting": "features.formatting",
    "CallHierarchy": "features.call_hierarchy",
    "CodeActions": "features.code_actions",
    "Commands": "features.commands",
    "Renew": "python.renew",
    "Refreshing": "features.refreshing",
    "Workers": "workers",
}
"""The modules of all features, in the order in which their document hooks run."""

FIRST = ("Companions", "Diagnostics")
"""Those without which no diagnostics can be told of an artifact."""
