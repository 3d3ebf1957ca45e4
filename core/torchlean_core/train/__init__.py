"""Training the parameters of an artifact (semantics section 5)."""

from torchlean_core.train.declared import Input
from torchlean_core.train.definition import ScalarModuleDef
from torchlean_core.train.losses import Objective
from torchlean_core.train.module import ScalarModule
from torchlean_core.train.optim import Optimizer, OptimState
from torchlean_core.train.options import TrainRequest

__all__ = ["Input", "Objective", "OptimState", "Optimizer", "ScalarModule", "ScalarModuleDef", "TrainRequest"]
