"""`python -m torchlean_core.train ARTIFACT …`: what `torchrun -m torchlean_core.train …` starts in each process."""

from __future__ import annotations

import sys

from torchlean_core.cli.main import main
from torchlean_core.train.distributed import leave

if __name__ == "__main__":
    leave(main(["train", *sys.argv[1:]]))
