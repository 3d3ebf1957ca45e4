"""Names of the files that belong to an artifact (semantics section 2)."""

from __future__ import annotations

from pathlib import Path

ARTIFACT_SUFFIXES = (".ir.json", ".torchlean.json")
"""File names that say "this JSON file is an artifact"."""


def is_artifact_name(name: str) -> bool:
    """Whether a file's name alone makes it an artifact."""
    return name.endswith(ARTIFACT_SUFFIXES)


def stem(path: Path) -> str:
    """`m` of `m.ir.json`, `m.torchlean.json` and `m.json`."""
    for suffix in (*ARTIFACT_SUFFIXES, ".json"):
        if path.name.endswith(suffix) and path.name != suffix:
            return path.name.removesuffix(suffix)
    return path.stem


def params_path(artifact: Path) -> Path:
    """`m.params.safetensors` beside the artifact."""
    return artifact.with_name(f"{stem(artifact)}.params.safetensors")


def generated_module_path(artifact: Path) -> Path:
    """`m.py` beside the artifact."""
    return artifact.with_name(f"{stem(artifact)}.py")


def trained_params_path(artifact: Path) -> Path:
    """`m.trained.safetensors` beside the artifact."""
    return artifact.with_name(f"{stem(artifact)}.trained.safetensors")
