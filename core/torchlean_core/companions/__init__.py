"""The files beside an artifact, judged: its parameters (TL501-504) and its generated module (TL511, TL512).

Everything here is plain Python: neither torch nor numpy is imported, and of a parameter file only the header is
read, unless values are asked for. So `torchlean check` and the language server can ask at any time.
"""

from torchlean_core.companions.artifact import artifact_findings
from torchlean_core.companions.module import module_findings
from torchlean_core.companions.remedies import Remedy, remedies

__all__ = ["Remedy", "artifact_findings", "module_findings", "remedies"]
