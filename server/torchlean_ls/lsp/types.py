"""The objects of the protocol and the params of its methods, under one name."""

from torchlean_ls.lsp.objects import *  # noqa: F403
from torchlean_ls.lsp.params import *  # noqa: F403
