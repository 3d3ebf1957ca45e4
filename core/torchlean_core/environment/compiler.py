"""What `torch.compile` needs beside torch: a C++ compiler and Python's headers."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path


def compiler_names() -> list[str]:
    """The commands that are looked for: `$CXX` where it is set, else the usual ones."""
    asked = os.environ.get("CXX")
    return [asked] if asked else ["cl"] if sys.platform == "win32" else ["g++", "clang++"]


def find_compiler() -> str | None:
    """Path of the C++ compiler, if there is one."""
    return next((path for name in compiler_names() if (path := shutil.which(name))), None)


def python_header() -> Path:
    """Where `Python.h` is expected."""
    return Path(sysconfig.get_path("include")) / "Python.h"


def missing_for_compiling() -> str | None:
    """What is missing, and how to get it, in words; None where nothing is."""
    if find_compiler() is None:
        names = " or ".join(compiler_names())
        return f"a C++ compiler ({names}); install one (Debian: apt install g++)"
    if not python_header().is_file():
        return f"Python's headers ({python_header()}); install them (Debian: apt install python3-dev)"
    return None
