"""Training the parameters of an artifact (semantics section 5)."""

from torchlean_core.train.module import ScalarModule
from torchlean_core.train.options import TrainRequest

__all__ = ["ScalarModule", "TrainRequest"]
