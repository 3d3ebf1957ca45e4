"""`python -m torchlean_core` is the `torchlean` command."""

import sys

from torchlean_core.cli.main import main

sys.exit(main())
