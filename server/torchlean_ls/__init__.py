"""The language server of TorchLean LS: features ask the core, and convert.

Nothing here imports torch; what needs it runs in worker processes (`torchlean_core.jobs`).
"""

PROTOCOL_VERSION = "3.17"
"""The version of the Language Server Protocol that is spoken."""
