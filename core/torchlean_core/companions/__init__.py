"""The files that belong to an artifact, judged: parameters (TL501-504), generated module (TL511, TL512), model (TL521).

Everything here is plain Python: neither torch nor numpy is imported, and of a parameter file only the header is
read, unless values are asked for. So `torchlean check` and the language server can ask at any time.
"""

from torchlean_core.companions.artifact import artifact_findings
from torchlean_core.companions.model import (
    Known,
    Model,
    State,
    artifacts_of_model,
    capture_arguments,
    model_findings,
    model_of,
    model_state,
)
from torchlean_core.companions.module import module_findings
from torchlean_core.companions.remedies import Remedy, remedies

__all__ = [
    "Known",
    "Model",
    "Remedy",
    "State",
    "artifact_findings",
    "artifacts_of_model",
    "capture_arguments",
    "model_findings",
    "model_of",
    "model_state",
    "module_findings",
    "remedies",
]
