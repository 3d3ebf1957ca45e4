"""The command line, `torchlean`: one module per command, imported only when that command runs."""
