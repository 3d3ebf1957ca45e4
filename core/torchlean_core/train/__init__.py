"""Training the parameters of an artifact (semantics section 5)."""

from torchlean_core.train.definition import ScalarModuleDef
from torchlean_core.train.module import ScalarModule
from torchlean_core.train.optim import Optimizer, OptimState
from torchlean_core.train.options import TrainRequest

__all__ = ["OptimState", "Optimizer", "ScalarModule", "ScalarModuleDef", "TrainRequest"]
