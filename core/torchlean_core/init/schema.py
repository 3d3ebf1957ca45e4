"""The JSON Schema of plan files, built from the schemes: what an editor can check and complete.

`python -m torchlean_core.init.schema FOLDER` writes it; `schema/` holds the checked-in copy.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from torchlean_core.files import write_text
from torchlean_core.init.arguments import ARGUMENTS, NUMBER
from torchlean_core.init.schemes import SCHEMES

FILE_NAME = "torchlean.plan.schema.json"

_DOCS = {
    "zeros": "Every element 0.",
    "ones": "Every element 1.",
    "uniform": "Uniform between lo and hi.",
    "xavier_uniform": "Uniform between -L and L, L = sqrt(6 / (fan_in + fan_out)).",
    "kaiming_uniform": "Uniform between -L and L, L = sqrt(6 / fan_in).",
    "normal": "Normal with mean and standard deviation.",
    "flat": "Exactly these values.",
}


def plan_schema() -> dict[str, Any]:
    """The schema, draft 2020-12; that there is one initializer for each parameter is beyond it."""
    plan = {
        "type": "array",
        "items": {"$ref": "#/$defs/initializer"},
        "description": "One initializer for each parameter, in the order of the artifact's nodes.",
    }
    wrapped = {
        "type": "object",
        "required": ["plan"],
        "additionalProperties": False,
        "properties": {"$schema": {"type": "string"}, "plan": plan},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://torchlean-ls.readthedocs.io/schema/{FILE_NAME}",
        "title": "Initialization plan",
        "description": "What `torchlean init --plan` reads.",
        "anyOf": [wrapped, plan],
        "$defs": {
            "payload": {
                "type": "array",
                "items": {"anyOf": [NUMBER, {"$ref": "#/$defs/payload"}]},
            },
            "initializer": {
                "anyOf": [
                    {"enum": [name for name in SCHEMES if name != "flat"]},
                    {"oneOf": [_scheme(name) for name in SCHEMES]},
                ]
            },
        },
    }


def _scheme(name: str) -> dict[str, Any]:
    arguments = {key: {**ARGUMENTS[key].schema, "description": ARGUMENTS[key].doc} for key in SCHEMES[name]}
    return {
        "type": "object",
        "description": _DOCS[name],
        "required": ["scheme", *(["values"] if name == "flat" else [])],
        "additionalProperties": False,
        "properties": {"scheme": {"const": name}, **arguments},
    }


def schema_text() -> str:
    """The schema file's text."""
    return json.dumps(plan_schema(), indent=2) + "\n"


if __name__ == "__main__":
    write_text(Path(sys.argv[1]) / FILE_NAME, schema_text())
